"""``plan`` answers every question that ``allocate`` does, with the same numbers, and reports it."""

import json
import re

import pytest

from budget.commands import main
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests import made
from tests.commands.invoking import refused, run
from tests.commands.known_fit import TASKS, with_known_curves
from tests.simulate import LINKS, TRUTHS, table

PRICES = ("--price", 2, "--peak", "1e15", "--mfu", 0.4)

QUESTIONS = {
    "objective worst": ("--objective", "worst"),
    "objective worst, values": ("--objective", "worst", "--measure", "value"),
    "objective targets": ("--objective", "targets"),
    "objective cheapest": ("--objective", "cheapest", "--budget", None),
    "at-least": ("--objective", "cheapest", "--at-least", 2, "--budget", None),
    "measure": ("--measure", "progress"),
    "risk mean": ("--risk", "mean"),
    "risk cvar": ("--risk", "cvar", "--level", 0.5, "--reference", "uniform", "--at-risk", 0.01),
    "prefer-simple": ("--prefer-simple", "--reference", "weight"),
    "limit": ("--limit", "tokens=1e11"),
    "limits": ("--limits", "limits.csv"),
    "freeze": ("--freeze", "code"),
    "sizes": ("--sizes", "1e8,1e9,1e10"),
    "allow-unserved": ("--allow-unserved",),
    "unit money": ("--unit", "money", "--budget", 20000, *PRICES),
    "unit tokens": ("--unit", "tokens", "--budget", 1e11, "--params", 1e9),
    "evaluate": ("--evaluate", "thirds.csv", "--budget", 9e21),
    "reach": ("--reach", 10),
    "only": ("--only", "code", "--only", "prose"),
    "add": ("--add", 1e21, "--budget", None),
    "current": ("--add", 1e21, "--budget", None, "--current", "thirds.csv"),
    "checkpoints": ("--tasks", "checkpoints.csv"),
}

COVERED = {word.removeprefix("--") for words in QUESTIONS.values() for word in words if str(word).startswith("--")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    home = tmp_path_factory.mktemp("questions")
    (home / "tasks.csv").write_text(TASKS)
    (home / "limits.csv").write_text("limit,group,unit,max\nwords,words,,9e21\ndata,,tokens,9e12\n")
    (home / "thirds.csv").write_text("task,spend\nmaths,3e21\nprose,3e21\ncode,3e21\n")
    (home / "checkpoints.csv").write_text("task,checkpoint,checkpoint_params\nprose,1e10,1e9\ncode,,\nmaths,,\n")
    (home / "chances.csv").write_text(
        "task,unserved,target\n"
        + "".join(f"{name},{link.chance},{link.chance + 0.1}\n" for name, link in LINKS.items())
    )
    table(TRUTHS, noise=0.01).to_csv(home / "runs.csv", index=False)
    return home


@pytest.fixture
def ask(folder, tmp_path, monkeypatch):
    """Put a question to ``plan``, whose fit is known curves, and to ``allocate`` on the curves that it wrote."""
    monkeypatch.chdir(folder)

    def both(*words, curves=None, tasks="tasks.csv"):
        curves = curves or made.chinchilla(draws=6)

        with_known_curves(monkeypatch, tmp_path, curves)
        words = list(words)
        for option, by_default in (("--budget", 1e22), ("--reach", "inf"), ("--tasks", tasks)):
            if option not in words:
                words += [option, by_default]
            elif words[words.index(option) + 1] is None:
                del words[words.index(option) : words.index(option) + 2]
        (tmp_path / "curves.json").write_text(json_text(record_of(curves)))
        out = tmp_path / "plan"
        told = run("plan", "runs.csv", "--out", out, *words)
        assert told.exit_code == 0, told.output
        alone = run("allocate", tmp_path / "curves.json", "--json", *words)
        assert alone.exit_code == 0, alone.output
        record = json.loads(alone.stdout)
        del record["schema"]  # what the plan's own file has is another
        return json.loads((out / "plan.json").read_text()), record, told, out

    return both


def same(reported, alone):
    """Every number of two plans."""
    assert type(reported) is type(alone) or {type(reported), type(alone)} <= {int, float}, (reported, alone)
    if isinstance(alone, dict):
        assert reported.keys() == alone.keys()
        for key in alone:
            same(reported[key], alone[key])
    elif isinstance(alone, list):
        assert len(reported) == len(alone)
        for each, other in zip(reported, alone, strict=True):
            same(each, other)
    elif isinstance(alone, float):
        assert reported == pytest.approx(alone, rel=1e-6, abs=1e-12)
    else:
        assert reported == alone


def test_every_option_of_a_question_is_asked_here():
    asked = {
        param.opts[0].removeprefix("--")
        for param in main.commands["allocate"].params
        if {param.opts[0]} <= {each.opts[0] for each in main.commands["plan"].params}
    }
    kept_apart = {"json", "out", "column", "strategy", "plan-on"}  # of the command, or tested below
    assert asked - kept_apart <= COVERED
    lacking = {param.opts[0] for param in main.commands["allocate"].params} - {
        param.opts[0] for param in main.commands["plan"].params
    }
    assert lacking == {"curves_path"}


@pytest.mark.parametrize("words", QUESTIONS.values(), ids=QUESTIONS)
def test_the_report_says_what_allocate_says(ask, words):
    reported, alone, told, out = ask(*words)
    same(reported["plan"], alone)
    report = (out / "report.md").read_text()
    assert not re.search(r"(?<!reach )\b(inf|nan)\b", report)
    assert (out / "report.html").stat().st_size > 10_000
    grows = "cheapest" not in words
    assert (out / "growth.csv").exists() is (grows and "checkpoints.csv" not in words)
    if not grows:
        assert "What breadth costs is left out: the cheapest plan has no budget to share." in told.stderr


def test_scores_are_reported_by_scores(ask):
    linked = made.chinchilla(draws=6, link=made.link_of(LINKS, draws=6))
    reported, alone, told, out = ask("--measure", "score", "--budget", 1e18, curves=linked, tasks="chances.csv")
    same(reported["plan"], alone)
    assert "What is least sure" not in (out / "report.md").read_text()  # widths of values say nothing of scores
    assert alone["metric"] == "accuracy" and "is left out: no growing set is followed by" in told.stderr


def test_one_shared_model_is_reported_within_a_limit(ask):
    shared = made.one_model(made.chinchilla(draws=9))
    reported, alone, _, _ = ask("--limit", "tokens=1e11", curves=shared)
    same(reported["plan"], alone)
    assert reported["alternative"]["strategy"] == "specialists"


def test_a_question_is_repeated_by_its_file(ask, folder, tmp_path):
    _, _, _, out = ask(
        "--risk", "cvar", "--level", 0.5, "--reference", "weight", "--limits", "limits.csv", "--at-risk", 1
    )
    text = (out / "plan.toml").read_text()
    assert 'reference = "weight"' in text and "limits.csv" in text
    again = run("plan", out / "plan.toml", "--out", tmp_path / "again")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again" / "plan.json").read_bytes() == (out / "plan.json").read_bytes()
    assert set(json.loads((out / "plan.json").read_text())["inputs"]) == {"limits"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--freeze", "nobody", "--budget", 1e21), "--freeze nobody: the tasks are"),
        (("--sizes", "1e8,big", "--budget", 1e21), "A size of --sizes is 'big', which is not a number"),
        (("--limit", "tokens=1e11", "--limit", "tokens=1e12", "--budget", 1e21), "--limit names one unit twice"),
    ],
)
def test_a_question_that_cannot_be_asked_is_refused_in_a_sentence(ask, folder, tmp_path, words, said):
    ask()
    assert said in refused("plan", "runs.csv", "--out", tmp_path / "none", *words)
    assert not (tmp_path / "none").exists()


def test_a_plan_needs_a_budget_unless_it_is_the_cheapest(folder, tmp_path):
    result = run("plan", folder / "runs.csv", "--out", tmp_path / "none")
    assert result.exit_code == 2 and "Missing option '--budget'" in result.stderr
