import pytest

from budget.lab.runner.printed import LastResult, RunFailed, rows_of

PLANNED = {"task": "code", "tokens": "1e6", "seed": "3", "run": "r1"}


def found(*chunks):
    last = LastResult()
    for chunk in chunks:
        last.feed(chunk)
    return last.end()


@pytest.mark.parametrize(
    ("chunks", "printed"),
    [
        ([b'hello\n{"value": 2.5}\nbye\n'], {"value": 2.5}),
        ([b'{"value": 1}\n{"value": 2}\n'], {"value": 2}),
        ([b'{"value": 1}\n{"step": 2}\n{"value": 3\n'], {"value": 1}),
        ([b'{"val', b'ue": 1', b"}"], {"value": 1}),
        ([b'50 %\r{"value": 1}\r\n'], {"value": 1}),
        ([b'  {"values": {"a": 1}}  '], {"values": {"a": 1}}),
        ([b'"value"\n["value"]\n2.5\nnull\n'], None),
        ([b"\xff\xfe{\n", b"{" * 5000 + b"\n"], None),
        ([b"{" + b" " * 2**20, b" " * 10, b'{"value": 1}\n'], None),
        ([b"x" * 2**21 + b'\n{"value": 1}'], {"value": 1}),
        ([], None),
    ],
)
def test_the_last_object_with_a_value_counts(chunks, printed):
    assert found(*chunks) == printed


def test_row_has_the_plan_then_what_was_printed():
    printed = {"value": 2, "stderr": 0.01, "tokens": 999_424, "seed": 7, "task": "no", "run": "no", "ok": True}
    (row,) = rows_of(printed | {"metric": "bpb", "gone": None, "nan": float("nan"), "seconds": 1}, PLANNED, 1.234)
    assert row == {
        "task": "code", "run": "r1", "tokens": 999_424, "seed": "3", "value": 2, "stderr": 0.01, "ok": "true",
        "metric": "bpb", "gone": "", "nan": "", "seconds": 1.23,
    }  # fmt: skip
    assert list(row)[:5] == ["task", "run", "tokens", "seed", "value"] and list(row)[-1] == "seconds"


def test_several_values_are_a_row_a_task_of_one_run():
    rows = rows_of({"values": {"a": 1.5, "b": 2}, "params": 10}, PLANNED | {"task": "a|b"}, 1.0)
    assert [(row["task"], row["run"], row["value"], row["params"]) for row in rows] == [
        ("a", "r1", 1.5, 10), ("b", "r1", 2, 10),
    ]  # fmt: skip
    (row,) = rows_of({"values": {"a": 1}}, {"run": "r1"}, 1.0)
    assert list(row) == ["task", "run", "value", "seconds"]


def test_a_task_or_seed_that_the_plan_does_not_name_is_taken_from_the_line():
    (row,) = rows_of({"value": 1, "task": "code", "seed": 4}, {"run": "r1"}, 1.0)
    assert row == {"task": "code", "run": "r1", "value": 1, "seed": 4, "seconds": 1.0}
    (row,) = rows_of({"value": 1}, {"run": "r1"}, 1.0)
    assert "task" not in row


def test_keys_and_texts_are_what_a_csv_gives_back():
    (row,) = rows_of({"values": {" a\n": 1}, " note ": "one\rtwo ", "half": "\ud800", "\udc80": 1}, {"run": "r1"}, 1.0)
    assert row == {"task": "a", "run": "r1", "value": 1, "note": "one two", "half": "?", "?": 1, "seconds": 1.0}


@pytest.mark.parametrize(
    ("printed", "reason", "detail"),
    [
        (None, "no result", "no line of its standard output"),
        ({"value": 1, "values": {"a": 1}}, "no result", "both"),
        ({"values": {}}, "no result", "a value for each task"),
        ({"values": [1]}, "no result", "a value for each task"),
        ({"values": {" ": 1}}, "no result", "a value for each task"),
        ({"value": 1, "curve": [1]}, "no result", "the key curve of its JSON line holds a list"),
        ({"value": 1, "by": {"a": 1}}, "no result", "holds an object"),
        ({"value": float("nan")}, "diverged", "its value is not finite"),
        ({"value": float("-inf")}, "diverged", "its value is not finite"),
        ({"value": 10**400}, "diverged", "its value is not finite"),
        ({"value": "2.3"}, "diverged", 'its value is "2.3", not a number'),
        ({"value": None}, "diverged", "its value is null"),
        ({"value": 1, " value": 2}, "no result", "the key value twice"),
        ({"value": 1, "a b": 2, "a\n b ": 3}, "no result", "the key a b twice"),
        ({"values": {"a": 1, " a": 2}}, "no result", "the key a twice"),
        ({"value": True}, "diverged", "its value is true"),
        ({"values": {"a": 1, "b": float("nan")}}, "diverged", "its value of task 'b' is not finite"),
    ],
)
def test_what_makes_no_row(printed, reason, detail):
    with pytest.raises(RunFailed) as failure:
        rows_of(printed, PLANNED, 1.0)
    assert failure.value.reason == reason and detail in failure.value.detail
