"""From curves of one shared model to its plan: the size and the mixture, for the laws ``shared`` and ``transfer``."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from budget.allocation.convex.certificate import proven_bound
from budget.allocation.convex.shadow_prices import AT_LIMIT
from budget.allocation.mixture.best_shares import inside
from budget.allocation.mixture.finite_sources import solve_limited
from budget.allocation.mixture.mixture_baselines import mixture_baselines
from budget.allocation.mixture.mixture_problem import (
    AT_LARGEST,
    MixtureProblem,
    build_mixture_problem,
    law_inputs_at,
    objective_at,
    sources_of,
    spend_on,
)
from budget.allocation.mixture.notes import limit_lines, measured_range, mixture_words, notes_of
from budget.allocation.mixture.shared_plan import SharedPlan
from budget.allocation.mixture.solve_mixture import Optimum, certify_mixture, prices_of_inputs, solve_mixture
from budget.allocation.plan.baselines import missing_splits
from budget.allocation.plan.plan import Sizes
from budget.allocation.plan.plan_warnings import plan_warnings
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.objectives import MEAN
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import AllocationError, InfeasibleError, SolverError
from budget.numerics.interval import interval
from budget.tables.tasks import TaskSettings

WORLDS = 50
"""Draws that are solved at once."""

TIGHT = 1e-6
"""Gap, relative to what lies above the floors, up to which a plan is called optimal."""

LIMITED_DRAWS = 50
"""Draws that are solved again where sources can run out: each is a search of its own, of a few tenths of a second."""

PROVEN = 1e-7
"""Gap, relative to what lies above the floors, at which that search ends."""

ROUGH = 1e-4
"""The same in a draw, whose bound nobody reads."""


SPAN = "The numbers of this problem span too many orders; bring weights and budget closer together."
"""What is said where a plan is no number."""


def plan_shared(
    curves: Curves,
    tasks: TaskSettings,
    budget: float,
    unit: str | None = None,
    params: float | None = None,
    *,
    reach: float = np.inf,
    unique: Mapping[str, float] | None = None,
    draws: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> SharedPlan:
    """The best size and mixture of one model for all tasks.

    Args:
        curves: usable curves of T tasks, of a law of one model for several: ``shared`` (the model serves these T
            tasks, so K = T) or ``transfer`` (the model is trained on the sources of the fitted mixtures).
        tasks: task settings for the same tasks in the same order; a weight of 0 leaves a task out of the objective.
        budget: the total, positive.
        unit: ``flops`` or ``tokens``.
        params: size of the model, for a token budget.
        reach: see ``make_spec.plan_spec``.
        unique: source → tokens that there are of it, none of which is taken twice; other sources never run out.
        draws: whether to solve again for every draw, which gives the ranges of shares, params and tokens.
        progress: called with (draws done, draws in all).

    Returns:
        The plan, its bound, its baselines and what it cannot promise.

    Raises:
        AllocationError: the question does not fit the curves (see ``plan_spec.ask``).
        InfeasibleError: every mixture leaves some task less effective data than the law is a sum for.
        SolverError: the numbers span too many orders for a plan.
    """
    spec = plan_spec(curves, tasks, budget, unit=unit, strategy="shared", params=params, reach=reach)
    return plan_mixture(curves, spec, unique=unique, draws=draws, progress=progress)


def plan_mixture(
    curves: Curves,
    spec: PlanSpec,
    *,
    unique: Mapping[str, float] | None = None,
    draws: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> SharedPlan:
    """The same for a question that was stated already; a tasks file's ``unique_tokens`` limit the sources of its tasks.

    Arguments, result and errors as ``plan_shared``.
    """
    refuse_mixture(curves, spec)
    stated = dict(zip(curves.tasks, spec.tasks.unique_tokens.tolist(), strict=True))
    known = {name: each for name, each in stated.items() if name in sources_of(curves) and np.isfinite(each)}
    limit = _limits(curves, known | dict(unique or {}))
    blend = build_mixture_problem(curves, spec, limit, curves.parameters[None])
    start = _start(blend.tau[0], blend.least)
    if start is None:
        raise InfeasibleError(_unreachable(curves, spec, blend))
    best, bound, price = _solve(blend, start[None], PROVEN)
    if not np.isfinite([best.n[0], best.value[0], bound, price]).all():
        raise SolverError(SPAN)
    lifted = () if np.isinf(spec.reach) else _lifted(curves, spec, limit, start, best)
    drawn = 0 if not draws else min(LIMITED_DRAWS, len(curves.draws)) if blend.branches else len(curves.draws)
    wanted = replace(curves, draws=curves.draws[:drawn])
    sizes, mixtures = _over_draws(wanted, spec, limit, blend.branches, progress)
    plan = _plan(curves, spec, blend, best, bound, price, sizes, mixtures, len(wanted.draws))
    return replace(plan, notes=(*plan.notes, *lifted))


def _lifted(curves: Curves, spec: PlanSpec, limit: np.ndarray, start: np.ndarray, best: Optimum) -> tuple[str, ...]:
    """What a plan that is stopped by its reach would gain without it."""
    free = build_mixture_problem(curves, replace(spec, reach=float("inf")), limit, curves.parameters[None])
    other = _solve(free, start[None], PROVEN)[0]
    gain = float(best.value[0] - other.value[0])
    if gain <= TIGHT * abs(float(best.value[0])):
        return ()
    tokens = other.tokens[0]
    beyond = measured_range(curves, spec, spend_on(free, float(np.exp(other.n[0])), tokens), np.exp(other.n[0]), tokens)
    far = max(float(factors.max()) for factors in beyond.values())
    return (
        f"Lifting the reach (--reach inf) would bring {gain:.3g}, with scales up to {far:.3g} times the largest "
        "measured.",
    )


def refuse_mixture(curves: Curves, spec: PlanSpec) -> None:
    """Refuse what one model's mixture is not planned for.

    Raises:
        AllocationError: the question asks more than the weighted mean within one budget, or the runs say too little.
    """
    asked = {
        "--objective": spec.objective is not MEAN,
        "--measure score": not spec.measure.linear,
        "--risk": spec.risk.reads_draws,
        "--limit or --limits": bool(spec.further or spec.limits),
        "--sizes": bool(spec.sizes),
        "--allow-unserved": spec.allow_unserved,
        "checkpoints": spec.has_checkpoints,
        "--unit money": spec.unit not in ("flops", "tokens"),
    }
    if any(asked.values()):
        raise AllocationError(
            f"Law '{curves.law}' plans one model for the weighted mean within FLOPs or tokens; leave out "
            f"{', '.join(name for name, given in asked.items() if given)}."
        )
    if spec.unit not in curves.largest:
        raise AllocationError(
            f"The runs file has no {spec.unit}, so a budget of them cannot be compared with the runs."
        )
    weight = spec.tasks.weight
    if not np.isfinite(weight).all() or (weight < 0).any() or not weight.any():
        raise AllocationError("Weights are numbers of at least 0, not all of them 0; correct them in the tasks file.")
    if curves.form.counts_tasks and not weight.all():
        names = ", ".join(name for name, each in zip(curves.tasks, weight, strict=True) if each == 0)
        raise AllocationError(
            f"A task of weight 0 would get no tokens of its own and still count among the tasks of the model: {names}; "
            "leave it out of the curves or give it a weight."
        )
    sizes = {float(each) for ends in (curves.smallest, curves.largest) for each in ends["params"]}
    if spec.unit == "flops" and len(sizes) == 1:
        raise AllocationError(
            f"All runs have {sizes.pop():g} parameters, so nothing says which size is best: use --unit tokens with "
            "--params."
        )


def _limits(curves: Curves, unique: Mapping[str, float]) -> np.ndarray:
    """(S,) tokens that each source has."""
    sources = sources_of(curves)
    for name, tokens in unique.items():
        if name not in sources:
            raise AllocationError(f"There is no source '{name}' to limit; the sources are {', '.join(sources)}.")
        if not tokens > 0:
            raise AllocationError(f"Source '{name}' is limited to {tokens:g} tokens; give a positive number.")
    return np.array([unique.get(name, np.inf) for name in sources], dtype=float)


def _solve(blend: MixtureProblem, start: np.ndarray, tolerance: float) -> tuple[Optimum, float, float]:
    """The best plan of one scenario, its bound, and the fall of the objective per unit of budget."""
    if not blend.branches:
        best = solve_mixture(blend, start)
        return best, *certify_mixture(blend, best)
    best, bound = solve_limited(blend, start, tolerance)
    of_size, of_tokens = prices_of_inputs(blend, best)
    if best.n[0] < blend.sizes[1] - AT_LARGEST:
        # spent on size: where sources have run out, nothing else is to be had
        return best, bound, of_size
    return best, bound, of_tokens


def _start(tau: np.ndarray, least: float) -> np.ndarray | None:
    """A mixture (S,) strictly inside the domain, or ``None``."""
    return inside(tau, least) if (tau < least).any() else np.full(tau.shape[1], 1 / tau.shape[1])


def _unreachable(curves: Curves, spec: PlanSpec, blend: MixtureProblem) -> str:
    """Why no mixture is inside the domain."""
    counted = [name for name, weight in zip(curves.tasks, spec.weight, strict=True) if weight > 0]
    alone = [name for name, tau in zip(counted, blend.tau[0], strict=True) if (tau <= blend.least).all()]
    whose = f"No source helps {', '.join(alone)}" if alone else "The sources that help one task harm another"
    return (
        f"{whose}: every mixture leaves some task effective data below {blend.least:.0%} of the tokens, where the law "
        "is no sum any more; give such tasks a weight of 0 or plan them apart."
    )


def _over_draws(
    curves: Curves,
    spec: PlanSpec,
    limit: np.ndarray,
    branches: bool,
    progress: Callable[[int, int], None] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best plan in every draw's scenario that has one: log inputs (W, 2) of size and tokens, tokens (W, S)."""
    total = len(curves.draws)
    sizes, mixtures = [np.empty((0, 2))], [np.empty((0, len(limit)))]
    each = 1 if branches else WORLDS
    for first in range(0, total, each):
        theta = curves.draws[first : first + each]
        theta = theta[np.isfinite(theta[:, spec.weight > 0]).all(axis=(1, 2))]
        blend = build_mixture_problem(curves, spec, limit, theta)
        starts = [_start(tau, blend.least) for tau in blend.tau]
        pick = np.array([at for at, start in enumerate(starts) if start is not None], dtype=int)
        if len(pick):
            part, begin = blend.take(pick), np.array([starts[at] for at in pick])
            found = solve_limited(part, begin, ROUGH)[0] if branches else solve_mixture(part, begin)
            good = np.isfinite(found.value) & np.isfinite(found.n)
            sizes.append(np.column_stack([found.n, np.log(found.tokens.sum(axis=1))])[good])
            mixtures.append(found.tokens[good])
        if progress is not None:
            progress(min(first + each, total), total)
    return np.concatenate(sizes), np.concatenate(mixtures)


def _plan(
    curves: Curves,
    spec: PlanSpec,
    blend: MixtureProblem,
    best: Optimum,
    bound: float,
    price: float,
    sizes: np.ndarray,
    mixtures: np.ndarray,
    drawn: int,
) -> SharedPlan:
    tasks, sources = len(curves.tasks), sources_of(curves)
    tokens = best.tokens[0]
    total, share = tokens.sum(), tokens / tokens.sum()
    size = float(np.exp(best.n[0]))
    at = law_inputs_at(curves, size, tokens)
    predicted, low, high = curves.predict(np.arange(tasks), at)
    spend = spend_on(blend, size, tokens)
    lines = limit_lines(spec, blend, best, sources, spend, price)
    shadow = lines[0].price
    unspent = spend < spec.budget * (1 - AT_LIMIT)
    stops = "reach" if any(line.name.startswith("reach of ") for line in lines) else "limit"
    share_low, share_high = interval(mixtures / mixtures.sum(axis=1, keepdims=True))
    of_data = np.exp(best.shares.log_value[0] - best.t[0])
    beyond = measured_range(curves, spec, spend, size, tokens)
    failed = drawn - len(mixtures)
    ends = np.exp(interval(sizes))
    bound = proven_bound(float(best.value[0]), bound, TIGHT * abs(float(best.value[0])))
    plan = SharedPlan(
        spec=spec,
        metric="|".join(dict.fromkeys(curves.metric)),
        metrics=curves.metric,
        higher_is_better=bool(curves.higher_is_better[0]),
        directions=np.where(curves.higher_is_better, 1.0, -1.0),
        hypothetical_tasks=np.zeros(tasks, dtype=bool),
        spend=np.full(tasks, spend),
        spend_low=np.full(tasks, spend),
        spend_high=np.full(tasks, spend),
        endless=np.zeros(tasks),
        log_inputs=at,
        params=np.full(tasks, size),
        tokens=np.full(tasks, total),
        predicted=predicted,
        low=low,
        high=high,
        marginal=np.full(tasks, shadow),
        binding=(stops if unspent else "budget",) * tasks,
        extrapolation=spend / curves.largest[spec.unit],
        extrapolation_factors=beyond,
        status=curves.status,
        average=np.full(tasks, np.nan),
        efficient=np.full(tasks, np.nan),
        used={spec.unit: np.full(tasks, spend)},
        limits=lines,
        objective=objective_at(curves, spec, at),
        planned_objective=objective_at(curves, spec, at),
        objective_low=np.nan,
        objective_high=np.nan,
        bound=spec.measure.sign * bound,
        shadow_price=shadow,
        solver="interior point",
        solver_status="optimal" if best.value[0] - bound <= TIGHT * (best.value[0] - blend.floor[0]) else "inaccurate",
        drawn=drawn,
        failed_draws=failed,
        baselines=mixture_baselines(curves, spec, blend),
        drawn_objective=np.empty(0),
        sizes=replace(
            Sizes.unknown(tasks),
            **{
                f"{name}_{end}": np.full(tasks, ends[side, at])
                for at, name in enumerate(("params", "tokens"))
                for side, end in enumerate(("low", "high"))
                if len(sizes) and spec.unit == "flops"
            },
        ),
        warnings=(),
        notes=(
            mixture_words(sources, share),
            *notes_of(curves, spec, blend, best, beyond, drawn, failed),
            *missing_splits(spec),
        ),
        sources=sources,
        source_tokens=tokens,
        share=share,
        share_low=share_low,
        share_high=share_high,
        source_marginal=of_data * best.shares.marginal[0],
        source_binding=tuple(
            np.where(share == 0, "unused", np.where(tokens >= blend.limit * (1 - 1e-6), "limit", "budget")).tolist()
        ),
    )
    return replace(plan, warnings=plan_warnings(curves, plan))
