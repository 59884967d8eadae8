"""A posterior by tempering: a population that is led from the prior to the posterior in steps (Del Moral et al. 2006).

The prior is standard normal in every coordinate. Between two temperatures the population is resampled and then moved
by preconditioned Crank–Nicolson steps around its own mean (Cotter et al. 2013; Grumitt et al. 2024), which pull two
nearby points together: rounding dies out and is not amplified. Everything is per task, with random numbers of its own.

See docs/decisions/129-two-scales-with-their-own-error.md.
See docs/decisions/166-searches-that-start-near-by.md.
See docs/decisions/172-the-sampler-in-vectors.md.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from budget.curves.predictive import single
from budget.numerics import streams

GROUPS = 8
"""Parts of the population that never mix: their differences are the record of convergence."""

MEMBERS = 32
"""Particles of a group; 256 in all, at each of the kept states, from which 200 draws are taken. With half
as many, intervals of tasks with many rows were too narrow (decision 166)."""

MAX_STAGES = 48
"""Temperatures at most: thirty rows take about ten, four hundred about twenty."""

LAST_STAGES = 10
"""Rounds of moves when the posterior is reached."""

KEPT_STAGES = 4
"""How many of the last populations are kept, every other one: as good as a larger population, and no more work."""

PARTICLES = KEPT_STAGES * MEMBERS
"""Particles of a group that are kept."""

MOVES = 6
"""Moves after each resampling."""

KEPT = (0.9, 0.0, 0.7, 0.95, 0.5, 0.8)
"""Shares of a particle's distance from the mean that its moves keep, one after the other: from jumps to small steps."""

LEAST_EFFECTIVE = 0.5
"""Share of the population that stays effective from one temperature to the next (Del Moral et al. 2006: one half)."""

HALVINGS = 30
"""Bisections of the next temperature."""

RIDGE = 1e-6
"""Added to the variance of every coordinate, so that a population that has run together can still be moved."""


class Population(NamedTuple):
    """What a run of tempering leaves.

    Attributes:
        points: (G·M, C) coordinates of the kept particles; particles of one group stand together.
        temperature: 1 where the posterior was reached.
        evidence: logarithm of the marginal likelihood.
        accepted: share of the last stage's moves that were accepted.
        stages: how many there were.
        state: what ``refresh`` left.
    """

    points: Any
    temperature: Any
    evidence: Any
    accepted: Any
    stages: Any
    state: Any


def temper(
    key: Any,
    coordinates: int,
    read: Callable[[Any], Any],
    log_likelihood: Callable[[Any, Any], Any],
    refresh: Callable[[Any, Any], Any],
    state: Any,
) -> Population:
    """Lead a population from the prior to the posterior.

    Args:
        key: of the task's random numbers.
        coordinates: C.
        read: points (N, C) → what the likelihood needs of them, whatever the state is: any tree of arrays.
        log_likelihood: (what was read, state) → (N,).
        refresh: (what was read, state) → the next state: what of the likelihood is found on the way, such as the
            weights of rows. It is called twice before the first step, so that its first call can begin the state.
        state: the first.
    """
    count = GROUPS * MEMBERS
    half = (count // 2, coordinates)
    needed = MOVES * count * coordinates
    each_stage = needed + MOVES * count + GROUPS

    def normals(whole: Any) -> tuple[Any, Any]:
        """Two halves (…, N/2, C) of standard normal numbers of whole ones (…, N·C)."""
        first, second = jnp.moveaxis(whole.reshape(*whole.shape[:-1], 2, *half), -3, 0)
        return single.normals(first, second)

    def numbers(number: Any) -> tuple[Any, Any, Any]:
        """A stage's random numbers: normal, two halves (MOVES, N/2, C); logarithms of uniform (MOVES, N); (GROUPS,)."""
        whole = _sequence(key, number * each_stage, each_stage)
        rest = single.uniform(whole[needed:])
        log_uniform = single.log(rest[: MOVES * count]).reshape(MOVES, count)
        return normals(whole[:needed].reshape(MOVES, -1)), log_uniform, rest[MOVES * count :].astype(float)

    def stage(carry: Any) -> Any:
        number, last, points, likelihood, record, temperature, evidence, state, _ = carry

        def warm(each: Any) -> Any:
            # by what the loop carries: else all of it would be computed in front of the loop, whether it runs or not
            seen = read(jnp.where(each[0] > 0, points, 0.0))
            state = refresh(seen, each[1])
            likelihood = log_likelihood(seen, state)
            return each[0] - 1, state, likelihood, _next_rise(likelihood, temperature)

        # a loop of one round, which is left out where no task of the chunk is still on its way; two at first, for a
        # second copy of what begins the state would be compiled as long again
        rounds = jnp.where(temperature < 1, jnp.where(number > 0, 1, 2), 0)
        _, state, likelihood, rise = jax.lax.while_loop(
            lambda each: each[0] > 0, warm, (rounds, state, likelihood, jnp.zeros(()))
        )
        drawn, log_uniform, offset = numbers(number)
        log_weight = rise * likelihood
        top = log_weight.max()
        weight = jnp.exp(log_weight - top)
        evidence = evidence + top + jnp.log(weight.mean())
        mean = weight @ points / weight.sum()
        away = points - mean
        spread = (away * weight[:, None]).T @ away / weight.sum() + RIDGE * jnp.eye(coordinates)
        root, inverse = _root_and_inverse(spread)
        chosen = _resampled(weight, offset[:, None])
        points, likelihood = points[chosen], likelihood[chosen]
        last = last + (temperature >= 1)
        temperature = jnp.where(rise >= 1 - temperature, 1.0, temperature + rise)
        kept = jnp.asarray(KEPT)

        def move(at: Any, walk: Any) -> Any:
            points, whitened, likelihood, accepted = walk
            share = kept[at % len(KEPT)]
            fresh = jnp.concatenate([half[at] for half in drawn])
            proposed_white = share * whitened + jnp.sqrt(1 - share**2) * fresh
            proposed = mean + proposed_white @ root.T
            found = log_likelihood(read(proposed), state)
            # the moves leave the normal of this mean and spread as it is; what is left is the target over that normal
            gain = temperature * (found - likelihood) + 0.5 * (
                (points**2).sum(1) - (proposed**2).sum(1) + (proposed_white**2).sum(1) - (whitened**2).sum(1)
            )
            taken = log_uniform[at] < gain
            pick = taken[:, None]
            return (
                jnp.where(pick, proposed, points),
                jnp.where(pick, proposed_white, whitened),
                jnp.where(taken, found, likelihood),
                accepted + taken.mean(),
            )

        whitened = (points - mean) @ inverse.T
        points, _, likelihood, accepted = jax.lax.fori_loop(
            0, MOVES, move, (points, whitened, likelihood, jnp.zeros(()))
        )
        record = jnp.where(last % 2 == 0, jnp.concatenate([record[1:], points[None]]), record)
        return number + 1, last, points, likelihood, record, temperature, evidence, state, accepted / MOVES

    def goes_on(carry: Any) -> Any:
        number, last, *_ = carry
        return (number < MAX_STAGES) & (last < LAST_STAGES)

    first = jnp.concatenate(normals(_sequence(key, MAX_STAGES * each_stage, count * coordinates))).astype(float)
    record = jnp.zeros((KEPT_STAGES, *first.shape))
    # numbers of a fixed type: plain ones would have the loop traced again with those that come out of it
    none, nought = jnp.zeros((), int), jnp.zeros(())
    carry = jax.lax.while_loop(
        goes_on, stage, (none, none, first, jnp.zeros(count), record, nought, nought, state, nought)
    )
    number, _, _, _, record, temperature, evidence, state, accepted = carry
    grouped = record.reshape(KEPT_STAGES, GROUPS, MEMBERS, coordinates).swapaxes(0, 1)
    return Population(grouped.reshape(-1, coordinates), temperature, evidence, accepted, number, state)


def _sequence(key: Any, first: Any, count: int) -> Any:
    """Whole numbers (count,) of 31 bits of the SplitMix64 sequence that begins at ``key``, from place ``first`` on."""
    place = jnp.uint64(key) + (jnp.arange(1, count + 1, dtype=jnp.uint64) + jnp.uint64(first)) * streams.GOLDEN
    for shift, factor in streams.MIXERS:
        place = (place ^ (place >> shift)) * factor
    return (place >> jnp.uint64(33)).astype(jnp.int32)


def _root_and_inverse(matrix: Any) -> tuple[Any, Any]:
    """The lower root L (C, C) of a positive definite matrix, and its inverse, by elimination of the matrix beside 1.

    A loop of few instructions: a library's call is made for each matrix alone, and elimination written out column by
    column was a tenth of all that was compiled.
    """
    size = len(matrix)
    row = jnp.arange(size)[:, None]

    def eliminate(at: Any, both: Any) -> Any:
        pivot = both[at] / jnp.sqrt(both[at, at])
        below = both - (both[:, at] / pivot[at])[:, None] * pivot
        return jnp.where(row > at, below, jnp.where(row == at, pivot, both))

    both = jax.lax.fori_loop(0, size, eliminate, jnp.concatenate([matrix, jnp.eye(size)], axis=1))
    return both[:, :size].T, both[:, size:]


def _next_rise(likelihood: Any, temperature: Any) -> Any:
    """By how much the temperature may rise."""
    left = 1 - temperature

    def share(rise: Any) -> Any:
        weight = jnp.exp(rise * (likelihood - likelihood.max()))
        return weight.sum() ** 2 / (weight**2).sum() / len(likelihood)

    def halve(_: Any, ends: Any) -> Any:
        low, high = ends
        middle = (low + high) / 2
        enough = share(middle) >= LEAST_EFFECTIVE
        return jnp.where(enough, middle, low), jnp.where(enough, high, middle)

    low, _ = jax.lax.fori_loop(0, HALVINGS, halve, (0.0 * left, left))
    return jnp.where(share(left) >= LEAST_EFFECTIVE, left, low)


def _resampled(weight: Any, offset: Any) -> Any:
    """Systematic resampling within each group: positions (G·M,); ``offset`` (G, 1) uniform."""
    each = weight.reshape(GROUPS, MEMBERS)
    heights = jnp.cumsum(each, axis=1)
    at = (jnp.arange(MEMBERS) + offset) / MEMBERS * heights[:, -1:]
    found = (heights[:, None] < at[:, :, None]).sum(axis=2)
    first = jnp.arange(GROUPS)[:, None] * MEMBERS
    return (first + jnp.minimum(found, MEMBERS - 1)).ravel()


def convergence(points: Any, xp: Any) -> tuple[Any, Any]:
    """R̂ of the worst coordinate and the effective number of particles, from the differences of the groups.

    The groups are the chains of R̂ (Gelman & Rubin 1992; many short chains: Margossian et al. 2024). The effective
    number is the one that explains how far the groups' means lie apart, on average over the coordinates.

    Args:
        points: (…, G·M, C) as ``Population`` has them.
        xp: ``numpy`` or ``jax.numpy``.
    """
    members = points.shape[-2] // GROUPS
    each = points.reshape(*points.shape[:-2], GROUPS, members, points.shape[-1])
    within = xp.maximum(each.var(axis=-2, ddof=1).mean(axis=-2), RIDGE)
    between = each.mean(axis=-2).var(axis=-2, ddof=1)
    ratio = between / within
    rhat = xp.sqrt((members - 1) / members + ratio).max(axis=-1)
    effective = GROUPS / xp.maximum(ratio.mean(axis=-1), 1 / members)
    return rhat, effective
