"""Ceilings by metric, and runs that are better than what was stated to be the best."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.tables.checks.best_values import beating_rows, beats_best, contradicted, score_ceilings
from budget.tables.checks.quality import check, check_table
from budget.tables.checks.status import STATUS
from budget.tables.runs import runs_from_frame

SIZES = np.geomspace(1e6, 1e9, 8)


def scores(**largest: float) -> pd.DataFrame:
    """One task a keyword, its scores rising to the number; ``metric`` in front of two underscores."""
    parts = []
    for name, top in largest.items():
        metric, _, task = name.rpartition("__")
        parts.append(pd.DataFrame({"task": task, "metric": metric or "accuracy", "x": SIZES,
                                   "value": np.linspace(0.2, 1.0, 8) * top, "higher_is_better": 1}))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def losses(*values: float, stderr: float | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"task": "a", "x": np.geomspace(1e6, 1e9, len(values)), "value": values})
    return frame if stderr is None else frame.assign(stderr=stderr)


@pytest.mark.parametrize(
    ("largest", "stated", "ceilings"),
    [
        ({"a": 0.6, "b": 0.98}, {}, [1, 1]),
        ({"a": 0.6, "b": 85}, {}, [100, 100]),  # 0.6 per cent, and not a share of 0.6
        ({"a": 0.6, "b": 85}, {"b": 90}, [100, 90]),
        ({"a": 0.6, "f1__b": 85}, {}, [1, 100]),
        ({"a": 0.6, "b": 4000}, {}, [1, np.nan]),  # what is in neither range says nothing of the others
        ({"a": 0.6, "b": -3}, {}, [1, np.nan]),
        ({"a": 85, "b": 4000}, {"b": 5000}, [100, 5000]),
    ],
)
def test_a_metric_has_one_ceiling(largest, stated, ceilings):
    runs = runs_from_frame(scores(**largest))
    best = np.array([stated.get(name, np.nan) for name in runs.tasks])
    np.testing.assert_array_equal(score_ceilings(runs, best), ceilings)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(0.001, 1.0), min_size=1, max_size=5), st.booleans())
def test_the_ceiling_does_not_depend_on_the_unit_or_on_the_order(tops, per_cent):
    unit = 100.0 if per_cent else 1.0
    tops = [*tops, 1.0]  # some task is nearly solved
    runs = runs_from_frame(scores(**{f"t{place}": unit * top for place, top in enumerate(tops)}))
    assert score_ceilings(runs, np.full(len(tops), np.nan)).tolist() == [unit] * len(tops)


def test_losses_have_none():
    assert np.isnan(score_ceilings(runs_from_frame(losses(3, 2, 1)), np.array([0.5]))).all()


def test_rows_that_beat_the_best_are_named_the_best_of_them_first():
    runs = runs_from_frame(losses(3, 2, 0.66, 0.61, 0.64))
    rows = beating_rows(runs, 0, 0.647)
    assert runs.row[rows].tolist() == [5, 6]
    assert beats_best(runs, rows, 0.647) == "row 5: 0.61 is better than the stated best 0.647 (and so is row 6)"
    assert beats_best(runs, rows[:1], 0.647) == "row 5: 0.61 is better than the stated best 0.647"
    assert len(beating_rows(runs, 0, 0.6)) == len(beating_rows(runs, 0, np.nan)) == 0


def test_noise_is_no_contradiction():
    """Three standard errors of the row where they are given, else of what the caller knows."""
    runs = runs_from_frame(losses(3, 2, 0.66, 0.61, 0.64, stderr=0.01))
    assert runs.row[beating_rows(runs, 0, 0.647)].tolist() == [5]
    assert len(beating_rows(runs_from_frame(losses(3, 2, 0.66, 0.61, 0.64)), 0, 0.647, noise=0.02)) == 0


def test_the_report_names_the_row():
    values = [*np.linspace(3, 0.7, 7), 0.61]
    findings = check(runs_from_frame(losses(*values)), ("x",), 3, np.array([0.647]))
    (found,) = [each for each in findings if each.check == "best"]
    assert found.verdict == "REVIEW" and "row 9: 0.61 is better than the stated best 0.647" in found.finding
    assert "column 'best'" in found.advice and STATUS["beats_best"].headline
    assert "beats_best" in check_table(findings).set_index("task")["finding"]["a"]


def test_a_best_value_that_every_row_beats_leaves_the_task_out():
    runs = runs_from_frame(losses(*np.linspace(3, 0.7, 8)))
    table = check_table(check(runs, ("x",), 3, np.array([5.0]))).set_index("task")
    assert table["verdict"]["a"] == "FAIL"
    assert "all 8 rows are better than the stated best: row 9: 0.7 is better" in table["finding"]["a"]
    assert contradicted(runs, 0, 2.9) == "" and not STATUS["wrong_best"].used


@pytest.mark.parametrize(("positive", "words"), [(True, "row 9: 0.9 is better than the stated best 0.8"), (False, "")])
def test_logarithms_of_distances_end_at_a_score_beyond_the_best(positive, words):
    runs = runs_from_frame(scores(a=0.9))
    assert contradicted(runs, 0, 0.8, positive).startswith(words) and bool(words) == positive
