"""Reading SQLite databases, never writing them."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from budget.errors import DataError


def sqlite_tables(path: str | Path, what: str) -> set[str]:
    """The names of a database's tables.

    Raises:
        DataError: there is no such file, or it is no database.
    """
    return {str(row[0]) for row in sqlite_rows(path, "SELECT name FROM sqlite_master WHERE type = 'table'", what)}


def sqlite_rows(path: str | Path, query: str, what: str) -> Sequence[tuple[Any, ...]]:
    """The rows of a query.

    Args:
        path: the database.
        query: SELECT only.
        what: what the database is, for the error sentence.

    Raises:
        DataError: as above, or it lacks a table or column.
    """
    if not Path(path).is_file():
        raise DataError(f"{path}: no such file; give the path of the {what}.")
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()
    except sqlite3.Error as error:
        raise DataError(f"{path}: not readable as a {what} ({error}); give the one that its tool wrote.") from None
