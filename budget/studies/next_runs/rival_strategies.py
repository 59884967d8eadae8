"""Strategies that new runs help to choose between: one plan spec for all of them, on the tasks that all can serve.

Curves of different files come from independent fits. Each draw of the first file is paired with one of every other file
in a random order of its own, since fits of one seed share random numbers and equal places could tie them together.

See docs/decisions/086-several-strategies-one-decision.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import Measure
from budget.allocation.spec.plan_spec import PlanSpec, has_steps
from budget.curves.curves import Curves
from budget.curves.laws.table import LAWS
from budget.errors import AllocationError, DataError
from budget.numerics.streams import keys
from budget.numerics.words import listing
from budget.studies.next_runs.posterior import Observer
from budget.studies.next_runs.posterior_plans import PosteriorPlanner
from budget.studies.next_runs.run_grid import Runs, affordable, cheapest, groups_of
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.tables.strategy_runs import SPECIALIST
from budget.tables.tasks import TaskSettings

MIN_DRAWS = 20
"""Draws without which there is no posterior to speak of."""

MAX_DRAWS = 300
"""Draws that are used, evenly spaced: the work grows with their square."""


@dataclass(frozen=True)
class Strategy:
    """One way to serve the tasks, its plans, and the runs that would tell more of it.

    Attributes:
        name: what tells it from the others.
        curves: usable curves of T tasks whose B draws are all finite.
        spec: the plan that new runs are to improve.
        groups: positions of the tasks that one run measures, for each of G groups.
        runs: its candidates.
        planner: of the plan spec.
        observers: (G,) of the outcomes of runs.
    """

    name: str
    curves: Curves
    spec: PlanSpec
    groups: tuple[np.ndarray, ...]
    runs: Runs
    planner: PosteriorPlanner
    observers: tuple[Observer, ...]

    @classmethod
    def of(cls, name: str, curves: Curves, spec: PlanSpec, spend: float) -> "Strategy":
        """Prepare the plans of a spec, the candidates that a spend can pay for, and their observers."""
        groups = groups_of(curves)
        runs = affordable(curves, spec.tasks, groups, spend, spec.reach)
        observers = tuple(Observer.of(curves, group) for group in groups)
        return cls(name, curves, spec, tuple(groups), runs, PosteriorPlanner.of(curves, spec), observers)

    @property
    def one_model(self) -> bool:
        """Whether one training serves all tasks."""
        return self.spec.is_one_model


def strategy_of(curves: Curves, otherwise: str) -> str:
    """What a file's curves are of: the strategy of its runs, one model a task where it does not say, else a name."""
    if curves.strategy and curves.strategy not in SPECIALIST:
        return curves.strategy
    return otherwise if curves.is_shared else SPECIALISTS


def pooled(strategies: Sequence[Strategy]) -> Runs:
    """The candidates of all strategies, their groups numbered on from one strategy to the next."""
    runs = [strategy.runs for strategy in strategies]
    columns = tuple(dict.fromkeys(name for part in runs for name in part.columns))
    # groups are numbered on, since runs of different strategies teach of different curves
    first = np.cumsum([0, *(len(strategy.groups) for strategy in strategies[:-1])])
    return Runs(
        np.concatenate([part.group + start for part, start in zip(runs, first, strict=True)]),
        np.concatenate([_under(part, columns) for part in runs]),
        np.concatenate([part.cost for part in runs]),
        runs[0].unit,
        columns,
    )


def _under(runs: Runs, columns: tuple[str, ...]) -> np.ndarray:
    """Their inputs under the columns of all strategies."""
    wide = np.full((len(runs.cost), len(columns)), np.nan)
    wide[:, [columns.index(name) for name in runs.columns]] = runs.inputs
    return wide


def compete(
    curves: Mapping[str, Curves], tasks: TaskSettings, budget: float | None, spend: float, seed: int, **asked: Any
) -> tuple[tuple[Strategy, ...], tuple[str, ...]]:
    """State one plan spec for every strategy.

    Args:
        curves: strategy → its usable curves with joint draws.
        tasks: task settings for the tasks of the curves.
        budget: the total that will be planned.
        spend: what there is for new runs.
        seed: of the pairs of draws.
        asked: see ``make_spec.plan_spec``.

    Returns:
        The strategies, on the tasks that all of them have and the same number of draws; and what has to be said.

    Raises:
        AllocationError: a plan cannot be stated or is not convex, the spend buys no run, or the strategies cannot be
            compared.
        DataError: the curves have too few draws.
    """
    if len(curves) > 1 and asked.get("strategy") is not None:
        raise AllocationError("--strategy is for one curves file; each of several says itself what its runs are.")
    curves, notes = _on_common_tasks(curves)
    names = next(iter(curves.values())).tasks
    questions: dict[str, PlanSpec] = {}
    for name, mine in curves.items():
        task_settings, said = _applicable_settings(mine, tasks.select(names), len(curves) > 1)
        questions[name] = _question(curves, questions, name, task_settings, budget, **asked)
        notes += [note for note in said if note not in notes]
    drawn, unused = _with_draws(curves, seed)
    strategies = tuple(Strategy.of(name, drawn[name], spec, spend) for name, spec in questions.items())
    return strategies, (*notes, *unused, *_refused_spend(strategies, spend))


def _on_common_tasks(curves: Mapping[str, Curves]) -> tuple[dict[str, Curves], list[str]]:
    """The curves of the tasks that every strategy has, in the first one's order, and which are left out."""
    first = next(iter(curves.values()))
    if len(curves) == 1:
        return dict(curves), []
    common = [name for name in first.tasks if all(name in mine.tasks for mine in curves.values())]
    # on one task there is no split to compare
    if len(common) < 2:
        listed, words = " and ".join(curves), "task" if len(common) == 1 else "tasks"
        raise AllocationError(
            f"{listed} have {len(common)} usable {words} in common, and strategies are compared on at least 2; "
            "fit them to runs of the same tasks."
        )
    taken = {name: mine.take(np.array([mine.tasks.index(task) for task in common])) for name, mine in curves.items()}
    for task, name in enumerate(common):
        kinds = {each: (mine.metric[task], bool(mine.higher_is_better[task])) for each, mine in taken.items()}
        if len(set(kinds.values())) > 1:
            told = ", ".join(
                f"{metric} ({'higher' if higher else 'lower'} is better) under {each}"
                for each, (metric, higher) in kinds.items()
            )
            raise AllocationError(f"Task {name} is measured by {told}; fit all strategies to one metric.")
    every = dict.fromkeys(task for mine in curves.values() for task in mine.tasks)
    has = {task: [name for name, mine in curves.items() if task in mine.tasks] for task in every}
    left = [f"{task} (only {' and '.join(names)})" for task, names in has.items() if task not in common]
    notes = [f"Left out, since not every strategy has a usable curve of it: {', '.join(left)}."] if left else []
    notes += [
        f"One model of {name} is paid for in full, whatever other tasks it serves."
        for name, mine in curves.items()
        if mine.is_shared and len(mine.tasks) > len(common)
    ]
    return taken, notes


def _applicable_settings(curves: Curves, tasks: TaskSettings, several: bool) -> tuple[TaskSettings, tuple[str, ...]]:
    """The task settings that a strategy can heed: limits of a task's own spend are for tasks that have one."""
    if not (several and curves.is_shared) or not (np.isfinite(tasks.min).any() or np.isfinite(tasks.max).any()):
        return tasks, ()
    nothing = np.full(len(tasks.names), np.nan)
    return replace(tasks, min=nothing, max=nothing), (
        "Limits min and max of a task's spend hold for strategies with one model a task; a shared model has one spend.",
    )


def _question(
    curves: Mapping[str, Curves],
    before: Mapping[str, PlanSpec],
    name: str,
    task_settings: TaskSettings,
    budget: float | None,
    **asked: Any,
) -> PlanSpec:
    """What is asked of one strategy, its tasks measured as the first strategy's are."""
    mine = curves[name]
    if not before:
        spec = plan_spec(mine, task_settings, budget, **asked)
    else:
        first = next(iter(before.values()))
        spec = plan_spec(mine, task_settings, budget, **(asked | {"measure": first.measure.name}))
        spec = replace(spec, measure=_as_in(first.measure, curves[next(iter(before))], mine))
        if spec.unit != first.unit:
            raise AllocationError(
                f"The budget of {next(iter(before))} is counted in {first.unit} and that of {name} in "
                f"{spec.unit}; fit both with one --scale or law."
            )
    if has_steps(spec) or not mine.form.planning.is_convex:
        convex = listing([law.name for law in LAWS.values() if law.planning.is_convex])
        raise AllocationError(
            f"The next runs are valued for plans that are convex: of the laws {convex}, without checkpoints; fit again "
            "with one of these, or leave the checkpoints out."
        )
    return spec


def _as_in(measure: Measure, first: Curves, curves: Curves) -> Measure:
    """The first strategy's measure for distances that are counted from another fit's best scores."""
    # distances of scores are counted from a best score that each fit states for itself
    apart = np.where(curves.higher_is_better, first.ceiling - curves.ceiling, 0.0)
    return replace(measure, shift=measure.shift + measure.scale * apart)


def _with_draws(curves: Mapping[str, Curves], seed: int) -> tuple[dict[str, Curves], list[str]]:
    """The curves with the draws that are used, equally many, and what has to be said of the others."""
    whole = {
        name: np.isfinite(mine.draws).all(axis=(1, 2))
        & np.isfinite(mine.told.draws).all(axis=(1, 2))
        & np.isfinite(mine.noise).all(axis=1)
        for name, mine in curves.items()
    }
    count = min(MAX_DRAWS, *(int(fine.sum()) for fine in whole.values()))
    taken: dict[str, Curves] = {}
    notes = []
    for name, mine in curves.items():
        of, to = (f" of {name}", f"{name}: ") if len(curves) > 1 else ("", "")
        pick = np.flatnonzero(whole[name])
        if len(pick) < MIN_DRAWS:
            has = f"{len(pick)} draws" if len(pick) else "no draws (a point fit)"
            raise DataError(
                f"The curves{of} have {has}, and what a run would teach is read off at least {MIN_DRAWS}; fit again "
                "with --draws 200."
            )
        if len(pick) < len(mine.draws):
            notes.append(
                f"{to}{len(mine.draws) - len(pick)} of {len(mine.draws)} draws are no numbers and are not used."
            )
        if len(pick) > count:
            notes.append(f"{to}{count} of {len(pick)} draws are used.")
            # evenly spaced, not the first: draws may come in chains
            pick = pick[np.linspace(0, len(pick) - 1, count).astype(int)]
        # a strategy's scenarios are shuffled by its name, whether there is another or not: they have nothing in common
        pick = np.random.default_rng([seed, int(keys([name])[0])]).permutation(pick)
        taken[name] = _of_draws(mine, pick)
    return taken, notes


def _of_draws(curves: Curves, pick: np.ndarray) -> Curves:
    """The curves under some of their draws, by the law that plans read and by the one that predicts."""
    told = None if curves.prediction is None else _of_draws(curves.prediction, pick)
    every = {name: getattr(curves, name) for name in ("draws", "planned_draws", "noise", "drift")}
    chosen = {name: array[pick] for name, array in every.items() if array.size}  # most laws have no drift
    return replace(curves, link=None, prediction=told, **chosen)


def _refused_spend(strategies: Sequence[Strategy], spend: float) -> list[str]:
    """The strategies of which the spend buys no run; an error where it buys none at all."""
    units = dict.fromkeys(strategy.runs.unit for strategy in strategies)
    if len(units) > 1:
        raise AllocationError(f"Runs of these strategies cost {' and '.join(units)}; fit all with one --scale or law.")
    poor = {each.name: cheapest(each.curves, list(each.groups)) for each in strategies if len(each.runs.cost) == 0}
    unit = next(iter(units))
    if len(poor) == len(strategies):
        raise AllocationError(
            f"--spend {spend:g} buys no run: the cheapest of the measured sizes costs about "
            f"{min(poor.values()):.3g} {unit}; give at least that."
        )
    return [f"{name} has no run below {cost:.3g} {unit}, so none of it is a candidate." for name, cost in poor.items()]
