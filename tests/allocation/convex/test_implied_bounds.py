"""The ends that limits imply, against linear programs; and plans that limits force far from an equal split."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from budget.allocation.convex.implied_bounds import implied_ends
from budget.allocation.convex.problem import LinearConstraint, Problem
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.planning_forms.posynomial import Posynomial
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_plan_lies_outside_and_one_limit_alone_is_met_exactly(data):
    models = data.draw(st.integers(1, 4))
    whole = st.lists(st.integers(-2, 2), min_size=models, max_size=models)
    rows = tuple(
        LinearConstraint(f"row {at}", 0, np.array(data.draw(whole), dtype=float), float(data.draw(st.integers(-4, 4))))
        for at in range(data.draw(st.integers(0, 3)))
    )
    unit = Posynomial(np.zeros(models), np.zeros((models, 1)), np.ones((models, 1, 1)))
    problem = Problem(unit, unit, 4.0, np.zeros(models), np.full(models, 4.0), (), rows)
    low, high = implied_ends(problem)
    lines, right = [*(row.coefficient for row in rows), np.ones(models)], [*(row.upper for row in rows), 4.0]
    for model, goal in enumerate(np.eye(models)):
        least, most = (linprog(sign * goal, lines, right, method="highs") for sign in (1, -1))
        assume(least.status == 0)
        assert low[model] <= least.fun + 1e-9 and high[model] >= -most.fun - 1e-9
        if len(rows) == 0:
            assert low[model] == 0 and high[model] == 4


@pytest.mark.parametrize("share", [1e-3, 1e-8, 1e-12])
@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_limits_that_force_next_to_nothing_are_planned(share, objective):
    """Two tasks held together to a part of the budget that a solver's tolerance would lose."""
    curves = made.chinchilla()
    tasks, budget = default_tasks(curves.tasks), 1e24
    both = Limit("both", np.array([1.0, 1.0, 0.0]), upper=share * budget)
    plan = allocate(curves, plan_spec(curves, tasks, budget, objective=objective, limits=(both,)), draws=False)
    assert plan.spend[:2].sum() <= share * budget * (1 + 1e-6)
    assert plan.gap <= 1e-6 * plan.objective
    # what the limit leaves is split as a budget of its own
    pair = curves.take(np.arange(2))
    alone = allocate(pair, plan_spec(pair, tasks.select(pair.tasks), share * budget, objective=objective), draws=False)
    fold = np.max if objective == "worst" else np.mean
    np.testing.assert_allclose(fold(plan.predicted[:2]), fold(alone.predicted), rtol=1e-5)
    tied = replace(both, name="tied", coefficient=np.array([1.0, -3.0, 0.0]), upper=0.0)
    plan = allocate(curves, plan_spec(curves, tasks, budget, objective=objective, limits=(both, tied)), draws=False)
    assert plan.spend[0] <= 3 * plan.spend[1] * (1 + 1e-6)
