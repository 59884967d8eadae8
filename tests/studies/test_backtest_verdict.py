"""Verdicts on curves whose truth is known: right laws pass, cliffs fail, and too few rows are not judged."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from budget.studies.backtest import NO_LAW, Backtest, backtest
from budget.studies.backtest_verdict import judge, verdicts
from budget.tables.runs import runs_from_frame


def curve(name, value, sizes=20, noise=0.01, seed=0):
    x = np.geomspace(1e3, 1e7, sizes)
    random = np.random.default_rng(seed)
    return pd.DataFrame({"task": name, "x": x, "value": value(x) * np.exp(noise * random.normal(size=sizes))})


def falling(x):
    return 1 + 3 * (x / 1e3) ** -0.3


def stopping(x):
    return np.maximum(falling(x), falling(1e6))


@pytest.fixture(scope="module")
def planted():
    three = curve("three", falling, sizes=3)
    one_size = curve("one size", falling, sizes=1).loc[[0, 0]].assign(value=[2.0, 2.1])
    frame = pd.concat([curve("right", falling), curve("stops", stopping, noise=0.001), three, one_size])
    return runs_from_frame(frame)


def test_a_right_law_passes_one_that_does_not_see_the_end_fails_and_few_rows_are_not_judged(planted):
    right, stops, three, one_size = judge(planted, "trend", draws=60)
    assert right.code == "PASS"
    assert "predictions of hidden runs up to" in right.sentence and "% off in the median" in right.sentence
    assert stops.code == "FAIL" and stops.sentence.endswith('the curve is worse than "nothing improves"')
    assert (three.code, three.sentence) == (
        "REVIEW", "not judged, for only 1 run can be hidden, and 3 are needed",
    )  # fmt: skip
    assert (one_size.code, one_size.sentence) == ("REVIEW", "not judged, for its runs are all of one size")


def test_the_sentence_holds_the_figures_of_the_backtest(planted):
    found = backtest(planted, ["trend"], draws=60)
    rows = found.task == found.tasks.index("right")
    inside = int(found.inside[1, rows].sum())
    off = 100 * np.median(np.abs(found.off[1, rows]))
    assert verdicts(found, "trend", planted.tasks)[0].sentence == (
        f"{inside} of {rows.sum()} predictions of hidden runs up to {found.distance[rows].max():.3g} × larger inside "
        f"the 80 % interval, {off:.2g} % off in the median"
    )


def test_a_law_that_needs_more_runs_than_stay_is_not_judged(planted):
    few = curve("few", falling, sizes=6)
    assert judge(runs_from_frame(few), "bnsl", draws=0)[0].sentence == (
        "not judged, for without its largest runs it has no curve"
    )


def test_runs_of_one_size_only_are_not_judged():
    alike = pd.DataFrame({"task": "a", "x": 1e3, "value": [2.0, 2.1, 2.2]})
    (said,) = judge(runs_from_frame(alike), "power", draws=0)
    assert said.code == "REVIEW" and said.sentence.startswith("not judged, for without its largest runs there is no")


def written(inside, *, law=1.0, nothing=1.3, measured=1.0, reach=8.0, noise=0.01, group=None, origin=None):
    """A backtest of one task as numbers: each hidden row inside its interval or not."""
    inside = np.asarray(inside)
    count = len(inside)
    low, high = np.where(inside, [[0.9], [1.2]], [[1.1], [1.2]]) * measured
    nan = np.full(count, np.nan)
    return Backtest(
        tasks=("a",), size="x", laws=(NO_LAW, "power"), kept=np.array([9]), reach=np.array([reach]),
        task=np.zeros(count, dtype=int), row=np.arange(count), measured=np.full(count, measured),
        predicted=np.array([np.full(count, nothing), np.broadcast_to(law, count)]), low=np.array([nan, low]),
        high=np.array([nan, high]), status=(("",), ("ok",)), notes=(),
        origin=np.zeros(count, dtype=int) if origin is None else np.asarray(origin),
        distance=np.linspace(1.5, reach, count), group=np.arange(count) if group is None else np.asarray(group),
        noise=np.array([nan, np.full(count, noise)]),
    )  # fmt: skip


def code(found):
    return verdicts(found, "power", ("a",))[0].code


def test_intervals_that_hold_too_few_are_doubted_and_rows_of_one_group_count_once():
    assert code(written([1] * 8 + [0] * 2)) == "PASS"
    assert code(written([1] * 5 + [0] * 5)) == "PASS"  # one curve predicts all of them: half is no proof
    assert code(written([1] + [0] * 9)) == "REVIEW"
    # five of five seeds of one size miss, and the others do not: of six observations one misses
    assert code(written([0] * 15 + [1] * 5, group=[0] * 15 + [1, 2, 3, 4, 5])) == "PASS"
    assert code(written([0] * 15 + [1] * 5)) == "REVIEW"
    once = verdicts(written([0] * 15 + [1] * 5, group=[0] * 15 + [1, 2, 3, 4, 5]), "power", ("a",))[0].sentence
    assert "5 of 20 predictions" in once and "interval (83 % where those of one model and size count once), " in once


def test_a_law_fails_that_loses_to_nothing_improves_beyond_noise_and_far_enough():
    worse = {"law": np.linspace(0.8, 0.7, 10), "nothing": 1.1}
    assert code(written([1] * 10, **worse)) == "FAIL"
    assert code(written([1] * 10, **worse, reach=3.9)) == "PASS"
    assert code(written([1] * 10, **worse, noise=0.2)) == "PASS"
    assert code(written([1] * 10, law=np.linspace(0.8, 1.0, 10), nothing=1.1)) == "PASS"
    # off by as much on average, but only in one run of ten
    assert code(written([1] * 10, law=[1.0] * 9 + [0.2], nothing=1.05)) == "PASS"


def test_of_the_origins_that_reach_far_the_one_with_most_runs_decides():
    found = written([1] * 20, law=np.r_[np.full(10, 1.0), np.linspace(0.8, 0.7, 10)], nothing=1.1,
                    group=np.tile(np.arange(10), 2), origin=np.repeat([0, 1], 10))  # fmt: skip
    assert found.distance[:10].max() >= 4 and code(found) == "PASS"
    assert code(replace(found, distance=np.r_[np.full(10, 2.0), np.full(10, 9.0)])) == "FAIL"


def test_without_intervals_the_error_alone_is_judged():
    found = written([1] * 6)
    point = replace(found, low=np.full((2, 6), np.nan), high=np.full((2, 6), np.nan))
    (said,) = verdicts(point, "power", ("a",))
    assert said.code == "PASS" and said.sentence.endswith("no intervals were drawn")
