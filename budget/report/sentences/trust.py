"""How far the numbers can be trusted: extrapolation, open parameters, scatter, assumptions, the data check."""

import numpy as np

from budget.curves.curves import Curves
from budget.numerics.words import listing, shortened
from budget.report.sentences import facts
from budget.report.sentences.backtest_sentences import decided_sentence
from budget.report.written_numbers import factor, percent, plural
from budget.studies.make_plan import Study


def extrapolation(study: Study) -> str:
    """Whether predictions lie outside what was measured."""
    plan, decided = study.plan, study.recommendation
    if decided is not None and decided.shares:
        far = [model for model in decided.models if model.beyond > 1]
        if not far:
            return "Extrapolation: none. Every planned model lies within the measured range of its tasks."
        most = max(far, key=lambda model: model.beyond)
        return (
            f"Extrapolation: {len(far)} of {plural(len(decided.models), 'model')} lie outside what was measured, at "
            f"most {factor(most.beyond)} ({shortened(list(most.tasks))}). They rest on the law, not on a measurement."
        )
    outside = np.any([np.abs(np.log(factors)) > 1e-9 for factors in plan.extrapolation_factors.values()], axis=0)
    if not outside.any():
        return "Extrapolation: none. Every planned model lies within the measured range of its task."
    return (
        f"Extrapolation: {int(outside.sum())} of {len(plan.spend)} predictions lie outside what was measured, at most "
        f"{facts.farthest(plan)}. They rest on the law, not on a measurement."
    )


def doubts(study: Study) -> tuple[str, ...]:
    """What a reader should know before trusting the numbers."""
    curves, plan = study.planned, study.plan
    found = [extrapolation(study), *backtested(curves), *_shared_backtested(study)]
    found += (
        [] if study.curves.decided is None else [f"Backtest of decisions: {decided_sentence(study.curves.decided)}"]
    )
    found += [
        f"What the data leave open: for {listing(names)}, {message}. Larger runs would settle it."
        for message, names in _said(curves, "at_bound").items()
    ]
    found += [
        f"Several curves fit almost equally well: for {listing(names)}, {message}."
        for message, names in _said(curves, "several_optima").items()
    ]
    found += [
        f"Rows that do not belong to their curve: for {listing(names)}, {message}."
        for message, names in _said(curves, "outliers").items()
    ]
    if curves.pooled.any():
        which = listing([name for name, one in zip(curves.tasks, curves.pooled, strict=True) if one])
        found.append(f"Few runs: the exponents of {which} lean on those of the other tasks (partial pooling).")
    flat = facts.saturated(study)
    if flat:
        found.append(
            f"Saturated at the measured scale: {listing(flat)}. The last decade of scale improved the best value by "
            "less than 3 standard errors, so more budget there buys little."
        )
    best, worst = int(np.argmin(curves.error)), int(np.argmax(curves.error))
    found.append(
        f"Scatter: a run typically lies {percent(curves.error[worst])} off its curve ({curves.tasks[worst]})."
        if best == worst
        else f"Scatter: a run typically lies {percent(curves.error[best])} ({curves.tasks[best]}) to "
        f"{percent(curves.error[worst])} ({curves.tasks[worst]}) off its curve."
    )
    lonely = [name for name, agreement in zip(curves.tasks, curves.agreement, strict=True) if agreement < 0.5]
    if lonely:
        found.append(
            f"Hard to fit: for {listing(lonely)}, fewer than half of the starting points end at the best curve found."
        )
    if len(curves.draws) == 0:
        found.append("Intervals: none, since no draws were asked for.")
    if plan.failed_draws:
        found.append(
            f"{plural(plan.failed_draws, 'draw')} could not be solved and {'is' if plan.failed_draws == 1 else 'are'} "
            "not in the ranges of spend."
        )
    return tuple(found)


def backtested(curves: Curves) -> tuple[str, ...]:
    """How the curves did where their largest runs were hidden, one sentence; nothing without a backtest."""
    by_verdict: dict[str, list[str]] = {}
    for name, verdict in zip(curves.tasks, curves.verdict, strict=True):
        by_verdict.setdefault(verdict, []).append(name)
    by_verdict.pop("", None)
    if not by_verdict:
        return ()
    passed, judged = len(by_verdict.get("PASS", ())), sum(map(len, by_verdict.values()))
    rest = [
        f"{listing(by_verdict[verdict])} {words}"
        for verdict, words in (
            ("FAIL", "did worse than taking that nothing improves (FAIL)"),
            ("REVIEW", "had too narrow intervals or too few runs to judge (REVIEW)"),
        )
        if verdict in by_verdict
    ]
    said = (
        f"Backtest of curves: {passed} of {plural(judged, 'curve')} predicted the largest runs when these were hidden"
    )
    return ("; ".join([said, *rest]) + ".",)


def _shared_backtested(study: Study) -> tuple[str, ...]:
    """The same of the shared models that are to be trained."""
    judged = study.judged_sharing
    if not judged:
        return ()
    passed = sum(each.verdict.code == "PASS" for each in judged)
    return (
        f"Backtest of the shared models' curves: {passed} of {plural(len(judged), 'curve')} predicted the largest.",
    )


def _said(curves: Curves, code: str) -> dict[str, list[str]]:
    """What was found under a code: sentence → the tasks it was found of."""
    sentences: dict[str, list[str]] = {}
    for name, found in zip(curves.tasks, curves.findings, strict=True):
        for kind, message in found:
            if kind == code:
                sentences.setdefault(message, []).append(name)
    return sentences


def assumptions(study: Study) -> tuple[str, ...]:
    """The study's notes, without what the table of left-out tasks says."""
    return tuple(dict.fromkeys(note for note in study.notes if note not in study.curves.left_out))


def verdicts(study: Study) -> str:
    """The data check in one sentence."""
    worst: dict[str, str] = {}
    order = ("PASS", "REVIEW", "FAIL")
    for finding in study.findings:
        if finding.task:
            worst[finding.task] = max(worst.get(finding.task, "PASS"), finding.verdict, key=order.index)
    counts = [(list(worst.values()).count(verdict), verdict) for verdict in order]
    parts = [f"{number} {verdict}" for number, verdict in counts if number]
    return f"Data check before any fit: {plural(len(worst), 'task')}, {listing(parts)}."
