"""The parts a report is made of, without a word of HTML or Markdown: one story, two renderings."""

from dataclasses import dataclass
from typing import ClassVar

PANELS = 12
"""Small charts of one kind at most."""

ROWS = 30
"""Lines of the chart of spends at most."""

MOST_CARDS = 200
"""Rows of a table that are cards on a narrow screen; a longer one scrolls there."""


@dataclass(frozen=True)
class Cell:
    """A table cell: the text, a smaller second line, and its colour (``good``, ``warn``, ``bad``, none).

    The text says the same without the colour.
    """

    text: str
    detail: str = ""
    tone: str = ""


@dataclass(frozen=True)
class Column:
    """A table column: its label, whether numbers are set flush right, and what the cells' second lines are."""

    label: str
    numeric: bool = False
    detail: str = ""

    @property
    def words(self) -> str:
        """Label and detail in one line."""
        return f"{self.label} ({self.detail})" if self.detail else self.label


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        caption: what it shows.
        columns: its columns.
        rows: one tuple of cells a row.
        total: the last row, set apart; empty where there is none.
        folded: whether a reader opens it on demand.
        cards: whether each row becomes a card on a narrow screen, where they are no more than ``MOST_CARDS``.
    """

    kind: ClassVar[str] = "table"
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: tuple[Cell, ...] = ()
    folded: bool = False
    cards: bool = False

    @property
    def has_cards(self) -> bool:
        """Whether rows become cards: every cell then names its column, which many rows would repeat too often."""
        return self.cards and len(self.rows) <= MOST_CARDS


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    kind: ClassVar[str] = "text"
    text: str


@dataclass(frozen=True)
class Callout:
    """A paragraph that must not be overlooked."""

    kind: ClassVar[str] = "callout"
    text: str


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences; one with a caption is opened by the reader on demand."""

    kind: ClassVar[str] = "bullets"
    items: tuple[str, ...]
    caption: str = ""


@dataclass(frozen=True)
class Definitions:
    """Terms with their explanation."""

    kind: ClassVar[str] = "definitions"
    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Picture:
    """A figure of the HTML report; it says its own numbers to a reader who cannot see it.

    Attributes:
        name: which of ``figures.FIGURES`` draws it.
        caption: how to read it.
        title: a finding or a question in a few words; empty where the section's own says it.
    """

    kind: ClassVar[str] = "picture"
    name: str
    caption: str
    title: str = ""


Block = Table | Text | Callout | Heading | Bullets | Definitions | Picture


@dataclass(frozen=True)
class Tile:
    """One number of the headline with what it is and how to read it; ``key`` is what the page's script calls it."""

    label: str
    number: str
    detail: str
    key: str = ""


@dataclass(frozen=True)
class Note:
    """A small line under the headline's numbers: what it is about, and what it says."""

    label: str
    text: str


@dataclass(frozen=True)
class Section:
    """A section of the report, which the reader opens.

    Attributes:
        anchor: its name in addresses.
        title: its name.
        blocks: its content.
        label: marks what is hypothetical.
        finding: its answer in a line, which stands beside the title while it is closed.
    """

    anchor: str
    title: str
    blocks: tuple[Block, ...]
    label: str = ""
    finding: str = ""


@dataclass(frozen=True)
class Story:
    """The whole report in the order a decision-maker reads it; ``pictures`` are those of the first page.

    ``notes`` are small lines under its numbers; ``source`` says what it was read from.
    """

    headline: str
    label: str
    warnings: tuple[str, ...]
    summary: tuple[str, ...]
    tiles: tuple[Tile, ...]
    pictures: tuple[Picture, ...]
    sections: tuple[Section, ...]
    notes: tuple[Note, ...] = ()
    source: str = ""
