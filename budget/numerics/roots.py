"""Where functions cross zero, and where conditions cease to hold: one way for each kind of question.

``rising_root`` is for the inner loops: many functions at once, given as one array expression. ``scipy.optimize
.elementwise.find_root`` asks about as often, but takes one to three milliseconds of its own whatever the size of the
batch: 2.5 to 4.4 times as long as ``rising_root`` on sums of exponentials, and some fifteen times in the steps of
``water_filling``, whose roots are near. It serves through ``root_within`` where a single value of the function is
dear. ``newton_root`` is for functions whose slope comes with their value, ``log_sum_root`` for sums of powers, and
``bisect`` for conditions, which have no size from which a step could be read.

See docs/decisions/127-one-of-each-in-numerics.md.
"""

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from budget.errors import SolverError

MAX_FALSE_POSITION_STEPS = 300
"""Most steps of ``rising_root``: five to fifteen are usual, and sixty bisections leave nothing of any bracket."""

STEPS_TO_QUARTER = 5
"""Steps after which a bracket that is not down to a quarter is halved: of 3 to 200 tried, the fewest steps in all for
sums of powers, kinks, plateaus, exponentials and jumps; 3 bisects so often that kinks take 78 steps, not 16."""

ZERO_OF_LOGS = 3e-14
"""A difference of logarithms is 0 to rounding below it: logarithms of some tens have units of 7e-15 in the last place,
and what is compared is a sum of a few of them."""

BRACKET_SPACING = 1e-15
"""Relative width of a bracket between whose ends there are hardly any numbers: 4.5 units in the last place of 1."""

MAX_NEWTON_STEPS = 60
"""Most steps of Newton's method; where it is used, three to ten are usual."""

ROUNDING_OF_LOG_SUM = 1e-15
"""A logarithm of a sum of powers, relative to the numbers it is made of, is known up to this."""

Found = TypeVar("Found")


def rising_root(
    function: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, zero: float = ZERO_OF_LOGS
) -> np.ndarray:
    """Where each of V rising functions (differences of logarithms) is 0, or the end of its bracket nearest to that.

    False position with the step of Anderson & Björck (1973, "A new high order method of regula falsi type for
    computing a root of an equation", BIT 13, 253-264), and a bisection whenever some steps have not quartered the
    bracket. Functions need to be rising only at their root: any sign change from below to above is found.

    Args:
        function: (V,) → (V,), elementwise; at a root that is found already it is asked for that root again.
        low: (V,) lower ends.
        high: (V,) upper ends.
        zero: values that count as 0; the default is rounding of logarithms.

    Returns:
        (V,) roots; ``low`` where the function is nowhere negative, ``high`` where it is nowhere positive.

    >>> rising_root(lambda x: x - np.array([0.5, 3.0]), np.zeros(2), np.ones(2)).tolist()
    [0.5, 1.0]
    """
    low, high = low.copy(), high.copy()
    at_low, at_high = function(low), function(high)
    root = np.where(at_low >= 0, low, high)
    inside = (at_low < 0) & (at_high > 0)
    width = high - low
    last_moved = np.zeros(len(low))  # which end the last step replaced: 1 the upper, −1 the lower
    for step in range(MAX_FALSE_POSITION_STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            secant = high - at_high * (high - low) / (at_high - at_low)
        due = step % STEPS_TO_QUARTER == STEPS_TO_QUARTER - 1
        slow = due & (high - low > 0.25 * width)
        width = high - low if due else width
        middle = np.where(slow | ~((secant > low) & (secant < high)), 0.5 * (low + high), secant)
        at_middle = np.where(inside, function(np.where(inside, middle, root)), 0.0)
        up = at_middle > 0
        # An end that stays for a second time is pulled toward the root, or the secants would creep up on it from the
        # other side: by how much the last step fell short of what a straight line promised (Anderson & Björck), or by
        # half where it did not (the Illinois rule). An end that stays for the first time is not: the two newest points
        # are then on either side, and the secant through them is the best there is.
        with np.errstate(divide="ignore", invalid="ignore"):
            of_low, of_high = 1 - at_middle / at_high, 1 - at_middle / at_low
        of_low = np.where(last_moved > 0, np.where(of_low > 0, of_low, 0.5), 1.0)
        of_high = np.where(last_moved < 0, np.where(of_high > 0, of_high, 0.5), 1.0)
        at_low, at_high = np.where(up, at_low * of_low, at_middle), np.where(up, at_middle, at_high * of_high)
        low, high = np.where(up, low, middle), np.where(up, middle, high)
        last_moved = np.where(up, 1.0, -1.0)
        root = np.where(inside, middle, root)
        inside &= (np.abs(at_middle) > zero) & (high - low > BRACKET_SPACING * np.maximum(np.abs(middle), 1.0))
        if not inside.any():
            break
    return root


def newton_root(
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, Found]],
    start: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    tolerance: float,
) -> tuple[np.ndarray, Found]:
    """Where each of M monotone functions is 0, by Newton's method held in brackets.

    Args:
        function: (M,) → values (M,), slopes (M,) of one sign and not 0, and whatever else is wanted at the root.
        start: (M,) where to begin.
        low: (M,) ends at which the falling functions are positive, the rising ones negative.
        high: (M,) the other ends.
        tolerance: distance of a value to 0 at which it counts as 0.

    Returns:
        (M,) roots, and what else the function says there.
    """
    low, high, root = low.copy(), high.copy(), start.copy()
    for _ in range(MAX_NEWTON_STEPS):
        value, slope, found = function(root)
        if np.abs(value).max() < tolerance:
            break
        # a falling function is positive below its root, a rising one above it
        below = (value > 0) == (slope < 0)
        low, high = np.where(below, root, low), np.where(below, high, root)
        newton = root - value / slope
        root = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
    return root, found


def log_sum_root(log_coef: np.ndarray, slope: np.ndarray, log_total: np.ndarray) -> np.ndarray:
    """The largest x (V,) at which ``Σ_m exp(log_coef_m + slope_m·x)`` is ``exp(log_total)``.

    The logarithm of the sum is convex in x (Boyd & Vandenberghe 2004, 3.1.5). Newton's method begins where one rising
    term alone is the total, so that the sum is not below it: from there convex functions let the iterates fall to the
    largest root without ever passing it, and no bracket is needed, also where other terms fall.

    Args:
        log_coef: (V, M).
        slope: (V, M); in each row some are positive, the same in all rows.
        log_total: (V,) at least the sum's minimum over x.

    >>> x = log_sum_root(np.log([[2.0, 3.0]]), np.array([[1.0, 2.0]]), np.log([16.0]))
    >>> print(f"{x[0] / np.log(2):.9f}")  # 2·2 + 3·2² = 16
    1.000000000
    """
    rising = (slope > 0).any(axis=0)
    x = ((log_total[:, None] - log_coef) / np.where(slope > 0, slope, np.nan))[:, rising].min(axis=1)
    if slope.shape[1] == 1:
        return x
    spread = slope.max(axis=1) - slope.min(axis=1)
    for _ in range(MAX_NEWTON_STEPS):
        logs = log_coef + slope * x[:, None]
        top = logs.max(axis=1, keepdims=True)  # taken out, so that nothing overflows
        shares = np.exp(logs - top)
        total, rise = shares.sum(axis=1), (shares * slope).sum(axis=1)
        excess = top[:, 0] + np.log(total) - log_total
        # at the minimum itself slope and excess are both rounding, and their ratio would lead anywhere
        falls = (rise > 0) & (excess > ROUNDING_OF_LOG_SUM * (np.abs(log_total) + 1))
        step = np.where(falls, excess * total / np.where(falls, rise, 1.0), 0.0)
        x = x - step
        # The second derivative is the variance of the slopes under the shares, at most spread²/4, so a step leaves at
        # most this. How small the excess was does not tell: near a flat minimum a step only quarters it.
        if ((spread * step) ** 2).max() / 8 < ZERO_OF_LOGS:
            break
    return x


def root_within(
    function: Callable[[float], float], low: float, high: float, precision: float = BRACKET_SPACING
) -> float:
    """Where one function with opposite signs at two ends is 0, by SciPy's ``find_root`` (Chandrupatla 1997).

    Args:
        function: of one number.
        low: one end.
        high: the other.
        precision: relative, of the root.

    Raises:
        SolverError: the signs are equal, or a value between the ends is no number.

    >>> print(f"{root_within(lambda x: x * x - 2, 0.0, 2.0):.12f}")
    1.414213562373
    """
    from scipy.optimize import elementwise  # few questions need it, and it takes long to load

    def each(points: np.ndarray) -> np.ndarray:
        return np.array([function(point) for point in np.atleast_1d(points).tolist()]).reshape(np.shape(points))

    found = elementwise.find_root(each, (low, high), tolerances={"xrtol": precision})
    if not found.success:
        raise SolverError(
            f"No root between {low:g} and {high:g}, where the function is {found.f_bracket[0]:g} and "
            f"{found.f_bracket[1]:g}."
        )
    return float(found.x)


def bisect(
    holds: Callable[[np.ndarray], np.ndarray], inside: np.ndarray, outside: np.ndarray, halvings: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """The numbers on either side of the place where each of V conditions ceases to hold.

    Args:
        holds: (V,) → booleans (V,), elementwise; true from the inside up to one place, false beyond it.
        inside: (V,) where it holds; neither this nor the next is asked.
        outside: (V,) where it does not, above or below.
        halvings: how often the distance is halved; by default until no number lies between.

    Returns:
        (V,) the last number found that holds, and the first that does not.

    >>> inside, outside = bisect(lambda x: x**2 <= 2, np.array([0.0]), np.array([2.0]))
    >>> inside == np.nextafter(outside, 0)
    array([ True])
    """
    done = 0
    while halvings is None or done < halvings:
        middle = inside + 0.5 * (outside - inside)
        between = (np.minimum(inside, outside) < middle) & (middle < np.maximum(inside, outside))
        if not between.any():
            break
        held = holds(middle)
        inside = np.where(between & held, middle, inside)
        outside = np.where(between & ~held, middle, outside)
        done += 1
    return inside, outside
