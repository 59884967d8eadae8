"""How far to trust a gain: the gain with its interval beside how far the laws missed hidden larger runs.

See docs/decisions/162-the-gain-in-the-order-it-is-asked.md.
"""

import numpy as np

from budget.report.judged_curves import judged_curves, misses
from budget.report.pictures.svg import Axis, Chart, short, value_axis
from budget.report.written_numbers import LEVEL, percent, span
from budget.studies.make_plan import Study
from budget.studies.strategies.recommendation import RivalDecision
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL

LINE = 40.0
"""Height of a line."""

WIDEST_OF_USUAL = 3.0
"""Misses beyond so many times the median, or the gain, are written at the edge: the axis is for what is usual."""

BESIDE = 16.0
"""Where words begin: beside the axis, which they would else lie upon."""

NARROW = 500.0
"""Width of a picture below which its words are shorter."""

GAINS = {EQUAL: "Gain over an equal split", SPECIALISTS: "Gain over one model for each"}
"""A rival's name → what the picture calls the gain over it."""


def gains_of(study: Study) -> tuple[RivalDecision, ...]:
    """The gains that the picture shows, those over an equal split and over one model for each task.

    None of targets and spends: a share of these is no share of a value, as a miss is.
    """
    found = study.recommendation
    if found is None or not found.shares:
        return ()
    if found.asked is not None and (found.asked.objective.counts_targets or found.asked.objective.minimizes_spend):
        return ()
    return tuple(rival for name in GAINS if (rival := found.rival(name)) is not None)


def trust_figure(study: Study, width: float) -> str:
    """The gains of a decision that shares, and each curve's median miss, in percent of the value."""
    rivals, off = gains_of(study), misses(judged_curves(study))
    miss = 100 * np.array([each for _, each in off])
    ends = [100 * np.array([rival.gain, *rival.interval]) for rival in rivals]
    usual = [float(np.nanmax(np.abs(each))) for each in ends] + ([float(np.median(miss))] if len(miss) else [])
    far = WIDEST_OF_USUAL * max(usual)
    x = value_axis(*ends, np.minimum(miss, far), title="percent of the value", suffix=" %", zero=True)
    rows = len(rivals) + bool(off)
    chart = Chart(width, 64 + LINE * rows, x, Axis(-0.5, rows - 0.35, (), ()), grid=False)
    chart.upright(0.0, "axis")
    narrow = width < NARROW

    def called(rival: RivalDecision) -> str:
        words = GAINS[rival.name]
        return words.removeprefix("Gain ").replace(" for", "").capitalize() if narrow else words

    for at, (rival, (gain, low, high)) in enumerate(zip(rivals, ends, strict=True)):
        row = rows - 1.0 - at
        chart.text(BESIDE, chart.height_of(row) - 14, called(rival))
        chart.span(low, high, row)
        between = "" if low != low else span(f"{low:.2g}", f"{high:.2g}").replace("-", "−")
        told = f"{percent(gain / 100)} ({between})" if between else percent(gain / 100)
        chart.dots(
            np.array([gain]), np.array([row]), "planned", 5.5, [f"{GAINS[rival.name]}: {told}, in brackets {LEVEL}"]
        )
        chart.text(chart.right, chart.height_of(row) - 14, told, "number", anchor="end")
    said = ""
    if off:
        middle = float(np.median(miss))
        worst, most = max(off, key=lambda each: each[1])
        many = "" if narrow else " larger runs, a curve each"
        chart.text(BESIDE, chart.height_of(0) - 14, f"Misses of hidden{many or ' runs'}")
        inside = miss <= far
        words = [f"{name}: {percent(each)}" for name, each in off]
        beside = [word for word, near in zip(words, inside, strict=True) if near]
        chart.dots(miss[inside], np.zeros(int(inside.sum())), "run", 3.5, beside)
        chart.dots(np.array([middle]), np.zeros(1), "hollow", 5.5, [f"median: {percent(middle / 100)}"])
        chart.text(chart.right, chart.height_of(0) - 14, f"median {percent(middle / 100)}", "number", anchor="end")
        if not inside.all():
            count = int((~inside).sum())
            beyond = f"{short(worst, 18)} {100 * most:.2g} %" if count == 1 else f"{count} more, to {100 * most:.2g} %"
            chart.text(chart.right, chart.height_of(0) + 16, f"{beyond} →", "muted", anchor="end")
        said = f"; hidden larger runs were missed by {percent(middle / 100)} in the median"
        said += f", most by {worst}: {percent(most)}"
    first = "; ".join(f"{GAINS[rival.name].lower()} {percent(rival.gain)}" for rival in rivals)
    return chart.drawn(f"{first[:1].upper()}{first[1:]}{said}.")
