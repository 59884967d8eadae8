"""The convex curve by which a plan reads a draw: the sum of falling powers that is nearest to it where plans go.

A posterior's draw may rise, steepen or bend, and a plan over such curves has no proven optimum. What a plan needs of a
curve is how its value falls along the scales that it chooses among: those that were measured and some way beyond. There
a floor with one falling power of each input is fitted to the draw's own values, by least squares of relative errors, so
that plans stay convex programs with a bound. Predictions never read it.

See docs/decisions/128-plans-read-convex-surrogates.md.
See docs/decisions/166-searches-that-start-near-by.md.
"""

from collections.abc import Sequence
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from budget.curves.fitting.batching import Devices, vmap_in_chunks
from budget.curves.fitting.solver import solve_small
from budget.curves.laws.law import EXPONENT, LOG_COEFFICIENT, Law
from budget.curves.predictive.observations import Observations

REACH = float(np.log(10.0))
"""How far from the largest measured inputs the two agree, on either side: a hundredfold of FLOPs. A plan that goes
further says so; runs far below tell of a curve's onset, which no sum of falling powers follows."""

EPOCHS = (1.0, 4.0, 16.0)
"""How often the unique tokens are read where these are an input: from once to as often as repeats are worth something
(Muennighoff et al. 2023)."""

CLEARLY = 0.1
"""Share by which a run is clearly worse than the best one."""

POINTS = 6
"""Points along each direction; of one input there are four times as many."""

RATIOS = 14
"""Ratios of the inputs at which sizes are looked for, of each compute: a factor of two apart where they were measured
over a factor of a thousand."""

LEAST_ASIDE, MOST_ASIDE = float(np.log(3.0)), float(np.log(4.5))
"""Half of the range of ratios of the inputs, about the middle of the measured ones, at least and at most."""

ABOVE = 1e-6
"""Relative distance from the best value at which a curve counts as being there, so that logarithms stay finite."""

FLOOR_SHARES = (0.1, 0.5, 0.9)
"""Where searches start of which nothing is known: the floor, as a share of the way from the least to the curve's lowest
value. A draw's search starts at the point curve's: three starts come nearer by .1 % on average (decision 166)."""

FIRST_EXPONENT = 0.3
"""The exponents there: amid those of measured curves."""

SHARE = 1 / 8
"""How many ordinary lanes one search is as large as: a step is over so soon that calls of few lanes take as long."""

STEPS = 20
"""Steps of each search. Every lane takes them all: the arithmetic of a draw depends on nothing else."""

FIRST_DAMPING, SUCCESS, FAILURE = 1e-2, 0.2, 6.0
"""Damping of the first step, relative to the diagonal, and what a better and a worse step multiply it by."""


def planned_range(observations: Observations, reference: np.ndarray) -> np.ndarray:
    """Where plans choose from: within ``REACH`` of the largest run, at ratios of the inputs like the measured ones.

    Args:
        observations: of T tasks with one input, or two, or params, tokens and unique tokens.
        reference: (T, I).

    Returns:
        (T, G, I) logarithms of inputs over their reference.
    """
    logs = observations.log_inputs - np.log(reference)[:, None]
    if logs.shape[2] == 3:
        return _repeated(
            planned_range(replace(observations, log_inputs=observations.log_inputs[..., :2]), reference[:, :2])
        )
    if logs.shape[2] == 1:
        low, high = _reached(logs[:, :, 0], observations)
        return _between(low, high + REACH, 4 * POINTS)[:, :, None]
    middle, half = _ratios(logs, observations)
    return _at_ratios(logs, observations, middle, np.clip(half, LEAST_ASIDE, MOST_ASIDE), POINTS)


def sized_range(observations: Observations, reference: np.ndarray) -> np.ndarray:
    """Where sizes are looked for: the same computes, at every measured ratio and ``LEAST_ASIDE`` beyond.

    One convex curve follows a draw over a short range of ratios only, but where along a compute the draw is lowest may
    be at any ratio: at the ends of a shorter range every draw would agree on that end.

    Args:
        observations: of T tasks with two inputs.
        reference: (T, 2).

    Returns:
        (T, G, 2) as ``planned_range``, of each compute ``RATIOS`` ratios that rise.
    """
    logs = observations.log_inputs - np.log(reference)[:, None]
    middle, half = _ratios(logs, observations)
    return _at_ratios(logs, observations, middle, half + LEAST_ASIDE, RATIOS)


def _ratios(logs: np.ndarray, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
    """(T,) the middle of the measured ratios of inputs (T, R, 2), and half of their range."""
    lean, rich = _ends(logs[:, :, 1] - logs[:, :, 0], observations.own)
    return 0.5 * (lean + rich), 0.5 * (rich - lean)


def _at_ratios(
    logs: np.ndarray, observations: Observations, middle: np.ndarray, aside: np.ndarray, count: int
) -> np.ndarray:
    """(T, POINTS·count, 2) by computes, each at ``count`` ratios within ``aside`` (T,) of the middle one."""
    small, large = _reached(logs.mean(axis=2), observations)
    size = np.repeat(_between(small, large + REACH, POINTS), count, axis=1)
    ratio = np.tile(_between(middle - aside, middle + aside, count), POINTS)
    return np.stack([size - 0.5 * ratio, size + 0.5 * ratio], axis=2)


def _repeated(z: np.ndarray) -> np.ndarray:
    """Params and tokens (T, G, 2) at each number of ``EPOCHS``: (T, 3·G, 3), unique tokens behind them."""
    return np.concatenate([np.concatenate([z, z[..., 1:] - np.log(epochs)], axis=2) for epochs in EPOCHS], axis=1)


def _reached(size: np.ndarray, observations: Observations) -> tuple[np.ndarray, np.ndarray]:
    """(T,) the smallest size that a plan's curve is to follow, and the largest measured one.

    Where the values within ``REACH`` of the largest run are all near the best, they do not tell how the value falls:
    the curve is then followed down to a run that is clearly worse.
    """
    small, large = _ends(size, observations.own)
    best = np.where(observations.own, observations.value, np.inf).min(axis=1)
    worse = observations.own & (observations.value > (1 + CLEARLY) * best[:, None])
    falls = np.where(worse, size, -np.inf).max(axis=1)
    return np.maximum(small, np.minimum(large - REACH, falls)), large


def _ends(values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return np.where(there, values, np.inf).min(axis=1), np.where(there, values, -np.inf).max(axis=1)


def _between(low: np.ndarray, high: np.ndarray, count: int) -> np.ndarray:
    return np.linspace(low, high, count, axis=1)


def planning_curves(
    plain: Law,
    values: np.ndarray,
    z: np.ndarray,
    least: np.ndarray,
    devices: Devices,
    owners: Sequence[str] = (),
    start: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """The sums of falling powers that are nearest to V curves.

    Args:
        plain: a floor with one falling power of each of I inputs.
        values: (V, G) of the curves, above 0.
        z: (V, G, I) logarithms of the inputs over their reference at which these are (``planned_range``).
        least: (V,) value below which no floor lies.
        devices: where to run.
        owners: (V,) the tasks whose curves they are (``vmap_in_chunks``).
        start: (V, P') nearest to a curve near by, from where the search begins; by default it begins at each of
            ``FLOOR_SHARES``, and the best of what is found counts.

    Returns:
        Working parameters (V, P') at the same reference, and (V,) the root mean square of the relative distance.
    """
    # what is said of a draw below the best value is the best value
    logs = np.log(np.maximum(values, (1 + ABOVE) * least[:, None]))
    starts = [start] if start is not None else [_start(plain, logs, least, share) for share in FLOOR_SHARES]
    times = len(starts)
    lanes = [np.concatenate([each] * times) for each in (logs, z, least)]
    found, error = vmap_in_chunks(
        _search,
        (plain,),
        (*lanes, np.concatenate(starts)),
        devices=devices,
        share=SHARE,
        owners=[*owners] * times or None,
    )
    found, error = found.reshape(times, len(values), -1), np.asarray(error).reshape(times, -1)
    best, lane = np.argmin(error, axis=0), np.arange(len(values))
    return found[best, lane], error[best, lane]


def _search(plain: Law, target: Array, z: Array, least: Array, start: Array) -> tuple[Array, Array]:
    """Damped Gauss–Newton steps within the parameters' ranges."""
    low, high = _box(plain, target, least)

    def residual(free: Array) -> Array:
        return jnp.log(plain.value(free, z, jnp)) - target

    def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        free, loss, damping = state
        off, slopes = residual(free), jax.jacfwd(residual)(free)
        gradient, gram = slopes.T @ off, slopes.T @ slopes
        # what stands at an end of its range and is pushed out stays there in this step
        held = ((free <= low) & (gradient > 0)) | ((free >= high) & (gradient < 0))
        diagonal = jnp.diag(gram) * (1 + damping) + 1e-12
        matrix = jnp.where(held[:, None] | held[None, :], 0.0, gram - jnp.diag(jnp.diag(gram)))
        move = solve_small(matrix + jnp.diag(jnp.where(held, 1.0, diagonal)), jnp.where(held, 0.0, -gradient))
        there = jnp.clip(free + move, low, high)
        new = jnp.sum(residual(there) ** 2)
        better = new < loss  # false where it is no number
        return (
            jnp.where(better, there, free),
            jnp.where(better, new, loss),
            damping * jnp.where(better, SUCCESS, FAILURE),
        )

    start = jnp.clip(start, low, high)
    first = (start, jnp.sum(residual(start) ** 2), jnp.asarray(FIRST_DAMPING))
    free, loss, _ = jax.lax.fori_loop(0, STEPS, step, first)
    return free, jnp.sqrt(loss / len(z))


def _start(plain: Law, target: np.ndarray, least: np.ndarray, share: float) -> np.ndarray:
    """(V, P') a floor below each curve (V, G), and equal terms that make up the rest amid its range."""
    lowest = np.exp(target.min(axis=1))
    floor = least + share * (lowest - least)
    rest = np.maximum(np.exp(target.mean(axis=1)) - floor, 1e-3 * lowest)
    each = np.log(rest / len(plain.where("coefficient")))
    kinds = {"floor": floor, "coefficient": each, "plain": np.full(len(floor), FIRST_EXPONENT)}
    return np.stack(
        [np.full(len(floor), np.mean(p.typical)) if p.typical else kinds[p.kind] for p in plain.parameters], axis=1
    )


def _box(plain: Law, target: Array, least: Array) -> tuple[Array, Array]:
    """The ends of the parameters' ranges, for values of the target's size."""
    size = target.mean()
    ends = {
        "floor": (least, jnp.maximum(jnp.exp(target.min()), least)),
        "coefficient": (size + LOG_COEFFICIENT[0], size + LOG_COEFFICIENT[1]),
        "plain": tuple(jnp.asarray(end) for end in EXPONENT),
    }
    each = [ends[p.kind] if p.kind in ends else (jnp.asarray(p.low), jnp.asarray(p.high)) for p in plain.parameters]
    low, high = zip(*each, strict=True)
    return jnp.stack(low), jnp.stack(high)
