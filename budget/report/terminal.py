"""A table on a terminal.

See docs/decisions/102-csv-on-a-pipe.md.
"""

from collections.abc import Iterator

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from budget.numerics.quoting import escaped
from budget.report.verbosity import VERDICT_COLORS
from budget.report.written_numbers import NOTHING

GAP = 2
"""Spaces between columns."""


def print_table(frame: pd.DataFrame, color: bool | None = None) -> None:
    """Print a table with numbers to four significant digits.

    Where the terminal is too narrow for all columns they follow in blocks, each with the task (or else the first
    column) in front; numbers never break, and long text wraps.

    Args:
        frame: any table; missing cells are shown as a dash, verdicts in their colours.
        color: whether to write in colour; ``None``: where the terminal can.
    """
    console = Console(no_color=None if color is None else not color)
    cells = {escaped(str(name)): [_cell(cell) for cell in frame[name]] for name in frame.columns}
    right = {escaped(str(name)) for name in frame.columns if _is_number(frame[name])}
    key = "task" if "task" in cells else next(iter(cells))
    key_width = min(_width(key, cells[key]), console.width // 3)
    for position, names in enumerate(_blocks(cells, key, console.width - key_width)):
        if position:
            console.print()
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        table.add_column(key, max_width=key_width, overflow="fold")
        for name in names:
            table.add_column(name, justify="right" if name in right else "left", no_wrap=name in right, overflow="fold")
        for row in zip(cells[key], *(cells[name] for name in names), strict=True):
            table.add_row(*(Text(cell, VERDICT_COLORS.get(cell, "")) for cell in row))
        console.print(table)


def _blocks(cells: dict[str, list[str]], key: str, room: int) -> Iterator[list[str]]:
    """The columns beside the key, in groups that fit the room; one that alone is too wide has a group of its own."""
    block: list[str] = []
    left = room
    for name in cells:
        if name == key:
            continue
        width = GAP + _width(name, cells[name])
        if block and width > left:
            yield block
            block, left = [], room
        block.append(name)
        left -= width
    yield block


def _width(name: str, column: list[str]) -> int:
    return max(map(len, [name, *column]))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _cell(cell: object) -> str:
    if cell is None or cell is pd.NA or cell != cell:
        return NOTHING
    return f"{cell:.4g}" if isinstance(cell, float) else escaped(str(cell))
