"""Parameters that the user fixes or ties: each task's law as an affine map of fewer free parameters.

``theta = offset + expand @ free``, where every row of ``expand`` has at most one entry: a fixed exponent is a
constant, a fixed coefficient follows its exponent (``a = log(A) − alpha·log(reference)``), tied exponents read one
free parameter.

See docs/decisions/024-fixed-and-tied-parameters.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import Law
from budget.errors import DataError


@dataclass(frozen=True)
class Constraints:
    """What ``--fix`` and ``--tie`` ask for.

    Attributes:
        fixed: parameter name → its value in the reader's units.
        tied: groups of names that share one value.
    """

    fixed: tuple[tuple[str, float], ...] = ()
    tied: tuple[tuple[str, ...], ...] = ()

    @property
    def words(self) -> str:
        """What the estimator's description adds."""
        parts = [f"{name} = {value:g}" for name, value in self.fixed] + [" = ".join(names) for names in self.tied]
        return f"; with {', '.join(parts)}" if parts else ""

    def free(self, law: Law) -> list[int]:
        """Positions of the parameters that stay free, one for each tied group."""
        gone = {name for name, _ in self.fixed} | {name for names in self.tied for name in names[1:]}
        return [position for position, name in enumerate(law.names) if name not in gone]

    def settled(self, law: Law) -> set[str]:
        """The inputs whose exponent is fixed: fewer distinct values of them suffice."""
        fixed = {name for name, _ in self.fixed}
        return {
            law.inputs[p.input]
            for p in law.parameters
            if p.kind == "coefficient" and law.parameters[p.exponent].name in fixed
        }


@dataclass(frozen=True)
class Reduced:
    """T tasks' parameters as functions of F free ones.

    Attributes:
        offset: (T, P).
        expand: (T, P, F).
        select: (T, P, F) the entries of ``expand`` by which a free parameter is read off the law's own.
        lower: (T, F) box of the free parameters.
        upper: (T, F).
    """

    offset: np.ndarray
    expand: np.ndarray
    select: np.ndarray
    lower: np.ndarray
    upper: np.ndarray

    def theta(self, free: np.ndarray) -> np.ndarray:
        """(…, T, F) free parameters as (…, T, P) parameters of the law."""
        return self.offset + np.einsum("tpf,...tf->...tp", self.expand, free)

    def project(self, theta: np.ndarray) -> np.ndarray:
        """(…, T, P) parameters to the free ones (…, T, F) nearest to them."""
        return np.einsum("tpf,...tp->...tf", self.select, theta) / self.select.sum(axis=1)

    def prior(self, prior: Prior) -> Prior:
        """A pull on the law's parameters (T, P) as one on the free parameters (T, F)."""
        # ½·p·(offset + e·free − centre)² is a parabola in free of precision p·e²; a free parameter that several read
        # sums theirs, and its centre is their weighted mean
        precision = np.einsum("tpf,tp->tf", self.expand**2, prior.precision)
        pull = np.einsum("tpf,tp->tf", self.expand, prior.precision * (prior.centre - self.offset))
        return Prior(np.divide(pull, precision, out=np.zeros_like(pull), where=precision > 0), precision)


def make_constraints(law: Law, fix: Mapping[str, float], tie: Sequence[Sequence[str]]) -> Constraints:
    """Check what is to be fixed and tied.

    Args:
        law: the law, over its sources.
        fix: parameter name → value in the reader's units.
        tie: groups of parameter names.

    Raises:
        DataError: a name is not the law's, a value is out of its range, or the parameters cannot be tied.
    """
    for name in [*fix, *(name for names in tie for name in names)]:
        if name not in law.names:
            raise DataError(f"Law '{law.name}' has no parameter '{name}'; it has {', '.join(law.names)}.")
    kinds = dict(zip(law.names, law.parameters, strict=True))
    for name, value in fix.items():
        parameter = kinds[name]
        if not np.isfinite(value) or (parameter.kind in ("coefficient", "log", "place") and value <= 0):
            raise DataError(f"--fix {name}={value:g}: {name} must be a positive number.")
        low, high = parameter.low, parameter.high
        if parameter.kind == "log":
            low, high = float(np.exp(low)), float(np.exp(high))
        if parameter.kind in ("plain", "log") and not low <= value <= high:
            raise DataError(f"--fix {name}={value:g}: {name} lies between {low:g} and {high:g}.")
    seen: set[str] = set()
    for names in tie:
        group = [kinds[name] for name in names]
        if len(set(names)) < 2 or any(p.kind != "plain" or p.common != group[0].common for p in group):
            raise DataError(
                f"--tie {'='.join(names)}: only exponents and other plain numbers of a task can be tied, two or more, "
                "such as alpha=beta; fix the others."
            )
        for name in names:
            if name in seen or name in fix:
                raise DataError(f"--tie {'='.join(names)}: '{name}' is tied or fixed already; name it once.")
            seen.add(name)
    constraints = Constraints(tuple(fix.items()), tuple(tuple(names) for names in tie))
    if not constraints.free(law):
        raise DataError(f"--fix holds every parameter of law '{law.name}': nothing is left to fit; leave one out.")
    return constraints


def reduce(
    law: Law,
    constraints: Constraints,
    lower: np.ndarray,
    upper: np.ndarray,
    reference: np.ndarray,
    unit: np.ndarray,
    tasks: Sequence[str],
) -> Reduced:
    """The affine map of each task.

    Args:
        law: the law.
        constraints: see ``make_constraints``.
        lower: (T, P) box of the law's parameters, for values over their unit.
        upper: (T, P).
        reference: (T, I) inputs at z = 0.
        unit: (T,) by which values are divided.
        tasks: (T,) names, for the error sentence.

    Raises:
        DataError: a fixed value leaves nothing of the box.
    """
    count, size = lower.shape
    free = constraints.free(law)
    fixed = dict(constraints.fixed)
    leader = {name: names[0] for names in constraints.tied for name in names}
    offset, expand = np.zeros((count, size)), np.zeros((count, size, len(free)))
    column = {law.names[position]: index for index, position in enumerate(free)}
    for position, p in enumerate(law.parameters):
        if p.name not in fixed:
            expand[:, position, column[leader.get(p.name, p.name)]] = 1.0
            continue
        value = fixed[p.name]
        if p.kind in ("floor", "ceiling"):
            offset[:, position] = value / unit
        elif p.kind == "plain":
            offset[:, position] = value
        elif p.kind == "log":
            offset[:, position] = np.log(value)
        elif p.kind == "place":
            offset[:, position] = np.log(value / reference[:, p.input])
        else:
            # A·x^−α over the unit, at x = reference·exp(z): its working coordinate is a = log(A/unit) −
            # α·log(reference), which moves with α where α is free
            exponent = law.parameters[p.exponent].name
            logs = np.log(reference[:, p.input])
            offset[:, position] = np.log(value / unit)
            if exponent in fixed:
                offset[:, position] -= fixed[exponent] * logs
            else:
                expand[:, position, column[leader.get(exponent, exponent)]] = -logs
    # every bound on a parameter of the law is one on the free parameter that it reads; the tightest counts
    low, high = np.full((count, len(free)), -np.inf), np.full((count, len(free)), np.inf)
    for position, parameter in enumerate(law.parameters):
        name = parameter.name
        for index in range(len(free)):
            slope = expand[:, position, index]
            # slopes are 0, 1 or −log(reference): below 1e-9 the reference is 1 but for rounding, nothing moves
            there = np.abs(slope) > 1e-9
            with np.errstate(divide="ignore", invalid="ignore"):
                ends = (np.stack([lower[:, position], upper[:, position]]) - offset[:, position]) / slope
            # a negative slope swaps the two ends
            low[there, index] = np.maximum(low[there, index], ends.min(axis=0)[there])
            high[there, index] = np.minimum(high[there, index], ends.max(axis=0)[there])
        constant = ~(np.abs(expand[:, position]) > 1e-9).any(axis=1)
        outside = constant & ((offset[:, position] < lower[:, position]) | (offset[:, position] > upper[:, position]))
        if name in fixed and outside.any() and parameter.kind == "floor":
            task = int(outside.argmax())
            low_end, high_end = lower[task, position] * unit[task], upper[task, position] * unit[task]
            raise DataError(
                f"--fix {name}={fixed[name]:g}: no curve of task '{tasks[task]}' can have it: its floor (a score's as "
                f"distance to the best) lies between {low_end:g} and {high_end:g}, by its values and the stated best."
            )
        if name in fixed and outside.any():
            raise DataError(
                f"--fix {name}={fixed[name]:g}: no curve of task '{tasks[int(outside.argmax())]}' can have it; "
                "look at the fit without it."
            )
    if (low > high).any():
        task = int((low > high).any(axis=1).argmax())
        raise DataError(
            f"The fixed values leave no curve for task '{tasks[task]}': no exponent within its range goes with a fixed "
            "coefficient; look at the fit without them."
        )
    # a fixed coefficient follows its exponent, but the exponent is read off where it stands itself
    select = np.where(np.isin(law.names, list(fixed))[None, :, None], 0.0, expand)
    return Reduced(offset, expand, select, low, high)
