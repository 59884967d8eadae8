"""The decision on the bundled runs against simpler ones, by values that were measured and not predicted.

A model's measured value at its spend lies on the line through the best runs so far of that strategy on that set.
Budgets are such that most models lie within their runs: of what lies beyond, such as most of a plan of 1e14 FLOPs,
nothing is measured, and of one model for all 17 tasks nothing at any budget.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from budget.commands import main

DATA = Path(__file__).parents[2] / "data"


def measured(runs: pd.DataFrame, strategy: str, members: list[str], task: str, spend: float) -> float:
    """The value at a spend within the runs of a model on a set; NaN beyond them."""
    few = runs[(runs["task"] == task) & (runs["strategy"] == strategy.removesuffix("s"))]
    if len(members) > 1:
        few = few[[set(str(each).split("|")) == set(members) for each in few["model_tasks"]]]
    best = few.groupby("flops")["value"].min().sort_index().cummin()
    if not len(best) or not best.index[0] <= spend <= best.index[-1] * (1 + 1e-6):
        return float("nan")
    return float(np.exp(np.interp(np.log(spend), np.log(best.index), np.log(best))))


@pytest.mark.slow
@pytest.mark.parametrize(("budget", "known"), [(3e11, 17), (1e12, 17), (3e12, 12)])
def test_the_decision_beats_one_model_for_each_and_equal_parts_by_measured_values(tmp_path, budget, known):
    words = ["plan", str(DATA / "runs.csv"), "--tasks", str(DATA / "tasks.csv"), "--budget", f"{budget:g}", "--reach"]
    words += ["10", "--draws", "50", "--no-backtest", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    runs = pd.read_csv(DATA / "runs.csv")
    record = json.loads((tmp_path / "plan.json").read_text())
    apart = pd.read_csv(tmp_path / "allocation.csv").set_index("task")["spend"]
    models = record["recommendation"]["models"]
    assert any(len(model["tasks"]) > 1 for model in models)
    mine = pd.Series(
        {
            task: measured(runs, model["strategy"], model["tasks"], task, model["spend"])
            for model in models
            for task in model["tasks"]
        }
    )
    each = pd.Series({task: measured(runs, "specialists", [task], task, spend) for task, spend in apart.items()})
    equal = pd.Series({task: measured(runs, "specialists", [task], task, budget / len(apart)) for task in apart.index})
    of_all = [measured(runs, "generalist", list(apart.index), task, budget) for task in apart.index]
    assert np.isnan(of_all).all()  # nobody measured one model for all of them
    both = mine.notna() & each.notna() & equal.notna()
    assert both.sum() >= known
    assert mine[both].mean() < each[both].mean() - 0.005
    assert mine[both].mean() < equal[both].mean() - 0.005
