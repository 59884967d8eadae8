"""How far a plan goes beyond the runs is a matter of training: against the model itself, whatever the budget counts."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made

CURVES = made.chinchilla()
TASKS = default_tasks(CURVES.tasks)
SERVED = np.array([1e12, 0.0, 4e12])
PRICES = Prices(2.0, 1e15, 0.4)
CHECKPOINTS = {"checkpoint_params": np.array([2e9, np.nan, np.nan]), "checkpoint": np.array([5e10, np.nan, np.nan])}

ASKED = {
    "flops": ({}, {}, 1e22),
    "served": ({"served_tokens": SERVED}, {}, 1e22),
    "money": ({}, {"unit": "money", "prices": PRICES}, 20000.0),
    "money and served": ({"served_tokens": SERVED}, {"unit": "money", "prices": PRICES}, 20000.0),
    "data costs too": ({"unit_cost": np.full(3, 1e-8)}, {"unit": "money", "prices": PRICES}, 20000.0),
    "checkpoints": (CHECKPOINTS, {}, 1e22),
    "a checkpoint served": (CHECKPOINTS | {"served_tokens": SERVED}, {}, 1e22),
    "a menu": ({"served_tokens": SERVED + 1e11}, {"sizes": (3e8, 1e9, 3e9)}, 1e23),
    "the worst": ({"served_tokens": SERVED}, {"objective": "worst"}, 1e22),
    "tokens": ({"params": np.array([1e9, 2e9, 3e9])}, {"unit": "tokens"}, 1e12),
}


@pytest.mark.parametrize("strategy", ["specialists", "shared"])
@pytest.mark.parametrize("name", ASKED)
def test_extrapolation_is_of_the_training_that_the_model_has_had(name, strategy):
    task_settings, asked, budget = ASKED[name]
    shared = strategy == "shared"
    if shared and name in ("checkpoints", "a checkpoint served", "tokens"):
        pytest.skip("one shared model has no checkpoint, and one size")
    curves = made.one_model(CURVES) if shared else CURVES
    tasks = replace(TASKS, **task_settings)
    spec = plan_spec(curves, tasks, budget, strategy=strategy, **asked)
    plan = allocate(curves, spec, draws=False)
    unit = "tokens" if name == "tokens" else "flops"
    trained = plan.tokens if unit == "tokens" else 6 * plan.params * plan.tokens
    np.testing.assert_allclose(plan.extrapolation, trained / curves.largest[unit], rtol=1e-9)
    for scale, planned in {"params": plan.params, "tokens": plan.tokens, unit: trained}.items():
        if scale in plan.extrapolation_factors:
            nearest = np.clip(planned, curves.smallest[scale], curves.largest[scale])
            np.testing.assert_allclose(plan.extrapolation_factors[scale], planned / nearest, rtol=1e-9)
    # what is paid is more where the model is served: the spend is no measure of the training
    if "served" in name and spec.unit == "flops" and not spec.has_checkpoints:
        assert (plan.spend > trained * 1.001).any()
    given = Split(plan.spend, np.full(3, np.nan), np.full(3, np.nan))
    scored = evaluate(curves, spec, given, plan)
    # the size of one model for its worst task is searched for, to where its value no longer changes
    np.testing.assert_allclose(scored.objective, plan.objective, rtol=1e-9)
    np.testing.assert_allclose(
        scored.extrapolation, plan.extrapolation, rtol=1e-3 if shared and name == "the worst" else 1e-6
    )


def test_money_for_examples_extrapolates_in_examples():
    curves = made.power({"a": (1.0, 30.0, 0.3), "b": (0.5, 40.0, 0.4)}, scale="x", draws=12)
    tasks = replace(default_tasks(curves.tasks), unit_cost=np.array([1e-6, 4e-6]))
    plan = allocate(curves, plan_spec(curves, tasks, 1e5, unit="money"))
    examples = plan.spend / tasks.unit_cost
    np.testing.assert_allclose(np.exp(plan.log_inputs[:, 0]), examples, rtol=1e-9)
    np.testing.assert_allclose(plan.extrapolation, examples / curves.largest["x"], rtol=1e-9)
    natural = np.array([[1.0, 30.0, 0.3], [0.5, 40.0, 0.4]])
    np.testing.assert_allclose(plan.predicted, natural[:, 0] + natural[:, 1] * examples ** -natural[:, 2], rtol=1e-9)
