"""The main job as a function."""

import json

import numpy as np
import pytest

from budget.allocation.spec.plan_question import PlanQuestion
from budget.errors import FitError
from budget.studies.budget_response import FACTORS
from budget.studies.make_plan import make_plan
from budget.tables.checks.quality import check
from budget.tables.tasks import default_tasks
from tests.simulate import TRUTHS, runs_of, table


def study_of(frame, folder, curves, **asked):
    runs = runs_of(frame, folder)
    findings = check(runs, curves.scale_columns, 5, np.full(len(runs.tasks), np.nan))
    return make_plan(runs, findings, curves, default_tasks(runs.tasks), 1e21, **asked)


def test_specialists_are_planned_where_each_task_has_its_own_runs(tmp_path, noisy_curves):
    study = study_of(table(TRUTHS, noise=0.01), tmp_path, noisy_curves)
    assert study.plan.spec.strategy == "specialists" and study.alternative is None
    assert study.growth.names == noisy_curves.tasks
    np.testing.assert_allclose(study.response.objective[FACTORS.index(1.0)], study.plan.objective, rtol=1e-9)
    assert (np.diff(study.response.objective) < 0).all()


def test_one_model_is_planned_first_where_models_are_shared(tmp_path, shared_curves):
    study = study_of(table(TRUTHS, noise=0.01, shared=True), tmp_path, shared_curves)
    assert study.plan.spec.strategy == "shared" and not study.plan.hypothetical
    assert study.alternative.spec.strategy == "specialists" and study.alternative.hypothetical
    assert study.alternative.objective > study.plan.objective
    alone = study_of(
        table(TRUTHS, noise=0.01, shared=True), tmp_path, shared_curves, question=PlanQuestion(strategy="specialists")
    )
    assert alone.plan.hypothetical and alone.alternative is None


def test_record_is_strict_json_with_its_provenance(tmp_path, noisy_curves):
    study = study_of(
        table(TRUTHS, noise=0.01),
        tmp_path,
        noisy_curves,
        input_files={"runs": {"name": "runs.csv", "sha256": "0" * 64}},
    )
    record = json.loads(json.dumps(study.record(), allow_nan=False))
    assert record["inputs"]["runs"]["sha256"] == "0" * 64 and record["seeds"] == {"draws": 0}
    assert {"python", "jax", "cvxpy", "budget"} <= set(record["versions"])
    assert record["plan"]["gap"] >= 0 and record["plan"]["solver"] == "Clarabel"
    assert [row["task"] for row in record["plan"]["tasks"]] == list(TRUTHS)
    assert "rows" not in record["growth"] and len(record["growth"]["sizes"]) == len(TRUTHS)


def test_nothing_to_plan_with_is_an_error(tmp_path, noisy_curves):
    from dataclasses import replace

    with pytest.raises(FitError, match="no task has a curve that a plan can use"):
        study_of(table(TRUTHS, noise=0.01), tmp_path, replace(noisy_curves, status=("no_signal",) * 3))
