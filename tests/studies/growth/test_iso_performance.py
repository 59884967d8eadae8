"""Iso-performance: budgets that keep today's values, and the published factors of one shared model."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError
from budget.studies.growth.iso_performance import iso_performance, shared_iso_performance
from budget.tables.tasks import TaskSettings
from tests.made import SIX, curves_of
from tests.studies.made_sets import BUDGET, different, identical, identical_of_one_scale, subsets_of


@pytest.mark.parametrize("today", [1, 3])
def test_the_plan_at_the_new_budget_gives_the_first_tasks_what_they_had(today):
    curves, weight = different(5), np.array([1.0, 2.0, 0.5, 3.0, 1.0])
    subsets = subsets_of(curves, weight=weight)
    found = iso_performance(subsets, np.arange(5)[None], today)
    before = allocate(*subsets.about(np.arange(today)), draws=False)
    assert found.total[0, 0] == pytest.approx(BUDGET, rel=1e-9)
    for count, budget in zip(found.counts, found.total[:, 0], strict=True):
        some = curves.take(np.arange(count))
        tasks = TaskSettings(some.tasks, weight=weight[:count])
        plan = allocate(some, plan_spec(some, tasks, float(budget), strategy="specialists"), draws=False)
        np.testing.assert_allclose(plan.predicted[:today], before.predicted, rtol=1e-8)
        np.testing.assert_allclose(plan.spend[:today], before.spend, rtol=1e-7)
        np.testing.assert_allclose(found.total[count - today, 1:], [plan.params.mean(), plan.tokens.sum()], rtol=1e-6)


@pytest.mark.parametrize("today", [1, 2, 4])
def test_copies_take_their_number_of_budgets(today):
    for curves in (identical(6), identical_of_one_scale(6)):
        found = iso_performance(subsets_of(curves), np.arange(6)[None], today)
        np.testing.assert_allclose(found.total[:, 0], BUDGET * found.counts / today, rtol=1e-8)
        expected = [2.0, 1.0, 2.0] if len(curves.scale_columns) == 2 else [2.0, np.nan, np.nan]
        np.testing.assert_allclose(found.doubling, expected, rtol=1e-8)


def test_minima_and_maxima_of_added_tasks_hold():
    low, high = np.array([np.nan, 3 * BUDGET, np.nan]), np.array([np.nan, np.nan, BUDGET / 3])
    found = iso_performance(subsets_of(identical(3), 4 * BUDGET, min=low, max=high), np.arange(3)[None])
    np.testing.assert_allclose(found.total[:, 0], np.array([4, 8, 8 + 1 / 3]) * BUDGET, rtol=1e-8)


def test_many_orders_have_a_band_and_one_has_none():
    subsets = subsets_of(different(4))
    several = iso_performance(subsets, np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]]))
    assert (several.low[1:, 0] < several.total[1:, 0]).all() and (several.total[1:, 0] < several.high[1:, 0]).all()
    assert np.isnan(iso_performance(subsets, np.arange(4)[None]).low).all()


def test_where_there_is_no_price_nothing_is_said():
    natural = {"a": (0.5, 3.0, 1.2, 0.4, 1e18), "b": (0.7, 2.5, 0.8, 0.3, 1e19)}
    assert (
        iso_performance(subsets_of(curves_of("m4", ("flops",), natural, reference=(1e19,))), np.array([[0, 1]])) is None
    )
    idle = subsets_of(identical(2), max=np.array([BUDGET / 9, np.nan]))
    assert iso_performance(idle, np.array([[0, 1]])) is None


def test_more_tasks_today_than_there_are_is_refused():
    subsets = subsets_of(different(3))
    for today in (0, 4):
        with pytest.raises(AllocationError, match=f"Today's number of tasks is {today}, and the curves are of 3"):
            iso_performance(subsets, np.arange(3)[None], today)
    only = iso_performance(subsets, np.arange(3)[None], 3)
    assert list(only.counts) == [3] and np.isnan(only.doubling).all()
    assert only.record()["doubling"]["budget"] is None


@pytest.mark.parametrize("today", [1, 2])
def test_each_draw_has_its_own_factors(today):
    """The interval is that of the study of each draw's curves by themselves."""
    curves, weight = different(4, draws=15), np.array([1.0, 2.0, 0.5, 3.0])
    order = np.array([[2, 0, 3, 1]])
    found = iso_performance(subsets_of(curves, weight=weight), order, today)
    scenarios = []
    for draw in curves.draws:
        one = type(curves)(**{**vars(curves), "parameters": draw, "draws": curves.draws[:0]})
        scenarios.append(iso_performance(subsets_of(one, weight=weight), order, today).doubling)
    ends = np.percentile(scenarios, (10, 90), axis=0, method="weibull")
    np.testing.assert_allclose(found.doubling_low, np.minimum(ends[0], found.doubling), rtol=1e-7)
    np.testing.assert_allclose(found.doubling_high, np.maximum(ends[1], found.doubling), rtol=1e-7)
    assert set(found.record()) == {"today", "doubling", "doubling_low", "doubling_high", "rows"}


def test_factors_have_no_interval_over_many_orders_or_where_draws_are_not_planned():
    subsets = subsets_of(different(3, draws=5))
    assert np.isnan(iso_performance(subsets, np.array([[0, 1, 2], [2, 1, 0]])).doubling_low).all()
    assert np.isnan(iso_performance(subsets, np.arange(3)[None], draws=False).doubling_low).all()


def test_draws_in_which_maxima_leave_some_of_the_budget_have_no_price_and_no_part():
    most = np.array([BUDGET / 4, np.nan])
    found = iso_performance(subsets_of(different(2, draws=16), max=most), np.array([[1, 0]]))
    assert np.isfinite(found.doubling_low[0]) and found.total[1, 0] <= 1.25 * BUDGET * (1 + 1e-12)


def shared(phi=0.11, psi=-0.04, alpha=0.453, beta=0.147, draws=0):
    natural = {"a": (1.0, 100.0, alpha, 300.0, beta, phi, psi)}
    curves = curves_of("shared", ("params", "task_tokens", "n_tasks"), natural, reference=(1e8, 1e9, 4.0), draws=draws)
    return type(curves)(**{**vars(curves), "cost": SIX, "shared": np.ones(1, dtype=bool)})


def test_the_published_factors_of_one_model():
    found = shared_iso_performance(shared())
    flops, params, tokens = found.factor[0]
    assert (round(params, 2), round(tokens, 2)) == (1.18, 1.66) and flops == pytest.approx(params * tokens, rel=1e-12)
    assert np.isnan(found.low).all()


@given(st.floats(0.0, 0.6), st.floats(-0.1, 0.4), st.floats(0.1, 0.6), st.floats(0.1, 0.6), st.floats(1.5, 8.0))
@settings(max_examples=30, deadline=None)
def test_the_factors_keep_the_loss_at_the_compute_optimum(phi, psi, alpha, beta, ratio):
    from scipy.optimize import minimize_scalar

    factors = shared_iso_performance(shared(phi, psi, alpha, beta), ratio).factor[0]

    def best(tasks, flops):
        def loss(log_n):
            data = flops / 6 / np.exp(log_n) / tasks
            return 100 * tasks**phi * np.exp(-alpha * log_n) + 300 * tasks**psi * data**-beta

        return minimize_scalar(loss, bounds=(5, 45), method="bounded", options={"xatol": 1e-9}).fun

    assert best(3 * ratio, 1e20 * factors[0]) == pytest.approx(best(3, 1e20), rel=1e-7)


def test_draws_give_intervals_and_other_laws_are_refused():
    found = shared_iso_performance(shared(draws=40))
    assert (found.low < found.factor).all() and (found.factor < found.high).all()
    assert found.record()["rows"][0]["task"] == "a"
    with pytest.raises(AllocationError, match="these curves are of law 'chinchilla'"):
        shared_iso_performance(different(2))
    with pytest.raises(AllocationError, match="ratio of tasks is 0"):
        shared_iso_performance(shared(), 0.0)


def test_of_two_tasks_the_factor_for_twice_the_tasks_is_that_of_the_budgets():
    """Over several orders too: the sentence states both numbers side by side."""
    found = iso_performance(subsets_of(different(2)), np.array([[0, 1], [1, 0]]))
    np.testing.assert_allclose(found.doubling, found.total[1] / found.total[0], rtol=1e-12)
