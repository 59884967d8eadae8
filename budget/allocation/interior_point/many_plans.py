"""Plans under further budgets and linear limits, many at once: Newton's method on the KKT conditions.

Where one budget is all, the dual has one unknown (``water_filling``). Further budgets and rows give it a price each,
and under some of them a model's spend is no function of one price any more. So primal and dual are solved together, by
a primal–dual interior point (Boyd & Vandenberghe 2004, section 11.7) with Mehrotra's predictor and corrector (1992).

**The problem**, over log inputs u, amounts x of each resource and, for the worst task, its level η:

    minimize  Σ_v f_v(u)         the sum,
              η                  the largest, with f_t(u) ≤ η for each task t,
              Σ_v x_0v           the cheapest, with f_t(u) ≤ 0 for values counted from their targets,
    subject to  cost_rv(u_v) ≤ x_rv,   low ≤ x_0 ≤ high,   least ≤ u ≤ most,   A·x ≤ b  (budgets and rows).

**The conditions.** Each inequality ``g ≤ 0`` has a slack ``s > 0`` with ``g + s = 0`` and a multiplier ``z > 0``. The
gradient of the Lagrangian is 0, and every product ``s·z`` is the same small number τ, which falls to 0 along the
central path (their equation 11.53). τ is how far from optimal the point is, product by product.

**A step** linearizes all of that (``newton_system``): ``O(V)`` operations a problem, and 15 to 30 steps whatever the
number of draws.

The multipliers at the end are the prices of the dual; the certificate makes a bound of them that trusts nothing here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.convex.implied_bounds import origin
from budget.allocation.convex.problem import Problem
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.interior_point.newton_system import NewtonSystem, first_points
from budget.allocation.interior_point.path_points import PathPoints, are_numbers, put, take
from budget.allocation.interior_point.predictor_corrector import MAX_IDLE_STEPS, predict_and_correct
from budget.allocation.interior_point.scaled_problems import ScaledProblems
from budget.allocation.spec.objectives import Goal

MAX_STEPS = 80
"""Most steps; 15 to 30 are usual, more where spends end up many decades from where they start."""

CONVERGED = 1e-11
"""Remainder of the conditions, relative to the reducible objective, at which a plan is as exact as float64 makes it."""

ACCEPTED = 1e-9
"""Remainder above which the method starts again from what it found: ten thousand times what one start ends with."""

SHRUNK = 1e-4
"""Share of its start's amount below which a model's is counted anew: its own digits are that many fewer."""

MAX_RESTARTS = 3
"""Most of them; one is usual."""

MAX_LOG_STEP = 2.0
"""Most change of a log input in one step: beyond, exponentials have turned too far from their tangents."""

MAX_STUCK_STEPS = 24
"""Steps without progress after which it is given up."""

AT_LEAST = 1e-5
"""Distance of a log input from its least within which it is put there: a model of next to no spend ends no nearer."""


@dataclass(frozen=True)
class KktPoint:
    """Where the method ended for one problem.

    Attributes:
        u: (V, I) log inputs.
        amounts: (R, V) of each resource.
        duals: prices of all limits, not negative.
        task_price: (T,) weight of each task in the largest value, or price of its target; none for the sum.
        distance: what remains of the KKT conditions, relative to the reducible objective.
        shrunk: the smallest amount of the budget's unit, counted from what the start gave.
    """

    u: np.ndarray
    amounts: np.ndarray
    duals: Duals
    task_price: np.ndarray
    distance: float
    shrunk: float

    @property
    def is_coarse(self) -> bool:
        """Whether a start from here would know more digits."""
        return self.distance > ACCEPTED or self.shrunk < SHRUNK


def solve_kkt(problems: Sequence[Problem], goal: Goal) -> list[KktPoint]:
    """Points that meet the KKT conditions of problems that differ in their values only, as far as float64 lets them.

    Args:
        problems: Q problems of any limits.
        goal: what is made small; for ``cheapest`` the values are counted from their targets.

    Returns:
        The best point of each, and how far it is from the conditions.
    """
    first = problems[0]
    u = origin(first, goal)
    if len(problems) > 1:  # a warm start: the plans of draws are close to each other, and the even split may be far
        (known,) = solve_kkt(problems[:1], goal)
        u = known.u if np.isfinite(known.u).all() else u
    found = _follow(problems, goal, np.repeat(u[None], len(problems), axis=0))
    for _ in range(MAX_RESTARTS):
        # an amount far below its start's keeps few digits there: counted from what was found, it has them all
        again = [at for at, point in enumerate(found) if point.is_coarse and np.isfinite(point.u).all()]
        if not again:
            break
        points = _follow([problems[at] for at in again], goal, np.array([found[at].u for at in again]))
        for at, point in zip(again, points, strict=True):
            found[at] = min(
                found[at], point, key=lambda each: (each.distance > ACCEPTED, each.is_coarse, each.distance)
            )
    return found


def _follow(problems: Sequence[Problem], goal: Goal, u: np.ndarray) -> list[KktPoint]:
    """Follow the central paths of Q problems from log inputs (Q, V, I)."""
    whole = scaled = ScaledProblems.of(problems, goal, u)
    best = state = first_points(scaled, u)
    distance, rows = np.full(len(problems), np.inf), np.arange(len(problems))
    cut, idle = np.ones(len(problems)), np.zeros(len(problems))
    for _ in range(MAX_STEPS):
        try:
            with np.errstate(all="ignore"):
                moved, remained = _step(scaled, state, cut)
        except np.linalg.LinAlgError:  # a block met what is no longer a number; what was best so far stays
            break
        remained = np.where(np.isfinite(remained), remained, np.inf)
        better = remained < distance[rows]
        best = put(best, rows[better], take(state, better))
        # a step is cut while nothing falls for some time, and grows again when it does
        falls = remained < 0.9 * distance[rows]
        distance[rows] = np.minimum(distance[rows], remained)
        idle = np.where(falls, 0, idle + 1)
        cut = np.where(falls, np.minimum(1.0, 2 * cut), np.where(idle % MAX_IDLE_STEPS == 0, 0.5 * cut, cut))
        going = (distance[rows] > CONVERGED) & (idle < MAX_STUCK_STEPS) & are_numbers(moved)
        if not going.any():
            break
        rows, state, scaled, cut, idle = rows[going], take(moved, going), scaled.take(going), cut[going], idle[going]
    return [_point(whole, best, at, problem, float(distance[at])) for at, problem in enumerate(problems)]


def _point(problems: ScaledProblems, state: PathPoints, at: int, problem: Problem, distance: float) -> KktPoint:
    """The q-th point in the problem's units."""
    free = np.concatenate([state.rows.price[at], state.equal[at]]) * problems.worth[at] * problems.row_worth[at]
    rows = np.array([max(sign * free[place], 0.0) for place, sign in problems.line])
    budget = np.zeros(len(problems.costs))
    budget[list(problems.budgets)] = rows[: len(problems.budgets)]
    if problems.goal == "cheapest":
        budget[0] = 1.0
    of_row = rows[len(problems.budgets) :]
    nothing = np.zeros(problems.low.shape[1])
    # stationarity in the spends: what the costs charge beyond budgets and rows is what the own limits charge
    shared = Duals(budget, nothing, nothing, of_row).shadow_prices(problem)[0]
    excess = state.cost.price[at, 0] * problems.worth[at] / problems.unit[at, 0] - shared
    finite = np.isfinite(problem.high)
    prices = Duals(budget, np.maximum(-excess, 0.0), np.where(finite, np.maximum(excess, 0.0), 0.0), of_row)
    weight = (
        (state.task.price[at] * problems.worth[at] / problems.size[at]).ravel() if problems.epigraph else np.zeros(0)
    )
    # an input that is this near to an end of its range stands there (elsewhere the gradient is 0, and moving it
    # costs the square of the move), and only there does the certificate know that it cannot go further
    u = np.where(state.least.slack[at] < AT_LEAST, problems.least[at], state.u[at])
    u = np.where(state.most.slack[at] < AT_LEAST, problems.most[at], u)
    shrunk = float(state.x[at, 0].min())
    return KktPoint(u, state.x[at] * problems.unit[at], prices, weight, distance, shrunk)


def _step(problems: ScaledProblems, state: PathPoints, cut: np.ndarray) -> tuple[PathPoints, np.ndarray]:
    """One step of each problem, and what remained of its KKT conditions before the step (Q,)."""
    system = NewtonSystem(problems, state)
    step, length, here = predict_and_correct(state.pairs, system.solve, axes=1)
    turn = np.abs(step.u).reshape(len(step.u), -1).max(axis=1)
    length = np.minimum(length, MAX_LOG_STEP / np.maximum(turn, 1e-30)) * cut
    along = length[:, None, None]
    moved = PathPoints(
        state.u + along * step.u,
        state.x + along * step.x,
        state.eta + length * step.eta,
        state.equal + length[:, None] * step.equal,
        *(pair.moved(each, length) for pair, each in zip(state.pairs, step.pairs, strict=True)),
    )
    return moved, np.maximum(system.remainder(), here)
