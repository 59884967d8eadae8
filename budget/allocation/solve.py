"""From curves and a question to a plan with its certificate."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.allocation.baselines import TOKENS_PER_PARAMETER, baseline_splits, rule_of_thumb, to_budget
from budget.allocation.certificate import AT_LIMIT, Certificate, certify
from budget.allocation.polish import polish
from budget.allocation.problem import Problem, Question, state
from budget.allocation.program import Program
from budget.allocation.result import Baseline, Plan
from budget.allocation.size import best_inputs
from budget.curves.fitted import INTERVAL, Curves
from budget.errors import SolverError

FAR = 3.0
"""Factor outside the measured range beyond which a plan says that it extrapolates."""


@dataclass(frozen=True)
class Optimum:
    """The solved problem.

    Attributes:
        u: (V, I) log inputs.
        spend: (V,) spends; they sum to the budget unless every model is at its maximum.
        certificate: bound and prices.
        solver: which solver answered.
        status: its own word.
    """

    u: np.ndarray
    spend: np.ndarray
    certificate: Certificate
    solver: str
    status: str


def solve(problem: Problem, program: Program | None = None) -> Optimum:
    """Solve a problem: the split by the convex program, polished onto the budget, then each model's best inputs.

    Args:
        problem: the stated problem.
        program: a compiled program of the problem's shape, to save compiling again.

    Raises:
        SolverError: the solver stopped without an optimum.
    """
    if is_trivial(problem):
        u = best_inputs(problem.value, problem.cost, problem.high)
        return Optimum(u, problem.high.copy(), certify(problem, u, problem.high), "bisection", "optimal")
    answer = (program or Program(problem)).solve(problem)
    least = 1e-12 * problem.budget / len(problem.value)
    spend = polish(problem, to_budget(np.maximum(answer.spend, least), problem))
    u = best_inputs(problem.value, problem.cost, spend)
    if not (np.isfinite(spend).all() and np.isfinite(u).all()):
        raise SolverError("The numbers of this problem span too many orders; bring weights and budget closer together.")
    return Optimum(u, spend, certify(problem, u, spend), answer.solver, answer.status)


def is_trivial(problem: Problem) -> bool:
    """Whether there is nothing to split: one model, or maxima that do not reach the budget."""
    return bool(problem.high.sum() <= problem.budget)


def allocate(
    curves: Curves,
    question: Question,
    *,
    progress: Callable[[int, int], None] | None = None,
    draws: bool = True,
) -> Plan:
    """The optimal plan for a question.

    Args:
        curves: usable curves of the question's T tasks, in its order.
        question: see ``problem.ask``.
        progress: called with (draws done, draws in all).
        draws: whether to solve again for every draw, which gives ``spend_low`` and ``spend_high``.

    Returns:
        The plan, its certificate, its baselines and what it cannot promise.

    Raises:
        SolverError: the solver stopped without an optimum.
    """
    problem = state(curves, question)
    program = None if is_trivial(problem) else Program(problem)
    best = solve(problem, program)
    serves = question.serves
    spend = best.spend[serves]
    tasks = np.arange(len(curves.tasks))
    inputs = law_inputs_of(curves, question, best.u[serves])
    predicted, low, high = curves.predict(tasks, inputs)
    spends, worlds, failed = _over_draws(curves, question, program, progress if draws else None, draws)
    spend_low, spend_high = _interval(spends, best.spend)
    beyond = _beyond(curves, question, spend, np.exp(inputs))
    higher = bool(curves.higher_is_better[0])
    ceiling = float((question.weight * curves.ceiling).sum()) if higher else 0.0
    bound = best.certificate.bound
    return Plan(
        question=question,
        metric=curves.metric[0],
        higher_is_better=higher,
        hypothetical_tasks=curves.shared & (question.strategy == "specialists"),
        spend=spend,
        spend_low=spend_low[serves],
        spend_high=spend_high[serves],
        params=_input(curves, inputs, "params"),
        tokens=_input(curves, inputs, "tokens"),
        predicted=predicted,
        low=low,
        high=high,
        marginal=best.certificate.marginal[serves],
        binding=_binding(problem, best.spend, serves),
        extrapolation=spend / curves.largest[question.unit],
        beyond=beyond,
        status=curves.status,
        objective=float((question.weight * predicted).sum()),
        bound=ceiling - bound if higher else bound,
        shadow_price=best.certificate.shadow_price,
        solver=best.solver,
        solver_status=best.status,
        failed_draws=failed,
        baselines=_baselines(curves, question, problem, serves),
        inputs=_ranges(curves, question, worlds),
        notes=_notes(curves, question, best, beyond, failed),
    )


def law_inputs_of(curves: Curves, question: Question, u: np.ndarray) -> np.ndarray:
    """The law's log inputs (T, I) from a problem's: a token budget's problem has the fixed params left out."""
    if u.shape[1] == len(curves.inputs):
        return u
    assert question.params is not None  # only a fixed size removes an input
    return np.column_stack([np.full(len(u), np.log(question.params)), u])


def _over_draws(
    curves: Curves,
    question: Question,
    program: Program | None,
    progress: Callable[[int, int], None] | None,
    wanted: bool,
) -> tuple[np.ndarray, np.ndarray, int]:
    """The best plan in every draw's world: spends (B', V), log inputs (B', V, I), and how many draws failed."""
    spends, inputs, failed = [], [], 0
    count = len(curves.draws) if wanted else 0
    for draw in range(count):
        problem = state(curves, question, draw)
        try:
            if program is None:
                spend = problem.high.copy()
            else:
                spend = to_budget(np.maximum(program.solve(problem).spend, 1e-12 * problem.budget), problem)
            spends.append(spend)
            inputs.append(best_inputs(problem.value, problem.cost, spend))
        except SolverError:
            failed += 1
        if progress is not None:
            progress(draw + 1, count)
    return np.array(spends), np.array(inputs), failed


def _interval(spends: np.ndarray, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(spends) == 0:
        return np.full_like(point, np.nan), np.full_like(point, np.nan)
    low, high = np.percentile(spends, INTERVAL, axis=0)
    return np.minimum(low, point), np.maximum(high, point)


def _input(curves: Curves, inputs: np.ndarray, name: str) -> np.ndarray:
    if name in curves.inputs:
        return np.exp(inputs[:, curves.inputs.index(name)])
    return np.full(len(inputs), np.nan)


def _binding(problem: Problem, spend: np.ndarray, serves: np.ndarray) -> tuple[str, ...]:
    words = np.full(len(spend), "budget", dtype=object)
    words[(spend <= problem.low * (1 + AT_LIMIT)) & (problem.low > 0)] = "min"
    words[spend >= problem.high * (1 - AT_LIMIT)] = "max"
    words[spend >= problem.budget * (1 - AT_LIMIT)] = "budget"
    return tuple(words[serves])


def _baselines(curves: Curves, question: Question, problem: Problem, serves: np.ndarray) -> tuple[Baseline, ...]:
    plans = {
        name: (spend, best_inputs(problem.value, problem.cost, spend))
        for name, spend in baseline_splits(question, problem).items()
    }
    if question.strategy == "shared" and problem.value.exponent.shape[2] == 2:
        plans[f"{TOKENS_PER_PARAMETER:g} tokens per parameter"] = (problem.high, rule_of_thumb(problem))
    result = []
    for name, (spend, u) in plans.items():
        predicted, _, _ = curves.predict(np.arange(len(serves)), law_inputs_of(curves, question, u[serves]))
        result.append(Baseline(name, float((question.weight * predicted).sum()), spend[serves], predicted))
    return tuple(result)


def _ranges(curves: Curves, question: Question, worlds: np.ndarray) -> dict[str, tuple[float, float]]:
    """80 % range over the draws of one shared model's inputs."""
    if question.strategy != "shared" or len(worlds) == 0:
        return {}
    names = [name for name in curves.inputs if not (name == "params" and question.params is not None)]
    low, high = np.exp(np.percentile(worlds[:, 0], INTERVAL, axis=0))
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}


def _beyond(curves: Curves, question: Question, spend: np.ndarray, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """How far each planned scale lies outside what was measured of its task: scale → (T,) factors.

    1 inside the measured range, above 1 over the largest, below 1 under the smallest.
    """
    planned = {question.unit: spend} | {name: inputs[:, i] for i, name in enumerate(curves.inputs)}
    return {
        name: values / np.clip(values, curves.smallest[name], curves.largest[name]) for name, values in planned.items()
    }


def _notes(
    curves: Curves, question: Question, best: Optimum, beyond: dict[str, np.ndarray], failed: int
) -> tuple[str, ...]:
    notes = []
    unseen = [name for name, shared in zip(curves.tasks, curves.shared, strict=True) if shared]
    if question.strategy == "specialists" and unseen:
        whose = "" if curves.shared.all() else f" for {', '.join(unseen)}"
        notes.append(
            f"Hypothetical{whose}: the runs are of shared models, so nobody measured a specialist; "
            "the split reads one training per task off a generalist's curves."
        )
    if best.spend.sum() < question.budget * (1 - 1e-9):
        notes.append(
            f"{question.budget - best.spend.sum():.4g} {question.unit} stay unspent: every task is at its max."
        )
    for name, factors in beyond.items():
        over, under = int(factors.argmax()), int(factors.argmin())
        if factors[over] > FAR:
            notes.append(
                f"The plan goes to {factors[over]:.3g} times the largest measured {name}{_of(curves, question, over)}: "
                "predictions there rest on the law."
            )
        if factors[under] < 1 / FAR:
            notes.append(
                f"The plan goes down to {factors[under]:.3g} of the smallest measured {name}"
                f"{_of(curves, question, under)}: predictions there rest on the law."
            )
    if failed:
        notes.append(
            f"{failed} of {len(curves.draws)} draws could not be planned and are not in the spends' intervals."
        )
    if question.unit == "flops" and curves.cost is not None and curves.cost.assumed:
        notes.append("Costs are 6·N·D, since the file counts no FLOPs.")
    return tuple(notes)


def _of(curves: Curves, question: Question, task: int) -> str:
    """The task in brackets, where models differ from task to task."""
    return "" if question.strategy == "shared" or len(curves.tasks) == 1 else f" ({curves.tasks[task]})"
