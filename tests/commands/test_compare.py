"""``budget compare``: what changed between two plans and why, and what is no plan."""

import io
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tests.commands.invoking import refused, run


@pytest.fixture(scope="module")
def plans(tmp_path_factory):
    """Folders: a plan, one with twice the budget, one of better runs of a task, and one without it."""
    home = tmp_path_factory.mktemp("compared")
    random = np.random.default_rng(0)
    rows = [
        (task, size, (floor + height * (size / 1e3) ** -slope) * np.exp(0.003 * random.normal()))
        for task, (floor, height, slope) in {"a": (1, 2, 0.3), "b": (0.5, 1, 0.2), "c": (0.7, 1, 0.4)}.items()
        for size in np.geomspace(1e3, 1e6, 12)
    ]
    frame = pd.DataFrame(rows, columns=["task", "x", "value"])
    frame.to_csv(home / "runs.csv", index=False)
    better = frame.assign(value=frame["value"] * np.where(frame["task"] == "b", 0.9, 1.0))
    better.to_csv(home / "better.csv", index=False)
    frame[frame["task"] != "c"].to_csv(home / "fewer.csv", index=False)
    for name, runs, budget in (
        ("first", "runs.csv", "3e6"), ("twice", "runs.csv", "6e6"),
        ("better", "better.csv", "3e6"), ("fewer", "fewer.csv", "3e6"),
    ):  # fmt: skip
        asked = ("plan", home / runs, "--budget", budget, "--no-backtest", "--no-borrow", "--draws", "20")
        assert run(*asked, "--out", home / name).exit_code == 0
    return home


def compared(plans, before, after):
    result = run("compare", plans / before, plans / after)
    assert result.exit_code == 0
    return pd.read_csv(io.StringIO(result.stdout)).set_index("task"), result.stderr


def test_a_plan_is_the_same_as_itself(plans):
    table, said = compared(plans, "first", "first")
    assert (table["spend_before"] == table["spend_after"]).all() and (table["by_curve"] == 0).all()
    for words in ("the same.", "Both were asked the same of the same files.", "Every model keeps its share"):
        assert words in said


def test_a_scenario_that_one_plan_has_alone_is_told_in_words(plans, tmp_path):
    other = shutil.copytree(plans / "first", tmp_path / "other")
    with (other / "plan.toml").open("a") as stated:
        stated.write('\n[[scenario]]\nname = "half"\nbudget = "1.5e6"\n')
    said = compared(plans, "first", other)[1]
    assert "Options that differ: --scenario (not said) → half (budget 1.5e6)." in said, said


def test_a_larger_budget_is_the_reason_and_no_curve(plans):
    table, said = compared(plans, "first", "twice")
    assert "The budget changes from 3.00e6" in said and "better." in said and "Files that differ" not in said
    assert (table["by_curve"].abs() < 1e-9).all() and (table["by_plan"] < 0).all()


def test_other_runs_are_the_reason_and_the_curve_of_that_task(plans):
    table, said = compared(plans, "first", "better")
    assert "Files that differ: runs." in said
    assert table.loc["b", "by_curve"] / table.loc["b", "predicted_before"] == pytest.approx(-0.1, abs=0.01)
    assert abs(table.loc["a", "by_curve"]) < 1e-9
    assert "The curves of 1 task say something else of the same models: most b (−" in said


def test_a_task_of_one_plan_alone_is_named(plans):
    table, said = compared(plans, "first", "fewer")
    assert np.isnan(table.loc["c", "spend_after"]) and "Only the earlier plan has c." in said
    assert "are over different tasks, so that their objectives cannot be compared" in said
    assert "better" not in said and "worse" not in said


def test_other_metrics_are_not_compared(plans, tmp_path):
    shutil.copytree(plans / "first", tmp_path / "bits")
    text = (tmp_path / "bits" / "curves.json").read_text()
    record = json.loads(text)
    for line in record["tasks"]:
        line["metric"] = "bits"
        del line["checksum"]
    (tmp_path / "bits" / "curves.json").write_text(json.dumps(record))
    said = run("compare", plans / "first", tmp_path / "bits").stderr
    assert "measure their tasks by different metrics" in said and "better" not in said and "worse" not in said


def recommended(plans, home, name, objective, spend):
    """A folder whose decision shares one model of b and c, beside one of a."""
    shutil.copytree(plans / "first", home / name)
    record = json.loads((home / name / "plan.json").read_text())
    models = [
        {"strategy": "specialists", "tasks": ["a"], "spend": 3e6 - spend, "share": 0.0, "inputs": {"x": 3e6 - spend}},
        {"strategy": "moe", "tasks": ["b", "c"], "spend": spend, "share": 0.0, "inputs": {"x": spend}},
    ]
    predicted = {"a": 1.1, "b": 0.6, "c": 0.8}
    record["recommendation"] = {"models": models, "objective": objective, "predicted": predicted}
    (home / name / "plan.json").write_text(json.dumps(record))
    return home / name


def test_the_decision_is_compared_where_there_is_one(plans, tmp_path):
    before = recommended(plans, tmp_path, "before", 0.8, 1.5e6)
    after = recommended(plans, tmp_path, "after", 0.7, 1.2e6)
    result = run("compare", before, after)
    assert f"by the models recommended: 0.8000 in {before}, 0.7000 in {after}: 0.10 better." in result.stderr
    assert "one model of b and c 50.0 % → 40.0 %" in result.stderr and "a 50.0 % → 60.0 %" in result.stderr
    table = pd.read_csv(io.StringIO(result.stdout)).set_index("task")
    assert table.loc["b", "spend_before"] == 1.5e6 and table.loc["c", "predicted_after"] == 0.8
    assert table["model_before"].tolist() == ["a", "b|c", "b|c"]
    mixed = run("compare", before, plans / "first").stderr
    assert "(the models recommended)" in mixed and "(one model for each)" in mixed


def test_json_holds_the_same(plans):
    result = run("compare", plans / "first", plans / "twice", "--json")
    found = json.loads(result.stdout)
    assert found["schema"] == "budget/compare/1" and found["words"]["budget"] == ["3e6", "6e6"]
    assert found["objective"][1] < found["objective"][0] and len(found["rows"]) == 3


def test_what_is_no_plan_is_refused_and_what_was_changed_is_named(plans, tmp_path):
    assert "no plan.json there" in refused("compare", plans / "first", tmp_path)
    shutil.copytree(plans / "first", tmp_path / "edited")
    (tmp_path / "edited" / "growth.csv").write_text("x\n")
    assert "growth.csv are not of its plan" in run("compare", plans / "first", tmp_path / "edited").stderr
    (tmp_path / "edited" / "plan.json").write_text("{}")
    assert "not a plan of this version" in refused("compare", tmp_path / "edited", plans / "first")
