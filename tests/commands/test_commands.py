"""What all commands promise: help, choices, exit codes, refusals."""

import pytest

from budget.commands import main
from tests.commands.invoking import refused, run


@pytest.mark.parametrize("command", sorted(main.commands))
def test_help_has_an_example(command):
    result = run(command, "--help")
    assert result.exit_code == 0
    examples = result.output.partition("\nExamples:\n")[2].replace("\\\n    ", "").splitlines()
    assert examples and {line.split()[:2] == ["budget", command] for line in examples if line[:3] != "   "} == {True}


@pytest.mark.parametrize(
    "arguments", [("plan",), ("fit", "runs.csv", "--law", "cubic"), ("allocate", "c.json"), ("no",)]
)
def test_wrong_usage_exits_with_2(arguments):
    assert run(*arguments).exit_code == 2


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
    from budget.allocation.spec.measures import MEASURES
    from budget.allocation.spec.objectives import OBJECTIVES
    from budget.allocation.spec.plan_spec import STRATEGIES
    from budget.allocation.spec.resources import UNITS
    from budget.allocation.spec.risks import RISKS
    from budget.studies.growth.task_orders import ORDERS, SEQUENCES
    from budget.tables.runs import SCALES

    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["plan"].params}
    assert choices["unit"] == UNITS
    assert choices["order"] == SEQUENCES and choices["scale"] == SCALES
    orders = next(param.type for param in main.commands["grow"].params if param.name == "order")
    assert tuple(orders.choices) == ORDERS
    choices = {param.name: tuple(getattr(param.type, "choices", ())) for param in main.commands["allocate"].params}
    assert choices["unit"] == UNITS and choices["strategy"] == STRATEGIES
    assert choices["objective"] == tuple(OBJECTIVES) and choices["measure"] == tuple(MEASURES)
    assert choices["risk"] == tuple(RISKS)
