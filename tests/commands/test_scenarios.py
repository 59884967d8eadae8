"""``plan --scenarios``: other questions side by side, each as if it were asked alone."""

import json

import pandas as pd
import pytest

from tests import made
from tests.commands.invoking import frame_of, refused, run
from tests.commands.known_fit import TASKS, with_known_curves
from tests.simulate import TRUTHS, table

QUESTIONS = {
    "today": ("--budget", 1e22),
    "double": ("--budget", "2e22"),
    "worst": ("--budget", "1e22", "--objective", "worst", "--measure", "value"),
    "cheapest": ("--objective", "cheapest"),
    "two": ("--budget", "1e22", "--only", "code", "--only", "maths"),
    "more": ("--add", "1e21"),
    "from thirds": ("--add", "1e21", "--current", "thirds.csv"),
    "limited": ("--budget", "1e22", "--limits", "limits.csv", "--freeze", "code"),
    "days": ("--budget", "1000 H100-days"),
    "tokens": ("--budget", "1e11", "--unit", "tokens", "--params", "1e9"),
    "nobody": ("--budget", "1e22", "--allow-unserved"),
}


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder of files, in which ``plan`` finds known curves."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tasks.csv").write_text(TASKS)
    (tmp_path / "limits.csv").write_text("limit,group,unit,max\nwords,words,,4e21\n")
    (tmp_path / "thirds.csv").write_text("task,spend\nmaths,3e21\nprose,3e21\ncode,3e21\n")
    table(TRUTHS, noise=0.01).to_csv("runs.csv", index=False)
    with_known_curves(monkeypatch, tmp_path, made.chinchilla(draws=8))
    return tmp_path


def planned(*words, out="plan"):
    result = run("plan", "runs.csv", "--tasks", "tasks.csv", "--reach", "inf", "--out", out, *words)
    assert result.exit_code == 0, result.output
    return result


def as_csv(questions):
    """The scenarios' file of command lines."""
    rows = []
    for name, words in questions.items():
        row = {"name": name}
        for option, content in zip(words, [*words[1:], "yes"], strict=True):
            if str(option).startswith("--"):
                key = option.removeprefix("--").replace("-", "_")
                given = "yes" if str(content).startswith("--") else str(content)
                row[key] = f"{row[key]}|{given}" if key in row else given
        rows.append(row)
    return pd.DataFrame(rows).to_csv(index=False)


def test_each_scenario_says_what_its_plan_alone_says(home):
    (home / "scenarios.csv").write_text(as_csv(QUESTIONS))
    told = planned("--scenarios", "scenarios.csv")
    rows = pd.read_csv("plan/scenarios.csv").set_index("scenario")
    assert frame_of(told).equals(pd.read_csv("plan/scenarios.csv"))
    assert rows.index.tolist() == list(QUESTIONS) and set(rows["status"]) == {"ok"}
    tasks = pd.read_csv("plan/scenario_tasks.csv")
    for name, words in QUESTIONS.items():
        planned(*words, out="alone")
        alone = json.loads((home / "alone" / "plan.json").read_text())["plan"]
        assert rows.loc[name, "value"] == pytest.approx(alone["objective"], rel=1e-6)
        assert rows.loc[name, "spent"] == pytest.approx(alone["spent"], rel=1e-6)
        mine = tasks[tasks["scenario"] == name].set_index("task")
        assert mine.index.tolist() == [each["task"] for each in alone["tasks"]]
        for each in alone["tasks"]:
            assert mine.loc[each["task"], "spend"] == pytest.approx(each["spend"], rel=1e-4, abs=1e10)
            assert mine.loc[each["task"], "predicted"] == pytest.approx(each["predicted"], rel=1e-6)
    difference = rows["value"] - rows.loc["today", "value"]
    alike = ["double", "more", "from thirds", "limited", "days", "tokens", "nobody"]
    assert rows.loc[alike, "difference"].tolist() == pytest.approx(difference[alike].tolist(), abs=1e-12)
    assert rows.loc[["worst", "cheapest", "two", "today"], "difference"].isna().all()
    assert rows.loc["double", "better"] == 1 and rows.loc["limited", "better"] < 1
    assert (rows["difference_low"].dropna() <= rows["difference_high"].dropna()).all()


def test_what_is_added_leaves_every_task_what_it_has(home):
    (home / "scenarios.csv").write_text("name,budget,add\ntoday,6e21,\nmore,,1e21\n")
    planned("--scenarios", "scenarios.csv")
    tasks = pd.read_csv("plan/scenario_tasks.csv")
    more = tasks[tasks["scenario"] == "more"].set_index("task")["spend"]
    assert more.sum() == pytest.approx(7e21, rel=1e-6)
    assert (more >= pd.Series({"prose": 1e21, "code": 2e21, "maths": 3e21}) * (1 - 1e-9)).all()


@pytest.mark.parametrize("asked", [["--budget", "2e22"], ["--add", "1e21"]])
def test_the_report_is_of_what_the_command_line_asks(home, asked):
    """Scenarios are asked too: they do not take the place of the question that they are beside."""
    (home / "scenarios.csv").write_text("name,budget,objective\nhalf,1e22,\nworst,,worst\n")
    planned(*asked, out="alone")
    planned(*asked, "--scenarios", "scenarios.csv")
    rows = pd.read_csv("plan/scenarios.csv").set_index("scenario")
    assert rows.index.tolist() == ["as asked", "half", "worst"]
    both = [json.loads((home / out / "plan.json").read_text()) for out in ("alone", "plan")]
    assert both[0]["plan"] == both[1]["plan"]
    assert rows.loc["half", "difference"] == pytest.approx(rows.loc["half", "value"] - rows.loc["as asked", "value"])
    text = (home / "plan" / "plan.toml").read_text()
    assert "as asked" not in text
    result = run("plan", "plan/plan.toml", "--out", "again")
    assert result.exit_code == 0, result.output
    assert (home / "again" / "plan.json").read_bytes() == (home / "plan" / "plan.json").read_bytes()


def test_a_first_scenario_that_asks_the_same_stands_for_both(home):
    (home / "scenarios.csv").write_text("name,budget\ntoday,\ndouble,2e22\n")
    planned("--budget", "1e22", "--scenarios", "scenarios.csv")
    assert pd.read_csv("plan/scenarios.csv")["scenario"].tolist() == ["today", "double"]


def test_a_scenario_without_a_plan_says_so_and_the_others_stand(home):
    (home / "scenarios.csv").write_text(
        "name,budget,freeze,only,at-least,objective\n"
        "impossible,1e20,code,,,\n"
        "good,1e22,,,,\n"
        "stranger,1e22,,poetry,,\n"
        "too many,,,,9,cheapest\n"
    )
    told = planned("--scenarios", "scenarios.csv")
    rows = pd.read_csv("plan/scenarios.csv").set_index("scenario")
    assert rows.loc["good", "status"] == "ok"
    assert "--only 'poetry': the tasks are prose, code, maths" in rows.loc["stranger", "status"]
    bad = rows.drop("good")
    assert (bad["status"] != "ok").all() and bad["value"].isna().all()
    assert "1 of 4 scenarios can be planned; differences are to good." in told.stderr
    report = (home / "plan" / "report.md").read_text()
    assert "## Scenarios" in report and "impossible: " in report
    record = json.loads((home / "plan" / "plan.json").read_text())
    assert record["plan"]["spent"] == pytest.approx(1e22, rel=1e-6)  # the report is of the first that has a plan
    assert [each["scenario"] for each in record["scenarios"]] == list(rows.index)


def test_where_no_scenario_can_be_planned_nothing_is_written(home):
    (home / "scenarios.csv").write_text("name,budget,freeze\nimpossible,1e20,code\n")
    said = refused("plan", "runs.csv", "--tasks", "tasks.csv", "--out", "plan", "--scenarios", "scenarios.csv")
    assert "No scenario can be planned. impossible: " in said and not (home / "plan").exists()


TOML = """\
runs = "runs.csv"
tasks = "tasks.csv"
reach = "inf"
budget = 1e22

[[scenario]]
name = "today"

[[scenario]]
name = "only two, and limits"
only = ["code", "maths"]
limits = "some/limits.csv"
prefer-simple = true
"""


def test_scenarios_of_a_plan_file_are_kept_and_repeated_bit_for_bit(home):
    (home / "some").mkdir()
    (home / "some" / "limits.csv").write_text("limit,task,max\nless,code,1e21\n")
    (home / "asked.toml").write_text(TOML)
    result = run("plan", "asked.toml", "--out", "plan")
    assert result.exit_code == 0, result.output
    rows = pd.read_csv("plan/scenarios.csv").set_index("scenario")
    assert rows["status"].tolist() == ["ok", "ok"] and rows["budget"].tolist() == [1e22, 1e22]
    text = (home / "plan" / "plan.toml").read_text()
    assert text.count("[[scenario]]") == 2 and 'limits = "../some/limits.csv"' in text
    again = run("plan", "plan/plan.toml", "--out", "again")
    assert again.exit_code == 0, again.output
    for name in ("plan.json", "scenarios.csv", "scenario_tasks.csv", "report.html", "report.md"):
        assert (home / "again" / name).read_bytes() == (home / "plan" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "name,bugdet\na,1e22\n", "a.csv, row 1: 'bugdet' is no word of a scenario; the nearest are budget"),
        (
            "a.csv",
            "name,budget,objective\na,1e22,best\n",
            "a.csv, row 2: Invalid value for '--objective': 'best' is not",
        ),
        ("a.csv", "name,budget\na,many\n", "a.csv, row 2: --budget is 'many', which is not a number"),
        ("a.csv", "name,budget,allow_unserved\na,1e22,maybe\n", "a.csv, row 2, column 'allow_unserved': 'maybe' is"),
        ("a.csv", "name,budget\na,1e22\na,2e22\n", "a.csv, row 3: 'a' is the name of an earlier scenario"),
        ("a.csv", "name,budget,add\na,1e22,1e21\n", "a.csv, row 2: --budget is the whole and --add what comes on top"),
        ("a.csv", "name,objective\na,worst\n", "a.csv, row 2: Missing option '--budget'"),
        (
            "a.toml",
            '\n[[scenario]]\nname = "a"\nbudget = 1e22\n\n[[scenario]]\nrisky = 1\n',
            "a.toml, line 7: 'risky' is",
        ),
        ("a.toml", "budget = 1e22\n", "a.toml: it holds no scenario"),
        ("a.toml", "[[scenario]\n", "a.toml: not readable as TOML"),
        ("a.csv", "name,budget,limits\na,1e22,none.csv\n", "none.csv"),
    ],
)
def test_a_file_that_says_what_it_cannot_is_refused_by_its_line(home, name, text, said):
    (home / name).write_text(text)
    sentence = refused("plan", "runs.csv", "--tasks", "tasks.csv", "--out", "plan", "--scenarios", name)
    assert said in sentence and not (home / "plan").exists()


def test_names_of_scenarios_may_be_anything(home):
    names = ["<b>&amp;|`*", "x" * 200, "عربى", '=1+1,"'.replace(",", ";")]
    pd.DataFrame({"name": names, "budget": "1e22"}).to_csv("scenarios.csv", index=False)
    planned("--scenarios", "scenarios.csv")
    assert pd.read_csv("plan/scenarios.csv")["scenario"].str.removeprefix("'").tolist() == names
    html = (home / "plan" / "report.html").read_text()
    assert "<b>&amp;|" not in html and "&lt;b&gt;" in html
