"""Cells in another unit and wild values are named, and clean files of many designs are left alone."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from budget.tables.checks.quality import check, check_table
from budget.tables.checks.suspicion import suspicions_of
from budget.tables.checks.units import file_warnings
from budget.tables.runs import Runs, runs_from_frame
from tests.simulate import Truth

SEEDS = st.integers(0, 2**32 - 1)
DESIGNS = ("grid", "scattered", "one ratio", "one scale")


def clean_file(design: str, seed: int, noise: float = 0.003, score: bool = False) -> pd.DataFrame:
    """Runs of a law with floor, over 1 to 2.5 decades of each scale, none of them wild."""
    random = np.random.default_rng(seed)
    span, smallest, count = random.uniform(1, 2.5), 10 ** random.uniform(6, 8), int(random.integers(10, 30))
    if design == "grid":
        sizes, counts = random.integers(4, 8, 2)
        steps = np.meshgrid(np.linspace(0, span, sizes), np.linspace(0, random.uniform(1, 2.5), counts))
        params, tokens = smallest * 10 ** steps[0].ravel(), 20 * smallest * 10 ** steps[1].ravel()
    elif design == "one ratio":
        params = np.geomspace(smallest, smallest * 10**span, count)
        tokens = 20 * params * 10 ** random.uniform(-0.5, 0.5, count)
    else:
        params, tokens = (smallest * 10 ** random.uniform(0, span, count) for _ in range(2))
    middle = np.median(params), np.median(tokens)
    sizes = random.uniform(0.3, 1.5, 2)
    exponents = random.uniform(0.2, 0.5, 2)
    value = random.uniform(1, 3) + sizes[1] * (tokens / middle[1]) ** -exponents[1]
    if design != "one scale":
        value += sizes[0] * (params / middle[0]) ** -exponents[0]
    value *= np.exp(noise * random.normal(size=len(value)))
    if score:
        value = 0.1 + 0.8 * expit(-2 * (value - np.median(value)))
    frame = pd.DataFrame({"task": "a", "params": params, "tokens": tokens, "value": value})
    return frame.drop(columns="params") if design == "one scale" else frame


def _inner(frame: pd.DataFrame) -> list[int]:
    """Rows whose values are neither among the worst nor among the best tenth."""
    rank = frame["value"].rank(pct=True)
    return np.flatnonzero((rank > 0.1) & (rank < 0.9)).tolist()


def suspect(frame: pd.DataFrame, score: bool = False) -> list[tuple[str, str]]:
    runs = runs_from_frame(frame, higher_is_better=score)
    return [*suspicions_of(runs, [0])[0].findings, *(("file", said) for said in file_warnings(runs))]


@settings(deadline=None)
@given(st.sampled_from(DESIGNS), SEEDS, st.sampled_from([0.0, 0.003, 0.02]), st.booleans(), st.booleans())
def test_clean_files_are_not_suspect(design, seed, noise, score, counted):
    frame = clean_file(design, seed, noise, score)
    if counted and design != "one scale":
        frame["flops"] = 8 * frame["params"] * frame["tokens"]
    assert suspect(frame, score) == []


@settings(deadline=None)
@given(st.sampled_from(DESIGNS), SEEDS, st.sampled_from([-9, -8, -7, -6, -5, 5, 6, 7, 8, 9]), st.booleans(), st.data())
def test_a_cell_many_decades_off_is_always_named(design, seed, power, score, data):
    frame = clean_file(design, seed, score=score)
    column = data.draw(st.sampled_from([name for name in ("params", "tokens") if name in frame]))
    at = data.draw(st.integers(0, len(frame) - 1))
    frame.loc[at, column] *= 10.0**power
    decades = np.log10(frame[column])
    assume(abs(decades[at] - np.delete(decades.to_numpy(), at)).min() > 2.6)  # else it lies among the others
    ((code, sentence),) = suspect(frame, score)
    assert code == "suspect_scale"
    assert sentence.startswith(f"row {at + 2}: {column} {frame.loc[at, column]:.4g} lies ")
    assert f"decades {'below' if power < 0 else 'above'} every other run; another unit (" in sentence


@settings(deadline=None)
@given(SEEDS, st.sampled_from([-9, -6, -3, 3, 6, 9]), st.sampled_from(["params", "tokens"]), st.data())
def test_on_a_grid_three_decades_are_enough_and_the_unit_is_named(seed, power, column, data):
    """A value that is not the worst or best contradicts a lone cell, and tells which power of a thousand it is."""
    frame = clean_file("grid", seed, noise=0.0)
    at = data.draw(st.sampled_from(_inner(frame)))
    others = np.log10(np.delete(frame[column].to_numpy(), at))
    frame.loc[at, column] *= 10.0**power
    own = np.log10(frame.loc[at, column])
    assume(max(own - others.max(), others.min() - own) > 2.6)
    ((code, sentence),) = suspect(frame)
    unit = {3: "thousands", 6: "millions", 9: "billions"}[abs(power)]
    assert code == "suspect_scale" and sentence.startswith(f"row {at + 2}: {column}") and unit in sentence


@settings(deadline=None)
@given(SEEDS, st.sampled_from([-9, -6, -3, 3, 6, 9, 12]), st.sampled_from(["params", "tokens", "flops"]))
def test_a_whole_column_in_another_unit_shows_in_the_flops(seed, power, column):
    frame = clean_file("scattered", seed)
    frame["flops"] = 7 * frame["params"] * frame["tokens"]
    frame[column] *= 10.0**power
    warnings = file_warnings(runs_from_frame(frame))
    ratio = 7 / 6 * 10.0 ** (power if column == "flops" else -power)
    assert f"flops are {ratio:.4g} times 6·params·tokens" in warnings[0]


@pytest.mark.parametrize(
    ("factor", "name"),
    [(1e-9, "GFLOP (giga)"), (1 / 8.64e19, "PFLOP/s-days"), (1e-21, "flops in 1e21"), (1e15, "params in millions and")],
)
def test_the_likely_unit_of_flops_is_named(factor, name):
    frame = clean_file("grid", 4)
    frame["flops"] = 6 * factor * frame["params"] * frame["tokens"]
    runs = runs_from_frame(frame)
    assert name in file_warnings(runs)[0]
    table = check_table(check(runs, ("params", "tokens"), 5, np.full(1, np.nan))).set_index("task")
    assert table.loc["(file)", "verdict"] == "REVIEW" and name in table.loc["(file)", "finding"]


def test_billions_times_trillions_have_the_right_flops_and_are_suspect_all_the_same():
    frame = clean_file("grid", 4).assign(params=lambda f: f["params"] / 1e9, tokens=lambda f: f["tokens"] / 1e12)
    frame["flops"] = 6 * frame["params"] * frame["tokens"]
    said = file_warnings(runs_from_frame(frame))
    assert [next(word for word in ("params", "tokens") if f" {word} are " in each) for each in said] == [
        "params",
        "tokens",
    ]


def test_one_cell_of_counted_flops_is_named():
    frame = clean_file("grid", 4).assign(flops=lambda f: 7 * f["params"] * f["tokens"])
    frame.loc[5, "flops"] /= 1e9
    ((code, sentence),) = suspect(frame)
    assert code == "suspect_flops"
    assert sentence.startswith("row 7: flops are 1.17e-09 times 6·params·tokens, and 1.17 times in the other rows")
    assert "giga" in sentence


@settings(deadline=None)
@given(st.sampled_from(DESIGNS), SEEDS, st.booleans(), st.integers(1, 5))
def test_values_in_percent_among_shares_are_named(design, seed, score, count):
    """A few values times 100: scores of 0.1 to 0.9, or losses."""
    frame = clean_file(design, seed, score=score)
    random = np.random.default_rng(seed)
    rows = np.sort(random.choice(len(frame), min(count, len(frame) // 5), replace=False))
    assume(frame["value"].max() < 5.5)  # a hundred times 6.3 is also the exponential of 6.4
    frame.loc[rows, "value"] *= 100
    found = suspect(frame, score)
    assert [code for code, _ in found] == ["suspect_values"], found
    assert found[0][1].startswith(f"{'row' if len(rows) == 1 else 'rows'} {', '.join(str(row + 2) for row in rows)}:")
    assert "is 100 times (percent?)" in found[0][1]


@settings(deadline=None)
@given(st.sampled_from(DESIGNS), SEEDS, st.integers(1, 4))
def test_perplexities_among_losses_are_named(design, seed, count):
    """Their rows always, and mostly what they are: where the rough curve comes within a twentieth of the loss."""
    frame = clean_file(design, seed, noise=0.0)
    rows = np.sort(np.random.default_rng(seed).choice(_inner(frame), min(count, len(frame) // 6), replace=False))
    assume((np.exp(frame.loc[rows, "value"]) > 1.5 * np.delete(frame["value"].to_numpy(), rows).max()).all())
    frame.loc[rows, "value"] = np.exp(frame.loc[rows, "value"])
    found = suspicions_of(runs_from_frame(frame), [0])[0]
    said = " ".join([*(sentence for _, sentence in found.findings), found.wild]).replace(":", ",")
    assert all(f" {row + 2}," in said for row in rows)
    assert {code for code, _ in found.findings} <= {"suspect_values"}


def test_what_a_perplexity_looks_like_is_said():
    frame = clean_file("one scale", 4, noise=0.0)
    loss = frame.loc[9, "value"]
    frame.loc[9, "value"] = np.exp(loss)
    ((code, sentence),) = suspect(frame)
    assert code == "suspect_values"
    assert sentence.startswith(f"row 11: value {np.exp(loss):.4g} is the exponential (a perplexity?) of what the other")


@pytest.mark.parametrize(("metric", "raised"), [("ppl", True), ("valid_perplexity", True), ("nats", False)])
def test_a_metric_called_perplexity_is_no_loss(metric, raised):
    found = suspect(clean_file("grid", 4).assign(metric=metric))
    assert [code for code, _ in found] == ["suspect_values"] * raised
    assert not raised or found[0][1].startswith(f"the metric is called '{metric}': a perplexity does not follow")


def test_a_diverged_run_is_pointed_out_before_the_fit():
    frame = clean_file("grid", 4)
    low, high = frame["value"].min(), frame["value"].max()
    expected = frame.loc[9, "value"]
    frame.loc[9, "value"] = 4.1 * expected
    runs = runs_from_frame(frame)
    found = suspicions_of(runs, [0])[0]
    assert found.findings == ()
    assert found.wild.startswith(f"row 11: value {4.1 * expected:.4g} among {low:.4g} to {high:.4g} of the others")
    table = check_table(check(runs, ("params", "tokens"), 5, np.full(1, np.nan))).set_index("task")
    assert table.loc["a", "verdict"] == "REVIEW" and "row 11: value" in table.loc["a", "finding"]


def test_one_much_larger_run_that_continues_the_curve_is_not_suspect():
    """Eighty times the next: its value is what the law says."""
    params = np.append(np.geomspace(1e7, 1e9, 14), 8e10)
    value = Truth(1.7, 400.0, 0.34, 400.0, 0.28).value(params, 20 * params)
    assert suspect(pd.DataFrame({"task": "a", "params": params, "tokens": 20 * params, "value": value})) == []


def test_a_score_that_rises_late_is_not_suspect():
    x = np.geomspace(1e6, 1e10, 30)
    value = 0.25 + 0.6 * expit(3 * (np.log10(x) - 9.7)) + 0.003 * np.random.default_rng(2).normal(size=30)
    runs: Runs = runs_from_frame(pd.DataFrame({"task": "a", "x": x, "value": value}), higher_is_better=True)
    found = suspicions_of(runs, [0])[0]
    assert found.findings == () and found.wild == ""


@settings(deadline=None, max_examples=25)
@given(st.lists(st.tuples(st.sampled_from(DESIGNS[:3]), SEEDS), min_size=2, max_size=6), SEEDS)
def test_a_file_s_tasks_are_checked_as_each_is_by_itself(designs, seed):
    """Wild values, cells in another unit and copies included; the rows of the tasks stand in any order."""
    random = np.random.default_rng(seed)
    parts = []
    for position, (design, each) in enumerate(designs):
        frame = clean_file(design, each).head(12).assign(task=f"t{position}")  # many of equal length
        frame.loc[random.integers(len(frame)), random.choice(["value", "params", "tokens"])] *= 1000
        again = frame.sample(int(random.integers(3)), random_state=seed % 1000)
        parts.append(pd.concat([frame, again], ignore_index=True).assign(metric=random.choice(["loss", "ppl"])))
    whole = pd.concat(parts, ignore_index=True).sample(frac=1, random_state=seed % 1000, ignore_index=True)
    inputs, nothing = ("params", "tokens"), np.full(len(parts), np.nan)
    found = check(runs_from_frame(whole), inputs, 5, nothing)
    for name, part in whole.groupby("task", sort=False):
        alone = check(runs_from_frame(part), inputs, 5, nothing[:1])
        # a row is called by its place in the file, which sentences alone say
        mine = [(one.check, one.verdict, _without_rows(one.finding)) for one in found if one.task == name]
        assert mine == [(one.check, one.verdict, _without_rows(one.finding)) for one in alone if one.task]


def _without_rows(sentence: str) -> str:
    return re.sub(r"rows? \d+(, \d+)*", "rows", sentence)


def test_the_file_is_looked_through_once_and_not_once_a_task(monkeypatch):
    count = 40
    frame = pd.DataFrame(
        [(f"t{task}", n, d, 7 * n * d, 2 + 300 / n**0.3) for task in range(count)
         for n, d in ((1e6, 1e8), (3e6, 2e8), (1e7, 7e8), (4e7, 9e9), (2e8, 3e9))],
        columns=["task", "params", "tokens", "flops", "value"],
    )  # fmt: skip
    runs, median, whole = runs_from_frame(frame), np.median, []

    def counted(values, *arguments, **named):
        whole.append(np.size(values) == len(frame) and np.ndim(values) == 1)
        return median(values, *arguments, **named)

    monkeypatch.setattr(np, "median", counted)
    suspicions_of(runs, range(count))
    assert sum(whole) == 1
