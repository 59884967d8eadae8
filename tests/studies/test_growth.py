"""What breadth costs."""

import numpy as np
import pytest

from budget.allocation.ask import ask
from budget.allocation.solve import allocate
from budget.studies.growth import grow, target_met
from budget.tables.tasks import Tasks, default_tasks


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
    plan = allocate(noisy_curves, ask(noisy_curves, tasks, 1e21), draws=False)
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
    tasks = Tasks(noisy_curves.tasks, np.array([1.0, 3.0, 2.0]), target, blank, blank, blank)
    growth = grow(noisy_curves, tasks, 1e21, order="weight")
    assert growth.names == ("code", "maths", "prose")
    assert target_met(growth.plans[-1]) == [None, True, False]
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
