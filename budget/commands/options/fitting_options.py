"""What is fitted, how, and with how many draws."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from budget.commands.options.option_types import (
    PLAN_ON,
    NameIn,
    Names,
    Number,
    Pair,
    Renamed,
    Words,
    as_record,
)
from budget.curves.laws.names import AUTO, SUMMARIES

if TYPE_CHECKING:
    from budget.curves.fitting.loss import Residual

LAW = NameIn((AUTO, *SUMMARIES), "budget.curves.laws.table:LAWS")
SCALE = click.option("--scale", type=click.Choice(["params", "tokens", "flops", "x"]),
                     help="What the laws power, m4 and bnsl read.")  # fmt: skip
SCALES = click.option("--scales", type=Names(), default=(), metavar="COLUMN,COLUMN[,COLUMN]",
                      help="Two or three columns that law scales reads, such as params,experts: "
                           "any numbers above 0.")  # fmt: skip
MIXTURES = click.option("--mixtures", metavar="CSV",
                        help="What each run was trained on (run, source, tokens), for transfer.")  # fmt: skip


@dataclass(frozen=True)
class Fitting:
    """The law, and what it reads."""

    law: str
    scale: str | None
    scales: tuple[str, ...]
    mixtures: str | None


FITTING = as_record(
    Fitting,
    "fitting",
    click.option("--law", type=LAW, default=AUTO, show_default=True,
                 help="auto: scales where --scales is given, surface where params and tokens are there (surface_repeat "
                      "where data repeat), else trend; "
                      + "; ".join(f"{name}: {summary}" for name, summary in SUMMARIES.items()) + "."),
    SCALE,
    SCALES,
    MIXTURES,
)  # fmt: skip


def backtest_option(default: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Whether the curves are judged by a backtest as they are fitted."""
    return click.option("--backtest/--no-backtest", "judged", default=default, show_default=True,
                        help="Judge each curve by hiding its largest runs: PASS, REVIEW or FAIL.")  # fmt: skip


decide_option = click.option(
    "--decide", is_flag=True,
    help="Judge plans as well: hide the large runs, plan from the others, and look what the plans would have reached.",
)  # fmt: skip
"""Whether decisions are backtested, too."""

beyond_option = click.option(
    "--beyond", type=Number(), default=8.0, show_default=True, metavar="FACTOR",
    help="With --decide: how many times larger the hidden runs are than the largest that is fitted.",
)  # fmt: skip
"""How far the hidden runs of a decision backtest go."""


@dataclass(frozen=True)
class Holdout:
    """The laws that are judged, and the runs that are hidden from them."""

    laws: tuple[str, ...]
    hide: float
    below: float | None
    origins: int | None
    scale: str | None
    scales: tuple[str, ...]
    mixtures: str | None


HOLDOUT = as_record(
    Holdout,
    "holdout",
    click.option("--law", "laws", type=LAW, multiple=True,
                 help="A law to judge, see fit. Repeatable; by default each law of one task that the columns allow."),
    click.option("--holdout", "hide", cls=Renamed, old=("--hide",), type=Number(), default=0.25, show_default=True,
                 metavar="SHARE",
                 help="Share of each task's rows that is hidden, the largest by FLOPs (or the one scale)."),
    click.option("--holdout-above", "below", cls=Renamed, old=("--below",), type=Number(), metavar="NUMBER",
                 help="Hide instead what is larger than this, once."),
    click.option("--origins", type=click.IntRange(1), metavar="N",
                 help="How often: the k-th time k shares are hidden, as far as enough runs stay.  [default: 3]"),
    SCALE,
    SCALES,
    MIXTURES,
)  # fmt: skip


@dataclass(frozen=True)
class Estimating:
    """What the fit minimizes, which parameters it holds, and where it runs."""

    loss: str
    delta: float | None
    quantile: float | None
    residual: "Residual"
    fix: Words
    tie: tuple[str, ...]
    pool: bool | None
    prior: str | None
    borrow: bool
    discrepancy: bool
    plan_on: str
    device: str | None


ESTIMATING = as_record(
    Estimating,
    "estimating",
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
    click.option("--prior", metavar="NAME",
                 help="Pull exponents toward those of a published curve, see 'budget laws': for few runs."),
    click.option("--borrow/--no-borrow", default=True, show_default=True,
                 help="Plans by auto's curves borrow from the file's other tasks what a task's own runs do not tell, "
                      "such as its floor. Predictions never do."),
    click.option("--discrepancy/--no-discrepancy", default=True, show_default=True,
                 help="Draws of a law that is searched for hold the law's own error: beyond the runs they drift from "
                      "it. Those of auto always do."),
    click.option("--plan-on", type=PLAN_ON, default="steady", show_default=True,
                 help="What plans by auto's curves are made on: predictions steadied by how fast each value fell over "
                      "its last runs and falls in the other tasks, or predictions alone. Told are predictions."),
    click.option("--device", type=click.Choice(["cpu", "gpu", "tpu"]), help="Where to fit. By default JAX's choice."),
)  # fmt: skip


@dataclass(frozen=True)
class Drawing:
    """The draws behind every interval."""

    draws: int
    seed: int


DRAWING = as_record(
    Drawing,
    "drawing",
    click.option("--draws", type=click.IntRange(0, 100_000), default=200, show_default=True,
                 help="Draws behind every interval."),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draws."),
)  # fmt: skip
