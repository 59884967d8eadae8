"""Which files are read, and how: columns, rows, tasks.

See docs/decisions/112-where-filters-runs.md.
"""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import Condition, Pair, Words, as_record

WHERE = click.option(
    "--where", type=Condition(), multiple=True, metavar="COLUMN=VALUE",
    help="Keep rows with this value; several on one column: any of them. Also !=, <, <=, >, >= (numbers such as 1.3B, "
         "or dates), ~ and !~ (a regular expression); COLUMN= keeps empty cells, COLUMN!= the others. Repeatable.",
)  # fmt: skip
HIGHER = click.option("--higher-is-better", is_flag=True, help="Larger values are better, where the file does not say.")
COLUMN = click.option(
    "--column", "columns", type=Pair(), multiple=True, metavar="CANONICAL=THEIRS",
    help="Read THEIRS as the column CANONICAL; A+B joins two columns, log(A) is a perplexity's loss. Where value, "
         "scale or task are not said they are guessed by the columns' names, and the guess is printed. Repeatable.",
)  # fmt: skip


@dataclass(frozen=True)
class Reading:
    """How a file of runs is read, and the file of tasks beside it."""

    columns: Words
    where: Words
    task: str | None
    higher_is_better: bool
    last_of: str | None
    every: bool
    wide: str | None
    save: bool
    tasks_path: str | None


READING = as_record(
    Reading,
    "reading",
    COLUMN,
    WHERE,
    click.option("--task", metavar="NAME", help="Name of the task, for a file of one task without a task column."),
    HIGHER,
    click.option("--last-of", metavar="COLUMN",
                 help="Keep only the last row (most tokens, flops, x or step) of each run that COLUMN names, such as "
                      "run; the others are its checkpoints."),
    click.option("--every", is_flag=True, help="Keep every row of a run, where --last-of would be guessed."),
    click.option("--wide", metavar="PATTERN",
                 help="Make a task of each column that fits, such as 'eval/*'; or a list of columns, with commas."),
    click.option("--save", is_flag=True,
                 help="Keep these options, and what was guessed, in budget.toml beside RUNS, where every command finds "
                      "them."),
    click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets, limits and best values of the tasks."),
)  # fmt: skip


@dataclass(frozen=True)
class Linking:
    """The two metrics that a link joins, where one is asked for."""

    loss_metric: str | None
    score_metric: str | None


LINKING = as_record(
    Linking,
    "linking",
    click.option("--loss-metric", metavar="NAME",
                 help="Fit this metric and, with --score-metric, the link from it to the score."),
    click.option("--score-metric", metavar="NAME", help="The score to predict; rows join on run or scale."),
)  # fmt: skip


@dataclass(frozen=True)
class Selecting:
    """How a file of candidates or of co-trained tasks is read, and the file of tasks beside it."""

    columns: Words
    where: Words
    higher_is_better: bool
    select: str | None
    report: str | None
    tasks_path: str | None


SELECTING = as_record(
    Selecting,
    "selecting",
    COLUMN,
    WHERE,
    HIGHER,
    click.option("--select", metavar="SPLIT", help="The split to choose on, where the file has a column split."),
    click.option("--report", metavar="SPLIT", help="The split to report; by default the one that is chosen on."),
    click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and unserved values of the tasks."),
)
