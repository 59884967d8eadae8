"""What the command line promises as a whole: its help, how much it says, colours, exit codes, completion, dry runs."""

import json
import os
import pty
import re
import resource
import shlex
import subprocess
import sys

import click
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.commands import COMMANDS, SECTIONS, main
from budget.commands.running.everywhere import EVERYWHERE
from budget.commands.running.help_pages import EXIT_CODES, TOPICS, first_sentence, folded
from budget.report import progress
from budget.report.verbosity import VERBOSITY, Verbosity
from tests import ROOT
from tests.commands.invoking import refused, run

RUNS = "task,x,value\n" + "".join(f"a,{2**n},{1 + 3 / 2**n}\n" for n in range(12))
FLAT = "task,x,value\n" + "".join(f"a,{2**n},{2 + 0.1 * (-1) ** n}\n" for n in range(12))
"""No curve can be fitted: nothing improves."""
ESCAPE = "\x1b["


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_text(RUNS)
    (tmp_path / "flat.csv").write_text(FLAT)
    return tmp_path


def test_commands_stand_in_the_order_of_work_in_whole_sentences():
    shown = run("--help").output
    places = [shown.index(f"\n  {name} ") for name in COMMANDS]
    assert places == sorted(places) and list(main.commands) == list(COMMANDS)
    in_one_line = " ".join(shown.split())
    assert "..." not in shown.partition("\n")[2]
    for name, command in main.commands.items():
        sentence = first_sentence(command.help)
        assert sentence.endswith(".") and sentence in in_one_line, name
    assert all(f"\n{heading}:\n" in shown for heading in SECTIONS)
    assert all(re.search(rf"\n  {code}\b", shown) for code in EXIT_CODES)


def test_every_topic_names_options_that_some_command_has():
    known = {name for command in main.commands.values() for param in command.params for name in param.opts}
    everywhere = {"--dry-run", "--help", *(name for option in EVERYWHERE for name in option.opts)}
    for names in TOPICS.values():
        assert set(names) <= known | everywhere
    every = [name for names in TOPICS.values() for name in names]
    assert len(every) == len(set(every))


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_each_option_once(name):
    shown = run(name, "--help").output.partition("\nExamples:")[0]
    command = main.commands[name]
    options = [param for param in (*command.params, *EVERYWHERE) if isinstance(param, click.Option)]
    for option in options:
        assert len(re.findall(rf"^  {option.opts[0]}(?![\w-])", shown, flags=re.MULTILINE)) == 1, option.opts


@pytest.mark.parametrize("words", [["--help"], ["plan", "--help"], ["grow", "--help"]])
def test_help_takes_less_than_three_tenths_of_a_second(words):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, str(ROOT / "cli.py"), *words], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_examples_are_broken_before_options_and_never_in_a_text():
    line = 'budget measure plan.csv --command "python train.py --seed {seed}" --out runs.csv'
    lines = folded(line, 60)
    assert len(lines) > 1 and all(len(each) <= 64 for each in lines)
    assert " ".join(each.strip().removesuffix("\\").strip() for each in lines) == line


@pytest.mark.parametrize("words", [("check", "runs.csv", "--quiet"), ("--quiet", "check", "runs.csv")])
def test_quiet_says_nothing_beside_the_result(folder, words):
    (folder / "tasks.csv").write_text("task,weight,colour\na,2,red\n")
    loud = run("check", "runs.csv", "--tasks", "tasks.csv")
    quiet = run(*words, "--tasks", "tasks.csv")
    assert "colour" in loud.stderr and quiet.stderr == "" and quiet.stdout == loud.stdout


def test_quiet_still_says_mistakes(folder):
    assert "no such file" in refused("check", "none.csv", "--quiet")
    assert run("check", "runs.csv", "--quiet", "--verbose").exit_code == 2


def test_verbose_says_the_cost_and_where_a_mistake_was_found(folder):
    assert re.search(r"check took [\d.]+ s \(.*memory\)", run("check", "runs.csv", "--verbose").stderr)
    assert "Traceback" in run("check", "none.csv", "--verbose").stderr
    assert "Traceback" not in run("check", "none.csv").stderr


def test_mistakes_are_red_where_colours_are_wanted(folder, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = CliRunner().invoke(main, ["check", "none.csv", "--color", "always"], color=True)
    assert coloured.stderr.startswith(f"{ESCAPE}31mError:")
    for words in (["--color", "never"], []):
        if not words:
            monkeypatch.setenv("NO_COLOR", "1")
        assert ESCAPE not in CliRunner().invoke(main, ["check", "none.csv", *words], color=True).stderr


@pytest.mark.parametrize("words", [["chekc"], ["check", "runs.csv", "--nope"], ["check", "runs.csv", "--law", "no"]])
def test_a_wrong_command_line_is_red_as_any_mistake(words, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for asked, red in (("always", True), ("never", False)):
        result = CliRunner().invoke(main, ["--color", asked, *words], color=True)
        assert result.exit_code == 2 and (f"{ESCAPE}31mError:{ESCAPE}0m " in result.stderr) == red
        assert "Usage: " in result.stderr and " --help' for help." in result.stderr
    behind = CliRunner().invoke(main, ["check", "runs.csv", "--nope", "--color", "always"], color=True)
    assert f"{ESCAPE}31mError:" in behind.stderr


def test_colours_are_never_written_into_results(folder):
    plain = run("check", "flat.csv").stdout
    assert "FAIL" in plain and plain == run("check", "flat.csv", "--color", "always").stdout
    assert ESCAPE not in run("check", "flat.csv", "--json", "--color", "always").stdout


@pytest.mark.parametrize(("words", "colour"), [([], True), (["--color", "never"], False)])
def test_verdicts_are_coloured_on_a_terminal(folder, words, colour):
    reading, writing = pty.openpty()
    environment = {name: text for name, text in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm-256color"}
    command = [sys.executable, str(ROOT / "cli.py"), "check", "flat.csv", *words]
    subprocess.run(command, stdout=writing, check=True, env=environment, stderr=subprocess.DEVNULL)
    os.close(writing)
    shown = os.read(reading, 100_000).decode()
    os.close(reading)
    assert "FAIL" in shown and (f"{ESCAPE}31mFAIL" in shown) == colour


def test_strict_exits_with_1_on_fail_after_the_table(folder):
    assert run("check", "flat.csv").exit_code == 0
    result = run("check", "flat.csv", "--strict")
    assert result.exit_code == 1 and "FAIL" in result.stdout and "FAIL for a;" in result.stderr
    assert run("check", "runs.csv", "--strict").exit_code == 0


@pytest.mark.parametrize(
    ("words", "meant"),
    [(["chck"], "check"), (["fitt"], "fit"), (["check", "runs.csv", "--wher", "a=b"], "--where")],
)
def test_a_wrong_word_gets_the_nearest_right_one(words, meant):
    result = run(*words)
    assert result.exit_code == 2 and meant in result.stderr and "id you mean" in result.stderr


def test_an_interrupt_exits_with_130(folder, monkeypatch):
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.commands["check"], "callback", interrupted)
    result = run("check", "runs.csv")
    assert result.exit_code == 130 and result.stderr.strip() == "Interrupted."


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_clicks_own(shell):
    result = run("completion", shell)
    assert result.exit_code == 0 and f"_BUDGET_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("budget pl", "plain,plan"),
        ("budget plan --bud", "plain,--budget"),
        ("budget fit --law chin", "plain,chinchilla"),
        ("budget fit ru", "file,ru"),
        ("budget plan --tasks ta", "file,ta"),
    ],
)
def test_a_shell_completes_commands_options_choices_and_files(line, wanted):
    words = {"_BUDGET_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1)}
    result = CliRunner().invoke(main, [], prog_name="budget", env=words)
    assert wanted in result.stdout.splitlines()


def test_what_takes_long_says_how_far_it_is(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0.0)
    with progress.step("fit") as bar:
        bar(10, 100)
        bar(50, 100)
        bar(100, 100)
    assert re.fullmatch(r"fit: 50 of 100, about \d+ s left\n", capsys.readouterr().err)
    before = VERBOSITY.set(Verbosity(quiet=True))
    with progress.step("fit") as bar:
        assert bar is None
    VERBOSITY.reset(before)


def test_a_short_step_says_nothing(capsys, monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 60.0)
    with progress.step("fit") as bar:
        bar(1, 3)
        bar(2, 3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("command", "curves"),
    [
        (("fit", "data/runs.csv"), 17),
        (("backtest", "data/runs.csv", "--decide"), 17),
        (("plan", "data/runs.csv", "--budget", "1e14", "--out", "plan"), 250),
        (("focus", "data/runs.csv"), 233),
    ],
    ids=lambda part: part[0] if isinstance(part, tuple) else str(part),
)
def test_a_dry_run_counts_and_does_nothing(tmp_path, monkeypatch, command, curves):
    monkeypatch.chdir(ROOT)
    words = [str(tmp_path / "plan") if word == "plan" and place else word for place, word in enumerate(command)]
    result = run(*words, "--dry-run", "--json")
    record = json.loads(result.stdout)
    assert record["schema"] == "budget/dry-run/1" and record["command"] == words[0]
    assert record["counts"]["tasks"] == 17 and record["counts"]["curves"] == curves and record["cpu_seconds"] > 3
    assert not (tmp_path / "plan").exists()
    told = run(*words, "--dry-run")
    assert f"Would fit {curves} curves" in told.stdout and "Nothing was computed" in told.stderr


def test_a_dry_run_of_measure_counts_what_is_left(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    out = tmp_path / "measured.csv"
    record = json.loads(run("measure", "data/loop_plan.csv", "--out", out, "--dry-run", "--json").stdout)
    assert record["counts"]["trainings"] == 77 and record["cpu_seconds"] > 600 and not out.exists()
    halves = [("measure", "data/loop_plan.csv", "--out", out, "--shard", f"{part}/2") for part in (0, 1)]
    counted = [json.loads(run(*words, "--dry-run", "--json").stdout)["counts"]["trainings"] for words in halves]
    assert sum(counted) == 77 and 0 < counted[0] < 77
    by_program = ("--command", "python3 {task} {seed}")
    assert run("measure", "data/loop_plan.csv", "--out", out, "--dry-run", *by_program).exit_code == 0
    assert "placeholder" in refused(
        "measure", "data/loop_plan.csv", "--out", out, "--dry-run", "--command", "python3 {size}"
    )


W_AND_B = "ID,State,config.N,config.D,summary.eval/loss\n" + "".join(
    f"r{size}{tokens},finished,{size},{tokens},{1.5 + 40 / size**0.3 + 90 / tokens**0.3}\n"
    for size in (10_000, 20_000, 40_000, 80_000)
    for tokens in (100_000, 400_000, 1_600_000)
)
ELSEWHERE = {"budget import mlflow", "budget completion", "budget demo"}
"""Examples that read a store of another program, write where a shell reads, or are all that ``test_demo`` runs."""


@pytest.fixture
def four_tasks(tmp_path):
    """The project's data of four tasks and of models of at most two, in files of the same names."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("runs.csv", "tasks.csv", "loop_runs.csv"):
        table = pd.read_csv(ROOT / "data" / name, dtype=str, keep_default_na=False)
        kept = table["task"].isin(["code", "prose", "names", "markov_2"])
        kept &= table.get("n_tasks", pd.Series("1", table.index)).isin(["1", "2"])
        table[kept].to_csv(folder / name, index=False)
    (folder / "loop_plan.csv").symlink_to(ROOT / "data" / "loop_plan.csv")
    return tmp_path


@pytest.mark.slow
def test_examples_of_the_help_run_on_data(four_tasks, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "export.csv").write_text(W_AND_B)
    (tmp_path / "train.py").write_text("print('{\"value\": 1.0}')")
    examples = [example for command in main.commands.values() for example in command.examples]
    ran = set()
    for example in sorted(examples, key=lambda line: "compare" in line):  # of plans that the others make
        if " ".join(example.split()[:3]) in ELSEWHERE or example.startswith(tuple(ELSEWHERE)):
            continue
        words = shlex.split(example.partition(" > ")[0])[1:]
        if words[0] in ("plan", "focus", "fit", "backtest"):
            words += ["--draws", "20"]
        words += ["--no-backtest"] if words[0] == "plan" else []
        if words[0] == "measure":
            words += ["--dry-run"]
        result = run(*words)
        assert result.exit_code == 0, f"{example}: {result.stderr}"
        ran.add(words[0])
    assert ran >= set(COMMANDS) - {"completion", "demo"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["check", "runs.csv", "--tasks", "tasks.csv"], "did you mean 'prose'?"),
        (["check", "runs.csv", "--column", "value=los"], "did you mean 'loss'?"),
        (["check", "runs.csv", "--where", "tasks=prose", "--column", "value=loss"], "did you mean 'task'?"),
    ],
)
def test_a_wrong_task_or_column_gets_the_nearest_right_one(tmp_path, monkeypatch, words, meant):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs.csv").write_text("task,x,loss\n" + "".join(f"prose,{2**n},{1 + 3 / 2**n}\n" for n in range(9)))
    (tmp_path / "tasks.csv").write_text("task,weight\npros,2\n")
    assert meant in refused(*words)


def test_a_file_of_all_tasks_serves_some_of_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{task},{2**n},{1 + 3 / 2**n}\n" for task in ("code", "prose") for n in range(9))
    (tmp_path / "runs.csv").write_text("task,x,value\n" + rows)
    (tmp_path / "tasks.csv").write_text("task,weight\ncode,2\nprose,3\n")
    result = run("check", "runs.csv", "--where", "task=code", "--tasks", "tasks.csv")
    assert result.exit_code == 0 and "not choose are left out: prose." in result.stderr
    (tmp_path / "tasks.csv").write_text("task,weight\ncode,2\npoetry,3\n")
    assert "'poetry' is not among" in refused("check", "runs.csv", "--tasks", "tasks.csv")
