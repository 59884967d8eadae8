"""The worst task, progress, every combination of what may be asked, and its ends: against closed forms."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from budget.allocation.convex import program
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.risks import RISKS
from budget.errors import BudgetError, InfeasibleError, SolverError
from budget.tables.tasks import default_tasks
from tests import made
from tests.allocation.spec.closed_forms import (
    COEFFICIENT,
    CURVES,
    EQUAL,
    EXPONENT,
    FLOOR,
    MENU,
    SPENDS_TO,
    TASKS,
    loss,
    minimax,
    planned,
    sane,
)
from tests.oracles import water_filling
from tests.oracles.random_plans import best_value
from tests.simulate import LINKS, TRUTHS


@pytest.mark.parametrize("budget", [1e19, 1e22, 1e25])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        ([0, 0, 0], [np.inf] * 3),
        ([0, 0, 0.8], [np.inf] * 3),
        ([0, 0, 0], [1e-3, np.inf, np.inf]),
        ([0, 0, 0.3], [np.inf, 1e-3, np.inf]),
        ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]),
        ([0, 0, 0], [0.01, 0.01, 1.0]),
        ([0, 0, 0], [0.9375, np.inf, np.inf]),
    ],
)
def test_the_worst_task_is_a_minimax(budget, low, high):
    low, high = np.array(low) * budget, np.array(high) * budget
    tasks = replace(TASKS, min=low, max=high)
    plan = sane(planned(budget, tasks=tasks, objective="worst"))
    level, spends = minimax(np.ones(3), np.zeros(3), budget, low, high)
    np.testing.assert_allclose(plan.objective, level, rtol=1e-9)
    np.testing.assert_allclose(plan.objective, plan.predicted.max(), rtol=1e-12)
    assert plan.gap <= 1e-7
    assert (plan.spend >= low * (1 - 1e-9)).all() and (plan.spend <= high * (1 + 1e-9)).all()
    assert plan.spend.sum() <= budget * (1 + 1e-9)
    if spends.sum() >= budget * (1 - 1e-9):
        np.testing.assert_allclose(plan.spend, spends, rtol=1e-6)


def test_beyond_the_worst_task_the_next_worst_counts():
    """Prose at its maximum decides; what is left makes the worse of the others as good as it can be."""
    high = np.array([1e20, np.inf, np.inf])
    plan = planned(1e22, tasks=replace(TASKS, max=high), objective="worst")
    assert plan.objective == pytest.approx(loss(0, 1e20), rel=1e-12) and plan.binding[0] == "max"
    others = [1, 2]

    def slack(share):
        return loss(1, share * 9.9e21) - loss(2, (1 - share) * 9.9e21)

    share = brentq(slack, 1e-9, 1 - 1e-9, xtol=1e-14)
    np.testing.assert_allclose(plan.spend[others], [share * 9.9e21, (1 - share) * 9.9e21], rtol=1e-9)
    assert plan.gap <= 1e-9


@settings(max_examples=15, deadline=None)
@given(
    st.floats(18, 26),
    st.lists(st.floats(0, 0.3), min_size=3, max_size=3),
    st.lists(st.floats(0.34, 1.0), min_size=3, max_size=3),
)
def test_the_worst_task_within_any_limits(log_budget, low, high):
    budget = 10.0**log_budget
    low, high = np.array(low) * budget, np.array(high) * budget
    plan = sane(planned(budget, tasks=replace(TASKS, min=low, max=high), objective="worst"))
    level, _ = minimax(np.ones(3), np.zeros(3), budget, low, high)
    np.testing.assert_allclose(plan.objective, level, rtol=1e-8)
    assert plan.gap <= 1e-6


@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_progress_is_a_weighted_distance(objective):
    """Of losses, progress is the mean with weights over the gaps from unserved to best."""
    unserved, best = np.array([10.0, 6.0, 4.0]), np.array([1.5, np.nan, 1.0])
    tasks = replace(TASKS, unserved=unserved, best=best, weight=np.array([1.0, 2.0, 3.0]))
    plan = sane(planned(1e22, tasks=tasks, measure="progress", objective=objective))
    gap = unserved - np.where(np.isnan(best), FLOOR, best)
    assert plan.larger_is_better and plan.metric == "nats"
    if objective == "mean":
        weight = np.array([1.0, 2.0, 3.0]) / 6 / gap
        expected, reducible = water_filling.split(weight, COEFFICIENT, EXPONENT, 1e22)
        np.testing.assert_allclose(plan.objective, (weight * (unserved - FLOOR)).sum() - reducible, rtol=1e-9)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
        other = planned(1e22, tasks=replace(TASKS, weight=weight))
        np.testing.assert_allclose(plan.spend, other.spend, rtol=1e-4)
    else:
        level, expected = minimax(1 / gap, -unserved / gap, 1e22)
        np.testing.assert_allclose(plan.objective, -level, rtol=1e-9)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-6)
    np.testing.assert_allclose(plan.predicted, loss(np.arange(3), plan.spend), rtol=1e-9)


def test_progress_over_several_metrics_and_directions():
    """A score is its ceiling minus the distance; progress of both is a share, so that they may be averaged."""
    curves = replace(
        CURVES,
        metric=("nats", "accuracy", "nats"),
        higher_is_better=np.array([False, True, False]),
        ceiling=np.array([np.nan, 3.0, np.nan]),
    )
    tasks = replace(TASKS, unserved=np.array([10.0, -1.0, 4.0]))
    plan = sane(planned(1e22, curves, tasks=tasks))
    assert plan.spec.measure.name == "progress" and plan.metric == "nats|accuracy"
    gap = np.array([10.0 - FLOOR[0], 4.0 - FLOOR[1], 4.0 - FLOOR[2]])
    expected, reducible = water_filling.split(EQUAL / gap, COEFFICIENT, EXPONENT, 1e22)
    np.testing.assert_allclose(plan.objective, 1 - reducible, rtol=1e-9)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(plan.predicted[1], 3.0 - loss(1, plan.spend[1]), rtol=1e-9)
    assert np.isnan(plan.depth) and plan.directions.tolist() == [-1, 1, -1]


def test_worst_for_one_shared_model():
    curves = made.one_model(CURVES)
    plan = sane(planned(1e22, curves, objective="worst"))
    n = np.exp(np.linspace(18, 30, 400_001))
    grid = np.max([t.value(n, 1e22 / (6 * n)) for t in TRUTHS.values()], axis=0).min()
    assert plan.objective == pytest.approx(grid, rel=1e-9) and plan.gap <= 1e-7


def broken(*names):
    """Solvers of which the named ones stop."""
    return tuple(
        (name, f"NO_{name}" if name in names else solver, options) for name, solver, options in program.SOLVERS
    )


def test_solvers_stand_in_for_each_other(monkeypatch):
    first = planned(1e22)
    assert first.solver == "Clarabel" and first.solver_status == "optimal"
    ask_program = cp.Problem.solve

    def solve(self, *arguments, solver=None, **options):
        if str(solver).startswith("NO_"):
            raise cp.error.SolverError(f"{solver} is not here")
        return ask_program(self, *arguments, solver=solver, **options)

    monkeypatch.setattr(cp.Problem, "solve", solve)
    monkeypatch.setattr(program, "SOLVERS", broken("Clarabel"))
    second = planned(1e22)
    assert second.solver == "SCS" and second.solver_status in ("optimal", "optimal_inaccurate")
    monkeypatch.setattr(program, "SOLVERS", broken("Clarabel", "SCS"))
    third = planned(1e22)
    assert third.solver == "dual bisection" and third.solver_status == "optimal"
    for plan in (second, third):
        sane(plan)
        np.testing.assert_allclose(plan.spend, first.spend, rtol=1e-4)
        np.testing.assert_allclose(plan.objective, first.objective, rtol=1e-9)
        assert plan.gap <= 1e-8 and plan.record()["solver"] == plan.solver
    # with limits that only a program knows, there is no third way, and the sentence names both
    with pytest.raises(SolverError, match=r"Clarabel stopped .*; SCS stopped .*; check the limits"):
        planned(1e22, further={"tokens": 1.5e11})
    # nor does the worst task need one: its root is the third way
    assert planned(1e22, objective="worst").solver == "bisection"


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("options", [{}, {"allow_unserved": True}, {"sizes": MENU}])
def test_every_combination_is_planned_or_refused(objective, measure, risk, options):
    """Whatever is asked, there is a plan with a true bound or one sentence."""
    curves = made.chinchilla(draws=4, link=made.link_of(LINKS, draws=4))
    unserved = np.array([0.25, 0.1, 0.5]) if measure == "score" else np.array([9.0, 9.0, 9.0])
    target = np.array([0.3, 0.2, 0.6]) if measure == "score" else SPENDS_TO
    tasks = replace(TASKS, target=target, unserved=unserved)
    try:
        plan = planned(1e22, curves, tasks=tasks, objective=objective, measure=measure, risk=risk, **options)
    except BudgetError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        sane(plan)
        assert np.isfinite(plan.spend).all() and np.isfinite(plan.objective)
        assert plan.spend.sum() <= 1e22 * (1 + 1e-9)


@pytest.mark.parametrize("strategy", ["specialists", "shared"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1e6)])
def test_two_equal_tasks_are_treated_alike(strategy, weights):
    twins = {"one": TRUTHS["prose"], "two": TRUTHS["prose"]}
    curves = made.chinchilla(twins)
    curves = made.one_model(curves) if strategy == "shared" else curves
    tasks = replace(default_tasks(curves.tasks), weight=np.array(weights))
    plan = sane(planned(1e22, curves, tasks=tasks, strategy=strategy))
    if weights[0] == weights[1]:
        np.testing.assert_allclose(plan.spend[0], plan.spend[1], rtol=1e-6)
    elif strategy == "specialists":
        expected, _ = water_filling.split(np.array(weights) / sum(weights), COEFFICIENT[[0, 0]], EXPONENT[[0, 0]], 1e22)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-3)


FLAT = {
    "exponents at their least": {"E": 1.5, "A": 1.0, "alpha": 0.005, "B": 1.0, "beta": 0.005},
    "no coefficients": {"E": 1.5, "A": 1e-10, "alpha": 0.3, "B": 1e-10, "beta": 0.3},
    "no tokens": {"E": 1.5, "A": 400.0, "alpha": 0.3, "B": 1e-12, "beta": 0.005},
    "no params": {"E": 1.5, "A": 1e-12, "alpha": 0.005, "B": 400.0, "beta": 0.3},
}


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("name", FLAT)
def test_flat_curves_get_a_proven_plan(name, objective):
    natural = {"flat": tuple(FLAT[name].values()), "steep": (1.6, 406.4, 0.34, 410.7, 0.28)}
    curves = made.curves_of("chinchilla", ("params", "tokens"), natural, reference=(2e8, 5e9), cost=made.SIX)
    plan = sane(planned(1e22, curves, objective=objective))
    # of the best models from one parameter and one token on
    share = np.geomspace(6e-22, 1, 200_001)[:-1]
    values = [best_value(*theta, part * 1e22) for theta, part in zip(natural.values(), (share, 1 - share), strict=True)]
    grid = (np.mean if objective == "mean" else np.max)(values, axis=0).min()
    assert plan.objective <= grid * (1 + 1e-9) and plan.objective == pytest.approx(grid, rel=1e-4)
    assert plan.gap <= 1e-6
    assert name == "exponents at their least" or plan.spend[1] > 0.9e22 or objective == "worst"


@pytest.mark.parametrize("objective", ["mean", "worst", "targets"])
def test_one_task_takes_all(objective):
    one = CURVES.take(np.array([1]))
    tasks = replace(default_tasks(one.tasks), target=np.array([1.5]))
    plan = sane(planned(1e22, one, tasks=tasks, objective=objective))
    np.testing.assert_allclose(plan.spend, [1e22], rtol=1e-9)
    np.testing.assert_allclose(plan.predicted, loss(1, 1e22), rtol=1e-9)


@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"further": {"tokens": 1.5e11}}])
def test_a_draw_that_is_not_a_number_is_left_out_and_counted(asked):
    curves = made.chinchilla(draws=12)
    curves.draws[2, 1, 3] = np.nan
    plan = allocate(curves, plan_spec(curves, TASKS, 1e22, **asked))
    assert plan.failed_draws == 1
    assert any("1 of 12 draws could not be planned" in note for note in plan.notes)
    assert np.isfinite(plan.spend_low).all() and np.isfinite(plan.spend_high).all()


def test_a_link_that_is_not_planned_on_changes_nothing():
    """A plan of losses over a menu is the same, draws and all, where the curves could predict scores as well."""
    plain = made.chinchilla(draws=5)
    linked = made.chinchilla(draws=5, link=made.link_of(LINKS, draws=5))
    first, second = (allocate(curves, plan_spec(curves, TASKS, 1e22, sizes=MENU)) for curves in (plain, linked))
    np.testing.assert_array_equal(first.spend_low, second.spend_low)
    np.testing.assert_array_equal(first.spend_high, second.spend_high)


@pytest.mark.parametrize("budget", [1e-300, 1e300])
@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"unit": "tokens", "params": 1e9}])
def test_budgets_out_of_this_world_are_refused(budget, asked):
    with pytest.raises(BudgetError, match="no law reaches"):
        planned(budget, **asked)


def test_a_budget_in_money_out_of_this_world_is_refused():
    from budget.allocation.spec.resources import Prices

    for budget in (1e-300, 1e300):
        with pytest.raises(BudgetError):
            planned(budget, unit="money", prices=Prices(2.0, 1e15, 0.4))


@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"objective": "targets"}])
def test_a_minimum_above_its_maximum_is_a_conflict(asked):
    tasks = replace(TASKS, min=np.array([2e21, np.nan, np.nan]), max=np.array([1e21, np.nan, np.nan]), target=SPENDS_TO)
    with pytest.raises(InfeasibleError, match="prose"):
        planned(1e22, tasks=tasks, **asked)
