"""Draws belong to the names of runs: rows in another order, other tasks and another file change none of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from budget.curves.fitting.batch import make_batch
from budget.curves.fitting.bootstrap import KERNEL_BANDWIDTH, resampler
from budget.curves.fitting.constraints import Constraints
from budget.curves.laws.table import LAWS
from budget.studies.backtest import backtest
from budget.tables.runs import runs_from_frame
from tests.searched import fit_searched
from tests.simulate import HOFFMANN, TRUTHS, Truth, runs_of, table

LAW = {"law": "power", "draws": 4, "pool": False}


def several(kind: str) -> pd.DataFrame:
    """Four tasks: measured on runs of their own, on the same models, or on rows that nobody named."""
    truths = {**TRUTHS, "other": Truth(1.5, 300.0, 0.31, 900.0, 0.33)}
    frame = table(truths, noise=0.02, shared=kind == "shared")
    return frame.drop(columns="run") if kind == "unnamed" else frame


def draws_of(frame: pd.DataFrame, tasks, **options):
    """Per task its parameters, its draws and the noise of its new runs."""
    curves = fit_searched(frame, **(LAW | options))
    at = [curves.tasks.index(task) for task in tasks]
    return curves.parameters[at], curves.draws[:, at], curves.noise[:, at]


@pytest.mark.parametrize("kind", ["own", "shared", "unnamed"])
def test_rows_tasks_and_files_do_not_matter(kind):
    frame = several(kind)
    names = tuple(dict.fromkeys(frame["task"]))
    expected = draws_of(frame, names)

    @settings(max_examples=8, deadline=None)
    @given(st.randoms(use_true_random=False), st.sets(st.sampled_from(names), min_size=1))
    def same(random, some):
        order = list(range(len(frame)))
        random.shuffle(order)
        part = frame.iloc[order]
        part = part[part["task"].isin(some)]
        kept = [names.index(name) for name in names if name in some]
        found = draws_of(part, [names[at] for at in kept])
        np.testing.assert_array_equal(found[0], expected[0][kept])
        for one, other in zip(found[1:], expected[1:], strict=True):
            np.testing.assert_array_equal(one, other[:, kept])

    same()


def test_rows_without_a_run_are_their_own_runs_and_exact_copies_are_one(tmp_path):
    frame = several("unnamed")
    frame = frame[frame["task"] == "prose"]
    both = pd.concat([frame, frame.assign(task="verse")])
    assert np.abs(np.diff(fit_searched(both, **LAW).draws, axis=1)).max() > 1e-6  # the same values, but other models
    seeds = pd.concat([frame, frame.assign(value=frame["value"] * 1.001)])
    assert fit_searched(seeds, **LAW).runs[0] == 50
    copied = runs_of(pd.concat([frame, frame.iloc[[3, 3]]]), tmp_path)
    named = replace(copied, run_names=tuple(f"model {run}" for run in range(len(copied.run_names))))
    for runs in (copied, replace(named, named=True)):
        again = fit_searched(runs, **LAW).draws
        turned = runs.keep(np.arange(len(runs.value))[::-1])
        np.testing.assert_array_equal(fit_searched(turned, **LAW).draws, again)


def test_the_first_draws_of_many_are_those_of_few():
    frame = several("own")
    few, many = (fit_searched(frame, **(LAW | {"draws": count})) for count in (3, 7))
    np.testing.assert_array_equal(many.draws[:3], few.draws)
    np.testing.assert_array_equal(many.noise[:3], few.noise)


def test_pooled_draws_hang_on_the_other_tasks_but_not_on_rows_or_places():
    truths = {name: Truth(1.5 + 0.1 * at, 300.0, 0.3 + 0.01 * at, 900.0, 0.33) for at, name in enumerate("abcdef")}
    frame = table(truths, noise=0.02)
    frame = frame[frame.groupby("task").cumcount() % 3 == 0]
    names, pooled = tuple("fdbace"), {"pool": True}
    expected = draws_of(frame, names, **pooled)
    for found in (draws_of(frame.sample(frac=1, random_state=seed), names, **pooled) for seed in (1, 2)):
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6)


# A new run is any row of a run, not the one that comes first


def checkpoints(runs: int = 16, each: int = 10, seed: int = 5) -> pd.DataFrame:
    """Runs of ten checkpoints; unfinished ones lie above the curve, and all of a run are off together."""
    random = np.random.default_rng(seed)
    rows = []
    for run in range(runs):
        params, tokens, off = 10 ** random.uniform(7, 9.3), 10 ** random.uniform(9, 11), random.normal(0, 0.006)
        for share in np.arange(1, each + 1) / each:
            lag = 1 + 0.06 * (1 - share) ** 2
            value = HOFFMANN.value(params, share * tokens) * lag
            rows.append(("a", f"r{run}", params, share * tokens, value * np.exp(off + random.normal(0, 0.001))))
    return pd.DataFrame(rows, columns=["task", "run", "params", "tokens", "value"])


def turned(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    within = frame.iloc[[first + at for first in range(0, len(frame), 10) for at in reversed(range(10))]]
    return {"all": frame[::-1], "within runs": within, "shuffled": frame.sample(frac=1, random_state=0)}


@pytest.mark.parametrize("order", ["all", "within runs", "shuffled"])
def test_the_interval_of_a_new_run_is_the_same_in_any_order_of_rows(order):
    frame = checkpoints()
    point = np.zeros(1, dtype=int), np.log([[1e9, 8e10]])
    one, other = (fit_searched(each, draws=40) for each in (frame, turned(frame)[order]))
    np.testing.assert_array_equal(other.predict(*point, new_run=True), one.predict(*point, new_run=True))
    assert one.predict(*point, new_run=True)[2] - one.predict(*point, new_run=True)[1] > 0


def test_a_new_run_is_any_row_of_any_run(tmp_path):
    """Without a kernel a new run's noise is the residuals, each as likely as its run is and as its place in it."""
    frame = checkpoints(runs=5)[["task", "run", "params", "tokens", "value"]].iloc[:43]  # the last run has three rows
    runs, law = runs_of(frame, tmp_path), LAWS["chinchilla"]
    batch = make_batch(runs, np.zeros(1, dtype=int), law, law.inputs, np.full(1, np.nan), Constraints())
    residual = np.where(batch.there, batch.rows + 1.0, 0.0)  # each row's own number
    noise = replace(resampler(runs, batch, residual, np.zeros(1), 0), kernel=np.zeros(1))
    found = np.rint(noise.new_run(40_000)[:, 0] * np.sqrt(1 + (KERNEL_BANDWIDTH * 5**-0.2) ** 2)).astype(int) - 1
    share = np.bincount(found, minlength=43) / 40_000
    expected = np.r_[np.full(40, 1 / 50), np.full(3, 1 / 15)]
    assert stats.chisquare(share * 40_000, expected * 40_000).pvalue > 1e-3


@pytest.mark.slow
def test_a_backtest_covers_the_same_share_of_a_file_turned_round():
    frame = checkpoints()
    one, other = (
        backtest(runs_from_frame(each), ("chinchilla",), origins=1, draws=40).table()["coverage"]
        for each in (frame, frame[::-1])
    )
    assert np.isfinite(one.iloc[-1])
    np.testing.assert_array_equal(other, one)
