"""The closed loop on two sets: its rule of sizes, its frozen plans, and the split it measures them by."""

import sys

import numpy as np
import pandas as pd
import pytest

from budget.lab.transformer.planned_runs import read_plan
from tests import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import closed_loop_sets as loop

DATA = ROOT / "data"
FROZEN = pd.read_csv(loop.FROZEN)


@pytest.mark.parametrize("tasks", [1, 8])
@pytest.mark.parametrize("spend", [3e9, 4e10, 1.25e11, 1e12])
def test_no_width_has_tokens_nearer_to_the_ratio(spend, tasks):
    def off(width):
        parameters = 12 * width**2 + 192 * width + 64 * width / 16 + (width * tasks if tasks > 1 else 0)
        tokens = spend / (3 * (24 * width**2 + 256 * width + 192 * width))
        return abs(np.log(tokens / parameters / 20))

    assert loop.width_of(spend, tasks) == min(range(16, 400, 16), key=off)


def test_weights_leave_some_shares_equal():
    for name, chosen in loop.SETS.items():
        weight = loop.settings_of(name)["weight"]
        assert len(chosen.tasks) == 8 and weight.mean() == 2 and (weight == 2).sum() >= 2 and weight.nunique() > 1


def test_plans_of_runs_are_what_the_script_prints():
    there = {cell.run for cell in read_plan(DATA / "plan.csv")}
    for part, cells in (("small", loop.small()), ("loop", loop.planned(FROZEN))):
        assert {cell.run for cell in read_plan(DATA / f"sets_{part}_plan.csv")} == {cell.run for cell in cells} - there


def test_curves_see_runs_a_tenth_as_large_as_the_budget_of_a_task():
    seen = [cell.flops / len(cell.tasks) for cell in loop.small()]
    assert sum(flops <= loop.LIMIT for flops in seen) > 0.7 * len(seen)
    budget = 8 * 10 * loop.LIMIT
    for (name, plan), mine in FROZEN.groupby(["set", "plan"]):
        models = loop.models_of(mine)
        assert sum(model.spend for model in models) == pytest.approx(budget, rel=1e-6)
        assert sorted(task for model in models for task in model.tasks) == sorted(loop.SETS[name].tasks)
        assert mine.loc[mine["task"] == loop.ALL, "spend"].item() == pytest.approx(budget, rel=1e-6), plan
        for model in models:
            rows = mine[mine["model_tasks"] == "|".join(model.tasks)]
            assert (rows["width"] == model.cell().shape.width).all()
            assert (rows["tokens"] == model.cell().trained_tokens).all()


def test_predictions_of_a_set_are_the_mean_of_its_tasks():
    for (name, _), mine in FROZEN.groupby(["set", "plan"]):
        weight = loop.settings_of(name)["weight"]
        rows = mine.set_index("task")
        for column in ("predicted", "gain"):
            mean = np.average(rows.loc[weight.index, column], weights=weight)
            assert rows.at[loop.ALL, column] == pytest.approx(mean, rel=1e-6, abs=1e-9)
        assert ((rows["low"] <= rows["predicted"]) & (rows["predicted"] <= rows["high"])).mean() > 0.9


def lines(slopes, levels, low=0.0, high=np.inf):
    return pd.DataFrame({"floor": 0.0, "slope": slopes, "level": levels, "low": low, "high": high})


def test_the_clairvoyant_splits_by_equal_returns():
    alike = loop.clairvoyant(lines([-0.2, -0.2], [1.0, 1.0]), np.array([0.5, 0.5]), 10.0)
    assert alike == pytest.approx([5, 5])
    # of w a C^-b with one exponent, spends are in proportion to (w a)^(1 / (1 + b))
    uneven = loop.clairvoyant(lines([-0.5, -0.5], [0.0, 0.0]), np.array([0.2, 0.8]), 10.0)
    assert uneven[1] / uneven[0] == pytest.approx(4 ** (1 / 1.5))
    bounded = loop.clairvoyant(lines([-0.5, 0.0], [0.0, 0.0], 1.0, 8.0), np.array([0.5, 0.5]), 9.0)
    assert bounded == pytest.approx([8, 1])


def test_gains_are_paired_by_seed_and_missing_seeds_left_out():
    found = loop.paired(np.array([1.0, 3.0, np.nan]))
    assert found == pytest.approx({"": 2.0, "_error": 2 * np.sqrt(2) / np.sqrt(2)})
    assert np.isnan(loop.paired(np.array([1.0, np.nan, np.nan]))["_error"])


def test_a_smooth_line_is_that_of_the_law_where_there_is_one():
    spend = np.array([5e10, 1e11, 2e11])
    table = pd.DataFrame({"set": "related", "task": "lookup_noisy", "model_tasks": "lookup_noisy", "spend": spend,
                          "measured": 1.3117193 + 40 * spend**-0.2, "seeds": [3, 1, 3]})  # fmt: skip
    line = loop.smooth_lines(table)
    assert line["slope"].item() == pytest.approx(-0.2, rel=1e-6)
    assert loop.on_line(line, np.array([4e10])) == pytest.approx(1.3117193 + 40 * 4e10**-0.2, rel=1e-9)


def test_the_report_is_what_was_measured():
    runs = pd.read_csv(loop.RUNS)
    report = pd.read_csv(loop.REPORT)
    pd.testing.assert_frame_equal(report, loop.compared(FROZEN, runs), rtol=1e-9)
    row = report[(report["set"] == "related") & (report["plan"] == "weight") & (report["task"] == "lookup_medium")]
    mine = runs[(runs["task"] == "lookup_medium") & (runs["n_tasks"] == 1) & (runs["tokens"] == row["tokens"].item())]
    assert row["measured"].item() == pytest.approx(mine["value"].mean(), rel=1e-12)
    equal = runs[(runs["task"] == "lookup_medium") & (runs["tokens"] == 542464) & (runs["n_tasks"] == 1)]
    gains = equal.sort_values("seed")["value"].to_numpy() - mine.sort_values("seed")["value"].to_numpy()
    assert row["gain_over_uniform"].item() == pytest.approx(gains.mean(), rel=1e-9)
    assert row["gain_over_uniform_error"].item() == pytest.approx(2 * gains.std(ddof=1) / 3**0.5, rel=1e-9)
