"""A law that is added in one file (``kaplan.py``) is fitted, predicted, planned and reported like those that are there.

Runs follow equation 1.5 of Kaplan et al. 2020 as the paper writes it; whatever a command says of a value is checked
against that formula.
"""

import io
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.commands import main
from budget.curves.laws.table import LAWS
from tests.integration.kaplan import LAW

PUBLISHED = {"alpha": 0.076, "beta": 0.103, "N_c": 6.4e13, "D_c": 1.8e13}
"""Section 4.1 of the paper: α_N, α_D, N_c and D_c."""

TASKS = {"prose": PUBLISHED, "code": {"alpha": 0.12, "beta": 0.15, "N_c": 4e11, "D_c": 9e11}}
BUDGET = 1e22


def kaplan(p, params, tokens):
    """L(N, D) = [(N_c/N)^(α_N/α_D) + D_c/D]^α_D."""
    return ((p["N_c"] / params) ** (p["alpha"] / p["beta"]) + p["D_c"] / tokens) ** p["beta"]


def run(*arguments):
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, (done.stderr, done.exception)
    return done


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The runs and their curves, the law being in the table."""
    patch, folder = pytest.MonkeyPatch(), tmp_path_factory.mktemp("kaplan")
    patch.setitem(LAWS, LAW.name, LAW)
    random, frames = np.random.default_rng(0), []
    for at, (name, truth) in enumerate(TASKS.items()):
        inputs = LAW.example(at)
        value = kaplan(truth, **inputs) * np.exp(0.003 * random.normal(size=len(inputs["params"])))
        frames.append(pd.DataFrame({"task": name, "value": value, **inputs}))
    pd.concat(frames).to_csv(folder / "runs.csv", index=False)
    pd.concat([*(frame.assign(strategy="specialists") for frame in frames), *generalists()]).to_csv(
        folder / "both.csv", index=False
    )
    run("fit", folder / "runs.csv", "--law", "kaplan", "--draws", 24, "--out", folder / "curves.json")
    yield folder
    patch.undo()


def generalists():
    """Runs of models of both tasks, each of which has half of the tokens."""
    inputs = LAW.example(0)
    runs = [f"both-{at}" for at in range(len(inputs["params"]))]
    for name, truth in TASKS.items():
        value = kaplan(truth, inputs["params"], inputs["tokens"] / 2)
        yield pd.DataFrame({"task": name, "run": runs, "value": value, "strategy": "generalist", **inputs})


def best_at(task, spend):
    """The least value of a task at a spend of 6·N·D, by a fine search over sizes."""
    params = np.geomspace(1e5, 1e15, 200_001)
    return kaplan(TASKS[task], params, spend / 6 / params).min()


def test_the_fit_finds_the_constants(folder):
    record = json.loads((folder / "curves.json").read_text())
    assert record["law"] == "kaplan"
    for task in record["tasks"]:
        assert task["status"] in ("ok", "ill_determined"), task
        found, truth = task["parameters"], TASKS[task["task"]]
        np.testing.assert_allclose([found["alpha"], found["beta"]], [truth["alpha"], truth["beta"]], rtol=0.1)


def test_predictions_are_the_formula(folder):
    points = pd.read_csv(folder / "runs.csv").drop(columns="value")
    points.to_csv(folder / "points.csv", index=False)
    frame = pd.read_csv(io.StringIO(run("predict", folder / "curves.json", "--at", folder / "points.csv").stdout))
    expected = [kaplan(TASKS[row.task], row.params, row.tokens) for row in points.itertuples()]
    np.testing.assert_allclose(frame["predicted"], expected, rtol=0.01)


def test_runs_are_checked_and_the_largest_ones_predicted(folder):
    run("check", folder / "runs.csv", "--law", "kaplan")
    judged = run("backtest", folder / "runs.csv", "--law", "kaplan", "--draws", 20)
    rows = pd.read_csv(io.StringIO(judged.stdout))
    assert (rows.loc[rows["law"] == "kaplan", "error"] < 0.02).all()


def test_a_plan_is_as_good_as_brute_force(folder):
    plan = json.loads(run("allocate", folder / "curves.json", "--budget", BUDGET, "--reach", "inf", "--json").stdout)
    rows = pd.DataFrame(plan["tasks"])
    np.testing.assert_allclose(rows["spend"].sum(), BUDGET, rtol=1e-6)
    np.testing.assert_allclose(6 * rows["params"] * rows["tokens"], rows["spend"], rtol=1e-6)
    at_plan = [kaplan(TASKS[row.task], row.params, row.tokens) for row in rows.itertuples()]
    np.testing.assert_allclose(rows["predicted"], at_plan, rtol=0.02)
    brute = min(
        (best_at("prose", share * BUDGET) + best_at("code", (1 - share) * BUDGET)) / 2
        for share in np.linspace(0.02, 0.98, 49)
    )
    assert np.mean(at_plan) <= brute * 1.001
    assert abs(plan["objective"] - plan["bound"]) < 1e-9 * plan["objective"]


def test_growth_and_focus_read_it(folder):
    grown = pd.read_csv(io.StringIO(run("grow", folder / "curves.json", "--budget", BUDGET).stdout))
    alone = grown[grown["n_tasks"] == 1].iloc[0]
    np.testing.assert_allclose(alone["predicted"], best_at(alone["task"], BUDGET), rtol=0.02)
    focused = run("focus", folder / "both.csv", "--law", "kaplan", "--draws", 20, "--budget", BUDGET)
    rows = pd.read_csv(io.StringIO(focused.stdout))
    both = rows[(rows["n_tasks"] == 2) & (rows["strategy"] == "specialists")].iloc[0]
    planned = json.loads(run("allocate", folder / "curves.json", "--budget", BUDGET, "--reach", "inf", "--json").stdout)
    np.testing.assert_allclose(both["objective"], planned["objective"], rtol=0.01)


def test_the_next_runs_are_worth_something(folder):
    found = json.loads(run("next", folder / "curves.json", "--budget", BUDGET, "--spend", 1e21, "--json").stdout)
    assert found["expected_regret"] > 0 and len(found["runs"]) > 10
    for row in found["runs"]:
        np.testing.assert_allclose(6 * row["params"] * row["tokens"], row["flops"], rtol=1e-9)
        assert row["flops"] <= 1e21


def test_the_report_shows_its_plan(folder):
    out = folder / "plan"
    run(
        "plan",
        folder / "runs.csv",
        "--law",
        "kaplan",
        "--draws",
        20,
        "--budget",
        BUDGET,
        "--reach",
        "inf",
        "--out",
        out,
    )
    record, page = json.loads((out / "plan.json").read_text()), (out / "report.html").read_text()
    assert LAW.formula in page and "Kaplan et al. 2020" in page
    assert all(np.isfinite(record["response"]["objective"])) and np.all(np.diff(record["response"]["objective"]) < 0)
    planned = json.loads(run("allocate", folder / "curves.json", "--budget", BUDGET, "--reach", "inf", "--json").stdout)
    np.testing.assert_allclose(record["plan"]["objective"], planned["objective"], rtol=1e-3)
