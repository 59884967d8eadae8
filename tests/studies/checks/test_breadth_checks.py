"""The checks of breadth are about the tasks, and by the measure, of the comparison beside which they stand."""

import numpy as np
import pytest

from budget.report.sentences.breadth_sentences import breadth_sentences
from budget.studies.checks.breadth_checks import MAX_GAME_BUDGETS, breadth_of, spread
from budget.studies.focus.focus import focus
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import one_model, power

MIXED = {
    "metric": ("accuracy", "nats", "nats"),
    "higher_is_better": np.array([True, False, False]),
    "ceiling": np.array([1.0, np.nan, np.nan]),
}


def strategies_of(*pick):
    """Specialists of one score and two losses, and a generalist of some of them."""
    curves = power({f"t{number}": (0.05, 9e3, 0.25) for number in range(3)}, **MIXED)
    return FittedStrategies(
        StrategyCurves(SPECIALISTS, curves), (StrategyCurves("generalist", one_model(curves.take(np.array(pick)))),)
    )


def test_a_specialist_of_another_metric_outside_the_comparison_does_not_sink_it():
    strategies = strategies_of(1, 2)
    tasks = default_tasks(strategies.specialists.tasks)
    found = focus(strategies, tasks, [1e18, 1e19, 1e20])
    checks = breadth_of(strategies, found, tasks)
    assert checks.tasks == ("t1", "t2") and checks.budget == 1e20


def test_the_measure_of_the_comparison_is_taken():
    strategies = strategies_of(0, 1, 2)
    tasks = TaskSettings(strategies.specialists.tasks, unserved=np.array([0.0, 3.0, 3.0]))
    found = focus(strategies, tasks, [1e19])
    assert found.measure == "progress"
    known = breadth_of(strategies, found, tasks).lunch.known.value
    assert -1 < known < 0  # progress, made small
    same = focus(strategies_of(1, 2), tasks, [1e19], measure="progress")
    assert -1 < breadth_of(strategies_of(1, 2), same, tasks).lunch.known.value < 0


@pytest.mark.parametrize("alone", [None, "one"])
def test_there_is_nothing_to_check_without_two_specialists(alone):
    strategies = strategies_of(1, 2)
    tasks = default_tasks(strategies.specialists.tasks)
    found = focus(strategies, tasks, [1e19])
    single = None if alone is None else StrategyCurves(SPECIALISTS, strategies.specialists.curves.take(np.array([1])))
    assert breadth_of(FittedStrategies(single, strategies.shared), found, tasks) is None


def test_budgets_are_spread_with_both_ends_and_one_s_own():
    every = [10.0**power for power in range(13)]
    assert spread(every, every[3], MAX_GAME_BUDGETS) == tuple(every[place] for place in (0, 3, 6, 9, 12))
    assert spread(every, every[4], MAX_GAME_BUDGETS) == tuple(every[place] for place in (0, 4, 6, 9, 12))
    assert (
        spread(every, every[0], MAX_GAME_BUDGETS)[0] == every[0]
        and len(spread(every, every[-1], MAX_GAME_BUDGETS)) == MAX_GAME_BUDGETS
    )
    for own in every:
        found = spread(every, own, MAX_GAME_BUDGETS)
        assert own in found and list(found) == sorted(set(found)) and {found[0], found[-1]} == {every[0], every[-1]}
    assert spread(every[:4], every[1], MAX_GAME_BUDGETS) == tuple(every[:4])


def test_selection_is_played_at_several_budgets_with_the_thresholds_of_one():
    """Alike tasks: a required spend s lets ``⌊B/s⌋`` be served, so a hundredfold budget widens what survives."""
    curves = power({f"t{number}": (0.05, 9e3, 0.25) for number in range(8)})
    strategies = FittedStrategies(
        StrategyCurves(SPECIALISTS, curves), (StrategyCurves("generalist", one_model(curves)),)
    )
    tasks = default_tasks(curves.tasks)
    totals = np.geomspace(1e17, 1e21, 9)
    checks = breadth_of(strategies, focus(strategies, tasks, totals), tasks)
    own = checks.selections[checks.budgets.index(checks.budget)]
    assert checks.selection is own and len(checks.budgets) == len(checks.selections) == MAX_GAME_BUDGETS
    for each in checks.selections:
        np.testing.assert_array_equal(each.thresholds.value, own.thresholds.value)
        np.testing.assert_array_equal(each.thresholds.spend, own.thresholds.spend)
    widest = checks.widest()
    assert len(widest) == MAX_GAME_BUDGETS * len(own.thresholds.spend) and (widest["breadth"] <= widest["alone"]).all()
    for _, mine in widest.groupby("required_spend"):
        assert mine["budget"].is_monotonic_increasing and mine["breadth"].is_monotonic_increasing
        assert mine["breadth"].iloc[0] < mine["breadth"].iloc[-1]
    record = checks.record()
    assert [each["budget"] for each in record["selection_by_budget"]] == list(checks.budgets)
    mine = record["selection_by_budget"][checks.budgets.index(checks.budget)]
    assert {"budget": checks.budget} | record["selection"] == mine
    last = breadth_sentences(checks, "flops")[-1]
    level = own.thresholds.spend[-1]
    counts = widest[np.isclose(widest["required_spend"], level)]["breadth"].tolist()
    assert last.startswith("With 1.00e17 FLOPs, ") and f"{counts[0]}, {counts[1]}, " in last


def test_one_budget_has_one_game_and_no_sentence_about_others():
    strategies = strategies_of(1, 2)
    tasks = default_tasks(strategies.specialists.tasks)
    checks = breadth_of(strategies, focus(strategies, tasks, [1e19]), tasks)
    assert checks.budgets == (1e19,) and len(breadth_sentences(checks, "flops")) == 2


def test_minima_of_tasks_do_not_stop_the_checks():
    strategies = strategies_of(1, 2)
    tasks = TaskSettings(strategies.specialists.tasks, min=np.array([np.nan, 6e18, 6e18]))
    found = focus(strategies, tasks, [1e19, 1e20])
    assert breadth_of(strategies, found, tasks).budgets == (1e20,)
