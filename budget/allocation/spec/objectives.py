"""What a plan can be asked to optimize: the objectives, the measures of a task and the treatments of risk.

An objective folds the tasks' values into one number, a measure says what a task's value is, and risk says over which of
the draws the number is taken. To add one, add a record here; the commands' choices repeat the names, so that ``--help``
loads nothing, and a test compares them.
"""

from dataclasses import dataclass

from budget.errors import AllocationError


@dataclass(frozen=True)
class Objective:
    """One way to fold T tasks into a number.

    Attributes:
        name: what ``--objective`` takes.
        words: what it is, in the report.
        convex: whether plans for falling powers are a convex program.
        needs_targets: whether the tasks file must state targets.
    """

    name: str
    words: str
    convex: bool = True
    needs_targets: bool = False


OBJECTIVES = {
    objective.name: objective
    for objective in (
        Objective("mean", "weighted mean over the tasks"),
        Objective("worst", "the worst task"),
        Objective("targets", "weighted number of tasks at their target", convex=False, needs_targets=True),
        Objective("cheapest", "smallest total with every target met, or as many as --at-least", needs_targets=True),
    )
}

MEASURES = {
    "value": "the task's own metric",
    "progress": "share of the way from the unserved value to the best one",
    "score": "the score that the link predicts from the loss",
}
"""What a task's value is."""

RISKS = {
    "point": "by the point fit",
    "mean": "on average over the draws",
    "cvar": "on average over the worst draws (conditional value at risk)",
    "quantile": "at a quantile of the draws",
}
"""Over which scenarios the objective is taken."""


def not_computed(what: str, word: str) -> AllocationError:
    """The error of a place that would have to know a word and does not: what is not known must never pass for another.

    Args:
        what: the kind of word, such as ``objective``.
        word: as it was asked for.
    """
    return AllocationError(
        f"Nothing here computes the {what} '{word}': choose another, or add what it is (see CONTRIBUTING, 'Adding')."
    )
