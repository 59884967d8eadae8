"""Questions that the curves cannot answer, or that contradict themselves: each with one sentence.

See docs/decisions/044-passed-best-value-is-refused.md,
docs/decisions/051-shared-models-only-as-measured.md.
"""

import numpy as np

from budget.allocation.convex.problem import planned_cost, reach_of_models
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES, names_where, record_of
from budget.allocation.spec.plan_spec import STRATEGIES, PlanSpec, is_nonconvex
from budget.allocation.spec.resources import cost_of, input_units
from budget.curves.curves import Curves
from budget.errors import AllocationError, DataError, InfeasibleError
from budget.numerics.quoting import listed
from budget.numerics.words import apart, shortened
from budget.tables.tasks import TaskSettings

SAME_BEST = 1e-9
"""Relative difference within which a curve's limit is the best value stated: what is lost by writing it to a file."""

REACH = 1e40
"""Factor between the budget and the largest measured run beyond which a plan is refused as a mistake."""


def refuse(curves: Curves, spec: PlanSpec, params: float | None) -> None:
    """Refuse a question that the curves cannot answer.

    Args:
        curves: usable curves of the question's T tasks.
        spec: what is asked.
        params: the size of every model that was given beside it.

    Raises:
        AllocationError: the question does not fit the curves or itself.
        DataError: a curve is better than the best value stated of its task.
        InfeasibleError: the limits contradict the budget.
    """
    refuse_other_best(curves, spec.tasks.best)
    _refuse_law(curves, spec)
    _refuse_strategy(curves, spec)
    _refuse_unit(curves, spec, params)
    _refuse_reach(curves, spec)
    _refuse_objective(curves, spec)
    _refuse_options(curves, spec)


def refuse_words(measure: str | None, strategy: str | None) -> None:
    """Words that are in no table, where the default is one: from Python, anything can be asked."""
    if measure is not None:
        record_of("Measure", measure, MEASURES)
    if strategy is not None:
        record_of("Strategy", strategy, dict.fromkeys(STRATEGIES))


def refuse_weights(tasks: TaskSettings) -> None:
    """Weights that a file could not hold, for tasks that were made in Python."""
    for name, weight in zip(tasks.names, tasks.weight, strict=True):
        if not (np.isfinite(weight) and weight > 0):
            raise AllocationError(
                f"The weight of {name} is {weight:g}; give a positive number, or leave the task out of the curves."
            )


def refuse_other_best(curves: Curves, best: np.ndarray) -> None:
    """Refuse a best value that the curves pass: it bounds a fit, and a plan could only cut what it was promised.

    Args:
        curves: of T tasks.
        best: (T,) the best values that are stated now, NaN where none is.

    Raises:
        DataError: a task's curve, far beyond its runs, is better than the value stated now.
    """
    if curves.link is not None:  # the best value is the score's, and the curves are the loss's
        return
    for name, higher, known, limit, stated in zip(
        curves.tasks, curves.higher_is_better, curves.best, curves.limit, best, strict=True
    ):
        if (limit - stated) * (1 if higher else -1) > SAME_BEST * abs(stated):
            fitted = f"were fitted with {known:g}" if known == known else "were fitted without one"
            raise DataError(
                f"The curve of task '{name}' goes to {limit:.4g}, better than the best value {stated:g} of the tasks "
                f"file: the curves {fitted}. Fit again with --tasks, which holds them to it."
            )


def _refuse_law(curves: Curves, spec: PlanSpec) -> None:
    """Laws that no plan can read: of other inputs than it chooses, or of two without a known best size."""
    form = curves.form
    if form.is_program or len(curves.planned_inputs) == 1:
        return
    if curves.planned_inputs != ("params", "tokens"):
        raise AllocationError(
            f"Law '{curves.law}' reads {', '.join(curves.scale_columns)}, and a plan chooses one scale, or params and "
            "tokens; "
            "fit again with --law chinchilla or --law power."
        )
    if not form.planning.is_convex and spec.params is None and not spec.sizes:
        raise AllocationError(
            f"Law '{curves.law}' does not say that it is convex in log params and log tokens, so no plan can choose a "
            "best size by it; give --unit tokens --params N, or fit again with --law chinchilla or --law power."
        )


def _refuse_strategy(curves: Curves, spec: PlanSpec) -> None:
    if curves.form.is_of_one_model:
        if not spec.is_one_model:
            raise AllocationError(
                f"Law '{curves.law}' describes one model for several tasks, which 'budget allocate' plans; for one "
                "training per task fit again with --law chinchilla or --law power."
            )
        return
    if not spec.is_one_model or curves.is_shared:
        return
    alone = [name for name, shared in zip(curves.tasks, curves.shared, strict=True) if not shared]
    if not alone:
        raise AllocationError(
            f"The tasks fall into {len(set(curves.group.tolist()))} groups measured on different models, and no "
            "run shows all of them on one; choose one group with --where, or use --strategy specialists."
        )
    listed = ", ".join(alone[:5]) + (", …" if len(alone) > 5 else "")
    raise AllocationError(
        f"The runs of {listed} are of one model per task and cannot say what one shared model reaches; measure "
        "shared models (rows of several tasks with the same run), or use --strategy specialists."
    )


def _refuse_unit(curves: Curves, spec: PlanSpec, params: float | None) -> None:
    unit = spec.unit
    if len(curves.scale_columns) == 1:
        if params is not None:
            raise AllocationError(
                f"--params has no meaning for a law of {curves.scale_columns[0]} alone; leave it out."
            )
        if curves.scale_columns[0] == "params":
            raise AllocationError(
                "These curves read params alone, which is no budget: fit again with --scale flops or --scale tokens."
            )
        if unit not in input_units(curves):
            raise AllocationError(
                f"These curves read {curves.scale_columns[0]}, so the budget is counted in it: use --unit "
                f"{curves.scale_columns[0]}, "
                f"or fit again with --scale {unit}."
            )
    elif unit == "x":
        raise AllocationError("These curves read params and tokens: use --unit flops or --unit tokens.")
    elif unit != "tokens" and params is not None:
        raise AllocationError(f"--params fixes the size for a token budget; with --unit {unit} the plan chooses it.")
    elif unit not in input_units(curves):
        raise AllocationError("The runs file has no FLOPs and no params with tokens to cost a run; use --unit tokens.")
    for other, total in spec.further.items():
        if other not in input_units(curves):
            raise AllocationError(
                f"--limit {other}: these curves are planned in {', '.join(input_units(curves))}; choose one of them."
            )
        if other == unit:
            raise AllocationError(f"--limit {other} counts what --budget counts already; give one of them.")
        if not (np.isfinite(total) and total > 0):
            raise AllocationError(f"--limit {other} is {total:g}; give a positive number.")
    for limit in spec.limits:
        if limit.unit and limit.unit not in input_units(curves):
            raise AllocationError(
                f"Limit '{limit.name}' counts {limit.unit}; these curves are planned in "
                f"{', '.join(input_units(curves))}."
            )
    _refuse_money(curves, spec)


def _refuse_money(curves: Curves, spec: PlanSpec) -> None:
    """Prices that nothing is paid with, and money for data alone that leaves the size of the models free."""
    limited = {spec.unit, *spec.further, *(limit.unit for limit in spec.limits)}
    if spec.prices is not None and "money" not in limited:
        raise AllocationError(
            "--price, --peak and --mfu turn FLOPs into money, and nothing here is counted in money; use --unit money "
            "or --limit money=NUMBER, or leave them out."
        )
    for_data = spec.prices is None and np.isfinite(spec.tasks.unit_cost).any()
    if len(curves.scale_columns) > 1 and spec.unit == "money" and for_data and "flops" not in limited:
        raise AllocationError(
            "unit_cost pays for data alone, so that models of any size would cost the same; give --price, --peak and "
            "--mfu, or --limit flops=NUMBER."
        )


def _refuse_reach(curves: Curves, spec: PlanSpec) -> None:
    """A budget that no law reaches, and minima above it."""
    low, high = spec.own_limits
    if spec.is_one_model and (low.any() or np.isfinite(high).any()):
        raise AllocationError(
            "min and max limit the spend of one task, and one shared model has one spend; leave them out, or use "
            "--strategy specialists."
        )
    if spec.is_one_model and spec.limits:
        raise AllocationError(
            f"Limit '{spec.limits[0].name}' limits what tasks are given, and one shared model has one spend; use "
            "--limit UNIT=NUMBER for it, or --strategy specialists."
        )
    for name, least, most in zip(spec.tasks.names, low, high, strict=True):
        if least > most:
            words = apart(float(least), float(most))
            raise InfeasibleError(f"Task {name} has min {words[0]} above max {words[1]}; swap or correct them.")
    if not np.isfinite(spec.budget):
        _refuse_beyond_reach(curves, spec, low)
        return
    if spec.unit in curves.largest or (spec.unit == "money" and not curves.form.is_of_one_model):
        largest = float(_largest(curves, spec).max())
        if not 1 / REACH <= spec.budget / largest <= REACH:
            raise AllocationError(
                f"The budget is {spec.budget:g} {spec.unit} and the largest measured run {largest:.3g}: no law "
                "reaches from one to the other; give a budget nearer to the runs."
            )
    _refuse_minima(spec, low)
    _refuse_smallest(curves, spec)
    _refuse_beyond_reach(curves, spec, low)


def _refuse_beyond_reach(curves: Curves, spec: PlanSpec, low: np.ndarray) -> None:
    """Least spends (T,) that the user states, or holds a task to, beyond what the reach allows."""
    if np.isinf(spec.reach) or spec.is_one_model or curves.form.is_of_one_model:
        return
    most = reach_of_models(curves, spec, planned_cost(curves, spec, spec.unit))
    beyond = np.flatnonzero((low > most * (1 + 1e-12)) & ~spec.is_held)
    if len(beyond):
        task = int(beyond[0])
        asked, limit = apart(float(low[task]), float(most[task]))
        what = "is frozen at" if spec.is_frozen[task] else "has min"
        raise InfeasibleError(
            f"Task {spec.tasks.names[task]} {what} {asked} {spec.unit}, above the {limit} that --reach {spec.reach:g} "
            "allows beyond its largest run; raise --reach, or lower it."
        )


def _refuse_smallest(curves: Curves, spec: PlanSpec) -> None:
    """A budget that does not pay for the smallest models there are, of tasks that must be served."""
    if spec.allow_unserved or spec.has_checkpoints or spec.sizes:
        return
    cost = planned_cost(curves, spec, spec.unit)
    with np.errstate(over="ignore"):  # what costs more than any number is refused like what costs much
        needed = float(cost.at_domain.sum())
    if needed <= spec.budget * (1 + 1e-12):
        return
    takes, limit = apart(needed, spec.budget)
    which = "smallest model takes" if len(cost) == 1 else f"smallest models for {len(cost)} tasks take"
    free = np.isinf(spec.reach)
    least = "one parameter and one token, or what stands for them" if free else f"--reach {spec.reach:g} below its runs"
    mends = ["raise the budget", *(["leave tasks out"] if len(cost) > 1 else []), *([] if free else ["raise --reach"])]
    raise InfeasibleError(
        f"The {which} {takes} {spec.unit} ({least}), above the budget of {limit}; {', or '.join(mends)}."
    )


def _refuse_minima(spec: PlanSpec, low: np.ndarray) -> None:
    """Least spends (T,) that the budget does not hold, or that leave nothing for the tasks without one."""
    counted = spec.is_frozen if spec.allow_unserved else low > 0
    must, budget = float(low[counted].sum()), spec.budget
    who, mend = _who_must(spec, counted)
    if must > budget * (1 + 1e-12):
        total, limit = apart(must, budget)
        raise InfeasibleError(f"{who} {total} {spec.unit}, above the budget of {limit}; raise the budget or {mend}.")
    if not spec.allow_unserved and must >= budget * (1 - 1e-12) and not low.all():
        left = [name for name, least in zip(spec.tasks.names, low, strict=True) if not least]
        raise InfeasibleError(
            f"{who} the whole budget of {budget:.6g} {spec.unit} and leave nothing for {shortened(left)}; raise "
            f"the budget, {mend}, or leave these tasks out."
        )


def _who_must(spec: PlanSpec, counted: np.ndarray) -> tuple[str, str]:
    """Whose least spends these (T,) are, as the beginning of a sentence about their sum, and how to lower them."""
    if (spec.is_held & counted).any():
        held = shortened([name for name, is_held in zip(spec.tasks.names, spec.is_held, strict=True) if is_held])
        return (
            f"The spends that {held} keep, whose curves failed their backtest, and the minima of others sum to",
            "lower 'current' or the minima",
        )
    frozen, minima = spec.is_frozen & counted, ~spec.is_frozen & counted
    names = shortened([name for name, is_frozen in zip(spec.tasks.names, frozen, strict=True) if is_frozen])
    if not frozen.any():
        return "The minima in the tasks file sum to", "lower the minima"
    several = frozen.sum() > 1
    who = f"The frozen task{'s' if several else ''} {names}"
    if not minima.any():
        return f"{who} spend{'' if several else 's'}", "freeze fewer"
    return f"{who} and the minima of others in the tasks file sum to", "lower the minima, or freeze fewer"


def _largest(curves: Curves, spec: PlanSpec) -> np.ndarray:
    """(T,) the largest measured run in the question's unit; for money, what it would cost."""
    if spec.unit in curves.largest:
        return curves.largest[spec.unit]
    inputs = np.log(np.column_stack([curves.largest[name] for name in curves.scale_columns[:2]]))
    return cost_of(curves, spec.tasks, spec.unit, spec.prices).value(inputs)


def _refuse_objective(curves: Curves, spec: PlanSpec) -> None:
    objective, risk = spec.objective, spec.risk
    if objective.needs_targets:
        missing = [name for name, to in zip(curves.tasks, spec.tasks.target, strict=True) if not np.isfinite(to)]
        if missing:
            raise AllocationError(
                f"--objective {objective.name} counts targets: fill column 'target' of the tasks file for "
                f"{listed(missing)}."
            )
    if spec.at_least is not None:
        if not objective.minimizes_spend:
            takes = " and ".join(names_where(OBJECTIVES, lambda each: each.minimizes_spend))
            raise AllocationError(f"--at-least is for --objective {takes}; leave it out.")
        if not 1 <= spec.at_least <= len(curves.tasks):
            raise AllocationError(f"--at-least is {spec.at_least}; there are {len(curves.tasks)} tasks.")
    if not risk.reads_draws:
        return
    if len(curves.draws) == 0:
        raise AllocationError(f"--risk {risk.name} needs draws: fit again with --draws 200.")
    if not 0 < spec.level < 1:
        raise AllocationError(f"--level is {spec.level:g}; it is a share of the draws, such as 0.9.")
    if not (objective.is_linear or (objective.counts_targets and risk.is_mean)):
        linear = " and ".join(names_where(OBJECTIVES, lambda each: each.is_linear))
        raise AllocationError(
            f"--risk {risk.name} is for --objective {linear}; another is planned by the point fit, or one that counts "
            "targets by --risk mean, too."
        )
    if spec.is_one_model:
        raise AllocationError(f"--risk {risk.name} is for --strategy specialists; leave it out.")


def _refuse_options(curves: Curves, spec: PlanSpec) -> None:
    """Options that do not go together."""
    two = len(curves.scale_columns) > 1
    if spec.sizes and (not two or spec.unit == "tokens"):
        raise AllocationError(
            "--sizes are the sizes that a plan may choose between, and here it chooses none; leave them out."
        )
    if spec.sizes and not all(np.isfinite(size) and size > 0 for size in spec.sizes):
        raise AllocationError("--sizes must be positive numbers of parameters, such as 1e8,4e8,1.6e9.")
    if spec.has_checkpoints and two:
        lost = np.isfinite(spec.tasks.checkpoint) & ~np.isfinite(spec.tasks.checkpoint_params)
        if lost.any():
            names = ", ".join(name for name, is_lost in zip(curves.tasks, lost, strict=True) if is_lost)
            raise AllocationError(f"The checkpoints of {names} need their size: fill column 'checkpoint_params'.")
        wrong = np.isfinite(spec.tasks.checkpoint) & (spec.tasks.checkpoint_params != spec.params)
        if spec.params is not None and wrong.any():
            names = ", ".join(name for name, is_wrong in zip(curves.tasks, wrong, strict=True) if is_wrong)
            raise AllocationError(
                f"The checkpoints of {names} have another size than --params (or column 'params'), and training on "
                "does not change it; correct column 'checkpoint_params' or the size."
            )
    if "unique_tokens" in curves.scale_columns and not np.isfinite(spec.tasks.unique_tokens).all():
        raise AllocationError(
            "A plan with repeated data needs column 'unique_tokens' of the tasks file for every task: how many tokens "
            "there are before any is repeated."
        )
    if spec.allow_unserved:
        known = np.isfinite(spec.tasks.unserved)
        if not known.all() and spec.objective.needs_unserved:
            names = ", ".join(name for name, stated in zip(curves.tasks, known, strict=True) if not stated)
            raise AllocationError(
                f"--allow-unserved needs the value of a task that is given nothing: fill column 'unserved' of the "
                f"tasks file for {names}."
            )
    if not is_nonconvex(curves, spec):
        return
    why = "This objective is no convex program"
    if spec.is_one_model and (spec.objective.minimizes_spend or spec.allow_unserved or spec.has_checkpoints):
        raise AllocationError(
            f"{why}, and one shared model serves every task from the start: leave out --at-least, --allow-unserved and "
            "checkpoints, or use --strategy specialists."
        )
    if spec.further or spec.limits:
        raise AllocationError(
            f"{why}: it takes one budget with min and max for each task, and no further limits; leave out --limit and "
            "--limits, or plan the mean."
        )
    if spec.risk.reads_draws and not spec.risk.is_mean:
        raise AllocationError(f"{why}, so --risk {spec.risk.name} has no proven plan; use --risk mean or point.")
