"""Tasks alone with the whole budget: closed forms, draws counted one by one, and targets that only focusing meets."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from budget.errors import InfeasibleError
from budget.studies.focus.focus import focus
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.tasks import TaskSettings
from tests.made import chinchilla, curves_of, one_model, power
from tests.simulate import HOFFMANN

LAWS = {"t0": (1.0, 9e3, 0.25), "t1": (1.4, 5e3, 0.25), "t2": (0.8, 2e4, 0.25)}
BUDGETS = np.geomspace(1e17, 1e21, 5)


def moved(curves, by):
    """The same curves with floors that lie higher by so much."""
    parameters, draws = curves.parameters.copy(), curves.draws.copy()
    parameters[:, 0] += by
    draws[..., 0] += by
    return replace(curves, parameters=parameters, draws=draws)


def strategies_of(alone, *shared):
    """Specialists, and a generalist of the named tasks for each (tasks, floors that lie higher)."""
    served = []
    for pick, by in shared:
        part = alone.take(np.array(pick))
        served.append(StrategyCurves("generalist", one_model(moved(part, np.array(by)))))
    return FittedStrategies(StrategyCurves(SPECIALISTS, alone), tuple(served))


def compared(strategies, budgets=BUDGETS, **task_settings):
    return focus(strategies, TaskSettings(strategies.specialists.tasks, **task_settings), budgets)


def value(name, spend):
    E, A, a = LAWS[name]
    return E + A * spend**-a


def test_alone_is_the_curve_at_the_whole_budget_and_the_rival_the_best_plan_over_all_sets():
    """In the pair the generalist gives t0 its own curve less .02; in the triple it is worse than specialists."""
    found = compared(strategies_of(power(LAWS), ([0, 1], [-0.02, 0.4]), ([0, 1, 2], [0.9, 0.9, 0.9])))
    assert [each.task for each in found.single_task] == ["t0", "t1", "t2"]
    for each in found.single_task:
        np.testing.assert_allclose(each.value, value(each.task, BUDGETS), rtol=1e-10)
        for at, budget in enumerate(BUDGETS):
            rivals = [
                (entry.predicted[cell.tasks.index(each.task)], entry.strategy, cell.tasks)
                for cell in found.comparisons
                if cell.budget == budget and each.task in cell.tasks
                for entry in cell.plans
            ]
            best = min(rivals)
            assert (each.strategy[at], each.among[at]) == best[1:] and each.shared[at] == pytest.approx(
                best[0], rel=1e-12
            )
            assert each.ahead[at] == (each.value[at] < best[0])
    first, second, third = found.single_task
    assert not first.ahead.any() and second.ahead.all() and third.ahead.all()
    np.testing.assert_allclose(first.shared, first.value - 0.02, rtol=1e-9)
    assert first.among[0] == ("t0", "t1") and third.among[0] == ("t0", "t1", "t2")
    assert np.isnan(first.low).all() and np.isnan(first.share).all()


def test_the_share_counts_the_draws_in_which_no_plan_is_better():
    alone = power(LAWS, draws=40, spread=0.03)
    other = power(LAWS, draws=40, spread=0.03, seed=5)
    strategies = FittedStrategies(
        StrategyCurves(SPECIALISTS, alone), (StrategyCurves("generalist", one_model(moved(other, np.full(3, 0.01)))),)
    )
    found = compared(strategies)
    for task, each in enumerate(found.single_task):
        for at, budget in enumerate(BUDGETS):
            mine = alone.distance_draws(np.array([task]), np.log([[budget]]))[:, 0]
            (cell,) = [cell for cell in found.comparisons if cell.budget == budget]
            rival = np.min([entry.scenarios[:, task] for entry in cell.plans], axis=0)
            assert each.share[at] == (mine < rival).mean()
            low, high = np.percentile(mine, (10, 90), method="weibull")
            np.testing.assert_allclose(
                [each.low[at], each.high[at]], [min(low, each.value[at]), max(high, each.value[at])], rtol=1e-12
            )
    assert any(0 < share < 1 for each in found.single_task for share in each.share)


def test_scores_are_compared_in_their_own_direction_and_under_progress():
    changes = {"higher_is_better": np.ones(3, dtype=bool), "ceiling": np.ones(3), "metric": ("accuracy",) * 3}
    laws = {name: (0.05, A / 30, a) for name, (_, A, a) in LAWS.items()}
    alone = power(laws, draws=20, **changes)
    strategies = strategies_of(alone, ([0, 1, 2], [0.1, 0.1, -0.3]))
    unserved = np.zeros(3)
    plain, share = (
        focus(
            strategies,
            TaskSettings(alone.tasks, unserved=unserved, target=np.array([0.9, np.nan, 0.9])),
            BUDGETS,
            measure=measure,
        )
        for measure in ("value", "progress")
    )
    for one, other in zip(plain.single_task, share.single_task, strict=True):
        np.testing.assert_allclose(one.value, other.value, rtol=1e-12)
        assert (one.low <= one.value).all() and (one.value <= one.high).all()
        np.testing.assert_allclose([one.required, one.efficient], [other.required, other.efficient], rtol=1e-9)
    first, _, last = plain.single_task
    assert (first.shared < first.value).all() and (last.shared > last.value).all()
    assert last.met_shared.all() and not last.only_alone.any()
    np.testing.assert_allclose(first.required, (LAWS["t0"][1] / 30 / 0.05) ** 4, rtol=1e-9)
    assert first.met.tolist() == (BUDGETS >= first.required).tolist()


def test_spends_to_target_and_smallest_efficient_spends_are_the_closed_forms():
    """``(A/(t − E))^(1/a)`` and ``((1 + a)·A/(u − E))^(1/a)``."""
    target, unserved = np.array([1.2, np.nan, 0.7]), np.array([1.5, np.nan, 0.8])
    found = compared(strategies_of(power(LAWS), ([0, 1, 2], [9.0, 9.0, 9.0])), target=target, unserved=unserved)
    first, second, third = found.single_task
    np.testing.assert_allclose(first.required, (9e3 / 0.2) ** 4, rtol=1e-9)
    np.testing.assert_allclose(first.efficient, (1.25 * 9e3 / 0.5) ** 4, rtol=1e-9)
    assert np.isnan(second.required) and np.isnan(second.efficient) and "column 'unserved'" in second.reason
    assert third.required == np.inf and third.efficient == np.inf and "no spend" in third.reason and first.reason == ""
    record = third.record()
    assert record["efficient"] is None and record["efficient_missing"] == third.reason and record["task"] == "t2"


def test_limits_of_a_task_hold_alone_too():
    least, most = np.array([np.nan, 2e18, np.nan]), np.array([3e18, np.nan, np.nan])
    strategies = strategies_of(power(LAWS), ([0, 2], [9.0, 9.0]), ([0, 1, 2], [9.0, 9.0, 9.0]))
    found = compared(strategies, [1e18, 1e19, 1e20], min=least, max=most, target=np.array([1.1, 3.0, 3.0]))
    first, _, second = found.single_task
    np.testing.assert_allclose(first.value, value("t0", np.minimum([1e18, 1e19, 1e20], 3e18)), rtol=1e-10)
    assert first.required == np.inf  # 6.6e19 is above its maximum
    assert np.isnan(second.value[0]) and second.value[1] == pytest.approx(value("t1", 1e19)) and not second.met[0]
    assert second.required == pytest.approx(2e18) and np.isnan(second.shared[0])


def test_laws_that_are_no_sums_of_powers_have_the_same_columns():
    laws = {"t0": (0.1, 3.0, 1.0, 0.5, 1e8), "t1": (0.2, 2.5, 1.5, 0.7, 3e8)}
    curves = curves_of("m4", ("tokens",), laws, reference=(1e9,))
    shared = StrategyCurves("generalist", one_model(moved(curves, np.full(2, 0.5))))
    tasks = TaskSettings(curves.tasks, unserved=np.array([2.0, 2.0]), target=np.array([1.0, 1.0]))
    found = focus(FittedStrategies(StrategyCurves(SPECIALISTS, curves), (shared,)), tasks, [1e8, 1e11])
    for task, each in enumerate(found.single_task):
        at = np.array([task])
        reached = curves.distance(at, np.log([[each.required]]))[0]
        assert reached == pytest.approx(1.0, rel=1e-9) and each.efficient > 0
        slope = [
            (2.0 - curves.distance(at, np.log([[spend]]))[0]) / spend
            for spend in each.efficient * np.array([0.9, 1.0, 1.1])
        ]
        assert slope[1] == max(slope)


# Stated targets


@pytest.mark.parametrize("budget", [3e18, 2e19, 9e19, 4e20])
def test_the_cheapest_targets_are_the_most_of_all_subsets(budget):
    target = np.array([1.2, 1.55, 1.0])
    required = np.array([(A / (at - E)) ** (1 / a) for at, (E, A, a) in zip(target, LAWS.values(), strict=True)])
    found = compared(strategies_of(power(LAWS), ([0, 1, 2], [9.0, 9.0, 9.0])), [budget], target=target)
    (each,), (cell,) = found.targets, found.comparisons
    sizes = [size for size in range(4) for pick in combinations(range(3), size) if required[list(pick)].sum() <= budget]
    assert len(each.focused) == max(sizes) and each.stated == 3 and each.focused_by == SPECIALISTS
    assert set(each.focused) == {f"t{task}" for task in np.argsort(required)[: max(sizes)]}
    most = max(entry.targets_met for entry in cell.plans if entry.strategy != SUBSET)
    assert len(each.serving_all) == most and each.gain == max(sizes) - most
    met = cell.plans[cell.place(each.serving_all_by)].predicted <= target
    assert each.serving_all == tuple(np.array(cell.tasks)[met].tolist())


def test_equal_tasks_meet_as_many_targets_as_whole_spends_fit():
    """``min(K, ⌊B/s⌋)``, where equal shares meet all or none."""
    laws = dict.fromkeys(("t0", "t1", "t2", "t3"), (1.0, 9e3, 0.25))
    spend = (9e3 / 0.2) ** 4
    found = compared(
        strategies_of(power(laws), ([0, 1, 2, 3], [9.0] * 4)),
        spend * np.array([0.5, 1.0, 2.5, 3.999, 4.0, 9.0]), target=np.full(4, 1.2),
    )  # fmt: skip
    assert [len(each.focused) for each in found.targets] == [0, 1, 2, 3, 4, 4]
    assert [len(each.serving_all) for each in found.targets] == [0, 0, 0, 0, 4, 4]
    assert [each.gain for each in found.targets] == [0, 1, 2, 3, 0, 0]
    ends = found.single_task[0].met.tolist(), found.single_task[0].only_alone.tolist()
    assert ends == ([False] + [True] * 5, [False, True, True, True, False, False])


def test_a_measured_model_of_a_subset_may_meet_more():
    truths = dict.fromkeys(("t0", "t1", "t2"), HOFFMANN)
    alone = chinchilla(truths)
    strategies = strategies_of(alone, ([0, 1], [-0.3, -0.3]), ([0, 1, 2], [0.5, 0.5, 0.5]))
    bare = compared(strategies, [1e20])
    pair = bare.of(("t0", "t1"))[0]
    target = pair.plans[pair.place("generalist")].predicted[0]  # the pair needs the whole budget for it
    whole = next(
        each for each in compared(strategies, [1e20], target=np.full(3, target)).targets if len(each.tasks) == 3
    )
    assert (whole.focused, whole.focused_by) == (("t0", "t1"), "generalist")
    assert whole.serving_all == () and whole.gain == 2 and not bare.targets


def test_a_budget_below_the_minima_of_a_set_is_left_out_of_it_and_named():
    strategies = strategies_of(power(LAWS), ([0, 1], [0.1, 0.1]), ([0, 1, 2], [0.1, 0.1, 0.1]))
    found = compared(strategies, min=np.array([np.nan, 5e17, 5e18]))
    pair, triple = (found.of(names) for names in found.sets)
    for cells, place in ((pair, 1), (triple, 2)):
        assert [cell.budget for cell in cells] == BUDGETS[place:].tolist()
    assert (
        "Budgets below the sum of the tasks' minima are left out: 1 of 5 for t0, t1 (5e+17); "
        "2 of 5 for t0, t1, t2 (5.5e+18)." in found.left_out
    )
    assert all(each.budgets.tolist() == BUDGETS[1:].tolist() for each in found.single_task)
    assert found.budgets.tolist() == BUDGETS[1:].tolist()
    assert EQUAL in found.table()["strategy"].tolist()


def test_minima_above_every_budget_are_refused():
    strategies = strategies_of(power(LAWS), ([0, 1], [0.1, 0.1]))
    with pytest.raises(InfeasibleError, match=r"nothing to compare\. Budgets .* 5 of 5 for t0, t1 \(5e\+25\)\. Give"):
        compared(strategies, min=np.array([np.nan, 5e25, np.nan]))
