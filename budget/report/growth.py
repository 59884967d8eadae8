"""What is said of a growing set of tasks. Sentences only."""

import numpy as np

from budget.report.numerals import LEVEL, factor, listing, percent, plural, quantity, span
from budget.studies.decline import Decline
from budget.studies.growth import Growth
from budget.studies.kept import Kept
from budget.studies.unchanged import Unchanged, UnchangedShared

NAMED = 8
"""Tasks that are named before the others are counted."""


def growth_summary(growth: Growth) -> tuple[str, ...]:
    """The study in a few sentences for the terminal."""
    unit, sizes, tasks = growth.plans[-1].question.unit, growth.sizes, len(growth.names)
    if growth.decline is None:
        return (f"{growth.names[0]} is the only task: it shares its budget with nobody, and nothing declines.",)
    shares = span(percent(float(sizes.smallest_share[-1])), percent(float(sizes.largest_share[-1])))
    said = [
        f"With {plural(tasks, 'task')} each gets {quantity(float(sizes.mean_spend[-1]), unit)} on average, "
        f"{shares} of the whole.",
        decline_sentence(growth.decline),
        _kept_sentence(growth.kept, tasks, growth.spread is not None),
    ]
    if growth.unchanged is None or growth.unchanged.today < tasks:
        said.append(_unchanged_sentence(growth.unchanged, unit, tasks))
    if growth.spread is not None:
        said.append(f"Over orders: {growth.spread.basis}.")
    return tuple(said)


def decline_sentence(found: Decline) -> str:
    """The law of the decline, such as ``… as the number of tasks to the power 0.140``."""
    mean, worst = found.exponent[:2].tolist()
    if np.isnan(mean):
        return "A task is at the floor of its curve, so the decline of the mean has no exponent."
    interval = _range(found.low[0], found.high[0], f"{LEVEL} interval")
    orders = _range(found.orders_low[0], found.orders_high[0], f"{LEVEL} of the orders")
    ranges = f" ({', '.join(part for part in (interval, orders) if part)})" if interval or orders else ""
    fastest = int(np.nanargmax(found.exponent[2:])) + 2
    return (
        f"What is left to reduce grows, in the mean, as the number of tasks to the power {_power(mean)}{ranges}: "
        f"{percent(2**mean - 1)} more for twice the tasks; for the task that has lost most, to the power "
        f"{_power(worst)}. {found.names[fastest]} declines fastest, to the power {_power(found.exponent[fastest])}."
    )


def _range(low: float, high: float, what: str) -> str:
    return "" if np.isnan(low) else f"{what} {span(_power(low), _power(high))}"


def _kept_sentence(found: Kept | None, tasks: int, several: bool) -> str:
    if found is None:
        return "No task states a target, so no largest set is named."
    lost = ""
    if found.lost:
        shown = listing(
            [*found.lost[:NAMED], *([f"{len(found.lost) - NAMED} more"] if len(found.lost) > NAMED else [])]
        )
        lost = f" No spend meets the target of {shown}."
    most = f"Of {plural(found.stated, 'target')} the budget can meet at most {found.most}"
    if found.most and found.most < found.stated:
        most += f" ({', '.join(found.best[:NAMED])}{', …' if found.most > NAMED else ''})"
    if several:
        planned = (
            f"{found.planned.mean():.3g} tasks on average ({span(str(found.planned.min()), str(found.planned.max()))})"
        )
        possible = f"{found.possible.mean():.3g}"
    else:
        planned, possible = plural(int(found.planned[0]), "task"), str(found.possible[0])
        if found.planned[0] == tasks:
            return f"{most}; all {tasks} tasks together keep theirs.{lost}"
    along = "an order" if several else "this order"
    return (
        f"{most}; in {along} all are kept up to {planned} by the best plan for the mean, and up to {possible} by a "
        f"split made for the targets.{lost}"
    )


def _unchanged_sentence(found: Unchanged | None, unit: str, tasks: int) -> str:
    if found is None:
        return "The budget that keeps today's values is not known: here no single price divides a budget."
    who = "the first task keeps its value" if found.today == 1 else f"the first {found.today} tasks keep their values"
    return (
        f"With {tasks} tasks {who} at {quantity(float(found.total[-1, 0]), unit)}: twice the tasks take "
        f"{factor(float(found.doubling[0]))} the budget, while the models there are stay as they are."
    )


def unchanged_shared_summary(found: UnchangedShared) -> str:
    """What more tasks cost one model at an unchanged loss, by the middle task."""
    flops, params, tokens = np.median(found.factor, axis=0)
    return (
        f"One model for {found.ratio:g} times the tasks keeps its losses at {factor(float(flops))} the compute: "
        f"{factor(float(params))} the parameters and {factor(float(tokens))} the tokens (median over "
        f"{plural(len(found.names), 'task')})."
    )


def _power(exponent: float) -> str:
    return f"{exponent:.3f}".replace("-", "−")
