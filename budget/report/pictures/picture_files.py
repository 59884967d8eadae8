"""The report's pictures as files: each SVG by itself, with the page's colours for a light and a dark screen inside.

See docs/decisions/101-pictures-are-drawn-at-build-time.md.
"""

import re
from collections.abc import Mapping, Sequence

from budget.report.page.html import environment
from budget.report.pictures.figures import Panel
from budget.report.pictures.svg import picture, text

GAP = 24.0
"""Pixels between two panels."""

TITLE = 22.0
"""Height of a panel's name."""

ROW = 3
"""Panels beside each other."""

EDGE = 12.0
"""Pixels about the panels."""

SIZE = re.compile(r'width="([\d.]+)" height="([\d.]+)"')
LABEL = re.compile(r'aria-label="([^"]*)"')
PREFIX = "figure-"


def file_name(name: str) -> str:
    """The file of a picture."""
    return f"{PREFIX}{name}.svg"


def picture_files(pictures: Mapping[str, Sequence[Panel]]) -> dict[str, str]:
    """File name → SVG of every picture that has a panel; several panels stand in rows."""
    style = environment().get_template("picture_file.css.j2").render()
    return {file_name(name): _joined(panels, style) for name, panels in pictures.items() if panels}


def _joined(panels: Sequence[Panel], style: str) -> str:
    parts, labels = [], []
    top, right, x, height = EDGE, 0.0, EDGE, 0.0
    for at, panel in enumerate(panels):
        if at % ROW == 0 and at:
            top, x, height = top + height + GAP, EDGE, 0.0
        found = SIZE.search(panel.wide)
        label = LABEL.search(panel.wide)
        assert found is not None and label is not None  # what ``svg.picture`` draws has both
        labels.append(label[1])
        own = TITLE if panel.title else 0.0
        if panel.title:
            parts.append(text(x, top + 14, panel.title, "strong"))
        parts.append(panel.wide.replace("<svg ", f'<svg x="{x:g}" y="{top + own:g}" ', 1))
        x += float(found[1]) + GAP
        right, height = max(right, x - GAP), max(height, float(found[2]) + own)
    ground = f"<style>{style}</style>" + '<rect width="100%" height="100%" fill="var(--page)"/>'
    drawn = picture(right + EDGE, top + height + EDGE, [ground, *parts], "")
    drawn = drawn.replace('aria-label=""', f'aria-label="{" ".join(labels)}"', 1)
    return drawn.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def said(panels: Sequence[Panel]) -> str:
    """What a picture says to a reader who cannot see it, as it stands in its markup."""
    return " ".join(found[1] for panel in panels if (found := LABEL.search(panel.wide)))
