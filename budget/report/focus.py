"""Where focusing wins and where sharing does, in sentences."""

from collections.abc import Iterable

import numpy as np

from budget.report.blocks import Cell as TableCell
from budget.report.blocks import Column, Table
from budget.report.numerals import LEVEL, NOTHING, listing, percent, plural, quantity
from budget.report.words import capital
from budget.studies.arms import SPECIALISTS
from budget.studies.assumed import MARK
from budget.studies.crossover import SURE, Crossover
from budget.studies.entries import EQUAL, largest_inside
from budget.studies.focus import Cell, Focus
from budget.studies.intervals import interval
from budget.studies.partition import GROUPS
from budget.studies.thresholds import ROUNDING

NOT_MEASURED = " This rests in part on an assumed strategy, which nobody measured."
"""Ends every sentence that compares with one without naming it."""

SHOWN = 4
"""Names and lines of one kind that a sentence lists."""


def focus_summary(focus: Focus) -> tuple[str, ...]:
    """The study in a paragraph: who wins where, by how much, how it moves, and what was not compared."""
    parts = (_winners, _groups, _crossovers, _breadth, _dilution, _targets, _strictness, _scale)
    return (_scope(focus), *(sentence for part in parts for sentence in part(focus)))


def _assumed(strategies: Iterable[str]) -> str:
    """The warning where one of the strategies behind a sentence is assumed."""
    return NOT_MEASURED if any(MARK in name for name in strategies) else ""


def set_name(tasks: tuple[str, ...]) -> str:
    """A set in a sentence: its tasks, or how many and the first two."""
    if len(tasks) <= SHOWN:
        return " + ".join(tasks)
    return f"{len(tasks)} tasks ({tasks[0]}, {tasks[1]}, …)"


def _scope(focus: Focus) -> str:
    counts = sorted({len(tasks) for tasks in focus.sets})
    low, high = focus.budgets[0], focus.budgets[-1]
    budgets = (
        f"{len(focus.budgets)} budgets from {quantity(low, focus.unit)} to {quantity(high, focus.unit)}"
        if len(focus.budgets) > 1
        else quantity(low, focus.unit)
    )
    inside = [cell.budget for cell in focus.cells if not _beyond(cell)]
    far = (
        f" Budgets above {quantity(max(inside), focus.unit)} ask for models more than three times outside the measured "
        "sizes, on every set."
        if inside and max(inside) < high
        else ("" if inside else " Every budget asks for models more than three times outside the measured sizes.")
    )
    sizes = f"{counts[0]} to {counts[-1]} tasks" if len(counts) > 1 else plural(counts[0], "task")
    warned = _assumed(entry.strategy for cell in focus.cells for entry in cell.entries)
    return f"Compared at equal total budget: {plural(len(focus.sets), 'set')} of {sizes}, {budgets}.{far}{warned}"


def _beyond(cell: Cell) -> bool:
    """Whether the plans that decide the cell lie far outside the measured scales."""
    return cell.extrapolates


def _telling(cells: list[Cell]) -> float:
    """The largest budget with most of the cells inside the measured range; the smallest where there is none."""
    found = largest_inside([cell.budget for cell in cells], [_beyond(cell) for cell in cells])
    return min(cell.budget for cell in cells) if found is None else found


def _winners(focus: Focus) -> list[str]:
    """How often each strategy wins, inside the measured range and beyond; how large the advantages are."""
    said = []
    for where, cells in (
        ("Inside the measured range", [cell for cell in focus.cells if not _beyond(cell)]),
        ("Beyond it", [cell for cell in focus.cells if _beyond(cell)]),
    ):
        if not cells:
            continue
        names = [_kind(cell.winner.strategy) for cell in cells]
        agreeing = [_agreement(cell) for cell in cells]
        drawn = bool(np.isfinite(agreeing).all())
        sure = [name for name, share in zip(names, agreeing, strict=True) if share >= SURE]
        parts = [
            f"{name} in {names.count(name)}" + (f" ({sure.count(name)})" if drawn else "")
            for name in sorted(dict.fromkeys(names), key=names.count, reverse=True)
        ]
        brackets = f"; in brackets, those where at least {SURE:.0%} of the draws agree" if drawn else ""
        said.append(
            f"{where}, of {plural(len(cells), 'case')} of set and budget the best is {listing(parts)}{brackets}."
            + _assumed(entry.strategy for cell in cells for entry in cell.entries)
        )
    inside = [cell for cell in focus.cells if not _beyond(cell) and cell.advantage is not None]
    for sign, who in ((1, "specialists win"), (-1, "a shared model wins")):
        gains = [(sign * cell.advantage[1], cell) for cell in inside if cell.advantage and sign * cell.advantage[1] > 0]
        if gains:
            values = [gain for gain, _ in gains]
            most, cell = max(gains, key=lambda each: each[0])
            said.append(
                f"Where {who}, the median advantage is {percent(float(np.median(values)))} of the objective; it is "
                f"largest, {percent(most)}, on {set_name(cell.tasks)} at {quantity(cell.budget, focus.unit)}."
                + _assumed(each.advantage[0] for _, each in gains if each.advantage)
            )
    return said


def _groups(focus: Focus) -> list[str]:
    """Whether the best partition beats all specialists and one model for all, and the largest gain inside."""
    gains = []
    for cell in focus.cells:
        names = [entry.strategy for entry in cell.entries]
        if GROUPS in names and not _beyond(cell):
            mine = names.index(GROUPS)
            others = np.delete(cell.objective, mine)
            worlds = np.delete(cell.worlds, mine, axis=0)
            share = float((cell.worlds[mine] < worlds.min(axis=0)).mean()) if worlds.shape[1] else float("nan")
            gains.append((float((others.min() - cell.objective[mine]) / abs(others.min())), share, cell))
    if not gains:
        return []
    better = [each for each in gains if each[0] > ROUNDING]
    said = (
        f"Groups (some tasks share a model, the best partition of the set) beat all specialists and one model for all "
        f"in {len(better)} of {plural(len(gains), 'case')} inside the measured range"
    )
    warned = _assumed(entry.strategy for _, _, cell in gains for entry in cell.entries)
    if not better:
        return [f"{said}.{warned}"]
    gain, share, cell = max(better, key=lambda each: each[0])
    (best,) = [each for each in focus.partitions if each.tasks == cell.tasks and each.budget == cell.budget]
    parts = "; ".join(f"{' + '.join(tasks)} ({strategy})" for strategy, tasks in best.blocks if len(tasks) > 1)
    agree = f", in {percent(share)} of the draws" if np.isfinite(share) else ""
    return [
        f"{said}, at most by {percent(gain)} of the objective{agree}: on {set_name(cell.tasks)} at "
        f"{quantity(cell.budget, focus.unit)}, with {parts}. It is chosen by the same fit, which flatters it." + warned
    ]


def _kind(strategy: str) -> str:
    """Specialists are one kind, however the budget is split among them."""
    return SPECIALISTS if strategy == EQUAL else strategy


def _agreement(cell: Cell) -> float:
    """Share of the draws in which the winner's kind is the best."""
    kind = _kind(cell.winner.strategy)
    return float(
        sum(share for share, each in zip(cell.wins, cell.entries, strict=True) if _kind(each.strategy) == kind)
    )


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
    unit, cells = focus.unit, focus.of(each.tasks)
    low = "below all" if each.low == 0 else quantity(each.low, unit)
    high = "above all" if np.isinf(each.high) else quantity(each.high, unit)
    shared = each.below if each.above == SPECIALISTS else each.above
    span = f" ({LEVEL}: {low} to {high})" if np.isfinite(each.low) else ""
    around = (
        max((cell for cell in cells if cell.budget <= each.budget), key=lambda cell: cell.budget, default=cells[0]),
        min((cell for cell in cells if cell.budget >= each.budget), key=lambda cell: cell.budget, default=cells[-1]),
    )
    far = ", extrapolated" if any(_beyond(cell) for cell in around) else ""
    return f"{set_name(each.tasks)} against {shared} at {quantity(each.budget, unit)}{span}{far}"


def _breadth(focus: Focus) -> list[str]:
    """How the advantage moves with the number of tasks, at the largest budget with most sets inside."""
    usable = [each for each in focus.breadth if len(each.counts) > 1]
    if not usable:
        return []
    budget = _telling([cell for cell in focus.cells if cell.advantage is not None])
    last = max((each for each in usable if each.budget <= budget), key=lambda each: each.budget, default=usable[0])
    parts = [
        f"{_signed(point)} for {plural(int(count), 'task')} ({_signed(low)} to {_signed(high)}, "
        f"{plural(int(sets), 'set')})"
        for count, sets, point, low, high in zip(
            last.counts, last.sets, last.advantage, last.low, last.high, strict=True
        )
    ]
    change = f" It changes sign at {last.crossover:.1f} tasks." if np.isfinite(last.crossover) else ""
    far = _far([cell for cell in focus.cells if cell.budget == last.budget and cell.advantage is not None])
    return [
        f"By number of tasks, at {quantity(last.budget, focus.unit)}{far}, the advantage of specialists over the best "
        f"shared model is {listing(parts)}.{change}"
        + _assumed(
            cell.advantage[0] for cell in focus.cells if cell.budget == last.budget and cell.advantage is not None
        )
    ]


def _far(cells: list[Cell]) -> str:
    """How many of the cells behind a sentence are extrapolated."""
    count = sum(_beyond(cell) for cell in cells)
    return f" (extrapolated on {count} of {plural(len(cells), 'set')})" if count else ""


def _signed(number: float) -> str:
    return ("−" if number < 0 else "+") + percent(abs(number))


def _targets(focus: Focus) -> list[str]:
    """How many stated targets the strategies meet, at the largest budget with most sets inside."""
    stated = [cell for cell in focus.cells if cell.targets]
    if not stated:
        return []
    budget = _telling(stated)
    mine = [cell for cell in stated if cell.budget == budget]
    met = [[entry.targets_met for entry in cell.entries] for cell in mine]
    nobody = sum(max(each) == 0 for each in met)
    everybody = sum(min(each) == cell.targets for each, cell in zip(met, mine, strict=True))
    most: dict[str, int] = {}
    for each, cell in zip(met, mine, strict=True):
        if max(each) > min(each):
            for name in {
                _kind(entry.strategy) for entry, kept in zip(cell.entries, each, strict=True) if kept == max(each)
            }:
                most[name] = most.get(name, 0) + 1
    rest = (
        f"; where they differ, most are met by {listing([f'{name} on {n}' for name, n in most.items()])}"
        if most
        else ""
    )
    return [
        f"Stated targets, at {quantity(budget, focus.unit)}{_far(mine)}: of {plural(len(mine), 'set')}, no strategy "
        f"meets any on {nobody} and every strategy meets all on {everybody}{rest}."
        + _assumed(entry.strategy for cell in mine for entry in cell.entries)
    ]


def _strictness(focus: Focus) -> list[str]:
    """What strict thresholds do, at the largest budget with most sets inside."""
    cases = [each for each in focus.strictness if len(each.tasks) > 2]
    if not cases:
        return []
    sets = {each.tasks for each in cases}
    budget = _telling([cell for cell in focus.cells if cell.tasks in sets])
    mine = [each for each in cases if each.budget == budget]
    shared = [[name not in (SPECIALISTS, EQUAL, GROUPS) for name in each.strategies] for each in mine]
    alone = sum(bool((each.served[keep, -1] > 0).any()) for each, keep in zip(mine, shared, strict=True))
    far = _far([cell for cell in focus.cells if cell.budget == budget and cell.tasks in {each.tasks for each in mine}])
    half = [float(np.interp(0.5, each.share, each.value_of_focus)) for each in mine]
    return [
        f"Thresholds, at {quantity(budget, focus.unit)}{far} and {plural(len(mine), 'set')} of more than two tasks: "
        "where every task must reach what its specialist reaches with half the budget, focusing on some serves "
        f"{_more(float(np.mean(half)))} than the best plan for all, on average. What a task reaches alone with the "
        f"whole budget, some shared model passes for at least one task on {alone} of {len(mine)}."
        + _assumed(name for each in mine for name in each.strategies)
    ]


def _more(tasks: float) -> str:
    return f"{abs(tasks):.1f} {'more' if tasks >= 0 else 'fewer'} tasks"


def _scale(focus: Focus) -> list[str]:
    """Whether the advantage of focus shrinks, stays or grows with compute."""
    usable = [each for each in focus.trends if np.isfinite(each.growing) and len(each.budgets) > 2]
    if not usable:
        return []
    decades = np.log10(focus.budgets[-1] / focus.budgets[0])
    kinds = {kind: [each for each in usable if each.verdict == kind] for kind in ("grows", "shrinks", "undecided")}
    beyond = max(float(each.extrapolated.mean()) for each in usable)
    parts = [
        f"{'is ' if kind == 'undecided' else ''}{kind} on {len(mine)}"
        + (f" ({set_name(mine[0].tasks)}{', …' if len(mine) > 1 else ''})" if mine else "")
        for kind, mine in kinds.items()
    ]
    far = f" Up to {percent(beyond)} of these budgets are extrapolated." if beyond else ""
    first, last = (float(np.median([each.advantage[place] for each in usable])) for place in (0, -1))
    return [
        f"Over {decades:.1f} decades of budget the advantage of specialists {listing(parts)} of "
        f"{plural(len(usable), 'set')}; its median goes from {_signed(first)} to {_signed(last)} of the objective, "
        f"negative where sharing wins.{far}" + _assumed(name for each in usable for name in each.shared),
        *_scale_by_threshold(focus),
    ]


def _scale_by_threshold(focus: Focus) -> list[str]:
    """What focusing serves beyond the best plan for all, at the smallest and the largest budget, lax to strict."""
    ends = [[each for each in focus.strictness if each.budget == focus.budgets[place]] for place in (0, -1)]
    ends = [[each for each in mine if len(each.tasks) > 2] for mine in ends]
    if not ends[0]:
        return []
    parts = []
    for share, what in ((None, "an equal share"), (0.5, "half of it"), (1.0, "all of it")):
        more = [
            np.mean([np.interp(share or 1 / len(each.tasks), each.share, each.value_of_focus) for each in mine])
            for mine in ends
        ]
        parts.append(f"{_more_by(more[0])} and {_more_by(more[1])} with {what}")
    far = ", ".join(
        f"{plural(count, 'set')} extrapolated at the {which}"
        for which, mine, budget in zip(("smallest", "largest"), ends, focus.budgets[[0, -1]], strict=True)
        if (count := _count_beyond(focus, {each.tasks for each in mine}, budget))
    )
    return [
        "By threshold, so many more tasks are served by focusing than by the best plan for all, at the smallest and "
        "the largest budget, where a task must reach what its specialist does with a part of it: "
        f"{listing(parts)}{f' ({far})' if far else ''}."
        + _assumed(name for mine in ends for each in mine for name in each.strategies)
    ]


def _count_beyond(focus: Focus, sets: set[tuple[str, ...]], budget: float) -> int:
    return sum(_beyond(cell) for cell in focus.cells if cell.budget == budget and cell.tasks in sets)


def _more_by(number: float) -> str:
    return f"{number:+.1f}".replace("-", "−")


def focus_table(focus: Focus) -> Table:
    """The winner of each set at the middle budget, with the share of the draws that agree."""
    budget = float(focus.budgets[len(focus.budgets) // 2])
    rows = []
    for cell in focus.cells:
        if cell.budget != budget:
            continue
        best = cell.entries.index(cell.winner)
        advantage = cell.advantage
        text, detail = NOTHING, ""
        if advantage is not None:
            low, high = (float(end) for end in interval(advantage[2], np.array(advantage[1])))
            text = _signed(advantage[1])
            detail = f"{_signed(low)} to {_signed(high)}" if np.isfinite(low) else ""
        rows.append(
            (
                TableCell(" + ".join(cell.tasks)),
                TableCell(str(len(cell.tasks))),
                TableCell(cell.entries[best].strategy, percent(float(cell.wins[best])) if cell.worlds.shape[1] else ""),
                TableCell(text, detail),
                TableCell(
                    "beyond the measured sizes" if _beyond(cell) else "inside", "", "warn" if _beyond(cell) else ""
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
        "" if not _assumed(entry.strategy for cell in focus.cells for entry in cell.entries) else f", some {MARK}"
    )
    return Table(caption, columns, tuple(rows), cards=True)


def _dilution(focus: Focus) -> list[str]:
    """What sharing the budget and sharing the model cost, over all tasks of all sets."""
    if not focus.dilution:
        return []
    first = focus.dilution[0]
    far = _far([cell for cell in focus.cells if cell.budget == first.budget])
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
        + _assumed(each.strategy for each in focus.dilution)
    ]


def assumptions(focus: Focus) -> tuple[str, ...]:
    """What was not compared, and what was assumed, one sentence each."""
    return tuple(sorted(focus.left_out, key=lambda said: MARK not in said))
