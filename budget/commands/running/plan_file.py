"""``plan.toml``: the whole invocation of a plan, written beside what it made, which ``budget plan plan.toml`` repeats.

It holds what the command line said, option by option, and the files by their way from its own folder, so that a folder
may be moved together with its inputs. Words of a later command line come behind it and have the last say.
"""

import os
import tomllib
from pathlib import Path
from typing import Any

import click

from budget.commands.options.planning_options import REFERENCES
from budget.commands.running.project import toml_text
from budget.errors import DataError
from budget.numerics.quoting import shown

PLAN_FILE = "plan.toml"
"""Its name in a plan's folder."""

RUNS = "runs"
"""Its key for the file of runs."""

SCENARIOS = "scenarios"
"""The option that names other questions; in a plan's file these stand themselves."""

OUTPUTS = frozenset({"out", "json"})
"""Options that say where a plan goes, and nothing of what it is."""


def expanded(command: click.Command, args: list[str], is_path: Any) -> list[str]:
    """A command line whose file of runs is a plan's file, with the words that are kept in it before its own.

    Args:
        command: that will read it.
        args: words of the command line.
        is_path: tells whether a parameter of the command names files.

    Raises:
        DataError: the file cannot be read, or holds what is no option.
    """
    named = [
        word
        for word, before in zip(args, ["", *args], strict=False)
        if word.endswith(".toml") and not word.startswith("-") and before != f"--{SCENARIOS}"
    ]
    if not named or not Path(named[0]).is_file():
        return args
    path = Path(named[0])
    try:
        kept = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as TOML ({error}); correct that line.") from None
    if not isinstance(kept.get(RUNS), str):
        raise DataError(f'{path}: it names no runs; give runs = "runs.csv", or a plan\'s own {PLAN_FILE}.')
    words = [_from(path.parent, kept.pop(RUNS))]
    if kept.pop("scenario", None) is not None:  # they are read where they stand
        words += [f"--{SCENARIOS}", str(path)]
    options = {name.removeprefix("--"): param for param in command.params for name in param.opts}
    for key, content in kept.items():
        param = options.get(key)
        if param is None or key in OUTPUTS:
            raise DataError(f"{path}: {shown(key)} is no option of 'budget {command.name}'; see its --help.")
        for each in content if isinstance(content, list) else [content]:
            words += _words(
                param,
                key,
                _from(path.parent, each)
                if is_path(param) and isinstance(each, str) and each not in REFERENCES
                else each,
            )
    rest = list(args)
    rest.remove(named[0])
    return [*words, *rest]


def invocation(command: click.Command, ctx: click.Context, args: list[str], is_path: Any) -> dict[str, Any]:
    """What a command line says, option by option; paths are absolute.

    Args:
        command: that reads it.
        ctx: its context.
        args: words of the command line.
        is_path: tells whether a parameter names files.
    """
    given, _, order = command.make_parser(ctx).parse_args(args=list(args))
    said: dict[str, Any] = {}
    for param in order:
        key = RUNS if isinstance(param, click.Argument) else param.opts[0].removeprefix("--")
        if param.name is None or key in OUTPUTS or param not in command.params:
            continue
        content = given[param.name]
        content = list(content) if isinstance(content, (list, tuple)) else content
        if is_path(param) and content not in REFERENCES:
            several = content if isinstance(content, list) else [content]
            paths = [os.path.abspath(each) for each in several]
            content = paths if isinstance(content, list) else paths[0]
        said[key] = content
    return said


def plan_file(said: dict[str, Any], folder: Path, paths: set[str]) -> str:
    """The file's text.

    Args:
        said: see ``invocation``.
        folder: where the file will stand.
        paths: the keys whose texts are files.
    """

    def way(content: Any) -> Any:
        if isinstance(content, list):
            return [way(each) for each in content]
        return content if content in REFERENCES else way_from(folder, content)

    ordered = {RUNS: said[RUNS], **said}
    text = toml_text({key: way(content) if key in paths else content for key, content in ordered.items()})
    return f"# 'budget plan {PLAN_FILE} --out FOLDER' makes this plan again.\n{text}"


def way_from(folder: Path, path: str) -> str:
    """A file's path as it is written in a folder: from there, so that both may be moved together."""
    return Path(os.path.relpath(path, os.path.abspath(folder))).as_posix()


def _from(folder: Path, path: str) -> str:
    return str(folder / path)


def _words(param: click.Parameter, key: str, content: Any) -> list[str]:
    if isinstance(content, bool):
        negative = [name for name in param.secondary_opts if name.startswith("--")]
        return [f"--{key}"] if content else negative[:1]
    return [f"--{key}", str(content)]
