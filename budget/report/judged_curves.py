"""What backtests say of the curves that a decision rests on, for the first page: its tile and its picture.

A shared model is judged by its own curves, whoever serves alone by the task's; a plan of one model by the curves of it.

See docs/decisions/131-backtest-verdicts.md,
docs/decisions/162-the-gain-in-the-order-it-is-asked.md.
"""

from collections.abc import Sequence

import numpy as np

from budget.numerics.words import shortened
from budget.report.report_parts import Tile
from budget.report.written_numbers import LEVEL, percent
from budget.studies.backtest_verdict import Verdict, figures_from
from budget.studies.make_plan import Study

NAMED = 2
"""Curves of a verdict that the tile names."""

Judged = tuple[str, Verdict]
"""A curve's name, and what the backtest says of it."""


def judged_curves(study: Study) -> tuple[Judged, ...]:
    """The curves that the decision rests on and that a backtest judged, in the order of the tasks."""
    planned = study.planned
    verdicts = [
        Verdict(code, sentence, figures_from(held))
        for code, sentence, held in zip(planned.verdict, planned.judged, planned.held, strict=True)
    ]
    named = dict(zip(study.planned.tasks, verdicts, strict=True)) if verdicts else {}
    found = study.recommendation
    if found is None or not found.shares:
        return tuple((name, verdict) for name, verdict in named.items() if verdict.code)
    alone = {model.tasks[0] for model in found.models if len(model.tasks) == 1}
    mine = [(name, verdict) for name, verdict in named.items() if name in alone and verdict.code]
    return (*mine, *((f"{each.task} (shared)", each.verdict) for each in study.judged_sharing))


def misses(judged: Sequence[Judged]) -> tuple[tuple[str, float], ...]:
    """Each curve with the median relative error of its predictions of hidden runs, where that is told."""
    known = ((name, verdict.figures) for name, verdict in judged)
    return tuple((name, told.off) for name, told in known if told is not None)


def backtest_tile(judged: Sequence[Judged]) -> tuple[Tile, ...]:
    """How many of the curves passed, how far they missed hidden runs, and what their intervals held; none of none."""
    if not judged:
        return ()
    passed = sum(verdict.code == "PASS" for _, verdict in judged)
    said = []
    for code in ("FAIL", "REVIEW"):
        names = [name for name, verdict in judged if verdict.code == code]
        said += [f"{code}: {shortened(names, NAMED)}"] if names else []
    off = misses(judged)
    if off:
        worst, most = max(off, key=lambda each: each[1])
        typical = f"{100 * float(np.median([each for _, each in off])):.2g} %"
        apart = f"; {worst} {100 * most:.2g} %" if len(off) > 1 else ""
        said.append(f"hidden larger runs missed by {typical} in the median{apart}")
        told = [found for _, verdict in judged if (found := verdict.figures) is not None]
        inside, all_of = sum(each.inside for each in told), sum(each.predictions for each in told)
        said.append(f"{percent(inside / all_of)} inside {LEVEL} intervals")
    number = f"{passed} of {len(judged)} hold" if len(judged) > 1 else judged[0][1].code
    label = "Backtest of curves" if len(judged) > 1 else "Backtest of the curve"
    return (Tile(label, number, "; ".join(said) or "by hidden runs"),)
