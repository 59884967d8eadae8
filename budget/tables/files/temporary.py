"""Temporary files beside their targets: their names say which process made them.

The next process that makes one in a folder removes there those of processes that have ended.

See docs/decisions/105-temporary-files-name-their-process.md.
"""

import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from budget.errors import DataError, ReaderGoneError
from budget.tables.files.owner import is_older, owner_of, this_process

_TEMPORARY = re.compile(r"\.budget-(\w+-\d+-\d+)-[0-9a-f]{8}\.tmp")
_ABANDONED = 86_400.0
"""Seconds after which a temporary file is nobody's: of a process of another machine there is no other sign."""


def temporary_in(folder: str | Path) -> str:
    """The path of a temporary file that is not there yet; those of processes that have ended are removed."""
    sweep(folder)
    return os.path.join(folder, f".budget-{this_process().label}-{secrets.token_hex(4)}.tmp")


def sweep(folder: str | Path) -> None:
    """Remove the temporary files in a folder of processes that have ended."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            named = _TEMPORARY.fullmatch(entry.name)
            if named and _is_abandoned(entry, named[1]):
                discard(entry.path)


def _is_abandoned(entry: os.DirEntry[str], label: str) -> bool:
    owner = owner_of(label)
    if owner is None or owner.is_here:
        return owner is not None and owner.has_ended
    try:
        return is_older(entry.path, _ABANDONED)
    except OSError:  # somebody else has just removed it
        return False


def discard(path: str) -> None:
    """Remove a temporary file or folder, if it is there and can be."""
    with suppress(OSError):
        shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Say of an `OSError` inside which file it was."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError(f"{path}: nobody reads this pipe any more.") from None
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: cannot be written ({reason}); make room there, or give another path.") from None
