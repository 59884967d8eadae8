"""A curve through knots: the logarithm of a value at fixed places, cubic between them and straight outside.

The places belong to a task and are the same in all of its draws: some over the measured range, closer together toward
its upper end, where what comes next is decided, and as many beyond it. Between knots the curve is the cubic Hermite
polynomial whose slopes are those of parabolas through three knots, limited so that it rises and falls only where the
knots do (Fritsch & Carlson 1980): a bound that holds at the knots holds between them.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from types import ModuleType
from typing import Any

import numpy as np

INSIDE = 10
"""Knots over the measured range, both of its ends among them."""

BEYOND = 10
"""Knots beyond it."""

REACH = float(np.log(1e4))
"""How far beyond the largest measured scale the last knot stands; from there the curve is straight."""

CLOSER = 1.5
"""Power of the knots' distances from the largest measured scale, on both sides of it: what is told of a curve beyond
the data is as fine as the spread of an integrated Wiener process, which grows with this power of the distance."""

LEAST_SPAN = 1e-3
"""Measured range that is taken where all runs are of one scale: the knots must not fall together."""

STEEPEST = 3.0
"""Slope at a knot over the flatter of the two chords beside it, beyond which a cubic would overshoot its knots."""

_BELOW = (np.arange(INSIDE)[::-1] / (INSIDE - 1)) ** CLOSER
_ABOVE = REACH * (np.arange(1, BEYOND + 1) / BEYOND) ** CLOSER


def knots(span: Any, xp: ModuleType = np) -> Any:
    """Where the knots stand.

    Args:
        span: (…) logarithm of the largest over the smallest measured scale.
        xp: ``numpy`` or ``jax.numpy``.

    Returns:
        (…, K) logarithms of scales over the largest measured one, rising.
    """
    below = -xp.maximum(xp.asarray(span), LEAST_SPAN)[..., None] * xp.asarray(_BELOW)
    return xp.concatenate([below, xp.broadcast_to(xp.asarray(_ABOVE), (*below.shape[:-1], BEYOND))], axis=-1)


def height(places: Any, heights: Any, z: Any, xp: ModuleType = np) -> Any:
    """The curve's height at ``z``.

    Args:
        places: (…, K) of the knots, rising.
        heights: (…, K) there.
        z: (…) where it is asked for.
        xp: ``numpy`` or ``jax.numpy``.

    Returns:
        Array of the broadcast leading shape.
    """
    slopes = _slopes(places, heights, xp)
    z = xp.asarray(z)[..., None]
    # which piece, as a mask: gathering by position does not broadcast
    after = z >= places[..., 1:-1]
    one = xp.ones_like(after[..., :1])
    piece = xp.concatenate([one, after], axis=-1) & ~xp.concatenate([after, ~one], axis=-1)

    def of_piece(each: Any) -> Any:
        return xp.sum(xp.where(piece, each, 0.0), axis=-1)

    left, right = of_piece(places[..., :-1]), of_piece(places[..., 1:])
    low, high = of_piece(heights[..., :-1]), of_piece(heights[..., 1:])
    out, into = of_piece(slopes[..., :-1]), of_piece(slopes[..., 1:])
    width, z = right - left, z[..., 0]
    within = xp.clip(z, left, right)
    s = (within - left) / width
    cubic = (
        low * (1 + 2 * s) * (1 - s) ** 2 + high * s**2 * (3 - 2 * s) + width * s * (1 - s) * (out * (1 - s) - into * s)
    )
    return cubic + xp.where(z < left, out, into) * (z - within)


def _slopes(places: Any, heights: Any, xp: ModuleType) -> Any:
    """(…, K) slopes at the knots: of the parabola through each and its neighbours, limited."""
    width = places[..., 1:] - places[..., :-1]
    chord = (heights[..., 1:] - heights[..., :-1]) / width
    before, behind = chord[..., :-1], chord[..., 1:]
    left, right = width[..., :-1], width[..., 1:]
    middle = (right * before + left * behind) / (left + right)
    flatter = xp.minimum(xp.abs(before), xp.abs(behind))
    middle = xp.where(before * behind > 0, xp.sign(before) * xp.minimum(xp.abs(middle), STEEPEST * flatter), 0.0)
    first = _end(chord[..., 0], chord[..., 1], width[..., 0], width[..., 1], xp)
    last = _end(chord[..., -1], chord[..., -2], width[..., -1], width[..., -2], xp)
    return xp.concatenate([first[..., None], middle, last[..., None]], axis=-1)


def _end(own: Any, next_chord: Any, width: Any, next_width: Any, xp: ModuleType) -> Any:
    """The slope at an end: that of the parabola through the last three knots, limited likewise."""
    slope = own + width * (own - next_chord) / (width + next_width)
    return xp.where(slope * own > 0, xp.sign(own) * xp.minimum(xp.abs(slope), STEEPEST * xp.abs(own)), 0.0)
