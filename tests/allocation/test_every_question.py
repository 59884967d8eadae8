"""Every objective by every path: a plan that its own bound certifies, or one sentence; never another one's plan."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measure import measure_of
from budget.allocation.spec.objectives import MEASURES, OBJECTIVES, RISKS, Objective
from budget.allocation.spec.plan_spec import STRATEGIES
from budget.errors import AllocationError
from budget.portfolio import selection
from budget.portfolio.portfolio import choose
from budget.tables.candidates import read_candidates
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made
from tests.simulate import LINKS

CURVES = made.chinchilla(draws=6, link=made.link_of(LINKS, draws=6)).take(np.arange(2))
MODEL = made.one_model(CURVES)
BUDGET = 1e22
ROOM = (Limit("ratio", np.array([1.0, -1.0]), upper=0.0),)
MODES = [
    {},
    {"limits": ROOM},
    {"further": {"tokens": 1e11}},
    {"allow_unserved": True},
    {"sizes": (1e8, 1e9, 1e10)},
    {"at_least": 1},
]


def task_settings(measure):
    """Targets and unserved values that some spend reaches, in the measure's own unit."""
    tasks = default_tasks(CURVES.tasks)
    plan = allocate(CURVES, plan_spec(CURVES, tasks, BUDGET / 4, measure=measure), draws=False)
    worse = -0.2 if plan.higher_is_better else 2.0
    return replace(tasks, target=plan.predicted, unserved=plan.predicted + worse)


def stated(measure):
    return replace(task_settings("value" if measure == "progress" else measure), best=np.full(2, np.nan))


@pytest.mark.parametrize("measure", [None, *MEASURES])
@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_question_is_planned_with_a_certificate_or_refused_in_a_sentence(objective, strategy, measure):
    tasks, curves = stated(measure), MODEL if strategy == "shared" else CURVES
    planned = 0
    for risk, mode in itertools.product(RISKS, MODES):
        budget = None if objective == "cheapest" and not mode.get("further") else BUDGET
        try:
            spec = plan_spec(
                curves, tasks, budget, objective=objective, strategy=strategy, measure=measure, risk=risk, **mode
            )
            plan = allocate(curves, spec, draws=False)
        except AllocationError as error:
            assert len(str(error)) <= 300 and str(error).endswith(".") and "Nothing here computes" not in str(error)
            continue
        planned += 1
        assert plan.spec.objective == objective and plan.spec.risk == risk
        assert plan.objective == pytest.approx(_again(curves, plan), rel=1e-9)
        size = max(abs(plan.objective), abs(plan.bound))
        assert (plan.bound - plan.objective) * (1 if plan.larger_is_better else -1) >= -1e-6 * size
        assert plan.gap <= (0.2 if risk == "quantile" else 2e-3) * size
        if budget is not None:
            assert plan.total <= BUDGET * (1 + 1e-9)
    assert planned or (objective, strategy, measure) == ("cheapest", "shared", "score")  # no convex program


def _again(curves, plan):
    """The objective of a plan from its own table, without the package's sums."""
    spec = plan.spec
    if spec.objective == "cheapest":
        return plan.total
    if spec.objective == "targets":
        target, better = spec.tasks.target, -1 if plan.higher_is_better else 1
        return float((better * (plan.predicted - target) <= 1e-6 * np.abs(target)).sum())
    if spec.risk != "point":
        return plan.objective  # of the draws: tests of risk compute it
    values = plan.predicted
    if spec.measure.name == "progress":
        values = (spec.tasks.unserved - values) / (spec.tasks.unserved - curves.parameters[:, 0])
    worst = values.min() if plan.larger_is_better else values.max()
    return float(worst if spec.objective == "worst" else values.mean())


@pytest.mark.parametrize("convex", [True, False])
@pytest.mark.parametrize("mode", [{}, {"allow_unserved": True}, {"strategy": "shared"}, {"limits": ROOM}])
def test_an_objective_that_is_only_a_name_is_an_error_and_no_mean(monkeypatch, convex, mode):
    monkeypatch.setitem(OBJECTIVES, "median", Objective("median", "the middle task", convex=convex))
    tasks, curves = stated("value"), MODEL if mode.get("strategy") else CURVES
    for measure in ("value", "score"):
        with pytest.raises(AllocationError, match=r"computes the objective 'median'|no convex program"):
            allocate(curves, plan_spec(curves, tasks, BUDGET, objective="median", measure=measure, **mode), draws=False)


def test_a_measure_or_a_risk_that_is_only_a_name_is_an_error(monkeypatch):
    monkeypatch.setitem(MEASURES, "rank", "the task's rank")
    monkeypatch.setitem(RISKS, "spread", "the spread of the draws")
    tasks = stated("value")
    with pytest.raises(AllocationError, match="computes the measure 'rank'"):
        measure_of(CURVES, tasks, "rank")
    for mode in ({}, {"allow_unserved": True}):
        with pytest.raises(AllocationError, match="computes the risk 'spread'"):
            allocate(CURVES, plan_spec(CURVES, tasks, BUDGET, risk="spread", **mode), draws=False)


def test_a_portfolio_objective_that_is_only_a_name_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(selection, "OBJECTIVES", (*selection.OBJECTIVES, "median"))
    monkeypatch.setattr("budget.portfolio.portfolio_spec.OBJECTIVES", selection.OBJECTIVES)
    path = tmp_path / "candidates.csv"
    path.write_text("model,cost,task,value\na,1,x,2\nb,2,x,1\n")
    with pytest.raises(AllocationError, match="computes the objective 'median'"):
        choose(read_candidates(path), 2.0, objective="median")
