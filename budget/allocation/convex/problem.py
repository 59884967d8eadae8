"""The convex problem: which models are trained, what their tasks gain, what they cost, within which limits.

See docs/decisions/042-one-parameter-and-one-token.md,
docs/decisions/142-within-reach-of-the-runs.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from budget.allocation.spec.objectives import not_computed
from budget.allocation.spec.plan_spec import PlanSpec
from budget.allocation.spec.resources import cost_of, largest_spends, within_reach
from budget.allocation.spec.scenarios import Scenarios, scenarios_of
from budget.curves.curves import Curves
from budget.curves.planning_forms.form import PlanningForm
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError
from budget.tables.tasks import TaskSettings


@dataclass(frozen=True)
class Resource:
    """A further unit that is counted.

    Attributes:
        unit: its name.
        cost: what each of V models takes of it.
        budget: the total, infinity where only limits speak of it.
    """

    unit: str
    cost: Posynomial
    budget: float


@dataclass(frozen=True)
class LinearConstraint:
    """One linear limit ``Σ_v coefficient_v · given_v ≤ most`` on what V models are given.

    Attributes:
        name: what the reader calls it, such as ``max of limit 'speech'``.
        resource: 0 for the budget's unit, r for the r-th further resource.
        coefficient: (V,).
        upper: its right side.
        is_minimum: whether the reader stated a least amount.
    """

    name: str
    resource: int
    coefficient: np.ndarray
    upper: float
    is_minimum: bool = False

    @property
    def sign(self) -> float:
        """−1 where the reader stated a minimum, whose sides stand here with their signs turned."""
        return -1.0 if self.is_minimum else 1.0


@dataclass(frozen=True)
class Problem:
    """Minimize the sum, or the largest, of T values over log inputs ``u`` and spends ``c`` of V models.

    Subject to ``c_v ≥ cost_v(u_v)``, ``domain_v ≤ u_v ≤ ceiling_v``, ``Σ c ≤ budget`` and ``low ≤ c ≤ high``; likewise
    for every further resource, whose allotted amounts and the spends obey the ``rows``.

    Attributes:
        value: T weighted measures over I log inputs of the model that serves the task: one each, or one for all. For
            the cheapest plan they are counted from the targets.
        cost: V costs in the budget's unit over the same inputs, from the smallest model on (``cost.domain``); every
            cost rises with its last input.
        budget: the total, in the unit.
        low: (V,) least spend, 0 where there is none: a stated minimum, or what the smallest model takes.
        high: (V,) greatest spend, the budget where there is none.
        further: further resources.
        rows: linear limits.
        names: (V,) what the models are called in sentences.
        reach: (V,) greatest spends within the reach, ``None`` where there is none; ``high`` is no greater.
    """

    value: PlanningForm
    cost: Posynomial
    budget: float
    low: np.ndarray
    high: np.ndarray
    further: tuple[Resource, ...] = ()
    rows: tuple[LinearConstraint, ...] = ()
    names: tuple[str, ...] = ()
    reach: np.ndarray | None = None

    @property
    def is_plain(self) -> bool:
        """Whether one budget and each model's own ends are all that limits the plan."""
        return not (self.further or self.rows)

    @property
    def smallest(self) -> np.ndarray:
        """(V,) what the smallest model takes."""
        return self.cost.at_domain

    @property
    def by_model(self) -> PlanningForm:
        """V functions: the sum of the values that each model serves."""
        if len(self.value) == len(self.cost):
            return self.value
        return self.value.summed

    @property
    def serves(self) -> np.ndarray:
        """(T,) the model of each task."""
        return np.arange(len(self.value)) if len(self.value) == len(self.cost) else np.zeros(len(self.value), dtype=int)


def build_problem(curves: Curves, spec: PlanSpec) -> Problem:
    """The problem of a question under the point fit.

    Args:
        curves: curves of the question's T tasks.
        spec: what is asked.

    Raises:
        AllocationError: the law has no convex program, or the objective none.
    """
    tasks = spec.tasks
    names = dict.fromkeys((*spec.further, *(limit.unit for limit in spec.limits if limit.unit)))
    units = [spec.unit, *(name for name in names if name != spec.unit)]
    costs = [planned_cost(curves, spec, unit) for unit in units]
    low, high = spec.own_limits
    if spec.is_one_model:
        low, high = np.zeros(1), np.full(1, np.inf)
    reach = reach_of_models(curves, spec, costs[0])
    if not spec.is_one_model:  # a share that is kept goes no further than anything else
        low = np.where(spec.is_held, np.minimum(low, reach), low)
    return Problem(
        _weighted(curves, spec, scenarios_of(curves, tasks)).values,
        costs[0],
        spec.budget,
        np.maximum(low, costs[0].at_domain),
        np.minimum(np.minimum(high, reach), spec.budget),
        tuple(
            Resource(unit, cost, spec.further.get(unit, np.inf))
            for unit, cost in zip(units[1:], costs[1:], strict=True)
        ),
        _rows(spec, units),
        ("the model",) if spec.is_one_model else tasks.names,
        None if np.isinf(spec.reach) else reach,
    )


def reach_of_models(curves: Curves, spec: PlanSpec, cost: Posynomial) -> np.ndarray:
    """(V,) the greatest spends within the reach: of the spend itself, or what the largest model costs.

    Args:
        curves: of the question's T tasks.
        spec: what is asked.
        cost: V costs in the budget's unit, up to the largest models.
    """
    tasks = one_model(spec.tasks, spec.unit) if spec.is_one_model else spec.tasks
    measured = largest_spends(curves, tasks, spec.unit, spec.reach, spec.prices)
    if spec.is_one_model:
        measured = measured.min(keepdims=True)
    return np.minimum(measured, cost.at_ceiling)


def build_problems(curves: Curves, spec: PlanSpec, draws: Sequence[int]) -> list[Problem]:
    """The problems of a question under some draws: they differ in their values only.

    Args:
        curves: curves of the question's T tasks.
        spec: what is asked.
        draws: their positions.
    """
    if not draws:
        return []
    problem = build_problem(curves, spec)
    drawn = _weighted(curves, spec, scenarios_of(curves, spec.tasks, draws))
    return [replace(problem, value=drawn.scenario(at)) for at in range(len(draws))]


def _weighted(curves: Curves, spec: PlanSpec, scenarios: Scenarios) -> Scenarios:
    """Distances as what the objective adds up: measured, weighted, and of a given size where the plan chooses none."""
    if not curves.form.planning.has_tangents:
        raise not_computed("law", curves.law)
    if spec.objective.convex is None:
        raise not_computed("objective", spec.objective.name)
    measure = spec.measure
    target = measure.of_value(curves, np.arange(len(measure.scale)), spec.tasks.target)
    of_measure, constant = spec.objective.convex(spec.objective_weight, target)
    factor, shift = measure.scale * of_measure, measure.shift * of_measure + constant
    scenarios = scenarios.scaled(factor, shift)
    return scenarios if spec.params is None else scenarios.fix_input(0, np.log(spec.params))


def sized_values(curves: Curves, spec: PlanSpec, draws: Sequence[int] | None = None) -> Scenarios:
    """What the size of each of V models is chosen by: the weighted measure of the tasks it serves, but for constants.

    Args:
        curves: curves of the question's T tasks, of any law of one task at a time.
        spec: what is asked.
        draws: positions of the draws that are the scenarios; the point fit alone where ``None``.
    """
    scale = spec.measure.scale * spec.weight
    scenarios = scenarios_of(curves, spec.tasks, draws).scaled(scale, np.zeros(len(scale)))
    if spec.params is not None:
        scenarios = scenarios.fix_input(0, np.log(spec.params))
    if not spec.is_one_model:
        return scenarios
    return Scenarios.of([scenarios.scenario(at).summed for at in range(len(scenarios))])


def planned_cost(curves: Curves, spec: PlanSpec, unit: str) -> Posynomial:
    """What each of V models takes of a unit, over the log inputs that the plan chooses."""
    shared = spec.is_one_model
    cost = cost_of(curves, one_model(spec.tasks, unit) if shared else spec.tasks, unit, spec.prices)
    cost = within_reach(curves, cost, spec.reach, is_shared=shared)
    if spec.params is not None:
        cost = cost.fix_input(0, np.log(spec.params))
    return cost.take(np.array([0])) if shared else cost


def one_model(tasks: TaskSettings, unit: str) -> TaskSettings:
    """The task settings of tasks that one model serves: what it will serve adds up, its data have one price.

    Args:
        tasks: their own task settings.
        unit: what is counted; only money reads the price.

    Raises:
        AllocationError: the prices differ.
    """
    if unit == "money" and np.ptp(np.nan_to_num(tasks.unit_cost, nan=-1.0)) > 0:
        raise AllocationError(
            "The tasks have different unit_cost, and one shared model is trained on one mixture of data; give one "
            "unit_cost, or use --strategy specialists."
        )
    return replace(tasks, served_tokens=np.full(len(tasks.names), np.nansum(tasks.served_tokens)))


def _rows(spec: PlanSpec, units: Sequence[str]) -> tuple[LinearConstraint, ...]:
    rows = []
    for limit in spec.limits:
        resource = units.index(limit.unit) if limit.unit else 0
        coefficient = limit.coefficient
        if np.isfinite(limit.upper):
            rows.append(LinearConstraint(f"max of limit '{limit.name}'", resource, coefficient, limit.upper))
        if np.isfinite(limit.lower):
            rows.append(LinearConstraint(f"min of limit '{limit.name}'", resource, -coefficient, -limit.lower, True))
    return tuple(rows)
