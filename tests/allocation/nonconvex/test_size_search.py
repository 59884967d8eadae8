"""The size found at a spend is as good as the best of a fine grid of sizes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from budget.allocation.convex.best_size import last_input
from budget.allocation.nonconvex.size_search import best_sizes
from budget.curves.planning_forms.posynomial import Posynomial


@given(st.integers(0, 10_000))
def test_no_size_of_a_fine_grid_is_better(seed: int) -> None:
    rng = np.random.default_rng(seed)
    models, tasks = 3, int(rng.integers(1, 4))
    cost = Posynomial(
        np.zeros(models), np.full((models, 1), np.log(6.0)), np.ones((models, 1, 2)), domain=np.zeros((models, 2))
    )
    log_spend = np.log(6.0) + rng.uniform(2.0, 30.0, models)
    power, scale = rng.uniform(0.1, 0.6, (2, models, tasks)), np.exp(rng.uniform(0.0, 8.0, (2, models, tasks)))

    def worth(row: np.ndarray, u: np.ndarray) -> np.ndarray:
        """The worst of several tasks' values, whose best sizes differ."""
        terms = scale[:, row] * np.exp(-power[:, row] * u.T[:, :, None])
        return terms.sum(axis=0).max(axis=1)

    value, u = best_sizes(cost, log_spend, worth)
    np.testing.assert_allclose(cost.value(u), np.exp(log_spend), rtol=1e-9)
    np.testing.assert_array_equal(worth(np.arange(models), u), value)
    for model in range(models):
        sizes = np.linspace(0.0, log_spend[model] - np.log(6.0), 20_001)[:, None]
        rows = np.full(len(sizes), model)
        grid = worth(rows, last_input(cost.take(rows), sizes, np.full(len(sizes), log_spend[model])))
        assert value[model] <= grid.min() * (1 + 1e-6)
