"""The same runs read the same out of every format, dialect, encoding and way of writing numbers."""

import gzip
import io
import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budget.errors import DataError
from budget.tables.files.formulas import unguarded
from budget.tables.reading.cells import levels
from budget.tables.reading.csv_table import csv_cells
from budget.tables.reading.open_table import read_cells
from budget.tables.runs import read_runs

ROWS = {
    "task": ["a", "a", "b, c", "b, c"],
    "run": ["r1", "r2", "r1", "r2"],
    "params": [19e6, 1.3e9, 19e6, 1.3e9],
    "tokens": [190e6, 7e9, 190e6, 7e9],
    "value": [3.5, 2.25, 2.75, 1.125],
}


def assert_same(runs) -> None:
    assert runs.tasks == ("a", "b, c") and runs.run_names == ("r1", "r2")
    np.testing.assert_array_equal(runs.task, [0, 0, 1, 1])
    np.testing.assert_array_equal(runs.run, [0, 1, 0, 1])
    for name in ("params", "tokens"):
        np.testing.assert_array_equal(runs.scale[name], ROWS[name])
    np.testing.assert_array_equal(runs.value, ROWS["value"])


def csv(separator=",", **writing) -> str:
    return pd.DataFrame(ROWS).to_csv(index=False, sep=separator, **writing)


def records(**writing) -> str:
    return pd.DataFrame(ROWS).to_json(**writing)


def parquet() -> bytes:
    stream = io.BytesIO()
    pd.DataFrame(ROWS).to_parquet(stream)
    return stream.getvalue()


def workbook() -> bytes:
    stream = io.BytesIO()
    with pd.ExcelWriter(stream) as writer:
        pd.DataFrame(ROWS).to_excel(writer, sheet_name="runs", index=False, startrow=2)
        pd.DataFrame({"note": ["x"], "who": ["y"]}).to_excel(writer, sheet_name="Notes", index=False)
    return stream.getvalue()


def zstd() -> bytes:
    from zstandard import compress

    return compress(csv().encode())


WRITTEN_BY_PEOPLE = """# our runs
task,run,params,tokens,value,,
a,r1,19M,"190,000,000",3.5,,
a,r2,1.3B,7e9,2.25,,
"b, c",r1,19.0m,190 M,2.75,,
# the large ones,,,,,,
"b, c",r2,"1,300,000,000",7B,1.125,,
Total,,,,9.625,,
"""
EUROPEAN = """task;run;params;tokens;value
a;r1;19.000.000;190.000.000;3,5
a;r2;1.300.000.000;7e9;2,25
b, c;r1;19.000.000;190.000.000;2,75
b, c;r2;1.300.000.000;7e9;1,125
"""
TEXTS = {
    "csv": csv(),
    "tsv": csv("\t"),
    "semicolons": csv(";"),
    "sep line": "sep=;\n" + csv(";"),
    "by people": WRITTEN_BY_PEOPLE,
    "european": EUROPEAN,
    "carriage returns": csv(lineterminator="\r"),
    "windows": csv(lineterminator="\r\n"),
    "all quoted": csv(quoting=1),
    "blank lines": "\n\n" + csv() + "\n\n,,,,\n",
    "records": records(orient="records"),
    "json lines": records(orient="records", lines=True),
    "json split": records(orient="split"),
    "json columns": records(orient="columns"),
    "json of lists": json.dumps(ROWS),
    "json in a key": json.dumps({"version": 1, "runs": json.loads(records(orient="records"))}),
    "json in sections": json.dumps(
        [{"task": t, "run": r, "config": {"params": {"value": n}, "tokens": d}, "summary": {"value": v}}
         for t, r, n, d, v in zip(*ROWS.values(), strict=True)]
    ),
}  # fmt: skip
ENCODINGS = {
    "utf-8": lambda text: text.encode(),
    "utf-8 mark": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 without a mark": lambda text: text.encode("utf-16-le"),
    "gzip": lambda text: gzip.compress(text.encode()),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("text", TEXTS)
def test_every_text_reads_to_the_same_runs(tmp_path, text, encoding):
    (tmp_path / "runs").write_bytes(ENCODINGS[encoding](TEXTS[text]))
    assert_same(read_runs(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("made", "package"),
    [(parquet, "pyarrow"), (workbook, "openpyxl"), (zstd, "zstandard")],
    ids=["parquet", "workbook", "zstd"],
)
def test_binary_tables_read_to_the_same_runs(tmp_path, made, package):
    pytest.importorskip(package)
    (tmp_path / "runs").write_bytes(made())
    runs = read_runs(tmp_path / "runs")
    assert_same(runs)
    assert (made is workbook) == any(
        "sheet 'runs' is read; the workbook also holds Notes" in note for note in runs.notes
    )


def test_what_takes_a_package_says_which(tmp_path):
    (tmp_path / "runs").write_bytes(b"PAR1" + b"x" * 40 + b"PAR1")
    needed = "cannot be read" if find_spec("pyarrow") else r"takes the package pyarrow .*budget\[files\]"
    with pytest.raises(DataError, match=needed) as caught:
        read_runs(tmp_path / "runs")
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1', "line 1: not readable as JSON"),
        ('{"a": 1}\n{"a": \n', "line 2: not readable as JSON"),
        ("[]", "there are no records in it"),
        ("[[1, 2]]", "this JSON is no list of records"),
        ('{"results": {}, "configs": {}}', "budget import lm-eval DIR"),
        ('{"schema_version": "0.2", "evaluation_results": []}', "budget import eee FILE"),
        ('{"a": {"b": [1]}, "c": 2}', "this JSON is no table of runs .its keys: a, c."),
        ("task,x,value\na,1,\"3,214\"\n", "row 2, column 'value': '3,214' where a finite number is due"),
        ("task,params,value\na,1.3X,2\n", "row 2, column 'params': '1.3X' where a positive number is due"),
        ("task,params,value\na,\"1,30\",2\n", "row 2, column 'params': '1,30'"),
        ("task;x;value\na;1.5;2,25\n", "row 2, column 'value': '2,25'"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_in_a_sentence(tmp_path, text, said):
    (tmp_path / "runs").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_runs(tmp_path / "runs")
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


NAMES = st.text(st.sampled_from("ab,; \t\"'=#é"), min_size=1, max_size=5).map(str.strip).filter(bool)
NUMBERS = st.floats(1e-6, 1e12, allow_nan=False)


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(NAMES, NUMBERS, NUMBERS), min_size=1, max_size=6),
    st.sampled_from([",", ";", "\t", "json", "jsonl"]),
    st.sampled_from(sorted(ENCODINGS)),
    st.booleans(),
)
def test_a_table_written_in_any_dialect_reads_to_the_same_runs(tmp_path, rows, dialect, encoding, decimal_comma):
    frame = pd.DataFrame(rows, columns=["task", "x", "value"])
    if dialect.startswith("json"):
        text = frame.to_json(orient="records", lines=dialect == "jsonl", double_precision=15)
        frame = pd.DataFrame(json.loads(frame.to_json(orient="records", double_precision=15)))
    else:
        # a decimal comma is told from thousands by a number that cannot be one: the last row has it
        frame.loc[len(frame)] = ["last", 0.5, 0.25]
        comma = decimal_comma and dialect != "," and not frame["task"].str.fullmatch(r"[,']+").any()
        text = frame.to_csv(index=False, sep=dialect, decimal="," if comma else ".")
    (tmp_path / "runs").write_bytes(ENCODINGS[encoding](text))
    runs = read_runs(tmp_path / "runs")
    np.testing.assert_array_equal(runs.scale["x"], frame["x"])
    np.testing.assert_array_equal(runs.value, frame["value"])
    names = [runs.tasks[at] for at in runs.task]
    of_csv = not dialect.startswith("json")
    assert names == [(unguarded(name) if of_csv else name).strip() for name in frame["task"]]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=30))
def test_numbers_come_back_exactly(tmp_path, values):
    frame = pd.DataFrame({"task": "a", "x": np.arange(1, len(values) + 1), "value": values})
    frame.to_csv(tmp_path / "runs", index=False)
    np.testing.assert_array_equal(read_runs(tmp_path / "runs").value, values)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "'=c", " d", "", "e\n2"]), st.sampled_from(["1.5", "2", "x", ""])),
        min_size=1,
        max_size=12,
    ),
    st.integers(1, 5),
)
def test_a_table_is_the_same_however_many_rows_are_read_at_a_time(rows, stretch):
    """Text that some stretches lack, cells that stop a column of numbers, quoted line ends across a stretch's end."""
    text = "name,value,end\n" + "".join(f'"{name}",{value},z\n' for name, value in rows)

    def cells():
        return csv_cells(text.encode(), "t.csv", "table", ("value",))

    whole = cells()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("budget.tables.reading.csv_table.STRETCH_ROWS", stretch)
        parted = cells()
    assert list(parted.index) == list(whole.index) and list(parted.columns) == list(whole.columns)
    for name in whole.columns:
        assert parted[name].astype(object).tolist() == whole[name].astype(object).tolist()
        assert parted[name].dtype.kind == whole[name].dtype.kind


def test_parquet_text_is_read_once_and_missing_cells_are_empty(tmp_path):
    pytest.importorskip("pyarrow")
    frame = pd.DataFrame({"task": ["b", "a", None, "b"], "value": [1.0, 2.0, 3.0, 4.0], "run": [1, 2, 3, 2**60]})
    frame.to_parquet(tmp_path / "t.parquet")
    found = read_cells(tmp_path / "t.parquet")
    assert found["task"].tolist() == ["b", "a", "", "b"] and found["value"].tolist() == [1, 2, 3, 4]
    assert levels(found["task"])[1] == ["b", "a", ""]
    assert found["run"].tolist() == ["1", "2", "3", str(2**60)]
