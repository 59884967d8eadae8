"""What a task's value is to a plan: values of one currency are added, the worst task is told by progress."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import measure_of
from budget.errors import AllocationError
from budget.tables.tasks import default_tasks
from tests import made

CHANNELS = {"billboards": (7e5, 8e4), "letters": (2.5e5, 9e3), "mail": (3e4, 1.5e3), "film": (1.2e5, 4e5)}
"""Best revenue of four channels in one currency, and the spend at which half of it is there."""


def revenue(**changes):
    """S-shaped revenue: the distance to the best follows ``m4`` from all of it to nothing."""
    natural = {name: (0.0, best, 1.0, 1.8, half) for name, (best, half) in CHANNELS.items()}
    best = np.array([each[0] for each in CHANNELS.values()])
    count = len(natural)
    stated = {"higher_is_better": np.ones(count, dtype=bool), "ceiling": best, "best": best}
    halves = [half for _, half in CHANNELS.values()]
    return made.curves_of(
        "m4", ("x",), natural, reference=(1e4,), metric=("value",) * count,
        smallest={"x": np.array(halves) / 5}, largest={"x": np.array(halves) * 5}, **(stated | changes),
    )  # fmt: skip


def task_settings(curves, **columns):
    return replace(
        default_tasks(curves.tasks), **{name: np.array(value, dtype=float) for name, value in columns.items()}
    )


def best_by_brute_force(curves, budget: float, steps: int) -> float:
    """The largest total revenue by dynamic programming over a grid of spends."""
    spends = np.linspace(0, budget, steps + 1)
    total = np.zeros(steps + 1)
    for task in range(len(curves.tasks)):
        at = np.log(np.maximum(spends, 1e-9))[:, None]
        value = curves.ceiling[task] - curves.distance(np.full(len(at), task), at)
        value[0] = 0.0
        total = np.array([(total[: last + 1] + value[: last + 1][::-1]).max() for last in range(steps + 1)])
    return float(total[-1])


@pytest.mark.parametrize("budget", [3e4, 1.5e5, 4e5])
def test_revenue_in_one_currency_is_added(budget):
    curves = revenue()
    tasks = task_settings(curves, unserved=[0] * 4)
    plan = allocate(curves, plan_spec(curves, tasks, budget, allow_unserved=True), draws=False)
    assert plan.spec.measure.name == "value"
    brute = best_by_brute_force(curves, budget, 1000)
    total = 4 * plan.objective
    assert total == pytest.approx(plan.predicted.sum(), rel=1e-9) and plan.spend.sum() <= budget * (1 + 1e-9)
    assert total >= brute * (1 - 1e-4) and 4 * plan.bound >= brute
    weighted = replace(tasks, weight=curves.best)
    progress = allocate(
        curves, plan_spec(curves, weighted, budget, allow_unserved=True, measure="progress"), draws=False
    )
    assert progress.predicted.sum() == pytest.approx(total, rel=1e-3)  # weight = best − unserved gives the total


def test_ends_that_nobody_stated_may_be_of_different_units():
    curves = revenue(best=np.full(4, np.nan))
    with pytest.raises(AllocationError, match="different units: best possible values from 30000 to 700000, by their"):
        plan_spec(curves, default_tasks(curves.tasks), 1e5)
    stated = task_settings(curves, best=curves.ceiling)
    assert plan_spec(curves, stated, 1e5).measure.name == "value"
    with pytest.raises(AllocationError, match="weight of best − unserved gives the total"):
        plan_spec(curves, replace(stated, best=np.array([np.nan, 2.5e5, np.nan, 1.2e5])), 1e5)


def test_metrics_that_differ_are_sent_to_progress():
    curves = replace(made.power({"a": (1.0, 1e4, 0.3), "b": (0.5, 1e4, 0.3)}), metric=("nats", "bits"))
    with pytest.raises(AllocationError, match="--measure progress, where a weight of best − unserved") as told:
        measure_of(curves, default_tasks(curves.tasks), "value")
    assert len(str(told.value)) <= 300


EASY_AND_HARD = {"easy": (0.05, 2e6, 0.35), "hard": (2.5, 2e6, 0.35)}


def test_the_worst_task_is_told_by_progress_where_it_can_be():
    """By values the easy task, which ends far below the hard one, is starved; by progress both are alike."""
    curves = made.power(EASY_AND_HARD)
    tasks = task_settings(curves, unserved=[3.0, 5.45])  # equal gaps of 2.95: the tasks differ in their floor only
    by_value = allocate(curves, plan_spec(curves, tasks, 1e20, objective="worst", measure="value"), draws=False)
    assert by_value.spend[0] < 1e-2 * by_value.spend[1]
    assert not any(note.startswith("The worst task is told") for note in by_value.notes)
    plan = allocate(curves, plan_spec(curves, tasks, 1e20, objective="worst"), draws=False)
    assert plan.spec.measure.name == "progress"
    np.testing.assert_allclose(plan.spend, 5e19, rtol=1e-6)
    assert "told by progress" in plan.notes[0] and "between 0.05 and 2.5" in plan.notes[0]


def test_without_unserved_values_the_worst_task_is_told_by_its_value_and_it_is_said():
    curves = made.power(EASY_AND_HARD)
    spec = plan_spec(curves, default_tasks(curves.tasks), 1e20, objective="worst")
    assert spec.measure.name == "value" and "column" in spec.measure.note
    assert "easy ones nearly nothing" in allocate(curves, spec, draws=False).notes[0]


def test_alike_tasks_keep_their_values():
    curves = made.power({"a": (1.0, 2e6, 0.35), "b": (1.0, 4e6, 0.35)})
    spec = plan_spec(curves, task_settings(curves, unserved=[5, 5]), 1e20, objective="worst")
    assert spec.measure.name == "value" and spec.measure.note == ""


def test_the_best_value_of_the_fit_counts_in_progress():
    curves = replace(made.power(EASY_AND_HARD), best=np.array([0.01, np.nan]), bounds=(("E",), ()))
    measure = measure_of(curves, task_settings(curves, unserved=[3, 6]), "progress")
    np.testing.assert_allclose(1 / measure.scale, [2.99, 3.5])
    kept = replace(curves, unserved=np.array([3.0, 6.0]))
    np.testing.assert_allclose(measure_of(kept, default_tasks(kept.tasks), "progress").scale, measure.scale)


def test_a_plan_says_where_its_curves_are_worse_than_unserved():
    """Prediction and objective are cut there, the bound speaks of the curves that the plan is made on."""
    curves = made.power({"a": (1.0, 2e6, 0.35), "b": (1.0, 2e6, 0.35)}, draws=20)
    at_plan = float(curves.distance(np.array([1]), np.log([[1e17]]))[0])
    tasks = task_settings(curves, unserved=[9, 0.9 * at_plan], max=[np.nan, 1e17])
    assert curves.distance(np.array([1]), np.log([[1e20]]))[0] < 0.9 * at_plan
    plan = allocate(curves, plan_spec(curves, tasks, 1e19), draws=False)
    assert plan.predicted[1] == plan.high[1] == 0.9 * at_plan and plan.predicted[0] < 9
    assert plan.objective == pytest.approx(plan.predicted.mean()) and plan.gap < 1e-6
    assert plan.planned_objective == pytest.approx((plan.predicted[0] + at_plan) / 2)
    (said,) = [note for note in plan.notes if "worse than unserved" in note]
    assert f"the curve of b (unserved {0.9 * at_plan:.4g})" in said and "--allow-unserved" in said
    risky = allocate(curves, plan_spec(curves, tasks, 1e19, risk="mean"), draws=False)
    assert any("draws some are worse than unserved" in note and "b (" in note for note in risky.notes)
