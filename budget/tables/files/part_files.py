"""A part of a result, in one file: what it is of as JSON, and arrays.

A ZIP archive of NumPy's arrays (``.npz``), whose checksums tell what was damaged.
"""

import json
import zipfile
import zlib
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from budget.errors import DataError
from budget.tables.files.write_files import write_bytes

FORMAT = "budget part 1"
_HEAD = "head"


def write_part(path: str | Path, head: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Write a part as a whole or not at all.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    content = BytesIO()
    text = json.dumps({"format": FORMAT, **head}, allow_nan=False)
    np.savez(content, allow_pickle=False, **{_HEAD: np.array(text), **arrays})
    write_bytes(path, content.getvalue())


def is_part(path: str | Path) -> bool:
    """Whether a file is an archive, and so no table; what is not there is none."""
    return Path(path).exists() and _content(path)[:2] == b"PK"


def read_part(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What ``write_part`` wrote.

    Raises:
        DataError: there is no such file, it is none of them, or it is damaged.
    """
    try:
        with np.load(BytesIO(_content(path)), allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        head = json.loads(str(arrays.pop(_HEAD)))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile, zlib.error):
        head = None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise DataError(f"{path}: this is no part of a result, or it is damaged; make it again with --shard.")
    return head, arrays


def _content(path: str | Path) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the file that --shard wrote.") from None
