"""The most targets met and the cheapest plan that meets them, against every subset and closed forms."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from budget.errors import InfeasibleError
from tests import made
from tests.allocation.spec.closed_forms import CURVES, NEEDED, SPENDS_TO, TASKS, planned, sane
from tests.oracles import separable
from tests.simulate import TRUTHS


@pytest.mark.parametrize("weight", [(1, 1, 1), (1, 2, 4), (5, 1, 1)])
@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 1.0, 1.5])
def test_targets_are_those_of_the_best_subset(fraction, weight):
    weight = np.array(weight, dtype=float)
    budget = fraction * NEEDED.sum() * (1 + 1e-9)
    tasks = replace(TASKS, target=SPENDS_TO, weight=weight)
    plan = sane(planned(budget, tasks=tasks, objective="targets"))
    most, _ = separable.by_subsets(NEEDED, weight, budget, 0.0)
    assert plan.objective == pytest.approx(most, rel=1e-12)
    assert plan.objective <= plan.bound <= most * (1 + 1e-6) + 1e-6
    assert plan.breadth == np.nansum(plan.target_met)
    np.testing.assert_allclose(weight @ plan.target_met, most)
    assert plan.spend.sum() <= budget * (1 + 1e-9)


@pytest.mark.parametrize("objective", ["targets", "cheapest"])
@pytest.mark.parametrize("fraction", [0.3, 0.6, 1.0, 1.3, 2.0])
def test_targets_beside_minima_against_every_subset(fraction, objective):
    """A minimum is kept by the tasks whose target is not met as well."""
    low = np.array([0.5, 0.1, 0.3]) * NEEDED.sum()
    budget = low.sum() + fraction * NEEDED.sum() if objective == "targets" else None
    tasks = replace(TASKS, target=SPENDS_TO, min=low)
    best = None
    for chosen in itertools.product([False, True], repeat=3):
        total = np.where(chosen, np.maximum(NEEDED, low), low).sum()
        met = int((np.where(chosen, np.maximum(NEEDED, low), low) >= NEEDED).sum())
        if objective == "targets" and total <= budget and (best is None or met > best):
            best = met
        if objective == "cheapest" and met >= 2 and (best is None or total < best):
            best = total
    plan = sane(planned(budget, tasks=tasks, objective=objective, at_least=2 if budget is None else None))
    assert (plan.spend >= low * (1 - 1e-9)).all()
    np.testing.assert_allclose(plan.objective, best, rtol=1e-6)
    assert plan.gap <= 1e-6 * abs(plan.objective)


def test_minima_do_not_let_targets_exceed_the_budget():
    low = np.array([0.0, 0.0, 5.0 * NEEDED[0]])
    tasks = replace(TASKS, target=np.array([SPENDS_TO[0], SPENDS_TO[1], 0.5]), min=low)
    budget = low.sum() + NEEDED[:2].min() * 1.01
    plan = sane(planned(budget, tasks=tasks, objective="targets"))
    assert (plan.spend >= low * (1 - 1e-9)).all() and plan.spend.sum() <= budget * (1 + 1e-9)
    assert plan.objective == 1 and plan.bound == pytest.approx(1)


def test_targets_out_of_reach_are_left_to_the_mean():
    tasks = replace(TASKS, target=np.array([1.0, *SPENDS_TO[1:]]))
    plan = sane(planned(NEEDED.sum() * 3, tasks=tasks, objective="targets"))
    assert plan.objective == 2 and plan.target_met.tolist() == [0, 1, 1]
    assert plan.spend.sum() == pytest.approx(NEEDED.sum() * 3, rel=1e-6)


def test_cheapest_is_each_tasks_own_spend():
    plan = sane(planned(None, tasks=replace(TASKS, target=SPENDS_TO), objective="cheapest"))
    np.testing.assert_allclose(plan.spend, NEEDED, rtol=1e-9)
    np.testing.assert_allclose(plan.objective, NEEDED.sum(), rtol=1e-9)
    np.testing.assert_allclose(plan.predicted, SPENDS_TO, rtol=1e-12)
    assert not plan.larger_is_better and plan.gap <= 1e-8 * plan.objective
    assert plan.target_met.tolist() == [1, 1, 1] and plan.binding == ("target",) * 3
    # a price of a target is what a step of it costs
    eased = planned(None, tasks=replace(TASKS, target=SPENDS_TO * [1.0001, 1, 1]), objective="cheapest")
    assert eased.objective < plan.objective


@pytest.mark.parametrize("count", [1, 2, 3])
def test_cheapest_with_at_least_k_takes_the_cheapest_k(count):
    plan = sane(planned(None, tasks=replace(TASKS, target=SPENDS_TO), objective="cheapest", at_least=count))
    np.testing.assert_allclose(plan.objective, np.sort(NEEDED)[:count].sum(), rtol=1e-9)
    assert plan.breadth == count and plan.gap <= 1e-9 * plan.objective


def test_cheapest_under_limits():
    tasks = replace(TASKS, target=SPENDS_TO, min=np.array([2 * NEEDED[0], np.nan, np.nan]))
    plan = sane(planned(None, tasks=tasks, objective="cheapest"))
    np.testing.assert_allclose(plan.spend, NEEDED * [2, 1, 1], rtol=1e-9)
    assert plan.gap <= 1e-8 * plan.objective
    with pytest.raises(InfeasibleError, match=r"target of prose takes 2e\+21, above its max of 9e\+20"):
        tight = np.array([9e20, np.nan, np.nan])
        planned(None, tasks=replace(TASKS, target=SPENDS_TO, max=tight), objective="cheapest")
    with pytest.raises(InfeasibleError, match=r"Meeting every target takes 6.5e\+21, above the budget"):
        planned(NEEDED.sum() * 0.9, tasks=replace(TASKS, target=SPENDS_TO), objective="cheapest")
    with pytest.raises(InfeasibleError, match=r"Meeting 2 targets takes 3e\+21, above the budget"):
        tasks = replace(TASKS, target=SPENDS_TO)
        planned(np.sort(NEEDED)[:2].sum() * 0.9, tasks=tasks, objective="cheapest", at_least=2)
    plan = sane(planned(NEEDED.sum() * 1.1, tasks=replace(TASKS, target=SPENDS_TO), objective="cheapest"))
    np.testing.assert_allclose(plan.objective, NEEDED.sum(), rtol=1e-9)


@pytest.mark.parametrize("at_least", [None, 2])
def test_targets_that_no_spend_meets_are_named(at_least):
    tasks = replace(TASKS, target=np.array([1.69, SPENDS_TO[1], 1.2]))
    with pytest.raises(InfeasibleError, match="target of prose, maths lies beyond what the fitted curve reaches"):
        planned(None, tasks=tasks, objective="cheapest", at_least=at_least)


def test_cheapest_for_one_shared_model():
    curves = made.one_model(CURVES)
    plan = sane(planned(None, curves, tasks=replace(TASKS, target=SPENDS_TO), objective="cheapest"))

    def worst(log_n, budget):
        n = np.exp(log_n)
        d = budget / (6 * n)
        losses = np.array([t.value(n, d) for t in TRUTHS.values()])
        return (losses - SPENDS_TO[:, None]).max(axis=0)

    def least(budget):
        return worst(np.linspace(18, 28, 200_001), budget).min()

    best = brentq(lambda each: least(np.exp(each)), np.log(1e19), np.log(1e25), xtol=1e-10)
    np.testing.assert_allclose(plan.objective, np.exp(best), rtol=1e-6)
    assert plan.gap <= 1e-6 * plan.objective and (plan.target_met == 1).all()
