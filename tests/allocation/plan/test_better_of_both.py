"""A plan is never predicted worse than a split by hand that it is compared with, whatever curves it is made on."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.plan.baselines import GREEDY, RULE_OF_THUMB, UNIFORM
from budget.allocation.plan.better_of_both import BY_HAND
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.tables.tasks import TaskSettings
from tests.made import chinchilla, one_model
from tests.simulate import Truth

BUDGET = 1e21


def apart(seed, wide):
    """Curves that plans are made on and predictions that differ from them."""
    random = np.random.default_rng(seed)

    def truths(factor):
        return {
            f"t{at}": Truth(*(each * np.exp(factor * random.normal()) for each in (1.5, 400.0, 0.33, 500.0, 0.3)))
            for at in range(3)
        }

    planned, told = chinchilla(truths(0.1), draws=5), chinchilla(truths(wide), draws=5)
    return planned, told


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10**6),
    st.floats(0.02, 0.3),
    st.sampled_from(["mean", "worst"]),
    st.sampled_from([SPECIALISTS, "shared"]),
    st.sampled_from(["point", "mean"]),
)
def test_no_split_by_hand_is_predicted_better_than_the_plan(seed, wide, objective, strategy, risk):
    planned, told = apart(seed, wide)
    if strategy == "shared":
        planned, told = one_model(planned), one_model(told)
    curves = replace(planned, prediction=told)
    weight = np.random.default_rng(seed).uniform(1, 3, 3)
    risk = risk if objective == "mean" and strategy == SPECIALISTS else "point"
    spec = plan_spec(
        curves, TaskSettings(curves.tasks, weight=weight), BUDGET, objective=objective, strategy=strategy,
        measure="value", risk=risk,
    )  # fmt: skip
    plan = allocate(curves, spec, draws=False, route="dual")
    hand = [each for each in plan.baselines if each.is_feasible and each.name != GREEDY]
    assert hand and plan.objective <= min(each.objective for each in hand) * (1 + 1e-7)
    # the bound is of the curves that the plan is made on, and holds for whatever is shown
    assert plan.bound <= plan.planned_objective * (1 + 1e-7)


def test_a_rule_of_thumb_that_is_predicted_better_is_the_plan():
    """Predictions at which 20 tokens a parameter are right, and curves that would have far smaller models."""
    planned = one_model(chinchilla({"text": Truth(1.7, 40.0, 0.34, 4000.0, 0.28)}))
    told = one_model(chinchilla({"text": Truth(1.7, 406.4, 0.34, 410.7, 0.28)}))
    curves = replace(planned, prediction=told)
    spec = plan_spec(curves, TaskSettings(curves.tasks), BUDGET, strategy="shared")
    plan = allocate(curves, spec, draws=False)
    (rule,) = [each for each in plan.baselines if each.name == RULE_OF_THUMB]
    assert plan.solver == BY_HAND and plan.solver_status == RULE_OF_THUMB
    assert plan.objective == pytest.approx(rule.objective, rel=1e-12)
    assert plan.tokens[0] / plan.params[0] == pytest.approx(20.0, rel=1e-9)
    assert any(note.startswith(f"The plan is {RULE_OF_THUMB}: it is predicted to reach") for note in plan.notes)
    same = allocate(told, plan_spec(told, TaskSettings(told.tasks), BUDGET, strategy="shared"), draws=False)
    assert same.solver != BY_HAND and same.objective < plan.objective


def test_equal_parts_are_the_plan_where_they_are_predicted_better():
    alike = {name: Truth(1.7, 400.0, 0.34, 410.0, 0.28) for name in ("a", "b")}
    other = {"a": alike["a"], "b": replace(alike["b"], A=40.0, B=40.0)}
    curves = replace(chinchilla(other), prediction=chinchilla(alike))
    plan = allocate(curves, plan_spec(curves, TaskSettings(curves.tasks), BUDGET, measure="value"), draws=False)
    assert plan.solver == BY_HAND and plan.solver_status == UNIFORM
    np.testing.assert_allclose(plan.spend, BUDGET / 2, rtol=1e-9)
