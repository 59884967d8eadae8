"""Loss, link and score on 16 runs of the OLMo ladder and 14 tasks (Bhagia et al. 2024, arXiv 2412.04403)."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.commands import main
from budget.curves.link.link import score


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture(scope="module")
def source(shared_data):
    return shared_data / "olmo_ladder" / "runs.csv"


@pytest.fixture(scope="module")
def fitted(source, tmp_path_factory):
    """The curves file, the printed table, and what was said."""
    path = tmp_path_factory.mktemp("olmo") / "curves.json"
    metrics = ("--loss-metric", "bpb", "--score-metric", "acc_rc")
    result = run("fit", source, *metrics, "--draws", 30, "--out", path)
    return path, pd.read_csv(io.StringIO(result.stdout)).set_index("task"), result.stderr


def test_every_row_of_the_14_tasks_finds_its_partner(fitted):
    _, table, said = fitted
    assert len(table) == 14 and (table["link_pairs"] == 16).all() and set(table["score"]) == {"acc_rc"}
    assert "not in the link" not in said and "no link there" not in said
    assert "taken as 1 for 14 tasks" in said and "level of guessing is fitted for 14 tasks" in said


def test_what_carries_no_link_is_left_out_and_named(fitted):
    _, table, said = fitted
    assert table["link_status"].isin(["ok", "open_chance"]).sum() >= 12
    assert table.loc["boolq", "link_status"] == "no_signal"
    assert "Task 'boolq' has no predicted acc_rc (no_signal)" in said


def test_links_lie_within_points_of_the_measured_scores(fitted, source):
    _, table, _ = fitted
    rows = pd.read_csv(source)
    wide = rows.pivot_table(index=["task", "model"], columns="metric", values="value").loc["hellaswag"]
    found = score(table.loc["hellaswag", ["slope", "midpoint", "chance", "best"]].to_numpy(dtype=float), wide["bpb"])
    assert np.abs(found - wide["acc_rc"]).max() < 0.01
    np.testing.assert_allclose(np.sqrt(((found - wide["acc_rc"]) ** 2).mean()), table.loc["hellaswag", "link_error"])


def test_predictions_are_scores_with_the_loss_behind(fitted, tmp_path):
    path, _, _ = fitted
    points = tmp_path / "points.csv"
    points.write_text("task,params,tokens\nhellaswag,1279395840,255895535616\nboolq,7e9,4e12\nhellaswag,7e9,4e12\n")
    result = run("predict", path, "--at", points)
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert list(frame.columns) == ["task", "params", "tokens", "predicted", "low", "high", "loss"]
    np.testing.assert_allclose(
        frame.loc[0, ["predicted", "loss"]].to_numpy(dtype=float), [0.643577, 0.759761], rtol=0.02
    )
    assert frame["predicted"].isna().tolist() == [False, True, False] and frame["loss"].notna().all()
    assert frame.loc[0, "predicted"] < frame.loc[2, "predicted"] < frame.loc[2, "high"] < 1
    assert "'boolq' has no predicted acc_rc" in result.stderr
    rows = json.loads(run("predict", path, "--at", points, "--json").stdout)["rows"]
    assert rows[1]["predicted"] is None and rows[1]["loss"] == frame.loc[1, "loss"]


def test_the_largest_models_scores_follow_from_the_smaller_ones(source, tmp_path):
    rows = pd.read_csv(source)
    largest = rows["params"] == rows["params"].max()
    rows[~largest].to_csv(tmp_path / "runs.csv", index=False)
    hidden = rows[largest & (rows["metric"] == "acc_rc")].rename(columns={"value": "measured"})
    hidden[["task", "params", "tokens", "measured"]].to_csv(tmp_path / "points.csv", index=False)
    metrics = ("--loss-metric", "bpb", "--score-metric", "acc_rc")
    run("fit", tmp_path / "runs.csv", *metrics, "--draws", 0, "--out", tmp_path / "curves.json")
    frame = pd.read_csv(io.StringIO(run("predict", tmp_path / "curves.json", "--at", tmp_path / "points.csv").stdout))
    error = (frame["predicted"] - frame["measured"]).abs()
    assert error.notna().sum() >= 44
    # the ladder's own two-step pipeline is off by about two points at its 7B target; here the step is 1.7 times
    assert error.mean() < 0.015
