"""A command's shards at another place: each is this command once more, with ``--shard``.

See docs/decisions/157-places-are-prefixes.md.
"""

from __future__ import annotations

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from budget.commands.running.group import WORDS
from budget.errors import MeasureError
from budget.tables.shards import Shard

if TYPE_CHECKING:
    from budget.commands.options.placing_options import Placing

PROGRAM = "from budget.commands import main; main()"
"""This command line, where Python finds the package as here."""

OPTIONS = ("--on", "--with", "--shards", "--shard", "--out")
"""What is said of the whole and not to a shard; ``--detach`` has no value."""


def refuse_misplaced(placing: Placing, shard: Shard | None, out: str | None, measures: bool) -> None:
    """Refuse options that say nothing without one another.

    Args:
        placing: what was said of places.
        shard: the part that this process does.
        out: where the result goes.
        measures: whether ``--on`` alone means something: each run is a program of its own.

    Raises:
        UsageError: an option lacks another one.
    """
    if placing.needs and not placing.place:
        raise click.UsageError("--with says what a place gives; name the place with --on.")
    if placing.detach and not placing.place:
        raise click.UsageError("--detach leaves work at a place; name it with --on.")
    if placing.detach and not placing.shards:
        raise click.UsageError("--detach leaves shards behind; say how many with --shards.")
    if placing.shards and not placing.place:
        raise click.UsageError("--shards divides the work at a place; name it with --on.")
    if placing.place and not placing.shards and not measures:
        raise click.UsageError("--on divides the work into shards; say how many with --shards.")
    if measures and placing.shards and not placing.detach:
        raise click.UsageError("--shards is for --detach here; without it --jobs says how many runs are at work.")
    if placing.shards and shard:
        raise click.UsageError("--shard is one part, and --shards does all of them; leave one out.")
    if placing.shards and out is None:
        raise click.UsageError("--shards puts the parts beside the result; name it with --out.")


def spread(placing: Placing, out: str, suffix: str) -> bool:
    """Do the command's shards at a place, and join them; or leave them there.

    Args:
        placing: where; with a number of shards.
        out: where the joined result goes; the parts go into ``<stem>-parts`` beside it.
        suffix: of a part.

    Returns:
        Whether they were left there, so that nothing is to be joined yet.

    Raises:
        DataError: nothing can be started at the place.
        MeasureError: a shard failed.
    """
    from budget.commands.joining.fitted_parts import join_fitted, without
    from budget.commands.running.output import echo_notes
    from budget.lab.runner.compute_places import Array, parse_needs, place_at

    assert placing.place is not None and placing.shards is not None
    place, kind, address = place_at(placing.place)
    needs = parse_needs(placing.needs or "", kind)
    context = click.get_current_context()
    assert context.command.name is not None
    own = [word for word in without(context.meta[WORDS], OPTIONS) if word != "--detach"]
    folder = Path(out).with_name(f"{Path(out).stem}-parts")
    folder.mkdir(parents=True, exist_ok=True)

    def words(index: str) -> list[str]:
        part = str(folder / f"part-{index}{suffix}")
        line = [sys.executable, "-c", PROGRAM, str(context.command.name), *own]
        return [*line, "--shard", f"{index}/{placing.shards}", "--out", part]

    parts = [str(folder / f"part-{index}{suffix}") for index in range(placing.shards)]
    if placing.detach:
        if place.submit is None:
            raise click.UsageError(f"--detach is for slurm; {kind} has no job arrays.")
        script = folder / "job.sh"
        array = Array(f"budget-{context.command.name}", tuple(words("{shard}")), placing.shards, script, folder)
        said = place.submit(array, needs)
        echo_notes(f"{said}; when it has ended: budget join {folder}/part-*{suffix} --out {out}")
        return True
    _run_all([place.words(address, needs, words(str(index))) for index in range(placing.shards)], placing.place)
    join_fitted(parts, out)
    for path in (*parts, str(folder)):
        Path(path).rmdir() if Path(path).is_dir() else Path(path).unlink()
    return False


def _run_all(lines: list[list[str]], place: str) -> None:
    """Run all command lines at once; what they started ends with this process.

    Raises:
        MeasureError: one of them failed; the others are ended.
    """
    from budget.lab.runner.guard import Guard

    with Guard() as guard, ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in lines]
        started = [guard.start(line, log.fileno()) for line, log in zip(lines, files, strict=True)]
        try:
            for index, (process, log) in enumerate(zip(started, files, strict=True)):
                process.communicate()
                if process.returncode:
                    log.seek(0)
                    said = log.read().decode(errors="replace").strip().splitlines() or ["nothing was said"]
                    raise MeasureError(
                        f"Shard {Shard(index, len(lines))} failed on {place}: {said[-1].removeprefix('Error: ')}"
                    )
        finally:
            for process in started:
                guard.end(process)
                assert process.stdout is not None
                process.stdout.close()
