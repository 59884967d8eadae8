"""What the package says of a random problem, judged by what it did not compute."""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.conflict import refuse_conflict, refuse_nothing
from budget.allocation.convex.problem import Problem, build_problem
from budget.allocation.plan.plan import Plan
from budget.allocation.solve import allocate, goal_of
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.objectives import Goal
from budget.allocation.spec.plan_spec import PlanSpec, is_nonconvex
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles.random_plans import Stated, is_feasible, optimum

MISSES = 1e-6
"""By how much a plan may miss a limit, relatively."""

EXACT = 1e-9
"""By how much one may that counts as a rival."""

BETTER = 1e-7
"""By how much a rival may be better than the bound: it may itself miss a limit by a part in 1e9."""


@dataclass(frozen=True)
class Verdict:
    """What is wrong with an answer.

    Attributes:
        refused: the sentence of a refusal.
        false_refusal: whether a plan exists.
        false_plan: whether there is a plan where none can be.
        beaten: by how much a plan that breaks no limit is better than the bound, relative to the objective.
        broken: by how much the worst limit is broken, relatively.
        regret: by how much the plan is worse than the best that is known, relative to what can be reduced.
        gap: what the plan itself says of that.
    """

    refused: str = ""
    false_refusal: bool = False
    false_plan: bool = False
    beaten: float = 0.0
    broken: float = 0.0
    regret: float = 0.0
    gap: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether nothing is wrong; a regret that the plan states as its gap is none."""
        wrong = self.false_refusal or self.false_plan or self.beaten > BETTER or self.broken > MISSES
        return not wrong and self.regret <= max(1e-4, 1.01 * self.gap + 1e-6)


def planned(problem: Stated) -> Plan:
    """The package's plan."""
    return allocate(*asked(problem), draws=False)


def stated_problem(problem: Stated) -> tuple[Problem, Goal] | None:
    """The convex problem that the package makes of it, and its goal; ``None`` where it is none, or none can be met."""
    try:
        curves, spec = asked(problem)
        if spec.objective.convex is None or is_nonconvex(curves, spec):
            return None
        stated = build_problem(curves, spec)
        refuse_conflict(stated, spec.unit)
        refuse_nothing(stated)
    except AllocationError:
        return None
    return stated, goal_of(spec)


def asked(problem: Stated) -> tuple[Curves, PlanSpec]:
    """Its curves, and what is asked of the package."""
    names = [f"t{at}" for at in range(problem.tasks)]
    natural = dict(zip(names, map(tuple, problem.theta), strict=True))
    if problem.law == "power":
        curves = made.curves_of("power", ("x",), natural, reference=(problem.scale,))
    else:
        curves = made.curves_of("chinchilla", ("params", "tokens"), natural, reference=(2e8, 5e9), cost=made.SIX)
    frozen = [names[at] for at in problem.frozen]
    stated = np.isin(np.arange(problem.tasks), problem.frozen)
    tasks = replace(
        default_tasks(curves.tasks),
        weight=problem.weight,
        min=np.where((problem.low > 0) & ~stated, problem.low, np.nan),
        max=np.where(np.isfinite(problem.high) & ~stated, problem.high, np.nan),
        current=np.where(stated, problem.low, np.nan),
        target=problem.target,
        unserved=problem.unserved,
    )
    limits = [Limit(f"l{at}", *row) for at, row in enumerate((c, "", lo, hi) for c, lo, hi in problem.rows)]
    budget = problem.budget if np.isfinite(problem.budget) else None
    spec = plan_spec(
        curves, tasks, budget, objective=problem.objective, limits=limits, freeze=frozen,
        allow_unserved=problem.optional,
    )  # fmt: skip
    return curves, spec


def judge(problem: Stated) -> Verdict:
    """Plan a problem, and compare."""
    try:
        plan = planned(problem)
    except AllocationError as error:
        exists = is_feasible(problem) and (problem.objective != "cheapest" or optimum(problem) is not None)
        hard = not isinstance(error, InfeasibleError)
        return Verdict(f"{'hard: ' if hard else ''}{error}", false_refusal=exists)
    if not is_feasible(problem):
        return Verdict(false_plan=True)
    spend = plan.spend
    broken = problem.broken(np.where(spend > 0, spend, 0.0))
    served = spend > 0
    if problem.law == "chinchilla":
        used = 6 * plan.params * plan.tokens
        broken = max(broken, float((used / np.where(served, spend, 1.0) - 1)[served].max(initial=0.0)))
        broken = max(broken, float((1 - np.minimum(plan.params, plan.tokens))[served].max(initial=0.0)))
    value, bound = (-plan.objective, -plan.bound) if plan.larger_is_better else (plan.objective, plan.bound)
    found = optimum(problem, spend)
    best = value if found is None else min(found[0], value)
    # a plan that misses a limit by what a solver may is no rival to its own bound
    rival = best if broken <= EXACT or found is None else found[0]
    size = max(abs(best), abs(value))
    reducible = {"targets": 1.0, "cheapest": size}.get(problem.objective, max(value - problem.floors, 1e-12 * size))
    return Verdict(
        beaten=float((bound - rival) / size) if size else 0.0,
        broken=broken,
        regret=float((value - best) / reducible),
        gap=float(plan.gap / reducible),
    )
