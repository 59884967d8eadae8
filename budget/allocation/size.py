"""The best inputs at a given spend: how a model's FLOPs are divided between parameters and tokens.

Along ``cost(n, d) = c`` the objective is a convex function of ``n`` alone (partial minimization of a convex function
over the convex set ``cost ≤ c``), so the root of its derivative is found by bisection, for all models at once.
"""

import numpy as np

from budget.curves.posynomial import Posynomial

REACH = 60.0
"""Half width of the search in log params, about the point where params equal tokens: 26 decades either way."""


def best_inputs(value: Posynomial, cost: Posynomial, spend: np.ndarray) -> np.ndarray:
    """Log inputs that minimize each model's value at its spend.

    Args:
        value: V objectives over I = 1 or 2 inputs, falling in each.
        cost: V costs over the same inputs, rising in the last.
        spend: (V,) positive.

    Returns:
        (V, I) log inputs with ``cost = spend``. Where one input brings nothing, it ends at the edge of the search.
    """
    log_spend = np.log(spend)
    if value.exponent.shape[2] == 1:
        return last_input(cost, np.empty((len(cost), 0)), log_spend)
    centre = (log_spend - cost.log_coef.max(axis=1)) / cost.exponent.sum(axis=2).max(axis=1)
    low, high = centre - REACH, centre + REACH
    for _ in range(80):
        middle = 0.5 * (low + high)
        u = last_input(cost, middle[:, None], log_spend)
        of_value, of_cost = value.gradient(u), cost.gradient(u)
        rising = of_value[:, 0] - of_value[:, 1] * of_cost[:, 0] / of_cost[:, 1] > 0
        low, high = np.where(rising, low, middle), np.where(rising, middle, high)
    return last_input(cost, (0.5 * (low + high))[:, None], log_spend)


def last_input(cost: Posynomial, others: np.ndarray, log_spend: np.ndarray) -> np.ndarray:
    """All log inputs, the last one chosen so that the cost equals the spend.

    Newton's method on the logarithm of the cost, which is convex and rising in the last input, from a point where
    the cost is not below the spend: the iterates fall monotonically to the root.

    Args:
        cost: V costs over I inputs.
        others: (V, I − 1) the other log inputs.
        log_spend: (V,).
    """
    rest = cost.log_coef + np.einsum("vmi,vi->vm", cost.exponent[:, :, :-1], others)
    slope = cost.exponent[:, :, -1]
    last = ((log_spend[:, None] - rest) / slope).min(axis=1)
    for _ in range(60):
        logs = rest + slope * last[:, None]
        top = logs.max(axis=1, keepdims=True)
        shares = np.exp(logs - top)
        total = shares.sum(axis=1)
        excess = top[:, 0] + np.log(total) - log_spend
        last = last - excess * total / (shares * slope).sum(axis=1)
        if np.abs(excess).max() < 1e-14:
            break
    return np.column_stack([others, last])
