"""What to train, over every measured strategy: closed forms, paired draws, and what it is when nothing is shared."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.measures import measure_of
from budget.report.sentences.recommendation_sentences import what_to_train
from budget.studies.sharing.recommend_sharing import recommend
from budget.studies.strategies.recommendation import DECIDED, SURE
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import EQUAL, StrategyPlanner
from budget.tables.tasks import TaskSettings
from tests.made import one_model, power

NAMES = ("t0", "t1", "t2", "t3")
LAW = (1.5, 2e3, 0.15)
BUDGET = 1e21


def decided(alone, *shared, budget=BUDGET, **settings):
    served = tuple(StrategyCurves(strategy, one_model(curves)) for strategy, curves in shared)
    strategies = FittedStrategies(StrategyCurves(SPECIALISTS, alone), served)
    tasks = TaskSettings(alone.tasks, **settings)
    spec = plan_spec(alone, tasks, budget, measure="value")
    planner = StrategyPlanner(strategies.specialists, tasks, measure_of(alone, tasks, "value"))
    apart = allocate(alone, spec, draws=False, compared=False, route="dual")
    return recommend(strategies, planner, spec, apart, on_predictions=False, is_plain=True)


def test_two_free_pairs_do_with_half_of_the_budget():
    """A pair whose model serves both tasks as well as one is two tasks for one: the same values for half."""
    alone = power(dict.fromkeys(NAMES, LAW), draws=20)
    pairs = [("generalist", power(dict.fromkeys(pair, LAW), draws=20)) for pair in (NAMES[:2], NAMES[2:])]
    found = decided(alone, *pairs)
    assert [model.tasks for model in found.models] == [NAMES[:2], NAMES[2:]] and found.shares
    assert found.record()["predicted"] == dict(zip(NAMES, found.plan.predicted.tolist(), strict=True))
    np.testing.assert_allclose([model.share for model in found.models], 0.5, rtol=1e-8)
    np.testing.assert_allclose([model.inputs["flops"] for model in found.models], BUDGET / 2, rtol=1e-8)
    rival = found.rival(SPECIALISTS)
    assert rival.enough == pytest.approx(0.5, rel=0.01)
    quarter, half = (1.5 + 2e3 * (BUDGET / parts) ** -0.15 for parts in (4, 2))
    assert rival.gain == pytest.approx((quarter - half) / quarter, rel=1e-9)
    assert found.objective == pytest.approx(half, rel=1e-10) and found.gap <= 1e-9


def test_gains_are_paired_over_the_draws():
    alone = power({name: (1.5, 2e3, 0.13 + 0.01 * at) for at, name in enumerate(NAMES)}, draws=40, seed=1)
    pair = power({name: (1.45, 2.2e3, 0.14) for name in ("t3", "t1")}, draws=40, seed=2)
    weight = np.array([3.0, 1.0, 1.0, 2.0])
    found = decided(alone, ("moe", pair), weight=weight)
    for name in (SPECIALISTS, EQUAL):
        rival = found.rival(name)
        assert rival.gains.shape == (40,) and rival.interval[0] <= rival.interval[1]
        assert rival.wins == (rival.gains > 0).mean()
    mine = found.plan.scenarios @ (weight / weight.sum())
    equal = np.full(4, BUDGET / 4)
    theirs = alone.distance_draws(np.arange(4), np.log(equal)[:, None]) @ (weight / weight.sum())
    np.testing.assert_allclose(found.rival(EQUAL).gains, (theirs - mine) / theirs, rtol=1e-9)


def test_one_model_for_all_is_a_choice_and_a_rival():
    alone = power(dict.fromkeys(NAMES, LAW))
    good, bad = (power(dict.fromkeys(reversed(NAMES), (floor, 2e3, 0.15))) for floor in (1.4, 2.5))
    found = decided(alone, ("moe", good), ("generalist", bad))
    assert [model.strategy for model in found.models] == ["moe"] and found.models[0].share == pytest.approx(1.0)
    assert found.rival("moe").gain == pytest.approx(0.0, abs=1e-12) and found.rival("generalist").gain > 0.2
    apart = decided(alone, ("generalist", bad))
    assert not apart.shares and apart.rival(SPECIALISTS).gain == pytest.approx(0.0, abs=1e-9)
    assert np.isnan(apart.rival(SPECIALISTS).wins) and np.isnan(apart.models[0].wins)


def test_sharing_that_the_draws_do_not_support_is_left_apart_and_named():
    """The point fit calls the pair better by little, and about half of its draws do."""
    alone = power(dict.fromkeys(NAMES, LAW), draws=60, spread=0.0)
    near = power(dict.fromkeys(NAMES[:2], (1.5, 2.215e3, 0.15)), draws=60, spread=0.05, seed=3)
    sure = power(dict.fromkeys(NAMES[2:], (1.4, 1.8e3, 0.15)), draws=60, spread=0.01, seed=4)
    found = decided(alone, ("trunk", near), ("moe", sure))
    assert {model.tasks for model in found.models} == {NAMES[2:], NAMES[:1], NAMES[1:2]}
    assert [each.tasks for each in found.undecided] == [NAMES[:2]] and found.undecided[0].wins < DECIDED
    assert found.record()["undecided"][0]["strategy"] == "trunk"


def test_a_shared_model_says_in_how_many_draws_it_is_better_than_its_tasks_apart():
    alone = power(dict.fromkeys(NAMES, LAW), draws=50, spread=0.0)
    near = power(dict.fromkeys(NAMES[:2], (1.5, 2.1e3, 0.15)), draws=50, spread=0.05, seed=3)
    found = decided(alone, ("trunk", near))
    (shared,) = [model for model in found.models if len(model.tasks) > 1]
    each = np.array([shared.spend / 2])
    apart = alone.distance_draws(np.array([0]), np.log(each)[:, None])[:, 0]
    together = near.distance_draws(np.arange(2), np.log(np.full((2, 1), shared.spend))).mean(axis=1)
    assert shared.wins == (together < apart).mean() and DECIDED < shared.wins < 1


def test_the_table_holds_every_task_once_and_the_whole_budget():
    alone = power(dict.fromkeys(NAMES, LAW))
    found = decided(alone, ("moe", power(dict.fromkeys(NAMES[1:3], LAW))))
    table = found.table()
    assert sorted(name for tasks in table["tasks"] for name in tasks.split("|")) == list(NAMES)
    assert table["spend"].sum() == pytest.approx(BUDGET, rel=1e-9) and table["spend"].is_monotonic_decreasing
    assert table["share"].sum() == pytest.approx(1.0)


def test_without_a_measured_shared_model_there_is_nothing_to_decide():
    alone = power(dict.fromkeys(NAMES, LAW))
    assert decided(alone) is None
    assert decided(alone, ("moe", power(dict.fromkeys(("t0", "other"), LAW)))) is None


def test_who_shares_is_chosen_by_predictions_under_the_tasks_own_names():
    """Curves of a strategy are fitted under names of their own, and plans may be made on steadier ones."""
    alone = power(dict.fromkeys(NAMES, LAW))
    told = power({"a (set 1)": (1.4, 2e3, 0.15), "b (set 1)": (1.4, 2e3, 0.15)})
    planned = power(dict.fromkeys(NAMES[:2], (1.6, 3e3, 0.15)))
    pair = replace(one_model(planned), prediction=told)
    found = decided(alone, ("moe", pair))
    assert [model.tasks for model in found.models if len(model.tasks) > 1] == [NAMES[:2]]
    np.testing.assert_allclose(found.plan.predicted[:2], 1.4 + 2e3 * found.plan.spend[:2] ** -0.15, rtol=1e-9)


def test_what_the_draws_are_not_sure_of_has_a_safer_variant_with_its_price():
    alone = power(dict.fromkeys(NAMES, LAW), draws=60, spread=0.0)
    near = power(dict.fromkeys(NAMES[:2], (1.5, 2.16e3, 0.15)), draws=60, spread=0.05, seed=3)
    found = decided(alone, ("trunk", near))
    (shared,) = [model for model in found.models if len(model.tasks) > 1]
    assert DECIDED <= shared.wins < SURE and "t0 and t1 probably share one" in what_to_train(found)
    assert found.safer.apart == (NAMES[:2],)
    assert found.safer.objective == pytest.approx(found.rival(SPECIALISTS).objective, rel=1e-9)
    assert found.safer.price == pytest.approx(found.safer.objective / found.objective - 1, rel=1e-9) and (
        found.safer.price > 0
    )
    sure = power(dict.fromkeys(NAMES[:2], (1.3, 1.8e3, 0.15)), draws=60, spread=0.01, seed=4)
    certain = decided(alone, ("trunk", sure))
    assert certain.safer is None and "probably" not in what_to_train(certain)


def test_the_safer_variant_shares_nothing_else_that_the_draws_are_not_sure_of():
    """Without the pair another one would be the best, which as few of the draws call better."""
    alone = power(dict.fromkeys(NAMES, LAW), draws=60, spread=0.0)
    near = power(dict.fromkeys(NAMES[:2], (1.5, 2.16e3, 0.15)), draws=60, spread=0.05, seed=3)
    next_best = power(dict.fromkeys(NAMES[1:3], (1.5, 2.161e3, 0.15)), draws=60, spread=0.05, seed=3)
    found = decided(alone, ("trunk", near), ("moe", next_best))
    assert found.safer.apart == (NAMES[:2],)
    other = decided(alone, ("moe", next_best))
    assert [model.wins < SURE for model in other.models if len(model.tasks) > 1] == [True]
    assert found.safer.objective == pytest.approx(found.rival(SPECIALISTS).objective, rel=1e-9)


@pytest.mark.parametrize("better", [-1e-4, 1e-6])
def test_nothing_is_shared_that_is_predicted_worse_than_one_model_for_each(better):
    """The pair saves half of its tasks' spend; their own models are told to be better than planned by as much."""
    alone = power(dict.fromkeys(NAMES, LAW))
    pair = ("moe", power(dict.fromkeys(NAMES[:2], LAW)))
    shared = decided(alone, pair)
    gain = shared.rival(SPECIALISTS).objective - shared.objective * (1 - better)
    told = {name: (1.5 - 2 * gain * (name in NAMES[:2]), *LAW[1:]) for name in NAMES}
    found = decided(replace(alone, prediction=power(told)), pair)
    assert found.shares == (better < 0)


def test_nothing_is_shared_at_a_loss_by_its_own_prediction():
    """Curves that plans are made on would give the pair so much that the others lose more than it gains."""
    told = power(dict.fromkeys(NAMES, LAW))
    eager = power({name: (1.5, 2e3, 0.15) for name in NAMES})
    pair = power(dict.fromkeys(NAMES[:2], (1.499, 2.2e3, 0.15)))
    keen = replace(one_model(power(dict.fromkeys(NAMES[:2], (1.0, 9e6, 0.25)))), prediction=one_model(pair))
    found = decided(replace(eager, prediction=told), ("moe", keen))
    assert found.objective <= found.rival(SPECIALISTS).objective * (1 + 1e-9)
