"""Tables as spreadsheets and exports write them are read right, or refused where they are wrong."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import DataError
from budget.tables.columns import read_table, view
from budget.tables.files.formulas import guarded, unguarded
from budget.tables.files.text import csv_text, read_csv
from budget.tables.runs import read_runs

ROWS = [["task", "x", "value"], ["a", "10", "2.5"], ["b, c", "20", "2.25"]]


def written(tmp_path, text: str):
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return path


def lines(separator: str = ",", end: str = "\n") -> str:
    return end.join(separator.join(f'"{c}"' if separator in c else c for c in row) for row in ROWS) + end


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("above", ["", "# made by hand", "# a\n# b, c", "\n\n", "sep={}"])
def test_every_dialect_gives_the_same_table_with_its_own_row_numbers(tmp_path, separator, end, above):
    head = above.format(separator).replace("\n", end) + end if above else ""
    frame = read_csv(written(tmp_path, head + lines(separator, end)))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == ROWS
    assert frame.index[0] == 2 + head.count(end)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize(
    "above",
    [
        "Runs of May\n",
        "Runs of May{0}{0}\n12.01.2026{0}{0}\n\n",
        '"Runs, of May; all"{0}""{0}""\n',
        "// made\n// by hand\n",
    ],
)
def test_titles_above_the_header_are_left_out_aloud(tmp_path, separator, above):
    head = above.format(separator)
    frame = read_csv(written(tmp_path, head + lines(separator)))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == ROWS
    assert frame.index[0] == 2 + head.count("\n")
    titles = len([line for line in head.splitlines() if line])
    assert any(f"runs.csv: {titles} title" in note for note in frame.attrs["notes"])


def test_a_title_may_hold_commas_where_semicolons_separate(tmp_path):
    frame = read_csv(written(tmp_path, "Stand: 12.01.2026, Gruppe;;\n" + lines(";")))
    assert [list(frame.columns), *frame.to_numpy().tolist()] == ROWS


@pytest.mark.parametrize(
    "text", ["task\na\nb\n", "task\n1\n2\n", '"task\nname",x\na,1\n', "task\n" + "".join(f"t{i}\n" for i in range(50))]
)
def test_a_table_of_one_column_or_a_name_of_two_lines_has_no_title(tmp_path, text):
    frame = read_csv(written(tmp_path, text))
    assert frame.columns[0].startswith("task") and not frame.attrs["notes"]
    assert len(frame) == (text.count("\n") - 1 if '"' not in text else 1)


def test_a_header_may_begin_with_a_hash(tmp_path):
    assert list(read_csv(written(tmp_path, "#task,x,value\na,1,2\n")).columns) == ["#task", "x", "value"]


def test_nameless_columns_are_left_out_where_empty_and_called_by_their_number_elsewhere(tmp_path):
    frame = read_csv(written(tmp_path, "task,,value,,x,,\na,up,2.5,±,1,,\nb,up,2.5,±,1,,\n"))
    assert list(frame.columns) == ["task", "column 2", "value", "column 4", "x"]
    assert read_runs(tmp_path / "runs.csv").tasks == ("a", "b")


@pytest.mark.parametrize("separator", [";", "\t"])
def test_decimal_commas_are_read_where_no_comma_separates_columns(tmp_path, separator):
    text = "task;x;value\na;1,5;4,00906\na;1,234;3,7e-1\n".replace(";", separator)
    frame = read_csv(written(tmp_path, text))
    assert frame["x"].tolist() == ["1.5", "1.234"] and frame["value"].tolist() == ["4.00906", "3.7e-1"]
    assert "Commas in its numbers are read as decimal points." in read_runs(tmp_path / "runs.csv").notes[0]


@pytest.mark.parametrize("text", ["task;x;value\na;1;1,234\n", "task;x;value\na;1.5;2,25\n"])
def test_commas_that_may_be_thousands_are_refused_by_their_row(tmp_path, text):
    with pytest.raises(DataError, match=r"row 2, column 'value': '.*' where a finite number is due"):
        read_runs(written(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Results\n7\ntask,x,value\na,1,2\n", "line 1 is not a header: it is 'Results', and line 3 has 3"),
        ("Results, of May\ntask,x,value\na,1,2\n", "line 2 has 3 cells where the header in line 1 has 2"),
        ("Results\na,1,2\na,2,3\n", "line 2 is not a header: it holds '1'"),
        ("a,1,2\na,2,3\n", "line 1 is not a header: it holds '1'"),
        ("task,x,value\na,1,2\na,1,2,3\n", "line 3 has 4 cells where the header in line 1 has 3"),
        ("# one\ntask,x,value\na,1,2\na,1,2,3\n", "line 4 has 4 cells where the header in line 2 has 3"),
        ("task;x;value\na;1;2;3\n", "the columns are not separated by commas"),
        ("task|x|value\na|1|2\n", "the columns are not separated by commas"),
        ("task   x   value\na      1   2\n", "the columns are not separated by commas"),
        ('task,x,value\na,1,2\n"b,2,3\n', "quotation mark that opens in row 3 is never closed"),
        ("task,x,value\n,,\n", "there are column names but no rows"),
    ],
)
def test_the_line_that_is_wrong_is_named(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read_csv(written(tmp_path, text), "runs")


def test_the_remedy_for_a_wrong_cell_can_be_carried_out(tmp_path):
    path = written(tmp_path, "task,x,value\na,1,2.5\na,2,\na,3,oops\nTOTAL,9,\n")
    with pytest.raises(DataError, match=r"row 4, column 'value': 'oops' .* with --where 'value!=oops'\."):
        read_runs(path)
    runs = read_runs(path, where=[("value!", "oops")])
    assert runs.row.tolist() == [2]
    assert "2 of 3 rows are left out: 1 of totals and 1 with no value." in runs.notes


def test_conditions_that_rows_must_not_meet(tmp_path):
    path = written(tmp_path, "task,x,value\na,1,2.5\nb,2.0,3\nc,3,4\n")
    for where, kept in (
        ([("task!", "b")], ["a", "c"]),
        ([("x!", "2")], ["a", "c"]),
        ([("task!", "a"), ("task!", "b")], ["c"]),
        ([("task!", "a"), ("task", "a"), ("task", "b")], ["b"]),
    ):
        assert read_table(path, "runs", where=where)["task"].tolist() == kept
    with pytest.raises(DataError, match=r"no row has value!=2\.5 or 3 or 4"):
        read_table(path, "runs", where=[("value!", "2.5"), ("value!", "3"), ("value!", "4")])
    with pytest.raises(DataError, match="--where colour!=red names a column that is not there"):
        read_table(path, "runs", where=[("colour!", "red")])


@settings(deadline=None)
@given(st.text(st.sampled_from("'=+-@\t\rab1.e ") | st.characters(), max_size=8))
def test_guards_against_formulas_are_taken_away_again(text):
    assert unguarded(guarded(text)) == text
    assert not guarded(text).startswith(("=", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("cell", "there"),
    [("=1+1", "'=1+1"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"), ("+a", "'+a"), ("-1.5e3", "-1.5e3"),
     ("'tis", "'tis"), ("'=1", "''=1"), ("a=b", "a=b")],
)  # fmt: skip
def test_formulas_are_kept_from_spreadsheets(cell, there):
    assert guarded(cell) == there


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.text(st.sampled_from("'=+-@ab,\"\n"), min_size=1).map(str.strip).filter(bool), min_size=1, max_size=4)
)
def test_names_come_back_from_a_csv(tmp_path_factory, names):
    path = tmp_path_factory.mktemp("names") / "t.csv"
    frame = pd.DataFrame({"=name": names, "spend": [-1.5] * len(names)})
    path.write_text(csv_text(frame), encoding="utf-8", newline="")
    back = read_csv(path)
    assert back["=name"].tolist() == names and set(back["spend"]) == {"-1.5"}


def test_a_view_leaves_its_table_alone(tmp_path):
    frame = read_csv(written(tmp_path, "job,x,value\na,1,2\n"))
    assert "task" in view(frame, "runs.csv", {"task": "job"}) and "task" not in frame


def test_a_long_cell_is_cut_where_it_is_repeated(tmp_path):
    path = written(tmp_path, "task,x,value\na,1,2\n" + "a,1," + "9z" * 500_000 + "\n")
    with pytest.raises(DataError, match="row 3, column 'value'") as caught:
        read_runs(path)
    assert "9z9z" in str(caught.value) and len(str(caught.value)) <= 300 and "9z" * 41 not in str(caught.value)
