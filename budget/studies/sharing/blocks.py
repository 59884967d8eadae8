"""What a model may serve, and what its tasks reach at any spend: the blocks that a division of the tasks is made of.

A block is a shared model on the tasks that it was measured on, or one task's own model. What a task is given is what
its model takes: a least or a greatest spend of a task is one of its model's, and a limit counts a model's spend once.

See docs/decisions/165-sharing-under-every-objective.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from budget.allocation.convex.best_size import best_inputs, last_input, within_ends
from budget.allocation.convex.problem import planned_cost, reach_of_models
from budget.allocation.nonconvex.size_search import best_sizes
from budget.allocation.nonconvex.spend_response import least_on_menu, only_in_name
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import largest_spends
from budget.allocation.spec.scenarios import scenarios_of
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError
from budget.studies.sharing.sharing import Sharing
from budget.studies.sharing.told_measures import Predictions, predictions_of
from budget.studies.strategies.partition import stacked
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner

FAR = 1e12
"""How far above the largest measured run a spend is looked for where no budget ends it."""

LEAST_SHARE = 1e-9
"""Share of the budget below which no spend is looked at where no model is the smallest."""

HALVINGS = 60
"""Most halvings of the logarithm of a spend."""

CLOSE = 1e-12
"""Distance of the ends between which it lies at which they end."""

LEAN = 1e-5
"""Share of that distance by which a step leans to either side of where the line meets a level, so that both ends move.
"""

SPARE = 1e-8
"""Share by which the least spend on a menu lies above what its smallest model takes."""

TIE = 1e-6
"""Share of the least weight that the mean decides among sizes that meet the same targets."""

Fold = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(measures (Q, M), NaN beyond a block's tasks, blocks (Q,)) → what is made small (Q,); it rises with the measures."""


@dataclass(frozen=True)
class Blocks:
    """K blocks of the tasks of a question, T in all.

    Attributes:
        spec: the question, of one model for each task.
        whole: a planner of these models.
        served: the strategy of each block.
        planners: of each block alone.
        questions: what is asked of each.
        place: (K, M) positions of each block's tasks, −1 beyond them.
        values: the measures of all blocks' tasks over the inputs of their models, block after block.
        row: (K, M) where among ``values`` each of them stands, −1 beyond.
        predictions: of the same, by what a reader is told.
        cost: K costs in the budget's unit.
        low: (K,) least spends.
        high: (K,) greatest spends, the budget where that is finite.
        idle: (T,) measure of a task that may be given nothing; NaN where it must be served. Where targets are counted
            those too whose model would be one in name, see ``only_in_name``.
        ease: share of a target by which a measure may miss it.
    """

    spec: PlanSpec
    whole: StrategyPlanner
    served: tuple[StrategyCurves, ...]
    planners: tuple[StrategyPlanner, ...]
    questions: tuple[PlanSpec, ...]
    place: np.ndarray
    values: Posynomial
    row: np.ndarray
    predictions: Predictions
    cost: Posynomial
    low: np.ndarray
    high: np.ndarray
    idle: np.ndarray
    ease: float = 0.0

    def __len__(self) -> int:
        """Their number K."""
        return len(self.served)

    @cached_property
    def member(self) -> np.ndarray:
        """(T, K + T) whether a task stands in a block, or in what stands for giving it nothing."""
        count = len(self.idle)
        held = np.array([(self.place == task).any(axis=1) for task in range(count)])
        return np.hstack([held, np.eye(count, dtype=bool)])

    @property
    def is_one_division(self) -> bool:
        """Whether nothing is to be chosen: each task stands in one block, or is given nothing."""
        return bool((self.member[:, : len(self)].sum(axis=1) == np.isnan(self.idle)).all())

    @cached_property
    def highest(self) -> np.ndarray:
        """(K + T,) greatest spends of what ``member`` lists: giving a task nothing takes none."""
        return np.concatenate([self.high, np.zeros(len(self.idle))])

    @cached_property
    def weight(self) -> np.ndarray:
        """(K, M) weights as the objective takes them, 0 beyond a block's tasks."""
        return np.where(self.place >= 0, self.spec.objective_weight[self.place], 0.0)

    @cached_property
    def share(self) -> np.ndarray:
        """(K, M) shares of all weight, 0 beyond a block's tasks."""
        return np.where(self.place >= 0, self.spec.weight[self.place], 0.0)

    @cached_property
    def target(self) -> np.ndarray:
        """(K, M) measures of the targets, NaN where none is stated."""
        stated = self.target_of_tasks
        return np.where(self.place >= 0, stated[self.place], np.nan)

    @cached_property
    def target_of_tasks(self) -> np.ndarray:
        """(T,) measures of the targets."""
        return self.spec.measure_of_targets(self.whole.served.curves)

    @cached_property
    def by_model(self) -> Posynomial:
        """K functions: the part of the weighted mean that each block's tasks are."""
        parts = []
        for rows, share in zip(self.row, self.share, strict=True):
            some = rows >= 0
            parts.append(self.values.take(rows[some]).scaled(share[some], np.zeros(int(some.sum()))).summed)
        return stacked(parts)

    def of(self, pick: np.ndarray, spec: PlanSpec, idle: np.ndarray) -> "Blocks":
        """Some of the blocks (V,) within another budget, which is no larger.

        Args:
            pick: their positions.
            spec: the same question with that budget.
            idle: see there.
        """
        low, high = self.low[pick], np.minimum(self.high[pick], spec.budget)
        if spec.is_held.any():  # a share by weight is one of the budget
            least, most = spec.own_limits
            own = self.place[pick, 0]
            held = spec.is_held[own] & ~np.array([self.served[at].one_model for at in pick], dtype=bool)
            low = np.where(held, np.maximum(np.minimum(least[own], low), self.cost.at_domain[pick]), low)
            high = np.where(held, np.minimum(high, most[own]), high)
        if (low > high).any():
            raise InfeasibleError("The budget is below what some model takes at least.")
        served, planners, questions = (
            tuple(each[at] for at in pick) for each in (self.served, self.planners, self.questions)
        )
        return replace(
            self,
            spec=spec, served=served, planners=planners, questions=questions, place=self.place[pick],
            row=self.row[pick], cost=self.cost.take(pick), low=low, high=high, idle=idle,
        )  # fmt: skip

    def told(self, found: Sharing) -> np.ndarray:
        """(T,) measures of a division of these blocks, as a reader is told them."""
        measure = self.idle.copy()
        for block, inputs in zip(found.cover, found.u, strict=True):
            tasks = self.row[block] >= 0
            rows = self.row[block][tasks]
            measure[self.place[block][tasks]] = self.predictions.value(rows, np.tile(inputs, (len(rows), 1)))
        return measure

    @property
    def reads_predictions(self) -> bool:
        """Whether what is asked are levels of single tasks by the best guess, which predictions tell."""
        return not self.spec.objective.is_linear and not self.spec.risk.reads_draws

    def measures(self, block: np.ndarray, u: np.ndarray) -> np.ndarray:
        """(Q, M) measures of the tasks of blocks (Q,) at their models' log inputs (Q, I); NaN beyond them.

        As a reader is told them where levels of single tasks are asked for, so that what is decided is what is met.
        """
        rows = self.row[block]
        some = rows >= 0
        found = np.full(rows.shape, np.nan)
        inputs = np.broadcast_to(u[:, None, :], (*rows.shape, u.shape[1]))[some]
        if self.reads_predictions:
            found[some] = self.predictions.value(rows[some], inputs)
        else:
            found[some] = self.values.take(rows[some]).value(inputs)
        return found

    def mean(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """The part of the weighted mean: a ``Fold``."""
        return np.nansum(measures * self.share[block], axis=1)

    def worst(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """The worst measure: a ``Fold``."""
        return np.nanmax(measures, axis=1)

    def met(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """(Q, M) whether targets are met: to the last digit, so that what is told with some slack holds."""
        target = self.target[block]
        return np.asarray(measures <= target + self.ease * np.abs(target))

    def missed(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """Less the weight of the targets that are met: a ``Fold``."""
        return -(self.met(measures, block) * self.weight[block]).sum(axis=1)

    def excess(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """By how much a target is missed at most, not above 0 where all are met: a ``Fold``."""
        target = self.target[block]
        return np.asarray(np.nanmax(measures - target - self.ease * np.abs(target), axis=1))

    def nearer(self, fold: Fold) -> Fold:
        """A ``Fold`` that counts targets, and where it counts as many falls as the next one comes closer."""
        least = TIE * float(self.spec.objective_weight.min())

        def counted(measures: np.ndarray, block: np.ndarray) -> np.ndarray:
            away = measures - self.target[block]
            next_one = np.nanmin(np.where(away > 0, away, np.inf), axis=1, initial=np.inf)
            return fold(measures, block) - least / (1.0 + np.where(np.isinf(next_one), 0.0, next_one))

        return counted

    def missed_first(self, measures: np.ndarray, block: np.ndarray) -> np.ndarray:
        """The same, and where as many are met the mean decides: a ``Fold``."""
        mean = self.mean(measures, block)
        return self.missed(measures, block) + TIE * float(self.spec.objective_weight.min()) * mean / (1 + np.abs(mean))

    def sized(
        self, block: np.ndarray, spend: np.ndarray, fold: Fold, search: Fold | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The least of a fold (Q,) that blocks (Q,) reach with spends (Q,), and the log inputs (Q, I) at which.

        Infinite where a spend pays for no model. Where a fold moves in steps, a size is looked for by what tells how
        far the next one is, ``search``.
        """
        if len(block) == 0:
            return np.zeros(0), np.zeros((0, self.cost.inputs))
        cost = self.cost.take(block)
        with np.errstate(divide="ignore"):
            log_spend = np.log(spend)
        pays = (spend >= cost.at_domain * (1 - 1e-9)) & (spend > 0)
        log_spend = np.where(pays, log_spend, np.log(np.maximum(cost.at_domain, np.finfo(float).tiny)))
        if cost.inputs == 1:
            u = within_ends(cost, last_input(cost, np.empty((len(block), 0)), log_spend))
            value = fold(self.measures(block, u), block)
        elif self.spec.sizes:
            value, u = self._on_menu(block, cost, log_spend, fold)
        elif fold == self.mean:
            u = best_inputs(self.by_model.take(block), cost, np.exp(log_spend))
            value = fold(self.measures(block, u), block)
        else:
            wanted = fold if search is None else search
            value, u = best_sizes(
                cost, log_spend, lambda row, inputs: wanted(self.measures(block[row], inputs), block[row])
            )
            value = value if search is None else fold(self.measures(block, u), block)
        return np.where(pays, value, np.inf), u

    def _on_menu(
        self, block: np.ndarray, cost: Posynomial, log_spend: np.ndarray, fold: Fold
    ) -> tuple[np.ndarray, np.ndarray]:
        value, u = np.full(len(block), np.inf), np.zeros((len(block), 2))
        for size in np.log(self.spec.sizes):
            serving = cost.fix_input(0, np.full(len(block), size)).offset
            there = last_input(cost, np.full((len(block), 1), size), log_spend)
            fits = serving < np.exp(log_spend) * (1 - 1e-9)
            if cost.domain is not None:
                fits &= (there[:, 1] >= cost.domain[:, 1] - 1e-9) & (size >= cost.domain[:, 0] - 1e-9)
            if cost.ceiling is not None:
                fits &= size <= cost.ceiling[:, 0] + 1e-9
                there = np.minimum(there, cost.ceiling)
            reached = np.where(fits, fold(self.measures(block, there), block), np.inf)
            better = reached < value
            value, u = np.where(better, reached, value), np.where(better[:, None], there, u)
        return value, u

    def spend_to(
        self, block: np.ndarray, level: np.ndarray, fold: Fold, most: np.ndarray, least: np.ndarray | None = None
    ) -> np.ndarray:
        """The least spends (Q,) at which folds fall to levels (Q,), from ``least`` (or ``start``) on to ``most``.

        Infinite where even those do not suffice.

        Halving, with every other step where the line between the ends meets the level: a few steps where a fold is
        smooth, and never more than twice as many.
        """
        low = self.start[block] if least is None else least
        first, last = self.sized(np.tile(block, 2), np.concatenate([low, most]), fold)[0].reshape(2, -1)
        at_low, never = first <= level, ~(last <= level)
        lower, upper = np.log(low), np.log(np.maximum(most, low))
        over, under = np.where(np.isfinite(first), first - level, np.inf), last - level
        open_ = np.flatnonzero(~(at_low | never))
        for step in range(2 * HALVINGS):
            open_ = open_[upper[open_] - lower[open_] > CLOSE]
            if len(open_) == 0:
                break
            part = np.full(len(open_), 0.5)
            if step % 3:
                with np.errstate(invalid="ignore"):
                    line = over[open_] / (over[open_] - under[open_])
                part = np.where(np.isfinite(line), np.clip(line + (step % 3 - 1.5) * LEAN, 0.0, 1.0), 0.5)
            middle = lower[open_] + part * (upper[open_] - lower[open_])
            off = self.sized(block[open_], np.exp(middle), fold)[0] - level[open_]
            enough = off <= 0
            lower[open_], over[open_] = np.where(enough, lower[open_], middle), np.where(enough, over[open_], off)
            upper[open_], under[open_] = np.where(enough, middle, upper[open_]), np.where(enough, off, under[open_])
        return np.where(never, np.inf, np.where(at_low, low, np.exp(upper)))

    @cached_property
    def measured(self) -> np.ndarray:
        """(K,) what a model of the largest measured scales takes."""
        found = []
        for at, (served, asked) in enumerate(zip(self.served, self.questions, strict=True)):
            names = served.curves.planned_inputs if asked.params is None else served.curves.planned_inputs[1:]
            largest = np.log([[served.curves.largest[name].max() for name in names]])
            found.append(float(self.cost.take(np.array([at])).value(largest)[0]))
        return np.array(found)

    @cached_property
    def most(self) -> np.ndarray:
        """(K,) greatest spends that are looked at: finite where no budget and no maximum is."""
        return np.minimum(self.high, FAR * self.measured)

    @cached_property
    def start(self) -> np.ndarray:
        """(K,) spends from which on others are looked at: the least ones, or next to nothing where there is none."""
        least = np.maximum(self.low, self.cost.at_domain)
        if self.spec.sizes:  # a digit above, so that rounding leaves something to train with
            least = np.minimum(np.maximum(least, least_on_menu(self.cost, self.spec.sizes) * (1 + SPARE)), self.most)
        return np.where(least > 0, least, np.minimum(LEAST_SHARE * self.most, self.measured / FAR))

    def law_inputs(self, block: int, u: np.ndarray) -> np.ndarray:
        """(Q·M, I) the law's log inputs of a block's M tasks, for its models' (Q, I) one after another."""
        count = len(self.served[block].tasks)
        every = np.tile(np.arange(count), len(u))
        return law_inputs_of(self.served[block].curves, self.questions[block], np.repeat(u, count, axis=0), every)

    def judged(self, cover: Sequence[int], spend: np.ndarray, u: np.ndarray) -> list[StrategyPlan]:
        """The plans of a division's models, which take spends (V,) at log inputs (V, I)."""
        budget = np.array([self.spec.budget])
        return [
            self.planners[block].judge_all(
                "",
                budget,
                np.full((1, len(self.served[block].tasks)), given),
                self.law_inputs(block, inputs[None])[None],
            )[0]
            for block, given, inputs in zip(cover, spend.tolist(), u, strict=True)
        ]

    def left_out(self, tasks: Sequence[int]) -> list[StrategyPlan]:
        """The plans of tasks that are given nothing."""
        scales = len(self.whole.served.curves.scale_columns)
        return [
            self.whole.restricted_to(np.array([task])).judge(
                "", self.spec.budget, np.zeros(1), np.full((1, scales), -np.inf)
            )
            for task in tasks
        ]


def blocks_for(
    whole: StrategyPlanner, served: Sequence[StrategyCurves], spec: PlanSpec, kept: np.ndarray | None = None
) -> Blocks:
    """The blocks of a question; those whose tasks' limits leave their model nothing are left out.

    Args:
        whole: a planner of one model for each task.
        served: the strategies of the blocks, on curves that are sums of powers.
        spec: the question of one model for each task.
        kept: (T,) what was spent on each task already and stays, 0 where nothing; a shared model takes at least what
            its tasks have together.

    Raises:
        InfeasibleError: no block is left.
    """
    names = spec.tasks.names
    budget = spec.budget  # what a block costs does not depend on it, and where there is none any one is stated
    if not np.isfinite(budget):
        measured = largest_spends(whole.served.curves, spec.tasks, spec.unit, 1.0, spec.prices)
        budget = float(np.nansum(spec.tasks.min) + np.where(np.isfinite(measured), measured, FAR).sum())
    found = []
    least, most = spec.own_limits
    smallest = np.zeros(len(names))
    for each in served:
        planner = whole.of(each)
        asked = planner.spec(budget)
        place = np.array([names.index(name) for name in each.tasks])
        cost = planned_cost(each.curves, asked, asked.unit)
        if not each.one_model:
            smallest[place] = cost.at_domain
        reach = float(reach_of_models(each.curves, asked, cost)[0])
        free = np.nan_to_num(spec.tasks.min[place], nan=0.0) if each.one_model else least[place]
        low = float(free.max())
        if kept is not None and each.one_model:
            low = max(low, float(kept[place].sum()))
        stated = np.where(np.isfinite(spec.tasks.max[place]), spec.tasks.max[place], np.inf)
        high = min(float((stated if each.one_model else most[place]).min()), reach, spec.budget)
        if not each.one_model and spec.is_held[place[0]]:  # a share that is kept goes no further than anything else
            low = min(low, reach)
        low = max(low, float(cost.at_domain[0]))
        if low <= high and _is_counted(spec, place):
            found.append((each, planner, asked, place, cost, low, high))
    if not found:
        raise InfeasibleError("No model is left within the limits of its tasks; loosen those.")
    widest = max(len(place) for *_, place, _, _, _ in found)
    places, rows = np.full((len(found), widest), -1), np.full((len(found), widest), -1)
    values, told, count = [], [], 0
    for at, (each, planner, asked, place, *_) in enumerate(found):
        places[at, : len(place)] = place
        rows[at, : len(place)] = count + np.arange(len(place))
        count += len(place)
        measure = planner.measure
        scenarios = scenarios_of(each.curves, asked.tasks).scaled(measure.scale, measure.shift)
        if asked.params is not None:
            scenarios = scenarios.fix_input(0, np.log(asked.params))
        values.append(scenarios.values)
        told.append((each.curves, asked, measure))
    optional = spec.allow_unserved | _may_be_left_out(spec, smallest)
    stated = np.where(optional, spec.tasks.unserved, np.nan)
    idle = spec.measure.of_value(whole.served.curves, np.arange(len(names)), stated)
    return Blocks(
        spec,
        whole,
        tuple(each for each, *_ in found),
        tuple(planner for _, planner, *_ in found),
        tuple(asked for _, _, asked, *_ in found),
        places,
        stacked(values),
        rows,
        predictions_of(told),
        stacked([cost for *_, cost, _, _ in found]),
        np.array([low for *_, low, _ in found]),
        np.array([high for *_, high in found]),
        np.where(spec.is_frozen | spec.is_held, np.nan, idle),
    )


def _may_be_left_out(spec: PlanSpec, smallest: np.ndarray) -> np.ndarray:
    """(T,) whether a plan of one model for each, the smallest of which take (T,), leaves out what meets no target."""
    objective = spec.objective
    if not (objective.minimizes_spend or (objective.counts_targets and not spec.risk.reads_draws)):
        return np.zeros(len(spec.tasks.names), dtype=bool)
    return only_in_name(spec, np.maximum(spec.own_limits[0], smallest), smallest)


def _is_counted(spec: PlanSpec, place: np.ndarray) -> bool:
    """Whether every limit says of a model of these tasks how it counts: all of its tasks on the same side."""
    return all((limit.coefficient[place] >= 0).all() or (limit.coefficient[place] <= 0).all() for limit in spec.limits)


def counted(coefficient: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(K,) how a limit's coefficients (T,) count blocks of tasks (K, M): once, by the largest of their tasks'."""
    each = np.where(place >= 0, coefficient[place], 0.0)
    return np.asarray(each[np.arange(len(place)), np.abs(each).argmax(axis=1)])
