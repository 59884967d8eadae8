"""How sure the sizes of a decision's models are, beside a search along every draw's own curve."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from budget.allocation.spec.objectives import OBJECTIVES
from budget.numerics.interval import interval
from budget.studies.decided_sizes import SizeRange, decided_sizes
from budget.studies.plan_decision import decide
from budget.tables.tasks import default_tasks
from tests.report.studies import make_study, with_a_shared_model

TOGETHER = ("prose", "code")


@pytest.fixture(scope="module")
def decided():
    """A study that shares a model, and what its decision chose among."""
    study = make_study(together=TOGETHER)
    compared = (with_a_shared_model(study.curves, TOGETHER), default_tasks(study.runs.tasks))
    found = decide(study.curves, compared[1], study.plan.spec.budget, study.question, compared, draws=False)
    return study, found


def distances(curves, cost, theta, log_params, spend):
    """(T,) distance of each task at a size that takes a spend, by parameters (T, P)."""
    tokens = spend / float(cost.flops(np.exp([log_params]), np.ones(1))[0])
    inputs = np.array([log_params, np.log(tokens)]) - np.log(curves.reference)
    return curves.form.value(theta, inputs)


def test_a_models_range_is_that_of_its_best_size_in_every_draw_at_its_spend(decided):
    study, found = decided
    strategies, planner = found.rivals
    assert len(study.size_ranges) == len(study.recommendation.models) == 2
    assert [each["low"] for each in study.record()["size_ranges"]] == [each.low for each in study.size_ranges]
    for model, size in zip(study.recommendation.models, study.size_ranges, strict=True):
        shared = next((each for each in strategies.shared if each.tasks == model.tasks), None)
        curves = shared.curves if shared else planner.served.curves
        curves = curves.take(np.array([curves.tasks.index(name) for name in model.tasks]))

        def worth(log_params, theta, curves=curves, spend=model.spend):
            return distances(curves, study.planned.cost, theta, log_params, spend).sum()

        best = [
            np.exp(minimize_scalar(worth, (10.0, 30.0), (10.0, 30.0), args=(theta,), method="bounded",
                                   options={"xatol": 1e-9}).x)
            for theta in curves.draws
        ]  # fmt: skip
        np.testing.assert_allclose([size.low, size.high], interval(np.array(best)), rtol=1e-4)
        least = worth(np.log(model.inputs["params"]), curves.parameters)
        for end in (size.near_low, size.near_high):
            assert worth(np.log(end), curves.parameters) == pytest.approx(least * 1.001, rel=1e-6)
        assert size.near_low < model.inputs["params"] < size.near_high


def test_no_range_is_told_where_a_size_is_given_or_another_objective_chose_it(decided):
    study, found = decided
    spec = found.spec
    given = replace(spec, params=np.full(3, 1e8))
    assert decided_sizes(study.recommendation, *found.rivals, given) == ()
    cheapest = replace(spec, objective=OBJECTIVES["cheapest"])
    assert decided_sizes(study.recommendation, *found.rivals, cheapest) == ()
    worst = replace(study.recommendation, asked=replace(spec, objective=OBJECTIVES["worst"]))
    told = dict(zip([model.tasks for model in worst.models], decided_sizes(worst, *found.rivals, spec), strict=True))
    assert np.isnan(told[TOGETHER].low) and np.isnan(told[TOGETHER].near_high)
    assert all(each.low < each.high for tasks, each in told.items() if len(tasks) == 1)


def test_without_draws_a_size_has_no_range_but_sizes_that_do_as_well():
    (size, *_) = make_study(together=TOGETHER, draws=0).size_ranges
    assert np.isnan(size.low) and size.near_low < size.near_high and size != SizeRange()
