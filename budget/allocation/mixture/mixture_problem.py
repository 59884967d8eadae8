"""One model for several tasks: the stated problem over its size and the shares of its tokens.

With size ``N = e^n``, tokens ``D = e^t`` in all and shares ``s`` of the sources,

    value(n, t, s) = floor + Σ_i exp(capacity_i − α_i·n) + Σ_i exp(data_i − β_i·(t + log Σ_j τ_ij·s_j)).

Where effective data are a sum, ``−log Σ_j τ_ij·s_j`` is convex in ``s`` whatever the signs of τ, so every term is the
exponential of a convex function: the value is convex in ``(n, t, s)`` jointly, and so is ``cost(n, t) ≤ budget``. One
task's own tokens alone (τ the identity) are the law of several tasks, a geometric program.

Axis order: scenario L (the point fit or a draw), task T, source S.
"""

from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.convex.best_size import largest_size, last_input
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import smallest_log
from budget.curves.curves import Curves
from budget.curves.laws.law import ABSENT
from budget.curves.planning_forms.mixture import MixtureForm
from budget.curves.planning_forms.posynomial import Posynomial


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
        cost: one cost over (n, t) in FLOPs, or ``None`` where tokens are the budget and the size is given.
        budget: the total.
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
        """Log sizes of the smallest model, and of the largest that the budget pays for on one token."""
        assert self.cost is not None and self.cost.domain is not None  # a given size is not searched
        return float(self.cost.domain[0, 0]), float(largest_size(self.cost, np.log([self.budget]))[0])

    def cost_of_size(self, n: np.ndarray) -> np.ndarray:
        """What a relative unit more of size costs at log sizes ``n`` (L,) and the tokens that are left: (L,)."""
        assert self.cost is not None  # a given size is not paid for
        u = np.column_stack([n, self.tokens(n)[0]])
        return self.cost.take(np.zeros(len(n), dtype=int)).gradient(u)[:, 0]

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


def spend_on(spec: PlanSpec, tokens: np.ndarray) -> float:
    """What one model on tokens (S,) takes of the budget.

    A budget of FLOPs is used up even where sources end, since the size grows until it is; one of tokens may not be.
    """
    return min(spec.budget, float(tokens.sum())) if spec.unit == "tokens" else spec.budget


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
    return MixtureProblem(
        floor=(form.floor * np.exp(log_weight)).sum(axis=-1) + (weight * measure.shift[members]).sum(axis=-1),
        capacity=form.capacity + log_weight,
        alpha=form.alpha,
        data=form.data + log_weight,
        beta=form.beta,
        tau=form.tau,
        least=form.least_share,
        cost=_cost(curves) if sized else None,
        budget=spec.budget,
        log_params=np.nan if spec.params is None else float(np.log(spec.params[0])),
        limit=limit,
    )


def _cost(curves: Curves) -> Posynomial:
    """The cost of one model over its size and all its tokens, from one parameter and one token on."""
    assert curves.cost is not None  # ask() refuses a FLOP budget without it
    least = (
        smallest_log(curves, "params")[:1],
        smallest_log(curves, "tokens")[:1] if "tokens" in curves.smallest else np.zeros(1),
    )
    return replace(curves.cost.posynomial(1), domain=np.column_stack(least))
