"""Risk: how the draws of an objective become one number.

A risk is a record that carries its functions; nothing outside this table compares its name. It never falls when a draw
gets worse, and that is all that ``risk/minimize_risk.py`` asks for: a mean over the worst share of the draws is convex
and minimized with its dual bound; any other is lowered by descent, from the draws that ``next_draws`` says should be
improved together, and bounded from below by counting (``groups``) or, where there is no such argument, by what every
draw could reach were it known beforehand (the wait-and-see bound of stochastic programming, Madansky 1960: the risk of
the draws' own optima is at most the risk of any one plan, since no plan beats a draw's own optimum in that draw).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.numerics.tail_mean import tail_mean


@dataclass(frozen=True)
class Risk:
    """One way to fold B draws of an objective into a number, smaller being better.

    Attributes:
        name: what ``--risk`` takes and JSON holds.
        words: what it is, in a line.
        title: what a report adds to the objective's name, from the level.
        fold: (draws (B,), level) → number; ``None`` where the point fit is planned and no draw is read.
        tail: level → share of the worst draws whose mean it is; ``None`` where it is no such mean.
        on_gain: whether it limits what is lost against a reference split, while the mean over the draws is planned,
            and is not planned itself; of plans, not of portfolios.
        has_level: whether ``--level`` says which draws count.
        next_draws: (draws of a plan (B,), level) → positions, and the share of their worst whose mean is to be made
            small next; only for what is no mean of a tail. The mean of all by default.
        groups: (draws of a plan (B,), level) → groups of positions, of which every plan has at least one that lies
            wholly at or below its risk.
    """

    name: str
    words: str
    title: Callable[[float], str]
    fold: Callable[[np.ndarray, float], float] | None
    tail: Callable[[float], float] | None = None
    has_level: bool = False
    on_gain: bool = False
    next_draws: Callable[[np.ndarray, float], tuple[np.ndarray, float]] | None = None
    groups: Callable[[np.ndarray, float], list[np.ndarray]] | None = None

    @property
    def reads_draws(self) -> bool:
        """Whether plans are made over the draws, and not for the point fit."""
        return self.fold is not None

    @property
    def is_mean(self) -> bool:
        """Whether it is the plain mean, whatever the level: what a sum of tasks may be averaged by, task by task."""
        return self.tail is not None and not self.has_level

    def of(self, draws: np.ndarray, level: float) -> float:
        """The risk of an objective's draws (B,)."""
        assert self.fold is not None  # asked for only where draws are read
        return self.fold(draws, level)


def _below(count: int, level: float) -> int:
    """Position of the quantile among ``count`` ordered draws: the first that is not below it."""
    return int(np.ceil(level * (count - 1)))


def _at_most_quantile(draws: np.ndarray, level: float) -> tuple[np.ndarray, float]:
    """The draws at or below the quantile, the worst of which is to be lowered: none of the others then decides it."""
    kept = np.argsort(draws, kind="stable")[: _below(len(draws), level) + 1]
    return kept, 1 / len(kept)


def _counting_groups(draws: np.ndarray, level: float) -> list[np.ndarray]:
    """As many groups as fewer draws than that lie above the quantile, so that one group has none of these.

    Draws are dealt so that each group has one of the worst, and what the last has of these is made up for first.
    """
    count = len(draws) - _below(len(draws), level)
    order = np.argsort(-draws, kind="stable")
    rounds = [order[:count], *(order[at : at + count][::-1] for at in range(count, len(order), count))]
    return [np.array([dealt[position] for dealt in rounds if position < len(dealt)]) for position in range(count)]


RISKS = {
    risk.name: risk
    for risk in (
        Risk("point", "by the point fit", title=lambda level: "", fold=None),
        Risk(
            "mean",
            "on average over the draws",
            title=lambda level: " on average over the draws",
            fold=lambda draws, level: float(draws.mean()),
            tail=lambda level: 1.0,
        ),
        Risk(
            "cvar",
            "on average over the worst draws (conditional value at risk)",
            title=lambda level: f" on average over the worst {1 - level:.0%} of the draws",
            fold=lambda draws, level: tail_mean(draws, 1 - level),
            tail=lambda level: 1 - level,
            has_level=True,
            on_gain=True,
        ),
        Risk(
            "quantile",
            "at a quantile of the draws",
            title=lambda level: f" at the {level:.0%} quantile of the draws",
            fold=lambda draws, level: float(np.quantile(draws, level, method="higher")),
            has_level=True,
            on_gain=True,
            next_draws=_at_most_quantile,
            groups=_counting_groups,
        ),
    )
}

POINT = RISKS["point"]
"""Nothing is at risk: the point fit is planned."""

MEAN_RISK = RISKS["mean"]
"""The plain mean over the draws."""
