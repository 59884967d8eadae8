"""One shared model's size and mixture by SciPy's SLSQP on the law as it is written, and by brute force."""

import numpy as np
from scipy.optimize import minimize

LEAST = 1e-2


def value(truth: dict, params, tokens) -> np.ndarray:
    """Weighted mean of ``E + A/N^alpha + B/(tau·D)^beta`` at sizes (...,) and tokens (..., S)."""
    effective = tokens @ truth["tau"].T
    size = truth["A"] * np.asarray(params)[..., None] ** -truth["alpha"]
    return ((truth["E"] + size + truth["B"] * effective ** -truth["beta"]) * truth["weight"]).sum(axis=-1)


def tokens_left(truth: dict, params, budget):
    """Tokens that ``C = Σ κ·N^p·D^q`` leaves, q being 1 where the law does not say."""
    return (budget / sum(kappa * np.asarray(params) ** p for kappa, p in truth["cost"])) ** (1 / truth.get("q", 1.0))


def slsqp(truth: dict, budget: float, *, limit=None, starts: int = 6, seed: int = 0) -> float:
    """The best value over log size and shares of the affordable tokens, from several starts."""
    random = np.random.default_rng(seed)
    sources = truth["tau"].shape[1]
    limit = np.full(sources, np.inf) if limit is None else limit

    def mixture(x):
        params = np.exp(x[0])
        return params, x[1:] * tokens_left(truth, params, budget)

    conditions = [
        {"type": "ineq", "fun": lambda x: 1 - x[1:].sum()},
        {"type": "ineq", "fun": lambda x: 100 * (truth["tau"] - LEAST) @ x[1:]},
    ]
    if np.isfinite(limit).any():
        bound = np.isfinite(limit)
        conditions.append({"type": "ineq", "fun": lambda x: 1 - (mixture(x)[1] / limit)[bound]})

    def objective(x):
        params, tokens = mixture(x)
        effective = np.maximum(tokens @ truth["tau"].T, 1e-6 * tokens_left(truth, params, budget))
        size = truth["A"] * params ** -truth["alpha"]
        return float(((truth["E"] + size + truth["B"] * effective ** -truth["beta"]) * truth["weight"]).sum())

    best = np.inf
    for _ in range(starts):
        start = np.append(random.uniform(np.log(3e8), np.log(1e10)), random.dirichlet(np.ones(sources)))
        found = minimize(
            objective,
            start,
            method="SLSQP",
            bounds=[(np.log(1e5), np.log(1e14)), *[(0, 1)] * sources],
            constraints=conditions,
            options={"ftol": 1e-15, "maxiter": 2000},
        )
        kept = all((np.atleast_1d(each["fun"](found.x)) > -1e-9).all() for each in conditions)
        if kept and found.fun < best:
            best = found.fun
    return best


def over_sizes(truth: dict, budget: float, *, limit=None, sizes: int = 1201, shares: int = 801) -> np.ndarray:
    """The best value at each of many sizes, on a grid of shares of two sources; a limited source is taken to its end.

    Infinite where no mixture of the grid leaves every task the least effective data.
    """
    limit = np.full(2, np.inf) if limit is None else limit
    params = np.geomspace(1e6, 1e13, sizes)[:, None]
    share = np.linspace(0, 1, shares)[None]
    tokens = tokens_left(truth, params, budget)[..., None] * np.stack([share, 1 - share], axis=-1)
    tokens = np.minimum(tokens, limit)
    inside = (tokens @ (truth["tau"] - LEAST).T > 0).all(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = value(truth, params + 0 * share, tokens)
    return np.where(inside, found, np.inf).min(axis=1)


def brute_force(truth: dict, budget: float, *, limit=None) -> float:
    """The best value on that grid."""
    return float(over_sizes(truth, budget, limit=limit).min())
