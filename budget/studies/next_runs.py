"""Which runs to measure next: affordable runs ranked by what each is expected to bring to the plan of a budget."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.allocation.ask import ask
from budget.allocation.question import ONE_MODEL, Question, is_separable
from budget.curves.fitted import Curves
from budget.errors import AllocationError, DataError
from budget.studies.posterior import LEAST_SHARE
from budget.studies.run_grid import Runs, affordable, groups_of
from budget.studies.sample_value import SURE, Sampling, alone, best_batch, error, perfect, together
from budget.tables.tasks import Tasks

FEWEST = 20
"""Draws without which there is no posterior to speak of."""

MOST = 300
"""Draws that are used, evenly spaced: the work grows with their square."""

COUNT = 8
"""Most runs of a batch where nothing is asked for."""


@dataclass(frozen=True)
class NextRuns:
    """Candidates with their values, and the batch.

    Attributes:
        curves: the draws that were used.
        question: the plan whose regret is to fall.
        spend: what there is for new runs.
        runs: C candidates.
        names: (C,) the tasks each of them measures, joined by ``|``.
        gain: (C,) expected reduction of the plan's objective by this run alone, in the objective's unit.
        error: (C,) its Monte Carlo standard error over the draws.
        effective: (C,) mean effective sample size of the posteriors.
        batch: positions of the chosen candidates in the order of choice, repeats allowed.
        added: what each of them was expected to add to those before it.
        batch_gain: expected reduction by all of them together, on outcomes that did not choose them.
        batch_error: its standard error.
        regret: expected regret of today's plan: its distance to the plans that know the draw.
        regret_error: its standard error.
        bound: (C,) value of knowing the run's tasks perfectly, an upper bound of its gain.
        seed: of the outcomes.
        notes: what has to be said.
    """

    curves: Curves
    question: Question
    spend: float
    runs: Runs
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
    seed: int
    notes: tuple[str, ...]

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
        columns |= {name: np.nan for name in ("params", "tokens")}
        columns |= {name: self.runs.inputs[row, at] for at, name in enumerate(self.curves.inputs)}
        columns["flops"] = self.runs.cost[row] if self.runs.unit == "flops" else np.nan
        columns |= {"expected_gain": self.gain[row], "error": self.error[row], "per_flop": self.per_cost[row]}
        columns |= {"chosen": chosen, "reason": self._reasons(others), "seed": seeds}
        return pd.DataFrame(columns)

    def record(self) -> dict[str, Any]:
        """The study as JSON."""
        rows = self.table().astype(object)
        return {
            "budget": self.question.budget,
            "unit": self.question.unit,
            "spend": self.spend,
            "spend_unit": self.runs.unit,
            "measure": self.question.measure.name,
            "strategy": self.question.strategy,
            "expected_regret": self.regret,
            "expected_regret_error": self.regret_error,
            "perfect_information": self.regret,
            "perfect_information_by_task": dict(zip(self.names, self.bound.tolist(), strict=True)),
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
            "runs": rows.where(rows.notna(), None).to_dict("records"),
        }

    def _reasons(self, others: list[int]) -> list[str]:
        left = self.spend - self.spent

        def why_not(run: int) -> str:
            if not self.gain[run] > SURE * self.error[run]:
                return "its value is not told from 0"
            return "does not fit beside the batch" if self.runs.cost[run] > left else "adds less than the batch's runs"

        return [*(f"adds {each:.2g} to the runs before it" for each in self.added), *map(why_not, others)]


def next_runs(
    curves: Curves,
    tasks: Tasks,
    budget: float | None,
    spend: float,
    *,
    unit: str | None = None,
    params: float | None = None,
    strategy: str | None = None,
    measure: str | None = None,
    count: int = COUNT,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> NextRuns:
    """Rank runs that could be measured next by what they are expected to bring to the plan of a budget.

    Args:
        curves: usable curves of T tasks with joint draws.
        tasks: wishes for the same tasks in the same order.
        budget: the total that will be planned.
        spend: what there is for new runs: FLOPs, or the law's one scale where that is no FLOPs.
        unit: see ``ask.ask``, likewise below.
        params: size of every model, for a token budget.
        strategy: one training per task, or one model.
        measure: what a task's value is.
        count: most runs in the batch.
        seed: of the outcomes.
        progress: called with (candidates valued, candidates).

    Raises:
        AllocationError: the plan cannot be stated, is not convex, or the spend buys no run.
        DataError: the curves have too few draws, or the spend is no positive number.
    """
    if not (np.isfinite(spend) and spend > 0):
        raise DataError(f"--spend is {spend:g}; give a positive number.")
    question = ask(curves, tasks, budget, unit=unit, params=params, strategy=strategy, measure=measure)
    if curves.law in ONE_MODEL or is_separable(curves, question):
        raise AllocationError(
            "The next runs are valued for plans that are convex: of the laws power, chinchilla and repeat, without "
            "checkpoints; fit again with one of these, or leave the checkpoints out."
        )
    curves, notes = _with_draws(curves)
    groups = groups_of(curves)
    runs = affordable(curves, question.tasks, groups, spend)
    study = Sampling(curves, question, groups, runs, np.random.default_rng(seed))
    single: list[list[float]] = []
    bases: dict[int, np.ndarray] = {}
    for run in range(len(runs.cost)):
        gain, size = alone(study, run, bases)
        single.append([gain.mean(), error(gain), size])
        if progress is not None:
            progress(run + 1, len(runs.cost))
    values = np.array(single)
    regret, bound = perfect(study)
    batch, added = best_batch(study, values[:, 0], spend, count)
    joint = together(study, batch)
    return NextRuns(
        curves=curves,
        question=question,
        spend=spend,
        runs=runs,
        names=tuple("|".join(curves.tasks[task] for task in groups[group]) for group in runs.group),
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
        seed=seed,
        notes=(*notes, *_told(values, runs.unit)),
    )


def _with_draws(curves: Curves) -> tuple[Curves, tuple[str, ...]]:
    """The curves with the draws that are used, and what has to be said of the others."""
    whole = np.isfinite(curves.draws).all(axis=(1, 2)) & np.isfinite(curves.noise).all(axis=1)
    pick = np.flatnonzero(whole)
    if len(pick) < FEWEST:
        has = f"{len(pick)} draws" if len(pick) else "no draws (a point fit)"
        raise DataError(
            f"The curves have {has}, and what a run would teach is read off at least {FEWEST}; fit again with "
            "--draws 200."
        )
    notes = []
    if len(pick) < len(whole):
        notes.append(f"{len(whole) - len(pick)} of {len(whole)} draws are no numbers and are not used.")
    if len(pick) > MOST:
        notes.append(f"{MOST} of {len(pick)} draws are used.")
        pick = pick[np.linspace(0, len(pick) - 1, MOST).astype(int)]
    return replace(curves, draws=curves.draws[pick], noise=curves.noise[pick], link=None), tuple(notes)


def _told(single: np.ndarray, unit: str) -> tuple[str, ...]:
    gain, error, size = single.T
    notes = [
        f"Posteriors keep {size.mean():.0f} effective draws on average and at least {LEAST_SHARE:.0%} of all; where "
        "they would keep fewer, the likelihood is tempered and the value understated."
    ]
    unsure = int((gain <= SURE * error).sum())
    if unsure:
        notes.append(f"The value of {unsure} of {len(gain)} runs is not told from 0 (below {SURE:g} standard errors).")
    if unit != "flops":
        notes.append(f"The curves say nothing of FLOPs, so runs cost their {unit}.")
    return tuple(notes)
