"""Puts figures into Markdown: what stands between two markers is written by the script that measures it.

    <!-- figures:NAME -->
    what the script NAME.py (or NAME_part by it) found
    <!-- /figures -->

A script calls ``put`` once for each of its blocks. Called with ``--write`` it replaces the block in every Markdown file
that has its marker; otherwise it prints it. A test holds markers and scripts together.
"""

import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (".", "benchmarks", "data", "docs", "docs/decisions")
"""Where Markdown with figures lies, below the root."""

BLOCK = re.compile(r"(<!-- figures:(\w+) -->\n)(.*?)(<!-- /figures -->)", flags=re.DOTALL)


def put(name: str, text: str) -> None:
    """Write a block of figures where its marker stands (``--write``), or print it.

    Args:
        name: the block's name, the script's own or one that begins with it.
        text: Markdown, whole lines.

    Raises:
        SystemExit: no file has the marker.
    """
    if "--write" not in sys.argv:
        print(f"\n{text.strip()}")
        return
    written = [path for path in markdown() if replace(path, name, text)]
    if not written:
        raise SystemExit(f"No Markdown file has the marker <!-- figures:{name} -->, so nothing was written.")
    for path in written:
        print(f"{name} written to {path.relative_to(ROOT)}", file=sys.stderr)


def arguments() -> list[str]:
    """The script's arguments without ``--write``."""
    return [word for word in sys.argv[1:] if word != "--write"]


def markdown(root: Path = ROOT) -> list[Path]:
    """The Markdown files of the project."""
    return [path for folder in FOLDERS for path in sorted((root / folder).glob("*.md"))]


def blocks(text: str) -> dict[str, str]:
    """What stands between the markers of a text, by name."""
    return {match[2]: match[3].strip() for match in BLOCK.finditer(text)}


def replace(path: Path, name: str, text: str) -> bool:
    """Put a text between the markers of a file; whether it has them."""
    old = path.read_text(encoding="utf-8")

    def fill(match: re.Match[str]) -> str:
        return f"{match[1]}{text.strip()}\n{match[4]}" if match[2] == name else match[0]

    if name not in blocks(old):
        return False
    path.write_text(BLOCK.sub(fill, old), encoding="utf-8")
    return True


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def bullets(lines: Iterable[str]) -> str:
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def span(values: Iterable[float], form: str = ".2g") -> str:
    """``least to greatest``, or one number where both print alike."""
    every = list(values)
    found = [format(value, form) for value in (min(every), max(every))]
    return " to ".join(dict.fromkeys(found))
