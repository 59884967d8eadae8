"""What training and serving a model takes, in every unit a budget can be counted in, over the law's log inputs.

See docs/decisions/176-no-smaller-than-the-runs-allow.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.curves.curves import Curves
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError
from budget.numerics.quoting import listed
from budget.tables.tasks import TaskSettings

UNITS = ("flops", "tokens", "x", "money")
"""What a budget can be counted in."""

SERVING = 2.0
"""FLOPs a parameter and token of inference, one forward pass (Kaplan et al. 2020, arXiv 2001.08361)."""

SECONDS = 3600.0

COUNTED = ("params", "tokens")
"""Scales of which a model has at least one."""

FINEST = 1e-9
"""Part of the smallest run that is the least of a scale counted in thousands, millions or billions."""


@dataclass(frozen=True)
class Prices:
    """What compute costs.

    Attributes:
        per_hour: money for one hour of one device; 1 makes the budget device-hours.
        peak: FLOP/s of the device.
        utilisation: share of it that training reaches (``--mfu``).
    """

    per_hour: float
    peak: float
    utilisation: float

    def __post_init__(self) -> None:
        """Refuse what is no price.

        Raises:
            AllocationError: a number is not positive, or the utilisation above 1.
        """
        for option, number in (("--price", self.per_hour), ("--peak", self.peak), ("--mfu", self.utilisation)):
            if not (np.isfinite(number) and number > 0):
                raise AllocationError(f"{option} is {number:g}; give a positive number.")
        if self.utilisation > 1:
            raise AllocationError(f"--mfu is {self.utilisation:g}; it is a share of the peak, such as 0.4.")

    @property
    def per_flop(self) -> float:
        """Money for one FLOP."""
        return self.per_hour / (SECONDS * self.peak * self.utilisation)


def input_units(curves: Curves) -> tuple[str, ...]:
    """The units that these curves can be planned in."""
    if len(curves.scale_columns) == 1:
        return (curves.scale_columns[0], "money")
    return ("flops", "tokens", "money") if curves.cost is not None else ("tokens",)


def cost_of(curves: Curves, tasks: TaskSettings, unit: str, prices: Prices | None) -> Posynomial:
    """What a model of each task takes, in a unit, over the law's I log inputs (params and tokens, or one scale).

    Inference adds ``2·N`` FLOPs for each of ``served_tokens``; money is what compute costs plus ``unit_cost`` for every
    token or example of data.

    Args:
        curves: of T tasks.
        tasks: their task settings.
        unit: one of ``input_units``.
        prices: of compute, for money.

    Returns:
        T costs, from the smallest model on (``smallest_inputs``).

    Raises:
        AllocationError: money without a price.
    """
    return replace(_cost_of(curves, tasks, unit, prices), domain=smallest_inputs(curves))


def smallest_inputs(curves: Curves, reach: float = np.inf) -> np.ndarray | None:
    """The domain of a plan: log inputs (T, I) of the smallest model, ``None`` where there is none.

    A model has at least one parameter and is trained on at least one token. A task whose runs lie below 1 counts them
    in thousands or billions, which nothing says: its least is the ``FINEST`` part of its smallest run. A scale of
    another name (``x``, FLOPs) is any positive number: its law has no direction that is flat. Within a reach the least
    of every scale is also that part of the smallest measured one.

    Args:
        curves: of T tasks.
        reach: a plan's.
    """
    names = curves.planned_inputs[:2]
    if np.isinf(reach) and not set(names) & set(COUNTED):
        return None
    return np.column_stack([smallest_log(curves, name, reach) for name in names])


def smallest_log(curves: Curves, name: str, reach: float = np.inf) -> np.ndarray:
    """Logarithm (T,) of the least of one scale, minus infinity where there is none; see ``smallest_inputs``."""
    smallest = curves.smallest[name]
    within = -np.inf if np.isinf(reach) else np.log(smallest) - np.log(reach)
    if name not in COUNTED:
        return np.full(len(curves.tasks), within)
    return np.maximum(np.log(np.where(smallest >= 1, 1.0, FINEST * smallest)), within)


def within_reach(curves: Curves, cost: Posynomial, reach: float, *, is_shared: bool = False) -> Posynomial:
    """Costs of the same T tasks from the smallest to the largest models within a plan's reach.

    Args:
        curves: of T tasks.
        cost: theirs, over the law's inputs.
        reach: factor on the largest measured inputs of a task, and on the smallest ones downward.
        is_shared: whether one model serves all tasks, and so is within the reach of every one's runs.
    """
    domain, ceiling = smallest_inputs(curves, reach), largest_inputs(curves, reach)
    if is_shared and domain is not None:
        domain = np.tile(domain.max(axis=0), (len(domain), 1))
    if ceiling is None:
        return replace(cost, domain=domain)
    if is_shared:
        ceiling = np.tile(ceiling.min(axis=0), (len(ceiling), 1))
    # tasks whose runs lie far apart share a model of the largest size that all of them are within reach of
    return replace(cost, domain=None if domain is None else np.minimum(domain, ceiling), ceiling=ceiling)


def largest_inputs(curves: Curves, reach: float) -> np.ndarray | None:
    """Log inputs (T, I) of the largest model within a plan's reach, ``None`` where nothing limits it.

    Args:
        curves: of T tasks.
        reach: factor on the largest measured inputs of a task.
    """
    if np.isinf(reach):
        return None
    return np.log(reach) + np.log(np.column_stack([curves.largest[name] for name in curves.planned_inputs[:2]]))


def largest_spends(
    curves: Curves, tasks: TaskSettings, unit: str, reach: float, prices: Prices | None = None
) -> np.ndarray:
    """(T,) the greatest spends within a plan's reach: of what training took, and serving is paid beside it.

    Money is what it buys: so many FLOPs, and of data that are paid for so many tokens. A unit that was not measured and
    that nothing measured is bought with limits nothing by itself. What a task's model will serve is counted up to the
    largest model within the reach.
    """
    nothing = np.full(len(curves.tasks), np.inf)
    if np.isinf(reach):
        return nothing
    serving = np.zeros(len(curves.tasks))
    if len(curves.scale_columns) > 1 and "params" in curves.largest:
        serving = SERVING * np.nan_to_num(tasks.served_tokens, nan=0.0) * curves.largest["params"]
    if unit in curves.largest:
        return reach * (curves.largest[unit] + (serving if unit == "flops" else 0.0))
    paid = np.nan_to_num(tasks.unit_cost, nan=0.0)
    if unit != "money" or prices is None or "flops" not in curves.largest:
        return nothing
    if paid.any() and "tokens" not in curves.largest:
        return nothing
    data = paid * curves.largest["tokens"] if paid.any() else 0.0
    return reach * (prices.per_flop * (curves.largest["flops"] + serving) + data)


def _cost_of(curves: Curves, tasks: TaskSettings, unit: str, prices: Prices | None) -> Posynomial:
    count = len(curves.tasks)
    if unit == "money":
        return _money(curves, tasks, prices)
    if len(curves.scale_columns) == 1:
        return Posynomial(np.zeros(count), np.zeros((count, 1)), np.ones((count, 1, 1)))
    if unit == "tokens":
        return Posynomial(np.zeros(count), np.zeros((count, 1)), np.tile([[[0.0, 1.0]]], (count, 1, 1)))
    assert curves.cost is not None  # ``input_units`` leaves FLOPs out without a cost law
    training = curves.cost.posynomial(count)
    served = np.nan_to_num(tasks.served_tokens, nan=0.0)
    if not served.any():
        return training
    serving = np.log(np.maximum(SERVING * served, 1e-300))
    return _sum(training, Posynomial(np.zeros(count), serving[:, None], np.tile([[[1.0, 0.0]]], (count, 1, 1))))


def _money(curves: Curves, tasks: TaskSettings, prices: Prices | None) -> Posynomial:
    parts = []
    if prices is not None:
        if curves.scale_columns != ("flops",) and (curves.cost is None or len(curves.scale_columns) == 1):
            raise AllocationError(
                "--price pays for FLOPs, and these curves do not say how many a run takes; give unit_cost in the tasks "
                "file instead, or fit again with --scale flops or --law chinchilla."
            )
        flops = cost_of(curves, tasks, "flops", None)
        parts.append(Posynomial(flops.offset, flops.log_coef + np.log(prices.per_flop), flops.exponent))
    stated = np.isfinite(tasks.unit_cost) & (tasks.unit_cost > 0)
    if stated.any() and curves.scale_columns != ("flops",):
        data = cost_of(curves, tasks, "tokens", None)
        each = np.log(np.where(stated, tasks.unit_cost, 1e-300))
        parts.append(Posynomial(data.offset, each[:, None], data.exponent))
    elif stated.any():
        raise AllocationError(
            "unit_cost is money for a token or an example of data, and these curves read FLOPs alone; use --price, "
            "--peak and --mfu."
        )
    free = [] if prices is not None else [name for name, known in zip(tasks.names, stated, strict=True) if not known]
    if free:
        raise AllocationError(
            f"A budget in money needs prices: fill column 'unit_cost' of the tasks file for {listed(free)}, or "
            "give --price, --peak and --mfu."
        )
    return parts[0] if len(parts) == 1 else _sum(*parts)


def _sum(first: Posynomial, second: Posynomial) -> Posynomial:
    return Posynomial(
        first.offset + second.offset,
        np.concatenate([first.log_coef, second.log_coef], axis=1),
        np.concatenate([first.exponent, second.exponent], axis=1),
    )
