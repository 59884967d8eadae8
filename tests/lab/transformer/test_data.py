"""What the measured data that ship with the project promise."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from budget.lab.synthetic_tasks.real_text import Text
from budget.lab.synthetic_tasks.task_table import TASKS
from budget.lab.transformer.measured_cells import METRIC, STRATEGIES, measure_cell
from budget.lab.transformer.planned_runs import read_plan
from budget.lab.transformer.sweep import read_runs
from tests import ROOT
from tests.lab.unigram import unigram_loss

DATA = ROOT / "data"
DESIGN = DATA.parent / "benchmarks" / "lab_design.py"
PARTS = ("", "scarce_", "routing_", "loop_", "sets_small_", "sets_loop_")
FILES = {part: pd.read_csv(DATA / f"{part}runs.csv") for part in PARTS}
CELLS = {part: {cell.run: cell for cell in read_plan(DATA / f"{part}plan.csv")} for part in PARTS}
RUNS = FILES[""]
ALONE, SHARED = RUNS[RUNS["strategy"] == "specialist"], RUNS[RUNS["strategy"] != "specialist"]
ABOUT = pd.read_csv(DATA / "tasks.csv").set_index("task")
SETS = {name: pd.read_csv(DATA / f"{name}_tasks.csv").set_index("task") for name in ("related", "unrelated")}
names = pytest.mark.parametrize("name", ABOUT.index)
parts = pytest.mark.parametrize("part", PARTS)


@parts
def test_runs_are_the_plan_and_nothing_else(part):
    read_runs(DATA / f"{part}runs.csv")
    runs = FILES[part]
    assert set(runs["run"]) == set(CELLS[part])
    assert not runs.duplicated(["run", "task"]).any()
    assert set(runs["metric"]) == {METRIC}
    assert set(runs["strategy"]) <= set(STRATEGIES)
    assert (runs.groupby("run")["task"].nunique() == runs.groupby("run")["n_tasks"].first()).all()


@pytest.mark.parametrize("part", ["", "scarce", "routing"])
def test_plan_is_what_the_design_prints(part, tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(DATA.parent)}
    words = [sys.executable, str(DESIGN), *([part] if part else [])]
    printed = subprocess.run(words, env=environment, check=True, capture_output=True, text=True).stdout
    (tmp_path / "plan.csv").write_text(printed)
    designed = {cell.run for cell in read_plan(tmp_path / "plan.csv")}
    assert set(CELLS[f"{part}_" if part else ""]) <= designed
    for other in {"", "scarce", "routing"} - {part}:
        assert designed.isdisjoint(CELLS[f"{other}_" if other else ""])


@parts
def test_counts_follow_from_the_size_by_the_stated_formulas(part):
    for row in FILES[part].itertuples():
        cell = CELLS[part][row.run]
        width, batch_tokens = row.width, 64 * row.batch
        hidden, router = 16 * width**2, 0
        if row.experts > 1:
            stages = [cell.base] if cell.branch is None else [cell.base, cell.branch]
            assert len(stages) == 1  # experts have no branches here
            groups = (row.active * batch_tokens + 7 * row.experts) // 8
            hidden, router = hidden * groups * 8 / batch_tokens + 2 * width * row.experts, width * row.experts
        per_token = 3 * (8 * width**2 + hidden + 4 * 64 * width + 2 * 96 * width)
        assert row.flops == pytest.approx(per_token * row.tokens, rel=1e-12)
        vectors = 0 if row.strategy == "specialist" else row.n_tasks * width
        attention = 4 * width**2 + 64 * -(-width // 16 if width % 16 == 0 or width > 16 else 1) * row.layers
        if width % 16 == 0:
            assert row.params == attention + 8 * row.experts * width**2 + 192 * width + router + vectors
        assert row.params - row.active_params == 8 * (row.experts - row.active) * width**2
        assert row.tokens == cell.trained_tokens
        assert 0 <= row.shared_flops <= row.flops
        assert (row.shared_flops == 0) == (row.strategy == "specialist")


def test_tokens_of_the_tasks_add_up_to_those_of_the_run():
    runs = RUNS.groupby("run")
    np.testing.assert_array_equal(runs["task_tokens"].sum(), runs["tokens"].first())


def test_there_are_enough_runs_over_enough_compute():
    runs = RUNS.drop_duplicates("run")
    assert len(runs) >= 400
    assert np.log10(runs["flops"].max() / runs["flops"].min()) >= 3
    assert set(runs["strategy"]) == set(STRATEGIES)


def test_sets_do_not_confound_number_and_identity():
    sets = SHARED.drop_duplicates("model_tasks")
    assert set(sets["n_tasks"]) == {2, 4, 8, 12}
    assert (sets["n_tasks"].value_counts() >= 2).all()
    for strategy in STRATEGIES[1:]:
        grid = SHARED[SHARED["strategy"] == strategy].groupby("model_tasks")
        assert (grid["width"].nunique() >= 2).all()
        assert (grid["tokens"].nunique() >= 3).all()
    assert ALONE["width"].nunique() >= 5 and SHARED["width"].nunique() >= 5


def test_a_part_of_the_cells_has_three_seeds():
    cell = ["strategy", "model_tasks", "width", "experts", "active", "tokens"]
    seeds = RUNS.drop_duplicates("run").groupby(cell)["seed"].nunique()
    assert (seeds >= 3).mean() > 0.08


@names
def test_task_has_enough_runs_over_enough_scales(name):
    runs = ALONE[ALONE["task"] == name]
    assert len(runs) >= 16
    assert np.log10(runs["flops"].max() / runs["flops"].min()) >= 2.5
    assert runs["width"].nunique() >= 5
    assert runs["tokens"].nunique() >= 5
    crossed = runs.groupby("width")["tokens"].nunique()
    assert (crossed >= 3).all()
    assert runs.duplicated(["width", "layers", "tokens"]).sum() >= 2  # further seeds, for the noise


@names
def test_task_is_no_constant_and_still_improves_unless_labelled_saturated(name):
    runs = ALONE[ALONE["task"] == name]
    assert runs["value"].max() - runs["value"].min() > 10 * runs["stderr"].max()
    last_decade = runs["flops"] > runs["flops"].max() / 10
    late, early = (part.loc[part["value"].idxmin()] for part in (runs[last_decade], runs[~last_decade]))
    gain = early["value"] - late["value"]
    improves = gain > 3 * np.hypot(early["stderr"], late["stderr"])
    assert improves or ABOUT.at[name, "saturated"]


@names
def test_standard_errors_are_small(name):
    runs = RUNS[RUNS["task"] == name]
    assert (runs["stderr"] > 0).all()
    assert (runs["stderr"] / runs["value"]).median() < 0.0075


def test_every_task_has_a_record():
    assert set(TASKS) == {name for about in (ABOUT, *SETS.values()) for name in about.index}


@pytest.mark.parametrize(
    ("record", "name"),
    [(about.loc[name], name) for about in (ABOUT, *SETS.values()) for name in about.index],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_task_record_is_that_of_the_code(record, name):
    source = TASKS[name].source
    assert record["description"] == TASKS[name].description
    assert record["weight"] > 0
    if source.entropy is None:
        assert np.isnan(record["best"])
    else:
        assert record["best"] == pytest.approx(source.entropy, abs=5e-7)
    # the text, unlike the generators, depends on the Python version
    assert record["unserved"] == pytest.approx(unigram_loss(source), rel=0.02 if isinstance(source, Text) else 1e-6)


@names
def test_no_run_beats_the_entropy_or_loses_to_a_constant_guess(name):
    runs, record = RUNS[RUNS["task"] == name], ABOUT.loc[name]
    at_chance = ("modular",)  # its plateau is the constant guess, and small models lie on both sides of it
    assert (runs["value"] < record["unserved"] * (1.03 if name in at_chance else 1)).all()
    assert record["target"] < runs["value"].min()
    if not np.isnan(record["best"]):
        assert (runs["value"] > record["best"] - 3 * runs["stderr"]).all()
        assert record["target"] > record["best"]


def test_scarce_runs_repeat_their_data():
    runs = FILES["scarce_"]
    passes = runs["task_tokens"] / runs["unique_tokens"]
    assert runs["unique_tokens"].nunique() >= 2
    assert passes.min() <= 1.1 and passes.max() >= 16
    assert set(runs["strategy"]) == {"specialist", "generalist"}


def test_loop_is_planned_from_runs_a_tenth_as_large():
    table, runs = pd.read_csv(DATA / "closed_loop.csv"), FILES["loop_"]
    limit = 6e10
    for plan in ("uniform", "proportional", "plan"):
        rows = table[table["plan"] == plan]
        assert len(rows) == 8
        assert rows["flops"].sum() == pytest.approx(8 * 10 * limit, rel=1e-3)
        assert (rows["seeds"] == 3).all()
    shared = table[~table["plan"].isin(["uniform", "proportional", "plan"])]
    assert set(shared["plan"]) == set(STRATEGIES[1:])
    assert shared["flops"].to_numpy() == pytest.approx(8 * 10 * limit, rel=1e-3)
    for row in table.itertuples():
        alike = runs["tokens"].eq(row.tokens) & runs["width"].eq(row.width) & runs["task"].eq(row.task)
        strategy = row.plan if row.plan in STRATEGIES else "specialist"
        assert runs.loc[alike & runs["strategy"].eq(strategy), "value"].mean() == pytest.approx(row.measured, rel=1e-12)


@pytest.mark.parametrize("strategy", ["specialist", "generalist", "moe"])
def test_smallest_run_can_be_measured_again(strategy):
    # Not to the last digit: rounding differs between processors and grows over the steps.
    runs = RUNS[(RUNS["strategy"] == strategy) & ~RUNS["model_tasks"].str.contains("code|prose|names")]
    smallest = runs[runs["flops"] == runs["flops"].min()]
    smallest = smallest[smallest["run"] == smallest["run"].iloc[0]]
    again = {row["task"]: row["value"] for row in measure_cell(CELLS[""][smallest["run"].iloc[0]]).rows}
    for row in smallest.itertuples():
        assert again[row.task] == pytest.approx(row.value, rel=0.05)
