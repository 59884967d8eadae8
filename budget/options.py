"""The options of the commands, and how a user's mistake is said. Only click is loaded here."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from budget.errors import BudgetError, DataError, ReaderGoneError
from budget.numerics.numerals import number_of
from budget.numerics.quoting import sentence, shown
from budget.standard_streams import watched_streams, writing_output
from budget.tables.files.places import place_of, refuse_inputs

READER_GONE = 141
"""Exit code where nobody reads the output any more, as of a program that SIGPIPE ends (128 + 13)."""

INPUTS = {"RUNS", "CSV", "CURVES", "CURVES...", "CANDIDATES", "TABLE", "PLAN"}
"""How the help names a file that is read; ``--out`` may be a CSV as well."""


class Command(click.Command):
    """Refuses to write over its own inputs, and to a place that cannot be written, before anything is computed.

    It says of an input that stands in a plan's folder and is not of that plan.
    """

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        out = ctx.params.get("out")
        named = [ctx.params[param.name] for param in self.params if is_input(param) and param.name]
        inputs = [path for given in named for path in (given if isinstance(given, tuple) else (given,)) if path]
        if out:
            for output in self._outputs(out):
                refuse_inputs(output, inputs)
                place_of(output)
        for path in inputs:
            if (Path(path).parent / "plan.json").is_file():
                from budget.tables.files.manifest import stray_note

                for sentence in stray_note(path):
                    click.echo(sentence, err=True)
        return super().invoke(ctx)

    def _outputs(self, out: str) -> list[Path]:
        if any(param.name == "out" and param.metavar == "DIR" for param in self.params):
            from budget.tables.files.manifest import PLAN_FILES

            return [Path(out) / name for name in PLAN_FILES]
        return [Path(out)]


def is_input(param: click.Parameter) -> bool:
    """Whether a parameter names a file, or files, to read."""
    return param.name != "out" and param.metavar in INPUTS


class Commands(click.Group):
    """Turns the user's mistakes into one sentence and exit code 1; a bug keeps its traceback."""

    command_class = Command

    def main(self, *args: Any, **named: Any) -> Any:
        """Parse the command line and run the command."""
        logging.getLogger("jax").setLevel(logging.ERROR)
        with watched_streams(), warnings.catch_warnings():
            # what a library warns of, with the path of its source, means nothing to a user; tests make it an error
            warnings.showwarning = lambda *_, **__: None
            return super().main(*args, **named)

    def make_context(self, *args: Any, **named: Any) -> click.Context:
        """Parse the command line, which may print the help."""
        with _said_in_a_sentence():
            return super().make_context(*args, **named)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _said_in_a_sentence():
            return super().invoke(ctx)


@contextmanager
def _said_in_a_sentence() -> Iterator[None]:
    try:
        with writing_output():
            yield
    except ReaderGoneError:
        raise click.exceptions.Exit(READER_GONE) from None
    except BudgetError as error:
        raise click.ClickException(str(error)) from error
    except click.ClickException as error:  # wrong usage, which repeats what was written
        vars(error)["message"] = sentence(error.message, 240)  # click writes the option before it
        raise


def as_number(text: Any, what: str, example: str) -> float:
    """A finite number; a wrong one is the user's mistake (exit 1), like a wrong cell in a file.

    Args:
        text: what the user wrote.
        what: whose number it is, such as ``--budget``.
        example: one that is right.

    Raises:
        DataError: the text is no finite number.
    """
    number = float(text) if isinstance(text, (int, float)) else number_of(str(text).strip())
    if not abs(number) < float("inf"):
        raise DataError(f"{what} is {shown(text)}, which is not a number; give one such as {example}.")
    return number


class Number(click.ParamType):
    """A finite number, see ``as_number``."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Parse the text."""
        return as_number(value, param.opts[0] if param else "The number", "1e21")


class Pair(click.ParamType):
    """``NAME=VALUE``."""

    name = "name=value"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Split at the first equals sign."""
        if isinstance(value, tuple):
            return value
        left, equals, right = value.partition("=")
        if not (left.strip() and equals):
            self.fail(f"{shown(value)} is not of the form NAME=VALUE.", param, ctx)
        return left.strip(), right.strip()


def options(*chosen: Callable) -> Callable:
    """Apply several click options in the order given."""

    def decorate(command: Callable) -> Callable:
        for option in reversed(chosen):
            command = option(command)
        return command

    return decorate


WHERE = click.option(
    "--where", type=Pair(), multiple=True, metavar="COLUMN=VALUE",
    help="Keep rows with this value; several on one column: any of them. COLUMN!=VALUE keeps the others, COLUMN!= "
         "those whose cell is not empty. Repeatable.",
)  # fmt: skip
HIGHER = click.option("--higher-is-better", is_flag=True, help="Larger values are better, where the file does not say.")
COLUMN = click.option(
    "--column", "columns", type=Pair(), multiple=True, metavar="CANONICAL=THEIRS",
    help="Read THEIRS as the column CANONICAL; A+B joins two columns. Repeatable.",
)  # fmt: skip
READING = options(
    COLUMN,
    WHERE,
    click.option("--task", metavar="NAME", help="Name of the task, for a file of one task without a task column."),
    HIGHER,
    click.option("--last-of", metavar="COLUMN",
                 help="Keep only the last row (most tokens, flops or x) of each run that COLUMN names, such as run; "
                      "the others are its checkpoints."),
    click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets, limits and best values of the tasks."),
)  # fmt: skip
LAWS = click.Choice(["power", "chinchilla", "repeat", "m4", "bnsl", "shared", "transfer"])
SCALE = click.option("--scale", type=click.Choice(["params", "tokens", "flops", "x"]),
                     help="What the laws power, m4 and bnsl read.")  # fmt: skip
MIXTURES = click.option("--mixtures", metavar="CSV",
                        help="What each run was trained on (run, source, tokens), for transfer.")  # fmt: skip
FITTING = options(
    click.option("--law", type=LAWS,
                 help="power: E + A·x^-a; chinchilla: E + A/N^alpha + B/D^beta; repeat: chinchilla with repeated data; "
                      "m4, bnsl: one scale, levelling off or with one break; shared: models of several numbers of "
                      "tasks; transfer: mixtures of sources. By default chinchilla where params and tokens are there."),
    SCALE,
    MIXTURES,
)  # fmt: skip
HIDING = options(
    click.option("--law", "laws", type=LAWS, multiple=True,
                 help="A law to judge, see fit. Repeatable; by default each law of one task that the columns allow."),
    click.option("--hide", type=Number(), default=0.25, show_default=True, metavar="SHARE",
                 help="Share of each task's rows that is hidden, the largest by FLOPs (or the one scale)."),
    click.option("--below", type=Number(), metavar="NUMBER", help="Hide instead what is larger than this."),
    SCALE,
    MIXTURES,
)  # fmt: skip
ESTIMATING = options(
    click.option("--loss", type=click.Choice(["huber", "lad", "squares", "asymmetric"]), default="huber",
                 show_default=True, help="What the fit minimizes over the residuals."),
    click.option("--delta", type=Number(), metavar="NUMBER",
                 help="Corner of huber and asymmetric: a relative error, or a share of the median value with "
                      "--residual raw.  [default: 0.001]"),
    click.option("--quantile", type=Number(), metavar="Q",
                 help="Which quantile of the runs asymmetric follows; 0.5 is huber.  [default: 0.25]"),
    click.option("--residual", type=click.Choice(["log", "raw"]), default="log", show_default=True,
                 help="Residuals of logarithms, or of the values (which may then be 0 or negative)."),
    click.option("--fix", type=Pair(), multiple=True, metavar="PARAMETER=VALUE",
                 help="Hold a parameter of every task, such as alpha=0.34. Repeatable."),
    click.option("--tie", multiple=True, metavar="PARAMETER=PARAMETER",
                 help="Give exponents of a task one value, such as alpha=beta. Repeatable."),
    click.option("--pool/--no-pool", default=None,
                 help="Pull exponents toward the tasks' common distribution.  [default: of tasks with few runs]"),
    click.option("--device", type=click.Choice(["cpu", "gpu", "tpu"]), help="Where to fit. By default JAX's choice."),
)  # fmt: skip
LINKING = options(
    click.option("--loss-metric", metavar="NAME",
                 help="Fit this metric and, with --score-metric, the link from it to the score."),
    click.option("--score-metric", metavar="NAME", help="The score to predict; rows join on run or scale."),
)  # fmt: skip
DRAWING = options(
    click.option("--draws", type=click.IntRange(0, 100_000), default=200, show_default=True,
                 help="Bootstrap draws behind every interval."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws."),
)  # fmt: skip
SIZE = click.option("--params", type=Number(), metavar="N", help="Size of every model, for --unit tokens.")
SPENDING = options(
    click.option("--budget", type=Number(), required=True, metavar="NUMBER", help="The total to spend, in the unit."),
    click.option("--unit", type=click.Choice(["flops", "tokens", "x"]), help="By default what the law trades."),
    SIZE,
)  # fmt: skip
STRATEGY = click.option(
    "--strategy", type=click.Choice(["specialists", "shared"]),
    help="One training per task, or one model for all. By default what the runs are.",
)  # fmt: skip
PLANNED = options(
    click.option("--budget", type=Number(), metavar="NUMBER", help="The total that will be planned, in the unit."),
    click.option("--unit", type=click.Choice(["flops", "tokens", "x"]), help="By default what the law trades."),
    SIZE,
    STRATEGY,
    click.option("--objective", type=click.Choice(["mean"]), default="mean", show_default=True,
                 help="Weighted mean over the tasks."),
    click.option("--measure", type=click.Choice(["value", "progress"]),
                 help="What counts of a task: its metric, or the share of the way from unserved to best."),
    click.option("--count", type=click.IntRange(1), default=8, show_default=True, metavar="M",
                 help="Most runs that are chosen."),
)  # fmt: skip
SEED = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the outcomes that runs may have.",
)  # fmt: skip
AIMING = options(
    click.option("--objective", type=click.Choice(["mean", "worst", "targets", "cheapest"]), default="mean",
                 show_default=True, help="mean: weighted mean over the tasks; worst: the worst task; targets: weighted "
                                         "number at their target; cheapest: smallest total that meets the targets."),
    click.option("--measure", type=click.Choice(["value", "progress", "score"]),
                 help="What counts of a task: its metric, the share of the way from unserved to best, or the score "
                      "through the link. By default its metric, or progress where there are several."),
    click.option("--risk", type=click.Choice(["point", "mean", "cvar", "quantile"]), default="point",
                 show_default=True, help="Plan for the point fit, the mean over the draws, the mean of the worst, or "
                                         "a quantile of them."),
    click.option("--level", type=Number(), metavar="SHARE",
                 help="Share of the draws below the tail, for cvar and quantile.  [default: 0.9]"),
    click.option("--at-least", type=click.IntRange(1), metavar="K",
                 help="How many targets --objective cheapest meets."),
)  # fmt: skip
LIMITING = options(
    click.option("--limit", "further", type=Pair(), multiple=True, metavar="UNIT=NUMBER",
                 help="A further budget, such as tokens=1e12 or money=2e6. Repeatable."),
    click.option("--limits", "limits_path", metavar="CSV",
                 help="Linear limits: limit, task or group, coefficient, unit, min, max."),
    click.option("--freeze", multiple=True, metavar="TASK", help="Keep this task at its current spend. Repeatable."),
    click.option("--sizes", metavar="N,N,…", help="The only sizes (parameters) that models may have."),
    click.option("--allow-unserved", is_flag=True, help="Tasks may be given nothing, at their unserved value."),
)  # fmt: skip
PRICING = options(
    click.option("--price", type=Number(), metavar="MONEY",
                 help="An hour of one device, for --unit money; 1 for device-hours."),
    click.option("--peak", type=Number(), metavar="FLOPS", help="FLOP/s of the device."),
    click.option("--mfu", type=Number(), metavar="SHARE", help="Share of the peak that training reaches, such as 0.4."),
)  # fmt: skip
ORDER = click.option(
    "--order", type=click.Choice(["given", "weight", "greedy"]), default="given", show_default=True,
    help="In which order tasks join: as in the file, the heaviest first, or always the one that costs least.",
)  # fmt: skip
JOINING = options(
    click.option("--order", type=click.Choice(["given", "weight", "greedy", "random"]), default="given",
                 show_default=True,
                 help="In which order tasks join: as in the file; the heaviest first; greedy: always the one with "
                      "which most targets are met, then the mean is best; random: many orders, mean and band."),
    click.option("--orders", type=click.IntRange(1, 100_000), metavar="N",
                 help="How many random orders; all of them where there are no more.  [default: 100]"),
    click.option("--seed", type=click.IntRange(0), metavar="S", help="Seed of the random orders.  [default: 0]"),
    click.option("--today", type=click.IntRange(1), default=1, show_default=True, metavar="K",
                 help="How many tasks there are: the budgets that keep their values (by specialists) are reported."),
)  # fmt: skip
CHOOSING = options(
    click.option("--objective", type=click.Choice(["mean", "worst", "targets"]), default="mean", show_default=True,
                 help="Weighted mean of the values, the worst task's value, or the weighted share of targets met."),
    click.option("--risk", type=click.Choice(["mean", "cvar"]), default="mean", show_default=True,
                 help="Over the draws: their mean, or the mean of their worst share."),
    click.option("--level", type=Number(), default=0.9, show_default=True, metavar="SHARE",
                 help="Share of the draws that cvar leaves out."),
    click.option("--allow-unserved", is_flag=True,
                 help="A task may go without a model, at the value in column unserved of the tasks file."),
    click.option("--max-models", type=click.IntRange(1), metavar="N", help="How many models may be built."),
    click.option("--time-limit", type=Number(), default=30, show_default=True, metavar="SECONDS",
                 help="Then the best choice so far is given, with its gap."),
)  # fmt: skip
RUNNING = options(
    click.option("--command", metavar="COMMAND",
                 help="Run this program for each row instead, {column} standing for the row's cell. It prints a JSON "
                      "line: {\"value\": 2.31}, or {\"values\": {\"task_a\": 2.3, …}}, and whatever else is a column."),
    click.option("--timeout", type=Number(), metavar="SECONDS",
                 help="End an attempt of --command that takes longer.  [default: never]"),
    click.option("--retries", type=click.IntRange(0), metavar="N",
                 help="Further attempts of --command after a failure other than a diverged value.  [default: 1]"),
    click.option("--logs", metavar="DIR",
                 help="Where the output of --command goes, a file a run.  [default: OUT's name with -logs, beside it]"),
)  # fmt: skip
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
OUT = click.option("--out", metavar="FILE", help="Write the result here instead of printing it.")
