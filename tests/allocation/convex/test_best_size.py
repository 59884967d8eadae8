"""The best inputs at a spend, and the projection onto the budget."""

import numpy as np
import pytest
from scipy.optimize import brentq, minimize_scalar

from budget.allocation.convex.best_size import best_inputs, last_input
from budget.allocation.plan.baselines import rule_of_thumb
from budget.curves.planning_forms.posynomial import Posynomial

VALUE = Posynomial(np.array([0.5]), np.log([[406.4, 410.7]]), np.array([[[-0.34, 0.0], [0.0, -0.28]]]))
SIX_N_D = Posynomial(np.zeros(1), np.log([[6.0]]), np.array([[[1.0, 1.0]]]))
WITH_ATTENTION = Posynomial(np.zeros(1), np.log([[6.0, 5e4]]), np.array([[[1.0, 1.0], [0.4, 1.1]]]))


@pytest.mark.parametrize("spend", [1e12, 1e20, 1e26])
def test_hoffmanns_closed_form(spend):
    """Equation 4 of arXiv 2203.15556: ``N = G·(C/6)^(beta/(alpha+beta))`` and ``D = (C/6)/N``."""
    n, d = np.exp(best_inputs(VALUE, SIX_N_D, np.array([spend]))[0])
    gain = (0.34 * 406.4 / (0.28 * 410.7)) ** (1 / 0.62)
    np.testing.assert_allclose(
        [n, d], [gain * (spend / 6) ** (0.28 / 0.62), (spend / 6) ** (0.34 / 0.62) / gain], rtol=1e-9
    )


def test_posynomial_cost_against_scipy():
    u = best_inputs(VALUE, WITH_ATTENTION, np.array([1e18]))

    def along(log_n):
        log_d = brentq(lambda d: WITH_ATTENTION.value(np.array([[log_n, d]]))[0] / 1e18 - 1, -50, 45)
        return VALUE.value(np.array([[log_n, log_d]]))[0]

    best = minimize_scalar(along, bounds=(5, 40), method="bounded", options={"xatol": 1e-12})
    np.testing.assert_allclose(VALUE.value(u)[0], best.fun, rtol=1e-12)
    np.testing.assert_allclose(WITH_ATTENTION.value(u), [1e18], rtol=1e-12)


def test_no_size_nearby_is_better_at_the_same_cost():
    """Many models at once, with and without a place to start from, over 30 decades of spend."""
    random = np.random.default_rng(3)
    count = 300
    exponent = np.zeros((count, 2, 2))
    exponent[:, [0, 1], [0, 1]] = -random.uniform(0.05, 1.5, (count, 2))
    value = Posynomial(np.zeros(count), random.normal(0, 3, (count, 2)), exponent)
    cost, spend = WITH_ATTENTION.take(np.zeros(count, dtype=int)), 10.0 ** random.uniform(-4, 26, count)
    u = best_inputs(value, cost, spend)
    np.testing.assert_allclose(cost.value(u), spend, rtol=1e-12)
    for way in (-1e-3, 1e-3):
        other = last_input(cost, u[:, :1] + way, np.log(spend))
        assert np.all(value.value(other) > value.value(u))
    again = best_inputs(value, cost, spend * 1.001, near=u)
    np.testing.assert_allclose(again, best_inputs(value, cost, spend * 1.001), atol=1e-10)


def test_an_input_that_brings_nothing_ends_at_the_edge_of_the_search():
    flat = Posynomial(np.zeros(2), np.log([[400.0, 1e-300], [400.0, 300.0]]), np.repeat(VALUE.exponent, 2, axis=0))
    u = best_inputs(flat, SIX_N_D.take(np.zeros(2, dtype=int)), np.full(2, 1e20))
    assert np.isfinite(u).all() and u[0, 0] - u[1, 0] > 40
    np.testing.assert_allclose(u.sum(axis=1), np.log(1e20 / 6), rtol=1e-12)


def test_last_input_meets_the_spend_far_from_the_crossover():
    others = np.array([[0.0], [20.0], [60.0]])
    cost = WITH_ATTENTION.take(np.zeros(3, dtype=int))
    spend = np.array([1e3, 1e15, 1e25])
    np.testing.assert_allclose(cost.value(last_input(cost, others, np.log(spend))), spend, rtol=1e-11)


def test_rule_of_thumb_has_twenty_tokens_a_parameter():
    u = rule_of_thumb(WITH_ATTENTION, 1e20)
    np.testing.assert_allclose(u[0, 1] - u[0, 0], np.log(20))
    np.testing.assert_allclose(WITH_ATTENTION.value(u), [1e20], rtol=1e-9)
