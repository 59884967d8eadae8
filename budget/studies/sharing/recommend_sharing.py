"""What to train: the models, and the tasks of each, that answer a question best by everything that was measured.

Every measured way to serve tasks competes in one decision: a specialist of a task, and each shared model on the set of
tasks that it was measured on. Who shares is chosen on predictions, with a bound over every division and split. The best
of many choices is flattered by them: a shared model that too few draws call better than its tasks apart, by what the
question asks of these tasks and with what the model takes, is left out, named, and the choice made again. The same
question is then asked of the chosen models on the curves that plans are made on, and what it gains over simpler answers
is told in every draw, which judges both sides.

See docs/decisions/165-sharing-under-every-objective.md,
docs/decisions/080-plans-made-once-judged-in-every-draw.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.risks import POINT
from budget.errors import AllocationError, InfeasibleError
from budget.studies.sharing.blocks import Blocks, blocks_for
from budget.studies.sharing.objective_value import gain_in_draws, lacking, objective_of
from budget.studies.sharing.share_by_targets import spend_for_targets
from budget.studies.sharing.share_tasks import rows_of, share_tasks
from budget.studies.sharing.sharing import Sharing
from budget.studies.strategies.gain_steps import GainStep, gain_steps
from budget.studies.strategies.partition import GROUPS, Partition, exact_covers
from budget.studies.strategies.recommendation import (
    DECIDED,
    SURE,
    Recommendation,
    RivalDecision,
    Safer,
    TrainedModel,
    Undecided,
    by_predictions,
    competing_blocks,
    of_all,
)
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL, StrategyPlan, StrategyPlanner, joined
from budget.tables.target_met import target_met

STEPS = OBJECTIVES["targets"]
"""What models are compared by where the question makes the spend small: how many targets a spend meets."""

LEAST_GAIN = 5e-5
"""Gain over one model for each, as a share of its objective, below which nothing is shared for it."""

SUFFICING = 1e-9
"""Share by which a budget is larger than the spends that just meet targets, lest one be missed by rounding."""

EQUALLY_GOOD = 1e-12
"""Relative difference of two objectives up to which neither is better in a draw."""

LEAST_SHARE = 0.1
"""Share of the budget from which on the one is sought that would do for a rival's value."""

CLOSE = 2e-3
"""Distance of the logarithms of two shares of the budget between which that one is no longer sought."""

COARSE = 0.05
"""The same where each share takes a program over all draws, or a search of its own."""


def recommend(
    strategies: FittedStrategies,
    alone: StrategyPlanner,
    spec: PlanSpec,
    apart: Plan | None,
    *,
    among: Sequence[str] = (),
    kept: np.ndarray | None = None,
    on_predictions: bool = True,
    is_plain: bool = False,
) -> Recommendation | None:
    """The best decision over specialists and every shared model for a question.

    Args:
        strategies: all of the file.
        alone: a planner of the specialists of all tasks.
        spec: the question of one model for each task.
        apart: its plan; ``None`` where its limits leave none.
        among: the strategies that compete, ``SPECIALISTS`` among them; all where there are none.
        kept: see ``blocks_for``.
        on_predictions: whether the budget is split on predictions, too, as who shares is always chosen.
        is_plain: whether nothing but the best weighted mean within one budget is asked.

    Returns:
        The decision; ``None`` where no shared model competes, or what competes does not make up the tasks.

    Raises:
        InfeasibleError: no division keeps the limits.
        AllocationError: nothing solves the question.
    """
    names = alone.served.tasks
    served = competing_blocks(strategies, names, among, spec.frozen)
    if not any(block.one_model for block in served) or not alone.served.curves.form.is_power_sum:
        return None
    if not exact_covers([block.tasks for block in served], names, 1):
        return None
    asked = _Question(alone, replace(alone, served=by_predictions(alone.served)), spec, kept, on_predictions)
    only_sharing = bool(among) and SPECIALISTS not in among
    # what a reader allows only to share has nothing that doubt could leave it for
    chosen, served, undecided = asked.settled(served, 0.0 if only_sharing else DECIDED)
    found = asked.split(chosen, served)
    simple = asked.one_each(served, apart)
    if simple is not None and not only_sharing and asked.gains_nothing(found, simple):
        served = [block for block in served if not block.one_model]
        chosen = asked.choose(served)
        found = asked.split(chosen, served)
    planned = asked.planned(apart)
    found = asked.or_planned(found, planned, served)
    if planned is not None and found.plan is planned[0]:
        simple = replace(planned[0], strategy=SPECIALISTS), planned[1]
    value, drawn = asked.value(found.plan, found.total)
    rivals, equal = [], None
    for rival, total in ([] if simple is None else [simple]) + asked.other_rivals(of_all(strategies, names)):
        theirs, in_draws = asked.value(rival, total)
        gain, gains = gain_in_draws(value, drawn, theirs, in_draws)
        rivals.append(RivalDecision(rival.strategy, theirs, gain, gains, asked.enough(found, theirs)))
        equal = rival if rival.strategy == EQUAL else equal
    steps: tuple[GainStep, ...] = ()
    if equal is not None:
        steps = gain_steps(alone, strategies.shared, found.plan, found.blocks_chosen, equal, asked.point_value)
    decision = Recommendation(
        asked.models(found),
        found.plan,
        spec.weight,
        chosen.partition,
        tuple(rivals),
        tuple(sorted(undecided, key=lambda each: -each.wins)),
        steps,
        None if is_plain else spec,
        value,
        drawn,
    )
    doubted = tuple(model.tasks for model in decision.models if model.wins < SURE)
    if not doubted or only_sharing:
        return decision
    try:
        # without these others may share, of which the draws need not be sure either
        surer, rest, _ = asked.settled([block for block in served if block.tasks not in doubted], SURE)
        other = asked.split(surer, rest)
    except AllocationError:  # what is asked needs them
        return decision
    reached, _ = asked.value(other.plan, other.total)
    return replace(decision, safer=Safer(doubted, reached, (reached - value) / max(abs(value), 1e-300)))


@dataclass(frozen=True)
class _Decided:
    """A division of the tasks.

    Attributes:
        blocks: that it was chosen from.
        found: which of them, and their spends.
        plan: what each task is given and told to reach.
    """

    blocks: Blocks
    found: Sharing
    plan: StrategyPlan

    @staticmethod
    def of(blocks: Blocks) -> "_Decided":
        """The best division of blocks."""
        return _Decided.judged(blocks, share_tasks(blocks))

    @staticmethod
    def judged(blocks: Blocks, found: Sharing) -> "_Decided":
        """A division and what it is told to reach."""
        parts = [*blocks.judged(found.cover, found.spend, found.u), *blocks.left_out(found.idle)]
        budget = blocks.spec.budget if np.isfinite(blocks.spec.budget) else float(found.spend.sum())
        return _Decided(blocks, found, replace(joined(GROUPS, blocks.spec.tasks.names, parts), budget=budget))

    @property
    def total(self) -> float:
        """What its models take."""
        return float(self.found.spend.sum())

    @property
    def models(self) -> list[tuple[int, StrategyCurves, float]]:
        """The position, the strategy and the spend of each of its models."""
        spends = self.found.spend.tolist()
        return [(at, self.blocks.served[at], spend) for at, spend in zip(self.found.cover, spends, strict=True)]

    @property
    def blocks_chosen(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Strategy and tasks of each of its models."""
        return tuple((served.strategy, served.tasks) for _, served, _ in self.models)

    @property
    def partition(self) -> Partition:
        """How it was chosen, with the bound over every other division."""
        blocks, found = self.blocks, self.found
        return Partition(
            blocks.spec.tasks.names, blocks.spec.budget, self.blocks_chosen, tuple(found.spend.tolist()), found.value,
            found.bound, float("inf"), found.compared, bool(found.value - found.bound <= 1e-6 * abs(found.value)),
        )  # fmt: skip


@dataclass(frozen=True)
class _Question:
    """What is asked of the models that compete.

    Attributes:
        alone: a planner of the specialists of all T tasks.
        by_level: the same on the curves nearest to their predictions.
        spec: the question of one model for each task.
        kept: see ``blocks_for``.
        on_predictions: whether the budget is split on predictions, too.
        known: shares of draws that were told already.
        reached: logarithm of a share of the budget → what the decision's models reach with it.
        divided: strategy and tasks of what competes → the best division.
    """

    alone: StrategyPlanner
    by_level: StrategyPlanner
    spec: PlanSpec
    kept: np.ndarray | None
    on_predictions: bool
    known: dict[tuple[str, tuple[str, ...], float, bytes], float] = field(default_factory=dict)
    reached: dict[float, float] = field(default_factory=dict)
    divided: dict[tuple[tuple[str, tuple[str, ...]], ...], _Decided] = field(default_factory=dict)

    @property
    def target(self) -> np.ndarray:
        """(T,) measures of the targets."""
        return self.spec.measure_of_targets(self.alone.served.curves)

    def value(self, plan: StrategyPlan, total: float) -> tuple[float, np.ndarray]:
        """What is made small, of a plan as predicted, and in every draw (B,); of spends there are no draws."""
        return objective_of(self.spec, self.target, plan, total)

    def point_value(self, plan: StrategyPlan) -> float:
        """The first of these, of a plan with a budget."""
        return self.value(plan, plan.budget)[0]

    def choose(self, served: Sequence[StrategyCurves]) -> _Decided:
        """The best division on predictions.

        Raises:
            InfeasibleError: none keeps the limits.
            AllocationError: nothing solves the question.
        """
        key = tuple((each.strategy, each.tasks) for each in served)
        if key not in self.divided:
            self.divided[key] = _Decided.of(self.blocks(served))
        return self.divided[key]

    def blocks(self, served: Sequence[StrategyCurves]) -> Blocks:
        """What divisions are made of, on predictions."""
        return blocks_for(self.by_level, [by_predictions(block) for block in served], self.spec, self.kept)

    def settled(
        self, served: list[StrategyCurves], least: float
    ) -> tuple[_Decided, list[StrategyCurves], list[Undecided]]:
        """The best division whose shared models each are better in so many of the draws; what is left, and what is not.

        Raises:
            InfeasibleError: none keeps the limits.
            AllocationError: nothing solves the question.
        """
        undecided: list[Undecided] = []
        while True:
            found = self.choose(served)
            shared = [
                Undecided(each.strategy, each.tasks, self.wins(found.plan, each, spend))
                for _, each, spend in found.models
                if each.one_model and least > 0
            ]
            doubtful = [each for each in shared if each.wins < least]  # never without draws, which give no number
            if not doubtful:
                return found, served, undecided
            undecided += doubtful
            out = {(each.strategy, each.tasks) for each in doubtful}
            served = [block for block in served if (block.strategy, block.tasks) not in out]

    def split(self, chosen: _Decided, served: Sequence[StrategyCurves]) -> _Decided:
        """The same models, and the budget split on the curves that plans are made on."""
        if self.on_predictions:
            return chosen
        cover = chosen.blocks_chosen
        mine = [block for block in served if (block.strategy, block.tasks) in cover]
        blocks = blocks_for(self.alone, mine, self.spec, self.kept)
        nothing = np.isin(np.arange(len(blocks.idle)), chosen.found.idle)
        return _Decided.of(replace(blocks, idle=np.where(nothing, blocks.idle, np.nan)))

    def planned(self, apart: Plan | None) -> tuple[StrategyPlan, float] | None:
        """The plan of one model for each task, and what it spends."""
        if apart is None:
            return None
        budget = self.spec.budget if np.isfinite(self.spec.budget) else apart.total
        return self.alone.judge(GROUPS, budget, apart.spend, apart.log_inputs), float(apart.spend.sum())

    def one_each(self, served: Sequence[StrategyCurves], apart: Plan | None) -> tuple[StrategyPlan, float] | None:
        """One model for each task and what it spends: the plan, or what is predicted better where levels are asked for.

        Sharing is decided on predictions there, and must not gain what splitting by predictions gains alone.
        """
        planned = self.planned(apart)
        plans = [] if planned is None else [(replace(planned[0], strategy=SPECIALISTS), planned[1])]
        singles = [block for block in served if not block.one_model]
        if len(singles) == len(self.spec.tasks.names) and self.asks_levels:
            try:
                found = self.choose(singles)
                plans.append((replace(found.plan, strategy=SPECIALISTS), found.total))
            except InfeasibleError:
                pass
        return min(plans, key=lambda each: self.rank(*each)) if plans else None

    @property
    def asks_levels(self) -> bool:
        """Whether levels of single tasks are asked for by the best guess."""
        return not (self.spec.objective.is_linear or self.spec.risk.reads_draws)

    def rank(self, plan: StrategyPlan, total: float) -> tuple[int, float]:
        """What a plan is preferred by: that it meets as many targets as the cheapest one must, then the objective."""
        return lacking(self.spec, self.target, plan), self.value(plan, total)[0]

    def gains_nothing(self, found: _Decided, simple: tuple[StrategyPlan, float]) -> bool:
        """Whether a decision that shares is no better than one model for each: then nothing speaks for sharing."""
        if not any(each.one_model for _, each, _ in found.models):
            return False
        (lacks, mine), (lack, theirs) = self.rank(found.plan, found.total), self.rank(*simple)
        return lacks > lack or (lacks == lack and bool(theirs - mine <= LEAST_GAIN * abs(theirs)))

    def or_planned(
        self, found: _Decided, planned: tuple[StrategyPlan, float] | None, served: Sequence[StrategyCurves]
    ) -> _Decided:
        """A decision that shares; or one model for each as it was planned, since one question has one answer.

        A plan that meets fewer targets than it must is none.
        """
        if planned is None or any(each.one_model for _, each, _ in found.models):
            return found
        plan, total = planned
        if self.rank(found.plan, found.total)[0] < self.rank(plan, total)[0]:
            return found
        singles = [each for each in served if not each.one_model]
        if not singles:
            return found
        # not found's own, which lack what the decision gives nothing and the plan serves
        blocks = self.blocks(singles) if self.on_predictions else blocks_for(self.alone, singles, self.spec, self.kept)
        task = blocks.place[:, 0]
        cover = np.flatnonzero(plan.spend[task] > 0)
        if len(cover) < (plan.spend > 0).sum():  # some task keeps a spend that no model here may have
            return found
        left_out = plan.spend == 0
        idle = tuple(np.flatnonzero(left_out).tolist())
        spend = plan.spend[task[cover]]
        one_each = replace(
            found.found, cover=tuple(cover.tolist()), idle=idle, spend=spend, u=plan.log_inputs[task[cover]]
        )
        # nor what they may leave out: a plan of expected targets may have nothing left for a task
        return _Decided(replace(blocks, idle=np.where(left_out, plan.measure, blocks.idle)), one_each, plan)

    def enough(self, found: _Decided, objective: float) -> float:
        """Share of the budget with which the same models are as good as something; NaN outside of what is tried.

        The objective falls with the budget: where the line between two shares meets it, and every third time halfway.
        """
        if not np.isfinite(self.spec.budget) or self.kept is not None:
            return float("nan")
        if self.asks_levels and self.spec.objective.counts_targets and not self.spec.is_held.any():
            return self._enough_for_targets(found, -objective)
        if self.asks_levels and not any(each.one_model for _, each, _ in found.models):
            return float("nan")  # a search at every share: not for what nobody asks of one model for each
        first, last = float(np.log(LEAST_SHARE)), 0.0
        if not self._reached(found, last) <= objective < self._reached(found, first):
            return float("nan")
        close = CLOSE if self.spec.objective.is_linear and not self.spec.risk.reads_draws else COARSE
        low = max(share for share, value in self.reached.items() if value > objective)
        high = min(share for share, value in self.reached.items() if value <= objective)
        step = 1
        while high - low > close:
            over, under = self.reached[low] - objective, self.reached[high] - objective
            middle = 0.5 * (low + high)
            if step % 3 and np.isfinite(over):  # to either side of the line in turn, so that both ends come near
                middle = low + over / (over - under) * (high - low) + (step % 3 - 1.5) * close
                middle = float(np.clip(middle, low + 0.1 * close, high - 0.1 * close))
            low, high = (low, middle) if self._reached(found, middle) <= objective else (middle, high)
            step += 1
        return float(np.exp(high))

    def _enough_for_targets(self, found: _Decided, weight: float) -> float:
        """The same for targets of so much weight that are met by the best guess: the least spend, by one program."""
        try:
            blocks = self._with_budget(found, self.spec)
            share = (1 + SUFFICING) * spend_for_targets(blocks, rows_of(blocks), weight) / self.spec.budget
        except AllocationError:
            return float("nan")
        # of a rival that meets no target any share would do
        return share if LEAST_SHARE <= share <= 1 + 2 * SUFFICING else float("nan")

    def _with_budget(self, found: _Decided, spec: PlanSpec) -> Blocks:
        """The models of a decision within another budget.

        Raises:
            InfeasibleError: it is below what they take at least.
        """
        nothing = np.isin(np.arange(len(found.blocks.idle)), found.found.idle)
        idle = np.where(nothing, found.blocks.idle, np.nan)
        return found.blocks.of(np.array(found.found.cover, dtype=int), spec, idle)

    def _reached(self, found: _Decided, log_share: float) -> float:
        """What the same models reach with a share of the budget; infinite where the limits want more."""
        if log_share not in self.reached:
            spec = replace(self.spec, budget=float(np.exp(log_share)) * self.spec.budget)
            try:
                blocks = self._with_budget(found, spec)
                again = share_tasks(blocks)
                self.reached[log_share] = self._told(blocks, again)
            except AllocationError:
                self.reached[log_share] = np.inf
        return self.reached[log_share]

    def _told(self, blocks: Blocks, found: Sharing) -> float:
        """What a division is told to reach."""
        spec = blocks.spec
        if spec.risk.reads_draws:
            return self.value(_Decided.judged(blocks, found).plan, spec.budget)[0]
        measure = blocks.told(found)
        weight = spec.objective_weight
        return float(spec.objective.value(measure, weight, target_met(measure, self.target)))

    def other_rivals(self, whole: Sequence[StrategyCurves]) -> list[tuple[StrategyPlan, float]]:
        """Other simpler answers to the question, and what they spend: equal parts, one for all."""
        spec, names, found = self.spec, self.spec.tasks.names, []
        if np.isfinite(spec.budget) and not (spec.limits or spec.further or spec.sizes):
            try:
                (equal,) = self.alone.equal(np.array([spec.budget]))
                found.append((equal, spec.budget))
            except AllocationError:  # the tasks' minima leave no equal parts
                pass
        for each in whole:
            try:
                one = blocks_for(self.alone, [each], spec, self.kept)
                solved = _Decided.of(replace(one, idle=np.full(len(names), np.nan)))
            except AllocationError:  # it breaks a limit, or misses what is asked for: no rival
                continue
            found.append((replace(solved.plan, strategy=each.strategy), solved.total))
        return found

    def models(self, found: _Decided) -> tuple[TrainedModel, ...]:
        """The models of a decision, the largest spend first."""
        plan, models = found.plan, []
        for at, served, spend in found.models:
            mine = np.array([plan.tasks.index(name) for name in served.tasks])
            beyond = float(found.blocks.planners[at].factors(plan.log_inputs[mine]).max())
            scales = np.exp(plan.log_inputs[mine[0]]).tolist()
            named = dict(zip(served.curves.scale_columns, scales, strict=True))
            wins = self.wins(plan, served, spend) if served.one_model else float("nan")
            active, cost = served.built.active_params(named.get("params", np.nan)), served.curves.cost
            models.append(
                TrainedModel(
                    served.strategy, served.tasks, spend, spend / plan.budget, named, beyond, wins, active,
                    served.built.experts, "" if cost is None else cost.formula,
                )
            )  # fmt: skip
        return tuple(sorted(models, key=lambda model: -model.spend))

    def wins(self, plan: StrategyPlan, served: StrategyCurves, spend: float) -> float:
        """Share of the draws that tell in which a shared model is better than specialists of its tasks with its spend.

        NaN where none does: without draws, or where both meet the same targets in all of them.
        """
        pick = np.array([plan.tasks.index(name) for name in served.tasks])
        if not len(plan.scenarios) or spend <= 0:
            return float("nan")
        key = served.strategy, served.tasks, spend, plan.log_inputs[pick].tobytes()
        if key not in self.known:
            self.known[key] = self._wins(plan.scenarios[:, pick], served.tasks, pick, spend)
        return self.known[key]

    def _wins(self, mine: np.ndarray, tasks: tuple[str, ...], pick: np.ndarray, spend: float) -> float:
        spec, few = self.spec, self.by_level.restricted_to(pick)
        objective = STEPS if spec.objective.minimizes_spend else spec.objective
        part = replace(
            spec, tasks=spec.tasks.select(tasks), budget=spend, measure=few.measure, objective=objective, risk=POINT,
            params=None if spec.params is None else spec.params[pick], limits=(), further={}, reference=None,
            at_least=None, frozen=(), held=(), reserved=(), sizes=spec.sizes,
        )  # fmt: skip
        curves = self.by_level.served.curves
        single = [replace(self.by_level.served, curves=curves.take(np.array([at]))) for at in pick]
        try:
            theirs = _Decided.of(blocks_for(few, single, part)).plan.scenarios
        except InfeasibleError:  # apart they cannot have what they need of this spend
            return 1.0
        target = self.target[pick]
        values = [
            np.asarray(objective.value(each, part.objective_weight, target_met(each, target)))
            for each in (mine, theirs)
        ]
        slack = EQUALLY_GOOD * np.maximum(*np.abs(values))
        better, worse = (int((one < other - slack).sum()) for one, other in (values, values[::-1]))
        return better / (better + worse) if better + worse else float("nan")
