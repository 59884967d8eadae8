"""Results whose representation fits a line: a notebook or a traceback shows what they are, and not every number."""

from dataclasses import fields

import numpy as np

LONGEST = 300
"""Characters of a representation at most."""


class Brief:
    """Base of a dataclass (``repr=False``) that tells its short fields as they are, and the others by their sizes."""

    def __repr__(self) -> str:
        """The name of the class and its fields, cut where they go beyond one line."""
        parts = [f"{each.name}={_told(getattr(self, each.name))}" for each in fields(self) if each.repr]  # type: ignore[arg-type]  # every heir is a dataclass
        said = f"{type(self).__name__}({', '.join(parts)})"
        return said if len(said) <= LONGEST else f"{said[: LONGEST - 2]}…)"


def _told(value: object) -> str:
    if isinstance(value, (bool, int, float)) or value is None:
        return repr(value)
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else f"{value[:39]}…")
    if isinstance(value, np.ndarray):
        return f"<{'×'.join(str(size) for size in value.shape) or 'one'} {value.dtype}>"
    if isinstance(value, (tuple, list, dict, set, frozenset)):
        return f"<{len(value)}>"
    return f"<{type(value).__name__}>"
