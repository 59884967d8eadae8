"""The story as one HTML page that needs nothing else: styles, pictures and a few lines of script are inside.

See docs/decisions/101-pictures-are-drawn-at-build-time.md.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from budget.report.page.explorer import explorer_data, explorer_rows
from budget.report.pictures.figures import FIGURES, Panel
from budget.report.report_parts import Picture, Story
from budget.studies.make_plan import Study

PAGED_FROM = 100
"""Rows of a table from which the page shows some of them at a time."""

FIRST_ROWS = 50
"""Rows shown at a time; those behind them are parsed once their section is opened, searched, saved or printed."""

LONG_WORD = re.compile(r"[^\s<>]{25,}")
"""A name so long that it may have to break, which it then does behind a joint."""

UNBREAKABLE = re.compile(r"(?<=\d) (?=(?:%|[kMBT]\b|thousand|million|billion|trillion|FLOPs))|(?<=[●◐○]) ")
"""The space between a number and what it counts, or behind a mark."""


def drawn_pictures(study: Study, story: Story) -> dict[str, list[Panel]]:
    """The pictures that a story asks for, by their names."""
    inside = [block for section in story.sections for block in section.blocks if isinstance(block, Picture)]
    return {block.name: FIGURES[block.name](study) for block in (*story.pictures, *inside)}


def render_html(study: Study, story: Story, pictures: Mapping[str, Sequence[Panel]] | None = None) -> str:
    """The whole page.

    Args:
        study: what the page's script reads its tables from.
        story: what the page says.
        pictures: those of the story, where they are drawn already.
    """
    pictures = drawn_pictures(study, story) if pictures is None else pictures
    tables = explorer_data(study) if story.pictures else ""
    template = environment().get_template("page.html.j2")
    return template.render(story=story, pictures=pictures, tables=tables, rows=explorer_rows(study) if tables else ())


@cache
def environment() -> Environment:
    """The templates, with the filters that they use."""
    made = Environment(
        loader=PackageLoader("budget.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"flow": flow, "drawn": Markup}
    made.globals |= {"most_rows": PAGED_FROM, "first_rows": FIRST_ROWS, "at_once": at_once, "later": later}
    return made


def flow(text: str) -> Markup:
    """Escaped text in which a number stays on one line with its unit, and a long name breaks at its joints."""
    safe = str(escape(UNBREAKABLE.sub("\u00a0", text)))
    return Markup(LONG_WORD.sub(lambda word: re.sub(r"(?<=[_./-])(?!$)", "<wbr>", word.group()), safe))


def at_once(rows: Sequence[Any]) -> Sequence[Any]:
    """The rows of a table that stand in the page: the first of a long one."""
    return rows[:FIRST_ROWS] if len(rows) > PAGED_FROM else rows


def later(rows: Sequence[Any]) -> Sequence[Any]:
    """The others, which the page's script puts there once they are wanted."""
    return rows[FIRST_ROWS:] if len(rows) > PAGED_FROM else ()
