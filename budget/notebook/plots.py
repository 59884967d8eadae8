"""Plots for notebooks, with matplotlib (extra ``plots``): to be changed, combined and saved as any other.

The report's own pictures need no package (``report.pictures.figures``); these show the same numbers.
"""

from typing import TYPE_CHECKING

import numpy as np

from budget.errors import BudgetError, CallError
from budget.numerics.quoting import listed
from budget.report.pictures.curve_series import curve_series
from budget.report.sentences import facts
from budget.report.sentences.plan_sentences import by_hand
from budget.report.written_numbers import LEVEL, UNIT_WORDS
from budget.studies.make_plan import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BARS = 40
"""Tasks of the plot of spends at most, the largest."""

PANELS = 12
"""Curves that are drawn where none are named."""

ACROSS = 4
"""Panels beside each other."""

MARKERS = ("o", "s", "^", "D")
"""Of the simple splits."""


def spends(study: Study, axes: "Axes | None" = None) -> "Axes":
    """Each task's share of the budget with its interval over the draws, beside those of the simple splits.

    Args:
        study: the plan.
        axes: where to draw; a new figure where none is given.

    Raises:
        BudgetError: matplotlib is not installed.
    """
    plan = study.plan
    shown = facts.heaviest(plan, BARS)[::-1]
    if axes is None:
        axes = _figure(7.0, 1.2 + 0.3 * len(shown)).subplots()
    rows = np.arange(len(shown))
    mine, low, high = (100 * plan.shares(each)[shown] for each in (plan.spend, plan.spend_low, plan.spend_high))
    axes.barh(rows, mine, color="0.8", label="the plan", zorder=1)
    if np.isfinite(low).all():
        axes.hlines(rows, low, high, color="0.2", label=f"{LEVEL} interval", zorder=2)
    for marker, rival in zip(MARKERS, by_hand(plan), strict=False):
        axes.plot(100 * plan.shares(rival.spend)[shown], rows, marker, mfc="none", label=rival.name, zorder=3)
    axes.set_yticks(rows, [plan.spec.tasks.names[task] for task in shown])
    axes.set_xlim(left=0)
    axes.set_xlabel("share of the budget, %")
    axes.legend()
    return axes


def curves(study: Study, tasks: list[str] | None = None) -> "Figure":
    """The runs, the curve with its interval, and the planned point: a panel a task.

    Args:
        study: the plan.
        tasks: those to draw; by default those that the plan gives most.

    Raises:
        CallError: a task is not among those that are planned.
        BudgetError: matplotlib is not installed.
    """
    planned = study.planned.tasks
    missing = [name for name in tasks or () if name not in planned]
    if missing:
        raise CallError(f"There is no planned curve of {listed(missing)}; there are those of {listed(planned)}.")
    positions = [planned.index(name) for name in tasks] if tasks else list(facts.heaviest(study.plan, PANELS))
    across = min(ACROSS, len(positions))
    down = -(-len(positions) // across)
    figure = _figure(3.2 * across, 2.6 * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for axes, task in zip(panels, positions, strict=False):
        found = curve_series(study, int(task))
        axes.fill_between(found.x, found.low, found.high, color="0.85", linewidth=0, label=f"{LEVEL} interval")
        axes.plot(found.x, found.predicted, color="0.2", label="curve")
        axes.plot(found.measured_x, found.measured, ".", color="tab:blue", label="runs")
        axes.plot(found.planned_x, found.planned, "o", color="tab:red", label="planned")
        axes.axvspan(
            float(found.measured_x.max()), found.x.max(), color="tab:orange", alpha=0.08, label="beyond the runs"
        )
        axes.set_xscale("log")
        axes.set_xlabel(UNIT_WORDS[found.scale])
        axes.set_title(planned[task], fontsize="medium")
    for axes in panels[len(positions) :]:
        axes.set_axis_off()
    panels[0].legend(fontsize="x-small")
    return figure


def _figure(width: float, height: float) -> "Figure":
    try:
        import matplotlib.pyplot as plt
    except ImportError:
        raise BudgetError("Plots need matplotlib; install it with: pip install 'budget[plots]'.") from None
    return plt.figure(figsize=(width, height), layout="constrained")
