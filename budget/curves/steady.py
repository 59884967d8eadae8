"""The curves that plans are made on where these are steadier than the prediction: the same law, falling otherwise.

What a plan needs of a curve is how fast it falls at the spends that the plan may choose, beside how fast the others
fall; errors of that slope cost a plan more than errors of the level. A sum of falling powers ``E + Σ_i u_i``,
``u_i = exp(a_i − α_i z_i)``, has its best sizes along ``z_i = z_i0 + s·γ/α_i``, ``1/γ = Σ 1/α_i``: there every term
falls as ``exp(−γ s)``, s being the logarithm of the inputs' product. In that direction the curve is, wherever it
starts, one falling power of the spend, ``E + K exp(−γ s)``, which falls by ``λ exp(−γ s)``, ``λ = γ K``. Steadying it
changes λ and γ by factors that are the same in every draw, and neither its best sizes at the reference's product with
its value there, nor the direction in which sizes grow. The result is a sum of falling powers, so that a plan on it is
the same convex program.

See docs/decisions/138-plans-on-steadied-curves.md.
"""

import numpy as np

from budget.curves.laws.law import EXPONENT, Law

STEADY, PREDICTED = "steady", "predicted"
PLAN_ON = {
    STEADY: "the predicted fall of each value, steadied by that of its last runs and of the other tasks",
    PREDICTED: "the prediction alone",
}
"""What plans are made on, and what that is."""


ASIDE = float(np.log(5.0))
"""Farthest from the reference that the best sizes of its product are looked for: beyond it nothing was measured."""


def falls(law: Law, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How sums of falling powers fall from the reference on, in the direction in which best sizes grow.

    Args:
        law: a floor with one falling power of each input (``Law.is_power_sum``).
        theta: (…, P) working parameters.

    Returns:
        (…) logarithms of the fall λ per factor e of the inputs' product, and (…) its exponents γ.
    """
    log_terms, exponents = terms_of(law, theta)
    exponent = 1 / (1 / exponents).sum(axis=-1)
    return np.log(np.exp(log_terms).sum(axis=-1) * exponent), exponent


def best_place(law: Law, theta: np.ndarray) -> np.ndarray:
    """(…, I) where a curve is lowest among inputs of the reference's product, no input further aside than ``ASIDE``."""
    log_terms, exponents = terms_of(law, theta)
    falling = log_terms + np.log(exponents)
    # all terms fall alike there, and the logarithms add up to 0
    common = (falling / exponents).sum(axis=-1, keepdims=True) / (1 / exponents).sum(axis=-1, keepdims=True)
    place = (falling - common) / exponents
    return place / np.maximum(1.0, np.abs(place).max(axis=-1, keepdims=True) / ASIDE)


def steadied(law: Law, theta: np.ndarray, tilt: np.ndarray, least: np.ndarray) -> np.ndarray:
    """The same curves with another fall.

    Args:
        law: as ``falls``.
        theta: (…, P) working parameters.
        tilt: (…, 2) logarithms of the factors of λ and of γ; 0, 0 changes nothing.
        least: (…) value below which no curve falls; one that would flattens the sooner.

    Returns:
        (…, P).
    """
    log_terms, exponents = terms_of(law, theta)
    place = best_place(law, theta)
    there = log_terms - exponents * place
    above, exponent = np.exp(there).sum(axis=-1), 1 / (1 / exponents).sum(axis=-1)
    value, fall = law.floor(theta) + above, above * exponent * np.exp(tilt[..., 0])
    lowest, highest = EXPONENT[0] / exponents.min(axis=-1), EXPONENT[1] / exponents.max(axis=-1)
    factor = np.clip(np.exp(tilt[..., 1]), lowest, highest)
    # what the fall adds up to stays above the least value: by the exponent first, and what that cannot, by the fall
    room = np.maximum(value - least, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.minimum(np.maximum(factor, np.nan_to_num(fall / (exponent * room))), highest)
    new = np.minimum(fall / (exponent * factor), room)
    changed = np.any(tilt != 0, axis=-1) & (new > 0)
    result = np.array(theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        result[..., law.where("floor")] = (value - new)[..., None]
        size = there + np.log(new / above)[..., None]
        result[..., law.where("coefficient")] = size + exponents * factor[..., None] * place
    for position in law.where("coefficient"):
        result[..., law.parameters[position].exponent] *= factor
    return np.where(changed[..., None], result, theta)


def terms_of(law: Law, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms (…, I) of the terms at the reference and their exponents (…, I)."""
    at = law.where("coefficient")
    return theta[..., at], theta[..., [law.parameters[position].exponent for position in at]]
