"""A command with placeholders, and the rows of a plan that fill them. No shell ever sees either."""

import hashlib
import json
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from string import Formatter

from budget.errors import DataError
from budget.tables.files import text as files

_LONGEST_NAME = 120


def read_rows(path: str | Path) -> dict[str, dict[str, str]]:
    """Read a plan of any columns.

    Args:
        path: a CSV, one row a run; a column `run` names them, else `run_name` does.

    Returns:
        The name of each run, in the file's order, and its cells with that name as `run`.

    Raises:
        DataError: a row has no name, or two rows are the same run.
    """
    frame = files.read_csv(path, "plan")
    rows: dict[str, dict[str, str]] = {}
    numbers: dict[str, object] = {}
    for number, record in frame.iterrows():
        cells = {
            str(name): " ".join(str(cell).split()) if name == "run" else str(cell).strip()
            for name, cell in record.items()
        }
        name = cells["run"] if "run" in cells else run_name(cells)
        if not name:
            raise DataError(
                f"{path}, row {number}, column 'run': the cell is empty; name the run, or leave the column out."
            )
        if name in rows:
            raise DataError(
                f"{path}, row {number}: the same run as row {numbers[name]} ('{name}'); delete one, or tell them apart "
                "by a column such as seed or run."
            )
        numbers[name], rows[name] = number, {**cells, "run": name}
    return rows


def run_name(cells: Mapping[str, str]) -> str:
    """A name such as `code-params=1e6-seed=0`, the same whenever the cells are, and no other row has it."""
    parts = [cell if name == "task" else f"{name}={cell}" for name, cell in cells.items() if cell]
    ambiguous = any("=" in name or "=" in cell for name, cell in cells.items())
    return safe_name("-".join(parts), *([json.dumps(dict(cells))] if ambiguous else []))


def safe_name(text: str, *also: str) -> str:
    """A text as part of a file name, with a short hash where it had to be changed or more tells it apart."""
    plain = re.sub(r"[^\w.+=|-]+", "_", text)[:_LONGEST_NAME]
    if plain == text and not also:
        return plain
    return f"{plain}-{hashlib.sha256(json.dumps([text, *also]).encode()).hexdigest()[:8]}"


def split_command(command: str, columns: Iterable[str]) -> list[str]:
    """Split a command into words and check it before anything is started.

    Args:
        command: quoted as for a shell, with `{column}` where a cell goes, and `{{` and `}}` for braces.
        columns: the placeholders there are.

    Returns:
        Its words, to be filled by `fill`.

    Raises:
        DataError: it cannot be split, has an unknown placeholder, or names a program that is not there.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise DataError(f"--command cannot be split into words ({error}); close the quote.") from None
    if not words:
        raise DataError("--command is empty; give a program such as 'python train.py --seed {seed}'.")
    known = list(columns)
    for word in words:
        try:
            names = [name for _, name in _parts(word)]
        except ValueError as error:
            raise DataError(
                f"--command: '{word}' has a brace without its partner ({error}); write a placeholder as {{column}}, "
                "and {{ and }} for braces."
            ) from None
        for name in names:
            if name is not None and name not in known:
                raise DataError(
                    f"--command: the placeholder '{{{name}}}' is no column of the plan, which has: {', '.join(known)}; "
                    "name one of them, or write {{ and }} for braces."
                )
    if all(name is None for _, name in _parts(words[0])) and not shutil.which(fill(words[:1], {})[0]):
        raise DataError(f"--command: there is no program '{words[0]}'; give its path, or install it.")
    return words


def fill(words: Iterable[str], cells: Mapping[str, str]) -> list[str]:
    """The words with a row's cells in place of the placeholders."""
    return ["".join(text + (cells[name] if name is not None else "") for text, name in _parts(word)) for word in words]


def _parts(word: str) -> list[tuple[str, str | None]]:
    """Literal texts, and the column after each; a column's name may hold `!` or `:`."""
    return [
        (text, None if name is None else name + (f"!{convert}" if convert else "") + (f":{form}" if form else ""))
        for text, name, form, convert in Formatter().parse(word)
    ]
