"""Candidate runs: their tokens a parameter are like those of the runs that were measured."""

from dataclasses import replace

import numpy as np
import pytest

from budget.curves.cost_law import Cost
from budget.studies.next_runs.next_runs import next_runs
from budget.studies.next_runs.run_grid import RATIO_REACH, affordable, groups_of
from budget.tables.tasks import default_tasks
from tests import made

ATTENTION = Cost(np.array([5.0, 300.0]), np.array([1.0, 0.3]), np.array([1.0, 1.2]), 0.0, 0.0)
"""A cost of two terms, by which tokens do not fall as one over the size."""


def random_question(seed):
    """Curves of three tasks measured at random ratios, and a spend; of odd seeds one run measures two of the tasks."""
    random = np.random.default_rng(seed)
    params = random.uniform(6, 9, (3, 5))
    ratio = random.uniform(-1, 2, (3, 1)) + random.uniform(0, 1.5) * random.uniform(0, 1, (3, 5))
    if seed % 2:
        params[1], ratio[1] = params[0], ratio[0]
    scales = {"params": 10**params, "tokens": 10 ** (params + ratio)}
    cost = ATTENTION if seed % 3 == 0 else made.SIX
    scales["flops"] = cost.flops(scales["params"], scales["tokens"])
    smallest, largest = ({name: pick(each, axis=1) for name, each in scales.items()} for pick in (np.min, np.max))
    curves = replace(
        made.chinchilla(cost=cost, draws=2),
        smallest=smallest,
        largest=largest,
        ratios=np.stack([10.0 ** pick(ratio, axis=1) for pick in (np.min, np.max)], axis=1),
        **({"shared": np.array([True, True, False]), "group": np.array([0, 0, 1])} if seed % 2 else {}),
    )
    return curves, largest["flops"].max() * 10 ** random.uniform(-3, 2)


def of_curves(curves, spend, reach):
    """The candidates and their tokens a parameter."""
    runs = affordable(curves, default_tasks(curves.tasks), groups_of(curves), spend, reach)
    return runs, runs.inputs[:, 1] / runs.inputs[:, 0]


@pytest.mark.parametrize("seed", range(40))
def test_every_run_has_tokens_a_parameter_like_the_measured_ones(seed):
    curves, spend = random_question(seed)
    runs, ratio = of_curves(curves, spend, 10.0)
    whose = groups_of(curves)
    measured = np.array([curves.ratios[whose[group][0]] for group in runs.group]).reshape(-1, 2)
    assert (measured[:, 0] / RATIO_REACH <= ratio).all() and (ratio <= RATIO_REACH * measured[:, 1]).all()
    assert (runs.cost <= spend * (1 + 1e-12)).all()
    free, _ = of_curves(curves, spend, np.inf)
    assert set(runs.group) == set(free.group)  # every task that had a run still has one


def test_sizes_beyond_the_ratios_are_moved_to_their_ends():
    """At each cost the shapes reach from one end to the other: a run there still tells params and tokens apart."""
    curves = replace(made.chinchilla(draws=2), ratios=np.tile([20.0, 30.0], (3, 1)))
    runs, ratio = of_curves(curves, 1e21, 10.0)
    for group in range(3):
        dear = ratio[(runs.group == group) & (runs.cost > 0.9e21)]
        assert dear.min() == pytest.approx(20 / RATIO_REACH, rel=0.03)
        assert dear.max() == pytest.approx(30 * RATIO_REACH, rel=0.03)


def test_nothing_is_limited_without_a_reach_or_in_files_that_do_not_say():
    silent = made.chinchilla(draws=2)
    assert np.isnan(silent.ratios).all()
    known = replace(silent, ratios=np.tile([20.0, 30.0], (3, 1)))
    for curves, reach in ((silent, 10.0), (known, np.inf)):
        _, ratio = of_curves(curves, 1e21, reach)
        assert ratio.max() > 3 * 90 and ratio.min() < 20 / 3 / 3


def test_the_chosen_runs_are_within_the_ratios_of_the_fit(noisy_curves):
    assert np.isfinite(noisy_curves.ratios).all()
    table = next_runs(noisy_curves, default_tasks(noisy_curves.tasks), 1e23, 1e22, reach=10.0).table()
    at = [noisy_curves.tasks.index(task) for task in table["task"]]
    fewest, most = noisy_curves.ratios[at].T
    ratio = table["tokens"] / table["params"]
    assert table["chosen"].any() and (fewest / RATIO_REACH <= ratio).all() and (ratio <= most * RATIO_REACH).all()
