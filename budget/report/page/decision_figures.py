"""The pictures of a decision: where the budget flows, what moves, what brings the gain.

A hue means a strategy and nothing else; what is better or worse is told by solid and hollow, and by the axis's side.
The flow and the changes carry the place of each mark's model, by which the page's script moves them with the budget
(``templates/explore.js.j2``): the two say the same geometry, once for the file and once for the hand.
"""

from html import escape

import numpy as np

from budget.numerics.words import listing
from budget.report.page.shown_decision import Decision, ShownModel, target_mark
from budget.report.page.svg import LETTER, box, picture, ribbon, short, stroke, text
from budget.report.sentences.recommendation_sentences import how
from budget.report.written_numbers import count as written
from budget.report.written_numbers import difference, percent, quantity, value

ROW = 24.0
"""Height of a task's line."""

LINK = 0.2
"""Part of the way from models to tasks that links take; what is said of a model stands in the rest, over no band."""

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
        (64.0, 88.0) if narrow else (0.2 * width, 0.48 * width) if middling else (0.26 * width, 0.6 * width)
    )
    link_x = task_x - 8 - LINK * (task_x - model_x)
    start, parts, row = top + (height - scale) / 2, [], 0
    parts.append(text(0, 14, "Budget", "muted"))
    if not narrow:
        parts.append(text(model_x, 14, f"{len(found.models)} models, share of the budget", "muted"))
    parts.append(text(width, 14, "share · predicted" + ("" if narrow else " · target"), "muted", anchor="end"))
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
            kind = "" if count == 1 else how(model.strategy).strip() or "one model"
            size = "" if model.params != model.params else f"{written(model.params)}{'' if middling else ' parameters'}"
            sure = "" if model.wins != model.wins or middling else f"{100 * model.wins:.0f} % of draws"
            # whatever a strategy is called, its words end where the links begin
            room = int((link_x - model_x - 16) / LETTER) - 8
            told = f" · {short(kind, room)}" if kind else ""
            planned = ""  # what is so of the plan alone, which the page's script hides where it shows another budget
            for more in (size, sure):
                if more and len(f"{told}{planned} · {more}") - 3 <= room:
                    planned += f" · {more}"
            said = f'<tspan data-share="{number}">{percent(share)}</tspan>{escape(told)}'
            said += f'<tspan data-of-plan="">{escape(planned)}</tspan>' if planned else ""
            parts.append(text(model_x + 16, middle + 4, said, "muted", marked=True))
        if model is None:
            parts.append(text(task_x, middle + 4, who))
            parts.append(mark("rest", number, text(width, middle + 4, percent(share), "number", anchor="end")))
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
            parts.append(text(task_x, at + 4, short(found.names[task], 14 if narrow else 18 if middling else 30)))
            tail = flow_tail(found, task, "shared" if count > 1 else percent(share), narrow)
            parts.append(mark("tail", task, text(width, at + 4, tail, "number", anchor="end")))
            row += 1
    title = (
        f"{quantity(found.budget, found.unit)} to {len(found.models)} models for {len(found.names)} tasks, the largest "
    )
    title += f"{_label(found, found.models[0], 40)}: {percent(found.models[0].share)}."
    geometry = f"{top:g},{height:g},{model_x:g},{task_x - 8:g},{len(drawn)},{int(narrow)},{link_x:g}"
    return mark("flow", geometry, picture(width, top + height + 8, parts, title))


def flow_tail(found: Decision, task: int, share: str, narrow: bool) -> str:
    """What stands behind a task: its share, what it reaches, and what that says of its target."""
    predicted = value(float(found.predicted[task]))
    point, low, high, target = (float(each[task]) for each in (found.predicted, found.low, found.high, found.target))
    said = target_mark(point, low, high, target, found.higher)
    shown = said.split(" ")[0] if narrow and said else f"· {said}" if said else ""
    return f"{share} · {predicted} {shown}".rstrip()


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
    names, numbers = 0.36 * width, max(0.28 * width, 104.0)
    left, right = names + 44, width - numbers - 44
    low, high = min(change[-1][0], 0.0), max(change[0][0], 0.0)
    reach = max(high - low, 1e-9)
    zero = left + (right - left) * (-low / reach)
    parts = [text(0, 14, "Model", "muted"), text(width, 14, "equal → planned share", "muted", anchor="end")]
    for row, (more, number) in enumerate(change):
        model, at = found.models[number], 28 + row * ROW
        length = abs(more) / reach * (right - left)
        equal = percent(len(model.tasks) / tasks)
        words = f"{_names(found, model)}: {equal} to {percent(model.share)}"
        style = "bar-up" if more >= 0 else "bar-down"
        parts.append(mark("bar", number, box(zero if more >= 0 else zero - length, at, length, BAR, style, words)))
        points = f"{'+' if more >= 0 else '−'}{abs(100 * more):.{1 if abs(more) >= 0.001 else 2}f}"
        end = zero + (length + 5 if more >= 0 else -length - 5)
        by = text(end, at + 13, points, "number", anchor="start" if more >= 0 else "end")
        parts.append(mark("points", number, by))
        parts.append(text(0, at + 13, _label(found, model, max(int(names / LETTER) - 2, 8))))
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
    """From the equal split to the decision, step by step: the tasks that join a model, then where the budget moves."""
    sign = found.sign
    total = sum(step.change for step in found.steps)
    end = found.objective
    joins = [step for step in found.steps if step.joins]
    rest = sorted((step for step in found.steps if not step.joins), key=lambda step: step.change)
    room = max(MOST_STEPS - len(joins) - 1, 1)
    order = sorted(rest, key=lambda step: -abs(step.change))
    kept = order[:room] if len(rest) > room + 1 else order
    # a name and what is said of it fit the column of names
    room_of_names = max(int(0.4 * width / LETTER) - 10, 8)
    lines: list[tuple[str, float, str]] = []
    for step in sorted(joins, key=lambda each: each.change):
        name = f"{short(step.tasks[0], room_of_names)} +{len(step.tasks) - 1} join"
        lines.append((name, step.change, f"fill-{hue(step.strategy)}"))
    for step in sorted(kept, key=lambda each: each.change):
        more = "more" if step.change < 0 else "less"
        also = f" +{len(step.tasks) - 1}" if len(step.tasks) > 1 else ""
        lines.append(
            (
                f"{more}: {short(step.tasks[0], room_of_names)}{also}",
                step.change,
                "bar-up" if step.change < 0 else "bar-down",
            )
        )
    left_over = sum(step.change for step in rest if step not in kept)
    if len(kept) < len(rest):
        lines.append((f"the other {len(rest) - len(kept)}", left_over, "bar-up" if left_over < 0 else "bar-down"))
    levels = np.cumsum([end - total, *(change for _, change, _ in lines)])
    low, high = float(levels.min()), float(levels.max())
    reach = max(high - low, 1e-12)
    names = 0.4 * width
    left, right = names + 58, width - 66

    def along(level: float) -> float:
        # better is to the left, whichever way the reader's number goes
        return left + (right - left) * (level - low) / reach

    parts = [text(0, 14, "Step", "muted"), text(width, 14, "better is left", "muted", anchor="end")]
    parts += [text(0, 41, "An equal split", "strong"), *_point(along(levels[0]), 36, "hollow", value(sign * levels[0]))]
    for row, (name, change, style) in enumerate(lines, start=1):
        at, before, after = 28 + row * ROW, along(levels[row - 1]), along(levels[row])
        words = f"{name}: {'−' if sign * change < 0 else '+'}{difference(change)}"
        parts.append(stroke(before, at - 6, before, at + BAR, "link"))
        parts.append(box(min(before, after), at, max(abs(after - before), 1.0), BAR - 4, style, words))
        parts.append(text(0, at + 12, name))
        shown = f"{'−' if sign * change < 0 else '+'}{difference(change)}"
        parts.append(text(min(before, after) - 5, at + 12, shown, "number", anchor="end"))
    last = 28 + (len(lines) + 1) * ROW
    parts += [
        text(0, last + 13, "The decision", "strong"),
        *_point(along(levels[-1]), last + 8, "planned", value(sign * end)),
    ]
    title = f"From {value(sign * levels[0])} by an equal split to {value(sign * end)}"
    return picture(width, last + ROW + 4, parts, f"{title}, in {len(lines)} steps.")


def _point(x: float, y: float, style: str, words: str) -> list[str]:
    return [f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="5.5"/>', text(x + 10, y + 4, words, "strong")]
