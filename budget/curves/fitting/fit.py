"""The fit of every task of a file at once: what a user calls, from runs to curves with joint draws.

See docs/decisions/009-scores-as-distance-to-their-ceiling.md.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from budget.curves.checks.agreement import with_agreement
from budget.curves.checks.convergence import primary
from budget.curves.checks.unique_data import unique_notes
from budget.curves.cost_law import fit_cost
from budget.curves.curves import Curves
from budget.curves.fitting.batching import choose_devices
from budget.curves.fitting.by_search import fit_by_search
from budget.curves.fitting.constraints import make_constraints
from budget.curves.fitting.loss import Loss, Residual, make_loss
from budget.curves.fitting.question import Fitted, Question
from budget.curves.fitting.search import Estimator, Progress
from budget.curves.laws.law import Law
from budget.curves.laws.table import AUTO, LAWS, law_for, law_inputs, published_curve
from budget.curves.predictive.by_posterior import fit_by_posterior
from budget.curves.predictive.observations import Beside
from budget.curves.published_prior import published_prior
from budget.curves.steady import STEADY
from budget.errors import DataError
from budget.tables.checks.best_values import score_ceilings
from budget.tables.checks.saturated import without_saturated
from budget.tables.checks.units import file_warnings
from budget.tables.mixtures import with_mixture_frame
from budget.tables.runs import Runs, runs_from_frame


def fit_curves(
    runs: Runs | pd.DataFrame,
    law: str = AUTO,
    *,
    scale: str | None = None,
    scales: Sequence[str] = (),
    mixtures: pd.DataFrame | None = None,
    best: np.ndarray | None = None,
    unserved: np.ndarray | None = None,
    ceiling: np.ndarray | None = None,
    loss: Loss | str = "huber",
    residual: Residual = "log",
    fix: Mapping[str, float] | None = None,
    tie: Sequence[Sequence[str]] = (),
    pool: bool | None = None,
    prior: str | None = None,
    draws: int = 200,
    seed: int = 0,
    borrow: bool = True,
    discrepancy: bool = True,
    plan_on: str = STEADY,
    planned: bool = True,
    beside: Runs | None = None,
    names_of: tuple[str, ...] | None = None,
    device: str | None = None,
    sha256: str = "",
    progress: Progress | None = None,
) -> Curves:
    """Fit one law to every task of a file, with joint bootstrap draws.

    Args:
        runs: the measurements, as ``read_runs`` gives them or a table with the columns of ``runs.csv``.
        law: name in ``LAWS``, or ``auto`` for the one that holds best beyond the runs: ``surface`` where params and
            tokens are there, else ``trend``; ``chinchilla`` or ``power`` where an option asks for a search.
        scale: the column that a one-scale law reads.
        scales: two or three columns that law ``scales`` reads, which is then ``auto``'s; as read with the runs.
        mixtures: what each run was trained on (columns ``run, source, tokens``), for a law that reads it.
        best: (T,) stated best values, NaN where not stated: a score's ceiling, and the least floor of a loss.
        unserved: (T,) stated values of a task that is given nothing, NaN where not stated: no prediction is worse.
        ceiling: (T,) best possible scores; by default as stated, else by the range of each metric's values.
        loss: name in ``LOSSES``, or the loss that ``make_loss`` made.
        residual: ``log`` or ``raw``, where ``loss`` is a name.
        fix: parameter name → the value it is held at, in the reader's units.
        tie: groups of parameters that share one value, such as ``[("alpha", "beta")]``.
        pool: whether exponents are pulled toward the tasks' common distribution (``pool``); by default only those
            of tasks with few runs.
        prior: name of a published curve of the law, whose exponents and ratios pull the fit (``published_prior``).
        draws: number of bootstrap draws B.
        seed: of the draws.
        borrow: whether plans by a posterior's curves borrow from a file's other tasks what a task's own runs do not
            tell, such as its floor; predictions never do.
        discrepancy: whether draws of a law that is searched for hold the law's own error, by which they drift from it
            beyond the runs (``Curves.drift``); draws of a posterior always do. Not with raw residuals.
        plan_on: what plans by a posterior's curves are made on, a name of ``PLAN_ON``.
        planned: whether plans will read the curves: of a posterior's law they read convex ones near its draws.
        beside: runs of specialists of the same tasks, where ``runs`` are shared models': a posterior of two scales
            learns from them how a task's value falls, far beyond what shared models were measured at.
        names_of: (T,) the task of ``beside`` that each curve is of; by default the one of its name.
        device: ``cpu``, ``gpu`` or ``tpu``; JAX's own choice where not given.
        sha256: hash of the file, recorded.
        progress: called with (starts and draws done, of all): first the starts of the point fits, then the draws.

    Returns:
        Curves of all T tasks; one that cannot be fitted has a status that says why.

    Raises:
        DataError: the file lacks a scale that the law needs, or an option does not fit the law or the loss.
        FitError: there is no such device.
    """
    if isinstance(runs, pd.DataFrame):
        runs = runs_from_frame(runs, scales=scales)
    elif scales:
        runs = runs.over(scales)
    if mixtures is not None:
        runs = with_mixture_frame(runs, mixtures)
    if law not in (AUTO, *LAWS):
        raise DataError(f"There is no law '{law}'; choose one of {', '.join((AUTO, *LAWS))}.")
    if draws < 0:
        raise DataError(f"{draws} draws cannot be drawn; give 0 or more.")
    loss = make_loss(loss, residual=residual) if isinstance(loss, str) else loss
    asked = _of_searched_laws(loss, fix or {}, tie, pool, discrepancy, prior)
    form, because = _choose_law(runs, law, asked, prior)
    if prior is not None and pool:
        raise DataError("--prior and --pool both say where exponents lie; leave one of them out.")
    published = None if prior is None else published_prior(prior, form)
    inputs = law_inputs(runs, form, scale)
    form = form.over(inputs)
    devices = choose_devices(device)

    count = len(runs.tasks)
    best = np.full(count, np.nan) if best is None else best
    unserved = np.full(count, np.nan) if unserved is None else unserved
    ceiling = score_ceilings(runs, best) if ceiling is None else ceiling
    saturated: Mapping[int, str] = {}
    if loss.residual == "log":
        runs, saturated = without_saturated(runs, ceiling)
    together = Beside(beside, names_of or runs.tasks) if beside is not None and form.learns_beside else None
    read = LAWS[form.planned_as] if planned and form.planned_as is not None else None
    # a value that may be 0 or negative has no factor by which a law could be off
    drifts = discrepancy and loss.residual == "log"
    question = Question(
        runs, form, inputs, best, unserved, ceiling, draws, seed, read, progress, borrow, together, drifts,
        published,
    )  # fmt: skip
    if form.is_posterior:
        fitted = fit_by_posterior(question, device, devices)
    else:
        estimator = Estimator(form, loss, make_constraints(form, fix or {}, tie), devices)
        fitted = fit_by_search(question, estimator, pool)
    for task, sentence in saturated.items():
        fitted.found[task].append(("saturated_rows", sentence))
    if runs.mixture is not None and not form.reads_mixtures:
        because = (*because, f"Law '{form.name}' reads no mixtures: --mixtures changes nothing.")
    curves = _curves_of(question, fitted)
    curves = replace(curves, sha256=sha256, plan_on=plan_on, notes=(*curves.notes, *because, *fitted.notes))
    curves = replace(curves, notes=(*curves.notes, *unique_notes(curves)))
    bounded, no_bound = curves.bounded_by(unserved)
    return with_agreement(replace(bounded, notes=(*bounded.notes, *no_bound)))


def _choose_law(runs: Runs, law: str, asked: str, prior: str | None) -> tuple[Law, tuple[str, ...]]:
    """The law's record, and in sentences why it was chosen where ``auto`` does not take its default.

    Args:
        runs: the measurements.
        law: name in ``LAWS``, or ``auto``.
        asked: the option that only a law takes that is searched for, "" for none.
        prior: name of a published curve whose exponents pull the fit.

    Raises:
        DataError: the option does not fit the law that was named.
    """
    because: tuple[str, ...] = ()
    if law == AUTO and prior is not None:
        law = published_curve(prior)[0].name
        because = (f"--prior {prior} is a curve of law '{law}', which is fitted.",)
    elif law == AUTO:
        law = law_for(runs, searched=bool(asked))
        because = (f"{asked} is for a law that is searched for, so the law is '{law}'.",) if asked else ()
    form = LAWS[law]
    if form.is_posterior and asked:
        raise DataError(
            f"Law '{form.name}' is fitted by its posterior, and {asked} is for laws that are searched for; leave it "
            "out, or give --law chinchilla or --law power."
        )
    return form, because


def _curves_of(question: Question, fitted: Fitted) -> Curves:
    """The curves as they were fitted, with what is true of the file whatever the fit."""
    runs, inputs = question.runs, question.inputs
    main = [primary(each) for each in fitted.found]
    return Curves(
        law=question.form.name,
        scale_columns=inputs,
        tasks=runs.tasks,
        metric=runs.metric,
        higher_is_better=runs.higher_is_better,
        ceiling=question.ceiling,
        best=question.best,
        unserved=question.unserved,
        status=tuple(code for code, _ in main),
        message=tuple(text for _, text in main),
        findings=tuple(tuple(each) for each in fitted.found),
        bounds=tuple(fitted.bounds),
        outliers=tuple(fitted.outliers),
        **fitted.arrays,
        runs=np.array([len(np.unique(runs.run[runs.rows_of(task)])) for task in range(len(runs.tasks))]),
        smallest=_extremes(runs, inputs, np.min),
        largest=_extremes(runs, inputs, np.max),
        ratios=_ratios(runs),
        shared=runs.shared_tasks(),
        group=runs.groups(),
        cost=fit_cost(runs),
        estimator=fitted.estimator,
        residual=fitted.residual,
        seed=question.seed,
        source=runs.source,
        shared_models=runs.shared_models,
        strategy=runs.strategy,
        notes=(
            *runs.notes,
            *_ceiling_notes(runs, question.best, question.ceiling),
            *_derived_notes(runs, inputs),
        ),
        warnings=(*file_warnings(runs), *fitted.warnings),
    )


def _of_searched_laws(
    loss: Loss,
    fix: Mapping[str, float],
    tie: Sequence[Sequence[str]],
    pool: bool | None,
    discrepancy: bool,
    prior: str | None,
) -> str:
    """The option that was given and that only a law takes whose optimum is searched for, "" where none was."""
    given = {
        "--residual raw": loss.residual == "raw",
        "--loss or --delta": loss.residual == "log" and loss != make_loss("huber"),
        "--fix": bool(fix),
        "--tie": bool(tie),
        "--pool": pool is not None,
        "--no-discrepancy": not discrepancy,
        "--prior": prior is not None,
    }
    return next((name for name, there in given.items() if there), "")


def _derived_notes(runs: Runs, inputs: Sequence[str]) -> list[str]:
    """What a column that the law reads was taken from."""
    return [runs.derived[name] for name in inputs if name in runs.derived]


def _ceiling_notes(runs: Runs, best: np.ndarray, ceiling: np.ndarray) -> list[str]:
    """What was taken as the best possible score where nobody stated it, one sentence for each value."""
    guessed = runs.higher_is_better & np.isnan(best) & np.isfinite(ceiling)
    ends = [(value, int((guessed & (ceiling == value)).sum())) for value in np.unique(ceiling[guessed])]
    return [
        f"The best possible score is taken as {value:g} for {many} task{'' if many == 1 else 's'}, by the range of "
        "their values; column 'best' of a --tasks file states it."
        for value, many in ends
    ]


def _extremes(runs: Runs, inputs: Sequence[str], pick: Callable[[np.ndarray], float]) -> dict[str, np.ndarray]:
    """Scale column → (T,) extreme of what was measured, for every scale and whatever else the law reads."""
    columns = runs.columns
    return {
        name: np.array([pick(columns[name][runs.rows_of(task)]) for task in range(len(runs.tasks))])
        for name in dict.fromkeys((*runs.scale, *inputs))
    }


def _ratios(runs: Runs) -> np.ndarray:
    """(T, 2) fewest and most tokens a parameter of each task's runs, NaN in files without both columns."""
    if not {"params", "tokens"} <= set(runs.scale):
        return np.full((len(runs.tasks), 2), np.nan)
    ratio = runs.scale["tokens"] / runs.scale["params"]
    return np.array([[pick(ratio[runs.rows_of(task)]) for pick in (np.min, np.max)] for task in range(len(runs.tasks))])
