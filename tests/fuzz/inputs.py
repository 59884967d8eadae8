"""Small valid inputs of every kind, and what people and programs do to files."""

import gzip
import json
import random
from collections.abc import Callable
from typing import Any

from budget.curves.records.checksum import sealed
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests import made
from tests.simulate import LINKS

HOSTILE = (
    "", " ", "0", "-1", "-0", "1e999", "-1e308", "1e-320", "1e308", "nan", "inf", "-Infinity", "1_000", "0x1F", "１２",
    "1,5", "1.234,5", "12%", "$5", "N/A", "null", "true", "=1+1", "@a", "-a", "'x", '"', '""', "a\tb", "a\nb", "a|b",
    "a\x1b[31mb", "\u202ea", "é", "a=b", "a,b", "..", "/", "x" * 300, "9" * 5000, "%s{0}", "<b>", "\x00", "\ud7ff",
    "1e21", "a", "b",
)  # fmt: skip
"""Cells, names and values that nobody expects."""


def table(header: str, *rows: str) -> bytes:
    return "\n".join((header, *rows, "")).encode()


def _runs() -> bytes:
    """Two tasks of one scale."""
    rows = [
        f"{task},{x:g},{floor + 3 * x**-0.4 * (1 + 0.002 * ((7 * k) % 5 - 2)):.6f},{task}{k}"
        for task, floor in (("a", 0.5), ("b", 0.8))
        for k, x in enumerate((1, 3, 10, 30, 100, 300, 1000))
    ]
    return table("task,x,value,run", *rows)


def _two_scales() -> bytes:
    """Two tasks of params and tokens, on specialists and on a model that serves both."""
    rows = []
    for strategy, loss in (("specialist", 0.0), ("generalist", 0.05)):
        for n in (1e7, 1e8, 1e9):
            for d in (1e9, 1e10, 1e11):
                for task, floor in (("a", 1.5), ("b", 1.7)):
                    run = f"{strategy}-{n:g}-{d:g}" + (task if strategy == "specialist" else "")
                    value = floor + loss + 400 * n**-0.34 + 400 * d**-0.28
                    rows.append(f"{task},{n:g},{d:g},{value:.6f},{strategy},{run}")
    return table("task,params,tokens,value,strategy,run", *rows)


def _two_metrics() -> bytes:
    """Loss and accuracy of one task."""
    rows = []
    for k, x in enumerate((1, 3, 10, 30, 100, 300, 1000, 3000)):
        loss = 0.5 + 3 * x**-0.4
        rows += [f"a,{x},{loss:.6f},loss,r{k},0", f"a,{x},{0.25 + 0.7 / (1 + (loss / 1.5) ** 4):.6f},acc,r{k},1"]
    return table("task,x,value,metric,run,higher_is_better", *rows)


POWER = made.power({"a": (0.5, 0.7, 0.4), "b": (0.4, 0.9, 0.3)}, scale="x", draws=20)
CHINCHILLA = made.chinchilla(draws=20)


def _curves(curves: Any, seal: bool = False) -> bytes:
    record = record_of(curves)
    return json_text(sealed(record) if seal else record).encode()


def files() -> dict[str, bytes]:
    """Name → a valid small file; a name's beginning says its kind."""
    from dataclasses import replace

    return {
        "runs.csv": _runs(),
        "runs-two.csv": _two_scales(),
        "tasks.csv": table("task,weight,target,min,max,unserved,best,group", "a,1,1.2,0,1e9,9,,g", "b,2,,1,,9,0.1,"),
        "points.csv": table("task,x,note", "a,10,first", "b,2000,second"),
        "tasks-two.csv": table("task,weight,target,current", "prose,1,2.5,1e20", "code,2,,1e20", "maths,1,2,0"),
        "metrics.csv": _two_metrics(),
        "points-two.csv": table("task,params,tokens", "prose,1e8,1e10", "code,1e9,1e9"),
        "limits.csv": table("limit,task,group,coefficient,unit,min,max", "cap,a,,1,,,5e8", "floor,,,1,,1,"),
        "split.csv": table("task,spend", "a,400", "b,600"),
        "candidates.csv": table(
            "model,cost,task,value,split", "m1,1,a,0.3,val", "m1,1,b,0.5,val", "m2,2,a,0.2,val", "m3,1,b,0.4,val"
        ),
        "pairs.csv": table("task,partner,value,seed", "a,,1,0", "a,b,0.9,0", "b,,1.2,0", "b,a,1.3,0", "a,b,0.92,1"),
        "mixtures.csv": table("run,source,tokens", "a0,a,1e9", "a0,b,1e8", "b0,b,2e9"),
        "sweep.csv": table("task,params,value,seed", "a,1e6,2.5,0", "b,2e6,2.25,1"),
        "curves.json": _curves(POWER),
        "curves-sealed.json": _curves(POWER, seal=True),
        "curves-two.json": _curves(CHINCHILLA),
        "curves-linked.json": _curves(replace(CHINCHILLA, link=made.link_of(LINKS, draws=20))),
    }


def spoiled(data: bytes, name: str, rng: random.Random) -> bytes:
    """The file after one to three mishaps."""
    changes = _RECORD if name.endswith(".json") else _TABLE
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        try:
            data = rng.choice((*changes, *changes, *_BYTES))(data, rng)
        except (
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ):  # an earlier mishap left nothing to spoil
            break
    return data


def _cells(change: Callable[[list[list[str]], random.Random], None]) -> Callable[[bytes, random.Random], bytes]:
    def spoil(data: bytes, rng: random.Random) -> bytes:
        cells = [line.split(",") for line in data.decode().splitlines()]
        change(cells, rng)
        return "\n".join(",".join(row) for row in cells).encode("utf-8", "surrogatepass") + b"\n"

    return spoil


def _cell(cells: list[list[str]], rng: random.Random) -> None:
    row = rng.choice(cells[1:] if rng.random() < 0.8 else cells)
    text = rng.choice(HOSTILE)
    row[rng.randrange(len(row))] = '"' + text.replace('"', '""') + '"' if rng.random() < 0.3 else text


def _column(cells: list[list[str]], rng: random.Random) -> None:
    """The same hostile cell in a whole column."""
    at, text = rng.randrange(len(cells[0])), rng.choice(HOSTILE)
    for row in cells[1:]:
        if at < len(row):
            row[at] = text


def _scaled(cells: list[list[str]], rng: random.Random) -> None:
    """A column of numbers in another unit, or of another sign."""
    at, factor = rng.randrange(len(cells[0])), rng.choice((1e-300, 1e-9, 1e9, 1e150, 1e300, -1.0, 0.0))
    for row in cells[1:]:
        try:
            row[at] = repr(float(row[at]) * factor)
        except (ValueError, IndexError):
            continue


def _nudged(cells: list[list[str]], rng: random.Random) -> None:
    """One number, or all of a column, a little or much larger or smaller: what a command still computes with."""
    at, factor = rng.randrange(len(cells[0])), rng.choice((1e-6, 1e-3, 0.5, 0.999, 1.5, 30.0, 1e3, 1e6))
    rows = cells[1:] if rng.random() < 0.5 else [rng.choice(cells[1:])]
    for row in rows:
        try:
            row[at] = repr(float(row[at]) * factor)
        except (ValueError, IndexError):
            continue


def _drop_column(cells: list[list[str]], rng: random.Random) -> None:
    at = rng.randrange(len(cells[0]))
    for row in cells:
        del row[at : at + 1]


def _drop_rows(cells: list[list[str]], rng: random.Random) -> None:
    del cells[rng.randrange(len(cells)) :]


def _drop_cell(cells: list[list[str]], rng: random.Random) -> None:
    row = rng.choice(cells)
    del row[rng.randrange(len(row))]


def _twice(cells: list[list[str]], rng: random.Random) -> None:
    cells.append(list(rng.choice(cells)))


def _column_twice(cells: list[list[str]], rng: random.Random) -> None:
    at = rng.randrange(len(cells[0]))
    for row in cells:
        row.extend(row[at : at + 1])


def _shuffled(cells: list[list[str]], rng: random.Random) -> None:
    order = list(range(len(cells[0])))
    rng.shuffle(order)
    for row in cells:
        row[:] = [row[at] for at in order if at < len(row)]


def _above(cells: list[list[str]], rng: random.Random) -> None:
    cells.insert(0, [rng.choice(("sep=;", "sep=,", "# a comment", "A title", "", ",,,"))])


def _renamed(cells: list[list[str]], rng: random.Random) -> None:
    cells[0][rng.randrange(len(cells[0]))] = rng.choice(
        ("", "value", "task", "x", "flops", "metric", "strategy", "stderr")
    )


_TABLE = tuple(
    _cells(change)
    for change in (
        _cell, _cell, _cell, _column, _column, _scaled, _nudged, _nudged, _nudged, _scaled, _drop_column, _drop_rows,
        _drop_cell, _twice, _column_twice, _shuffled, _above, _renamed,
    )
)  # fmt: skip


def _node(data: bytes, rng: random.Random) -> bytes:
    """Another value at one place of a record."""
    record = json.loads(data)
    parent, key = record, ""
    for _ in range(rng.randrange(1, 7)):
        if not (isinstance(parent, (dict, list)) and parent):
            break
        if key != "":
            pass
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        key = rng.choice(keys)
        if isinstance(parent[key], (dict, list)) and parent[key] and rng.random() < 0.85:
            parent = parent[key]
            continue
        break
    if isinstance(parent, (dict, list)) and key in (parent if isinstance(parent, dict) else range(len(parent))):
        choices: tuple[Any, ...] = (None, True, "x", [], {}, -1, 0, 1e300, -1e300, 1e-300, 3.5, float("nan"), 10**25)
        old = parent[key]
        parent[key] = (
            old * rng.choice((-1, 0, 2, 1e9)) if isinstance(old, float) and rng.random() < 0.5 else rng.choice(choices)
        )
    return json.dumps(record).encode()


def _missing(data: bytes, rng: random.Random) -> bytes:
    record = json.loads(data)
    part = rng.choice((record, *(record["tasks"] if isinstance(record.get("tasks"), list) else ())))
    del part[rng.choice(list(part))]
    return json.dumps(record).encode()


def _longer(data: bytes, rng: random.Random) -> bytes:
    record = json.loads(data)
    lists = [value for task in record["tasks"] for value in task.values() if isinstance(value, list) and value]
    chosen = rng.choice([record["tasks"], *lists])
    chosen.append(chosen[0]) if rng.random() < 0.5 else chosen.pop()
    return json.dumps(record).encode()


_RECORD = (_node, _node, _node, _missing, _longer)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _flipped(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes([rng.randrange(256)]) + data[at + 1 :]


_BYTES = (
    _cut,
    _flipped,
    lambda data, rng: b"\xef\xbb\xbf" + data,
    lambda data, rng: data.decode().encode("utf-16"),
    lambda data, rng: (data.decode() + "é\n").encode("latin-1"),
    lambda data, rng: data.replace(b"\n", rng.choice((b"\r", b"\r\n"))),
    lambda data, rng: data.replace(b",", rng.choice((b";", b"\t", b"|"))),
    lambda data, rng: gzip.compress(data),
    lambda data, rng: gzip.compress(data)[: rng.randrange(1, 40)],
    lambda data, rng: b"",
    lambda data, rng: b"[" * 100_000,
    lambda data, rng: data + b"\x00",
)
