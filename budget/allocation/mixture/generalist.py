"""One model for K tasks under the law of several tasks: what more tasks cost at an unchanged loss."""


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

    Source: Longpre et al. 2025 (ATLAS), whose multipliers for twice the tasks are 1.18 and 1.66.

    >>> [round(factor, 2) for factor in iso_loss(alpha=0.453, beta=0.147, phi=0.11, psi=-0.04, ratio=2)]
    [1.18, 1.66]
    """
    return ratio ** (phi / alpha), ratio ** (1 + psi / beta)
