"""An objective, a measure and a risk that the package does not know, each one record: plans of them by brute force."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES, Measure, MeasureRecord, distance_of
from budget.allocation.spec.objectives import LARGEST, OBJECTIVES, SUM, Naming, Objective
from budget.allocation.spec.risks import RISKS, Risk
from budget.errors import AllocationError
from budget.report.sentences.plan_sentences import objective_name, plan_summary
from budget.studies.growth.growth import grow
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made

BUDGET = 1e20
NATURAL = {"first": (0.3, 40.0, 0.1), "second": (0.1, 3e3, 0.2)}
"""Task → E, A, a of ``E + A·x^-a``."""
CURVES = made.power(NATURAL, draws=24, spread=0.1, seed=3)
WEIGHT = np.array([3.0, 1.0])
TASKS = replace(default_tasks(CURVES.tasks), weight=WEIGHT, unserved=np.array([2.0, 3.0]))
SHARE = WEIGHT / WEIGHT.sum()

HEAVIEST = Objective(
    "heaviest",
    "the worst task, each value times its weight",
    title=lambda of: f"worst weighted {of.metric}",
    fold=LARGEST,
    terms=lambda measures, weight, met: weight * measures,
    convex=lambda weight, target: (weight, np.zeros(len(weight))),
)
SQUARES = Objective(
    "squares",
    "weighted mean of the squares",
    title=lambda of: f"mean square of {of.metric}",
    fold=SUM,
    terms=lambda measures, weight, met: weight * measures**2,
)
HILL = Objective(
    "hill",
    "weighted mean of a harm that saturates: large values hardly differ",
    title=lambda of: f"mean harm of {of.metric}",
    fold=SUM,
    terms=lambda measures, weight, met: weight * measures**6 / (0.6**6 + measures**6),
)
BY_HAND = {
    "heaviest": lambda values: (SHARE * values).max(axis=-1),
    "squares": lambda values: (values**2) @ SHARE,
    "hill": lambda values: (values**6 / (0.6**6 + values**6)) @ SHARE,
}
ADDED = (HEAVIEST, SQUARES, HILL)


@pytest.fixture(autouse=True)
def added(monkeypatch):
    for objective in ADDED:
        monkeypatch.setitem(OBJECTIVES, objective.name, objective)


def values_at(spend):
    """(…, 2) values of spends (…, 2), by the formula."""
    floor, coefficient, exponent = np.array(list(NATURAL.values())).T
    return floor + coefficient * spend**-exponent


def grid(budget=BUDGET, count=400_001):
    """Splits (G, 2) of the whole budget, fine at both ends."""
    first = budget / (1 + np.exp(-np.linspace(-14, 14, count)))
    return np.column_stack([first, budget - first])


@pytest.mark.parametrize("objective", ADDED, ids=lambda each: each.name)
def test_an_added_objective_is_planned_as_brute_force_has_it(objective):
    spec = plan_spec(CURVES, TASKS, BUDGET, measure="value", objective=objective.name)
    plan = allocate(CURVES, spec)
    totals = BY_HAND[objective.name](values_at(grid()))
    np.testing.assert_allclose(plan.objective, BY_HAND[objective.name](values_at(plan.spend)), rtol=1e-9)
    np.testing.assert_allclose(plan.objective, totals.min(), rtol=3e-6)
    np.testing.assert_allclose(plan.spend, grid()[totals.argmin()], rtol=0.02)
    assert plan.bound <= totals.min() * (1 + 1e-9) and plan.gap <= 2e-4 * totals.max()
    assert np.isfinite(plan.spend_low).all() and (plan.spend_low <= plan.spend_high).all() and plan.failed_draws == 0
    assert plan.record()["goal"] == objective.name and not plan.larger_is_better
    assert objective.title(_naming(plan)) == objective_name(plan) in plan_summary(plan).lower()
    for baseline in plan.baselines:
        by_hand = BY_HAND[objective.name](values_at(baseline.spend))
        assert baseline.objective == pytest.approx(by_hand, rel=1e-9) and plan.gain_over(baseline) >= -1e-4 * by_hand


def _naming(plan):
    return Naming(plan.metric, plan.spec.unit, is_equal=False, is_alone=False, risk="")


@pytest.mark.parametrize("objective", ADDED, ids=lambda each: each.name)
def test_marginal_returns_of_an_added_objective_are_its_slopes(objective):
    plan = allocate(CURVES, plan_spec(CURVES, TASKS, BUDGET, measure="value", objective=objective.name), draws=False)
    more = allocate(
        CURVES, plan_spec(CURVES, TASKS, BUDGET * 1.01, measure="value", objective=objective.name), draws=False
    )
    per_unit = (plan.objective - more.objective) / (0.01 * BUDGET)
    assert plan.shadow_price == pytest.approx(per_unit, rel=0.05)
    if objective is not HEAVIEST:
        step = 1e-4 * plan.spend * np.eye(2)
        by_hand = [BY_HAND[objective.name](values_at(plan.spend + each)) for each in (step, -step)]
        slope = (by_hand[1] - by_hand[0]) / (2e-4 * plan.spend)
        np.testing.assert_allclose(plan.marginal, slope, rtol=2e-3)


@pytest.mark.parametrize("objective", ADDED, ids=lambda each: each.name)
def test_a_given_split_is_scored_by_an_added_objective(objective):
    spec = plan_spec(CURVES, TASKS, BUDGET, measure="value", objective=objective.name)
    best = allocate(CURVES, spec, draws=False)
    spend = np.array([0.2, 0.5]) * BUDGET
    plan = evaluate(CURVES, spec, Split(spend, np.full(2, np.nan), np.full(2, np.nan)), best)
    assert plan.objective == pytest.approx(BY_HAND[objective.name](values_at(spend)), rel=1e-9)
    assert plan.bound == best.bound and plan.gap > 0


@pytest.mark.parametrize("objective", ADDED, ids=lambda each: each.name)
def test_an_added_objective_leaves_tasks_out_where_that_is_better(objective):
    tasks = replace(TASKS, unserved=np.array([2.0, 0.35]))
    plan = allocate(
        CURVES,
        plan_spec(CURVES, tasks, BUDGET, measure="value", objective=objective.name, allow_unserved=True),
        draws=False,
    )
    splits = np.vstack([grid(count=40_001), [[BUDGET, 0.0]], [[0.0, BUDGET]]])
    with np.errstate(divide="ignore"):
        values = np.where(splits > 0, values_at(splits), tasks.unserved)
    totals = BY_HAND[objective.name](values)
    assert plan.bound <= totals.min() * (1 + 1e-9)
    np.testing.assert_allclose(plan.objective, totals.min(), rtol=1e-4)


@pytest.mark.parametrize("objective", ADDED, ids=lambda each: each.name)
def test_one_model_of_an_added_objective_has_the_best_size(objective):
    curves = made.one_model(made.chinchilla().take(np.arange(2)))
    tasks = replace(default_tasks(curves.tasks), weight=WEIGHT)
    plan = allocate(curves, plan_spec(curves, tasks, 1e21, objective=objective.name), draws=False)
    params = np.exp(np.linspace(np.log(1e6), np.log(1e12), 60_001))
    inputs = np.log(np.column_stack([params, 1e21 / 6 / params]))
    each = [curves.distance(np.full(len(params), task), inputs) for task in range(2)]
    totals = BY_HAND[objective.name](np.column_stack(each))
    assert plan.bound <= totals.min() * (1 + 1e-9)
    np.testing.assert_allclose(plan.objective, totals.min(), rtol=1e-7)


def test_a_convex_added_objective_keeps_linear_limits_and_the_others_refuse_them():
    ratio = (Limit("ratio", np.array([1.0, -1.0]), upper=0.0),)
    plan = allocate(
        CURVES, plan_spec(CURVES, TASKS, BUDGET, measure="value", objective="heaviest", limits=ratio), draws=False
    )
    splits = grid()
    totals = BY_HAND["heaviest"](values_at(splits[splits[:, 0] <= splits[:, 1]]))
    np.testing.assert_allclose(plan.objective, totals.min(), rtol=1e-5)
    for name in ("squares", "hill"):
        with pytest.raises(AllocationError, match="no convex program: it takes one budget"):
            plan_spec(CURVES, TASKS, BUDGET, measure="value", objective=name, limits=ratio)
        with pytest.raises(AllocationError, match="--risk mean is for --objective mean; another"):
            plan_spec(CURVES, TASKS, BUDGET, measure="value", objective=name, risk="mean")


def middle(draws, level):
    """Mean of the middle half."""
    quarter = len(draws) // 4
    return float(np.sort(draws)[quarter : len(draws) - quarter].mean())


def middle_draws(draws, level):
    """The draws that the mean is over, to be improved on average."""
    quarter = len(draws) // 4
    return np.argsort(draws, kind="stable")[quarter : len(draws) - quarter], 1.0


MIDDLE = Risk(
    "middle",
    "on average over the middle half of the draws",
    title=lambda level: " on average over the middle half of the draws",
    fold=middle,
    next_draws=middle_draws,
)


def test_an_added_risk_is_planned_as_brute_force_has_it(monkeypatch):
    monkeypatch.setitem(RISKS, "middle", MIDDLE)
    plan = allocate(CURVES, plan_spec(CURVES, TASKS, BUDGET, risk="middle"), draws=False)
    splits = grid(count=4001)
    tasks = np.tile(np.arange(2), len(splits))
    distance = CURVES.distance_draws(tasks, np.log(splits).reshape(-1, 1)).reshape(len(CURVES.draws), -1, 2)
    totals = np.array([middle(each, 0.9) for each in (distance @ SHARE).T])
    assert plan.objective == pytest.approx(totals.min(), rel=1e-5)
    assert plan.bound <= totals.min() and plan.gap < 1e-3 * totals.min()
    assert plan.record()["risk"] == "middle" and "level" not in plan.record()
    assert "on average over the middle half of the draws" in plan_summary(plan)
    others = [allocate(CURVES, plan_spec(CURVES, TASKS, BUDGET, risk=risk), draws=False) for risk in ("mean", "cvar")]
    at = [CURVES.distance_draws(np.arange(2), each.log_inputs) @ SHARE for each in others]
    assert plan.objective <= min(middle(each, 0.9) for each in at) + 1e-12


def test_a_level_is_for_risks_that_have_one(monkeypatch):
    monkeypatch.setitem(RISKS, "middle", MIDDLE)
    with pytest.raises(AllocationError, match="--level is for --risk cvar and --risk quantile; leave it out"):
        plan_spec(CURVES, TASKS, BUDGET, risk="middle", level=0.5)
    with pytest.raises(AllocationError, match="so --risk middle has no proven plan"):
        plan_spec(CURVES, TASKS, BUDGET, risk="middle", allow_unserved=True)


def left_over(curves, tasks):
    """Each task's value over its unserved value."""
    every = np.arange(len(curves.tasks))
    worst = distance_of(curves, every, tasks.unserved)
    return Measure("left", 1 / worst, np.zeros(len(every)), 1.0, "share left", is_share=True)


@pytest.mark.parametrize("objective", ["mean", "worst", "heaviest", "squares"])
def test_an_added_measure_is_planned_and_grown_as_brute_force_has_it(monkeypatch, objective):
    monkeypatch.setitem(MEASURES, "left", MeasureRecord("left", "value over unserved value", left_over))
    plan = allocate(CURVES, plan_spec(CURVES, TASKS, BUDGET, measure="left", objective=objective), draws=False)
    by_hand = BY_HAND | {"mean": lambda values: values @ SHARE, "worst": lambda values: values.max(axis=-1)}
    totals = by_hand[objective](values_at(grid()) / TASKS.unserved)
    np.testing.assert_allclose(plan.objective, totals.min(), rtol=3e-6)
    assert plan.record()["measure"] == "left" and "share left" in plan_summary(plan)
    if objective == "mean":
        growth = grow(CURVES, TASKS, BUDGET, measure="left")
        alone = values_at(np.array([BUDGET, BUDGET]))[0] / TASKS.unserved[0]
        np.testing.assert_allclose([each.objective for each in growth.plans], [alone, totals.min()], rtol=1e-8)
        assert growth.record()["measure"] == "left"
