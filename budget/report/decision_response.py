"""What the decision reaches at other budgets: one source for the line, the slider, the table and the sentence.

See docs/decisions/152-page-solves-by-tables.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.studies.budget_response import FACTORS
from budget.studies.make_plan import Study
from budget.studies.spend_tables import WIDEST

TOLD = 1e-3
"""By what share of the value one model for each task must be better to be told."""


@dataclass(frozen=True)
class ShownResponse:
    """The decision at Q budgets.

    Attributes:
        planned: the budget in hand.
        reached: what the decision reaches with it, in the reader's number.
        budget: (Q,) budgets.
        objective: (Q,) the best at each, NaN where the limits exclude it.
        percent_more: by how much 1 % more budget improves it.
        alone: whether it speaks of one model for each task where the decision shares some.
        apart: factor of the budget → what one model for each task would reach there, where that is better: who shares
            is then to be decided anew.
    """

    planned: float
    reached: float
    budget: np.ndarray
    objective: np.ndarray
    percent_more: float
    alone: bool
    apart: dict[float, float]

    def at(self, factor: float) -> float:
        """The objective at a multiple of the budget, NaN where it is not known."""
        found = np.flatnonzero(np.isclose(self.budget, factor * self.planned))
        return float(self.objective[found[0]]) if len(found) else float("nan")


def shown_response(study: Study) -> ShownResponse:
    """The response of what the headline says; of one model for each task where no tables of a shared decision are."""
    plan, found, tables = study.plan, study.recommendation, study.tables
    spec = plan.spec
    shares = found is not None and found.shares
    if not shares or found is None or tables is None:
        answer = study.response
        more = plan.shadow_price * spec.budget / 100
        return ShownResponse(spec.budget, plan.objective, answer.budget, answer.objective, more, shares, {})
    planned = found.plan.budget
    factors = np.array([each for each in FACTORS if 1 / WIDEST <= each <= WIDEST])
    budgets = planned * np.append(factors, 1.01)
    split = tables.split(spec.weight, budgets)
    measure = tables.objective(spec.weight, tables.reached(tables.models, split))
    here = int(np.flatnonzero(factors == 1.0)[0])
    more = float(measure[here] - measure[-1])
    objective = spec.sign * measure[:-1]
    objective[here] = spec.sign * found.objective  # the solver's own, from which the tables differ by rounding
    each = {float(factor): study.response.at_factor(factor) for factor in factors}
    apart = {
        factor: one
        for (factor, one), mine in zip(each.items(), objective, strict=True)
        if plan.gain_of(one) - plan.gain_of(mine) > TOLD * abs(mine)
    }
    return ShownResponse(planned, float(objective[here]), budgets[:-1], objective, more, False, apart)
