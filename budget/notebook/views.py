"""How results show themselves in a notebook: at most one screen of text, or a small page."""

from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from budget.curves.curves import Curves
from budget.numerics.quoting import shortened
from budget.report.page.html import render_html
from budget.report.page.story import build_story
from budget.report.sentences.focus_sentences import focus_summary
from budget.studies.focus.focus import Focus
from budget.studies.make_plan import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROWS = 20
"""Rows that a view shows; its table has all."""

FOCUS = "focus"
"""The anchor of the report's section about strategies."""

WIDEST = 48
"""Characters of a cell that a text shows."""

HEIGHT = 640
"""Pixels of the part of a page that a notebook shows; the rest is scrolled to."""


def framed(page: str, title: str) -> str:
    """A whole page inside a notebook's output, whose styles cannot reach the notebook's."""
    return (
        f'<iframe title="{escape(title)}" srcdoc="{escape(page)}" sandbox="allow-scripts allow-popups allow-downloads" '
        f'style="width:100%;height:{HEIGHT}px;border:0"></iframe>'
    )


def text_table(table: pd.DataFrame, rows: int) -> list[str]:
    """The first rows of a table as lines of text, and how many more there are."""
    shown = table.head(rows).map(lambda cell: shortened(cell, WIDEST) if isinstance(cell, str) else cell)
    lines = shown.to_string(index=False, float_format=lambda number: f"{number:.4g}").splitlines()
    return [*lines, f"… and {len(table) - rows} more"] if len(table) > rows else lines


@dataclass(frozen=True)
class CurvesView:
    """The curves of a plan.

    Attributes:
        fitted: what ``fit`` returns.
        study: the plan that they are of.
    """

    fitted: Curves
    study: Study

    def table(self) -> pd.DataFrame:
        """As curves.csv: one row a task."""
        return self.fitted.table()

    def plot(self, tasks: list[str] | None = None) -> "Figure":
        """The runs, the curve with its interval and the planned point of each task (needs matplotlib).

        Args:
            tasks: those to draw; by default the twelve that the plan gives most.
        """
        from budget.notebook.plots import curves

        return curves(self.study, tasks)

    def __repr__(self) -> str:
        """One line for all, and one a task."""
        return "\n".join([self._said, *text_table(self._shown, ROWS)])

    def _repr_html_(self) -> str:
        """The same as a table."""
        table = self._shown.head(ROWS).to_html(index=False, float_format=lambda number: f"{number:.4g}", na_rep="")
        return f"<p>{escape(self._said)}</p>{table}"

    @property
    def _said(self) -> str:
        curves = self.fitted
        return f"{len(curves.tasks)} curves, law {curves.law}, {len(curves.draws)} draws"

    @property
    def _shown(self) -> pd.DataFrame:
        curves = self.fitted
        return pd.DataFrame(
            {
                "task": curves.tasks,
                "runs": curves.runs,
                "status": curves.status,
                "backtest": curves.verdict,
                "limit": curves.limit,
                "error": curves.error,
            }
        )


@dataclass(frozen=True)
class FocusView:
    """Specialists against every shared strategy.

    Attributes:
        found: the comparison.
        study: the plan that it stands beside.
    """

    found: Focus
    study: Study

    def table(self) -> pd.DataFrame:
        """As focus.csv: one row for each set, budget and strategy."""
        return self.found.table()

    def __repr__(self) -> str:
        """What the comparison says, one sentence a line."""
        return "\n".join(focus_summary(self.found))

    def _repr_html_(self) -> str:
        """The report's section: who wins on which set at which budget."""
        story = build_story(self.study)
        section = next(each for each in story.sections if each.anchor == FOCUS)
        return framed(render_html(self.study, replace(story, pictures=(), sections=(section,))), section.title)
