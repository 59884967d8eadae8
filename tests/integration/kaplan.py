"""The law of Kaplan et al. 2020 (equation 1.5): an added law is this file and a line in the table of laws."""

import numpy as np

from budget.curves.laws.convexity import LOG_CONVEX
from budget.curves.laws.law import EXPONENT, LOG_COEFFICIENT, Law, Parameter
from budget.curves.laws.parts import crossed


def _basis(theta, z, xp):
    """The logarithm of what multiplies A: the bracket, with the size that the reference tokens can use as its unit.

    A smooth maximum of two falling lines in the log inputs, so convex in them: the law is log-convex.
    """
    _, alpha, beta, place = (theta[..., i] for i in range(4))
    return (beta * xp.logaddexp(-alpha / beta * (z[..., 0] - place), -z[..., 1]),)


LAW = Law(
    name="kaplan",
    formula="A·((N/N_r)^(-alpha/beta)/D_r + 1/D)^beta, D_r the reference tokens",
    summary="one bracket of sizes and tokens",
    reference="Kaplan et al. 2020, arXiv 2001.08361, equation 1.5",
    inputs=("params", "tokens"),
    parameters=(
        Parameter("A", "coefficient", *LOG_COEFFICIENT, input=1, exponent=2),
        Parameter("alpha", "plain", *EXPONENT, grid=(0.05, 0.1, 0.2, 0.4)),
        Parameter("beta", "plain", *EXPONENT, grid=(0.05, 0.1, 0.2, 0.4)),
        Parameter("N_r", "place", -10.0, 10.0, grid=(-0.5, 0.5, 1.5)),
    ),
    basis=_basis,
    example=lambda task: crossed(params=np.geomspace(1e7, 3e9, 5), tokens=np.geomspace(3e8, 1e11, 5)),
    planning=LOG_CONVEX,
)
