"""Options of every command, before or behind its name: how much is said, whether in colour, and dry runs.

See docs/decisions/151-one-door-for-all-commands.md.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click

from budget.report.verbosity import VERBOSITY, Verbosity

QUIET, VERBOSE, COLOR, DRY_RUN = "budget.quiet", "budget.verbose", "budget.color", "budget.dry_run"
"""Where a context keeps what was asked for; a command's shares what stood before its name."""


COLORS = ("auto", "always", "never")
"""What ``--color`` may be."""


def _kept(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value:
        ctx.meta[f"budget.{param.name}"] = value
    if param.name == "color":
        ctx.color = color_of(ctx)


EVERYWHERE = (
    click.Option(["--quiet"], is_flag=True, expose_value=False, callback=_kept,
                 help="Say nothing on standard error but mistakes."),
    click.Option(["--verbose"], is_flag=True, expose_value=False, callback=_kept,
                 help="Say also how long it took and how much memory, and of a mistake where it was found."),
    click.Option(["--color"], type=click.Choice(COLORS), expose_value=False, callback=_kept,
                 help="Verdicts and mistakes in colour. auto: on a terminal, unless NO_COLOR is set. CSV and JSON "
                      "never are.  [default: auto]"),
)  # fmt: skip
"""What every command takes and none of them sees."""

DRY_RUN_OPTION = click.Option(
    ["--dry-run"], is_flag=True, expose_value=False, callback=_kept,
    help="Say what would be read, computed and written, and about how long it takes; then stop.",
)  # fmt: skip
"""What commands take that may take long."""


def color_of(ctx: click.Context) -> bool | None:
    """Whether to write in colour: as asked for, else not where ``NO_COLOR`` is set, else ``None``: on terminals."""
    asked = ctx.meta.get(COLOR, "auto")
    if asked == "auto":
        return False if os.environ.get("NO_COLOR") else None
    return bool(asked == "always")


def note_color(ctx: click.Context, words: Sequence[str]) -> None:
    """Heed ``--color`` already while a command line is read, which may be wrong before it or behind it."""
    for word, following in zip(words, [*words[1:], ""], strict=False):
        name, _, given = word.partition("=")
        if name == "--color" and (given or following) in COLORS:
            ctx.meta[COLOR] = given or following


@contextmanager
def asked_verbosity(ctx: click.Context) -> Iterator[Verbosity]:
    """Let all that is said while a command runs know what was asked for.

    Raises:
        UsageError: both more and nothing is to be said.
    """
    asked = Verbosity(bool(ctx.meta.get(QUIET)), bool(ctx.meta.get(VERBOSE)), color_of(ctx))
    if asked.quiet and asked.verbose:
        raise click.UsageError("--quiet says nothing and --verbose says more; leave one out.")
    before = VERBOSITY.set(asked)
    try:
        yield asked
    finally:
        VERBOSITY.reset(before)
