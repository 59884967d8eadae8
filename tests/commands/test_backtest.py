"""``budget backtest``: its columns, its JSON, its sentences."""

import json

import pytest

from tests.commands.invoking import frame_of, refused, run
from tests.simulate import TRUTHS, table

COLUMNS = [
    "task", "law", "fitted", "hidden", "reach", "error", "bias", "worst", "coverage", "widen", "best", "status",
    "origins", "predictions", "farthest", "width", "error_1_3", "coverage_1_3", "error_3_10", "coverage_3_10",
    "error_10_100", "coverage_10_100", "error_over_100", "coverage_over_100",
]  # fmt: skip


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    table(TRUTHS, noise=0.01).to_csv(path, index=False)
    return path


def test_backtest_prints_a_row_a_task_and_law(runs, tmp_path):
    asked = ("backtest", runs, "--law", "chinchilla", "--law", "chinchilla", "--draws", 20, "--origins", 1)
    result = run(*asked)
    assert result.exit_code == 0, result.output
    shown = frame_of(result)
    assert list(shown.columns) == COLUMNS and shown["law"].tolist() == ["none", "chinchilla"] * 3
    assert "18 hidden values of 3 tasks" in result.stderr and "best on 3" in result.stderr
    written = run(*asked, "--out", tmp_path / "backtest.csv")
    assert written.stdout == "" and (tmp_path / "backtest.csv").read_text() == result.stdout


def test_backtest_as_json(runs):
    record = json.loads(
        run("backtest", runs, "--law", "chinchilla", "--draws", 0, "--holdout", 0.1, "--origins", 1, "--json").stdout
    )
    assert record["size"] == "flops" and [row["law"] for row in record["laws"]] == ["none", "chinchilla"]
    assert record["laws"][1]["best_on"] == 3 and record["laws"][1]["coverage"] is None
    assert len(record["points"]) == 2 * sum(row["hidden"] for row in record["rows"][::2])


def test_mistakes_get_one_sentence(runs):
    assert "between 0 and 1" in refused("backtest", runs, "--holdout", 2)
    assert "which is not a number" in refused("backtest", runs, "--holdout-above", "all")
    assert "leave one out" in refused("backtest", runs, "--holdout-above", 1e18, "--origins", 2)
    assert "needs the column 'unique_tokens'" in refused("backtest", runs, "--law", "repeat")
    assert "needs what each run was trained on" in refused("backtest", runs, "--law", "transfer")
