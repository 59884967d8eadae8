"""The cells of Parquet and Arrow files and of workbooks, where a package that reads them is installed."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pandas as pd

from budget.errors import DataError
from budget.numerics.quoting import listed, sentence, shown
from budget.tables.reading.cells import cells_of, column_of


def parquet_cells(data: bytes, path: str | Path) -> pd.DataFrame:
    """The cells of a Parquet file.

    Raises:
        DataError: pyarrow is not installed, or the file is broken or empty.
    """
    return _of_records(data, path, "a Parquet file", _read_parquet)


def _read_parquet(source: BytesIO) -> pd.DataFrame:
    """A Parquet file's table, each text once: as many cells of text would take more memory than all numbers."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = parquet.read_schema(source)
    words = [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    # columns are handed over one by one, and each is let go once it is
    return parquet.read_table(source, read_dictionary=words).to_pandas(split_blocks=True, self_destruct=True)


def arrow_cells(data: bytes, path: str | Path) -> pd.DataFrame:
    """The cells of an Arrow (Feather) file, likewise."""
    return _of_records(data, path, "an Arrow file", pd.read_feather)


def _of_records(data: bytes, path: str | Path, kind: str, read: Callable[[BytesIO], pd.DataFrame]) -> pd.DataFrame:
    try:
        found = read(BytesIO(data))
    except ImportError:
        raise _lacking(path, kind, "pyarrow", "files") from None
    except Exception as error:  # pyarrow's errors share no class
        raise DataError(f"{path}: {kind} that cannot be read ({sentence(str(error), 120)}); write it again.") from None
    if found.index.names != [None]:  # a table that pandas wrote with an index that has a name
        found = found.reset_index()
    names = ["/".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in found.columns]
    index = pd.RangeIndex(1, 1 + len(found))
    columns = {name: column_of(found.iloc[:, at].array, index) for at, name in enumerate(names)}
    return _checked(pd.DataFrame(columns, index=index), names, path)


def workbook_cells(data: bytes, path: str | Path) -> pd.DataFrame:
    """The cells of a workbook's first sheet that holds a table; a note names the other sheets.

    Raises:
        DataError: openpyxl is not installed, the file is broken, or no sheet holds a table.
    """
    try:
        sheets = pd.read_excel(BytesIO(data), sheet_name=None, header=None, dtype=object, engine="openpyxl")
    except ImportError:
        raise _lacking(path, "a workbook", "openpyxl", "files") from None
    except Exception as error:  # openpyxl's errors share no class
        raise DataError(
            f"{path}: a workbook that cannot be read ({sentence(str(error), 120)}); save it again."
        ) from None
    tables = {name: cells for name, sheet in sheets.items() if (cells := _table_in(sheet)) is not None}
    if not tables:
        raise DataError(f"{path}: no sheet holds column names with rows below them; save the table as a CSV.")
    name, (header, rows) = next(iter(tables.items()))
    kept = [at for at, title in enumerate(header) if title or rows.iloc[:, at].notna().any()]
    names = [header[at] or f"column {at + 1}" for at in kept]
    index = pd.Index(rows.index + 1)
    columns = {each: rows.iloc[:, at].tolist() for each, at in zip(names, kept, strict=True)}
    frame = _checked(cells_of(columns, index), names, path)
    others = [each for each in tables if each != name]
    if others:
        said = f"{Path(path).name}: sheet {shown(name)} is read; the workbook also holds {listed(others)}."
        frame.attrs["notes"] = (said,)
    return frame


def _table_in(sheet: pd.DataFrame) -> tuple[list[str], pd.DataFrame] | None:
    """The header of a sheet and its rows: the header is the first row with as many cells as any of the next ones."""
    filled = sheet.notna().sum(axis=1)
    rows = sheet[filled > 0]
    if len(rows) < 2:
        return None
    width = filled[rows.index[:20]].max()
    start = next((row for row in rows.index if filled[row] > width / 2), rows.index[0])
    header = ["" if cell is None or cell != cell else str(cell).strip() for cell in sheet.loc[start]]
    below = rows.loc[start:].iloc[1:]
    return (header, below) if len(below) else None


def _checked(frame: pd.DataFrame, names: list[str], path: str | Path) -> pd.DataFrame:
    """A table with rows, no name of which stands twice."""
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{path}: column {shown(name)} stands twice in the header; rename one.")
    if frame.empty:
        raise DataError(f"{path}: there are column names but no rows; add at least one row.")
    frame.attrs["notes"] = ()
    return frame


def _lacking(path: str | Path, kind: str, package: str, extra: str) -> DataError:
    return DataError(
        f"{path}: this is {kind}, which takes the package {package} ('pip install \"budget[{extra}]\"'); or save the "
        "table as a CSV."
    )
