"""Many monotone cubics at once: smooth curves through knots that turn nowhere but at knots.

Slopes are the weighted harmonic means of Fritsch & Butland (1984, "A method for constructing local monotone piecewise
cubic interpolants"), at the ends three-point estimates that are cut where they would overshoot, as in SciPy's
``PchipInterpolator``, of which each takes a call of its own.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MonotoneCubics:
    """V curves, each through knots of its own.

    Attributes:
        x: (V, K) places of the knots, rising; what stands behind a curve's last knot rises further and means nothing.
        y: (V, K) values there.
        slope: (V, K) slopes there.
        count: (V,) knots of each curve, at least 2.
    """

    x: np.ndarray
    y: np.ndarray
    slope: np.ndarray
    count: np.ndarray

    @classmethod
    def through(cls, x: np.ndarray, y: np.ndarray, count: np.ndarray | None = None) -> "MonotoneCubics":
        """Curves through knots (V, K), of which each has the first ``count``; all by default."""
        many, most = x.shape
        count = np.full(many, most) if count is None else count
        there = np.arange(most) < count[:, None]
        last = np.take_along_axis(x, count[:, None] - 1, axis=1)
        x = np.where(there, x, last + 1 + np.arange(most))
        return cls(x, y, _slopes(x, np.where(there, y, 0.0), count), count)

    def at(self, places: np.ndarray, left: np.ndarray | None = None) -> np.ndarray:
        """(V, Q) values at places (V, Q) between each curve's first and last knot.

        Args:
            places: where.
            left: (V, Q) the knots at or before them, where they are known.
        """
        if left is None:
            left = (self.x[:, 1:, None] <= places[:, None, :]).sum(axis=1)
        left = np.minimum(left, self.count[:, None] - 2)
        x, y, slope, x_next, y_next, slope_next = (
            np.take_along_axis(each, at, axis=1) for at in (left, left + 1) for each in (self.x, self.y, self.slope)
        )
        width = x_next - x
        rise, part = y_next - y, (places - x) / width
        bend, turn = 3 * rise - width * (2 * slope + slope_next), width * (slope + slope_next) - 2 * rise
        inside: np.ndarray = y + part * (width * slope + part * (bend + part * turn))
        return np.where(part == 1, y_next, inside)


def _slopes(x: np.ndarray, y: np.ndarray, count: np.ndarray) -> np.ndarray:
    """(V, K) slopes at the knots."""
    width = np.diff(x, axis=1)
    steep = np.diff(y, axis=1) / width
    if steep.shape[1] == 1:
        return np.repeat(steep, 2, axis=1)
    before, after, left, right = steep[:, :-1], steep[:, 1:], width[:, :-1], width[:, 1:]
    # means of the inverse slopes; where a curve turns or rests it is level
    rising = before * after > 0
    weight_before, weight_after = left + 2 * right, 2 * left + right
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = (weight_before + weight_after) / (weight_before / before + weight_after / after)
    slope = np.zeros_like(x)
    slope[:, 1:-1] = np.where(rising, inner, 0.0)
    slope[:, 0] = _end(width[:, 0], width[:, 1], steep[:, 0], steep[:, 1])
    row, end = np.arange(len(x)), count - 2
    near = np.maximum(end - 1, 0)
    slope[row, count - 1] = _end(width[row, end], width[row, near], steep[row, end], steep[row, near])
    two = count == 2
    slope[two, :2] = steep[two, :1]
    return slope


def _end(width: np.ndarray, next_width: np.ndarray, steep: np.ndarray, next_steep: np.ndarray) -> np.ndarray:
    """(V,) slopes at an end: of the parabola through three knots, with the sign of the outer step and not too steep."""
    slope = ((2 * width + next_width) * steep - width * next_steep) / (width + next_width)
    slope = np.where(np.sign(slope) == np.sign(steep), slope, 0.0)
    turns = (np.sign(steep) != np.sign(next_steep)) & (np.abs(slope) > 3 * np.abs(steep))
    return np.where(turns, 3 * steep, slope)
