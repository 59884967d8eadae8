"""Each JSON that a command prints is what its schema says, and each schema describes what it names."""

import json
import shlex
from importlib import resources

import pytest

from budget.commands import main
from budget.commands.running.schemas import VERSIONS, schema_id, schema_text, stamped
from budget.curves.records.writing import SCHEMA as CURVES_SCHEMA
from budget.curves.records.writing import record_of
from budget.tables.files.manifest import SCHEMA as PLAN_SCHEMA
from budget.tables.files.text import json_text
from tests import ROOT
from tests.commands.invoking import run
from tests.commands.schema_faults import faults
from tests.curves.cases import planted
from tests.searched import fit_searched

DEMO = ROOT / "budget" / "commands" / "demo_data"
RUNS, TASKS = DEMO / "runs.csv", DEMO / "tasks.csv"
PAIRS = "task,partner,seed,value\n" + "".join(
    f"{task},{partner},{seed},{value + 0.01 * seed}\n"
    for task, partner, value in (("a", "", 2.0), ("b", "", 1.0), ("a", "b", 1.9), ("b", "a", 1.2))
    for seed in (0, 1)
)
CANDIDATES = "model,cost,task,value\nm1,1,a,2.0\nm1,1,b,1.5\nm2,1,b,1.0\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Curves, points and tables that the commands read."""
    path = tmp_path_factory.mktemp("schemas")
    found = run("fit", RUNS, "--tasks", TASKS, "--draws", 24, "--out", path / "curves.json", "--json")
    assert found.exit_code == 0, found.output
    (path / "fit.json").write_text(found.stdout)
    (path / "points.csv").write_text("task,params,tokens\ncode,1e5,1e6\n")
    (path / "pairs.csv").write_text(PAIRS)
    (path / "candidates.csv").write_text(CANDIDATES)
    (path / "plan.csv").write_text("task,seed\na,1\n")
    (path / "train.py").write_text("print('{\"value\": 1.0}')")
    return path


ASKED = {
    "check": ["check {runs} --tasks {tasks}"],
    "predict": ["predict {folder}/curves.json --at {folder}/points.csv"],
    "laws": ["laws"],
    "curves": ["laws --published chinchilla2024"],
    "allocate": ["allocate {folder}/curves.json --budget 1e13 --tasks {tasks}",
                 "allocate {folder}/curves.json --tasks {tasks} --objective cheapest",
                 "allocate {folder}/curves.json --budget 1e13 --risk cvar --prefer-simple"],
    "grow": ["grow {folder}/curves.json --budget 1e13 --tasks {tasks}",
             "grow {folder}/curves.json --budget 1e13 --order random --orders 3"],
    "next": ["next {folder}/curves.json --spend 1e11 --budget 1e12"],
    "telling-runs": ["next {folder}/curves.json --at {folder}/points.csv --among {folder}/points.csv --spend 1e12"],
    "groups": ["groups {folder}/pairs.csv --budget 2", "groups {folder}/pairs.csv"],
    "portfolio": ["portfolio {folder}/candidates.csv --budget 2"],
    "backtest": ["backtest {runs} --where task=code --law auto --draws 10 --origins 1"],
    "measure": ["measure {folder}/plan.csv --out {folder}/m.csv --command 'python3 {folder}/train.py {{task}}'"],
    "dry-run": ["fit {runs} --dry-run", "plan {runs} --budget 1e13 --out {folder}/never --dry-run"],
}  # fmt: skip
SLOW = {
    "sensitivity": ["fit {runs} --where task=code --law power --scale flops --draws 12 --sensitivity"],
    "decisions": ["backtest {runs} --decide --beyond 4 --draws 10"],
    "focus": ["focus {runs} --budget 1e13 --draws 12"],
    "plan": ["plan {runs} --tasks {tasks} --budget 1e13 --draws 12 --no-backtest --out {folder}/one"],
    "compare": ["compare {folder}/one {folder}/two"],
}
CASES = [
    pytest.param(name, line, id=line.replace("{", "").replace("}", "")[:60]) for name in ASKED for line in ASKED[name]
]
CASES += [pytest.param(name, line, id=name, marks=pytest.mark.slow) for name in SLOW for line in SLOW[name]]


def printed(line: str, folder) -> dict:
    words = [word.format(runs=RUNS, tasks=TASKS, folder=folder) for word in shlex.split(line)]
    if words[0] == "compare":
        for name, budget in (("one", "1e13"), ("two", "2e13")):
            made = run("plan", RUNS, "--budget", budget, "--draws", 0, "--no-backtest", "--out", folder / name)
            assert made.exit_code == 0, made.output
    result = run(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize(("name", "line"), CASES)
def test_what_is_printed_follows_its_schema(name, line, folder):
    record = printed(line, folder)
    assert record["schema"] == schema_id(name) and next(iter(record)) == "schema"
    schema = json.loads(schema_text(name))
    assert [*faults(record, schema)] == []
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        return
    Draft202012Validator.check_schema(schema)
    assert [*Draft202012Validator(schema).iter_errors(record)] == []


def test_a_file_of_curves_is_what_is_printed(folder):
    record = json.loads((folder / "fit.json").read_text())
    assert record == json.loads((folder / "curves.json").read_text())
    assert [*faults(record, json.loads(schema_text("curves")))] == []


@pytest.mark.slow
def test_coefficients_of_transfer_follow_their_schema(tmp_path):
    runs, _ = planted("transfer", 2, noise=0.002, seed=24)
    (tmp_path / "curves.json").write_text(json_text(record_of(fit_searched(runs, "transfer", draws=19))))
    record = json.loads(run("groups", tmp_path / "curves.json", "--json").stdout)
    assert record["schema"] == schema_id("transfer")
    assert [*faults(record, json.loads(schema_text("transfer")))] == []


def test_every_schema_is_tried_named_and_shipped():
    assert set(ASKED) | set(SLOW) | {"transfer"} == set(VERSIONS)
    shipped = {
        path.name.removesuffix(".json") for path in resources.files("budget.commands").joinpath("schemas").iterdir()
    }
    assert shipped == set(VERSIONS)
    for name in VERSIONS:
        schema = json.loads(schema_text(name))
        assert schema["$id"] == schema_id(name) == schema["properties"]["schema"]["const"] and schema["title"]
    assert (PLAN_SCHEMA, CURVES_SCHEMA) == (schema_id("plan"), schema_id("curves"))
    ways_out = {
        name for name, command in main.commands.items() if "as_json" in {param.name for param in command.params}
    }
    assert ways_out <= set(VERSIONS) | {"fit"}


@pytest.mark.parametrize("name", VERSIONS)
def test_every_field_of_a_schema_says_what_it_is(name):
    def undescribed(schema: dict, at: str) -> list[str]:
        found = []
        for key, inner in schema.get("properties", {}).items():
            place = f"{at}.{key}"
            found += [place] if "description" not in inner and "const" not in inner else []
            found += undescribed(inner, place) + undescribed(inner.get("items", {}), place)
        return found

    assert undescribed(json.loads(schema_text(name)), name) == []


def test_the_validator_sees_what_is_wrong():
    schema = json.loads(schema_text("check"))
    right = stamped([{"task": "a", "check": "c", "verdict": "PASS", "finding": "f", "advice": ""}], "check")
    assert [*faults(right, schema)] == []
    for wrong in (
        {"rows": []},
        right | {"schema": "budget/check/2"},
        right | {"rows": [{"task": 1}]},
        right | {"rows": 3},
    ):
        assert [*faults(wrong, schema)]


def test_schemas_are_printed_and_listed():
    assert run("schema").stdout.split() == [schema_id(name) for name in VERSIONS]
    assert json.loads(run("schema", "plan").stdout)["$id"] == "budget/plan/1"
    assert run("schema", "plans").exit_code == 2
