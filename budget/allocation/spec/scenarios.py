"""What a planner is handed: every scenario's value of every task, as functions of the log inputs that a plan chooses.

A scenario is one possible world, all tasks' curves in one joint draw. The point fit is one scenario, the draws of a fit
are B of them, and whatever else predicts values (a posterior, a law with its own error beside it) comes in as functions
with the methods of ``PlanningForm``: nothing here asks which law they are of.

Axis order: scenario B, function V (a task, or a model that serves several), term K, log input I.

See docs/decisions/121-scenarios-are-one-door.md.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np

from budget.allocation.spec.resources import smallest_inputs
from budget.curves.curves import Curves
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.tables.tasks import TaskSettings

BEND_STEP = 1e-4
"""Step of the differences behind the terms' second derivatives, in logarithms."""


@dataclass(frozen=True)
class Tangents:
    """B scenarios of V posynomials ``offset_bv + Σ_k exp(log_coef_bvk + exponent_bvk · u_v)``.

    Attributes:
        offset: (B, V).
        log_coef: (B, V, K).
        exponent: (B, V, K, I).
    """

    offset: np.ndarray
    log_coef: np.ndarray
    exponent: np.ndarray

    def terms(self, u: np.ndarray) -> np.ndarray:
        """Each term's value at log inputs ``u`` (V, I): shape (B, V, K)."""
        return np.exp(self.log_coef + np.einsum("bvki,vi->bvk", self.exponent, u))

    def mixed(self, weight: np.ndarray) -> Posynomial:
        """V functions ``Σ_b weight_b·value_b`` of all scenarios' terms, for weights (B,), but those of weight 0."""
        used = np.flatnonzero(weight)
        models, inputs = self.offset.shape[1], self.exponent.shape[3]
        logs = self.log_coef[used] + np.log(weight[used])[:, None, None]
        return Posynomial(
            weight[used] @ self.offset[used],
            logs.transpose(1, 0, 2).reshape(models, -1),
            self.exponent[used].transpose(1, 0, 2, 3).reshape(models, -1, inputs),
        )


@dataclass(frozen=True)
class Scenarios:
    """B scenarios of V functions; a plan of log inputs ``u`` (V, I) is worth ``X_b(u) = Σ_v value_bv(u_v)`` in each.

    Attributes:
        count: their number B.
        values: B·V functions, scenario after scenario.
        domain: (V, I) the least log inputs there are (one parameter, one token), ``None`` where there is no least.
    """

    count: int
    values: PlanningForm
    domain: np.ndarray | None = None

    @classmethod
    def of(cls, forms: Sequence[PlanningForm]) -> "Scenarios":
        """B scenarios of the same V functions, each given by itself: forms of one kind."""
        return cls(len(forms), _joined(forms))

    def __len__(self) -> int:
        """The number B of scenarios."""
        return self.count

    @property
    def models(self) -> int:
        """The number V of functions of each scenario."""
        return len(self.values) // self.count

    @property
    def is_convex(self) -> bool:
        """Whether every function falls in each log input and is convex in all of them."""
        return self.values.is_convex

    @property
    def floors(self) -> np.ndarray:
        """(B,) sums of the offsets: what no plan passes."""
        return self.values.offset.reshape(self.count, -1).sum(axis=1)

    @property
    def known(self) -> np.ndarray:
        """(B,) whether every number of a scenario is one."""
        arrays = [part.reshape(self.count, -1) for part in _arrays(self.values)]
        return ~np.any([np.isnan(part).any(axis=1) for part in arrays], axis=0)

    def scenario(self, at: int) -> PlanningForm:
        """The V functions of one scenario."""
        return self.values.take(at * self.models + np.arange(self.models))

    def take(self, pick: np.ndarray) -> "Scenarios":
        """The scenarios at the positions ``pick``."""
        functions = (pick[:, None] * self.models + np.arange(self.models)).ravel()
        return replace(self, count=len(pick), values=self.values.take(functions))

    def scaled(self, factor: np.ndarray, shift: np.ndarray) -> "Scenarios":
        """Every scenario's functions times positive factors (V,), plus shifts (V,)."""
        return replace(self, values=self.values.scaled(np.tile(factor, self.count), np.tile(shift, self.count)))

    def fix_input(self, which: int, u: np.ndarray) -> "Scenarios":
        """The same with input ``which`` held at log values ``u`` (V,) in every scenario."""
        domain = None if self.domain is None else np.delete(self.domain, which, axis=1)
        return replace(self, values=self.values.fix_input(which, np.tile(u, self.count)), domain=domain)

    def value(self, u: np.ndarray) -> np.ndarray:
        """Each function's value at log inputs ``u`` (V, I): shape (B, V)."""
        return self.values.value(self._everywhere(u)).reshape(self.count, -1)

    def gradient(self, u: np.ndarray) -> np.ndarray:
        """Derivatives in the log inputs at ``u`` (V, I): shape (B, V, I)."""
        return self.values.gradient(self._everywhere(u)).reshape(self.count, *u.shape)

    def hessian(self, u: np.ndarray) -> np.ndarray:
        """Second derivatives in the log inputs at ``u`` (V, I): shape (B, V, I, I)."""
        return self.values.hessian(self._everywhere(u)).reshape(self.count, *u.shape, u.shape[1])

    def at(self, u: np.ndarray) -> Tangents:
        """Posynomials below the values that touch them at log inputs ``u`` (V, I), or are them."""
        local = self.values.tangent(self._everywhere(u))
        parts = (local.offset, local.log_coef, local.exponent)
        return Tangents(*(part.reshape(self.count, len(u), *part.shape[1:]) for part in parts))

    def bend(self, u: np.ndarray) -> np.ndarray | None:
        """Second derivatives (B, V, K, I, I) of the terms' logarithms, or ``None`` where they are linear.

        By differences of the slopes, which a kink only makes large; what is not convex of them is rounding.
        """
        if isinstance(self.values, Posynomial):
            return None
        sides = [(self.at(u + step).exponent, self.at(u - step).exponent) for step in BEND_STEP * np.eye(u.shape[1])]
        bend = np.stack([(beyond - before) / (2 * BEND_STEP) for beyond, before in sides], axis=-1)
        size, along = np.linalg.eigh(0.5 * (bend + bend.swapaxes(-1, -2)))
        return (along * np.maximum(size, 0.0)[..., None, :]) @ along.swapaxes(-1, -2)

    def totals(self, u: np.ndarray) -> np.ndarray:
        """``X_b(u)`` at log inputs ``u`` (V, I): shape (B,)."""
        return self.floors + self.at(u).terms(u).sum(axis=(1, 2))

    def _everywhere(self, u: np.ndarray) -> np.ndarray:
        return np.tile(u, (self.count, 1))


def _joined(forms: Sequence[Any]) -> Any:
    """Forms of one kind after one another: their arrays joined, and likewise those of the forms they are made of."""
    changes: dict[str, Any] = {}
    for each in fields(forms[0]):
        parts = [getattr(form, each.name) for form in forms]
        if isinstance(parts[0], np.ndarray):
            changes[each.name] = np.concatenate(parts)
        elif is_dataclass(parts[0]):
            changes[each.name] = _joined(parts)
    return replace(forms[0], **changes)


def _arrays(form: Any) -> Iterator[np.ndarray]:
    """The arrays that a form and the forms it is made of consist of."""
    for each in fields(form):
        part = getattr(form, each.name)
        if isinstance(part, np.ndarray):
            yield part
        elif is_dataclass(part):
            yield from _arrays(part)


def scenarios_of(curves: Curves, tasks: TaskSettings, draws: Sequence[int] | None = None) -> Scenarios:
    """Each task's distance to its best over the log inputs that a plan chooses: the one door from curves to a planner.

    Args:
        curves: of T tasks.
        tasks: their settings, where the law reads any of them (its data before repeats).
        draws: positions of the draws that are the scenarios; the point fit alone where ``None``.
    """
    theta = curves.parameters[None] if draws is None else curves.draws[np.asarray(draws, dtype=int)]
    count = len(theta)
    form = curves.form.planning_form(
        theta.reshape(count * len(curves.tasks), -1),
        np.tile(curves.reference, (count, 1)),
        np.tile(curves.given_inputs(tasks), (count, 1)),
    )
    return Scenarios(count, form, smallest_inputs(curves))
