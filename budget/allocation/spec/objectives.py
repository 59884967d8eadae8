"""Objectives: how the tasks' values become the one number that a plan makes as good as it can.

An objective is a record that carries its functions; nothing outside this table compares its name. Each task has a term,
which never falls when the task's measure rises (measures are made small), and the terms are folded by their sum or by
the largest of them. That shape is all that a planner needs:

- ``convex`` says how the terms are stated in the convex program, where they are affine in the measures;
- otherwise sums are planned through each task's convex envelope and the largest by bisection on its level, each with
  the bound that the method proves (``nonconvex/plan_nonconvex.py``), and one model by branch and bound on its size;
- what counts targets, or makes the spend itself small, is a knapsack over the spends that targets take.

To add one, add a record here (the commands' choices repeat the names, so that ``--help`` loads nothing).

See docs/decisions/123-objectives-measures-risks-are-records.md.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from budget.errors import AllocationError

Goal = Literal["sum", "largest", "cheapest"]
"""What the convex program makes small: the sum of its values, the largest of them, or the spend."""


@dataclass(frozen=True)
class Fold:
    """How terms (…, T) become one number (…)."""

    goal: Goal
    over: Callable[[np.ndarray], np.ndarray]


SUM = Fold("sum", lambda terms: np.sum(terms, axis=-1))
LARGEST = Fold("largest", lambda terms: np.max(terms, axis=-1))
SPEND = Fold("cheapest", lambda terms: np.sum(terms, axis=-1))
"""The terms are the models' spends themselves."""

Terms = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(measures (…, T), weights (T,), whether each target is met (…, T)) → terms (…, T)."""

Affine = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(weights (T,), measures of the targets (T,)) → (factors (T,), shifts (T,)): a term is factor·measure + shift."""


@dataclass(frozen=True)
class Naming:
    """What the sentence that names an objective may speak of.

    Attributes:
        metric: what the measure is of, such as ``loss`` or ``progress``.
        unit: the budget's.
        is_equal: whether all tasks weigh the same.
        is_alone: whether there is one task only.
        risk: over which draws, such as `` at the 90% quantile of the draws``; empty for the point fit.
    """

    metric: str
    unit: str
    is_equal: bool
    is_alone: bool
    risk: str

    @property
    def mean(self) -> str:
        """``mean`` or ``weighted mean``."""
        return "mean" if self.is_equal else "weighted mean"


@dataclass(frozen=True)
class Objective:
    """One way to fold T tasks into a number, smaller being better.

    Attributes:
        name: what ``--objective`` takes and JSON holds.
        words: what it is, in a line.
        title: what a report calls its number.
        fold: how the terms become one number.
        terms: each task's term.
        convex: the terms as factors and shifts, for the convex program; ``None`` where they are not affine.
        sign: from what is made small to what a reader sees; ``None``: that of the measure, in whose unit it is.
        needs_targets: whether every target must be stated.
        needs_unserved: whether a task that is given nothing needs its unserved value to be counted.
        counts_targets: whether it moves in steps, a task's term being its weight where its target is met.
        counts_weights: whether weights count as stated, and not as shares of their sum.
        is_linear: whether it is a weighted sum of the measures, so that risk can be taken of its draws.
        is_scale_free: whether the best plan stays the best where all measures are in another unit or zero.
    """

    name: str
    words: str
    title: Callable[[Naming], str]
    fold: Fold
    terms: Terms
    convex: Affine | None = None
    sign: float | None = None
    needs_targets: bool = False
    needs_unserved: bool = True
    counts_targets: bool = False
    counts_weights: bool = False
    is_linear: bool = False
    is_scale_free: bool = False

    @property
    def takes_largest(self) -> bool:
        """Whether only the worst task counts."""
        return self.fold.goal == "largest"

    @property
    def minimizes_spend(self) -> bool:
        """Whether the spend is made small and the tasks are its limits: no budget is needed."""
        return self.fold.goal == "cheapest"

    @property
    def is_sum(self) -> bool:
        """Whether it sums terms that move with the measures, so that a spend goes where its term falls most."""
        return self.fold.goal == "sum" and not self.counts_targets

    @property
    def stops_at(self) -> str:
        """What ends a task's spend where no limit of its own does."""
        return "target" if self.minimizes_spend else "budget"

    @property
    def moves_in_steps(self) -> bool:
        """Whether a little more for a task changes nothing or much."""
        return self.counts_targets or self.minimizes_spend

    def value(self, measures: np.ndarray, weight: np.ndarray, met: np.ndarray) -> np.ndarray:
        """The objective (…) of measures (…, T), for weights (T,), where targets are met (…, T) or not.

        What makes the spend small has no value of measures: see ``minimizes_spend``.
        """
        if self.minimizes_spend:
            raise not_computed("objective", self.name)
        return self.fold.over(self.terms(measures, weight, met))

    def term(self, measures: np.ndarray, weight: np.ndarray, met: np.ndarray) -> np.ndarray:
        """The terms, infinite where a measure is: no spend that pays for no model is worth anything."""
        with np.errstate(invalid="ignore"):
            return np.where(measures == np.inf, np.inf, self.terms(measures, weight, met))


def _nothing(weight: np.ndarray) -> np.ndarray:
    return np.zeros(len(weight))


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective(
            "mean",
            "weighted mean over the tasks",
            title=lambda of: of.metric if of.is_alone else f"{of.mean} {of.metric}{of.risk}",
            fold=SUM,
            terms=lambda measures, weight, met: weight * measures,
            convex=lambda weight, target: (weight, _nothing(weight)),
            is_linear=True,
            is_scale_free=True,
        ),
        Objective(
            "worst",
            "the worst task",
            title=lambda of: of.metric if of.is_alone else f"worst {of.metric}",
            fold=LARGEST,
            terms=lambda measures, weight, met: measures,
            convex=lambda weight, target: (np.ones(len(weight)), _nothing(weight)),
            is_scale_free=True,
        ),
        Objective(
            "targets",
            "weighted number of tasks at their target",
            title=lambda of: f"{'number' if of.is_equal else 'weighted number'} of targets met{of.risk}",
            fold=SUM,
            terms=lambda measures, weight, met: -weight * met,
            sign=-1.0,
            needs_targets=True,
            needs_unserved=False,
            counts_targets=True,
            counts_weights=True,
            is_scale_free=True,
        ),
        Objective(
            "cheapest",
            "smallest total with every target met, or as many as --at-least",
            title=lambda of: f"spend in {of.unit}",
            fold=SPEND,
            terms=lambda measures, weight, met: np.full(np.shape(measures), np.nan),
            convex=lambda weight, target: (np.ones(len(weight)), -target),
            sign=1.0,
            needs_targets=True,
        ),
    )
}

MEAN = OBJECTIVES["mean"]
"""The weighted mean, which what targets leave of a budget goes to, and which mixtures are planned for."""


Record = TypeVar("Record")


def names_where(table: Mapping[str, Record], holds: Callable[[Record], bool]) -> tuple[str, ...]:
    """The names in a table of the records of which something holds."""
    return tuple(name for name, record in table.items() if holds(record))


def record_of(what: str, name: str, table: Mapping[str, Record]) -> Record:
    """The record of a name.

    Args:
        what: the kind of word, such as ``Objective``.
        name: as it was asked for: from Python, anything can be.
        table: name → record.

    Raises:
        AllocationError: the table has no such name.
    """
    if name not in table:
        raise AllocationError(f"{what} '{name}' is unknown; choose {', '.join(table)}.")
    return table[name]


def not_computed(what: str, word: str) -> AllocationError:
    """The error of a place that would have to know a word and does not: what is not known must never pass for another.

    Args:
        what: the kind of word, such as ``law``.
        word: as it was asked for.
    """
    return AllocationError(
        f"Nothing here computes the {what} '{word}': choose another, or add what it is (see CONTRIBUTING, 'Adding')."
    )
