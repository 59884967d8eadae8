"""Which runs to measure next: affordable runs ranked by what each is expected to bring to the decision of a budget.

With one strategy the decision is its plan; with several it is also which of them is trained.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.plan.plan_warnings import curve_warnings
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.errors import DataError
from budget.numerics.strict_json import json_rows
from budget.studies.next_runs.best_strategy import BestStrategy
from budget.studies.next_runs.posterior import LEAST_EFFECTIVE_SHARE
from budget.studies.next_runs.rival_strategies import Strategy, compete
from budget.studies.next_runs.run_grid import Runs
from budget.studies.next_runs.value_of_information import (
    SURE_ERRORS,
    Sampling,
    alone,
    best_batch,
    error,
    perfect,
    together,
)
from budget.tables.tasks import TaskSettings

MAX_BATCH_RUNS = 8
"""Most runs of a batch where nothing is asked for."""

UNLIKE = 16.0
"""How far tokens a parameter of chosen runs lie apart from where on it is said why."""


@dataclass(frozen=True)
class NextRuns:
    """Candidates with their values, and the batch.

    Attributes:
        strategies: A of them, with the draws that were used.
        spend: what there is for new runs.
        runs: C candidates, of all strategies.
        strategy: (C,) whose run each of them is.
        names: (C,) the tasks each of them measures, joined by ``|``.
        gain: (C,) expected reduction of the regret by this run alone, in the objective's unit.
        error: (C,) its Monte Carlo standard error over the draws.
        effective: (C,) mean effective sample size of the posteriors.
        batch: positions of the chosen candidates in the order of choice, repeats allowed.
        added: what each of them was expected to add to those before it.
        batch_gain: expected reduction by all of them together, on outcomes that did not choose them.
        batch_error: its standard error.
        regret: expected regret of today's decision: its distance to the decisions that know the draw.
        regret_error: its standard error.
        bound: (C,) value of knowing the run's tasks perfectly, an upper bound of its gain.
        best_strategy: which strategy wins, how sure that is, and what runs bring to it.
        seed: of the outcomes.
        notes: what has to be said.
    """

    strategies: tuple[Strategy, ...]
    spend: float
    runs: Runs
    strategy: np.ndarray
    names: tuple[str, ...]
    gain: np.ndarray
    error: np.ndarray
    effective: np.ndarray
    batch: tuple[int, ...]
    added: tuple[float, ...]
    batch_gain: float
    batch_error: float
    regret: float
    regret_error: float
    bound: np.ndarray
    best_strategy: BestStrategy
    seed: int
    notes: tuple[str, ...]

    @property
    def curves(self) -> Curves:
        """Those of the strategy that would be chosen today."""
        return self.strategies[self.best_strategy.today].curves

    @property
    def spec(self) -> PlanSpec:
        """What is asked of the strategy that would be chosen today."""
        return self.strategies[self.best_strategy.today].spec

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is said first: what makes plans from these curves doubtful."""
        return tuple(
            f"By {each.name}: {said}" if self.several else said
            for each in self.strategies
            for said in curve_warnings(each.curves)
        )

    @property
    def several(self) -> bool:
        """Whether there is a strategy to choose."""
        return len(self.strategies) > 1

    @property
    def per_cost(self) -> np.ndarray:
        """(C,) expected gain for each unit of cost."""
        return self.gain / self.runs.cost

    @property
    def spent(self) -> float:
        """What the batch costs."""
        return float(self.runs.cost[list(self.batch)].sum())

    def table(self) -> pd.DataFrame:
        """``next.csv``: the chosen runs in the order of choice, then the others by their gain."""
        others = [each for each in np.argsort(-self.gain, kind="stable").tolist() if each not in self.batch]
        row = np.array([*self.batch, *others], dtype=int)
        chosen = np.arange(len(row)) < len(self.batch)
        seeds = [self.batch[:place].count(each) for place, each in enumerate(self.batch)] + [0] * len(others)
        columns: dict[str, Any] = {"rank": np.arange(1, len(row) + 1), "task": [self.names[each] for each in row]}
        if self.several:
            columns["strategy"] = [self.strategies[at].name for at in self.strategy[row]]
        columns |= {name: np.nan for name in ("params", "tokens")}
        columns |= {name: self.runs.inputs[row, at] for at, name in enumerate(self.runs.columns)}
        columns["flops"] = self.runs.cost[row] if self.runs.unit == "flops" else np.nan
        columns |= {"expected_gain": self.gain[row], "error": self.error[row], "per_flop": self.per_cost[row]}
        if self.several:
            columns["wins"] = self.best_strategy.alone[row]
        columns |= {"chosen": chosen, "reason": self._reasons(others), "seed": seeds}
        return pd.DataFrame(columns)

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        known: list[dict[str, float]] = [{} for _ in self.strategies]
        for at, name, bound in zip(self.strategy, self.names, self.bound.tolist(), strict=True):
            known[at][name] = bound
        return {
            "warnings": list(self.warnings),
            "budget": self.spec.budget,
            "unit": self.spec.unit,
            "spend": self.spend,
            "spend_unit": self.runs.unit,
            "measure": self.spec.measure.name,
            "strategy": self.best_strategy.name if self.several else self.spec.strategy,
            "expected_regret": self.regret,
            "expected_regret_error": self.regret_error,
            "perfect_information": self.regret,
            **({} if self.several else {"perfect_information_by_task": known[0]}),
            **({"winner": self.best_strategy.record(), "strategies": self._strategies(known)} if self.several else {}),
            "batch": {
                "expected_gain": self.batch_gain,
                "error": self.batch_error,
                "added": list(self.added),
                "spent": self.spent,
            },
            "draws": len(self.curves.draws),
            "effective_draws": {"least": float(self.effective.min()), "mean": float(self.effective.mean())},
            "seed": self.seed,
            "notes": list(self.notes),
            "runs": json_rows(self.table()),
        }

    def _strategies(self, known: list[dict[str, float]]) -> list[dict[str, Any]]:
        """What each strategy makes of the budget today, and what knowing it would bring."""
        return [
            {
                "strategy": each.name,
                "plan": each.spec.strategy,
                "tasks": list(each.curves.tasks),
                "objective": float(each.spec.measure.sign * self.best_strategy.expected[at]),
                "wins": float(self.best_strategy.share[at]),
                "perfect_information_by_task": known[at],
            }
            for at, each in enumerate(self.strategies)
        ]

    def _reasons(self, others: list[int]) -> list[str]:
        left = self.spend - self.spent

        def why_not(run: int) -> str:
            if not self.gain[run] > SURE_ERRORS * self.error[run]:
                return "its value is not told from 0"
            return "does not fit beside the batch" if self.runs.cost[run] > left else "adds less than the batch's runs"

        return [*(f"adds {each:.2g} to the runs before it" for each in self.added), *map(why_not, others)]


def next_runs(
    curves: Curves | Mapping[str, Curves],
    tasks: TaskSettings,
    budget: float | None,
    spend: float,
    *,
    unit: str | None = None,
    params: float | None = None,
    strategy: str | None = None,
    measure: str | None = None,
    count: int = MAX_BATCH_RUNS,
    seed: int = 0,
    reach: float = np.inf,
    progress: Callable[[int, int], None] | None = None,
) -> NextRuns:
    """Rank runs that could be measured next by what they are expected to bring to the decision of a budget.

    Args:
        curves: usable curves with joint draws; of several strategies, strategy → its curves, fitted to runs of its own.
        tasks: settings of all tasks of the curves; several strategies are compared on those that all of them have.
        budget: the total that will be planned.
        spend: what there is for new runs: FLOPs, or the law's one scale where that is no FLOPs.
        unit: see ``make_spec.plan_spec``, likewise below.
        params: size of every model, for a token budget.
        strategy: one training per task, or one model; of one strategy's curves only.
        measure: what a task's value is; where it is relative to a best value, the first strategy's fit states it.
        count: most runs in the batch.
        seed: of the outcomes.
        reach: see ``make_spec.plan_spec``.
        progress: called with (candidates valued, candidates).

    Raises:
        AllocationError: a plan cannot be stated, is not convex, the spend buys no run, or the strategies cannot be
            compared.
        DataError: the curves have too few draws, or the spend is no positive number.
    """
    if not (np.isfinite(spend) and spend > 0):
        raise DataError(f"--spend is {spend:g}; give a positive number.")
    strategies, notes = compete(
        {"": curves} if isinstance(curves, Curves) else curves,
        tasks,
        budget,
        spend,
        seed,
        unit=unit,
        params=params,
        strategy=strategy,
        measure=measure,
        reach=reach,
    )
    study = Sampling(strategies, np.random.default_rng(seed))
    runs, right = study.runs, []
    single: list[list[float]] = []
    bases: dict[int, np.ndarray] = {}
    # alone first: these values rank the candidates, and greedy choice starts from them
    for run in range(len(runs.cost)):
        gain, state = alone(study, run, bases)
        single.append([gain.mean(), error(gain), state.effective])
        right.append((state.chosen == study.best_strategy).mean())
        if progress is not None:
            progress(run + 1, len(runs.cost))
    values = np.array(single)
    regret, bound = perfect(study)
    batch, added = best_batch(study, values[:, 0], spend, count)
    # on new outcomes: those that chose the batch flatter it (the winner's curse)
    joint, after = together(study, batch)
    whose = [study.groups[group] for group in runs.group]
    measured = [[strategies[at].curves.tasks[task] for task in strategies[at].groups[group]] for at, group in whose]
    return NextRuns(
        strategies=strategies,
        spend=spend,
        runs=runs,
        strategy=np.array([at for at, _ in whose]),
        names=tuple("|".join(tasks) for tasks in measured),
        gain=values[:, 0],
        error=values[:, 1],
        effective=values[:, 2],
        batch=batch,
        added=added,
        batch_gain=float(joint.mean()),
        batch_error=error(joint),
        regret=float(regret.mean()),
        regret_error=error(regret),
        bound=bound[runs.group],
        best_strategy=BestStrategy.of(study, after, np.array(right)),
        seed=seed,
        notes=(*notes, *_notes_on_values(values, runs.unit), *_off_the_frontier(runs, batch)),
    )


def _off_the_frontier(runs: Runs, batch: Sequence[int]) -> tuple[str, ...]:
    """Why chosen runs may have far fewer or more tokens a parameter than anybody would train a model with."""
    if runs.columns[:2] != ("params", "tokens") or not len(batch):
        return ()
    ratio = runs.inputs[list(batch), 1] / runs.inputs[list(batch), 0]
    if not ratio.max() > UNLIKE * ratio.min():
        return ()
    return (
        f"The chosen runs have {ratio.min():.2g} to {ratio.max():.2g} tokens a parameter: at one cost, a run far from "
        "the best size tells what parameters bring from what tokens do; it is for knowing the curve, not for use.",
    )


def _notes_on_values(single: np.ndarray, unit: str) -> tuple[str, ...]:
    """What a reader must know of the values, one sentence each."""
    gain, error, size = single.T
    notes = [
        f"Posteriors keep {size.mean():.0f} effective draws on average and at least {LEAST_EFFECTIVE_SHARE:.0%} of "
        "all; where they would keep fewer, the likelihood is tempered and the value understated."
    ]
    unsure = int((gain <= SURE_ERRORS * error).sum())
    if unsure:
        notes.append(
            f"The value of {unsure} of {len(gain)} runs is not told from 0 (below {SURE_ERRORS:g} standard errors)."
        )
    if unit != "flops":
        notes.append(f"The curves say nothing of FLOPs, so runs cost their {unit}.")
    return tuple(notes)
