"""Every question keeps its promises: limits, sums, each task once, and the numbers that the curves themselves tell."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.spec.plan_question import PlanQuestion
from budget.errors import InfeasibleError
from budget.studies.plan_decision import decide
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import TaskSettings
from tests.studies.sharing.test_share_tasks import BUDGET, FEW, FILES, OFF, File

QUESTIONS = {
    "mean": {},
    "worst": {"objective": "worst"},
    "targets": {"objective": "targets", "risk": "point"},
    "expected targets": {"objective": "targets", "risk": "mean"},
    "cheapest": {"objective": "cheapest"},
    "at least": {"objective": "cheapest", "at_least": 2},
    "over the draws": {"risk": "mean"},
    "cvar": {"risk": "cvar", "level": 0.5},
}


def as_fitted(served: StrategyCurves, stated: TaskSettings) -> StrategyCurves:
    """Curves told as a fit leaves them: no prediction is worse than giving the task nothing."""
    return replace(served, curves=served.curves.bounded_by(stated.select(served.tasks).unserved)[0])


@settings(FEW, max_examples=40)
@given(*FILES, st.sampled_from(sorted(QUESTIONS)), OFF, st.sampled_from(["", "nothing", "limit", "max", "split"]))
def test_whatever_is_asked_is_kept(tasks, sets, seed, name, off, more):
    asked = QUESTIONS[name]
    file = File(tasks, sets, seed, draws=12, off=off)
    stated = file.settings
    alone, *shared = (as_fitted(each, stated) for each in (file.strategies.specialists, *file.strategies.shared))
    strategies, curves = FittedStrategies(alone, tuple(shared)), alone.curves
    question = PlanQuestion(measure="value", **asked)
    total = None if asked.get("objective") == "cheapest" else BUDGET
    if more == "nothing" and name not in ("over the draws", "cvar"):
        question = replace(question, allow_unserved=True)
    elif more == "limit" and name in ("mean", "worst", "over the draws"):
        some = np.array([1.0, 1.0, *[0.0] * (tasks - 2)])
        question = replace(question, limits=(Limit("some", some, upper=0.4 * BUDGET),))
    elif more == "max" and total is not None:
        stated = replace(stated, max=np.full(tasks, 0.6 * BUDGET))
    elif more == "split" and total is not None:
        none = np.full(tasks, np.nan)
        question = replace(question, split=Split(np.full(tasks, BUDGET / tasks), none, none))
    try:
        found = decide(curves, stated, total, question, (strategies, stated), draws=False)
    except InfeasibleError as error:
        assert total is None and "target" in str(error)  # no curve reaches it: nothing else is impossible here
        return
    plan, decision, every = found.plan, found.recommendation, np.arange(tasks)
    served = plan.spend > 0
    value, low, high = curves.predict(every, np.where(served[:, None], plan.log_inputs, 0.0))
    np.testing.assert_array_equal(plan.predicted, np.where(served, value, stated.unserved))
    np.testing.assert_array_equal(plan.low[served], low[served])
    np.testing.assert_array_equal(plan.high[served], high[served])
    spends = [plan.spend]
    if decision is not None:
        spends.append(np.array([decision.plan.spend[decision.plan.tasks.index(each)] for each in file.names]))
        given_nothing = decision.plan.leaves_out
        assert sorted([*given_nothing, *(t for model in decision.models for t in model.tasks)]) == sorted(file.names)
        known = {(each.strategy, each.tasks): each.curves for each in strategies.shared}
        known |= {("specialists", (each,)): curves.take(np.array([at])) for at, each in enumerate(file.names)}
        for model in decision.models:
            inputs = np.log(np.full((len(model.tasks), 1), model.spend))
            there = known[model.strategy, model.tasks].predict(np.arange(len(model.tasks)), inputs)[0]
            told = [decision.plan.predicted[decision.plan.tasks.index(each)] for each in model.tasks]
            np.testing.assert_allclose(told, there, rtol=1e-9)
        if total is not None:
            assert sum(model.spend for model in decision.models) <= BUDGET * (1 + 1e-7)
    if total is not None:
        assert plan.spend.sum() <= BUDGET * (1 + 1e-7)
    for spend in spends:
        assert more != "max" or total is None or (spend <= 0.6 * BUDGET * (1 + 1e-7)).all()
    if question.limits:
        assert plan.spend[:2].sum() <= 0.4 * BUDGET * (1 + 1e-6)
        if decision is not None:
            counted = sum(model.spend for model in decision.models if {"t0", "t1"} & set(model.tasks))
            assert counted <= 0.4 * BUDGET * (1 + 1e-6)
    if name == "mean" and more != "split":
        assert plan.objective == pytest.approx(found.spec.weight @ plan.predicted, rel=1e-9)
