"""Fitted curves as plain NumPy: what ``curves.json`` holds and every later layer reads. Loads no JAX."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from budget.curves.cost_law import Cost
from budget.curves.decided import Decided
from budget.curves.discrepancy import DRIFT_NUMBERS, drifting_values
from budget.curves.laws.convexity import GIVEN_BY_TASKS
from budget.curves.laws.law import Law
from budget.curves.laws.table import LAWS, law_of
from budget.curves.link.link import Link
from budget.curves.steady import STEADY, steadied
from budget.errors import FitError
from budget.numerics.brief import Brief
from budget.numerics.interval import interval
from budget.numerics.quoting import listed, shortened
from budget.tables.checks.status import STATUS
from budget.tables.tasks import TaskSettings

LARGEST = 1e300
"""A steep curve far below the measured scales overflows; it is cut here, so that intervals stay numbers."""


_PER_TASK = (
    "higher_is_better",
    "ceiling",
    "best",
    "unserved",
    "parameters",
    "planned_parameters",
    "tilt",
    "reference",
    "runs",
    "objective",
    "error",
    "agreement",
    "gradient",
    "condition",
    "rhat",
    "effective",
    "held",
    "ratios",
    "pooled",
    "shared",
    "group",
)
"""The arrays of ``Curves`` whose first axis is the task."""


@dataclass(frozen=True, repr=False)
class Curves(Brief):
    """One law fitted to T tasks with B joint draws; P parameters, I inputs.

    A curve describes the *distance* of a task's value from its best: the loss itself, or ceiling minus score.

    Attributes:
        law: name in ``LAWS``.
        scale_columns: (I,) the scale columns the law reads.
        tasks: (T,) names.
        metric: (T,) each task's metric.
        higher_is_better: (T,) direction.
        ceiling: (T,) best possible score, NaN for losses.
        best: (T,) stated best values, NaN where none was: a loss's floors lie at or above it, in every draw.
        unserved: (T,) stated values of a task that is given nothing, NaN where none was: no prediction is worse.
        status: (T,) codes of ``STATUS``.
        message: (T,) one sentence each, "" where there is nothing to say.
        findings: (T,) everything found about the task's fit, the gravest first: pairs of code and sentence.
        bounds: (T,) names of the parameters at an end of their range.
        outliers: (T,) row numbers of the file that do not belong to the curve.
        parameters: (T, P) working parameters of the point fit (``Law.value``), NaN where there is none.
        draws: (B, T, P) the same for each bootstrap draw, NaN for tasks that plans do not use;
            draw b is one joint scenario for all tasks.
        noise: (B, T) noise of a new run in each of these scenarios, to be added to its distance or the log of it.
        residual: which of the two: ``log`` or ``raw``, as the curves were fitted.
        reference: (T, I) inputs at which the coefficients are stated.
        runs: (T,) number of trained models.
        objective: (T,) the fit's loss at the optimum.
        error: (T,) root mean square of the residuals: how far a run typically lies off the curve, relatively (after a
            fit of raw residuals, over the task's median).
        agreement: (T,) share of the starts that ended within 1e-6 of the best objective.
        gradient: (T,) what is left of the gradient at the optimum, relative to what the rows pull (``Convergence``).
        condition: (T,) condition number of the normal equations, columns scaled.
        rhat: (T,) split R̂ of the draws of a law with a posterior, NaN for others.
        effective: (T,) their effective number, NaN for others.
        pooled: (T,) whether its exponents are pulled toward the tasks' common distribution.
        smallest: scale column → (T,) smallest measured.
        largest: scale column → (T,) largest measured.
        ratios: (T, 2) fewest and most tokens a parameter of the measured runs; NaN where they have not both columns,
            or a file of an earlier version does not say.
        shared: (T,) whether a task's runs are mostly models measured on several tasks: a generalist's curve.
        group: (T,) tasks of one group were measured, mostly, on the same trained models.
        cost: the cost law, ``None`` where the file has no params and tokens.
        estimator: the loss that was minimized, in words.
        seed: of the draws.
        source: name of the runs file.
        sha256: its hash, "" where the runs came from memory.
        shared_models: trained models that serve several tasks.
        strategy: the file's strategy, "" where it does not say.
        link: from each task's loss to its score, ``None`` where no score was asked for.
        notes: what was assumed, one sentence each.
        warnings: what makes the whole file doubtful, such as FLOPs in another unit, one sentence each.
        planned_parameters: (T, P') working parameters, of the law that plans read instead (``Law.planned_as``), of the
            curve nearest to the point fit; P' is 0 of a law that plans read itself.
        planned_draws: (B, T, P') the same for each draw.
        drift: (B, T, A, DRIFT_NUMBERS) how far the law itself may be off beyond the runs in each draw, along its A axes
            (``discrepancy``); A is 0 where the law's own error is in the draws already, or was not asked for.
        drift_ends: (2, T, A) logarithms of the smallest and of the largest measured places on these axes.
        tilt: (T, 2) how plans' curves are steadied (``steadied``), zeros where they are not.
        plan_on: what plans are made on, a name of ``PLAN_ON``.
        verdict: (T,) what a backtest says of the task's curve: ``PASS``, ``REVIEW`` or ``FAIL``; "" without one.
        judged: (T,) what that rests on, one sentence each, "" without a backtest.
        held: (T, 3) its figures: predictions of hidden runs inside their intervals, all of them, and their median
            relative error; NaN where no intervals were judged.
        decided: what plans by such curves realised when the large runs were hidden; ``None`` where that was not tried.
        omitted: the tasks that ``usable`` and ``linked`` left out: pairs of name and status.
        spoilt: task that was left out for a row of the file → the sentence that names the row.
        prediction: the same tasks' curves by the law that was fitted, which say what a plan reaches (``told``), where
            these are the ones that plans are made on; ``None`` where both are one.
    """

    law: str
    scale_columns: tuple[str, ...]
    tasks: tuple[str, ...]
    metric: tuple[str, ...]
    higher_is_better: np.ndarray
    ceiling: np.ndarray
    best: np.ndarray
    unserved: np.ndarray
    status: tuple[str, ...]
    message: tuple[str, ...]
    findings: tuple[tuple[tuple[str, str], ...], ...]
    bounds: tuple[tuple[str, ...], ...]
    outliers: tuple[tuple[int, ...], ...]
    parameters: np.ndarray
    draws: np.ndarray
    noise: np.ndarray
    residual: str
    reference: np.ndarray
    runs: np.ndarray
    objective: np.ndarray
    error: np.ndarray
    agreement: np.ndarray
    gradient: np.ndarray
    condition: np.ndarray
    pooled: np.ndarray
    smallest: Mapping[str, np.ndarray]
    largest: Mapping[str, np.ndarray]
    shared: np.ndarray
    group: np.ndarray
    cost: Cost | None
    estimator: str
    seed: int
    source: str = ""
    sha256: str = ""
    shared_models: int = 0
    strategy: str = ""
    link: Link | None = None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    omitted: tuple[tuple[str, str], ...] = ()
    spoilt: Mapping[str, str] = field(default_factory=dict)
    verdict: tuple[str, ...] = ()
    judged: tuple[str, ...] = ()
    held: np.ndarray = field(default_factory=lambda: np.empty((0, 3)))
    decided: Decided | None = None
    rhat: np.ndarray = field(default_factory=lambda: np.empty(0))
    effective: np.ndarray = field(default_factory=lambda: np.empty(0))
    planned_parameters: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    planned_draws: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))
    tilt: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))
    plan_on: str = STEADY
    prediction: "Curves | None" = None
    drift: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0, DRIFT_NUMBERS)))
    drift_ends: np.ndarray = field(default_factory=lambda: np.empty((2, 0, 0)))
    ratios: np.ndarray = field(default_factory=lambda: np.empty((0, 2)))

    def __post_init__(self) -> None:
        """What a law without a posterior, and curves without a backtest, have not."""
        count, draws = len(self.tasks), len(self.draws)
        for name in ("verdict", "judged"):
            if len(getattr(self, name)) != count:
                object.__setattr__(self, name, ("",) * count)
        if len(self.held) != count:
            object.__setattr__(self, "held", np.full((count, 3), np.nan))
        if len(self.ratios) != count:
            object.__setattr__(self, "ratios", np.full((count, 2), np.nan))
        for name in ("rhat", "effective"):
            if len(getattr(self, name)) != count:
                object.__setattr__(self, name, np.full(count, np.nan))
        if len(self.planned_parameters) != count:
            object.__setattr__(self, "planned_parameters", np.empty((count, 0)))
        if len(self.tilt) != count:
            object.__setattr__(self, "tilt", np.zeros((count, 2)))
        if self.planned_draws.shape[1] != count:
            object.__setattr__(self, "planned_draws", np.empty((draws, count, 0)))
        if self.drift.shape[1] != count:
            object.__setattr__(self, "drift", np.empty((draws, count, 0, DRIFT_NUMBERS)))
            object.__setattr__(self, "drift_ends", np.empty((2, count, 0)))

    @property
    def form(self) -> Law:
        """The law's record."""
        return law_of(self.law, self.scale_columns)

    @property
    def planned_inputs(self) -> tuple[str, ...]:
        """The scale columns that a plan chooses: all that the law reads but those that the tasks give."""
        return tuple(name for name in self.scale_columns if name not in GIVEN_BY_TASKS)

    def given_inputs(self, tasks: TaskSettings) -> np.ndarray:
        """(T, J) the other inputs, which the settings of the T tasks give: data before repeats; none for most laws."""
        columns = [getattr(tasks, name) for name in self.scale_columns if name in GIVEN_BY_TASKS]
        return np.column_stack(columns) if columns else np.empty((len(self.tasks), 0))

    @property
    def is_shared(self) -> bool:
        """Whether all curves are those of the same generalists, so that one model can be planned."""
        return bool(self.shared.all() and np.ptp(self.group) == 0)

    @property
    def used(self) -> np.ndarray:
        """(T,) whether plans use the task."""
        return np.array([STATUS[code].used for code in self.status], dtype=bool)

    @property
    def left_out(self) -> tuple[str, ...]:
        """A sentence for each task that plans do not use."""
        return tuple(
            f"Task '{name}' is left out ({code}): {message}; {STATUS[code].advice}."
            for name, code, message in zip(self.tasks, self.status, self.message, strict=True)
            if not STATUS[code].used
        )

    @property
    def unlinked(self) -> tuple[str, ...]:
        """A sentence for each task with a curve whose score is asked for and cannot be predicted."""
        if self.link is None:
            return ()
        pick = np.flatnonzero(self.used)
        return self.link.take(pick).left_out([self.tasks[i] for i in pick])

    @property
    def score_note(self) -> tuple[str, ...]:
        """That plans are made on the loss, where a score was asked for."""
        if self.link is None:
            return ()
        return (
            f"The plan is made on the loss '{self.metric[0]}', not on the score '{self.link.metric}': targets and "
            "predicted values are those of the loss; 'budget predict' gives the score at a scale.",
        )

    def usable(self) -> "Curves":
        """The tasks that plans use, by the law that plans read (``as_planned``).

        Raises:
            FitError: there is none.
        """
        if not self.used.any():
            raise FitError(f"{self.source}: no task has a curve that a plan can use: {self._why_unused()}.")
        return self._only(self.used, self.status).as_planned()

    @property
    def told(self) -> "Curves":
        """The curves whose values a reader is told: those of the law that was fitted, whatever plans are made on.

        See docs/decisions/132-reported-is-the-prediction.md.
        """
        return self if self.prediction is None else self.prediction

    def as_planned(self) -> "Curves":
        """The same curves by the law that plans read: the convex ones near them, where they have others.

        Steadied, unless plans are to be made on the prediction alone. What plans report is still told by these curves
        (``told``).
        """
        law = self.form.planned_as
        if law is None and not self.drifts:
            return self
        empty = self.planned_parameters[:, :0], self.planned_draws[:, :, :0]
        parameters, draws = self.planned_parameters if law else self.parameters, self.planned_draws
        if law is not None and self.plan_on == STEADY:
            least, form = np.maximum(self._least, 0.0), LAWS[law]
            parameters = steadied(form, parameters, self.tilt, least)
            draws = steadied(form, draws, self.tilt, least)
        return replace(
            self,
            law=law or self.law,
            parameters=parameters,
            draws=draws,
            drift=self.drift[:, :, :0],
            drift_ends=self.drift_ends[:, :, :0],
            planned_parameters=empty[0],
            planned_draws=empty[1],
            prediction=self,
        )

    @property
    def drifts(self) -> bool:
        """Whether draws drift from the law beyond the runs."""
        return self.drift.shape[2] > 0

    def planned_on(self, what: str) -> "Curves":
        """Usable curves that plans are made on by a name of ``PLAN_ON``, where there is a choice."""
        if self.prediction is None:
            return replace(self, plan_on=what)
        return replace(self.prediction, plan_on=what, omitted=self.omitted, spoilt=self.spoilt).as_planned()

    def with_shown_parameters(self) -> "Curves":
        """The same curves, or, where these have no parameter to show a reader, those that plans read."""
        return self if self.form.shown else self.as_planned()

    def _why_unused(self) -> str:
        """What most tasks without a curve lack and what to do; a suspect row says more than the fit it spoilt."""
        tasks: dict[tuple[str, str], list[str]] = {}
        for name, code, message, found in zip(self.tasks, self.status, self.message, self.findings, strict=True):
            reason = next((each for each in found if each[0].startswith("suspect_")), (code, message))
            tasks.setdefault(reason, []).append(name)
        (code, text), names = max(tasks.items(), key=lambda item: len(item[1]))
        others = [other for (other, said), theirs in tasks.items() if (other, said) != (code, text) for _ in theirs]
        rest = f"; {len(others)} more: {listed(dict.fromkeys(others))}" if others else ""
        return f"{listed(names, 2)} ({code}: {shortened(text, 90)}): {STATUS[code].advice}{rest}"

    def linked(self) -> "Curves":
        """The tasks whose score can be predicted; ``unlinked`` names the others.

        Raises:
            FitError: there is none.
        """
        if self.link is None:
            raise FitError("These curves have no link to a score: fit again with --loss-metric and --score-metric.")
        if not self.link.used.any():
            raise FitError(f"No task's {self.link.metric} can be predicted: {' '.join(self.unlinked)}")
        return self._only(self.link.used, self.link.status)

    def _only(self, used: np.ndarray, status: tuple[str, ...]) -> "Curves":
        """The tasks (T,) that are used, which remember the others; a suspect row says more than the fit it spoilt."""
        left = tuple(
            (name, next((kind for kind, _ in found if STATUS[kind].headline), code))
            for name, code, found, kept in zip(self.tasks, status, self.findings, used, strict=True)
            if not kept
        )
        rows = {
            name: said
            for name, said, kept in zip(self.tasks, self.message, used, strict=True)
            if not kept and said.startswith("row ")
        }
        spoilt = {**self.spoilt, **rows}
        return replace(self.take(np.flatnonzero(used)), omitted=(*self.omitted, *left), spoilt=spoilt)

    def bounded_by(self, unserved: np.ndarray) -> tuple["Curves", tuple[str, ...]]:
        """The same curves, none of whose predictions is worse than the unserved values (T,), NaN for what they have.

        Scores that a link predicts have their own level of guessing. A value that the curve itself does not reach at
        the largest measured scales cannot be that of a task which is given nothing, and bounds nothing; a sentence says
        so.
        """
        stated = np.where(np.isfinite(unserved), unserved, self.unserved)
        if self.link is not None or not np.isfinite(stated).any():
            return self, ()
        ends = [self.largest.get(name, at) for name, at in zip(self.scale_columns, self.reference.T, strict=True)]
        largest = np.log(np.column_stack(ends))
        reached = self.told.distance(np.arange(len(self.tasks)), largest)
        worst = np.where(self.higher_is_better, self.ceiling - stated, stated)
        wrong = reached >= worst
        notes = tuple(
            f"The unserved value {stated[task]:g} of task '{self.tasks[task]}' is better than what its curve reaches "
            "at the largest measured scale, so it bounds no prediction; correct column 'unserved' of the tasks file."
            for task in np.flatnonzero(wrong)
        )
        bounds = np.where(wrong, np.nan, stated)
        told = None if self.prediction is None else replace(self.prediction, unserved=bounds)
        return replace(self, unserved=bounds, prediction=told), notes

    def take(self, pick: np.ndarray) -> "Curves":
        """The tasks at the positions ``pick``."""
        chosen: dict[str, Any] = {name: getattr(self, name)[pick] for name in _PER_TASK}
        for name in ("tasks", "metric", "status", "message", "findings", "bounds", "outliers", "verdict", "judged"):
            chosen[name] = tuple(getattr(self, name)[i] for i in pick)
        for name in ("draws", "planned_draws", "drift", "drift_ends", "noise"):
            chosen[name] = getattr(self, name)[:, pick]
        chosen["smallest"] = {name: values[pick] for name, values in self.smallest.items()}
        chosen["largest"] = {name: values[pick] for name, values in self.largest.items()}
        chosen["link"] = None if self.link is None else self.link.take(pick)
        chosen["prediction"] = None if self.prediction is None else self.prediction.take(pick)
        return replace(self, **chosen)

    @property
    def limit(self) -> np.ndarray:
        """(T,) the value that each point fit tends to with unlimited scale."""
        return self.present(np.arange(len(self.tasks)), self.form.floor(self.parameters))

    def distance(self, task: np.ndarray, log_inputs: np.ndarray) -> np.ndarray:
        """The point fit's distance to best.

        Args:
            task: (R,) task positions.
            log_inputs: (…, R, I) natural logarithms of the inputs.
        """
        with np.errstate(over="ignore", invalid="ignore"):  # a task without a curve has no numbers
            value = self.form.value(self.parameters[task], log_inputs - np.log(self.reference[task]))
        return np.clip(value, self._least[task], LARGEST)

    def distance_draws(self, task: np.ndarray, log_inputs: np.ndarray) -> np.ndarray:
        """The same under every draw: shape (B, …, R)."""
        draw = (slice(None), *[None] * (log_inputs.ndim - 2))  # the tasks' own axis comes last
        theta, reference = self.draws[:, task][draw], np.log(self.reference[task])
        with np.errstate(over="ignore", invalid="ignore"):
            if self.drifts:
                drift, ends = self.drift[:, task][draw], self.drift_ends[:, task]
                value = drifting_values(self.form, theta, log_inputs, reference, drift, ends)
            else:
                value = self.form.value(theta, log_inputs - reference)
        return np.clip(value, self._least[task], LARGEST)

    @property
    def _least(self) -> np.ndarray:
        """(T,) distance of the best value that a task can have."""
        stated = np.where(np.isnan(self.best), -np.inf, self.best)
        return np.where(self.higher_is_better, 0.0, stated)

    @property
    def _most(self) -> np.ndarray:
        """(T,) distance of the unserved value."""
        worst = np.where(self.higher_is_better, self.ceiling - self.unserved, self.unserved)
        return np.where(np.isnan(worst), LARGEST, np.maximum(worst, self._least))

    def within(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Distances (…, R) between those of the best and of the unserved value, where these are known."""
        return np.clip(distance, self._least[task], self._most[task])

    def present(self, task: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Distances (…, R) as values in the file's own unit: the loss itself, or ceiling minus distance.

        A value lies between the best one and the unserved one, where these are known. Distances, which plans are made
        of, are not cut at the unserved one: the lesser of a falling curve and a constant is not convex.
        """
        distance = self.within(task, distance)
        return np.where(self.higher_is_better[task], self.ceiling[task] - distance, distance)

    def predict(
        self, task: np.ndarray, log_inputs: np.ndarray, *, new_run: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predicted value with its 80 % interval at given scales; each of shape (R,), as a reader is ``told``.

        The interval is that of the draws. It need not hold the point: the finding ``outside_interval`` says where.

        Args:
            task: (R,) task positions.
            log_inputs: (R, I) natural logarithms of the inputs.
            new_run: whether the interval is for the value of one new run, and not for the mean curve.
        """
        told = self.told
        value = told.present(task, told.distance(task, log_inputs))
        scenarios = told.distance_draws(task, log_inputs)
        if new_run:
            scenarios = told._of_new_run(task, scenarios)
        return value, *interval(told.present(task, scenarios))

    def predict_score(
        self, task: np.ndarray, log_inputs: np.ndarray, *, new_run: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predicted score with its 80 % interval, each of shape (R,); NaN for tasks without a link.

        Each draw's loss goes through the same draw's link, so that what both owe to the same runs is not counted twice.
        The score of a new run is that of its own loss, with the link's noise of the same run. Arguments as ``predict``.
        """
        assert self.link is not None, "no score was asked for in the fit"
        told = self.told
        value = self.link.value(task, told.distance(task, log_inputs))
        scenarios = told.distance_draws(task, log_inputs)
        if new_run:
            losses = np.maximum(told._of_new_run(task, scenarios), 0.0)
            best = self.link.best[task]
            scores = self.link.value_draws(task, losses) + self.link.noise[:, task]
            # no measurement is better than the best score
            scores = np.where(self.link.higher_is_better[task], np.minimum(scores, best), np.maximum(scores, best))
        else:
            scores = self.link.value_draws(task, scenarios)
        return value, *interval(scores)

    def _of_new_run(self, task: np.ndarray, scenarios: np.ndarray) -> np.ndarray:
        """Distances (B, R) of each draw's curve with the noise of that draw's new run."""
        noise = self.noise[:, task]
        return scenarios + noise if self.residual == "raw" else scenarios * np.exp(noise)

    def table(self) -> pd.DataFrame:
        """One row a task: law, parameters with 80 % intervals in the file's units, error and status."""
        told = self.with_shown_parameters()
        names = told.form.names
        point = told.form.natural(told.parameters, self.reference)
        scenarios = told.form.natural(told.draws, self.reference)
        columns: dict[str, Any] = {"task": self.tasks, "law": self.law, "runs": self.runs}
        for name in told.form.shown:
            position = names.index(name)
            columns[name] = point[:, position]
            if len(scenarios):
                columns[f"{name}_low"], columns[f"{name}_high"] = interval(scenarios[:, :, position])
        for position in told.form.where("coefficient"):
            columns[f"{names[position]}_at_reference"] = np.exp(told.parameters[:, position])
        columns |= {f"reference_{name}": self.reference[:, i] for i, name in enumerate(self.scale_columns)}
        columns |= {name: getattr(self, name) for name in ("objective", "error", "agreement", "gradient", "condition")}
        if self.form.is_posterior:
            columns |= {"rhat": self.rhat, "effective": self.effective}
        columns["pooled"] = self.pooled
        columns["bounds"] = ["|".join(names) for names in self.bounds]
        columns["outliers"] = ["|".join(map(str, rows)) for rows in self.outliers]
        columns |= {"status": self.status, "message": self.message}
        if any(self.verdict):
            columns |= {"verdict": self.verdict, "judged": self.judged}
        if self.link is not None:
            columns |= self.link.columns()
        return pd.DataFrame(columns)
