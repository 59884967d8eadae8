"""The worst task, progress, targets, the cheapest plan, scores, menus, checkpoints: against closed forms and grids."""

import itertools
from dataclasses import replace

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from budget.allocation.convex import program
from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import MEASURES
from budget.allocation.spec.objectives import OBJECTIVES
from budget.allocation.spec.risks import RISKS
from budget.errors import BudgetError, InfeasibleError, SolverError
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles import separable, water_filling
from tests.oracles.random_plans import best_value
from tests.simulate import LINKS, TRUTHS

CURVES = made.chinchilla()
TASKS = default_tasks(CURVES.tasks)
SCORED = made.chinchilla(link=made.link_of(LINKS))
FLOOR = np.array([truth.E for truth in TRUTHS.values()])
COEFFICIENT, EXPONENT = np.transpose([water_filling.in_compute(t.A, t.alpha, t.B, t.beta) for t in TRUTHS.values()])
EQUAL = np.full(3, 1 / 3)


def planned(budget, curves=CURVES, **asked):
    tasks = asked.pop("tasks", default_tasks(curves.tasks))
    return allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=False)


def loss(task, spend):
    """The best loss of tasks (R,) at spends (R,), in closed form."""
    return FLOOR[task] + COEFFICIENT[task] * spend ** -EXPONENT[task]


def score(task, spend):
    return np.array([list(LINKS.values())[i].score(loss(i, each)) for i, each in zip(task, spend, strict=True)])


def minimax(unit, shift, budget, low=None, high=None):
    """The smallest largest of ``shift + unit·loss``, by bisection on the level of closed forms; and the spends."""
    low = np.zeros(3) if low is None else low
    high = np.full(3, np.inf) if high is None else high

    def spends(level):
        left = (level - shift) / unit - FLOOR
        with np.errstate(divide="ignore"):
            return np.clip(np.where(left > 0, (np.maximum(left, 1e-300) / COEFFICIENT) ** (-1 / EXPONENT), np.inf),
                           low, high)  # fmt: skip

    best = (shift + unit * (FLOOR + COEFFICIENT * np.minimum(high, budget) ** -EXPONENT)).max()
    if spends(best * (1 + 1e-15)).sum() <= budget:
        return best, spends(best)
    level = brentq(lambda each: np.log(spends(each).sum() / budget), best, best + 100.0, xtol=1e-15, rtol=1e-15)
    return level, spends(level)


def sane(plan):
    """What holds of every plan."""
    assert plan.gap >= 0
    assert plan.solver and plan.solver_status
    record = plan.record()
    assert record["status"] == plan.solver_status and record["solver"] == plan.solver
    for baseline in plan.baselines:
        beaten = plan.gain_over(baseline) >= -1e-9 * max(abs(plan.objective), abs(baseline.objective), 1e-3)
        assert beaten or baseline.breaks or any("not solved to optimality" in note for note in plan.notes)
        # the bound is for every plan, and so for these
        sign = 1 if plan.larger_is_better else -1
        if not baseline.breaks:
            assert sign * (plan.bound - baseline.objective) >= -1e-9 * max(abs(plan.bound), 1e-3)
    return plan


@pytest.mark.parametrize("budget", [1e19, 1e22, 1e25])
@pytest.mark.parametrize(
    ("low", "high"),
    [
        ([0, 0, 0], [np.inf] * 3),
        ([0, 0, 0.8], [np.inf] * 3),
        ([0, 0, 0], [1e-3, np.inf, np.inf]),
        ([0, 0, 0.3], [np.inf, 1e-3, np.inf]),
        ([0.1, 0.2, 0.3], [0.2, 0.3, 0.4]),
        ([0, 0, 0], [0.01, 0.01, 1.0]),
        ([0, 0, 0], [0.9375, np.inf, np.inf]),
    ],
)
def test_the_worst_task_is_a_minimax(budget, low, high):
    low, high = np.array(low) * budget, np.array(high) * budget
    tasks = replace(TASKS, min=low, max=high)
    plan = sane(planned(budget, tasks=tasks, objective="worst"))
    level, spends = minimax(np.ones(3), np.zeros(3), budget, low, high)
    np.testing.assert_allclose(plan.objective, level, rtol=1e-9)
    np.testing.assert_allclose(plan.objective, plan.predicted.max(), rtol=1e-12)
    assert plan.gap <= 1e-7
    assert (plan.spend >= low * (1 - 1e-9)).all() and (plan.spend <= high * (1 + 1e-9)).all()
    assert plan.spend.sum() <= budget * (1 + 1e-9)
    if spends.sum() >= budget * (1 - 1e-9):
        np.testing.assert_allclose(plan.spend, spends, rtol=1e-6)


def test_beyond_the_worst_task_the_next_worst_counts():
    """Prose at its maximum decides; what is left makes the worse of the others as good as it can be."""
    high = np.array([1e20, np.inf, np.inf])
    plan = planned(1e22, tasks=replace(TASKS, max=high), objective="worst")
    assert plan.objective == pytest.approx(loss(0, 1e20), rel=1e-12) and plan.binding[0] == "max"
    others = [1, 2]

    def slack(share):
        return loss(1, share * 9.9e21) - loss(2, (1 - share) * 9.9e21)

    share = brentq(slack, 1e-9, 1 - 1e-9, xtol=1e-14)
    np.testing.assert_allclose(plan.spend[others], [share * 9.9e21, (1 - share) * 9.9e21], rtol=1e-5)
    assert plan.gap <= 1e-9


@settings(max_examples=15, deadline=None)
@given(
    st.floats(18, 26),
    st.lists(st.floats(0, 0.3), min_size=3, max_size=3),
    st.lists(st.floats(0.34, 1.0), min_size=3, max_size=3),
)
def test_the_worst_task_within_any_limits(log_budget, low, high):
    budget = 10.0**log_budget
    low, high = np.array(low) * budget, np.array(high) * budget
    plan = sane(planned(budget, tasks=replace(TASKS, min=low, max=high), objective="worst"))
    level, _ = minimax(np.ones(3), np.zeros(3), budget, low, high)
    np.testing.assert_allclose(plan.objective, level, rtol=1e-8)
    assert plan.gap <= 1e-6


@pytest.mark.parametrize("objective", ["mean", "worst"])
def test_progress_is_a_weighted_distance(objective):
    """Of losses, progress is the mean with weights over the gaps from unserved to best."""
    unserved, best = np.array([10.0, 6.0, 4.0]), np.array([1.5, np.nan, 1.0])
    tasks = replace(TASKS, unserved=unserved, best=best, weight=np.array([1.0, 2.0, 3.0]))
    plan = sane(planned(1e22, tasks=tasks, measure="progress", objective=objective))
    gap = unserved - np.where(np.isnan(best), FLOOR, best)
    assert plan.larger_is_better and plan.metric == "nats"
    if objective == "mean":
        weight = np.array([1.0, 2.0, 3.0]) / 6 / gap
        expected, reducible = water_filling.split(weight, COEFFICIENT, EXPONENT, 1e22)
        np.testing.assert_allclose(plan.objective, (weight * (unserved - FLOOR)).sum() - reducible, rtol=1e-9)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
        other = planned(1e22, tasks=replace(TASKS, weight=weight))
        np.testing.assert_allclose(plan.spend, other.spend, rtol=1e-4)
    else:
        level, expected = minimax(1 / gap, -unserved / gap, 1e22)
        np.testing.assert_allclose(plan.objective, -level, rtol=1e-9)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-6)
    np.testing.assert_allclose(plan.predicted, loss(np.arange(3), plan.spend), rtol=1e-9)


def test_progress_over_several_metrics_and_directions():
    """A score is its ceiling minus the distance; progress of both is a share, so that they may be averaged."""
    curves = replace(
        CURVES,
        metric=("nats", "accuracy", "nats"),
        higher_is_better=np.array([False, True, False]),
        ceiling=np.array([np.nan, 3.0, np.nan]),
    )
    tasks = replace(TASKS, unserved=np.array([10.0, -1.0, 4.0]))
    plan = sane(planned(1e22, curves, tasks=tasks))
    assert plan.spec.measure.name == "progress" and plan.metric == "nats|accuracy"
    gap = np.array([10.0 - FLOOR[0], 4.0 - FLOOR[1], 4.0 - FLOOR[2]])
    expected, reducible = water_filling.split(EQUAL / gap, COEFFICIENT, EXPONENT, 1e22)
    np.testing.assert_allclose(plan.objective, 1 - reducible, rtol=1e-9)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(plan.predicted[1], 3.0 - loss(1, plan.spend[1]), rtol=1e-9)
    assert np.isnan(plan.depth) and plan.directions.tolist() == [-1, 1, -1]


NEEDED = np.array([2e21, 1e21, 3.5e21])
"""What the targets cost."""

SPENDS_TO = FLOOR + COEFFICIENT * NEEDED**-EXPONENT
"""Targets that the three tasks meet at these FLOPs."""


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


def test_worst_for_one_shared_model():
    curves = made.one_model(CURVES)
    plan = sane(planned(1e22, curves, objective="worst"))
    n = np.exp(np.linspace(18, 30, 400_001))
    grid = np.max([t.value(n, 1e22 / (6 * n)) for t in TRUTHS.values()], axis=0).min()
    assert plan.objective == pytest.approx(grid, rel=1e-9) and plan.gap <= 1e-7


@pytest.mark.parametrize("budget", [1e18, 1e20, 1e22])
@pytest.mark.parametrize("tasks", [("prose", "code"), ("prose", "code", "maths")])
@pytest.mark.parametrize("unserved", [False, True])
def test_scores_against_a_grid(budget, tasks, unserved):
    pick = np.arange(len(tasks))
    curves = SCORED.take(pick)
    task_settings = replace(default_tasks(tasks), unserved=np.array([LINKS[name].chance for name in tasks]))
    plan = sane(planned(budget, curves, tasks=task_settings, measure="score", allow_unserved=unserved))

    def value(task, spend):
        with np.errstate(divide="ignore"):
            return -np.where(spend > 0, score(task, np.maximum(spend, 1e-300)), task_settings.unserved[task]) / len(
                tasks
            )

    grid = -separable.by_grid(value, budget, len(tasks), 4001 if len(tasks) == 2 else 401)
    assert plan.objective >= grid - 2e-4
    assert plan.bound >= grid - 1e-12 and plan.bound >= plan.objective - 1e-12
    assert plan.gap <= 3e-4
    # what the plan says of itself is true
    served = plan.spend > 0
    expected = np.where(served, score(pick, np.maximum(plan.spend, 1e-300)), task_settings.unserved)
    np.testing.assert_allclose(plan.predicted, expected, rtol=1e-9)
    assert plan.metric == "accuracy" and plan.spend.sum() <= budget * (1 + 1e-9)
    if not unserved:
        assert served.all()


def test_the_worst_score_is_a_minimax():
    task_settings = replace(TASKS, unserved=np.array([link.chance for link in LINKS.values()]))
    plan = sane(planned(1e21, SCORED, tasks=task_settings, measure="score", objective="worst"))
    share = np.linspace(0.002, 0.998, 499)
    first, second = (axis.ravel() for axis in np.meshgrid(share, share))
    inside = first + second < 0.999
    spends = np.array([first, second, 1 - first - second])[:, inside] * 1e21
    scores = [link.score(loss(i, spend)) for i, (link, spend) in enumerate(zip(LINKS.values(), spends, strict=True))]
    grid = np.min(scores, axis=0).max()
    assert plan.objective >= grid - 1e-12 and plan.bound >= grid
    assert plan.objective == pytest.approx(grid, abs=2e-3) and plan.gap <= 1e-6


def test_a_task_that_brings_too_little_is_given_nothing():
    """With nearly no budget the S-shaped scores are flat at chance, and the plan focuses."""
    task_settings = replace(TASKS, unserved=np.array([link.chance for link in LINKS.values()]))
    plan = sane(planned(1e16, SCORED, tasks=task_settings, measure="score", allow_unserved=True))
    assert (plan.spend == 0).any() and (np.array(plan.binding)[plan.spend == 0] == "unserved").all()
    np.testing.assert_array_equal(plan.predicted[plan.spend == 0], task_settings.unserved[plan.spend == 0])
    assert (np.isnan(plan.params) | (plan.params >= 0)).all()
    table = plan.table()
    assert (table.loc[plan.spend == 0, "marginal"] == 0).all()


@pytest.mark.parametrize("wish", [{}, {"served_tokens": np.full(3, 1e11)}])
def test_unserved_losses_are_worth_what_is_stated(wish):
    """A task whose unserved loss is hardly worse than what it can reach is dropped, the others are water-filled."""
    tasks = replace(TASKS, unserved=np.array([20.0, 20.0, 1.3]), **wish)
    plan = sane(planned(1e20, tasks=tasks, allow_unserved=True))
    assert plan.spend[2] == 0 and plan.predicted[2] == 1.3
    assert np.isfinite(plan.used["flops"]).all()
    if not wish:
        expected, reducible = water_filling.split(np.full(2, 1 / 3), COEFFICIENT[:2], EXPONENT[:2], 1e20)
        np.testing.assert_allclose(plan.objective, FLOOR[:2].sum() / 3 + reducible + 1.3 / 3, rtol=1e-4)
        np.testing.assert_allclose(plan.spend[:2], expected, rtol=0.05)


def test_unserved_tasks_take_nothing_of_any_unit():
    tasks = replace(TASKS, unserved=np.array([20.0, 20.0, 1.3]), params=np.full(3, 1e8))
    plan = sane(planned(1e10, tasks=tasks, unit="tokens", allow_unserved=True))
    assert plan.spend[2] == 0 and plan.used["tokens"][2] == 0
    np.testing.assert_allclose(plan.used["tokens"][:2], plan.spend[:2], rtol=1e-9)


def test_a_minimum_is_for_a_task_that_is_served():
    tasks = replace(TASKS, unserved=np.array([20.0, 20.0, 1.3]), min=np.full(3, 0.45e20))
    plan = sane(planned(1e20, tasks=tasks, allow_unserved=True))
    assert plan.spend[2] == 0 and (plan.spend[:2] >= 0.45e20 * (1 - 1e-9)).all()


MENU = (1e8, 4e8, 1.6e9, 6.4e9)


@pytest.mark.parametrize("budget", [1e19, 1e21, 1e23])
def test_a_menu_of_sizes_against_a_grid(budget):
    plan = sane(planned(budget, sizes=MENU))

    def value(task, spend):
        with np.errstate(divide="ignore"):
            truth = list(TRUTHS.values())[task[0]]
            return np.min([truth.value(n, spend / (6 * n)) for n in MENU], axis=0) / 3

    grid = separable.by_grid(value, budget, 3, 501)
    assert plan.objective <= grid + 1e-3 and plan.bound <= grid
    assert plan.gap <= 1e-3
    assert np.isin(np.round(plan.params, -6), MENU).all()
    np.testing.assert_allclose(6 * plan.params * plan.tokens, plan.spend, rtol=1e-9)
    assert plan.objective >= planned(budget).objective


def test_checkpoints_are_trained_on():
    """More tokens for a model that is there, or a new one: whichever is better at its spend."""
    have = replace(
        TASKS,
        checkpoint_params=np.array([2e9, np.nan, 1e8]),
        checkpoint=np.array([5e10, np.nan, 1e9]),
    )
    plan = sane(planned(1e21, tasks=have))

    def value(task, spend):
        i, truth = task[0], list(TRUTHS.values())[task[0]]
        with np.errstate(divide="ignore"):
            new = np.where(spend > 0, loss(i, np.maximum(spend, 1.0)), 99.0)
            if np.isnan(have.checkpoint[i]):
                return new / 3
            n, d = have.checkpoint_params[i], have.checkpoint[i]
            return np.minimum(new, truth.value(n, d + spend / (6 * n))) / 3

    grid = separable.by_grid(value, 1e21, 3, 501)
    assert plan.objective <= grid + 1e-4 and plan.bound <= grid
    assert plan.objective < planned(1e21).objective
    # prose's is worth training on, the small one of maths is not
    assert plan.params[0] == pytest.approx(2e9) and plan.params[2] > 2e8
    assert plan.tokens[0] == pytest.approx(5e10 + plan.spend[0] / (6 * 2e9), rel=1e-9)
    np.testing.assert_allclose(plan.used["flops"], plan.spend, rtol=1e-9)


def test_a_checkpoint_that_is_good_enough_is_kept_as_it_is():
    have = replace(
        TASKS, checkpoint_params=np.array([7e10, np.nan, np.nan]), checkpoint=np.array([1.4e12, np.nan, np.nan])
    )
    plan = sane(planned(1e18, tasks=have))
    assert plan.spend[0] == pytest.approx(0, abs=1e12) and plan.binding[0] in ("kept", "budget")
    # what the checkpoint took is not taken again
    np.testing.assert_allclose(plan.used["flops"], plan.spend, rtol=1e-6, atol=1e9)
    assert plan.predicted[0] == pytest.approx(TRUTHS["prose"].value(7e10, 1.4e12), rel=1e-6)


def one_scale(law, count=2):
    """Curves of laws that are no sum of falling powers, and their values in closed form."""
    if law == "m4":
        natural = {"a": (0.2, 3.0, 0.8, 0.4, 1e7), "b": (0.1, 2.0, 1.5, 0.6, 1e8)}
    else:
        natural = {"a": (0.2, 200.0, 0.1, 0.5, 1e8, 0.3), "b": (0.1, 300.0, 0.4, 0.2, 1e9, 0.5)}
    return made.curves_of(law, ("tokens",), natural, reference=(1e9,)), natural


def m4_of(E, E0, a, c, x0, x):
    """``(y − E)/(E0 − y)^a = (E0 − E)^(1−a)·(x/x0)^-c`` solved for y by bisection."""
    low, high = np.full(np.shape(x), E), np.full(np.shape(x), E0)
    for _ in range(200):
        y = 0.5 * (low + high)
        with np.errstate(divide="ignore"):
            over = np.log(y - E) - a * np.log(E0 - y) > (1 - a) * np.log(E0 - E) - c * np.log(x / x0)
        low, high = np.where(over, low, y), np.where(over, y, high)
    return low


def bnsl_of(E, A, c0, c1, d, f, x):
    return E + A * x**-c0 * (1 + (x / d) ** (1 / f)) ** ((c0 - c1) * f)


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("budget", [1e8, 1e10])
@pytest.mark.parametrize("law", ["m4", "bnsl"])
def test_laws_that_are_no_sum_of_powers_against_a_grid(law, budget, objective):
    curves, natural = one_scale(law)
    plan = sane(planned(budget, curves, objective=objective))
    share = np.linspace(1e-4, 1 - 1e-4, 20_001)
    form = {"m4": m4_of, "bnsl": bnsl_of}[law]
    values = [form(*theta, part * budget) for theta, part in zip(natural.values(), (share, 1 - share), strict=True)]
    grid = (np.mean(values, axis=0) if objective == "mean" else np.max(values, axis=0)).min()
    assert plan.objective <= grid * (1 + 2e-4) and plan.bound <= grid * (1 + 1e-9)
    assert plan.gap <= 5e-4 * plan.objective
    expected = [form(*theta, spend) for theta, spend in zip(natural.values(), plan.spend, strict=True)]
    np.testing.assert_allclose(plan.predicted, expected, rtol=1e-8)


@pytest.mark.parametrize("law", ["m4", "bnsl"])
def test_given_splits_of_such_laws_are_scored(law):
    curves, natural = one_scale(law)
    spec = plan_spec(curves, default_tasks(curves.tasks), 1e10)
    best = allocate(curves, spec, draws=False)
    nothing = np.full(2, np.nan)
    scored = evaluate(curves, spec, Split(np.array([4e9, 6e9]), nothing, nothing), best)
    form = {"m4": m4_of, "bnsl": bnsl_of}[law]
    expected = [form(*theta, spend) for theta, spend in zip(natural.values(), (4e9, 6e9), strict=True)]
    np.testing.assert_allclose(scored.objective, np.mean(expected), rtol=1e-8)


def test_the_mean_over_draws_in_a_plan_of_scores():
    curves = made.chinchilla(draws=15, link=made.link_of(LINKS, draws=15)).take(np.arange(2))
    budget = 1e20
    plan = sane(planned(budget, curves, measure="score", risk="mean"))
    share = np.linspace(1e-4, 1 - 1e-4, 1001)
    total = np.zeros(len(share))
    for i, part in enumerate((share, 1 - share)):
        truth = list(TRUTHS.values())[i]
        spend = part * budget
        gain = (truth.alpha * truth.A / (truth.beta * truth.B)) ** (1 / (truth.alpha + truth.beta))
        n = gain * (spend / 6) ** (truth.beta / (truth.alpha + truth.beta))
        z = np.log(np.column_stack([n, spend / (6 * n)]) / curves.reference[i])
        for draw, link in zip(curves.draws[:, i], curves.link.draws[:, i], strict=True):
            floor, a, alpha, b, beta = draw
            worth = floor + np.exp(a - alpha * z[:, 0]) + np.exp(b - beta * z[:, 1])
            slope, midpoint, chance, best = link
            half = np.expm1(slope * worth) / (np.expm1(slope * worth) + np.expm1(slope * midpoint))
            total += (best - (best - chance) * half) / 2 / 15
    assert plan.objective >= total.max() - 2e-4 and plan.bound >= total.max() - 1e-12
    assert any("draws decide the spends" in note for note in plan.notes)


WISHES = replace(
    TASKS,
    target=SPENDS_TO,
    unserved=np.array([0.25, 0.1, 0.5]),
    current=np.array([1e21, 1e21, 3e21]),
    weight=np.array([1.0, 2.0, 2.0]),
)
ASKED = {
    "mean": {},
    "worst": {"objective": "worst"},
    "progress": {"measure": "progress", "tasks": replace(WISHES, unserved=np.array([9.0, 9.0, 9.0]))},
    "targets": {"objective": "targets"},
    "score": {"measure": "score"},
    "worst score": {"measure": "score", "objective": "worst"},
    "unserved": {"measure": "score", "allow_unserved": True},
    "sizes": {"sizes": MENU},
    "checkpoints": {
        "tasks": replace(WISHES, checkpoint_params=np.array([2e9, np.nan, np.nan]), checkpoint=[5e10, np.nan, np.nan])
    },
    "minima": {"tasks": replace(WISHES, min=np.array([2e21, np.nan, np.nan]))},
}


@pytest.mark.parametrize("name", ASKED)
def test_baselines_are_there_and_scored_alike(name):
    asked = dict(ASKED[name])
    tasks = asked.pop("tasks", WISHES)
    tasks = replace(tasks, checkpoint=np.asarray(tasks.checkpoint))
    spec = plan_spec(SCORED, tasks, 5e21, **asked)
    plan = sane(allocate(SCORED, spec, draws=False))
    by_name = {each.name: each for each in plan.baselines}
    np.testing.assert_array_equal(by_name["current"].spend, tasks.current)
    np.testing.assert_array_equal(by_name["uniform"].spend, np.full(3, 5e21 / 3))
    np.testing.assert_allclose(by_name["proportional"].spend, 5e21 * tasks.weight / tasks.weight.sum(), rtol=1e-15)
    if name == "minima":  # prose must have 2e21, and has less by every other split; that by weight is clipped alike
        assert list(by_name) == [
            "uniform", "uniform within the limits", "proportional", "current", "current within the limits", "greedy",
        ]  # fmt: skip
        assert {each.breaks for each in plan.baselines if "within" not in each.name} == {("min of prose",), ()}
        assert all(each.spend[0] >= 2e21 * (1 - 1e-12) for each in plan.baselines if each.is_feasible)
    else:
        assert list(by_name) == ["uniform", "proportional", "current", "greedy"]
        assert all(each.is_feasible for each in plan.baselines)
    nothing = np.full(3, np.nan)
    for each in plan.baselines:
        np.testing.assert_allclose(each.spend.sum(), 5e21, rtol=1e-9)
        scored = evaluate(SCORED, spec, Split(each.spend, nothing, nothing), plan)
        np.testing.assert_allclose(scored.objective, each.objective, rtol=1e-9)
        np.testing.assert_allclose(scored.predicted, each.predicted, rtol=1e-9)
        assert scored.gap >= 0 and scored.bound == plan.bound
        assert scored.baselines[0].name == "optimal"
        assert not each.is_feasible or scored.gain_over(scored.baselines[0]) <= 1e-9
        assert any("This split breaks" in note for note in scored.notes) == bool(each.breaks)
    # the plan itself, given as a split, with and without the sizes that it chose
    for sizes in (Split(plan.spend, nothing, nothing), Split(plan.spend, plan.params, plan.tokens)):
        again = evaluate(SCORED, spec, sizes, plan)
        np.testing.assert_allclose(again.objective, plan.objective, rtol=1e-9)
        np.testing.assert_allclose(again.gain_over(again.baselines[0]), 0, atol=1e-9)
        assert again.solver == "given split" and again.solver_status == "evaluated"
        assert not any("cannot be trained for that" in note for note in again.notes)


@pytest.mark.parametrize("asked", [{"measure": "score"}, {"objective": "targets"}, {"sizes": MENU}, {}])
def test_a_given_spend_of_one_shared_model_is_scored(asked):
    curves = made.one_model(SCORED)
    spec = plan_spec(curves, replace(TASKS, target=np.array([2.4, 1.3, 2.2])), 1e22, **asked)
    best = allocate(curves, spec, draws=False)
    nothing = np.full(3, np.nan)
    for sizes in (Split(best.spend, nothing, nothing), Split(best.spend, best.params, best.tokens)):
        again = evaluate(curves, spec, sizes, best)
        np.testing.assert_allclose(again.objective, best.objective, rtol=1e-9)
        assert again.total == best.total and not any("breaks" in note for note in again.notes)
    big = evaluate(curves, spec, Split(best.spend, np.full(3, 1e11), nothing), best)
    np.testing.assert_allclose(big.tokens, 1e22 / 6e11, rtol=1e-9)
    less = evaluate(curves, spec, Split(best.spend / 100, nothing, nothing), best)
    assert less.gain_over(less.baselines[0]) <= 0 and less.total == pytest.approx(1e20)


def test_a_given_split_is_told_what_it_breaks():
    spec = plan_spec(CURVES, replace(TASKS, max=np.array([1e21, np.nan, np.nan])), 1e22)
    best = allocate(CURVES, spec, draws=False)
    nothing = np.full(3, np.nan)
    split = Split(np.array([4e21, 4e21, 4e21]), nothing, nothing)
    scored = evaluate(CURVES, spec, split, best)
    assert "This split breaks the max of prose and the budget; the bound is for plans that keep all limits." in (
        scored.notes
    )
    big = Split(np.array([1e21, 1e21, 1e21]), np.array([1e10, np.nan, np.nan]), np.array([1e11, np.nan, np.nan]))
    assert any("prose take 6 times its spend" in note for note in evaluate(CURVES, spec, big, best).notes)
    with pytest.raises(BudgetError, match="gives code nothing, and what a task is worth then is unknown"):
        evaluate(CURVES, spec, Split(np.array([1e21, 0.0, 1e21]), nothing, nothing), best)
    shared = made.one_model(CURVES)
    spec = plan_spec(shared, TASKS, 1e22)
    with pytest.raises(BudgetError, match="One shared model has one spend"):
        evaluate(shared, spec, split=Split(np.array([1e21, 2e21, 1e21]), nothing, nothing), best=best)


def broken(*names):
    """Solvers of which the named ones stop."""
    return tuple(
        (name, f"NO_{name}" if name in names else solver, options) for name, solver, options in program.SOLVERS
    )


def test_solvers_stand_in_for_each_other(monkeypatch):
    first = planned(1e22)
    assert first.solver == "Clarabel" and first.solver_status == "optimal"
    ask_program = cp.Problem.solve

    def solve(self, *arguments, solver=None, **options):
        if str(solver).startswith("NO_"):
            raise cp.error.SolverError(f"{solver} is not here")
        return ask_program(self, *arguments, solver=solver, **options)

    monkeypatch.setattr(cp.Problem, "solve", solve)
    monkeypatch.setattr(program, "SOLVERS", broken("Clarabel"))
    second = planned(1e22)
    assert second.solver == "SCS" and second.solver_status in ("optimal", "optimal_inaccurate")
    monkeypatch.setattr(program, "SOLVERS", broken("Clarabel", "SCS"))
    third = planned(1e22)
    assert third.solver == "dual bisection" and third.solver_status == "optimal"
    for plan in (second, third):
        sane(plan)
        np.testing.assert_allclose(plan.spend, first.spend, rtol=1e-4)
        np.testing.assert_allclose(plan.objective, first.objective, rtol=1e-9)
        assert plan.gap <= 1e-8 and plan.record()["solver"] == plan.solver
    # with limits that only a program knows, there is no third way, and the sentence names both
    with pytest.raises(SolverError, match=r"Clarabel stopped .*; SCS stopped .*; check the limits"):
        planned(1e22, further={"tokens": 1.5e11})
    # nor does the worst task need one: its root is the third way
    assert planned(1e22, objective="worst").solver == "bisection"


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("options", [{}, {"allow_unserved": True}, {"sizes": MENU}])
def test_every_combination_is_planned_or_refused(objective, measure, risk, options):
    """Whatever is asked, there is a plan with a true bound or one sentence."""
    curves = made.chinchilla(draws=4, link=made.link_of(LINKS, draws=4))
    unserved = np.array([0.25, 0.1, 0.5]) if measure == "score" else np.array([9.0, 9.0, 9.0])
    target = np.array([0.3, 0.2, 0.6]) if measure == "score" else SPENDS_TO
    tasks = replace(TASKS, target=target, unserved=unserved)
    try:
        plan = planned(1e22, curves, tasks=tasks, objective=objective, measure=measure, risk=risk, **options)
    except BudgetError as error:
        assert str(error).endswith(".") and "\n" not in str(error)
    else:
        sane(plan)
        assert np.isfinite(plan.spend).all() and np.isfinite(plan.objective)
        assert plan.spend.sum() <= 1e22 * (1 + 1e-9)


@pytest.mark.parametrize("strategy", ["specialists", "shared"])
@pytest.mark.parametrize("weights", [(1.0, 1.0), (1.0, 1e6)])
def test_two_equal_tasks_are_treated_alike(strategy, weights):
    twins = {"one": TRUTHS["prose"], "two": TRUTHS["prose"]}
    curves = made.chinchilla(twins)
    curves = made.one_model(curves) if strategy == "shared" else curves
    tasks = replace(default_tasks(curves.tasks), weight=np.array(weights))
    plan = sane(planned(1e22, curves, tasks=tasks, strategy=strategy))
    if weights[0] == weights[1]:
        np.testing.assert_allclose(plan.spend[0], plan.spend[1], rtol=1e-6)
    elif strategy == "specialists":
        expected, _ = water_filling.split(np.array(weights) / sum(weights), COEFFICIENT[[0, 0]], EXPONENT[[0, 0]], 1e22)
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-3)


FLAT = {
    "exponents at their least": {"E": 1.5, "A": 1.0, "alpha": 0.005, "B": 1.0, "beta": 0.005},
    "no coefficients": {"E": 1.5, "A": 1e-10, "alpha": 0.3, "B": 1e-10, "beta": 0.3},
    "no tokens": {"E": 1.5, "A": 400.0, "alpha": 0.3, "B": 1e-12, "beta": 0.005},
    "no params": {"E": 1.5, "A": 1e-12, "alpha": 0.005, "B": 400.0, "beta": 0.3},
}


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("name", FLAT)
def test_flat_curves_get_a_proven_plan(name, objective):
    natural = {"flat": tuple(FLAT[name].values()), "steep": (1.6, 406.4, 0.34, 410.7, 0.28)}
    curves = made.curves_of("chinchilla", ("params", "tokens"), natural, reference=(2e8, 5e9), cost=made.SIX)
    plan = sane(planned(1e22, curves, objective=objective))
    # of the best models from one parameter and one token on
    share = np.geomspace(6e-22, 1, 200_001)[:-1]
    values = [best_value(*theta, part * 1e22) for theta, part in zip(natural.values(), (share, 1 - share), strict=True)]
    grid = (np.mean if objective == "mean" else np.max)(values, axis=0).min()
    assert plan.objective <= grid * (1 + 1e-9) and plan.objective == pytest.approx(grid, rel=1e-4)
    assert plan.gap <= 1e-6
    assert name == "exponents at their least" or plan.spend[1] > 0.9e22 or objective == "worst"


@pytest.mark.parametrize("objective", ["mean", "worst", "targets"])
def test_one_task_takes_all(objective):
    one = CURVES.take(np.array([1]))
    tasks = replace(default_tasks(one.tasks), target=np.array([1.5]))
    plan = sane(planned(1e22, one, tasks=tasks, objective=objective))
    np.testing.assert_allclose(plan.spend, [1e22], rtol=1e-9)
    np.testing.assert_allclose(plan.predicted, loss(1, 1e22), rtol=1e-9)


@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"further": {"tokens": 1.5e11}}])
def test_a_draw_that_is_not_a_number_is_left_out_and_counted(asked):
    curves = made.chinchilla(draws=12)
    curves.draws[2, 1, 3] = np.nan
    plan = allocate(curves, plan_spec(curves, TASKS, 1e22, **asked))
    assert plan.failed_draws == 1
    assert any("1 of 12 draws could not be planned" in note for note in plan.notes)
    assert np.isfinite(plan.spend_low).all() and np.isfinite(plan.spend_high).all()


def test_a_link_that_is_not_planned_on_changes_nothing():
    """A plan of losses over a menu is the same, draws and all, where the curves could predict scores as well."""
    plain = made.chinchilla(draws=5)
    linked = made.chinchilla(draws=5, link=made.link_of(LINKS, draws=5))
    first, second = (allocate(curves, plan_spec(curves, TASKS, 1e22, sizes=MENU)) for curves in (plain, linked))
    np.testing.assert_array_equal(first.spend_low, second.spend_low)
    np.testing.assert_array_equal(first.spend_high, second.spend_high)


@pytest.mark.parametrize("budget", [1e-300, 1e300])
@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"unit": "tokens", "params": 1e9}])
def test_budgets_out_of_this_world_are_refused(budget, asked):
    with pytest.raises(BudgetError, match="no law reaches"):
        planned(budget, **asked)


def test_a_budget_in_money_out_of_this_world_is_refused():
    from budget.allocation.spec.resources import Prices

    for budget in (1e-300, 1e300):
        with pytest.raises(BudgetError):
            planned(budget, unit="money", prices=Prices(2.0, 1e15, 0.4))


@pytest.mark.parametrize("asked", [{}, {"objective": "worst"}, {"sizes": MENU}, {"objective": "targets"}])
def test_a_minimum_above_its_maximum_is_a_conflict(asked):
    tasks = replace(TASKS, min=np.array([2e21, np.nan, np.nan]), max=np.array([1e21, np.nan, np.nan]), target=SPENDS_TO)
    with pytest.raises(InfeasibleError, match="prose"):
        planned(1e22, tasks=tasks, **asked)
