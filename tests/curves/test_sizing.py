"""Sizes are where the draws' values are low and sure, and turning a curve there changes nothing else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.fitting.fit import fit_curves
from budget.curves.laws.law import EXPONENT
from budget.curves.laws.table import LAWS
from budget.curves.sizing import best_ratios, sized, sure_values, turned
from budget.curves.steady import terms_of
from budget.tables.tasks import default_tasks
from tests.simulate import HOFFMANN, Truth, runs_of, table

LAW = LAWS["chinchilla"]
NUMBERS = st.tuples(
    st.floats(0.1, 2.0), st.floats(-3.0, 1.0), st.floats(0.2, 0.5), st.floats(-3.0, 1.0), st.floats(0.2, 0.5)
)


def theta_of(floor, log_a, alpha, log_b, beta):
    named = {"E": floor, "A": log_a, "alpha": alpha, "B": log_b, "beta": beta}
    return np.array([[named[name] for name in LAW.names]])


def lowest(theta, product):
    """Where a curve is lowest at a product of its inputs, and its value there."""

    def value(log_ratio):
        z = np.array([[product / 2 - log_ratio / 2, product / 2 + log_ratio / 2]])
        return float(LAW.value(theta[0], z)[0])

    found = minimize_scalar(value, bounds=(-60, 60), method="bounded", options={"xatol": 1e-9})
    return found.x, found.fun


@settings(max_examples=60, deadline=None)
@given(NUMBERS, st.floats(-2, 2), st.floats(0.25, 0.75), st.floats(-4.0, 6.0))
def test_a_turned_curve_has_these_sizes_and_falls_as_it_did(numbers, ratio, growth, product):
    theta = theta_of(*numbers)
    new = turned(LAW, theta, np.array([ratio]), np.array([growth]))
    place, value = lowest(new, product)
    assert value == pytest.approx(lowest(theta, product)[1], rel=1e-9)
    # params grow by ``growth`` and tokens by the rest
    assert place == pytest.approx(ratio + (1 - 2 * growth) * product, abs=2e-2)


@pytest.mark.parametrize(
    "alpha, beta, growth", [(3.0, 3.0, 0.2), (2.0, 2.5, 0.8), (0.006, 0.006, 0.2), (0.006, 0.005, 0.8)]
)
def test_a_curve_is_turned_no_further_than_its_exponents_range(alpha, beta, growth):
    theta = theta_of(1.0, -1.0, alpha, -1.0, beta)
    _, (new,) = terms_of(LAW, turned(LAW, theta, np.array([0.3]), np.array([growth])))
    assert (new >= EXPONENT[0] * (1 - 1e-12)).all() and (new <= EXPONENT[1] * (1 + 1e-12)).all()
    # the fall stays, and sizes turn the way that is asked for, if at all
    assert (1 / new).sum() == pytest.approx(1 / alpha + 1 / beta)
    before, after = beta / (alpha + beta), new[1] / new.sum()
    assert min(before, growth) - 1e-12 <= after <= max(before, growth) + 1e-12


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.integers(0, 10**6))
def test_the_sizes_of_a_sum_of_powers_are_found_on_a_grid(numbers, seed):
    theta = theta_of(*numbers)
    at_0, at_4 = (lowest(theta, product)[0] for product in (0.0, 4.0))
    middle = np.array([at_0 + (at_4 - at_0) * s / 4 for s in np.linspace(-2, 6, 6)])
    size = np.repeat(np.linspace(-1, 3, 6), 6)
    ratio = (middle[:, None] + np.linspace(-1.5, 1.4, 6) + np.random.default_rng(seed).uniform(-0.2, 0.2)).ravel()
    z = np.stack([size - ratio / 2, size + ratio / 2], axis=1)[None]
    values = LAW.value(theta[:, None], z)
    found, growth = best_ratios(values, z, 6)
    assert found[0] == pytest.approx(at_0, abs=0.2)
    assert growth[0] == pytest.approx(np.clip(0.5 - (at_4 - at_0) / 8, 0.2, 0.8), abs=0.03)
    drawn = np.broadcast_to(values, (3, *values.shape))
    np.testing.assert_allclose(
        sized(LAW, np.broadcast_to(theta, (3, *theta.shape)), drawn, z, 6)[1], turned(LAW, theta, found, growth)
    )
    np.testing.assert_allclose(sure_values(drawn), values)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_within_the_runs_no_size_is_much_better_as_predicted(seed, tmp_path):
    """The convex curve nearest to a surface put the best size off by a factor of two, and a percent of the value."""
    runs = runs_of(table({"prose": HOFFMANN}, noise=0.005, seed=seed), tmp_path)
    curves = fit_curves(runs, draws=100, seed=0).usable()
    largest = float(curves.largest["flops"][0])
    for budget in (largest / 5, largest, 4 * largest):
        plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), budget, reach=10.0), draws=False)
        params = plan.params[0] * np.exp(np.linspace(-1.2, 1.2, 41))
        truth = HOFFMANN.value(params, budget / 6 / params)
        mine = HOFFMANN.value(plan.params, plan.tokens)[0]
        assert mine <= truth.min() * 1.002
        told = curves.told.distance(np.zeros(41, dtype=int), np.log(np.column_stack([params, budget / 6 / params])))
        assert plan.predicted[0] <= told.min() * (1.004 if budget <= largest else 1.01)


def swept(truth, noise=0.004):
    """An iso-FLOP sweep about 20 tokens a parameter, D/N from .8 to 500."""
    rows, rng = [], np.random.default_rng(3)
    for compute in (1e17, 1e18, 6e18):
        params = np.geomspace(0.2, 5, 7) * np.sqrt(compute / 120)
        tokens = compute / 6 / params
        value = truth.value(params, tokens) * np.exp(noise * rng.standard_normal(7))
        rows.append(pd.DataFrame({"task": "one", "params": params, "tokens": tokens, "flops": compute, "value": value}))
    return pd.concat(rows)


@pytest.mark.parametrize(
    "truth",
    [Truth(1.152, 80.792, 0.314, 166.711, 0.23), Truth(1.979, 161.637, 0.272, 2001.189, 0.426)],
    ids=["many-tokens", "many-params"],
)
def test_the_best_size_may_lie_at_the_edge_of_the_measured_ratios_and_beyond(truth, tmp_path):
    """Ranges of sizes were the ends of a range of ratios that was narrower than the measured one."""
    curves = fit_curves(runs_of(swept(truth), tmp_path), draws=100, seed=0).usable()
    budget = float(curves.largest["flops"][0])
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), budget, reach=10.0))
    params = np.geomspace(plan.params[0] / 30, plan.params[0] * 30, 2001)
    truths = truth.value(params, budget / 6 / params)
    assert truth.value(plan.params, plan.tokens)[0] <= 1.005 * truths.min()
    best = params[truths.argmin()]  # an 80 % range misses it now and then, and not by far
    assert plan.sizes.params_low[0] / 1.5 <= best <= 1.5 * plan.sizes.params_high[0]
