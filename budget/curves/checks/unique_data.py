"""Curves of repeated data whose runs all had as many distinct tokens: what more of them bring was never measured.

See docs/decisions/179-one-measured-number-of-unique-tokens.md.
"""

import numpy as np

from budget.curves.curves import Curves
from budget.numerics.words import shortened

UNIQUE = "unique_tokens"

SAME = 0.01
"""Difference of logarithms up to which two numbers of unique tokens are one."""

NAMED = 4
"""Tasks that a sentence names before it counts the others."""


def one_unique_count(curves: Curves) -> np.ndarray:
    """(T,) unique tokens that all runs of a task had, NaN where they differ or the curves know of none."""
    if UNIQUE not in curves.scale_columns or UNIQUE not in curves.smallest:
        return np.full(len(curves.tasks), np.nan)
    low, high = curves.smallest[UNIQUE], curves.largest[UNIQUE]
    return np.where(np.log(high / low) <= SAME, high, np.nan)


def leaves_unique_count(curves: Curves, task: np.ndarray, inputs: np.ndarray) -> np.ndarray:
    """Which points read a task's curve at other distinct tokens than its one measured number.

    Tokens that are read once are distinct, so that a number of unique tokens which exceeds them says nothing: points
    differ where ``min(tokens, unique tokens)`` does.

    Args:
        curves: the fit.
        task: (R,) position of each point's task.
        inputs: (R, I) logarithms of the law's inputs.

    Returns:
        (R,) booleans.
    """
    if UNIQUE not in curves.scale_columns:
        return np.zeros(len(task), dtype=bool)
    unique, tokens = (inputs[:, curves.scale_columns.index(name)] for name in (UNIQUE, "tokens"))
    measured = np.log(one_unique_count(curves))[task]
    # NaN, where several were measured, is no difference
    return np.abs(np.minimum(tokens, unique) - np.minimum(tokens, measured)) > SAME


def unique_notes(curves: Curves) -> tuple[str, ...]:
    """The sentence of a fit on the tasks whose runs had one number of unique tokens."""
    one = one_unique_count(curves)
    told = [f"{curves.tasks[at]} ({one[at]:.3g})" for at in np.flatnonzero(np.isfinite(one) & curves.used)]
    if not told:
        return ()
    return (
        f"One number of unique tokens was measured of {shortened(told, NAMED)}: what more or less unique data bring "
        "is by the law and its prior alone; runs of a second number would tell it.",
    )


def unique_warnings(curves: Curves, task: np.ndarray, inputs: np.ndarray) -> tuple[str, ...]:
    """The sentence on points (R,), with log inputs (R, I), that leave the one number of unique tokens of their task."""
    out = leaves_unique_count(curves, task, inputs) & curves.used[task]
    if not out.any():
        return ()
    one, asked = one_unique_count(curves), np.exp(inputs[:, curves.scale_columns.index(UNIQUE)])
    told = []
    for at in np.unique(task[out]):
        mine = asked[out & (task == at)]
        range_of = f"{mine.min():.3g}" if np.ptp(mine) == 0 else f"{mine.min():.3g} to {mine.max():.3g}"
        told.append(f"{curves.tasks[at]} (measured with {one[at]:.3g}, asked for {range_of})")
    return (
        f"All runs had one number of unique tokens, and another is asked for: {shortened(told, NAMED)}. What unique "
        "data bring rests on the law and its prior there, and the interval may be too narrow: measure a run with more.",
    )
