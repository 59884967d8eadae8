"""Where focusing wins and where sharing does, in sentences."""

import numpy as np

from budget.numerics.interval import interval
from budget.numerics.words import listing
from budget.report.page.single_task_section import alone_with_everything
from budget.report.report_parts import Cell as TableCell
from budget.report.report_parts import Column, Table
from budget.report.sentences.focus_cases import (
    SHOWN,
    assumed,
    extrapolated_on,
    lies_beyond,
    set_name,
    signed,
    some_names,
    telling_budget,
)
from budget.report.sentences.plan_sentences import capital
from budget.report.sentences.threshold_sentences import focused_targets, strictness, strictness_by_budget, targets
from budget.report.written_numbers import LEVEL, NOTHING, percent, plural, quantity
from budget.studies.focus.breadth_law import CLAIM, BreadthLaw
from budget.studies.focus.breadth_means import BreadthMeans
from budget.studies.focus.crossover import STATED_DRAW_SHARE, Crossover, Trend
from budget.studies.focus.focus import Focus
from budget.studies.focus.leaders import STATED_SHARE, UNDECIDED
from budget.studies.focus.relatedness import PAIRS
from budget.studies.focus.thresholds import THRESHOLD_ROUNDING
from budget.studies.strategies.assumed import MARK
from budget.studies.strategies.partition import GROUPS
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS


def focus_summary(focus: Focus) -> tuple[str, ...]:
    """The study in detail, a sentence or two a topic: who wins where, by how much, how it moves."""
    parts = (
        _winners,
        _leaders,
        _groups,
        _subsets,
        _crossovers,
        _breadth,
        _dilution,
        alone_with_everything,
        targets,
        focused_targets,
        strictness,
        _scale,
    )
    return (_scope(focus), *(sentence for part in parts for sentence in part(focus)))


def _scope(focus: Focus) -> str:
    counts = sorted({len(tasks) for tasks in focus.sets})
    low, high = focus.budgets[0], focus.budgets[-1]
    budgets = (
        f"{len(focus.budgets)} budgets from {quantity(low, focus.unit)} to {quantity(high, focus.unit)}"
        if len(focus.budgets) > 1
        else quantity(low, focus.unit)
    )
    inside = [comparison.budget for comparison in focus.comparisons if not lies_beyond(comparison)]
    far = (
        f" Budgets above {quantity(max(inside), focus.unit)} ask for models more than three times outside the measured "
        "sizes, on every set."
        if inside and max(inside) < high
        else ("" if inside else " Every budget asks for models more than three times outside the measured sizes.")
    )
    sizes = f"{counts[0]} to {counts[-1]} tasks" if len(counts) > 1 else plural(counts[0], "task")
    warned = assumed(entry.strategy for comparison in focus.comparisons for entry in comparison.plans)
    return f"Compared at equal total budget: {plural(len(focus.sets), 'set')} of {sizes}, {budgets}.{far}{warned}"


def _winners(focus: Focus) -> list[str]:
    """How often each strategy wins, inside the measured range and beyond; how large the advantages are."""
    said = []
    for where, comparisons in (
        ("Inside the measured range", [comparison for comparison in focus.comparisons if not lies_beyond(comparison)]),
        ("Beyond the measured range", [comparison for comparison in focus.comparisons if lies_beyond(comparison)]),
    ):
        if not comparisons:
            continue
        names = [comparison.best_strategy.strategy for comparison in comparisons]
        agreeing = [
            float(comparison.wins[comparison.place(comparison.best_strategy.strategy)]) for comparison in comparisons
        ]
        drawn = bool(np.isfinite(agreeing).all())
        sure = [name for name, share in zip(names, agreeing, strict=True) if share >= STATED_DRAW_SHARE]
        parts = [
            f"{name} in {names.count(name)}" + (f" ({sure.count(name)})" if drawn else "")
            for name in sorted(dict.fromkeys(names), key=names.count, reverse=True)
        ]
        brackets = f"; in brackets, those where at least {STATED_DRAW_SHARE:.0%} of the draws agree" if drawn else ""
        said.append(
            f"{where}, of {plural(len(comparisons), 'case')} of set and budget the best is {listing(parts)}{brackets}."
            + assumed(entry.strategy for comparison in comparisons for entry in comparison.plans)
        )
    inside = [
        comparison
        for comparison in focus.comparisons
        if not lies_beyond(comparison) and comparison.advantage is not None
    ]
    for sign, who in ((1, "specialists win"), (-1, "a shared model wins")):
        gains = [
            (sign * comparison.advantage[1], comparison)
            for comparison in inside
            if comparison.advantage and sign * comparison.advantage[1] > 0
        ]
        if gains:
            values = [gain for gain, _ in gains]
            most, comparison = max(gains, key=lambda each: each[0])
            said.append(
                f"Where {who}, the median advantage is {percent(float(np.median(values)))} of the objective; it is "
                f"largest, {percent(most)}, on {set_name(comparison.tasks)} at "
                f"{quantity(comparison.budget, focus.unit)}."
                + assumed(each.advantage[0] for _, each in gains if each.advantage)
            )
    return said


def _leaders(focus: Focus) -> list[str]:
    """Who leads by all runs together, on measured sets and on those that were asked about."""
    said = []
    known = [each for each in focus.leaders if each.measured]
    if known:
        usual = telling_budget([each for each in focus.comparisons if not lies_beyond(each)] or list(focus.comparisons))
        budget = min({each.budget for each in known}, key=lambda budget: abs(np.log(budget / usual)))
        winners = [each.winner for each in known if each.budget == budget]
        order = sorted(set(winners), key=lambda name: (-winners.count(name), name))
        parts = [f"{name} on {winners.count(name)}" for name in order]
        said.append(
            f"By all runs together (one regression over sets and scales), at {quantity(budget, focus.unit)} "
            f"with an equal share a task, of {plural(len(winners), 'set')} {listing(parts)}; a leader has "
            f"{percent(STATED_SHARE)} of the draws."
        )
    for each in focus.leaders:
        if not each.measured:
            most = int(each.share.argmax())
            who = f"{each.winner} leads" if each.winner != UNDECIDED else f"undecided, {each.strategies[most]} ahead"
            said.append(
                f"Not measured, predicted from other sets: {set_name(each.tasks)} at "
                f"{quantity(each.budget, focus.unit)}: "
                f"{who} ({percent(float(each.share[most]))} of the draws); specialists against the best shared model "
                f"{signed(each.advantage)} ({LEVEL}: {signed(each.low)} to {signed(each.high)})."
            )
    return said


def _groups(focus: Focus) -> list[str]:
    """Whether the best partition beats all specialists and one model for all, and the largest gain inside."""
    gains = []
    for comparison in focus.comparisons:
        names = [entry.strategy for entry in comparison.plans]
        if GROUPS in names and not lies_beyond(comparison):
            mine = names.index(GROUPS)
            rest = np.array([place for place, name in enumerate(names) if name not in (GROUPS, SUBSET)])
            others, scenarios = comparison.objective[rest], comparison.scenarios[rest]
            share = (
                float((comparison.scenarios[mine] < scenarios.min(axis=0)).mean())
                if scenarios.shape[1]
                else float("nan")
            )
            gains.append((float((others.min() - comparison.objective[mine]) / abs(others.min())), share, comparison))
    if not gains:
        return []
    better = [each for each in gains if each[0] > THRESHOLD_ROUNDING]
    said = (
        f"Groups (some tasks share a model, the best partition of the set) beat all specialists and one model for all "
        f"in {len(better)} of {plural(len(gains), 'case')} inside the measured range"
    )
    warned = assumed(entry.strategy for _, _, comparison in gains for entry in comparison.plans)
    if not better:
        return [f"{said}.{warned}"]
    gain, share, comparison = max(better, key=lambda each: each[0])
    (best,) = [each for each in focus.partitions if each.tasks == comparison.tasks and each.budget == comparison.budget]
    parts = "; ".join(f"{' + '.join(tasks)} ({strategy})" for strategy, tasks in best.blocks if len(tasks) > 1)
    agree = f", in {percent(share)} of the draws" if np.isfinite(share) else ""
    return [
        f"{said}, at most by {percent(gain)} of the objective{agree}: on {set_name(comparison.tasks)} at "
        f"{quantity(comparison.budget, focus.unit)}, with {parts}. It is chosen by the same fit, which flatters it."
        + warned
    ]


def _subsets(focus: Focus) -> list[str]:
    """Whether serving a subset beats every plan for all tasks, and the largest gain inside the measured range."""
    beyond = {(comparison.tasks, comparison.budget): lies_beyond(comparison) for comparison in focus.comparisons}
    inside = [each for each in focus.subsets if not beyond[each.tasks, each.budget]]
    if not inside:
        return []
    gains = [(each.gain, each) for each in inside if each.gain > THRESHOLD_ROUNDING]
    outside = [each for each in focus.subsets if beyond[each.tasks, each.budget]]
    where = f"{plural(len(inside), 'case')} inside the measured range"
    further = (
        f" Beyond it, in {sum(each.gain > THRESHOLD_ROUNDING for each in outside)} of {len(outside)}."
        if outside
        else ""
    )
    warned = assumed(entry.strategy for comparison in focus.comparisons for entry in comparison.plans)
    what = f"Leaving tasks out ({SUBSET}, each at its value when it is given nothing) beats every plan for all tasks in"
    if not gains:
        return [f"{what} none of {where}.{further}{warned}"]
    gain, best = max(gains, key=lambda each: each[0])
    return [
        f"{what} {len(gains)} of {where}, at most by {percent(gain)} of the objective: on {set_name(best.tasks)} at "
        f"{quantity(best.budget, focus.unit)}, by {best.by}, without "
        f"{some_names(list(best.left_out))}.{further}{warned}"
    ]


def _crossovers(focus: Focus) -> list[str]:
    """The budgets at which sharing gives way to focus, or focus to sharing."""
    said = []
    for above in (True, False):
        found = [each for each in focus.crossovers if (each.above == SPECIALISTS) is above]
        found.sort(key=lambda each: (-each.share, each.budget))
        if found:
            first = "sharing wins below and focusing above" if above else "focusing wins below and sharing above"
            rest = len(found) - SHOWN
            said.append(
                f"{capital(first)}: {'; '.join(_crossover(each, focus) for each in found[:SHOWN])}"
                + (f"; and {rest} more." if rest > 0 else ".")
            )
    return said


def _crossover(each: Crossover, focus: Focus) -> str:
    unit, comparisons = focus.unit, focus.of(each.tasks)
    low = "below all" if each.low == 0 else quantity(each.low, unit)
    high = "above all" if np.isinf(each.high) else quantity(each.high, unit)
    shared = each.below if each.above == SPECIALISTS else each.above
    span = f" ({LEVEL}: {low} to {high})" if np.isfinite(each.low) else ""
    around = (
        max(
            (comparison for comparison in comparisons if comparison.budget <= each.budget),
            key=lambda comparison: comparison.budget,
            default=comparisons[0],
        ),
        min(
            (comparison for comparison in comparisons if comparison.budget >= each.budget),
            key=lambda comparison: comparison.budget,
            default=comparisons[-1],
        ),
    )
    far = ", extrapolated" if any(lies_beyond(comparison) for comparison in around) else ""
    return f"{set_name(each.tasks)} against {shared} at {quantity(each.budget, unit)}{span}{far}"


def _breadth(focus: Focus) -> list[str]:
    """How the advantage moves with the number of tasks, at the largest budget with most sets inside."""
    last = telling_breadth(focus)
    if last is None:
        return []
    parts = [
        f"{signed(point)} for {plural(int(count), 'task')} ({signed(low)} to {signed(high)}, "
        f"{plural(int(sets), 'set')})"
        for count, sets, point, low, high in zip(
            last.counts, last.sets, last.advantage, last.low, last.high, strict=True
        )
    ]
    far = extrapolated_on(
        [
            comparison
            for comparison in focus.comparisons
            if comparison.budget == last.budget and comparison.advantage is not None
        ]
    )
    return [
        f"By number of tasks, at {quantity(last.budget, focus.unit)}{far}, the advantage of specialists over the best "
        f"shared model is {listing(parts)}, means of the sets that were measured. {_law(focus, last.budget)}"
        + assumed(
            comparison.advantage[0]
            for comparison in focus.comparisons
            if comparison.budget == last.budget and comparison.advantage is not None
        )
    ]


def _law(focus: Focus, budget: float) -> str:
    """The advantage by number of tasks and relatedness, and how well it tells sets that were left out."""
    law = breadth_law_at(focus, budget)
    if law is None:
        return (
            "How much of this is their number, and how much that larger sets are less related, is not told: it takes "
            "more sets of several numbers of tasks, with draws, and curves over tokens."
        )
    sets, alone = len(law.advantage), int((law.advantage > 0).sum())
    least, most = (signed(float(end)) for end in (law.relatedness.min(), law.relatedness.max()))
    what, step, unit = (
        (f"two of its tasks save each other {least} to {most} of their loss in one model", 0.01, "hundredth")
        if law.measured_by == PAIRS
        else (f"its partners' tokens are worth {least} to {most} of a task's own", 0.1, "tenth")
    )
    return (
        f"{number_of_tasks(law)} How related a set is ({what}) changes it by {signed(step * law.coefficient[2])} for "
        f"each {unit} ({_claimed(law, 2, step)}). The law of the other sets names the winner on {law.named_right} of "
        f"{sets} sets left out, always naming specialists on {alone}."
    )


def number_of_tasks(law: BreadthLaw) -> str:
    """What is claimed of the number of tasks, or that nothing is."""
    change = f"{signed(law.coefficient[1])} ({_claimed(law, 1)})"
    if not law.claims:
        return (
            f"Of the number of tasks by itself nothing is claimed: at equal relatedness a doubling changes the "
            f"advantage of specialists by {change}."
        )
    who = "focusing" if law.claims > 0 else "sharing"
    turn = f", and a set of middling relatedness turns at {law.turns_at:.1f} tasks" if np.isfinite(law.turns_at) else ""
    return (
        f"With more tasks, equally related, {who} gains: a doubling changes the advantage of specialists by "
        f"{change}{turn}."
    )


def _claimed(law: BreadthLaw, term: int, unit: float = 1.0) -> str:
    low, high = unit * law.low[term], unit * law.high[term]
    return f"{100 * CLAIM:g} % over sets and draws: {signed(low)} to {signed(high)}"


def breadth_law_at(focus: Focus, budget: float) -> BreadthLaw | None:
    """The law of breadth at one of the budgets, where there is one."""
    return next((each for each in focus.breadth_laws if each.budget == budget), None)


def telling_breadth(focus: Focus) -> BreadthMeans | None:
    """The advantage by number of tasks at the largest budget with most sets inside the measured range."""
    usable = [each for each in focus.breadth if len(each.counts) > 1]
    if not usable:
        return None
    budget = telling_budget([comparison for comparison in focus.comparisons if comparison.advantage is not None])
    return max((each for each in usable if each.budget <= budget), key=lambda each: each.budget, default=usable[0])


def _scale(focus: Focus) -> list[str]:
    """Whether the advantage of focus shrinks, stays or grows with compute."""
    usable, untold = told_trends(focus)
    if not usable:
        return [untold] if untold else []
    decades = np.log10(focus.budgets[-1] / focus.budgets[0])
    kinds = {kind: [each for each in usable if each.verdict == kind] for kind in ("grows", "shrinks", "undecided")}
    beyond = max(float(each.extrapolated.mean()) for each in usable)
    parts = [
        f"{'is ' if kind == 'undecided' else ''}{kind} on {len(mine)}"
        + (f" ({set_name(mine[0].tasks)}{', …' if len(mine) > 1 else ''})" if mine else "")
        for kind, mine in kinds.items()
    ]
    far = f" Up to {percent(beyond)} of these budgets are extrapolated{no_run(focus)}." if beyond else ""
    first, last = (float(np.median([each.advantage[place] for each in usable])) for place in (0, -1))
    return [
        f"Over {decades:.1f} decades of budget the advantage of specialists {listing(parts)} of "
        f"{plural(len(usable), 'set')}; its median goes from {signed(first)} to {signed(last)} of the objective, "
        f"negative where sharing wins.{far}{untold}" + assumed(name for each in usable for name in each.shared),
        *strictness_by_budget(focus),
    ]


def told_trends(focus: Focus) -> tuple[list[Trend], str]:
    """The sets whose trend over budgets is told, all of whose curves passed a backtest, and what is said of others."""
    every = [each for each in focus.trends if np.isfinite(each.growing) and len(each.budgets) > 2]
    told = [each for each in every if not each.unproven]
    left = tuple(dict.fromkeys(name for each in every for name in each.unproven))
    if not left:
        return told, ""
    judged = left_unjudged(left, tuple(dict.fromkeys(name for each in every for name in each.unjudged)))
    if told:
        return told, f" Not told of {plural(len(every) - len(told), 'set')}: {judged}."
    return (
        told,
        f"Whether the advantage of specialists grows with compute is not told of {_sets(len(every))}: {judged}.",
    )


def _sets(number: int) -> str:
    return "the one set" if number == 1 else f"any of {number} sets"


def left_unjudged(left: tuple[str, ...], unjudged: tuple[str, ...]) -> str:
    """Why curves (such as ``code by generalist``) carry no claim: their backtest failed, or there was none here."""
    failed = [name for name in left if name not in unjudged]
    parts = (
        [f"{plural(len(failed), 'curve')} behind it did not pass a backtest ({some_names(failed)})"] if failed else []
    )
    if unjudged:
        parts.append(
            f"{plural(len(unjudged), 'curve')} behind it {'was' if len(unjudged) == 1 else 'were'} not backtested here "
            f"({some_names(list(unjudged))}); 'budget focus' on these runs backtests every strategy's"
        )
    return ", and ".join(parts)


def no_run(focus: Focus) -> str:
    """From which budget on no plan of any set lies near a run."""
    first = None
    for budget in focus.budgets[::-1]:
        if not all(lies_beyond(comparison) for comparison in focus.comparisons if comparison.budget == budget):
            break
        first = budget
    return "" if first is None else f", and from {quantity(float(first), focus.unit)} on no set rests on a run"


def focus_table(focus: Focus) -> Table:
    """The winner of each set at the middle budget, with the share of the draws that agree."""
    budget = float(focus.budgets[len(focus.budgets) // 2])
    rows = []
    for comparison in focus.comparisons:
        if comparison.budget != budget:
            continue
        best = comparison.plans.index(comparison.best_strategy)
        advantage = comparison.advantage
        text, detail = NOTHING, ""
        if advantage is not None:
            low, high = (float(end) for end in interval(advantage[2]))
            text = signed(advantage[1])
            detail = f"{signed(low)} to {signed(high)}" if np.isfinite(low) else ""
        rows.append(
            (
                TableCell(" + ".join(comparison.tasks)),
                TableCell(str(len(comparison.tasks))),
                TableCell(
                    comparison.plans[best].strategy,
                    percent(float(comparison.wins[best])) if comparison.scenarios.shape[1] else "",
                ),
                TableCell(text, detail),
                TableCell(
                    "beyond the measured sizes" if lies_beyond(comparison) else "inside",
                    "",
                    "warn" if lies_beyond(comparison) else "",
                ),
            )
        )
    columns = (
        Column("set of tasks"),
        Column("tasks", numeric=True),
        Column("best strategy", detail="share of the draws"),
        Column("advantage of specialists", numeric=True, detail=LEVEL),
        Column("models"),
    )
    caption = f"Who wins at {quantity(budget, focus.unit)} for each set that was measured together"
    caption += (
        ""
        if not assumed(entry.strategy for comparison in focus.comparisons for entry in comparison.plans)
        else f", some {MARK}"
    )
    return Table(caption, columns, tuple(rows), cards=True)


def _dilution(focus: Focus) -> list[str]:
    """What sharing the budget and sharing the model cost, over all tasks of all sets."""
    if not focus.dilution:
        return []
    first = focus.dilution[0]
    far = extrapolated_on([comparison for comparison in focus.comparisons if comparison.budget == first.budget])
    parts = np.concatenate([each.dilution / np.abs(each.alone) for each in focus.dilution])
    sharing = np.concatenate([each.sharing / np.abs(each.alone) for each in focus.dilution])
    ends = np.concatenate([[each.low, each.high] for each in focus.dilution], axis=1)
    worse, better = int((ends[0] > 0).sum()), int((ends[1] < 0).sum())
    told = (
        f"{worse} show interference and {better} transfer beyond the 80 % interval"
        if np.isfinite(ends).all()
        else f"{int((sharing > 0).sum())} show interference and {int((sharing < 0).sum())} transfer, without intervals"
    )
    step = float(np.median(sharing))
    return [
        f"At {quantity(first.budget, focus.unit)} an equal share of the budget instead of all of it (dilution) costs a "
        f"task {percent(float(np.median(parts)))} of its value, median; the step from there to a shared model "
        f"{'saves' if step < 0 else 'costs'} {percent(abs(step))}. Of {plural(len(sharing), 'case')} of task and "
        f"shared model, {told}{far}; only the net of both can be told."
        + assumed(each.strategy for each in focus.dilution)
    ]


def assumptions(focus: Focus) -> tuple[str, ...]:
    """What was not compared, and what was assumed, one sentence each."""
    return tuple(sorted(focus.left_out, key=lambda said: MARK not in said))
