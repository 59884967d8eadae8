"""Plans of scores, of a menu of sizes, from checkpoints and by laws that are no sum of powers, against grids."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made
from tests.allocation.spec.closed_forms import (
    COEFFICIENT,
    EXPONENT,
    FLOOR,
    MENU,
    SCORED,
    TASKS,
    loss,
    planned,
    sane,
    score,
)
from tests.oracles import separable, water_filling
from tests.simulate import LINKS, TRUTHS


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
