"""``budget grow``."""

import json
from dataclasses import replace

import numpy as np
import pytest

from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests.commands.invoking import GROWTH, frame_of, refused, run
from tests.simulate import TRUTHS


def test_grow(curves):
    frame = frame_of(run("grow", curves, "--budget", "1e21"))
    assert list(frame.columns) == GROWTH
    for _, rows in frame.groupby("task"):
        assert (np.diff(rows["predicted"]) > 0).all()
    assert json.loads(run("grow", curves, "--budget", "1e21", "--json").stdout)["tasks"] == list(TRUTHS)


def test_grow_ends_with_what_breadth_costs(curves, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,target\nprose,2.5\ncode,1.5\nmaths,0.1\n")
    result = run("grow", curves, "--budget", "1e21", "--tasks", tmp_path / "tasks.csv", "--order", "greedy")
    assert list(frame_of(result).columns) == GROWTH
    for said in ("as the number of tasks to the power 0.", "at most 2 (prose, code)", "keeps its value at"):
        assert said in result.stderr
    assert "No spend meets the target of maths" in result.stderr
    record = json.loads(run("grow", curves, "--budget", "1e21", "--json", "--today", 2).stdout)
    assert {"sizes", "decline", "targets", "unchanged"} <= set(record) and record["unchanged"]["today"] == 2


def test_grow_over_random_orders(curves):
    arguments = ("grow", curves, "--budget", "1e21", "--order", "random", "--orders", 5, "--seed", 1)
    frame = frame_of(run(*arguments))
    assert list(frame.columns) == [*GROWTH, "spend_low", "spend_high", "orders", "basis"]
    assert set(frame["basis"]) == {"mean of 5 random orders"}
    assert run(*arguments).stdout == run(*arguments).stdout
    assert json.loads(run(*arguments, "--json").stdout)["seed"] == 1
    assert run("grow", curves, "--budget", "1e21", "--orders", 5).exit_code == 2
    assert "Today's number of tasks is 9" in refused("grow", curves, "--budget", "1e21", "--today", 9)


@pytest.fixture
def several(tmp_path, noisy_curves):
    """Curves files of specialists, and of one model for several of their tasks."""
    from tests.studies.made_sets import shared_models

    models = shared_models(tuple(TRUTHS), alike=True, draws=40, phi=0.11, psi=-0.04)
    metric = noisy_curves.metric
    for name, curves in (("s", noisy_curves), ("g", models), ("moe", replace(models, strategy=""))):
        (tmp_path / f"{name}.json").write_text(json_text(record_of(replace(curves, metric=metric))))
    return tmp_path


def test_grow_of_the_law_of_several_tasks_ends_with_what_twice_the_tasks_cost(tmp_path):
    from tests.studies.growth.test_iso_performance import shared
    from tests.studies.made_sets import shared_models

    models, (alpha, beta) = shared_models(("a",)), (0.453, 0.147)
    theta = shared().parameters
    assert (theta[0, 2], theta[0, 4]) == (alpha, beta)
    (tmp_path / "shared.json").write_text(json_text(record_of(replace(models, parameters=theta))))
    result = run("grow", tmp_path / "shared.json", "--budget", "1e21")
    assert list(frame_of(result).columns) == GROWTH and frame_of(result)["strategy"].tolist() == ["generalist"]
    record = json.loads(run("grow", tmp_path / "shared.json", "--budget", "1e21", "--json").stdout)
    row = record["strategies"][0]["unchanged"]["rows"][0]
    assert (round(row["params"], 2), round(row["tokens"], 2)) == (1.18, 1.66)
    assert "One model for 2 times the tasks" in result.stderr


def test_grow_of_several_strategies(several):
    paths = (several / "s.json", several / "g.json", several / "moe.json")
    result = run("grow", *paths, "--budget", "1e21")
    frame = frame_of(result)
    assert list(frame.columns) == GROWTH
    assert frame["strategy"].unique().tolist() == ["specialists", "generalist", "moe"] and len(frame) == 18
    assert set(frame.loc[frame["strategy"] != "specialists", "spend"]) == {1e21}
    for said in (
        "By number of tasks, the best weighted mean at 1.00e21 FLOPs: ",
        "to the power ",
        "With 3 tasks in one model by generalist, the median task loses",
        "By moe, one model for 2 times the tasks keeps its losses at",
        "By generalist, measured on models of 2 to 4 tasks, its powers of the number of tasks are extrapolated below 2",
        "No task states a target",
    ):
        assert said in result.stderr
    record = json.loads(run("grow", *paths, "--budget", "1e21", "--json").stdout)
    assert [each["strategy"] for each in record["strategies"]] == ["specialists", "generalist", "moe"]
    assert len(record["parts"]) == 6 and len(record["rows"]) == 18


def test_grow_of_several_strategies_with_wishes_and_random_orders(several):
    (several / "tasks.csv").write_text("task,weight,target\nprose,3,2.6\ncode,1,1.9\nmaths,1,9\n")
    arguments = ("grow", several / "g.json", several / "s.json", "--budget", "1e21", "--tasks", several / "tasks.csv")
    result = run(*arguments, "--order", "random", "--seed", 2)
    assert list(frame_of(result).columns) == [*GROWTH, "spend_low", "spend_high", "orders", "basis"]
    assert "keep all stated targets of the first tasks up to" in result.stderr and "on average." in result.stderr
    assert "Over orders: mean of all orders." in result.stderr
    progress = (several / "tasks.csv").write_text("task,unserved\nprose,9\ncode,9\nmaths,9\n")
    assert progress
    told = run(*arguments, "--measure", "progress").stderr
    assert "of the way from unserved to best by dilution" in told


@pytest.mark.parametrize(
    ("names", "options", "sentence"),
    [
        (("s", "s"), (), "is given twice; give one curves file for each strategy"),
        (("g", "s", "g"), (), "is given twice; give one curves file for each strategy"),
        (("g", "moe"), ("--today", 2), "give their curves too, or leave out --today"),
        (("s", "g"), ("--today", 9), "Today's number of tasks is 9"),
        (("s", "g"), ("--measure", "progress"), "fill column 'unserved' of the tasks file"),
        (("s", "g"), ("--unit", "x"), "use --unit flops or --unit tokens"),
        (("s", "g"), ("--column", "task=name"), "give that with --tasks"),
    ],
)
def test_strategies_that_do_not_go_together_are_refused(several, names, options, sentence):
    paths = (several / f"{name}.json" for name in names)
    assert sentence in refused("grow", *paths, "--budget", "1e21", *options)


def test_grow_without_curves_is_wrong_usage():
    assert run("grow", "--budget", "1e21").exit_code == 2


@pytest.fixture
def six(tmp_path):
    """A curves file of six tasks, and their targets."""
    from tests.studies.made_sets import different

    (tmp_path / "six.json").write_text(json_text(record_of(different(6, draws=20))))
    (tmp_path / "tasks.csv").write_text("task,target\n" + "".join(f"t{i},2.6\n" for i in range(6)))
    return tmp_path / "six.json", "--tasks", tmp_path / "tasks.csv", "--budget", "1e21"


def test_grow_beyond_the_tasks_given(six):
    plain = run("grow", *six)
    assert "Beyond the 6 tasks given" in plain.stderr and "exchangeable tasks" in plain.stderr
    assert len(frame_of(plain)) == 21
    asked = run("grow", *six, "--beyond", "40, 12", "--seed", 3)
    frame = frame_of(asked)
    assert list(frame.columns) == GROWTH and len(frame) == 23
    beyond = frame[frame["order"] == "beyond"]
    assert beyond["n_tasks"].tolist() == [12, 40] and set(beyond["task"]) == {"average task"}
    np.testing.assert_allclose(beyond["spend"] * beyond["n_tasks"], 1e21)
    assert (beyond["low"] <= beyond["high"]).all() and set(beyond["target_met"]) <= {True, False}
    record = json.loads(run("grow", *six, "--beyond", "40,12", "--seed", 3, "--json").stdout)["beyond"]
    assert [row["n_tasks"] for row in record["rows"]] == [6, 12, 40] and record["seed"] == 3
    assert [row["value"] for row in record["rows"][1:]] == pytest.approx(beyond["predicted"].tolist())
    assert set(record["falls_at"]) == {"point", "low", "high"} and record["halves_at"] is None
    mixed = frame_of(run("grow", *six, "--beyond", "12", "--order", "random", "--orders", 3))
    assert mixed["target_met"].between(0, 1).all() and mixed["order"].tolist()[-1] == "beyond"
    assert run("grow", *six, "--beyond", "40,12", "--seed", 3).stdout == asked.stdout


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ("6", "6 is no more than the 6 tasks given"),
        ("12.5", "12.5 of --beyond is no number of tasks; give whole numbers"),
        ("many", "A number of --beyond is 'many', which is not a number"),
    ],
)
def test_numbers_of_tasks_that_are_none_are_refused(six, numbers, sentence):
    assert sentence in refused("grow", *six, "--beyond", numbers)


def test_few_tasks_or_no_specialists_tell_nothing_beyond_them(curves, several):
    assert "Of more tasks than the 3 given nothing is said" in run("grow", curves, "--budget", "1e21").stderr
    assert "more tasks than the 3 given" in refused("grow", curves, "--budget", "1e21", "--beyond", "9")
    pair = (several / "g.json", several / "s.json", "--budget", "1e21")
    assert "By specialists, of more tasks than the 3 given nothing is said" in run("grow", *pair).stderr
    shared = (several / "g.json", "--budget", "1e21", "--beyond", "9")
    assert "followed among specialists; give their curves too" in refused("grow", *shared)
