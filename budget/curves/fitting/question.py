"""What a fit is asked, and what it knows in the end: between the file and the curves, whichever way a law is fitted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from budget.curves.checks.convergence import Finding
from budget.curves.fitting.search import Progress
from budget.curves.laws.law import Law
from budget.tables.checks.checkpoints import checkpoints
from budget.tables.checks.quality import diagnose, distance_to_best
from budget.tables.checks.signal import proven_falls
from budget.tables.checks.status import STATUS
from budget.tables.checks.suspicion import suspicions_of
from budget.tables.runs import Runs

if TYPE_CHECKING:
    from budget.curves.predictive.observations import Beside
    from budget.curves.published_prior import PublishedPrior


@dataclass(frozen=True)
class Question:
    """The runs of T tasks, the law, and what is known before the fit.

    Attributes:
        runs: the measurements.
        form: the law, over the file's sources.
        inputs: (I,) the columns that it reads.
        best: (T,) stated best values, NaN where none is.
        unserved: (T,) stated values of a task that is given nothing, NaN where none is.
        ceiling: (T,) best possible scores, NaN for losses.
        draws: their number B.
        seed: of the draws.
        planned: the law by which plans read the curves, where that is another.
        progress: called with what is done.
        borrow: whether plans borrow from the other tasks what a task's own runs do not tell, by such a law.
        beside: runs of specialists that shared models' curves are fitted beside, by a law that has a posterior.
        discrepancy: whether draws of a law that is searched for drift from it beyond the runs.
        prior: a published curve that pulls the fit.
    """

    runs: Runs
    form: Law
    inputs: tuple[str, ...]
    best: np.ndarray
    unserved: np.ndarray
    ceiling: np.ndarray
    draws: int
    seed: int
    planned: Law | None = None
    progress: Progress | None = None
    borrow: bool = True
    beside: "Beside | None" = None
    discrepancy: bool = True
    prior: "PublishedPrior | None" = None

    @property
    def least(self) -> np.ndarray:
        """(T,) distances of the best values that are stated, NaN where none is."""
        return np.where(self.runs.higher_is_better & np.isfinite(self.best), 0.0, self.best)

    @property
    def most(self) -> np.ndarray:
        """(T,) distances of the unserved values that are stated, NaN where none is."""
        return np.where(self.runs.higher_is_better, self.ceiling - self.unserved, self.unserved)

    def verdicts(
        self, parameters: int, positive: bool, settled: Collection[str] = (), identified: bool = True
    ) -> tuple[list[list[Finding]], np.ndarray]:
        """What no fit can mend is told before any: no trend, too few runs, values that cannot be.

        Args:
            parameters: how many the fit decides.
            positive: whether it takes logarithms of the values.
            settled: inputs whose exponent the user fixes.
            identified: whether the runs alone must tell every parameter.

        Returns:
            What is found about each of the T tasks; and the positions of those that can be fitted.
        """
        every = range(len(self.runs.tasks))
        falls = proven_falls(
            self.runs, every, [distance_to_best(self.runs, task, self.ceiling[task]) for task in every]
        )
        verdicts = [
            diagnose(
                self.runs, task, self.inputs, parameters, self.ceiling[task], positive, settled, self.best[task],
                identified=identified, known=falls.get(task),
            )
            for task in every
        ]  # fmt: skip
        found: list[list[Finding]] = [
            [
                *([] if code == "ok" else [(code, text)]),
                *suspect.findings,
                *checkpoints(self.runs, task),
            ]
            for task, ((code, text), suspect) in enumerate(zip(verdicts, suspicions_of(self.runs, every), strict=True))
        ]
        return found, np.array([task for task, (code, _) in enumerate(verdicts) if STATUS[code].used], dtype=int)


@dataclass
class Fitted:
    """What is known of T tasks, to be filled in by a fit; the arrays are those of ``Curves`` under their names there.

    Attributes:
        arrays: name → (T, …) or (B, T, …), NaN where nothing is known.
        found: (T,) findings of each task.
        bounds: (T,) names of the parameters at an end of their range.
        outliers: (T,) row numbers that do not belong to the curve.
        estimator: how it was fitted, in words.
        residual: whether noise is added to a distance (``raw``) or to its logarithm (``log``).
        notes: what was assumed, one sentence each.
        warnings: what makes the fit doubtful, likewise.
    """

    arrays: dict[str, Any]
    found: list[list[Finding]]
    bounds: list[tuple[str, ...]]
    outliers: list[tuple[int, ...]]
    estimator: str
    residual: str
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @classmethod
    def nothing(
        cls, question: Question, found: list[list[Finding]], estimator: str, residual: str, notes: Sequence[str] = ()
    ) -> "Fitted":
        """Before any fit."""
        count, size, draws = len(question.runs.tasks), len(question.form.parameters), question.draws
        arrays: dict[str, Any] = {
            "parameters": np.full((count, size), np.nan),
            "draws": np.full((draws, count, size), np.nan),
            "noise": np.full((draws, count), np.nan),
            "reference": np.full((count, len(question.inputs)), np.nan),
            "pooled": np.zeros(count, dtype=bool),
            **{name: np.full(count, np.nan) for name in NUMBERS},
        }
        if question.planned is not None:
            also = len(question.planned.parameters)
            arrays["planned_parameters"] = np.full((count, also), np.nan)
            arrays["planned_draws"] = np.full((draws, count, also), np.nan)
            arrays["tilt"] = np.zeros((count, 2))
        return cls(arrays, found, [()] * count, [()] * count, estimator, residual, list(notes))


NUMBERS = ("objective", "error", "agreement", "gradient", "condition", "rhat", "effective")
"""What a fit says of each task in one number."""
