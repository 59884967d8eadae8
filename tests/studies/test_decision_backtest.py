"""Decisions judged on hidden runs: closed forms and brute force for the pieces, known worlds for the whole."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.curves.decided import Decided
from budget.curves.records.checksum import sealed
from budget.curves.records.reading import curves_from_record
from budget.curves.records.writing import record_of
from budget.errors import DataError
from budget.report.sentences.backtest_sentences import decided_sentence
from budget.studies import decision_backtest
from budget.studies.backtest_verdict import Verdict
from budget.studies.decision_backtest import best_so_far, clairvoyant, decide_backtest, decision_table, smooth
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.tasks import TaskSettings
from tests.commands.invoking import run
from tests.made import power
from tests.simulate import runs_of

LAWS = {"a": (0.5, 1.0, 0.45), "b": (1.0, 0.6, 0.2), "c": (0.8, 1.5, 0.3), "d": (0.2, 0.3, 0.6)}
"""Floor, height and exponent of each task at an ``x`` of 1e6."""


def world(tmp_path, noise=0.002, count=14):
    random = np.random.default_rng(3)
    x = np.geomspace(1e5, 1e8, count)
    rows = [
        {"task": name, "x": each, "value": (floor + height * (each / 1e6) ** -slope) * np.exp(noise * random.normal())}
        for name, (floor, height, slope) in LAWS.items()
        for each in x
    ]
    return runs_of(pd.DataFrame(rows), tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.5, 8))
def test_the_clairvoyant_is_the_best_split_by_brute_force(seed, budget):
    random = np.random.default_rng(seed)
    spend = np.tile(np.linspace(0.1, 4, 40), (3, 1))
    heights, slopes = random.uniform(0.5, 2, (3, 1)), random.uniform(0.1, 1, (3, 1))
    value, weight = heights * spend**-slopes, random.uniform(0.5, 2, 3)
    found = clairvoyant(spend, value, weight, budget)
    assert found.sum() == pytest.approx(min(budget, 12.0), rel=1e-9) and (found >= 0.1 - 1e-12).all()
    mine = sum(w * np.interp(c, spend[0], curve) for w, c, curve in zip(weight, found, value, strict=True))
    for first, second in product(np.linspace(0.1, 4, 25), repeat=2):
        third = budget - first - second
        if 0.1 <= third <= 4:
            parts = zip(weight, (first, second, third), value, strict=True)
            assert mine <= sum(w * np.interp(c, spend[0], curve) for w, c, curve in parts) + 1e-9


def test_the_line_through_measurements_follows_them_and_only_falls():
    at = np.linspace(0, 5, 60)
    line = smooth(at, 3 - 0.4 * at, at)
    np.testing.assert_allclose(line, 3 - 0.4 * at, atol=1e-6)
    rising = smooth(at, at, at)
    assert (np.diff(rising) <= 0).all()
    assert best_so_far(np.array([1.0, 2, 3, 4]), np.array([5.0, 6, 4, 4])).tolist() == [0, 2]


def test_where_the_law_is_right_nearly_everything_is_realised(tmp_path):
    runs = world(tmp_path)
    found = decide_backtest(runs, "power", beyond=8, sets=40, tasks=TaskSettings(runs.tasks), draws=30, seed=1)
    figures = found.figures
    assert figures.share > 0.9 and figures.worse == 0 and 0.7 < figures.told < 1.4
    assert figures.by_weight == 0  # equal weights: the same split
    assert (found.prize >= found.plan.gain - 1e-6).all() and found.tasks == runs.tasks
    again = decide_backtest(runs, "power", beyond=8, sets=40, tasks=TaskSettings(runs.tasks), draws=30, seed=1)
    pd.testing.assert_frame_equal(decision_table([found]), decision_table([again]))


def test_hidden_runs_are_not_seen(tmp_path):
    """A task whose large runs are all different plans the same; only the judgement moves."""
    runs = world(tmp_path)
    large = runs.scale["x"] > 1e8 / 8
    other = replace(runs, value=np.where(large & (runs.task == 0), runs.value * 0.8, runs.value))
    one, two = (
        decide_backtest(each, "power", sets=20, tasks=TaskSettings(runs.tasks), draws=20) for each in (runs, other)
    )
    np.testing.assert_array_equal(one.plan.predicted, two.plan.predicted)
    assert not np.allclose(one.plan.gain, two.plan.gain)


def test_a_curve_fails_by_the_runs_that_are_seen(tmp_path):
    """Of two tasks with one and the same history and another future, which sets back, both fail."""
    x = np.geomspace(1e5, 1e8, 20)
    line = 3 * (x / 1e5) ** -0.6 * np.where(x > 2e6, 2.0, 1.0)
    future = np.where(x > 1e8 / 8, 0.5, 1.0)
    others = world(tmp_path, count=20)
    names = [others.tasks[task] for task in others.task]
    frames = [
        pd.DataFrame({"task": names, "x": others.scale["x"], "value": others.value}),
        pd.DataFrame({"task": "setback", "x": x, "value": line}),
        pd.DataFrame({"task": "recovers", "x": x, "value": line * future}),
    ]
    runs = runs_of(pd.concat(frames), tmp_path)
    found = decide_backtest(runs, "power", sets=10, tasks=TaskSettings(runs.tasks), draws=0)
    assert sorted(found.held) == ["recovers", "setback"]


def test_a_task_whose_curve_failed_gets_at_most_its_share_by_weight(tmp_path, monkeypatch):
    runs = world(tmp_path)
    weight = np.array([1.0, 2.0, 3.0, 1.0])
    asked = {"sets": 30, "tasks": TaskSettings(runs.tasks, weight=weight, current=np.full(4, 7.0)), "draws": 0}
    shares: dict[str, list[float]] = {"PASS": [], "FAIL": []}
    best = StrategyPlanner.best

    def watched(self, budgets):
        plans = best(self, budgets)
        if "c" in plans[0].tasks:
            place = plans[0].tasks.index("c")
            mine = self.task_settings.weight[place] / self.task_settings.weight.sum()
            shares[code].append(plans[0].spend[place] / budgets[0] / mine)
        return plans

    monkeypatch.setattr(StrategyPlanner, "best", watched)
    found = {}
    for code in shares:
        told = {"a": "PASS", "b": "PASS", "c": code, "d": "PASS"}
        monkeypatch.setattr(
            decision_backtest,
            "judge",
            lambda seen, *_, told=told, **__: [Verdict(told[name], "") for name in seen.tasks],
        )
        found[code] = decide_backtest(runs, "power", **asked)
    assert found["PASS"].held == () and found["FAIL"].held == ("c",)
    assert max(shares["PASS"]) > 1.05  # it would get more
    np.testing.assert_allclose(shares["FAIL"], np.minimum(shares["PASS"], 1.0), rtol=1e-6)


def test_too_few_runs_are_said(tmp_path):
    runs = world(tmp_path, count=5)
    with pytest.raises(DataError, match="fewer than two tasks have 4 trained models 100 times below"):
        decide_backtest(runs, "power", beyond=100, tasks=TaskSettings(runs.tasks))
    with pytest.raises(DataError, match="--beyond is 1"):
        decide_backtest(runs, "power", beyond=1, tasks=TaskSettings(runs.tasks))


def test_the_figures_are_kept_with_the_curves_and_told():
    decided = Decided(4.0, 200.0, 8.0, 4.0, 0.01, 0.8, 0.0, 0.02, -0.001, 0.9, float("nan"))
    curves = replace(power({"t": (1.0, 2.0, 0.3)}), decided=decided)
    again = curves_from_record(sealed(record_of(curves)), "curves.json").decided
    assert repr(again) == repr(decided)
    said = decided_sentence(decided)
    assert "plans realise 80.0 % of what a clairvoyant gains" in said and "at worst by 0.10 %" in said
    assert "nan" not in said and "interval" not in said
    nothing = decided_sentence(replace(decided, share=float("nan")))
    assert "no split of these tasks would have gained" in nothing
    assert curves_from_record(sealed(record_of(power({"t": (1.0, 2.0, 0.3)}))), "curves.json").decided is None


def test_the_command_judges_plans(tmp_path):
    runs = world(tmp_path)
    frame = pd.DataFrame({"task": [runs.tasks[i] for i in runs.task], "x": runs.scale["x"], "value": runs.value})
    frame.to_csv(tmp_path / "r.csv", index=False)
    arguments = ("backtest", tmp_path / "r.csv", "--law", "power", "--decide", "--draws", "20")
    found = run(*arguments)
    assert found.exit_code == 0 and found.stdout.startswith("law,tasks,sets,beyond,factor,prize,share")
    assert "power: Decided by runs 8.00× smaller" in found.stderr
    bad = run(*arguments, "--beyond", "1.5")
    assert bad.exit_code == 1 and "--beyond is 1.5" in bad.stderr
