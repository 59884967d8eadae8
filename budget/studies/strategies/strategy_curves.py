"""Every way in which a file's runs served their tasks, fitted: the curves that strategies are compared by.

A task that was measured alone, in a generalist of four and in one of twelve has three curves. All curves of a strategy
are fitted in one batch, so that exponents are pooled over them and draws are joint; each strategy has its own cost law,
for a routed model's FLOPs are not a dense model's.

See docs/decisions/079-curves-of-a-strategy-per-set.md,
docs/decisions/154-told-of-curves-that-pass.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from budget.allocation.plan.plan_warnings import curve_warnings
from budget.curves.curves import Curves
from budget.curves.predictive.surfaces.ahead import shared_models_follow
from budget.errors import DataError
from budget.studies.focus.sharing_effects import measured_of, pair_effects
from budget.studies.strategies.measured_experts import MeasuredExperts
from budget.tables.checks.best_values import score_ceilings
from budget.tables.runs import Runs
from budget.tables.strategy_runs import SPECIALIST, StrategyRuns


@dataclass(frozen=True)
class StrategyCurves:
    """A set of tasks and the curves it follows under one strategy.

    Attributes:
        strategy: the file's word for it; ``specialists`` for one model each.
        curves: of the tasks that have one, in the file's order.
        missing: tasks of the set without a usable curve, and why, one sentence each.
        built: how its measured models are built, where it has one model of experts.
    """

    strategy: str
    curves: Curves
    missing: tuple[str, ...] = ()
    built: MeasuredExperts = field(default_factory=MeasuredExperts)

    @property
    def one_model(self) -> bool:
        """Whether one training serves all its tasks."""
        return self.strategy != SPECIALISTS

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks served."""
        return self.curves.tasks


ALONE = StrategyRuns(SPECIALIST[0], ())

PAIR_DRAWS = 200
"""Draws of what pairs of tasks do to each other."""

MOST_WARNINGS = 6
"""Warnings that are said before the others are counted."""

SPECIALISTS = "specialists"
"""The strategy that trains one model a task."""


@dataclass(frozen=True)
class FittedStrategies:
    """All that a file's runs say about strategies.

    Attributes:
        specialists: curves of the tasks that were measured alone, ``None`` where none was.
        shared: sets of tasks that one model serves, each under one strategy, in the file's order.
        left_out: strategies that cannot be compared, one sentence each.
        pairs: two tasks that some model serves → how much they help each other in every draw (B,), by all runs together
            (``sharing_effects.pair_effects``); empty where runs do not tell.
    """

    specialists: StrategyCurves | None
    shared: tuple[StrategyCurves, ...]
    left_out: tuple[str, ...] = ()
    pairs: Mapping[frozenset[str], np.ndarray] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed in the fits, each sentence once."""
        every = (*((self.specialists,) if self.specialists else ()), *self.shared)
        return tuple(dict.fromkeys(note for served in every for note in served.curves.notes))

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said first: what makes these curves doubtful, each sentence once and at most ``MOST_WARNINGS``."""
        every = [] if self.specialists is None else list(curve_warnings(self.specialists.curves))
        for served in self.shared:
            every += [f"{served.strategy}: {said}" for said in curve_warnings(served.curves)]
        said = list(dict.fromkeys(every))
        more = len(said) - MOST_WARNINGS
        return (*said[:MOST_WARNINGS], *([f"And {more} more such warnings of shared strategies."] if more > 0 else []))

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies measured, specialists first."""
        alone = (SPECIALISTS,) if self.specialists is not None else ()
        return (*alone, *dict.fromkeys(served.strategy for served in self.shared))

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The distinct sets of tasks that shared models serve, by number of tasks."""
        return tuple(sorted(dict.fromkeys(served.tasks for served in self.shared), key=len))

    def among(self, names: Sequence[str]) -> "FittedStrategies":
        """What is known of some tasks: their specialists, and the models that serve no others."""
        alone = self.specialists
        if alone is not None:
            pick = np.array([at for at, name in enumerate(alone.tasks) if name in names], dtype=int)
            alone = replace(alone, curves=alone.curves.take(pick)) if len(pick) else None
        return replace(
            self, specialists=alone, shared=tuple(each for each in self.shared if set(each.tasks) <= set(names))
        )

    def of(self, tasks: tuple[str, ...]) -> tuple[StrategyCurves, ...]:
        """The shared strategies of one set."""
        return tuple(served for served in self.shared if served.tasks == tasks)


def fit_strategy_curves(
    runs: Runs,
    *,
    specialists: Curves | None = None,
    judging: int = 0,
    progress: Callable[[str], Callable[[int, int], None] | None] | None = None,
    **fitting: Any,
) -> FittedStrategies:
    """Fit every strategy of a file, one batch for each strategy.

    Args:
        runs: as read, all strategies together.
        specialists: their curves, where they are fitted already.
        judging: draws of the fits that judge each curve by a backtest; 0 where none is judged.
        progress: strategy → its (done, total) callback.
        fitting: what ``fit_curves`` takes beside the runs.

    Returns:
        The strategies with the curves that plans can use.

    Raises:
        DataError: no run says how it served its tasks, or the law cannot read the file.
    """
    from budget.curves.fitting.fit import fit_curves  # JAX: nothing else here fits

    nothing = np.full(len(runs.tasks), np.nan)
    given = {name: fitting.pop(name, None) for name in ("best", "unserved")}
    stated: dict[str, Any] = {name: nothing if values is None else values for name, values in given.items()}
    stated["ceiling"] = score_ceilings(runs, stated["best"])  # a task has one under all strategies
    alone: StrategyCurves | None = None
    shared: list[StrategyCurves] = []
    left_out: list[str] = []
    if specialists is not None:
        alone, left_out = _served(
            specialists.as_planned(), np.arange(len(specialists.tasks)), list(specialists.tasks), ALONE
        )
    there = {runs.strategy_runs[number].strategy for number in np.unique(runs.strategy_index)}
    beside = _curves_of(runs, SPECIALIST[0])[0][0] if SPECIALIST[0] in there else None
    for strategy in dict.fromkeys(runs.strategy_runs[number].strategy for number in np.unique(runs.strategy_index)):
        if strategy in SPECIALIST and specialists is not None:
            continue
        chosen, strategies = _curves_of(runs, strategy)
        place = [runs.tasks.index(name) for name in chosen[1]]
        mine: dict[str, Any] = {name: values[place] for name, values in stated.items()}
        watch = None if progress is None else progress(strategy)
        mine |= {} if strategy in SPECIALIST else {"beside": beside, "names_of": tuple(chosen[1])}
        with shared_models_follow(strategy in SPECIALIST and len(there) > 1):
            curves = fit_curves(chosen[0], progress=watch, **mine, **fitting)
        if judging:
            watch = None if progress is None else progress(f"backtest {strategy}")
            curves = _judged(curves, chosen[0], mine | fitting | {"draws": judging, "progress": watch})
        curves = curves.as_planned()
        for number, arm in enumerate(strategies):
            pick = np.flatnonzero(chosen[2] == number)
            served, lost = _served(curves, pick, chosen[1], arm)
            left_out += lost
            if served is not None and arm.strategy in SPECIALIST:
                alone = served
            elif served is not None:
                built = MeasuredExperts.of(chosen[0], [chosen[0].tasks[place] for place in pick])
                shared.append(replace(served, built=built))
    if alone is None and not shared:
        raise DataError(f"{runs.source}: no strategy has a curve that can be compared: {' '.join(left_out)}")
    measured = measured_of(runs, stated["best"]) if shared and alone is not None else None
    pairs = {} if measured is None else pair_effects(measured, PAIR_DRAWS, fitting.get("seed", 0))
    return FittedStrategies(alone, tuple(shared), tuple(left_out), pairs)


def _judged(curves: Curves, runs: Runs, fitting: dict[str, Any]) -> Curves:
    """The curves of one strategy with what a backtest says of each, by fits of their own runs alone."""
    from budget.curves.checks.added_findings import with_verdicts
    from budget.studies.backtest_verdict import figures_of, judge

    watch = fitting["progress"]
    options = {
        name: each for name, each in fitting.items() if name not in ("law", "scale", "ceiling", "beside", "names_of")
    }
    options["progress"] = None if watch is None else lambda law: watch
    scale = curves.scale_columns[0] if curves.form.reads_one_scale else None
    found = judge(runs, curves.law, scale=scale, **options)
    return with_verdicts(curves, [(each.code, each.sentence) for each in found], figures_of(found))


def _curves_of(runs: Runs, strategy: str) -> tuple[tuple[Runs, list[str], np.ndarray], list[StrategyRuns]]:
    """The rows of a strategy under one name a curve, the task and the strategy of each curve; and the strategies."""
    there = set(runs.strategy_index.tolist())
    numbers = [number for number, arm in enumerate(runs.strategy_runs) if arm.strategy == strategy and number in there]
    mine = np.isin(runs.strategy_index, numbers)
    pairs, curve = np.unique(
        np.stack([runs.strategy_index[mine], runs.task[mine]], axis=1), axis=0, return_inverse=True
    )
    tasks = [runs.tasks[task] for task in pairs[:, 1]]
    several = len(numbers) > 1
    names = [
        f"{task} ({strategy} of {len(runs.strategy_runs[arm].tasks)}, set {numbers.index(arm) + 1})"
        if several
        else task
        for task, arm in zip(tasks, pairs[:, 0], strict=True)
    ]
    chosen = replace(runs.select(mine, curve.ravel(), names, tasks), strategy=strategy)
    return (chosen, tasks, np.searchsorted(numbers, pairs[:, 0])), [runs.strategy_runs[number] for number in numbers]


def _served(
    curves: Curves, pick: np.ndarray, tasks: list[str], arm: StrategyRuns
) -> tuple[StrategyCurves | None, list[str]]:
    """The usable curves of a strategy under their tasks' names; a shared model must have all of them."""
    mine = curves.take(pick)
    used = mine.used
    mine = replace(mine, tasks=tuple(tasks[i] for i in pick))
    alone = arm.strategy in SPECIALIST
    strategy = SPECIALISTS if alone else arm.strategy
    lost = list(mine.left_out) if alone else []
    if len(arm.tasks) == 1:
        return None, [
            f"Strategy '{arm.strategy}' on {arm.tasks[0]} is left out: its runs serve one task; give the rows of one "
            "model the same 'run', or name its tasks in column 'model_tasks'."
        ]
    if alone:
        return (StrategyCurves(strategy, mine.take(np.flatnonzero(used)), tuple(lost)) if used.any() else None), lost
    if not used.all() or set(mine.tasks) != set(arm.tasks):
        bad = [code for code, fine in zip(mine.status, used, strict=True) if not fine]
        codes = ", ".join(f"{code} on {bad.count(code)}" for code in dict.fromkeys(bad))
        lacking = len(set(arm.tasks) - set(mine.tasks))
        codes += f"{', ' if codes else ''}no runs on {lacking}" if lacking else ""
        served = ", ".join(arm.tasks)
        return None, [f"Strategy '{arm.strategy}' on {served} is left out: {codes} of {len(arm.tasks)} tasks."]
    count = len(pick)  # the file says that one model serves them, whether or not rows share a run id
    return StrategyCurves(
        strategy, replace(mine, shared=np.ones(count, dtype=bool), group=np.zeros(count, dtype=int))
    ), []
