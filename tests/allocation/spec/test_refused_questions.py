"""Questions that do not fit the curves, the tasks or each other are refused in a sentence."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.errors import AllocationError
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made
from tests.allocation.convex.limited_plans import CURVES, PRICES, TASKS

SHARED = made.one_model(CURVES)
POWER = made.power({"a": (0.5, 1e3, 0.2), "b": (0.4, 1e4, 0.3)})
REPEAT = made.repeat()
COMPUTE = {"further": {"flops": 1e22}}


@pytest.mark.parametrize(
    ("curves", "task_settings", "asked", "sentence"),
    [
        (CURVES, {}, {"budget": None}, "A plan needs a budget: give --budget NUMBER"),
        (CURVES, {}, {"freeze": ["poetry"]}, "--freeze poetry: the tasks are prose, code, maths"),
        (CURVES, {}, {"freeze": ["prose"]}, "its current spend is unknown; fill column 'current'"),
        (CURVES, {"current": np.array([0.0, 1.0, 1.0])}, {"freeze": ["prose"]}, "its current spend is unknown"),
        (SHARED, {"params": np.array([1e8, 1e9, 1e8])}, {"unit": "tokens"}, "column 'params' names several"),
        (CURVES, {}, {"unit": "tokens", "params": float("inf")}, "--params is inf; give a positive number"),
        (CURVES, {}, {"strategy": "shared"}, "cannot say what one shared model reaches"),
        (POWER, {}, {"params": 1e9}, "--params has no meaning for a law of flops alone"),
        (POWER, {}, {"unit": "tokens"}, "These curves read flops, so the budget is counted in it"),
        (CURVES, {}, {"further": {"x": 1.0}}, "--limit x: these curves are planned in flops, tokens, money"),
        (CURVES, {}, {"further": {"flops": 1.0}}, "--limit flops counts what --budget counts already"),
        (CURVES, {}, {"further": {"tokens": -1.0}}, "--limit tokens is -1; give a positive number"),
        (CURVES, {}, {"further": {"tokens": float("nan")}}, "--limit tokens is nan"),
        (CURVES, {}, {"limits": [Limit("a", np.ones(3), "x", upper=1.0)]}, "Limit 'a' counts x"),
        (SHARED, {"min": np.array([1e20, np.nan, np.nan])}, {}, "one shared model has one spend"),
        (CURVES, {}, {"objective": "targets"}, "counts targets: fill column 'target'"),
        (CURVES, {}, {"objective": "cheapest"}, "fill column 'target' of the tasks file for prose, code, maths"),
        (CURVES, {}, {"at_least": 2}, "--at-least is for --objective cheapest"),
        (CURVES, {"target": np.ones(3)}, {"objective": "cheapest", "at_least": 4}, "--at-least is 4; there are 3"),
        (CURVES, {"target": np.ones(3)}, {"objective": "cheapest", "at_least": 0}, "--at-least is 0"),
        (CURVES, {}, {"risk": "worst"}, "Risk 'worst' is unknown; choose point, mean, cvar, quantile"),
        (CURVES, {}, {"risk": "mean"}, "--risk mean needs draws: fit again with --draws 200"),
        (CURVES, {}, {"objective": "median"}, "Objective 'median' is unknown; choose mean, worst, targets, cheapest"),
        (CURVES, {}, {"measure": "beauty"}, "Measure 'beauty' is unknown; choose value, progress, score"),
        (CURVES, {}, {"strategy": "moe"}, "Strategy 'moe' is unknown; choose specialists, shared"),
        (CURVES, {}, {"measure": "score"}, "no link to a score: fit again with --loss-metric and --score-metric"),
        (CURVES, {}, {"measure": "progress"}, "fill column 'unserved' of the tasks file for prose, code, maths"),
        (CURVES, {"unserved": np.ones(3)}, {"measure": "progress"}, "unserved value of prose, maths is no worse"),
        (CURVES, {}, {"sizes": [1e8], "unit": "tokens", "params": 1e8}, "here it chooses none"),
        (POWER, {}, {"sizes": [1e8]}, "here it chooses none"),
        (CURVES, {}, {"sizes": [1e8, -1.0]}, "--sizes must be positive numbers"),
        (CURVES, {"checkpoint": np.full(3, 1e9)}, {}, "fill column 'checkpoint_params'"),
        (
            CURVES,
            {"checkpoint": np.full(3, 1e9), "checkpoint_params": np.full(3, 1e8)},
            {"unit": "tokens", "params": 1e9, "budget": 1e11},
            "The checkpoints of prose, code, maths have another size than --params",
        ),
        (REPEAT, {}, {}, "needs column 'unique_tokens' of the tasks file for every task"),
        (CURVES, {}, {"allow_unserved": True}, "fill column 'unserved' of the tasks file for prose, code, maths"),
        (SHARED, {"unserved": np.full(3, 9.0)}, {"allow_unserved": True}, "one shared model serves every task"),
        (CURVES, {}, {"sizes": [1e8], "further": {"tokens": 1e11}}, "it takes one budget with min and max"),
        (
            CURVES,
            {},
            {"sizes": [1e8], "limits": [Limit("a", np.ones(3), upper=1e21)]},
            "leave out --limit and --limits",
        ),
        (CURVES, {"weight": np.array([1.0, 0.0, 1.0])}, {}, "weight of code is 0; give a positive number"),
        (CURVES, {"weight": np.array([1.0, -2.0, 1.0])}, {}, "weight of code is -2; give a positive number"),
        (CURVES, {"weight": np.array([1.0, np.nan, 1.0])}, {}, "weight of code is nan; give a positive number"),
        (CURVES, {}, {"prices": PRICES}, "and nothing here is counted in money"),
    ],
)  # fmt: skip
def test_questions_that_do_not_fit_are_refused(curves, task_settings, asked, sentence):
    tasks = replace(default_tasks(curves.tasks), **task_settings)
    with pytest.raises(AllocationError, match=sentence):
        plan_spec(curves, tasks, **({"budget": 1e21} | asked))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 2.0])
def test_levels_that_are_no_share_are_refused(level):
    curves = made.chinchilla(draws=5)
    with pytest.raises(AllocationError, match="it is a share of the draws"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", level=level)
    with pytest.raises(AllocationError, match="--risk cvar is for --objective mean"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", objective="worst")
    with pytest.raises(AllocationError, match="has no proven plan; use --risk mean or point"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", sizes=[1e8])
    with pytest.raises(AllocationError, match="--risk mean is for --strategy specialists"):
        plan_spec(made.one_model(curves), TASKS, 1e21, risk="mean")


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0.0, 1e15, 0.4), "--price is 0; give a positive number"),
        ((1.0, float("inf"), 0.4), "--peak is inf"),
        ((1.0, 1e15, float("nan")), "--mfu is nan"),
        ((1.0, 1e15, 1.5), "--mfu is 1.5; it is a share of the peak"),
    ],
)
def test_prices_that_are_none_are_refused(numbers, sentence):
    with pytest.raises(AllocationError, match=sentence):
        Prices(*numbers)


@pytest.mark.parametrize(
    ("curves", "cost", "asked", "sentence"),
    [
        (
            CURVES,
            np.full(3, np.nan),
            COMPUTE,
            "needs prices: fill column 'unit_cost' of the tasks file for prose, code",
        ),
        (CURVES, np.array([1.0, np.nan, 1.0]), COMPUTE, "fill column 'unit_cost' of the tasks file for code"),
        (CURVES, np.ones(3), {}, "pays for data alone, so that models of any size would cost the same"),
        (POWER, np.ones(2), {"prices": PRICES}, "these curves read FLOPs alone"),
        (made.power({"a": (0.5, 1e2, 0.2)}, scale="tokens"), np.ones(1), {"prices": PRICES}, "how many a run takes"),
        (SHARED, np.array([1.0, 2.0, 1.0]), COMPUTE, "The tasks have different unit_cost"),
    ],
)
def test_money_without_prices_is_refused(curves, cost, asked, sentence):
    tasks = replace(default_tasks(curves.tasks), unit_cost=cost)
    with pytest.raises(AllocationError, match=sentence):
        allocate(curves, plan_spec(curves, tasks, 1e5, unit="money", **asked), draws=False)
