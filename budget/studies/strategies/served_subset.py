"""The best subset to serve, and nothing for the other tasks, which count as unserved.

A subset is served by specialists, whose best choice is solved (``best_subsets``), or by one measured model of
some of the tasks with the whole budget. Focusing competes as a strategy of its own only where every task's unserved
value is known. Where serving all by specialists is best, it is their plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.problem import build_problem, reach_of_models
from budget.allocation.nonconvex.best_subsets import best_subsets
from budget.allocation.nonconvex.plan_nonconvex import plan_nonconvex
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import is_nonconvex
from budget.numerics.quoting import listed
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import StrategyPlan, StrategyPlanner

SUBSET = "subset"
"""A subset is served; the other tasks are given nothing."""


@dataclass(frozen=True)
class ServedSubset:
    """The best subset of a set to serve at one budget, by the point fit.

    Attributes:
        tasks: the set.
        budget: in all.
        by: the strategy that serves it: specialists, or one model of some tasks.
        served: the tasks that are given something.
        left_out: the others.
        spend: of each task of the set; one model's whole training stands at each of its tasks.
        objective: weighted mean measure over the whole set, smaller being better.
        bound: no plan of specialists, with or without tasks left out, has a smaller one.
        serving_all: objective of the best plan for all tasks, of any strategy.
    """

    tasks: tuple[str, ...]
    budget: float
    by: str
    served: tuple[str, ...]
    left_out: tuple[str, ...]
    spend: tuple[float, ...]
    objective: float
    bound: float
    serving_all: float

    @property
    def gain(self) -> float:
        """What leaving tasks out improves on the best plan for all, as a share of its objective; negative for worse."""
        return (self.serving_all - self.objective) / abs(self.serving_all)


def served_subsets(
    alone: StrategyPlanner,
    plans: Sequence[Sequence[StrategyPlan]],
    smaller: Sequence[tuple[str, Sequence[StrategyPlan]]],
) -> list[tuple[StrategyPlan, ServedSubset]]:
    """The best subset at each budget; nothing where a task of the set has no unserved value.

    Args:
        alone: the specialists of a set.
        plans: (S, Q) every strategy's plans for all of it, budgets rising; first those of the specialists.
        smaller: strategy and plans (Q,) of each model of some of the tasks, with the whole budget.
    """
    curves, task_settings = alone.served.curves, alone.task_settings
    if alone.unknown_unserved:
        return []
    whole = plans[0]
    budgets = np.array([plan.budget for plan in whole])
    spec = alone.spec(float(budgets[0]))
    split: list[tuple[np.ndarray, np.ndarray, float]] = []
    if is_nonconvex(curves, spec):
        for budget in budgets.tolist():
            outcome = plan_nonconvex(curves, replace(alone.spec(budget), allow_unserved=True))
            split.append((outcome.amounts[0], outcome.log_inputs, outcome.bound))
    else:
        nothing = alone.measure.of_value(curves, np.arange(len(task_settings.names)), task_settings.unserved)
        problem = build_problem(curves, replace(spec, held=()))
        low, high = replace(spec, held=()).own_limits  # what a failed curve would be held to hangs on who is served
        high = np.minimum(high, reach_of_models(curves, spec, problem.cost))
        for each in best_subsets(problem, spec.weight * nothing, budgets, low, high):
            split.append((each.spend, law_inputs_of(curves, spec, each.u), each.bound))
    found = []
    spends, inputs = (np.array([each[part] for each in split]) for part in (0, 1))
    judged = alone.judge_all(SUBSET, budgets, spends, inputs)
    empty = alone.judge(SUBSET, float(budgets[0]), np.zeros_like(spends[0]), np.full_like(inputs[0], -np.inf))
    for at, (plan, (_, _, bound)) in enumerate(zip(whole, split, strict=True)):
        some = [(SPECIALISTS, judged[at])]
        some += [(strategy, _with_nothing(alone, empty, each[at])) for strategy, each in smaller]
        # serving all by specialists stands first, so that of equal plans the one that leaves nobody out is taken
        totals = [float(each.measure @ spec.weight) for each in (plan, *(each for _, each in some))]
        best = int(np.argmin(totals))
        by, mine = some[best - 1] if best else (SPECIALISTS, replace(plan, strategy=SUBSET))
        served = tuple(name for name in mine.tasks if name not in mine.leaves_out)
        # the rival of leaving tasks out is the best plan for all by any strategy, not that of specialists only
        for_all = min(float(each[at].measure @ spec.weight) for each in plans)
        subset = ServedSubset(
            mine.tasks, plan.budget, by, served, mine.leaves_out, tuple(mine.spend.tolist()),
            totals[best], min(bound, *totals[:2]), for_all,
        )  # fmt: skip
        found.append((mine, subset))
    return found


def _with_nothing(alone: StrategyPlanner, nothing: StrategyPlan, part: StrategyPlan) -> StrategyPlan:
    """A plan for some of the tasks as one for all, the others given what the plan ``nothing`` gives them."""
    place = np.array([alone.served.tasks.index(name) for name in part.tasks])
    columns = {
        name: getattr(nothing, name).copy() for name in ("spend", "log_inputs", "predicted", "low", "high", "measure")
    }
    for name, column in columns.items():
        column[place] = getattr(part, name)
    scenarios = nothing.scenarios.copy()
    scenarios[:, place] = part.scenarios
    met = alone.met(columns["predicted"]).sum() if np.isfinite(nothing.targets_met) else float("nan")
    return replace(
        nothing,
        **columns,
        budget=part.budget,
        scenarios=scenarios,
        targets_met=float(met),
        extrapolation_factor=part.extrapolation_factor,
    )


def about_subsets(missing: Sequence[str]) -> list[str]:
    """Why serving a subset is no strategy of the comparison, one sentence.

    Args:
        missing: tasks of the compared sets without an unserved value.
    """
    if not missing:
        return []
    return [
        f"Serving a subset ('{SUBSET}') is not planned as a strategy where a task's value when it is given nothing is "
        f"unknown: fill column 'unserved' of the tasks file for {listed(missing)}."
    ]
