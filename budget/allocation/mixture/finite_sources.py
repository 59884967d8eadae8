"""The best size where sources can run out: branch and bound over ``n = log N``, with a proven bound.

The tokens that a size leaves are cut off at what the sources have, so the value over sizes may have several valleys.
Between two sizes it is bounded from below by what is known at one size ``n₀`` between them:

    size terms ≥ their tangent;   data terms ≥ constant − price·T/T₀ − Σ excess·limit   (the proven bound at n₀,
    linear in the tokens T);      log T ≤ its tangent   (cost is convex in the logarithms).

The sum of the three is concave in ``n``, so it is least at an end, and it misses the value by the square of the width
only: few intervals survive a round of halving.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.mixture.mixture_problem import MixtureProblem
from budget.allocation.mixture.solve_mixture import Optimum, at_size, certify_mixture, solve_mixture

WIDE = 20.0
"""Half width of the search in log params, about the best size of sources that never run out."""

CELLS = 64
"""Intervals at the beginning."""

ROUNDS = 50
"""Rounds of halving, down to the last digits of a size."""

MOST = 4096
"""Intervals of a round beyond which the search ends with the bound it has."""

ROUNDING = 1e-9
"""Share of a value by which two solutions of one convex problem may differ: one is certified, the other planned."""


def solve_limited(blend: MixtureProblem, start: np.ndarray, tolerance: float) -> tuple[Optimum, float]:
    """The best size and mixture of one scenario whose plan chooses the size.

    Args:
        blend: one scenario.
        start: (1, S) a mixture strictly inside the domain.
        tolerance: gap between value and bound, relative to what lies above the floors, at which the search ends.

    Returns:
        The best size and mixture found, and the bound.
    """
    endless = replace(blend, limit=np.full_like(blend.limit, np.inf))
    free = solve_mixture(endless, start)
    bound, _ = certify_mixture(endless, free)
    best = at_size(blend, free.n, start)
    least_size, most_size = blend.sizes
    ends = np.clip(free.n[0] + np.array([-WIDE, WIDE]), least_size, most_size)
    half = float(np.ptp(ends)) / (2 * CELLS)
    centre = ends[0] + half * (2 * np.arange(CELLS) + 1)
    closed = _beyond(blend, start, ends)
    for _ in range(ROUNDS):
        found = at_size(blend.take(np.zeros(len(centre), dtype=int)), centre, np.repeat(start, len(centre), axis=0))
        least = np.maximum(_least(blend, found, half), bound)
        first = int(found.value.argmin())
        if found.value[first] < best.value[0]:
            best = found.take(np.array([first]))
        open_still = least < best.value[0] - tolerance * (best.value[0] - blend.floor[0])
        if not open_still.any() or 2 * open_still.sum() > MOST:
            break
        closed = min(closed, least[~open_still].min(initial=np.inf))
        half = half / 2
        centre = np.concatenate([centre[open_still] - half, centre[open_still] + half])
    value = float(best.value[0])
    # where no source runs out the bound is the free plan's, which is this plan but for the last digits
    return best, proven_bound(value, float(max(bound, min(closed, least.min()))), ROUNDING * abs(value))


def _least(blend: MixtureProblem, found: Optimum, half: float) -> np.ndarray:
    """Proven lower bounds of the value over the intervals (L,) of half width ``half`` about the sizes found."""
    _, slope = blend.take(np.zeros(len(found.n), dtype=int)).tokens(found.n)
    size = blend.size_terms(found.n)
    fall = -(blend.alpha * size).sum(axis=1)
    data = np.exp(found.shares.log_value)
    limit = blend.limit * np.exp(-found.t)[:, None]
    at_ends = [
        fall * step - data * found.shares.price * np.expm1(np.minimum(slope * step, 700.0)) for step in (-half, half)
    ]
    near = size.sum(axis=1) + data * found.shares.bound(limit) + np.minimum(*at_ends)
    # however many tokens: what the largest size of the interval loses
    far = blend.size_terms(found.n + half).sum(axis=1)
    return blend.floor + np.maximum(near, far)


def _beyond(blend: MixtureProblem, start: np.ndarray, ends: np.ndarray) -> float:
    """Proven lower bound of the value at all sizes outside the two ends."""
    found = at_size(blend.take(np.zeros(2, dtype=int)), ends, np.repeat(start, 2, axis=0))
    _, slope = blend.tokens(ends)
    data = np.exp(found.shares.log_value) * found.shares.bound(blend.limit * np.exp(-found.t)[:, None])
    # above, tokens only grow fewer if the cost rises with the size; below, they help no more once they have no price
    above = data[1] if slope[1] <= 0 else 0.0
    below = blend.size_terms(ends)[0].sum() + (data[0] if found.shares.price[0] == 0 else 0.0)
    least, most = blend.sizes
    above = np.inf if ends[1] >= most else above
    below = np.inf if ends[0] <= least else below
    return float(blend.floor[0] + min(above, below))
