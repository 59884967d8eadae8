"""The tables of a decision's models: with them a page splits any budget, for any weights, without a solver.

See docs/decisions/152-page-solves-by-tables.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.studies.monotone_cubic import MonotoneCubics
from budget.studies.spend_tables import SHARE, TODAY, SpendTable, is_tabled, spend_tables
from budget.studies.strategies.recommendation import Recommendation, TrainedModel
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.tasks import TaskSettings

HALVINGS = 60
"""Of the bracket of a price's logarithm, which ends at a rounding."""


@dataclass(frozen=True)
class DecisionTables:
    """Tables of a decision about T tasks.

    Attributes:
        models: of the decision, the largest spend first.
        alone: one model for each task, for the rule that gives each the same; empty where one model serves all.
        factor: (T,) a task's measure is factor · value + shift, smaller being better.
        shift: (T,).
        kept: what tasks without a curve keep, whatever the budget is.
        kept_share: the share of what then is left that others of them keep.
    """

    models: tuple[SpendTable, ...]
    alone: tuple[SpendTable, ...]
    factor: np.ndarray
    shift: np.ndarray
    kept: float
    kept_share: float

    def split(self, weight: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """(Q, V) spends of the decision's models at budgets (Q,) in all, by the price at which they use it up.

        Args:
            weight: (T,) of the tasks, summing to 1.
            budgets: within ``WIDEST`` of the plan's; least spends may exceed them, and are given then.
        """
        given = (budgets - self.kept) * (1 - self.kept_share)
        returns = [np.log(np.exp(each.log_marginal) @ weight[list(each.tasks)]) for each in self.models]
        low, high = self._ends(weight, given)
        # the price is bracketed by every model's returns, and halved until the spends are exact to the last digits
        least = np.full(len(given), min(float(each.min()) for each in returns) - 1.0)
        most = np.full(len(given), max(float(each.max()) for each in returns) + 1.0)
        for _ in range(HALVINGS):
            price = 0.5 * (least + most)
            spend = np.clip(self._at_price(returns, price), low, high)
            dear = spend.sum(axis=1) > given
            least, most = np.where(dear, price, least), np.where(dear, most, price)
        return np.clip(self._at_price(returns, most), low, high)

    def _at_price(self, returns: list[np.ndarray], price: np.ndarray) -> np.ndarray:
        columns = [np.interp(-price, -mine, each.log_spend) for mine, each in zip(returns, self.models, strict=True)]
        return np.exp(np.column_stack(columns))

    def _ends(self, weight: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and greatest spends (Q, V) at budgets (Q,) that tasks without a curve have left."""
        low = np.tile([each.least for each in self.models], (len(given), 1))
        high = np.minimum(np.tile([each.most for each in self.models], (len(given), 1)), given[:, None])
        today = [each for each in self.models if each.held == TODAY]
        left = np.maximum(given - sum(each.least for each in today), 0.0)
        others = 1.0 - sum(float(weight[list(each.tasks)].sum()) for each in today)
        for at, each in enumerate(self.models):
            if each.held == SHARE:
                share = float(weight[list(each.tasks)].sum()) / others
                low[:, at] = high[:, at] = np.clip(share * left, each.least, each.most)
        return low, high

    def reached(self, models: tuple[SpendTable, ...], spend: np.ndarray) -> np.ndarray:
        """(Q, T) values that the tasks are predicted to reach where models (V) take spends (Q, V)."""
        found = np.full((len(spend), len(self.factor)), np.nan)
        lines = [(each, at, place) for at, each in enumerate(models) for place in range(len(each.tasks))]
        for each, _, place in lines:
            found[:, each.tasks[place]] = each.predicted[0, place]
        # every task of every model in one call: what stands behind a model's last knot is not read
        bent = [line for line in lines if len(line[0].log_spend) > 1]
        if bent:
            count = np.array([len(each.log_spend) for each, _, _ in bent])
            x, y = (np.zeros((len(bent), count.max())) for _ in range(2))
            for row, (each, _, place) in enumerate(bent):
                x[row, : count[row]], y[row, : count[row]] = each.log_spend, each.predicted[:, place]
            logs = np.log(spend[:, [at for _, at, _ in bent]]).T
            logs = np.clip(logs, x[:, :1], x[np.arange(len(bent)), count - 1][:, None])
            found[:, [each.tasks[place] for each, _, place in bent]] = MonotoneCubics.through(x, y, count).at(logs).T
        return found

    def spends_for(self, target: np.ndarray, higher: bool) -> np.ndarray:
        """(T,) least spends of the decision's models with which each task is predicted to reach its target.

        NaN without a target; infinite where no spend in the table does, which ends at what the model's limits let it
        take or at ``WIDEST`` times the budget.

        Args:
            target: (T,) NaN where none is stated.
            higher: whether more is better.
        """
        found = np.full(len(self.factor), np.nan)
        for each in self.models:
            for place, task in enumerate(each.tasks):
                if np.isfinite(target[task]):
                    found[task] = each.spend_for(place, float(target[task]), higher)
        return found

    def budget_for_targets(self, target: np.ndarray, higher: bool) -> float:
        """The least budget with which the decision's models are predicted to reach every target; infinite for none.

        NaN where none is stated.
        """
        if not np.isfinite(target).any():
            return float("nan")
        needed = self.spends_for(target, higher)
        # a model takes what the hardest of its targets needs, and one without a target its least
        total = sum(np.nanmax(np.append(needed[list(each.tasks)], each.least)) for each in self.models)
        return float(total / (1 - self.kept_share) + self.kept)

    def equal(self, weight: np.ndarray, budgets: np.ndarray) -> np.ndarray:
        """(Q,) objectives where every task's own model takes the same at budgets (Q,); NaN where one model serves all.

        Spends are held inside the tables: below them a model cannot be sized, above them more brings nothing.
        """
        if not self.alone:
            return np.full(len(budgets), np.nan)
        each = (budgets - self.kept) * (1 - self.kept_share) / len(self.alone)
        return self.objective(weight, self.reached(self.alone, np.repeat(each[:, None], len(self.alone), axis=1)))

    def objective(self, weight: np.ndarray, predicted: np.ndarray) -> np.ndarray:
        """(Q,) weighted mean measures of predictions (Q, T), smaller being better."""
        return np.asarray((self.factor * predicted + self.shift) @ weight)


def decision_tables(
    curves: Curves,
    spec: PlanSpec,
    spend: np.ndarray,
    tasks: TaskSettings,
    found: Recommendation | None = None,
    compared: tuple[FittedStrategies, StrategyPlanner] | None = None,
) -> DecisionTables | None:
    """The tables of what is decided, ``None`` where its split does not follow from one price.

    Args:
        curves: usable curves of the plan's T tasks.
        spec: what the plan asks.
        spend: (T,) what the plan gives its tasks.
        tasks: task settings of its tasks and of those without a curve.
        found: the decision over every strategy, where that is what is shown.
        compared: all strategies, and the planner of their specialists, which it was made by.
    """
    if not is_tabled(curves, spec) or not (spec.tasks.weight > 0).all():
        return None
    every = np.arange(len(curves.tasks))
    shift = spec.measure.of_value(curves, every, np.zeros(len(every)))
    factor = spec.measure.of_value(curves, every, np.ones(len(every))) - shift
    models = spend_tables(curves, spec, spec.whole_budget, SPECIALISTS)
    alone = () if spec.is_one_model else models
    if found is not None and compared is not None:
        models = tuple(_model(each, *compared, spec, models) for each in found.models)
    elif alone:
        allotted = np.argsort(-np.asarray(spend), kind="stable")
        models = tuple(models[task] for task in allotted.tolist())
    today = {name for name, current in zip(tasks.names, tasks.current, strict=True) if current > 0}
    kept = sum(given for name, given, _ in spec.reserved if name in today)
    others = sum(given for name, given, _ in spec.reserved if name not in today)
    return DecisionTables(models, alone, factor, shift, kept, others / (spec.whole_budget - kept))


def _model(
    model: TrainedModel,
    strategies: FittedStrategies,
    alone: StrategyPlanner,
    spec: PlanSpec,
    specialists: tuple[SpendTable, ...],
) -> SpendTable:
    """The table of a decision's model, its tasks counted among the plan's."""
    places = tuple(spec.tasks.names.index(name) for name in model.tasks)
    if model.strategy == SPECIALISTS:
        return specialists[places[0]]
    served = next(each for each in strategies.shared if (each.strategy, each.tasks) == (model.strategy, model.tasks))
    planner = alone.of(served)
    (table,) = spend_tables(served.curves, planner.spec(spec.budget), spec.whole_budget, model.strategy)
    return replace(table, tasks=places)
