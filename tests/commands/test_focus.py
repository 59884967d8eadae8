"""The focus command, and files of several strategies given to the other commands: columns, JSON, exit codes."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.commands.invoking import frame_of, refused, run
from tests.simulate import TRUTHS, grid

COLUMNS = [
    "budget", "n_tasks", "tasks", "strategy", "objective", "low", "high", "targets_met", "wins", "best", "beyond",
    "status",
]  # fmt: skip
TASKS = ("prose", "code")
FAST = ("--draws", 9, "--law", "chinchilla")
"""Runs that follow a law exactly, fitted by it: numbers that are known."""
NAMES = ["specialists", "generalist", "specialists, equal split"]


def table(strategies=("specialist", "generalist"), tasks=TASKS) -> pd.DataFrame:
    """Runs of each strategy; a generalist's floors lie .3 higher."""
    params, tokens = grid(4, 4)
    frames = []
    for strategy in strategies:
        for task in tasks:
            truth = TRUTHS[task]
            truth = truth if strategy == "specialist" else replace(truth, E=truth.E + 0.3)
            own = task if strategy == "specialist" else ""
            frames.append(
                pd.DataFrame(
                    {
                        "task": task,
                        "run": [f"{strategy}{own}{cell}" for cell in range(len(params))],
                        "strategy": strategy,
                        "params": params,
                        "tokens": tokens,
                        "value": truth.value(params, tokens),
                    }
                )
            )
    return pd.concat(frames)


def flat(frame):
    """The same runs with generalists that learn nothing."""
    return frame.assign(value=frame["value"].where(frame["strategy"] != "generalist", 2.0))


def written(tmp_path, frame):
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def runs(tmp_path):
    return written(tmp_path, table())


def test_focus_prints_every_strategy_at_every_budget(runs, tmp_path):
    arguments = ("focus", runs, *FAST, "--budget", 1e21, "--budget", "1e20")
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    frame = frame_of(result)
    assert list(frame.columns) == COLUMNS
    assert frame["budget"].tolist() == [1e20] * 3 + [1e21] * 3 and frame["strategy"].tolist() == NAMES * 2
    assert set(frame["n_tasks"]) == {2} and set(frame["tasks"]) == {"prose|code"}
    assert frame["best"].tolist() == [True, False, False] * 2 and frame["targets_met"].isna().all()
    np.testing.assert_allclose(frame.groupby("budget")["wins"].sum(), 1)
    rounding = 1e-9 * frame["objective"]  # these runs lie on their curves, so draws differ from the point by rounding
    assert (frame["low"] <= frame["objective"] + rounding).all()
    assert (frame["objective"] <= frame["high"] + rounding).all()
    assert (frame["beyond"] >= 1).all() and set(frame["status"]) <= {"measured range", "extrapolated"}
    assert "6·params·tokens is taken" in result.stderr and "Compared at equal total budget: 1 set" in result.stderr
    again = run(*arguments, "--out", tmp_path / "focus.csv")
    assert again.stdout == "" and (tmp_path / "focus.csv").read_text() == result.stdout


def test_focus_as_json_has_the_table_and_the_studies(runs):
    result = run("focus", runs, *FAST, "--json")
    record = json.loads(result.stdout)
    assert set(record) == {
        "schema",
        "warnings", "unit", "measure", "metric", "budgets", "sets", "left_out", "crossovers", "trends", "breadth",
        "breadth_laws", "leaders",
        "strictness", "dilution", "partitions", "subsets", "alone", "targets", "breadth_checks", "rows",
    }  # fmt: skip
    assert (record["unit"], record["measure"], record["sets"]) == ("flops", "value", [list(TASKS)])
    assert len(record["budgets"]) == 13 and len(record["rows"]) == 3 * 13 and list(record["rows"][0]) == COLUMNS
    assert record["rows"][0]["targets_met"] is None and record["trends"][0]["verdict"] in ("grows", "shrinks")
    assert {"share", "served", "focused", "strategies"} <= set(record["strictness"][0])


def test_a_token_budget_takes_the_size_of_the_models(runs):
    arguments = ("focus", runs, *FAST, "--budget", 1e11, "--unit", "tokens")
    assert "give --params N" in refused(*arguments)
    result = run(*arguments, "--params", 1e9, "--json")
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    assert record["unit"] == "tokens" and record["breadth_checks"]["budget"] == 1e11
    shared = next(row for row in record["rows"] if row["strategy"] == "generalist")
    expected = np.mean([TRUTHS[task].value(1e9, 1e11) + 0.3 for task in TASKS])
    np.testing.assert_allclose(shared["objective"], expected, rtol=1e-3)
    assert "--params fixes the size for a token budget" in refused("focus", runs, *FAST, "--params", 1e9)


def test_an_unserved_value_makes_focus_a_strategy(runs, tmp_path):
    """At a small budget one task well served is better than both badly; a missing value is asked for by its column."""
    (tmp_path / "tasks.csv").write_text("task,unserved\nprose,4\ncode,4\n")
    result = run("focus", runs, *FAST, "--budget", 1e15, "--budget", 1e22, "--tasks", tmp_path / "tasks.csv",
                 "--reach", "inf")  # fmt: skip
    frame = frame_of(result)
    rows = frame[frame["strategy"] == "subset"].set_index("budget")
    assert rows["best"].tolist() == [True, False] and rows["wins"].tolist() == [1, 0]
    assert frame.loc[frame["strategy"] == NAMES[2], "wins"].isna().all()
    assert "fill column 'unserved' of the tasks file for prose, code." in run("focus", runs, *FAST).stderr


def test_wishes_count(runs, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,weight,target\nprose,3,2.6\ncode,1,0.1\n")
    frame = frame_of(run("focus", runs, *FAST, "--budget", 1e21, "--tasks", tmp_path / "tasks.csv"))
    even = frame_of(run("focus", runs, *FAST, "--budget", 1e21))
    assert frame["targets_met"].tolist() == [1, 0, 1] and frame["objective"][0] > even["objective"][0] + 0.1


def test_an_assumed_strategy_is_marked_wherever_it_appears(runs):
    arguments = ("focus", runs, *FAST, "--budget", 1e20, "--assume", "atlas")
    result = run(*arguments)
    name = "generalist (assumed: atlas)"
    assert frame_of(result)["strategy"].tolist() == [*NAMES[:2], name, NAMES[2]]
    assert f"Strategy '{name}' was not measured: phi 0.11 and psi -0.04 as published." in result.stderr
    record = json.loads(run(*arguments, "--json").stdout)
    assert name in [row["strategy"] for row in record["rows"]] and name in " ".join(record["left_out"])


def test_runs_of_one_strategy_are_refused_before_a_curve_is_fitted(tmp_path, monkeypatch):
    monkeypatch.setattr("budget.commands.running.fitting.fit_strategies", None)  # nobody may call it
    for strategy, offered in (("specialist", True), ("generalist", False)):
        said = refused("focus", written(tmp_path, table((strategy,))), *FAST)
        assert f"(measured: {'specialists' if offered else strategy}). Measure a set both alone and shared" in said
        assert ("--assume atlas" in said) == offered


def test_specialists_alone_can_be_held_against_an_assumed_generalist(tmp_path):
    result = run("focus", written(tmp_path, table(("specialist",))), *FAST, "--budget", 1e20, "--assume", "atlas")
    assert result.exit_code == 0
    assert frame_of(result)["strategy"].tolist() == [NAMES[0], "generalist (assumed: atlas)", NAMES[2]]


@pytest.mark.parametrize(
    ("frame", "arguments", "sentence"),
    [
        (table(("specialist",)), (), "There is nothing to compare: no set of tasks has two strategies with curves"),
        (table(("generalist",)), (), "There is nothing to compare"),
        (table(tasks=TASKS[:1]), (), "Strategy 'generalist' on prose is left out: its runs serve one task; give"),
        (flat(table()), (), "Strategy 'generalist' on prose, code is left out: no_signal on 2 of 2 tasks. Measure"),
        (table(("specialist",), TASKS[:1]), ("--assume", "atlas"), "needs those of at least two tasks"),
        (table(), ("--budget", 0), "A budget is not a positive number"),
        (table(), ("--budget", 1e20, "--budget", -1), "A budget is not a positive number"),
        (table(), ("--budget", "lots"), "'lots', which is not a number"),
        (table(), ("--measure", "progress"), "fill column 'unserved' of the tasks file for prose, code"),
        (table(), ("--law", "power", "--scale", "flops", "--assume", "atlas"), "curves of law chinchilla"),
        (table(), ("--law", "power", "--scale", "flops", "--unit", "tokens"), "use --unit flops"),
        (table().assign(model_tasks="prose"), (), "row 18, column 'model_tasks': 'prose' does not name"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_and_old_results_kept(tmp_path, frame, arguments, sentence):
    out = tmp_path / "old"
    out.write_text("kept")
    assert sentence in refused("focus", written(tmp_path, frame), "--draws", 0, "--out", out, *arguments)
    assert out.read_text() == "kept"


@pytest.mark.parametrize("law", ["shared", "transfer"])
def test_laws_of_one_model_compare_no_strategies(runs, law):
    sentence = refused("focus", runs, "--draws", 0, "--law", law)
    assert "Traceback" not in sentence


SAID = "the curves are the specialists' (32 rows), and the 32 rows of generalist are left to 'budget focus'"


def test_the_other_commands_use_the_specialists_of_several_strategies_and_say_so(runs, tmp_path):
    check = run("check", runs)
    assert check.exit_code == 0 and SAID in check.stderr and frame_of(check)["task"].tolist() == [*TASKS, "(file)"]
    fit = run("fit", runs, "--draws", 0, "--law", "chinchilla")
    assert fit.exit_code == 0 and SAID in fit.stderr and frame_of(fit)["runs"].tolist() == [16, 16]
    np.testing.assert_allclose(frame_of(fit)["E"], [TRUTHS[task].E for task in TASKS], rtol=1e-3)
    plan = run("plan", runs, "--budget", 1e21, "--out", tmp_path / "plan", "--draws", 0)
    assert plan.exit_code == 0 and SAID in plan.stderr
    allocation = pd.read_csv(tmp_path / "plan" / "allocation.csv")
    assert set(allocation["strategy"]) == {"specialists"} and allocation["task"].tolist() == list(TASKS)
    assert SAID not in run("fit", runs, "--draws", 0, "--where", "strategy=generalist").stderr
