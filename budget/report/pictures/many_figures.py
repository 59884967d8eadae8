"""The pictures of a decision about hundreds of tasks: groups of them, and how they spread, with the extremes by name.

No task has a line of its own, so that no picture grows with the tasks: a dot stands for as many of them as keep the
marks below ``MOST_DOTS``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from budget.report.open_questions import mark_of
from budget.report.pictures.decision_figures import hue
from budget.report.pictures.svg import LETTER, Axis, Chart, box, picture, ribbon, short, text, value_axis
from budget.report.sentences.recommendation_sentences import how
from budget.report.shown_decision import Decision
from budget.report.written_numbers import percent, plural, quantity

MANY = 200
"""Tasks from which the pictures are of groups and of spreads."""

MOST_DOTS = 240
"""Dots of a spread at most."""

MOST_GROUPS = 20
"""Groups that are drawn; the smallest others are one."""

NAMED = 5
"""Extremes that are named."""

RANKS = (10, 50, 200)
"""Where neither groups nor strategies tell tasks apart: so many of the largest shares, and the rest."""

BINS = 36
"""Columns of a spread."""

LINE = 30.0
"""Height of a group's line."""

OUTSIDE = 2.0
"""Percent of the tasks at either end that stand in the last column, lest one of them stretch the axis."""


@dataclass(frozen=True)
class Group:
    """Tasks that are drawn together.

    Attributes:
        name: of the group.
        tasks: their positions.
        share: of the budget.
        style: the class of its hue.
    """

    name: str
    tasks: tuple[int, ...]
    share: float
    style: str


def groups_of(found: Decision, stated: Sequence[str]) -> tuple[Group, ...]:
    """The groups of a decision, the largest share first: the tasks' own, else strategies, else ranks of shares.

    Args:
        found: the decision about T tasks.
        stated: (T,) the tasks' column ``group``, "" for none.
    """
    share, style, kind = np.zeros(len(found.names)), [""] * len(found.names), [""] * len(found.names)
    for model in found.models:
        for task in model.tasks:
            share[task] = model.share / len(model.tasks)
            style[task] = hue(model.strategy, len(model.tasks))
            kind[task] = f"in one model{how(model.strategy)}" if len(model.tasks) > 1 else "one model for each"
    names = [each or "no group" for each in stated] if len(set(stated)) > 1 else kind
    if len(set(names)) == 1:
        rank = np.argsort(np.argsort(-share, kind="stable"))
        ends = [0, *(each for each in RANKS if each < len(share)), len(share)]
        words = [f"ranks {first + 1} to {last}" for first, last in pairwise(ends)]
        names = [words[int(np.searchsorted(ends, each, side="right")) - 1] for each in rank.tolist()]
    made = []
    for name in dict.fromkeys(names):
        mine = tuple(at for at, each in enumerate(names) if each == name)
        styles = {style[at] for at in mine}
        made.append(Group(name, mine, float(share[list(mine)].sum()), styles.pop() if len(styles) == 1 else "none"))
    made.sort(key=lambda each: -each.share)
    if len(made) > MOST_GROUPS:
        rest = made[MOST_GROUPS - 1 :]
        tasks = tuple(task for each in rest for task in each.tasks)
        made = [*made[: MOST_GROUPS - 1], Group(f"{len(rest)} more groups", tasks, sum(g.share for g in rest), "none")]
    return tuple(made)


def groups_flow(found: Decision, stated: Sequence[str], width: float) -> str:
    """The budget as it flows to groups, each with its tasks, its share and what its targets say."""
    made, narrow = groups_of(found, stated), width < 500
    top, height = 30.0, len(made) * LINE
    scale = min(0.7 * height, 0.9 * LINE / max(max(each.share for each in made), 1e-12))
    x = 44.0 if narrow else 0.3 * width
    marks = np.isfinite(found.target).any()
    targets, share = width, width - (100.0 if narrow else 190.0) if marks else width
    tasks = share - (52.0 if narrow else 90.0)
    parts = [text(0, 14, "Budget", "muted"), text(tasks, 14, "tasks", "muted", anchor="end")]
    parts.append(text(share, 14, "share", "muted", anchor="end"))
    if marks:
        heads = "● ◐ ○" if narrow else "● sure, ◐ close, ○ missed"
        parts.append(text(targets, 14, heads, "muted", anchor="end"))
    start = top + (height - scale) / 2
    parts.append(box(0, start, 10, scale, "axis-box", quantity(found.budget, found.unit)))
    sign = [mark_of(found, task) for task in range(len(found.names))]
    for row, each in enumerate(made):
        middle, thick = top + (row + 0.5) * LINE, max(each.share * scale, 1.5)
        words = f"{each.name}: {plural(len(each.tasks), 'task')}, {percent(each.share)}"
        ends = (middle - thick / 2, middle + thick / 2)
        parts.append(ribbon((10, x), (start, start + each.share * scale), ends, f"flow-{each.style}", words))
        parts.append(box(x, ends[0], 10, thick, f"fill-{each.style}"))
        start += each.share * scale
        room = int((tasks - (24 if narrow else 40) - x - 16) / LETTER)
        parts.append(text(x + 16, middle + 4, short(each.name, max(room, 8))))
        parts.append(text(tasks, middle + 4, f"{len(each.tasks):,}", "muted", anchor="end"))
        parts.append(text(share, middle + 4, percent(each.share), "number", anchor="end"))
        if marks:
            told = [[sign[task] for task in each.tasks].count(one) for one in "●◐○"]
            parts.append(text(targets, middle + 4, " · ".join(f"{number:,}" for number in told), anchor="end"))
    first = made[0]
    title = f"{quantity(found.budget, found.unit)} to {len(made)} groups of {len(found.names)} tasks, the largest "
    title += f"{first.name}: {percent(first.share)} for {plural(len(first.tasks), 'task')}."
    return picture(width, top + height + 8, parts, title)


def shares_spread(found: Decision, width: float) -> str:
    """How the tasks' shares spread about an equal part, with the largest and smallest by name."""
    share = np.zeros(len(found.names))
    for model in found.models:
        share[list(model.tasks)] = model.share / len(model.tasks)
    times = share * len(share)
    order = np.argsort(-times, kind="stable").tolist()
    extremes = [*order[: NAMED - 2], *order[-2:]]
    words = [f"{short(found.names[task], 24)}: {percent(share[task])}, {times[task]:.2g}×" for task in extremes]
    styles = ["bar-up" if each >= 1 else "bar-down" for each in times.tolist()]
    return _spread(times, styles, 1.0, words, width, "share over an equal part", "×", found)


def targets_spread(found: Decision, width: float) -> str:
    """How far the tasks end from their targets, with the farthest misses by name."""
    stated = np.flatnonzero(np.isfinite(found.target))
    over = (found.predicted[stated] - found.target[stated]) / np.abs(found.target[stated])
    miss = 100 * over * (-1.0 if found.higher else 1.0)
    order = np.argsort(-miss, kind="stable")[:NAMED].tolist()
    words = [f"{short(found.names[stated[at]], 24)}: {_signed(miss[at])} %" for at in order]
    style = {"●": "point", "◐": "run", "○": "hollow"}
    styles = [style[mark_of(found, task)] for task in stated.tolist()]
    return _spread(miss, styles, 0.0, words, width, "behind the target, in % of it", " %", found)


def _signed(number: float) -> str:
    return f"{'−' if number < 0 else '+'}{abs(number):.2g}"


def _spread(
    values: np.ndarray, styles: Sequence[str], at: float, words: Sequence[str], width: float, title: str, unit: str,
    found: Decision,
) -> str:  # fmt: skip
    """A histogram of dots about a value that means something, the extremes in words under it."""
    low, high = np.percentile(values, [OUTSIDE, 100 - OUTSIDE])
    low, high = min(float(low), at), max(float(high), at)
    axis = value_axis(np.array([low, high]), title=title, suffix=unit)
    bins = BINS if width > 400 else BINS // 2
    place = np.clip(((values - axis.low) / (axis.high - axis.low) * bins).astype(int), 0, bins - 1)
    each = int(np.ceil(len(values) / MOST_DOTS))
    kinds = ("point", "bar-up", "run", "hollow", "bar-down")
    columns: list[list[str]] = []
    for column in range(bins):
        mine = [styles[task] for task in np.flatnonzero(place == column).tolist()]
        stack = []
        for kind in kinds:  # the solid ones below, and a dot for each so many, rounded up lest a few vanish
            stack += [kind] * -(-mine.count(kind) // each)
        columns.append(stack)
    tallest = max(map(len, columns))
    step = (width - 24) / bins
    radius = min(0.42 * step, 72.0 / max(tallest, 1), 5.0)
    chart = Chart(width, 74 + 2.2 * radius * tallest, axis, Axis(0.0, 1.0, (), ()), grid=False)
    chart.upright(at, "guide")
    for column, stack in enumerate(columns):
        x = chart.left + (chart.right - chart.left) * (column + 0.5) / bins
        for row, kind in enumerate(stack):
            style = {"bar-up": "point", "bar-down": "hollow"}.get(kind, kind)
            y = chart.bottom - radius * (1 + 2.2 * row) - 1
            chart.parts.append(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius - 0.5:.1f}"/>')
    told = "a dot a task" if each == 1 else f"a dot for up to {each} tasks of a column"
    chart.text(0, 12, told, "muted")
    base = chart.height
    chart.height = base + 8 + 18.0 * len(words)
    for row, said in enumerate(words):
        chart.text(0, base + 14 + 18 * row, said)
    middle = float(np.median(values))
    return chart.drawn(
        f"{title}: median {middle:.3g}{unit} over {plural(len(found.names), 'task')}; {'; '.join(words)}."
    )
