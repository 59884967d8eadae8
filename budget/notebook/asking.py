"""A call's arguments as the words of a command line, and tables in memory as the files that these name."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
import pandas as pd

from budget.errors import CallError
from budget.numerics.quoting import listed, shown
from budget.tables.files.contents import held_in_memory

Table = pd.DataFrame | str | Path
"""A table in memory, or the path of a file that holds one."""


def words_of(command: click.Command, given: Mapping[str, Any]) -> list[str]:
    """The options of a command line that say what keyword arguments say.

    Args:
        command: that will read them.
        given: keyword → what was given: text, number, truth, a mapping (``NAME=VALUE`` each), or several of a text;
            ``None`` leaves the option out.

    Raises:
        CallError: the command has no such option, or its option cannot be given so.
    """
    options = {
        name.removeprefix("--").replace("-", "_"): param
        for param in command.params
        if isinstance(param, click.Option)
        for name in param.opts
    }
    words: list[str] = []
    for key, content in given.items():
        param = options.get(key)
        if param is None:
            near = get_close_matches(key, options, 3, 0.5)
            hint = f"the nearest are {listed(near)}" if near else f"there are {', '.join(sorted(options))}"
            raise CallError(f"'budget {command.name}' has no option {shown(key)}; {hint}.")
        if content is None:
            continue
        option = f"--{key.replace('_', '-')}"
        if isinstance(content, bool):
            if not param.is_flag:
                raise CallError(f"{key} is {content}, and takes a value: {param.help}")
            negative = [name for name in param.secondary_opts if name.startswith("--")]
            words += [option] if content else negative[:1]
            continue
        if param.is_flag:
            raise CallError(f"{key} is {shown(str(content))}, and is either True or False: {param.help}")
        if isinstance(content, Mapping):
            content = [f"{name}={each}" for name, each in content.items()]
        several = [content] if isinstance(content, (str, Path)) or not hasattr(content, "__iter__") else list(content)
        if len(several) > 1 and not param.multiple:
            raise CallError(f"{key} is given {len(several)} times, and takes one value: {param.help}")
        for each in several:
            words += [option, str(each)]
    return words


@contextmanager
def as_files(tables: Mapping[str, Table | None]) -> Iterator[dict[str, str | None]]:
    """The paths of tables, those in memory under names that can be read while this lasts.

    A table in memory is read as the CSV that it would be saved as: its guessed columns, conditions and row numbers are
    those of that file.

    Args:
        tables: role → the table.

    Raises:
        CallError: what was given is no table.
    """
    held, paths = {}, dict[str, str | None]()
    for role, table in tables.items():
        if isinstance(table, pd.DataFrame):
            named = f"the {role} table"
            plain = isinstance(table.index, pd.RangeIndex) or all(name is None for name in table.index.names)
            held[named] = (table if plain else table.reset_index()).to_csv(index=False).encode()
            paths[role] = named
        elif table is None or isinstance(table, (str, Path)):
            paths[role] = None if table is None else str(table)
        else:
            raise CallError(f"{role} is {shown(repr(table))}; give a pandas DataFrame, or the path of a file.")
    with held_in_memory(held):
        yield paths


def said_in_a_sentence(error: click.ClickException) -> CallError:
    """A mistake in the words of a command line, as one in a call."""
    text = re.sub(r"'?--([a-z][a-z-]*)'?", lambda found: found[1].replace("-", "_"), error.format_message())
    return CallError(text)
