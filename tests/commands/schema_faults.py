"""What of a record breaks a JSON schema, for the keywords that the package's schemas use."""

from collections.abc import Iterator
from typing import Any

KINDS: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "object": dict, "array": list,
    "null": type(None),
}  # fmt: skip
KEYWORDS = {
    "$schema", "$id", "title", "description", "type", "const", "properties", "required", "items",
    "additionalProperties",
}  # fmt: skip


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> Iterator[str]:
    """Each place where a value is not what a schema says."""
    assert set(schema) <= KEYWORDS, f"{at}: the schema uses {set(schema) - KEYWORDS}, which nothing here checks"
    if "const" in schema and value != schema["const"]:
        yield f"{at}: {value!r} is not {schema['const']!r}"
    kinds = schema.get("type", list(KINDS))
    if not any(_is(value, kind) for kind in ([kinds] if isinstance(kinds, str) else kinds)):
        yield f"{at}: {str(value)[:40]!r} is not of type {kinds}"
    elif isinstance(value, dict):
        yield from (f"{at}: no key {name}" for name in schema.get("required", ()) if name not in value)
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
            if isinstance(inner, dict):
                yield from faults(each, inner, f"{at}.{name}")
    elif isinstance(value, list) and "items" in schema:
        for place, each in enumerate(value):
            yield from faults(each, schema["items"], f"{at}[{place}]")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))
