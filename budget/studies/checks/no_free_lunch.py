"""The no-free-lunch check: what a budget brings when nobody knows which curve belongs to which task.

T curves ``F_t(x)`` of spend (smaller is better) are assigned to T tasks by a permutation π. Averaged over all of them,
each equally likely, a split x is worth the same as if every task had the mean curve ``F̄ = Σ_t F_t / T``:

    E_π [Σ_i F_π(i)(x_i)] = Σ_i F̄(x_i).

So no split that prefers some tasks gains from the preference itself (Wolpert & Macready 1997). What is left is how
broad to be, and that is decided by the shape of F̄: where it is convex the equal split is optimal (Jensen), where it is
S-shaped serving few tasks well is better (Goldfeder, Wyder, LeCun & Shwartz-Ziv 2026, arXiv 2602.23643). Numbers are
means over the T tasks, so that they compare with one task drawn uniformly: plans can only improve along

    equal split ≥ best, assignment unknown ≥ best, assignment known ≥ all on the one task that counts.

See docs/decisions/084-no-free-lunch-and-selection-are-checks.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.nonconvex.envelope import NonconvexOptimum, solve_nonconvex
from budget.allocation.nonconvex.responses import Responses
from budget.allocation.nonconvex.spend_response import spend_response
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import AllocationError
from budget.numerics.strict_json import json_rows, json_value
from budget.studies.checks.assignments import Averaging, average, values_anywhere
from budget.studies.checks.knowledge_splits import Gain, Split, gain

VALUE_ROUNDING = 1e-12
"""Relative difference of two values that counts as none: the rounding of a mean over tasks (1.1e-16 a term) with room
for thousands of them."""


@dataclass(frozen=True)
class FreeLunch:
    """What T tasks are worth under more and more knowledge, as mean values (smaller is better).

    Attributes:
        budget: the total.
        equal: ``budget/T`` for each; its bound is that of ``unknown``.
        unknown: the best split while any curve may belong to any slot.
        known: the best split of the tasks as they are: the ordinary plan, the same for every assignment up to labels.
        dedicated: (T,) each task's value with the whole budget, or unserved where that is better.
        breadth: (T,) value of serving 1, 2, …, T slots equally while the assignment is unknown; NaN where others
            must be served.
        efficient: smallest efficient spend of a slot, the tangent point of the mean curve; 0 where every spend is.
        misassigned: ``known``'s spends handed to tasks at random: what preferring tasks is worth without knowledge.
        tolerance: difference of values that counts as none: the gap asked for.
        seed: of the sampled assignments.
    """

    budget: float
    equal: Split
    unknown: Split
    known: Split
    dedicated: np.ndarray
    breadth: np.ndarray
    efficient: float
    misassigned: Averaging
    tolerance: float
    seed: int

    @property
    def equal_is_optimal(self) -> bool | None:
        """Whether no split beats the equal one while the assignment is unknown; ``None`` where the gap is open."""
        if self.equal.value - self.unknown.bound <= self.tolerance:
            return True
        return False if self.equal.value - self.unknown.value > self.tolerance else None

    @property
    def assignment(self) -> Gain:
        """What knowing which curve belongs to which task is worth."""
        return gain(self.unknown, self.known)

    @property
    def target(self) -> Gain:
        """What knowing which one task will count is worth, where one is drawn uniformly and its curve is known."""
        value = float(self.dedicated.mean())
        return gain(self.known, Split(np.empty(0), value, value))

    def table(self) -> pd.DataFrame:
        """One row a plan, from the least knowledge to the most: ``plan, value, bound, served, effective``."""
        rows = [
            (name, split.value, split.bound, split.served, split.effective)
            for name, split in (
                ("equal split", self.equal),
                ("assignment unknown", self.unknown),
                ("assignment known", self.known),
            )
        ]
        one = float(self.dedicated.mean())
        rows.append(("target known", one, one, 1, 1.0))
        return pd.DataFrame(rows, columns=["plan", "value", "bound", "served", "effective"])

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        return {
            "budget": self.budget,
            "tasks": len(self.dedicated),
            "plans": json_rows(self.table()),
            "spend": {"unknown": self.unknown.spend.tolist(), "known": self.known.spend.tolist()},
            "dedicated": self.dedicated.tolist(),
            "breadth": json_value(self.breadth),
            "efficient": json_value(self.efficient),
            "equal_is_optimal": self.equal_is_optimal,
            "knowing_assignment": vars(self.assignment),
            "knowing_target": vars(self.target),
            "misassigned": json_value(vars(self.misassigned)),
            "tolerance": self.tolerance,
            "seed": self.seed,
        }


def free_lunch(
    value: Callable[[np.ndarray, np.ndarray], np.ndarray],
    budget: float,
    count: int,
    *,
    unserved: np.ndarray | None = None,
    low: float = 0.0,
    gap: float = 1e-4,
    samples: int = 2000,
    seed: int = 0,
    time_limit: float = 60.0,
) -> FreeLunch:
    """What a budget brings to T tasks without and with knowledge of which curve is whose.

    Args:
        value: ``value(tasks (R,), spends (R,)) → (R,)``, smaller is better and never rising with spend; infinite where
            a spend pays for nothing: a slot is then served only at spends that pay under every curve.
        budget: the total, in the unit of spend.
        count: T.
        unserved: (T,) value of a task that is given nothing; ``None`` where all must be served.
        low: least spend of a served task, the same for all, since a slot may hold any of them.
        gap: splits are searched to this share of the range from nothing (or an equal split) to the whole budget each.
        samples: assignments drawn where there are more than ``MAX_ENUMERATED_TASKS`` tasks.
        seed: of these draws.
        time_limit: seconds for each of the two splits.

    Raises:
        AllocationError: the budget is not positive, an unserved value is missing, or values rise with spend.
        InfeasibleError: serving all takes more than the budget.
        SolverError: a value is not a number.
    """
    if unserved is not None and not np.isfinite(unserved).all():
        raise AllocationError(
            f"Task {int(np.flatnonzero(~np.isfinite(unserved))[0])} has no unserved value; give one for every task, or "
            "leave them out so that every task is served."
        )
    nothing = np.full(count, np.nan) if unserved is None else np.asarray(unserved, dtype=float)
    limits = np.full(count, float(low)), np.full(count, float(budget))
    curves = Responses(value, *limits, budget, nothing)
    every = np.arange(count)

    def mean_curve(slots: np.ndarray, spend: np.ndarray) -> np.ndarray:
        # slots are alike, so each spend is looked up once
        different, where = np.unique(spend, return_inverse=True)
        values = curves(np.repeat(every, len(different)), np.tile(different, count))
        return values.reshape(count, -1).mean(axis=0)[where]

    # while nobody knows which curve is whose, every slot has the mean curve (the identity above), so that the same
    # planner solves both questions
    slots = Responses(mean_curve, *limits, budget, np.full(count, nothing.mean()))
    found = solve_nonconvex(slots, gap=gap, time_limit=time_limit)
    informed = solve_nonconvex(curves, gap=gap, time_limit=time_limit)
    breadth = _breadth(slots)
    # fmin: where no unserved value is known the whole budget's value stands
    dedicated = np.fmin(curves(every, limits[1]), nothing)
    # k equal shares are candidates that a search on a grid may miss by its gap
    unknown = _best(found, breadth, budget)
    unserved_value = np.inf if unserved is None else float(nothing.mean())
    equal = (
        unserved_value if np.isnan(breadth[-1]) else float(breadth[-1])
    )  # a share that pays for nothing serves nobody
    worst = equal if unserved is None else unserved_value
    return FreeLunch(
        budget=float(budget),
        equal=Split(np.full(count, budget / count), equal, unknown.bound),
        unknown=unknown,
        known=Split(informed.spend, informed.value / count, informed.bound / count),
        dedicated=dedicated,
        breadth=breadth,
        efficient=float(found.efficient[0]),
        misassigned=average(values_anywhere(curves, informed.spend), samples, seed),
        tolerance=gap * max(worst - float(dedicated.mean()), 0.0) + VALUE_ROUNDING * abs(equal),
        seed=seed,
    )


def free_lunch_of(curves: Curves, spec: PlanSpec, *, gap: float = 1e-4, seed: int = 0) -> FreeLunch:
    """The check for fitted curves, every model the best one at its spend.

    Tasks weigh the same and have no limits of their own, since a slot may hold any of them.

    Args:
        curves: of T tasks.
        spec: for its budget, unit, measure, sizes and whether tasks may be given nothing; of specialists.
        gap: see ``free_lunch``.
        seed: see ``free_lunch``.

    Raises:
        AllocationError: the plan spec is not about specialists; or see ``free_lunch``.
    """
    if spec.is_one_model:
        raise AllocationError("One shared model has no split over tasks; ask for strategy specialists.")
    response = spend_response(curves, spec)
    unserved = None if np.isnan(response.unserved_value).all() else response.unserved_value
    return free_lunch(response.value_at, spec.budget, len(curves.tasks), unserved=unserved, gap=gap, seed=seed)


def _breadth(slots: Responses) -> np.ndarray:
    """(T,) mean values of serving 1, 2, …, T alike slots equally, NaN where it is not allowed."""
    count = len(slots.low)
    number = np.arange(1, count + 1)
    share = np.maximum(slots.budget / number, slots.low)
    allowed = share * number <= slots.budget * (1 + VALUE_ROUNDING)
    served = slots(np.zeros(count, dtype=int), share)
    left = np.append((count - number[:-1]) * slots.unserved[:-1], 0.0)  # NaN where the others must be served
    value = (number * served + left) / count
    return np.where(allowed & np.isfinite(value), value, np.nan)


def _best(found: NonconvexOptimum, breadth: np.ndarray, budget: float) -> Split:
    """The better of the split found and the best number of equal shares."""
    count = len(breadth)
    bound = found.bound / count
    if np.isnan(breadth).all() or found.value / count <= np.nanmin(breadth):
        return Split(found.spend, found.value / count, bound)
    number = int(np.nanargmin(breadth)) + 1
    return Split(np.where(np.arange(count) < number, budget / number, 0.0), float(breadth[number - 1]), bound)
