"""What a backtest said of curves stands with them: in status, table and file, and in what is said of plans."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.plan.plan_warnings import curve_warnings
from budget.curves.checks.added_findings import with_verdicts
from budget.curves.records.checksum import sealed
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from budget.studies.predictions import predict_points
from budget.tables.files.text import json_text
from tests import made

CURVES = made.power({name: (0.5, 3e3, 0.2) for name in ("good", "bad", "few", "lost")}, draws=5)
FAILED = "hidden runs up to 8 × larger are predicted 9 % off on average"
SAID = (("PASS", "9 of 10 inside"), ("FAIL", FAILED), ("REVIEW", "not judged"), ("FAIL", "no matter"))
LOST = (("no_signal", "no trend"),)
UNUSED = replace(
    CURVES, status=("ok", "ok", "ok", "no_signal"), message=("", "", "", "no trend"), findings=((), (), (), LOST)
)


@pytest.fixture
def judged():
    return with_verdicts(UNUSED, SAID)


def test_a_verdict_is_a_finding_and_a_curve_that_is_not_there_has_none(judged):
    assert judged.verdict == ("PASS", "FAIL", "REVIEW", "") and judged.judged[3] == ""
    assert judged.findings == ((), (("fails_backtest", FAILED),), (("doubtful_backtest", "not judged"),), LOST)
    assert judged.status[:3] == ("ok", "fails_backtest", "doubtful_backtest")
    assert judged.used.tolist() == [True, True, True, False]


def test_what_leaves_a_task_out_is_graver_and_outliers_are_not():
    outliers = replace(CURVES, findings=((), (("outliers", "row 3 is wild"),), (("outliers", "row 4 is"),), ()))
    assert with_verdicts(outliers, SAID).status[1:3] == ("fails_backtest", "outliers")


def test_tables_and_files_have_it_and_files_without_it_are_read(judged):
    table = judged.table()
    assert table["verdict"].tolist() == ["PASS", "FAIL", "REVIEW", ""] and table["judged"][1] == FAILED
    assert "verdict" not in CURVES.table().columns
    held = np.array([(9.0, 10.0, 0.0123456), *[(np.nan,) * 3] * 3])
    record = json.loads(json_text(sealed(record_of(with_verdicts(CURVES, SAID, held)))))
    again = curves_from_record(record, "curves.json")
    np.testing.assert_array_equal(again.held, held)
    np.testing.assert_array_equal(again.take([2, 0]).held, held[[2, 0]])
    assert (again.verdict, again.judged) == tuple(zip(*SAID, strict=True))
    assert again.take([2, 1]).verdict == ("REVIEW", "FAIL")
    old = curves_from_record(json.loads(json_text(record_of(CURVES))), "curves.json")
    assert old.verdict == old.judged == ("", "", "", "") and np.isnan(old.held).all()
    record["tasks"][0]["verdict"] = "MAYBE"
    with pytest.raises(DataError, match="task 'good', field 'verdict'"):
        curves_from_record(record, "curves.json")


def test_plans_say_a_failure_first_and_predictions_of_that_task_too(judged, tmp_path):
    (said,) = [each for each in curve_warnings(judged.usable()) if "backtest" in each]
    assert said.startswith(f"Task 'bad' (fails_backtest): {FAILED}; measure larger runs")
    (tmp_path / "points.csv").write_text("task,flops\ngood,1e20\nbad,1e20\n")
    assert predict_points(judged, tmp_path / "points.csv")[1][0] == said
    (tmp_path / "points.csv").write_text("task,flops\ngood,1e20\nfew,1e20\n")
    assert not [each for each in predict_points(judged, tmp_path / "points.csv")[1] if "backtest" in each]


def test_several_failures_are_named_in_one_sentence():
    both = with_verdicts(CURVES, SAID)
    (said,) = [each for each in curve_warnings(both.usable()) if "backtest" in each]
    assert said.startswith("2 of 4 tasks have status fails_backtest: bad and lost; measure larger runs")
