"""What the terminal says of a growing set."""

from dataclasses import replace

import numpy as np
import pytest

from budget.report.sentences.growth_sentences import (
    decline_sentence,
    growth_summary,
    strategies_summary,
    unchanged_shared_summary,
)
from budget.studies.growth.growth import grow
from budget.studies.growth.growth_by_strategy import grow_strategies
from budget.studies.growth.iso_performance import SharedIsoPerformance
from budget.tables.tasks import TaskSettings
from tests.studies.made_sets import BUDGET, different, identical, shared_models


def said(curves, *, target=None, **options):
    task_settings = {} if target is None else {"target": np.array(target)}
    return " ".join(growth_summary(grow(curves, TaskSettings(curves.tasks, **task_settings), BUDGET, **options)))


def test_copies_are_told_their_law():
    text = said(identical(4, draws=9))
    assert "With 4 tasks each gets 2.50e20 FLOPs on average, 25.0 % of the budget." in text
    assert (
        "as the number of tasks to the power 0.154 (80 % interval" in text and "11.2 % more for twice the tasks" in text
    )
    assert "No task states a target" in text
    assert "With 4 tasks the first task keeps its value at 4.00e21 FLOPs: twice the tasks take 2.00× the budget" in text


def test_what_the_reach_leaves_is_no_share_and_where_nothing_declines_no_task_is_the_fastest():
    """Three copies whose largest runs are 1/1000 of the budget: tenfold reach gives each 1 % of it, alone as together.

    A task alone within its reach has the same 1 %, so that joining others takes nothing from it.
    """
    curves = identical(3)
    curves = replace(curves, largest=curves.largest | {"flops": np.full(3, BUDGET / 1e3)})
    text = said(curves, reach=10.0)
    assert "With 3 tasks each gets 1.00e19 FLOPs on average, 1.00 % of the budget; 97.0 % of it cannot be spent" in text
    assert "No task declines: " in text and "fastest" not in text and "to the power" not in text


def test_each_power_says_what_it_is_of():
    """Of different tasks the powers differ: the mean's, that of the one that lost most, that of the fastest."""
    growth = grow(different(5), TaskSettings(tuple(f"t{i}" for i in range(5))), BUDGET, beyond=[8, 16])
    text = " ".join(growth_summary(growth))
    assert f"the one that has lost most at each number ({growth.decline.lost_most} with all), to the power" in text
    assert "Of single tasks from their own joining on, t" in text and "As these tasks join, what is left" in text
    assert "in the mean grows from what it is with 5 tasks as their number to the power" in text


def test_the_decline_says_up_to_which_number_of_tasks_it_rests_on_no_run():
    """Four copies, the budget 8.5 times the largest run of one: shares are 8.5, 4.25, 2.8 and 2.1 times it."""
    curves = identical(4)
    curves = replace(curves, largest=curves.largest | {"flops": np.full(4, BUDGET / 8.5)})
    assert "With up to 2 tasks most shares are more than 3 × their task's largest run" in said(curves)
    inside = replace(curves, largest=curves.largest | {"flops": np.full(4, BUDGET)})
    assert "most shares" not in said(inside)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([1e3] * 3, "Of 3 targets the budget can meet at most 3; all 3 tasks together keep theirs."),
        ([1e-3] * 3, "at most 0; in this order all are kept up to 0 tasks by the best plan for the mean, and up to 0"),
        ([1e-3] * 3, "No spend meets the target of t0, t1 and t2."),
        ([1e3, 1e3, 1e-3], "at most 2 (t0, t1); in this order all are kept up to 2 tasks"),
    ],
)
def test_targets(target, words):
    assert words in said(different(3), target=target)


def test_many_unreachable_targets_are_counted():
    assert "t6, t7 and 2 more." in said(different(10), target=[1e-3] * 10)


def test_random_orders_say_so():
    text = said(different(3, draws=5), target=[1e3, 1e3, 1e-3], order="random", orders=6)
    assert (
        "80 % of the orders" in text
        and "Over orders: mean of all orders." in text
        and "tasks on average (0 to 2)" in text
    )


def test_today_and_nothing_to_add():
    assert "the first 2 tasks keep their values" in said(different(3), today=2)
    assert "keep" not in said(different(3), today=3).replace("No task states a target, so no largest set is named.", "")


def test_no_draws_no_interval():
    growth = grow(different(2), TaskSettings(("t0", "t1")), BUDGET)
    assert "interval" not in decline_sentence(growth.decline)


def test_one_model():
    factor = np.array([[1.96, 1.18, 1.66]])
    text = unchanged_shared_summary(SharedIsoPerformance(("a",), 2.0, factor, factor, factor))
    assert "2 times the tasks keeps its losses at 1.96× the compute: 1.18× the parameters and 1.66× the tokens" in text


def strategies_said(budget=BUDGET, *, target=None, shared=None, names=("t0", "t1", "t2"), draws=9, **options):
    task_settings = {} if target is None else {"target": np.array(target)}
    curves = {"specialists": different(len(names), draws=draws)} if names[0] == "t0" else {}
    shared = {"generalist": shared_models(names, draws=draws)} if shared is None else shared
    return " ".join(
        strategies_summary(grow_strategies(curves | shared, TaskSettings(names, **task_settings), budget, **options))
    )


def test_strategies_are_told_by_number_of_tasks():
    """Copies at 1e21: one model is better for some numbers of tasks, and K's powers make it worse for more."""
    names = tuple(f"t{i}" for i in range(6))
    one = shared_models(names, alike=True, phi=0.5, psi=0.4, draws=9, measured=(1, 6))
    better = replace(
        one, parameters=one.parameters - np.array([0.3, 0, 0, 0, 0, 0, 0]), draws=one.draws - [0.3, *[0] * 6]
    )
    growth = grow_strategies({"specialists": identical(6, draws=9), "generalist": better}, TaskSettings(names), BUDGET)
    text = " ".join(strategies_summary(growth))
    change = growth.comparison.crossovers[0]
    last = int(change.n_tasks)
    assert f"By number of tasks, the best weighted mean at 1.00e21 FLOPs: generalist for 1 to {last}; " in text
    assert f"specialists for {last + 1} to 6 (in " in text and " of the draws with all 6)." in text
    assert f"The best changes from generalist to specialists at {change.n_tasks:.1f} tasks (80 % interval " in text
    assert "and no law of the number of tasks." in text
    assert "By generalist, measured on" not in text and "(interference less transfer)" in text
    assert "0.154 by specialists (80 % interval" in text and "By specialists, with 6 tasks the first task keeps" in text


def test_help_is_called_transfer():
    names = ("t0", "t1", "t2")
    helpful = shared_models(names, alike=True, phi=-0.5, psi=-0.5, draws=9)
    growth = grow_strategies({"specialists": identical(3, draws=9), "generalist": helpful}, TaskSettings(names), BUDGET)
    text = " ".join(strategies_summary(growth))
    assert "by sharing (transfer less interference): the 80 % interval of sharing shows harm on 0 and help on 3" in text


def test_what_was_not_measured_is_told():
    text = strategies_said(1e27)
    assert (
        "By generalist, measured on models of 2 to 4 tasks, its powers of the number of tasks are extrapolated" in text
    )
    assert "extrapolated below 2, and its sizes or its tasks' tokens lie up to" in text
    assert "extrapolated below 2 and above 3" in strategies_said(
        names=("a", "b", "c", "d"), shared={"g": shared_models("abcd", measured=(2, 3))}
    )


def test_targets_of_strategies():
    text = strategies_said(target=[1e3, 1e3, 1e-3])
    assert "keep all stated targets of the first tasks up to 2 by specialists (80 % interval 2) and 2 by gen" in text
    assert "No task states a target" in strategies_said()


def test_without_draws_no_interval_and_for_one_task_nothing_declines():
    text = strategies_said(draws=0, target=[1.0, 1.0, 1.0])
    assert "interval" not in text and "in nan" not in text and "–" not in text
    text = strategies_said(names=("t0",))
    assert "t0 is the only task that all curves have: nothing declines." in text and "twice the tasks" not in text


def test_one_shared_strategy_alone_is_not_compared():
    text = strategies_said(names=("a", "b"), shared={"g": shared_models("ab", draws=5)})
    assert (
        "By number of tasks" not in text and "One model for 2 times the tasks keeps" in text and "to the power" in text
    )
    both = {"g": shared_models("ab", draws=5), "moe": shared_models("ab", draws=5, phi=0.0)}
    text = strategies_said(names=("a", "b"), shared=both, order="random")
    assert "By moe, one model for 2 times" in text and "Over orders: mean of all orders." in text


def test_the_interval_of_twice_the_tasks_and_of_the_targets():
    curves = identical(4, draws=20)
    reached = grow(curves, TaskSettings(curves.tasks), BUDGET).plans[2].predicted[0]
    text = said(curves, target=[reached] * 4)
    assert "twice the tasks take 2.00× the budget (80 % interval 2.00×), while" in text
    assert "kept up to 3 tasks by the best plan for the mean, and up to 3 by a split" in text
    assert "Over the draws the best plan keeps " in text
