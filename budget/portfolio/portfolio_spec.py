"""What is asked of a set of candidates, and the free-of-units problem it amounts to."""

from dataclasses import dataclass

import numpy as np

from budget.allocation.spec.objectives import OBJECTIVES, Objective
from budget.allocation.spec.risks import RISKS, Risk
from budget.errors import AllocationError
from budget.numerics.tail_mean import tail_mean
from budget.portfolio.portfolio_problem import BUDGET_SLACK, Selection
from budget.tables.candidates import Candidates, Measured
from budget.tables.target_met import target_met
from budget.tables.tasks import TaskSettings


@dataclass(frozen=True)
class PortfolioSpec:
    """What is asked of a set of candidates.

    Attributes:
        tasks: weights, targets and unserved values of the candidates' tasks, in their order.
        budget: what the built models may cost together.
        objective: one of ``objectives_of_choices``.
        risk: one of ``risks_of_choices``.
        level: share of the draws that ``cvar`` leaves out: 0.9 is the mean of the worst tenth.
        allow_unserved: whether a task may be served by no model.
        max_models: how many models may be built.
        time_limit: seconds.
    """

    tasks: TaskSettings
    budget: float
    objective: Objective
    risk: Risk
    level: float
    allow_unserved: bool
    max_models: int | None
    time_limit: float

    @property
    def tail(self) -> float:
        """Share of the worst draws whose mean counts."""
        assert self.risk.tail is not None  # see ``risks_of_choices``
        return self.risk.tail(self.level)

    def seen_sign(self, sign: float) -> float:
        """From the objective that is made small to what a reader sees; ``sign`` is that of the losses."""
        return sign if self.objective.sign is None else self.objective.sign


def objectives_of_choices() -> dict[str, Objective]:
    """The objectives by which models are chosen: losses run from 0 to 1, so that none may depend on their unit."""
    return {name: objective for name, objective in OBJECTIVES.items() if objective.is_scale_free}


def risks_of_choices() -> dict[str, Risk]:
    """The risks by which models are chosen: means over the worst share of the draws, which are linear programs."""
    return {name: risk for name, risk in RISKS.items() if risk.tail is not None}


def refuse(candidates: Candidates, spec: PortfolioSpec) -> None:
    """Refuse what makes no sense or lacks a column.

    Raises:
        AllocationError: names the option or column and the remedy.
    """
    if not (np.isfinite(spec.budget) and spec.budget >= 0):
        raise AllocationError(f"The budget is {spec.budget:g}; give a number of at least 0.")
    if not 0 < spec.level < 1:
        raise AllocationError(f"--level is {spec.level:g}; give a share of the draws between 0 and 1, such as 0.9.")
    if spec.max_models is not None and spec.max_models < 1:
        raise AllocationError(f"--max-models is {spec.max_models}; allow at least 1.")
    if not spec.time_limit > 0:
        raise AllocationError(f"--time-limit is {spec.time_limit:g}; give a positive number of seconds.")
    if spec.risk.has_level and not len(candidates.select.draws):
        raise AllocationError(
            f"--risk {spec.risk.name} is about the worst draws, and {candidates.source} has none; add a column "
            "'draw' (or name it with --column draw=THEIRS), or leave out --risk."
        )
    for needed, column, values, why in (
        (spec.objective.needs_targets, "target", spec.tasks.target, f"--objective {spec.objective.name}"),
        (spec.allow_unserved, "unserved", spec.tasks.unserved, "--allow-unserved"),
    ):
        lacking = [name for name, known in zip(spec.tasks.names, np.isfinite(values), strict=True) if not known]
        if needed and lacking:
            more = ", …" if len(lacking) > 5 else ""
            raise AllocationError(
                f"{why} needs column '{column}' of a --tasks file for every task, and {', '.join(lacking[:5])}{more} "
                f"{'has' if len(lacking) == 1 else 'have'} none; fill it."
            )


def normalised_problem(candidates: Candidates, spec: PortfolioSpec) -> tuple[Selection, np.ndarray, float, float]:
    """The problem of what the budget affords, its pairs as positions (-1: unserved), and its losses' zero and unit."""
    sign, tasks = (-1 if candidates.higher_is_better else 1), spec.tasks
    limit = spec.budget * (1 + BUDGET_SLACK)
    pairs = np.flatnonzero(candidates.cost[candidates.model] <= limit)
    values, task, model = candidates.select.scenarios[:, pairs], candidates.task[pairs], candidates.model[pairs]
    cost, counts = np.minimum(candidates.cost / (limit or 1.0), 1.0), np.ones(len(candidates.cost), dtype=bool)
    if spec.allow_unserved:
        # a model that is free, does not count, and serves every task at its unserved value
        everywhere = np.arange(len(tasks.names))
        values = np.hstack([values, np.tile(tasks.unserved, (len(values), 1))])
        task, model = np.append(task, everywhere), np.append(model, np.full(len(everywhere), len(cost)))
        pairs = np.append(pairs, np.full(len(everywhere), -1))
        cost, counts = np.append(cost, 0.0), np.append(counts, False)
    # losses from 0 to 1 and costs in shares of the budget: tolerances then mean the same in every file
    loss = sign * values
    low, unit = loss.min(initial=np.inf), float(np.ptp(loss)) if loss.size else 0.0
    problem = Selection(
        cost=cost,
        counts=counts,
        model=model,
        task=task,
        loss=(loss - low) / (unit or 1.0),
        met=target_met(values, tasks.target[task], candidates.higher_is_better),
        weight=tasks.weight / tasks.weight.sum(),
        most=np.inf if spec.max_models is None else float(spec.max_models),
        objective=spec.objective,
        tail=spec.tail,
    )
    return problem, pairs, float(low), unit or 1.0


def objective_of(candidates: Candidates, spec: PortfolioSpec, measured: Measured, chosen: np.ndarray) -> float:
    """The objective of chosen pairs (T,) on a split, in the metric's unit (for targets a share)."""
    sign, tasks = (-1 if candidates.higher_is_better else 1), spec.tasks
    values = np.where(chosen >= 0, measured.scenarios[:, chosen], tasks.unserved)
    weight = tasks.weight / tasks.weight.sum()
    worst_first = spec.objective.value(
        sign * values, weight, target_met(values, tasks.target, candidates.higher_is_better)
    )
    return spec.seen_sign(sign) * tail_mean(worst_first, spec.tail)
