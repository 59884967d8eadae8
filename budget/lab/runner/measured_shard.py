"""What a shard of a plan measured, and the shards' files of runs as one.

Beside the file of runs of a shard that is complete stands ``<stem>-shard.json``: of which plan and program, and which
rows of the plan its runs are.

See docs/decisions/156-shards-keep-lanes.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from budget.errors import DataError
from budget.lab.runner.template import read_rows
from budget.numerics.words import shortened
from budget.tables.files.contents import sha256_as_read
from budget.tables.files.text import csv_text, json_text, read_csv, read_json
from budget.tables.files.write_files import write_text
from budget.tables.shards import Shard

FORMAT = "budget measured shard 1"


@dataclass(frozen=True)
class MeasuredShard:
    """A shard's file of runs.

    Attributes:
        path: the file.
        shard: which part it is.
        plan: SHA-256 of the plan.
        command: the program that trained its runs, ``None`` for this package's.
        places: each run of its part of the plan, and the number of its row there.
    """

    path: str
    shard: Shard
    plan: str
    command: str | None
    places: dict[str, int]


def write_shard(out: str | Path, plan_path: str | Path, command: str | None, shard: Shard) -> None:
    """Say beside a file of runs that a shard of the plan is complete there.

    Raises:
        DataError: it cannot be written.
    """
    names = _named(plan_path, command)
    content = {
        "format": FORMAT,
        "shard": [shard.index, shard.of],
        "plan": sha256_as_read(plan_path),
        "command": command,
        "runs": [[row, name] for row, name in enumerate(names) if shard.holds(name)],
    }
    write_text(_beside(out), json_text(content))


def _named(plan_path: str | Path, command: str | None) -> list[str]:
    """The names of a plan's runs, in its order."""
    if command is not None:
        return list(read_rows(plan_path))
    from budget.lab.transformer.planned_runs import read_plan

    return [cell.run for cell in read_plan(plan_path)]


def read_shard(path: str) -> MeasuredShard:
    """The shard whose runs a file holds.

    Raises:
        DataError: nothing beside the file says so, or not what ``write_shard`` writes.
    """
    beside = _beside(path)
    if not beside.is_file() and not Path(path).exists():
        raise DataError(f"{path}: there is no such file; give what --shard wrote.")
    if not beside.is_file():
        raise DataError(
            f"{path}: {beside.name} is not beside it, so its shard is not complete; start the same 'budget measure "
            "… --shard' again."
        )
    found: Any = read_json(beside, "shard")
    try:
        assert found["format"] == FORMAT
        places = {str(name): int(row) for row, name in found["runs"]}
        return MeasuredShard(path, Shard(*map(int, found["shard"])), str(found["plan"]), found["command"], places)
    except (AssertionError, KeyError, TypeError, ValueError):
        raise DataError(f"{beside}: not what 'budget measure --shard' writes; start that again.") from None


def join_measured(paths: Sequence[str], out: str | Path) -> int:
    """Write the runs of all shards of a plan to one file, in the plan's order.

    Args:
        paths: the shards' files of runs, in any order.
        out: the file to write, in one step.

    Returns:
        Its number of rows.

    Raises:
        DataError: the shards are of different plans or programs, one is missing or there twice, or its runs are not
            those of its part.
    """
    shards = [read_shard(path) for path in paths]
    refuse_incomplete([(each.path, each.shard) for each in shards])
    for each in shards[1:]:
        for what, one, other in (
            ("plan", each.plan, shards[0].plan),
            ("program (--command)", each.command, shards[0].command),
        ):
            if one != other:
                raise DataError(f"{each.path}: of another {what} than {shards[0].path}; join shards of one.")
    rows: dict[int, list[dict[str, str]]] = {}
    for each in shards:
        found: dict[str, list[dict[str, str]]] = {}
        # a part of a small plan may have no run at all
        records = read_csv(each.path, "runs").to_dict("records") if each.places or Path(each.path).exists() else []
        for record in records:
            found.setdefault(str(record.get("run", "")), []).append({str(name): cell for name, cell in record.items()})
        if strange := sorted(found.keys() ^ each.places.keys()):
            there = "holds" if strange[0] in found else "lacks"
            raise DataError(
                f"{each.path}: it {there} run '{strange[0]}', which is {'not ' if there == 'holds' else ''}of shard "
                f"{each.shard}; start the same 'budget measure --shard' again, with a file of its own."
            )
        rows |= {each.places[run]: of_run for run, of_run in found.items()}
    ordered = [row for place in sorted(rows) for row in rows[place]]
    columns = list(dict.fromkeys(name for row in ordered for name in row))
    write_text(out, csv_text(pd.DataFrame(ordered, columns=columns, dtype=object).fillna("")))
    return len(ordered)


def refuse_incomplete(shards: Sequence[tuple[str, Shard]]) -> None:
    """Refuse what is not every part of one whole, each once.

    Args:
        shards: file → the part in it.

    Raises:
        DataError: names the parts that are missing, there twice, or of another number of parts.
    """
    first, of = shards[0][0], shards[0][1].of
    seen: dict[int, str] = {}
    for path, shard in shards:
        if shard.of != of:
            raise DataError(f"{path}: shard {shard}, and {first} is one of {of}; join shards of one whole.")
        if shard.index in seen:
            raise DataError(f"{path}: shard {shard} again, which {seen[shard.index]} is too; leave one of them out.")
        seen[shard.index] = path
    if missing := [str(Shard(index, of)) for index in range(of) if index not in seen]:
        raise DataError(
            f"Of {of} shards {shortened(missing)} {'is' if len(missing) == 1 else 'are'} missing; join all."
        )


def _beside(path: str | Path) -> Path:
    return Path(path).with_name(f"{Path(path).stem}-shard.json")
