"""What a plan is asked for: what is spent, what it aims at, what limits it."""

from dataclasses import dataclass

import click

from budget.commands.options.option_types import (
    PLAN_ON,
    PRICE,
    Amount,
    Factor,
    NameIn,
    Number,
    Pair,
    Renamed,
    Words,
    as_number,
    as_record,
)
from budget.errors import DataError

TASKS = click.option("--tasks", "tasks_path", metavar="CSV", help="Weights, targets and limits of the tasks.")
SIZE = click.option("--params", type=Number(), metavar="N", help="Size of every model, for --unit tokens.")
BUDGET_HELP = (
    "The total to spend: 1e22 in the unit, or 10 ZFLOP, 2T tokens, 100 H100-days, 3 GPU-days@400TFLOP/s, $500k."
)
UNIT = click.option("--unit", type=click.Choice(["flops", "tokens", "x"]), help="By default what the law trades.")


def _keep_price(ctx: click.Context, param: click.Parameter, price: str | None) -> None:
    ctx.meta[PRICE] = price


COMPUTE_PRICE = click.option(
    "--price", metavar="MONEY", callback=_keep_price, expose_value=False,
    help="What an hour of a device costs, such as 2.50/H100-hour, for a budget in money.",
)  # fmt: skip
STRATEGY = click.option(
    "--strategy", type=click.Choice(["specialists", "shared"]),
    help="One training per task, or one model for all. By default what the runs are.",
)  # fmt: skip
COMPETING = click.option(
    "--strategy", "strategies", multiple=True, metavar="NAME",
    help="What competes: specialists (one training per task), shared (one model for several), or a strategy of the "
         "runs such as moe. Repeatable. By default all that the runs hold.",
)  # fmt: skip
MEASURE = click.option(
    "--measure", type=click.Choice(["value", "progress"]), help="What counts of a task, see allocate."
)
PLANNED_ON = click.option(
    "--plan-on", type=PLAN_ON,
    help="What a plan is made on, see fit; told are predictions.  [default: as the curves file says; predicted where "
         "an objective asks for levels and not for a mean]",
)  # fmt: skip
ORDER = click.option(
    "--order", type=click.Choice(["given", "weight", "greedy"]), default="given", show_default=True,
    help="In which order tasks join: as in the file, the heaviest first, or always the one that costs least.",
)  # fmt: skip
REACH = click.option(
    "--reach", type=Factor(), default=10.0, show_default=True, metavar="FACTOR",
    help="How far beyond the largest params, tokens and spend measured of a task its plan may go, and how far below "
         "the smallest params and tokens; inf lifts it.",
)  # fmt: skip
COMPARED_WITHIN = click.option(
    "--reach", type=Factor(), default=float("inf"), metavar="FACTOR",
    help="How far beyond the largest params, tokens and spend measured of a task plans may go, and below the "
         "smallest.  [default: inf: one model stops there long before several do; what lies beyond the runs is marked]",
)  # fmt: skip
SEED = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the outcomes that runs may have.",
)  # fmt: skip


@dataclass(frozen=True)
class Spending:
    """The total, its unit, and the size of models where a plan does not choose it."""

    budget: float
    unit: str | None
    params: float | None


SPENDING = as_record(
    Spending,
    "spending",
    click.option("--budget", type=Amount(), required=True, metavar="AMOUNT", help=BUDGET_HELP),
    COMPUTE_PRICE,
    UNIT,
    SIZE,
)


@dataclass(frozen=True)
class Planned:
    """The plan that new runs are to make better."""

    budget: float | None
    unit: str | None
    params: float | None
    strategy: str | None
    objective: str
    measure: str | None
    count: int


PLANNED = as_record(
    Planned,
    "planned",
    click.option("--budget", type=Amount(), metavar="AMOUNT", help="The total that will be planned, see plan."),
    COMPUTE_PRICE,
    UNIT,
    SIZE,
    STRATEGY,
    click.option("--objective", type=click.Choice(["mean"]), default="mean", show_default=True,
                 help="Weighted mean over the tasks."),
    click.option("--measure", type=click.Choice(["value", "progress"]),
                 help="What counts of a task: its metric, or the share of the way from unserved to best."),
    click.option("--max-runs", "count", cls=Renamed, old=("--count",), type=click.IntRange(1), default=8,
                 show_default=True, metavar="M", help="Most runs that are chosen."),
)  # fmt: skip


@dataclass(frozen=True)
class Aiming:
    """What makes a plan the best one."""

    objective: str
    measure: str | None
    risk: str | None
    level: float | None
    reference: str | None
    at_risk: float | None
    prefer_simple: bool
    at_least: int | None


REFERENCES = ("uniform", "weight", "current")
"""Words that ``--reference`` takes beside a file."""

OBJECTIVE = NameIn(("mean", "worst", "targets", "cheapest"), "budget.allocation.spec.objectives:OBJECTIVES")
MEASURES = NameIn(("value", "progress", "score"), "budget.allocation.spec.measures:MEASURES")
RISK = NameIn(("point", "mean", "cvar", "quantile"), "budget.allocation.spec.risks:RISKS")
AIMING = as_record(
    Aiming,
    "aiming",
    click.option("--objective", type=OBJECTIVE, default="mean",
                 show_default=True, help="mean: weighted mean over the tasks; worst: the worst task; targets: weighted "
                                         "number at their target; cheapest: smallest total that meets the targets."),
    click.option("--measure", type=MEASURES,
                 help="What counts of a task: its metric, the share of the way from unserved to best, or the score "
                      "through the link. By default its metric, or progress where there are several."),
    click.option("--risk", type=RISK,
                 help="Plan for the point fit, or the mean over the draws; cvar and quantile plan the mean, and limit "
                      "what the worst draws lose against --reference.  [default: point; mean for targets]"),
    click.option("--level", type=Number(), metavar="SHARE",
                 help="Share of the draws below the tail, for cvar and quantile.  [default: 0.9]"),
    click.option("--reference", metavar="CSV",
                 help="What gains are counted from: uniform, weight, current, or a CSV (task, spend). By default "
                      "current where the tasks file states it, else weight."),
    click.option("--at-risk", type=Number(), metavar="NUMBER",
                 help="Most that the worst draws may lose against it, in the objective's unit.  [default: 0]"),
    click.option("--prefer-simple", is_flag=True,
                 help="Give the reference instead, where the plan's gain over it cannot be told from 0."),
    click.option("--at-least", type=click.IntRange(1), metavar="K",
                 help="How many targets --objective cheapest meets."),
)  # fmt: skip


@dataclass(frozen=True)
class Limiting:
    """Further budgets and limits, and what may be left out."""

    further: Words
    limits_path: str | None
    freeze: tuple[str, ...]
    sizes: str | None
    allow_unserved: bool


LIMITING = as_record(
    Limiting,
    "limiting",
    click.option("--limit", "further", type=Pair(), multiple=True, metavar="UNIT=NUMBER",
                 help="A further budget, such as tokens=1e12 or money=2e6. Repeatable."),
    click.option("--limits", "limits_path", metavar="CSV",
                 help="Linear limits: limit, task or group, coefficient, unit, min, max."),
    click.option("--freeze", multiple=True, metavar="TASK", help="Keep this task at its current spend. Repeatable."),
    click.option("--sizes", metavar="N,N,…", help="The only sizes (parameters) that models may have."),
    click.option("--allow-unserved", is_flag=True, help="Tasks may be given nothing, at their unserved value."),
)  # fmt: skip


@dataclass(frozen=True)
class Pricing:
    """What compute costs, where the budget is money."""

    price: str | None
    peak: float | None
    mfu: float | None


PRICING = as_record(
    Pricing,
    "pricing",
    click.option("--price", metavar="MONEY",
                 help="An hour of one device, for budgets in money: 2.50/H100-hour, or 2.50 with --peak; 1 for "
                      "device-hours."),
    click.option("--peak", type=Number(), metavar="FLOPS", help="FLOP/s of a device that --price does not name."),
    click.option("--mfu", type=Number(), metavar="SHARE",
                 help="Share of the peak that training reaches.  [default: 0.4 of a named device]"),
)  # fmt: skip


@dataclass(frozen=True)
class Joining:
    """In which order tasks join a growing set."""

    order: str
    orders: int | None
    seed: int | None
    today: int
    beyond: str | None
    every_size: bool

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of tasks beyond those given that were asked for.

        Raises:
            DataError: one is no whole number.
        """
        texts = [text.strip() for text in (self.beyond or "").split(",") if text]
        numbers = [as_number(text, "A number of --beyond", "40") for text in texts]
        wrong = next((number for number in numbers if number != int(number)), None)
        if wrong is not None:
            raise DataError(f"{wrong:g} of --beyond is no number of tasks; give whole numbers, such as 20,40.")
        return tuple(int(number) for number in numbers)


JOINING = as_record(
    Joining,
    "joining",
    click.option("--order", type=click.Choice(["given", "weight", "greedy", "random"]), default="given",
                 show_default=True,
                 help="In which order tasks join: as in the file; the heaviest first; greedy: always the one with "
                      "which most targets are met, then the mean is best; random: many orders, mean and band."),
    click.option("--orders", type=click.IntRange(1, 100_000), metavar="N",
                 help="How many random orders; all of them where there are no more.  [default: 100]"),
    click.option("--seed", type=click.IntRange(0), metavar="S",
                 help="Seed of the random orders, and of the tasks beyond those given.  [default: 0]"),
    click.option("--today", type=click.IntRange(1), default=1, show_default=True, metavar="K",
                 help="How many tasks there are: the budgets that keep their values (by specialists) are reported."),
    click.option("--beyond", metavar="K,K,…",
                 help="Numbers of tasks above those given, the others drawn as these were: the average task of each "
                      "is added to the rows.  [default: up to ten times as many, in the JSON only]"),
    click.option("--every-size", is_flag=True,
                 help="Rows for every number of tasks. Otherwise, of more than 64 tasks each up to 32 has rows, and "
                      "then each a tenth larger: all are a file of K²/2 rows."),
)  # fmt: skip


@dataclass(frozen=True)
class Asking:
    """The question that a plan answers."""

    budget: float | None
    add: float | None
    unit: str | None
    params: float | None
    only: tuple[str, ...]
    current_path: str | None
    aiming: Aiming
    limiting: Limiting
    reach: float
    pricing: Pricing
    split_path: str | None

    @property
    def tables(self) -> dict[str, str]:
        """Option → the file that it names."""
        named = {
            "current": self.current_path,
            "evaluate": self.split_path,
            "limits": self.limiting.limits_path,
            "reference": None if self.aiming.reference in REFERENCES else self.aiming.reference,
        }
        return {name: path for name, path in named.items() if path}


ASKING = as_record(
    Asking,
    "asking",
    click.option("--budget", type=Amount(), metavar="AMOUNT", help=BUDGET_HELP),
    click.option("--add", type=Amount(), metavar="AMOUNT",
                 help="In place of --budget: this much more than today's split, which every task keeps at least."),
    click.option("--current", "current_path", metavar="CSV",
                 help="Today's split (task, spend), in place of column current of the tasks file."),
    click.option("--only", multiple=True, metavar="TASK", help="Plan these tasks alone. Repeatable."),
    click.option("--unit", type=click.Choice(["flops", "tokens", "x", "money"]),
                 help="By default what the law trades."),
    SIZE,
    AIMING,
    LIMITING,
    REACH,
    PRICING,
    click.option("--evaluate", "split_path", metavar="CSV",
                 help="Score this split (task, spend) instead of planning one."),
)  # fmt: skip
