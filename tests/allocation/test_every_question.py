"""Every objective by every path: a plan that its own bound certifies, or one sentence; never another one's plan."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.plan_spec import STRATEGIES
from budget.allocation.spec.risks import RISKS
from budget.errors import AllocationError
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
        assert plan.spec.objective.name == objective and plan.spec.risk.name == risk
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
    if spec.objective.name == "cheapest":
        return plan.total
    if spec.objective.name == "targets":
        target, better = spec.tasks.target, -1 if plan.higher_is_better else 1
        return float((better * (plan.predicted - target) <= 1e-6 * np.abs(target)).sum())
    if spec.risk.name != "point":
        return plan.objective  # of the draws: tests of risk compute it
    values = plan.predicted
    if spec.measure.name == "progress":
        values = (spec.tasks.unserved - values) / (spec.tasks.unserved - curves.parameters[:, 0])
    worst = values.min() if plan.larger_is_better else values.max()
    return float(worst if spec.objective.name == "worst" else values.mean())


@pytest.mark.parametrize("mode", [{}, {"allow_unserved": True}, {"strategy": "shared"}, {"limits": ROOM}])
@pytest.mark.parametrize("word", ["objective", "measure", "risk"])
def test_a_word_that_is_in_no_table_is_an_error_and_no_mean(word, mode):
    tasks, curves = stated("value"), MODEL if mode.get("strategy") else CURVES
    with pytest.raises(AllocationError, match=rf"{word.capitalize()} 'median' is unknown; choose "):
        plan_spec(curves, tasks, BUDGET, **{word: "median"}, **mode)


@pytest.mark.parametrize("word", ["objective", "risk"])
def test_a_portfolio_of_an_unknown_word_is_an_error(word, tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text("model,cost,task,value\na,1,x,2\nb,2,x,1\n")
    with pytest.raises(AllocationError, match=rf"{word.capitalize()} 'median' is unknown; choose mean, "):
        choose(read_candidates(path), 2.0, **{word: "median"})
