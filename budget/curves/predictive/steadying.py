"""How plans' curves are steadied: by how fast each value fell over its last runs, and falls in the other tasks.

A posterior predicts levels well and slopes less well, and slopes are what a plan divides a budget by. Two estimates of
a task's fall per factor e of spend, each exponential in the logarithm of the spend, are averaged as logarithms: the
prediction's, and that of a straight line through its last runs. Where they disagree the task's own runs tell its fall
badly, and that of the typical task counts the more: with it alone, a budget is split by weight.

See docs/decisions/138-plans-on-steadied-curves.md.
"""

import numpy as np

from budget.curves.laws.law import EXPONENT, Law
from budget.curves.predictive.observations import Observations
from budget.curves.steady import falls

LINE = 1 / 3
"""Weight of the last runs' fall in a task's own; the rest is the prediction's, which reads all runs."""

OWN_ERROR = 0.14
"""Error of a task's own fall as a logarithm, where both estimates of it agree."""

APART = 0.3
"""Share of their difference that a task's own fall is off by beside it: neither estimate is right, nor all wrong."""

AMONG_TASKS = 0.3
"""Standard deviation of the falls of tasks of one metric, as logarithms."""

LAST = {1: float(np.log(4.0)), 2: float(np.log(10.0))}
"""Number of inputs → how far below the largest run the last runs begin: of N·D a wider range, for only the best runs so
far are read of it."""

LEAST_RUNS = 3
"""Runs that a line goes through at least, where there are so many."""

BEYOND = float(np.log(2.0))
"""Where tasks are compared: so far beyond each one's largest run, where plans go."""

MOST_APART = 2.0
"""Logarithm by which the last runs' fall counts as differing from the prediction's at most: beyond it, it is noise."""

STATED_MARGIN = 1e-3
"""Share of a stated best value by which the line's floor lies below it."""


def tilts(
    plain: Law, middle: np.ndarray, observations: Observations, reference: np.ndarray, borrow: bool
) -> np.ndarray:
    """What steadies each task's planned curves (``steady.steadied``).

    Args:
        plain: the law of these curves, a floor with one falling power of each input.
        middle: (T, P) the curves amid the draws.
        observations: of the T tasks; rows of weight 0 are not read.
        reference: (T, I).
        borrow: whether the tasks of one metric tell each other how values fall.

    Returns:
        (T, 2) logarithms of the factors of the fall at the reference, and of its exponent.
    """
    log_fall, exponent = falls(plain, middle)
    size = (observations.log_inputs - np.log(reference)[:, None]).sum(axis=2)
    own = observations.own & (observations.weight > 0)
    last = [_last_fall(*each, inputs=reference.shape[1]) for each in zip(
        size, observations.value, own, np.nan_to_num(observations.least), strict=True
    )]  # fmt: skip
    line, rate = np.array(last).T
    place = np.where(own, size, -np.inf).max(axis=1) + BEYOND
    # all at the place, and their mean back at the reference
    predicted = log_fall - exponent * place
    apart = np.clip(line - rate * place - predicted, -MOST_APART, MOST_APART)
    there, slope = predicted + LINE * apart, exponent + LINE * (rate - exponent)
    if borrow:
        for metric in dict.fromkeys(observations.metric):
            mine = np.array([each == metric for each in observations.metric])
            typical = _typical_weight(apart[mine])
            there[mine] += typical * (np.median(there[mine]) - there[mine])
            slope[mine] += typical * (np.median(slope[mine]) - slope[mine])
    return np.stack([there + slope * place - log_fall, np.log(slope / exponent)], axis=1)


def _typical_weight(apart: np.ndarray) -> np.ndarray:
    """(T,) weights of the typical task's fall, by how far the two estimates of each task's own are apart (T,).

    What is common to all tasks does not matter: a budget is split by differences. The rest is the posterior mean of a
    normal value with a normal prior.
    """
    error = OWN_ERROR**2 + (APART * (apart - np.median(apart))) ** 2
    return np.asarray(error / (error + AMONG_TASKS**2))


def _last_fall(size: np.ndarray, value: np.ndarray, own: np.ndarray, least: float, inputs: int) -> tuple[float, float]:
    """By the last runs (R,): logarithm of the fall per factor e where the size is 0, and its exponent."""
    rows = np.flatnonzero(own)
    rows = rows[np.lexsort((value[rows], size[rows]))]
    if inputs > 1:
        so_far = np.minimum.accumulate(np.append(np.inf, value[rows]))[:-1]
        rows = rows[value[rows] < so_far]
    late = rows[size[rows] >= size[rows[-1]] - LAST[inputs] - 1e-9]
    late = late if len(late) >= LEAST_RUNS else rows[-LEAST_RUNS:]
    above = np.log(np.maximum(value[late] - (1 - STATED_MARGIN) * least, STATED_MARGIN * value[late]))
    off = size[late] - size[late].mean()
    rate = -float((off * above).sum() / (off**2).sum()) if np.ptp(size[late]) > 0 else 0.0
    rate = min(max(rate, EXPONENT[0]), EXPONENT[1])
    return float(np.log(rate) + above.mean() + rate * size[late].mean()), rate
