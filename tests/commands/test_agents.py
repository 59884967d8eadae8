"""From a raw export to a plan in five calls, with nothing but what the commands say."""

import json
import re
import shlex
from pathlib import Path

import pytest

from budget.commands.running.schemas import schema_text
from tests import ROOT
from tests.commands.invoking import run
from tests.commands.schema_faults import faults
from tests.commands.six_kinds import KINDS, measured

PAGE = (ROOT / "docs" / "agents.md").read_text(encoding="utf-8")


def read_as_it_says(path: Path) -> list[str]:
    """The calls until the file is read and that is kept; the second takes the option that the first one names."""
    words = ["check", str(path), "--save", "--json"]
    result = run(*words)
    if result.exit_code:
        assert result.exit_code == 1
        wide = re.search(r"--wide ('[^']+'|\S+)", result.stderr)
        assert wide, result.stderr
        words = [*words, "--wide", *shlex.split(wide[1])]
        result = run(*words)
    assert result.exit_code == 0, result.stderr
    found = {row["task"]: row["verdict"] for row in json.loads(result.stdout)["rows"]}
    assert found["code"] == "PASS"
    return words


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_is_read_right_in_two_calls(kind, tmp_path):
    path = KINDS[kind](tmp_path)
    read_as_it_says(path)
    counted = json.loads(run("fit", path, "--dry-run", "--json").stdout)["counts"]
    frame = measured()
    rows = len(frame.drop_duplicates(["task", "params", "tokens"])) if kind == "wide" else len(frame)
    assert (counted["rows"], counted["tasks"]) == (rows, 4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["wandb", "wide", "semicolons"])
def test_from_a_raw_export_to_a_plan_in_five_calls(kind, tmp_path):
    path = KINDS[kind](tmp_path)
    read_as_it_says(path)
    asked = ["plan", path, "--budget", "10 TFLOP", "--draws", 40, "--no-backtest", "--out", tmp_path / "plan"]
    intended = json.loads(run(*asked, "--dry-run", "--json").stdout)
    assert intended["counts"]["tasks"] == 4 and not (tmp_path / "plan").exists()
    result = run(*asked, "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert [*faults(record, json.loads(schema_text("plan")))] == []
    spends = [line["spend"] for line in record["plan"]["tasks"]]
    if kind == "wide":  # a row of such a table is one model of all its tasks
        assert record["plan"]["strategy"] == "shared" and set(spends) == {record["plan"]["spent"]}
    else:
        assert record["plan"]["strategy"] == "specialists"
        assert sum(spends) == pytest.approx(record["plan"]["spent"])
    assert record["plan"]["budget"] == 1e13 and record["plan"]["gap"] < 1e-3
    further = run("next", tmp_path / "plan" / "curves.json", "--spend", 1e12, "--budget", "10 TFLOP", "--json")
    assert json.loads(further.stdout)["runs"]


def test_the_page_names_keys_that_the_schema_has():
    schema = json.loads(schema_text("plan"))["properties"]
    table = PAGE.partition("Of `budget/plan/1` read")[2].partition("\n## ")[0]
    for name in re.findall(r"^\| `([\w.\[\]]+)`", table, flags=re.MULTILINE):
        properties = schema
        for key in name.replace("[]", "").split("."):
            assert key in properties, name
            inner = properties[key]
            properties = inner.get("properties") or inner.get("items", {}).get("properties", {})


def test_the_page_has_every_exit_code():
    from budget.commands.running.help_pages import EXIT_CODES

    assert set(re.findall(r"^\| (\d+) \|", PAGE, flags=re.MULTILINE)) == {str(code) for code in EXIT_CODES}
