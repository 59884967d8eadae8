"""What decides a fit's numbers beside what goes into it: the code, the libraries and the machine, as one hash.

The same rows give other last digits in another version of a library, and on a processor with other instructions. So a
fit that is kept is named by all of these, and one of elsewhere is not found.

See docs/decisions/171-fits-are-kept-by-task.md.
"""

import os
import platform
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache, partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

FORMAT = "budget fit 1"

PARTS = ("curves", "numerics")
"""Parts of the package whose source decides a fit's numbers."""

LIBRARIES = ("jax", "jaxlib", "numpy", "scipy")
"""Libraries whose versions do."""

SETTINGS = ("JAX_", "XLA_", "NVIDIA_", "NPY_", "OPENBLAS_", "MKL_", "OMP_", "VECLIB_", "GLIBC_TUNABLES")
"""How variables of the environment begin that libraries read."""

PROCESSOR = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU implementer", "CPU part", "Features")
"""Lines of ``/proc/cpuinfo`` that say which instructions are compiled for."""


@cache
def fit_identity(device: str) -> bytes:
    """A hash of all that decides a fit's numbers beside its inputs.

    Args:
        device: what fits run on (``batching.kind_of``).
    """
    digest = sha256()
    feed(
        digest,
        (
            FORMAT,
            _sources(),
            [(name, version(name)) for name in LIBRARIES],
            sys.version,
            device,
            _processor(),
            sorted((name, text) for name, text in os.environ.items() if name.startswith(SETTINGS)),
        ),
    )
    return digest.digest()


@cache
def _sources() -> tuple[tuple[str, bytes], ...]:
    """Each module that decides a number, and the hash of its source."""
    package = Path(__file__).parents[1]
    paths = sorted(path for part in PARTS for path in (package / part).rglob("*.py"))
    return tuple((path.relative_to(package).as_posix(), sha256(path.read_bytes()).digest()) for path in paths)


def _processor() -> tuple[str, ...]:
    found = [platform.system(), platform.machine(), platform.processor()]
    with suppress(OSError), open("/proc/cpuinfo", encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not line.strip():  # the next core is like the first
                break
            if line.partition(":")[0].strip() in PROCESSOR:
                found.append(line.strip())
    return tuple(found)


def feed(digest: Any, value: Any) -> None:
    """Add a constant of a program to a hash: by what it is, and not by where it stands in memory.

    A function is its name and all that it has taken from around it: what it does stands in the sources.

    Raises:
        TypeError: it is none of the kinds of things that constants are.
    """
    if isinstance(value, partial):
        feed(digest, (value.func, value.args, tuple(sorted(value.keywords.items()))))
    elif is_dataclass(value) and not isinstance(value, type):
        digest.update(f"<{type(value).__module__}.{type(value).__qualname__}".encode())
        for each in fields(value):
            feed(digest, getattr(value, each.name))
    elif isinstance(value, tuple | list):
        digest.update(f"[{len(value)}".encode())
        for each in value:
            feed(digest, each)
    elif isinstance(value, Mapping):
        feed(digest, tuple(value.items()))
    elif value is None or isinstance(value, str | bytes | bool | int | float):
        digest.update(f"{type(value).__name__} {value!r};".encode())
    elif isinstance(value, ModuleType):
        digest.update(f"module {value.__name__};".encode())
    elif callable(value):
        _feed_function(digest, value)
    else:
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise TypeError(f"{type(value).__qualname__} is no constant of a program")
        digest.update(f"{array.shape} {array.dtype.str}".encode())
        digest.update(array.tobytes())


def _feed_function(digest: Any, function: Callable[..., Any]) -> None:
    inner = getattr(function, "__wrapped__", function)
    name = getattr(inner, "__qualname__", None) or getattr(inner, "__name__", type(inner).__qualname__)
    digest.update(f"{getattr(inner, '__module__', '')}.{name};".encode())
    taken = [cell.cell_contents for cell in getattr(inner, "__closure__", None) or ()]
    defaults = (getattr(inner, "__defaults__", None), getattr(inner, "__kwdefaults__", None))
    feed(digest, (taken, *defaults, getattr(inner, "__self__", None)))
