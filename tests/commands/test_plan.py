"""``budget plan``."""

import json

import pandas as pd
import pytest

from tests.commands.invoking import ALLOCATION, refused, run
from tests.simulate import TRUTHS, table


def test_plan_writes_the_report(runs, tmp_path):
    out = tmp_path / "plan"
    result = run("plan", runs, "--budget", "1e21", "--out", out, "--draws", 20)
    assert result.exit_code == 0, result.output
    names = {path.name for path in out.iterdir()}
    assert {
        "report.html",
        "report.md",
        "plan.json",
        "allocation.csv",
        "growth.csv",
        "check.csv",
        "curves.json",
    } <= names
    assert list(pd.read_csv(out / "allocation.csv").columns) == ALLOCATION
    growth = pd.read_csv(out / "growth.csv")
    assert list(growth.columns[:3]) == ["order", "n_tasks", "joins"] and len(growth) == len(TRUTHS)
    record = json.loads((out / "plan.json").read_text())
    assert {task["verdict"] for task in record["fit"]["tasks"]} <= {"PASS", "REVIEW", "FAIL"}
    report = (out / "report.md").read_text()
    assert "- Backtest of curves: " in report and "predictions of hidden runs up to" in report
    assert record["inputs"]["runs"]["name"] == "runs.csv" and len(record["inputs"]["runs"]["sha256"]) == 64
    assert run("allocate", out / "curves.json", "--budget", 1e21).exit_code == 0


def test_the_folder_one_stands_in_is_called_that(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("plan", runs, "--budget", 1e21, "--out", ".", "--draws", 0, "--no-backtest")
    assert result.exit_code == 0 and result.stderr.rstrip().endswith(" to this folder.")


def test_a_plan_leaves_no_file_of_an_earlier_one(runs, tmp_path):
    shared = tmp_path / "shared.csv"
    table(TRUTHS, noise=0.01, shared=True).to_csv(shared, index=False)
    once = ("--out", tmp_path / "plan", "--draws", 0, "--no-backtest")
    for source, names in ((shared, True), (runs, False)):
        assert run("plan", source, "--budget", 1e21, *once).exit_code == 0
        assert "Backtest" not in (tmp_path / "plan" / "report.md").read_text()
        assert (tmp_path / "plan" / "allocation_specialists.csv").exists() is names


@pytest.mark.parametrize("limits", ["max\n1e19\n2e19\n3e19", "min,max\n1e19,1e19\n2e19,2e19\n3e19,3e19"])
def test_limits_that_fix_every_spend_still_make_a_report(runs, tmp_path, limits):
    head, *cells = limits.split("\n")
    rows = [f"{task},{cell}" for task, cell in zip(TRUTHS, cells, strict=True)]
    (tmp_path / "tasks.csv").write_text("\n".join([f"task,{head}", *rows]))
    arguments = ("--tasks", tmp_path / "tasks.csv", "--budget", 1e22, "--out", tmp_path / "plan", "--draws", 2)
    result = run("plan", runs, *arguments)
    assert result.exit_code == 0 and "stay unspent" in result.stderr


def test_what_has_no_answer_without_unserved_values_is_refused_before_the_fit(tmp_path, monkeypatch):
    def fit(*_, **__):
        raise AssertionError("a fit that no plan can read")

    monkeypatch.setattr("budget.commands.running.fitting.fit_all", fit)
    lines = []
    for task, metric, higher, end, sign in (("a", "loss", 0, 1.5, 1), ("b", "accuracy", 1, 0.9, -1)):
        for n, d in ((n * 1e6, d * 1e9) for n in (20, 60, 150, 400) for d in (1, 3, 9)):
            lines.append(f"{task},{n},{d},{metric},{higher},{end + sign * (99 / n**0.34 + 99 / d**0.3)}")
    runs = tmp_path / "runs.csv"
    runs.write_text("\n".join(["task,params,tokens,metric,higher_is_better,value", *lines]))
    plan = ("plan", runs, "--budget", 1e21, "--out", tmp_path / "plan")
    assert "fill column 'unserved' of the tasks file for a, b." in refused(*plan)
    assert "Progress needs the value" in refused(*plan, "--measure", "progress", "--only", "a")
    (tmp_path / "tasks.csv").write_text("task,unserved\na,9\nb,0.1\n")
    for answerable in (("--only", "a"), ("--tasks", tmp_path / "tasks.csv"), ("--measure", "value", "--only", "b")):
        with pytest.raises(AssertionError, match="a fit that no plan can read"):
            run(*plan, *answerable)
