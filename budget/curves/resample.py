"""Draws of row weights: the bootstrap over runs, joint over tasks."""

import numpy as np
from scipy.special import gammaincinv

from budget.tables.runs import Runs


def row_weights(runs: Runs, parameters: int, draws: int, seed: int) -> np.ndarray:
    """Bootstrap weights of every row.

    A weighted ("Bayesian", Rubin 1981) bootstrap: each run, the unit of independent noise, gets a gamma weight of mean
    1, and all its rows, in whatever tasks, share it. That keeps every draw fittable, which resampling a handful of
    runs with replacement does not. The gamma variance is n/(n − P) for a task of n runs and a law of P parameters, not
    1: a correction for the parameters that the fit has used up. Tasks of different n see the same uniform
    number of a run through their own gamma quantile, so draws stay joint.

    Args:
        runs: the measurements (R rows).
        parameters: P of the law.
        draws: number of draws B.
        seed: of the generator.

    Returns:
        Weights (B, R), mean near 1 in each task; 1 for tasks that have no more than P runs.
    """
    uniform = np.random.default_rng(seed).uniform(size=(draws, len(runs.run_names)))
    weights = np.ones((draws, len(runs.task)))
    quantiles: dict[float, np.ndarray] = {}
    for task in range(len(runs.tasks)):
        mine = runs.task == task
        count = len(np.unique(runs.run[mine]))
        if count <= parameters:
            continue
        shape = (count - parameters) / count
        if shape not in quantiles:
            quantiles[shape] = np.maximum(gammaincinv(shape, uniform) / shape, 1e-6)
        drawn = quantiles[shape][:, runs.run[mine]]
        weights[:, mine] = drawn / drawn.mean(axis=1, keepdims=True)
    return weights
