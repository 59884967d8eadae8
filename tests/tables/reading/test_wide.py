"""Wide tables become a row for each task and run."""

import numpy as np
import pytest

from budget.errors import DataError
from budget.tables.reading.wide import wide_columns
from budget.tables.runs import read_runs

WIDE = """run_id,N,D,eval/arc,eval/piqa,eval/wiki_ppl,lr
r1,1e7,1e9,3.5,2.5,20.085536923187668,.1
r2,2e7,1e9,3.25,,7.38905609893065,.1
r3,4e7,1e9,nan,2,2.718281828459045,.1
"""


def read(tmp_path, text=WIDE, **reading):
    (tmp_path / "runs.csv").write_text(text)
    return read_runs(tmp_path / "runs.csv", **reading)


@pytest.mark.parametrize(
    ("wide", "tasks"),
    [
        ("eval/*", ("arc", "piqa", "wiki_ppl")),
        ("eval/arc, eval/piqa", ("eval/arc", "eval/piqa")),
        ("eval/a*,eval/piqa", ("rc", "eval/piqa")),
    ],
)
def test_columns_become_tasks(tmp_path, wide, tasks):
    runs = read(tmp_path, wide=wide)
    assert runs.tasks == tasks and runs.run_names == ("r1", "r2", "r3")
    assert runs.shared_models == (3 if len(tasks) == 3 else 1)  # two rows of the others are left out
    np.testing.assert_array_equal(runs.value[runs.task == 0], [3.5, 3.25])
    assert any(
        f"2 of {3 * len(tasks)} rows by task are left out: 1 with no value and 1 whose" in note for note in runs.notes
    )
    if len(tasks) == 3:
        np.testing.assert_allclose(runs.value[runs.task == 2], [3, 2, 1])
        assert any("The logarithms of eval/wiki_ppl are taken" in note for note in runs.notes)


def test_without_a_run_column_each_row_is_a_model(tmp_path):
    runs = read(tmp_path, WIDE.replace("run_id", "who"), wide="eval/*")
    assert runs.run_names == ("row 2", "row 3", "row 4") and runs.shared_models == 3


def test_scores_beside_losses_have_their_own_direction(tmp_path):
    runs = read(tmp_path, WIDE.replace("eval/piqa", "eval/piqa/acc"), wide="eval/*")
    assert dict(zip(runs.tasks, runs.higher_is_better, strict=True)) == {"arc": False, "piqa/acc": True,
                                                                         "wiki_ppl": False}  # fmt: skip
    only = read(tmp_path, WIDE.replace("eval/piqa", "eval/piqa/acc"), wide="eval/piqa/*")
    assert only.higher_is_better.all()


def test_metrics_and_directions_are_told_by_words_anywhere_in_a_name(tmp_path):
    mixed = WIDE.replace("eval/arc", "eval/loss_arc").replace("eval/piqa", "eval/acc_piqa")
    runs = read(tmp_path, mixed.replace("wiki_ppl", "bpb_wiki"), wide="eval/*")
    assert runs.metric == ("loss", "accuracy", "bits per byte")
    np.testing.assert_array_equal(runs.higher_is_better, [False, True, False])
    assert any("are of different metrics" in note and "accuracy: acc_piqa" in note for note in runs.notes)
    one = read(tmp_path, mixed.replace("acc_piqa", "loss_piqa"), wide="eval/*")
    assert one.metric == ("value",) * 3 and not any("are of different metrics" in note for note in one.notes)


@pytest.mark.parametrize(
    ("text", "wide", "said"),
    [
        (WIDE, "test/*", "--wide 'test/\\*' fits no column"),
        (WIDE.replace("lr", "task"), "eval/*", "the file has a task column"),
        (WIDE, "*", "takes N, D as tasks, which say how large a run was"),
    ],
)
def test_what_is_not_wide_is_refused(tmp_path, text, wide, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text, wide=wide)


def test_tasks_keep_their_columns_names_where_stars_do_not_tell_them_apart():
    assert wide_columns(["a/x", "b/x"], "a/*,b/*", "f") == {"a/x": "a/x", "b/x": "b/x"}
