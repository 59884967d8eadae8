"""The mean of the worst outcomes against a linear program, against its dual, and against plain counting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from budget.numerics.tail_mean import tail_mean, worst_weights


def by_program(outcome: np.ndarray, share: float) -> float:
    """``min t + Σ over/(share·B)`` over ``over ≥ outcome − t``, ``over ≥ 0`` (Rockafellar & Uryasev 2000)."""
    count = len(outcome)
    cost = np.append(np.full(count, 1 / (share * count)), 1.0)
    rows = np.column_stack([-np.eye(count), -np.ones(count)])
    found = linprog(cost, rows, -outcome, bounds=[(0, None)] * count + [(None, None)], method="highs")
    return float(found.fun)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.floats(0.02, 1.0), st.booleans(), st.integers(0, 10**6))
def test_it_is_the_linear_program(count, share, tied, seed):
    outcome = np.random.default_rng(seed).normal(size=count)
    outcome = outcome.round(0) if tied else outcome
    share = max(share, 1 / count)
    assert tail_mean(outcome, share) == pytest.approx(by_program(outcome, share), rel=1e-9, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.floats(0.02, 1.0), st.integers(0, 10**6))
def test_its_weights_are_the_dual(count, share, seed):
    outcome = np.random.default_rng(seed).normal(size=count)
    share = max(share, 1 / count)
    weight = worst_weights(outcome, share)
    assert weight.sum() == pytest.approx(1, rel=1e-12)
    assert (weight >= 0).all() and (weight <= 1 / (share * count) * (1 + 1e-12)).all()
    best = linprog(-outcome, A_eq=np.ones((1, count)), b_eq=[1.0], bounds=[(0, 1 / (share * count))] * count)
    assert weight @ outcome == pytest.approx(-best.fun, rel=1e-9, abs=1e-9)


def test_its_ends_are_the_mean_and_the_worst():
    outcome = np.array([4.0, 1.0, 3.0, 2.0])
    assert tail_mean(outcome, 1.0) == pytest.approx(2.5)
    assert tail_mean(outcome, 0.25) == tail_mean(outcome, 1e-9) == 4.0


@pytest.mark.parametrize("count", [10, 30, 60, 200, 1000])
def test_a_tenth_that_is_no_tenth_in_floating_point_takes_a_tenth_of_the_draws(count):
    outcome = np.arange(count, dtype=float)
    weight = worst_weights(outcome, 1 - 0.9)
    assert np.count_nonzero(weight) == count // 10
    np.testing.assert_allclose(tail_mean(outcome, 1 - 0.9), outcome[-(count // 10) :].mean(), rtol=1e-13)


def test_outcomes_are_heard_wherever_they_stand():
    outcome = np.random.default_rng(1).normal(size=50)
    assert tail_mean(outcome, 0.3) == pytest.approx(tail_mean(outcome[::-1], 0.3), rel=1e-13)
    assert tail_mean(3 * outcome + 2, 0.3) == pytest.approx(3 * tail_mean(outcome, 0.3) + 2, rel=1e-12)
