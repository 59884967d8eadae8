"""The ranges of a plan's sizes: every draw's own best size, and the sizes whose value is next to the best."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.numerics.interval import interval
from budget.report.sentences.plan_sentences import plan_summary
from budget.tables.tasks import default_tasks
from tests import made
from tests.simulate import TRUTHS, Truth

CURVES = made.chinchilla(draws=30)
TASKS = default_tasks(CURVES.tasks)


def planned(budget, curves=CURVES, tasks=TASKS, **asked):
    return allocate(curves, plan_spec(curves, tasks, budget, **asked))


def best_size(theta, spend):
    """The best params of a law ``E + A/N^a + B/D^b`` at ``6·N·D = spend``, in closed form (Hoffmann et al. 2022)."""
    _, a_coef, alpha, b_coef, beta = theta
    ratio = (alpha * a_coef / (beta * b_coef)) ** (1 / (alpha + beta))
    return ratio * (spend / 6) ** (beta / (alpha + beta))


def ends(value, best, spend, share=1e-3, reach=9.0):
    """The smallest and the largest size whose value at ``6·N·D = spend`` is within a share of the best one."""

    def excess(log_n):
        return value(np.exp(log_n), spend / (6 * np.exp(log_n))) - value(best, spend / (6 * best)) * (1 + share)

    return [np.exp(brentq(excess, np.log(best), np.log(best) + sign * reach, xtol=1e-14)) for sign in (-1, 1)]


def test_one_task_has_the_range_of_its_draws_own_best_sizes():
    curves = CURVES.take(np.array([0]))
    plan = planned(1e21, curves, default_tasks(curves.tasks))
    scenarios = curves.form.natural(curves.draws, curves.reference)[:, 0]
    sizes = np.array([best_size(theta, 1e21) for theta in scenarios])
    low, high = interval(sizes)
    np.testing.assert_allclose([plan.sizes.params_low[0], plan.sizes.params_high[0]], [low, high], rtol=1e-7)
    low, high = interval(1e21 / (6 * sizes))
    np.testing.assert_allclose([plan.sizes.tokens_low[0], plan.sizes.tokens_high[0]], [low, high], rtol=1e-7)
    table = plan.table()
    assert list(table.columns[-4:]) == ["params_low", "params_high", "tokens_low", "tokens_high"]
    assert "Over the draws the best size of prose is" in plan_summary(plan)


def test_several_tasks_have_the_sizes_of_the_draws_own_splits():
    plan = planned(1e22)
    assert (plan.sizes.params_low < plan.sizes.params_high).all()
    least = int(np.log(plan.sizes.params_high / plan.sizes.params_low).argmax())
    assert f"of {CURVES.tasks[least]}, the least sure," in plan_summary(plan)


@settings(max_examples=20, deadline=None)
@given(st.floats(18, 25), st.floats(0.15, 0.6), st.floats(0.15, 0.6), st.floats(1, 4), st.floats(1, 4), st.floats(0, 3))
def test_sizes_next_to_the_best_against_root_finding(log_budget, alpha, beta, log_a, log_b, floor):
    truth = Truth(floor, 10**log_a, alpha, 10**log_b, beta)
    curves = made.chinchilla({"one": truth})
    budget = 10**log_budget
    plan = planned(budget, curves, default_tasks(curves.tasks))

    def value(n, d):
        return truth.E + truth.A / n**truth.alpha + truth.B / d**truth.beta

    best = best_size((truth.E, truth.A, truth.alpha, truth.B, truth.beta), budget)
    low, high = ends(value, best, budget, reach=9.2)
    np.testing.assert_allclose(plan.sizes.params_near[0], [low, high], rtol=1e-6)
    np.testing.assert_allclose(plan.sizes.tokens_near[0], [budget / (6 * high), budget / (6 * low)], rtol=1e-6)
    assert low < plan.params[0] < high


def test_one_shared_model_is_near_by_its_objective():
    curves = made.one_model(CURVES)
    plan = planned(1e22, curves)

    def value(n, d):
        return np.mean([t.E + t.A / n**t.alpha + t.B / d**t.beta for t in TRUTHS.values()])

    low, high = ends(value, plan.params[0], 1e22)
    np.testing.assert_allclose(plan.sizes.params_near, np.tile([low, high], (3, 1)), rtol=1e-6)
    assert plan.input_ranges["params"] == (plan.sizes.params_low[0], plan.sizes.params_high[0])
    assert "Within 0.1 % of the best value: " in plan_summary(plan)


def test_serving_is_paid_at_every_size():
    """With 2·N FLOPs for each served token a size near the best trains on what its serving leaves."""
    tasks = replace(TASKS, served_tokens=np.array([1e11, 0.0, 3e11]))
    plan = planned(1e22, tasks=tasks)
    near, tokens = plan.sizes.params_near, plan.sizes.tokens_near[:, ::-1]
    paid = 6 * near * tokens + 2 * near * tasks.served_tokens[:, None]
    np.testing.assert_allclose(paid, np.tile(plan.spend[:, None], 2), rtol=1e-9)
    for task, truth in enumerate(TRUTHS.values()):
        values = truth.E + truth.A / near[task] ** truth.alpha + truth.B / tokens[task] ** truth.beta
        np.testing.assert_allclose(values, plan.predicted[task] * 1.001, rtol=1e-6)


@pytest.mark.parametrize(
    "asked", [{"unit": "tokens", "params": 1e9}, {"sizes": (1e9, 3e9)}, {"further": {"tokens": 1e10}}]
)
def test_a_size_that_is_not_chosen_freely_has_no_near_ones(asked):
    plan = planned(1e11 if "unit" in asked else 1e22, **asked)
    assert np.isnan(plan.sizes.params_near).all()
    if "unit" in asked:
        np.testing.assert_allclose([plan.sizes.params_low, plan.sizes.params_high], 1e9, rtol=1e-12)
    record = plan.record()["tasks"][0]
    assert record["near_best"] == {"params": [None, None], "tokens": [None, None]}


def test_a_plan_without_draws_has_no_range_but_near_sizes():
    curves = made.chinchilla()
    plan = planned(1e22, curves)
    assert np.isnan(plan.sizes.params_low).all() and np.isfinite(plan.sizes.params_near).all()


def test_the_cheapest_plan_of_draws_beyond_the_limits_is_in_the_range_of_sizes():
    """A draw that needs more than its maximum allows counts at what it needs, in spend and in size."""
    tasks = replace(TASKS, target=np.array([2.5, 1.4, 2.4]))
    free = planned(None, tasks=tasks, objective="cheapest")
    capped = planned(None, tasks=replace(tasks, max=free.spend * 1.0001), objective="cheapest")
    np.testing.assert_allclose(capped.spend_high, free.spend_high, rtol=1e-5)
    np.testing.assert_allclose(capped.sizes.params_high, free.sizes.params_high, rtol=1e-3)


def test_draws_that_no_spend_satisfies_are_counted_and_have_no_size():
    """A draw whose floor lies above the target can spend what it likes: it is no finite spend, and no finite size."""
    natural = np.array([truth.E for truth in TRUTHS.values()])
    curves = made.chinchilla(draws=30, spread=0.05)
    floors = curves.form.natural(curves.draws, curves.reference)[:, :, 0]
    target = natural * 1.06
    plan = planned(None, curves, replace(TASKS, target=target), objective="cheapest")
    share = (floors >= target).mean(axis=0)
    assert (share > 0).any()
    np.testing.assert_allclose(plan.endless, share)
    low, high = (np.isinf(each) for each in (plan.sizes.params_high, plan.spend_high))
    np.testing.assert_array_equal(low, high)
    record = plan.record()["tasks"]
    assert [each["no_finite_spend"] for each in record] == pytest.approx(share)
    assert all((each["spend_high"] is None) == endless for each, endless in zip(record, high, strict=True))


def test_near_sizes_end_where_the_reach_does():
    curves = replace(CURVES, smallest=CURVES.smallest | {"params": np.full(3, 1.1e9)})
    wide = {name: 100 * each for name, each in CURVES.largest.items()}
    free, bound = (planned(1e21, replace(curves, largest=wide), reach=reach) for reach in (np.inf, 1.0))
    assert free.sizes.params_near[0, 0] < 1.1e9
    np.testing.assert_allclose(bound.sizes.params_near[[0, 2], 0], 1.1e9)
    assert (bound.sizes.params_near[:, 0] <= bound.params * (1 + 1e-9)).all()
