"""Mixtures that need no optimizer, each at its own best size and the plan's budget: what the plan has to beat."""

import numpy as np

from budget.allocation.mixture.mixture_problem import (
    MixtureProblem,
    effective_share,
    law_inputs_at,
    objective_at,
    sources_of,
    spend_on,
)
from budget.allocation.mixture.shared_plan import MixtureBaseline
from budget.allocation.plan.baselines import PROPORTIONAL, UNIFORM, WITHIN
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.numerics.fill_to_budget import fill_to_budget

GRID = 401
"""Sizes tried in each round of the search for a mixture's best size."""

ROUNDS = 4
"""Rounds, each of two hundredths of the width before: the last one's steps are 1e-6 in log params."""


def mixture_baselines(curves: Curves, spec: PlanSpec, blend: MixtureProblem) -> tuple[MixtureBaseline, ...]:
    """The uniform mixture, and the tasks' own sources by weight where every task has one.

    Where sources run out, the rest of the tokens is of the others, and the name says so.

    Args:
        curves: of the question's tasks.
        spec: what is asked.
        blend: its problem under the point fit.
    """
    sources, tasks = sources_of(curves), np.arange(len(curves.tasks))
    task_settings = {UNIFORM: np.full(len(sources), 1 / len(sources))}
    if set(curves.tasks) <= set(sources):
        own = dict(zip(curves.tasks, spec.weight, strict=True))
        by_weight = np.array([own.get(source, 0.0) for source in sources])
        if not np.allclose(by_weight, task_settings[UNIFORM]):
            task_settings[PROPORTIONAL] = by_weight
    result = []
    for name, wish in task_settings.items():
        size, tokens = _best_size(blend, wish)
        at, spend, share = law_inputs_at(curves, size, tokens), spend_on(blend, size, tokens), tokens / tokens.sum()
        result.append(
            MixtureBaseline(
                name=name if np.allclose(share, wish, rtol=1e-9, atol=0.0) else name + WITHIN,
                objective=objective_at(curves, spec, at),
                total=spend,
                spend=np.full(len(tasks), spend),
                predicted=curves.predict(tasks, at)[0],
                params=size,
                sources=sources,
                share=share,
            )
        )
    return tuple(result)


def _best_size(blend: MixtureProblem, wish: np.ndarray) -> tuple[float, np.ndarray]:
    """The size at which a given mixture is best, and its tokens (S,): a grid of sizes, refined about its best point."""
    if not blend.sized:
        return float(np.exp(blend.log_params)), fill_to_budget(wish, blend.budget, 0.0, blend.limit)
    scenarios = blend.take(np.zeros(GRID, dtype=int))
    least, most = blend.sizes
    centre, wide = 0.5 * (least + most), 0.5 * (most - least)
    for _ in range(ROUNDS):
        n = np.clip(centre + np.linspace(-wide, wide, GRID), least, most)
        tokens = fill_to_budget(wish, np.exp(scenarios.tokens(n)[0]), 0.0, blend.limit)
        total = tokens.sum(axis=1)
        share = tokens / total[:, None]
        effective = effective_share(blend.tau, share, blend.least)
        at = int(scenarios.value(n, np.log(total), effective).argmin())
        centre, wide = float(n[at]), 4 * wide / GRID
    return float(np.exp(centre)), tokens[at]
