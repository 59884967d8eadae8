"""A notebook's call answers as the command does, shows itself on one screen, and says what is wrong in a sentence."""

import inspect
import json
import re

import numpy as np
import pandas as pd
import pytest

import budget
from budget.commands.plan import plan as command
from budget.errors import BudgetError, CallError
from budget.notebook.asking import in_words_of_a_call
from budget.notebook.planning import answer
from budget.report import progress
from budget.report.decision_response import shown_response
from tests import ROOT
from tests.commands.invoking import run

BUDGET = "100 TFLOP"
FEW = dict(draws=20, backtest=False)
TASKS = ("lookup_easy", "lookup_medium")


def own(*, alone: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    runs = pd.read_csv(ROOT / "data" / "runs.csv")
    tasks = pd.read_csv(ROOT / "data" / "tasks.csv")
    runs = runs[runs.task.isin(TASKS)]
    if alone:
        runs = runs[runs.strategy == "specialist"]
    else:
        runs = runs[(runs.strategy == "specialist") | (runs.model_tasks == "|".join(TASKS))]
    return runs, tasks[tasks.task.isin(TASKS)]


@pytest.fixture(scope="module")
def planned():
    return budget.plan(*_first(own(alone=True)), **FEW)


def _first(tables):
    runs, tasks = tables
    return runs, BUDGET, tasks


def test_it_answers_as_the_command_does(planned, tmp_path):
    runs, tasks = own(alone=True)
    runs.to_csv(tmp_path / "runs.csv", index=False)
    tasks.to_csv(tmp_path / "tasks.csv", index=False)
    words = ["--tasks", tmp_path / "tasks.csv", "--budget", BUDGET, "--draws", 20, "--no-backtest"]
    found = run("plan", tmp_path / "runs.csv", *words, "--out", tmp_path / "out", "--json")
    assert found.exit_code == 0, found.output
    record = json.loads(found.stdout)
    mine = json.loads(json.dumps(planned.study.record()))
    assert mine["plan"] == record["plan"]
    hashes = {role: file["sha256"] for role, file in mine["inputs"].items()}
    assert hashes == {role: file["sha256"] for role, file in record["inputs"].items()}
    planned.report(tmp_path / "mine")
    theirs, ours = ((tmp_path / folder / "allocation.csv").read_text() for folder in ("out", "mine"))
    assert ours == theirs


SEVERAL = ("price", "mixtures", "where", "columns", "strategy", "quiet")
"""Parameters that a command takes any number of, or that are no option's own value; none is the default of all."""


def test_its_defaults_are_the_commands():
    options = {param.name: param.default for param in command.params}
    names = {"backtest": "judged"}
    for name, parameter in inspect.signature(budget.plan).parameters.items():
        if parameter.kind is parameter.KEYWORD_ONLY and name not in SEVERAL:
            theirs = options[names.get(name, name)]
            assert parameter.default == theirs or (parameter.default is None and not isinstance(theirs, (int, str)))


def test_a_file_is_read_as_the_command_reads_it(tmp_path):
    runs, tasks = own(alone=True)
    export = runs.rename(columns={"value": "eval/loss"})
    export.to_csv(tmp_path / "export.csv", sep=";", index=False)
    from_file = budget.plan(tmp_path / "export.csv", BUDGET, tasks, **FEW)
    from_memory = budget.plan(export, BUDGET, tasks, columns={"value": "eval/loss"}, **FEW)
    assert np.array_equal(from_file.plan.spend, from_memory.plan.spend)
    assert any("columns={'value': 'eval/loss'}" in note for note in from_file.notes)
    assert not any("columns={'value': 'eval/loss'}" in note for note in from_memory.notes)


def test_another_question_needs_no_other_fit(planned):
    twice = planned.what_if("200 TFLOP")
    assert twice.study.curves is planned.study.curves
    assert twice.plan.spec.budget == pytest.approx(2 * planned.plan.spec.budget)
    fresh = budget.plan(*(_first(own(alone=True))[:1]), "200 TFLOP", own(alone=True)[1], **FEW)
    assert np.allclose(twice.plan.spend, fresh.plan.spend, rtol=1e-12)
    assert planned.what_if(reach=float("inf")).plan.spec.reach == np.inf
    assert "200 TFLOP" in repr(twice)


def test_any_table_of_a_question_may_be_in_memory(planned, tmp_path):
    limits = pd.DataFrame({"limit": ["few"], "task": [TASKS[0]], "unit": ["tokens"], "max": [5e6]})
    limits.to_csv(tmp_path / "limits.csv", index=False)
    kept = planned.what_if(limits=limits)
    assert kept.plan.tokens[0] <= 5e6 * (1 + 1e-9) < planned.plan.tokens[0]
    again = planned.what_if(limits=tmp_path / "limits.csv")
    assert np.array_equal(kept.plan.spend, again.plan.spend)
    with pytest.raises(BudgetError, match="the limits table"):
        planned.what_if(limits=limits.assign(task="nothing"))


def test_it_shows_itself_on_one_screen(planned):
    for shown in (planned, planned.curves, planned.study, planned.plan, planned.study.curves, planned.study.runs):
        text = repr(shown)
        assert len(text) < 4000
        assert text.count("\n") < 40
    assert "100 TFLOP" in repr(planned)
    for name in TASKS:
        assert name in repr(planned)
        assert name in planned.curves._repr_html_()


def test_its_page_cannot_reach_the_notebook(planned):
    page = planned._repr_html_()
    assert page.startswith("<iframe")
    frame = re.match(r'<iframe title="[^"]*" srcdoc="[^"]*" sandbox="([^"]*)" [^>]*></iframe>', page)
    assert frame, "an iframe whose page is escaped whole"
    assert "allow-same-origin" not in frame[1]
    assert len(page) < 200_000


def test_a_hostile_name_stays_text(tmp_path):
    runs, _ = own(alone=True)
    runs = runs.drop(columns="model_tasks").assign(task=runs.task.replace(TASKS[0], '"><script>alert(1)</script>'))
    found = budget.plan(runs, BUDGET, **FEW)
    for shown in (found, found.curves):
        assert "<script>alert" not in shown._repr_html_()


def test_tables(planned):
    assert list(planned.table().task) == list(TASKS)
    assert set(planned.table("budgets").columns) == {"budget", "objective", "models"}
    assert set(planned.table("budgets").models) == {"one for each"}
    assert len(planned.table("growth")) > 0
    assert list(planned.curves.table().task) == list(TASKS)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda runs: budget.plan(3, 1e14), "runs is '3'; give a pandas DataFrame, or the path of a file"),
        (lambda runs: budget.plan(runs, 1e14, drws=3), "the nearest are 'draws'|the nearest are draws"),
        (lambda runs: budget.plan(runs, 1e14, law="pwer"), "law: 'pwer' is not one of"),
        (lambda runs: budget.plan(runs, 1e14, draws=True), "draws is True, and takes a value"),
        (lambda runs: budget.plan(runs, 1e14, decide="yes"), "is either True or False"),
        (lambda runs: budget.plan(runs, 1e14, unit=["flops", "x"]), "given 2 times, and takes one value"),
        (lambda runs: budget.plan(runs, "much"), "is not a number"),
        (lambda runs: budget.plan(runs.drop(columns="value"), 1e14), "the runs table: column 'value' is missing"),
        (lambda runs: budget.plan("nowhere.csv", 1e14), "nowhere.csv: no such file"),
    ],
    ids=["table", "option", "law", "flag", "truth", "several", "budget", "column", "file"],
)
def test_a_wrong_call_is_told_in_a_sentence(call, sentence):
    with pytest.raises(BudgetError, match=sentence) as raised:
        call(own(alone=True)[0])
    assert "\n" not in str(raised.value)
    assert raised.value._render_traceback_() == [f"{type(raised.value).__name__}: {raised.value}"]


@pytest.mark.parametrize(
    ("said", "of_a_call"),
    [
        ("the runs table, row 4, column 'value': choose --where task=a.",
         "the runs table, index 'm2', column 'value': choose where='task=a'."),
        ("the runs table, row 40: so", "the runs table, row 40: so"),
        ("the tasks table, row 4: so", "the tasks table, row 4: so"),
        ("name yours with --column value=THEIRS --column 'task=my task' or --wide 'eval/*'",
         "name yours with columns={'value': 'THEIRS', 'task': 'my task'} or wide='eval/*'"),
        ("a larger --budget, --reach inf or --measure progress, --no-backtest",
         "a larger budget, reach=inf or measure='progress', backtest=False"),
        ("see 'budget fit --law power', --nothing", "see 'budget fit --law power', --nothing"),
    ],
    ids=["row", "beyond", "file", "columns", "options", "command"],
)  # fmt: skip
def test_sentences_about_files_speak_of_calls(said, of_a_call):
    frame = pd.DataFrame({"value": range(5)}, index=[f"m{at}" for at in range(5)])
    assert in_words_of_a_call(said, answer, {"runs": frame, "tasks": "tasks.csv"}) == of_a_call


def test_a_wrong_cell_is_named_by_its_label_and_the_remedy_is_a_keyword():
    runs = own(alone=True)[0]
    label = runs.index[7]
    with pytest.raises(BudgetError, match=rf"^the runs table, index {label}, column 'params'"):
        budget.plan(runs.assign(params=runs.params.astype(object).where(runs.index != label, -1)), BUDGET)
    with pytest.raises(BudgetError, match=r"columns=\{'value': 'THEIRS'\}"):
        budget.plan(runs.drop(columns="value"), BUDGET)


def test_the_row_that_keeps_a_task_out_is_named_with_the_headline():
    runs, tasks = own(alone=True)
    label = runs.index[runs.task == TASKS[0]][3]
    found = budget.plan(runs.assign(value=runs.value.where(runs.index != label, -3.0)), BUDGET, tasks, **FEW)
    said = f"Left out: {TASKS[0]} (not_positive: index {label} has the value -3 where a positive loss is due)."
    assert said in repr(found) and any(said in note for note in found.notes)


def test_an_unknown_option_is_answered_with_whole_words(planned):
    with pytest.raises(CallError, match=r"has no option 'bananas'; the nearest are \w+, \w+, \w+\.$"):
        planned.what_if(bananas=3)


def test_what_cannot_be_asked_of_a_plan_is_told_in_a_sentence(planned):
    with pytest.raises(CallError, match="law says how curves are fitted"):
        planned.what_if(law="power")
    with pytest.raises(CallError, match="of one strategy"):
        planned.focus()
    with pytest.raises(CallError, match="of one strategy"):
        planned.table("models")
    with pytest.raises(CallError, match="choose 'tasks'"):
        planned.table("rows")
    with pytest.raises(CallError, match="no planned curve of"):
        planned.curves.plot(["nothing"])


def test_reports_are_written(planned, tmp_path):
    assert "<!DOCTYPE html>" in planned.report(tmp_path / "plan.html").read_text()
    assert (planned.report(tmp_path / "plan.md")).read_text().startswith("#")
    assert (planned.report(tmp_path / "folder") / "plan.json").is_file()


def test_plots_show_the_plans_numbers(planned):
    pytest.importorskip("matplotlib").use("Agg")
    axes = planned.plot()
    widths = {
        label.get_text(): bar.get_width() for label, bar in zip(axes.get_yticklabels(), axes.patches, strict=True)
    }
    shares = planned.plan.spend / planned.plan.spend.sum()
    assert [widths[name] for name in TASKS] == pytest.approx(100 * shares)
    figure = planned.curves.plot(["lookup_medium"])
    (panel,) = figure.axes
    measured = next(line for line in panel.lines if line.get_label() == "runs")
    task = planned.study.runs.tasks.index("lookup_medium")
    assert np.array_equal(measured.get_ydata(), planned.study.runs.value[planned.study.runs.task == task])


@pytest.mark.slow
def test_strategies_are_compared():
    runs, tasks = own(alone=False)
    found = budget.plan(runs, BUDGET, tasks, **FEW)
    focus = found.focus()
    assert set(focus.table().strategy) >= {"specialists"}
    assert "srcdoc" in focus._repr_html_()
    assert repr(focus)
    assert found.recommendation is not None
    assert len(found.table("models")) == len(found.recommendation.models)
    answer = shown_response(found.study)
    at_budget = found.table("budgets").set_index("budget").loc[answer.planned]
    assert answer.alone or not found.recommendation.shares or at_budget.objective == found.recommendation.objective
    assert at_budget.models == ("recommended" if found.recommendation.shares and not answer.alone else "one for each")


def test_it_shows_progress_beside_its_notes_and_can_be_silenced(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0.0)
    monkeypatch.setattr(progress.Pace, "left", lambda *_: 1.0)  # on a fast machine, too
    runs, tasks = own(alone=True)
    asked = {**FEW, "law": "power"}
    seen = budget.plan(runs, BUDGET, tasks, **asked)
    assert re.search(r": [\d,]+ of [\d,]+, about", capsys.readouterr().err)
    assert not any(re.search(r": [\d,]+ of [\d,]+, about", note) for note in seen.notes)
    quiet = budget.plan(runs, BUDGET, tasks, **asked, quiet=True)
    assert quiet.notes == seen.notes and quiet.what_if("200 TFLOP").notes and not capsys.readouterr().err
