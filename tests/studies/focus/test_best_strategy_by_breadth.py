"""Which strategy is best at which number of tasks: crossovers against a root found by SciPy, shares by counting."""

import numpy as np
import pytest
from scipy.optimize import brentq

from budget.studies.focus.best_strategy_by_breadth import best_by_breadth
from tests.studies.made_sets import BUDGET, identical_of_one_scale, subsets_of

FLOOR = 1.0


def copies(level, exponent, *, draws=None, count=8):
    """Specialists who lose ``level·(C/BUDGET)^-exponent`` above 1, or in draw b ``draws[b]`` times that power."""
    curves = identical_of_one_scale(count)
    theta = curves.parameters.copy()
    theta[:, 1] = np.log(level) + exponent * np.log(BUDGET / curves.reference[:, 0])
    theta[:, 2] = exponent
    scenarios = np.repeat(theta[None], 0 if draws is None else len(draws), axis=0)
    if draws is not None:
        scenarios[:, :, 1] += np.log(np.array(draws) / level)[:, None]
    return subsets_of(type(curves)(**{**vars(curves), "parameters": theta, "draws": scenarios}))


def test_the_crossover_of_two_powers_lies_between_the_numbers_around_it():
    """Losses k^.4 and 1.4·k^.2 above 1 are equal at k = 1.4^5; a line in log k is off by their curvature."""
    flat, steep = copies(1.4, 0.2), copies(1.0, 0.4)
    found = best_by_breadth({"steep": steep, "flat": flat}, np.arange(8)[None])
    size = np.arange(1, 9)
    own = np.array([FLOOR + size**0.4, FLOOR + 1.4 * size**0.2])
    np.testing.assert_allclose(found.objective, own, rtol=1e-9)
    exact = 1.4**5
    assert found.best == tuple(np.where(size < exact, "steep", "flat"))
    (crossover,) = found.crossovers
    assert (crossover.below, crossover.above) == ("steep", "flat")
    place = int(exact)
    line = np.polyfit(np.log([place, place + 1]), own[0, place - 1 : place + 1] - own[1, place - 1 : place + 1], 1)
    expected = np.exp(brentq(lambda log: np.polyval(line, log), np.log(place), np.log(place + 1), xtol=1e-14))
    assert crossover.n_tasks == pytest.approx(expected, rel=1e-9) and abs(crossover.n_tasks - exact) < 0.05
    assert np.isnan([crossover.low, crossover.high, crossover.share]).all() and np.isnan(found.wins).all()


def test_each_draw_has_its_own_crossover():
    """In a draw with factor f the two are equal at k = f^5: below one task, within eight, or above them."""
    factors = np.concatenate([np.linspace(0.8, 1.5, 30), [2.0, 2.5]])
    steep, flat = copies(1.0, 0.4, draws=np.ones(32)), copies(1.3, 0.2, draws=factors)
    found = best_by_breadth({"flat": flat, "steep": steep}, np.arange(8)[None])
    (crossover,) = found.crossovers
    inside = (factors > 1) & (factors**5 < 8)
    assert (crossover.below, crossover.above) == ("steep", "flat") and crossover.share == inside.mean()
    np.testing.assert_allclose(found.wins[0], [np.mean(factors**5 < k) for k in range(1, 9)])
    np.testing.assert_allclose(found.wins.sum(axis=0), 1)
    assert crossover.low == 0 and np.percentile(factors, 10, method="weibull") < 1
    high = [
        best_by_breadth({"f": copies(f, 0.2), "s": copies(1.0, 0.4)}, np.arange(8)[None])
        for f in np.sort(factors)[-5:-1]
    ]
    ends = [each.crossovers[0].n_tasks if each.crossovers else np.inf for each in high]
    place = 0.9 * 33  # of the sorted draws: between the 29th and the 30th
    assert ends[0] < np.inf and crossover.high == pytest.approx(
        np.exp(np.interp(place, [28, 29, 30], np.log(ends[:3])))
    )
    later = {"flat": copies(1.3, 0.2, draws=[2.0] * 9), "steep": copies(1.0, 0.4, draws=[1.0] * 9)}
    many = best_by_breadth(later, np.arange(8)[None])
    assert many.crossovers[0].high == np.inf and many.crossovers[0].share == 0


def test_nothing_changes_where_one_is_always_better_and_draws_are_paired():
    found = best_by_breadth(
        {"a": copies(1.0, 0.3, draws=[1.0, 1.0, 2.0]), "b": copies(1.1, 0.3, draws=[1.5, 0.5])}, np.arange(8)[None]
    )
    assert found.crossovers == () and set(found.best) == {"a"}
    np.testing.assert_allclose(found.wins, [[0.5] * 8, [0.5] * 8])
    record = found.record()
    assert len(record["best"]) == 16 and record["crossovers"] == []


def test_a_strategy_that_is_no_better_but_for_rounding_does_not_win():
    same = copies(1.0, 0.3)
    found = best_by_breadth({"a": same, "b": copies(1.0, 0.3)}, np.arange(8)[None])
    assert set(found.best) == {"a"} and found.crossovers == ()


def test_many_orders_are_their_mean():
    subsets = {"a": copies(1.0, 0.3, draws=[1.0, 2.0]), "b": copies(1.2, 0.2, draws=[1.0, 1.1])}
    orders = np.array([np.random.default_rng(seed).permutation(8) for seed in range(3)])
    many, one = best_by_breadth(subsets, orders), best_by_breadth(subsets, np.arange(8)[None])
    np.testing.assert_allclose(many.objective, one.objective, rtol=1e-12)
    np.testing.assert_allclose(many.wins, one.wins)
