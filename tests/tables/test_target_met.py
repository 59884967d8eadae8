"""Targets are met within one slack, in either direction, and never by what is no number."""

import numpy as np
import pytest

from budget.tables.target_met import TARGET_SLACK, met_or_none, met_or_unstated, target_met


@pytest.mark.parametrize("target", [-3.0, -1e-6, 1e-6, 2.0, 1e9])
@pytest.mark.parametrize("higher", [False, True])
def test_a_target_is_met_up_to_its_slack_and_no_further(target, higher):
    worse = -1.0 if higher else 1.0
    misses = np.array([-1.0, 0.0, 0.9, 1.1, 1e6]) * TARGET_SLACK * abs(target)
    assert target_met(target + worse * misses, target, higher).tolist() == [True, True, True, False, False]


def test_a_target_of_zero_has_no_slack():
    assert target_met(np.array([-1e-300, 0.0, 1e-300]), 0.0).tolist() == [True, True, False]


def test_what_is_no_number_meets_nothing():
    values = np.array([np.nan, np.inf, 1.0, -np.inf])
    assert target_met(values, 1.0).tolist() == [False, False, True, True]
    assert target_met(values, 1.0, True).tolist() == [False, True, True, False]
    assert not target_met(values, np.nan).any()


def test_each_task_has_its_own_direction_in_every_draw():
    values = np.array([[1.0, 1.0], [3.0, 3.0]])
    met = target_met(values, np.array([2.0, 2.0]), np.array([False, True]))
    assert met.tolist() == [[True, False], [False, True]]


def test_a_task_without_target_is_neither_met_nor_missed():
    met = met_or_unstated(np.array([True, False, False]), np.array([1.0, 1.0, np.nan]))
    np.testing.assert_array_equal(met, [1.0, 0.0, np.nan])
    assert met_or_none(met) == [True, False, None]
