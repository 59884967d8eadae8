"""The fit by an independent optimizer: SciPy's L-BFGS-B with exact gradients from many random starts."""

import numpy as np
from scipy.optimize import minimize

DELTA = 1e-3


def objective(theta, log_n, log_d, log_value):
    """Huber(1e-3) on log residuals as a sum, with its gradient, in Hoffmann's parameters (a, b, e, alpha, beta)."""
    a, b, e, alpha, beta = theta
    terms = np.array([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
    top = terms.max(axis=0)
    share = np.exp(terms - top)
    total = share.sum(axis=0)
    residual = top + np.log(total) - log_value
    share = share / total
    inside = np.abs(residual) <= DELTA
    loss = np.where(inside, 0.5 * residual**2, DELTA * (np.abs(residual) - 0.5 * DELTA)).sum()
    slope = np.where(inside, residual, DELTA * np.sign(residual))
    gradient = [share[0], share[1], share[2], -share[0] * log_n, -share[1] * log_d] @ slope
    return loss, gradient


def best_loss(params, tokens, value, starts=100, seed=0):
    """The lowest loss that many starts reach, about a centred scale."""
    log_n, log_d = np.log(params), np.log(tokens)
    log_n, log_d, log_value = log_n - log_n.mean(), log_d - log_d.mean(), np.log(value)
    random = np.random.default_rng(seed)
    best = np.inf
    for _ in range(starts):
        start = np.array(
            [*random.uniform(-3, 1, 2), log_value.min() - random.exponential(2), *random.uniform(0.05, 1.0, 2)]
        )
        # the objective is about 1e-3 in size: unscaled, L-BFGS-B stops early and reports success
        found = minimize(
            lambda theta: tuple(1e4 * part for part in objective(theta, log_n, log_d, log_value)),
            start,
            jac=True,
            method="L-BFGS-B",
            bounds=[(-23, 12), (-23, 12), (-60, 3), (0.005, 3), (0.005, 3)],
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-12},
        )
        best = min(best, found.fun / 1e4)
    return best
