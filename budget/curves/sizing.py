"""At which sizes plans train: where a curve is low by what is predicted and by how sure that is.

The convex curve nearest to a prediction (``surrogate``) follows its level and how it falls, but a percent of error is
enough to move the size at which it is lowest by a factor of two or more: along one compute the values of models of
different sizes differ by less. And where the prediction itself is lowest may be where it is only least known, far from
the ratios of tokens to params that were measured: whoever chooses the best of many uncertain values chooses errors too
(the winner's curse). So sizes are read off the draws: along each compute the ratio of tokens to params at which the
value that four draws of five reach is least, and over computes a straight line in logarithms, as best sizes grow
(Kaplan et al. 2020; Hoffmann et al. 2022, approach 2). The convex curve is turned to have its best sizes there. How it
falls along these stays as it is, and with it every split of compute in which no limit holds a size.

See docs/decisions/173-sizes-where-the-draws-agree.md.
"""

import numpy as np

from budget.curves.laws.law import EXPONENT, Law
from budget.curves.steady import terms_of

SURE = 0.8
"""Share of the draws that reach the value by which a size is judged: of the mean, the mean with a half, one and two
standard deviations, and quantiles .7, .8 and .9 among those that lose least where much is measured (decision 173)."""

STEEPEST = 0.8
"""Most and, less than 1, least growth of the logarithm of params with that of compute; measured are .35 to .73."""


def sized(law: Law, theta: np.ndarray, values: np.ndarray, z: np.ndarray, across: int) -> np.ndarray:
    """Curves with their best sizes where given values are least along each compute.

    Args:
        law: a floor with one falling power each of params and tokens.
        theta: (…, T, P) working parameters.
        values: (…, T, G) on a grid of sizes by ratios.
        z: (T, G, 2) logarithms of params and tokens over their reference there, in stretches of one compute each.
        across: how many points such a stretch has, at ratios that rise.

    Returns:
        (…, T, P).
    """
    return turned(law, theta, *best_ratios(values, z, across))


def sure_values(values: np.ndarray) -> np.ndarray:
    """(T, G) what ``SURE`` of the draws (B, T, G) reach."""
    return np.quantile(values, SURE, axis=0)


def best_ratios(values: np.ndarray, z: np.ndarray, across: int) -> tuple[np.ndarray, np.ndarray]:
    """Where along each compute values are least, as a straight line over computes; arguments as ``sized``.

    Returns:
        (…, T) logarithms of tokens over params, over the reference's, at the reference's compute; and (…, T) how the
        logarithm of params grows with that of compute.
    """
    along = (*z.shape[:1], -1, across)
    size = z.mean(axis=2).reshape(along)[:, :, 0]
    ratio = (z[:, :, 1] - z[:, :, 0]).reshape(along)
    best = _lowest(
        np.broadcast_to(ratio, (*values.shape[:-2], *ratio.shape)), values.reshape(*values.shape[:-2], *ratio.shape)
    )
    # params are the size less half of the ratio, and compute is twice the size, all in logarithms
    middle, level = size.mean(axis=-1), best.mean(axis=-1)
    away = size - middle[:, None]
    slope = (away * best).sum(axis=-1) / (away**2).sum(axis=-1)
    growth = np.clip(0.5 - 0.25 * slope, 1 - STEEPEST, STEEPEST)
    return level - (2 - 4 * growth) * middle, growth


def _lowest(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(…) the place of the least of values (…, X), by a parabola through it and its neighbours, or an end."""
    at = np.argmin(y, axis=-1)
    inner = np.clip(at, 1, y.shape[-1] - 2)
    (x0, x1, x2), (y0, y1, y2) = (
        [np.take_along_axis(each, (inner + by)[..., None], axis=-1)[..., 0] for by in (-1, 0, 1)] for each in (x, y)
    )
    step = 0.5 * (x2 - x0)
    bend = y0 - 2 * y1 + y2
    with np.errstate(divide="ignore", invalid="ignore"):
        turn = x1 + 0.5 * step * (y0 - y2) / bend
    at_x = np.take_along_axis(x, at[..., None], axis=-1)[..., 0]
    return np.where((bend > 0) & (turn >= x0) & (turn <= x2), turn, at_x)


def turned(law: Law, theta: np.ndarray, ratio: np.ndarray, growth: np.ndarray) -> np.ndarray:
    """Curves with these best sizes, as far as the exponents' range lets them, and everything else as it was.

    A sum ``E + Σ u_i``, ``u_i = exp(a_i − α_i z_i)``, has its best sizes where all ``α_i u_i`` are one fall λ, and
    falls along them as ``λ/γ·exp(−γ s)``, ``1/γ = Σ 1/α_i``, s being the logarithm of the inputs' product. Exponents
    ``γ/g_i`` with ``Σ g_i = 1`` leave γ, and terms of the same λ leave the fall.

    Args:
        law: a floor with one falling power each of params and tokens.
        theta: (…, P) working parameters.
        ratio: (…) as ``best_ratios`` has them.
        growth: (…) likewise.
    """
    log_terms, exponents = terms_of(law, theta)
    gamma = 1 / (1 / exponents).sum(axis=-1, keepdims=True)
    falling = log_terms + np.log(exponents)
    log_fall = (falling / exponents).sum(axis=-1, keepdims=True) * gamma
    # turned only as far as both exponents stay within their range
    low, high = (gamma[..., 0] / end for end in reversed(EXPONENT))
    params = np.clip(growth, np.maximum(low, 1 - high), np.minimum(high, 1 - low))
    new = gamma / np.stack([params, 1 - params], axis=-1)
    place = np.stack([-0.5 * ratio, 0.5 * ratio], axis=-1)
    result = np.array(theta)
    at = law.where("coefficient")
    result[..., at] = log_fall - np.log(new) + new * place
    for number, position in enumerate(at):
        result[..., law.parameters[position].exponent] = new[..., number]
    return result
