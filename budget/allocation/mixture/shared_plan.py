"""The plan of one shared model: what any plan says, and the mixture of sources that the model is trained on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.plan.gains import Gain
from budget.allocation.plan.plan import Baseline, Plan
from budget.numerics.strict_json import json_rows


@dataclass(frozen=True, kw_only=True)
class MixtureBaseline(Baseline):
    """A mixture to compare with, at the same budget and its own best size.

    Attributes:
        params: its size.
        sources: what the mixture is made of.
        share: (S,) share of the tokens that each source has.
    """

    params: float
    sources: tuple[str, ...]
    share: np.ndarray

    def record(self, regret: float, gain: Gain | None = None) -> dict[str, Any]:
        """The baseline as JSON, with its size and shares."""
        mixture = dict(zip(self.sources, self.share.tolist(), strict=True))
        return super().record(regret, gain) | {"params": self.params, "mixture": mixture}


@dataclass(frozen=True)
class SharedPlan(Plan):
    """One model for all tasks: what a plan says of a task stands in every row; arrays (S,) are over ``sources``.

    Every row's ``marginal`` is the shadow price, ``binding`` is ``limit`` where the sources have no more tokens, and
    ``limits`` are the budget and the tokens of every source that can run out.

    Attributes:
        sources: what the mixture is made of; under the law ``shared`` each task's own tokens.
        source_tokens: (S,) tokens of each source.
        share: (S,) share of all tokens.
        share_low: (S,) 10 % point of the best share over the draws.
        share_high: (S,) 90 % point.
        source_marginal: (S,) improvement of the objective per extra token of the source, size unchanged.
        source_binding: (S,) what stops a source: ``budget``, ``limit`` (it has no more), or ``unused``.
    """

    baselines: tuple[MixtureBaseline, ...]
    sources: tuple[str, ...]
    source_tokens: np.ndarray
    share: np.ndarray
    share_low: np.ndarray
    share_high: np.ndarray
    source_marginal: np.ndarray
    source_binding: tuple[str, ...]

    def mixture(self) -> pd.DataFrame:
        """One row a source: its tokens and share, the share's range over the draws, what more of it brings."""
        return pd.DataFrame(
            {
                "source": self.sources,
                "tokens": self.source_tokens,
                "share": self.share,
                "share_low": self.share_low,
                "share_high": self.share_high,
                "marginal": self.source_marginal,
                "binding": self.source_binding,
            }
        )

    def record(self) -> dict[str, Any]:
        """The plan as JSON, with its mixture."""
        return super().record() | {"mixture": json_rows(self.mixture())}
