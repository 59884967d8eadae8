"""From runs to curves by a law with a posterior: what is kept, what plans read, and what a file holds of it."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.commands import main
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.table import LAWS
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from budget.tables.tasks import default_tasks
from tests.curves.predictive.made import KNOWN, TRUTH, drifting


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setitem(LAWS, "known", KNOWN)


def runs(tasks=("a", "b"), rows=12, seed=0, sizes=(10, 16)):
    random, frames = np.random.default_rng(seed), []
    for name in tasks:
        params, tokens = np.exp(random.uniform(*sizes, rows)), np.exp(random.uniform(14, 20, rows))
        z = np.log(np.column_stack([params / params.max(), tokens / tokens.max()]))
        value = drifting(TRUTH, z, np) * np.exp(0.003 * random.normal(size=rows))
        frames.append(pd.DataFrame({"task": name, "params": params, "tokens": tokens, "value": value}))
    return pd.concat(frames, ignore_index=True)


def test_draws_are_kept_and_stated_at_the_largest_run():
    frame = runs()
    curves = fit_curves(frame, "known", draws=40)
    assert curves.status == ("ok", "ok") and curves.draws.shape == (40, 2, 6) and curves.residual == "log"
    largest = frame.groupby("task")[["params", "tokens"]].max().to_numpy()
    np.testing.assert_allclose(curves.reference, largest)
    # at the reference every drift is one factor of 1, and the curve is what its parameters say
    value, low, high = curves.predict(np.arange(2), np.log(largest))
    np.testing.assert_allclose(value, 1.9, rtol=0.02)
    assert (low < value).all() and (value < high).all()
    assert list(curves.rhat) == [1.0, 1.0] and list(curves.effective) == [100.0, 100.0]


def test_a_task_does_not_depend_on_the_others():
    alone = fit_curves(runs(("a",)), "known", draws=20)
    together = fit_curves(runs(), "known", draws=20)
    np.testing.assert_array_equal(alone.draws[:, 0], together.draws[:, 0])
    np.testing.assert_allclose(alone.planned_draws[:, 0], together.planned_draws[:, 0], rtol=1e-12)


def test_where_no_plan_reads_the_curves_no_convex_ones_are_sought():
    curves, both = (fit_curves(runs(), "known", draws=10, planned=planned) for planned in (False, True))
    assert curves.planned_draws.shape == (10, 2, 0) and both.planned_draws.shape[2] > 0
    np.testing.assert_array_equal(curves.draws, both.draws)


def test_plans_read_convex_curves_near_the_draws():
    curves = fit_curves(runs(), "known", draws=30)
    planned = curves.planned_on("predicted").usable()
    assert planned.law == "chinchilla" and planned.form.is_program
    at = np.log(curves.reference * 3.0)
    every = np.arange(2)
    ratio = planned.distance_draws(every, at) / curves.distance_draws(every, at)
    assert np.abs(np.log(ratio)).max() < 0.03 and np.abs(np.log(ratio)).mean() < 0.01
    spec = plan_spec(planned, default_tasks(planned.tasks), 1e17, unit="flops")
    plan = allocate(planned, spec)
    assert plan.planned_objective >= plan.bound - 1e-9 and np.isclose(plan.spend.sum(), 1e17, rtol=1e-3)


def test_a_curve_that_a_plan_can_read_is_read_as_it_is():
    """Without a drift the draws are the plans' own law, and nothing is lost between the two."""
    from budget.curves.fitting.batching import choose_devices
    from budget.curves.predictive.surrogate import planning_curves

    random = np.random.default_rng(3)
    theta = np.tile(TRUTH, (30, 1)) + 0.2 * random.normal(size=(30, 6)) * [1, 1, 0.3, 1, 0.3, 0]
    z = np.tile(random.uniform(-5, 3, size=(1, 64, 2)), (30, 1, 1))
    values = KNOWN.value(theta[:, None], z)
    found, error = planning_curves(LAWS["chinchilla"], values, z, np.zeros(30), choose_devices())
    assert np.quantile(error, 0.9) < 1e-8
    np.testing.assert_allclose(np.median(np.abs(found - theta[:, :5])), 0.0, atol=1e-6)
    # from the typical curve's place they are found as well as from three starts
    near, off = planning_curves(
        LAWS["chinchilla"], values, z, np.zeros(30), choose_devices(), start=np.tile(TRUTH[:5], (30, 1))
    )
    assert np.quantile(off, 0.9) < 1e-8
    np.testing.assert_allclose(np.median(np.abs(near - theta[:, :5])), 0.0, atol=1e-6)


def test_curves_come_back_from_a_file_as_they_were(tmp_path):
    curves = fit_curves(runs(), "known", draws=12)
    again = curves_from_record(json.loads(json.dumps(record_of(curves))), "curves.json")
    for name in ("parameters", "draws", "noise", "rhat", "effective", "planned_parameters", "planned_draws", "tilt"):
        np.testing.assert_array_equal(getattr(again, name), getattr(curves, name), err_msg=name)
    assert "drift" not in curves.table().columns and "alpha_low" in curves.table().columns


def test_few_runs_have_a_curve_that_says_what_it_rests_on():
    curves = fit_curves(runs(("a",), rows=3), "known", draws=10)
    assert curves.status == ("prior_dominated",) and curves.used.all()
    chinchilla = fit_curves(runs(("a",), rows=3), "chinchilla", draws=10)
    assert chinchilla.status == ("too_few_runs",)


def test_one_model_size_is_left_to_the_prior():
    assert fit_curves(runs(("a",), sizes=(13, 13)), "known", draws=10).status == ("prior_dominated",)


@pytest.mark.parametrize(
    "option, given",
    [("--fix", {"fix": {"alpha": 0.3}}), ("--pool", {"pool": True}), ("--residual raw", {"residual": "raw"})],
)
def test_what_only_a_search_takes_is_refused(option, given):
    with pytest.raises(DataError, match=f"fitted by its posterior, and {option} is for laws that are searched for"):
        fit_curves(runs(), "known", draws=4, **given)


def test_the_commands_read_and_plan(tmp_path):
    path, out = tmp_path / "runs.csv", tmp_path / "curves.json"
    runs().to_csv(path, index=False)
    fitted = CliRunner().invoke(main, ["fit", str(path), "--law", "known", "--draws", "20", "--out", str(out)])
    assert fitted.exit_code == 0, fitted.output
    points = tmp_path / "points.csv"
    points.write_text("task,params,tokens\na,1e7,1e9\n")
    for words in (
        ["predict", str(out), "--at", str(points)],
        ["allocate", str(out), "--budget", "1e17"],
        ["grow", str(out), "--budget", "1e17"],
    ):
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 0, (words, done.output, done.stderr)
