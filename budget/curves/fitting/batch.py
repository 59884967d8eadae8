"""The fittable tasks of a file as padded arrays, in the working coordinates of a law.

Axis order throughout the package: draw B, task T, row R, input I, parameter P, free parameter F.

See docs/decisions/043-best-value-in-the-fit.md.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from budget.curves.fitting.constraints import Constraints, Reduced, reduce
from budget.curves.fitting.loss import Loss
from budget.curves.fitting.solver import Prior
from budget.curves.laws.law import ABSENT, CEILING_REACH, LOG_COEFFICIENT, Law
from budget.curves.run_names import rows_by_task, run_keys
from budget.tables.checks.quality import distance_to_best
from budget.tables.runs import Runs

MAX_FLOOR_DEPTH = 10.0
"""How deep below the smallest value a floor may lie where values need not be positive, in units of their range."""


@dataclass(frozen=True)
class Batch:
    """T tasks of one law.

    Attributes:
        task: (T,) positions in the file's tasks.
        z: (T, R, I) log inputs over their reference, 0 where padded.
        value: (T, R) distances to best over their unit, 1 where padded.
        weight: (T, R) weight of each row over ``weight_unit``, 0 where padded.
        rows: (T, R) positions in the file's rows, −1 where padded.
        reference: (T, I) inputs at z = 0.
        unit: (T,) the median absolute value.
        lower: (T, P) box, for values over their unit.
        upper: (T, P).
        pinned: (T, P) parameters that the file's shape or the user decides, not the fit.
        offset: (T, P) the affine map of ``constraints.Reduced``.
        expand: (T, P, F).
        select: (T, P, F).
        free_lower: (T, F) box of the free parameters.
        free_upper: (T, F).
        weight_unit: (T,) by which the file's weights are divided, so that their mean is 1.
        stated: (T,) whether the lower end of the floor's box is a stated best value: there the floor is known.
    """

    task: np.ndarray
    z: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    rows: np.ndarray
    reference: np.ndarray
    unit: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    pinned: np.ndarray
    offset: np.ndarray
    expand: np.ndarray
    select: np.ndarray
    free_lower: np.ndarray
    free_upper: np.ndarray
    weight_unit: np.ndarray
    stated: np.ndarray

    def __len__(self) -> int:
        """The number T of tasks."""
        return len(self.task)

    @property
    def there(self) -> np.ndarray:
        """(T, R) which entries are rows and not padding."""
        return self.rows >= 0

    @property
    def free(self) -> np.ndarray:
        """(T,) number of parameters that the fit of each task decides."""
        return (self.free_lower < self.free_upper).sum(axis=1)

    @property
    def narrow(self) -> np.ndarray:
        """(T,) tasks whose rows fit into half the width; none where these are the fewer: a width is a compilation."""
        fits = self.there.sum(axis=1) <= self.rows.shape[1] // 2
        return fits & (fits.mean() > 0.5)

    @property
    def root_weight(self) -> np.ndarray:
        """(T, R) what makes residuals of one size, 1 where padded: a weight is the inverse of a row's variance."""
        return np.sqrt(np.where(self.weight > 0, self.weight, 1.0))

    @property
    def reduced(self) -> Reduced:
        """The map from free parameters to the law's."""
        return Reduced(self.offset, self.expand, self.select, self.free_lower, self.free_upper)

    def take(self, pick: np.ndarray) -> "Batch":
        """The tasks at the positions ``pick``."""
        return Batch(*(getattr(self, each.name)[pick] for each in fields(self)))

    def residual(self, law: Law, theta: np.ndarray, loss: Loss) -> np.ndarray:
        """Data minus curve (…, T, R) in the loss's own measure, 0 where padded; ``theta`` is (…, T, P)."""
        curve = law.value(theta[..., None, :], self.z)
        if loss.residual == "raw":
            return np.where(self.there, self.value - curve, 0.0)
        return np.where(self.there, np.log(self.value) - np.log(curve), 0.0)


def make_batch(
    runs: Runs,
    good: np.ndarray,
    law: Law,
    inputs: Sequence[str],
    ceiling: np.ndarray,
    constraints: Constraints,
    least: np.ndarray | None = None,
) -> Batch:
    """Gather the rows of the tasks ``good`` (T,).

    Args:
        runs: the measurements.
        good: positions of the tasks.
        law: over the file's sources.
        inputs: the columns it reads.
        ceiling: best possible scores of all tasks.
        constraints: fixed and tied parameters.
        least: distances of all tasks' stated best values, NaN where none is: no floor lies below, in any draw.

    Raises:
        DataError: what is to be fixed leaves a task without any curve.
    """
    members = rows_by_task(runs, good, run_keys(runs))
    width = padded_rows(max(len(member) for member in members))
    count, size = len(good), len(law.parameters)
    z = np.zeros((count, width, len(inputs)))
    value, weight, weight_unit = np.ones((count, width)), np.zeros((count, width)), np.empty(count)
    rows = np.full((count, width), -1)
    reference, unit = np.empty((count, len(inputs))), np.empty(count)
    lower, upper = np.tile(law.lower, (count, 1)), np.tile(law.upper, (count, 1))
    pinned, stated = np.zeros((count, size), dtype=bool), np.zeros(count, dtype=bool)
    columns = runs.columns
    for position, (task, member) in enumerate(zip(good, members, strict=True)):
        there = slice(0, len(member))
        scales = np.column_stack([columns[name][member] for name in inputs])
        reference[position] = _reference(law, inputs, scales)
        with np.errstate(divide="ignore"):
            # amid the measured scales coefficients are of order one and hardly correlated with exponents
            logs = np.log(scales) - np.log(reference[position])
        # a source of no tokens: its term must be 0 without an infinity that gradients turn into NaN
        z[position, there] = np.maximum(logs, ABSENT)
        # distances come in the file's order, and members in that of their scales: a member's rank says where it is
        distance = distance_to_best(runs, task, ceiling[task])[np.argsort(np.argsort(member))]
        # a median of 0 divides nothing
        unit[position] = np.median(np.abs(distance)) or np.abs(distance).max()
        value[position, there] = distance / unit[position]
        # tasks that share parameters keep their weights' proportions; of the others a common factor changes no fit
        weight_unit[position] = runs.weight.mean() if len(law.common) else runs.weight[member].mean()
        weight[position, there] = runs.weight[member] / weight_unit[position]
        rows[position, there] = member
        _box(
            law,
            not runs.higher_is_better[task],
            z[position, there],
            value[position, there],
            lower[position],
            upper[position],
        )
        if least is not None and np.isfinite(least[task]):
            stated[position] = _hold_floor(law, least[task] / unit[position], lower[position], upper[position])
        if law.reads_mixtures:
            _pin_transfer(law, runs.tasks[task], z[position, there], lower, upper, pinned, position)
    fixed = {name for name, _ in constraints.fixed}
    pinned |= np.array([name in fixed for name in law.names])
    reduced = reduce(law, constraints, lower, upper, reference, unit, [runs.tasks[task] for task in good])
    return Batch(
        np.asarray(good), z, value, weight, rows, reference, unit, lower, upper, pinned,
        reduced.offset, reduced.expand, reduced.select, reduced.lower, reduced.upper, weight_unit, stated,
    )  # fmt: skip


def padded_rows(rows: int) -> int:
    """The next of 8, 16, 24, 32, 48, 64, 96, …: a program is compiled for few shapes, however many rows tasks have."""
    sizes = (8 * int(np.ceil(1.5**power)) for power in itertools.count())
    return next(size for size in sizes if size >= rows)


def transfer_prior(law: Law, batch: Batch, precision: np.ndarray) -> Prior:
    """The pull that every fit of a law has toward 0, of the parameters that have a prior.

    Args:
        law: the law.
        batch: T tasks.
        precision: (T,) of one standard deviation of 1, in the unit of the loss (``noise.precision``).
    """
    centre, strength = np.zeros_like(batch.lower), np.zeros_like(batch.lower)
    pulled = np.isfinite(law.prior_deviation)
    strength[:, pulled] = precision[:, None] / law.prior_deviation[pulled] ** 2
    return Prior(centre, np.where(batch.pinned, 0.0, strength))


def _reference(law: Law, inputs: Sequence[str], scales: np.ndarray) -> np.ndarray:
    """Where coefficients are stated: the geometric mean of each input; tokens of all kinds share one reference."""
    if law.reads_mixtures:
        total = np.exp(np.log(scales[:, 1:].sum(axis=1)).mean())
        return np.array([np.exp(np.log(scales[:, 0]).mean()), *[total] * (len(inputs) - 1)])
    reference = np.exp(np.log(scales).mean(axis=0))
    for position, name in enumerate(inputs):
        if name == "unique_tokens":
            reference[position] = reference[list(inputs).index("tokens")]
        if name == "n_tasks":
            reference[position] = 1.0
    return reference


def _box(
    law: Law, may_be_negative: bool, z: np.ndarray, value: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> None:
    """Fill in the bounds that the data decide: levels from the values, places from the measured range."""
    span, top = np.ptp(value), value.max()
    for position, p in enumerate(law.parameters):
        if p.kind == "floor":
            lower[position] = 0.0 if value.min() > 0 or not may_be_negative else value.min() - MAX_FLOOR_DEPTH * span
            upper[position] = top
        elif p.kind == "ceiling":
            lower[position], upper[position] = top, top + CEILING_REACH * max(abs(top), span)
        elif p.kind == "place" and np.isnan(p.low):
            lower[position], upper[position] = z[:, p.input].min(), z[:, p.input].max()


def _hold_floor(law: Law, least: float, lower: np.ndarray, upper: np.ndarray) -> bool:
    """Raise the floor's lower bound to ``least``; whether that is where it stands now."""
    floor = law.where("floor")
    lower[floor] = np.maximum(lower[floor], least)
    upper[floor] = np.maximum(upper[floor], lower[floor])
    return bool((lower[floor] == least).all())


def _pin_transfer(
    law: Law,
    task: str,
    z: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    pinned: np.ndarray,
    position: int,
) -> None:
    """A task's own source counts as it is; with one model size the capacity term is part of the floor."""
    own = law.transfer_of(task)
    lower[position, own] = upper[position, own] = 1.0
    pinned[position, own] = True
    # one size but for rounding in the file: its term would be a second floor, and neither could be told from the other
    if np.ptp(z[:, 0]) < 1e-6:
        coefficient, exponent = law.term_of(law.inputs[0])
        for at, number in ((coefficient, LOG_COEFFICIENT[0]), (exponent, 1.0)):
            lower[position, at] = upper[position, at] = number
            pinned[position, at] = True
