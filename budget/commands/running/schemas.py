"""What each ``--json`` output holds: JSON schemas, shipped with the package, each with a name and a version.

A version counts up when a key is taken away or means something else; keys may be added. See
docs/decisions/155-from-a-raw-export-in-five-calls.md.
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

VERSIONS: Mapping[str, int] = {
    "allocate": 1,
    "backtest": 1,
    "check": 1,
    "compare": 1,
    "curves": 2,
    "decisions": 1,
    "dry-run": 1,
    "focus": 1,
    "groups": 1,
    "grow": 1,
    "laws": 1,
    "measure": 1,
    "next": 1,
    "plan": 1,
    "portfolio": 1,
    "predict": 1,
    "sensitivity": 1,
    "telling-runs": 1,
    "transfer": 1,
}
"""Schema → its version. It has the name of its command, or of what that can print instead."""


def schema_id(name: str) -> str:
    """What an output says in its key ``schema``.

    >>> schema_id("check")
    'budget/check/1'
    """
    return f"budget/{name}/{VERSIONS[name]}"


def stamped(record: object, name: str) -> dict[str, Any]:
    """A record with its schema's name first; the rows of a table are its key ``rows``."""
    held = dict(record) if isinstance(record, Mapping) else {"rows": record}
    return {"schema": schema_id(name), **held}


def schema_text(name: str) -> str:
    """A schema as it is shipped: JSON Schema, draft 2020-12."""
    return resources.files("budget.commands").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
