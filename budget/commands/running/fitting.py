"""Fitting as the commands do it: on every core, programs and fits kept, progress shown. Heavy imports stay inside.

See docs/decisions/171-fits-are-kept-by-task.md.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import click

from budget.commands.options.option_types import as_number
from budget.commands.running.output import echo_notes
from budget.errors import DataError
from budget.process_settings import cache_folder, prepare_to_fit
from budget.report.verbosity import VERBOSITY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    import pandas as pd

    from budget.commands.options.fitting_options import Drawing, Estimating, Fitting, Holdout
    from budget.curves.curves import Curves
    from budget.curves.fitting.loss import Loss
    from budget.curves.kept_fits import KeptFits
    from budget.studies.backtest import Backtest
    from budget.studies.backtest_verdict import Verdict
    from budget.studies.decision_backtest import DecisionBacktest
    from budget.studies.strategies.judged_models import JudgeModel
    from budget.studies.strategies.strategy_curves import FittedStrategies
    from budget.tables.runs import Runs
    from budget.tables.tasks import TaskSettings


JUDGING_DRAWS = 100
"""Draws of the fits that only judge a curve: enough to say whether an 80 % interval holds a run."""


STATED = ("best", "unserved")
"""What a decision backtest reads off the tasks' settings itself."""


KEEP = "BUDGET_KEEP"
"""The variable of the environment that says, being 0, that fits are neither kept nor looked for."""

KEPT = "budget.kept"
"""Where a command's context keeps what it found."""


class Estimator(TypedDict):
    """What ``fit_curves`` and all that fits by it take, but for the law and the loss."""

    fix: Mapping[str, float]
    tie: Sequence[Sequence[str]]
    pool: bool | None
    prior: str | None
    borrow: bool
    discrepancy: bool
    plan_on: str
    device: str | None
    best: np.ndarray
    unserved: np.ndarray


def fit_all(
    runs: Runs,
    tasks: TaskSettings,
    runs_path: str,
    fitting: Fitting,
    estimating: Estimating,
    drawing: Drawing,
    beside: Runs | None = None,
) -> Curves:
    """The curves of every task; of shared models, beside specialists of the same tasks where there are any."""
    from budget.curves.fitting.fit import fit_curves
    from budget.report.progress import step
    from budget.tables.files.contents import sha256_as_read

    _prepare()
    with step("fit") as bar:
        return fit_curves(
            runs,
            fitting.law,
            scale=fitting.scale,
            loss=_loss(estimating),
            draws=drawing.draws,
            seed=drawing.seed,
            beside=beside,
            sha256=sha256_as_read(runs_path),
            progress=bar,
            **_estimator(tasks, estimating),
        )


def fit_strategies(
    runs: Runs,
    tasks: TaskSettings,
    fitting: Fitting,
    estimating: Estimating,
    drawing: Drawing,
    specialists: Curves | None = None,
    *,
    judged: bool = False,
) -> FittedStrategies:
    """Every strategy's curves, and what a backtest says of them where asked; the specialists' may be there already."""
    from budget.report.progress import steps
    from budget.studies.strategies.strategy_curves import fit_strategy_curves

    _prepare()
    with steps() as start:
        return fit_strategy_curves(
            runs,
            specialists=specialists,
            judging=min(drawing.draws, JUDGING_DRAWS) if judged else 0,
            law=fitting.law,
            scale=fitting.scale,
            loss=_loss(estimating),
            draws=drawing.draws,
            seed=drawing.seed,
            progress=start,
            **_estimator(tasks, estimating),
        )


def backtest_laws(
    runs: Runs,
    tasks: TaskSettings,
    holdout: Holdout,
    estimating: Estimating,
    drawing: Drawing,
    beside: Runs | None = None,
) -> Backtest:
    """The laws judged on hidden runs."""
    from budget.report.progress import steps
    from budget.studies.backtest import backtest

    _prepare()
    with steps() as start:
        return backtest(
            runs,
            holdout.laws,
            hide=holdout.hide,
            below=holdout.below,
            origins=holdout.origins,
            beside=beside,
            scale=holdout.scale,
            loss=_loss(estimating),
            draws=drawing.draws,
            seed=drawing.seed,
            progress=start,
            **_estimator(tasks, estimating),
        )


def judge_curves(
    curves: Curves,
    runs: Runs,
    tasks: TaskSettings,
    estimating: Estimating,
    drawing: Drawing,
    beside: Runs | None = None,
) -> Curves:
    """The curves with what a backtest says of each: the fit as it was (``fit_all``), without the largest runs."""
    from budget.curves.checks.added_findings import with_verdicts
    from budget.report.progress import steps
    from budget.studies.backtest_verdict import figures_of, judge

    _prepare()
    with steps() as start:
        found = judge(
            runs,
            curves.law,
            scale=curves.scale_columns[0] if curves.form.reads_one_scale else None,
            loss=_loss(estimating),
            draws=min(drawing.draws, JUDGING_DRAWS),
            seed=drawing.seed,
            beside=beside,
            progress=None if start is None else lambda law: start(f"backtest {law}"),
            **_estimator(tasks, estimating),
        )
    return with_verdicts(curves, [(each.code, each.sentence) for each in found], figures_of(found))


def judge_shared(
    runs: Runs, tasks: TaskSettings, curves: Curves, estimating: Estimating, drawing: Drawing
) -> JudgeModel:
    """How a shared model's curves are judged: by its own runs, with the fit as it was, when a decision trains it.

    Args:
        runs: of all strategies.
        tasks: settings of all their tasks.
        curves: of single tasks, whose law the shared ones have.
        estimating: as the curves were fitted.
        drawing: as the curves were fitted.
    """
    from budget.studies.strategies.judged_models import judge_model

    options: dict[str, Any] = dict(_estimator(tasks, estimating))
    per_task = {name: options.pop(name) for name in ("best", "unserved")}
    scale = curves.scale_columns[0] if curves.form.reads_one_scale else None

    def judged(strategy: str, names: tuple[str, ...]) -> tuple[Verdict, ...]:
        return judge_model(
            runs,
            strategy,
            names,
            curves.law,
            per_task,
            scale=scale,
            loss=_loss(estimating),
            draws=min(drawing.draws, JUDGING_DRAWS),
            seed=drawing.seed,
            **options,
        )

    return judged


def decide_laws(
    runs: Runs,
    tasks: TaskSettings,
    laws: Sequence[str],
    beyond: float,
    scale: str | None,
    estimating: Estimating,
    drawing: Drawing,
) -> list[DecisionBacktest]:
    """What plans by each law realise of runs that were hidden."""
    from budget.report.progress import steps
    from budget.studies.decision_backtest import decide_backtest

    _prepare()
    asked: dict[str, Any] = {name: each for name, each in _estimator(tasks, estimating).items() if name not in STATED}
    with steps() as start:
        return [
            decide_backtest(
                runs,
                law,
                beyond=beyond,
                tasks=tasks,
                scale=scale,
                loss=_loss(estimating),
                draws=drawing.draws,
                seed=drawing.seed,
                progress=None if start is None else start(f"decide {law}"),
                **asked,
            )
            for law in laws
        ]


def with_decided(
    curves: Curves,
    runs: Runs,
    tasks: TaskSettings,
    beyond: float,
    fitting: Fitting,
    estimating: Estimating,
    drawing: Drawing,
) -> Curves:
    """The curves with what plans by their law realise of runs that were hidden."""
    from dataclasses import replace

    (found,) = decide_laws(runs, tasks, (fitting.law,), beyond, fitting.scale, estimating, drawing)
    return replace(curves, decided=found.figures)


def fit_sensitivity(
    runs: Runs, tasks: TaskSettings, curves: Curves, fitting: Fitting, estimating: Estimating, drawing: Drawing
) -> pd.DataFrame:
    """The table of ``fit --sensitivity``."""
    from budget.curves.checks.sensitivity import sensitivity
    from budget.report.progress import step

    with step("sensitivity") as bar:
        return sensitivity(
            runs,
            curves,
            _loss(estimating),
            progress=bar,
            scale=fitting.scale,
            draws=drawing.draws,
            **_estimator(tasks, estimating),
        )


def add_link(curves: Curves, runs: Runs, scores: Runs | None, tasks: TaskSettings, device: str | None) -> Curves:
    """The curves with the links to the scores, where these were asked for."""
    if scores is None:
        return curves
    from budget.curves.link.fit import with_link
    from budget.report.progress import step

    with step("link"):
        return with_link(curves, runs, scores, best=tasks.best, chance=tasks.unserved, device=device)


def _prepare() -> None:
    """Before the first fit of a command: programs kept, every core at work, and fits kept until the command ends."""
    prepare_to_fit()
    context = click.get_current_context(silent=True)
    if context is None or os.environ.get(KEEP) == "0" or KEPT in context.meta:
        return
    from budget.curves.kept_fits import KeptFits, keeping_fits
    from budget.tables.kept_files import KeptFiles

    kept = context.meta[KEPT] = KeptFits(KeptFiles(Path(cache_folder()) / "fits"))
    context.with_resource(keeping_fits(kept))
    if not VERBOSITY.get().quiet:  # which is forgotten when the command ends
        context.call_on_close(lambda: echo_notes(*_found(kept)))


def _found(kept: KeptFits) -> list[str]:
    """What a command says of the fits that it did not make."""
    if not kept.seconds:
        return []
    curves = f"{kept.curves} curves" if kept.curves else "parts of curves"
    return [
        f"{curves[0].upper()}{curves[1:]} were fitted before and stand in {kept.files.folder} (about "
        f"{kept.seconds:.1f} s of computing saved); {KEEP}=0 fits them anew."
    ]


def _loss(estimating: Estimating) -> Loss:
    from budget.curves.fitting.loss import make_loss

    return make_loss(estimating.loss, estimating.delta, estimating.quantile, estimating.residual)


def _estimator(tasks: TaskSettings, estimating: Estimating) -> Estimator:
    if len(dict(estimating.fix)) < len(estimating.fix):
        raise DataError("--fix names one parameter twice; keep one of them.")
    return {
        "fix": {name: as_number(value, f"--fix {name}", "0.34") for name, value in estimating.fix},
        "tie": [tuple(name.strip() for name in names.split("=")) for names in estimating.tie],
        "pool": estimating.pool,
        "prior": estimating.prior,
        "borrow": estimating.borrow,
        "discrepancy": estimating.discrepancy,
        "plan_on": estimating.plan_on,
        "device": estimating.device,
        "best": tasks.best,
        "unserved": tasks.unserved,
    }
