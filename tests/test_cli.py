"""The command line: columns and exit codes are a promise to scripts."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from budget.curves.laws.table import LAWS
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from cli import main
from tests.simulate import TRUTHS, table

ALLOCATION = [
    "task", "strategy", "spend", "spend_low", "spend_high", "params", "tokens", "predicted", "low", "high",
    "marginal", "binding", "extrapolation", "status", "params_low", "params_high", "tokens_low", "tokens_high",
]  # fmt: skip
GROWTH = ["order", "n_tasks", "task", "strategy", "spend", "predicted", "low", "high", "target_met"]


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def refused(*arguments: object) -> str:
    """The sentence of a command that must exit with 1 and print nothing else."""
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    sentence = result.stderr.strip().splitlines()[-1]
    assert sentence.startswith("Error: ")
    return sentence


@pytest.fixture
def runs(tmp_path):
    path = tmp_path / "runs.csv"
    table(TRUTHS, noise=0.01).to_csv(path, index=False)
    return path


@pytest.fixture
def curves(tmp_path, noisy_curves):
    path = tmp_path / "curves.json"
    path.write_text(json_text(record_of(noisy_curves)))
    return path


def frame_of(result: Result) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(result.stdout))


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0 and f"Example: budget {command}" in result.output


def test_law_choices_are_the_table_of_laws():
    option = next(param for param in main.commands["fit"].params if param.name == "law")
    assert list(option.type.choices) == list(LAWS)


@pytest.mark.parametrize(
    "arguments", [("plan",), ("fit", "runs.csv", "--law", "cubic"), ("allocate", "c.json"), ("no",)]
)
def test_wrong_usage_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


def test_check(runs, tmp_path):
    result = run("check", runs)
    assert result.exit_code == 0
    frame = frame_of(result)
    assert list(frame.columns) == ["task", "verdict", "finding", "advice"]
    assert frame["task"].tolist() == [*TRUTHS, "(file)"] and set(frame["verdict"]) == {"PASS"}
    assert {entry["verdict"] for entry in json.loads(run("check", runs, "--json").stdout)} == {"PASS"}
    assert run("check", runs, "--out", tmp_path / "check.csv").stdout == ""
    assert (tmp_path / "check.csv").read_text() == result.stdout


def test_fit_writes_curves_that_the_other_commands_read(runs, tmp_path):
    result = run("fit", runs, "--out", tmp_path / "c.json", "--draws", 10, "--seed", 4)
    assert result.exit_code == 0, result.output
    assert "Cost law: 6·N·D" in result.stderr
    frame = frame_of(result)
    assert frame["task"].tolist() == list(TRUTHS) and set(frame["law"]) == {"chinchilla"}
    assert {"E", "E_low", "E_high", "alpha", "beta_high", "error", "status", "message"} <= set(frame.columns)
    record = json.loads((tmp_path / "c.json").read_text())
    assert record["seed"] == 4 and record["draws"] == 10 and len(record["sha256"]) == 64
    assert "Huber" in record["estimator"]
    assert run("allocate", tmp_path / "c.json", "--budget", 1e21).exit_code == 0
    assert json.loads(run("fit", runs, "--draws", 10, "--seed", 4, "--json").stdout)["tasks"] == record["tasks"]


def test_fit_names_what_it_leaves_out_and_fails_only_when_nothing_is_left(tmp_path):
    frame = table(TRUTHS, noise=0.01)
    frame.loc[frame["task"] == "code", "value"] = 2.0
    frame = pd.concat([frame[frame["task"] != "maths"], frame[frame["task"] == "maths"].head(3)])
    path = tmp_path / "runs.csv"
    frame.to_csv(path, index=False)
    result = run("fit", path, "--out", tmp_path / "c.json", "--draws", 0)
    assert result.exit_code == 0
    assert "Task 'code' is left out (no_signal)" in result.stderr
    assert "Task 'maths' is left out (too_few_runs)" in result.stderr
    assert frame_of(result)["status"].tolist() == ["ok", "no_signal", "too_few_runs"]
    assert "no task has a curve" in run("fit", path, "--where", "task=maths", "--draws", 0).stderr
    assert run("fit", path, "--where", "task=maths", "--draws", 0).exit_code == 1


def test_predict(curves, tmp_path):
    (tmp_path / "points.csv").write_text("task,params,tokens,note\nprose,1e9,1e10,x\ncode,1e9,1e10,y\n")
    frame = frame_of(run("predict", curves, "--at", tmp_path / "points.csv"))
    assert list(frame.columns) == ["task", "params", "tokens", "note", "predicted", "low", "high"]
    assert frame["note"].tolist() == ["x", "y"]
    np.testing.assert_allclose(frame["predicted"], [TRUTHS[task].value(1e9, 1e10) for task in frame["task"]], rtol=0.02)
    rows = json.loads(run("predict", curves, "--at", tmp_path / "points.csv", "--json").stdout)
    assert rows[0]["task"] == "prose" and rows[0]["predicted"] == frame["predicted"][0]


def test_allocate(curves, tmp_path):
    result = run("allocate", curves, "--budget", "1e21")
    assert result.exit_code == 0
    frame = frame_of(result)
    assert list(frame.columns) == ALLOCATION
    np.testing.assert_allclose(frame["spend"].sum(), 1e21, rtol=1e-9)
    assert "Uniform" in result.stderr or "uniform" in result.stderr
    record = json.loads(run("allocate", curves, "--budget", "1e21", "--json").stdout)
    assert {
        "objective", "bound", "gap", "shadow_price", "solver", "status", "baselines", "hypothetical", "tasks",
    } <= set(record)  # fmt: skip
    assert record["gap"] >= 0 and record["status"] == "optimal" and record["baselines"][0]["name"] == "uniform"
    again = run("allocate", curves, "--budget", "1e21", "--out", tmp_path / "allocation.csv")
    assert again.stdout == "" and (tmp_path / "allocation.csv").read_text() == result.stdout


def test_allocate_with_wishes_and_tokens(curves, tmp_path):
    (tmp_path / "tasks.csv").write_text("task,weight,max\nprose,5,2e9\ncode,1,\nmaths,1,\n")
    arguments = ("--tasks", tmp_path / "tasks.csv", "--unit", "tokens", "--params", "1e8", "--budget", "1e10")
    frame = frame_of(run("allocate", curves, *arguments)).set_index("task")
    np.testing.assert_allclose(frame.loc["prose", "spend"], 2e9, rtol=1e-6)
    assert frame.loc["prose", "binding"] == "max"
    np.testing.assert_allclose(frame["tokens"], frame["spend"])


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


def test_plan_writes_the_report(runs, tmp_path):
    out = tmp_path / "plan"
    result = run("plan", runs, "--budget", "1e21", "--out", out, "--draws", 20)
    assert result.exit_code == 0, result.output
    names = {path.name for path in out.iterdir()}
    assert {
        "report.html",
        "report.md",
        "plan.json",
        "allocation.csv",
        "growth.csv",
        "check.csv",
        "curves.json",
    } <= names
    assert list(pd.read_csv(out / "allocation.csv").columns) == ALLOCATION
    assert list(pd.read_csv(out / "growth.csv").columns) == GROWTH
    record = json.loads((out / "plan.json").read_text())
    assert record["inputs"]["runs"]["name"] == "runs.csv" and len(record["inputs"]["runs"]["sha256"]) == 64
    assert run("allocate", out / "curves.json", "--budget", 1e21).exit_code == 0


BAD_RUNS = {
    "missing": (None, "no such file"),
    "empty": ("", "the file is empty"),
    "no value": ("task,params,tokens\na,1,1\n", "column 'value' is missing"),
    "text": ("task,params,tokens,value\na,1e6,many,1\n", "row 2, column 'tokens': 'many'"),
    "nan": ("task,params,tokens,value\na,1e6,nan,1\n", "row 2, column 'tokens': 'nan'"),
    "negative": ("task,params,tokens,value\na,-1e6,1e8,1\n", "row 2, column 'params': '-1e6'"),
    "two metrics": ("task,x,value,metric\na,1,2,u\na,2,1,w\n", "row 3, column 'metric'"),
}


@pytest.mark.parametrize("command", ["check", "fit", "plan"])
@pytest.mark.parametrize("mistake", BAD_RUNS)
def test_bad_runs_are_refused_and_old_results_kept(command, mistake, tmp_path):
    text, sentence = BAD_RUNS[mistake]
    path = tmp_path / "runs.csv"
    if text is not None:
        path.write_text(text)
    out = tmp_path / "old"
    if command == "plan":
        out.mkdir()
        (out / "report.html").write_text("kept")
    else:
        out.write_text("kept")
    budget = ("--budget", "1e21") if command == "plan" else ()
    assert sentence in refused(command, path, "--out", out, *budget)
    assert (out / "report.html" if command == "plan" else out).read_text() == "kept"


@pytest.mark.parametrize(
    ("budget", "sentence"),
    [("0", "budget is 0"), ("-5", "budget is -5"), ("lots", "'lots', which is not a number"), ("nan", "not a number")],
)
@pytest.mark.parametrize("command", ["allocate", "grow", "plan"])
def test_bad_budgets_are_refused_and_old_results_kept(command, budget, sentence, runs, curves, tmp_path):
    out = tmp_path / "old"
    out.mkdir() if command == "plan" else out.write_text("kept")
    source = runs if command == "plan" else curves
    fast = ("--draws", 0) if command == "plan" else ()
    assert sentence in refused(command, source, "--budget", budget, "--out", out, *fast)
    assert list(out.iterdir()) == [] if command == "plan" else out.read_text() == "kept"


def test_limits_and_unknown_tasks_are_refused(curves, tmp_path):
    task_settings = tmp_path / "tasks.csv"
    task_settings.write_text("task,min\nprose,9e20\ncode,9e20\n")
    assert "sum to 1.8e+21 flops, above the budget" in refused(
        "allocate", curves, "--budget", 1e21, "--tasks", task_settings
    )
    task_settings.write_text("task,weight\npoetry,1\n")
    for command in ("allocate", "grow"):
        sentence = refused(command, curves, "--budget", 1e21, "--tasks", task_settings)
        assert "row 2, column 'task': 'poetry' is not among the measured tasks" in sentence
    assert "no such file" in refused("allocate", tmp_path / "none.json", "--budget", 1)
    assert "not a curves file" in refused("predict", task_settings, "--at", task_settings)


def test_measure_refuses_a_bad_plan(tmp_path):
    (tmp_path / "plan.csv").write_text("task,width,layers,tokens,seed\nnothing,16,1,32000,0\n")
    assert "row 2, column 'task'" in refused("measure", tmp_path / "plan.csv", "--out", tmp_path / "runs.csv")
    assert not (tmp_path / "runs.csv").exists()


def test_choices_are_the_tables_of_the_package():
    from budget.allocation.spec.measure import MEASURES
    from budget.allocation.spec.objectives import OBJECTIVES
    from budget.allocation.spec.plan_spec import STRATEGIES
    from budget.allocation.spec.resources import UNITS
    from budget.allocation.spec.risks import RISKS
    from budget.studies.growth.task_orders import ORDERS, SEQUENCES
    from budget.tables.runs import SCALES

    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["plan"].params}
    assert (*choices["unit"], "money") == UNITS and choices["strategy"] == STRATEGIES
    assert choices["order"] == SEQUENCES and choices["scale"] == SCALES
    orders = next(param.type for param in main.commands["grow"].params if param.name == "order")
    assert tuple(orders.choices) == ORDERS
    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["allocate"].params}
    assert choices["unit"] == UNITS and choices["strategy"] == STRATEGIES
    assert choices["objective"] == tuple(OBJECTIVES) and choices["measure"] == tuple(MEASURES)
    assert choices["risk"] == tuple(RISKS)


def test_columns_that_do_not_exist_are_refused(runs):
    assert "'vlaue' is no canonical column" in refused("fit", runs, "--column", "vlaue=value")
    assert "names one canonical column twice" in refused("fit", runs, "--column", "value=a", "--column", "value=b")


def test_a_column_option_without_its_file_is_refused(curves):
    assert "give that with --tasks" in refused("allocate", curves, "--budget", 1e21, "--column", "task=Task")


def test_one_column_option_serves_the_tasks_file_too(curves, tmp_path):
    (tmp_path / "tasks.csv").write_text("Task,Weight\nprose,5\ncode,1\nmaths,1\n")
    mapping = ("--column", "task=Task", "--column", "weight=Weight")
    result = run("allocate", curves, "--budget", 1e21, "--tasks", tmp_path / "tasks.csv", *mapping)
    assert result.exit_code == 0 and "not used" not in result.stderr
    assert frame_of(result)["spend"][0] > 0.45e21


def test_a_plan_leaves_no_file_of_an_earlier_one(runs, tmp_path):
    shared = tmp_path / "shared.csv"
    table(TRUTHS, noise=0.01, shared=True).to_csv(shared, index=False)
    for source, names in ((shared, True), (runs, False)):
        assert run("plan", source, "--budget", 1e21, "--out", tmp_path / "plan", "--draws", 0).exit_code == 0
        assert (tmp_path / "plan" / "allocation_specialists.csv").exists() is names


@pytest.mark.parametrize("limits", ["max\n1e19\n2e19\n3e19", "min,max\n1e19,1e19\n2e19,2e19\n3e19,3e19"])
def test_limits_that_fix_every_spend_still_make_a_report(runs, tmp_path, limits):
    head, *cells = limits.split("\n")
    rows = [f"{task},{cell}" for task, cell in zip(TRUTHS, cells, strict=True)]
    (tmp_path / "tasks.csv").write_text("\n".join([f"task,{head}", *rows]))
    arguments = ("--tasks", tmp_path / "tasks.csv", "--budget", 1e22, "--out", tmp_path / "plan", "--draws", 2)
    result = run("plan", runs, *arguments)
    assert result.exit_code == 0 and "stay unspent" in result.stderr


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
        (("--device", "cpu"), "Huber(delta=0.001)"),
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
    rows = json.loads(run(*arguments, "--json").stdout)
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


def test_the_interval_of_a_new_run_is_the_wider_one(curves, tmp_path):
    (tmp_path / "points.csv").write_text("task,params,tokens\nprose,1e9,1e10\ncode,1e9,1e10\n")
    mean, new = (
        frame_of(run("predict", curves, "--at", tmp_path / "points.csv", *each)) for each in ((), ("--new-run",))
    )
    np.testing.assert_array_equal(mean["predicted"], new["predicted"])
    assert (new["high"] - new["low"] > mean["high"] - mean["low"]).all()


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
