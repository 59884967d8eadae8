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
    places, heights, z = xp.asarray(places), xp.asarray(heights), xp.asarray(z)
    last = places.shape[-1] - 2
    piece = xp.sum(z[..., None] >= places[..., 1:-1], axis=-1)
    # the four knots about each place are enough: the slopes of all, at every place, would be most of the work
    about = [xp.clip(piece + step, 0, last + 1) for step in (-1, 0, 1, 2)]
    before, left, right, behind = (_at(places, each, xp) for each in about)
    first, low, high, final = (_at(heights, each, xp) for each in about)
    width = right - left
    # at the ends of the curve a knot has one neighbour, and its slope is told by the two next to it on the other side
    width_before = xp.where(piece > 0, left - before, 1.0)
    width_behind = xp.where(piece < last, behind - right, 1.0)
    chord = (high - low) / width
    chord_before, chord_behind = (low - first) / width_before, (final - high) / width_behind
    out = xp.where(
        piece > 0,
        _middle(chord_before, chord, width_before, width, xp),
        _end(chord, chord_behind, width, width_behind, xp),
    )
    into = xp.where(
        piece < last,
        _middle(chord, chord_behind, width, width_behind, xp),
        _end(chord, chord_before, width, width_before, xp),
    )
    within = xp.clip(z, left, right)
    s = (within - left) / width
    cubic = (
        low * (1 + 2 * s) * (1 - s) ** 2 + high * s**2 * (3 - 2 * s) + width * s * (1 - s) * (out * (1 - s) - into * s)
    )
    return cubic + xp.where(z < left, out, into) * (z - within)


def _at(array: Any, position: Any, xp: ModuleType) -> Any:
    """What stands at a position (…) of the last axis of an array (…, K); leading axes broadcast."""
    axes = max(array.ndim - 1, position.ndim)
    array, position = (
        each.reshape((1,) * (axes + more - each.ndim) + each.shape) for each, more in ((array, 1), (position, 0))
    )
    return xp.take_along_axis(array, position[..., None], axis=-1)[..., 0]


def _middle(before: Any, behind: Any, left: Any, right: Any, xp: ModuleType) -> Any:
    """The slope at a knot between two chords: of the parabola through it and its neighbours, limited."""
    slope = (right * before + left * behind) / (left + right)
    flatter = xp.minimum(xp.abs(before), xp.abs(behind))
    return xp.where(before * behind > 0, xp.sign(before) * xp.minimum(xp.abs(slope), STEEPEST * flatter), 0.0)


def _end(own: Any, next_chord: Any, width: Any, next_width: Any, xp: ModuleType) -> Any:
    """The slope at an end: that of the parabola through the last three knots, limited likewise."""
    slope = own + width * (own - next_chord) / (width + next_width)
    return xp.where(slope * own > 0, xp.sign(own) * xp.minimum(xp.abs(slope), STEEPEST * xp.abs(own)), 0.0)
