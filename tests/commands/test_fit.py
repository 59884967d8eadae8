"""``budget fit``."""

import json

import numpy as np
import pandas as pd
import pytest

from budget.commands import main
from tests.commands.invoking import frame_of, refused, run
from tests.simulate import TRUTHS, table


def test_fit_writes_curves_that_the_other_commands_read(runs, tmp_path):
    result = run("fit", runs, "--out", tmp_path / "c.json", "--draws", 10, "--seed", 4)
    assert result.exit_code == 0, result.output
    assert "Cost law: 6·N·D" in result.stderr
    frame = frame_of(result)
    assert frame["task"].tolist() == list(TRUTHS) and set(frame["law"]) == {"surface"}
    assert {"E", "E_low", "E_high", "alpha", "beta_high", "error", "rhat", "status", "message"} <= set(frame.columns)
    record = json.loads((tmp_path / "c.json").read_text())
    assert record["seed"] == 4 and record["draws"] == 10 and len(record["sha256"]) == 64
    assert "posterior" in record["estimator"]
    assert run("allocate", tmp_path / "c.json", "--budget", 1e21).exit_code == 0
    assert json.loads(run("fit", runs, "--draws", 10, "--seed", 4, "--json").stdout)["tasks"] == record["tasks"]


def test_fit_names_what_it_leaves_out_and_fails_only_when_nothing_is_left(tmp_path):
    frame = table(TRUTHS, noise=0.01)
    frame.loc[frame["task"] == "code", "value"] = 2.0
    frame = pd.concat([frame[frame["task"] != "maths"], frame[frame["task"] == "maths"].head(3)])
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    by_search = ("--draws", 0, "--law", "chinchilla")
    result = run("fit", path, "--out", tmp_path / "c.json", *by_search)
    assert result.exit_code == 0
    assert "Task 'code' is left out (no_signal)" in result.stderr
    assert "Task 'maths' is left out (too_few_runs)" in result.stderr
    assert frame_of(result)["status"].tolist() == ["ok", "no_signal", "too_few_runs"]
    assert "no task has a curve" in run("fit", path, "--where", "task=maths", *by_search).stderr
    assert run("fit", path, "--where", "task=maths", *by_search).exit_code == 1


def test_three_runs_have_a_curve_by_default_and_it_says_what_it_rests_on(tmp_path):
    frame = table(TRUTHS, noise=0.01)
    path = tmp_path / "runs.csv"
    frame.groupby("task", sort=False).head(3).to_csv(path, index=False)
    result = run("fit", path, "--draws", 20)
    assert result.exit_code == 0 and set(frame_of(result)["status"]) <= {"prior_dominated", "unproven_trend"}
    assert "taken from how curves usually are" in run("fit", path, "--draws", 20, "--json").stdout


def test_columns_that_do_not_exist_are_refused(runs):
    assert "'vlaue' is no canonical column" in refused("fit", runs, "--column", "vlaue=value")
    assert "names one canonical column twice" in refused("fit", runs, "--column", "value=a", "--column", "value=b")


def test_curves_are_judged_where_that_is_asked_for(runs, tmp_path):
    plain = run("fit", runs, "--law", "power", "--draws", 10)
    assert "verdict" not in frame_of(plain).columns
    judged = run("fit", runs, "--law", "power", "--draws", 10, "--backtest", "--out", tmp_path / "c.json")
    assert judged.exit_code == 0, judged.output
    frame = frame_of(judged)
    assert set(frame["verdict"]) <= {"PASS", "REVIEW", "FAIL"}
    assert frame["judged"].str.contains("hidden runs up to").all()
    tasks = json.loads((tmp_path / "c.json").read_text())["tasks"]
    assert [(task["verdict"], task["judged"]) for task in tasks] == list(
        frame[["verdict", "judged"]].itertuples(index=False, name=None)
    )


def test_an_unwritable_cache_folder_is_no_news(runs, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    result = run("fit", runs, "--draws", 0)
    assert result.exit_code == 0 and "Warning" not in result.stderr


def test_estimator_choices_are_the_tables_of_the_package():
    from budget.curves.fitting.loss import LOSSES

    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["fit"].params}
    assert choices["loss"] == LOSSES and choices["residual"] == ("log", "raw")
    assert choices["device"] == ("cpu", "gpu", "tpu")


@pytest.mark.parametrize(
    ("arguments", "estimator"),
    [
        (("--loss", "huber", "--delta", "0.01"), "Huber(delta=0.01) on log residuals"),
        (("--loss", "lad"), "Least absolute deviations on log residuals"),
        (("--loss", "squares", "--residual", "raw"), "Least squares on residuals over the median value"),
        (("--loss", "asymmetric", "--quantile", "0.4", "--delta", "0.1"), "Quantile-Huber(q=0.4, delta=0.1)"),
        (("--fix", "alpha=0.34", "--fix", "E=0.5"), "with alpha = 0.34, E = 0.5"),
        (("--tie", "alpha=beta"), "with alpha = beta"),
        (("--device", "cpu", "--law", "chinchilla"), "Huber(delta=0.001)"),
        (("--device", "cpu"), "posterior draws"),
    ],
)
def test_fit_says_what_it_minimized(runs, arguments, estimator):
    record = json.loads(run("fit", runs, "--draws", 0, "--json", *arguments).stdout)
    assert estimator in record["estimator"]
    for task in record["tasks"]:
        if "--fix" in arguments:
            assert (task["parameters"]["alpha"], task["parameters"]["E"]) == pytest.approx((0.34, 0.5))
        if "--tie" in arguments:
            assert task["parameters"]["alpha"] == task["parameters"]["beta"]


def test_pooling_is_switched_on_and_off(tmp_path):
    from tests.curves.fitting.test_pooling import planted

    path = tmp_path / "runs.csv"
    planted(rich=4, poor=2)[0].to_csv(path, index=False)
    pooled = {
        option: frame_of(run("fit", path, "--law", "power", "--draws", 0, *option))["pooled"].tolist()
        for option in ((), ("--pool",), ("--no-pool",))
    }
    assert pooled == {(): [False] * 4 + [True] * 2, ("--pool",): [True] * 6, ("--no-pool",): [False] * 6}
    assert "Pooled: the exponents of poor4, poor5" in run("fit", path, "--law", "power", "--draws", 0).stderr


def test_sensitivity_is_printed_in_place_of_the_table_and_curves_are_written(runs, tmp_path):
    arguments = ("fit", runs, "--law", "power", "--draws", 10, "--sensitivity")
    result = run(*arguments, "--out", tmp_path / "c.json")
    frame = frame_of(result)
    assert list(frame.columns) == [
        "task", "variant", "E", "E_shift", "A", "A_shift", "a", "a_shift", "objective", "status",
    ]  # fmt: skip
    assert set(frame["task"]) == set(TRUTHS)
    assert {"as fitted", "loss lad", "loss squares", "loss asymmetric"} <= set(frame["variant"])
    assert len(json.loads((tmp_path / "c.json").read_text())["tasks"]) == 3
    rows = json.loads(run(*arguments, "--json").stdout)["rows"]
    assert [list(row) for row in rows] == [list(frame.columns)] * len(frame)
    assert "--draws 200" in refused(*arguments, "--draws", 0)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--loss", "squares", "--delta", "0.1"), "--delta is the corner of huber and asymmetric"),
        (("--loss", "huber", "--quantile", "0.3"), "--quantile is for --loss asymmetric"),
        (("--loss", "asymmetric", "--quantile", "2"), "--quantile is 2"),
        (("--delta", "0"), "--delta is 0"),
        (("--delta", "wide"), "--delta is 'wide', which is not a number"),
        (("--fix", "gamma=1"), "has no parameter 'gamma'"),
        (("--fix", "alpha=high"), "'high', which is not a number"),
        (("--fix", "alpha=9"), "alpha lies between"),
        (("--tie", "A=B"), "only exponents and other plain numbers"),
        (("--tie", "alpha"), "--tie alpha"),
        (("--fix", "alpha=0.3", "--tie", "alpha=beta"), "tied or fixed already"),
        (("--device", "tpu"), "tpu"),
        (("--law", "transfer"), "--mixtures CSV"),
        (("--law", "chinchilla", "--scale", "flops"), "--scale is for --law power"),
    ],
)
def test_options_that_do_not_go_together_are_refused(runs, tmp_path, arguments, sentence):
    out = tmp_path / "old"
    out.write_text("kept")
    assert sentence in refused("fit", runs, "--draws", 0, "--out", out, *arguments)
    assert out.read_text() == "kept"


def test_mixtures_go_with_the_law_of_transfer(tmp_path):
    from tests.curves.cases import SOURCES, planted

    runs, _ = planted("transfer", tasks=2, noise=0.005)
    names = [runs.run_names[each] for each in runs.run]
    path, mixtures = tmp_path / "runs.csv", tmp_path / "mixtures.csv"
    pd.DataFrame(
        {"task": [runs.tasks[task] for task in runs.task], "run": names, "value": runs.value, **runs.scale}
    ).to_csv(path, index=False)
    pd.concat(
        pd.DataFrame({"run": names, "source": source, "tokens": runs.mixture.tokens[:, position]})
        for position, source in enumerate(SOURCES)
    ).to_csv(mixtures, index=False)
    frame = frame_of(run("fit", path, "--law", "transfer", "--mixtures", mixtures, "--draws", 0))
    assert {f"tau_{source}" for source in SOURCES} <= set(frame.columns)
    np.testing.assert_array_equal([frame["tau_t0"][0], frame["tau_t1"][1]], 1.0)


def test_fixed_values_that_contradict_each_other_or_leave_nothing_are_refused(runs):
    assert "one parameter twice" in refused("fit", runs, "--fix", "alpha=0.3", "--fix", "alpha=0.5")
    everything = [part for name in ("E=1", "A=5", "alpha=.3", "B=5", "beta=.3") for part in ("--fix", name)]
    assert "nothing is left to fit" in refused("fit", runs, *everything)


def test_two_strategies_beside_the_specialists_are_refused_for_the_shared_law(tmp_path):
    frame = table(TRUTHS, noise=0.01).assign(n_tasks=1, strategy="specialist")
    more = [frame.assign(n_tasks=3, strategy=name, run=name + frame["run"]) for name in ("moe", "generalist")]
    pd.concat([frame, *more]).to_csv(tmp_path / "runs.csv", index=False)
    assert "phi and psi belong to one of them" in refused("fit", tmp_path / "runs.csv", "--law", "shared")
    one = ("--where", "strategy=moe", "--where", "strategy=specialist")
    assert run("fit", tmp_path / "runs.csv", "--law", "shared", "--draws", 0, *one).exit_code == 0
    frame.assign(n_tasks=0.5).to_csv(tmp_path / "half.csv", index=False)
    assert "a whole number of tasks is due" in refused("fit", tmp_path / "half.csv", "--law", "shared")


def test_pooling_that_cannot_be_done_is_said(runs):
    assert "Not pooled: fewer than 4 tasks" in run("fit", runs, "--pool", "--draws", 0).stderr


def test_mixtures_for_another_law_are_said(runs, tmp_path):
    names = pd.read_csv(runs)["run"]
    pd.DataFrame({"run": names, "source": "web", "tokens": 1e9}).to_csv(tmp_path / "mixtures.csv", index=False)
    result = run("fit", runs, "--mixtures", tmp_path / "mixtures.csv", "--draws", 0)
    assert result.exit_code == 0 and "reads no mixtures" in result.stderr
