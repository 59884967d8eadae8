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
            near = listed(get_close_matches(key, options, 3, 0.0))
            raise CallError(f"'budget {command.name}' has no option {shown(key)}; the nearest are {near}.")
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


_COLUMN = r"--column (?:'[^'=]*=[^']*'|[^\s'=]+=\S+)"
_OPTIONS = re.compile(
    rf"(?P<command>'budget [^']*')|(?P<columns>{_COLUMN}(?: {_COLUMN})*)|"
    r"--(?P<option>[a-z][a-z-]*)(?: (?P<content>'[^']*'|[^\s']+))?"
)
_QUOTE = "'"
_ENDING = re.compile(r"[.,;:)]*$")


def in_words_of_a_call(text: str, command: click.Command, tables: Mapping[str, Table | None]) -> str:
    """A sentence about a command's files, as one about a call: keywords for options, index labels for row numbers.

    Args:
        text: the sentence.
        command: whose options it may name; what stands in quotation marks as a command line stays one.
        tables: role → what was given.
    """
    known = {name: param for param in command.params for name in (*param.opts, *param.secondary_opts)}

    def keyword(found: re.Match[str]) -> str:
        if found["command"]:
            return found[0]
        if found["columns"]:
            ending = _ENDING.search(found[0])[0]  # type: ignore[index]  # it may be empty
            pairs = found[0].removesuffix(ending).replace("'", "").removeprefix("--column ").split(" --column ")
            return f"columns={dict(pair.split('=', 1) for pair in pairs)}{ending}"
        param = known.get(f"--{found['option']}")
        if not isinstance(param, click.Option):
            return found[0]
        name, content = param.opts[-1].removeprefix("--").replace("-", "_"), found["content"] or ""
        name = {"column": "columns"}.get(name, name)
        after = f" {content}" if content else ""
        if param.is_flag:
            return f"{name}={'--' + found['option'] in param.opts}{after}"
        ending = _ENDING.search(content)[0]  # type: ignore[index]
        bare = content.removesuffix(ending)
        if bare == "inf" or re.fullmatch(r"[\d.]+(?:e[+-]?\d+)?", bare):
            return f"{name}={bare}{ending}"
        chosen = isinstance(param.type, click.Choice) and bare in param.type.choices
        told = bare[:1] == _QUOTE or "=" in bare or chosen
        return f"{name}={shown(bare.strip(_QUOTE))}{ending}" if told else f"{name}{after}"

    def label(found: re.Match[str]) -> str:
        table, row = tables.get(found["role"] or "runs"), int(found["row"]) - 2  # as a file its header is row 1
        if not isinstance(table, pd.DataFrame) or not 0 <= row < len(table):
            return found[0]
        at = table.index[row]
        return f"{found['table'] or ''}index {shown(at) if isinstance(at, str) else at}{found['cell'] or ''}"

    # a sentence about a curve names no table: its rows are those of runs
    text = re.sub(
        r"(?P<table>the (?P<role>\w+) table, )?row (?P<row>\d+)(?P<cell> has the value)?",
        lambda found: label(found) if found["table"] or found["cell"] else found[0],
        text,
    )
    return _OPTIONS.sub(keyword, text)
