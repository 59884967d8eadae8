"""A point outside its own draws' interval is said, everywhere the same two ends are printed, and nothing is widened."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.checks.agreement import with_agreement
from budget.studies.predictions import predict_points
from budget.tables.checks.status import OUTSIDE, STATUS
from budget.tables.tasks import default_tasks
from tests import made

CURVES = made.power({"fine": (0.5, 3e3, 0.2), "leaning": (0.5, 3e3, 0.2)}, draws=40, reach=2.0)


def leaning():
    """The second task's draws all lie far above its fit."""
    draws = CURVES.draws.copy()
    draws[:, 1, 0] += 1.0
    return replace(CURVES, draws=draws)


def test_the_interval_is_that_of_the_draws_and_the_table_has_the_same():
    curves, floor = leaning(), leaning().draws[:, :, 0]
    ends = np.percentile(floor, (10, 90), axis=0, method="weibull")
    table = curves.table()
    np.testing.assert_allclose(table[["E_low", "E_high"]].to_numpy().T, ends, rtol=1e-12)
    # far out only the floor is left, so that prediction and parameter have one interval
    value, low, high = curves.predict(np.arange(2), np.full((2, 1), np.log(1e150)))
    np.testing.assert_allclose((low, high), ends, rtol=1e-9)
    np.testing.assert_allclose(value, 0.5, rtol=1e-9)
    assert low[1] > value[1]


def test_it_is_a_finding_that_leaves_the_task_in_plans():
    found = with_agreement(leaning())
    assert found.status == ("ok", OUTSIDE) and STATUS[OUTSIDE].used and found.findings[0] == ()
    assert "at its largest scales the fit is" in found.message[1]
    assert with_agreement(CURVES).status == ("ok", "ok")
    assert with_agreement(replace(leaning(), draws=leaning().draws[:5], noise=CURVES.noise[:5])).status == ("ok", "ok")


@pytest.mark.parametrize("known", [False, True])
def test_a_plan_s_row_and_a_prediction_say_it(tmp_path, known):
    curves = with_agreement(leaning()) if known else leaning()
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 1e20), draws=False)
    assert plan.table()["status"].tolist() == ["ok", OUTSIDE if known else f"ok; {OUTSIDE}"]
    assert plan.low[1] > plan.predicted[1]
    assert any(note.startswith("The prediction of leaning lies outside its own 80 % interval") for note in plan.notes)
    (tmp_path / "points.csv").write_text("task,flops\nfine,1e20\nleaning,1e20\nleaning,1e21\n")
    table, notes = predict_points(curves, tmp_path / "points.csv")
    assert (table["low"] > table["predicted"]).tolist() == [False, True, True]
    assert [note for note in notes if "outside its own" in note] == [
        "Task 'leaning': the prediction of row 3, 4 lies outside its own interval: the draws disagree with the fit."
    ]
