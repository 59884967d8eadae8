"""The multiple-choice knapsack: one choice for each task within a budget.

Plans come from HiGHS; the bound does not: it is a dynamic programme over the budget with spends rounded down.
"""

import numpy as np
from scipy import sparse

from budget.allocation.nonconvex.lower_hull import Choices
from budget.errors import SolverError
from budget.numerics.linear_programs import LinearProgram, solve_program

MAX_DP_ADDITIONS = 200_000_000
"""Additions that the dynamic programme may take: under a second in NumPy."""

MAX_BUDGET_UNITS = 200_000
"""Parts into which the dynamic programme divides the budget, at most."""

MIN_BUDGET_UNITS = 100
"""The same at least: with fewer, rounding a spend down would lose a percent of the budget."""
MAX_DP_NUMBERS = 10_000_000
"""Numbers that the dynamic programme keeps, tasks times parts: 80 MB of doubles."""

BUDGET_ROW_TOLERANCE = 1e-9
"""What HiGHS may exceed the budget's row by, as a share of the budget; its default, 1e-6, would be seen in a plan."""


def solve_choice_knapsack(
    choices: Choices, budget: float, size: float, tolerance: float, time_limit: float
) -> np.ndarray | None:
    """One choice for each task with the smallest sum of values, by HiGHS.

    Args:
        choices: of V tasks.
        budget: of all spends.
        size: unit of value that the program is scaled by.
        tolerance: the search ends within it of the optimum.
        time_limit: seconds.

    Returns:
        Spends (V,), or ``None`` where none was found in time.
    """
    first = choices.first
    least = np.minimum.reduceat(choices.value, first)
    # of a task only differences matter: counted from its best choice, in units of what is open, HiGHS sees numbers of
    # order one
    cost = (choices.value - least[choices.task]) / size
    count = len(cost)
    row = np.column_stack([choices.task, np.full(count, len(first))]).ravel()
    # each column stands in its task's row and in the budget's, which is in shares of the budget
    weight = np.column_stack([np.ones(count), choices.spend / budget]).ravel()
    one = np.ones(len(first))
    for room in (
        1.0,
        1.0 - 2 * BUDGET_ROW_TOLERANCE,
    ):  # a second time where the row's tolerance let the plan exceed the budget
        solution = _solve(
            cost, row, weight, np.append(one, -np.inf), np.append(one, room), tolerance / size, time_limit
        )
        if solution is None:
            return None
        chosen = np.flatnonzero(solution > 0.5)
        if len(chosen) == len(first) and choices.spend[chosen].sum() <= budget:
            return choices.spend[chosen]
    return None


def _solve(
    cost: np.ndarray,
    row: np.ndarray,
    weight: np.ndarray,
    row_low: np.ndarray,
    row_high: np.ndarray,
    tolerance: float,
    time_limit: float,
) -> np.ndarray | None:
    """Minimize ``cost·x`` over binary x, two entries a column; ``None`` where no solution was found in time.

    Raises:
        SolverError: HiGHS refused the program.
    """
    count = len(cost)
    start = np.arange(0, len(row) + 1, len(row) // count)
    program = LinearProgram(
        cost,
        np.zeros(count),
        np.ones(count),
        np.ones(count, dtype=bool),
        sparse.csc_matrix((weight, row, start), shape=(len(row_low), count)),
        row_low,
        row_high,
    )
    found = solve_program(
        program,
        options={
            "time_limit": time_limit,
            "mip_rel_gap": 0.0,
            "mip_abs_gap": tolerance,
            "mip_feasibility_tolerance": BUDGET_ROW_TOLERANCE,
            "primal_feasibility_tolerance": BUDGET_ROW_TOLERANCE,
        },
    )
    if found.status == "refused":
        raise SolverError("HiGHS refused the integer program; bring weights and spends closer together.")
    return found.x


def dp_lower_bounds(choices: Choices, budget: float, price: float, error: float) -> np.ndarray:
    """For each choice a lower bound on the sum of values of all plans that make it, without a solver.

    A dynamic programme from either side over parts of the budget: spends are rounded down to whole parts, so every plan
    within the budget stays within it. The smallest bound of any one task is a bound on every plan.

    Args:
        choices: of V tasks, ordered by task, then spend.
        budget: of all spends.
        price: what a unit of it is worth, about.
        error: how far the rounding may lower the bounds, about; the parts are made as small as that asks.

    Returns:
        (R,) bounds; infinite where no plan fits.
    """
    first = choices.first
    # what every plan spends (each task's least) is taken off first, so that the parts are of what there is to choose
    groups = np.split(np.arange(len(choices.task)), first[1:])
    base = choices.spend[first]
    room = budget - base.sum()
    if room < 0:
        return np.full(len(choices.task), np.inf)
    open_tasks = [rows for rows in groups if len(rows) > 1]
    # tasks with one choice left take part in no choice: they cost the programme no pass
    fixed = float(sum(choices.value[rows[0]] for rows in groups if len(rows) == 1))
    count = len(open_tasks)
    if count == 0:
        return np.full(len(choices.task), fixed)
    offset = choices.spend - base[choices.task]
    # each of the tasks loses at most one part to rounding, worth price·room/units: the parts that keep the sum within
    # the error
    units = int(np.clip(min(count * price * room / error, MAX_DP_NUMBERS / count), MIN_BUDGET_UNITS, MAX_BUDGET_UNITS))
    while units > MIN_BUDGET_UNITS and units * _distinct(choices.task, _parts(offset, room, units)) > MAX_DP_ADDITIONS:
        units = max(MIN_BUDGET_UNITS, units // 2)
    offset = _parts(offset, room, units)
    # before[i][b]: the least value of the first i tasks within b parts; bounds stay bounds, since spends are rounded
    # down
    before = [np.zeros(units + 1)]
    for rows in open_tasks[:-1]:
        before.append(_add(before[-1], offset[rows], choices.value[rows]))
    # the same from behind: a plan through a choice is the best before it, the choice, and the best after it
    after = np.zeros(units + 1)
    through = np.empty(len(choices.task))
    for rows, left in zip(reversed(open_tasks), reversed(before), strict=True):
        of_units = {
            # what the choice leaves, divided in every way between the tasks before and after; equal spends share the
            # minimum
            used: float((left[: units + 1 - used] + after[units - used :: -1]).min()) if used <= units else np.inf
            for used in np.unique(offset[rows]).tolist()
        }
        through[rows] = fixed + choices.value[rows] + np.array([of_units[used] for used in offset[rows].tolist()])
        after = _add(after, offset[rows], choices.value[rows])
    # every plan makes one choice of the first open task, so its least bound is one on all plans
    least = through[open_tasks[0]].min()
    for rows in groups:
        if len(rows) == 1:
            through[rows] = least
    return through


def _parts(spend: np.ndarray, room: float, units: int) -> np.ndarray:
    """Spends as whole parts of the room, rounded down; one more than there are where a spend does not fit."""
    # a hair below: a spend that is a whole number of parts but for rounding must not be rounded up to the next
    scale = units / room * (1 - 1e-12) if room > 0 else 0.0
    return np.minimum(np.floor(spend * scale), units + 1).astype(int)


def _distinct(task: np.ndarray, offset: np.ndarray) -> int:
    """How many choices differ after rounding: passes that the dynamic programme takes."""
    return 1 + int(np.count_nonzero((np.diff(task) > 0) | (np.diff(offset) > 0)))


def _add(least: np.ndarray, offset: np.ndarray, value: np.ndarray) -> np.ndarray:
    """One more task: the smallest sum within each number of units."""
    result = np.full_like(least, np.inf)
    so_far = np.inf
    new = np.flatnonzero(np.diff(offset, prepend=-1))
    # values fall with spend, so a choice that is no better than a cheaper one is passed over
    for units, gain in zip(offset[new].tolist(), np.minimum.reduceat(value, new).tolist(), strict=True):
        if units < len(least) and gain < so_far:
            np.minimum(result[units:], least[: len(least) - units] + gain, out=result[units:])
            so_far = gain
    return result
