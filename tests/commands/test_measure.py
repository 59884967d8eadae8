"""`budget measure` on the command line, with this package's trainer and with a program."""

import json
import shlex
import sys
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from budget.commands import main
from budget.lab.transformer import sweep
from budget.lab.transformer.measured_cells import Run
from budget.lab.transformer.score import Score

TRAINER = """
import json, sys
print(json.dumps({"value": 2.5} if sys.argv[1] != "1" else {"value": float("nan")} if sys.argv[2:] else {"loss": 1}))
"""
COMMAND = f"{shlex.quote(sys.executable)} -S train.py {{seed}}"


def measure(*arguments: object) -> Result:
    words = ["measure", "plan.csv", "--out", "runs.csv", *map(str, arguments)]
    return CliRunner().invoke(main, words, catch_exceptions=False)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("plan.csv").write_text("task,flops,seed\ncode,1e9,0\ncode,3e9,2\n")
    Path("train.py").write_text(TRAINER)


def test_a_program_measures_a_plan():
    result = measure("--command", COMMAND, "--jobs", 2, "--timeout", 60, "--retries", 0, "--logs", "said", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"schema": "budget/measure/1", "out": "runs.csv", "rows": 2}
    lines = result.stderr.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("1/2 runs, ") and " s left: code-flops=" in lines[0] and "% of 4e9 FLOPs" in lines[0]
    assert lines[1].startswith("2/2 runs, 100% of 4e9 FLOPs: code-flops=")
    assert pd.read_csv("runs.csv")["value"].tolist() == [2.5, 2.5]
    assert len(list(Path("said").iterdir())) == 2
    again = measure("--command", COMMAND)
    assert again.exit_code == 0 and again.stderr == "runs.csv holds 2 rows.\n"


@pytest.mark.filterwarnings("always")
def test_failed_runs_end_with_1_and_a_sentence():
    Path("plan.csv").write_text("task,seed\ncode,0\ncode,1\n")
    result = measure("--command", COMMAND)
    assert result.exit_code == 1 and result.stdout == ""
    lines = result.stderr.splitlines()
    assert any(line.startswith("Warning: run 'code-seed=1' failed (no result): ") for line in lines)
    assert any(line.startswith("2/2 runs: code-seed=") for line in lines)
    assert lines[-1].startswith("Error: 1 of 2 runs failed (0 diverged) and are listed in runs-failed.csv; ")
    result = measure("--command", COMMAND + " diverge")
    assert result.exit_code == 1
    assert (
        "Warning: run 'code-seed=1' diverged: its value is not finite; see runs-logs/code-seed=1.log.\n"
        in result.stderr
    )
    result = measure("--command", COMMAND)
    assert result.exit_code == 1 and "Warning: 1 run diverged before and not repeated" in result.stderr
    Path("runs-failed.csv").unlink()
    Path("train.py").write_text("print('{\"value\": 1}')")
    assert measure("--command", COMMAND).exit_code == 0


@pytest.mark.filterwarnings("always")
def test_diverged_runs_of_the_own_trainer_end_with_1(monkeypatch):
    monkeypatch.setattr(
        sweep, "measure_cell", lambda cell: Run(cell, (Score(float("inf") if cell.seed else 1.0, 0.1),), 0.5)
    )
    Path("plan.csv").write_text("task,width,layers,tokens,seed\ncode,16,1,1000,0\ncode,16,1,1000,1\n")
    result = measure()
    assert result.exit_code == 1 and result.stdout == ""
    assert "Error: 1 of 2 runs failed (1 diverged) and are listed in runs-failed.csv" in result.stderr
    assert len(pd.read_csv("runs.csv")) == 1 and len(pd.read_csv("runs-failed.csv")) == 1


@pytest.mark.parametrize("option", [("--timeout", 1), ("--retries", 0), ("--logs", "x")])
def test_options_of_a_program_need_one(option):
    result = measure(*option)
    assert result.exit_code == 2
    assert f"{option[0]} belongs to --command" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--command", "python {size}"), "'{size}' is no column of the plan, which has: task, flops, seed"),
        (("--command", COMMAND, "--timeout", 0), "give seconds, more than 0"),
        (("--command", COMMAND, "--timeout", "soon"), "--timeout is 'soon', which is not a number"),
        ((), "column 'width' is missing"),
    ],
)
def test_mistakes_end_with_1_before_anything_is_started(arguments, sentence):
    result = measure(*arguments)
    assert result.exit_code == 1 and result.stdout == ""
    assert result.stderr.startswith("Error: ") and sentence in result.stderr
    assert not Path("runs.csv").exists() and not Path("runs-logs").exists()
