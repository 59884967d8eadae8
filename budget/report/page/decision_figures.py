"""The pictures of a decision over every measured strategy: where the budget flows, what moves, what brings the gain.

A hue means a strategy and nothing else; what is better or worse is told by solid and hollow, and by the axis's side.
"""

import numpy as np

from budget.numerics.words import listing
from budget.report.page.svg import LETTER, box, picture, ribbon, short, stroke, text
from budget.report.sentences.recommendation_sentences import how
from budget.report.written_numbers import difference, percent, quantity, value
from budget.studies.strategies.recommendation import Recommendation, TrainedModel

ROW = 24.0
"""Height of a task's line."""

BAR = 18.0
"""Height of a bar in its line."""

STYLES = {"moe": "experts", "generalist": "plain", "trunk": "trunk"}
"""A shared strategy → the class of its hue; any other is a group's."""

MOST_STEPS = 9
"""Steps of the gain that are drawn; the smallest others are one."""

MOST_MOVES = 16
"""Models whose change is drawn: the most up and the most down."""


def hue(strategy: str, tasks: int = 2) -> str:
    """The class of a strategy's hue."""
    return "alone" if tasks == 1 else STYLES.get(strategy, "groups")


def _label(model: TrainedModel, most: int) -> str:
    names = model.tasks
    return short(names[0], most) if len(names) == 1 else f"{short(names[0], most - 3)} +{len(names) - 1}"


def flow(found: Recommendation, unit: str, mark: dict[str, str], width: float) -> str:
    """Budget, models and tasks: the width of a band is its share, each task stands beside its model.

    Args:
        found: the decision.
        unit: what the budget is counted in.
        mark: task → what its interval says of its target.
        width: of the picture.
    """
    narrow = width < 500
    rows = len(found.plan.tasks)
    top, height = 30.0, rows * ROW
    tallest = max(model.share / (len(model.tasks) * ROW) for model in found.models)
    scale = min(0.56 * height, 0.9 / tallest)  # so that the largest model stays inside its lines
    model_x, task_x = (64.0, 88.0) if narrow else (0.26 * width, 0.6 * width)
    place = {name: at for at, name in enumerate(found.plan.tasks)}
    start, parts, row = top + (height - scale) / 2, [], 0
    parts.append(text(0, 14, "Budget", "muted"))
    if not narrow:
        parts.append(text(model_x, 14, f"{len(found.models)} models, share of the budget", "muted"))
    parts.append(text(width, 14, "share · predicted" + ("" if narrow else " · target"), "muted", anchor="end"))
    parts.append(box(0, start, 10, scale, "axis-box", quantity(found.plan.budget, unit)))
    for model in found.models:
        count, style = len(model.tasks), hue(model.strategy, len(model.tasks))
        middle, thick = top + (row + count / 2) * ROW, max(model.share * scale, 1.5)
        words = f"{listing(list(model.tasks))}: {quantity(model.spend, unit)}, {percent(model.share)}"
        ends = (middle - thick / 2, middle + thick / 2)
        parts.append(ribbon((10, model_x), (start, start + model.share * scale), ends, f"flow-{style}", words))
        parts.append(box(model_x, ends[0], 10, thick, f"fill-{style}", words))
        start += model.share * scale
        if not narrow:
            kind = "alone" if count == 1 else f"one model{how(model.strategy)}"
            sure = "" if model.wins != model.wins else f" · {100 * model.wins:.0f} % of draws"
            parts.append(text(model_x + 16, middle + 4, f"{percent(model.share)} {kind}{sure}", "muted"))
        for name in sorted(model.tasks, key=lambda each: place[each]):
            at = top + (row + 0.5) * ROW
            if count > 1:
                edge = (top + row * ROW + 3, top + (row + 1) * ROW - 3)
                share = thick / count
                upper = ends[0] + (row - round((middle - top) / ROW - count / 2)) * share
                parts.append(
                    ribbon((model_x + 10, task_x - 8), (upper, upper + share), edge, f"flow-{style} faint", name)
                    if not narrow
                    else box(task_x - 10, edge[0], 4, edge[1] - edge[0], f"fill-{style}", name)
                )
            task = place[name]
            parts.append(text(task_x, at + 4, short(name, 14 if narrow else 30)))
            shared = "shared" if count > 1 else percent(model.share)
            predicted = value(float(found.plan.predicted[task]))
            said = mark.get(name, "")
            tail = f"{shared} · {predicted}" + (
                f" {said.split(' ')[0]}" if narrow and said else f" · {said}" if said else ""
            )
            parts.append(text(width, at + 4, tail, "number", anchor="end"))
            row += 1
    title = (
        f"{quantity(found.plan.budget, unit)} to {len(found.models)} models for {rows} tasks, the largest "
        + _label(found.models[0], 40)
    )
    return picture(width, top + height + 8, parts, f"{title}: {percent(found.models[0].share)}.")


def moves(found: Recommendation, width: float) -> str:
    """Each model's share beside what an equal part for each task would give it, the most up first."""
    tasks = len(found.plan.tasks)
    change = [(model.share - len(model.tasks) / tasks, model) for model in found.models]
    change.sort(key=lambda each: -each[0])
    if len(change) > MOST_MOVES:
        change = [*change[: MOST_MOVES // 2], *change[-MOST_MOVES // 2 :]]
    names, numbers = 0.36 * width, max(0.28 * width, 104.0)
    left, right = names + 44, width - numbers - 44
    low, high = min(change[-1][0], 0.0), max(change[0][0], 0.0)
    reach = max(high - low, 1e-9)
    zero = left + (right - left) * (-low / reach)
    parts = [text(0, 14, "Model", "muted"), text(width, 14, "equal → planned share", "muted", anchor="end")]
    for row, (more, model) in enumerate(change):
        at = 28 + row * ROW
        length = abs(more) / reach * (right - left)
        words = f"{listing(list(model.tasks))}: {percent(len(model.tasks) / tasks)} to {percent(model.share)}"
        style = "bar-up" if more >= 0 else "bar-down"
        parts.append(box(zero if more >= 0 else zero - length, at, length, BAR, style, words))
        points = f"{'+' if more >= 0 else '−'}{abs(100 * more):.1f}"
        end = zero + (length + 5 if more >= 0 else -length - 5)
        parts.append(text(end, at + 13, points, "number", anchor="start" if more >= 0 else "end"))
        parts.append(text(0, at + 13, _label(model, max(int(names / LETTER) - 2, 8))))
        both = f"{percent(len(model.tasks) / tasks)} → {percent(model.share)}"
        parts.append(text(width, at + 13, both, "muted", anchor="end"))
    height = 28 + len(change) * ROW + 8
    parts.append(stroke(zero, 22, zero, height - 6, "axis"))
    most = change[0]
    title = f"Shares against equal parts: {listing(list(most[1].tasks))} changes most, by {100 * most[0]:+.1f} points"
    return picture(width, height, parts, f"{title}.")


def waterfall(found: Recommendation, sign: float, width: float) -> str:
    """From the equal split to the decision, step by step: the tasks that join a model, then where the budget moves."""
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


def target_mark(predicted: float, low: float, high: float, target: float, higher: bool) -> str:
    """What an interval says of a target: reached, too close to call, or missed; empty without a target."""
    if target != target:
        return ""
    ends = (low, high) if low == low else (predicted, predicted)
    good = [end >= target if higher else end <= target for end in ends]
    sign = "●" if all(good) else "○" if not any(good) else "◐"
    return f"{sign} target {value(target)}"
