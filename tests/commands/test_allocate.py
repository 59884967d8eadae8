"""``budget allocate``: every option through the command line, its columns, its JSON, its sentences."""

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import Result

from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.resources import UNITS
from budget.allocation.spec.risks import RISKS
from budget.commands import main
from budget.curves.records.writing import record_of
from budget.tables.files.text import json_text
from tests import made
from tests.commands.invoking import ALLOCATION, run
from tests.commands.invoking import refused as refused_by_command
from tests.simulate import LINKS, TRUTHS

TASKS = (
    "task,weight,target,min,max,current,unserved,unit_cost,served_tokens,group\n"
    "prose,1,2.4,,,1e21,9,1e-6,,words\n"
    "code,2,1.2,,,2e21,9,2e-6,,words\n"
    "maths,1,2.2,,,3e21,9,1e-6,,\n"
)


def refused(*arguments: object) -> str:
    """The sentence of a command that must exit with 1 and print nothing else, a whole one."""
    sentence = refused_by_command(*arguments)
    assert sentence.endswith((".", "'."))
    return sentence


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("allocate")
    linked = made.chinchilla(draws=6, link=made.link_of(LINKS, draws=6))
    (path / "curves.json").write_text(json_text(record_of(made.chinchilla(draws=6))))
    (path / "linked.json").write_text(json_text(record_of(linked)))
    (path / "shared.json").write_text(json_text(record_of(made.one_model(made.chinchilla(draws=9)))))
    (path / "tasks.csv").write_text(TASKS)
    (path / "chances.csv").write_text(
        "task,unserved,target\n"
        + "".join(f"{name},{link.chance},{link.chance + 0.1}\n" for name, link in LINKS.items())
    )
    (path / "limits.csv").write_text("limit,group,unit,max\nwords,words,,4e21\ndata,,tokens,1e11\n")
    return path


@pytest.fixture
def allocate(folder):
    """Run the command on the plain curves and the tasks file."""

    def command(*options, curves="curves.json", tasks="tasks.csv", budget=1e22, check=True):
        task_settings = ("--tasks", folder / tasks) if tasks else ()
        total = () if budget is None else ("--budget", budget)
        # what these tests are about lies far beyond the runs; the reach has tests of its own
        reach = () if "--reach" in options else ("--reach", "inf")
        result = run("allocate", folder / curves, *task_settings, *total, *options, *reach)
        assert not check or result.exit_code == 0, result.output
        return result

    return command


def frame_of(result: Result) -> pd.DataFrame:
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert list(frame.columns) == ALLOCATION and frame["task"].tolist() == list(TRUTHS)
    return frame


def record_of_run(result: Result) -> dict:
    """The JSON, which must be strict."""

    def refuse(word):
        raise AssertionError(f"{word} is no JSON")

    return json.loads(result.stdout, parse_constant=refuse)


def test_choices_are_the_tables():
    options = {param.name: param for param in main.commands["allocate"].params}
    for name, known in (("objective", OBJECTIVES), ("measure", MEASURES), ("risk", RISKS), ("unit", UNITS)):
        assert list(options[name].type.choices) == list(known)


def test_json_holds_what_the_plan_promises(allocate, folder):
    record = record_of_run(allocate("--json", "--limits", folder / "limits.csv"))
    assert {
        "objective", "bound", "gap", "solver", "status", "shadow_price", "shadow_price_per_percent", "baselines",
        "limits", "tasks", "goal", "measure", "risk", "breadth", "depth", "notes", "spent", "unit", "failed_draws",
    } <= set(record)  # fmt: skip
    assert record["gap"] >= 0 and record["status"] == "optimal" and record["goal"] == "mean"
    assert record["bound"] <= record["objective"] <= record["bound"] + 1e-6
    names = [each["name"] for each in record["baselines"]]
    within = [name for name in names if name.endswith(" within the limits")]
    assert [name for name in names if name not in within] == [
        "uniform", "proportional", "current", "current scaled to the budget", "greedy",
    ]  # fmt: skip
    assert within == [f"{name} within the limits" for name in ("uniform", "proportional", "current")]
    assert all(each["breaks"] == [] for each in record["baselines"] if each["name"] in within)
    by_name = {each["name"]: each for each in record["baselines"]}
    assert by_name["current"]["spend"] == [1e21, 2e21, 3e21] and by_name["current"]["spent"] == 6e21
    assert by_name["proportional"]["breaks"] == ["max of limit 'words'", "max of limit 'data'"]
    for each in record["baselines"]:
        np.testing.assert_allclose(each["regret"], each["objective"] - record["objective"], rtol=1e-9, atol=1e-15)
        assert each.get("breaks") or each["regret"] >= 0
    limits = {each["limit"]: each for each in record["limits"]}
    assert list(limits) == ["budget", "max of limit 'words'", "max of limit 'data'"]
    assert limits["max of limit 'words'"]["used"] <= 4e21 * (1 + 1e-6)
    assert limits["max of limit 'data'"]["unit"] == "tokens"
    for each in limits.values():
        assert each["price"] >= 0 and each["per_percent"] == pytest.approx(each["price"] * each["bound"] / 100)
    assert {"average", "efficient", "target_met", "used"} <= set(record["tasks"][0])


def test_a_further_budget_and_a_frozen_task(allocate):
    frame = frame_of(allocate("--limit", "tokens=5e10", "--freeze", "code"))
    assert frame["tokens"].sum() <= 5e10 * (1 + 1e-6)
    assert frame.loc[1, "spend"] == pytest.approx(2e21, rel=1e-6)
    assert frame["binding"].str.contains("tokens").any()


def test_limits_from_a_file(allocate, folder):
    frame = frame_of(allocate("--limits", folder / "limits.csv"))
    assert frame["spend"][:2].sum() <= 4e21 * (1 + 1e-6) and frame["tokens"].sum() <= 1e11 * (1 + 1e-6)
    (folder / "other.csv").write_text("rule,who,most\nwords,code,1e21\n")
    renamed = ("--column", "limit=rule", "--column", "task=who", "--column", "max=most")
    frame = frame_of(allocate("--limits", folder / "other.csv", *renamed, tasks=None))
    assert frame.loc[1, "spend"] <= 1e21 * (1 + 1e-6)


def test_money_and_device_hours(allocate):
    prices = ("--price", 2, "--peak", "1e15", "--mfu", 0.4)
    record = record_of_run(allocate("--unit", "money", *prices, "--json", budget=20000))
    assert record["unit"] == "money" and record["spent"] == pytest.approx(20000, rel=1e-6)
    flops = frame_of(allocate("--limit", "money=20000", *prices))
    assert (6 * flops["params"] * flops["tokens"]).sum() < 1e22
    hours = frame_of(allocate("--unit", "money", "--price", 1, *prices[2:], tasks=None, budget=5000))
    assert (6 * hours["params"] * hours["tokens"]).sum() == pytest.approx(5000 * 3600 * 4e14, rel=1e-6)


def test_the_worst_task_and_progress(allocate):
    record = record_of_run(allocate("--objective", "worst", "--measure", "value", "--json"))
    assert record["objective"] == pytest.approx(max(each["predicted"] for each in record["tasks"]))
    told = allocate("--objective", "worst", "--json")  # floors differ and unserved values are stated: progress counts
    record = record_of_run(told)
    assert record["measure"] == "progress" and 0 < record["objective"] < 1
    assert "The worst task is told by progress from unserved to best" in told.stderr
    record = record_of_run(allocate("--measure", "progress", "--json"))
    assert record["measure"] == "progress" and record["larger_is_better"] and 0 < record["objective"] < 1
    assert record["bound"] >= record["objective"] * (1 - 1e-12)


def test_targets_and_the_cheapest_plan(allocate):
    record = record_of_run(allocate("--objective", "targets", "--json"))
    met = [each["target_met"] for each in record["tasks"]]
    assert record["objective"] == np.dot([1, 2, 1], met) and record["breadth"] == sum(met)
    record = record_of_run(allocate("--objective", "cheapest", "--json", budget=None))
    assert record["objective"] == pytest.approx(record["spent"])
    today, *rivals = record["baselines"]  # without a budget, too: today's split, and the smallest ones to the targets
    assert today["name"] == "current" and today["objective"] == 6e21
    names = {each["name"] for each in rivals}
    assert names <= {f"{by} to the targets" for by in ("uniform", "proportional", "current")}
    assert rivals and all(each["breaks"] == [] and each["objective"] >= record["objective"] for each in rivals)
    assert all(each["target_met"] for each in record["tasks"])
    two = record_of_run(allocate("--objective", "cheapest", "--at-least", 2, "--json", budget=None))
    assert two["objective"] < record["objective"] and two["breadth"] == 2
    assert frame_of(allocate("--objective", "cheapest", budget=None))["spend"].sum() == pytest.approx(record["spent"])
    assert allocate("--objective", "cheapest", budget=None).stderr.strip()


def test_scores_with_and_without_unserved_tasks(allocate):
    score = ("--measure", "score")
    served = record_of_run(allocate(*score, "--json", curves="linked.json", tasks="chances.csv", budget=1e18))
    assert served["metric"] == "accuracy" and served["larger_is_better"]
    focused = allocate(*score, "--allow-unserved", curves="linked.json", tasks="chances.csv", budget=1e16)
    frame = frame_of(focused)
    assert (frame["spend"] == 0).any() and set(frame.loc[frame["spend"] == 0, "binding"]) == {"unserved"}
    assert "plan is made on the loss" not in focused.stderr
    assert "plan is made on the loss" in allocate(curves="linked.json").stderr


def test_a_menu_of_sizes(allocate):
    frame = frame_of(allocate("--sizes", "1e8, 1e9,1e10"))
    assert set(frame["params"].round(-6)) <= {1e8, 1e9, 1e10}


def test_risk_over_the_draws(allocate):
    point, mean = (record_of_run(allocate("--risk", risk, "--json")) for risk in ("point", "mean"))
    assert point["risk"] == "point" and mean["risk"] == "mean"
    assert all(each["regret"] >= 0 for each in mean["baselines"])
    tail = record_of_run(allocate("--risk", "cvar", "--level", 0.5, "--json"))
    assert tail["level"] == 0.5 and tail["objective"] >= mean["objective"] - 1e-9


def test_a_given_split_is_scored(allocate, folder):
    plan = allocate("--out", folder / "allocation.csv")
    assert plan.stdout == ""
    again = record_of_run(allocate("--evaluate", folder / "allocation.csv", "--json"))
    best = record_of_run(allocate("--json"))
    np.testing.assert_allclose(again["objective"], best["objective"], rtol=1e-9)
    assert again["solver"] == "given split" and again["status"] == "evaluated"
    assert again["baselines"][0]["name"] == "optimal" and abs(again["baselines"][0]["regret"]) < 1e-9
    (folder / "thirds.csv").write_text("task,spend\nmaths,3e21\nprose,3e21\ncode,3e21\n")
    scored = allocate("--evaluate", folder / "thirds.csv", "--json", budget=9e21)
    record = record_of_run(scored)
    uniform = next(each for each in record["baselines"] if each["name"] == "uniform")
    np.testing.assert_allclose(record["objective"], uniform["objective"], rtol=1e-9)
    assert record["baselines"][0]["regret"] < 0 and record["gap"] > 0
    (folder / "named.csv").write_text("team,flops\nmaths,3e21\nprose,3e21\ncode,3e21\n")
    columns = ("--column", "task=team", "--column", "spend=flops")
    other = run(
        "allocate", folder / "curves.json", "--budget", 9e21, "--evaluate", folder / "named.csv", *columns,
        "--reach", "inf",
    )  # fmt: skip
    assert other.exit_code == 0 and frame_of(other)["binding"].tolist() == ["given"] * 3


def test_one_shared_model(allocate):
    record = record_of_run(allocate("--limit", "tokens=1e11", "--json", curves="shared.json"))
    assert record["strategy"] == "shared" and set(record["inputs_over_draws"]) == {"params", "tokens"}
    assert record["tasks"][0]["tokens"] <= 1e11 * (1 + 1e-6)
    assert [each["limit"] for each in record["limits"]] == ["budget", "budget in tokens"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--limit", "tokens=many"), "'many', which is not a number"),
        (("--limit", "tokens=1e11", "--limit", "tokens=1e12"), "--limit names one unit twice"),
        (("--limit", "flops=1e21"), "counts what --budget counts already"),
        (("--limit", "hours=3"), "--limit hours: these curves are planned in flops, tokens, money"),
        (("--limit", "tokens=-5"), "--limit tokens is -5; give a positive number"),
        (("--freeze", "poetry"), "--freeze poetry: the tasks are prose, code, maths"),
        (("--price", 2), "--price, --peak and --mfu belong together"),
        (("--price", 2, "--peak", "1e15", "--mfu", 40, "--unit", "money"), "--mfu is 40; it is a share of the peak"),
        (("--price", 2, "--peak", "1e15", "--mfu", 0.4), "nothing here is counted in money"),
        (("--sizes", "1e8,big"), "'big', which is not a number"),
        (("--sizes", "1e8,0"), "--sizes must be positive numbers of parameters"),
        (("--measure", "score"), "no link to a score"),
        (("--at-least", 2), "--at-least is for --objective cheapest"),
        (("--risk", "cvar", "--objective", "worst"), "--risk cvar is for --objective mean"),
        (("--risk", "cvar", "--level", 1.5), "--level is 1.5; it is a share of the draws"),
        (("--sizes", "1e8", "--limit", "tokens=1e11"), "it takes one budget with min and max for each task"),
        (("--strategy", "shared"), "cannot say what one shared model reaches"),
        (("--budget", "1e300"), "no law reaches from one to the other"),
        (("--budget", "1e-300"), "no law reaches from one to the other"),
        (("--budget", "0"), "The budget is 0; give a positive number"),
        (("--budget", "nan"), "is 'nan', which is not a number"),
        (("--budget", "lots"), "--budget is 'lots', which is not a number"),
    ],
)
def test_mistakes_exit_with_1_and_one_sentence(folder, options, sentence):
    arguments = ("allocate", folder / "curves.json", "--tasks", folder / "tasks.csv")
    budget = () if "--budget" in options else ("--budget", 1e22)
    assert sentence in refused(*arguments, *budget, *options)


@pytest.mark.parametrize(
    ("name", "text", "options", "sentence"),
    [
        ("tasks", "task,weight\ncode,0\n", (), "row 2, column 'weight': '0' where a positive number is due"),
        ("tasks", "task,weight\ncode,-1\n", (), "row 2, column 'weight': '-1' where a positive number is due"),
        ("tasks", "task,min,max\ncode,2e21,1e21\n", (), "row 2: min 2e+21 is above max 1e+21 for task 'code'"),
        ("tasks", "task,min\ncode,9e21\nmaths,9e21\n", (), "minima in the tasks file sum to 1.8e+22 flops"),
        ("tasks", "task,min\ncode,4e21\nmaths,6e21\n", (), "leave nothing for prose; raise the budget"),
        (
            "tasks",
            "task,target\ncode,1.2\n",
            ("--objective", "targets"),
            "fill column 'target' of the tasks file for p",
        ),
        ("tasks", "task,weight\ncode,1\n", ("--freeze", "code"), "its current spend is unknown; fill column 'current'"),
        ("tasks", "task,weight\ncode,1\n", ("--allow-unserved",), "fill column 'unserved' of the tasks file for prose"),
        ("tasks", "task,weight\ncode,1\n", ("--measure", "progress"), "fill column 'unserved' of the tasks file for p"),
        ("tasks", "task,weight\ncode,1\n", ("--unit", "money"), "fill column 'unit_cost' of the tasks file for prose"),
        ("limits", "limit,min\nall,2e22\n", (), "No plan obeys these limits together: min of limit 'all' (2e+22)"),
        ("limits", "limit,max\nall,-1\n", (), "No plan obeys these limits together: max of limit 'all' (-1)"),
        ("limits", "limit,task,min\na,code,1e22\n", (), "The limits leave nothing for prose, maths; loosen them"),
        ("limits", "limit,task,max\na,code,0\n", (), "The limits leave nothing for code; loosen them"),
        ("limits", "limit,task,min\nx,prose,5e21\nx,z,\n", (), "row 3, column 'task': 'z' is not among the tasks"),
        ("evaluate", "task,spend\nprose,1e21\n", (), "no row for code, maths; give every task a spend"),
        ("evaluate", "task,spend\nprose,0\ncode,1\nmaths,1\n", (), "gives prose nothing, and what a task is worth"),
    ],
)
def test_mistakes_in_files_exit_with_1_and_one_sentence(folder, tmp_path, name, text, options, sentence):
    (tmp_path / "given.csv").write_text(text)
    file = (f"--{name}", tmp_path / "given.csv")
    assert sentence in refused("allocate", folder / "curves.json", "--budget", 1e22, "--reach", "inf", *file, *options)


def test_a_plan_needs_a_budget_unless_it_is_the_cheapest(folder):
    result = run("allocate", folder / "curves.json")
    assert result.exit_code == 2 and "--budget" in result.stderr


@pytest.mark.parametrize("option", ["--objective", "--measure", "--risk", "--unit", "--strategy"])
def test_unknown_words_are_wrong_usage(folder, option):
    assert run("allocate", folder / "curves.json", "--budget", 1e22, option, "nonsense").exit_code == 2


def test_a_best_value_that_the_curves_pass_is_refused(folder):
    """One rule for losses and scores: a best value bounds the fit, and what the fit does not keep no plan can keep."""
    curves = made.chinchilla()
    scores = replace(curves, higher_is_better=np.ones(3, dtype=bool), ceiling=np.full(3, 10.0), best=np.full(3, 10.0))
    for name, each, over, kept in (("loss", curves, 0.95, 0.85), ("score", scores, 9.05, 9.15)):
        (folder / f"{name}.json").write_text(json_text(record_of(each)))
        for best, taken in ((over, False), (kept, True)):
            (folder / "best.csv").write_text(f"task,best\ncode,{best}\n")
            asked = ("allocate", folder / f"{name}.json", "--tasks", folder / "best.csv", "--budget", 1e22)
            if taken:
                assert run(*asked).exit_code == 0
            else:
                sentence = refused(*asked)
                assert f"The curve of task 'code' goes to {0.9 if name == 'loss' else 9.1:g}, better than" in sentence
                assert f"the best value {best:g}" in sentence and "Fit again with --tasks" in sentence


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


def test_a_column_option_without_its_file_is_refused(curves):
    assert "give that with --tasks" in refused("allocate", curves, "--budget", 1e21, "--column", "task=Task")


def test_one_column_option_serves_the_tasks_file_too(curves, tmp_path):
    (tmp_path / "tasks.csv").write_text("Task,Weight\nprose,5\ncode,1\nmaths,1\n")
    mapping = ("--column", "task=Task", "--column", "weight=Weight")
    result = run("allocate", curves, "--budget", 1e21, "--tasks", tmp_path / "tasks.csv", *mapping)
    assert result.exit_code == 0 and "not used" not in result.stderr
    assert frame_of(result)["spend"][0] > 0.45e21
