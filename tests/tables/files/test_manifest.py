"""A plan's folder says which of its files are not of its plan."""

import json

import pytest

from budget.errors import DataError
from budget.tables.files.manifest import hashes, stray_note, strays

FILES = {"report.md": "ünï\n", "curves.json": "{}\n"}


@pytest.fixture
def plan(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "plan.json").write_text(json.dumps({"files": hashes(FILES, {"focus.csv"})}))
    return tmp_path


def test_a_whole_plan_has_no_strays_whatever_else_is_there(plan):
    (plan / "mine.txt").write_text("mine")
    assert strays(plan) == () and stray_note(plan / "curves.json") == ()


@pytest.mark.parametrize("name", ["report.md", "curves.json"])
def test_a_file_that_is_changed_or_missing_is_named(plan, name):
    (plan / name).write_text("other\n")
    assert strays(plan) == (name,)
    assert stray_note(plan / name) == (
        f"{plan / name} is not of the plan in plan.json beside it, whose writing was interrupted or which was changed "
        "since; run plan again for files of one plan.",
    )
    (plan / name).unlink()
    assert strays(plan) == (name,)


def test_a_file_of_an_earlier_plan_is_named(plan):
    (plan / "focus.csv").write_text("old\n")
    assert strays(plan) == ("focus.csv",)


def test_curves_beside_another_plan_are_noted(plan):
    (plan / "curves.json").write_text("{ }\n")
    assert "curves.json is not of the plan in plan.json beside it" in stray_note(plan / "curves.json")[0]
    assert stray_note(plan / "mine.json") == ()


def test_without_a_manifest_nothing_can_be_said(tmp_path):
    assert stray_note(tmp_path / "curves.json") == ()
    with pytest.raises(DataError, match="no such file"):
        strays(tmp_path)
    for text in ("{}", "[]", '{"files": 3}'):
        (tmp_path / "plan.json").write_text(text)
        assert strays(tmp_path) == ()
