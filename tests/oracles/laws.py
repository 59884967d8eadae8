"""Every law in the reader's notation, written without the package: natural parameters, inputs in the file's units."""

import numpy as np
from scipy.optimize import brentq


def power(p, x):
    return p["E"] + p["A"] * x ** -p["a"]


def chinchilla(p, n, d):
    return p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * d ** -p["beta"]


def repeat(p, n, d, unique):
    """Muennighoff et al. 2023, equations 5 to 8 and appendix A: repeats and excess parameters decay exponentially."""
    alpha, beta = p["alpha"], p["beta"]
    unique = np.minimum(unique, d)
    data = unique + unique * p["R_D"] * (1 - np.exp(-(d / unique - 1) / p["R_D"]))
    g = (alpha * p["A"] / (beta * p["B"])) ** (1 / (alpha + beta))
    useful = np.minimum(n, (unique * g) ** (beta / alpha) * g)
    size = useful + useful * p["R_N"] * (1 - np.exp(-(n / useful - 1) / p["R_N"]))
    return p["E"] + p["A"] * size**-alpha + p["B"] * data**-beta


def m4(p, x):
    """The implicit law by bisection on the logit of the share of the way from floor to ceiling."""

    def share(scale):
        target = -p["c"] * np.log(scale / p["x0"])
        root = brentq(lambda u: p["a"] * np.logaddexp(0, u) - np.logaddexp(0, -u) - target, -1e4, 1e4, xtol=1e-13)
        return 1 / (1 + np.exp(-root)) if root > -700 else 0.0

    return p["E"] + (p["E0"] - p["E"]) * np.array([share(scale) for scale in x])


def bnsl(p, x):
    return p["E"] + p["A"] * x ** -p["c0"] * (1 + (x / p["d"]) ** (1 / p["f"])) ** ((p["c0"] - p["c1"]) * p["f"])


def shared(p, n, d, k):
    return p["E"] + p["A"] * k ** p["phi"] * n ** -p["alpha"] + p["B"] * k ** p["psi"] * d ** -p["beta"]


def transfer(p, n, *sources):
    taus = [value for name, value in p.items() if name.startswith("tau")]
    effective = sum(tau * tokens for tau, tokens in zip(taus, sources, strict=True))
    return p["E"] + p["A"] * n ** -p["alpha"] + p["B"] * effective ** -p["beta"]


FORMULAS = {law.__name__: law for law in (power, chinchilla, repeat, m4, bnsl, shared, transfer)}
