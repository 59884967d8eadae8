"""What one token meets of a model with experts, by the runs of the same strategy on the same tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from budget.tables.runs import Runs


@dataclass(frozen=True)
class MeasuredExperts:
    """The sizes of n measured models.

    Attributes:
        experts: how many experts each of them has, NaN where the file does not say or they differ.
        params: (n,) all parameters, ascending; none where the file does not say how many are active.
        active: (n,) those that one token meets.
    """

    experts: float = float("nan")
    params: np.ndarray = field(default_factory=lambda: np.empty(0))
    active: np.ndarray = field(default_factory=lambda: np.empty(0))

    @classmethod
    def of(cls, runs: Runs, tasks: Sequence[str]) -> "MeasuredExperts":
        """Of runs whose curves are of these tasks; of models that differ in experts nothing is said."""
        rows = np.isin(runs.task, [runs.tasks.index(name) for name in tasks])
        experts = np.unique(runs.built["experts"][rows]) if "experts" in runs.built else np.empty(0)
        if len(experts) != 1 or np.isnan(experts[0]) or not {"active_params"} <= set(runs.built):
            return cls(float(experts[0]) if len(experts) == 1 else float("nan"))
        if "params" not in runs.scale:
            return cls(float(experts[0]))
        sizes = np.unique(np.stack([runs.scale["params"][rows], runs.built["active_params"][rows]], axis=1), axis=0)
        params, active = sizes.T
        told = bool(np.isfinite(active).all() and (np.diff(params) > 0).all())
        return cls(float(experts[0]), params, active) if told else cls(float(experts[0]))

    def active_params(self, params: float) -> float:
        """Those of a model of so many parameters, between the measured sizes in logarithms; NaN beyond them."""
        if not len(self.params):
            return float("nan")
        found = np.interp(np.log(params), np.log(self.params), np.log(self.active), left=np.nan, right=np.nan)
        return float(np.exp(found))
