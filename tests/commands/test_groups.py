"""The groups command: candidates, pairs or a law; its columns, its JSON, its exit codes."""

import json

import pytest

from budget.commands import main
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests.commands.invoking import frame_of, refused, run
from tests.commands.test_portfolio import READING as CANDIDATE_COLUMNS
from tests.commands.test_portfolio import ROWS as CANDIDATES
from tests.curves.cases import planted
from tests.searched import fit_searched

PAIRS = """job,beside,score,rep,set
a,,0.70,0,x
a,,0.71,1,x
a,b,0.80,0,x
a,b,0.81,1,x
b,,0.60,0,x
b,,0.61,1,x
b,a,0.50,0,x
b,a,0.51,1,x
a,,0.10,0,y
"""
READING = [
    word
    for pair in ("task=job", "partner=beside", "value=score", "seed=rep")
    for word in ("--column", pair)
] + ["--where", "set=x", "--higher-is-better"]  # fmt: skip


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text(PAIRS)
    return path


@pytest.fixture
def candidates(tmp_path):
    path = tmp_path / "candidates.csv"
    path.write_text(CANDIDATES)
    return path


def test_pairs_print_the_matrix_and_the_groups(pairs, tmp_path):
    arguments = ("groups", pairs, *READING, "--budget", 2, "--budget", 1)
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    frame = frame_of(result)
    assert list(frame.columns) == ["budget", "model", "trained_on", "cost", "task", "value", "basis"]
    assert frame["model"].tolist() == ["a|b", "a|b", "a|b", "b"] and set(frame["basis"]) == {"measured"}
    for said in (
        "pairs.csv is a table of pairs: 3 models of 2 tasks.",
        "1 a        –  +14.18*\n2 b  −16.53*        –\n",
        "Negative transfer in 1 of 2 ordered pairs (50.0 %); 95% interval of the true share 50.0 % to 50.0 %",
        "Budget 2: measured mean value 0.7050 (no choice is better than 0.7050; gap 0; optimal) with a|b, b; the best",
        "The best specialists of one task each with 2: 0.6550; the measured choice is better from a budget of 2, the",
    ):
        assert said in result.stderr
    run(*arguments, "--out", tmp_path / "groups.csv")
    assert (tmp_path / "groups.csv").read_text() == result.stdout


def test_without_a_budget_the_matrix_alone_is_printed(pairs):
    frame = frame_of(run("groups", pairs, *READING))
    assert list(frame.columns) == [
        "task", "partner", "alone", "together", "gain", "relative", "low", "high", "p_holm", "distinguishable",
    ]  # fmt: skip
    assert frame["distinguishable"].tolist() == ["help", "harm"]


def test_json_has_the_matrix_and_every_certificate(pairs):
    record = json.loads(run("groups", pairs, *READING, "--budget", 1, "--json").stdout)
    assert {"kind", "transfer", "groups", "refused", "references", "notes"} <= set(record)
    assert record["kind"] == "pairs" and record["transfer"]["noise"] == "seeds"
    assert {"objective", "bound", "gap", "basis", "models", "baselines"} <= set(record["groups"][0])


def test_candidates_are_read_too_and_said(candidates):
    arguments = ("groups", candidates, *CANDIDATE_COLUMNS, "--select", "val", "--report", "test")
    result = run(*arguments, "--budget", 1, "--budget", 3)
    assert "candidates.csv is a table of candidates: 3 models of 2 tasks." in result.stderr
    assert frame_of(result)["model"].tolist() == ["small", "other"]
    assert "Budget 1: The cheapest models that serve every task cost 2 together" in result.stderr
    assert "No model of the task alone costs what the pair costs: a with b, b with a; left out." in result.stderr
    assert "nothing is said of negative transfer" in result.stderr


def test_wishes_and_choosing_are_passed_on(pairs, tmp_path):
    task_settings = tmp_path / "tasks.csv"
    task_settings.write_text("job,weight,target\na,9,0.8\nb,1,0.6\n")
    columns = ("--tasks", task_settings)
    result = run("groups", pairs, *READING, *columns, "--budget", 2, "--objective", "targets", "--max-models", 2)
    assert "share of targets met 1.000" in result.stderr


@pytest.mark.slow
def test_a_fitted_law_s_coefficients_are_printed(tmp_path):
    runs, _ = planted("transfer", 2, noise=0.002, seed=24)
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(fit_searched(runs, "transfer", draws=19))))
    result = run("groups", path)
    frame = frame_of(result)
    assert len(frame) == 4 and set(frame["basis"]) == {"predicted"}
    assert "Predicted by law transfer: 4 coefficients; at 80% " in result.stderr
    assert "too few draws for 95% intervals" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "neither a table of candidates"),
        ((*READING[:-3], "--budget", 1), "a second value for task 'a' alone and seed '0'"),
        ((*READING, "--select", "val"), "--select and --report are for candidates"),
        ((*READING, "--budget", "lots"), "'lots', which is not a number"),
        ((*READING, "--budget", -1), "The budget is -1"),
        ((*READING, "--budget", 0), "serve every task cost 1 together, above the budget of 0"),
    ],
)
def test_mistakes_are_refused_and_old_results_kept(pairs, tmp_path, arguments, sentence):
    out = tmp_path / "old"
    out.write_text("kept")
    assert sentence in refused("groups", pairs, "--out", out, *arguments)
    assert out.read_text() == "kept"


def test_wrong_usage_exits_with_2(pairs):
    assert run("groups", pairs, "--objective", "best").exit_code == 2
    assert "Examples:" in run("groups", "--help").output and "groups" in main.commands
