"""Thousands of plans of one budget, each for other weights of the joint draws.

At a price λ of the budget each model takes the spend at which its marginal return is λ (``tabulated_plans``), and the
λ at which the spends add up to the budget is the root of one equation, the dual of the split. It is found for all
posteriors at once by Newton's method within brackets.

See docs/decisions/153-new-runs-shown-by-predictions.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.numerics.roots import newton_root
from budget.studies.next_runs.tabulated_plans import TABULATED_SPENDS, Model, Response, tabulated

LOG_BUDGET_TOLERANCE = 1e-10
"""Distance of the logarithm of what is spent to that of the budget at which its price is found: the plan's value is
then exact to the square of it."""


@dataclass(frozen=True)
class PosteriorPlanner:
    """Plans of one budget for V models under any weights of the draws.

    Attributes:
        models: (V,).
        prior: their responses under equal weights.
        budget: the total.
        price: logarithm of its price from which others are looked for.
    """

    models: tuple[Model, ...]
    prior: tuple[Response, ...]
    budget: float
    price: float

    @classmethod
    def of(cls, curves: Curves, spec: PlanSpec) -> "PosteriorPlanner":
        """Tabulate the models of a plan spec whose plan is a convex program."""
        models = tuple(tabulated(curves, spec))
        equal = np.full((1, len(curves.draws)), 1 / len(curves.draws))
        prior = tuple(model.under(equal) for model in models)
        price = float(np.median([each.marginal[0, TABULATED_SPENDS // 2] for each in prior]))
        return cls(models, prior, spec.budget, price)

    def plans(self, learnt: Mapping[int, Response], draws: int) -> tuple[np.ndarray, np.ndarray]:
        """What the plans made from what was learnt are expected to be worth, and what they are: both (B,).

        Plan m is made after the outcome that comes from draw m. What it is expected to be worth is its mean under the
        posterior of that outcome, and what it is worth is judged in the scenario of draw m. A posterior leaves its own
        draw out (``posterior``); in the mean the draw counts by its prior weight 1/B, so that an outcome that says
        nothing leaves the prior mean.

        Args:
            learnt: model → its response under the posterior of each of B outcomes, of which the m-th comes from draw m.
                The others keep the prior, and count by their mean over all draws.
            draws: their number B.
        """
        # only the models that were learnt of differ by outcome, but the price ties all spends together
        spends = self._spends(learnt, draws)
        expected, worth = np.zeros(draws), np.zeros(draws)
        for position, model in enumerate(self.models):
            if position in learnt:
                response = learnt[position]
                judged = model.worth(np.arange(draws), spends[position], response.sizes(spends[position]))
                expected += (1 - 1 / draws) * response.mean(spends[position]) + judged / draws
                worth += judged
            else:
                known = self.prior[position].mean(spends[position])
                expected += known
                worth += known
        return expected, worth

    def today(self, draws: int) -> np.ndarray:
        """What the plan under equal weights is worth in the scenario of each of B draws (B,)."""
        total = np.zeros(draws)
        for model, (spend, size) in zip(self.models, self.plan(), strict=True):
            total += model.worth(np.arange(draws), np.repeat(spend, draws), np.repeat(size, draws))
        return total

    def plan(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Each model's log spend and size (1,) of the plan under equal weights."""
        spends = self._spends({}, 1)
        return [(spends[v], each.sizes(spends[v])) for v, each in enumerate(self.prior)]

    def _spends(self, learnt: Mapping[int, Response], count: int) -> list[np.ndarray]:
        """Log spends (M,) of each model that add up to the budget."""
        # where all maxima fit there is no price to look for
        most = np.array([model.most for model in self.models])
        if len(self.models) == 1 or np.exp(most).sum() <= self.budget:
            return [np.full(count, each) for each in most]

        # at a price below every tabulated return all spends are at their ends, above it likewise: the root is between
        responses = [learnt.get(v, each) for v, each in enumerate(self.prior)]
        low = np.full(count, min(each.lowest for each in responses) - 1.0)
        high = np.full(count, max(each.highest for each in responses) + 1.0)
        breaks, level, rise = self._known

        def overspent(price: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
            """How far above the budget the spends at a price are, in logarithms, its slope, and the spends."""
            at = np.searchsorted(breaks, price)
            slopes = rise[:, at]
            spends = level[:, at] + slopes * price
            for v, response in learnt.items():
                spends[v], slopes[v] = response.log_spend(price)
            each_spent = np.exp(spends)
            spent = each_spent.sum(axis=0)
            # d log Σc / d log λ: the spends' own slopes, weighted by the spends; 0 where all are at a limit, hence the
            # least slope
            slope = (each_spent * slopes).sum(axis=0) / spent
            return np.log(spent / self.budget), np.minimum(slope, -1e-9), spends

        # in logarithms, where spend against price is nearly a line and Newton's steps fit
        return list(newton_root(overspent, np.full(count, self.price), low, high, LOG_BUDGET_TOLERANCE)[1])

    @cached_property
    def _known(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the models answer to a price under equal weights: a line between each two of K log prices.

        Their log spends are lines between all prices at which one of them has a node or meets a limit, so that a price
        is looked up once for all of them: (K,) these, and levels and slopes (V, K + 1) of what lies between.
        """
        breaks = np.unique(np.concatenate([each.breaks for each in self.prior]))
        inside = np.concatenate([breaks[:1] - 1.0, 0.5 * (breaks[1:] + breaks[:-1]), breaks[-1:] + 1.0])
        spends, slopes = (np.array(each) for each in zip(*(each.log_spend(inside) for each in self.prior), strict=True))
        return breaks, spends - slopes * inside, slopes
