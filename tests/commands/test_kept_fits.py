"""Fits that commands keep: said, the same to the byte, and left out where asked."""

import os
from pathlib import Path

import pandas as pd
import pytest

from budget.commands.running import fitting
from budget.curves import kept_fits
from budget.curves.fitting.fit import fit_curves
from tests.commands.invoking import run
from tests.curves.test_kept_fits import shared_models
from tests.simulate import TRUTHS, table

SAID = "were fitted before and stand in"


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The folder of a user who has not said that fits are not to be kept."""
    monkeypatch.delenv("BUDGET_KEEP")
    monkeypatch.setattr(kept_fits, "WORTH", 0.0)
    monkeypatch.setattr(fitting, "cache_folder", lambda: str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    table(TRUTHS, noise=0.01).to_csv("runs.csv", index=False)
    return tmp_path / "cache" / "fits"


def contents(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def planned(runs: str = "runs.csv", budget: str = "1e22", **environment: str) -> tuple[dict[str, bytes], str]:
    """The files of a plan, and what was said on standard error."""
    Path("out").exists() and [path.unlink() for path in Path("out").iterdir()]
    before = dict(os.environ)
    os.environ.update(environment)
    try:
        result = run("plan", runs, "--budget", budget, "--draws", 20, "--reach", "inf", "--out", "out")
    finally:
        os.environ.clear()
        os.environ.update(before)
    assert result.exit_code == 0, result.output
    return contents("out"), result.stderr


@pytest.mark.slow
def test_a_plan_is_the_same_whether_its_fits_were_kept_or_not(cache):
    shared_models().to_csv("runs.csv", index=False)
    fresh, said = planned(BUDGET_KEEP="0")
    assert SAID not in said and not cache.exists()
    first, said = planned()
    assert first == fresh and SAID not in said
    kept = set(cache.iterdir())
    second, said = planned()
    assert second == fresh and set(cache.iterdir()) == kept
    assert said.count(SAID) == 1 and str(cache) in said and "BUDGET_KEEP=0" in said
    again, said = planned(BUDGET_KEEP="0")
    assert again == fresh and SAID not in said
    other, said = planned(budget="2e22")
    assert SAID in said and other == planned(budget="2e22", BUDGET_KEEP="0")[0]
    rows = pd.read_csv("runs.csv")
    rows.loc[rows.index[rows["task"] == "code"][3], "value"] *= 1.01
    rows.to_csv("runs.csv", index=False)
    some, said = planned()
    assert SAID in said and some != fresh and some == planned(BUDGET_KEEP="0")[0]


def test_a_fit_and_its_backtest_are_found_by_the_next_command(cache):
    words = ("fit", "runs.csv", "--draws", 20, "--backtest", "--out")
    first = run(*words, "one.json")
    second = run(*words, "two.json")
    assert SAID not in first.stderr and SAID in second.stderr
    assert "\n12 curves were" in second.stderr  # of three tasks, by all runs and at the backtest's three origins
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()
    assert SAID not in run(*words, "three.json", "--quiet").stderr


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(cache, tmp_path):
    (tmp_path / "cache").write_text("a file")
    first = run("fit", "runs.csv", "--draws", 20, "--out", "one.json")
    second = run("fit", "runs.csv", "--draws", 20, "--out", "two.json")
    assert first.exit_code == second.exit_code == 0
    assert SAID not in second.stderr and first.stderr.count("\n") == second.stderr.count("\n")
    assert Path("one.json").read_bytes() == Path("two.json").read_bytes()


def test_a_call_of_a_function_writes_nothing_to_the_cache(cache):
    fit_curves(pd.read_csv("runs.csv"), draws=20)
    assert not cache.exists()
    run("fit", "runs.csv", "--draws", 20, "--out", "one.json")
    held = set(cache.iterdir())
    fit_curves(pd.read_csv("runs.csv"), draws=30)  # not after a command either
    assert held and set(cache.iterdir()) == held
