"""Whether a task's runs can carry a curve: the rules by which tasks are left out, and the data-quality report."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr

from budget.numerics.row_codes import row_codes, stood_before
from budget.tables.checks.best_values import beating_rows, beats_best, contradicted, score_ceilings
from budget.tables.checks.checkpoints import checkpoints
from budget.tables.checks.late_rise import LateRise, late_rise
from budget.tables.checks.saturated import without_saturated
from budget.tables.checks.signal import RANK_LEVEL, SIGNAL_LEVEL, Trend, proven_falls, trend
from budget.tables.checks.status import STATUS
from budget.tables.checks.suspicion import Suspicions, row_names, suspicions_of
from budget.tables.checks.units import file_warnings, flops_ratio
from budget.tables.runs import Runs

POOLED = 0.75
"""Share of distinct scales among a task's rows below which different kinds of runs may have been pooled."""

COLLINEAR = 0.999
"""Correlation of log params with log tokens from which their effects cannot be told apart."""


MANY_RUNS = 6
"""Runs below which the prior of a posterior says much of what its curve is."""

LEAST_EPOCHS = 1.5
"""Epochs that some run must reach for a law of repeated data."""

DISTINCT_MIXTURES = 1e-3
"""Smallest over largest singular value of the sources' shares from which their effects can be told apart."""


@dataclass(frozen=True)
class Finding:
    """One line of the data-quality report: a verdict (PASS, REVIEW or FAIL), what was found, and what to do."""

    task: str
    check: str
    verdict: str
    finding: str
    advice: str = ""


def distance_to_best(runs: Runs, task: int, ceiling: float) -> np.ndarray:
    """A task's values as something that falls to a floor: the loss itself, or ceiling minus score."""
    value = runs.value[runs.rows_of(task)]
    return ceiling - value if runs.higher_is_better[task] else value


def diagnose(
    runs: Runs,
    task: int,
    inputs: Sequence[str],
    parameters: int,
    ceiling: float,
    positive: bool = True,
    settled: Collection[str] = (),
    best: float = float("nan"),
    *,
    identified: bool = True,
    known: Trend | None = None,
) -> tuple[str, str]:
    """Status code of a task before any fit, with one sentence; one that plans do not use leaves the task without a fit.

    Args:
        runs: the measurements.
        task: index of the task.
        inputs: the columns that the law reads.
        parameters: how many parameters the law has.
        ceiling: best possible value of a score (``best_values.score_ceilings``).
        positive: whether the fit takes logarithms of the values.
        settled: the inputs whose exponent the user fixes.
        best: the value that nothing can be better than, NaN where none is stated.
        identified: whether the runs alone must tell every parameter; a prior tells the others.
        known: the task's trend, where it is known (``signal.proven_falls``).
    """
    mine = runs.rows_of(task)
    trained = len(np.unique(runs.originals[runs.run[mine]]))
    if trained <= parameters:
        return (
            "too_few_runs",
            f"{trained} runs for a law of {parameters} parameters; {parameters + 1} are needed",
        )
    if runs.higher_is_better[task] and np.isnan(ceiling):
        return "no_ceiling", "the score's best possible value is neither stated nor 1 or 100 by its range"
    value = distance_to_best(runs, task, ceiling)
    wrong = contradicted(runs, task, best, positive)
    if wrong:
        return "wrong_best", wrong
    if positive and (value <= 0).any():
        row = runs.row[mine][(value <= 0).argmax()]
        shown = runs.value[runs.row == row][0]
        what = f"the ceiling {ceiling:g} is reached" if runs.higher_is_better[task] else "a positive loss is due"
        return "not_positive", f"row {row} has the value {shown:g} where {what}"
    found = (
        _levels(runs, task, inputs, settled)
        or _together(runs, task, [name for name in inputs if len(settled) < 2])
        or _mixed(runs, task, inputs)
    )
    if found and (identified or all(np.ptp(runs.columns[name][mine]) == 0 for name in inputs)):
        return found
    if np.ptp(value) == 0:
        return "no_signal", "the value is the same in all runs"
    code, text = _signal(trend(runs, task, value) if known is None else known)
    late = late_rise(runs, task) if code == "no_signal" else None
    if late is not None:
        code, text = _late(late)
    if not identified and (code == "too_few_runs" or (found and code == "ok")):
        code, text = "prior_dominated", text if not found else found[1]
    return (code, text) if not STATUS[code].used else at_chance(runs, task) or (code, text)


def _signal(found: Trend) -> tuple[str, str]:
    """Whether the values fall with scale: proven, as cleanly as so few runs can show, or not."""
    if found.falls <= RANK_LEVEL:
        return "ok", ""
    p = f"rank test p = {found.falls:.2g}"
    if found.unproven:
        return "unproven_trend", f"the value falls, but {found.runs} runs are too few to prove a trend ({p})"
    if found.rises <= SIGNAL_LEVEL:
        return "wrong_direction", f"the value gets worse with scale (rank test p = {found.rises:.2g})"
    if found.best > RANK_LEVEL:
        return (
            "too_few_runs",
            f"{found.runs} runs are too few to tell a trend from noise ({p}, {found.best:.2g} at best)",
        )
    return "no_signal", f"no trend with scale can be told from noise ({p})"


def _late(found: LateRise) -> tuple[str, str]:
    """Largest runs that alone are better."""
    which = "the largest run" if found.largest == 1 else f"the largest {found.largest} runs"
    value = f"{'reaches' if found.largest == 1 else 'reach'} {found.reached:.3g}"
    return "late_rise", (
        f"gets better only at the largest scales: {which} by {found.scale} {value}, the other "
        f"{found.others} lie between {found.low:.3g} and {found.high:.3g} (t test p = {found.p:.2g})"
    )


NEED_LEVELS = {"params": 3, "tokens": 3, "flops": 3, "x": 3, "task_tokens": 3}
"""Distinct values of an input that every task needs; of the others, what a file needs is tested for itself."""


def _levels(runs: Runs, task: int, inputs: Sequence[str], settled: Collection[str]) -> tuple[str, str] | None:
    """Too few distinct values of an input."""
    mixture = runs.mixture is not None and runs.mixture.sources == tuple(inputs[1:])
    for name in inputs:
        if name not in NEED_LEVELS or (mixture and name == "params"):
            continue
        levels = len(np.unique(np.log(runs.columns[name][runs.rows_of(task)]).round(6)))
        if levels == 1:
            return "constant_scale", f"{name} has the same value in all runs"
        if levels < NEED_LEVELS[name] - (name in settled):
            return "few_levels", f"{name} has only {levels} distinct values; {NEED_LEVELS[name]} are needed"
    return None


def _together(runs: Runs, task: int, inputs: Sequence[str]) -> tuple[str, str] | None:
    """Two scales that move together, so that their effects cannot be told apart."""
    data = next((name for name in ("tokens", "task_tokens") if name in inputs), None)
    if data is None or "params" not in inputs:
        return None
    mine = runs.rows_of(task)
    log_n, log_d = np.log(runs.scale["params"][mine]), np.log(runs.columns[data][mine])
    correlation = np.corrcoef(log_n, log_d)[0, 1]
    if correlation < -COLLINEAR:
        return (
            "one_budget",
            f"params times {data} is the same in all runs: one budget only (correlation of logs {correlation:.4f})",
        )
    if correlation > COLLINEAR:
        return "collinear", f"params and {data} move together (correlation of logs {correlation:.4f})"
    return None


def _mixed(runs: Runs, task: int, inputs: Sequence[str]) -> tuple[str, str] | None:
    """Repeats and mixtures that the runs do not vary."""
    mine = runs.rows_of(task)
    if "unique_tokens" in inputs:
        epochs = runs.columns["tokens"][mine] / runs.columns["unique_tokens"][mine]
        if epochs.max() < LEAST_EPOCHS:
            return "not_identified", f"no run repeats its data (at most {epochs.max():.2g} epochs): vary the epochs"
    if runs.mixture is None or runs.mixture.sources != tuple(inputs[1:]):
        return None
    name, tokens = runs.tasks[task], runs.mixture.tokens[mine]
    if name not in runs.mixture.sources or not tokens[:, runs.mixture.sources.index(name)].any():
        return "not_identified", f"no run was trained on a source called '{name}', in whose tokens transfer is counted"
    there = tokens.any(axis=0)
    shares = tokens[:, there] / tokens.sum(axis=1, keepdims=True)
    singular = np.linalg.svd(shares / np.sqrt((shares**2).sum(axis=0)), compute_uv=False)
    if len(singular) < there.sum() or singular[-1] < DISTINCT_MIXTURES * singular[0]:
        return (
            "not_identified",
            f"the mixtures of its {len(tokens)} rows do not tell its {there.sum()} sources apart: vary their shares",
        )
    return None


def at_chance(runs: Runs, task: int) -> tuple[str, str] | None:
    """Values whose largest runs cannot be told from guessing: a one-sided t test of their mean.

    The noise is that of the smaller half of the runs, so that a late rise counts as soon as the largest runs show it.
    """
    chance = runs.chance[task]
    if not np.isfinite(chance):
        return None
    mine = runs.rows_of(task)
    size = (runs.scale["flops"] if "flops" in runs.scale else next(iter(runs.scale.values())))[mine]
    value = runs.value[mine][np.argsort(size, kind="stable")]
    small, large = value[: len(value) // 2], value[-max(3, len(value) // 8) :]
    better = (large.mean() - chance) * (1 if runs.higher_is_better[task] else -1)
    noise = small.std(ddof=1) / np.sqrt(len(large)) if len(small) > 1 else np.inf
    p = float(stdtr(len(small) - 1, -better / noise)) if noise > 0 else float(better <= 0)
    if p <= SIGNAL_LEVEL:
        return None
    reached = f"the largest {len(large)} runs reach {large.mean():.3g}"
    return "no_signal", f"{reached}, no better than guessing ({chance:.3g}; t test p = {p:.2g})"


def copies(runs: Runs, task: int) -> list[tuple[str, str]]:
    """The finding that rows of a task (and run, where runs have names) stand several times with equal numbers."""
    again = runs.rows_of(task)[runs.repeated[runs.rows_of(task)]]
    if len(again) == 0:
        return []
    rows = ", ".join(str(row) for row in runs.row[again][:8])
    more = f" and {len(again) - 8} more" if len(again) > 8 else ""
    what = "row {} is a copy" if len(again) == 1 else "rows {} are copies"
    return [("duplicated_rows", f"{what.format(rows + more)} of an earlier one")]


def check(
    runs: Runs,
    inputs: Sequence[str],
    parameters: int,
    best: np.ndarray,
    positive: bool = True,
    *,
    identified: bool = True,
) -> list[Finding]:
    """The data-quality report.

    Args:
        runs: the measurements.
        inputs: the scale columns of the law that would be fitted.
        parameters: its number of parameters.
        best: (T,) stated best values, NaN where not stated.
        positive: whether the fit would take logarithms of the values.
        identified: whether the runs alone must tell every parameter.

    Returns:
        Findings task by task, the file's own last (task ``""``).
    """
    findings: list[Finding] = []
    ceilings = score_ceilings(runs, best)
    saturated: Mapping[int, str] = {}
    if positive:
        runs, saturated = without_saturated(runs, ceilings)
    size = inputs[0] if len(inputs) == 1 else "flops" if "flops" in runs.scale else next(iter(runs.scale))
    every = range(len(runs.tasks))
    distance = [distance_to_best(runs, task, ceilings[task]) for task in every]
    # what numbers alone decide is found for all tasks at once: task by task it is mostly the calls
    falls, repeats, suspect = proven_falls(runs, every, distance), _find_repeats(runs), suspicions_of(runs, every)
    for task, name in enumerate(runs.tasks):
        mine = runs.rows_of(task)
        code, text = diagnose(
            runs, task, inputs, parameters, ceilings[task], positive, best=best[task], identified=identified,
            known=falls.get(task),
        )  # fmt: skip
        if code == "ok":
            findings.append(Finding(name, "curve", "PASS", "a curve can be fitted"))
        else:
            verdict = "REVIEW" if STATUS[code].used else "FAIL"
            findings.append(Finding(name, "curve", verdict, f"{code}: {text}", STATUS[code].advice))
        if task in saturated:
            text = f"saturated_rows: {saturated[task]}"
            findings.append(Finding(name, "saturated", "REVIEW", text, STATUS["saturated_rows"].advice))
        trained = len(np.unique(runs.run[mine]))
        findings.append(
            _graded(
                name,
                "runs",
                trained >= (2 * parameters if identified else MANY_RUNS),
                f"{trained} runs",
                "measure more: intervals will be wide",
            )
        )
        decades = np.log10(runs.scale[size][mine].max() / runs.scale[size][mine].min())
        findings.append(
            _graded(name, "range", decades >= 1.5, f"{decades:.1f} decades of {size}", "widen the range of scales")
        )
        findings.append(_repeats(runs, task, repeats))
        beating = beating_rows(runs, task, best[task])
        if len(beating) and code != "wrong_best":
            text = f"beats_best: {beats_best(runs, beating, best[task])}"
            findings.append(Finding(name, "best", "REVIEW", text, STATUS["beats_best"].advice))
        findings += _suspect(runs, task, suspect[task])
        if STATUS[code].used:
            findings.append(_last_decade(runs, task, distance[task], size))
    findings += [_cost(runs), *_units(runs)]
    if runs.shared_models:
        findings.append(
            Finding(
                "",
                "sharing",
                "PASS",
                f"{runs.shared_models} trained models serve several tasks each (shared models)",
            )
        )
    return findings


def check_table(findings: Sequence[Finding]) -> pd.DataFrame:
    """One row a task: its worst verdict, and every finding that is not PASS with its advice."""
    order = {"PASS": 0, "REVIEW": 1, "FAIL": 2}
    rows = []
    by_task: dict[str, list[Finding]] = {}
    for finding in findings:
        by_task.setdefault(finding.task, []).append(finding)
    for task, mine in by_task.items():
        notable = [finding for finding in mine if finding.verdict != "PASS"]
        rows.append(
            {
                "task": task or "(file)",
                "verdict": max((finding.verdict for finding in mine), key=order.__getitem__),
                "finding": "; ".join(finding.finding for finding in (notable or mine)),
                "advice": "; ".join(finding.advice for finding in notable if finding.advice),
            }
        )
    return pd.DataFrame(rows, columns=["task", "verdict", "finding", "advice"])


def _graded(task: str, check: str, good: bool, finding: str, advice: str) -> Finding:
    return Finding(task, check, "PASS" if good else "REVIEW", finding, "" if good else advice)


@dataclass(frozen=True)
class _Repeats:
    """Which rows (R,) are equal to an earlier one of their task.

    Attributes:
        copied: in everything, the run too where runs have names.
        equal: in value and every column of a law.
        scale: in every column of a law.
    """

    copied: np.ndarray
    equal: np.ndarray
    scale: np.ndarray


def _find_repeats(runs: Runs) -> _Repeats:
    of_scale = row_codes([runs.task, *runs.columns.values()])
    return _Repeats(runs.repeated, stood_before(row_codes([of_scale, runs.value])), stood_before(of_scale))


def _repeats(runs: Runs, task: int, found: _Repeats) -> Finding:
    name, mine = runs.tasks[task], runs.rows_of(task)
    again, equal = mine[found.copied[mine]], mine[found.equal[mine]]
    gone = runs.copied.get(name, ())
    if len(again) or gone:
        rows = np.sort([*runs.row[again], *gone])
        said = f"{len(rows)} of {len(mine) + len(gone)} rows repeat another ({row_names(rows)})"
        return Finding(name, "repeats", "REVIEW", said, "remove copies of one run")
    if len(equal):
        said = f"equal values in different runs: {row_names(runs.row[equal])}; each counts as a run of its own"
        advice = "right for seeds whose values were rounded; see that no run stands under two names"
        return Finding(name, "repeats", "REVIEW", said, advice)
    scales = len(mine) - int(np.count_nonzero(found.scale[mine]))
    if scales < POOLED * len(mine):
        return Finding(
            name, "repeats", "REVIEW",
            f"{len(mine)} rows have only {scales} distinct scales",
            "if runs of one scale differ in data or recipe, choose one kind with --where",
        )  # fmt: skip
    return Finding(name, "repeats", "PASS", "no row stands twice")


def _last_decade(runs: Runs, task: int, value: np.ndarray, size: str) -> Finding:
    """Whether the best value still improves in the last decade of scale by 3 standard errors, where they are known."""
    mine = runs.rows_of(task)
    name, scale, stderr = runs.tasks[task], runs.scale[size][mine], runs.stderr[mine]
    early = scale <= scale.max() / 10
    if not early.any() or not np.isfinite(stderr).all():
        return Finding(name, "last decade", "PASS", "not judged without standard errors")
    old, new = value[early].argmin(), value[~early].argmin()
    gain = value[early][old] - value[~early][new]
    noise = float(np.hypot(stderr[early][old], stderr[~early][new]))
    return _graded(
        name,
        "last decade",
        gain >= 3 * noise,
        f"the last decade of {size} improved the best value by {gain:.3g} (standard error {noise:.2g})",
        "saturated at this scale: more budget here buys little",
    )


def _suspect(runs: Runs, task: int, found: Suspicions) -> list[Finding]:
    """Rows that another unit or a diverged run would explain, and checkpoints."""
    name = runs.tasks[task]
    coded = [*found.findings, *checkpoints(runs, task)]
    result = [Finding(name, code, "REVIEW", f"{code}: {text}", STATUS[code].advice) for code, text in coded]
    if found.wild:
        advice = "see whether the run diverged or the cell is wrong; a fit judges the row again"
        result.append(Finding(name, "neighbours", "REVIEW", found.wild, advice))
    return result


def _cost(runs: Runs) -> Finding:
    if not {"params", "tokens", "flops"} <= set(runs.scale):
        return Finding("", "cost", "PASS", "no cost rule to check: params, tokens and flops are not all there")
    ratio = flops_ratio(runs)
    if ratio is None:
        return Finding("", "cost", "REVIEW", "no FLOPs in the file: 6·params·tokens is taken", "add the counted FLOPs")
    if np.ptp(ratio) <= 1e-3 * ratio.min():
        return Finding("", "cost", "PASS", f"flops are {ratio.mean():.4g} times 6·params·tokens in every run")
    return Finding("", "cost", "PASS", f"flops are {ratio.min():.3g} to {ratio.max():.3g} times 6·params·tokens")


def _units(runs: Runs) -> list[Finding]:
    """Whole columns that look as if they were in another unit."""
    return [Finding("", "units", "REVIEW", said, "write plain numbers in every column") for said in file_warnings(runs)]
