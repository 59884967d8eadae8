"""The story as one HTML page that needs nothing else: styles, pictures and a few lines of script are inside.

See docs/decisions/101-pictures-are-drawn-at-build-time.md.
"""

import re

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from budget.report.page.explorer import explorer_data, explorer_rows
from budget.report.page.figures import FIGURES
from budget.report.report_parts import Picture, Story
from budget.studies.make_plan import Study

LONG_WORD = re.compile(r"[^\s<>]{25,}")
"""A name so long that it may have to break, which it then does behind a joint."""

UNBREAKABLE = re.compile(r"(?<=\d) (?=(?:%|[kMBT]\b|thousand|million|billion|trillion|FLOPs))")
"""The space between a number and what it counts."""


def render_html(study: Study, story: Story) -> str:
    """The whole page."""
    environment = Environment(
        loader=PackageLoader("budget.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"flow": flow, "drawn": Markup}
    asked = [block for section in story.sections for block in section.blocks if isinstance(block, Picture)]
    pictures = {block.name: FIGURES[block.name](study) for block in (*story.pictures, *asked)}
    template = environment.get_template("page.html.j2")
    return template.render(story=story, pictures=pictures, tables=explorer_data(study), rows=explorer_rows(study))


def flow(text: str) -> Markup:
    """Escaped text in which a number stays on one line with its unit, and a long name breaks at its joints."""
    safe = str(escape(UNBREAKABLE.sub("\u00a0", text)))
    return Markup(LONG_WORD.sub(lambda word: re.sub(r"(?<=[_./-])(?!$)", "<wbr>", word.group()), safe))
