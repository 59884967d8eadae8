"""Text that every Python installation carries, as symbols: its source code, its explanations, Unicode's names.

The text depends on the Python version; `digest` tells two versions apart.
"""

import ast
import hashlib
import pkgutil
import sys
import sysconfig
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.abc import InspectLoader

import numpy as np

_LEFT_OUT = {"antigravity", "ensurepip", "encodings", "idlelib", "lib2to3", "pydoc_data", "test", "this", "tkinter",
             "turtledemo"}  # fmt: skip
"""Parts that some installations leave out, or that hold tables rather than text."""

_SHORT = 80
"""Shorter paragraphs are mostly headings and signatures."""


def _sources() -> Iterator[str]:
    """Source of each standard module, by name; read through the import system, which runs none of them."""

    def walk(folders: list[str], prefix: str) -> Iterator[str]:
        for module in sorted(pkgutil.iter_modules(folders, prefix), key=lambda module: module.name):
            top, *rest = module.name.split(".")
            if top not in sys.stdlib_module_names or top in _LEFT_OUT or "test" in rest or "tests" in rest:
                continue
            spec = module.module_finder.find_spec(module.name, None)
            if spec is None or not isinstance(spec.loader, InspectLoader):
                continue
            source = spec.loader.get_source(module.name)
            if source:
                yield source
            if spec.submodule_search_locations:
                yield from walk(list(spec.submodule_search_locations), module.name + ".")

    yield from walk([sysconfig.get_path("stdlib")], "")


def _code() -> Iterator[str]:
    yield from _sources()


def _prose() -> Iterator[str]:
    """Paragraphs of the language's help topics and of the standard modules' docstrings, each once, in random order."""
    from pydoc_data.topics import topics

    texts = [topics[name] for name in sorted(topics)]
    for source in _sources():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                texts.append(ast.get_docstring(node) or "")
    paragraphs = (part.strip("\n") for text in texts for part in text.split("\n\n"))
    yield from _shuffled(part + "\n\n" for part in paragraphs if len(part) > _SHORT)


def _names() -> Iterator[str]:
    """Names of the characters in random order, but for those that are a number after a common word."""
    named = ((code, unicodedata.name(chr(code), "")) for code in range(sys.maxunicode + 1))
    yield from _shuffled(
        name + "\n"
        for code, name in named
        if name and not name.endswith(f"-{code:04X}") and not name.startswith("HANGUL SYLLABLE")
    )


def _shuffled(parts: Iterable[str]) -> list[str]:
    """Each part once, in a fixed random order, so that training and held-out blocks are alike and share none."""
    unique = list(dict.fromkeys(parts))
    return [unique[place] for place in np.random.default_rng(0).permutation(len(unique))]


_PARTS = {"code": _code, "prose": _prose, "names": _names}


@cache
def symbols(corpus: str) -> np.ndarray:
    """A corpus as symbols: line end 0, the printable ASCII characters 1 to 95; all others are left out.

    Args:
        corpus: `code`, `prose` or `names`.

    Returns:
        Symbols, uint8, shape (characters,).
    """
    raw = np.frombuffer("".join(_PARTS[corpus]()).encode("ascii", "ignore"), np.uint8)
    kept = raw[((raw >= 32) & (raw < 127)) | (raw == 10)]
    return np.where(kept == 10, 0, kept - 31).astype(np.uint8)


def digest(corpus: str) -> str:
    """SHA-256 of a corpus's symbols."""
    return hashlib.sha256(symbols(corpus).tobytes()).hexdigest()
