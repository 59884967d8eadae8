"""One shared model for each subset: the batch against the proven plans, SciPy and the law of the decline."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from budget.allocation.mixture.plan_mixture import plan_mixture
from budget.curves.cost_law import Cost
from budget.studies.growth.decline_exponent import copies_exponent, decline
from budget.studies.growth.set_sizes import set_sizes, spread_of
from budget.studies.growth.targets_kept import planned_sets
from budget.studies.growth.task_orders import joining_orders
from tests.made import ATTENTION
from tests.studies.made_sets import BUDGET, shared_models, shared_subsets_of

NAMES = tuple("abcde")


def by_scipy(curves, members, weight, budget):
    """The least weighted mean of the law as it is written, over log params and the logits of the tasks' tokens."""
    count = len(members)
    floor, a, alpha, b, beta, phi, psi = curves.form.natural(curves.parameters, curves.reference)[members].T
    weight = weight / weight.sum()

    def value(x):
        share = np.exp(x[1:]) / np.exp(x[1:]).sum()
        data = share * budget / 6 / np.exp(x[0])
        return weight @ (floor + a * count**phi * np.exp(-alpha * x[0]) + b * count**psi * data**-beta)

    start = np.concatenate([[np.log(np.sqrt(budget / 6))], np.zeros(count)])
    return minimize(value, start, method="BFGS", options={"gtol": 1e-9}).fun


def test_every_subset_is_as_good_as_scipy_finds_it():
    weight = np.array([1.0, 2.0, 0.5, 3.0, 1.0])
    subsets = shared_subsets_of(shared_models(NAMES), weight=weight)
    members = np.array([[3, 1], [0, 4], [2, 3]])
    split = subsets.of(members)
    found = [by_scipy(subsets.curves, each, weight[each], BUDGET) for each in members]
    np.testing.assert_allclose(subsets.objective(split), found, rtol=1e-8)
    for each in ([2], [0, 1, 2, 3, 4]):
        split = subsets.of(np.array([each]))
        found = by_scipy(subsets.curves, np.array(each), weight[each], BUDGET)
        np.testing.assert_allclose(subsets.objective(split), found, rtol=1e-8)


@pytest.mark.parametrize("cost", [ATTENTION, Cost(np.array([7.0]), np.array([0.9]), np.array([1.1]), 0.0, 0.0)])
def test_the_batch_is_the_proven_plan_of_each_set(cost):
    weight = np.array([1.0, 2.0, 0.5, 3.0, 1.0])
    subsets = shared_subsets_of(shared_models(NAMES, cost=cost), weight=weight)
    for size in range(1, 6):
        members = np.array([np.random.default_rng(seed).permutation(5)[:size] for seed in range(4)])
        split = subsets.of(members)
        for row, task in enumerate(members):
            plan = plan_mixture(*subsets.about(task), draws=False)
            assert plan.gap <= 1e-8
            np.testing.assert_allclose(subsets.objective(split)[row], plan.objective, rtol=1e-10)
            np.testing.assert_allclose(split.distance[row], plan.predicted, rtol=1e-7)
            np.testing.assert_allclose(subsets.taken(split)[row], BUDGET * plan.share, rtol=1e-6)
            np.testing.assert_allclose(split.spend[row], plan.spend, rtol=1e-12)


@pytest.mark.parametrize("at_once", [1, 20])
def test_batches_of_any_size_give_the_same_models(at_once, monkeypatch):
    rows = np.array([[0, 1, 2], [1, 2, 3], [0, 2, 4]])
    whole = shared_subsets_of(shared_models(NAMES)).of(rows)
    monkeypatch.setattr("budget.allocation.mixture.best_mixtures.AT_ONCE", at_once)
    apart = shared_subsets_of(shared_models(NAMES)).of(rows)
    np.testing.assert_allclose(apart.log_inputs, whole.log_inputs, rtol=1e-9)


def test_sources_that_run_out_are_planned_as_such():
    unique = np.array([1e8, np.nan, np.nan, np.nan, np.nan])
    subsets = shared_subsets_of(shared_models(NAMES), unique_tokens=unique)
    split = subsets.of(np.array([[0, 1, 2], [1, 2, 3]]))
    tokens = np.exp(split.log_inputs[:, :, 1])
    assert tokens[0, 0] == pytest.approx(1e8, rel=1e-6) and (tokens[1] > 1e8).all()
    free = shared_subsets_of(shared_models(NAMES)).of(np.array([[0, 1, 2], [1, 2, 3]]))
    assert split.distance[0].mean() > free.distance[0].mean()
    np.testing.assert_allclose(split.distance[1], free.distance[1], rtol=1e-6)


def test_tokens_at_a_given_size():
    from budget.allocation.spec.make_spec import plan_spec
    from budget.studies.strategies.shared_subsets import SharedSubsets
    from budget.tables.tasks import TaskSettings

    curves = shared_models(NAMES, alike=True)
    spec = plan_spec(curves, TaskSettings(NAMES), 1e11, unit="tokens", params=1e9, strategy="shared")
    subsets = SharedSubsets(curves, spec)
    split = subsets.of(np.arange(4)[None])
    np.testing.assert_allclose(np.exp(split.log_inputs[0]), [[1e9, 2.5e10, 4.0]] * 4, rtol=1e-6)
    assert np.isnan(copies_exponent(subsets)).all()


EXPONENT = st.floats(0.15, 0.6)


@given(EXPONENT, EXPONENT, st.floats(-0.1, 0.6), st.floats(-0.1, 0.4), st.floats(0.7, 1.3), st.floats(0.7, 1.3))
@settings(max_examples=20, deadline=None)
def test_copies_in_one_model_decline_by_the_closed_form(alpha, beta, phi, psi, p, q):
    """γ = (phi·βp + (psi + β)·αq)/(αq + βp), at every number of tasks and whatever the budget."""
    cost = Cost(np.array([6.0]), np.array([p]), np.array([q]), 0.0, 0.0)
    curves = shared_models(NAMES, alike=True, phi=phi, psi=psi, cost=cost)
    names = curves.form.names
    theta = curves.parameters.copy()
    theta[:, [names.index("alpha"), names.index("beta")]] = alpha, beta
    subsets = shared_subsets_of(type(curves)(**{**vars(curves), "parameters": theta}))
    found = decline(subsets, np.arange(5)[None])
    gamma = (phi * beta * p + (psi + beta) * alpha * q) / (alpha * q + beta * p)
    np.testing.assert_allclose(found.mean_factor, np.arange(1, 6) ** gamma, rtol=1e-8)
    np.testing.assert_allclose(found.exponent, gamma, atol=1e-8)
    np.testing.assert_allclose(found.copies[2:], gamma, atol=1e-12)


def test_no_powers_of_the_number_leave_each_task_the_whole_model_and_a_share_of_the_data():
    """phi = psi = 0 at 6ND is αβ/(α + β), the decline of specialists: K times the data or K times the compute."""
    subsets = shared_subsets_of(shared_models(NAMES, alike=True, phi=0.0, psi=0.0))
    np.testing.assert_allclose(copies_exponent(subsets), 0.34 * 0.28 / 0.62, rtol=1e-12)


def test_a_cost_of_two_terms_has_no_power():
    assert np.isnan(copies_exponent(shared_subsets_of(shared_models(NAMES, cost=ATTENTION)))).all()


def test_sizes_and_spread_count_the_tasks_share_of_the_model():
    subsets = shared_subsets_of(shared_models(NAMES, draws=10))
    joining = joining_orders(subsets, "random", 6)
    sizes, spread = set_sizes(subsets, joining), spread_of(subsets, joining, "")
    np.testing.assert_allclose(sizes.mean_spend * np.arange(1, 6), BUDGET, rtol=1e-12)
    assert (sizes.smallest_share[1:] < 1 / np.arange(2, 6)).all() and sizes.largest_share[0] == 1
    np.testing.assert_allclose(spread.spend[spread.orders > 0], BUDGET)


def test_targets_in_the_draws_against_each_draw_by_itself():
    curves = shared_models(NAMES, draws=25)
    reached = shared_subsets_of(curves).of(np.arange(5)[None]).distance[0]
    subsets = shared_subsets_of(curves, target=reached * np.array([1.05, 0.99, 1.02, 0.98, np.nan]))
    orders = np.array([[0, 1, 2, 3, 4], [4, 2, 0, 3, 1]])
    found = planned_sets(subsets, orders)
    largest, scenarios = [], np.zeros((2, 25), dtype=int)
    for row, order in enumerate(orders):
        plans = [plan_mixture(*subsets.about(order[:size]), draws=False) for size in range(1, 6)]
        met = [np.nan_to_num(plan.target_met, nan=1.0).all() for plan in plans]
        largest.append(met.index(False) if False in met else 5)
        for draw in range(25):
            for size in range(1, 6):
                task = order[:size]
                inputs = subsets.of(task[None]).log_inputs[0]
                value = curves.form.value(curves.draws[draw, task], inputs - np.log(curves.reference[task]))
                if (value > subsets.spec.tasks.target[task]).any():  # no target: NaN, which nothing exceeds
                    break
                scenarios[row, draw] = size
    assert found.largest.tolist() == largest and found.sure == np.mean(scenarios >= np.array(largest)[:, None])
    ends = np.percentile(scenarios.mean(axis=0), (10, 90), method="weibull")
    np.testing.assert_allclose(
        [found.low, found.high], [min(ends[0], np.mean(largest)), max(ends[1], np.mean(largest))]
    )
    assert planned_sets(shared_subsets_of(curves), orders) is None


@given(st.floats(1.0, 1e3), st.integers(0, 5))
@settings(max_examples=15, deadline=None)
def test_more_budget_is_never_worse_and_the_order_of_tasks_does_not_matter(more, seed):
    curves = shared_models(NAMES, seed=seed)
    members = np.array([[0, 3, 1], [4, 2, 0]])
    less, greater = (shared_subsets_of(curves, budget) for budget in (BUDGET, more * BUDGET))
    first, second = less.of(members), greater.of(members)
    assert (greater.objective(second) <= less.objective(first) * (1 + 1e-12)).all()
    turned = shared_subsets_of(curves).of(members[:, ::-1])
    np.testing.assert_allclose(turned.distance[:, ::-1], first.distance, rtol=1e-12)


@pytest.mark.parametrize("order", ["greedy", "weight"])
def test_orders_of_shared_models_alone(order):
    """Greedy joins with the task that leaves the best mean: brute force over the first two steps."""
    subsets = shared_subsets_of(shared_models(NAMES), weight=np.array([1.0, 2.0, 0.5, 3.0, 1.0]))
    (found,) = joining_orders(subsets, order)
    if order == "weight":
        assert found.tolist() == [3, 1, 0, 4, 2]
        return
    alone = [plan_mixture(*subsets.about(np.array([task])), draws=False).objective for task in range(5)]
    assert found[0] == np.argmin(alone)
    pairs = {
        task: plan_mixture(*subsets.about(np.array([found[0], task])), draws=False).objective
        for task in range(5)
        if task != found[0]
    }
    assert found[1] == min(pairs, key=pairs.get)
