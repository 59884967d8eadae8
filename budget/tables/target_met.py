"""When a task's target, or a threshold that serves it, is met: one rule for plans, strategies and portfolios."""

import numpy as np

TARGET_SLACK = 1e-9
"""Share of a target by which a value may miss it and still meet it.

A plan that spends exactly what a target takes ends within the solver's last digits of it (1e-10 of the value, where a
spend is found by a root and the inputs by another), and has met it by intent. A thousandth of the last digit that files
are written with is far below what any run could tell apart."""


def target_met(
    value: np.ndarray, target: np.ndarray | float, higher_is_better: np.ndarray | bool = False
) -> np.ndarray:
    """Whether values meet their targets, within ``TARGET_SLACK`` of the target.

    Args:
        value: (…, T) values; one that is NaN or infinitely bad meets no target.
        target: (…, T) targets in the same unit; NaN where none is stated.
        higher_is_better: (T,) or one for all; otherwise smaller is better, as for measures and losses.

    Returns:
        (…, T) booleans, false where no target is stated.

    >>> target_met(np.array([2.0, 2.1, 2.0]), np.array([2.0, 2.0, np.nan])).tolist()
    [True, False, False]
    """
    sign = np.where(higher_is_better, -1.0, 1.0)
    return sign * value <= loosened(sign * target)


def loosened(target: np.ndarray | float) -> np.ndarray:
    """The largest measures (…), smaller being better, that meet targets (…)."""
    return np.asarray(target + TARGET_SLACK * np.abs(target))


def met_or_unstated(met: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The answers as numbers, for counts and means: 1 where met, 0 where not, NaN where no target is stated."""
    return np.where(np.isfinite(target), met, np.nan)


def met_or_none(met: np.ndarray) -> list[bool | None]:
    """The same for tables and JSON: true, false, or ``None`` where no target is stated."""
    return [None if np.isnan(each) else bool(each) for each in met]
