"""Curves on the disk: one JSON, or a folder of a JSON without the draws and of the draws as arrays.

A number of a draw takes some 20 bytes in JSON and 4 as a float32, and as that it is read at once.

See docs/decisions/168-curves-in-a-folder.md.
"""

import os
import zipfile
import zlib
from collections.abc import Mapping
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from budget.curves.curves import Curves
from budget.curves.records.checksum import sealed
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import draws_of, record_of
from budget.errors import DataError
from budget.tables.files.json_fields import Fields
from budget.tables.files.places import CURVES, DRAWS, names_curves_folder
from budget.tables.files.text import json_text, read_json
from budget.tables.files.write_files import write_folder, write_text

MANY = 1_000
"""Tasks from which on curves lie in a folder, where their name says neither."""

BESIDE = "draws_file"
"""The field of a record that names the file of its draws, and what that holds by SHA-256."""

FIELDS = ("working_draws", "noise_draws", "planned_draws", "drift_draws", "link_draws", "link_noise_draws")
"""What a file of draws may hold (``draws_of``)."""

_UNIT = 2.0**-24
"""Largest relative error of a number that is rounded to a float32."""


def write_curves(path: str | Path, curves: Curves) -> tuple[str, ...]:
    """Write curves as a whole or not at all.

    Args:
        path: a folder where ``names_curves_folder`` says so, or where it has no suffix, nothing is there and the tasks
            are ``MANY``; else a JSON.
        curves: fitted.

    Returns:
        What is to be said of it.

    Raises:
        DataError: it cannot be written; what was there before is untouched.
    """
    many, named = len(curves.tasks) >= MANY, names_curves_folder(path)
    if named or (many and not Path(path).suffix and not os.path.lexists(path)):
        write_folder(path, curves_files(curves, in_folder=True))
        return () if named else (f"{path} is a folder, with {CURVES} and {DRAWS}; commands take the folder.",)
    text = json_text(sealed(record_of(curves)))
    write_text(path, text)
    if not many:
        return ()
    folder = Path(path).with_suffix("")
    return (f"{path} holds {len(text) / 1e6:,.0f} MB; --out {folder}/ writes a folder a sixth as large, read faster.",)


def curves_files(curves: Curves, in_folder: bool | None = None) -> dict[str, str | bytes]:
    """File name → content: the JSON, and before it the draws where they lie beside it.

    Args:
        curves: fitted.
        in_folder: whether they do; by default where the tasks are ``MANY``.
    """
    if not (len(curves.tasks) >= MANY if in_folder is None else in_folder):
        return {CURVES: json_text(sealed(record_of(curves)))}
    draws = _draws_bytes(curves)
    record = record_of(curves, with_draws=False) | {BESIDE: {"name": DRAWS, "sha256": sha256(draws).hexdigest()}}
    return {DRAWS: draws, CURVES: json_text(sealed(record))}


def read_curves(path: str | Path) -> Curves:
    """Curves from a JSON or a folder that ``fit`` or ``plan`` wrote.

    Raises:
        DataError: there are none, or a file is not what was written.
    """
    if os.path.isdir(path):
        if not os.path.isfile(os.path.join(path, CURVES)):
            raise DataError(f"{path}: no {CURVES} in this folder; give one that 'budget fit' or 'budget plan' wrote.")
        path = os.path.join(path, CURVES)
    record = read_json(path, "curves file")
    beside = isinstance(record, dict) and record.get(BESIDE) is not None
    return curves_from_record(record, str(path), _draws_beside(path, record) if beside else None)


def _draws_bytes(curves: Curves) -> bytes:
    """The draws as NumPy's archive, each array as float32."""
    content = BytesIO()
    drawn = {name: _rounded(each) for name, each in draws_of(curves).items()}
    floors = curves.form.where("floor")
    # a floor that stands at the best value must not be rounded to below it
    place = drawn["working_draws"][..., floors]
    low = ~curves.higher_is_better[:, None, None] & (place < curves.best[:, None, None])
    drawn["working_draws"][..., floors] = np.where(low, np.nextafter(place, np.inf, dtype=place.dtype), place)
    np.savez(content, allow_pickle=False, **drawn)
    return content.getvalue()


def _rounded(numbers: np.ndarray) -> np.ndarray:
    """The same as float32; as they are where one of them is too large or too small for that."""
    with np.errstate(over="ignore", under="ignore"):
        single = np.ascontiguousarray(numbers, dtype=np.float32)
    with np.errstate(invalid="ignore"):  # inf - inf
        far = np.abs(single - numbers) > _UNIT * np.abs(numbers)
    return np.array(numbers, order="C") if far.any() else single


def _draws_beside(path: str | Path, record: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The draws that a record says lie beside it."""
    stated = Fields(record, f"{path}: the curves file is damaged or was edited", "", "fit again.").inside(BESIDE)
    file, digest = Path(path).parent / stated.text("name", (DRAWS,)), stated.text("sha256")
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{file}: no such file, which {CURVES} beside it needs; give the whole folder.") from None
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror}), which {CURVES} beside it needs.") from None
    if sha256(data).hexdigest() != digest:
        raise DataError(f"{file}: not the draws that {CURVES} beside it was written with, or damaged; fit again.")
    try:
        with np.load(BytesIO(data), allow_pickle=False) as archive:
            return {name: _numbers(archive[name]) for name in archive.files if name in FIELDS}
    except (ValueError, KeyError, EOFError, OSError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        raise DataError(f"{file}: no file of draws as this version writes them; fit again.") from None


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise ValueError("draws are floating point numbers")
    return array
