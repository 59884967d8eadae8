"""Serving a subset as a strategy: brute force over subsets, what draws say of it, and where it is not planned."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.studies.focus.focus import focus
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.tasks import TaskSettings
from tests.made import chinchilla, curves_of, one_model, power
from tests.simulate import HOFFMANN, TRUTHS

LAWS = {"t0": (1.0, 9e3, 0.25), "t1": (1.4, 5e3, 0.25), "t2": (0.8, 2e4, 0.25), "t3": (1.1, 3e3, 0.2)}
UNSERVED = np.array([1.3, 1.97, 1.6, 2.2])
BUDGETS = np.geomspace(1e15, 1e22, 8)


def compared(alone, tasks, budgets=BUDGETS, worse=5.0, **options):
    """Specialists beside a generalist that is worse everywhere."""
    shared = replace(alone, parameters=alone.parameters.copy(), draws=alone.draws.copy())
    shared.parameters[:, 0] += worse
    shared.draws[..., 0] += worse
    strategies = FittedStrategies(
        StrategyCurves(SPECIALISTS, alone), (StrategyCurves("generalist", one_model(shared)),)
    )
    return focus(strategies, tasks, budgets, **options)


def entry(cell, name):
    return cell.plans[cell.place(name)]


def best_subset(laws, unserved, weight, budget):
    """Over all subsets: one exponent would give ``c ∝ (w·A)^(1/(1+a))``; here the price is found by bisection."""
    best = (float(weight @ unserved), ())
    E, A, a = np.array(list(laws.values())).T
    for size in range(1, len(laws) + 1):
        for pick in combinations(range(len(laws)), size):
            mine = np.array(pick)
            low, high = -200.0, 200.0
            for _ in range(200):
                price = 0.5 * (low + high)
                spend = (weight[mine] * A[mine] * a[mine] / np.exp(price)) ** (1 / (1 + a[mine]))
                low, high = (price, high) if spend.sum() > budget else (low, price)
            total = weight[mine] @ (E[mine] + A[mine] * spend ** -a[mine])
            rest = np.setdiff1d(np.arange(len(laws)), mine)
            best = min(best, (float(total + weight[rest] @ unserved[rest]), pick))
    return best


@pytest.mark.parametrize("weight", [np.ones(4), np.array([5.0, 1.0, 1.0, 2.0])])
def test_the_best_subset_is_that_of_all_subsets(weight):
    curves = power(LAWS)
    found = compared(curves, TaskSettings(curves.tasks, weight=weight, unserved=UNSERVED))
    sizes = []
    for cell, subset in zip(found.comparisons, found.subsets, strict=True):
        least, pick = best_subset(LAWS, UNSERVED, weight / weight.sum(), cell.budget)
        np.testing.assert_allclose(cell.objective[cell.place(SUBSET)], least, rtol=1e-9)
        assert subset.served == tuple(curves.tasks[task] for task in pick)
        assert set(subset.served) | set(subset.left_out) == set(curves.tasks)
        assert subset.bound == pytest.approx(least, rel=1e-9) and (subset.tasks, subset.budget) == (
            cell.tasks,
            cell.budget,
        )
        np.testing.assert_allclose(subset.gain, (cell.objective[0] - least) / cell.objective[0], rtol=1e-7, atol=1e-15)
        sizes.append(len(pick))
    assert sizes[0] < 4 and sizes[-1] == 4 and sizes == sorted(sizes)


def test_focus_wins_only_where_it_leaves_tasks_out_and_specialists_win_where_it_does_not():
    curves = power(LAWS, draws=30)
    found = compared(curves, TaskSettings(curves.tasks, unserved=UNSERVED))
    kinds = set()
    for cell, subset in zip(found.comparisons, found.subsets, strict=True):
        focused, alone = entry(cell, SUBSET), entry(cell, SPECIALISTS)
        kinds.add(bool(subset.left_out))
        if subset.left_out:
            assert cell.best_strategy is focused and focused.leaves_out == subset.left_out
        else:
            assert cell.best_strategy is alone and cell.wins[cell.place(SUBSET)] == 0
            np.testing.assert_array_equal(focused.scenarios, alone.scenarios)
            np.testing.assert_array_equal(focused.spend, alone.spend)
        assert np.nansum(cell.wins) == pytest.approx(1)
    assert kinds == {True, False}
    rows = found.table()
    assert (rows["strategy"] == SUBSET).sum() == len(BUDGETS) and rows["objective"].notna().all()


def test_a_task_that_is_left_out_counts_at_its_unserved_value_in_every_draw():
    curves = power(LAWS, draws=25)
    target = np.array([1.35, 1.0, np.nan, 2.3])
    found = compared(curves, TaskSettings(curves.tasks, unserved=UNSERVED, target=target), [3e16])
    (cell,), (subset,) = found.comparisons, found.subsets
    focused = entry(cell, SUBSET)
    out = np.array([name in subset.left_out for name in curves.tasks])
    assert 0 < out.sum() < 4
    np.testing.assert_array_equal(focused.predicted[out], UNSERVED[out])
    assert (focused.scenarios[:, out] == UNSERVED[out]).all()
    served = np.flatnonzero(~out)
    np.testing.assert_allclose(
        focused.scenarios[:, ~out], curves.distance_draws(served, np.log(focused.spend[served])[:, None]), rtol=1e-12
    )
    assert np.isneginf(focused.log_inputs[out]).all() and focused.spend[out].sum() == 0
    assert focused.targets_met == (focused.predicted[[0, 1, 3]] <= target[[0, 1, 3]]).sum()
    low, high = np.percentile(focused.scenarios.mean(axis=1), (10, 90), method="weibull")
    row = found.table().set_index("strategy").loc[SUBSET]
    np.testing.assert_allclose([row["low"], row["high"]], [min(low, row["objective"]), max(high, row["objective"])])


def test_where_nothing_is_worth_its_spend_nothing_is_served():
    curves = power(LAWS)
    (cell,) = compared(curves, TaskSettings(curves.tasks, unserved=UNSERVED - 0.9), [1e15]).comparisons
    focused = entry(cell, SUBSET)
    assert focused.leaves_out == curves.tasks and focused.extrapolation_factor == 1 and cell.best_strategy is focused
    assert cell.objective[cell.place(SUBSET)] == pytest.approx((UNSERVED - 0.9).mean())


def test_scores_and_progress_count_the_unserved_value_in_their_own_direction():
    changes = {"higher_is_better": np.ones(4, dtype=bool), "ceiling": np.ones(4), "metric": ("accuracy",) * 4}
    laws = {name: (0.05, coefficient, a) for name, (_, coefficient, a) in LAWS.items()}
    curves, unserved = power(laws, **changes), np.array([0.6, 0.3, 0.2, 0.5])
    for measure, sign in (("value", -1), ("progress", -1)):
        found = compared(
            curves, TaskSettings(curves.tasks, unserved=unserved), [1e16, 1e18], worse=0.3, measure=measure
        )
        for cell, subset in zip(found.comparisons, found.subsets, strict=True):
            distance = 1 - unserved
            scale = np.ones(4) if measure == "value" else distance - 0.05
            least, pick = best_subset(
                {name: (E / by, A / by, a) for (name, (E, A, a)), by in zip(laws.items(), scale, strict=True)},
                distance / scale, np.full(4, 0.25), cell.budget,
            )  # fmt: skip
            shift = 1.0 if measure == "value" else (distance / scale).mean()
            assert subset.served == tuple(curves.tasks[task] for task in pick)
            shown = found.table().query("strategy == 'subset' and budget == @cell.budget")["objective"].item()
            np.testing.assert_allclose(shown, sign * (least - shift), rtol=1e-8)


def test_a_measured_model_of_some_tasks_may_be_the_best_subset():
    """The pair's model is a copy of the specialists' curves at the whole budget; nobody misses the third task."""
    laws = {name: LAWS[name] for name in ("t0", "t1", "t2")}
    alone, unserved = power(laws, draws=15), np.array([9.0, 9.0, 0.85])
    pair = one_model(alone.take(np.array([0, 1])))
    worse = replace(
        alone, parameters=alone.parameters + np.array([5.0, 0, 0]), draws=alone.draws + np.array([5.0, 0, 0])
    )
    strategies = FittedStrategies(
        StrategyCurves(SPECIALISTS, alone),
        (StrategyCurves("trunk", pair), StrategyCurves("generalist", one_model(worse))),
    )
    target = np.array([9.0, 0.1, 0.9])
    found = focus(strategies, TaskSettings(alone.tasks, unserved=unserved, target=target), [1e18])
    subset = next(each for each in found.subsets if len(each.tasks) == 3)
    (cell,) = found.of(subset.tasks)
    focused = entry(cell, SUBSET)
    assert (subset.by, subset.served, subset.left_out) == (
        "trunk",
        ("t0", "t1"),
        ("t2",),
    ) and cell.best_strategy is focused
    reached = np.array([E + A * 1e18**-a for E, A, a in laws.values()])
    np.testing.assert_allclose(focused.predicted, [*reached[:2], 0.85], rtol=1e-10)
    np.testing.assert_allclose(
        focused.scenarios[:, :2], alone.distance_draws(np.arange(2), np.log([[1e18]] * 2)), rtol=1e-10
    )
    assert (
        (focused.scenarios[:, 2] == 0.85).all()
        and focused.targets_met == 2
        and focused.spend.tolist() == [1e18, 1e18, 0]
    )
    rivals = [value for value, each in zip(cell.objective, cell.plans, strict=True) if each is not focused]
    assert subset.serving_all == pytest.approx(min(rivals)) and subset.objective < subset.bound <= subset.serving_all
    assert subset.gain == pytest.approx((min(rivals) - cell.objective[cell.place(SUBSET)]) / min(rivals), rel=1e-9)


def test_the_search_for_any_curves_finds_nothing_better():
    """Laws of two scales, weights and limits, by the envelope over a grid, which shares no code with the prices."""
    curves = chinchilla(TRUTHS, draws=2)
    task_settings = {
        "unserved": np.array([3.4, 3.1, 3.3]), "weight": np.array([1.0, 3.0, 2.0]),
        "min": np.array([1e16, np.nan, np.nan]), "max": np.array([np.nan, 1e18, np.nan]),
    }  # fmt: skip
    tasks = TaskSettings(curves.tasks, **task_settings)
    sizes = set()
    for budget in np.geomspace(2e16, 1e20, 6):
        (subset,) = compared(curves, tasks, [budget]).subsets
        asked = plan_spec(curves, tasks, budget, strategy="specialists", allow_unserved=True)
        plan = allocate(curves, asked, draws=False)
        assert plan.bound - 1e-9 <= subset.objective <= plan.objective * (1 + 1e-9)
        np.testing.assert_allclose(subset.objective, plan.objective, rtol=1e-4)
        sizes.add(len(subset.served))
    assert len(sizes) > 1


def test_laws_that_are_no_sums_of_powers_are_searched():
    laws = {"t0": (0.1, 3.0, 1.0, 0.5, 1e8), "t1": (0.2, 2.5, 1.5, 0.7, 3e8)}
    curves = curves_of("m4", ("tokens",), laws, reference=(1e9,))
    tasks = TaskSettings(curves.tasks, unserved=np.array([2.0, 2.0]))
    found = compared(curves, tasks, [1e8, 1e11])
    for cell, subset in zip(found.comparisons, found.subsets, strict=True):
        assert cell.objective[cell.place(SUBSET)] <= cell.objective[0] * (1 + 1e-12)
        assert subset.bound <= subset.objective


def test_limits_hold_for_the_served_only():
    curves = power(LAWS)
    least = np.array([2e15, np.nan, np.nan, np.nan])
    found = compared(curves, TaskSettings(curves.tasks, unserved=UNSERVED, min=least), [3e15])
    spend = np.array(found.subsets[0].spend)
    assert spend[0] == 0 or spend[0] >= 2e15 * (1 - 1e-9)
    assert spend.sum() <= 3e15 * (1 + 1e-9)


def test_without_an_unserved_value_one_sentence_names_the_column_and_nothing_else_changes():
    curves = power(LAWS)
    known = UNSERVED.copy()
    known[1] = np.nan
    found = compared(curves, TaskSettings(curves.tasks, unserved=known), [1e18])
    (said,) = found.left_out
    assert said.startswith("Serving a subset ('subset') is not planned") and said.endswith("tasks file for t1.")
    assert not found.subsets and SUBSET not in [each.strategy for each in found.comparisons[0].plans]


def test_a_file_may_call_a_strategy_of_its_own_so():
    alone = chinchilla({"t0": HOFFMANN, "t1": HOFFMANN})
    strategies = FittedStrategies(StrategyCurves(SPECIALISTS, alone), (StrategyCurves(SUBSET, one_model(alone)),))
    task_settings = TaskSettings(alone.tasks, unserved=np.array([9.0, 9.0]))
    found = focus(strategies, task_settings, [1e20])
    (cell,) = found.comparisons
    (other,) = focus(
        replace(strategies, shared=(StrategyCurves("moe", one_model(alone)),)), task_settings, [1e20]
    ).comparisons
    assert [each.strategy for each in cell.plans] == [SPECIALISTS, "subset (measured)", EQUAL, SUBSET]
    assert not found.left_out and len(found.subsets) == 1
    assert cell.advantage is not None and cell.advantage[0] == "subset (measured)"
    np.testing.assert_array_equal(cell.objective, other.objective)
