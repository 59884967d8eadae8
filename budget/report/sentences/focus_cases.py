"""What sentences about a comparison of strategies have in common: names of sets, and which of its cases to trust."""

from collections.abc import Iterable

from budget.numerics.words import shortened
from budget.report.written_numbers import percent, plural
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.strategy_plans import largest_inside

NOT_MEASURED = " This rests in part on an assumed strategy, which nobody measured."
"""Ends every sentence that compares with one without naming it."""

SHOWN = 4
"""Names and lines of one kind that a sentence lists."""


def assumed(strategies: Iterable[str]) -> str:
    """The warning where one of the strategies behind a sentence is assumed."""
    return NOT_MEASURED if any(MARK in name for name in strategies) else ""


def set_name(tasks: tuple[str, ...]) -> str:
    """A set in a sentence: its tasks, or how many and the first two."""
    if len(tasks) <= SHOWN:
        return " + ".join(tasks)
    return f"{len(tasks)} tasks ({tasks[0]}, {tasks[1]}, …)"


def lies_beyond(comparison: Comparison) -> bool:
    """Whether the plans that decide the cell lie far outside the measured scales."""
    return comparison.extrapolates


def telling_budget(comparisons: list[Comparison]) -> float:
    """The largest budget with most of the cells inside the measured range; the smallest where there is none."""
    found = largest_inside(
        [comparison.budget for comparison in comparisons], [lies_beyond(comparison) for comparison in comparisons]
    )
    return min(comparison.budget for comparison in comparisons) if found is None else found


def extrapolated_on(comparisons: list[Comparison]) -> str:
    """How many of the cells behind a sentence are extrapolated."""
    count = sum(lies_beyond(comparison) for comparison in comparisons)
    return f" (extrapolated on {count} of {plural(len(comparisons), 'set')})" if count else ""


def signed(fraction: float) -> str:
    """A share of one as a percentage with its sign."""
    return ("−" if fraction < 0 else "+") + percent(abs(fraction))


def some_names(tasks: list[str]) -> str:
    """Some names, and how many more."""
    return shortened(tasks, SHOWN)
