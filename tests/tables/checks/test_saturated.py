"""Rows at the best possible score leave themselves out, and not their task."""

import numpy as np
import pandas as pd
import pytest

from budget.curves.fitting.fit import fit_curves
from budget.tables.checks.quality import check
from budget.tables.checks.saturated import without_saturated
from budget.tables.runs import runs_from_frame

FLOPS = np.geomspace(1e17, 1e21, 12)
SCORES = np.round(1 - 0.5 * (FLOPS / 1e17) ** -0.5, 4)


def runs_of(*scores, higher=True):
    """Tasks a, b, … of runs of growing FLOPs."""
    frames = [
        pd.DataFrame({"task": name, "flops": FLOPS, "value": each, "metric": "accuracy"})
        for name, each in zip("abc", scores, strict=False)
    ]
    return runs_from_frame(pd.concat(frames, ignore_index=True), higher_is_better=higher)


def with_best(*places):
    return np.where(np.isin(np.arange(12), places), 1.0, SCORES)


def test_a_saturated_row_leaves_itself_out_and_is_named():
    kept, told = without_saturated(runs_of(with_best(11), SCORES), np.ones(2))
    assert told == {0: "row 13 reaches the best possible score 1 and is left out: 1 of 12"}
    assert 13 not in kept.row and len(kept.row) == 23
    _, told = without_saturated(runs_of(with_best(10, 11)), np.ones(1))
    assert told == {0: "rows 12, 13 reach the best possible score 1 and are left out: 2 of 12"}


@pytest.mark.parametrize(
    ("scores", "higher", "ceiling"),
    [
        (SCORES, True, 1.0),
        (np.ones(12), True, 1.0),  # all of them
        (np.where(np.arange(12) == 3, 1.2, with_best(11)), True, 1.0),  # the best score is wrong
        (with_best(11), True, np.nan),
        (with_best(11), False, np.nan),
    ],
)
def test_other_rows_stay(scores, higher, ceiling):
    runs = runs_of(scores, higher=higher)
    kept, told = without_saturated(runs, np.array([ceiling]))
    assert kept is runs and told == {}


@pytest.mark.parametrize("law", ["trend", "power"])
def test_the_task_has_the_curve_of_its_other_rows(law):
    """A task of which one run answered every question was left out whole."""
    runs = runs_of(with_best(11), SCORES)
    curves = fit_curves(runs, law, scale="flops", draws=0)
    assert curves.used.all()
    said = dict(curves.findings[0])
    assert said["saturated_rows"].startswith("row 13 reaches") and "saturated_rows" not in dict(curves.findings[1])
    without = fit_curves(runs.keep(runs.row != 13), law, scale="flops", draws=0)
    np.testing.assert_array_equal(curves.parameters, without.parameters)
    assert np.isclose(curves.largest["flops"][0], FLOPS[10])


def test_raw_residuals_keep_the_row():
    curves = fit_curves(runs_of(with_best(11)), "power", scale="flops", residual="raw", draws=0)
    assert curves.used.all() and "saturated_rows" not in dict(curves.findings[0])
    assert np.isclose(curves.largest["flops"][0], FLOPS[11])


def test_the_check_names_it_too():
    findings = check(runs_of(with_best(11)), ("flops",), 3, np.full(1, np.nan))
    (found,) = [each for each in findings if each.check == "saturated"]
    assert found.verdict == "REVIEW" and found.finding.startswith("saturated_rows: row 13 reaches")
    assert [each.verdict for each in findings if each.check == "curve"] == ["PASS"]
