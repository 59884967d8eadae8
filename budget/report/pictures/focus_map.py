"""The focus map: who wins on each measured set of tasks at each budget, by how much, and where the draws disagree."""

from html import escape

import numpy as np

from budget.numerics.words import listing
from budget.report.pictures.decision_figures import hue
from budget.report.pictures.svg import box, picture, short, text
from budget.report.written_numbers import UNIT_WORDS, percent, quantity, scientific
from budget.studies.focus.focus import Focus
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.served_subset import SUBSET
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL

CLEAR, LEANING = 0.9, 2 / 3
"""Shares of the draws from which a winner's hue is full, and pale; below, the cell is undecided."""

MOST_ROWS = 24
"""Sets that are drawn."""

LETTERS = {"alone": "A", "experts": "E", "plain": "O", "trunk": "T", "groups": "G"}
"""Class of a hue → the letter that says the same without colour."""

WORDS = {
    "alone": "one model a task",
    "experts": "one model with experts",
    "plain": "one plain shared model",
    "trunk": "one model with a shared trunk",
    "groups": "groups",
}
"""Class of a hue → what it stands for."""

CELL = 26.0
"""Height of a cell."""

NUMBERED = 46.0
"""Width of a cell from which its lead stands beside its letter."""

DOTS_FROM = 1000.0
"""Width of a picture from which a matrix of dots says which tasks are in which set."""

MOST_MEMBERS = 20
"""Tasks that it has columns for."""

DOT, HEAD, SHORT_NAMES = 14.0, 84.0, 156.0
"""Width of its columns, height of their names, and room for the sets' own names before it."""


def focus_map(found: Focus, width: float) -> str:
    """Sets in rows, budgets in columns; on a narrow picture every other budget, without numbers."""
    narrow = width < 500
    sets = sorted(found.sets, key=lambda names: (len(names), names))[:MOST_ROWS]
    budgets = found.budgets[::2] if narrow else found.budgets
    members = tuple(dict.fromkeys(name for tasks in sets for name in tasks)) if width >= DOTS_FROM else ()
    members = members if len(members) <= MOST_MEMBERS else ()
    names = 128.0 if narrow else 250.0
    top = 40.0
    if members:
        names, top = SHORT_NAMES + DOT * len(members) + 16, 40.0 + HEAD
    side = (width - names) / len(budgets)
    hatch = f"hatch{int(width)}"
    parts = [
        f'<defs><pattern id="{hatch}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line class="hatch" x1="0" y1="0" x2="0" y2="6"/></pattern></defs>',
        text(0, top - 26, "Set", "muted"),
        text(width, top - 26, f"budget of the set, {UNIT_WORDS[found.unit]}", "muted", anchor="end"),
    ]
    every = 2 if narrow or side < 52 else 1
    for at, budget in enumerate(budgets.tolist()):
        if at % every == 0:
            parts.append(
                text(
                    names + (at + 0.5) * side, top - 8, scientific(budget).replace(".00", ""), "muted", anchor="middle"
                )
            )
    parts += [_turned(name, SHORT_NAMES + (at + 0.5) * DOT, top - 8) for at, name in enumerate(members)]
    kinds: list[str] = []
    first = top
    for row, tasks in enumerate(sets):
        top = first + row * CELL
        cells = {each.budget: each for each in found.of(tasks)}
        label = " + ".join(tasks) if len(tasks) == 2 else f"{tasks[0]} … {tasks[-1]} ({len(tasks)})"
        parts.append(text(0, top + 16, short(label, 16 if narrow else 20 if members else 36)))
        for at, name in enumerate(members):
            style, size = ("point", 3.5) if name in tasks else ("hollow fourth", 1.5)
            place = f'cx="{SHORT_NAMES + (at + 0.5) * DOT:.1f}" cy="{top + 12:.1f}" r="{size}"'
            parts.append(f'<circle class="{style}" {place}><title>{escape(name)}</title></circle>')
        for at, budget in enumerate(budgets.tolist()):
            comparison = cells.get(budget)
            left = names + at * side
            if comparison is None:
                parts.append(box(left + 1, top, side - 2, CELL - 3, "undecided"))
                continue
            kind, share, ahead = winner(comparison)
            clear, leaning = not share < CLEAR, not share < LEANING  # without draws the point fit stands alone
            style = f"fill-{kind}" if clear else f"pale-{kind}" if leaning else "undecided"
            draws = "" if share != share else f", best in {percent(share)} of the draws"
            beyond = ", beyond the runs" if comparison.extrapolates else ""
            where = f"{listing(list(tasks))} at {quantity(budget, found.unit)}"
            words = f"{where}: {WORDS[kind]} by {percent(ahead)}{draws}{beyond}"
            parts.append(box(left + 1, top, side - 2, CELL - 3, style, words))
            if comparison.extrapolates and leaning:
                place = f'x="{left + 1:.1f}" y="{top:.1f}" width="{side - 2:.1f}" height="{CELL - 3:.1f}"'
                parts.append(f'<rect fill="url(#{hatch})" {place} pointer-events="none"/>')
            if leaning:
                kinds.append(kind)
                number = "" if narrow or side < NUMBERED else f" {100 * ahead:.2g}"
                on = f"on-{kind}" if clear and not comparison.extrapolates else "strong"
                parts.append(text(left + side / 2, top + 16, f"{LETTERS[kind]}{number}", on, anchor="middle"))
    height = first + 4 + len(sets) * CELL
    counts = listing([f"{WORDS[kind]} in {kinds.count(kind)}" for kind in LETTERS if kind in kinds]) or "none"
    title = f"Of {len(sets) * len(budgets)} cells {len(kinds)} lean or are decided: {counts}"
    return picture(width, height, parts, f"{title}.")


def _plain(budget: float) -> str:
    return scientific(budget).replace(".00", "")


def _turned(name: str, x: float, y: float) -> str:
    """A task's name over its column of dots, turned so that many stand side by side."""
    x += 4.0  # half of a letter's height: turned, the line stands on its column
    place = f'x="{x:.1f}" y="{y:.1f}" transform="rotate(-90 {x:.1f} {y:.1f})"'
    return f'<text class="muted" {place}>{escape(short(name, 14))}</text>'


def winner(comparison: Comparison) -> tuple[str, float, float]:
    """The hue of the best plan, the share of the draws that agree, and its lead over the best plan of the other kind.

    The lead is a share of the best plan's objective; against all other plans where there is none of the other kind.
    """
    best = comparison.place(comparison.best_strategy.strategy)
    names = [plan.strategy for plan in comparison.plans]
    alone = [name in (SPECIALISTS, SUBSET, EQUAL) for name in names]
    others = [at for at in comparison.competing.tolist() if alone[at] != alone[best]]
    others = others or [at for at in comparison.competing.tolist() if at != best]
    objective = comparison.objective
    ahead = min((float(objective[at]) for at in others), default=float(objective[best])) - float(objective[best])
    share = float(comparison.wins[best])
    return (
        hue(names[best], 1 if alone[best] else 2),
        share,
        ahead / max(abs(float(objective[best])), np.finfo(float).tiny),
    )
