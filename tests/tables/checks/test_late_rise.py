"""A jump of the largest runs, which ranks cannot see: told apart from noise at its level, and what it is called."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from budget.tables.checks.late_rise import SHIFT_LEVEL, late_rise
from budget.tables.checks.quality import diagnose
from budget.tables.checks.signal import RANK_LEVEL, SIGNAL_LEVEL, trend
from budget.tables.runs import Runs, runs_from_frame

EMERGENT = (.512, .496, .507, .521, .489, .503, .518, .498, .511, .505, .493, .524, .500, .515, .509, .735)  # fmt: skip
"""Accuracies of 16 runs by their FLOPs: guessing is .5, the binomial scatter .013, and the largest run knows it."""


def runs_of(values: np.ndarray, *, higher: bool = True, rows: int = 1) -> Runs:
    """Runs of growing FLOPs on one number of tokens each, in mixed order."""
    flops = np.geomspace(1e17, 1e21, len(values)).repeat(rows)
    frame = {"task": "a", "run": np.arange(len(values)).repeat(rows), "flops": flops, "value": np.repeat(values, rows)}
    mixed = pd.DataFrame(frame).sample(frac=1, random_state=0)
    return runs_from_frame(mixed.assign(run=lambda f: f["run"].astype(str)), higher_is_better=higher)


def test_an_emergent_score_is_no_noise():
    runs = runs_of(np.array(EMERGENT))
    assert trend(runs, 0, 1 - runs.value).falls > SIGNAL_LEVEL
    code, sentence = diagnose(runs, 0, ("flops",), 3, 1.0)
    assert code == "late_rise"
    assert sentence.startswith(
        "gets better only at the largest scales: the largest run by flops reaches 0.735, the other 15 lie between "
        "0.489 and 0.524 (t test p = "
    )


def test_the_p_value_is_that_of_a_run_to_come():
    """One run beside n others: Student's t of the prediction interval, times the groups of one, two and three."""
    others, found = np.array(EMERGENT[:-1]), late_rise(runs_of(np.array(EMERGENT)), 0)
    t = (EMERGENT[-1] - others.mean()) / (others.std(ddof=1) * np.sqrt(1 + 1 / 15))
    assert found is not None and (found.largest, found.scale, found.others) == (1, "flops", 15)
    # the largest two are not both better than all others, but were looked at
    assert found.p == pytest.approx(3 * stats.t.sf(t, 14), rel=1e-9)


@pytest.mark.parametrize("rows", [1, 4])
def test_a_loss_that_drops_at_the_largest_two_runs_is_told_whatever_the_rows_of_a_run(rows):
    values = 3 - np.array([*EMERGENT[:-2], 0.7, 0.72])
    found = late_rise(runs_of(values, higher=False, rows=rows), 0)
    assert found is not None and found.largest == 2
    assert (found.reached, found.low, found.high) == pytest.approx((2.29, 3 - 0.524, 3 - 0.489))


def test_the_largest_runs_getting_worse_or_a_middle_one_better_is_no_late_rise():
    values = np.array(EMERGENT)
    assert late_rise(runs_of(values, higher=False), 0) is None
    assert late_rise(runs_of(np.roll(values, 5)), 0) is None


def test_runs_of_one_size_are_looked_at_together():
    """Four seeds of the largest size: one of them that stands out is no rise."""
    runs = runs_from_frame(
        pd.DataFrame({"task": "a", "params": [1e7, 3e7, 1e8, *[1e9] * 13], "value": EMERGENT}), higher_is_better=True
    )
    assert late_rise(runs, 0) is None


@pytest.mark.parametrize("count", [5, 16, 40])
def test_pure_noise_passes_at_the_level_of_both_tests_together(count):
    random, scales = np.random.default_rng(count), 10 ** np.random.default_rng(0).uniform(7, 11, (2, count))
    frame = {"task": "a", "params": scales[0], "tokens": scales[1], "flops": 6 * scales[0] * scales[1]}
    late = both = 0
    for _ in range(200):
        noise = runs_from_frame(pd.DataFrame(frame | {"value": 0.5 + 0.013 * random.normal(size=count)}))
        alone = late_rise(noise, 0) is not None
        late += alone
        both += alone or trend(noise, 0, noise.value).falls <= RANK_LEVEL
    assert pytest.approx(SIGNAL_LEVEL) == RANK_LEVEL + SHIFT_LEVEL
    # P(more) < 0.1 % each, at .1 % and 1 %
    assert late <= 3 and both <= 8
