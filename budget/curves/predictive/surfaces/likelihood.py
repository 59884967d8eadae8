"""How likely a surface's rows are, drifts summed out, and how they are weighed.

Given the shape's nine numbers, the logarithms of the values are Gaussian: residuals are drifts (an integrated Wiener
process in each logarithmic scale, by its values and slopes at few knots) plus noise. One eigendecomposition a task
serves every drift and noise level, so that a likelihood costs the law at R rows and a product with R × W numbers:
nothing is cubic in the rows.

See docs/decisions/129-two-scales-with-their-own-error.md.
See docs/decisions/172-the-sampler-in-vectors.md.
See docs/decisions/174-one-copy-of-each-part.md.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from budget.curves.laws.surface import AXES, INNER, SHAPE, shape_at
from budget.curves.predictive.eigen import eigen
from budget.curves.predictive.single import SINGLE
from budget.curves.predictive.surfaces.rows import CEILING_MARGIN, STATED_MARGIN, Rows

PRIOR_LOG_TERM = (float(np.log(0.3)), 1.5)
"""Mean and deviation of ln A and ln B at the largest scales, over the typical value there."""

PRIOR_LOG_EXPONENT = (float(np.log(0.35)), 0.5)
"""Of ln alpha and ln beta: published exponents lie between .1 and .8."""

PRIOR_LOG_INTERACTION = 0.5
"""Deviation of ln k about 0."""

PRIOR_LOG_CEILING = (float(np.log(0.3)), 1.0)
"""Of the logarithm of how far the ceiling lies above the worst value, relatively, beyond ``CEILING_MARGIN``."""

PRIOR_LOG_DRIFT = (float(np.log(0.02)), 1.0)
"""Of ln s, the drift's rate per e-fold to the power 1.5."""

PRIOR_LOG_NOISE = (float(np.log(0.01)), 1.5)
"""Of ln σ, the noise of the largest run."""

PRIOR_NOISE_FALL = (0.4, 0.2)
"""Mean and deviation of the power of N·D by which the noise's variance falls with size: small runs count less."""

FALL_GRID = (-0.3, 0.8, 23)
"""The powers at which the noise's fall is tried: from, to, and how many."""

FALL_FLOOR = 0.01
"""Share of σ² that is added to the mean square, so that rows which are met exactly decide nothing."""

MOST_LEVERAGE = 0.9
"""Largest share of itself that is taken out of a row's residual."""

WILD = 3.0
"""Rows that lie further off than so many deviations get the variance at which they would lie so far off."""

COORDINATES = SHAPE + 2
"""The shape's numbers, ln s and ln σ."""

PRIOR_EFFORT = ((0.5, 0.4), (0.7, 0.4))
"""Mean and deviation of p and q: a model of K tasks needs K^p of a specialist's params and K^q of its tokens."""

PRECISION = jnp.float32
"""In which the law is evaluated inside the likelihood: that is mostly exponentials, which cost a fifth in half the
digits, and 1e-7 of a value is far below the noise of any run."""

ARITHMETIC = SINGLE
"""The exponentials and logarithms that the likelihood takes there; what is drawn at last takes those of ``jax.numpy``,
which have derivatives."""

LEAST_AXIS = 1e-10
"""Share of the largest eigenvalue below which an axis of the drifts is one of rounding alone."""


class Decomposed(NamedTuple):
    """What the likelihood needs of the rows' weights.

    Attributes:
        root: (R,) inverse deviations of the rows over σ.
        projected: (R, W) whitened basis, in the coordinates of its principal axes.
        values: (W,) squares of its singular values.
        axes: (W, W) the principal axes.
        along: (R, W) what takes residuals to their whitened parts along the axes, in ``PRECISION``.
        beside: (R, R) what takes them to the whitened rest, which no drift explains.
    """

    root: Any
    projected: Any
    values: Any
    axes: Any
    along: Any
    beside: Any

    @classmethod
    def none_yet(cls, rows: Rows) -> "Decomposed":
        """What has not begun: no weights, and axes from which the first are found."""
        count, width = rows.basis.shape
        root, values, short = jnp.zeros(count), jnp.zeros(width), jnp.zeros((count, width), PRECISION)
        return cls(root, jnp.zeros((count, width)), values, jnp.eye(width), short, jnp.zeros((count, count), PRECISION))


def shape_of(points: Any, rows: Rows) -> tuple[Any, Any, Any]:
    """Standard normal coordinates (N, C) as the shape's parameters (N, SHAPE), ln s and ln σ."""
    # φ ~ Beta(1, 2): small floors are likelier
    share = 1 - jnp.sqrt(jax.scipy.special.ndtr(-points[:, 0]))
    low = rows.low + share * (rows.least * (1 - STATED_MARGIN) - rows.low)
    rise = jnp.exp(PRIOR_LOG_CEILING[0] + PRIOR_LOG_CEILING[1] * points[:, 1])
    # bounded softly by what is stated
    rise = 1 / (1 / rise + 1 / rows.headroom)
    high = rows.highest * (1 + CEILING_MARGIN + rise)
    log_unit = jnp.log(rows.unit)
    log_a = log_unit + PRIOR_LOG_TERM[0] + PRIOR_LOG_TERM[1] * points[:, 2]
    log_b = log_unit + PRIOR_LOG_TERM[0] + PRIOR_LOG_TERM[1] * points[:, 4]
    alpha = jnp.exp(PRIOR_LOG_EXPONENT[0] + PRIOR_LOG_EXPONENT[1] * points[:, 3])
    beta = jnp.exp(PRIOR_LOG_EXPONENT[0] + PRIOR_LOG_EXPONENT[1] * points[:, 5])
    k = jnp.exp(PRIOR_LOG_INTERACTION * points[:, 6])
    return jnp.stack([low, high, log_a, alpha, log_b, beta, k], axis=1), *rates_of(points)


def rates_of(points: Any) -> tuple[Any, Any]:
    """Logarithms (N,) of the rates of drifts and of noise of coordinates (N, C)."""
    log_s = PRIOR_LOG_DRIFT[0] + PRIOR_LOG_DRIFT[1] * points[:, SHAPE]
    log_sigma = PRIOR_LOG_NOISE[0] + PRIOR_LOG_NOISE[1] * points[:, SHAPE + 1]
    return log_s, log_sigma


def efforts_of(points: Any) -> Any:
    """Powers (N, 2) of the number of tasks by which a shared model needs more params and tokens than a specialist."""
    if points.shape[1] == COORDINATES:
        return None
    centre, deviation = jnp.array(PRIOR_EFFORT).T
    return centre.astype(points.dtype) + deviation.astype(points.dtype) * points[:, COORDINATES:]


def _in_units(rows: Rows) -> Rows:
    """Rows in units of the typical value and in ``PRECISION``, which holds them then."""
    level = {name: getattr(rows, name) / rows.unit for name in ("low", "least", "highest", "unit")}
    scaled = rows._replace(log_value=rows.log_value - jnp.log(rows.unit), **level)
    return Rows(*(each.astype(PRECISION) for each in scaled))


def residual_of(points: Any, rows: Rows, xp: Any = jnp) -> Any:
    """Logarithms of the rows' values over the shapes' (N, R), in ``PRECISION`` from end to end.

    Numbers of both precisions in one loop would be computed one by one.
    """
    units, short = _in_units(rows), points.astype(PRECISION)
    theta, *_ = shape_of(short, units)
    parts = [theta[:, each, None] for each in range(SHAPE)]
    (params, tokens), efforts = units.z.T, efforts_of(short)
    if efforts is not None:
        params, tokens = params + units.shift * efforts[:, :1], tokens + units.shift * efforts[:, 1:]
    log_value = xp.log(shape_at(parts, params, tokens, xp))
    return jnp.where(rows.there > 0, units.log_value - log_value, PRECISION(0))


def whitened(rows: Rows, root: Any, columns: Any) -> Any:
    """Columns (R, K) over the rows' deviations, less what the row before of the same run tells of each."""
    scaled = columns * root[:, None]
    before = jnp.concatenate([jnp.zeros_like(scaled[:1]), scaled[:-1]])
    return (scaled - rows.link[:, None] * before) / jnp.sqrt(1 - rows.link**2)[:, None]


def decompose(rows: Rows, variance: Any, guess: Any) -> Decomposed:
    """The principal axes of the drifts under the noise variances (R,) over σ², found from axes near by."""
    root = jnp.where(rows.there > 0, 1 / jnp.sqrt(variance), 0.0)
    basis = whitened(rows, root, rows.basis)
    values, axes = _eigen_by_block(basis.T @ basis, guess)
    values = jnp.maximum(values, 0.0)
    projected = basis @ axes
    # an axis along which no row lies has no direction, and takes nothing out of the rest
    size = jnp.sqrt(jnp.where(values > LEAST_AXIS * values.max(), values, jnp.inf))
    unit = projected / size
    whiten = whitened(rows, root, jnp.eye(len(root))).T
    along = whiten @ unit
    beside = whiten - along @ unit.T
    return Decomposed(root, projected, values, axes, along.astype(PRECISION), beside.astype(PRECISION))


def _eigen_by_block(matrix: Any, guess: Any) -> tuple[Any, Any]:
    """``eigen`` of each block of rows apart: a shared model's drifts and its specialists' meet in no row."""
    width = len(AXES) * INNER
    blocks = range(0, len(matrix), width)
    if len(blocks) == 1:
        return eigen(matrix, guess)

    def cut(whole: Any) -> Any:
        return jnp.stack([whole[at : at + width, at : at + width] for at in blocks])

    values, axes = jax.vmap(eigen)(cut(matrix), cut(guess))
    return values.ravel(), jax.scipy.linalg.block_diag(*axes)


class Seen(NamedTuple):
    """What the likelihood needs of N points, whatever the rows' weights are.

    Attributes:
        residual: (N, R) logarithms of the rows' values over the shapes', in ``PRECISION``.
        log_s: (N,) of the drifts' rates.
        log_sigma: (N,) of the noise.
    """

    residual: Any
    log_s: Any
    log_sigma: Any


def read(points: Any, rows: Rows) -> Seen:
    """What the likelihood needs of coordinates (N, C)."""
    return Seen(residual_of(points, rows, ARITHMETIC), *rates_of(points))


def log_likelihood(seen: Seen, rows: Rows, state: Decomposed) -> Any:
    """Logarithm of the density of the rows' logarithms, drifts summed out: (N,)."""
    residual, log_s, log_sigma = seen
    # along the axes a residual is drift and noise, beside them noise alone: nothing is subtracted, so that half the
    # digits hold the sum; and products with matrices keep the law from being computed again wherever it is read
    along, beside = residual @ state.along, residual @ state.beside
    ratio = 1 + (jnp.exp(2 * (log_s - log_sigma))[:, None] * state.values).astype(PRECISION)
    square = (along**2 / ratio).sum(axis=1) + (beside**2).sum(axis=1)
    count = rows.there.sum()
    log_root = jnp.where(rows.there > 0, jnp.log(jnp.where(rows.there > 0, state.root, 1.0)), 0.0)
    constant = log_root.sum() - 0.5 * jnp.log(1 - rows.link**2).sum() - 0.5 * count * jnp.log(2 * jnp.pi)
    return constant - count * log_sigma - 0.5 * (jnp.log(ratio).sum(axis=1) + square * jnp.exp(-2 * log_sigma))


def weigh(seen: Seen, rows: Rows, state: Decomposed) -> Decomposed:
    """Weigh the rows by how far they lie off the population's curves, drifts included.

    Found are the power by which noise falls with a run's size, and the rows that are wild. A state that has not begun
    gets the weights that are likely before.
    """
    residual, log_s, log_sigma = seen
    along = (residual @ state.along) * jnp.sqrt(state.values)
    ratio = jnp.exp(2 * (log_s - log_sigma))[:, None]
    share = ratio / (1 + ratio * state.values)
    mean = jnp.full(len(residual), 1 / len(residual), PRECISION) @ residual
    typical = whitened(rows, state.root, mean.astype(float)[:, None])[:, 0]
    left = typical - state.projected @ (along * share).mean(axis=0)
    # what a row itself has of the drifts that it is compared with
    own = jnp.minimum((state.projected**2) @ share.mean(axis=0), MOST_LEVERAGE)
    square = left**2 / jnp.where(rows.there > 0, state.root, 1.0) ** 2 / (1 - own)
    sigma = jnp.exp(2 * log_sigma.mean())
    known = rows.known / sigma
    fall = noise_fall(square, rows, known, sigma)
    plain = rows.variance * jnp.exp(fall * rows.lag) + known
    weighed = plain * jnp.maximum(1.0, square / (sigma * plain * WILD**2))
    likely = rows.variance * jnp.exp(PRIOR_NOISE_FALL[0] * rows.lag) + rows.known / np.exp(2 * PRIOR_LOG_NOISE[0])
    return decompose(rows, jnp.where(state.root.any(), weighed, likely), state.axes)


def noise_fall(square: Any, rows: Any, known: Any, sigma: Any) -> Any:
    """The posterior mean of the noise's fall given squared residuals (R,), σ² summed out under a vague prior."""
    powers = jnp.linspace(*FALL_GRID)
    each = rows.variance * jnp.exp(powers[:, None] * rows.lag) + known
    ratio = jnp.where(rows.there > 0, square / each, 0.0)
    typical = ratio.sum(axis=1, keepdims=True) / rows.there.sum()
    # wild rows say nothing of it
    ratio = jnp.minimum(ratio, WILD**2 * typical)
    half = 0.5 * rows.there.sum()
    log_density = -half * jnp.log(ratio.sum(axis=1) / (2 * half) + FALL_FLOOR * sigma)
    log_density = log_density - 0.5 * jnp.where(rows.there > 0, jnp.log(each), 0.0).sum(axis=1)
    log_density = log_density - 0.5 * ((powers - PRIOR_NOISE_FALL[0]) / PRIOR_NOISE_FALL[1]) ** 2
    weight = jax.nn.softmax(log_density)
    return weight @ powers
