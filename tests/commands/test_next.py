"""``budget next``: its columns, its JSON, its sentences."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.commands import main
from budget.curves.records.writing import record_of
from budget.studies.next_runs.next_runs import MAX_BATCH_RUNS
from budget.tables.files.text import json_text
from tests.commands.invoking import frame_of, refused, run
from tests.simulate import TRUTHS

NEXT = [
    "rank", "task", "params", "tokens", "flops", "expected_gain", "error", "per_flop", "chosen", "reason", "seed",
]  # fmt: skip


@pytest.fixture
def curves(tmp_path, noisy_curves):
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(noisy_curves)))
    return path


def test_next_prints_a_plan_of_runs(curves, tmp_path):
    result = run("next", curves, "--spend", 1e22, "--budget", 1e23, "--max-runs", 3)
    assert result.exit_code == 0, result.output
    table = frame_of(result)
    assert list(table.columns) == NEXT
    assert set(table["task"]) == set(TRUTHS) and table["rank"].tolist() == list(range(1, len(table) + 1))
    chosen = table[table["chosen"]]
    assert 1 <= len(chosen) <= 3 and chosen["rank"].tolist() == list(range(1, len(chosen) + 1))
    assert chosen["flops"].sum() <= 1e22 * (1 + 1e-9)
    assert "no runs can bring more than that" in result.stderr and "effective draws" in result.stderr
    assert f"The chosen {len(chosen)} runs" in result.stderr
    written = run("next", curves, "--spend", 1e22, "--budget", 1e23, "--max-runs", 3, "--out", tmp_path / "next.csv")
    assert written.stdout == "" and (tmp_path / "next.csv").read_text() == result.stdout


def test_next_as_json(curves, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,weight\nprose,1\ncode,5\nmaths,1\n")
    asked = ("next", curves, "--spend", 1e21, "--budget", 1e23, "--json", "--seed", 5)
    record = json.loads(run(*asked).stdout)
    assert record["seed"] == 5 and record["unit"] == record["spend_unit"] == "flops" and record["draws"] == 40
    assert 0 < record["expected_regret"] == record["perfect_information"]
    assert set(record["perfect_information_by_task"]) == set(TRUTHS)
    assert 0 < record["effective_draws"]["least"] <= record["effective_draws"]["mean"] <= 40
    assert len(record["batch"]["added"]) == sum(row["chosen"] for row in record["runs"])
    assert list(record["runs"][0]) == NEXT
    weighted = json.loads(run(*asked, "--tasks", tmp_path / "tasks.csv").stdout)
    assert weighted["perfect_information_by_task"]["code"] > record["perfect_information_by_task"]["code"]


@pytest.fixture
def rival(tmp_path, shared_curves):
    path = tmp_path / "rival.json"
    path.write_text(json_text(record_of(replace(shared_curves, strategy="generalist"))))
    return path


def test_several_files_are_strategies(curves, rival, tmp_path):
    asked = ("next", curves, rival, "--spend", 1e20, "--budget", 1e23, "--max-runs", 2)
    result = run(*asked)
    assert result.exit_code == 0, result.output
    table = frame_of(result)
    assert list(table.columns) == [*NEXT[:2], "strategy", *NEXT[2:8], "wins", *NEXT[8:]]
    assert set(table["strategy"]) == {"specialists", "generalist"}
    assert table["chosen"].sum() <= 2 and table.loc[table["chosen"], "flops"].sum() <= 1e20 * (1 + 1e-9)
    assert "Of 2 strategies, generalist has the best plan today: it wins in" in result.stderr
    assert result.stderr.count("no runs can bring more than that") == 1
    record = json.loads(run(*asked, "--json").stdout)
    assert set(record) > {"winner", "strategies"} and "perfect_information_by_task" not in record
    assert set(record["winner"]) == {
        "strategy", "probability", "probability_after_batch", "increase", "increase_error",
    }  # fmt: skip
    assert [each["strategy"] for each in record["strategies"]] == ["specialists", "generalist"]

    (tmp_path / "tasks.csv").write_text("task,weight\nprose,1\ncode,5\nmaths,1\n")
    weighted = run(*asked, "--tasks", tmp_path / "tasks.csv")
    assert weighted.exit_code == 0 and weighted.stdout != result.stdout


def test_files_of_one_word_are_told_apart_by_their_names(curves, noisy_curves, tmp_path):
    fewer = record_of(noisy_curves.take(np.array([2, 0])))
    fewer["tasks"][0]["status"], fewer["tasks"][0]["message"] = "no_signal", "nothing"
    (tmp_path / "other.json").write_text(json_text(fewer))
    sentence = refused("next", curves, tmp_path / "other.json", "--spend", 1e20, "--budget", 1e23)
    assert "specialists (curves) and specialists (other) have 1 usable task in common" in sentence
    again = refused("next", curves, curves, "--spend", 1e20, "--budget", 1e23)
    assert "is given twice; give one curves file for each strategy" in again
    asked = ("next", curves, tmp_path / "missing.json", "--spend", 1e20, "--budget", 1e23)
    assert "missing.json" in refused(*asked)


def test_mistakes_get_one_sentence(curves, noisy_curves, tmp_path):
    assert "A plan needs a budget: give --budget NUMBER." in refused("next", curves, "--spend", 1e22)
    assert "--spend 100 buys no run" in refused("next", curves, "--spend", 100, "--budget", 1e23)
    assert "give a positive number" in refused("next", curves, "--spend", 0, "--budget", 1e23)
    assert "which is not a number" in refused("next", curves, "--spend", "all", "--budget", 1e23)
    point = record_of(noisy_curves)
    point["draws"] = 0
    for task in point["tasks"]:
        task["working_draws"], task["noise_draws"] = [], []
    (tmp_path / "point.json").write_text(json_text(point))
    asked = ("next", tmp_path / "point.json", "--spend", 1e22, "--budget", 1e23)
    assert "no draws (a point fit)" in refused(*asked)
    (tmp_path / "tasks.csv").write_text("task,min\nprose,9e22\ncode,9e22\nmaths,\n")
    asked = ("next", curves, "--tasks", tmp_path / "tasks.csv", "--spend", 1e22, "--budget", 1e23)
    assert "The minima in the tasks file sum to 1.8e+23" in refused(*asked)


def test_usage():
    assert run("next", "curves.json").exit_code == 2
    assert run("next", "--spend", 1e22, "--budget", 1e23).exit_code == 2
    count = next(param for param in main.commands["next"].params if param.name == "count")
    assert count.default == MAX_BATCH_RUNS


def test_runs_are_chosen_for_predictions(curves, tmp_path):
    points, runs = tmp_path / "points.csv", tmp_path / "possible.csv"
    points.write_text("task,params,tokens\ncode,1e11,1e12\n")
    runs.write_text("task,params,tokens\ncode,1e8,1e9\ncode,1e10,1e11\nprose,1e10,1e11\n")
    asked = ("next", curves, "--at", points, "--among", runs, "--spend", 1e23, "--max-runs", 1)
    result = run(*asked)
    assert result.exit_code == 0, result.output
    table = frame_of(result)
    assert list(table.columns) == ["task", "params", "tokens", "cost", "chosen", "error_after"]
    assert table["chosen"].tolist() == [True, False, False] and table["task"][0] == "code"
    assert "The chosen 1 run for" in result.stderr and "fit again with them before choosing more" in result.stderr
    record = json.loads(run(*asked, "--json").stdout)
    assert (
        record["schema"] == "budget/telling-runs/1"
        and record["error_after"] < record["error"]
        and record["points"] == 1
    )
    for wrong in (
        ("next", curves, "--at", points, "--spend", 1e23),
        ("next", curves, "--among", runs, "--spend", 1e23),
        (*asked, "--budget", 1e24),
        ("next", curves, curves, *asked[2:]),
    ):
        assert run(*wrong).exit_code == 2
