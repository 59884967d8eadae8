"""The pictures of a decision: where the budget flows, what moves, what brings the gain.

A hue means a strategy and nothing else; what is better or worse is told by solid and hollow, and by the axis's side.
The flow and the changes carry the place of each mark's model, by which the page's script moves them with the budget
(``templates/explore.js.j2``): the two say the same geometry, once for the file and once for the hand.
"""

from dataclasses import dataclass
from html import escape

import numpy as np

from budget.numerics.words import listing
from budget.report.pictures.svg import LETTER, box, picture, ribbon, short, stroke, text
from budget.report.sentences.recommendation_sentences import how
from budget.report.shown_decision import FREED, Decision, ShownModel, target_mark
from budget.report.written_numbers import (
    LEVEL,
    UNIT_WORDS,
    amount,
    count_span,
    difference,
    percent,
    plural,
    quantity,
    span,
    told_apart,
    value,
)
from budget.report.written_numbers import count as written
from budget.studies.strategies.gain_steps import GainStep

ROW = 24.0
"""Height of a task's line."""

LINK = 0.2
"""Part of the way from models to tasks that links take; what is said of a model stands in the rest, over no band."""

WHOLE_BUDGET = 124.0
"""Width of the column of what tasks would reach alone."""

BAR = 18.0
"""Height of a bar in its line."""

STYLES = {"moe": "experts", "generalist": "plain", "trunk": "trunk"}
"""A shared strategy → the class of its hue; any other is a group's."""

MOST_STEPS = 9
"""Steps of the gain that are drawn; the smallest others are one."""

MOST_MOVES = 16
"""Models whose change is drawn: the most up and the most down."""

MOST_ROWS = 30
"""Tasks whose models are drawn one by one; the models of more are one band."""


def hue(strategy: str, tasks: int = 2) -> str:
    """The class of a strategy's hue."""
    return "alone" if tasks == 1 else STYLES.get(strategy, "groups")


def _label(found: Decision, model: ShownModel, most: int) -> str:
    name = found.names[model.tasks[0]]
    return short(name, most) if len(model.tasks) == 1 else f"{short(name, most - 3)} +{len(model.tasks) - 1}"


def _names(found: Decision, model: ShownModel) -> str:
    return listing([found.names[task] for task in model.tasks])


def mark(kind: str, at: int | str, drawn: str) -> str:
    """A mark that the page's script finds again: its kind, and the model or task that it stands for."""
    head, space, rest = drawn.partition(" ")
    return f'{head} data-{kind}="{escape(str(at))}"{space}{rest}'


def flow(found: Decision, width: float) -> str:
    """Budget, models and tasks: the width of a band is its share, each task stands beside its model.

    Args:
        found: the decision.
        width: of the picture.
    """
    narrow, middling = width < 500, 500 <= width < 900
    drawn, rest = _drawn(found)
    rows = sum(len(model.tasks) for model in drawn) + bool(rest)
    top, height = 30.0, rows * ROW
    heights = [(model.share, len(model.tasks)) for model in drawn]
    if rest:
        heights.append((sum(model.share for model in rest), 1))
    tallest = max(share / (count * ROW) for share, count in heights)
    scale = min(0.56 * height, 0.9 / tallest)  # so that the largest model stays inside its lines
    model_x, task_x = (
        (60.0, 82.0) if narrow else (0.11 * width, 0.54 * width) if middling else (0.15 * width, 0.5 * width)
    )
    columns = flow_columns(found, width)
    link_x = task_x - 8 - LINK * (task_x - model_x)
    start, parts, row = top + (height - scale) / 2, [], 0
    parts.append(text(0, 14, "Budget", "muted"))
    if not narrow:
        sizes = ", parameters" if any(model.params == model.params for model in drawn) else ""
        sizes += f" ({LEVEL})" if sizes and any(model.size.low == model.size.low for model in drawn) else ""
        spends = "" if middling else f", {UNIT_WORDS[found.unit]}"
        parts.append(text(model_x, 14, f"{plural(len(found.models), 'model')}, share{spends}{sizes}", "muted"))
    for word, at, anchor in columns.heads:
        parts.append(text(at, 14, word, "muted", anchor=anchor))
    parts.append(mark("budget", "", box(0, start, 10, scale, "axis-box", quantity(found.budget, found.unit))))
    for number, (share, count) in enumerate(heights):
        model = drawn[number] if number < len(drawn) else None
        style = "none" if model is None else hue(model.strategy, count)
        middle, thick = top + (row + count / 2) * ROW, max(share * scale, 1.5)
        who = f"{len(rest)} smaller models" if model is None else _names(found, model)
        spend = sum(each.spend for each in rest) if model is None else model.spend
        words = f"{who}: {quantity(spend, found.unit)}, {percent(share)}"
        ends = (middle - thick / 2, middle + thick / 2)
        band = ribbon((10, model_x), (start, start + share * scale), ends, f"flow-{style}", words)
        parts += [mark("band", number, band), mark("model", number, box(model_x, ends[0], 10, thick, f"fill-{style}"))]
        start += share * scale
        if not narrow and model is not None:
            letters = int((link_x - model_x - 16) / LETTER)
            parts += _told_of_model(found, number, (model_x + 16, middle), letters, spends=not middling)
        if model is None:
            parts.append(text(task_x, middle + 4, who))
            parts.append(mark("rest", number, text(columns.share, middle + 4, percent(share), anchor="end")))
            row += 1
            continue
        for place, task in enumerate(model.tasks):
            at = top + (row + 0.5) * ROW
            if count > 1:
                edge, each = (top + row * ROW + 3, top + (row + 1) * ROW - 3), thick / count
                upper = ends[0] + place * each
                line = (at - each / 2, at + each / 2)  # the links of a model are together as wide as its share
                faint = f"flow-{style} faint"
                if narrow:
                    parts.append(box(task_x - 10, edge[0], 4, edge[1] - edge[0], f"fill-{style}", found.names[task]))
                else:
                    link = ribbon((link_x, task_x - 8), (upper, upper + each), line, faint, found.names[task])
                    parts.append(mark("link", f"{number},{place}", link))
            aside = (13 if narrow else 14) if columns.target else 0
            room = int((columns.share - 60 - task_x - aside) / LETTER)
            parts.append(text(task_x + aside, at + 4, short(found.names[task], max(room, 8))))
            parts += _told(found, task, "shared" if count > 1 else percent(share), columns, task_x, at + 4)
            row += 1
    many = f"{plural(len(found.models), 'model')} for {plural(len(found.names), 'task')}"
    title = f"{quantity(found.budget, found.unit)} to {many}, the largest "
    title += f"{_label(found, found.models[0], 40)}: {percent(found.models[0].share)}."
    geometry = f"{top:g},{height:g},{model_x:g},{task_x - 8:g},{len(drawn)},{int(narrow)},{link_x:g}"
    return mark("flow", geometry, picture(width, top + height + 8, parts, title))


def _told_of_model(
    found: Decision, number: int, place: tuple[float, float], letters: int, *, spends: bool
) -> list[str]:
    """What stands beside a model: its share, spend, strategy, size with its range, and in how many draws it wins.

    Whatever a strategy is called, its words end where the links begin. What is so of the plan alone is marked, for the
    page's script hides it where it shows another budget; of a shared model, which has lines for several tasks, it
    stands in a line of its own.
    """
    model, (x, middle) = found.models[number], place
    shared = len(model.tasks) > 1
    given = f" · {amount(model.spend, found.unit)}" if spends else ""
    room = letters - 8 - len(given)
    kind = how(model.strategy).strip() or "one model" if shared else ""
    kind = kind if len(kind) <= room else kind.removeprefix("with ")
    told = f" · {short(kind, room)}" if kind else ""
    sizes = [] if model.params != model.params else [written(model.params)]
    if sizes and model.size.low == model.size.low:
        sizes.insert(0, f"{sizes[0]} ({count_span(model.size.low, model.size.high)})")
    sure = [] if model.wins != model.wins else [f"{100 * model.wins:.0f} % of draws"]
    free = letters if shared else room + 3 - len(told)
    planned: list[str] = []
    for choices in (sizes, sure):
        fits = [each for each in choices if len(" · ".join(["", *planned, each])) <= free]
        planned += fits[:1]
    said = f'<tspan data-share="{number}">{percent(model.share)}</tspan>'
    said += f'<tspan data-spend="{number}">{given}</tspan>' if given else ""
    said += escape(told)
    if planned and not shared:
        said += f'<tspan data-of-plan="">{escape(" · ".join(["", *planned]))}</tspan>'
    parts = [text(x, middle + (-4 if shared and planned else 4), said, "muted", marked=True)]
    if planned and shared:
        parts.append(mark("of-plan", "", text(x, middle + 12, " · ".join(planned), "muted")))
    return parts


@dataclass(frozen=True)
class FlowColumns:
    """Where the numbers behind a task stand, in pixels; 0 for a column that is left out.

    Attributes:
        share: right end of the shares.
        predicted: right end of the values.
        ends: left end of their intervals, which only a broad picture has room for.
        target: right end of the targets.
        alone: right end of what each task would reach with the whole budget, which only a broad picture has room for.
        heads: word, place and anchor of each column's head.
    """

    share: float
    predicted: float
    ends: float
    target: float
    alone: float
    heads: tuple[tuple[str, float, str], ...]


def flow_columns(found: Decision, width: float) -> FlowColumns:
    """The columns of a picture of some width."""
    each = 48.0 if width < 500 else 70.0
    alone = width if width >= 900 and np.isfinite(found.alone).any() else 0.0
    last = width - (WHOLE_BUDGET if alone else 0.0)
    target = last if np.isfinite(found.target).any() else 0.0
    last -= each if target else 0.0
    ends = last - 104.0 if width >= 900 and np.isfinite(found.low).any() else 0.0
    predicted = ends - 10.0 if ends else last
    share = predicted - (52.0 if width < 500 else each)
    heads = [("share", share, "end"), ("value" if width < 500 else "predicted", predicted, "end")]
    heads += [(LEVEL, ends, "start")] if ends else []
    heads += [("target", target, "end")] if target else []
    heads += [("with whole budget", alone, "end")] if alone else []
    return FlowColumns(share, predicted, ends, target, alone, tuple(heads))


def _told(found: Decision, task: int, share: str, columns: FlowColumns, task_x: float, y: float) -> list[str]:
    """What stands beside a task's name: what its interval says of its target, its share, value, interval and target."""
    point, low, high, target = (float(each[task]) for each in (found.predicted, found.low, found.high, found.target))
    reached, aim = told_apart(point, target)
    ends = span(*told_apart(low, high))
    parts = [mark("part", task, text(columns.share, y, share, anchor="end"))]
    shown = (f"<title>{escape(f'{LEVEL}: {ends}')}</title>" if low == low else "") + escape(reached)
    parts.append(mark("value", task, text(columns.predicted, y, shown, "number", anchor="end", marked=True)))
    if columns.ends:
        parts.append(mark("ends", task, text(columns.ends, y, ends if low == low else "", "muted")))
    if columns.target:
        sign = target_mark(point, low, high, target, found.higher)[:1]
        parts.append(mark("sign", task, text(task_x, y, sign)))
        parts.append(
            mark("goal", task, text(columns.target, y, aim if target == target else "", "muted", anchor="end"))
        )
    if columns.alone:
        own = text(columns.alone, y, told_apart(float(found.alone[task]))[0], "muted", anchor="end")
        parts.append(f'<g data-of-plan="">{own}</g>')
    return parts


def _drawn(found: Decision) -> tuple[list[ShownModel], list[ShownModel]]:
    """The models that are drawn one by one, and those that are one band."""
    if len(found.names) <= MOST_ROWS:
        return list(found.models), []
    drawn, rows = [], 0
    for model in found.models:
        rows += len(model.tasks)
        if rows > MOST_ROWS - 1:
            break
        drawn.append(model)
    drawn = drawn or [found.models[0]]
    return drawn, list(found.models[len(drawn) :])


def moves(found: Decision, width: float) -> str:
    """Each model's share beside what an equal part for each task would give it, the most up first."""
    tasks = len(found.names)
    change = [(model.share - len(model.tasks) / tasks, at) for at, model in enumerate(found.models)]
    change.sort(key=lambda each: -each[0])
    if len(change) > MOST_MOVES:
        change = [*change[: MOST_MOVES // 2], *change[-MOST_MOVES // 2 :]]
    names, numbers = 0.34 * width, max(0.28 * width, 112.0)
    left, right = names + 44, width - numbers - 44
    low, high = min(change[-1][0], 0.0), max(change[0][0], 0.0)
    reach = max(high - low, 1e-9)
    zero = left + (right - left) * (-low / reach)
    parts = [text(0, 14, "Model", "muted"), text(width, 14, "equal → plan", "muted", anchor="end")]
    parts.append(text((left + right) / 2, 14, "less | more, in points", "muted", anchor="middle"))
    for row, (more, number) in enumerate(change):
        model, at = found.models[number], 28 + row * ROW
        if row % 2 == 0:
            parts.append(box(0, at - (ROW - BAR) / 2, width, ROW, "stripe"))
        parts.append(box(0, at + 1, 4, BAR - 2, f"fill-{hue(model.strategy, len(model.tasks))}"))
        length = abs(more) / reach * (right - left)
        equal = percent(len(model.tasks) / tasks)
        words = f"{_names(found, model)}: {equal} to {percent(model.share)}"
        style = "bar-up" if more >= 0 else "bar-down"
        parts.append(mark("bar", number, box(zero if more >= 0 else zero - length, at, length, BAR, style, words)))
        points = f"{'+' if more >= 0 else '−'}{abs(100 * more):.{1 if abs(more) >= 0.001 else 2}f}"
        end = zero + (length + 5 if more >= 0 else -length - 5)
        by = text(end, at + 13, points, "number", anchor="start" if more >= 0 else "end")
        parts.append(mark("points", number, by))
        parts.append(text(10, at + 13, _label(found, model, max(int(names / LETTER) - 4, 8))))
        both = text(width, at + 13, f"{equal} → {percent(model.share)}", "muted", anchor="end")
        parts.append(mark("both", number, both))
    height = 28 + len(change) * ROW + 8
    parts.append(mark("zero", "", stroke(zero, 22, zero, height - 6, "axis")))
    more, number = change[0]
    title = (
        f"Shares against equal parts: {_names(found, found.models[number])} changes most, by {100 * more:+.1f} points"
    )
    return mark("moves", f"{left:.1f},{right:.1f}", picture(width, height, parts, f"{title}."))


def waterfall(found: Decision, width: float) -> str:
    """From the equal split to the decision, step by step: where the budget moves, then who shares and what that frees.

    Steps that join first (``gain_steps``) come first; what then moves follows.
    """
    sign, end = found.sign, found.objective
    total = sum(step.change for step in found.steps)
    joins = sorted((step for step in found.steps if step.joins), key=lambda step: step.change)
    freed = [step for step in found.steps if step.strategy == FREED]
    moves = [step for step in found.steps if not step.joins and step.strategy != FREED]
    # a name and what is said of it fit the column of names
    names = 0.36 * width
    room = max(int(names / LETTER) - 10, 8)
    joining = [(f"{short(step.tasks[0], room)} +{len(step.tasks) - 1}", step) for step in joins]
    shares: list[Line] = [(f"share: {name}", step.change, f"fill-{hue(step.strategy)}") for name, step in joining]
    frees = [(f"freed: {len(step.tasks)} others", step.change, _filled(step.change)) for step in freed]
    moved = _moved(moves, max(MOST_STEPS - len(joins) - len(freed), 1), room)
    lines = [*moved, *shares, *frees] if freed else [*shares, *moved]
    levels = np.cumsum([end - total, *(change for _, change, _ in lines)])
    low, high = float(levels.min()), float(levels.max())
    reach = max(high - low, 1e-12)
    left, right = names + 58, width - 66

    def along(level: float) -> float:
        # better is to the left, whichever way the reader's number goes
        return left + (right - left) * (level - low) / reach

    first, own, last = told_apart(
        sign * levels[0], sign * levels[len(moved)] if freed else float("nan"), sign * float(levels[-1])
    )
    rows = len(lines) + (2 if freed else 1)
    ends = [28 + row * ROW + 8 for row in (0, rows)]
    parts = [
        text(0, 14, "Step", "muted"),
        text(width, 14, f"{short(found.metric, 30)}, better is left", "muted", anchor="end"),
    ]
    parts += [stroke(along(level), ends[0], along(level), ends[1], "guide") for level in (levels[0], levels[-1])]
    parts += [text(0, 41, "An equal split", "strong"), *_point(along(levels[0]), 36, "hollow", first)]
    row = 1
    for number, (name, change, style) in enumerate(lines):
        if freed and number == len(moved):
            at = 28 + row * ROW
            parts += [
                text(0, at + 12, "One model for each", "strong"),
                *_point(along(levels[number]), at + 8, "hollow", own),
            ]
            row += 1
        at, before, after = 28 + row * ROW, along(levels[number]), along(levels[number + 1])
        shown = f"{'−' if sign * change < 0 else '+'}{difference(change)}"
        parts.append(stroke(before, at - 6, before, at + BAR, "link"))
        parts.append(box(min(before, after), at, max(abs(after - before), 1.0), BAR - 4, style, f"{name}: {shown}"))
        parts.append(text(0, at + 12, name))
        parts.append(text(min(before, after) - 5, at + 12, shown, "number", anchor="end"))
        row += 1
    at = 28 + row * ROW
    parts += [text(0, at + 13, "The decision", "strong"), *_point(along(levels[-1]), at + 8, "planned", last)]
    title = f"From {value(sign * levels[0])} by an equal split to {value(sign * end)}"
    return picture(width, at + ROW + 4, parts, f"{title}, in {len(lines)} steps.")


Line = tuple[str, float, str]
"""A step of the gain as it is drawn: its name, its change and the class of its bar."""


def _filled(change: float) -> str:
    return "bar-up" if change < 0 else "bar-down"


def _moved(moves: list[GainStep], room: int, letters: int) -> list[Line]:
    """Where the budget moves: the largest changes, the rest as one, what is gained before what is given up."""
    order = sorted(moves, key=lambda step: -abs(step.change))
    kept = order[:room] if len(order) > room + 1 else order
    lines: list[Line] = []
    for step in sorted(kept, key=lambda each: each.change):
        also = f" +{len(step.tasks) - 1}" if len(step.tasks) > 1 else ""
        name = f"{'more' if step.change < 0 else 'less'}: {short(step.tasks[0], letters)}{also}"
        lines.append((name, step.change, _filled(step.change)))
    if len(kept) < len(order):
        rest = sum(step.change for step in order[len(kept) :])
        lines.append((f"the other {len(order) - len(kept)}", rest, _filled(rest)))
    return lines


def _point(x: float, y: float, style: str, words: str) -> list[str]:
    return [f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>', text(x + 10, y + 4, words, "strong")]
