"""A task that a plan of targets leaves out is given nothing, and no model of one parameter on one token."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.tables.tasks import default_tasks
from tests import made

CURVES = made.chinchilla()
UNSERVED = np.array([9.0, 7.0, 8.0])
TARGETS = np.array([2.4, 1.9, 2.2])


def planned(budget, **asked):
    tasks = replace(default_tasks(CURVES.tasks), target=TARGETS, **asked.pop("tasks", {}))
    return allocate(CURVES, plan_spec(CURVES, tasks, budget, reach=np.inf, **asked), draws=False)


def test_what_the_cheapest_plan_leaves_out_is_worth_its_unserved_value():
    needed = planned(None, objective="cheapest").spend
    plan = planned(None, objective="cheapest", at_least=2, tasks={"unserved": UNSERVED})
    out = int(needed.argmax())
    kept = np.delete(np.arange(3), out)
    assert plan.spend[out] == 0 and plan.predicted[out] == UNSERVED[out] and plan.binding[out] == "unserved"
    assert np.isnan(plan.params[out]) or plan.params[out] == 0
    assert plan.served.sum() == 2
    assert plan.total == pytest.approx(needed[kept].sum(), rel=1e-6)
    assert plan.gap == pytest.approx(0.0, abs=1e-9 * plan.total)
    assert not any("worse than unserved" in note for note in plan.notes)


def test_a_minimum_is_still_spent_on_what_is_left_out():
    needed = planned(None, objective="cheapest").spend
    least = np.where(needed == needed.max(), 1e18, np.nan)
    plan = planned(None, objective="cheapest", at_least=2, tasks={"unserved": UNSERVED, "min": least})
    assert plan.spend[needed.argmax()] == pytest.approx(1e18)
    assert plan.served.all()


def test_without_a_stated_unserved_value_the_smallest_model_stands():
    plan = planned(None, objective="cheapest", at_least=2)
    assert plan.served.all() and np.isfinite(plan.predicted).all()
