"""The Kalman filter of a level whose slope drifts: an integrated Wiener process seen through noise.

A state is five arrays: the level's and the slope's mean, and the entries 00, 01, 11 of their covariance. They
broadcast, so that one call advances every cell of a grid at once.

Source: Harvey 1989, *Forecasting, Structural Time Series Models and the Kalman Filter*, sections 2.3 and 3.1 to 3.2;
Wecker & Ansley 1983 for the process between unequal steps.

See docs/decisions/130-one-scale-by-a-local-trend.md.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jax import Array


class State(NamedTuple):
    """Mean and covariance of level and slope."""

    level: Array
    slope: Array
    p00: Array
    p01: Array
    p11: Array


def advance(state: State, step: Array, drift_variance: Array) -> State:
    """The state a ``step`` further on: the slope has gained ``drift_variance`` a unit of it."""
    level, slope, p00, p01, p11 = state
    return State(
        level + step * slope,
        slope,
        p00 + 2 * step * p01 + step**2 * p11 + drift_variance * step**3 / 3,
        p01 + step * p11 + drift_variance * step**2 / 2,
        p11 + drift_variance * step,
    )


def update(state: State, innovation: Array, variance: Array) -> State:
    """The state once the level was seen: ``innovation`` off its mean, with noise of ``variance``."""
    level, slope, p00, p01, p11 = state
    gain0, gain1 = p00 / (p00 + variance), p01 / (p00 + variance)
    # p00·variance/(p00 + variance) loses no digits where the noise is far below the spread
    return State(
        level + gain0 * innovation,
        slope + gain1 * innovation,
        gain0 * variance,
        gain1 * variance,
        p11 - gain1 * p01,
    )


def smooth(state: State, after: State, step: Array, drift_variance: Array) -> State:
    """What is known of a state once the one a ``step`` later is known as ``after`` (Rauch, Tung & Striebel 1965).

    Args:
        state: filtered, of the earlier time.
        after: smoothed, of the later; with a covariance of 0 where it is known exactly.
        step: between them; where it is 0 the two are the same.
        drift_variance: gained by the slope a unit of it.
    """
    ahead = advance(state, step, drift_variance)
    # cross-covariance of the earlier with the later state, P·Fᵀ
    c00, c01 = state.p00 + step * state.p01, state.p01
    c10, c11 = state.p01 + step * state.p11, state.p11
    determinant = ahead.p00 * ahead.p11 - ahead.p01**2
    apart = (step > 0) & (determinant > 0)
    safe = jnp.where(apart, determinant, 1.0)
    g00 = (c00 * ahead.p11 - c01 * ahead.p01) / safe
    g01 = (c01 * ahead.p00 - c00 * ahead.p01) / safe
    g10 = (c10 * ahead.p11 - c11 * ahead.p01) / safe
    g11 = (c11 * ahead.p00 - c10 * ahead.p01) / safe
    off0, off1 = after.level - ahead.level, after.slope - ahead.slope
    d00, d01, d11 = after.p00 - ahead.p00, after.p01 - ahead.p01, after.p11 - ahead.p11
    found = State(
        state.level + g00 * off0 + g01 * off1,
        state.slope + g10 * off0 + g11 * off1,
        state.p00 + g00**2 * d00 + 2 * g00 * g01 * d01 + g01**2 * d11,
        state.p01 + g00 * g10 * d00 + (g00 * g11 + g01 * g10) * d01 + g01 * g11 * d11,
        state.p11 + g10**2 * d00 + 2 * g10 * g11 * d01 + g11**2 * d11,
    )
    return State(*(jnp.where(apart, new, old) for new, old in zip(found, after, strict=True)))


def sample(state: State, first: Array, second: Array) -> tuple[Array, Array]:
    """Level and slope from two standard normal numbers."""
    deviation = jnp.sqrt(jnp.maximum(state.p00, 0.0))
    tilt = jnp.where(deviation > 0, state.p01 / jnp.where(deviation > 0, deviation, 1.0), 0.0)
    rest = jnp.sqrt(jnp.maximum(state.p11 - tilt**2, 0.0))
    return state.level + deviation * first, state.slope + tilt * first + rest * second
