"""Which tasks help each other in one model and which are in each other's way, pair by pair, by all runs together.

See docs/decisions/141-who-leads-by-all-runs.md.
"""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from budget.numerics.interval import interval
from budget.report.pictures.svg import LETTER, picture, short, text
from budget.report.written_numbers import LEVEL, percent, span

CLEAR, LEANING = 0.9, 2 / 3
"""Shares of the draws from which an effect is drawn full, and pale; below, its sign is left open."""

MOST_TASKS = 24
"""Tasks that are drawn: those of the largest effects whose sign is told."""

NARROW = 500.0
"""Width of a picture below which names are shorter."""


def saved(effect: np.ndarray) -> np.ndarray:
    """Shares of the distance to best that effects, differences of its logarithm, save; negative where they cost."""
    return np.asarray(1.0 - np.exp(-effect))


def sureness(effect: np.ndarray) -> float:
    """Share of the draws (B,) that agree with the mean on the sign of an effect."""
    return float((np.sign(effect) == np.sign(effect.mean())).mean())


def told_pairs(pairs: Mapping[frozenset[str], np.ndarray]) -> list[tuple[frozenset[str], np.ndarray]]:
    """The pairs whose sign at least ``LEANING`` of the draws agree on, the largest effects first."""
    told = [(pair, effect) for pair, effect in pairs.items() if sureness(effect) >= LEANING]
    return sorted(told, key=lambda each: (-abs(each[1].mean()), sorted(each[0])))


def written_effect(effect: np.ndarray) -> str:
    """An effect with its interval."""
    low, high = (float(end) for end in saved(np.stack(interval(effect))))
    return f"{percent(float(saved(effect.mean())))} ({LEVEL}: {span(percent(low), percent(high))})".replace("-", "−")


def shown_tasks(pairs: Mapping[frozenset[str], np.ndarray], names: Sequence[str]) -> tuple[str, ...]:
    """The tasks that are drawn, in the file's order."""
    met = [name for name in names if any(name in pair for pair in pairs)]
    if len(met) <= MOST_TASKS:
        return tuple(met)
    ranked = list(dict.fromkeys(name for pair, _ in told_pairs(pairs) for name in sorted(pair)))
    chosen = set([*ranked, *(name for name in met if name not in ranked)][:MOST_TASKS])
    return tuple(name for name in met if name in chosen)


def pair_figure(pairs: Mapping[frozenset[str], np.ndarray], names: Sequence[str], width: float) -> str:
    """A dot for every pair that some model serves: as large as the effect, solid where they help, hollow where not."""
    tasks = shown_tasks(pairs, names)
    narrow = width < NARROW
    room = 96.0 if narrow else 150.0
    side = min((width - room) / max(len(tasks) - 1, 1), 34.0)
    letters = int(room / LETTER) - 1
    most = max((abs(float(effect.mean())) for effect in pairs.values()), default=1.0) or 1.0
    head = 84.0
    parts, signs = [], {"help": 0, "hinder": 0}
    for row, name in enumerate(tasks[1:], start=1):
        y = head + (row - 0.5) * side
        parts.append(text(0, y + 4, short(name, letters)))
        for column, other in enumerate(tasks[:row]):
            effect = pairs.get(frozenset((name, other)))
            if effect is None:
                continue
            x, agreed = room + (column + 0.5) * side, sureness(effect)
            helps = float(effect.mean()) > 0
            does = "help each other" if helps else "are in each other's way"
            words = f"{other} and {name}: {does} in {percent(agreed)} of the draws, {written_effect(effect)}"
            radius = max(0.46 * side * (abs(float(effect.mean())) / most) ** 0.5, 1.5)
            if agreed < LEANING:
                style, radius = "hollow fourth", 1.5
            else:
                pale = "" if agreed >= CLEAR else " second"
                style = ("point" if not pale else "run") if helps else f"hollow{pale}"
                signs["help" if helps else "hinder"] += agreed >= CLEAR
            place = f'cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}"'
            parts.append(f'<circle class="{style}" {place}><title>{escape(words)}</title></circle>')
    for column, name in enumerate(tasks[:-1]):
        x, y = room + (column + 0.5) * side + 4.0, head + column * side - 3.0
        place = f'x="{x:.1f}" y="{y:.1f}" transform="rotate(-90 {x:.1f} {y:.1f})"'
        parts.append(f'<text class="muted" {place}>{escape(short(name, 11))}</text>')
    title = (
        f"Of {len(pairs)} pairs of tasks {signs['help']} help each other and {signs['hinder']} are in each other's way"
    )
    return picture(width, head + (len(tasks) - 1) * side + side / 2, parts, f"{title} in at least 90 % of the draws.")
