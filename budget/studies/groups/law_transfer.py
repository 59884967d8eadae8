"""Transfer as a fitted law predicts it: what a token of each source is worth to each task, with its intervals."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.curves import Curves
from budget.curves.laws.law import ABSENT
from budget.curves.laws.transfer import LEAST_SHARE
from budget.errors import AllocationError
from budget.numerics.interval import interval

LEVELS = (0.80, 0.95)
"""Levels of the intervals over the draws."""

VERDICTS = ("help", "harm", "none", "own", "no draws")
"""What an interval says: it lies above 0, below 0, or holds 0; or there is nothing to ask."""


@dataclass(frozen=True)
class LawTransfer:
    """Transfer coefficients of T tasks and S sources under the law ``transfer``, B draws.

    One token of source j is worth ``tau[i, j]`` tokens of task i's own source: the sign of the coefficient is the sign
    of what i gains when j's tokens are added. All of it is predicted by the law, nothing of it measured.

    Attributes:
        curves: the fit, T usable tasks.
        tau: (T, S) coefficients of the point fit; 1 for a task's own source.
        draws: (B, T, S) the same of each draw.
        own: (T, S) whether the source is the task's own.
    """

    curves: Curves
    tau: np.ndarray
    draws: np.ndarray
    own: np.ndarray

    @property
    def sources(self) -> tuple[str, ...]:
        """The S names."""
        return self.curves.form.sources

    def interval(self, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Ends (T, S) of the interval over the draws, each entry's own; NaN with fewer draws than it takes."""
        return interval(self.draws, level=level)

    def verdict(self, level: float) -> np.ndarray:
        """(T, S) of ``VERDICTS``: whether the interval excludes 0, and on which side."""
        low, high = self.interval(level)
        said = np.where(low > 0, "help", np.where(high < 0, "harm", "none"))
        said = np.where(np.isnan(low), "no draws", said)
        return np.where(self.own, "own", said).astype(object)

    def effective(self, tokens: np.ndarray) -> np.ndarray:
        """Effective data (T,) of a mixture, ``Σ_j tau_ij D_j``.

        Args:
            tokens: (S,) tokens of each source, not all 0.

        Raises:
            AllocationError: they are negative, or below ``LEAST_SHARE`` of all tokens, where the law is no sum.
        """
        result = self.tau @ tokens
        low = result <= LEAST_SHARE * tokens.sum()
        if low.any():
            task = int(result.argmin())
            worst = int((self.tau[task] * tokens).argmin())
            raise AllocationError(
                f"Task '{self.curves.tasks[task]}' would have {result[task]:.3g} effective tokens of "
                f"{tokens.sum():.3g}, mostly through source '{self.sources[worst]}' (tau {self.tau[task, worst]:.3g}), "
                "and the law describes no such mixture; give that source fewer tokens."
            )
        return result

    def gain(self, params: float, tokens: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each task gains when as many tokens of a source are added to its own, with the 80 % interval.

        Args:
            params: size of the model.
            tokens: tokens of the task's own source, and of the source that is added.

        Returns:
            Arrays (T, S) in the metric's unit, negative where it is harm; NaN where the task has no own source.

        Raises:
            AllocationError: see ``effective``, for any task beside any one source.
        """
        result = np.full((3, *self.tau.shape), np.nan)
        for task, source in zip(*np.nonzero(self.own), strict=True):
            alone = tokens * np.eye(len(self.sources))[source]
            mixtures = alone + tokens * np.eye(len(self.sources)) * (~self.own[task])[:, None]
            for mixture in mixtures:
                self.take(task).effective(mixture)
            with np.errstate(divide="ignore"):
                logs = np.maximum(np.log(np.vstack([alone, mixtures])), ABSENT)
            inputs = np.column_stack([np.full(len(logs), np.log(params)), logs])
            rows = np.full(len(logs), task)
            point = self.curves.distance(rows, inputs)
            result[0, task] = point[0] - point[1:]
            scenarios = self.curves.distance_draws(rows, inputs)
            result[1, task], result[2, task] = interval(scenarios[:, :1] - scenarios[:, 1:])
            result[:, task, self.own[task]] = np.nan
        return result[0], result[1], result[2]

    def take(self, task: int) -> "LawTransfer":
        """One task alone."""
        pick = np.array([task])
        return LawTransfer(self.curves.take(pick), self.tau[pick], self.draws[:, pick], self.own[pick])

    def table(self) -> pd.DataFrame:
        """One row a task and source that is not its own: ``tau``, its intervals and what they say; all predicted."""
        task, source = np.nonzero(~self.own)
        columns: dict[str, Any] = {
            "task": [self.curves.tasks[each] for each in task],
            "source": [self.sources[each] for each in source],
            "tau": self.tau[task, source],
        }
        for level in LEVELS:
            low, high = self.interval(level)
            columns |= {f"low_{level:.0%}": low[task, source], f"high_{level:.0%}": high[task, source]}
            columns[f"verdict_{level:.0%}"] = self.verdict(level)[task, source]
        table = pd.DataFrame(columns | {"basis": "predicted"})
        return table.rename(columns=lambda name: name.removesuffix("%"))

    def record(self) -> dict[str, Any]:
        """The same as JSON."""
        table = self.table()
        return {
            "law": self.curves.law,
            "basis": "predicted",
            "estimator": self.curves.estimator,
            "draws": len(self.draws),
            "seed": self.curves.seed,
            "rows": table.astype(object).where(table.notna(), None).to_dict("records"),
        }


def law_transfer(curves: Curves) -> LawTransfer:
    """The transfer coefficients of a fit.

    Args:
        curves: fitted by law ``transfer``; tasks without a usable curve are left out, see ``Curves.left_out``.

    Raises:
        AllocationError: the curves are of another law.
        FitError: no task has a usable curve.
    """
    if not curves.form.reads_mixtures:
        raise AllocationError(
            f"Law '{curves.law}' has no transfer between tasks; fit again with --law transfer and --mixtures."
        )
    used = curves.usable()
    taus = used.form.transfers
    own = np.array([[task == source for source in used.form.sources] for task in used.tasks])
    return LawTransfer(used, used.parameters[:, taus], used.draws[:, :, taus], own)
