"""What can go wrong, by whose hand it can be mended.

Every message is one plain sentence that names what was received (file, row, column, task) and the next step.
The command line prints it and exits with 1; from Python the type tells which layer refused.
"""

from budget.numerics.quoting import sentence


class BudgetError(Exception):
    """Base of all errors that a user can mend.

    Args:
        message: one sentence; what it repeats of a file is escaped here, and a long one is cut in its middle, so that
            no cell, name or path can make it more than one line.
    """

    def __init__(self, message: str) -> None:
        """Keep the sentence."""
        super().__init__(sentence(message))

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows of it: the sentence, and not the way to where it was said."""
        return [f"{type(self).__name__}: {self}"]


class CallError(BudgetError):
    """A function was called with an argument that it does not take."""


class DataError(BudgetError):
    """A file, a column or a cell is missing or holds what it must not hold."""


class ReaderGoneError(BudgetError):
    """Whoever read the pipe that a result goes into has left."""


class MeasureError(BudgetError):
    """Runs of a plan ended without a result, or what they found could not be kept."""


class FitError(BudgetError):
    """No curve could be fitted to any task."""


class AllocationError(BudgetError):
    """A plan was asked for that cannot be computed as stated."""


class InfeasibleError(AllocationError):
    """The limits contradict each other or the budget."""


class SolverError(AllocationError):
    """The solver stopped without a proven answer."""
