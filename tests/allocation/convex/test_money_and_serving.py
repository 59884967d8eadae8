"""Budgets of money, device hours and tokens, and models that are served, against SciPy and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.tables.limits import Limit
from tests import made
from tests.allocation.convex.limited_plans import CURVES, MONEY, TASKS, check, oracle_of, planned
from tests.oracles import water_filling
from tests.oracles.limited import Limited
from tests.simulate import TRUTHS


@pytest.mark.parametrize("name", [name for name in MONEY if name != "unit cost"])
def test_money_against_scipy(name):
    task_settings = dict(MONEY[name])
    asked = {"unit": "money", "prices": task_settings.pop("prices", None)}
    tasks = replace(TASKS, **task_settings)
    plan = planned(3e4, tasks=tasks, **asked)
    check(plan, oracle_of(3e4, tasks, asked))
    np.testing.assert_allclose(plan.spend.sum(), 3e4, rtol=1e-9)


def test_money_for_data_alone_with_a_budget_of_compute():
    tasks = replace(TASKS, **MONEY["unit cost"])
    asked = {"unit": "money", "further": {"flops": 1e22}}
    plan = planned(1e5, tasks=tasks, **asked)
    check(plan, oracle_of(1e5, tasks, asked))


def test_device_hours_are_money_at_a_price_of_one():
    """A plan in hours is the plan in the FLOPs that these hours buy."""
    hours = planned(5000.0, unit="money", prices=Prices(1.0, 1e15, 0.4))
    compute = planned(5000.0 * 3600 * 1e15 * 0.4)
    np.testing.assert_allclose(hours.objective, compute.objective, rtol=1e-9)
    np.testing.assert_allclose(hours.spend * 3600 * 4e14, compute.spend, rtol=1e-4)
    np.testing.assert_allclose(hours.shadow_price, compute.shadow_price * 3600 * 4e14, rtol=1e-5)
    np.testing.assert_allclose(hours.extrapolation, compute.extrapolation, rtol=1e-4)


@pytest.mark.parametrize("cost", [made.SIX, made.ATTENTION], ids=["six", "attention"])
def test_inference_makes_the_best_model_smaller(cost):
    curves = made.chinchilla(cost=cost)
    sizes, lost = [], []
    for served in (0.0, 1e11, 1e12, 1e13):
        plan = allocate(curves, plan_spec(curves, replace(TASKS, served_tokens=np.full(3, served)), 1e22), draws=False)
        taken = cost.flops(plan.params, plan.tokens) + 2 * plan.params * served
        np.testing.assert_allclose(taken, plan.spend, rtol=1e-9)
        # at its spend, no other size of a model is better
        n = plan.params[:, None] * np.linspace(0.5, 1.5, 401)
        left = plan.spend[:, None] - 2 * n * served
        per_token = cost.flops(n, np.ones_like(n))  # both costs are linear in the tokens
        with np.errstate(divide="ignore"):
            d = np.where(left > 0, left, 0.0) / per_token
            other = np.array([t.value(*row) for t, row in zip(TRUTHS.values(), zip(n, d, strict=True), strict=True)])
        assert (plan.predicted <= other.min(axis=1) * (1 + 1e-12)).all()
        np.testing.assert_allclose(plan.predicted, other.min(axis=1), rtol=1e-6)
        sizes.append(plan.params)
        lost.append(plan.objective)
    assert (np.diff(sizes, axis=0) < 0).all() and (np.diff(lost) > 0).all()


@pytest.mark.parametrize("name", ["served", "served and tokens"])
def test_inference_against_scipy(name):
    tasks = replace(TASKS, served_tokens=np.array([1e12, np.nan, 1e11]))
    asked = {"further": {"tokens": 1.2e11}} if name == "served and tokens" else {}
    check(planned(1e22, tasks=tasks, **asked), oracle_of(1e22, tasks, asked))


def test_inference_of_one_shared_model_adds_up():
    curves = made.one_model(CURVES)
    tasks = replace(TASKS, served_tokens=np.array([1e12, np.nan, 1e11]))
    plan = allocate(curves, plan_spec(curves, tasks, 1e22), draws=False)
    n, d = plan.params[0], plan.tokens[0]
    np.testing.assert_allclose(6 * n * d + 2 * n * 1.1e12, 1e22, rtol=1e-9)
    np.testing.assert_allclose(plan.used["flops"], 1e22, rtol=1e-9)

    def loss(log_n):
        n = np.exp(log_n)
        return np.mean([t.value(n, (1e22 - 2.2e12 * n) / (6 * n)) for t in TRUTHS.values()])

    best = minimize_scalar(loss, bounds=(15, np.log(1e22 / 2.2e12) - 1e-6), method="bounded", options={"xatol": 1e-10})
    np.testing.assert_allclose(plan.objective, best.fun, rtol=1e-9)
    assert plan.gap <= 1e-8


def test_token_budget_with_a_size_for_each_task():
    sizes = np.array([1e8, 1e9, 5e9])
    plan = planned(1e11, tasks=replace(TASKS, params=sizes), unit="tokens")
    b, beta = np.transpose([(t.B, t.beta) for t in TRUTHS.values()])
    expected, reducible = water_filling.split(np.full(3, 1 / 3), b, beta, 1e11)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(plan.params, sizes)
    constant = np.mean([t.E + t.A / n**t.alpha for t, n in zip(TRUTHS.values(), sizes, strict=True)])
    np.testing.assert_allclose(plan.objective, constant + reducible, rtol=1e-9)
    # what the file leaves open takes --params
    mixed = planned(1e11, tasks=replace(TASKS, params=np.array([np.nan, 1e9, np.nan])), unit="tokens", params=2e8)
    np.testing.assert_allclose(mixed.params, [2e8, 1e9, 2e8])


def test_token_budget_at_fixed_sizes_with_a_budget_of_compute():
    sizes = np.array([1e8, 1e9, 5e9])
    asked = {"unit": "tokens", "further": {"flops": 1.5e20}}
    plan = planned(1e11, tasks=replace(TASKS, params=sizes), **asked)
    assert plan.used["flops"].sum() <= 1.5e20 * (1 + 1e-9)
    np.testing.assert_allclose(plan.used["flops"], 6 * sizes * plan.tokens, rtol=1e-12)
    oracle = Limited(
        lambda u: np.array([t.value(n, np.exp(d[0])) for t, n, d in zip(TRUTHS.values(), sizes, u, strict=True)]),
        [lambda u: np.exp(u[:, 0]), lambda u: 6 * sizes * np.exp(u[:, 0])],
        [1e11, 1.5e20],
        np.full((3, 1), np.log(1e10)),
    )
    best, _, _ = oracle.best()
    assert plan.bound <= best + 1e-8 and plan.objective <= best + 1e-8 and plan.gap <= 1e-7


def test_allotted_may_be_more_than_used():
    """A minimum on tokens that outgrow the compute's worth, and a minimum of spend that tokens cannot use up."""
    limits = (Limit("pair", np.array([1.0, 0.0, 0.0]), lower=9e21),)
    plan = planned(1e22, limits=limits, further={"tokens": 2e9})
    assert plan.spend[0] >= 9e21 * (1 - 1e-6)
    assert (plan.used["tokens"].sum() <= 2e9 * (1 + 1e-9)) and (plan.used["flops"] <= plan.spend * (1 + 1e-6)).all()
    for task, truth in enumerate(TRUTHS.values()):
        assert plan.predicted[task] == pytest.approx(truth.value(plan.params[task], plan.tokens[task]), rel=1e-12)
