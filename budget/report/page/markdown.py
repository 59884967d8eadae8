"""The story as GitHub Markdown: the same sentences and tables, and the pictures as files beside it."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from budget.numerics.quoting import escaped
from budget.report.pictures.picture_files import file_name
from budget.report.report_parts import Block, Bullets, Callout, Cell, Definitions, Heading, Picture, Story, Table, Text

SPECIAL = re.compile(r"([\\`*<>|\[\]#$~])")
EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")


def render_markdown(story: Story, pictures: Mapping[str, str] | None = None) -> str:
    """The whole report.

    Args:
        story: what it says.
        pictures: of those that stand beside it as files, name → what each says to a reader who cannot see it.
    """
    drawn = pictures or {}
    lines = ["# Planning report", "", *([escape(story.source), ""] if story.source else [])]
    for warning in story.warnings:
        lines += [*_callout(Callout(warning)), ""]
    lines += [f"**{_mark(story.label)}{escape(story.headline)}**", ""]
    for sentence in story.summary:
        lines += [escape(sentence), ""]
    lines += ["| What | Number | How to read it |", "|---|---:|---|"]
    lines += [f"| {escape(tile.label)} | {escape(tile.number)} | {escape(tile.detail)} |" for tile in story.tiles]
    for note in story.notes:
        lines += ["", f"**{escape(note.label)}:** {escape(note.text)}"]
    for block in story.pictures:
        lines += ["", *([f"## {escape(block.title)}", ""] if block.title else []), *_picture(block, drawn)]
    for section in story.sections:
        label = f" ({section.label.lower()})" if section.label else ""
        lines += ["", f"## {escape(section.title)}{label}"]
        if section.finding:
            lines += ["", f"*{escape(section.finding)}*"]
        for item in section.blocks:
            written = _picture(item, drawn) if isinstance(item, Picture) else _RENDER[type(item)](item)
            lines += ["", *written] if written else []
    return "\n".join(lines) + "\n"


def _picture(block: Picture, drawn: Mapping[str, str]) -> list[str]:
    """A picture that stands beside the report, with how to read it; nothing of one that does not."""
    if block.name not in drawn:
        return []
    return [f"![{escape(drawn[block.name])}]({file_name(block.name)})", "", escape(block.caption)]


def escape(text: str) -> str:
    """Text that Markdown shows as it is, in a paragraph and in a table cell; underscores inside a word may stay."""
    plain = SPECIAL.sub(r"\\\1", escaped(" ".join(text.split()))).replace("&", "&amp;")
    return EDGE_UNDERSCORE.sub(r"\\_", plain)


def _mark(label: str) -> str:
    return f"{label}: " if label else ""


def _text(block: Text) -> list[str]:
    return [escape(block.text)]


def _callout(block: Callout) -> list[str]:
    return [f"> **{escape(block.text)}**"]


def _heading(block: Heading) -> list[str]:
    return [f"### {escape(block.text)}"]


def _bullets(block: Bullets) -> list[str]:
    head = [f"{escape(block.caption)}:", ""] if block.caption else []
    return [*head, *(f"- {escape(item)}" for item in block.items)]


def _definitions(block: Definitions) -> list[str]:
    return [f"- **{escape(term)}**: {escape(text)}" for term, text in block.items]


def _table(block: Table) -> list[str]:
    rows = [*block.rows, *([block.total] if block.total else [])]
    return [
        f"{escape(block.caption)}:",
        "",
        _row([escape(column.words) for column in block.columns]),
        _row(["---:" if column.numeric else "---" for column in block.columns]),
        *(_row([_cell(cell) for cell in row]) for row in rows),
    ]


def _cell(cell: Cell) -> str:
    return escape(f"{cell.text} ({cell.detail})" if cell.detail else cell.text)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


_RENDER: dict[type[Block], Callable[[Any], list[str]]] = {
    Text: _text,
    Callout: _callout,
    Heading: _heading,
    Bullets: _bullets,
    Definitions: _definitions,
    Table: _table,
}
"""How each block is written but a ``Picture``, which is a file of its own."""
