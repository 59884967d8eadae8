"""Scenarios from a file: names, and what each says with the options of a question.

A CSV has a row for each and a column for each option; TOML has a table ``[[scenario]]`` for each, such as a plan's own
``plan.toml``. What a scenario leaves out is as the command line says it.

See docs/decisions/159-scenarios-are-questions-side-by-side.md.
"""

import io
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import click

from budget.commands.options.option_types import together
from budget.commands.options.planning_options import ASKING, COMPETING, ORDER, REFERENCES, Asking
from budget.commands.running.group import command, is_input
from budget.errors import DataError
from budget.numerics.quoting import listed, shown

NAME = "name"
"""What a scenario is called by; every other word is an option."""

AFTER = "after"
"""The earlier scenario whose plan is spent already, such as the quarter before: ``add`` is what comes on top of it."""

AS_ASKED = "as asked"
"""The name of the command line's own question, where it is a whole one: the first, from which the others differ."""

TABLE = "scenario"
"""The key of a scenario's table in TOML."""

YES, NO = frozenset({"yes", "true", "1", "on"}), frozenset({"no", "false", "0", "off"})
"""What a cell may say of an option that is either given or not."""

EXCLUDE = {"budget": "add", "add": "budget"}
"""Options of which a scenario's own takes the place of the command line's other."""

Words = dict[str, Any]
"""Option, without dashes → a text, several, or whether it is given."""


@dataclass(frozen=True)
class ReadScenario:
    """A scenario as the file has it, its options read.

    Attributes:
        name: its own.
        asking: what it asks, the command line's words behind its own.
        strategies: that compete.
        order: in which tasks join.
        words: what the file says of it.
        after: the earlier scenario whose plan is today's split here; empty for none.
    """

    name: str
    asking: Asking
    strategies: tuple[str, ...]
    order: str
    words: Words
    after: str = ""

    @property
    def told(self) -> Words:
        """What the file says, wherever it and its tables stand."""
        return {
            key: Path(content).name if is_input(OPTIONS[key]) and content not in REFERENCES else content
            for key, content in self.words.items()
        }


@command("scenario")
@click.argument("runs_path", metavar="RUNS")
@together(COMPETING, ASKING, ORDER)
def _asked(runs_path: str, asking: Asking, **options: Any) -> tuple[Asking, dict[str, Any]]:
    """What the words of one scenario ask; of the runs only the folder counts, whose settings it reads."""
    from budget.commands.running.question_options import refuse_words

    refuse_words(asking)
    return asking, options


OPTIONS = {param.opts[0].removeprefix("--"): param for param in _asked.params if isinstance(param, click.Option)}
"""The words that a scenario may say."""


def read_scenarios(path: str, runs_path: str, said: Mapping[str, Any]) -> tuple[list[ReadScenario], tuple[str, ...]]:
    """The command line's question, where it states a budget, then the scenarios of a file; and what is said of them.

    The first is what the report is of. A scenario at the head of the file that asks the same stands for both.

    Args:
        path: a CSV, or TOML by its ending.
        runs_path: the file of runs, whose folder's settings hold for scenarios too.
        said: option → what the command line says.

    Raises:
        DataError: the file cannot be read, has no scenario or two of one name, or a line says what is no option, or
            what an option cannot be.
    """
    stated = list(_of_toml(path) if path.endswith(".toml") else _of_table(path))
    if not stated:
        raise DataError(f"{path}: it holds no scenario; give a row, or a table [[{TABLE}]], for each.")
    base = {key: content for key, content in said.items() if key in OPTIONS}
    heard = io.StringIO()

    def read(where: str, name: str, words: Words, kept: Words, after: str = "") -> ReadScenario:
        line = [runs_path, *_line({**kept, **_from(Path(path).parent, words)})]
        try:
            with redirect_stderr(heard), _asked.make_context(TABLE, line) as context:
                asking, options = cast(tuple[Asking, dict[str, Any]], _asked.invoke(context))
        except click.ClickException as error:
            raise DataError(f"{where}{error.format_message()}") from None
        except DataError as error:
            raise DataError(f"{where}{error}") from None
        return ReadScenario(name, asking, options["strategies"], options["order"], words, after)

    found: list[ReadScenario] = []
    for where, words in stated:
        name = str(words.pop(NAME, "")).strip() or f"{TABLE} {len(found) + 1}"
        if name in {AS_ASKED, *(each.name for each in found)}:
            taken = "the command line's own question" if name == AS_ASKED else "an earlier scenario"
            raise DataError(f"{path}, {where}: {shown(name)} is the name of {taken}; give it another.")
        after = str(words.pop(AFTER, "")).strip()
        if after and after not in {each.name for each in found}:
            raise DataError(
                f"{path}, {where}: {AFTER} {shown(after)} is no earlier scenario; name one that stands above."
            )
        kept = {key: content for key, content in base.items() if EXCLUDE.get(key) not in words}
        found.append(read(f"{path}, {where}: ", name, words, kept, after))
    if set(EXCLUDE) & set(base):
        own = read("", AS_ASKED, {}, base)
        if replace(found[0], name=own.name, words=own.words) != own:
            found.insert(0, own)
    return found, tuple(dict.fromkeys(heard.getvalue().splitlines()))


def scenarios_text(scenarios: Sequence[ReadScenario], source: str, folder: str) -> str:
    """The scenarios as TOML, for the file of a plan.

    Args:
        scenarios: as they were read.
        source: the file that they come from.
        folder: where the text will stand.
    """
    import os

    from budget.commands.running.project import toml_text

    parts = []
    for each in scenarios:
        words = _from(Path(source).parent, each.words)
        for key, content in words.items():
            if is_input(OPTIONS[key]) and content not in REFERENCES:
                words[key] = Path(os.path.relpath(content, folder)).as_posix()
        parts.append(
            f"\n[[{TABLE}]]\n{toml_text({NAME: each.name, **({AFTER: each.after} if each.after else {}), **words})}"
        )
    return "".join(parts)


def _of_table(path: str) -> Iterator[tuple[str, Words]]:
    """Where each scenario of a CSV stands, and its words."""
    from budget.tables.columns import read_table

    frame = read_table(path, "scenarios")
    names = {column: _word(column, f"{path}, row 1") for column in frame.columns}
    for row, cells in frame.iterrows():
        words: Words = {}
        for column, cell in cells.items():
            text = str(cell).strip()
            if text:
                words[names[str(column)]] = _content(names[str(column)], text, f"{path}, row {row}, column {column!r}")
        yield f"row {row}", words


def _of_toml(path: str) -> Iterator[tuple[str, Words]]:
    """Where each scenario of a TOML file stands, and its words."""
    from budget.tables.files.contents import read_text

    text = read_text(Path(path), "scenarios")
    try:
        stated = tomllib.loads(text).get(TABLE, [])
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{path}: not readable as TOML ({error}); correct that line.") from None
    if not isinstance(stated, list) or not all(isinstance(each, dict) for each in stated):
        raise DataError(f"{path}: scenarios are tables [[{TABLE}]]; write each as one.")
    lines = text.splitlines()
    heads = [at for at, line in enumerate(lines) if re.match(rf"\s*\[\[\s*{TABLE}\s*\]\]", line)]
    for number, each in enumerate(stated):
        begin = heads[number] if number < len(heads) else 0
        words: Words = {}
        for key, content in each.items():
            at = next(
                (at for at in range(begin, len(lines)) if re.match(rf'\s*"?{re.escape(key)}"?\s*=', lines[at])), begin
            )
            words[_word(key, f"{path}, line {at + 1}")] = content
        yield f"line {begin + 1}", words


def _word(text: str, where: str) -> str:
    """The option, or the name, that a column or key stands for."""
    word = text.strip().lower().replace("_", "-").removeprefix("--")
    word = NAME if word == TABLE else word
    known = [NAME, AFTER, *OPTIONS]
    if word not in known:
        near = get_close_matches(word, known, 3, 0.5)
        hint = f"the nearest are {listed(near)}" if near else f"there are {', '.join(known)}"
        raise DataError(f"{where}: {shown(text)} is no word of a scenario; {hint}.")
    return word


def _content(word: str, text: str, where: str) -> Any:
    """A cell as an option takes it: several are divided by ``|``."""
    param = OPTIONS.get(word)
    if param is None:
        return text
    if param.is_flag:
        if text.lower() not in YES | NO:
            raise DataError(f"{where}: {shown(text)} is neither yes nor no; write one of them.")
        return text.lower() in YES
    return [part.strip() for part in text.split("|")] if param.multiple else text


def _from(folder: Path, words: Words) -> Words:
    """The words with files by their way from here, and not from the scenarios' folder."""

    def way(key: str, content: Any) -> Any:
        if not is_input(OPTIONS[key]) or content in REFERENCES:
            return content
        return str(folder / str(content))

    return {key: way(key, content) for key, content in words.items()}


def _line(words: Words) -> list[str]:
    """The words as those of a command line."""
    line = []
    for key, content in words.items():
        if OPTIONS[key].is_flag:
            line += [f"--{key}"] if content else []
            continue
        for each in content if isinstance(content, (list, tuple)) else [content]:
            line += [f"--{key}={each}"]
    return line
