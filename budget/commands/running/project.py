"""What is said once for a folder: ``budget.toml`` beside the file that a command reads.

See docs/decisions/134-names-are-guessed-aloud.md.
"""

import shlex
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click

from budget.commands.options.option_types import PRICE
from budget.commands.running.output import echo_notes
from budget.errors import DataError
from budget.numerics.quoting import shown

FILE = "budget.toml"
"""Its name. A table ``["runs.csv"]`` is about one file; what stands above the tables is about all of the folder."""

OF_A_FILE = ("column", "where", "task", "wide", "last-of", "every", "higher-is-better", "tasks")
"""Options that a file's table may give; ``column`` and ``where`` are lists."""

OF_A_FOLDER = ("tasks", "device", "utilisation", "price", "unit")
"""What may stand above the tables: options, and what amounts are read with."""

Settings = dict[str, Any]


def read_project(folder: Path) -> Settings:
    """What the file of a folder says; nothing where there is none.

    Raises:
        DataError: it is no TOML, or a key is none of the known.
    """
    path = folder / FILE
    if not path.is_file():
        return {}
    import tomllib

    from budget.tables.files.contents import read_text

    try:
        said = tomllib.loads(read_text(path, "settings"))
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not readable as TOML ({error}); correct that line.") from None
    for key, content in said.items():
        known, table = (OF_A_FILE, content) if isinstance(content, dict) else (OF_A_FOLDER, {key: content})
        for name in table:
            if name not in known:
                near = ", ".join(get_close_matches(name, known, 3, 0.0))
                raise DataError(f"{path}: {shown(name)} is no setting; the nearest are {near}.")
    return said


def apply_project(ctx: click.Context, inputs: list[str]) -> tuple[str | None, float | None]:
    """Give a command the options that ``budget.toml`` beside its first input states and the command line does not.

    Returns:
        The device that ``GPU`` stands for and the utilisation, where they are stated.

    Raises:
        DataError: the file cannot be read, or states what an option cannot be.
    """
    folder = Path(inputs[0]).parent if inputs else Path()
    said = read_project(folder)
    if not said:
        return None, None
    path = folder / FILE
    of_file = said.get(Path(inputs[0]).name, {}) if inputs else {}
    stated = {key: content for key, content in said.items() if not isinstance(content, dict)} | of_file
    words: list[str] = []
    for param in ctx.command.params:
        option = next((name.removeprefix("--") for name in param.opts if name.removeprefix("--") in stated), None)
        if option is None or param.name is None or option not in (*OF_A_FILE, "unit"):
            continue
        given = ctx.get_parameter_source(param.name) != click.core.ParameterSource.DEFAULT
        if given and option != "column":
            continue
        content = stated[option]
        if option == "tasks":
            content = str(folder / str(content))
        if param.multiple and not isinstance(content, list):
            content = [content]
        try:
            value = param.type_cast_value(ctx, content)
        except click.BadParameter as error:
            raise DataError(f"{path}: {option}: {error.message}") from None
        if option == "column":
            named = {canonical for canonical, _ in ctx.params[param.name]}
            value = (*ctx.params[param.name], *(pair for pair in value if pair[0] not in named))
        ctx.params[param.name] = value
        words += _words(option, content)
    if words:
        echo_notes(f"By {path}: {' '.join(words)}")
    if "price" in stated and not ctx.meta.get(PRICE):
        ctx.meta[PRICE] = str(stated["price"])
    return _text(stated, "device", path), _share(stated, path)


def _words(option: str, content: Any) -> list[str]:
    if isinstance(content, bool):
        return [f"--{option}"] if content else []
    several = content if isinstance(content, list) else [content]
    return [f"--{option} {shlex.quote(str(each))}" for each in several]


def _text(stated: Settings, key: str, path: Path) -> str | None:
    found = stated.get(key)
    if found is None or isinstance(found, str):
        return found
    raise DataError(f'{path}: {key} is {shown(found)}; write it as text, such as {key} = "H100".')


def _share(stated: Settings, path: Path) -> float | None:
    found = stated.get("utilisation")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not 0 < found <= 1:
        raise DataError(f"{path}: utilisation is {shown(found)}; it is a share of the peak, such as 0.4.")
    return float(found)


def save_reading(runs_path: str, options: dict[str, Any]) -> str:
    """Keep how a file is read in ``budget.toml`` beside it; what it says of other files stays, its comments do not.

    Args:
        runs_path: the file.
        options: of ``OF_A_FILE``.

    Returns:
        A sentence that says so.

    Raises:
        DataError: the file cannot be read or written.
    """
    from budget.tables.files.write_files import write_text

    folder = Path(runs_path).parent
    said = read_project(folder)
    said[Path(runs_path).name] = {key: content for key, content in options.items() if content not in (None, False, [])}
    write_text(folder / FILE, toml_text(said))
    return f"Kept in {folder / FILE}: every command reads {Path(runs_path).name} so from now on."


def toml_text(said: Settings) -> str:
    """Settings as TOML: texts, numbers, truths, lists of texts, and one level of tables."""
    above = [f"{key} = {_toml(content)}" for key, content in said.items() if not isinstance(content, dict)]
    tables = [
        "\n".join([f"[{_toml(name)}]", *(f"{key} = {_toml(each)}" for key, each in content.items())])
        for name, content in said.items()
        if isinstance(content, dict)
    ]
    return "\n\n".join(part for part in ("\n".join(above), *tables) if part) + "\n"


def _toml(content: Any) -> str:
    import json

    if isinstance(content, list):
        return f"[{', '.join(map(_toml, content))}]"
    # a basic string of TOML escapes as JSON does, but for DEL
    return json.dumps(content, ensure_ascii=False).replace("\x7f", "\\u007f")
