"""What tasks of several models are told to reach, read for all of them at once.

See docs/decisions/132-reported-is-the-prediction.md,
docs/decisions/169-levels-are-decided-by-predictions.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.measures import Measure
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.curves.laws.law import Law


@dataclass(frozen=True)
class _OneLaw:
    """N rows whose predictions are of one law, with I' inputs that are planned of its I.

    Attributes:
        form: the law.
        parameters: (N, P).
        ends: (2, N) distances of the best and of the worst value that is told.
        scale: (N,) from a distance to a measure.
        shift: (N,) the same.
        given: (N, I) log inputs over the reference that are not planned, and less that of those that are.
        planned: positions of the inputs that are planned.
    """

    form: Law
    parameters: np.ndarray
    ends: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    given: np.ndarray
    planned: slice

    def value(self, row: np.ndarray, u: np.ndarray) -> np.ndarray:
        """(R,) measures of rows (R,) at planned log inputs (R, I')."""
        inputs = self.given[row]
        inputs[:, self.planned] += u
        with np.errstate(over="ignore"):
            distance = self.form.value(self.parameters[row], inputs)
        return np.asarray(self.scale[row] * np.clip(distance, *self.ends[:, row]) + self.shift[row])


@dataclass(frozen=True)
class Predictions:
    """Measures of N rows, each a task that a model serves, as a reader is told them.

    Attributes:
        laws: the rows of each law.
        law: (N,) which of them a row is of.
        place: (N,) where it stands there.
    """

    laws: tuple[_OneLaw, ...]
    law: np.ndarray
    place: np.ndarray

    def value(self, row: np.ndarray, u: np.ndarray) -> np.ndarray:
        """(R,) measures of rows (R,) at planned log inputs (R, I')."""
        if len(self.laws) == 1:
            return self.laws[0].value(row, u)
        found = np.empty(len(row))
        for at, law in enumerate(self.laws):
            mine = self.law[row] == at
            found[mine] = law.value(self.place[row[mine]], u[mine])
        return found


def predictions_of(models: Sequence[tuple[Curves, PlanSpec, Measure]]) -> Predictions:
    """The predictions of the tasks of models, one after another.

    Args:
        models: curves of each, what is asked of it, and a measure that is a distance up to scale and shift.
    """
    kinds: dict[tuple[str, tuple[str, ...]], list[tuple[Curves, PlanSpec, Measure]]] = {}
    law: list[int] = []
    place: list[int] = []
    for curves, asked, measure in models:
        told, count = curves.told, len(curves.tasks)
        mine = kinds.setdefault((told.law, told.scale_columns), [])
        law += [list(kinds).index((told.law, told.scale_columns))] * count
        first = sum(len(each.tasks) for each, *_ in mine)
        place += range(first, first + count)
        mine.append((curves, asked, measure))
    return Predictions(tuple(_of_one_law(each) for each in kinds.values()), np.array(law), np.array(place))


def _of_one_law(models: Sequence[tuple[Curves, PlanSpec, Measure]]) -> _OneLaw:
    curves, asked, _ = models[0]
    planned = len(curves.planned_inputs) - (asked.params is not None)
    first = int(asked.params is not None)
    ends, given = [], []
    for each, question, _ in models:
        every, told = np.arange(len(each.tasks)), each.told
        ends.append([told.within(every, np.full(len(every), end)) for end in (-np.inf, np.inf)])
        inputs = law_inputs_of(each, question, np.zeros((len(every), planned)), every)
        given.append(inputs - np.log(told.reference))
    return _OneLaw(
        curves.told.form,
        np.concatenate([each.told.parameters for each, *_ in models]),
        np.concatenate(ends, axis=1),
        np.concatenate([measure.scale for *_, measure in models]),
        np.concatenate([measure.shift for *_, measure in models]),
        np.concatenate(given),
        slice(first, first + planned),
    )
