"""The portfolio command: its columns, its JSON, its exit codes."""

import json

import numpy as np
import pandas as pd
import pytest

from budget.commands import main
from budget.portfolio.portfolio_spec import objectives_of_choices, risks_of_choices
from tests.commands.invoking import frame_of, refused, run

ROWS = """network,price,job,loss,fold
big,3,a,.5,val
big,3,b,.6,val
small,1,a,.55,val
other,1,b,.5,val
big,3,a,.52,test
big,3,b,.61,test
small,1,a,.6,test
other,1,b,.4,test
"""
READING = [
    word
    for pair in ("model=network", "cost=price", "task=job", "value=loss", "split=fold")
    for word in ("--column", pair)
]


@pytest.fixture
def candidates(tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text(ROWS)
    return path


def test_portfolio_prints_one_row_a_task(candidates, tmp_path):
    arguments = ("portfolio", candidates, "--budget", 3, *READING, "--select", "val", "--report", "test")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    frame = frame_of(result)
    assert list(frame.columns) == ["model", "cost", "task", "value"]
    assert frame["model"].tolist() == ["small", "other"] and frame["value"].tolist() == [0.6, 0.4]
    assert result.stderr == (
        "Mean value 0.5250 on val (no choice is better than 0.5250; gap 0; HiGHS, optimal), 0.5000 on test: "
        "2 models for 2 tasks, 2 of 3 spent. The best single model for all tasks: 0.5500; the choice is 0.025 better. "
        "The best specialists of one task each: 0.5250; the choice is the same. Building by gain per cost: 0.5250; the "
        "choice is the same.\n"
    )
    again = run(*arguments, "--out", tmp_path / "portfolio.csv")
    assert again.stdout == "" and (tmp_path / "portfolio.csv").read_text() == result.stdout


def test_json_adds_the_certificate(candidates):
    arguments = ("portfolio", candidates, "--budget", 3, *READING, "--select", "val", "--report", "test", "--json")
    record = json.loads(run(*arguments).stdout)
    assert {
        "objective", "objective_reported", "bound", "gap", "solver", "status", "spent", "budget", "models", "baselines",
        "notes", "tasks", "unserved", "select", "report", "risk", "objective_kind", "time_limit", "metric",
    } <= set(record)  # fmt: skip
    assert record["objective"] == pytest.approx(0.525) and record["objective_reported"] == pytest.approx(0.5)
    assert record["bound"] == pytest.approx(record["objective"]) and 0 <= record["gap"] < 1e-9
    assert [each["model"] for each in record["models"]] == ["small", "other"] and record["spent"] == 2
    assert {each["name"]: each["objective"] for each in record["baselines"]} == pytest.approx(
        {"one model for all": 0.55, "specialists": 0.525, "greedy": 0.525}
    )


def test_wishes_are_read_and_tasks_may_go(candidates, tmp_path):
    task_settings = tmp_path / "tasks.csv"
    task_settings.write_text("job,weight,target,unserved\na,3,0.5,0.9\nb,1,0.5,0.8\n")
    common = ("portfolio", candidates, *READING, "--select", "val", "--tasks", task_settings)
    one = run(*common, "--budget", 1, "--allow-unserved")
    frame = frame_of(one)
    assert frame["model"].tolist()[0] == "small" and pd.isna(frame["model"][1]) and frame["value"][1] == 0.8
    assert "Weighted mean value 0.6125" in one.stderr and "1 model for 1 task (1 unserved), 1 of 1 spent" in one.stderr
    met = run(*common, "--budget", 4, "--objective", "targets")
    assert "Share of targets met 1.000" in met.stderr and frame_of(met)["model"].tolist() == ["big", "other"]
    assert frame_of(run(*common, "--budget", 4, "--max-models", 1))["model"].tolist() == ["big", "big"]
    worst = run(*common, "--budget", 2, "--objective", "worst")
    assert "Worst value 0.5500" in worst.stderr


def test_draws_are_read_and_their_worst_share_counts(tmp_path):
    rows = [(f"m{m}", 1, "a", [[0.0, 0.0, 0.9], [0.5, 0.5, 0.5]][m][d], d) for m in range(2) for d in range(3)]
    frame = pd.DataFrame(rows, columns=["model", "cost", "task", "value", "draw"])
    path = tmp_path / "candidates.csv"
    frame.to_csv(path, index=False)
    assert frame_of(run("portfolio", path, "--budget", 1))["model"].tolist() == ["m0"]
    tail = run("portfolio", path, "--budget", 1, "--risk", "cvar", "--level", "0.7")
    assert frame_of(tail)["model"].tolist() == ["m1"] and "in the worst 30% of the draws" in tail.stderr
    better = run("portfolio", path, "--budget", 1, "--higher-is-better", "--json")
    np.testing.assert_allclose(json.loads(better.stdout)["objective"], 0.5)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--budget", 3), "column 'model' is missing"),
        (("--budget", 3, *READING), "column 'split' holds test, val; say which to choose on with --select val"),
        (("--budget", 3, *READING, "--select", "dev"), "no row is of the split 'dev'"),
        (("--budget", 1, *READING, "--select", "val"), "serve every task cost 2 together, above the budget of 1"),
        (("--budget", -1, *READING, "--select", "val"), "The budget is -1"),
        (("--budget", "lots", *READING, "--select", "val"), "'lots', which is not a number"),
        (("--budget", 3, *READING, "--select", "val", "--level", 2), "--level is 2"),
        (("--budget", 3, *READING, "--select", "val", "--risk", "cvar"), "add a column 'draw'"),
        (("--budget", 3, *READING, "--select", "val", "--objective", "targets"), "needs column 'target'"),
        (("--budget", 3, *READING, "--select", "val", "--allow-unserved"), "needs column 'unserved'"),
        (("--budget", 3, *READING, "--select", "val", "--time-limit", 0), "--time-limit is 0"),
    ],
)
def test_mistakes_are_refused_and_old_results_kept(candidates, tmp_path, arguments, sentence):
    out = tmp_path / "old"
    out.write_text("kept")
    assert sentence in refused("portfolio", candidates, "--out", out, *arguments)
    assert out.read_text() == "kept"


def test_a_tasks_column_without_its_file_is_refused(candidates):
    arguments = ("--budget", 3, *READING, "--select", "val", "--column", "weight=Weight")
    assert "give that with --tasks" in refused("portfolio", candidates, *arguments)


def test_choices_are_the_tables_of_the_package():
    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["portfolio"].params}
    assert choices["objective"] == tuple(objectives_of_choices()) and choices["risk"] == tuple(risks_of_choices())


@pytest.mark.parametrize("arguments", [(), ("--budget", 1, "--max-models", 0), ("--budget", 1, "--objective", "best")])
def test_wrong_usage_exits_with_2(candidates, arguments):
    assert run("portfolio", candidates, *arguments).exit_code == 2
