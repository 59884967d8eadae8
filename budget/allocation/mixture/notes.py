"""What is said beside the plan of one shared model: its mixture, and what it cannot promise."""

import numpy as np

from budget.allocation.convex.shadow_prices import AT_END, AT_LIMIT
from budget.allocation.mixture.mixture_problem import SIZED, MixtureProblem
from budget.allocation.mixture.solve_mixture import Optimum, prices_of_inputs
from budget.allocation.plan.plan import LimitLine
from budget.allocation.spec.plan_spec import EXTRAPOLATES_BEYOND, PlanSpec
from budget.curves.curves import Curves
from budget.numerics.quantities.amounts import stays_unspent

NAMED = 8
"""Sources that the sentence on the mixture names."""


def measured_range(
    curves: Curves, spec: PlanSpec, spend: float, size: float, tokens: np.ndarray
) -> dict[str, np.ndarray]:
    """How far each planned scale lies outside what was measured of its task: scale → (T,) factors.

    1 inside the measured range, above 1 over the largest, below 1 under the smallest.
    """
    planned = {spec.unit: spend, "params": size, "tokens": tokens.sum()}
    planned |= {"task_tokens": tokens, "n_tasks": len(curves.tasks)} if curves.form.counts_tasks else {}
    planned |= dict(zip(curves.form.sources, tokens, strict=False))
    result = {}
    for name, values in planned.items():
        if name in curves.largest:
            nearest = np.clip(values, curves.smallest[name], curves.largest[name])
            result[name] = np.where(nearest == values, 1.0, values / np.where(nearest > 0, nearest, 1.0))
    return result


def limit_lines(
    spec: PlanSpec, blend: MixtureProblem, best: Optimum, sources: tuple[str, ...], spend: float, price: float
) -> tuple[LimitLine, ...]:
    """The budget, the reach where it stops the plan, and every source that can run out, each with its price.

    Args:
        spec: what was asked.
        blend: its problem under the point fit.
        best: what was solved.
        sources: names of the S sources.
        spend: what is used of the budget.
        price: fall of the objective per unit of what can be spent.
    """
    excess = best.shares.excess[0] * np.exp(best.shares.log_value[0] - best.t[0])
    rows = zip(sources, blend.limit.tolist(), best.tokens[0].tolist(), excess.tolist(), strict=True)
    stops = _stopped_inputs(blend, best)
    left = blend.budget < spec.budget * (1 - AT_LIMIT) or spend < blend.budget * (1 - AT_LIMIT)
    # what both inputs at their greatest cost is no limit of its own
    spent = left and len(stops) < 2 and spend >= blend.budget * (1 - AT_LIMIT)
    lines = [LimitLine("budget", spec.unit, spec.budget, spend, 0.0 if left else price)]
    if spent:
        lines.append(LimitLine("reach of the model", spec.unit, blend.budget, spend, price))
    paid = price if spent or not left else 0.0
    for at in stops:
        assert blend.cost is not None  # a given size has no greatest one
        of_input, amount = prices_of_inputs(blend, best)[at], float(np.exp((best.n[0], best.t[0])[at]))
        charge = float(blend.cost.gradient(np.array([[best.n[0], best.t[0]]]))[0, at])
        worth = max(of_input - paid, 0.0) * charge / amount
        lines.append(LimitLine(f"reach of {SIZED[at]} of the model", SIZED[at], amount, amount, worth))
    return (
        *lines,
        *(
            LimitLine(f"unique tokens of {source}", "tokens", most, used, worth)
            for source, most, used, worth in rows
            if np.isfinite(most)
        ),
    )


def _stopped_inputs(blend: MixtureProblem, best: Optimum) -> list[int]:
    """Which of size (0) and tokens (1) stand at their greatest within the reach."""
    if blend.cost is None or blend.cost.ceiling is None:
        return []
    tokens = float(np.log(best.tokens[0].sum()))
    u = np.array([best.n[0], tokens])
    return np.flatnonzero(u >= blend.cost.ceiling[0] - AT_END).tolist()


def mixture_words(sources: tuple[str, ...], share: np.ndarray) -> str:
    """The mixture in a sentence, the largest shares first."""
    order = np.argsort(-share, kind="stable")
    listed = ", ".join(f"{sources[at]} {share[at]:.3g}" for at in order[:NAMED] if share[at] > 0)
    used = int((share > 0).sum())
    return f"Shares of the tokens: {listed}{f' and {used - NAMED} more' if used > NAMED else ''}."


def notes_of(
    curves: Curves,
    spec: PlanSpec,
    blend: MixtureProblem,
    best: Optimum,
    beyond: dict[str, np.ndarray],
    drawn: int,
    failed: int,
) -> list[str]:
    """What the plan cannot promise, one sentence each."""
    notes = []
    tokens = float(best.tokens[0].sum())
    effective = blend.tau[0] @ best.tokens[0] / tokens
    counted = [name for name, weight in zip(curves.tasks, spec.weight, strict=True) if weight > 0]
    held = [name for name, each in zip(counted, effective, strict=True) if each < blend.least * (1 + 1e-6)]
    if held:
        notes.append(
            f"The mixture is held where the effective data of {', '.join(held)} are {blend.least:.0%} of the tokens: "
            "the law is a sum down to there, and the bound is for mixtures that keep it."
        )
    for name, factors in beyond.items():
        over, under = factors.max(), factors.min()
        if over > EXTRAPOLATES_BEYOND:
            notes.append(
                f"The plan goes to {over:.3g} times the largest measured {name}: predictions there rest on the law."
            )
        if under == 0:
            notes.append(f"The plan takes nothing of {name}, and every run took some: predictions rest on the law.")
        elif under < 1 / EXTRAPOLATES_BEYOND:
            notes.append(
                f"The plan goes down to {under:.3g} of the smallest measured {name}: predictions there rest on the law."
            )
    if blend.budget < spec.budget * (1 - AT_LIMIT):
        notes.append(f"{stays_unspent(spec.budget - blend.budget, spec.unit)}: the model is at its reach.")
    if spec.unit == "tokens" and tokens < blend.budget * (1 - AT_LIMIT):
        notes.append(f"{stays_unspent(blend.budget - tokens, 'tokens')}: the sources that help have no more.")
    if 0 < drawn < len(curves.draws):
        notes.append(f"Ranges of shares and sizes are over the first {drawn} of {len(curves.draws)} draws.")
    if failed:
        notes.append(f"{failed} of {drawn} draws could not be planned and are not in the ranges of shares and sizes.")
    if spec.unit == "flops" and curves.cost is not None and curves.cost.assumed:
        notes.append("Costs are 6·N·D, since the file counts no FLOPs.")
    return notes
