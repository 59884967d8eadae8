"""One door for tables: CSV, TSV, semicolons, JSON, JSON lines, Parquet, Arrow and XLSX, told by their content.

See docs/decisions/133-one-door-for-tables.md.
"""

from collections.abc import Container
from pathlib import Path

import pandas as pd

from budget.errors import DataError
from budget.tables.files.contents import read_content
from budget.tables.reading.binary_table import arrow_cells, parquet_cells, workbook_cells
from budget.tables.reading.csv_table import csv_cells
from budget.tables.reading.json_table import is_json, json_cells


def read_cells(path: str | Path, what: str = "table", numbers: Container[str] = ()) -> pd.DataFrame:
    """Read any table.

    Args:
        path: the file or pipe, compressed or not.
        what: what the file is, for the error sentence, such as ``runs``.
        numbers: names of the columns that are wanted as numbers, see ``csv_cells``.

    Returns:
        One row a record; index = the row's number in the file (the header of a CSV or sheet is row 1, JSON and Parquet
        count their records from 1); text as categories, numbers as float64; ``attrs["notes"]`` says what was assumed.

    Raises:
        DataError: the file is missing, is a folder, is empty, holds no row, is no readable table, or takes a package
            that is not installed.
    """
    kind, data = read_content(path, f"{what} CSV")
    if not data:
        raise DataError(f"{path}: the file is empty; a {what} CSV starts with a line of column names.")
    if kind == "parquet":
        return parquet_cells(data, path)
    if kind == "arrow":
        return arrow_cells(data, path)
    if kind == "xlsx":
        return workbook_cells(data, path)
    return json_cells(data, path, what) if is_json(data) else csv_cells(data, path, what, numbers)
