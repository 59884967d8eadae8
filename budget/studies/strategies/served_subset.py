"""The best subset to serve, and nothing for the other tasks, which count as unserved.

A subset is served by specialists, whose best choice is solved (``allocation.unserved``), or by one measured model of
some of the tasks with the whole budget. Focusing competes as a strategy of its own only where every task's unserved
value is known. Where serving all by specialists is best, it is their plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.problem import state
from budget.allocation.nonconvex.best_subsets import best_subsets
from budget.allocation.nonconvex.plan_nonconvex import plan_separately
from budget.allocation.plan.assembly import law_inputs_of
from budget.allocation.spec.plan_spec import is_separable
from budget.numerics.quoting import listed
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import Entry, Planner

FOCUS = "focus"
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
    alone: Planner, plans: Sequence[Sequence[Entry]], smaller: Sequence[tuple[str, Sequence[Entry]]]
) -> list[tuple[Entry, ServedSubset]]:
    """The best subset at each budget; nothing where a task of the set has no unserved value.

    Args:
        alone: the specialists of a set.
        plans: (S, Q) every strategy's plans for all of it, budgets rising; first those of the specialists.
        smaller: strategy and plans (Q,) of each model of some of the tasks, with the whole budget.
    """
    curves, wishes = alone.served.curves, alone.wishes
    if alone.unknown_unserved:
        return []
    whole = plans[0]
    budgets = np.array([entry.budget for entry in whole])
    question = alone.question(float(budgets[0]))
    split: list[tuple[np.ndarray, np.ndarray, float]] = []
    if is_separable(curves, question):
        for budget in budgets.tolist():
            outcome = plan_separately(curves, replace(alone.question(budget), allow_unserved=True))
            split.append((outcome.given[0], outcome.inputs, outcome.bound))
    else:
        nothing = alone.measure.of_value(curves, np.arange(len(wishes.names)), wishes.unserved)
        low, high = np.nan_to_num(wishes.min, nan=0.0), np.where(np.isfinite(wishes.max), wishes.max, np.inf)
        for each in best_subsets(state(curves, question), question.weight * nothing, budgets, low, high):
            split.append((each.spend, law_inputs_of(curves, question, each.u), each.bound))
    found = []
    for at, (entry, (spend, inputs, bound)) in enumerate(zip(whole, split, strict=True)):
        some = [(SPECIALISTS, alone.judge(FOCUS, entry.budget, spend, inputs))]
        some += [(strategy, _with_nothing(alone, each[at])) for strategy, each in smaller]
        totals = [float(each.measure @ question.weight) for each in (entry, *(each for _, each in some))]
        best = int(np.argmin(totals))
        by, mine = some[best - 1] if best else (SPECIALISTS, replace(entry, strategy=FOCUS))
        served = tuple(name for name in mine.tasks if name not in mine.leaves_out)
        for_all = min(float(each[at].measure @ question.weight) for each in plans)
        subset = ServedSubset(
            mine.tasks, entry.budget, by, served, mine.leaves_out, tuple(mine.spend.tolist()),
            totals[best], min(bound, *totals[:2]), for_all,
        )  # fmt: skip
        found.append((mine, subset))
    return found


def _with_nothing(alone: Planner, part: Entry) -> Entry:
    """A plan for some of the tasks as one for all, the others given nothing."""
    tasks = alone.served.tasks
    place = np.array([tasks.index(name) for name in part.tasks])
    nothing = alone.judge(
        FOCUS, part.budget, np.zeros(len(tasks)), np.full((len(tasks), part.inputs.shape[1]), -np.inf)
    )
    columns = {name: getattr(nothing, name).copy() for name in ("spend", "inputs", "predicted", "measure")}
    for name, column in columns.items():
        column[place] = getattr(part, name)
    worlds = nothing.worlds.copy()
    worlds[:, place] = part.worlds
    met = alone.met(columns["predicted"]).sum() if np.isfinite(nothing.targets_met) else float("nan")
    return replace(nothing, **columns, worlds=worlds, targets_met=float(met), beyond=part.beyond)


def about_subsets(missing: Sequence[str]) -> list[str]:
    """Why serving a subset is no strategy of the comparison, one sentence.

    Args:
        missing: tasks of the compared sets without an unserved value.
    """
    if not missing:
        return []
    return [
        f"Serving a subset ('{FOCUS}') is not planned as a strategy where a task's value when it is given nothing is "
        f"unknown: fill column 'unserved' of the tasks file for {listed(missing)}."
    ]
