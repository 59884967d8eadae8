"""``plan --strategy``: which strategies compete, and what of a question shared models are planned for."""

import json
from dataclasses import replace

import pandas as pd
import pytest

from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from tests import made
from tests.commands.invoking import refused, run
from tests.commands.known_fit import with_known_curves
from tests.simulate import TRUTHS, table

PAIR = ("prose", "code")
TASKS = "task,current,unserved\nprose,1e21,9\ncode,2e21,9\nmaths,3e21,9\n"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder in which ``plan`` finds specialists, a good model of two tasks with experts, and a bad one of all."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.csv").write_text(TASKS)
    table(TRUTHS, noise=0.01).to_csv("runs.csv", index=False)
    alone = made.chinchilla(draws=8)
    better = {name: replace(TRUTHS[name], E=0.9 * TRUTHS[name].E) for name in PAIR}
    worse = {name: replace(truth, E=1.5 * truth.E) for name, truth in TRUTHS.items()}
    shared = [
        StrategyCurves(strategy, made.one_model(made.chinchilla(truths, draws=8)))
        for strategy, truths in (("moe", better), ("generalist", worse))
    ]
    compared = FittedStrategies(StrategyCurves(SPECIALISTS, alone), tuple(shared))
    with_known_curves(monkeypatch, tmp_path, alone, compared)
    return tmp_path


def planned(home, *words):
    budget = () if "--budget" in words else ("--budget", 1e22)
    result = run("plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", *budget, "--out", "plan", *words)
    assert result.exit_code == 0, result.output
    record = json.loads((home / "plan" / "plan.json").read_text())
    decision = record["recommendation"]
    models = None if decision is None else {tuple(each["tasks"]): each["strategy"] for each in decision["models"]}
    return record, models, result.stderr


def test_strategies_that_are_named_are_all_that_compete(home):
    record, models, _ = planned(home)
    assert models == {PAIR: "moe", ("maths",): SPECIALISTS}
    _, named, _ = planned(home, "--strategy", "moe", "--strategy", "specialists")
    assert named == models
    apart, nothing, _ = planned(home, "--strategy", "specialists")
    assert nothing is None and apart["plan"]["tasks"] == record["plan"]["tasks"]
    _, one, _ = planned(home, "--strategy", "generalist")
    assert one == {("prose", "code", "maths"): "generalist"}
    _, any_shared, _ = planned(home, "--strategy", "shared")
    assert any_shared == one  # the good model leaves maths without one
    _, two, _ = planned(home, "--strategy", "shared", "--only", "prose", "--only", "code")
    assert two == {PAIR: "moe"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--strategy", "trunk"), "--strategy 'trunk': these runs hold specialists, moe, generalist; choose among"),
        (
            ("--strategy", "moe"),
            "Nothing can be planned by --strategy moe alone: their models do not make up the tasks",
        ),
        (("--strategy", "moe", "--strategy", "specialists", "--objective", "worst"), "without --objective worst"),
    ],
)
def test_strategies_that_cannot_serve_the_question_are_refused_in_a_sentence(home, words, said):
    sentence = refused("plan", "runs.csv", "--budget", 1e22, "--tasks", "tasks.csv", "--out", "none", *words)
    assert said in sentence and not (home / "none").exists()


def test_runs_of_one_strategy_have_none_to_choose(home, monkeypatch):
    with_known_curves(monkeypatch, home, made.chinchilla(draws=2))
    said = refused("plan", "runs.csv", "--budget", 1e22, "--tasks", "tasks.csv", "--out", "none", "--strategy", "moe")
    assert "--strategy 'moe': these runs hold one strategy; leave it out." in said


def test_a_frozen_task_keeps_its_own_model(home):
    record, models, _ = planned(home, "--freeze", "code")
    assert models is None and all(each["spend"] for each in record["plan"]["tasks"])
    _, models, _ = planned(home, "--freeze", "maths")
    assert models == {PAIR: "moe", ("maths",): SPECIALISTS}
    record, _, _ = planned(home, "--freeze", "maths")
    spend = {tuple(each["tasks"]): each["spend"] for each in record["recommendation"]["models"]}
    assert spend[("maths",)] == pytest.approx(3e21, rel=1e-6) and sum(spend.values()) == pytest.approx(1e22, rel=1e-6)


def test_money_buys_the_models_that_its_compute_would(home):
    """An hour at 1 with 1e18 FLOP/s fully used buys 3.6e21 FLOPs, and data cost nothing here."""
    record, models, told = planned(home, "--unit", "money", "--budget", 10, "--price", 1, "--peak", "1e18", "--mfu", 1)
    flops, same, _ = planned(home, "--budget", 3.6e22)
    assert models == same
    for mine, theirs in zip(record["recommendation"]["models"], flops["recommendation"]["models"], strict=True):
        assert mine["share"] == pytest.approx(theirs["share"], rel=1e-5)
        assert mine["inputs"]["params"] == pytest.approx(theirs["inputs"]["params"], rel=1e-4)
    assert "How strategies compare by the budget is left out" in told


def test_a_question_that_shared_models_are_not_planned_for_says_so(home):
    _, models, told = planned(home, "--objective", "worst")
    assert models is None
    assert "Shared models are left out of this question: they are planned for the weighted mean" in told
    assert "without --objective worst" in told


def test_scenarios_share_models_as_their_plans_would(home):
    (home / "scenarios.csv").write_text(
        "name,budget,strategy,freeze\nall,1e22,,\napart,1e22,specialists,\none,1e22,generalist,\nkept,1e22,,code\n"
    )
    planned(home, "--scenarios", "scenarios.csv")
    rows = pd.read_csv(home / "plan" / "scenarios.csv").set_index("scenario")
    tasks = pd.read_csv(home / "plan" / "scenario_tasks.csv").set_index(["scenario", "task"])
    assert rows["models"].tolist() == [2, 3, 1, 3] and (rows["status"] == "ok").all()
    record, _, _ = planned(home)
    assert rows.loc["all", "value"] == pytest.approx(record["recommendation"]["objective"], rel=1e-9)
    assert rows.loc["apart", "value"] == pytest.approx(record["plan"]["objective"], rel=1e-9)
    assert (rows["difference"].dropna() > 0).all() and rows.loc["apart", "better"] == 0
    assert tasks.loc[("all", "code"), "model"] == "prose|code" and tasks.loc[("apart", "code"), "model"] == "code"
