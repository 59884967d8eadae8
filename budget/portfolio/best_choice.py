"""The best choice of models and a bound on what any choice can reach.

See docs/decisions/069-portfolio-searched-bounded-cut-down.md,
docs/decisions/070-portfolio-worst-ties-and-draws.md, docs/decisions/160-portfolio-by-branch-and-bound.md.
"""

import time
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.spec.objectives import MEAN
from budget.numerics.linear_programs import LinearProgram, ProgramSolution
from budget.portfolio.branch_and_bound import branch_and_bound
from budget.portfolio.integer_program import (
    SOLVER_TOLERANCE,
    choice_program,
    cover_program,
    solve,
    start_of,
    with_objective,
)
from budget.portfolio.lagrangian_bound import Dual, lagrangian
from budget.portfolio.local_search import search
from budget.portfolio.portfolio_problem import Selection

MAX_HIGHS_PAIRS = 60_000
"""Pairs above which HiGHS is not asked: it does not leave the first linear program in the time at hand."""

MAX_HIGHS_DRAWN_PAIRS = 1_000_000
"""The same for pairs times scenarios, where each scenario has rows of its own."""

EASY_PAIRS = 1_000
"""Pairs up to which HiGHS needs no better start than a short search, and no other search of the tree."""

CORE_MODELS = 400
"""Models among which a long search looks; among 100 it stays up to .6 % above what it finds among these."""

LONG_SEARCH_KICKS = 300
"""How many local optima a long search leaves."""

SEARCH_TIME_SHARE = 0.3
"""Share of the time that a search may take."""

TIE_WEIGHT = 1e-4
"""Weight of the mean loss in the search for targets; the search proves nothing, so that ties are broken roughly."""


@dataclass(frozen=True)
class Choice:
    """A choice and its certificate.

    Attributes:
        chosen: (T,) the pair that serves each task.
        value: the objective.
        bound: no choice has a smaller objective.
        solver: what proved the bound.
        status: ``optimal``, ``time limit``, or ``too large for HiGHS``.
    """

    chosen: np.ndarray
    value: float
    bound: float
    solver: str
    status: str


def best_choice(problem: Selection, deadline: float) -> Choice | None:
    """Find the best choice; of those with the best objective, one with the least mean loss.

    Args:
        problem: the stated problem.
        deadline: ``time.monotonic()`` at which to stop.

    Returns:
        The choice, or ``None`` where none was found in time or none exists (see ``cheapest``).
    """
    if len(np.unique(problem.task)) < problem.n_tasks:
        return None
    mean = problem if len(problem.loss) == 1 else problem.averaged()
    # the mean over the scenarios first: it is solved in any case, and bounds every risk from below (``averaged``)
    first = _worst(mean, deadline) if problem.objective.takes_largest else _linear(mean, deadline)
    if first is None or mean is problem or problem.is_linear:
        return first
    # several scenarios: the choice for their mean is a start, and its bound holds
    value = problem.value(first.chosen)
    start = Choice(first.chosen, value, min(value, first.bound), first.solver, first.status)
    if problem.loss.size > MAX_HIGHS_DRAWN_PAIRS:
        return replace(start, status="too large for HiGHS")
    return _by_program(problem, choice_program(problem), start, deadline)


def cheapest(problem: Selection, cost: np.ndarray, deadline: float) -> tuple[np.ndarray | None, bool]:
    """The models (M,) with the least sum of ``cost`` (M,) that serve every task within budget and count.

    ``None`` where none was found in time or none exists; and whether the answer is proven.
    """
    outcome = solve(cover_program(problem, cost), deadline)
    return (None if outcome.x is None else _built(problem, outcome)), outcome.ended


def _linear(problem: Selection, deadline: float) -> Choice | None:
    """The best choice under an objective that is a sum over pairs: search, Lagrangian bound, then what is left."""
    coefficient = problem.terms.mean(axis=0)
    chosen = _start(problem, coefficient, deadline)
    if chosen is None:
        return None
    # the bound before any solver: the models that it rules out never reach HiGHS (variable fixing, Geoffrion 1974)
    dual = lagrangian(problem, coefficient, chosen)
    pairs = _possible(problem, dual, chosen)
    # a better choice rules out more models, which is worth more than the time that the search takes
    if len(pairs) > EASY_PAIRS:
        chosen = _search_core(problem, coefficient, dual, chosen, deadline)
        pairs = _possible(problem, dual, chosen)
    value = problem.value(chosen)
    start = Choice(chosen, value, min(value, dual.bound), "Lagrangian bound", "optimal")
    # proven, and of the mean there is no tie to break: done without a solver
    is_closed = value - dual.bound <= SOLVER_TOLERANCE
    if is_closed and problem.objective is MEAN:
        return start
    if len(pairs) > EASY_PAIRS and problem.objective is MEAN:
        return _branched(problem, coefficient, dual, start, deadline)
    if len(pairs) > MAX_HIGHS_PAIRS:
        return start if is_closed else replace(start, status="too large for HiGHS")
    # what is left keeps every choice that is as good as the one at hand, so its optimum is the whole problem's
    rest = problem.keep(pairs)
    left = replace(start, chosen=np.searchsorted(pairs, chosen))
    found = _by_program(rest, choice_program(rest), left, deadline)
    return replace(found, chosen=pairs[found.chosen])


def _branched(problem: Selection, coefficient: np.ndarray, dual: Dual, start: Choice, deadline: float) -> Choice:
    """Improve a choice by branch and bound, which closes in seconds what HiGHS does not in its time."""
    built = np.zeros(len(problem.cost), dtype=bool)
    built[problem.model[start.chosen]] = True
    found = branch_and_bound(problem, coefficient, built, dual, SOLVER_TOLERANCE, deadline)
    chosen = problem.best_pairs(found.built, coefficient)
    assert chosen is not None  # it is the start's or serves every task at a finite sum
    value = problem.value(chosen)
    status = "optimal" if found.ended else "time limit"
    return Choice(chosen, value, min(value, max(start.bound, found.bound)), "branch and bound", status)


def _possible(problem: Selection, dual: Dual, chosen: np.ndarray) -> np.ndarray:
    """Positions of the pairs whose model a choice as good as the one at hand can contain."""
    possible = dual.possible(problem.value(chosen))
    possible[problem.model[chosen]] = True  # rounding must not remove the choice at hand
    return np.flatnonzero(possible[problem.model])


def _search_core(
    problem: Selection, coefficient: np.ndarray, dual: Dual, chosen: np.ndarray, deadline: float
) -> np.ndarray:
    """Search longer among the models that the bound favours and those at hand; the better of both choices."""
    core = np.zeros(len(problem.cost), dtype=bool)
    # reduced costs at the best prices rank the models by what the bound loses without them
    core[np.argsort(dual.reduced, kind="stable")[:CORE_MODELS]] = True
    core[problem.model[chosen]] = True
    pairs = np.flatnonzero(core[problem.model])
    found = _search(problem.keep(pairs), coefficient[pairs], deadline, LONG_SEARCH_KICKS)
    if found is None or coefficient[pairs[found]].sum() >= coefficient[chosen].sum():
        return chosen
    return pairs[found]


def _by_program(problem: Selection, program: LinearProgram, start: Choice, deadline: float) -> Choice:
    """Improve a choice by HiGHS, then break ties by the mean loss."""
    outcome = solve(program, deadline, start_of(problem, start.chosen))
    chosen, value = _better(problem, outcome, start.chosen, start.value)
    bound = min(value, max(start.bound, outcome.bound))
    status = "optimal" if outcome.ended else "time limit"
    # targets and worst tasks are met by many choices alike: of these the one with the least mean loss, in a second
    # program with the first objective held
    if problem.objective is not MEAN or not problem.is_linear:
        coefficient = np.zeros(len(problem.cost) + len(problem.model))
        coefficient[len(problem.cost) :] = problem.mean_loss
        tied = solve(
            with_objective(program, coefficient, value + SOLVER_TOLERANCE), deadline, start_of(problem, chosen)
        )
        chosen = _tie_broken(problem, tied, chosen, value)
    solver = "HiGHS" if outcome.bound > start.bound or outcome.ended else start.solver
    return Choice(chosen, problem.value(chosen), bound, solver, status)


def _worst(problem: Selection, deadline: float) -> Choice | None:
    """The least worst loss by bisection: at a level only the pairs below it are left, and they must serve every task.

    A search lowers what can be reached, linear programs raise what cannot, and integer programs close what is between.
    """
    loss = problem.terms[0]
    chosen = _start(problem, loss / problem.n_tasks, deadline)
    if chosen is None:
        return None
    # no choice is better than the worst of the tasks' best losses; levels are losses that exist, so bisection is finite
    floor = max(loss[problem.task == task].min() for task in range(problem.n_tasks))
    levels = np.unique(loss[loss >= floor])
    low, high = 0, int(np.searchsorted(levels, problem.value(chosen)))

    # from above: choices that the search finds at a level; finding none proves nothing, so only ``high`` moves
    least = low
    while least < high:
        middle = (least + high) // 2
        pairs = np.flatnonzero(loss <= levels[middle])
        found = _search(problem.keep(pairs), np.zeros(len(pairs)), deadline, 0)
        if found is None:
            least = middle + 1
        else:
            chosen = pairs[found]
            high = int(np.searchsorted(levels, problem.value(chosen)))

    # from below: a level whose linear relaxation already has no solution has no integer one either
    proven = True
    most = high
    while low < most:
        middle = (low + most) // 2
        program = _cover_below(problem, levels[middle])
        if solve(replace(program, whole=np.zeros(len(program.cost), dtype=bool)), deadline).bound == np.inf:
            low = middle + 1
        else:
            most = middle

    # what neither could decide: one integer program a level, and the first that runs out of time ends the proof
    while low < high and proven:
        middle = (low + high) // 2
        pairs = np.flatnonzero(loss <= levels[middle])
        rest = problem.keep(pairs)
        outcome = solve(_cover_below(problem, levels[middle]), deadline)
        built = None if outcome.x is None else _built(rest, outcome)
        if built is not None and rest.is_allowed(built):
            served = rest.best_pairs(built, loss[pairs])
            assert served is not None  # the rows of the program serve every task
            chosen = pairs[served]
            high = int(np.searchsorted(levels, problem.value(chosen)))
        elif outcome.bound == np.inf:
            low = middle + 1
        else:
            proven = False
    return _mean_below(problem, chosen, float(levels[low]), deadline, "optimal" if proven else "time limit")


def _cover_below(problem: Selection, level: float) -> LinearProgram:
    """The cheapest models that serve every task with a loss of at most ``level``, in one scenario."""
    rest = problem.keep(np.flatnonzero(problem.terms[0] <= level))
    return cover_program(rest, np.maximum(rest.cost, SOLVER_TOLERANCE))


def _mean_below(problem: Selection, chosen: np.ndarray, bound: float, deadline: float, status: str) -> Choice:
    """Of the choices with a worst loss as small, one with the least mean loss."""
    value = problem.value(chosen)
    pairs = np.flatnonzero(problem.terms[0] <= value)
    rest = problem.keep(pairs)
    tied = _linear(replace(rest, objective=MEAN), deadline)
    if tied is not None and rest.mean_loss[tied.chosen].sum() < problem.mean_loss[chosen].sum():
        chosen = pairs[tied.chosen]
    return Choice(chosen, value, bound, "HiGHS", status)


def _start(problem: Selection, coefficient: np.ndarray, deadline: float) -> np.ndarray | None:
    """A good choice (T,): by a short search, or the cheapest one where that leaves a task unserved."""
    found = _search(problem, coefficient, deadline, 0)
    if found is None:
        built, _ = cheapest(problem, problem.cost, deadline)
        if built is not None and problem.is_allowed(built):
            found = problem.best_pairs(built, coefficient)
    return found


def _search(problem: Selection, coefficient: np.ndarray, deadline: float, kicks: int) -> np.ndarray | None:
    """The pairs (T,) that a search finds for the least sum of coefficients, ties by the mean loss."""
    now = time.monotonic()
    ties = TIE_WEIGHT * problem.mean_loss if problem.objective.counts_targets else 0.0
    built = search(problem, coefficient + ties, now + SEARCH_TIME_SHARE * (deadline - now), kicks)
    return None if built is None else problem.best_pairs(built, coefficient)


def _built(problem: Selection, outcome: ProgramSolution) -> np.ndarray:
    """(M,) whether each model is built in a solution of HiGHS."""
    assert outcome.x is not None
    return outcome.x[: len(problem.cost)] > 0.5


def _better(problem: Selection, outcome: ProgramSolution, chosen: np.ndarray, value: float) -> tuple[np.ndarray, float]:
    """The choice of a solution where it is allowed and better than the one at hand."""
    found = _choice_of(problem, outcome)
    if found is None or problem.value(found) >= value:
        return chosen, value
    return found, problem.value(found)


def _tie_broken(problem: Selection, outcome: ProgramSolution, chosen: np.ndarray, value: float) -> np.ndarray:
    """The choice of a solution where its objective is as good and its mean loss smaller."""
    found = _choice_of(problem, outcome)
    if found is None or problem.value(found) > value + SOLVER_TOLERANCE:
        return chosen
    return found if problem.mean_loss[found].sum() < problem.mean_loss[chosen].sum() else chosen


def _choice_of(problem: Selection, outcome: ProgramSolution) -> np.ndarray | None:
    """(T,) the pairs of a solution; a sum of pairs is served by the best of the models that are built."""
    if outcome.x is None:
        return None
    built = _built(problem, outcome)
    if not problem.is_allowed(built):
        return None
    if problem.is_linear:
        return problem.best_pairs(built, problem.terms.mean(axis=0))
    pairs = np.flatnonzero(outcome.x[len(problem.cost) :][: len(problem.model)] > 0.5)
    return pairs[np.argsort(problem.task[pairs])]
