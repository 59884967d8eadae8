"""What a plan reports is the prediction; what is proven of it speaks of the curves that it was made on."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.convex.best_size import last_input
from budget.allocation.evaluate import evaluate
from budget.allocation.plan.baselines import GREEDY
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import cost_of
from budget.numerics.interval import interval
from budget.report.sentences.plan_sentences import comparison, plan_summary
from budget.report.written_numbers import difference
from budget.studies.growth.growth import grow
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made

BUDGET = 1e21


def told_otherwise(seed=0, **changes):
    """Curves of three tasks that plans are made on, and predictions of another level and slope."""
    planned = made.chinchilla(draws=30, seed=seed, **changes)
    shift = np.random.default_rng(seed).normal(0.0, 0.05, size=planned.parameters.shape)
    theta = planned.parameters + shift * np.abs(planned.parameters)
    prediction = replace(planned, parameters=theta, draws=planned.draws + (theta - planned.parameters))
    return replace(planned, prediction=prediction), prediction


def test_every_number_of_a_plan_is_the_predictions():
    curves, prediction = told_otherwise()
    spec = plan_spec(curves, default_tasks(curves.tasks), BUDGET)
    plan, every = allocate(curves, spec), np.arange(3)
    value, low, high = prediction.predict(every, plan.log_inputs)
    np.testing.assert_array_equal([plan.predicted, plan.low, plan.high], [value, low, high])
    assert plan.objective == pytest.approx(value.mean(), rel=1e-12)
    drawn = prediction.distance_draws(every, plan.log_inputs).mean(axis=1)
    assert plan.objective_low == pytest.approx(min(interval(drawn)[0], plan.objective))
    for baseline in plan.baselines:
        assert baseline.objective == pytest.approx(baseline.predicted.mean(), rel=1e-12)
    # the split is the one that is best on the curves that plans are made on, and proven there
    alone = allocate(replace(curves, prediction=None), spec, draws=False)
    np.testing.assert_allclose(plan.spend, alone.spend, rtol=1e-6)
    assert plan.planned_objective == pytest.approx(alone.objective, rel=1e-9)
    assert plan.gap == pytest.approx(alone.gap, abs=1e-9) and not plan.is_planned_as_told and alone.is_planned_as_told
    assert "on the curves that it is planned on" in plan_summary(plan)
    assert "planned on" not in plan_summary(alone)
    assert json.loads(json.dumps(plan.record()))["planned_objective"] == plan.planned_objective


def test_a_greedy_split_that_is_told_better_says_what_it_is_on_the_curves_of_the_proof():
    curves, _ = told_otherwise()
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), BUDGET), draws=False)
    greedy = next(each for each in plan.baselines if each.name == GREEDY)
    told_better = replace(
        greedy, objective=0.99 * plan.objective, planned_objective=plan.planned_objective + 0.02 * plan.objective
    )
    words = f"{difference(0.01 * plan.objective)} worse as predicted, on the curves that both are made on "
    assert comparison(plan, told_better) == f"{words}{difference(0.02 * plan.objective)} better"
    assert "curves" not in comparison(plan, replace(told_better, objective=1.01 * plan.objective))


def test_growth_strategies_and_given_splits_tell_the_predictions():
    curves, prediction = told_otherwise(3)
    tasks = default_tasks(curves.tasks)
    growth = grow(curves, tasks, BUDGET, intervals=False)
    for plan in growth.plans:
        at = np.array([curves.tasks.index(name) for name in plan.spec.tasks.names])
        np.testing.assert_array_equal(plan.predicted, prediction.predict(at, plan.log_inputs)[0])
    assert growth.sizes.objective[-1] == pytest.approx(growth.plans[-1].objective, rel=1e-6)
    spec = plan_spec(curves, tasks, BUDGET)
    planner = StrategyPlanner(StrategyCurves("specialists", curves), tasks, spec.measure)
    (judged,) = planner.best(np.array([BUDGET]))
    np.testing.assert_allclose(judged.predicted, prediction.predict(np.arange(3), judged.log_inputs)[0])
    best = allocate(curves, spec, draws=False)
    nothing = np.zeros(3)
    scored = evaluate(curves, spec, Split(np.full(3, BUDGET / 3), nothing, nothing), best)
    np.testing.assert_allclose(scored.predicted, best.baselines[0].predicted, rtol=1e-9)
    assert scored.gap >= 0


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), lowest=st.floats(0.5, 3.0), wide=st.floats(0.01, 2.0))
def test_no_scenario_leaves_the_way_from_unserved_to_best(seed, lowest, wide):
    """Whatever a drift does beyond the runs: value, interval and objective lie between the two in every draw."""
    best, unserved = np.full(3, lowest), np.full(3, lowest + wide)
    curves, prediction = told_otherwise(seed)
    prediction = replace(prediction, best=best, unserved=unserved)
    curves = replace(curves, unserved=unserved, prediction=prediction)
    tasks = replace(default_tasks(curves.tasks), unserved=unserved)
    spec = plan_spec(curves, tasks, BUDGET, risk="mean")
    plan = allocate(curves, spec, draws=False)
    reached = np.exp(plan.log_inputs)
    stands = curves.bounded_by(unserved)[0].told.unserved  # a level that the curve passes at its runs bounds nothing
    top = np.where(np.isnan(stands), np.inf, stands)
    assert np.isfinite(reached).all()
    for values in (plan.predicted, plan.low, plan.high):
        assert (values >= best).all() and (values <= np.maximum(top, best)).all()
    rounding = 1e-12 * lowest  # of a sum of three
    assert best.mean() - rounding <= plan.objective <= np.maximum(top, best).mean() + rounding


@pytest.mark.parametrize("at_least", [None, 2])
@pytest.mark.parametrize("seed", range(3))
def test_the_cheapest_plan_meets_its_targets_by_the_predictions(seed, at_least):
    curves, prediction = told_otherwise(seed)
    every = np.arange(3)
    even = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), BUDGET), draws=False)
    tasks = replace(default_tasks(curves.tasks), target=even.predicted)
    plan = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest", at_least=at_least))
    chosen = plan.spend > plan.spend.max() * 1e-6
    assert plan.breadth == chosen.sum() == (at_least or 3) and not plan.misses_targets
    np.testing.assert_allclose(plan.predicted[chosen], tasks.target[chosen], rtol=1e-9)
    np.testing.assert_array_equal(plan.predicted, prediction.predict(every, plan.log_inputs)[0])
    # the plan for the mean meets them, too, with models of the sizes planned on; with less no size does
    assert plan.spend[chosen].sum() <= np.sort(even.spend)[: at_least or 3].sum() * (1 + 1e-6)
    sizes = np.linspace(0.0, 60.0, 6001)
    for task in np.flatnonzero(chosen):
        there = last_input(
            cost_of(curves, tasks, "flops", None).take(np.full(len(sizes), task)),
            sizes[:, None],
            np.full(len(sizes), np.log(plan.spend[task] * (1 - 1e-5))),
        )
        told = prediction.distance(np.full(len(sizes), task), np.maximum(there, 0.0))
        assert told.min() > tasks.target[task]
    assert plan.bound == pytest.approx(plan.objective, rel=1e-9)
    assert "as predicted no plan is better than" in plan_summary(plan)


def test_targets_that_guessing_meets_cost_the_smallest_models():
    curves, _ = told_otherwise()
    worst = np.full(3, 20.0)
    tasks = replace(default_tasks(curves.tasks), target=worst + 1, unserved=worst)
    plan = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest"), draws=False)
    assert plan.breadth == 3 and plan.gap == 0
    assert plan.params == pytest.approx(np.ones(3)) and plan.tokens == pytest.approx(np.ones(3))


@pytest.mark.parametrize("seed", range(3))
def test_a_cheapest_plan_under_limits_meets_its_targets_by_the_predictions(seed):
    """Where a limit binds nothing, it is about the plan without; where one binds, no target is missed for it."""
    curves, _ = told_otherwise(seed)
    even = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), BUDGET), draws=False)
    tasks = replace(default_tasks(curves.tasks), target=even.predicted)
    alone = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest"), draws=False)
    free = Limit("all", np.ones(3), upper=1e30)
    plan = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest", limits=(free,)), draws=False)
    assert plan.breadth == 3 and not plan.misses_targets
    # one model for each alone has the sizes that are best as predicted, under limits those of the curves planned on
    assert alone.total * (1 - 1e-6) <= plan.total <= alone.total * 1.01 and plan.bound == pytest.approx(
        plan.total, rel=1e-5
    )
    assert "on curves moved to the predictions no plan is better than" in plan_summary(plan)
    fewer = {"tokens": 0.95 * plan.tokens.sum()}
    less = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest", further=fewer), draws=False)
    assert less.breadth == 3 and less.total > plan.total and less.tokens.sum() <= fewer["tokens"] * (1 + 1e-6)
    one = made.one_model(curves)
    together = allocate(one, plan_spec(one, tasks, None, objective="cheapest", strategy="shared"), draws=False)
    assert together.breadth == 3 and (together.predicted - tasks.target).max() == pytest.approx(0, abs=1e-8)


def test_a_prediction_is_said_to_be_cut_only_where_it_is():
    curves, prediction = told_otherwise()
    tasks = default_tasks(curves.tasks)
    plan, every = allocate(curves, plan_spec(curves, tasks, 1e18), draws=False), np.arange(3)
    planned, told = (each.distance(every, plan.log_inputs) for each in (curves, prediction))
    between = np.where(planned > told, (planned + told) / 2, np.nan)
    assert np.isfinite(between).any()
    for unserved, cut in ((between, False), (0.999 * np.where(planned > told, told, np.nan), True)):
        stated = replace(tasks, unserved=unserved)
        (said,) = (
            note
            for note in allocate(curves, plan_spec(curves, stated, 1e18), draws=False).notes
            if "worse than unserved" in note
        )
        assert ("there the prediction is cut" in said) == cut
        assert ("is better and is not cut" in said) != cut


def test_a_plan_without_a_budget_asks_for_no_unit():
    curves, _ = told_otherwise()
    tasks = replace(default_tasks(curves.tasks), target=np.full(3, 1e3))
    plan = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest"), draws=False)
    (said,) = plan.warnings
    assert said.startswith("The plan goes to ") and said.endswith("predictions there rest on the law.")
    assert "best size" not in plan_summary(plan)


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 10**4),
    menu=st.lists(st.floats(8.0, 10.0), min_size=3, max_size=6, unique=True),
    share=st.sampled_from([None, 0.5, 0.1]),
)
def test_a_restriction_gains_no_more_than_the_curves_lie_off_the_predictions(seed, menu, share):
    """A menu of sizes, or a limit on tokens, beside the free plan: on the curves planned on it never gains at all."""
    curves, _ = told_otherwise(seed)
    tasks = default_tasks(curves.tasks)
    free = allocate(curves, plan_spec(curves, tasks, BUDGET), draws=False, route="dual")
    asked = {"sizes": tuple(10**each for each in menu)} if share is None else {"further": {
        "tokens": share * free.tokens.sum()}}  # fmt: skip
    plan = allocate(curves, plan_spec(curves, tasks, BUDGET, **asked), draws=False, route="dual")
    assert plan.planned_objective >= free.planned_objective * (1 - 1e-7)
    off = sum(abs(each.planned_objective - each.objective) for each in (plan, free))
    assert plan.objective >= free.objective - off - 1e-7 * abs(free.objective)
