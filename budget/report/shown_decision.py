"""What the pictures of a decision draw: its models, what each task reaches, and the steps that lead there.

See docs/decisions/162-the-gain-in-the-order-it-is-asked.md.
"""

from dataclasses import dataclass

import numpy as np

from budget.allocation.plan.plan import Plan
from budget.allocation.spec.plan_spec import SHARED
from budget.numerics.interval import interval
from budget.report.sentences import facts
from budget.report.sentences.recommendation_sentences import target_sign
from budget.report.written_numbers import value
from budget.studies.decided_sizes import UNKNOWN, SizeRange
from budget.studies.make_plan import Study
from budget.studies.strategies.gain_steps import GainStep
from budget.studies.strategies.recommendation import Recommendation
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL

FREED = "freed"
"""What a step is called by which compute that sharing frees goes to the other tasks."""

PLAIN = "generalist"
"""The strategy of one model that nobody gave another name."""

UNIFORM = "uniform"
"""The baseline that gives every task the same."""


@dataclass(frozen=True)
class ShownModel:
    """A model of the decision.

    Attributes:
        strategy: how it serves its tasks.
        tasks: their positions.
        spend: what it takes.
        share: of the budget.
        wins: share of the draws in which it is better than one for each of its tasks; NaN where nothing tells.
        params: its parameters; NaN where the law does not read them.
        size: how sure these are.
        beyond: the largest factor by which a scale of it lies outside the runs; NaN where that is told of the plan.
    """

    strategy: str
    tasks: tuple[int, ...]
    spend: float
    share: float
    wins: float = float("nan")
    params: float = float("nan")
    size: SizeRange = UNKNOWN
    beyond: float = float("nan")


@dataclass(frozen=True)
class Decision:
    """A decision about T tasks.

    Attributes:
        names: of the tasks.
        models: the largest spend first.
        predicted: (T,) values.
        low: (T,) lower ends of their intervals, NaN without draws.
        high: (T,) upper ends.
        target: (T,) NaN where none is stated.
        higher: whether more is better.
        budget: in all.
        unit: what it is counted in.
        objective: what is made small.
        sign: from that to the reader's number.
        steps: from an equal split to the decision; empty where that cannot be scored.
        metric: what the objective is of.
        alone: (T,) what each task would reach in a model of its own with the whole budget, within the plan's reach; NaN
            where that is not told.
    """

    names: tuple[str, ...]
    models: tuple[ShownModel, ...]
    predicted: np.ndarray
    low: np.ndarray
    high: np.ndarray
    target: np.ndarray
    higher: bool
    budget: float
    unit: str
    objective: float
    sign: float
    steps: tuple[GainStep, ...]
    metric: str
    alone: np.ndarray

    def label(self, model: ShownModel) -> str:
        """A model by its tasks."""
        more = f" +{len(model.tasks) - 1}" if len(model.tasks) > 1 else ""
        return f"{self.names[model.tasks[0]]}{more}"


def shown_decision(study: Study) -> Decision:
    """What a study decides: over every strategy where some tasks share a model, else its plan."""
    plan, found = study.plan, study.recommendation
    spec, names, alone = plan.spec, plan.spec.tasks.names, _alone(study)
    if found is not None and found.shares:
        place = {name: at for at, name in enumerate(names)}
        ranges = study.size_ranges or (UNKNOWN,) * len(found.models)
        models = tuple(
            ShownModel(
                each.strategy, tuple(place[name] for name in each.tasks), each.spend, each.share, each.wins,
                each.inputs.get("params", float("nan")), size, each.beyond,
            )
            for each, size in zip(found.models, ranges, strict=True)
        )  # fmt: skip
        mine, steps, objective = found.plan, _joined_steps(study, found) or found.steps, found.objective
        return Decision(
            names, models, mine.predicted, mine.low, mine.high, spec.tasks.target, plan.higher_is_better,
            found.plan.budget, spec.unit, objective, spec.sign, steps, plan.metric, alone,
        )  # fmt: skip
    budget = spec.whole_budget if np.isfinite(spec.budget) else plan.total  # the cheapest plan has no budget
    if facts.is_shared(plan):
        models = (
            ShownModel(
                PLAIN if spec.strategy == SHARED else spec.strategy,
                tuple(range(len(names))),
                plan.total,
                plan.total / budget,
                params=float(plan.params[0]),
                size=_planned_size(plan, 0),
            ),
        )
        steps = ()
    else:
        shares, order = plan.shares(plan.spend), np.argsort(-plan.spend, kind="stable").tolist()
        models = tuple(
            ShownModel(
                SPECIALISTS, (at,), float(plan.spend[at]), float(shares[at]), params=float(plan.params[at]),
                size=_planned_size(plan, at),
            )
            for at in order
        )  # fmt: skip
        steps = _steps(study)
    return Decision(
        names, models, plan.predicted, plan.low, plan.high, spec.tasks.target, plan.higher_is_better,
        budget, spec.unit, spec.sign * plan.objective, spec.sign, steps, plan.metric, alone,
    )  # fmt: skip


def _planned_size(plan: Plan, task: int) -> SizeRange:
    """How sure the size of a plan's model is: over the plans of the draws, whose spends differ, too."""
    sizes = plan.sizes
    ends = (sizes.params_low[task], sizes.params_high[task], *sizes.params_near[task])
    return SizeRange(*(float(end) for end in ends))


def _alone(study: Study) -> np.ndarray:
    """(T,) each task's value with the whole budget, as the cost of sharing it is told."""
    found = np.full(len(study.plan.spec.tasks.names), np.nan)
    growth = study.growth
    if growth is not None and study.sharing is not None and len(growth.names) > 1 and not growth.hypothetical:
        place = {name: at for at, name in enumerate(study.plan.spec.tasks.names)}
        found[[place[name] for name in growth.names]] = study.sharing.alone
    return found


def _joined_steps(study: Study, found: Recommendation) -> tuple[GainStep, ...]:
    """First where one model for each task moves an equal split, then each shared model, then where what it frees goes.

    Each part is the sum of its tasks' changes, so that the steps add up to the whole gain, and what is said of sharing
    is its gain over the best split among one model for each.
    """
    moves, spec = _steps(study), study.plan.spec
    if not moves:
        return ()
    gained = study.plan.directions * (found.plan.predicted - study.plan.predicted)
    change = -spec.weight * spec.measure.scale * gained
    place = {name: at for at, name in enumerate(spec.tasks.names)}
    shared = [model for model in found.models if len(model.tasks) > 1]
    joins = [
        GainStep(model.strategy, model.tasks, True, float(change[[place[name] for name in model.tasks]].sum()))
        for model in shared
    ]
    freed = tuple(name for name in spec.tasks.names if not any(name in model.tasks for model in shared))
    rest = float(change.sum()) - sum(step.change for step in joins)
    return (*moves, *joins, *([GainStep(FREED, freed, False, rest)] if freed else []))


def _steps(study: Study) -> tuple[GainStep, ...]:
    """Each task's part of what a plan gains over equal parts; none where that is no sum over the tasks."""
    plan, spec = study.plan, study.plan.spec
    equal = next((each for each in plan.baselines if each.name == UNIFORM), None)
    if equal is None or not spec.objective.is_linear or spec.risk.reads_draws or not spec.measure.linear:
        return ()
    change = -plan.directions * spec.weight * spec.measure.scale * (plan.predicted - equal.predicted)
    if not np.isfinite(change).all():
        return ()
    return tuple(
        GainStep(SPECIALISTS, (name,), False, float(each)) for name, each in zip(spec.tasks.names, change, strict=True)
    )


def objective_interval(study: Study) -> tuple[float, float]:
    """80 % interval of what the decision reaches, in the reader's number; NaN without draws."""
    plan, found = study.plan, study.recommendation
    if found is None or not found.shares:
        return plan.objective_low, plan.objective_high
    if not len(found.drawn):
        return float("nan"), float("nan")
    low, high = interval(plan.spec.sign * found.drawn)
    return float(low), float(high)


def saved_to(study: Study) -> float:
    """The share of the budget with which the decision reaches what an equal split of all of it does; NaN if unknown."""
    plan, found = study.plan, study.recommendation
    if found is not None and found.shares:
        equal = found.rival(EQUAL)
        return float("nan") if equal is None else equal.enough
    rival = next((each for each in plan.baselines if each.name == UNIFORM), None)
    return float("nan") if rival is None else study.response.budget_for(rival.objective) / plan.spec.budget


def target_mark(predicted: float, low: float, high: float, target: float, higher: bool) -> str:
    """What an interval says of a target, and the target; empty without one."""
    sign = target_sign(predicted, low, high, target, higher)
    return f"{sign} target {value(target)}" if sign else ""
