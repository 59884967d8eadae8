"""Where two strategies change places, and whether an advantage grows, against closed forms and draws."""

import numpy as np
import pytest

from budget.studies.focus.crossover import crossovers, trend
from budget.studies.strategies.strategy_curves import SPECIALISTS
from tests.made import chinchilla, power
from tests.simulate import HOFFMANN, Truth
from tests.studies.focus.exact import TOTALS, alone_with, compared, copies, shaken, strategies_of


@pytest.mark.parametrize("law", ["power", "chinchilla"])
def test_two_tasks_change_places_where_the_closed_form_says(law):
    """Reducible losses ``A (B/2)^-a`` of two specialists and ``C B^-g`` of one model are equal at one budget."""
    a, g = 0.3, 0.2
    if law == "power":
        first, second = 9e3, 9e3 * 2**a * 1e21 ** (g - a)  # equal at 1e21
        alone, shared = (power({"t0": (1.5, c, e), "t1": (1.5, c, e)}) for c, e in ((first, a), (second, g)))
        expected = (second / (first * 2**a)) ** (1 / (g - a))
        below, above = "generalist", SPECIALISTS
    else:
        slow = Truth(HOFFMANN.E, HOFFMANN.A, 0.30, HOFFMANN.B * 0.3, 0.25)
        alone, shared = chinchilla(copies(HOFFMANN, 2)), chinchilla(copies(slow, 2))

        def reducible(truth):
            """``G·C^-gamma``."""
            gamma = truth.alpha * truth.beta / (truth.alpha + truth.beta)
            return (alone_with(truth, 1.0) - truth.E), gamma

        (first, a), (second, g) = reducible(HOFFMANN), reducible(slow)
        expected = (second / (first * 2**a)) ** (1 / (g - a))
        below, above = "generalist", SPECIALISTS
    found = compared(strategies_of(alone, shared), np.geomspace(expected * 3e-4, expected * 7e3, 9))
    (change,) = found.crossovers
    np.testing.assert_allclose(change.budget, expected, rtol=1e-8)
    assert (change.below, change.above) == (below, above) and np.isnan(change.share)
    for cell in found.comparisons:
        assert cell.best_strategy.strategy == (above if cell.budget > expected else below)


def test_a_change_at_one_of_the_budgets_looked_at_is_found():
    budgets, empty = np.array([1.0, 10.0, 100.0]), np.zeros((3, 0))
    (change,) = crossovers(
        ("t",), ("one", "two"), budgets, np.array([-1.0, 0.0, 1.0]), (empty, empty), lambda budget: np.log(budget / 10)
    )
    assert (change.below, change.above) == ("one", "two") and change.budget == pytest.approx(10, rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_touching_is_no_change(sign):
    empty, budgets = np.zeros((3, 0)), np.array([1.0, 10.0, 100.0])
    assert not crossovers(
        ("t",), ("one", "two"), budgets, sign * np.array([1.0, 0.0, 2.0]), (empty, empty), lambda _: 1.0
    )


def changes_of(budgets, gap, difference):
    """Changes of two strategies whose objectives differ by ``gap`` (Q, B) in the draws."""
    return crossovers(
        ("t",), ("one", "two"), budgets, difference(budgets), (5 + gap, np.full_like(gap, 5.0)), difference
    )


@pytest.mark.parametrize("sign", [1, -1])
def test_a_change_has_the_interval_of_the_draws_own_changes(sign):
    """First minus second is ``log(B/at)`` with the draws' own ``at``; they are read off between budgets."""
    budgets = np.geomspace(1e18, 1e24, 61)
    own = np.geomspace(1e20, 1e22, 19)
    gap = sign * np.log(budgets[:, None] / own)
    (change,) = changes_of(budgets, gap, lambda budget: sign * np.log(budget / 1e21))
    expected = np.exp(np.percentile(np.log(own), (10, 90), method="weibull"))
    np.testing.assert_allclose([change.low, change.high], expected, rtol=1e-9)
    assert change.share == 1 and change.budget == pytest.approx(1e21, rel=1e-11)
    assert change.above == ("two" if sign > 0 else "one")


def test_draws_without_a_change_open_the_interval():
    budgets, own = np.geomspace(1e18, 1e24, 13), np.r_[np.full(5, 1e10), np.full(10, 1e21), np.full(5, 1e30)]
    gap = np.log(budgets[:, None] / own)
    (change,) = changes_of(budgets, gap, lambda budget: np.log(budget / 1e21))
    assert (change.low, change.high, change.share) == (0.0, np.inf, 0.5)


def test_a_trend_is_stated_where_nine_draws_in_ten_agree():
    budgets, decades = np.geomspace(1e18, 1e22, 5), np.arange(5.0)
    extrapolated = np.zeros(5, dtype=bool)

    def verdict(slopes):
        scenarios = 0.3 + decades[:, None] * np.array(slopes)
        return trend(("t",), budgets, ["moe"] * 5, scenarios.mean(axis=1), scenarios, extrapolated)

    grows, shrinks = verdict([0.1] * 9 + [-0.1]), verdict([-0.1] * 9 + [0.1])
    assert (grows.verdict, grows.growing) == ("grows", 0.9)
    assert (shrinks.verdict, shrinks.shrinking) == ("shrinks", 0.9)
    assert verdict([0.1] * 8 + [-0.1] * 2).verdict == verdict([-0.1] * 8 + [0.1] * 2).verdict == "undecided"
    constant = verdict([0.0] * 10)
    assert constant.verdict == "undecided" and constant.growing == constant.shrinking == 0
    np.testing.assert_allclose(grows.slope, 0.08, rtol=1e-12)
    np.testing.assert_allclose(grows.advantage, 0.3 + 0.08 * decades, rtol=1e-12)
    np.testing.assert_allclose(grows.low, np.percentile(0.3 + decades[:, None] * np.r_[-0.1, [0.1] * 9], 10, axis=1,
                                                        method="weibull"), rtol=1e-12)  # fmt: skip
    assert (grows.low <= grows.advantage + 1e-15).all() and (grows.advantage <= grows.high + 1e-15).all()
    assert grows.high[-1] > grows.advantage[-1] + 0.01


def test_one_budget_has_no_trend():
    scenarios = np.array([[0.1, 0.2]])
    found = trend(("t",), np.array([1e20]), ["moe"], np.array([0.15]), scenarios, np.zeros(1, dtype=bool))
    assert found.verdict == "undecided" and np.isnan(found.slope)


def test_a_set_s_trend_is_its_relative_advantage_over_the_best_shared_strategy():
    found = compared(shaken(), TOTALS)
    (line,) = found.trends
    for place, cell in enumerate(found.comparisons):
        alone, generalist, moe, _ = cell.objective
        best = min(generalist, moe)
        assert line.shared[place] == ("generalist" if generalist < moe else "moe")
        np.testing.assert_allclose(line.advantage[place], (best - alone) / alone, rtol=1e-12)
        shared = cell.scenarios[1 if generalist < moe else 2]
        drawn = (shared - cell.scenarios[0]) / cell.scenarios[0]
        low, high = np.percentile(drawn, (10, 90), method="weibull")
        np.testing.assert_allclose([line.low[place], line.high[place]], [low, high], rtol=1e-12)
        assert line.extrapolated[place] == any(each.extrapolates for each in cell.plans)
    decades = np.log10(TOTALS)
    np.testing.assert_allclose(line.slope, np.polyfit(decades, line.advantage, 1)[0], rtol=1e-9)
    assert len(set(line.shared)) == 2
