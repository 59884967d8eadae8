"""The fields of a JSON record that is read back, each of the type that is due; a wrong one is refused by its name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from budget.errors import DataError
from budget.numerics.quoting import listed, shown

_LARGEST = float(np.finfo(float).max)


@dataclass(frozen=True)
class Fields:
    """One object of a record.

    Attributes:
        content: the parsed object.
        where: the beginning of a refusal: the file, and what is wrong with it as a whole.
        owner: whose object it is, such as ``task 'a'``; "" for the record itself.
        remedy: the end of a refusal: the next step.
    """

    content: Mapping[str, Any]
    where: str
    owner: str
    remedy: str

    def refusal(self, field: str, problem: str) -> DataError:
        """The refusal of a field."""
        place = f"{self.owner}, field '{field}'" if self.owner else f"field '{field}'"
        return DataError(f"{self.where}: {place} {problem}; {self.remedy}")

    def raw(self, field: str) -> Any:
        """Whatever stands there.

        Raises:
            DataError: nothing does, as for every method below.
        """
        if field not in self.content:
            raise self.refusal(field, "is missing")
        return self.content[field]

    def text(self, field: str, among: Collection[str] | None = None) -> str:
        """A text, perhaps one of several."""
        value = self.raw(field)
        if not isinstance(value, str):
            raise self._other(field, value, "a text")
        if among is not None and value not in among:
            raise self._other(field, value, f"one of {listed(among)}")
        return value

    def flag(self, field: str) -> bool:
        """True or false."""
        value = self.raw(field)
        if not isinstance(value, bool):
            raise self._other(field, value, "true or false")
        return value

    def whole(self, field: str, least: int = 0, most: int = 2**62) -> int:
        """A whole number; other writers of JSON make 3.0 of 3."""
        value = self.raw(field)
        if not _is_number(value) or value != int(value) or not least <= value <= most:
            raise self._other(field, value, f"a whole number of at least {least}")
        return int(value)

    def number(self, field: str, least: float = -np.inf, missing: bool = False) -> float:
        """A finite number; NaN for null where it may be missing."""
        value = self.raw(field)
        if value is None and missing:
            return float("nan")
        if not _is_number(value) or not least <= value < np.inf:
            need = "a finite number" if least == -np.inf else f"a number of at least {least:g}"
            raise self._other(field, value, need)
        return float(value)

    def texts(self, field: str, among: Collection[str] | None = None) -> tuple[str, ...]:
        """A list of texts, each perhaps one of several."""
        value = self.raw(field)
        if not isinstance(value, list):
            raise self._other(field, value, "a list of texts")
        for each in value:
            if not isinstance(each, str) or (among is not None and each not in among):
                raise self._other(field, each, "a text" if among is None else f"one of {listed(among)}")
        return tuple(value)

    def wholes(self, field: str, least: int = 0) -> tuple[int, ...]:
        """A list of whole numbers."""
        value = self.raw(field)
        if not isinstance(value, list):
            raise self._other(field, value, "a list of whole numbers")
        for each in value:
            if not _is_number(each) or each != int(each) or each < least:
                raise self._other(field, each, f"a whole number of at least {least}")
        return tuple(int(each) for each in value)

    def array(self, field: str, *shape: int, missing: bool = True) -> np.ndarray:
        """Nested lists of finite numbers, of exactly this shape; NaN for null where some may be missing.

        An array that a reader has put in their place is held to the same.
        """
        if isinstance(self.raw(field), np.ndarray):
            return self._checked(field, shape, missing)
        level, size = [self.raw(field)], " × ".join(map(str, shape))
        for length in shape:
            for each in level:
                if not isinstance(each, list) or len(each) != length:
                    raise self._other(field, each, f"a list of {size} numbers")
            level = list(chain.from_iterable(level))
        for each in level:
            if not (_is_number(each) or (each is None and missing)):
                raise self._other(field, each, "a finite number")
        return np.array(level, dtype=float).reshape(shape)

    def _checked(self, field: str, shape: tuple[int, ...], missing: bool) -> np.ndarray:
        given: np.ndarray = self.content[field]
        size = " × ".join(map(str, shape))
        if given.shape != shape:
            got = " × ".join(map(str, given.shape)) or "one"
            raise self.refusal(field, f"holds {got} numbers where {size} are due")
        if np.isinf(given).any() or not (missing or np.isfinite(given).all()):
            raise self.refusal(field, "holds an infinite number where a finite one is due")
        return given.astype(float)

    def inside(self, field: str, owner: str = "") -> "Fields":
        """The object that stands in a field."""
        value = self.raw(field)
        if not isinstance(value, dict):
            raise self._other(field, value, "an object")
        return Fields(value, self.where, owner or self.owner, self.remedy)

    def objects(self, field: str, kind: str) -> tuple["Fields", ...]:
        """The objects of a list, called by their number in it, such as ``task 2``."""
        value = self.raw(field)
        if not isinstance(value, list):
            raise self._other(field, value, "a list of objects")
        for each in value:
            if not isinstance(each, dict):
                raise self._other(field, each, "an object")
        return tuple(
            Fields(each, self.where, f"{kind} {number}", self.remedy) for number, each in enumerate(value, start=1)
        )

    def _other(self, field: str, value: Any, need: str) -> DataError:
        if isinstance(value, list):
            got = f"holds a list of {len(value)}"
        elif isinstance(value, dict):
            got = "holds an object"
        elif isinstance(value, str):
            got = f"is {shown(value)}" if value else "is an empty text"
        else:
            got = "is " + {None: "null", True: "true", False: "false"}.get(value, f"{value!r:.30}")
        return self.refusal(field, f"{got} where {need} is due")


def _is_number(value: Any) -> bool:
    return type(value) in (float, int) and abs(value) <= _LARGEST
