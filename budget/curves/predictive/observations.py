"""What a posterior is made of and what it is: the rows of some tasks as padded arrays, and draws of their curves."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from budget.curves.fitting.batch import padded_rows
from budget.curves.run_names import rows_by_task, run_keys
from budget.numerics.streams import keys
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
        metric: (T,) what is measured: floors are borrowed among tasks of one metric.
        companion: (T, R) which rows are a specialist's beside a shared model's own: of the same task, on another curve.
        log_tasks: (T,) logarithm of the number of tasks that the models of the own rows serve.
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
    metric: tuple[str, ...] = ()
    companion: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=bool))
    log_tasks: np.ndarray = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        """Without companions every row is a task's own, of a model that serves it alone."""
        if len(self.metric) != len(self.names):
            object.__setattr__(self, "metric", ("",) * len(self.names))
        if self.companion.shape != self.run.shape:
            object.__setattr__(self, "companion", np.zeros(self.run.shape, dtype=bool))
        if len(self.log_tasks) != len(self.names):
            object.__setattr__(self, "log_tasks", np.zeros(len(self.names)))

    def __len__(self) -> int:
        """The number T of tasks."""
        return len(self.names)

    @property
    def there(self) -> np.ndarray:
        """(T, R) which entries are rows and not padding."""
        return self.run >= 0

    @property
    def own(self) -> np.ndarray:
        """(T, R) which are rows of the task's own curve."""
        return self.there & ~self.companion

    def lanes(self) -> tuple[np.ndarray, ...]:
        """All of each task that decides its own posterior, tasks first: not where its rows stand in the file."""
        return (
            keys(self.names), self.log_inputs, self.value, self.weight, self.stderr, self.run, self.companion,
            self.least, self.most, self.log_tasks,
        )  # fmt: skip

    def widened(self, width: int) -> "Observations":
        """The same tasks, padded to ``width`` rows where they have fewer."""
        more = width - self.run.shape[1]
        if more <= 0:
            return self
        fills = {**_PADDED, "log_inputs": 0.0, "companion": False}
        arrays: dict[str, Any] = {
            name: np.pad(array, ((0, 0), (0, more), *((0, 0),) * (array.ndim - 2)), constant_values=fills[name])
            for name, array in ((name, getattr(self, name)) for name in fills)
        }
        return replace(self, **arrays)

    def take(self, pick: Sequence[int] | np.ndarray) -> "Observations":
        """The tasks at the positions ``pick``."""
        words = ("names", "metric")
        arrays = {
            each.name: getattr(self, each.name)[np.asarray(pick)] for each in fields(self) if each.name not in words
        }
        names, metric = (tuple(getattr(self, name)[at] for at in pick) for name in words)
        return Observations(names, **arrays, metric=metric)

    def with_rows(self, place: np.ndarray) -> "Observations":
        """The same tasks with their rows at the positions ``place`` (T, R'), in that order."""
        lane = np.arange(len(self))[:, None]
        arrays: dict[str, Any] = {
            each.name: getattr(self, each.name)[lane, place]
            for each in fields(self)
            if np.ndim(getattr(self, each.name)) > 1
        }
        return replace(self, **arrays)


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
        lent: (B, T, P) draws for plans, which have borrowed from the other tasks what a task's own runs do not tell;
            ``None`` where nothing was borrowed.
        notes: what was borrowed, one sentence each.
    """

    parameters: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    error: np.ndarray
    rhat: np.ndarray
    effective: np.ndarray
    evidence: np.ndarray
    lent: np.ndarray | None = None
    notes: tuple[str, ...] = ()


def by_task(posterior: Posterior) -> list[np.ndarray]:
    """A posterior of tasks that know nothing of each other, as arrays whose first axis is the tasks."""
    assert posterior.lent is None and not posterior.notes
    draws, noise = posterior.draws.swapaxes(0, 1), posterior.noise.T
    return [
        posterior.parameters, draws, noise, posterior.error, posterior.rhat, posterior.effective, posterior.evidence,
    ]  # fmt: skip


def from_tasks(leaves: list[np.ndarray]) -> Posterior:
    """The posterior whose ``by_task`` this is."""
    parameters, draws, noise, error, rhat, effective, evidence = leaves
    return Posterior(parameters, draws.swapaxes(0, 1), noise.T, error, rhat, effective, evidence)


def merged(parts: Sequence[tuple[np.ndarray, Posterior]]) -> Posterior:
    """Posteriors of parts of T tasks as one.

    Args:
        parts: for each, which (T,) tasks it is of; together they are all tasks, each once.
    """
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort(np.concatenate([np.flatnonzero(which) for which, _ in parts]))

    def joined(name: str, axis: int = 0) -> np.ndarray:
        return np.concatenate([getattr(part, name) for _, part in parts], axis=axis).take(order, axis=axis)

    return Posterior(
        parameters=joined("parameters"),
        draws=joined("draws", 1),
        noise=joined("noise", 1),
        error=joined("error"),
        rhat=joined("rhat"),
        effective=joined("effective"),
        evidence=joined("evidence"),
    )


@dataclass(frozen=True)
class Beside:
    """Runs of specialists that shared models' curves are fitted beside.

    Attributes:
        runs: of the specialists.
        tasks: (T,) for each curve of the shared models, the task of ``runs`` that it is of.
    """

    runs: Runs
    tasks: tuple[str, ...]


def observe(
    runs: Runs,
    good: np.ndarray,
    inputs: Sequence[str],
    ceiling: np.ndarray,
    least: np.ndarray,
    most: np.ndarray,
    beside: Beside | None = None,
) -> Observations:
    """Gather the rows of the tasks ``good`` (T,), sorted by what stands in them, so that their order changes nothing.

    Args:
        runs: the measurements.
        good: positions of the tasks.
        inputs: the columns that the law reads.
        ceiling: best possible scores of all tasks of the file.
        least: distances of their stated best values, NaN where none is.
        most: distances of their unserved values, NaN where none is.
        beside: runs of specialists of the same tasks, which stand behind a task's own rows.
    """
    own = _cells(runs, good, good, inputs, ceiling)
    cells = own if beside is None else _joined(own, good, inputs, ceiling, beside)
    count, width = len(good), padded_rows(max(len(each["value"]) for each in cells))
    arrays = {name: np.full((count, width), fill) for name, fill in _PADDED.items()}
    arrays["log_inputs"] = np.zeros((count, width, len(inputs)))
    companion = np.zeros((count, width), dtype=bool)
    for at, each in enumerate(cells):
        companion[at, len(own[at]["value"]) : len(each["value"])] = True
        for name, array in arrays.items():
            array[at, : len(each[name])] = each[name]
    names = tuple(runs.tasks[task] for task in good)
    log_tasks = np.array([np.log(runs.extra["n_tasks"][runs.rows_of(task)]).mean() for task in good])
    return Observations(
        names,
        **arrays,
        least=least[good],
        most=most[good],
        metric=tuple(runs.metric[task] for task in good),
        companion=companion,
        log_tasks=log_tasks,
    )


_PADDED: dict[str, float | int] = {"value": 1.0, "weight": 0.0, "stderr": 0.0, "run": -1, "row": -1}
"""Array → what stands where there is no row."""


def _joined(
    own: list[dict[str, np.ndarray]], good: np.ndarray, inputs: Sequence[str], ceiling: np.ndarray, beside: Beside
) -> list[dict[str, np.ndarray]]:
    """Each task's rows with those of its specialists behind them, which have no place in the file of the others."""
    places = {name: place for place, name in enumerate(beside.runs.tasks)}
    have = [at for at, task in enumerate(good) if beside.tasks[task] in places]
    there = np.array([places[beside.tasks[task]] for task in good[have]], dtype=int)
    result = list(own)
    for at, more in zip(have, _cells(beside.runs, there, good[have], inputs, ceiling), strict=True):
        more = more | {"run": more["run"] + own[at]["run"].max() + 1, "row": np.full(len(more["row"]), -1)}
        result[at] = {name: np.concatenate([cells, more[name]]) for name, cells in own[at].items()}
    return result


def _cells(
    runs: Runs, tasks: np.ndarray, curves: np.ndarray, inputs: Sequence[str], ceiling: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """The rows of some tasks of a file, each with the best possible score of the curve that they serve."""
    columns, result = runs.columns, []
    for task, curve, member in zip(tasks, curves, rows_by_task(runs, tasks, run_keys(runs)), strict=True):
        # distances come in the file's order, and members in that of their scales: a member's rank says where it is
        distance = distance_to_best(runs, task, ceiling[curve])[np.argsort(np.argsort(member))]
        result.append(
            {
                "log_inputs": np.log(np.column_stack([columns[name][member] for name in inputs])),
                "value": distance,
                "weight": runs.weight[member] / runs.weight[member].mean(),
                "stderr": np.nan_to_num(runs.stderr[member]) / distance,
                "run": np.unique(runs.run[member], return_inverse=True)[1],
                "row": member,
            }
        )
    return result
