"""What a planner is handed: the door from curves, and a form of another kind that has the methods and nothing else."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from budget.allocation.convex.best_size import best_inputs
from budget.allocation.convex.certificate import certify
from budget.allocation.convex.optimum import Optimum
from budget.allocation.convex.problem import Problem, build_problem, build_problems
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.risk.minimize_risk import minimize_risk
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.risks import RISKS
from budget.allocation.spec.scenarios import Scenarios, scenarios_of
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.numerics.fill_to_budget import fill_to_budget
from budget.tables.tasks import default_tasks
from tests.made import MUENNIGHOFF, SIX, curves_of

TWO = {"prose": (1.69, 406.4, 0.34, 410.7, 0.28), "code": (0.9, 120.0, 0.30, 900.0, 0.36)}


def chinchilla(draws=6):
    return curves_of("chinchilla", ("params", "tokens"), TWO, reference=(1e9, 1e10), draws=draws, cost=SIX)


def repeat(draws=6):
    names = ("params", "tokens", "unique_tokens")
    natural = {name: tuple(MUENNIGHOFF.values()) for name in ("prose", "code")}
    return curves_of("repeat", names, natural, reference=(1e9, 1e10, 1e10), draws=draws, cost=SIX)


@dataclass(frozen=True)
class Trended:
    """A law times ``exp(error + trend·(log x − there))``: a draw with the law's own error, as a later posterior has it.

    Written with the methods of ``PlanningForm`` and nothing else; the trend is of the last input and falls.
    """

    law: Posynomial
    error: np.ndarray
    trend: np.ndarray
    there: np.ndarray
    shift: np.ndarray
    factor: np.ndarray

    def __len__(self):
        return len(self.error)

    @property
    def plain(self):
        """The same written out as a posynomial, floors being terms that fall with the trend."""
        exponent = np.concatenate([np.zeros_like(self.law.exponent[:, :1]), self.law.exponent], axis=1)
        exponent[:, :, -1] += self.trend[:, None]
        logs = np.concatenate([np.log(self.law.offset)[:, None], self.law.log_coef], axis=1)
        logs = logs + (self.error - self.trend * self.there + np.log(self.factor))[:, None]
        return Posynomial(self.shift, logs, exponent)

    inputs = property(lambda self: self.law.inputs)
    offset = property(lambda self: self.shift)
    least = property(lambda self: self.shift)
    is_convex = property(lambda self: True)
    is_smooth = property(lambda self: True)
    domain = property(lambda self: None)
    summed = property(lambda self: self.plain.summed)

    def terms(self, u):
        return self.plain.terms(u)

    def value(self, u):
        grown = np.exp(self.error + self.trend * (u[:, -1] - self.there))
        return self.shift + self.factor * self.law.value(u) * grown

    def gradient(self, u):
        return self.plain.gradient(u)

    def hessian(self, u):
        return self.plain.hessian(u)

    def expansion(self, u):
        return self.plain.expansion(u)

    def tangent(self, u):
        return self.plain

    def scaled(self, factor, shift):
        return replace(self, factor=self.factor * factor, shift=self.shift * factor + shift)

    def take(self, pick):
        arrays = ("error", "trend", "there", "shift", "factor")
        return Trended(self.law.take(pick), **{name: getattr(self, name)[pick] for name in arrays})

    def fix_input(self, which, u):
        return self.plain.fix_input(which, u)


@pytest.mark.parametrize("make", [chinchilla, repeat])
def test_the_door_hands_over_every_draw_of_every_curve(make):
    curves = make()
    tasks = replace(default_tasks(curves.tasks), unique_tokens=np.array([2e10, 5e9]))
    found, one = scenarios_of(curves, tasks, range(6)), scenarios_of(curves, tasks)
    assert (len(found), found.models, len(one)) == (6, 2, 1) and found.is_convex and found.known.all()
    np.testing.assert_array_equal(found.domain, np.zeros((2, 2)))
    u = np.log([[1e9, 3e10], [2e8, 4e9]])
    inputs = np.column_stack([u, np.log(tasks.unique_tokens)])[:, : len(curves.scale_columns)]
    np.testing.assert_allclose(found.value(u), curves.distance_draws(np.arange(2), inputs), rtol=1e-12)
    np.testing.assert_allclose(one.value(u)[0], curves.distance(np.arange(2), inputs), rtol=1e-12)
    assert found.gradient(u).shape == (6, 2, 2) and found.hessian(u).shape == (6, 2, 2, 2)
    step = 1e-4 * np.eye(2)
    for at in range(2):
        sides = found.value(u + step[at]) - found.value(u - step[at])
        np.testing.assert_allclose(found.gradient(u)[:, :, at], sides / 2e-4, rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(found.totals(u), found.value(u).sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.take(np.array([4, 1])).value(u), found.value(u)[[4, 1]], rtol=1e-15)
    held = found.fix_input(0, u[:, 0])
    np.testing.assert_allclose(held.value(u[:, 1:]), found.value(u), rtol=1e-12)
    joined = Scenarios.of([found.scenario(at) for at in range(6)])
    np.testing.assert_array_equal(joined.value(u), found.value(u))


def test_the_problems_of_the_draws_differ_in_their_values_only():
    curves = chinchilla()
    asked = plan_spec(curves, default_tasks(curves.tasks), 1e21)
    first, *_, last = build_problems(curves, asked, range(6))
    point, u = build_problem(curves, asked), np.log([[1e9, 3e10], [2e8, 4e9]])
    assert first.cost is last.cost and (first.low == point.low).all() and first.rows == point.rows
    expected = curves.distance_draws(np.arange(2), u)[5] / 2
    np.testing.assert_allclose(last.value.value(u), expected, rtol=1e-12)


def trended_problems(seed=3, draws=12):
    """Problems of draws with an error of the law and a local trend; the same written as posynomials beside them."""
    curves, random = chinchilla(draws), np.random.default_rng(seed)
    asked = plan_spec(curves, default_tasks(curves.tasks), 1e21)
    problem, forms = build_problem(curves, asked), []
    for draw in range(draws):
        law = scenarios_of(curves, asked.tasks, [draw]).values
        ones = np.ones(2)
        forms.append(
            Trended(
                law,
                0.05 * random.normal(size=2),
                -0.01 * random.random(2),
                np.full(2, np.log(1e10)),
                np.zeros(2),
                0.5 * ones,
            )
        )
    return [replace(problem, value=form) for form in forms], [replace(problem, value=form.plain) for form in forms]


def test_a_form_of_another_kind_is_planned_by_its_methods_alone():
    mine, plain = trended_problems()
    u = np.log([[1e9, 3e10], [2e8, 4e9]])
    assert isinstance(mine[0].value, PlanningForm)
    np.testing.assert_allclose(mine[0].value.value(u), plain[0].value.value(u), rtol=1e-12)
    one, other = solve_by_program(mine[0]), solve_by_program(plain[0])
    np.testing.assert_allclose(one.spend, other.spend, rtol=1e-5)
    np.testing.assert_allclose(one.certificate.bound, other.certificate.bound, rtol=1e-8)


@pytest.mark.parametrize("risk", ["mean", "cvar"])
def test_a_risk_over_scenarios_of_another_kind_is_that_of_what_they_are(risk):
    def best(problems: list[Problem]):
        problem = problems[0]
        spend = fill_to_budget(np.ones(2), problem.budget, problem.low, problem.high)
        u = best_inputs(problem.value, problem.cost, spend)
        start = Optimum(u, spend[None], certify(problem, u, spend), "none", "equal split")
        return minimize_risk(problems, RISKS[risk], 0.7, start=start)

    mine, plain = (best(problems) for problems in trended_problems())
    np.testing.assert_allclose(mine.value, plain.value, rtol=1e-8)
    np.testing.assert_allclose(mine.spend, plain.spend, rtol=1e-4)
    assert mine.certificate.bound <= mine.value
