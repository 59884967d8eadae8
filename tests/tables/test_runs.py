"""Reading runs: other people's columns, and one sentence for each mistake."""

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.runs import read_runs

GOOD = """task,run,params,tokens,flops,value,metric
a,r1,1e6,1e8,7e14,3.5,nats
a,r2,2e6,1e8,14e14,3.2,nats
b,r1,1e6,1e8,7e14,2.5,nats
"""


def read(tmp_path, text, **reading):
    path = tmp_path / "runs.csv"
    path.write_text(text, encoding="utf-8")
    return read_runs(path, **reading)


def test_canonical_file(tmp_path):
    runs = read(tmp_path, GOOD)
    assert runs.tasks == ("a", "b") and runs.metric == ("nats", "nats")
    assert not runs.higher_is_better.any()
    np.testing.assert_array_equal(runs.task, [0, 0, 1])
    np.testing.assert_array_equal(runs.row, [2, 3, 4])
    np.testing.assert_array_equal(runs.scale["flops"], [7e14, 14e14, 7e14])
    assert runs.shared_models == 1 and runs.shared_tasks().tolist() == [False, True]
    assert np.isnan(runs.stderr).all() and (runs.weight == 1).all() and runs.notes == ()


def test_other_peoples_columns(tmp_path):
    text = "Domain,Set,N,D,loss,keep\nIC,birds,1e6,2e9,0.5,1\nIC,cars,1e6,2e9,0.7,0\nNLP,wmt,1e6,2e9,0.9,1\n"
    runs = read(
        tmp_path,
        text,
        columns={"task": "Domain+Set", "params": "N", "tokens": "D", "value": "loss"},
        where=[("keep", "1.0")],
    )
    assert runs.tasks == ("IC-birds", "NLP-wmt")
    np.testing.assert_array_equal(runs.row, [2, 4])
    np.testing.assert_allclose(runs.scale["flops"], 6 * 1e6 * 2e9)
    assert runs.flops_assumed and "6·params·tokens" in runs.notes[0]


def test_conditions_on_one_column_are_alternatives(tmp_path):
    assert read(tmp_path, GOOD, where=[("task", "a"), ("task", "b")]).tasks == ("a", "b")
    assert read(tmp_path, GOOD, where=[("task", "a"), ("run", "r2")]).row.tolist() == [3]


def test_one_task_file_needs_its_name(tmp_path):
    text = "x,value\n1,2\n2,1\n"
    assert read(tmp_path, text, task="only").tasks == ("only",)
    with pytest.raises(DataError, match="--task NAME"):
        read(tmp_path, text)
    with pytest.raises(DataError, match="--where task=a"):
        read(tmp_path, GOOD, task="a")


def test_model_serves_as_run_where_each_has_one_scale(tmp_path):
    text = "task,model,params,tokens,value\na,m1,1e6,1e8,3\nb,m1,1e6,1e8,2\na,m2,2e6,1e8,2.5\n"
    runs = read(tmp_path, text)
    assert runs.shared_models == 1 and any("'model' is taken as the run" in note for note in runs.notes)
    checkpoints = text + "a,m2,2e6,3e8,2.2\n"
    assert read(tmp_path, checkpoints).shared_models == 0


def test_directions_from_column_or_option(tmp_path):
    text = "task,x,value,higher_is_better\na,1,2,1\na,2,3,true\nb,1,2,no\n"
    assert read(tmp_path, text).higher_is_better.tolist() == [True, False]
    assert read(tmp_path, "task,x,value\na,1,2\n", higher_is_better=True).higher_is_better.tolist() == [True]


def test_blank_columns_count_as_absent(tmp_path):
    text = "task,x,params,stderr,weight,value\na,1,,,,2\na,2,,0.1,2,1\n"
    runs = read(tmp_path, text)
    assert set(runs.scale) == {"x"}
    np.testing.assert_array_equal(runs.weight, [1, 2])
    np.testing.assert_array_equal(runs.stderr, [np.nan, 0.1])


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the file is empty"),
        ("task,x,value\n", "column names but no rows"),
        ("task,x\na,1\n", "column 'value' is missing; name yours with --column value=THEIRS"),
        ("task,value\na,1\n", "no column says how large a run was"),
        ("task,x,x,value\na,1,1,1\n", "column 'x' stands twice in the header"),
        ("task,x,value\na,1,abc\n", "row 2, column 'value': 'abc' where a finite number is due"),
        ("task,x,value\na,1,\n", "no row is left of 1: 1 with no value; give a file with finished, measured runs"),
        ("task,x,value\na,1,nan\na,2,\n", "no row is left of 2: 1 with no value and 1 whose value is NaN"),
        ("task,x,value\na,inf,1\n", "row 2, column 'x': 'inf' where a positive number"),
        ("task,x,value\na,1,1\na,-5,1\n", "row 3, column 'x': '-5' where a positive number is due"),
        ("task,x,value\na,0,1\n", "row 2, column 'x': '0'"),
        ("task,params,tokens,value\na,1e6,,1\na,1e6,1e9,1\n", "row 2, column 'tokens': empty"),
        ("task,x,value\n,1,1\n", "row 2, column 'task': empty"),
        ("task,x,value,metric\na,1,1,acc\na,2,1,loss\n", "row 3, column 'metric': task 'a' has 'loss' beside 'acc'"),
        ("task,x,value,higher_is_better\na,1,1,1\na,2,1,0\n", "row 3, column 'higher_is_better'.*both directions"),
        ("task,x,value,higher_is_better\na,1,1,maybe\n", "'maybe' where 1 or 0"),
        ("task,x,value,weight\na,1,1,0\n", "column 'weight': '0'"),
        ('task,x,value\na,1,1\n"b,2,3\n', "not a readable CSV"),
        ("task,x,value\na,1,1\nb,1,000,2\n", "not a readable CSV: line 3 has 4 cells where the header in line 1 has 3"),
        ("task,x,value\na,1,1\n\n,1,2\n", "row 4, column 'task': empty"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence) as caught:
        read(tmp_path, text)
    assert "runs.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(DataError, match="no such file"):
        read_runs(tmp_path / "none.csv")
    with pytest.raises(DataError, match="this is a folder"):
        read_runs(tmp_path)
    (tmp_path / "binary.csv").write_bytes(b"task,x\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read_runs(tmp_path / "binary.csv")


def test_wrong_mappings_are_named(tmp_path):
    with pytest.raises(DataError, match="--column params=N names column 'N', which is not there"):
        read(tmp_path, GOOD, columns={"params": "N"})
    with pytest.raises(DataError, match="--where set=1 names a column that is not there"):
        read(tmp_path, GOOD, where=[("set", "1")])
    with pytest.raises(DataError, match="no row has task=c; it holds: a, b"):
        read(tmp_path, GOOD, where=[("task", "c")])


@pytest.mark.parametrize("scale", ["params", "x"])
def test_run_ids_that_restart_in_each_task_are_refused(tmp_path, scale):
    text = f"task,run,{scale},value\na,1,1e6,3\na,2,2e6,2\nb,1,3e7,3\nb,2,6e7,2\n"
    with pytest.raises(DataError, match=r"rows 2 and 4: the same run at different scales.*--column run=task\+run"):
        read(tmp_path, text)
    assert read(tmp_path, text, columns={"run": "task+run"}).shared_models == 0


def test_checkpoints_of_shared_models_are_one_run(tmp_path):
    rows = [f"{task},{run},{tokens},2" for task in "ab" for run in (1, 2) for tokens in (1e6, 2e6)]
    runs = read(tmp_path, "task,run,tokens,value\n" + "\n".join(rows))
    assert runs.shared_models == 2 and runs.shared_tasks().all()


def test_tasks_on_different_models_are_different_groups(tmp_path):
    rows = [
        f"{task},{group}{run},{run}e6,2" for task, group in zip("abcde", "xxyyz", strict=True) for run in range(1, 6)
    ]
    runs = read(tmp_path, "task,run,x,value\n" + "\n".join(rows))
    assert runs.shared_tasks().tolist() == [True, True, True, True, False]
    assert runs.groups().tolist() == [0, 0, 1, 1, 2]


def test_rows_without_run_or_model_say_so(tmp_path):
    runs = read(tmp_path, "task,x,value\na,1,2\na,2,1\n")
    assert "each row counts as a trained model of its own" in runs.notes[0]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("task,x,value,stderr\na,1,1,-0.1\n", "column 'stderr': '-0.1' where a number of at least 0"),
        ("task|x|value\na|1|2\n", "not separated by commas"),
        ("task,params,tokens,value\na,1e200,1e200,1\n", "row 2: 6·params·tokens is too large"),
    ],
)
def test_more_mistakes_get_one_sentence(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read(tmp_path, text)


def test_copies_of_a_named_run_s_row_are_used_once_and_counted(tmp_path):
    """A copy says nothing new: it may not weigh in the fit, nor make an interval narrower."""
    lines = [f"a,r{at},{n},{d},{2 + 1 / at}" for at, (n, d) in enumerate([(1e6, 1e8), (4e6, 1e8), (1e6, 4e8)], 1)]
    path = tmp_path / "runs.csv"

    def read(*more, header="task,run,params,tokens,value"):
        path.write_text("\n".join([header, *lines, *more]))
        return read_runs(path)

    once, copied = read(), read(lines[0], lines[0].replace("1000000.0", "1e6"), lines[2])
    np.testing.assert_array_equal(copied.value, once.value)
    np.testing.assert_array_equal(copied.row, [2, 3, 4])
    said = "3 of 6 rows are left out: copies of earlier rows of the same runs (row 5, 6, 7)."
    assert said in copied.notes and said not in once.notes
    other = lines[0].replace("r1", "r9"), lines[0].replace(",3.0", ",3.1"), lines[0].replace("a,", "b,")
    assert len(read(*other).value) == 6  # another run, another value, another task: no copies
    lines = [f"{line},{at}" for at, line in enumerate(lines)]
    assert len(read(f"{lines[0][:-1]}7", header="task,run,params,tokens,value,seed").value) == 4
