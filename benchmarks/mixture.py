"""Prints what plans of one shared model cost and how near they are proven to be: size and mixture, two shapes.

Usage: python benchmarks/mixture.py [--write]
"""

import time
from dataclasses import replace

import figures
import numpy as np
from scipy.optimize import minimize

from budget.allocation.mixture.best_shares import inside
from budget.allocation.mixture.finite_sources import solve_limited
from budget.allocation.mixture.iso_loss import iso_loss
from budget.allocation.mixture.mixture_problem import MixtureProblem
from budget.allocation.mixture.solve_mixture import certify_mixture, solve_mixture
from budget.curves.cost_law import Cost
from budget.curves.laws.transfer import LEAST_SHARE

BUDGET = 1e21
DRAWS = 200


def random_blend(
    tasks: int, sources: int, scenarios: int, seed: int, limit: float = np.inf
) -> tuple[MixtureProblem, np.ndarray]:
    """Problems with help and harm between sources, and a mixture inside the domain of each."""
    random = np.random.default_rng(seed)
    tau = random.uniform(-0.3, 0.9, (scenarios, tasks, sources))
    own = np.arange(min(tasks, sources))
    tau[:, own, own] = 1.0
    alpha, beta = random.uniform(0.2, 0.5, (2, scenarios, tasks))
    cost = Cost(np.array([6.0, 900.0]), np.array([1.0, 0.5]), np.ones(2), 0.0, 0.0)
    blend = MixtureProblem(
        floor=np.full(scenarios, 1.5),
        capacity=np.log(random.uniform(0.1, 1, alpha.shape) / tasks) + alpha * np.log(1e9),
        alpha=alpha,
        data=np.log(random.uniform(0.1, 1, alpha.shape) / tasks) + beta * np.log(1e10),
        beta=beta,
        tau=tau,
        least=LEAST_SHARE,
        cost=replace(cost.posynomial(1), domain=np.zeros((1, 2))),  # from one parameter and one token on
        budget=BUDGET,
        log_params=np.nan,
        limit=limit * random.uniform(0.1, 1.0, sources),
    )
    starts = [inside(each, LEAST_SHARE) for each in tau]
    there = [at for at, start in enumerate(starts) if start is not None]
    return blend.take(np.array(there, dtype=int)), np.array([starts[at] for at in there])


def by_scipy(blend: MixtureProblem, start: np.ndarray) -> float:
    """The same value by SLSQP over log size and shares, from the start mixture at three sizes."""

    def value(x: np.ndarray) -> float:
        n = x[:1]
        effective = np.maximum(blend.tau[0] @ x[1:], 1e-6)
        return float(blend.value(n, blend.tokens(n)[0], effective[None])[0])

    conditions = [
        {"type": "ineq", "fun": lambda x: 1 - x[1:].sum()},
        {"type": "ineq", "fun": lambda x: (blend.tau[0] - LEAST_SHARE) @ x[1:]},
    ]
    return min(
        minimize(
            value,
            np.append(np.log(size), start[0]),
            method="SLSQP",
            bounds=[(np.log(1e6), np.log(1e13)), *[(0, 1)] * start.shape[1]],
            constraints=conditions,
            options={"ftol": 1e-14, "maxiter": 1000},
        ).fun
        for size in (5e8, 2e9, 8e9)
    )


def main() -> None:
    """Measure and put the figures."""
    lines = []
    for tasks, sources in ((5, 5), (20, 17)):
        blend, start = random_blend(tasks, sources, 1, 1)
        solve_mixture(blend, start)  # the first call loads LAPACK
        began = time.perf_counter()
        best = solve_mixture(blend, start)
        bound, _ = certify_mixture(blend, best)
        spent = time.perf_counter() - began
        above = best.value[0] - blend.floor[0]
        began = time.perf_counter()
        other = by_scipy(blend, start)
        lines.append(
            f"size and mixture of {sources} sources for {tasks} tasks: {spent * 1e3:.0f} ms, gap "
            f"{max(0, best.value[0] - bound) / above:.0e} of what lies above the floors (SciPy's SLSQP: "
            f"{time.perf_counter() - began:.1f} s, worse by {(other - best.value[0]) / above:.0e})"
        )
        limited, start = random_blend(tasks, sources, 1, 1, limit=3e10 / sources)
        began = time.perf_counter()
        best, bound = solve_limited(limited, start, 1e-7)
        lines.append(
            f"the same with limited sources: {(time.perf_counter() - began) * 1e3:.0f} ms, gap "
            f"{(best.value[0] - bound) / (best.value[0] - limited.floor[0]):.0e}"
        )
        scenarios, starts = random_blend(tasks, sources, DRAWS, 2)
        began = time.perf_counter()
        solve_mixture(scenarios, starts)
        lines.append(f"the same in {len(scenarios)} draws: {time.perf_counter() - began:.1f} s")
    for ratio, published in ((2, "1.18 and 1.66"), (4, "1.4 and 2.74")):
        size, tokens = iso_loss(0.11 / 0.243, 0.04 / 0.272, 0.11, -0.04, ratio)
        lines.append(
            f"{ratio} times the tasks at the same loss: size × {size:.3f}, tokens × {tokens:.3f} "
            f"(published: {published})"
        )
    figures.put("mixture", figures.bullets(lines))


if __name__ == "__main__":
    main()
