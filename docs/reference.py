"""The reference pages, from what the commands say of themselves: ``python docs/reference.py [FOLDER]`` writes them."""

import sys
from pathlib import Path

import click

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from budget.commands import COMMANDS, main  # noqa: E402  # the tree that this file stands in
from budget.curves.laws.table import LAWS  # noqa: E402

WIDTH = 100
"""Columns of the help texts."""


def command_pages() -> str:
    """Every command's help."""
    parts = ["# Commands\n\nWritten by `docs/reference.py` from `budget COMMAND --help`.\n"]
    settings = {**main.context_settings, "max_content_width": WIDTH, "terminal_width": WIDTH}
    with click.Context(main, info_name="budget", **settings) as above:
        for name in COMMANDS:
            command = main.get_command(above, name)
            assert command is not None
            parts += _helps(command, name, above)
    return "\n".join(parts)


def _helps(command: click.Command, name: str, above: click.Context) -> list[str]:
    """The help of a command, and of those beneath it."""
    context = command.context_class(
        command, info_name=name, parent=above, max_content_width=WIDTH, terminal_width=WIDTH
    )
    with context:
        text = command.get_help(context)
        path = context.command_path.removeprefix("budget ")
        parts = [f"## {path}\n\n```text\n{text.rstrip()}\n```\n"]
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                parts += _helps(found, child, context)
    return parts


def law_page() -> str:
    """The table of laws."""
    lines = [
        "# Laws",
        "",
        "Written by `docs/reference.py` from `budget laws`. `auto` takes `surface` where params and tokens are there "
        "(`surface_repeat` where data repeat), else `trend`; `scales` with `--scales`.",
        "",
        "| law | value | for | source |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{name}` | `{law.formula}` | {law.summary} | {law.reference} |" for name, law in LAWS.items()]
    return "\n".join([*lines, ""])


PAGES = {"commands.md": command_pages, "laws.md": law_page}
"""File → what writes it."""

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS
    for name, write in PAGES.items():
        (folder / name).write_text(write(), encoding="utf-8")
