"""Size and mixture of one shared model against SciPy, cvxpy, brute force and closed forms; the bound; invariants."""

from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from budget.allocation.mixture.best_shares import best_shares, inside, own_shares
from budget.allocation.mixture.finite_sources import solve_limited
from budget.allocation.mixture.iso_loss import decline_exponent, iso_loss
from budget.allocation.mixture.solve_mixture import certify_mixture, solve_mixture
from tests.allocation.blends import DEAR_WHEN_SMALL, PLAIN, TWO_TERMS, blend_of, start_of, truth
from tests.oracles import mixture as oracle
from tests.oracles import water_filling

BUDGET = 1e21


def solved(law: dict, budget: float = BUDGET, **options):
    """The plan's size, tokens, value and bound."""
    blend = blend_of(law, budget, **options)
    start = start_of(law)
    assert start is not None
    best = solve_mixture(blend, start)
    bound, price = certify_mixture(blend, best)
    return float(np.exp(best.n[0])), best.tokens[0], float(best.value[0]), bound, price


SHAPES = [(1, 1), (1, 4), (3, 2), (2, 2), (5, 5), (7, 4)]


@pytest.mark.parametrize("cost", [PLAIN, TWO_TERMS, DEAR_WHEN_SMALL], ids=["6ND", "two terms", "dear when small"])
@pytest.mark.parametrize(("tasks", "sources"), SHAPES)
def test_no_better_plan_is_found_by_scipy(tasks, sources, cost):
    law = truth(10 * tasks + sources, tasks, sources, cost=cost)
    params, tokens, value, bound, _ = solved(law)
    np.testing.assert_allclose(oracle.value(law, params, tokens), value, rtol=1e-12)
    np.testing.assert_allclose(tokens.sum(), oracle.tokens_left(law, params, BUDGET), rtol=1e-9)
    best = oracle.slsqp(law, BUDGET)
    assert value <= best * (1 + 1e-9)
    np.testing.assert_allclose(value, best, rtol=1e-6)
    assert -1e-12 <= value - bound <= 1e-9 * value


def test_two_sources_by_brute_force():
    for seed in range(4):
        law = truth(seed, 3, 2, harm=0.2)
        best = oracle.brute_force(law, BUDGET)
        _, _, value, bound, _ = solved(law)
        assert bound <= value * (1 + 1e-12) and value <= best
        np.testing.assert_allclose(value, best, rtol=1e-5)


def test_tokens_at_a_given_size():
    law = truth(3, 4, 4)
    params, tokens, value, bound, price = solved(law, 1e11, params=2e9)
    np.testing.assert_allclose([params, tokens.sum()], [2e9, 1e11], rtol=1e-12)
    assert 0 <= value - bound + 1e-12 <= 1e-9
    _, _, more, _, _ = solved(law, 1.001e11, params=2e9)
    np.testing.assert_allclose((value - more) / 1e8, price, rtol=2e-3)


def test_tasks_that_harm_each_other_too_much_have_no_mixture():
    assert inside(np.array([[1.0, -2.0], [-2.0, 1.0]]), oracle.LEAST) is None
    assert inside(np.array([[1.0, -0.9], [-0.9, 1.0]]), oracle.LEAST) is not None


def test_identical_unrelated_tasks_share_equally():
    """The closed form: K tasks with a K-th of the tokens each are one task whose data term is K^beta as large."""
    law = truth(0, 4, 4) | {
        "E": np.full(4, 1.7),
        "A": np.full(4, 400.0),
        "alpha": np.full(4, 0.34),
        "B": np.full(4, 410.0),
        "beta": np.full(4, 0.28),
        "tau": np.eye(4),
        "weight": np.full(4, 0.25),
    }
    _, tokens, value, _, _ = solved(law)
    np.testing.assert_allclose(tokens, tokens.mean(), rtol=1e-6)
    coefficient, exponent = water_filling.in_compute(
        np.array([400.0]), np.array([0.34]), np.array([410.0 * 4**0.28]), np.array([0.28])
    )
    np.testing.assert_allclose(value, 1.7 + coefficient[0] * BUDGET ** -exponent[0], rtol=1e-12)


def test_own_tokens_alone_are_a_geometric_program():
    """Clarabel through cvxpy, in log size and log tokens of each task."""
    law = truth(5, 6, 6, cost=TWO_TERMS) | {"tau": np.eye(6)}
    params, tokens, value, bound, _ = solved(law)
    n, d, t = cp.Variable(), cp.Variable(6), cp.Variable()
    log_weight = np.log(law["weight"])
    # about a point of the right order, so that the solver sees small numbers
    at_n, at_d = np.log(1e9), np.log(3e10)
    terms = cp.hstack(
        [
            np.log(law["A"]) + log_weight - law["alpha"] * (n + at_n),
            np.log(law["B"]) + log_weight - cp.multiply(law["beta"], d + at_d),
        ]
    )
    cost = cp.hstack([np.log(kappa / BUDGET) + p * (n + at_n) + t + at_d for kappa, p in law["cost"]])
    program = cp.Problem(cp.Minimize(cp.log_sum_exp(terms)), [cp.log_sum_exp(cost) <= 0, cp.log_sum_exp(d) <= t])
    program.solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(value, law["E"] @ law["weight"] + np.exp(program.value), rtol=1e-8)
    np.testing.assert_allclose(tokens, np.exp(d.value + at_d), rtol=1e-3)
    np.testing.assert_allclose(params, np.exp(n.value + at_n), rtol=1e-3)
    assert value - bound <= 1e-10


ATLAS = {"alpha": 0.11 / 0.243, "beta": -0.04 / (0.728 - 1), "phi": 0.11, "psi": -0.04}
"""The published exponents, and what they imply."""


@pytest.mark.parametrize(("ratio", "size", "data"), [(2, 1.18, 1.66), (4, 1.40, 2.74)])
def test_published_multipliers_and_the_program_agree(ratio, size, data):
    assert abs(ATLAS["alpha"] - 0.453) < 5e-4 and abs(ATLAS["beta"] - 0.147) < 5e-4
    factors = iso_loss(**ATLAS, ratio=ratio)
    np.testing.assert_allclose(factors, [size, data], rtol=0.01)

    def of(tasks, budget):
        even = np.full(tasks, 1.0)
        law = {
            "E": 1.5 * even,
            "A": 500.0 * tasks ** ATLAS["phi"] * even,
            "alpha": ATLAS["alpha"] * even,
            "B": 30.0 * tasks ** ATLAS["psi"] * even,
            "beta": ATLAS["beta"] * even,
            "tau": np.eye(tasks),
            "weight": even / tasks,
            "cost": PLAIN,
        }
        return solved(law, budget)

    params, tokens, value, _, _ = of(3, BUDGET)
    more_params, more_tokens, same, _, _ = of(3 * ratio, BUDGET * factors[0] * factors[1])
    np.testing.assert_allclose(same, value, rtol=1e-12)
    np.testing.assert_allclose([more_params / params, more_tokens.sum() / tokens.sum()], factors, rtol=1e-6)


seeds = st.integers(0, 10_000)
shape = st.tuples(st.integers(1, 6), st.integers(1, 6))


def feasible(seed, shape, **options):
    law = truth(seed, *shape, **options)
    assume(start_of(law) is not None)
    return law


@settings(max_examples=40, deadline=None)
@given(seeds, shape, st.floats(0, 0.9), st.sampled_from([PLAIN, TWO_TERMS]))
def test_the_bound_is_below_any_plan(seed, shape, harm, cost):
    law = feasible(seed, shape, harm=harm, cost=cost)
    _, _, value, bound, _ = solved(law)
    random = np.random.default_rng(seed)
    params = np.exp(random.uniform(np.log(1e7), np.log(1e12), 400))
    share = random.dirichlet(np.full(shape[1], 0.5), 400)
    share[0] = start_of(law)[0]
    kept = ((law["tau"] - oracle.LEAST) @ share.T >= 0).all(axis=0)
    tokens = share[kept] * oracle.tokens_left(law, params[kept], BUDGET)[:, None]
    assert bound <= oracle.value(law, params[kept], tokens).min() * (1 + 1e-12)
    assert bound <= value * (1 + 1e-12)
    assert value - bound <= 1e-8 * value


@settings(max_examples=25, deadline=None)
@given(seeds, shape, st.floats(17, 25), st.floats(1.01, 100))
def test_more_budget_is_never_worse(seed, shape, log_budget, factor):
    law = feasible(seed, shape)
    less, more = (solved(law, 10**log_budget * each)[2] for each in (1.0, factor))
    assert more < less


@settings(max_examples=25, deadline=None)
@given(seeds, shape, st.sampled_from([1e-6, 1e6]), st.sampled_from([1e-6, 1e6]))
def test_units_rescale_the_answer(seed, shape, of_tokens, of_params):
    law = feasible(seed, shape)
    params, tokens, value, bound, price = solved(law)
    scaled = law | {
        "A": law["A"] * of_params ** law["alpha"],
        "B": law["B"] * of_tokens ** law["beta"],
    }
    again = solved(scaled, BUDGET * of_tokens * of_params)
    np.testing.assert_allclose(again[0], params * of_params, rtol=1e-6)
    np.testing.assert_allclose(again[1], tokens * of_tokens, rtol=1e-4, atol=1e-6 * of_tokens * tokens.sum())
    np.testing.assert_allclose(again[2:4], [value, bound], rtol=1e-10)
    np.testing.assert_allclose(again[4] * of_tokens * of_params, price, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seeds, shape)
def test_the_order_of_tasks_and_sources_does_not_matter(seed, shape):
    law = feasible(seed, shape)
    params, tokens, value, _, _ = solved(law)
    random = np.random.default_rng(seed)
    rows, columns = random.permutation(shape[0]), random.permutation(shape[1])
    turned = {name: each if name == "cost" else each[rows] for name, each in law.items()}
    turned["tau"] = law["tau"][np.ix_(rows, columns)]
    again = solved(turned)
    np.testing.assert_allclose(again[0], params, rtol=1e-6)
    np.testing.assert_allclose(again[1], tokens[columns], rtol=1e-4, atol=1e-6 * tokens.sum())
    np.testing.assert_allclose(again[2], value, rtol=1e-12)


def test_a_source_that_harms_gets_a_smaller_share():
    def share(tau):
        law = truth(0, 2, 2) | {"tau": np.array([[1.0, tau], [tau, 1.0]])}
        law = law | {name: np.full(2, law[name][0]) for name in ("A", "alpha", "B", "beta")}
        law["weight"] = np.array([0.8, 0.2])
        return solved(law)[1][1] / solved(law)[1].sum()

    # the lighter task's tokens, the more its source harms the heavier one; at 0 a closed form
    shares = [share(tau) for tau in (0.0, -0.1, -0.2)]
    ratio = 4 ** (1 / (1 + truth(0, 2, 2)["beta"][0]))
    np.testing.assert_allclose(shares[0], 1 / (1 + ratio), rtol=1e-6)
    one_way = truth(0, 2, 2)
    alone, harmed = (solved(one_way | {"tau": np.array([[1.0, tau], [0.0, 1.0]])})[1] for tau in (0.0, -0.3))
    assert harmed[1] / harmed.sum() < alone[1] / alone.sum()


def test_the_domain_binds_and_the_bound_still_closes():
    """A task of no account that the best source harms: the mixture stops where its effective data are 1 %."""
    law = truth(1, 2, 2) | {"tau": np.array([[1.0, 0.0], [-0.5, 1.0]]), "weight": np.array([1 - 1e-9, 1e-9])}
    _, tokens, value, bound, _ = solved(law)
    effective = law["tau"] @ tokens / tokens.sum()
    np.testing.assert_allclose(effective[1], oracle.LEAST, rtol=1e-6)
    assert 0 <= value - bound + 1e-12 <= 1e-9
    assert value <= oracle.slsqp(law, BUDGET) * (1 + 1e-9)


def test_sources_that_do_the_same_and_tasks_that_are_equal():
    law = truth(2, 2, 3) | {"tau": np.ones((2, 3))}
    law = law | {name: np.full(2, law[name][0]) for name in ("E", "A", "alpha", "B", "beta", "weight")}
    one = {name: each if name == "cost" else each[:1] for name, each in law.items()} | {"weight": np.ones(1)}
    _, _, value, bound, _ = solved(law | {"weight": np.full(2, 0.5)})
    np.testing.assert_allclose(value, solved(one | {"tau": np.ones((1, 1))})[2], rtol=1e-12)
    assert value - bound <= 1e-9


def test_worlds_do_not_meet():
    laws = [law for seed in range(12) if start_of(law := truth(seed, 4, 3)) is not None]
    blends = [blend_of(law, BUDGET) for law in laws]
    names = ("floor", "capacity", "alpha", "data", "beta", "tau")
    stacked = replace(blends[0], **{name: np.concatenate([getattr(each, name) for each in blends]) for name in names})
    together = solve_mixture(stacked, np.concatenate([start_of(law) for law in laws]))
    for at, law in enumerate(laws):
        np.testing.assert_allclose(together.value[at], solved(law)[2], rtol=1e-12)
    assert len(laws) > 3


def test_extreme_levels_are_solved_and_proven():
    """Coefficients over 26 decades, exponents over the whole box, with and without limits on shares."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        tasks, sources = random.integers(1, 12, 2)
        tau = random.uniform(-0.5, 0.9, (tasks, sources))
        own = np.arange(min(tasks, sources))
        tau[own, own] = 1.0
        start = inside(tau, oracle.LEAST)
        if start is None:
            continue
        level, beta = random.uniform(-40, 20, (1, tasks)), random.uniform(0.005, 3, (1, tasks))
        for limit in (np.full((1, sources), np.inf), random.uniform(0.01, 2, (1, sources))):
            found = best_shares(level, beta, tau[None], oracle.LEAST, limit, start[None])
            assert -1e-12 <= 1 - found.bound(limit)[0] < 1e-9
            assert (found.share <= limit + 1e-9).all() and found.share.sum() <= 1 + 1e-9


def limited(law: dict, limit, tolerance: float = 1e-8):
    blend = blend_of(law, BUDGET, limit=limit)
    best, bound = solve_limited(blend, start_of(law), tolerance)
    return float(np.exp(best.n[0])), best.tokens[0], float(best.value[0]), bound


@pytest.mark.parametrize("scale", [1e8, 3e9, 3e10, 1e12])
@pytest.mark.parametrize(("tasks", "sources"), [(1, 1), (2, 2), (3, 2)])
def test_limits_by_brute_force(tasks, sources, scale):
    law = truth(4, tasks, sources)
    limit = scale * np.array([1.0, 0.3])[:sources]
    _, tokens, value, bound = limited(law, limit)
    assert (tokens <= limit * (1 + 1e-9)).all()
    assert bound <= value and value - bound <= 1e-8 * value
    twice = law | {"tau": np.hstack([law["tau"], np.zeros((tasks, 1))])} if sources == 1 else law
    # a second source that does nothing stands for tokens that are not taken
    best = oracle.brute_force(twice, BUDGET, limit=np.append(limit, np.inf)[:2])
    assert bound <= best * (1 + 1e-12)
    assert value <= best * (1 + 1e-9)
    if tasks > 1:
        np.testing.assert_allclose(value, best, rtol=2e-3)


@pytest.mark.parametrize("power", [0.8, 1.2])
def test_a_cost_that_is_no_product(power):
    law = truth(33, 3, 3, cost=TWO_TERMS) | {"q": power}
    budget = 6e9 * 1e11**power
    params, tokens, value, bound, price = solved(law, budget)
    np.testing.assert_allclose(tokens.sum(), oracle.tokens_left(law, params, budget), rtol=1e-9)
    np.testing.assert_allclose(value, oracle.slsqp(law, budget), rtol=1e-7)
    assert -1e-12 <= value - bound <= 1e-9
    more = solved(law, 1.001 * budget)[2]
    np.testing.assert_allclose((value - more) / (0.001 * budget), price, rtol=2e-3)


@pytest.mark.parametrize("cost", [PLAIN, TWO_TERMS, DEAR_WHEN_SMALL], ids=["6ND", "two terms", "dear when small"])
def test_limits_by_scipy(cost):
    law = truth(12, 4, 3, cost=cost)
    limit = np.array([5e9, np.inf, 2e10])
    _, _, value, bound = limited(law, limit)
    best = oracle.slsqp(law, BUDGET, limit=limit, starts=12)
    assert bound <= best and value <= best * (1 + 1e-7)
    np.testing.assert_allclose(value, best, rtol=1e-5)


def test_two_valleys_over_the_size_are_told_apart():
    """A good source that runs out beside an endless poor one: small and much poor data, or large and little good."""
    law = truth(0, 1, 2) | {
        "tau": np.array([[1.0, 0.012]]),
        "A": np.array([300.0]),
        "alpha": np.array([0.25]),
        "B": np.array([1e5]),
        "beta": np.array([0.5]),
    }
    split = []
    for scale in np.geomspace(1e8, 3e10, 9):
        limit = np.array([scale, np.inf])
        params, _, value, bound = limited(law, limit)
        profile = oracle.over_sizes(law, BUDGET, limit=limit)
        inner = profile[1:-1]
        if ((inner < profile[:-2]) & (inner < profile[2:])).sum() > 1:
            split.append(params)
        assert bound <= profile.min() * (1 + 1e-12) and value - bound <= 1e-7 * value
        assert value <= profile.min() * (1 + 1e-9)
    assert len(split) >= 3 and max(split) > 3 * min(split)


@settings(max_examples=15, deadline=None)
@given(seeds, shape, st.floats(8, 13))
def test_limits_only_cost_and_the_bound_holds(seed, shape, log_limit):
    law = feasible(seed, shape)
    random = np.random.default_rng(seed)
    limit = 10**log_limit * random.uniform(0.1, 1.0, shape[1])
    _, _, value, bound = limited(law, limit, 1e-6)
    assert value >= solved(law)[2] * (1 - 1e-12)
    assert bound <= value * (1 + 1e-12) and value - bound <= 1e-5 * value
    params = np.exp(random.uniform(np.log(1e7), np.log(1e13), 400))
    wanted = random.dirichlet(np.ones(shape[1]), 400) * oracle.tokens_left(law, params, BUDGET)[:, None]
    tokens = np.minimum(wanted, limit)
    kept = ((law["tau"] - oracle.LEAST) @ tokens.T >= 0).all(axis=0)
    if kept.any():
        assert bound <= oracle.value(law, params[kept], tokens[kept]).min() * (1 + 1e-12)


@given(st.integers(0, 50), st.integers(1, 12), st.floats(0.01, 20.0))
@settings(max_examples=30, deadline=None)
def test_own_tokens_have_one_price_and_are_what_the_interior_method_finds(seed, tasks, wide):
    random = np.random.default_rng(seed)
    level, beta = random.normal(0, wide, (3, tasks)), random.uniform(0.005, 3.0, (3, tasks))
    share = own_shares(level, beta)
    price = level + np.log(beta) - (1 + beta) * np.log(share)
    np.testing.assert_allclose(share.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(np.ptp(price, axis=1), 0, atol=1e-9 * max(1.0, np.abs(price).max()))
    tau, start = np.tile(np.eye(tasks), (3, 1, 1)), np.full((3, tasks), 1 / tasks)
    own = best_shares(level, beta, tau, 0.0, np.full((3, tasks), np.inf), start)
    interior = best_shares(level, beta, tau, 0.0, np.full((3, tasks), 5.0), start)  # limits that never bind
    if wide < 5:  # where levels are further apart the interior method ends short of the optimum, which one price is
        np.testing.assert_allclose(own.log_value, interior.log_value, rtol=1e-9, atol=1e-9)
    assert (own.log_value <= interior.log_value + 1e-12 * np.maximum(1, np.abs(own.log_value))).all()
    nothing = np.full((3, tasks), np.inf)
    np.testing.assert_allclose(own.bound(nothing), 1, rtol=1e-9)
    np.testing.assert_array_equal(own.share, share)


@settings(deadline=None)
@given(st.floats(0.1, 0.8), st.floats(0.1, 0.8), st.floats(-0.2, 0.3), st.floats(-0.2, 0.3), *[st.floats(0.5, 1.5)] * 2)
def test_the_decline_of_one_model_is_that_of_its_least_loss_at_one_cost(alpha, beta, phi, psi, p, q):
    def least(tasks, log_cost=40.0):
        def lost(n):  # at the tokens that the cost N^p·D^q leaves, of which each task has its part
            d = (log_cost - p * n) / q
            return tasks**phi * np.exp(5 - alpha * n) + tasks ** (psi + beta) * np.exp(4 - beta * d)

        return minimize_scalar(lost, (0.0, 30.0), tol=1e-12).fun

    power = np.log(least(12) / least(3)) / np.log(4)
    np.testing.assert_allclose(decline_exponent(alpha, beta, phi, psi, p, q), power, atol=1e-7)
