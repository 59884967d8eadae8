"""What a posterior is made of and what it is: the rows of some tasks as padded arrays, and draws of their curves."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from budget.curves.fitting.batch import padded_rows
from budget.curves.run_names import rows_by_task, run_keys
from budget.tables.checks.quality import distance_to_best
from budget.tables.runs import Runs


@dataclass(frozen=True)
class Observations:
    """T tasks of R padded rows and I log inputs.

    Attributes:
        names: (T,) the tasks' names, to which their random numbers belong.
        log_inputs: (T, R, I) natural logarithms of the inputs, 0 where padded.
        value: (T, R) distances to the best value, above 0; 1 where padded.
        weight: (T, R) weights of the rows, 1 on average over a task's rows; 0 where padded.
        stderr: (T, R) known noise of a row relative to its distance, 0 where it is not known.
        run: (T, R) rows of one trained model share a number from 0 on, −1 where padded.
        row: (T, R) position in the file's rows, −1 where padded.
        least: (T,) distance of the stated best value, below which no curve goes; NaN where none is stated.
        most: (T,) distance of the unserved value, above which no curve lies; NaN where none is stated.
    """

    names: tuple[str, ...]
    log_inputs: np.ndarray
    value: np.ndarray
    weight: np.ndarray
    stderr: np.ndarray
    run: np.ndarray
    row: np.ndarray
    least: np.ndarray
    most: np.ndarray

    def __len__(self) -> int:
        """The number T of tasks."""
        return len(self.names)

    @property
    def there(self) -> np.ndarray:
        """(T, R) which entries are rows and not padding."""
        return self.run >= 0

    def take(self, pick: Sequence[int] | np.ndarray) -> "Observations":
        """The tasks at the positions ``pick``."""
        arrays = {
            each.name: getattr(self, each.name)[np.asarray(pick)] for each in fields(self) if each.name != "names"
        }
        return Observations(tuple(self.names[at] for at in pick), **arrays)


@dataclass(frozen=True)
class Posterior:
    """Draws of T curves of one law with P parameters.

    Attributes:
        parameters: (T, P) the point curve: at every scale about the median of the draws, as a curve of the same law.
        draws: (B, T, P) curves; draw b of a task depends on the task's name, the seed and b.
        noise: (B, T) logarithm of the factor by which one new run lies off its curve, in each draw.
        error: (T,) root mean square of the logarithms of measured over the point curve.
        rhat: (T,) split R̂ (Vehtari et al. 2021), 1 where the posterior is summed and not sampled.
        effective: (T,) effective number of draws.
        evidence: (T,) logarithm of the marginal likelihood, NaN where it is not known.
    """

    parameters: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    error: np.ndarray
    rhat: np.ndarray
    effective: np.ndarray
    evidence: np.ndarray


def observe(
    runs: Runs,
    good: np.ndarray,
    inputs: Sequence[str],
    ceiling: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
) -> Observations:
    """Gather the rows of the tasks ``good`` (T,), sorted by what stands in them, so that their order changes nothing.

    Args:
        runs: the measurements.
        good: positions of the tasks.
        inputs: the columns that the law reads.
        ceiling: best possible scores of all tasks of the file.
        least: distances of their stated best values, NaN where none is.
        most: distances of their unserved values, NaN where none is.
    """
    members = rows_by_task(runs, good, run_keys(runs))
    width = padded_rows(max(len(member) for member in members))
    count, columns = len(good), runs.columns
    log_inputs, value = np.zeros((count, width, len(inputs))), np.ones((count, width))
    weight, stderr = np.zeros((count, width)), np.zeros((count, width))
    run, row = np.full((count, width), -1), np.full((count, width), -1)
    for position, (task, member) in enumerate(zip(good, members, strict=True)):
        there = slice(0, len(member))
        log_inputs[position, there] = np.log(np.column_stack([columns[name][member] for name in inputs]))
        # distances come in the file's order, and members in that of their scales: a member's rank says where it is
        distance = distance_to_best(runs, task, ceiling[task])[np.argsort(np.argsort(member))]
        value[position, there] = distance
        weight[position, there] = runs.weight[member] / runs.weight[member].mean()
        stderr[position, there] = np.nan_to_num(runs.stderr[member]) / distance
        run[position, there] = np.unique(runs.run[member], return_inverse=True)[1]
        row[position, there] = member
    names = tuple(runs.tasks[task] for task in good)
    return Observations(names, log_inputs, value, weight, stderr, run, row, least[good], most[good])
