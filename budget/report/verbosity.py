"""How much a command says on standard error, and whether in colour; nothing here is loaded that help would not load.

See docs/decisions/151-one-door-for-all-commands.md.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True)
class Verbosity:
    """What a command line asks for.

    Attributes:
        quiet: nothing is said but mistakes.
        verbose: also how long each step took, and where in the program a mistake was found.
        color: whether to write in colour; ``None``: on terminals.
    """

    quiet: bool = False
    verbose: bool = False
    color: bool | None = None


NORMAL = Verbosity()

VERBOSITY: ContextVar[Verbosity] = ContextVar("VERBOSITY", default=NORMAL)
"""Of the command that runs."""

VERDICT_COLORS = {"PASS": "green", "REVIEW": "yellow", "FAIL": "red"}
"""Verdict → its colour."""
