"""Where the bytes of an output go: a file behind links, an open descriptor, a pipe or a device."""

import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from budget.errors import DataError

CURVES, DRAWS = "curves.json", "draws.npz"
"""What a folder of curves holds: the record, and the draws of many tasks (``curves.records.curves_files``)."""

_MOST_LINKS = 40
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(\d+)(/task/\d+)?/fd")


@dataclass(frozen=True)
class Place:
    """What an output's path stands for.

    Attributes:
        path: as it was given.
        file: the regular file that is there or will be, links followed; ``None`` for anything else.
        found: what is known of that file, ``None`` where there is none yet.
        descriptor: number of the open descriptor that the path names, such as 1 for ``/dev/stdout``.
    """

    path: Path
    file: Path | None
    found: os.stat_result | None = None
    descriptor: int | None = None


def names_curves_folder(path: str | Path) -> bool:
    """Whether curves of this name go into a folder: it ends with a slash, or is a folder of curves already."""
    if os.path.isfile(os.path.join(path, "plan.json")):
        return False  # a plan's folder is written as a whole
    return os.fspath(path).endswith(("/", os.sep)) or os.path.isfile(os.path.join(path, CURVES))


def place_of(path: str | Path) -> Place:
    """Find where an output goes; nothing is opened or made.

    Raises:
        DataError: it is a folder, a file that may not be changed, or cannot be reached.
    """
    path = Path(path)
    descriptor = _descriptor(path)
    if descriptor is not None:
        return Place(path, None, descriptor=descriptor)
    try:
        found = path.stat()
    except FileNotFoundError:
        file = Path(os.path.realpath(path))
        _require_writable(file.parent, path)
        return Place(path, file)
    except NotADirectoryError:
        raise DataError(f"{path.parent}: this is a file; give a folder to write to.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror}); give another path.") from None
    if stat.S_ISDIR(found.st_mode):
        raise DataError(f"{path}: this is a folder; give the name of a file to write.")
    if not stat.S_ISREG(found.st_mode):
        return Place(path, None, found)
    if not os.access(path, os.W_OK):
        raise DataError(f"{path}: this file is write-protected; make it writable or give another path.")
    file = Path(os.path.realpath(path))
    _require_writable(file.parent, path)
    return Place(path, file, found)


def _require_writable(folder: Path, path: Path) -> None:
    """Refuse a folder that nothing can be made in, or the nearest one above that there is."""
    while not os.path.exists(folder) and folder != folder.parent:
        folder = folder.parent
    if not os.path.isdir(folder):
        raise DataError(f"{folder}: this is a file; give a folder to write to.")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(
            f"{path}: cannot be written, for the folder {folder} is write-protected; make it writable or give another "
            "path."
        )


def refuse_inputs(output: str | Path, inputs: Iterable[str | Path], what: str = "an input") -> None:
    """Refuse to write over a file that is read, by whatever links the two are named.

    Args:
        output: where to write.
        inputs: what is read.
        what: what these are, for the error sentence.

    Raises:
        DataError: names both.
    """
    for path in inputs:
        try:
            same = os.path.isfile(output) and os.path.samefile(output, path)
        except (OSError, ValueError):  # one of them is not there
            continue
        if same:
            alias = "" if str(path) == str(output) else f" ({path})"
            raise DataError(f"{output}: this is {what}{alias}, which would be lost; give another path to write to.")


def _descriptor(path: Path) -> int | None:
    """The number that a path such as ``/dev/stdout``, ``/dev/fd/3`` or ``/proc/self/fd/3`` leads to."""
    here = os.fspath(path)
    for _ in range(_MOST_LINKS):
        folder, name = os.path.realpath(os.path.dirname(here) or "."), os.path.basename(here)
        listed = _DESCRIPTORS.fullmatch(folder)
        if listed and name.isdecimal():
            return int(name) if listed[1] in (None, str(os.getpid())) else None
        try:
            here = os.path.join(folder, os.readlink(os.path.join(folder, name)))
        except (OSError, ValueError):  # no link
            return None
    return None
