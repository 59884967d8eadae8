"""Problems of one shared model, made from the law as the oracles write it."""

from dataclasses import replace

import numpy as np

from budget.allocation.mixture.best_shares import inside
from budget.allocation.mixture.mixture_problem import MixtureProblem
from budget.curves.cost_law import Cost
from budget.curves.laws.transfer import LEAST_SHARE

PLAIN = ((6.0, 1.0),)
TWO_TERMS = ((6.0, 1.0), (900.0, 0.5))
DEAR_WHEN_SMALL = ((6.0, 1.0), (1e20, -0.9))
"""A cost that falls with the size at first, as a fitted second term may."""


def truth(seed: int, tasks: int, sources: int, *, harm: float = 0.3, cost=PLAIN) -> dict:
    """A random law: tasks × sources of coefficients from ``−harm`` to .9, and 1 for a task's own source."""
    random = np.random.default_rng(seed)
    tau = random.uniform(-harm, 0.9, (tasks, sources))
    own = np.arange(min(tasks, sources))
    tau[own, own] = 1.0
    alpha, beta = random.uniform(0.2, 0.5, (2, tasks))
    weight = random.uniform(0.5, 2.0, tasks)
    return {
        "E": random.uniform(0.5, 2.0, tasks),
        "A": random.uniform(0.1, 1.0, tasks) * 1e9**alpha,
        "alpha": alpha,
        "B": random.uniform(0.1, 1.0, tasks) * 1e10**beta,
        "beta": beta,
        "tau": tau,
        "weight": weight / weight.sum(),
        "cost": cost,
    }


def blend_of(
    truth: dict, budget: float, *, params: float = np.nan, limit=None, least: float = LEAST_SHARE
) -> MixtureProblem:
    """The problem in one scenario; a size makes the budget one of tokens."""
    kappa, p = np.array(truth["cost"]).T
    log_weight = np.log(truth["weight"])
    return MixtureProblem(
        floor=np.array([truth["E"] @ truth["weight"]]),
        capacity=(np.log(truth["A"]) + log_weight)[None],
        alpha=truth["alpha"][None],
        data=(np.log(truth["B"]) + log_weight)[None],
        beta=truth["beta"][None],
        tau=truth["tau"][None],
        least=least,
        cost=None
        if np.isfinite(params)
        else replace(
            Cost(kappa, p, np.full_like(p, truth.get("q", 1.0)), 0.0, 0.0).posynomial(1), domain=np.zeros((1, 2))
        ),
        budget=budget,
        log_params=float(np.log(params)),
        limit=np.full(truth["tau"].shape[1], np.inf) if limit is None else np.asarray(limit, dtype=float),
    )


def start_of(truth: dict) -> np.ndarray | None:
    """A mixture inside the domain (1, S), if there is one."""
    found = inside(truth["tau"], LEAST_SHARE)
    return None if found is None else found[None]
