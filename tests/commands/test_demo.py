"""A folder with a worked example, of the project's own runs."""

import pandas as pd
import pytest

from tests import ROOT
from tests.commands.invoking import refused, run

SHIPPED = ROOT / "budget" / "commands" / "demo_data"


@pytest.mark.parametrize("name", ["runs.csv", "tasks.csv"])
def test_its_rows_are_the_projects_own(name):
    shipped = pd.read_csv(SHIPPED / name, dtype=str, keep_default_na=False)
    own = pd.read_csv(ROOT / "data" / name, dtype=str, keep_default_na=False)[list(shipped.columns)]
    assert len(shipped) == len(shipped.merge(own.drop_duplicates())) and set(shipped["task"]) == {
        "code", "names", "prose", "markov_2",
    }  # fmt: skip


def test_it_is_small():
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 40_000


@pytest.mark.slow
def test_it_makes_a_plan_and_what_it_says_to_try_next_works(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run("demo", "try")
    assert result.exit_code == 0 and "README.md says what to try next" in result.stderr
    assert "gap " in result.stderr and (tmp_path / "try" / "plan" / "report.html").stat().st_size > 10_000
    assert "it is there already" in refused("demo", "try")
    monkeypatch.chdir(tmp_path / "try")
    lines = (tmp_path / "try" / "README.md").read_text().partition("```sh\n")[2].partition("```")[0].splitlines()
    assert len(lines) == 5
    for line in lines:
        assert run(*line.split()[1:]).exit_code == 0, line


def test_what_stands_there_is_kept(tmp_path):
    (tmp_path / "mine").mkdir()
    assert "it is there already" in refused("demo", tmp_path / "mine")
    assert not list((tmp_path / "mine").iterdir())
