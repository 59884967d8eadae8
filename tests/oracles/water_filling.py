"""The optimal split in closed form, written without the package: bisection on the common marginal return.

For ``v_i(x) = E_i + A_i·x^-a_i`` the marginal return is ``w_i·A_i·a_i·x^-(a_i+1)``; at the optimum it is the same for
every task between its limits (Karush, Kuhn and Tucker). A task of two scales with cost ``6·N·D`` is such a law in its
compute, with ``a = alpha·beta/(alpha + beta)``.
"""

import numpy as np
from scipy.optimize import brentq


def split(weight, coefficient, exponent, budget, low=None, high=None):
    """Optimal spends (T,) and the objective's reducible part."""
    low = np.zeros_like(weight) if low is None else low
    high = np.full_like(weight, np.inf) if high is None else high

    def spends(log_price):
        logs = (np.log(weight * coefficient * exponent) - log_price) / (1 + exponent)
        return np.clip(np.exp(np.clip(logs, -700, 700)), low, high)

    if spends(-2000.0).sum() <= budget:
        return spends(-2000.0), None
    price = brentq(
        lambda log_price: np.log(spends(log_price).sum()) - np.log(budget), -2000.0, 2000.0, xtol=1e-15, rtol=1e-15
    )
    chosen = spends(price)
    return chosen, float((weight * coefficient * chosen**-exponent).sum())


def in_compute(a_coefficient, alpha, b_coefficient, beta):
    """Coefficient and exponent in FLOPs of ``A/N^alpha + B/D^beta`` with ``6·N·D`` spent at its best."""
    gamma = alpha * beta / (alpha + beta)
    ratio = (alpha * a_coefficient / (beta * b_coefficient)) ** (1 / (alpha + beta))
    at_one = a_coefficient * (ratio * 6.0 ** (-beta / (alpha + beta))) ** -alpha
    at_one += b_coefficient * (6.0 ** (-alpha / (alpha + beta)) / ratio) ** -beta
    return at_one, gamma
