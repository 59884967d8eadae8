"""Commands that fit a link, on simulated losses and scores."""

import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner

from budget.commands import main
from tests.simulate import LINKS, TRUTHS, scored, table

METRICS = ("--loss-metric", "nats", "--score-metric", "accuracy")


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    links = {name: LINKS[name] for name in ("prose", "code")}
    scored(table(TRUTHS, noise=0.01), links, noise=0.01).to_csv(path, index=False)
    return path


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (METRICS[:2], "--loss-metric needs --score-metric beside it"),
        (METRICS[2:], "--score-metric needs --loss-metric beside it"),
        ((*METRICS, "--where", "metric=nats"), "leave out --where metric="),
        ((METRICS[0], "accuracy", METRICS[2], "nats"), "the other way round"),
    ],
)
@pytest.mark.parametrize("command", ["fit", "plan"])
def test_mistakes_are_refused_with_one_sentence(runs, tmp_path, command, options, sentence):
    budget = ("--budget", 1e21, "--out", tmp_path / "plan") if command == "plan" else ()
    result = run(command, runs, *options, *budget)
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.startswith("Error: ") and sentence in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "plan").exists()


def test_stated_ends_come_from_the_tasks_file(runs, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,best,unserved\nprose,1,0.25\ncode,0.98,\nmaths,,\n")
    result = run("fit", runs, *METRICS, "--tasks", tmp_path / "tasks.csv", "--draws", 5)
    assert result.exit_code == 0 and "No 'accuracy' for maths" in result.stderr
    frame = pd.read_csv(io.StringIO(result.stdout)).set_index("task")
    assert frame["best"].tolist()[:2] == [1, 0.98] and frame["chance_stated"].tolist() == [True, False, False]
    assert frame.loc["prose", "chance"] == 0.25 and frame.loc["maths", "link_status"] == "no_score"
    (tmp_path / "tasks.csv").write_text("task,unserved\nprose,1.5\ncode,\nmaths,\n")
    assert "guessing scores 1.5 at task 'prose'" in run("fit", runs, *METRICS, "--tasks", tmp_path / "tasks.csv").stderr


def test_without_a_link_unserved_is_the_value_of_guessing_itself(runs, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,unserved\nprose,0.25\ncode,9.5\nmaths,\n")
    result = run("fit", runs, "--where", "metric=nats", "--tasks", tmp_path / "tasks.csv", "--draws", 0)
    status = pd.read_csv(io.StringIO(result.stdout)).set_index("task")["status"]
    assert status["prose"] == "no_signal" and status["code"] != "no_signal" != status["maths"]
    assert "no better than guessing (0.25" in result.stderr


def test_a_plan_stays_on_the_loss_and_says_so(runs, tmp_path):
    result = run("plan", runs, *METRICS, "--budget", 1e21, "--out", tmp_path / "plan", "--draws", 4)
    assert result.exit_code == 0, result.output
    assert "The plan is made on the loss 'nats', not on the score 'accuracy'" in result.stderr
    fit = json.loads((tmp_path / "plan" / "plan.json").read_text())["fit"]
    assert fit["link"]["metric"] == "accuracy" and "draws" not in fit["link"]["tasks"][0]
    allocated = run("allocate", tmp_path / "plan" / "curves.json", "--budget", 1e21)
    assert allocated.exit_code == 0 and "The plan is made on the loss 'nats'" in allocated.stderr
    (tmp_path / "points.csv").write_text("task,params,tokens\nprose,1e9,1e10\n")
    predicted = run("predict", tmp_path / "plan" / "curves.json", "--at", tmp_path / "points.csv")
    frame = pd.read_csv(io.StringIO(predicted.stdout))
    assert list(frame.columns)[-4:] == ["predicted", "low", "high", "loss"]
    assert frame.loc[0, "predicted"] == pytest.approx(LINKS["prose"].score(TRUTHS["prose"].value(1e9, 1e10)), abs=0.03)
