"""The law of breadth against least squares, on worlds whose answer is known."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import t

from budget.studies.focus.breadth_law import CLAIM, LEAST_CURVED, SPARE, breadth_law
from budget.studies.focus.breadth_means import by_breadth

COUNTS = [2, 2, 2, 4, 4, 4, 8, 8, 12, 12]


def exact(draws=20, doubling=0.05, related=-0.3, curved=0.0, spread=0.0):
    """Sets whose advantage is the law's but for noise of relative size ``spread``; relatedness is known."""
    random = np.random.default_rng(0)
    r = random.uniform(-0.2, 0.9, len(COUNTS))
    advantage = doubling * np.log2(COUNTS) + related * r + curved * r**2 + spread * random.normal(size=len(COUNTS))
    return r, advantage, np.repeat(advantage[:, None], draws, axis=1), np.repeat(r[:, None], draws, axis=1)


def test_exact_worlds_are_read_off():
    r, advantage, scenarios, related = exact(curved=0.2)
    law = breadth_law(1.0, COUNTS, advantage, scenarios, related)
    away = r - r.mean()
    design = np.column_stack([np.ones(len(r)), np.log2(COUNTS) - np.log2(COUNTS).mean(), away, away**2])
    np.testing.assert_allclose(law.coefficient, np.linalg.lstsq(design, advantage, rcond=None)[0], atol=1e-10)
    np.testing.assert_allclose(law.coefficient[1], 0.05, atol=1e-10)
    assert law.claims == 1 and law.named_right == len(COUNTS)


def test_sets_left_out_are_predicted_by_the_law_of_the_others():
    r, advantage, scenarios, related = exact(spread=0.03)
    law = breadth_law(1.0, COUNTS, advantage, scenarios, related)
    away = r - r.mean()
    design = np.column_stack([np.ones(len(r)), np.log2(COUNTS), away, away**2])
    for place in range(len(r)):
        rest = np.arange(len(r)) != place
        theta = np.linalg.lstsq(design[rest], advantage[rest], rcond=None)[0]
        np.testing.assert_allclose(law.left_out[place], design[place] @ theta, atol=1e-10)


def test_intervals_add_what_is_left_over_sets_and_draws_as_multiple_imputations_do():
    """Rubin 1987: the variance within, and that between m imputations times 1 + 1/m; here with few draws."""
    r, advantage, _, related = exact(draws=4, spread=0.03)
    random = np.random.default_rng(3)
    scenarios = advantage[:, None] + random.normal(0, 0.02, (len(r), 4))
    law = breadth_law(1.0, COUNTS, advantage, scenarios, related)
    away = r - r.mean()
    design = np.column_stack([np.ones(len(r)), np.log2(COUNTS) - np.log2(COUNTS).mean(), away, away**2])
    theta, (rest,), *_ = np.linalg.lstsq(design, advantage, rcond=None)
    within = rest / (len(r) - 4) * np.diag(np.linalg.inv(design.T @ design))
    between = np.var([np.linalg.lstsq(design, each, rcond=None)[0] for each in scenarios.T], axis=0, ddof=1)
    half = t.ppf((1 + CLAIM) / 2, len(r) - 4) * np.sqrt(within + 1.25 * between)
    np.testing.assert_allclose([law.low, law.high], [theta - half, theta + half], rtol=1e-9)


def test_the_turn_is_told_only_with_a_claim_and_within_the_measured_numbers():
    r, advantage, scenarios, related = exact(related=-0.3)
    middle = advantage - (0.05 * np.log2(5) - 0.3 * r.mean())  # a set of mean relatedness turns at five tasks
    law = breadth_law(1.0, COUNTS, middle, scenarios, related)
    assert law.claims == 1 and law.turns_at == pytest.approx(5, rel=1e-6)
    assert np.isnan(breadth_law(1.0, COUNTS, advantage + 1, scenarios, related).turns_at)
    none = breadth_law(1.0, COUNTS, *exact(doubling=0.0, spread=0.05)[1:])
    assert none.claims == 0 and np.isnan(none.turns_at)


def test_too_few_sets_one_number_of_tasks_no_draws_or_equal_relatedness_give_no_law():
    _, advantage, scenarios, related = exact()
    few = 3 + SPARE - 1
    assert few < LEAST_CURVED
    assert breadth_law(1.0, COUNTS[:few], advantage[:few], scenarios[:few], related[:few]) is None
    assert breadth_law(1.0, [4] * 10, advantage, scenarios, related) is None
    assert breadth_law(1.0, COUNTS, advantage, scenarios[:, :1], related[:, :1]) is None
    assert breadth_law(1.0, COUNTS, advantage, scenarios, np.zeros_like(related)) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 10))
def test_the_order_of_the_sets_does_not_matter_and_the_unit_of_the_advantage_is_its_own(seed, unit):
    random = np.random.default_rng(seed)
    related = random.uniform(-0.3, 1, (10, 1)) + random.normal(0, 0.05, (10, 15))
    scenarios = random.normal(0, 0.1, (10, 1)) + random.normal(0, 0.01, (10, 15))
    counts, order = np.array(COUNTS), random.permutation(10)
    law = breadth_law(1.0, counts, scenarios[:, 0], scenarios, related)
    same = breadth_law(1.0, counts[order], unit * scenarios[order, 0], unit * scenarios[order], related[order])
    np.testing.assert_allclose(same.coefficient, unit * law.coefficient, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose([same.low, same.high], [unit * law.low, unit * law.high], rtol=1e-6, atol=1e-9)
    assert same.claims == law.claims and (law.low <= law.high).all()


# Means by number of tasks


def test_means_by_number_of_tasks_have_intervals_over_sets_and_draws():
    scenarios = [np.full(199, middle) for middle in (-0.2, 0.0, 0.3)]
    found = by_breadth(1e20, [2, 2, 8], [-0.2, 0.0, 0.3], scenarios)
    assert found.counts.tolist() == [2, 8] and found.sets.tolist() == [2, 1]
    np.testing.assert_allclose(found.advantage, [-0.1, 0.3])
    # both sets drawn alike are a quarter of the lots each way, so the 80 % interval reaches both sets
    np.testing.assert_allclose([found.low[0], found.high[0]], [-0.2, 0.0], atol=1e-12)
    np.testing.assert_allclose([found.low[1], found.high[1]], 0.3)
    assert np.isnan(by_breadth(1e20, [2, 4], [0.1, 0.2], [np.zeros(0)] * 2).low).all()
