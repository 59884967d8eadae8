"""What vouches for a plan's folder: `plan.json`, written last, holds the hash of every file written with it."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from budget.errors import DataError
from budget.tables.files.contents import sha256
from budget.tables.files.places import CURVES, DRAWS
from budget.tables.files.text import read_json
from budget.tables.files.write_files import as_bytes

MANIFEST = "plan.json"

SCHEMA = "budget/plan/1"
"""What it says that it is, as every JSON of the commands does."""


PLAN_FILES = (
    "report.html", "report.md", "allocation.csv", "growth.csv", "curves.csv", "check.csv", DRAWS, CURVES, "focus.csv",
    "models.csv", "scenarios.csv", "scenario_tasks.csv", "plan.toml", "allocation_specialists.csv",
    *(f"figure-{name}.svg" for name in (
        "flow", "moves", "gain", "spend", "sizes", "breadth", "winners", "focus", "response", "curves",
        "trust", "selection",
    )),
    MANIFEST,
)  # fmt: skip
"""Every file that a plan's folder may hold; others in it are the user's."""


def hashes(files: Mapping[str, str | bytes], absent: Iterable[str]) -> dict[str, str | None]:
    """The manifest's entry ``files``: name → SHA-256 of what is written, ``None`` of a file that must not be there."""
    written = {name: hashlib.sha256(as_bytes(content)).hexdigest() for name, content in files.items()}
    return {**written, **dict.fromkeys(absent)}


def strays(folder: str | Path) -> tuple[str, ...]:
    """Names of the files in a plan's folder that are not those its `plan.json` was written with.

    There are some where writing was interrupted or somebody changed a file. Of a `plan.json` without hashes nothing
    can be said.

    Raises:
        DataError: there is no readable `plan.json`.
    """
    folder = Path(folder)
    record = read_json(folder / MANIFEST, "plan")
    stated = record.get("files") if isinstance(record, dict) else None
    if not isinstance(stated, dict):
        return ()
    return tuple(name for name, digest in stated.items() if _hash_of(folder / name) != digest)


def stray_note(path: str | Path) -> tuple[str, ...]:
    """What has to be said of a file before it is used: that it is not of the plan that stands beside it."""
    path = Path(path)
    try:
        is_stray = path.name in strays(path.parent)
    except DataError:  # it is not in a plan's folder
        return ()
    if not is_stray:
        return ()
    return (
        f"{path} is not of the plan in {MANIFEST} beside it, whose writing was interrupted or which was changed since; "
        "run plan again for files of one plan.",
    )


def _hash_of(path: Path) -> str | None:
    try:
        return sha256(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from None
