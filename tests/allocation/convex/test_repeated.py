"""Plans with repeated data: the convex form of the law, the published optimum, brute force."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.curves.laws.repeat import repeated_of
from budget.curves.laws.table import LAWS
from budget.errors import InfeasibleError
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles.limited import Limited
from tests.oracles.repeated import value as known_value
from tests.simulate import box

LAW = LAWS["repeat"]
LOWER, UPPER = box(LAW, reach=10.0)
UNIQUE = np.array([25e9, 5e9, 1e9])
NATURAL = {
    "web": tuple(made.MUENNIGHOFF.values()),
    "code": (0.9, 120.0, 0.30, 900.0, 0.36, 10.0, 4.0),
    "law": (1.2, 60.0, 0.22, 300.0, 0.26, 15.0, 5.0),
}
CURVES = made.repeat(NATURAL)
TASKS = replace(default_tasks(CURVES.tasks), unique_tokens=UNIQUE)


def values(u):
    return np.array(
        [known_value(*theta, *np.exp(row), own) for theta, row, own in zip(NATURAL.values(), u, UNIQUE, strict=True)]
    )


def planned(budget, curves=CURVES, tasks=TASKS, **asked):
    return allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=False)


def scenarios(seed, count=6):
    """Laws, references, unique tokens and log inputs drawn from all over the law's box."""
    random = np.random.default_rng(seed)
    theta = random.uniform(LOWER, UPPER, size=(count, len(LOWER)))
    reference = np.exp(random.uniform(np.log([1e7, 1e8, 1e8]), np.log([1e10, 1e11, 1e11]), size=(count, 3)))
    unique = reference[:, 2] * np.exp(random.uniform(-5, 5, size=count))
    u = np.log(reference[:, :2]) + random.uniform(-8, 8, size=(count, 2))
    return theta, reference, unique, u


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6))
def test_the_convex_form_is_the_law(seed):
    theta, reference, unique, u = scenarios(seed)
    z = np.column_stack([u, np.log(unique)]) - np.log(reference)
    np.testing.assert_allclose(repeated_of(theta, reference, unique).value(u), LAW.value(theta, z), rtol=1e-11)


def test_the_law_is_the_papers():
    """Against effective parameters and data written down from the paper, in natural units."""
    random = np.random.default_rng(0)
    params, tokens = 10 ** random.uniform(7, 12, 200), 10 ** random.uniform(8, 13, 200)
    for name, theta in NATURAL.items():
        task = CURVES.tasks.index(name)
        own = repeated_of(CURVES.parameters, CURVES.reference, UNIQUE).take(np.full(200, task))
        expected = [known_value(*theta, n, d, UNIQUE[task]) for n, d in zip(params, tokens, strict=True)]
        np.testing.assert_allclose(own.value(np.log(np.column_stack([params, tokens]))), expected, rtol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_gradients_are_finite_differences(seed):
    theta, reference, unique, u = scenarios(seed)
    law = repeated_of(theta, reference, unique)
    step = 1e-5
    here, gradient = law.value(u), law.gradient(u)
    for axis in range(2):
        move = step * np.eye(2)[axis]
        after, before = law.value(u + move), law.value(u - move)
        # the second difference tells how far a kink or rounding can put the first one off
        doubt = np.abs(after - 2 * here + before) / step + 1e-10 * np.abs(here) / step
        assert (
            np.abs((after - before) / (2 * step) - gradient[:, axis]) <= 1e-5 * np.abs(gradient[:, axis]) + doubt
        ).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_tangents_touch_and_lie_below(seed):
    theta, reference, unique, u = scenarios(seed)
    law = repeated_of(theta, reference, unique)
    tangent = law.tangent(u)
    np.testing.assert_allclose(tangent.value(u), law.value(u), rtol=1e-11)
    random = np.random.default_rng(seed + 1)
    for _ in range(20):
        other = u + random.uniform(-12, 12, size=u.shape)
        with np.errstate(over="ignore"):
            assert (tangent.value(other) <= law.value(other) * (1 + 1e-9)).all()
        middle = 0.5 * (u + other)
        assert (law.value(middle) <= 0.5 * (law.value(u) + law.value(other)) * (1 + 1e-12)).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6))
def test_nothing_goes_below_the_least(seed):
    theta, reference, unique, u = scenarios(seed)
    law = repeated_of(theta, reference, unique)
    assert (law.least <= law.value(u) * (1 + 1e-12)).all() and (law.least >= law.offset).all()
    held = law.fix_input(0, u[:, 0])
    np.testing.assert_allclose(held.value(u[:, 1:]), law.value(u), rtol=1e-13)
    assert (held.least >= law.least * (1 - 1e-12)).all()


def test_muennighoffs_optimum():
    """At 1e22 FLOPs and 25e9 unique tokens: 237.2e9 tokens (9.49 epochs) and 7.03e9 parameters."""
    curves = made.repeat()
    plan = planned(1e22, curves, replace(default_tasks(curves.tasks), unique_tokens=np.array([25e9])))
    np.testing.assert_allclose(plan.tokens, 237.2e9, rtol=2e-3)
    np.testing.assert_allclose(plan.params, 7.03e9, rtol=2e-3)
    np.testing.assert_allclose(plan.tokens / 25e9, 9.49, rtol=2e-3)
    assert plan.gap <= 1e-9


@pytest.mark.parametrize("budget", [1e18, 1e22])
def test_without_repeats_it_is_the_chinchilla_law(budget):
    curves = made.repeat()
    plan = planned(budget, curves, replace(default_tasks(curves.tasks), unique_tokens=np.array([1e15])))
    truth = made.Truth(*list(made.MUENNIGHOFF.values())[:5])
    other = planned(budget, made.chinchilla({"web": truth}), default_tasks(("web",)))
    np.testing.assert_allclose(plan.params, other.params, rtol=1e-6)
    np.testing.assert_allclose(plan.objective, other.objective, rtol=1e-10)


@pytest.fixture(scope="module")
def responses():
    """The best value of each task at spends on a fine grid, by trying sizes: no package code but the law's own test."""
    spends = np.geomspace(1e16, 1e26, 801)
    best = []
    for theta, own in zip(NATURAL.values(), UNIQUE, strict=True):
        n = np.geomspace(1e5, 1e14, 1501)[None, :]
        d = spends[:, None] / (6 * n)
        best.append(known_value(*theta, n, d, own).min(axis=1))
    return spends, np.array(best)


def at(responses, task, spend):
    spends, best = responses
    return np.interp(np.log(np.maximum(spend, spends[0])), np.log(spends), best[task])


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("budget", [1e20, 1e22, 1e25])
def test_splits_against_brute_force(responses, budget, objective):
    plan = planned(budget, objective=objective)
    share = np.geomspace(1e-7, 1.0, 301)
    first, second = (axis.ravel() for axis in np.meshgrid(share, share))
    inside = first + second < 1
    spends = np.array([first, second, 1 - first - second])[:, inside] * budget
    grids = []
    for turn in range(3):  # the small shares are fine in two tasks at a time
        each = np.array([at(responses, task, spends[(task + turn) % 3]) for task in range(3)])
        grids.append((each.mean(axis=0) if objective == "mean" else each.max(axis=0)).min())
    grid = min(grids)
    assert plan.objective <= grid * (1 + 1e-5)
    assert plan.bound <= grid * (1 + 1e-5)
    assert plan.objective == pytest.approx(grid, rel=2e-4)
    assert plan.gap <= 1e-6 * plan.objective
    np.testing.assert_allclose(plan.predicted, values(np.log(np.column_stack([plan.params, plan.tokens]))), rtol=1e-9)
    assert plan.spend.sum() <= budget * (1 + 1e-9)
    assert all(plan.gain_over(each) >= -1e-9 for each in plan.baselines)


LIMITS = {
    "tokens": {"further": {"tokens": 1e11}},
    "few tokens": {"further": {"tokens": 1e10}},
}


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("name", LIMITS)
def test_a_token_budget_beside_compute_against_scipy(name, objective):
    plan = planned(1e22, objective=objective, **LIMITS[name])
    assert plan.gap <= 1e-6
    assert plan.used["tokens"].sum() <= LIMITS[name]["further"]["tokens"] * (1 + 1e-6)
    oracle = Limited(
        values,
        [lambda u: 6 * np.exp(u.sum(axis=1)), lambda u: np.exp(u[:, 1])],
        [1e22, LIMITS[name]["further"]["tokens"]],
        np.tile(np.log([5e9, 1e10]), (3, 1)),
    )
    fold = (lambda each: each.mean()) if objective == "mean" else (lambda each: np.logaddexp.reduce(each * 1e4) / 1e4)
    best, _, _ = oracle.best(fold, starts=2)
    assert plan.objective <= best + 1e-6 and plan.bound <= best + 1e-6


def test_fewer_unique_tokens_are_never_better():
    plans = [planned(1e22, tasks=replace(TASKS, unique_tokens=UNIQUE * factor)) for factor in (1e3, 1.0, 0.1)]
    assert (np.diff([plan.objective for plan in plans]) > 0).all()


def test_one_shared_model_with_repeats(responses):
    curves = made.one_model(made.repeat(NATURAL, draws=9))
    for objective in ("mean", "worst"):
        plan = allocate(curves, plan_spec(curves, TASKS, 1e22, objective=objective))
        n = np.geomspace(1e7, 1e13, 200_001)
        d = 1e22 / (6 * n)
        each = np.array([known_value(*theta, n, d, own) for theta, own in zip(NATURAL.values(), UNIQUE, strict=True)])
        grid = (each.mean(axis=0) if objective == "mean" else each.max(axis=0)).min()
        np.testing.assert_allclose(plan.objective, grid, rtol=1e-8)
        assert plan.gap <= 1e-6 * plan.objective and plan.bound <= grid * (1 + 1e-12)
        assert set(plan.input_ranges) == {"params", "tokens"} and plan.failed_draws == 0
        low, high = plan.input_ranges["params"]
        assert low < high


def test_tokens_at_fixed_sizes_with_repeats():
    plan = planned(2e11, unit="tokens", params=1e9)
    share = np.linspace(0.001, 0.998, 998)
    first, second = (axis.ravel() for axis in np.meshgrid(share, share))
    inside = first + second < 0.9999
    spends = np.array([first, second, 1 - first - second])[:, inside] * 2e11
    each = [known_value(*theta, 1e9, d, own) for theta, d, own in zip(NATURAL.values(), spends, UNIQUE, strict=True)]
    grid = np.mean(each, axis=0).min()
    assert plan.objective <= grid + 1e-12 and plan.objective == pytest.approx(grid, rel=1e-5) and plan.gap <= 1e-6
    np.testing.assert_allclose(plan.tokens, plan.spend, rtol=1e-9)


def test_cheapest_with_repeats(responses):
    tasks = replace(TASKS, target=np.array([2.3, 1.35, 3.0]))
    plan = planned(None, tasks=tasks, objective="cheapest")
    spends, best = responses
    expected = [np.exp(np.interp(-to, -best[task], np.log(spends))) for task, to in enumerate(tasks.target)]
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-2)
    assert plan.gap <= 1e-6 * plan.objective and (plan.target_met == 1).all()
    # below what all the repeats in the scenario reach, though above the law's floor
    with pytest.raises(InfeasibleError, match="The target of law lies beyond what the fitted curve reaches"):
        planned(None, tasks=replace(TASKS, target=np.array([2.3, 1.35, 2.9])), objective="cheapest")
    one = made.one_model(CURVES)
    with pytest.raises(InfeasibleError, match="lies beyond what the fitted curve reaches"):
        planned(None, one, replace(TASKS, target=np.array([2.3, 1.35, 2.9])), objective="cheapest")


@pytest.mark.parametrize(
    "asked",
    [
        {"objective": "targets"},
        {"allow_unserved": True},
        {"sizes": (1e9, 4e9)},
        {"measure": "progress"},
        {"objective": "cheapest", "at_least": 2},
    ],
)
def test_plans_of_every_kind_know_of_repeats(asked):
    tasks = replace(TASKS, target=np.array([2.3, 1.35, 3.0]), unserved=np.full(3, 9.0))
    plan = planned(1e22, tasks=tasks, **asked)
    served = plan.spend > 0
    u = np.log(np.column_stack([plan.params, plan.tokens])[served])
    chosen = [list(NATURAL.values())[task] for task in np.flatnonzero(served)]
    expected = [known_value(*t, *np.exp(r), own) for t, r, own in zip(chosen, u, UNIQUE[served], strict=True)]
    # what is not served well enough to be better than nothing is predicted at its unserved value
    np.testing.assert_allclose(plan.predicted[served], np.minimum(expected, 9.0), rtol=1e-9)
    assert plan.gap >= 0 and all(plan.gain_over(each) >= -1e-9 for each in plan.baselines)
