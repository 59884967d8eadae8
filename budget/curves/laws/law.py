"""What a law is: its parameters, the box they live in, its value, and the way back to the reader's units.

A law is written once, for NumPy and JAX alike, in working coordinates: ``z = log(input / reference)`` and
parameters ``theta`` in which every coefficient is the logarithm of its term at the reference scale. There the
parameters are of order one whatever the units, and nothing overflows inside the box.

At fixed shape parameters (exponents, places, ratios) every law is linear in its levels and coefficients:
``value = Σ_l linear_l · exp(basis_l(shape, z))``. The starts use that (variable projection).

See docs/decisions/008-working-coordinates.md,
docs/decisions/022-laws-linear-in-levels.md,
docs/decisions/119-a-law-is-one-file.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from budget.curves.laws.convexity import NOT_KNOWN_CONVEX, Planning, power_sum
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.mixture import MixtureForm

if TYPE_CHECKING:
    from budget.curves.predictive.observations import Observations, Posterior

LOG_COEFFICIENT = (-23.0, 12.0)
"""Box of a term's logarithm at the reference scale, relative to the median value: 1e-10 to 1.6e5 times it."""

EXPONENT = (0.005, 3.0)
"""Box of an exponent: from flat within any measured range to three decades of value a decade of scale."""

CEILING_REACH = 100.0
"""How far above the largest value a law's level at no data may lie, as a factor."""

ABSENT = -700.0
"""Logarithm that stands for an input of nothing: its exponential is 0 in any sum, and nothing becomes NaN."""

Kind = Literal["floor", "ceiling", "coefficient", "plain", "log", "place", "inner"]

TYPICAL: dict[Kind, tuple[float, float]] = {
    "floor": (0.2, 1.0),
    "ceiling": (4.0, 8.0),
    "coefficient": (-1.5, 0.5),
    "plain": (0.2, 0.7),
    "log": (float(np.log(0.2)), float(np.log(1.5))),
    "place": (-2.0, 2.0),
    "inner": (0.0, 0.0),
}
"""Where working values of each kind lie in an ordinary task, whose values are about 1 at the reference."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of a law.

    Attributes:
        name: in the reader's notation.
        kind: how its working coordinate relates to the reader's number ``p``: ``floor`` and ``ceiling`` are levels of
            the value (itself); ``coefficient`` is ``log(p · reference^-exponent)``; ``plain`` is ``p``; ``log`` is
            ``log p``; ``place`` is ``log(p / reference)``; ``inner`` is a number of which a curve is made and that
            tells a reader nothing by itself, such as its height at a knot.
        low: lower end of the box in the working coordinate; levels get theirs from the data.
        high: upper end.
        input: which input's reference a coefficient or place refers to.
        exponent: position of a coefficient's exponent among the parameters.
        grid: where starts are laid (shape parameters only): working values, or for a place fractions of the task's
            measured range of the input.
        common: whether all tasks share one value.
        per_source: whether the parameter stands for one of each source of a mixture.
        prior: standard deviation of the weak prior about 0 that every fit has of it, ``None`` where there is none.
        may_vanish: whether the term may vanish in a good fit: of other coefficients and their exponents, one at its
            lower end says that the runs do not show how the value depends on the input.
        typical: ends of its working value in an ordinary task, by default those of its kind: what examples draw from.
    """

    name: str
    kind: Kind
    low: float = float("nan")
    high: float = float("nan")
    input: int = 0
    exponent: int = 0
    grid: tuple[float, ...] = ()
    common: bool = False
    per_source: bool = False
    prior: float | None = None
    may_vanish: bool = False
    typical: tuple[float, float] | None = None

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


Curve = Callable[[Any, Any, ModuleType], Any]
"""(theta (…, P), z (…, I), numpy or jax.numpy) → the law's value (…)."""


class Sampler(Protocol):
    """How a law is fitted that has a posterior, and not an optimum with bootstrap draws."""

    def __call__(
        self, observations: "Observations", *, draws: int, seed: int, borrow: bool = True, device: str | None = None
    ) -> "Posterior":
        """Draws of each task's curve, each task's by itself; what is borrowed among tasks is for plans alone."""
        ...


@dataclass(frozen=True, eq=False)
class Published:
    """A curve that somebody measured and printed; each is itself alone, so that a law that holds some has a hash.

    Attributes:
        name: such as ``chinchilla2022``.
        constants: parameter → its value in the reader's units.
        unit: of the values.
        source: where it is printed.
        measured: input → the smallest and the largest that it was fitted to.
    """

    name: str
    constants: Mapping[str, float]
    unit: str
    source: str
    measured: Mapping[str, tuple[float, float]]


Mixing = Callable[["Law", np.ndarray, np.ndarray, np.ndarray, int], MixtureForm]
"""(law, theta (…, T, P), reference (…, T, I), each task's own source (T,), the number S of sources) → one model for T
tasks."""


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
        summary: what the help of the command line says of it.
        example: task position → column → (R,): the runs of one task of a small file, the law's own inputs in order.
        starts: how many of the best grid points are refined.
        planning: how a plan reads it; by its value alone where the law does not say more.
        mixing: how a plan of one model for several tasks reads it, ``None`` of a law of one task at a time.
        chart: coordinates of the search where values are positive, the parameters themselves where there is none.
        curve: the value, of a law that ``basis`` cannot say, or says with more work.
        sampler: how it is fitted, of a law whose curves are a posterior's draws.
        planned_as: name of the law by which plans read its curves, where that is another (``surrogate``).
        learns_beside: whether a shared model's curve learns from specialists of the same task (``Observations``).
        published: curves of this law that somebody measured and printed.
        widened: the law over other scales, of one that reads whichever ``--scales`` names.
        sources: the sources of the mixtures that were fitted (``with_sources``).
    """

    name: str
    formula: str
    reference: str
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    basis: Basis
    summary: str = ""
    example: Callable[[int], dict[str, np.ndarray]] | None = None
    starts: int = 8
    planning: Planning = NOT_KNOWN_CONVEX
    mixing: Mixing | None = None
    chart: Chart | None = None
    curve: Curve | None = None
    sampler: Sampler | None = None
    planned_as: str | None = None
    learns_beside: bool = False
    published: tuple[Published, ...] = ()
    widened: "Callable[[tuple[str, ...]], Law] | None" = None
    sources: tuple[str, ...] = ()

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
    def prior_deviation(self) -> np.ndarray:
        """(P,) standard deviation of each parameter's weak prior about 0, infinite where there is none."""
        return np.array([np.inf if p.prior is None else p.prior for p in self.parameters])

    @property
    def transfers(self) -> np.ndarray:
        """Positions of the transfer coefficients, one for each source of a mixture."""
        return np.flatnonzero([p.per_source for p in self.parameters])

    @property
    def reads_one_scale(self) -> bool:
        """Whether it reads the one column that ``--scale`` names."""
        return "scale" in self.inputs

    @property
    def reads_mixtures(self) -> bool:
        """Whether it reads the tokens of each source of a mixture."""
        return "sources" in self.inputs or bool(self.sources)

    @property
    def reads_named_scales(self) -> bool:
        """Whether it reads whichever scales ``--scales`` names."""
        return self.widened is not None

    @property
    def counts_tasks(self) -> bool:
        """Whether it reads how many tasks a model serves, and so needs models of several numbers of tasks."""
        return "n_tasks" in self.inputs

    @property
    def is_posterior(self) -> bool:
        """Whether its curves are draws of a posterior that holds the law's own error: nothing of it is searched for."""
        return self.sampler is not None

    @property
    def shown(self) -> tuple[str, ...]:
        """Names of the parameters that tell a reader something."""
        return tuple(p.name for p in self.parameters if p.kind != "inner")

    @property
    def is_of_one_model(self) -> bool:
        """Whether it describes one model for several tasks: its size and its mixture are planned, not a split."""
        return self.mixing is not None

    @property
    def is_program(self) -> bool:
        """Whether a plan by it is a convex program or a mixture's; else it is searched for by each task's response."""
        return self.planning.has_tangents or self.is_of_one_model

    @property
    def is_power_sum(self) -> bool:
        """Whether it is a floor plus one falling power of each input."""
        return self.planning.form is power_sum

    def transfer_of(self, source: str) -> int:
        """Where the transfer coefficient of a source stands in ``theta``.

        Raises:
            ValueError: there is no such source.
        """
        return int(self.transfers[self.sources.index(source)])

    def position(self, name: str) -> int:
        """Where a parameter stands in ``theta``.

        Raises:
            ValueError: there is none of that name.
        """
        return self.names.index(name)

    def term_of(self, name: str) -> tuple[int, int]:
        """Where the coefficient and the exponent of the falling power of input ``name`` stand in ``theta``.

        Raises:
            StopIteration: no term of the law is a falling power of it.
        """
        which = self.inputs.index(name)
        coefficients = self.where("coefficient").tolist()
        at = next(at for at in coefficients if self.parameters[at].input == which)
        return at, self.parameters[at].exponent

    def where(self, *kinds: Kind) -> np.ndarray:
        """Positions of the parameters of some kinds."""
        return np.flatnonzero([p.kind in kinds for p in self.parameters])

    def over(self, inputs: Sequence[str]) -> "Law":
        """The law over the columns that it reads from a file."""
        if self.widened is not None:
            return self.widened(tuple(inputs))
        return self.with_sources(inputs[1:]) if self.reads_mixtures else self

    def with_sources(self, sources: Sequence[str]) -> "Law":
        """The law over the sources of a mixture: one input and one parameter for each of them."""
        if "sources" not in self.inputs:
            return self
        each = [p for p in self.parameters if p.per_source]
        parameters = [p for p in self.parameters if not p.per_source]
        named = tuple(replace(p, name=f"{p.name}_{source}") for p in each for source in sources)
        inputs = tuple(name for name in self.inputs if name != "sources") + tuple(sources)
        return replace(self, inputs=inputs, parameters=(*parameters, *named), sources=tuple(sources))

    def value(self, theta: Any, z: Any, xp: ModuleType = np) -> Any:
        """The law's value.

        Args:
            theta: (..., P) working parameters.
            z: (..., I) logarithms of the inputs over their reference.
            xp: ``numpy`` or ``jax.numpy``.

        Returns:
            Array of the broadcast leading shape, in the unit of the levels.
        """
        if self.curve is not None:
            return self.curve(theta, z, xp)
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

    def planning_form(self, theta: np.ndarray, reference: np.ndarray, given: np.ndarray | None = None) -> PlanningForm:
        """V curves as functions of the log inputs that a plan chooses.

        Args:
            theta: (V, P) working parameters.
            reference: (V, I) inputs at which they are stated.
            given: (V, J) the inputs that the tasks give (``GIVEN_BY_TASKS``), where the law reads any.
        """
        return self.planning.form(self, theta, reference, np.empty((len(theta), 0)) if given is None else given)
