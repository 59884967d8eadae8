"""What is said first wherever a plan is read: what may make it worthless.

See docs/decisions/057-worthless-plans-first.md.
"""

from collections.abc import Collection

import numpy as np

from budget.allocation.plan.baselines import CURRENT, CURRENT_SCALED
from budget.allocation.plan.binding_limits import broken_words
from budget.allocation.plan.plan import Plan
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.checks.unique_data import unique_warnings
from budget.curves.curves import Curves
from budget.numerics.words import shortened
from budget.tables.checks.status import STATUS

UNIT_IN_DOUBT = 1e6
"""Factor beyond the measured runs from which a budget looks like one of another unit."""

NAMED = 4
"""Tasks that a sentence names before it counts the others."""

WORSE = 1e-6
"""Relative difference from which a plan counts as worse than today's split."""


def left_out(curves: Curves) -> tuple[str, ...]:
    """The tasks without a curve, each with the row of the file that keeps it from having one."""
    if not curves.omitted:
        return ()
    told = [
        f"{name} ({code}: {curves.spoilt[name]})" if name in curves.spoilt else f"{name} ({code})"
        for name, code in curves.omitted
    ]
    total = len(curves.tasks) + len(curves.omitted)
    return (f"Only {len(curves.tasks)} of {total} tasks are planned. Left out: {shortened(told, NAMED)}.",)


def curve_warnings(curves: Curves) -> tuple[str, ...]:
    """What makes plans from curves doubtful, the gravest first: tasks left out, a suspect file, suspect tasks.

    Args:
        curves: those that plans use; they know which others there were.
    """
    return (*left_out(curves), *curves.warnings, *suspect_tasks(curves))


def plan_warnings(curves: Curves, plan: Plan) -> tuple[str, ...]:
    """What is said first of the best plan: of its curves, of its budget, and that today's split is better."""
    kept, said = kept_spends(plan.spec), (*curve_warnings(curves), *far_warnings(plan), *unique_in_plan(curves, plan))
    return (*((*kept, *said) if plan.spec.is_held.all() else (*said, *kept)), *_worse_than_today(plan))


def kept_spends(spec: PlanSpec) -> tuple[str, ...]:
    """Which tasks no curve is trusted of, and what they keep of the budget; first of all where it is every one."""
    said = []
    if spec.is_held.any() and not spec.is_one_model and np.isfinite(spec.budget):
        low, high = spec.own_limits
        if spec.is_held.all():
            said.append(
                "No curve is trusted, since every one failed its backtest: the budget is split by weight, and what is "
                "predicted is by the failed curves."
            )
        else:
            stays = spec.is_held & (low == high)
            for which, one, several in (
                (stays, "keeps its current spend", "keep their current spends"),
                (spec.is_held & ~stays, "gets at most its share by weight", "get at most their shares by weight"),
            ):
                kept = [f"{spec.tasks.names[task]} ({high[task]:.3g})" for task in np.flatnonzero(which)]
                if kept:
                    said.append(
                        f"{shortened(kept, NAMED)} {several if len(kept) > 1 else one} in {spec.unit}: the curve "
                        "failed its backtest."
                    )
    if spec.reserved:
        kept = [f"{name} ({spend:.3g}; {status})" for name, spend, status in spec.reserved]
        said.append(
            f"{shortened(kept, NAMED)} {'keep their' if len(kept) > 1 else 'keeps its'} current spend or share by "
            f"weight in {spec.unit}: there is no curve to plan by."
        )
    return tuple(said)


def far_warnings(plan: Plan) -> tuple[str, ...]:
    """Whether the plan, or what it leaves of the budget, is so far from every run that this may be in another unit."""
    spec = plan.spec
    if np.isfinite(spec.budget) and np.isfinite(spec.reach) and plan.total * UNIT_IN_DOUBT < spec.budget:
        spent = f"Only {plan.total:.3g} of {spec.budget:.3g} {spec.unit} can be spent within the reach"
        return (f"{spent}: is the budget in the file's unit?",)
    # a source of which nothing is taken lies at 0, and is no matter of units
    far = {name: np.exp(np.abs(np.log(np.where(at > 0, at, 1.0)))) for name, at in plan.extrapolation_factors.items()}
    if not far or max(float(each.max()) for each in far.values()) <= UNIT_IN_DOUBT:
        return ()
    name = max(far, key=lambda each: float(far[each].max()))
    task = int(far[name].argmax())
    times = plan.extrapolation_factors[name][task]
    where = f"{times:.2g} times the largest" if times > 1 else f"{times:.2g} of the smallest"
    if not np.isfinite(spec.budget):  # the cheapest plan has none whose unit could be wrong
        return (f"The plan goes to {where} measured {name}: predictions there rest on the law.",)
    return (f"The plan goes to {where} measured {name}: is the budget in the file's unit?",)


def unique_in_plan(curves: Curves, plan: Plan) -> tuple[str, ...]:
    """Whether the plan reads curves at other unique data than the one number they were measured with."""
    funded = np.flatnonzero(plan.spend > 0)
    return unique_warnings(curves, funded, plan.log_inputs[funded])


def suspect_tasks(curves: Curves, codes: Collection[str] = STATUS.keys()) -> tuple[str, ...]:
    """The findings that a headline is due to, in the order of the statuses; many tasks of one are counted.

    Args:
        curves: of the tasks that are asked about.
        codes: the statuses that matter.
    """
    said = []
    told = [each for each in zip(curves.tasks, curves.findings, strict=True) if each[1]]
    for code, status in STATUS.items():
        if code not in codes or not status.headline:
            continue
        named = {
            name: next(message for kind, message in findings if kind == code)
            for name, findings in told
            if any(kind == code for kind, _ in findings)
        }
        if not named:
            continue
        if len(named) == 1:
            name, message = next(iter(named.items()))
            said.append(f"Task '{name}' ({code}): {message}; {status.advice}.")
        else:
            which = shortened(list(named), NAMED)
            said.append(f"{len(named)} of {len(curves.tasks)} tasks have status {code}: {which}; {status.advice}.")
    return tuple(said)


def _worse_than_today(plan: Plan) -> tuple[str, ...]:
    """That the limits keep the plan from being as good as today's split, where that fits the budget."""
    named = {each.name: each for each in plan.baselines}
    today = named.get(CURRENT)
    if today is not None and "budget" in today.breaks:
        today = named.get(CURRENT_SCALED)
    if today is None or today.unscored or not today.breaks:
        return ()
    if plan.gain_over(today) >= -WORSE * max(abs(plan.objective), abs(today.objective)):
        return ()
    scaled = "" if today.name == CURRENT else " scaled to the budget"
    return (
        f"The plan is worse than today's split{scaled} ({plan.objective:.4g} against {today.objective:.4g}), which "
        f"{broken_words(today.breaks)}: no plan that keeps all limits is as good.",
    )
