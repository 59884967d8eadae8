"""Which rows of several columns are equal, without sorting rows: as long as the columns, and no more."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def row_codes(columns: Sequence[np.ndarray]) -> np.ndarray:
    """(R,) a number for each row, the same for rows that are equal in every column, in order of first appearance.

    Args:
        columns: at least one array (R,) of numbers; soonest done where one that tells rows apart comes first.

    >>> row_codes([np.array([1.0, 2.0, 1.0]), np.array([3, 3, 3])])
    array([0, 1, 0])
    """
    codes = pd.factorize(columns[0])[0]
    for column in columns[1:]:
        if codes.max(initial=-1) + 1 == len(codes):  # no two rows are equal, whatever else they hold
            break
        more, distinct = pd.factorize(column)
        codes = pd.factorize(codes * (len(distinct) + 1) + more)[0]
    return codes


def stood_before(codes: np.ndarray) -> np.ndarray:
    """(R,) whether the code of a row is that of an earlier one.

    >>> stood_before(np.array([0, 1, 0]))
    array([False, False,  True])
    """
    return pd.Series(codes).duplicated().to_numpy()


def distinct_pairs(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(P, 2) the pairs of two arrays of indices that occur, sorted.

    >>> distinct_pairs(np.array([1, 0, 1]), np.array([5, 2, 5]))
    array([[0, 2],
           [1, 5]])
    """
    width = int(second.max(initial=0)) + 1
    keys = first * width + second
    if (keys[1:] < keys[:-1]).any():  # mostly a file's rows come run by run
        keys = np.sort(keys)  # NumPy's unique hashes whole numbers, which takes longer
    keys = keys[np.append(True, keys[1:] != keys[:-1])[: len(keys)]]
    return np.stack([keys // width, keys % width], axis=1)


def rows_of_each(codes: np.ndarray, count: int) -> list[np.ndarray]:
    """The positions of each of the codes 0 to ``count`` − 1 in (R,) codes, in order: one sort, not a mask for each."""
    ends = np.cumsum(np.bincount(codes, minlength=count))
    return np.split(np.argsort(codes, kind="stable"), ends[:-1])
