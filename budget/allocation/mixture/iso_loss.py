"""One model for K tasks under the law of several tasks: what more cost at an unchanged loss, and how it declines."""

import numpy as np

from budget.errors import AllocationError


def iso_loss(alpha: float, beta: float, phi: float, psi: float, ratio: float) -> tuple[float, float]:
    """Factors of size and of total tokens that keep the loss when K identical tasks become ``ratio·K``.

    Under ``E + A·K^phi/N^alpha + B·K^psi/D^beta`` with D tokens a task, and a cost of one term in N and ``K·D``, the
    compute-minimal point holds the two terms in a fixed proportion at every K, so each keeps its value:

        N → N·ratio^(phi/alpha),      K·D → K·D·ratio^(1 + psi/beta).

    Args:
        alpha: exponent of the size.
        beta: exponent of the tokens.
        phi: exponent of the number of tasks in the term of size.
        psi: the same in the term of data.
        ratio: how many times more tasks.

    Returns:
        Factor of N and factor of all tokens.

    Raises:
        AllocationError: alpha, beta or the ratio is not positive.

    Source: Longpre et al. 2025 (ATLAS), whose multipliers for twice the tasks are 1.18 and 1.66.

    >>> [round(factor, 2) for factor in iso_loss(alpha=0.453, beta=0.147, phi=0.11, psi=-0.04, ratio=2)]
    [1.18, 1.66]
    """
    if not (alpha > 0 and beta > 0 and ratio > 0):
        raise AllocationError(
            f"alpha, beta and ratio are {alpha:g}, {beta:g} and {ratio:g}; a loss falls with positive exponents, and "
            "tasks are a positive number of times more."
        )
    return ratio ** (phi / alpha), ratio ** (1 + psi / beta)


def decline_exponent(
    alpha: np.ndarray, beta: np.ndarray, phi: np.ndarray, psi: np.ndarray, p: float = 1.0, q: float = 1.0
) -> np.ndarray:
    """The power of K by which the reducible loss of one model for K identical tasks grows at one total compute.

    With D tokens in all, a task has D/K, and the model loses ``A·K^phi/N^alpha + B·K^(psi + beta)/D^beta``. The least
    such sum at a cost ``∝ N^p·D^q`` is in proportion to the first coefficient to the power βp/(αq + βp) and to the
    second to the power αq/(αq + βp), so that it grows as K to the power

        (phi·βp + (psi + beta)·αq) / (αq + βp).

    Where phi and psi are 0 it is αβq/(αq + βp): each task then has a share of the tokens and the whole model.

    Args:
        alpha: exponents of the size.
        beta: exponents of the tokens.
        phi: exponents of the number of tasks in the term of size.
        psi: the same in the term of data.
        p: exponent of the size in the cost.
        q: exponent of the tokens in the cost.

    >>> round(float(decline_exponent(alpha=0.5, beta=0.25, phi=0.2, psi=0.05)), 4)
    0.2667
    """
    return (phi * beta * p + (psi + beta) * alpha * q) / (alpha * q + beta * p)
