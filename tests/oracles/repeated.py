"""The data-constrained law as its paper writes it (Muennighoff et al. 2023, arXiv 2305.16264), in natural units."""

import numpy as np


def value(E, A, alpha, B, beta, R_D, R_N, params, tokens, unique):
    """``E + A/N'^alpha + B/D'^beta`` with the paper's effective parameters ``N'`` and data ``D'``."""
    own = np.minimum(unique, tokens)
    repeats = tokens / own - 1
    data = own + own * R_D * -np.expm1(-repeats / R_D)
    balance = (alpha * A / (beta * B)) ** (1 / (alpha + beta))
    usable = np.minimum((own * balance) ** (beta / alpha) * balance, params)
    excess = params / usable - 1
    size = usable + usable * R_N * -np.expm1(-excess / R_N)
    return E + A / size**alpha + B / data**beta
