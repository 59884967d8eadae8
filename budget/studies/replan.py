"""Thousands of plans of one budget, each for other weights of the joint draws.

At a price λ of the budget each model takes the spend at which its marginal return is λ (``tabulated``), and the λ at
which the spends add up to the budget is the root of one equation, the dual of the split. It is found for all
posteriors at once by Newton's method within brackets.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from budget.allocation.question import Question
from budget.curves.fitted import Curves
from budget.studies.tabulated import SPENDS, Model, Response, tabulated

ROUNDS = 60
"""Most steps to the price at which the budget is used up; three to six are usual."""

EXACT = 1e-10
"""Distance of the logarithm of what is spent to that of the budget at which the price is found."""


@dataclass(frozen=True)
class Planner:
    """Plans of one budget for V models under any weights of the draws.

    Attributes:
        models: (V,).
        prior: their responses under equal weights.
        spline: (V,) the prior's mean values over log spends.
        budget: the total.
        price: logarithm of its price from which others are looked for.
    """

    models: tuple[Model, ...]
    prior: tuple[Response, ...]
    spline: tuple[CubicSpline, ...]
    budget: float
    price: float

    @classmethod
    def of(cls, curves: Curves, question: Question) -> "Planner":
        """Tabulate the models of a question whose plan is a convex program."""
        models = tuple(tabulated(curves, question))
        equal = np.full((1, len(curves.draws)), 1 / len(curves.draws))
        prior = tuple(model.under(equal) for model in models)
        spline = tuple(CubicSpline(each.model.log_spend, each.value[0]) for each in prior)
        price = float(np.median([each.marginal[0, SPENDS // 2] for each in prior]))
        return cls(models, prior, spline, question.budget, price)

    def worth(self, learnt: Mapping[int, Response], draws: int) -> np.ndarray:
        """What the plans made from what was learnt are worth (B,), plan m in the world of draw m.

        Args:
            learnt: model → its response under the posterior of each of B outcomes, of which the m-th comes from draw m.
                The others keep the prior, and count by their mean over all draws.
            draws: their number B.
        """
        spends = self._spends(learnt, draws)
        total = np.zeros(draws)
        for position, model in enumerate(self.models):
            if position in learnt:
                sizes = learnt[position].sizes(spends[position])
                total += model.worth(np.arange(draws), spends[position], sizes)
            else:
                total += self.spline[position](spends[position])
        return total

    def plan(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each model's log spend and size (1,) of the plan under equal weights."""
        spends = self._spends({}, 1)
        return [(spends[v], each.sizes(spends[v])) for v, each in enumerate(self.prior)]

    def _spends(self, learnt: Mapping[int, Response], count: int) -> list[np.ndarray]:
        """Log spends (M,) of each model that add up to the budget."""
        responses = [learnt.get(v, each) for v, each in enumerate(self.prior)]
        most = np.array([model.most for model in self.models])
        if len(self.models) == 1 or np.exp(most).sum() <= self.budget:
            return [np.full(count, each) for each in most]

        low = np.full(count, min(each.marginal.min() for each in responses) - 1.0)
        high = np.full(count, max(each.marginal.max() for each in responses) + 1.0)
        price = np.full(count, self.price)
        for _ in range(ROUNDS):
            spends, slopes = zip(*(each.log_spend(price) for each in responses), strict=True)
            each_spent = np.exp(np.array(spends))
            spent = each_spent.sum(axis=0)
            over = np.log(spent / self.budget)
            if np.abs(over).max() < EXACT:
                break
            low, high = np.where(over > 0, price, low), np.where(over > 0, high, price)
            slope = (each_spent * np.array(slopes)).sum(axis=0) / spent
            newton = price - over / np.minimum(slope, -1e-9)
            price = np.where((newton > low) & (newton < high), newton, 0.5 * (low + high))
        return list(spends)
