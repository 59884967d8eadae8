"""The stated problem: which models are trained, what their tasks gain, what they cost, within which limits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from budget.curves.fitted import Curves
from budget.curves.posynomial import Posynomial
from budget.errors import AllocationError, InfeasibleError
from budget.tables.tasks import Tasks

STRATEGIES = ("specialists", "shared")
"""How a set of tasks is served: one training per task, or one model for all."""

UNITS = ("flops", "tokens", "x")
"""What a budget can be counted in."""


REACH = 1e40
"""Factor between the budget and the largest measured run beyond which a plan is refused as a mistake."""


@dataclass(frozen=True)
class Problem:
    """Minimize ``Σ_v value_v(u_v)`` over log inputs ``u`` and spends ``c``.

    Subject to ``c_v ≥ cost_v(u_v)``, ``Σ c ≤ budget`` and ``low ≤ c ≤ high``.

    Attributes:
        value: V weighted objectives, one a model, over I log inputs.
        cost: V costs in the budget's unit over the same inputs; every cost rises with its last input.
        budget: the total, in ``unit``.
        low: (V,) least spend, 0 where there is none.
        high: (V,) greatest spend, the budget where there is none.
    """

    value: Posynomial
    cost: Posynomial
    budget: float
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Question:
    """What the planner asks, before any curve is looked at.

    Attributes:
        tasks: weights, targets and limits of the T tasks.
        budget: the total.
        unit: one of ``UNITS``.
        strategy: one of ``STRATEGIES``.
        params: parameters of every model, where a token budget is split under a law of params and tokens.
    """

    tasks: Tasks
    budget: float
    unit: str
    strategy: str
    params: float | None = None

    @property
    def weight(self) -> np.ndarray:
        """(T,) weights that sum to 1."""
        return self.tasks.weight / self.tasks.weight.sum()

    @property
    def serves(self) -> np.ndarray:
        """(T,) position of the model that serves each task: one for all, or one each."""
        count = len(self.tasks.names)
        return np.zeros(count, dtype=int) if self.strategy == "shared" else np.arange(count)


def default_unit(inputs: Sequence[str]) -> str:
    """The unit that a law's inputs suggest: FLOPs where params and tokens are traded, else the law's own scale."""
    return inputs[0] if len(inputs) == 1 else "flops"


def ask(
    curves: Curves,
    tasks: Tasks,
    budget: float,
    *,
    unit: str | None = None,
    strategy: str | None = None,
    params: float | None = None,
) -> Question:
    """State a question about fitted curves, refusing what they cannot answer.

    Args:
        curves: usable curves of T tasks.
        tasks: wishes for the same tasks in the same order.
        budget: the total, positive.
        unit: one of ``UNITS``; by default what the law's inputs suggest.
        strategy: one of ``STRATEGIES``; by default ``shared`` where the runs are shared models.
        params: size of every model, for a token budget under a law of params and tokens.

    Raises:
        AllocationError: the unit does not fit the law, the metrics differ, or no run shows what the strategy reaches.
        InfeasibleError: the limits contradict the budget.
    """
    if not np.isfinite(budget) or budget <= 0:
        raise AllocationError(f"The budget is {budget:g}; give a positive number.")
    kinds = dict.fromkeys(zip(curves.metric, curves.higher_is_better.tolist(), strict=True))
    if len(kinds) > 1:
        names = ", ".join(f"{metric} ({'higher' if higher else 'lower'} is better)" for metric, higher in kinds)
        raise AllocationError(
            f"The weighted mean needs one metric, and these tasks have {names}; "
            f"fit the runs of one with --where metric={next(iter(kinds))[0]}."
        )
    unit = unit or default_unit(curves.inputs)
    strategy = strategy or ("shared" if curves.is_shared else "specialists")
    if strategy == "shared" and not curves.is_shared:
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
    if curves.higher_is_better[0] and curves.ceiling.max() >= 10 * curves.ceiling.min():
        raise AllocationError(
            f"The scores are in different units: best possible values from {curves.ceiling.min():g} to "
            f"{curves.ceiling.max():g}; bring them to one, or choose tasks with --where."
        )
    _refuse_unit(curves, unit, params)
    largest = float(curves.largest[unit].max())
    if not 1 / REACH <= budget / largest <= REACH:
        raise AllocationError(
            f"The budget is {budget:g} {unit} and the largest measured run {largest:.3g}: no law reaches from one to "
            "the other; give a budget nearer to the runs."
        )
    low, high = np.nan_to_num(tasks.min, nan=0.0), np.nan_to_num(tasks.max, nan=np.inf)
    if strategy == "shared" and (low.any() or np.isfinite(high).any()):
        raise AllocationError(
            "min and max limit the spend of one task, and one shared model has one spend; leave them out, or use "
            "--strategy specialists."
        )
    if low.sum() > budget * (1 + 1e-12):
        raise InfeasibleError(
            f"The minima in the tasks file sum to {low.sum():.6g} {unit}, above the budget of {budget:.6g}; "
            "raise the budget or lower them."
        )
    return Question(tasks, float(budget), unit, strategy, params)


def state(curves: Curves, question: Question, draw: int | None = None) -> Problem:
    """The problem of a question under the point fit or one draw.

    Args:
        curves: curves of the question's T tasks.
        question: what is asked.
        draw: position of the draw, or ``None`` for the point fit.
    """
    value = curves.posynomial(draw)
    if question.unit == "flops" and len(curves.inputs) == 2:
        assert curves.cost is not None  # ask() refuses curves without a cost law
        cost = curves.cost.posynomial(len(value))
    else:
        if len(curves.inputs) == 2:
            assert question.params is not None  # ask() refuses a token budget without it
            value = value.fix_input(0, np.full(len(value), np.log(question.params)))
        cost = Posynomial(np.zeros(len(value)), np.zeros((len(value), 1)), np.ones((len(value), 1, 1)))
    weight = question.weight
    value = Posynomial(weight * value.offset, value.log_coef + np.log(weight)[:, None], value.exponent)
    low, high = np.nan_to_num(question.tasks.min, nan=0.0), np.nan_to_num(question.tasks.max, nan=np.inf)
    if question.strategy == "shared":
        value = Posynomial(
            value.offset.sum(keepdims=True),
            value.log_coef.reshape(1, -1),
            value.exponent.reshape(1, -1, value.exponent.shape[2]),
        )
        cost, low, high = cost.take(np.array([0])), np.zeros(1), np.full(1, np.inf)
    return Problem(value, cost, question.budget, low, np.minimum(high, question.budget))


def _refuse_unit(curves: Curves, unit: str, params: float | None) -> None:
    if len(curves.inputs) == 1:
        if params is not None:
            raise AllocationError(f"--params has no meaning for a law of {curves.inputs[0]} alone; leave it out.")
        if curves.inputs[0] == "params":
            raise AllocationError(
                "These curves read params alone, which is no budget: fit again with --scale flops or --scale tokens."
            )
        if unit != curves.inputs[0]:
            raise AllocationError(
                f"These curves read {curves.inputs[0]}, so the budget is counted in it: use --unit {curves.inputs[0]}, "
                f"or fit again with --scale {unit}."
            )
        return
    if unit == "x":
        raise AllocationError("These curves read params and tokens: use --unit flops or --unit tokens.")
    if unit == "tokens" and params is None:
        raise AllocationError("A token budget needs the size of the models: give --params N, or use --unit flops.")
    if unit == "tokens" and params is not None and not (np.isfinite(params) and params > 0):
        raise AllocationError(f"--params is {params:g}; give a positive number of parameters.")
    if unit == "flops" and params is not None:
        raise AllocationError("--params fixes the size for a token budget; with --unit flops the plan chooses it.")
    if unit == "flops" and curves.cost is None:
        raise AllocationError("The runs file has no FLOPs and no params with tokens to cost a run; use --unit tokens.")
