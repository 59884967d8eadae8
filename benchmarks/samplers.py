"""Prints how NUTS of NumPyro compares with the package's tempering on the law ``surface``.

Both sample the same density: the rows' weights are those that tempering has settled on. NUTS runs four chains from
draws of the prior; drifts are drawn by the package's own code from either's points. CPU time is without compilation.
``behind`` is by how much the mean of minus the logarithm of the density is larger in the package's population: 0 where
both have arrived, and what no R-hat between groups shows that lag together.

Usage: python benchmarks/samplers.py [--tasks N] [--steps N], where NumPyro is installed
"""

import argparse
import time
from functools import partial
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from extrapolation_cases import OWN

from budget.curves.laws.surface import LAW
from budget.curves.predictive.observations import observe
from budget.curves.predictive.surfaces import likelihood
from budget.curves.predictive.surfaces import sampling as engine
from budget.curves.predictive.surfaces.rows import Rows, by_run, rows_of
from budget.curves.predictive.tempering import convergence, temper
from budget.numerics import streams
from budget.process_settings import prepare_to_fit
from budget.tables.runs import runs_from_frame

CHAINS = 4
FAR = float(np.log(10.0))
"""How far beyond the largest params and tokens quantiles are compared."""


def tempered(key: Any, *fields: Any) -> tuple[Any, Any]:
    """One task's population and the weights that it has settled on, as ``surfaces`` finds them."""
    rows = Rows(*fields)
    population = temper(
        key,
        likelihood.COORDINATES,
        lambda points: likelihood.read(points, rows),
        lambda seen, state: likelihood.log_likelihood(seen, rows, state),
        lambda seen, state: likelihood.weigh(seen, rows, state),
        likelihood.Decomposed.none_yet(rows),
    )
    return population.points, population.state


def potential(rows: Any, state: Any, point: Any) -> Any:
    """Minus the logarithm of the density of one point (C,), in all digits, for gradients."""
    log_s, log_sigma = (each[0] for each in likelihood.rates_of(point[None]))
    residual = likelihood.residual_of(point[None], rows)
    whitened = likelihood.whitened(rows, state.root, residual.T)[:, 0]
    along = (residual[0] @ state.along) * jnp.sqrt(state.values)
    ratio = jnp.exp(2 * (log_s - log_sigma))
    explained = (along**2 * ratio / (1 + ratio * state.values)).sum()
    square = ((whitened**2).sum() - explained) * jnp.exp(-2 * log_sigma)
    spread = jnp.log1p(ratio * state.values).sum()
    return rows.there.sum() * log_sigma + 0.5 * (spread + square) + 0.5 * (point**2).sum()


def timed(call: Any) -> tuple[Any, float]:
    """What a call gives the second time, and its CPU seconds."""
    jax.block_until_ready(call())
    start = time.process_time()
    found = jax.block_until_ready(call())
    return found, time.process_time() - start


def quantiles(observations: Any, rows: Any, found: Any) -> np.ndarray:
    """(3,) logarithms of the 10, 50 and 90 % points far beyond the runs, drifts drawn by the package's own code."""
    points, state = found
    theta, log_s, log_sigma = likelihood.shape_of(points, rows)
    along = (likelihood.residual_of(points, rows) @ state.along) * jnp.sqrt(state.values)
    one = (theta, log_s, log_sigma, along, state.values, state.axes, points, jnp.ones(()), jnp.zeros(()))
    batched = tuple(np.asarray(each)[None] for each in one)
    with mock.patch.object(engine, "vmap_in_chunks", lambda *_, **__: batched):
        posterior = engine.sample_surfaces(observations, draws=len(points), seed=0)
    return np.quantile(np.log(LAW.value(posterior.draws[:, 0], np.full(2, FAR))), [0.1, 0.5, 0.9])


def main() -> None:
    """Sample some of the project's own tasks by both and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=6)
    parser.add_argument("--steps", type=int, default=500)
    options = parser.parse_args()
    prepare_to_fit()
    try:
        from numpyro.diagnostics import effective_sample_size, split_gelman_rubin
        from numpyro.infer import MCMC, NUTS
    except ImportError:
        raise SystemExit("NumPyro is not installed, so there is nothing to compare with.") from None
    jax.config.update("jax_enable_x64", True)  # the programs are called outside the package's own calls here
    frame = pd.read_csv(OWN / "runs.csv")
    frame = frame[frame["strategy"] == "specialist"][["task", "run", "params", "tokens", "value", "metric"]]
    runs = runs_from_frame(frame)
    count, unknown = len(runs.tasks), np.full(len(runs.tasks), np.nan)
    every = observe(runs, np.arange(count), ("params", "tokens"), unknown, unknown, unknown)
    print("task           CPU s: ours  NUTS   effective: ours  NUTS   R-hat: ours  NUTS   behind   ln of 10, 50, 90 %")
    sampler = jax.jit(tempered)
    for task in range(0, count, max(1, count // options.tasks))[: options.tasks]:
        observations = by_run(every.take([task]))
        fields, _ = rows_of(observations)
        rows = Rows(*(jnp.asarray(each[0]) for each in fields))
        key = (streams.keys(observations.names) ^ streams.keys(["surface 0"]))[0]
        (points, state), ours = timed(lambda key=key, rows=rows: sampler(key, *rows))
        rhat, effective = convergence(np.asarray(points)[None], np)
        with mock.patch.object(likelihood, "PRECISION", jnp.float64):
            kernel = NUTS(potential_fn=partial(potential, rows, state), target_accept_prob=0.9)
            chains = MCMC(
                kernel,
                num_warmup=options.steps,
                num_samples=options.steps,
                num_chains=CHAINS,
                chain_method="vectorized",
                progress_bar=False,
            )
            first = jax.random.normal(jax.random.PRNGKey(1), (CHAINS, likelihood.COORDINATES))

            def run(chains: Any = chains, first: Any = first) -> Any:
                chains.run(jax.random.PRNGKey(0), init_params=first)
                return chains.get_samples(group_by_chain=True)

            drawn, theirs = timed(run)
        drawn = np.asarray(drawn)
        thinned = jnp.asarray(drawn.reshape(-1, drawn.shape[-1])[:: max(1, CHAINS * options.steps // 256)][:256])
        both = [quantiles(observations, rows, found) for found in ((points, state), (thinned, state))]
        energy = jax.vmap(partial(potential, rows, state))
        behind = float(energy(points).mean() - energy(thinned).mean())
        told = "   ".join(", ".join(f"{each:.3f}" for each in some) for some in both)
        size, settled = effective_sample_size(drawn).min(), split_gelman_rubin(drawn).max()
        numbers = (
            f"{ours:10.3f} {theirs:5.1f} {effective[0]:17.0f} {size:5.0f} {rhat[0]:13.3f} {settled:5.3f} {behind:7.1f}"
        )
        print(f"{runs.tasks[task]:16s} {numbers}   {told}", flush=True)


if __name__ == "__main__":
    main()
