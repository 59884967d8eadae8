"""What makes a plan doubtful is the first thing that every command says of it, and stands in its JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests import made
from tests.commands.invoking import run
from tests.simulate import TRUTHS, table

SUSPECT = "Column 'flops' looks like PetaFLOPs."
LEFT_OUT = "Only 2 of 3 tasks are planned. Left out: code (no_signal)."


@pytest.fixture
def doubtful(tmp_path):
    curves = replace(
        made.chinchilla(draws=30),
        status=("ok", "no_signal", "poor_fit"),
        message=("", "no trend", "the law explains 12%"),
        findings=((), (("no_signal", "no trend"),), (("poor_fit", "the law explains 12%"),)),
        warnings=(SUSPECT,),
    )
    path = tmp_path / "doubtful.json"
    path.write_text(json_text(record_of(curves)))
    return path


@pytest.mark.parametrize(
    "command",
    [("allocate", "--budget", 1e21), ("grow", "--budget", 1e21), ("next", "--spend", 1e20, "--budget", 1e22)],
)
def test_the_gravest_is_said_first_and_stands_in_json(doubtful, command):
    result = run(command[0], doubtful, *command[1:], "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["warnings"][:2] == [LEFT_OUT, SUSPECT] and record["warnings"][2].startswith("Task 'maths' (poor_fit)")
    said = result.stderr.splitlines()
    assert said[:3] == record["warnings"][:3]
    assert len(said) == len(set(said))


def test_two_strategies_say_whose_curves_are_doubtful(doubtful, tmp_path):
    other = replace(made.one_model(made.chinchilla(draws=30)), warnings=("These rows are checkpoints.",))
    path = tmp_path / "shared.json"
    path.write_text(json_text(record_of(other)))
    result = run("next", doubtful, path, "--spend", 1e20, "--budget", 1e22, "--json")
    assert result.exit_code == 0, result.output
    said = result.stderr.splitlines()
    assert said[0] == f"By specialists: {LEFT_OUT}" and "By shared: These rows are checkpoints." in said[:4]


def test_a_plan_says_it_first_on_the_terminal_and_in_the_report(tmp_path):
    frame = table(TRUTHS, noise=0.01)
    rows = frame["task"] == "code"
    frame.loc[rows, "value"] = 2.0 + 0.01 * np.where(np.arange(rows.sum()) % 2, 1, -1)
    frame.to_csv(tmp_path / "runs.csv", index=False)
    result = run("plan", tmp_path / "runs.csv", "--budget", 1e30, "--draws", 20, "--out", tmp_path / "plan")
    assert result.exit_code == 0, result.output
    first, second = result.stderr.splitlines()[:2]
    assert first.startswith("Only 2 of 3 tasks are planned. Left out: code (")
    assert second.endswith("is the budget in the file's unit?")
    record = json.loads((tmp_path / "plan" / "plan.json").read_text())
    assert record["plan"]["warnings"][:2] == [first, second] and len(record["plan"]["warnings"]) == 3
    assert record["plan"]["warnings"][2].startswith("code (3.33e+29; no_signal) keeps its current spend or share")
    text = (tmp_path / "plan" / "report.md").read_text().replace("\\", "")
    assert text.index(first) < text.index(second) < text.index("3 tasks, one model for each; code keeps its spend")
