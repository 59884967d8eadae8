"""What breadth costs."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError
from budget.report.sentences.growth_sentences import growth_summary
from budget.studies.growth.budget_sharing import budget_sharing
from budget.studies.growth.growth import grow
from budget.studies.growth.set_sizes import set_sizes
from budget.studies.growth.task_orders import EVERY_SIZE, ORDERS, SEQUENCES, joining_orders, shown_sizes
from budget.tables.files.text import json_text
from budget.tables.target_met import met_or_none
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import curves_of
from tests.studies.made_sets import BUDGET, different, subsets_of


def test_every_task_gets_worse_as_tasks_are_added(noisy_curves):
    growth = grow(noisy_curves, default_tasks(noisy_curves.tasks), 1e21)
    table = growth.table()
    assert list(table.columns) == [
        "order", "n_tasks", "task", "strategy", "spend", "predicted", "low", "high", "target_met",
    ]  # fmt: skip
    assert len(table) == 1 + 2 + 3 and set(table["order"]) == {"given"}
    for _, rows in table.groupby("task"):
        assert (np.diff(rows["predicted"]) > 0).all() and (np.diff(rows["spend"]) < 0).all()
    np.testing.assert_allclose(table.groupby("n_tasks")["spend"].sum(), 1e21, rtol=1e-9)
    assert not growth.hypothetical and table["target_met"].isna().all()


def test_the_last_set_is_the_plan(noisy_curves):
    tasks = default_tasks(noisy_curves.tasks)
    plan = allocate(noisy_curves, plan_spec(noisy_curves, tasks, 1e21), draws=False)
    np.testing.assert_allclose(grow(noisy_curves, tasks, 1e21).plans[-1].spend, plan.spend, rtol=1e-9)


def test_identical_tasks_split_evenly_and_decline_as_a_power_of_their_number(exact_curves):
    copies = exact_curves.take(np.zeros(4, dtype=int))
    names = ("a", "b", "c", "d")
    copies = type(copies)(**{**vars(copies), "tasks": names})
    growth = grow(copies, default_tasks(names), 1e22)
    floor, _, alpha, _, beta = exact_curves.form.natural(exact_curves.parameters, exact_curves.reference)[0]
    reducible = np.array([plan.predicted[0] - floor for plan in growth.plans])
    gamma = alpha * beta / (alpha + beta)
    np.testing.assert_allclose(reducible / reducible[0], np.arange(1, 5) ** gamma, rtol=1e-8)
    for plan in growth.plans:
        np.testing.assert_allclose(plan.spend, 1e22 / len(plan.spend), rtol=1e-6)


def test_order_by_weight_and_targets(noisy_curves):
    blank = np.full(3, np.nan)
    target = np.array([0.1, np.nan, 5.0])
    tasks = TaskSettings(noisy_curves.tasks, np.array([1.0, 3.0, 2.0]), target, blank, blank, blank)
    growth = grow(noisy_curves, tasks, 1e21, order="weight")
    assert growth.names == ("code", "maths", "prose")
    assert met_or_none(growth.plans[-1].target_met) == [None, True, False]
    assert growth.record()["rows"][-1]["target_met"] is False


def test_shared_runs_make_it_hypothetical(shared_curves):
    growth = grow(shared_curves, default_tasks(shared_curves.tasks), 1e21)
    assert growth.hypothetical and growth.record()["hypothetical"] is True


def test_progress_is_told(noisy_curves):
    seen = []
    grow(noisy_curves, default_tasks(noisy_curves.tasks), 1e21, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("unit", ["flops", "tokens"])
def test_units(noisy_curves, unit):
    size = {"params": 1e9} if unit == "tokens" else {}
    growth = grow(noisy_curves, default_tasks(noisy_curves.tasks), 1e12, unit=unit, **size)
    assert growth.record()["unit"] == unit


def test_one_order_tells_its_sizes_as_its_plans_do():
    target = np.array([2.3, np.nan, 2.4, 2.2, 2.3])
    curves = different(5, draws=20)
    for order in SEQUENCES:
        growth = grow(
            curves, TaskSettings(curves.tasks, weight=np.arange(1.0, 6.0), target=target), BUDGET, order=order
        )
        sizes = growth.sizes
        np.testing.assert_allclose(sizes.objective, [plan.objective for plan in growth.plans], rtol=1e-10)
        np.testing.assert_allclose(sizes.worst, [plan.predicted.max() for plan in growth.plans], rtol=1e-8)
        np.testing.assert_allclose(sizes.targets_met, [plan.breadth for plan in growth.plans])
        np.testing.assert_allclose(sizes.mean_spend, BUDGET / np.arange(1, 6), rtol=1e-12)
        shares = [plan.spend / plan.spend.sum() for plan in growth.plans]
        np.testing.assert_allclose(sizes.largest_share, [each.max() for each in shares], rtol=1e-7)
        np.testing.assert_allclose(sizes.smallest_share, [each.min() for each in shares], rtol=1e-7)
        assert (sizes.objective_low < sizes.objective).all() and (sizes.objective < sizes.objective_high).all()
        assert sorted(growth.names) == sorted(curves.tasks) and growth.spread is None
        json_text(growth.record())


@given(st.integers(1, 40), st.floats(1e15, 1e25), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_what_a_task_gets_on_average_is_the_budget_over_their_number(count, budget, seed):
    subsets = subsets_of(different(count, seed=seed), budget)
    sizes = set_sizes(subsets, joining_orders(subsets, "random", 3, seed))
    np.testing.assert_allclose(sizes.mean_spend * np.arange(1, count + 1), budget, rtol=1e-12)
    assert (sizes.smallest_share * np.arange(1, count + 1) <= 1 + 1e-12).all()
    assert (sizes.largest_share * np.arange(1, count + 1) >= 1 - 1e-12).all()


def test_maxima_leave_some_of_the_budget():
    subsets = subsets_of(different(3), max=np.full(3, BUDGET / 4))
    sizes = set_sizes(subsets, np.arange(3)[None])
    np.testing.assert_allclose(sizes.mean_spend, BUDGET / 4, rtol=1e-12)


def test_all_orders_are_the_mean_over_all_subsets():
    """By symmetry every subset of k tasks is as frequent: an average over subsets, each by its own program."""
    curves = different(4, draws=10)
    tasks = TaskSettings(curves.tasks, weight=np.array([1.0, 2.0, 1.0, 3.0]), target=np.array([2.3, 2.5, np.nan, 2.4]))
    growth = grow(curves, tasks, BUDGET, order="random", orders=24)
    table = growth.table()
    assert list(table.columns) == [
        "order", "n_tasks", "task", "strategy", "spend", "predicted", "low", "high", "target_met", "spend_low",
        "spend_high", "orders", "basis",
    ]  # fmt: skip
    assert set(table["basis"]) == {"mean of all orders"} and set(table["order"]) == {"random"} and len(table) == 16
    for size in range(1, 5):
        plans = {
            pick: allocate(
                curves.take(np.array(pick)),
                plan_spec(curves.take(np.array(pick)), tasks.select([curves.tasks[i] for i in pick]), BUDGET),
                draws=False,
            )
            for pick in combinations(range(4), size)
        }
        objective = [plan.objective for plan in plans.values()]
        np.testing.assert_allclose(growth.sizes.objective[size - 1], np.mean(objective), rtol=1e-10)
        for task, name in enumerate(curves.tasks):
            mine = [(plan, pick.index(task)) for pick, plan in plans.items() if task in pick]
            row = table[(table["n_tasks"] == size) & (table["task"] == name)].iloc[0]
            spends = [plan.spend[at] for plan, at in mine]
            np.testing.assert_allclose(row["spend"], np.mean(spends), rtol=1e-8)
            np.testing.assert_allclose(row["predicted"], np.mean([plan.predicted[at] for plan, at in mine]), rtol=1e-9)
            met = [plan.target_met[at] for plan, at in mine]
            np.testing.assert_allclose(row["target_met"], np.mean(met))
            assert row["orders"] == 24 * size / 4
            assert row["spend_low"] <= row["spend"] <= row["spend_high"]


def test_random_orders_are_in_the_record():
    curves = different(6, draws=5)
    growth = grow(curves, default_tasks(curves.tasks), BUDGET, order="random", orders=20, seed=7)
    record = growth.record()
    assert record["basis"] == "mean of 20 random orders" and record["seed"] == 7 and len(record["gap"]) == 1
    assert len(record["objective"]) == len(record["sizes"]) == 6 and record["targets"] is None
    again = grow(curves, default_tasks(curves.tasks), BUDGET, order="random", orders=20, seed=7)
    assert json_text(again.record()) == json_text(record)
    one = grow(curves, default_tasks(curves.tasks), BUDGET, order="random", orders=1)
    assert (one.spread.orders.sum(axis=1) == np.arange(1, 7)).all() and one.decline is not None


@pytest.mark.parametrize("order", ORDERS)
def test_one_task_and_curves_without_draws(order):
    curves = different(1)
    growth = grow(curves, default_tasks(curves.tasks), BUDGET, order=order)
    assert growth.decline is None and len(growth.table()) == 1 and growth.sizes.mean_spend[0] == BUDGET
    json_text(growth.record())
    assert "only task" in " ".join(growth_summary(growth))
    with pytest.raises(AllocationError, match="Today's number of tasks is 2"):
        grow(curves, default_tasks(curves.tasks), BUDGET, order=order, today=2)


@pytest.mark.parametrize("order", ORDERS)
def test_scores_and_laws_that_are_no_sums_of_powers(order):
    natural = {"a": (0.1, 0.9, 1.2, 0.4, 1e18), "b": (0.2, 0.8, 0.8, 0.3, 1e19), "c": (0.1, 0.8, 1.0, 0.5, 1e19)}
    score = {"higher_is_better": np.ones(3, dtype=bool), "ceiling": np.ones(3)}
    curves = curves_of("m4", ("flops",), natural, reference=(1e19,), draws=12, **score)
    growth = grow(curves, TaskSettings(curves.tasks, target=np.array([0.7, 0.6, 2.0])), 1e20, order=order, orders=6)
    assert growth.iso_performance is None and growth.targets_kept.lost == ("c",)
    assert (np.diff(growth.decline.mean_factor) > 0).all() and (
        growth.sizes.worst < growth.sizes.objective + 1e-12
    ).all()
    assert (growth.sizes.objective_low <= growth.sizes.objective).all()
    np.testing.assert_allclose(growth.sizes.objective[-1], growth.plans[-1].objective, rtol=1e-9)
    json_text(growth.record())
    assert "no single price" in " ".join(growth_summary(growth))


def test_the_table_and_the_largest_set_agree_on_a_target_met_to_the_last_digit():
    """A target that the plan reaches but for rounding is met in growth.csv as it is in the summary."""
    curves = different(2)
    reached = grow(curves, TaskSettings(curves.tasks), BUDGET).plans[-1].predicted
    study = grow(curves, TaskSettings(curves.tasks, target=reached * (1 - 1e-12)), BUDGET)
    assert study.targets_kept.planned.tolist() == [2]
    assert study.table()["target_met"].tolist() == [True] * 3


def test_several_metrics_are_followed_by_progress():
    """The mean is of the share of the way from unserved to best, and the decline's of what is left of that way."""
    curves = different(3, metric=("nats", "accuracy", "nats"))
    weight, unserved, best = np.array([1.0, 2.0, 3.0]), np.array([4.0, 6.0, 5.0]), np.array([0.1, 0.2, 0.3])
    growth = grow(curves, TaskSettings(curves.tasks, weight=weight, unserved=unserved, best=best), BUDGET)
    gap = unserved - best
    progress = [(unserved[:k] - growth.plans[k - 1].predicted) / gap[:k] for k in (1, 2, 3)]
    expected = [weight[:k] @ each / weight[:k].sum() for k, each in zip((1, 2, 3), progress, strict=True)]
    np.testing.assert_allclose(growth.sizes.objective, expected, rtol=1e-9)
    assert growth.record()["measure"] == "progress"
    left = [growth.plans[k - 1].predicted - curves.parameters[:k, 0] for k in (1, 2, 3)]
    alone = np.array([grow(curves.take(np.array([i])), TaskSettings((name,)), BUDGET).plans[0].predicted[0]
                      for i, name in enumerate(curves.tasks)]) - curves.parameters[:, 0]  # fmt: skip
    factor = [(weight / gap)[:k] @ left[k - 1] / ((weight / gap)[:k] @ alone[:k]) for k in (1, 2, 3)]
    np.testing.assert_allclose(growth.decline.mean_factor, factor, rtol=1e-7)
    again = grow(curves, TaskSettings(curves.tasks, weight, unserved=unserved, best=best), BUDGET, measure="progress")
    assert json_text(again.record()) == json_text(growth.record())


def test_several_metrics_without_what_compares_them_are_refused():
    curves = different(2, metric=("nats", "accuracy"))
    with pytest.raises(AllocationError, match="several metrics, so they are compared by progress, which needs the val"):
        grow(curves, default_tasks(curves.tasks), BUDGET)
    with pytest.raises(AllocationError, match="--measure progress"):
        grow(curves, default_tasks(curves.tasks), BUDGET, measure="value")
    with pytest.raises(AllocationError, match="by value or by progress, and not by 'score'"):
        grow(curves, default_tasks(curves.tasks), BUDGET, measure="score")


@pytest.mark.parametrize("order", ["given", "random"])
def test_of_many_tasks_some_sizes_are_shown_as_they_would_be_among_all(order):
    count = EVERY_SIZE + 6
    curves = different(count, draws=5)
    options = {"order": order, "orders": 2, "intervals": False}
    some = grow(curves, default_tasks(curves.tasks), BUDGET, **options)
    every = grow(curves, default_tasks(curves.tasks), BUDGET, **options, every_size=True)
    shown = shown_sizes(count)
    assert len(shown) < count
    rows, wanted = some.table(), every.table()
    wanted = wanted[wanted["n_tasks"].isin(shown)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rows, wanted, check_exact=True)
    if order == "given":
        assert len(every.table()) == count * (count + 1) // 2 and len(rows) == sum(shown)
    sizes = every.sizes_table()
    sizes = sizes[sizes["n_tasks"].isin(shown)].reset_index(drop=True)
    pd.testing.assert_frame_equal(some.sizes_table(), sizes, check_exact=True)
    # what is said of all sizes together does not hang on which are shown
    assert json_text(some.decline.record()) == json_text(every.decline.record())
    assert list(some.sizes.n_tasks) == shown and some.record()["shown"] == (shown if order == "given" else [count])


def test_a_task_alone_reaches_what_a_plan_for_it_alone_does(noisy_curves):
    budget, tasks = 30 * float(noisy_curves.largest["flops"].max()), default_tasks(noisy_curves.tasks)
    for reach in (10.0, np.inf):
        found = budget_sharing(noisy_curves, grow(noisy_curves, tasks, budget, reach=reach))
        for place, name in enumerate(noisy_curves.tasks):
            curve = noisy_curves.take(np.array([place]))
            plan = allocate(curve, plan_spec(curve, tasks.select((name,)), budget, reach=reach), draws=False)
            assert found.alone[place] == pytest.approx(plan.predicted[0], rel=1e-9)
