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


def test_a_split_that_is_scored_stands_beside_the_decision_over_all_strategies(home):
    (home / "thirds.csv").write_text("task,spend\nprose,3e21\ncode,3e21\nmaths,3e21\n")
    record, models, told = planned(home, "--evaluate", "thirds.csv", "--budget", 9e21)
    decision, shared, _ = planned(home, "--budget", 9e21)
    assert models is None and PAIR in shared
    reached, theirs = decision["recommendation"]["objective"], record["plan"]["objective"]
    assert reached < theirs
    assert f"{len(shared)} models, 1 of them shared, are predicted to reach {reached:.4g} where this split" in told
    assert f"where this split reaches {theirs:.4g}: {100 * (theirs - reached) / theirs:.2g} % better" in told
    assert "leave --strategy out" in refused(
        "plan", "runs.csv", "--budget", 9e21, "--evaluate", "thirds.csv", "--strategy", "moe", "--out", "none"
    )


QUESTIONS = {
    "worst": ("--objective", "worst", "--measure", "value"),
    "targets": ("--objective", "targets"),
    "targets by the point fit": ("--objective", "targets", "--risk", "point"),
    "cheapest": ("--objective", "cheapest", "--budget", None),
    "at least": ("--objective", "cheapest", "--at-least", 2, "--budget", None),
    "risk mean": ("--risk", "mean"),
    "cvar": ("--risk", "cvar", "--level", 0.5, "--reference", "uniform", "--at-risk", 0.01),
    "quantile": ("--risk", "quantile", "--level", 0.5, "--reference", "uniform", "--at-risk", 0.01),
    "limit": ("--limit", "tokens=1e11"),
    "limits": ("--limits", "limits.csv"),
    "sizes": ("--sizes", "1e8,1e9,1e10"),
    "unserved": ("--allow-unserved",),
    "add": ("--add", 2e21, "--budget", None),
}
"""What is more than the best weighted mean by the point fit within one budget."""

SHARING_HELPS = set(QUESTIONS) - {"worst"}
LONG = {"worst", "targets"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in QUESTIONS]
)
def test_tasks_share_models_under_every_question(home, name):
    """The decision is no worse than one model for each, and the headline, tables, file and scenario say the same."""
    words = list(QUESTIONS[name])
    (home / "tasks.csv").write_text(
        "task,current,unserved,target,group\nprose,1e21,9,2.1,words\ncode,2e21,9,1.05,words\nmaths,3e21,9,2.0,\n"
    )
    (home / "limits.csv").write_text("limit,group,unit,max\nwords,words,,3e21\n")
    if "--budget" in words:
        at = words.index("--budget")
        del words[at : at + 2]
    else:
        words += ["--budget", 1e22]
    result = run("plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", "plan", *words)
    assert result.exit_code == 0, result.output
    record = json.loads((home / "plan" / "plan.json").read_text())
    decision, unit = record["recommendation"], record["plan"]["unit"]
    assert "Shared models are left out" not in result.stderr and decision is not None
    models = {tuple(each["tasks"]): each for each in decision["models"]}
    apart = next(each for each in decision["rivals"] if each["name"] == SPECIALISTS)
    assert decision["objective"] <= apart["objective"] * (1 + 1e-9) + 1e-12
    assert decision["bound"] is None or decision["bound"] <= decision["chosen_objective"] + 1e-12
    if name in SHARING_HELPS:
        assert models[PAIR]["strategy"] == "moe" and decision["objective"] < apart["objective"]
        told = (home / "plan" / "report.md").read_text()
        said = "prose and code share one with experts"
        if name == "at least":  # two targets are asked for, so that the third task goes without
            said = "Train one model with experts for 2 tasks; nothing for maths."
        assert said in result.stderr + told.split("\n## ")[0]
    if name == "limits":
        assert models[PAIR]["spend"] <= 3e21 * (1 + 1e-6)
    if name == "limit":
        assert sum(each["inputs"]["tokens"] for each in models.values()) <= 1e11 * (1 + 1e-6)
    if name == "sizes":
        assert {f"{each['inputs']['params']:.6g}" for each in models.values()} <= {"1e+08", "1e+09", "1e+10"}
    if name == "add":  # what is spent on two tasks stays with the model that they share
        assert sum(each["spend"] for each in models.values()) == pytest.approx(8e21, rel=1e-6)
        assert models[PAIR]["spend"] >= 3e21 * (1 - 1e-9)
    table = pd.read_csv(home / "plan" / "models.csv")
    assert table["tasks"].tolist() == ["|".join(each["tasks"]) for each in decision["models"]] and unit == "flops"
    asked = {option.removeprefix("--"): given for option, given in zip(words[::2], words[1::2], strict=False)}
    if name == "unserved":
        asked = {"allow-unserved": "yes", "budget": 1e22}
    (home / "scenarios.csv").write_text(
        "name," + ",".join(asked) + "\nthis," + ",".join(f'"{each}"' for each in asked.values()) + "\n"
    )
    result = run(
        "plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", "both", "--scenarios", "scenarios.csv"
    )
    assert result.exit_code == 0, result.output
    row = pd.read_csv(home / "both" / "scenarios.csv").iloc[0]
    assert row["status"] == "ok" and row["models"] == sum(each["spend"] > 0 for each in models.values())
    if any(len(tasks) > 1 for tasks in models):
        assert abs(row["value"]) == pytest.approx(abs(decision["objective"]), rel=1e-9)


def test_shared_models_answer_where_one_for_each_cannot(home):
    """Two tasks' minima are one model's, and a shared model reaches targets below the floors of its tasks' own."""
    (home / "tasks.csv").write_text("task,min,unserved\nprose,6e21,9\ncode,6e21,9\nmaths,1e21,9\n")
    record, models, told = planned(home)
    spend = {tuple(each["tasks"]): each["spend"] for each in record["recommendation"]["models"]}
    assert models == {PAIR: "moe", ("maths",): SPECIALISTS} and sum(spend.values()) == pytest.approx(1e22, rel=1e-6)
    assert spend[PAIR] >= 6e21 * (1 - 1e-9) and spend[("maths",)] >= 1e21 * (1 - 1e-9)
    assert (
        "One model for each task cannot answer this, and stands beside the decision without the tasks' minima" in told
    )
    assert SPECIALISTS not in [each["name"] for each in record["recommendation"]["rivals"]]
    assert "--strategy" not in refused("plan", "runs.csv", "--budget", 1e22, "--tasks", "tasks.csv", "--out", "none",
                                       "--strategy", "specialists")  # fmt: skip
    targets = {name: 0.97 * TRUTHS[name].E for name in PAIR} | {"maths": 1.5 * TRUTHS["maths"].E}
    rows = "".join(f"{name},{targets[name]},9\n" for name in (*PAIR, "maths"))
    (home / "tasks.csv").write_text("task,target,unserved\n" + rows)
    words = ("--tasks", "tasks.csv", "--reach", "inf", "--out", "plan", "--objective", "cheapest")
    result = run("plan", "runs.csv", *words)
    assert result.exit_code == 0, result.output
    record = json.loads((home / "plan" / "plan.json").read_text())
    reached = record["recommendation"]["predicted"]
    assert all(reached[name] <= target * (1 + 1e-9) for name, target in targets.items())
    assert "cannot answer this, and stands beside the decision without 2 of its targets" in result.stderr


@pytest.mark.parametrize("spread", [0.001, 0.2])
def test_a_simple_split_is_preferred_to_sharing_only_where_the_draws_do_not_tell_them_apart(home, monkeypatch, spread):
    alone = made.chinchilla(draws=30, spread=spread)
    better = {name: replace(TRUTHS[name], E=0.9 * TRUTHS[name].E) for name in PAIR}
    pair = StrategyCurves("moe", made.one_model(made.chinchilla(better, draws=30, spread=spread)))
    with_known_curves(monkeypatch, home, alone, FittedStrategies(StrategyCurves(SPECIALISTS, alone), (pair,)))
    _, models, told = planned(home, "--prefer-simple", "--reference", "uniform")
    if spread > 0.1:
        assert models is None or not any(len(tasks) > 1 for tasks in models)
    else:
        assert models == {PAIR: "moe", ("maths",): SPECIALISTS} and "Shared models are left out" not in told


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


def test_quarters_add_to_what_the_quarter_before_spent(home):
    (home / "quarters.csv").write_text("name,budget,add,after\nq1,1e22,,\nq2,,5e21,q1\nq3,,5e21,q2\n")
    result = run(
        "plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", "plan", "--scenarios", "quarters.csv"
    )
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(home / "plan" / "scenarios.csv").set_index("scenario")
    assert (rows["status"] == "ok").all()
    assert rows["spent"].tolist() == pytest.approx([1e22, 1.5e22, 2e22], rel=1e-6)
    assert rows["value"].is_monotonic_decreasing or rows["value"].is_monotonic_increasing
    tasks = pd.read_csv(home / "plan" / "scenario_tasks.csv").set_index(["scenario", "task"])["spend"]
    for before, after in (("q1", "q2"), ("q2", "q3")):
        assert (tasks[after] >= tasks[before] * (1 - 1e-6)).all()
    again = (home / "plan" / "plan.toml").read_text()
    assert 'after = "q1"' in again
    (home / "wrong.csv").write_text("name,budget,add,after\nq1,1e22,,\nq2,,5e21,q9\n")
    said = refused("plan", "runs.csv", "--tasks", "tasks.csv", "--out", "none", "--scenarios", "wrong.csv")
    assert "after 'q9' is no earlier scenario" in said


def test_what_is_spent_already_is_of_one_unit(home):
    (home / "units.csv").write_text("name,budget,add,unit,after\nq1,1e22,,flops,\nq2,,1e11,tokens,q1\n")
    result = run(
        "plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", "plan", "--scenarios", "units.csv"
    )
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(home / "plan" / "scenarios.csv").set_index("scenario")
    assert rows.loc["q2", "status"].startswith("It comes after q1, which is planned in flops, and is in tokens itself")


def test_a_scenario_beside_shared_models_may_give_a_task_nothing(home):
    (home / "tasks.csv").write_text("task,unserved\nprose,9\ncode,9\nmaths,2.05\n")
    (home / "few.csv").write_text("name,budget,allow_unserved\nfew,1e22,yes\n")
    result = run(
        "plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", "plan", "--scenarios", "few.csv"
    )
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(home / "plan" / "scenario_tasks.csv").set_index("task")
    assert rows.loc["code", "model"] == "prose|code" and rows.loc["maths", "model"] == "maths"
    assert rows.loc["maths", "spend"] == 0
    assert "nothing for maths" in (home / "plan" / "report.md").read_text()
    assert "; given nothing" in (home / "plan" / "report.html").read_text()
    _, alone, _ = planned(home, "--allow-unserved", "--strategy", "specialists")
    assert alone is None and "; given nothing" in (home / "plan" / "report.html").read_text()
