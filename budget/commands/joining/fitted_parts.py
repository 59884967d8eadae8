"""Parts of a fit: which command line they are of, and that line run once more with what they computed.

See docs/decisions/156-shards-keep-lanes.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from budget.commands.running.group import WORDS, is_input
from budget.errors import DataError
from budget.tables.shards import Shard

if TYPE_CHECKING:
    import numpy as np

PACKAGES = ("budget", "jax", "jaxlib", "numpy", "scipy")
"""Whose versions decide what a fit computes."""

COMMANDS = ("fit", "backtest", "focus")
"""The commands whose parts these are."""


def refuse_with_shard(
    shard: Shard | None, out: str | None, given: Mapping[str, bool], shards: int | None = None
) -> None:
    """Refuse what a part cannot do.

    Args:
        shard: the part, ``None`` where all is done.
        out: where it goes.
        given: options that need all tasks → whether they are given.
        shards: into how many parts the work is divided elsewhere.

    Raises:
        UsageError: one of them is, or there is no ``--out``.
    """
    if shard is None and shards is None:
        return
    for option, is_given in given.items():
        if is_given:
            raise click.UsageError(f"{option} needs all tasks; leave --shard and --shards out of that.")
    if out is None:
        raise click.UsageError("--shard writes its part to a file for 'budget join'; name it with --out.")


@contextmanager
def fitting_shard(shard: Shard | None, out: str | None) -> Iterator[None]:
    """Inside, only the tasks of a part are fitted; at the end the part is written. Without a part nothing changes.

    Raises:
        DataError: the part cannot be written.
    """
    if shard is None or out is None:
        yield
        return
    from budget.commands.running.output import echo_notes
    from budget.curves.kept_lanes import KeptLanes, keeping_lanes
    from budget.tables.files.part_files import write_part

    context = click.get_current_context()
    with keeping_lanes(KeptLanes(shard)) as kept:
        yield
    head = {
        "shard": [shard.index, shard.of],
        "command": context.command.name,
        "words": without(context.meta[WORDS], ("--shard", "--out")),
        "inputs": _inputs(context),
        "versions": _versions(),
    }
    write_part(out, head, kept.arrays())
    echo_notes(f"{out} holds shard {shard}; join all {shard.of} with 'budget join PARTS --out FILE'.")


def join_fitted(paths: Sequence[str], out: str) -> None:
    """Run the parts' command once more, taking from them what they computed.

    Args:
        paths: the parts, in any order.
        out: what the command's ``--out`` is.

    Raises:
        DataError: the parts are not of one command line, files and versions, or not all there; or the files have
            changed since.
    """
    from budget.commands.running.output import echo_notes
    from budget.curves.kept_lanes import KeptLanes, keeping_lanes
    from budget.lab.runner.measured_shard import refuse_incomplete
    from budget.tables.files.part_files import read_part

    parts: list[tuple[str, dict[str, Any], dict[str, np.ndarray]]] = [(path, *read_part(path)) for path in paths]
    first_path, first, _ = parts[0]
    refuse_incomplete([(path, Shard(*head["shard"])) for path, head, _ in parts])
    for path, head, _ in parts[1:]:
        for field, what in (("command", "command"), ("inputs", "content of its input files"),
                            ("words", "options"), ("versions", "versions of packages")):  # fmt: skip
            if head[field] != first[field]:
                raise DataError(
                    f"{path}: made with another {what} than {first_path} ({_difference(head[field], first[field])}); "
                    "join shards of one command line."
                )
    if first["command"] not in COMMANDS:
        raise DataError(f"{first_path}: a part of '{first['command']}', which is no command that has parts.")
    group = click.get_current_context().find_root().command
    assert isinstance(group, click.Group)
    command = group.commands[first["command"]]
    words = [*first["words"], "--out", out]
    with command.make_context(first["command"], words, parent=click.get_current_context()) as context:
        for what, made, now in (
            ("input files", first["inputs"], _inputs(context)),
            ("versions", first["versions"], _versions()),
        ):
            if made != now:
                raise DataError(
                    f"{first_path}: made with other {what} than are here now ({_difference(made, now)}); give it "
                    "those, or make the shards again."
                )
        kept = KeptLanes()
        for _, _, arrays in parts:
            kept.add(arrays)
        with keeping_lanes(kept):
            command.invoke(context)
    if kept.computed:
        echo_notes(f"{kept.computed} of the fit's searches were not in the shards, and were done here.")


def _inputs(context: click.Context) -> dict[str, str]:
    """Path → SHA-256 of every file that a command reads, its ``budget.toml`` included."""
    from budget.commands.running.project import FILE
    from budget.tables.files.contents import sha256

    found: dict[str, str] = {}
    for param in context.command.params:
        path = context.params.get(param.name or "")
        if not (is_input(param) and isinstance(path, str) and path):
            continue
        for each in (Path(path), Path(path).parent / FILE):
            if each.is_file():
                found[each.as_posix()] = sha256(each)
            elif each == Path(path):
                raise DataError(f"{path}: no regular file, which all shards and 'budget join' could read; write one.")
    return found


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in PACKAGES}


def without(words: Sequence[str], options: Sequence[str]) -> list[str]:
    """The words of a command line but for some options and their values."""
    left, skip = [], False
    for word in words:
        if skip or word.partition("=")[0] in options:
            skip = not skip and word in options
        else:
            left.append(word)
    return left


def _difference(one: Any, other: Any) -> str:
    """Where two of them first differ, in a few words."""
    if isinstance(one, dict) and isinstance(other, dict):
        name = next(name for name in [*one, *other] if one.get(name) != other.get(name))
        ends = [str(each.get(name, "none"))[:12] for each in (one, other)]
        return f"{name}: {ends[0]} and {ends[1]}"
    texts = [" ".join(each) if isinstance(each, list) else str(each) for each in (one, other)]
    return f"{texts[0] or 'none'} and {texts[1] or 'none'}"
