"""One model for several tasks: the stated problem over its size and the shares of its tokens.

With size ``N = e^n``, tokens ``D = e^t`` in all and shares ``s`` of the sources,

    value(n, t, s) = floor + Σ_i exp(capacity_i − α_i·n) + Σ_i exp(data_i − β_i·(t + log Σ_j τ_ij·s_j)).

Where effective data are a sum, ``−log Σ_j τ_ij·s_j`` is convex in ``s`` whatever the signs of τ, so every term is the
exponential of a convex function: the value is convex in ``(n, t, s)`` jointly, and so is ``cost(n, t) ≤ budget``. One
task's own tokens alone (τ the identity) are the law of several tasks, a geometric program.

The reach limits ``n``, ``t`` and the cost: what a size within it leaves for tokens is within it too between two sizes.

Axis order: scenario L (the point fit or a draw), task T, source S.

See docs/decisions/142-within-reach-of-the-runs.md.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import largest_size, last_input, size_at
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import largest_spends, smallest_log
from budget.curves.curves import Curves
from budget.curves.laws.law import ABSENT
from budget.curves.planning_forms.mixture import MixtureForm
from budget.curves.planning_forms.posynomial import Posynomial

SIZED = ("params", "tokens")
"""What one model's cost is made of: its size, and its tokens of all sources."""

AT_LARGEST = 1e-9
"""Distance of a log size from the largest one within which it is that."""


@dataclass(frozen=True)
class MixtureProblem:
    """The problem of one shared model in L scenarios.

    Attributes:
        floor: (L,) weighted mean of the floors, in the question's measure like all that follows.
        capacity: (L, T) logarithms of the weighted terms of size at ``n = 0``.
        alpha: (L, T) their exponents.
        data: (L, T) logarithms of the weighted terms of data at ``t = 0`` and effective share 1.
        beta: (L, T) their exponents.
        tau: (L, T, S) what a token of each source is worth to each task.
        least: the effective share of the tokens that every task must keep: the law is a sum down to it.
        cost: one cost over (n, t) in FLOPs, from the smallest model to the largest within the reach, or ``None`` where
            tokens are the budget and the size is given.
        budget: the total, or what of it can be spent within the reach.
        log_params: logarithm of the given size, NaN where the plan chooses it.
        limit: (S,) tokens that each source has, infinite where nothing is said.
    """

    floor: np.ndarray
    capacity: np.ndarray
    alpha: np.ndarray
    data: np.ndarray
    beta: np.ndarray
    tau: np.ndarray
    least: float
    cost: Posynomial | None
    budget: float
    log_params: float
    limit: np.ndarray

    def __len__(self) -> int:
        """The number L of scenarios."""
        return len(self.floor)

    @property
    def limited(self) -> bool:
        """Whether any source can run out."""
        return bool(np.isfinite(self.limit).any())

    @property
    def sized(self) -> bool:
        """Whether the plan chooses the size."""
        return self.cost is not None

    @property
    def branches(self) -> bool:
        """Whether the value over sizes may have several valleys: the tokens that a size leaves are cut off."""
        return self.limited and self.sized

    def take(self, pick: np.ndarray) -> "MixtureProblem":
        """The scenarios at the positions ``pick``, repeats allowed."""
        return MixtureProblem(
            self.floor[pick],
            self.capacity[pick],
            self.alpha[pick],
            self.data[pick],
            self.beta[pick],
            self.tau[pick],
            self.least,
            self.cost,
            self.budget,
            self.log_params,
            self.limit,
        )

    def tokens(self, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The logarithm of the tokens that the budget pays for at log sizes ``n`` (L,), and its slope in ``n``."""
        if self.cost is None:
            return np.full(len(n), np.log(self.budget)), np.zeros(len(n))
        cost = self.cost.take(np.zeros(len(n), dtype=int))
        u = last_input(cost, n[:, None], np.full(len(n), np.log(self.budget)))
        logs = cost.log_coef + np.einsum("lmi,li->lm", cost.exponent, u) - np.log(self.budget)
        slope = np.einsum("lm,lmi->li", np.exp(logs), cost.exponent)
        return u[:, 1], -slope[:, 0] / slope[:, 1]

    @property
    def sizes(self) -> tuple[float, float]:
        """Log sizes of the smallest model, and of the largest that the budget pays for on one token.

        Within the reach: of the smallest model that leaves no more tokens than that, and of the largest.
        """
        assert self.cost is not None and self.cost.domain is not None  # a given size is not searched
        log_budget, least = np.log([self.budget]), float(self.cost.domain[0, 0])
        most = float(largest_size(self.cost, log_budget)[0])
        if self.cost.ceiling is not None:
            most = max(min(most, float(self.cost.ceiling[0, 0])), least)
            if np.isfinite(self.cost.ceiling[0, 1]):
                short = size_at(self.cost, self.cost.ceiling[:, 1], log_budget, np.full(1, least))
                least = min(max(least, float(short[0])), most)
        return least, most

    def size_terms(self, n: np.ndarray) -> np.ndarray:
        """What is lost to finite size at log sizes ``n`` (L,): (L, T)."""
        return np.exp(np.minimum(self.capacity - self.alpha * n[:, None], 700.0))

    def data_terms(self, t: np.ndarray, effective: np.ndarray) -> np.ndarray:
        """What is lost to finite data with log tokens ``t`` (L,) and effective shares (L, T): (L, T)."""
        return np.exp(np.minimum(self.data - self.beta * (t[:, None] + np.log(effective)), 700.0))

    def value(self, n: np.ndarray, t: np.ndarray, effective: np.ndarray) -> np.ndarray:
        """The weighted mean of the measure: (L,)."""
        return self.floor + self.size_terms(n).sum(axis=1) + self.data_terms(t, effective).sum(axis=1)


def effective_share(tau: np.ndarray, share: np.ndarray, least: float) -> np.ndarray:
    """Each task's effective data over all tokens: linear down to the least share, then falling to 0.

    Args:
        tau: (..., T, S).
        share: (..., S) of shares that sum to 1.
        least: the share down to which the law is a sum, 0 where it always is.
    """
    total = np.einsum("...ts,...s->...t", tau, share)
    if least == 0:
        return total
    ratio = total / least
    return least * np.where(ratio > 1, ratio, 1 / (2 - np.minimum(ratio, 1.0)))


def sources_of(curves: Curves) -> tuple[str, ...]:
    """What a mixture is made of: the sources of the fitted mixtures, or each task's own tokens."""
    return curves.form.sources or curves.tasks


def law_inputs_at(curves: Curves, size: float, tokens: np.ndarray) -> np.ndarray:
    """The law's log inputs (T, I) of every task, for a model of a size trained on tokens (S,) of the sources."""
    tasks = len(curves.tasks)
    with np.errstate(divide="ignore"):
        logs = np.maximum(np.log(tokens), ABSENT)
    known = {"params": np.log(size), "task_tokens": logs, "n_tasks": np.log(tasks)}
    known |= dict(zip(curves.form.sources, logs, strict=False))
    return np.column_stack([np.broadcast_to(known[name], tasks) for name in curves.scale_columns])


def spend_on(blend: MixtureProblem, size: float, tokens: np.ndarray) -> float:
    """What one model of a size on tokens (S,) takes of the budget.

    A budget of FLOPs is used up even where sources end, since the size grows until it is, up to the largest within the
    reach; one of tokens may not be.
    """
    if blend.cost is None:
        return min(blend.budget, float(tokens.sum()))
    if np.log(size) < blend.sizes[1] - AT_LARGEST:
        return blend.budget
    return min(blend.budget, float(blend.cost.value(np.log([[size, tokens.sum()]]))[0]))


def objective_at(curves: Curves, spec: PlanSpec, log_inputs: np.ndarray) -> float:
    """The weighted mean of the measure at log inputs (T, I), as the reader sees it."""
    task = np.arange(len(curves.tasks))
    measure = spec.measure
    return measure.sign * float(spec.weight @ measure.of(task, curves.distance(task, log_inputs)))


def build_mixture_problem(curves: Curves, spec: PlanSpec, limit: np.ndarray, theta: np.ndarray) -> MixtureProblem:
    """The problem of a question in L scenarios; tasks of no weight are not in it.

    Args:
        curves: of a law of one model for several tasks.
        spec: see ``make_spec.plan_spec``.
        limit: (S,) tokens that each source has.
        theta: (L, T, P) working parameters of all the question's tasks.
    """
    counted = np.flatnonzero(spec.weight > 0)
    form = _mixing(curves, theta[:, counted], curves.reference[counted], counted, len(limit))
    return _blend(curves, spec, counted, spec.weight[counted], form, limit)


def build_subset_problems(curves: Curves, spec: PlanSpec, members: np.ndarray) -> MixtureProblem:
    """The problems of one model for each of Q subsets of k tasks by the point fit of law ``shared``, a scenario each.

    Args:
        curves: of T tasks.
        spec: about all of them.
        members: (Q, k) task positions.
    """
    count = members.shape[1]
    weight = spec.tasks.weight[members]
    weight = weight / weight.sum(axis=1, keepdims=True)
    form = _mixing(curves, curves.parameters[members], curves.reference[members], np.arange(count), count)
    return _blend(curves, spec, members, weight, form, np.full(count, np.inf))


def _mixing(curves: Curves, theta: np.ndarray, reference: np.ndarray, own: np.ndarray, sources: int) -> MixtureForm:
    law = curves.form
    assert law.mixing is not None  # plan_spec() sends no other law here
    return law.mixing(law, theta, reference, own, sources)


def _blend(
    curves: Curves,
    spec: PlanSpec,
    members: np.ndarray,
    weight: np.ndarray,
    form: MixtureForm,
    limit: np.ndarray,
) -> MixtureProblem:
    """The problems of tasks ``members`` (T,) or (L, T) with weights of the same shape."""
    measure = spec.measure
    log_weight = np.log(weight * measure.scale[members])
    sized = spec.unit == "flops"
    cost = _cost(curves, spec.reach) if sized else None
    largest = np.inf if cost is None else float(cost.at_ceiling[0])
    return MixtureProblem(
        floor=(form.floor * np.exp(log_weight)).sum(axis=-1) + (weight * measure.shift[members]).sum(axis=-1),
        capacity=form.capacity + log_weight,
        alpha=form.alpha,
        data=form.data + log_weight,
        beta=form.beta,
        tau=form.tau,
        least=form.least_share,
        cost=cost,
        budget=min(spec.budget, largest, largest_spend(curves, spec)),
        log_params=np.nan if spec.params is None else float(np.log(spec.params[0])),
        limit=limit,
    )


def largest_spend(curves: Curves, spec: PlanSpec) -> float:
    """The greatest spend within the reach of every task's runs."""
    return float(largest_spends(curves, spec.tasks, spec.unit, spec.reach, spec.prices).min())


def _cost(curves: Curves, reach: float) -> Posynomial:
    """The cost of one model over its size and all its tokens, from the smallest to the largest within the reach."""
    assert curves.cost is not None  # ask() refuses a FLOP budget without it
    # within reach of the runs of every task, whose law is one
    least = np.array([smallest_log(curves, name, reach).max() if name in curves.smallest else 0.0 for name in SIZED])
    cost = curves.cost.posynomial(1)
    if np.isinf(reach):
        return replace(cost, domain=least[None])
    most = np.log([reach * curves.largest[name].min() if name in curves.largest else np.inf for name in SIZED])
    return replace(cost, domain=np.minimum(least, most)[None], ceiling=most[None])
