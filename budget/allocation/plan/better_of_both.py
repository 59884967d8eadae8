"""The plan, or a split by hand that is predicted to be better: what is shown never loses to what it is compared with.

Plans are made on convex curves near the predictions, turned to their sizes or steadied, and are told by these.
The two differ, so that an optimum of the first may be predicted worse than a rule of thumb. Then the rule is the plan;
the bound stays one of the curves that plans are made on, and the gap says how far the rule is from it there. Likewise
where levels of single tasks are asked for, such as targets: spends are chosen by predictions, too.

See docs/decisions/167-never-worse-than-a-split-by-hand.md,
docs/decisions/169-levels-are-decided-by-predictions.md.
"""

from dataclasses import replace

import numpy as np

from budget.allocation.plan.assembly import SolvedPlan, assemble_plan, objective_value, told_measures
from budget.allocation.plan.baselines import GREEDY, RULE_OF_THUMB
from budget.allocation.plan.plan import BY_HAND, BY_LEVELS, Baseline, Plan
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves

BETTER = 1e-7
"""Share of the objective by which a split must be predicted better: what a solver leaves over is no reason."""


def better_by_levels(curves: Curves, spec: PlanSpec, outcome: SolvedPlan, told: SolvedPlan) -> SolvedPlan:
    """What was solved, or the spends that were chosen by predictions where these reach more as predicted.

    Args:
        curves: of the question's T tasks.
        spec: what is asked, such as ``asks_levels``.
        outcome: what was solved on the curves that plans are made on.
        told: the same by predictions.
    """
    (mine, of_mine), (theirs, of_theirs) = (_reached(curves, spec, each) for each in (outcome, told))
    close = BETTER * abs(mine)
    if abs(mine - theirs) <= close and spec.objective.takes_largest:  # then the next worst task decides
        apart = np.flatnonzero(np.abs(of_mine - of_theirs) > BETTER * np.abs(of_mine))
        if not len(apart) or of_mine[apart[0]] < of_theirs[apart[0]]:
            return outcome
        said = "Spends and sizes are chosen by predictions: the worst task is as good, others are predicted better."
    elif mine - theirs > close:
        said = (
            f"Spends and sizes are chosen by predictions: they are predicted to reach {spec.sign * theirs:.6g} and no "
            f"split better than {spec.sign * told.bound:.6g}, the optimum of the curves planned on "
            f"{spec.sign * mine:.6g}."
        )
    else:
        return outcome
    return replace(told, bound=outcome.bound, notes=(*told.notes, said), solver=BY_LEVELS)


def _reached(curves: Curves, spec: PlanSpec, solved: SolvedPlan) -> tuple[float, np.ndarray]:
    """The objective of what was solved as predicted, and its tasks' measures, the worst first."""
    objective = objective_value(curves, spec, solved.log_inputs, solved.amounts[0])
    measures = told_measures(curves, spec, np.arange(len(curves.tasks)), solved.log_inputs)
    return objective, np.sort(measures)[::-1]


def asks_levels(curves: Curves, spec: PlanSpec) -> bool:
    """Whether a question is one of the levels of single tasks by the best guess, which predictions tell better."""
    levels = not (spec.objective.is_linear or spec.objective.minimizes_spend or spec.risk.reads_draws)
    return levels and curves.told is not curves and not (spec.is_one_model or spec.limits or spec.further)


def better_of_both(curves: Curves, spec: PlanSpec, outcome: SolvedPlan, baselines: tuple[Baseline, ...]) -> Plan:
    """The plan where no split by hand within the limits is predicted to be better, else the best of these.

    The greedy split is none by hand: it is handed out by the curves that the plan is made on. The rule of thumb for the
    size of a single task's model is told beside the plan, whose size is one that the draws call low and sure.

    Args:
        curves: of the question's T tasks.
        spec: what is asked.
        outcome: what was solved.
        baselines: what it is compared with.
    """
    plan = assemble_plan(curves, spec, outcome, baselines)
    if plan.is_planned_as_told or spec.reference is not None or spec.objective.minimizes_spend:
        return plan
    sign = -1.0 if plan.larger_is_better else 1.0
    beside = {GREEDY} if spec.is_one_model else {GREEDY, RULE_OF_THUMB}
    rivals = [each for each in baselines if each.is_feasible and each.name not in beside and len(each.log_inputs)]
    if not rivals:
        return plan
    best = min(rivals, key=lambda each: sign * each.objective)
    gain = sign * (plan.objective - best.objective)
    if not gain > BETTER * abs(plan.objective):
        return plan
    said = (
        f"The plan is {best.name}: it is predicted to reach {best.objective:.6g}, the optimum of the curves that plans "
        f"are made on {plan.objective:.6g}."
    )
    again = replace(
        outcome,
        log_inputs=best.log_inputs,
        amounts=best.amounts,
        binding=("given",) * len(curves.tasks),
        notes=(*outcome.notes, said),
        solver=BY_HAND,
        status=best.name,
        efficient=np.full(len(outcome.efficient), np.nan),
    )
    return assemble_plan(curves, spec, again, baselines)
