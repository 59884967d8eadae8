"""What a law is: its parameters, the box they live in, its value, and the way back to the reader's units.

A law is written once, for NumPy and JAX alike, in working coordinates: ``z = log(input / reference)`` and
parameters ``theta`` in which every coefficient is the logarithm of its term at the reference scale. There the
parameters are of order one whatever the units, and nothing overflows inside the box.

At fixed shape parameters (exponents, places, ratios) every law is linear in its levels and coefficients:
``value = Σ_l linear_l · exp(basis_l(shape, z))``. The starts use that (variable projection).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Literal

import numpy as np

from budget.curves.posynomial import Posynomial
from budget.errors import FitError

LOG_COEFFICIENT = (-23.0, 12.0)
"""Box of a term's logarithm at the reference scale, relative to the median value: 1e-10 to 1.6e5 times it."""

EXPONENT = (0.005, 3.0)
"""Box of an exponent: from flat within any measured range to three decades of value a decade of scale."""

CEILING_REACH = 100.0
"""How far above the largest value a law's level at no data may lie, as a factor."""

ABSENT = -700.0
"""Logarithm that stands for an input of nothing: its exponential is 0 in any sum, and nothing becomes NaN."""

Kind = Literal["floor", "ceiling", "coefficient", "plain", "log", "place"]


@dataclass(frozen=True)
class Parameter:
    """One parameter of a law.

    Attributes:
        name: in the reader's notation.
        kind: how its working coordinate relates to the reader's number ``p``: ``floor`` and ``ceiling`` are levels of
            the value (itself); ``coefficient`` is ``log(p · reference^-exponent)``; ``plain`` is ``p``; ``log`` is
            ``log p``; ``place`` is ``log(p / reference)``.
        low: lower end of the box in the working coordinate; levels get theirs from the data.
        high: upper end.
        input: which input's reference a coefficient or place refers to.
        exponent: position of a coefficient's exponent among the parameters.
        grid: where starts are laid (shape parameters only): working values, or for a place fractions of the task's
            measured range of the input.
        common: whether all tasks share one value.
    """

    name: str
    kind: Kind
    low: float = float("nan")
    high: float = float("nan")
    input: int = 0
    exponent: int = 0
    grid: tuple[float, ...] = ()
    common: bool = False

    @property
    def linear(self) -> bool:
        """Whether the value is linear in it (in its exponential, for a coefficient)."""
        return self.kind in ("floor", "ceiling", "coefficient")


Basis = Callable[[Any, Any, ModuleType], Sequence[Any]]
"""(theta (…, P), z (…, I), numpy or jax.numpy) → for each linear parameter the logarithm of what multiplies it."""


@dataclass(frozen=True)
class Chart:
    """Coordinates in which a law's valleys run nearly straight, for the search alone.

    Far from what the data show, parameters make up for each other along curves, and a search in the parameters
    themselves follows them in short steps. Every coordinate is a rising function of the parameter at its position, but
    for one that mixes others in; while that parameter stands at an end of its box, its coordinate is itself.

    Attributes:
        into: (theta (P,), whether the mixing one stands at an end, numpy or jax.numpy) → coordinates (P,).
        back: the inverse.
        mixing: position of the parameter whose coordinate mixes others in.
    """

    into: Callable[[Any, Any, ModuleType], Any]
    back: Callable[[Any, Any, ModuleType], Any]
    mixing: int


@dataclass(frozen=True)
class Law:
    """One law.

    Attributes:
        name: what ``--law`` takes.
        formula: in the reader's notation.
        reference: where the law comes from.
        inputs: the scale columns it reads; ``"scale"`` stands for the one that ``--scale`` names, ``"sources"`` for
            one column of tokens for each source of a mixture.
        parameters: the P parameters in the order of ``theta``.
        basis: see ``Basis``; linear parameters in the order of ``parameters``.
        starts: how many of the best grid points are refined.
        posynomial_terms: whether the value is a floor plus one falling power of each input, the form that the convex
            program takes.
        convex: whether the value falls in every input and is convex in their logarithms, so that a plan can find the
            best size at a spend; of a law with ``posynomial_terms`` both are known.
        chart: coordinates of the search where values are positive, the parameters themselves where there is none.
    """

    name: str
    formula: str
    reference: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    basis: Basis
    starts: int = 8
    posynomial_terms: bool = False
    convex: bool = False
    chart: Chart | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the P parameters."""
        return tuple(parameter.name for parameter in self.parameters)

    @property
    def lower(self) -> np.ndarray:
        """Lower end of the box, shape (P,), for values divided by their median; NaN where the data decide."""
        return np.array([0.0 if p.kind == "floor" else p.low for p in self.parameters])

    @property
    def upper(self) -> np.ndarray:
        """Upper end of the box, shape (P,); NaN where the data decide."""
        return np.array([p.high for p in self.parameters])

    @property
    def common(self) -> np.ndarray:
        """Positions of the parameters that all tasks share."""
        return np.flatnonzero([p.common for p in self.parameters])

    @property
    def transfers(self) -> np.ndarray:
        """Positions of the transfer coefficients, one for each source of a mixture."""
        return np.flatnonzero([p.name.startswith("tau") for p in self.parameters])

    def where(self, *kinds: Kind) -> np.ndarray:
        """Positions of the parameters of some kinds."""
        return np.flatnonzero([p.kind in kinds for p in self.parameters])

    def with_sources(self, sources: Sequence[str]) -> "Law":
        """The law over the sources of a mixture: one input and one parameter for each of them."""
        if "sources" not in self.inputs:
            return self
        each = [p for p in self.parameters if p.name.startswith("tau")]
        parameters = [p for p in self.parameters if p not in each]
        named = tuple(replace(each[0], name=f"tau_{source}") for source in sources)
        inputs = tuple(name for name in self.inputs if name != "sources") + tuple(sources)
        return replace(self, inputs=inputs, parameters=(*parameters, *named))

    def value(self, theta: Any, z: Any, xp: ModuleType = np) -> Any:
        """The law's value.

        Args:
            theta: (..., P) working parameters.
            z: (..., I) logarithms of the inputs over their reference.
            xp: ``numpy`` or ``jax.numpy``.

        Returns:
            Array of the broadcast leading shape, in the unit of the levels.
        """
        total = 0.0
        linear = [position for position, p in enumerate(self.parameters) if p.linear]
        for position, logs in zip(linear, self.basis(theta, z, xp), strict=True):
            if self.parameters[position].kind == "coefficient":
                total = total + xp.exp(theta[..., position] + logs)
            else:
                total = total + theta[..., position] * xp.exp(logs)
        return total

    def floor(self, theta: np.ndarray) -> np.ndarray:
        """The value that more scale approaches (…), of working parameters (…, P); 0 of a law that has no floor."""
        return theta[..., self.where("floor")].sum(axis=-1)

    def natural(self, theta: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """Working parameters in the reader's units: ``E, A, alpha, …`` with ``A = exp(a)·reference^alpha``.

        Args:
            theta: (..., P).
            reference: (..., I), broadcast against ``theta``'s leading axes.
        """
        result = np.array(theta, dtype=float)
        logs = np.log(reference)
        for position, p in enumerate(self.parameters):
            if p.kind == "coefficient":
                logarithm = theta[..., position] + theta[..., p.exponent] * logs[..., p.input]
                result[..., position] = np.exp(np.minimum(logarithm, 700.0))
            elif p.kind == "log":
                result[..., position] = np.exp(theta[..., position])
            elif p.kind == "place":
                result[..., position] = np.exp(theta[..., position] + logs[..., p.input])
        return result

    def working(self, natural: np.ndarray, reference: np.ndarray) -> np.ndarray:
        """The inverse of ``natural``."""
        theta = np.array(natural, dtype=float)
        logs = np.log(reference)
        for position, p in enumerate(self.parameters):
            if p.kind == "coefficient":
                log_coefficient = np.log(natural[..., position])
                theta[..., position] = log_coefficient - natural[..., p.exponent] * logs[..., p.input]
            elif p.kind == "log":
                theta[..., position] = np.log(natural[..., position])
            elif p.kind == "place":
                theta[..., position] = np.log(natural[..., position]) - logs[..., p.input]
        return theta

    def in_units(self, theta: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Working parameters (…, T, P) of values divided by ``unit`` (T,) as parameters of the values themselves."""
        result = np.array(theta)
        levels, coefficients = self.where("floor", "ceiling"), self.where("coefficient")
        result[..., levels] *= unit[:, None]
        result[..., coefficients] += np.log(unit)[:, None]
        return result

    def posynomial(self, theta: np.ndarray, reference: np.ndarray) -> Posynomial:
        """T curves as a posynomial over the law's I inputs, for the allocation.

        Args:
            theta: (T, P).
            reference: (T, I).

        Raises:
            FitError: the law is no sum of falling powers.
        """
        if not self.posynomial_terms:
            raise FitError(
                f"A plan needs curves that are a floor plus one falling power of each scale, and '{self.name}' is not; "
                "fit again with --law power or --law chinchilla."
            )
        tasks, terms = theta.shape[0], len(self.inputs)
        exponent = np.zeros((tasks, terms, terms))
        exponent[:, np.arange(terms), np.arange(terms)] = -theta[:, 2::2]
        return Posynomial(
            offset=theta[:, 0].copy(),
            log_coef=theta[:, 1::2] + theta[:, 2::2] * np.log(reference),
            exponent=exponent,
        )
