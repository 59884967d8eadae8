"""No command writes over what it reads; what standard output cannot take is said in a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from budget.commands import main
from budget.commands.running.group import INPUTS, is_input
from tests import ROOT

FREE_TEXT = {
    "COLUMN", "COLUMN=VALUE", "CANONICAL=THEIRS", "PARAMETER=PARAMETER", "PARAMETER=VALUE", "UNIT=NUMBER", "NAME",
    "TASK", "FOLDER", "SPLIT", "COMMAND", "PLACE", "NEEDS", "N,N,…", "K,K,…", "MONEY", "PATTERN", "A|B|C",
}  # fmt: skip
INPUT_PARAMETERS = [
    (name, param) for name, command in main.commands.items() for param in command.params if is_input(param)
]
RUNS = "task,x,value\n" + "".join(f"a,{2**n},{1 + 3 / 2**n}\n" for n in range(12))


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", main.commands)
def test_every_text_that_a_command_takes_is_known_to_be_a_file_or_not(name):
    for param in main.commands[name].params:
        if param.name in ("out", "logs") or not isinstance(param.type, click.types.StringParamType):
            continue
        assert param.metavar in INPUTS | FREE_TEXT, f"is --{param.name} of {name} a file that is read?"


@pytest.mark.parametrize(("name", "wanted"), INPUT_PARAMETERS, ids=lambda part: getattr(part, "name", part))
@pytest.mark.parametrize("kind", ["itself", "link", "hard link"])
def test_an_output_that_is_an_input_is_refused_before_it_is_read(folder, name, wanted, kind):
    command = main.commands[name]
    is_plan = any(param.name == "out" and param.metavar == "DIR" for param in command.params)
    Path("plan").mkdir()
    lost = Path("plan", "growth.csv") if is_plan else Path("mine.csv")
    lost.write_text("precious\n")
    given = {"itself": lost, "link": Path("link.csv"), "hard link": Path("hard.csv")}[kind]
    if kind == "link":
        given.symlink_to(lost)
    elif kind == "hard link":
        os.link(lost, given)
    Path("other").write_text("other\n")
    words = []
    for param in command.params:
        if param is not wanted and not param.required:
            continue
        if param.name == "out":
            words += ["--out", "plan" if is_plan else "mine.csv"]
            continue
        value = str(given) if param is wanted else "other" if is_input(param) else "1"
        if isinstance(param.type, click.Choice):
            value = str(param.type.choices[0])
        words += [value] if isinstance(param, click.Argument) else [param.opts[0], value]
    if "--out" not in words:
        words += ["--out", "mine.csv"]
    result = CliRunner().invoke(main, [name, *words], catch_exceptions=False)
    assert result.exit_code == 1 and result.stdout == ""
    assert f"{lost}: this is an input" in result.stderr and "give another path" in result.stderr
    assert lost.read_text() == "precious\n"


def test_an_input_that_is_not_of_the_plan_it_stands_with_is_named():
    Path("plan").mkdir()
    for name in ("check.csv", "mine.csv"):
        Path("plan", name).write_text(RUNS)
    Path("plan", "plan.json").write_text(json.dumps({"files": {"check.csv": "0" * 64}}))
    result = CliRunner().invoke(main, ["check", "plan/check.csv"], catch_exceptions=False)
    assert result.exit_code == 0 and "plan/check.csv is not of the plan in plan.json beside it" in result.stderr
    result = CliRunner().invoke(main, ["check", "plan/mine.csv"], catch_exceptions=False)
    assert result.exit_code == 0 and "is not of the plan" not in result.stderr


def budget(arguments: str, streams: str = "", **options) -> subprocess.CompletedProcess:
    """The command in a shell, its streams as written there; `cut` stands for a reader that leaves at once."""
    line = f'"{sys.executable}" "{ROOT / "cli.py"}" {arguments} {streams}'
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, **options)


needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")


@needs_full
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["check --help", "check runs.csv"])
@pytest.mark.parametrize(("streams", "reason"), [(">/dev/full", "No space left on device"), (">&-", "it is closed")])
def test_an_output_that_is_full_or_closed_ends_in_a_sentence(monkeypatch, arguments, streams, reason, unbuffered):
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    Path("runs.csv").write_text(RUNS)
    result = budget(arguments, streams)
    assert result.returncode == 1
    said = result.stderr.splitlines()
    assert said[-1].startswith(f"Error: standard output: cannot be written ({reason}); ") and len(said[-1]) <= 300
    assert "Traceback" not in result.stderr and "Exception" not in result.stderr


@pytest.mark.parametrize("arguments", ["--help", "check runs.csv", "check runs.csv --json --out /dev/stdout"])
def test_a_reader_that_leaves_ends_a_command_in_silence(arguments):
    Path("runs.csv").write_text(RUNS)
    result = budget(arguments, "| (exec <&-); exit ${PIPESTATUS[0]}")
    assert result.returncode == 141 and "Error" not in result.stderr and "Traceback" not in result.stderr


@needs_full
@pytest.mark.parametrize("streams", ["2>/dev/full", "2>&-", ">&- 2>&-"])
def test_a_result_is_written_though_nothing_can_be_said(streams):
    Path("runs.csv").write_text(RUNS)
    result = budget("check runs.csv --out found.csv", streams)
    assert result.returncode == 0 and result.stderr == ""
    assert Path("found.csv").read_text().startswith("task,")


def test_standard_output_by_its_path_follows_what_was_printed():
    Path("runs.csv").write_text(RUNS)
    assert budget("check runs.csv --out here.csv").returncode == 0
    text = Path("here.csv").read_text()
    assert budget("check runs.csv --out /dev/stdout").stdout == text
    line = f'(echo before; "{sys.executable}" "{ROOT / "cli.py"}" check runs.csv --out /dev/stdout; echo after) > all'
    subprocess.run(["bash", "-c", line], check=True, capture_output=True)
    assert Path("all").read_text() == f"before\n{text}after\n"
