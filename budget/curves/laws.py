"""The laws: parametric forms of a value against scale, one record each.

A law is written once, for NumPy and JAX alike, in working coordinates: ``z = log(input / reference)`` and
parameters ``theta`` in which every coefficient is the logarithm of its term at the reference scale. There the
parameters are of order one whatever the units, and nothing overflows inside the box.

To add a law, add a record to ``LAWS``: the fit, the commands' choices and the tests' sweeps read this table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from budget.curves.posynomial import Posynomial
from budget.errors import DataError
from budget.tables.runs import Runs


@dataclass(frozen=True)
class Law:
    """One law: ``value = E + Σ_k exp(a_k − alpha_k·z_k)``, one falling term for each input.

    Attributes:
        name: what ``--law`` takes.
        formula: in the reader's notation.
        reference: where the law comes from.
        inputs: the scale columns it reads, one a term; ``"scale"`` stands for the one that ``--scale`` names.
        coefficients: name of each term's coefficient.
        exponents: name of each term's exponent.
    """

    name: str
    formula: str
    reference: str
    inputs: tuple[str, ...]
    coefficients: tuple[str, ...]
    exponents: tuple[str, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the P parameters in the order of ``theta``: E, then coefficient and exponent of each term."""
        pairs = zip(self.coefficients, self.exponents, strict=True)
        return ("E", *(name for pair in pairs for name in pair))

    @property
    def lower(self) -> np.ndarray:
        """Lower end of the box, shape (P,), for values divided by their median: a floor of 0, slow exponents."""
        return np.array([0.0, *([LOG_COEFFICIENT[0], EXPONENT[0]] * len(self.inputs))])

    @property
    def upper(self) -> np.ndarray:
        """Upper end of the box, shape (P,). The floor's own upper end is the task's largest value, set by the fit."""
        return np.array([np.inf, *([LOG_COEFFICIENT[1], EXPONENT[1]] * len(self.inputs))])

    def value(self, theta: Any, z: Any, xp: ModuleType = np) -> Any:
        """The law's value.

        Args:
            theta: (..., P) working parameters.
            z: (..., I) logarithms of the inputs over their reference.
            xp: ``numpy`` or ``jax.numpy``.

        Returns:
            Array of the broadcast leading shape, in the unit of ``E``.
        """
        return theta[..., 0] + xp.exp(theta[..., 1::2] - theta[..., 2::2] * z).sum(axis=-1)

    def natural(self, theta: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Working parameters in the reader's units: ``E, A, alpha, …`` with ``A = exp(a)·reference^alpha``.

        Args:
            theta: (..., P).
            reference: (..., I), broadcast against ``theta``'s leading axes.
        """
        result = np.array(theta, dtype=float)
        result[..., 1::2] = np.exp(theta[..., 1::2] + theta[..., 2::2] * np.log(reference))
        return result

    def posynomial(self, theta: np.ndarray, reference: np.ndarray) -> Posynomial:
        """T curves as a posynomial over the law's I inputs, for the allocation.

        Args:
            theta: (T, P).
            reference: (T, I).
        """
        tasks, terms = theta.shape[0], len(self.inputs)
        exponent = np.zeros((tasks, terms, terms))
        exponent[:, np.arange(terms), np.arange(terms)] = -theta[:, 2::2]
        return Posynomial(
            offset=theta[:, 0].copy(),
            log_coef=theta[:, 1::2] + theta[:, 2::2] * np.log(reference),
            exponent=exponent,
        )


LOG_COEFFICIENT = (-23.0, 12.0)
"""Box of a term's logarithm at the reference scale, relative to the median value: 1e-10 to 1.6e5 times it."""

EXPONENT = (0.005, 3.0)
"""Box of an exponent: from flat within any measured range to three decades of value a decade of scale."""

LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        Law(
            name="power",
            formula="E + A·x^-a",
            reference="Hestness et al. 2017, arXiv 1712.00409",
            inputs=("scale",),
            coefficients=("A",),
            exponents=("a",),
        ),
        Law(
            name="chinchilla",
            formula="E + A/N^alpha + B/D^beta",
            reference="Hoffmann et al. 2022, arXiv 2203.15556",
            inputs=("params", "tokens"),
            coefficients=("A", "B"),
            exponents=("alpha", "beta"),
        ),
    )
}


def choose_law(scales: Sequence[str]) -> str:
    """The law for a file's scale columns: ``chinchilla`` where params and tokens are both there."""
    return "chinchilla" if {"params", "tokens"} <= set(scales) else "power"


def choose_scale(scales: Sequence[str]) -> str:
    """The column the one-scale law reads where none is named: x, then flops, tokens, params."""
    return next(name for name in ("x", "flops", "tokens", "params") if name in scales)


def law_inputs(runs: Runs, law: Law, scale: str | None = None) -> tuple[str, ...]:
    """The scale columns that a law reads from a file.

    Raises:
        DataError: the file lacks one, or ``scale`` is given to a law that takes params and tokens.
    """
    if "scale" in law.inputs:
        inputs: tuple[str, ...] = (scale or choose_scale(tuple(runs.scale)),)
    elif scale is not None:
        raise DataError(f"Law '{law.name}' reads {' and '.join(law.inputs)}; --scale is for --law power.")
    else:
        inputs = law.inputs
    for name in inputs:
        if name not in runs.scale:
            raise DataError(
                f"{runs.source}: law '{law.name}' needs the column '{name}', and the file has {', '.join(runs.scale)}; "
                f"name yours with --column {name}=THEIRS or choose another law."
            )
    return inputs
