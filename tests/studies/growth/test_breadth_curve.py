"""What tasks keep of their gain alone as more share one budget, beside plans made set by set."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.studies.growth.breadth_curve import breadth_curve
from budget.studies.growth.task_orders import joining_orders
from budget.studies.strategies.specialist_subsets import Subsets
from budget.tables.tasks import default_tasks
from tests import made

CURVES = made.chinchilla(draws=0)
BUDGET = 1e21


def subsets(unserved=5.0, weight=None, curves=CURVES):
    count = len(curves.tasks)
    tasks = default_tasks(curves.tasks)
    tasks = replace(
        tasks,
        unserved=np.full(count, unserved),
        weight=np.ones(count) if weight is None else np.asarray(weight, dtype=float),
    )
    return Subsets(curves, plan_spec(curves, tasks, BUDGET))


def test_a_set_keeps_what_its_own_plan_reaches_of_what_each_reaches_alone():
    found = subsets(weight=np.arange(1.0, len(CURVES.tasks) + 1))
    curve = breadth_curve(found, seed=3)
    spec = found.spec
    orders = joining_orders(found, "random", 40, 3)
    assert curve.orders == len(orders) and curve.n_tasks[-1] == len(CURVES.tasks)

    def reached(pick):
        tasks = spec.tasks.select(tuple(CURVES.tasks[each] for each in pick))
        return allocate(CURVES.take(pick), plan_spec(CURVES.take(pick), tasks, BUDGET)).predicted

    alone = np.array([reached(np.array([task]))[0] for task in range(len(CURVES.tasks))])
    np.testing.assert_allclose(curve.alone, alone, rtol=1e-6)
    for at, size in enumerate(curve.n_tasks):
        sets = np.unique(np.sort(orders[:, :size], axis=1), axis=0, return_counts=True)
        kept = [
            np.average((5.0 - reached(pick)) / (5.0 - alone[pick]), weights=spec.tasks.weight[pick]) for pick in sets[0]
        ]
        assert curve.kept[at] == pytest.approx(np.average(kept, weights=sets[1]), rel=1e-6)
    assert curve.kept[0] == pytest.approx(1.0) and (np.diff(curve.kept) < 0).all()
    assert (curve.low <= curve.kept + 1e-12).all() and (curve.kept <= curve.high + 1e-12).all()
    assert curve.of(reached(np.arange(len(alone)))) == pytest.approx(curve.kept[-1], rel=1e-6)
    assert curve.of(alone) == pytest.approx(1.0) and curve.of(curve.unserved) == 0.0


def test_nothing_is_told_of_one_task_or_of_gains_that_are_unknown():
    assert breadth_curve(subsets(np.nan)) is None
    assert breadth_curve(subsets(0.1)) is None  # better than any model
    assert breadth_curve(subsets(curves=CURVES.take(np.array([0])))) is None
