"""Rows of a loss and rows of a score, joined."""

import pandas as pd
import pytest

from budget.errors import DataError
from budget.tables.loss_score_pairs import join, read_pair

ROWS = pd.DataFrame(
    {
        "task": ["a", "a", "a", "b", "a", "a", "a", "b"],
        "run": ["r1", "r2", "r3", "r1", "r3", "r1", "r2", "r1"],
        "x": [1, 2, 3, 1, 3, 1, 2, 1],
        "metric": ["loss"] * 4 + ["acc"] * 4,
        "value": [3.0, 2.0, 1.5, 4.0, 0.7, 0.2, 0.5, 0.1],
    }
)


def pair(tmp_path, frame, **reading):
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    return read_pair(path, "loss", "acc", **reading)


def values(losses, scores):
    """Task, loss and score of each pair, and the notes."""
    pairs = join(losses, scores)
    names = [losses.tasks[task] for task in pairs.task]
    return [*zip(names, losses.value[pairs.loss], scores.value[pairs.score], strict=True)], pairs.notes


WHOLE = [("a", 3.0, 0.2), ("a", 2.0, 0.5), ("a", 1.5, 0.7), ("b", 4.0, 0.1)]


def test_rows_join_on_run(tmp_path):
    losses, scores = pair(tmp_path, ROWS)
    assert not losses.higher_is_better.any() and scores.higher_is_better.all()
    assert values(losses, scores) == (WHOLE, ())


def test_rows_without_run_join_on_equal_scale(tmp_path):
    assert values(*pair(tmp_path, ROWS.drop(columns="run"))) == (WHOLE, ())
    assert values(*pair(tmp_path, ROWS.assign(run=[*ROWS["run"][:6], "", "r1"]))) == (WHOLE, ())


def test_a_run_need_not_have_the_same_scale_in_both(tmp_path):
    frame = ROWS.assign(x=[1, 2, 3, 1, 3.5, 1.5, 2.5, 1], run=[*"abc", "z", *"cab", "z"])
    assert values(*pair(tmp_path, frame)) == (WHOLE, ())


def test_checkpoints_of_a_run_join_on_their_scale(tmp_path):
    frame = ROWS.assign(run=["r1"] * 8)
    assert values(*pair(tmp_path, frame)) == (WHOLE, ())


def test_rows_without_a_partner_are_named(tmp_path):
    frame = ROWS.drop(index=[2, 6])
    found, notes = values(*pair(tmp_path, frame))
    assert found == [WHOLE[0], WHOLE[3]]
    assert notes == (
        "Row 3 of 'loss' has no 'acc' of the same run or scale: not in the link.",
        "Row 5 of 'acc' has no 'loss' of the same run or scale: not in the link.",
    )


def test_tasks_of_one_metric_are_named(tmp_path):
    frame = ROWS.assign(task=["a", "a", "a", "c", "a", "a", "a", "b"])
    found, notes = values(*pair(tmp_path, frame))
    assert found == WHOLE[:3]
    assert notes == ("No 'acc' for c: no link there.", "No 'loss' for b: no link there.")


def test_seeds_of_one_scale_are_paired_in_order_where_they_are_as_many(tmp_path):
    frame = ROWS.drop(columns="run").assign(x=[1, 1, 3, 1, 3, 1, 1, 1])
    found, notes = values(*pair(tmp_path, frame))
    assert found == [("a", 3.0, 0.2), ("a", 2.0, 0.5), ("a", 1.5, 0.7), ("b", 4.0, 0.1)]
    assert notes == ("Rows of equal scale are paired in the file's order for a; column 'run' tells them apart.",)
    found, notes = values(*pair(tmp_path, frame.drop(index=6)))
    assert found == [WHOLE[2], WHOLE[3]] and len(notes) == 2
    assert notes[0].startswith("Rows 2, 3 of 'loss' have no 'acc'")


@pytest.mark.parametrize(
    ("metrics", "reading", "spoil", "sentence"),
    [
        (("loss", None), {}, {}, "--loss-metric needs --score-metric beside it"),
        ((None, "acc"), {}, {}, "--score-metric needs --loss-metric beside it"),
        (("acc", "acc"), {}, {}, "are both 'acc'"),
        (("loss", "f1"), {}, {}, "no row has metric=f1"),
        (("loss", "acc"), {"where": [("metric", "loss")]}, {}, "leave out --where metric="),
        (("loss", "acc"), {"where": [("kind", "x")], "columns": {"metric": "kind"}}, {}, "leave out --where metric="),
        (("loss", "acc"), {}, {"higher_is_better": 1}, "the other way round"),
        (("loss", "acc"), {}, {"task": ["a"] * 4 + ["b"] * 4}, "no task has both metrics: 'loss' is there for a"),
        (("loss", "acc"), {}, {"metric": None}, "column 'metric' is missing"),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, metrics, reading, spoil, sentence):
    path = tmp_path / "runs.csv"
    frame = ROWS.assign(**spoil)
    (frame.drop(columns="metric") if spoil.get("metric", "") is None else frame).to_csv(path, index=False)
    with pytest.raises(DataError, match=sentence):
        read_pair(path, *metrics, **reading)
