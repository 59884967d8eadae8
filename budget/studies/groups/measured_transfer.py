"""Negative transfer, measured: what each task gains or loses when it is trained with another.

See docs/decisions/073-noise-between-tasks-that-help-or-harm.md.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from budget.numerics.multiple_tests import holm
from budget.tables.cotrained import Cotrained

CLAIM_LEVEL = 0.95
"""Level of every interval and, after Holm's correction over all entries, of every claim."""

MAX_NAMED_PAIRS = 8
"""How many missing pairs are named one by one."""


@dataclass(frozen=True)
class Share:
    """Share of the measured ordered pairs with negative transfer.

    Attributes:
        negative: pairs whose gain is below 0 as measured.
        zero: pairs whose gain is exactly 0.
        pairs: measured ordered pairs.
        low: the pairs that are distinguishably negative, as a share; NaN where no noise is known.
        high: those that are not distinguishably positive, as a share: with ``low`` an interval that holds the true
            share at ``CLAIM_LEVEL``, since all claims together do.
    """

    negative: int
    zero: int
    pairs: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """As measured; NaN without pairs."""
        return self.negative / self.pairs if self.pairs else float("nan")


@dataclass(frozen=True)
class TransferMatrix:
    """What T tasks gain from being trained with each other; every array is (T, T), NaN where nothing was measured.

    Entry (i, j) is about task i in a model trained on i and j, against the same task alone in a model of equal cost.

    Attributes:
        source: the file's name.
        tasks: the T names.
        metric: the metric of all values.
        higher_is_better: its direction.
        alone: the value of i alone.
        together: the value of i trained with j.
        stderr: standard error of their difference, NaN where the noise is not known.
        degrees: degrees of freedom behind it.
        noise: what the noise is known from, see ``tables.cotrained.Cotrained``.
        missing: the pairs and single tasks that nobody measured, one sentence each.
    """

    source: str
    tasks: tuple[str, ...]
    metric: str
    higher_is_better: bool
    alone: np.ndarray
    together: np.ndarray
    stderr: np.ndarray
    degrees: np.ndarray
    noise: str
    missing: tuple[str, ...]

    @property
    def gain(self) -> np.ndarray:
        """Together minus alone in the metric's unit, signed so that a negative number is harm."""
        return (self.together - self.alone) * (1 if self.higher_is_better else -1)

    @property
    def relative(self) -> np.ndarray:
        """The gain as a share of the value alone; NaN where that is 0."""
        size = np.abs(self.alone)
        return np.divide(self.gain, size, out=np.full_like(size, np.nan), where=size > 0)

    @property
    def interval(self) -> tuple[np.ndarray, np.ndarray]:
        """Each entry's own interval at ``CLAIM_LEVEL`` (Student's t), not corrected for the number of entries."""
        half = self.stderr * stdtrit(self.degrees, (1 + CLAIM_LEVEL) / 2)
        return self.gain - half, self.gain + half

    @property
    def p_value(self) -> np.ndarray:
        """Of the two-sided test that the gain is 0, after Holm's correction over all entries with known noise."""
        with np.errstate(invalid="ignore"):
            return holm(2 * stdtr(self.degrees, -np.abs(self.gain) / self.stderr))

    @property
    def distinguishable(self) -> np.ndarray:
        """Whether the sign of the gain can be told: at most 1 − ``CLAIM_LEVEL`` that any of these signs is wrong."""
        return self.p_value <= 1 - CLAIM_LEVEL

    @property
    def negative_transfer(self) -> Share:
        """The share of measured ordered pairs in which the task loses."""
        gain = self.gain[np.isfinite(self.gain)]
        low = high = float("nan")
        if np.isfinite(self.stderr).any():
            told = self.distinguishable
            # all signs that are told are right with probability CLAIM_LEVEL (Holm 1979), so both counts hold at once
            low = float((told & (self.gain < 0)).sum() / len(gain))
            high = float((len(gain) - (told & (self.gain > 0)).sum()) / len(gain))
        return Share(int((gain < 0).sum()), int((gain == 0).sum()), len(gain), low, high)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not known, one sentence each."""
        if self.noise != "unknown":
            return self.missing
        unknown = (
            f"Noise unknown: no seeds, no column 'stderr' and no draws in {self.source}, so no entry of the matrix can "
            "be called distinguishable from 0; repeat runs with other seeds and add them with a column 'seed' "
            "(of pairs) or 'draw' (of candidates)."
        )
        return (unknown, *self.missing)

    def table(self) -> pd.DataFrame:
        """``transfer.csv``: one row a measured ordered pair."""
        task, partner = np.nonzero(np.isfinite(self.gain))
        low, high = self.interval
        known = np.isfinite(self.stderr[task, partner])
        verdict = np.where(self.distinguishable, np.where(self.gain < 0, "harm", "help"), "none")[task, partner]
        columns = {"alone": self.alone, "together": self.together, "gain": self.gain, "relative": self.relative}
        columns |= {"low": low, "high": high, "p_holm": self.p_value}
        return pd.DataFrame(
            {
                "task": [self.tasks[each] for each in task],
                "partner": [self.tasks[each] for each in partner],
                **{name: values[task, partner] for name, values in columns.items()},
                "distinguishable": np.where(known, verdict, "noise unknown").astype(object),
            }
        )

    def record(self) -> dict[str, Any]:
        """The matrix as JSON."""
        share, rows = self.negative_transfer, self.table()
        return {
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "level": CLAIM_LEVEL,
            "noise": self.noise,
            "tasks": list(self.tasks),
            "negative_transfer": {
                name: None if value != value else value
                for name, value in (("share", share.share), *vars(share).items())
            },
            "pairs": rows.astype(object).where(rows.notna(), None).to_dict("records"),
            "notes": list(self.notes),
        }


def measured_transfer(measured: Cotrained) -> TransferMatrix:
    """The matrix of what was measured; a pair or a single task that nobody measured is named, never filled in.

    Where models of a pair have several costs, the dearest that some model of the task alone equals is taken. The noise
    of a difference is that of both values, or the standard deviation of the difference over joint draws.

    Args:
        measured: values of single tasks, pairs and larger sets, of which the latter are left aside.
    """
    tasks = np.unique(measured.task).tolist()
    count = len(tasks)
    shape = (count, count)
    alone, together, stderr, degrees = (np.full(shape, np.nan) for _ in range(4))
    cell_of = {
        (measured.sets[model], float(measured.cost[model]), int(task)): cell
        for cell, (model, task) in enumerate(zip(measured.model, measured.task, strict=True))
    }
    costs = sorted(set(measured.cost.tolist()))
    unequal = []
    for i, task in enumerate(tasks):
        for j, partner in enumerate(tasks):
            pair = (min(task, partner), max(task, partner))
            both = {cost: cell_of[(pair, cost, task)] for cost in costs if (pair, cost, task) in cell_of}
            single = {cost: cell_of[((task,), cost, task)] for cost in costs if ((task,), cost, task) in cell_of}
            # only at equal cost is the difference one of company, and not of compute
            equal = [cost for cost in both if cost in single]
            if i == j or not both:
                continue
            if not equal:
                unequal += [f"{measured.tasks[task]} with {measured.tasks[partner]}"] if single else []
                continue
            # the dearest: nearest to the models that will be built
            cells = both[equal[-1]], single[equal[-1]]
            together[i, j], alone[i, j] = measured.value[list(cells)]
            stderr[i, j], degrees[i, j] = _noise_of_difference(measured, *cells)
    return TransferMatrix(
        source=measured.source,
        tasks=measured.measured_tasks,
        metric=measured.metric,
        higher_is_better=measured.higher_is_better,
        alone=alone,
        together=together,
        stderr=stderr,
        degrees=degrees,
        noise=measured.noise if np.isfinite(stderr).any() else "unknown",
        missing=_missing(measured, tasks, unequal),
    )


def _noise_of_difference(measured: Cotrained, one: int, other: int) -> tuple[float, float]:
    """Standard error of the difference of two cells' values, and its degrees of freedom (Welch 1947)."""
    cells = [one, other]
    least = float(measured.degrees[cells].min())
    if len(measured.draws) > 1:
        # over joint draws the two values move together: the spread of the difference, not the root of summed squares
        spread = float(np.std(measured.draws[:, one] - measured.draws[:, other], ddof=1))
        return spread if spread > 0 else np.nan, least
    variance = measured.stderr[cells] ** 2
    spread = float(np.sqrt(variance.sum()))
    # a pooled estimate has its own degrees of freedom, and two values read off it add none (Satterthwaite 1946 is for
    # separate ones)
    if measured.estimate[one] == measured.estimate[other] or not np.isfinite(spread) or np.isinf(least):
        return spread, least
    return spread, float(variance.sum() ** 2 / (variance**2 / measured.degrees[cells]).sum())


def _missing(measured: Cotrained, tasks: list[int], unequal: list[str]) -> tuple[str, ...]:
    """What nobody measured, one sentence for each kind."""
    names = measured.tasks
    there = {(measured.sets[model], int(task)) for model, task in zip(measured.model, measured.task, strict=True)}
    lone = [names[task] for task in tasks if ((task,), task) not in there]
    lacking = [
        f"{names[task]} with {names[partner]}"
        for task in tasks
        for partner in tasks
        if task != partner and ((min(task, partner), max(task, partner)), task) not in there
    ]
    sentences = []
    if lone:
        sentences.append(f"Not measured alone: {_some(lone)}; nothing is said of what they gain.")
    if lacking:
        sentences.append(f"Not measured: {_some(lacking)}; these entries stay empty.")
    if unequal:
        sentences.append(f"No model of the task alone costs what the pair costs: {_some(unequal)}; left out.")
    return tuple(sentences)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_PAIRS} more" if len(names) > MAX_NAMED_PAIRS else ""
    return ", ".join(names[:MAX_NAMED_PAIRS]) + more
