"""Which models to build at a budget, and which of them serves each task."""

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.spec.objectives import record_of
from budget.errors import InfeasibleError, SolverError
from budget.numerics.brief import Brief
from budget.numerics.words import apart
from budget.portfolio.best_choice import best_choice, cheapest
from budget.portfolio.local_search import greedy
from budget.portfolio.portfolio_problem import BUDGET_SLACK, Selection
from budget.portfolio.portfolio_spec import (
    PortfolioSpec,
    normalised_problem,
    objective_of,
    objectives_of_choices,
    refuse,
    risks_of_choices,
)
from budget.tables.candidates import Candidates
from budget.tables.tasks import TaskSettings, default_tasks

BASELINE_TIME_SHARE = 0.15
"""Share of the time limit that is kept for the baselines."""


BOUND_TOLERANCE = 1e-6
"""Share of the range of losses by which an integer program's own tolerances may put its bound above a choice. HiGHS's
default is 1e-6 as well."""


@dataclass(frozen=True)
class Rival:
    """A choice to compare with, at the same budget.

    Attributes:
        name: ``one model for all``, ``specialists`` or ``greedy``.
        chosen: (T,) pair that serves each task, -1 where none does.
        objective: its objective on the split that is chosen on.
        reported: the same on the reported split.
    """

    name: str
    chosen: np.ndarray
    objective: float
    reported: float


@dataclass(frozen=True, repr=False)
class Portfolio(Brief):
    """The answer.

    Attributes:
        candidates: what there was to choose from.
        spec: what was asked.
        chosen: (T,) pair that serves each task, -1 where none does.
        objective: on the split that is chosen on.
        reported: on the reported split.
        bound: no choice has a better objective than this.
        solver: what proved the bound.
        status: ``optimal``, ``time limit`` or ``too large for HiGHS``.
        rivals: choices at the same budget.
        notes: sentences for the reader.
    """

    candidates: Candidates
    spec: PortfolioSpec
    chosen: np.ndarray
    objective: float
    reported: float
    bound: float
    solver: str
    status: str
    rivals: tuple[Rival, ...]
    notes: tuple[str, ...]

    @property
    def higher_is_better(self) -> bool:
        """Direction of the objective: a share of targets rises, whatever the metric does."""
        return self.spec.seen_sign(-1 if self.candidates.higher_is_better else 1) < 0

    @property
    def gap(self) -> float:
        """How much better than this choice any choice could be; never negative."""
        return max(0.0, (self.bound - self.objective) * (1 if self.higher_is_better else -1))

    @property
    def models(self) -> np.ndarray:
        """Positions of the built models, in the candidates' order."""
        return _models(self.candidates, self.chosen)

    @property
    def spent(self) -> float:
        """What the built models cost together."""
        return float(self.candidates.cost[self.models].sum())

    def gain_over(self, rival: Rival) -> float:
        """How much better the objective is than a rival's."""
        return (self.objective - rival.objective) * (1 if self.higher_is_better else -1)

    def table(self) -> pd.DataFrame:
        """``portfolio.csv``: one row a task; one that is served by no model has its unserved value."""
        is_served = self.chosen >= 0
        model = self.candidates.model[self.chosen]
        return pd.DataFrame(
            {
                "model": [self.candidates.models[m] if on else None for m, on in zip(model, is_served, strict=True)],
                "cost": np.where(is_served, self.candidates.cost[model], np.nan),
                "task": self.candidates.tasks,
                "value": np.where(is_served, self.candidates.report.value[self.chosen], self.spec.tasks.unserved),
            }
        )

    def record(self) -> dict[str, Any]:
        """The portfolio as JSON."""
        table = self.table()
        names = self.candidates.models
        return {
            "objective_kind": self.spec.objective.name,
            "risk": self.spec.risk.name,
            "level": self.spec.level if self.spec.risk.has_level else None,
            "metric": self.candidates.metric,
            "higher_is_better": self.candidates.higher_is_better,
            "select": self.candidates.select.split or None,
            "report": self.candidates.report.split or None,
            "budget": self.spec.budget,
            "spent": self.spent,
            "objective": self.objective,
            "objective_reported": self.reported,
            "bound": self.bound,
            "gap": self.gap,
            "solver": self.solver,
            "status": self.status,
            "time_limit": self.spec.time_limit,
            "models": [
                {
                    "model": names[model],
                    "cost": float(self.candidates.cost[model]),
                    "tasks": table["task"][table["model"] == names[model]].tolist(),
                }
                for model in self.models
            ],
            "unserved": table["task"][self.chosen < 0].tolist(),
            "baselines": [
                {
                    "name": rival.name,
                    "objective": rival.objective,
                    "objective_reported": rival.reported,
                    "gain": self.gain_over(rival),
                    "spent": float(self.candidates.cost[_models(self.candidates, rival.chosen)].sum()),
                    "models": [names[model] for model in _models(self.candidates, rival.chosen)],
                }
                for rival in self.rivals
            ],
            "tasks": table.astype(object).where(table.notna(), None).to_dict("records"),
            "notes": list(self.notes),
        }


def choose(
    candidates: Candidates,
    budget: float,
    *,
    tasks: TaskSettings | None = None,
    objective: str = "mean",
    risk: str = "mean",
    level: float = 0.9,
    allow_unserved: bool = False,
    max_models: int | None = None,
    time_limit: float = 30.0,
) -> Portfolio:
    """Choose the models to build and the model that serves each task.

    Args:
        candidates: what could be built.
        budget: what the built models may cost together, in the candidates' unit.
        tasks: weights, targets and unserved values; by default equal weights and nothing else.
        objective: ``mean`` (weighted mean of the values), ``worst`` (the worst task's value) or ``targets`` (weighted
            share of tasks at their target); ties are broken by the weighted mean.
        risk: what counts over the draws, their ``mean`` or ``cvar``, the mean over their worst share.
        level: share of the draws that ``cvar`` leaves out.
        allow_unserved: whether a task may go without a model, at its unserved value.
        max_models: how many models may be built.
        time_limit: seconds after which the best choice so far is returned with its gap.

    Returns:
        The portfolio with a bound on what any could reach.

    Raises:
        AllocationError: a number makes no sense, or a target, an unserved value or the draws are missing.
        InfeasibleError: no models within the budget serve every task.
        SolverError: none was found in the time given.
    """
    tasks = default_tasks(candidates.tasks) if tasks is None else tasks.select(candidates.tasks)
    folded = record_of("Objective", objective, objectives_of_choices())
    at_risk = record_of("Risk", risk, risks_of_choices())
    spec = PortfolioSpec(
        tasks, float(budget), folded, at_risk, float(level), allow_unserved, max_models, float(time_limit)
    )
    refuse(candidates, spec)
    deadline = time.monotonic() + (1 - BASELINE_TIME_SHARE) * spec.time_limit
    problem, pairs, shift, unit = normalised_problem(candidates, spec)
    best = best_choice(problem, deadline)
    if best is None:
        raise _none_found(candidates, spec)
    sign = spec.seen_sign(-1 if candidates.higher_is_better else 1)
    better = max if sign < 0 else min
    found = Rival("", pairs[best.chosen], *_outcomes(candidates, spec, pairs[best.chosen]))
    rivals = _rivals(candidates, spec, problem, pairs)
    if best.status != "optimal":  # then a baseline may be the best that is known
        found = better((found, *rivals), key=lambda each: each.objective)
    bound = sign * (best.bound if folded.sign is not None else shift + unit * best.bound)
    portfolio = Portfolio(
        candidates=candidates,
        spec=spec,
        chosen=found.chosen,
        objective=found.objective,
        reported=found.reported,
        bound=sign
        * proven_bound(sign * found.objective, sign * bound, BOUND_TOLERANCE * max(unit, abs(found.objective))),
        solver=best.solver,
        status=best.status,
        rivals=rivals,
        notes=(),
    )
    return replace(portfolio, notes=_notes(portfolio))


def _models(candidates: Candidates, chosen: np.ndarray) -> np.ndarray:
    """Positions of the models of chosen pairs (T,)."""
    return np.unique(candidates.model[chosen[chosen >= 0]])


def _outcomes(candidates: Candidates, spec: PortfolioSpec, chosen: np.ndarray) -> list[float]:
    """The objective of chosen pairs (T,) on the split that is chosen on and on the reported one."""
    return [objective_of(candidates, spec, split, chosen) for split in (candidates.select, candidates.report)]


def _none_found(candidates: Candidates, spec: PortfolioSpec) -> InfeasibleError | SolverError:
    """Why there is no choice: what the cheapest models that serve every task cost, or that the time was too short."""
    total = float(candidates.cost.sum()) or 1.0
    # with a budget for all of them, the cheapest cover says what would be enough
    everything = normalised_problem(candidates, replace(spec, budget=total))[0]
    deadline = time.monotonic() + spec.time_limit
    built, proven = cheapest(everything, everything.cost, deadline)
    cost = np.inf if built is None else float(candidates.cost[built].sum())
    while proven and 0 < cost < total:  # a solver's tolerance is one of the total: once more among what costs no more
        total = cost
        fewer = normalised_problem(candidates, replace(spec, budget=total))[0]
        again, proven = cheapest(fewer, fewer.cost, deadline)
        cost = min(cost, np.inf if again is None else float(candidates.cost[again].sum()))
    remedy = "or let tasks go with --allow-unserved"
    # not even with money for all: then the count of models is what forbids it; the fewest say by how much
    if cost == np.inf and spec.max_models is not None:
        built, proven = cheapest(replace(everything, most=np.inf), np.ones(len(everything.cost)), deadline)
        if proven and built is not None:
            return InfeasibleError(
                f"At least {built.sum()} models are needed to serve every task, above --max-models "
                f"{spec.max_models}; allow more, {remedy}."
            )
    if spec.budget * (1 + BUDGET_SLACK) < cost < np.inf:
        found = "" if proven else " found in time"
        takes, limit = apart(cost, spec.budget, 10)
        return InfeasibleError(
            f"The cheapest models{found} that serve every task cost {takes} together, above the budget of "
            f"{limit}; raise the budget to that, {remedy}."
        )
    return SolverError(
        f"No choice that serves every task was found within {spec.time_limit:g} s; raise --time-limit or the budget."
    )


def _rivals(candidates: Candidates, spec: PortfolioSpec, problem: Selection, pairs: np.ndarray) -> tuple[Rival, ...]:
    """The baselines at the same budget, those that exist: one model for all, specialists, greedy."""
    served = np.bincount(candidates.model, minlength=len(candidates.models))
    # how many tasks each pair's model serves, by which baselines choose theirs
    of_pair = np.where(pairs >= 0, served[candidates.model[pairs]], 0)
    rivals = []

    def add(name: str, chosen: np.ndarray) -> None:
        mine = pairs[chosen]
        rivals.append(Rival(name, mine, *_outcomes(candidates, spec, mine)))

    whole = np.flatnonzero(of_pair == len(candidates.tasks))
    if len(whole):
        by_model = whole[np.lexsort((problem.task[whole], problem.model[whole]))].reshape(-1, len(candidates.tasks))
        add("one model for all", min(by_model, key=problem.value))
    single = np.flatnonzero(of_pair <= 1)
    if len(candidates.tasks) > 1 and (of_pair == 1).any():
        best = best_choice(problem.keep(single), time.monotonic() + BASELINE_TIME_SHARE * spec.time_limit)
        if best is not None:
            add("specialists", single[best.chosen])
    coefficient = problem.terms.mean(axis=0)
    built = greedy(problem, coefficient)
    chosen = None if built is None else problem.best_pairs(built, coefficient)
    if chosen is not None:
        add("greedy", chosen)
    return tuple(rivals)


def _notes(found: Portfolio) -> tuple[str, ...]:
    """What a reader must know of the answer, one sentence each."""
    notes = []
    if found.status == "time limit":
        notes.append(
            f"Stopped after {found.spec.time_limit:g} s: a choice that is better by up to the gap may exist; raise "
            "--time-limit."
        )
    elif found.status != "optimal":
        notes.append("Too large to be solved exactly: the choice was found by search, and the gap says what is open.")
    names = {rival.name for rival in found.rivals}
    if "one model for all" not in names:
        notes.append("No model that serves every task is within the budget.")
    if any(np.isfinite(column).any() for column in (found.spec.tasks.min, found.spec.tasks.max)):
        notes.append("Columns 'min' and 'max' of the tasks file limit spends and are not used here.")
    return tuple(notes)
