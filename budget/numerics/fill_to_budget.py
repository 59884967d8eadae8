"""Budgets used up: amounts in proportion to a wish, as far as limits let them.

See docs/decisions/127-one-of-each-in-numerics.md.
"""

import numpy as np

SUM_ROUNDING = 1e-15
"""Relative distance from its budget at which a sum is the budget: what some hundreds of float64, summed in pairs, are
off by (measured: 7e-16 at most)."""


def fill_to_budget(
    wish: np.ndarray, budget: np.ndarray | float, low: np.ndarray | float, high: np.ndarray | float
) -> np.ndarray:
    """``clip(t·wish, low, high)`` with the factor t at which the amounts of each budget sum to it.

    Most calls ask for amounts that few limits touch, or for ones that nearly sum to the budget already. So t is
    guessed from who is at a limit at the factor without limits, and a row is sorted only where that guess misses.

    Args:
        wish: (…, V) not negative; what is not wished for keeps its least.
        budget: (…) totals.
        low: (…, V) least amounts, not negative.
        high: (…, V) greatest ones, not below the least; infinite where there is none.

    Returns:
        (…, V) amounts: the greatest where these sum to no more than the budget, the least where these exceed it.

    >>> fill_to_budget(np.array([1.0, 1.0, 2.0]), 8.0, 0.0, np.array([9.0, 1.0, 9.0])).round(9).tolist()
    [2.333333333, 1.0, 4.666666667]
    """
    wish = np.asarray(wish, dtype=float)
    total = np.asarray(budget, dtype=float)[..., None]
    wished = wish.sum(axis=-1, keepdims=True)
    amounts = wish * (total / np.where(wished > 0, wished, 1.0))
    free = (amounts > low) & (amounts < high)
    left = total - np.where(free, 0.0, np.clip(amounts, low, high)).sum(axis=-1, keepdims=True)
    wished = np.where(free, wish, 0.0).sum(axis=-1, keepdims=True)
    # the sum rises with the factor, so whatever was guessed: if it sums to the budget, it is the one
    amounts = np.clip(wish * (left / np.where(wished > 0, wished, 1.0)), low, high)
    missed = np.abs(amounts.sum(axis=-1) - total[..., 0]) > SUM_ROUNDING * total[..., 0]
    if missed.any():
        rows = np.broadcast_arrays(wish, total, low, high)
        amounts[missed] = _fill_by_sorting(*(each[missed] for each in rows))
    return amounts


def _fill_by_sorting(wish: np.ndarray, total: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The amounts (R, V) of budgets by sorting; all arguments (R, V), the total being the same along a row.

    The sum rises with t in straight pieces, which change where an amount leaves its least (at ``low/wish``) and where
    one reaches its greatest (at ``high/wish``). So t is not searched: sorting these places gives the piece.
    """
    total = total[:, :1]
    per_unit = np.where(wish > 0, wish, 1.0)
    leaves = np.where(wish > 0, low / per_unit, np.inf)
    reaches = np.where(wish > 0, high / per_unit, np.inf)

    # What is spent where t is at each place, in the order of the places: ``held + rate·t``, where an amount that has
    # left its least adds its wish to the rate, and one that has reached its greatest takes it off again.
    places = np.concatenate([leaves, reaches], axis=1)
    order = np.argsort(places, axis=1, kind="stable")
    held = np.concatenate([-low, np.where(np.isfinite(high), high, 0.0)], axis=1)
    rate = np.concatenate([wish, -wish], axis=1)
    places, held, rate = (np.take_along_axis(each, order, axis=1) for each in (places, held, rate))
    passed = np.isfinite(places)
    places = np.where(passed, places, 0.0)
    held = low.sum(axis=1, keepdims=True) + np.cumsum(np.where(passed, held, 0.0), axis=1)
    rate = np.cumsum(np.where(passed, rate, 0.0), axis=1)
    within = passed & (held + rate * places <= total)
    factor = np.where(within, places, 0.0).max(axis=1, keepdims=True)  # the last place that the budget still pays

    # The sums above have lost the digits of small amounts beside large ones; on the piece that they led to, what is
    # held and what is free are summed anew.
    pays = within.any(axis=1, keepdims=True)
    free = pays & (leaves <= factor) & (factor < reaches)
    at_end = np.where(pays & (reaches <= factor), high, low)
    wished = np.where(free, wish, 0.0).sum(axis=1, keepdims=True)
    left = total - np.where(free, 0.0, at_end).sum(axis=1, keepdims=True)
    share = left / np.where(wished > 0, wished, 1.0)
    return np.where(free, np.clip(share * wish, low, high), at_end)
