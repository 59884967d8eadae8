"""What is said of a growing set of tasks. Sentences only."""

from collections.abc import Callable

import numpy as np

from budget.allocation.spec.plan_spec import EXTRAPOLATES_BEYOND
from budget.numerics.words import listing, shortened
from budget.report.written_numbers import LEVEL, difference, factor, percent, plural, quantity, span, value
from budget.studies.focus.best_strategy_by_breadth import TaskCrossover
from budget.studies.growth.beyond_tasks import BeyondTasks, NumberOfTasks
from budget.studies.growth.decline_exponent import Decline
from budget.studies.growth.growth import Growth
from budget.studies.growth.growth_by_strategy import SharedGrowth, StrategiesGrowth
from budget.studies.growth.iso_performance import IsoPerformance, SharedIsoPerformance
from budget.studies.growth.targets_kept import Planned, TargetsKept
from budget.studies.strategies.strategy_curves import SPECIALISTS

NAMED = 8
"""Tasks that are named before the others are counted."""

UNSPENT = 1e-6
"""Share of the budget from which what is left is told: less is a solver's rounding."""

FLAT = 5e-4
"""Power from which a decline is told: a smaller one is written 0.000."""


def growth_summary(growth: Growth) -> tuple[str, ...]:
    """The study in a few sentences for the terminal."""
    unit, sizes, tasks = growth.plans[-1].spec.unit, growth.sizes, len(growth.names)
    if growth.decline is None:
        return (f"{growth.names[0]} is the only task: it shares its budget with nobody, and nothing declines.",)
    budget, spent = growth.plans[-1].spec.budget, tasks * float(sizes.mean_spend[-1])
    part = spent / budget
    ends = (percent(part * float(each[-1])) for each in (sizes.smallest_share, sizes.largest_share))
    left = f"; {percent(1 - part)} of it cannot be spent within its limits and its reach" if part < 1 - UNSPENT else ""
    said = [
        f"With {plural(tasks, 'task')} each gets {quantity(spent / tasks, unit)} on average, "
        f"{span(*ends)} of the budget{left}.",
        f"{decline_sentence(growth.decline)}{_no_run(growth)}",
        _kept_sentence(growth.targets_kept, tasks, growth.spread is not None),
    ]
    if growth.iso_performance is None or growth.iso_performance.today < tasks:
        said.append(_unchanged_sentence(growth.iso_performance, unit, tasks))
    said += _beyond(growth)
    if growth.spread is not None:
        said.append(f"Over orders: {growth.spread.basis}.")
    return tuple(said)


def decline_sentence(found: Decline) -> str:
    """The law of the decline, such as ``… as the number of tasks to the power 0.140``."""
    mean, worst = found.exponent[:2].tolist()
    if np.isnan(mean):
        return "A task is at the floor of its curve, so the decline of the mean has no exponent."
    if np.nanmax(np.abs(found.exponent)) < FLAT:
        return "No task declines: with all of them each reaches what it does alone with the whole budget."
    interval = _range(found.low[0], found.high[0], f"{LEVEL} interval")
    orders = _range(found.orders_low[0], found.orders_high[0], f"{LEVEL} of the orders")
    ranges = f" ({', '.join(part for part in (interval, orders) if part)})" if interval or orders else ""
    fastest = int(np.nanargmax(found.exponent[2:])) + 2
    return (
        f"As these tasks join, what is left to reduce grows from what each has alone with the whole budget, in the "
        f"mean, as the number of tasks to the power {_power(mean)}{ranges}: {percent(2**mean - 1)} more for twice the "
        f"tasks; for the one that has lost most at each number ({found.lost_most} with all), to the power "
        f"{_power(worst)}. Of single tasks from their own joining on, {found.names[fastest]} declines fastest, to the "
        f"power {_power(found.exponent[fastest])}."
    )


def _no_run(growth: Growth) -> str:
    """Up to how many tasks most shares lie far beyond the runs, along one order."""
    sizes = [len(plan.spend) for plan in growth.plans if np.median(plan.extrapolation) > EXTRAPOLATES_BEYOND]
    if growth.spread is not None or not sizes:
        return ""
    tasks = plural(max(sizes), "task")
    return (
        f" With up to {tasks} most shares are more than {EXTRAPOLATES_BEYOND:g} × their task's largest run; there it "
        "rests on no run."
    )


def _range(low: float, high: float, what: str, written: Callable[[float], str] | None = None) -> str:
    written = written or _power
    return "" if np.isnan(low) else f"{what} {span(written(float(low)), written(float(high)))}"


def _kept_sentence(found: TargetsKept | None, tasks: int, several: bool) -> str:
    if found is None:
        return "No task states a target, so no largest set is named."
    lost = ""
    if found.lost:
        shown = shortened(list(found.lost), NAMED)
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
            return f"{most}; all {tasks} tasks together keep theirs.{_in_draws(found.by_plan)}{lost}"
    along = "an order" if several else "this order"
    return (
        f"{most}; in {along} all are kept up to {planned} by the best plan for the mean, and up to {possible} by a "
        f"split made for the targets.{_in_draws(found.by_plan)}{lost}"
    )


def _in_draws(found: Planned) -> str:
    """How far the plans keep the targets over the draws, where these differ."""
    if np.isnan(found.low) or found.low == found.high:
        return ""
    return f" Over the draws the best plan keeps {span(f'{found.low:.3g}', f'{found.high:.3g}')} ({LEVEL})."


def _unchanged_sentence(found: IsoPerformance | None, unit: str, tasks: int) -> str:
    if found is None:
        return (
            "What more tasks cost at unchanged values is not told here: no single price divides a budget where spends "
            "stop at a reach or a maximum, or returns do not fall; --reach inf lifts the reach."
        )
    who = "the first task keeps its value" if found.today == 1 else f"the first {found.today} tasks keep their values"
    low, high = float(found.doubling_low[0]), float(found.doubling_high[0])
    interval = "" if np.isnan(low) else f" ({LEVEL} interval {span(factor(low), factor(high))})"
    return (
        f"With {tasks} tasks {who} at {quantity(float(found.total[-1, 0]), unit)}: twice the tasks take "
        f"{factor(float(found.doubling[0]))} the budget{interval}, while the models there are stay as they are."
    )


def _beyond(growth: Growth) -> list[str]:
    """What the budget is worth to more tasks than are given, and what that rests on."""
    found = growth.beyond
    if found is None:
        return [growth.not_beyond] if growth.not_beyond else []
    last, parts = int(found.counts[-1]), []
    if found.falls_at is not None:
        parts.append(_falls_below(found.falls_at, found))
    if np.isfinite(found.worth).all():
        worth = _range(found.worth_low[-1], found.worth_high[-1], f"{LEVEL} interval", percent)
        parts.append(
            f"with {last} a task's share is worth {percent(float(found.worth[-1]))}{f' ({worth})' if worth else ''} of "
            f"what it is with {found.given}" + _half(found.halves_at)
        )
    if np.isfinite(found.exponent):
        powers = _range(found.exponent_low, found.exponent_high, f"{LEVEL} interval")
        parts.append(
            f"what is left to reduce in the mean grows from what it is with {found.given} tasks as their number to the "
            f"power {_power(found.exponent)}"
            f"{f' ({powers})' if powers else ''}"
        )
    small = (
        f" From {found.measured_to:.0f} tasks on the average share is smaller than most tasks' smallest run."
        if found.measured_to < last
        else ""
    )
    return [
        f"Beyond the {found.given} tasks given, if others are drawn as these were: {'; '.join(parts)}.{small} This "
        f"rests on exchangeable tasks: the next as hard as these are among themselves, and none unlike all "
        f"{found.given}."
    ]


def doubled_sentence(found: BeyondTasks) -> str:
    """What twice the tasks would cost the average one, in a sentence."""
    last = int(found.counts[-1])
    if np.isfinite(found.worth).all():
        worth = _range(found.worth_low[-1], found.worth_high[-1], f"{LEVEL} interval", percent)
        told = (
            f"a task's share would be worth {percent(float(found.worth[-1]))}{f' ({worth})' if worth else ''} of what "
            "it is now"
        )
    else:
        ends = _range(found.low[-1], found.high[-1], f"{LEVEL} interval", value)
        told = (
            f"the average task would end at {value(float(found.value[-1]))}{f' ({ends})' if ends else ''}, and not at "
            f"{value(float(found.value[0]))}"
        )
    return f"With {last} tasks instead of {found.given}, the others as hard as these are among themselves, {told}."


def _half(at: NumberOfTasks | None) -> str:
    """With how many tasks half of a share's worth is left, where that is within what was looked at."""
    return "" if at is None or np.isinf(at.point) else f", half of it with {at.point:.0f}"


def _falls_below(at: NumberOfTasks, found: BeyondTasks) -> str:
    """From how many tasks on the average one misses its target."""
    last = int(found.counts[-1])
    ends = [f"{found.given}" if end == 0 else f"more than {last}" if np.isinf(end) else f"{end:.0f}"
            for end in (at.low, at.high)]  # fmt: skip
    interval = "" if np.isnan(at.low) or at.low == at.high else f" ({LEVEL} interval {span(*ends)} tasks)"
    if at.point == 0:
        return f"the average task misses its target with these already{interval}"
    if np.isinf(at.point):
        return f"the average task keeps its target with {last}, the most looked at{interval}"
    return f"the average task misses its target from {at.point:.0f} on{interval}"


def strategies_summary(growth: StrategiesGrowth) -> tuple[str, ...]:
    """A growing set by every strategy, in a few sentences for the terminal."""
    own, tasks = growth.specialists, len(growth.names)
    said = [*_best_sentences(growth)] if own is not None or len(growth.shared) > 1 else []
    if tasks > 1:
        said.append(_declines_sentence(growth))
    else:
        said.append(f"{growth.names[0]} is the only task that all curves have: nothing declines.")
    said += _kept_by_plans(growth)
    said += [_parts_sentence(growth, each.strategy) for each in growth.shared if own is not None]
    if own is not None and tasks > 1 and (own.iso_performance is None or own.iso_performance.today < tasks):
        said.append(_by(SPECIALISTS, _unchanged_sentence(own.iso_performance, growth.spec.unit, tasks)))
    said += [] if own is None else [_by(SPECIALISTS, sentence) for sentence in _beyond(own)]
    for each in growth.shared:
        sentence = unchanged_shared_summary(each.iso_performance)
        said.append(_by(each.strategy, sentence) if own is not None or len(growth.shared) > 1 else sentence)
    said += [sentence for each in growth.shared if (sentence := _far_sentence(each))]
    if growth.shared[0].spread is not None:
        said.append(f"Over orders: {growth.shared[0].spread.basis}.")
    return tuple(said)


def _by(strategy: str, sentence: str) -> str:
    """A sentence on one strategy of several."""
    return f"By {strategy}, {sentence[:1].lower()}{sentence[1:]}"


def _best_sentences(growth: StrategiesGrowth) -> list[str]:
    """Which strategy is best at which numbers of tasks, how surely, and where that changes."""
    found = growth.comparison
    counts: dict[str, list[str]] = {}
    first = 0
    for last in range(len(found.best)):
        if last + 1 == len(found.best) or found.best[last + 1] != found.best[last]:
            counts.setdefault(found.best[last], []).append(span(str(first + 1), str(last + 1)))
            first = last + 1
    order = sorted(counts, key=lambda name: name == found.best[-1])
    ranges = [f"{name} for {listing(counts[name])}" for name in order]
    sure = float(found.wins[found.strategies.index(found.best[-1]), -1])
    whole = f" with all {len(found.best)}" if len(found.best) > 1 else ""
    share = "" if np.isnan(sure) else f" (in {percent(sure)} of the draws{whole})"
    budget = quantity(growth.spec.budget, growth.spec.unit)
    said = [f"By number of tasks, the best weighted mean at {budget}: {'; '.join(ranges)}{share}."]
    if found.crossovers:
        said.append(
            f"The best changes {'; '.join(map(_crossover, found.crossovers))}. That is of these tasks, if they "
            "are as related as the sets of such numbers that the law was fitted to, and no law of the number of tasks."
        )
    return said


def _crossover(found: TaskCrossover) -> str:
    """One change with its interval."""
    low = "none" if found.low == 0 else f"{found.low:.1f}"
    high = "all" if np.isinf(found.high) else f"{found.high:.1f}"
    interval = "" if np.isnan(found.low) else f" ({LEVEL} interval {span(low, high)})"
    return f"from {found.below} to {found.above} at {found.n_tasks:.1f} tasks{interval}"


def _declines_sentence(growth: StrategiesGrowth) -> str:
    """By which power the mean declines under each strategy."""
    own = [] if growth.specialists is None else [(SPECIALISTS, growth.specialists.decline)]
    parts = []
    for name, found in (*own, *((each.strategy, each.decline) for each in growth.shared)):
        if found is None or np.isnan(found.exponent[0]):
            parts.append(f"no known power by {name}")
            continue
        interval = _range(found.low[0], found.high[0], f"{LEVEL} interval")
        parts.append(f"{_power(found.exponent[0])} by {name}{f' ({interval})' if interval else ''}")
    return (
        "What is left to reduce grows, in the mean and counted from each strategy's model for one task, as the number "
        f"of tasks to the power {listing(parts)}."
    )


def _kept_by_plans(growth: StrategiesGrowth) -> list[str]:
    """How many tasks keep their targets under each strategy's plans."""
    own = growth.specialists
    found = [(SPECIALISTS, own.targets_kept.by_plan)] if own is not None and own.targets_kept is not None else []
    found += [(each.strategy, each.targets_kept) for each in growth.shared if each.targets_kept is not None]
    if not found:
        return ["No task states a target, so no largest set is named."]
    parts = []
    for name, kept in found:
        interval = "" if np.isnan(kept.low) else f" ({LEVEL} interval {span(f'{kept.low:.3g}', f'{kept.high:.3g}')})"
        parts.append(f"{kept.largest.mean():.3g} by {name}{interval}")
    average = " on average" if growth.shared[0].spread is not None else ""
    return [f"The best plans for the mean keep all stated targets of the first tasks up to {listing(parts)}{average}."]


def _parts_sentence(growth: StrategiesGrowth, strategy: str) -> str:
    """Why tasks lose when all share one model: medians over the tasks of the largest set, in the measure's unit."""
    parts = next(each for each in reversed(growth.parts) if each.strategy == strategy)
    measure = growth.spec.measure
    scale = measure.scale[[growth.spec.tasks.names.index(name) for name in parts.tasks]]
    diluted, sharing = (float(np.median(part * scale)) for part in (parts.dilution, parts.sharing))
    size = _of_the_way if measure.is_share else difference
    net = f"gains {size(sharing)} by sharing (transfer" if sharing < 0 else f"loses {size(sharing)} more by sharing ("
    net += " less interference)" if sharing < 0 else "interference less transfer)"
    count = len(parts.tasks)
    sure = "" if np.isnan(parts.low).all() else (
        f": the {LEVEL} interval of sharing shows harm on {(parts.low > 0).sum()} and help on {(parts.high < 0).sum()} "
        f"of {plural(count, 'task')}"
    )  # fmt: skip
    return (
        f"With {plural(count, 'task')} in one model by {strategy}, the median task loses {size(diluted)} by dilution "
        f"(a specialist with an equal share instead of the whole budget) and {net}{sure}."
    )


def _of_the_way(progress: float) -> str:
    return f"{percent(abs(progress))} of the way from unserved to best"


def _far_sentence(found: SharedGrowth) -> str:
    """Where a shared strategy's plans leave what was measured; nothing where they do not."""
    least, most = found.measured
    outside = [
        words
        for words, there in (
            (f"below {least}", found.extrapolated and found.extrapolated[0] < least),
            (f"above {most}", found.extrapolated and found.extrapolated[-1] > most),
        )
        if there
    ]
    parts = []
    if outside:
        parts.append(f"its powers of the number of tasks are extrapolated {' and '.join(outside)}")
    if found.extrapolation_factor.max() > EXTRAPOLATES_BEYOND:
        parts.append(
            f"its sizes or its tasks' tokens lie up to {factor(float(found.extrapolation_factor.max()))} outside the "
            f"measured ones, {factor(float(found.extrapolation_factor[-1]))} with all tasks"
        )
    models = f"models of {span(str(least), plural(most, 'task'))}"
    return f"By {found.strategy}, measured on {models}, {', and '.join(parts)}." if parts else ""


def unchanged_shared_summary(found: SharedIsoPerformance) -> str:
    """What more tasks cost one model at an unchanged loss, by the middle task."""
    flops, params, tokens = np.median(found.factor, axis=0)
    return (
        f"One model for {found.ratio:g} times the tasks keeps its losses at {factor(float(flops))} the compute: "
        f"{factor(float(params))} the parameters and {factor(float(tokens))} the tokens (median over "
        f"{plural(len(found.names), 'task')})."
    )


def _power(exponent: float) -> str:
    return f"{exponent:.3f}".replace("-", "−")
