"""A baseline is what its name says: its spends, its value by the curves, and the limits that it breaks."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.evaluate import evaluate
from budget.allocation.plan.binding_limits import broken_words
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.report.sentences.plan_sentences import plan_summary
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles import water_filling
from tests.simulate import TRUTHS

NATURAL = {"a": (1.0, 8.0, 0.4), "b": (0.5, 20.0, 0.5), "c": (2.0, 3.0, 0.3), "d": (1.5, 12.0, 0.45)}
POWER = made.curves_of("power", ("x",), NATURAL, reference=(100.0,), reach=100.0)
WISHES = default_tasks(POWER.tasks)
E, A, POWERS = np.transpose(list(NATURAL.values()))
NOTHING = np.full(4, np.nan)


def value(spend, unserved=NOTHING):
    """Each task's value in closed form, none worse than its unserved one."""
    spend = np.asarray(spend, dtype=float)
    return np.where(spend > 0, np.fmin(E + A * np.where(spend > 0, spend, 1.0) ** -POWERS, unserved), unserved)


def planned(budget, tasks, curves=POWER, **asked):
    plan = allocate(curves, plan_spec(curves, tasks, budget, **asked), draws=False)
    return plan, {each.name: each for each in plan.baselines}


def test_todays_split_is_scored_as_it_is_and_not_clipped():
    today = np.array([400.0, 400.0, 100.0, 100.0])
    tasks = replace(WISHES, current=today, max=np.array([np.nan, np.nan, 20.0, 20.0]))
    plan, named = planned(1000.0, tasks)
    np.testing.assert_array_equal(named["current"].spend, today)
    assert named["current"].objective == pytest.approx(value(today).mean(), rel=1e-12)
    assert named["current"].objective == pytest.approx(2.2481, abs=1e-4)
    assert named["current"].breaks == ("max of c", "max of d")
    assert plan.gain_over(named["current"]) == pytest.approx(-0.4797, abs=1e-4)  # the plan is worse than today
    assert not any("not solved to optimality" in note for note in plan.notes)
    summary = plan_summary(plan)
    assert "Today's split 2.248, which breaks the max of c and d: the plan is 0.48 worse." in summary
    assert "A uniform split within the limits 2.732: the plan is 0.0041 better." in summary
    record = next(each for each in plan.record()["baselines"] if each["name"] == "current")
    assert record["spent"] == 1000.0 and record["breaks"] == ["max of c", "max of d"]
    assert record["regret"] == pytest.approx(-0.4797, abs=1e-4)


def test_a_budget_that_differs_from_todays_total_shows_both():
    today = np.array([400.0, 400.0, 100.0, 100.0])
    plan, named = planned(1500.0, replace(WISHES, current=today))
    scaled = named["current scaled to the budget"]
    np.testing.assert_array_equal(named["current"].spend, today)
    np.testing.assert_allclose(scaled.spend, 1.5 * today, rtol=1e-15)
    assert scaled.objective == pytest.approx(value(1.5 * today).mean(), rel=1e-12) and scaled.is_feasible
    summary = plan_summary(plan)
    assert "Today's split (1,000 units of x in all) 2.248: the plan is" in summary
    assert "Today's split scaled to the budget" in summary
    _, less = planned(800.0, replace(WISHES, current=today))
    assert less["current"].breaks == ("budget",) and less["current scaled to the budget"].is_feasible


def test_a_task_without_todays_spend_says_why_the_line_is_missing():
    plan, named = planned(1000.0, replace(WISHES, current=np.array([400.0, 400.0, np.nan, np.nan])))
    assert not {name for name in named if name.startswith("current")}
    assert "Today's split is not compared: column 'current' is empty for c and d." in plan.notes
    plan, named = planned(1000.0, WISHES)
    assert not any("Today" in note for note in plan.notes)
    shared = made.one_model(POWER)
    plan, named = planned(1000.0, replace(WISHES, current=np.full(4, 250.0)), shared)
    assert not named and "Today's split is not compared: one shared model has one spend." in plan.notes


@pytest.mark.parametrize("asked", [{}, {"objective": "worst", "measure": "value"}, {"allow_unserved": True}])
def test_a_task_that_has_nothing_today_counts_at_its_unserved_value(asked):
    today, unserved = np.array([500.0, 400.0, 100.0, 0.0]), np.array([4.0, 6.0, 5.0, 3.5])
    plan, named = planned(1000.0, replace(WISHES, current=today, unserved=unserved), **asked)
    values = value(today, unserved)
    np.testing.assert_allclose(named["current"].predicted, values, rtol=1e-12)
    expected = values.max() if asked.get("objective") == "worst" else values.mean()
    assert named["current"].objective == pytest.approx(expected, rel=1e-12)
    assert named["current"].breaks == (() if asked.get("allow_unserved") else ("unserved d",))
    if not asked.get("allow_unserved"):
        assert ", which leaves d unserved: the plan is" in plan_summary(plan)


def test_a_task_that_has_nothing_today_and_no_unserved_value_is_said_not_to_be_scored():
    plan, named = planned(1000.0, replace(WISHES, current=np.array([500.0, 400.0, 100.0, 0.0])))
    today = named["current"]
    assert np.isnan(today.objective) and today.unscored == ("d",) and not today.is_feasible
    assert "Today's split is not scored: it pays for no model of d" in plan_summary(plan)
    record = next(each for each in plan.record()["baselines"] if each["name"] == "current")
    assert record["objective"] is None and record["regret"] is None and record["unscored"] == ["d"]
    assert record["predicted"][3] is None and record["spend"][3] == 0.0


def test_a_split_that_pays_for_no_size_of_the_menu_is_not_scored():
    curves = made.chinchilla()
    tasks = replace(default_tasks(curves.tasks), served_tokens=np.array([1e12, 1e10, 1e10]))
    plan, named = planned(3e21, tasks, curves, sizes=(1e9, 1e10))  # serving 1e9 parameters takes 2e21
    assert named["uniform"].unscored == ("prose",) and named["uniform"].breaks == ("min of prose",)
    assert named["uniform within the limits"].is_feasible
    assert plan.gain_over(named["uniform within the limits"]) >= -1e-9


def test_todays_total_and_missed_targets_stand_beside_the_cheapest_plan():
    tasks = replace(WISHES, target=value([100.0] * 4), current=np.array([90.0, 120.0, 100.0, 99.0]))
    plan, named = planned(None, tasks, objective="cheapest")
    assert plan.total == pytest.approx(400.0, rel=1e-6)
    assert named["current"].objective == 409.0 and named["current"].breaks == ("target of a", "target of d")
    assert "Today's split (409.0 units of x in all) 409.0, which misses the target of a and d" in plan_summary(plan)


@pytest.mark.parametrize("allow_unserved", [False, True], ids=["convex", "by-spends"])
@pytest.mark.parametrize("budget", [None, 3000.0, 1e6])
def test_the_cheapest_plan_is_compared_with_the_smallest_split_that_meets_the_targets(budget, allow_unserved):
    needed = np.array([90.0, 120.0, 100.0, 60.0])
    weight, today = np.array([1.0, 2.0, 1.0, 1.0]), np.array([30.0, 30.0, 30.0, 10.0])
    unserved = np.full(4, 50.0) if allow_unserved else NOTHING
    tasks = replace(WISHES, target=value(needed), weight=weight, current=today, unserved=unserved)
    plan, named = planned(budget, tasks, objective="cheapest", allow_unserved=allow_unserved)
    shares = {"uniform": np.full(4, 0.25), "proportional": weight / 5, "current": today / 100}
    assert set(named) == {"current", *(f"{name} to the targets" for name in shares)}
    for name, share in shares.items():
        least = (needed / share).max()  # the task that is given least of what it needs says how much there must be
        rival = named[f"{name} to the targets"]
        assert rival.is_feasible and rival.objective == pytest.approx(least, rel=1e-6)
        np.testing.assert_allclose(rival.spend, least * share, rtol=1e-6)
        assert plan.gain_over(rival) == pytest.approx(least - needed.sum(), rel=1e-6)
    said = "The smallest uniform split that meets the targets 480: the plan is 110 better."
    assert said in plan_summary(plan).replace("480.0", "480"), plan_summary(plan)


def test_fewer_targets_take_a_smaller_uniform_split_and_none_is_named_beyond_the_limits():
    needed = np.array([90.0, 120.0, 100.0, 60.0])
    tasks = replace(WISHES, target=value(needed))
    _, named = planned(3000.0, tasks, objective="cheapest", at_least=3)
    assert named["uniform to the targets"].objective == pytest.approx(4 * 100.0, rel=1e-6)
    capped = replace(tasks, max=np.array([110.0, np.nan, np.nan, np.nan]))
    _, named = planned(3000.0, capped, objective="cheapest")
    assert not named  # 120 for all breaks a's maximum
    _, named = planned(400.0, tasks, objective="cheapest")
    assert not named  # 4 x 120 breaks the budget


def test_broken_limits_are_said_together_and_not_all_by_name():
    assert (
        broken_words(("budget", "max of c", "max of d", "min of a"))
        == "breaks the min of a, the max of c and d and the budget"
    )
    assert broken_words(("unserved a", "max of limit 'w'")) == "breaks the max of limit 'w' and leaves a unserved"
    many = tuple(f"max of t{i}" for i in range(18))
    assert broken_words(many) == "breaks the max of t0, t1, t2, t3 and 14 more"


def test_a_given_split_is_told_every_limit_it_breaks():
    limits = (Limit("ab", np.array([1.0, 1.0, 0.0, 0.0]), upper=500.0),)
    tasks = replace(WISHES, min=np.array([np.nan, np.nan, 150.0, np.nan]))
    spec = plan_spec(POWER, tasks, 1000.0, limits=limits)
    best = allocate(POWER, spec, draws=False)
    scored = evaluate(POWER, spec, Split(np.array([400.0, 400.0, 100.0, 100.0]), NOTHING, NOTHING), best)
    said = "This split breaks the min of c and the max of limit 'ab'; the bound is for plans that keep all limits."
    assert said in scored.notes


@settings(max_examples=40, deadline=None)
@given(
    budget=st.floats(50, 5000),
    today=st.lists(st.one_of(st.just(0.0), st.floats(0.01, 1.0)), min_size=4, max_size=4),
    high=st.lists(st.one_of(st.just(np.nan), st.floats(0.05, 1.0)), min_size=4, max_size=4),
    low=st.lists(st.one_of(st.just(0.0), st.floats(0.001, 0.2)), min_size=4, max_size=4),
    weight=st.lists(st.floats(0.2, 5.0), min_size=4, max_size=4),
    asked=st.sampled_from([{}, {"objective": "worst", "measure": "value"}, {"allow_unserved": True}, {"limits": True}]),
)
def test_every_baseline_is_what_its_name_says(budget, today, high, low, weight, asked):
    today, high, low, weight = (np.array(each) for each in (today, high, low, weight))
    high, low = high * budget, low * budget
    low = np.where(np.isnan(high), low, np.minimum(low, high))
    unserved = np.array([9.0, 20.0, 5.0, 13.0])
    tasks = replace(WISHES, current=today * budget, max=high, min=low, weight=weight, unserved=unserved)
    asked = dict(asked)
    if asked.pop("limits", False):
        asked["limits"] = (Limit("ab", np.array([1.0, 1.0, 0.0, 0.0]), upper=0.8 * budget + low[:2].sum()),)
    plan, named = planned(budget, tasks, **asked)
    share = weight / weight.sum()
    expected = {"uniform": np.full(4, budget / 4), "proportional": share * budget, "current": today * budget}
    if today.sum() > 0:
        expected["current scaled to the budget"] = today * budget / today.sum()
    for name, spend in expected.items():
        if name in named:
            np.testing.assert_allclose(named[name].spend, spend, rtol=1e-12, err_msg=name)
    assert ("current" in named) == (today.sum() > 0) and "uniform" in named
    assert list(named)[-1] == "greedy"
    for name, each in named.items():
        values = value(each.spend, unserved)
        objective = values.max() if asked.get("objective") == "worst" else share @ values
        assert each.objective == pytest.approx(objective, rel=1e-9), name
        assert each.total == pytest.approx(each.spend.sum(), rel=1e-12)
        broken = each.spend.sum() > budget * (1 + 1e-8)
        broken |= bool(((each.spend > high * (1 + 1e-8)) & (high < budget)).any())
        must = np.full(4, True) if not asked.get("allow_unserved") else each.spend > 0
        broken |= bool((must & ((each.spend == 0) | (each.spend < low * (1 - 1e-8)))).any())
        for limit in asked.get("limits", ()):
            broken |= bool(limit.coefficient @ each.spend > limit.upper * (1 + 1e-8))
        assert bool(each.breaks) == broken, (name, each.breaks)
        if not broken:
            assert plan.gain_over(each) >= -1e-6 * abs(plan.objective), name
        assert not (name.endswith("within the limits") and broken)


def test_the_value_of_a_split_over_two_scales_is_its_best_size_at_that_spend():
    curves = made.chinchilla()
    today = np.array([1e21, 2e21, 7e21])
    tasks = replace(default_tasks(curves.tasks), current=today, max=np.array([np.nan, np.nan, 1e21]))
    _, named = planned(1e22, tasks, curves, further={"tokens": 1e10})
    truths = TRUTHS.values()
    coefficient, exponent = np.transpose([water_filling.in_compute(t.A, t.alpha, t.B, t.beta) for t in truths])
    values = np.array([t.E for t in truths]) + coefficient * today**-exponent
    np.testing.assert_allclose(named["current"].predicted, values, rtol=1e-9)
    assert named["current"].breaks == ("budget in tokens", "max of maths")


def test_a_uniform_split_within_a_limit_of_all_tasks_stands_beside_the_one_that_breaks_it():
    curves = made.chinchilla()
    plan, named = planned(1e22, default_tasks(curves.tasks), curves, further={"tokens": 1e10})
    assert named["uniform"].breaks == ("budget in tokens",)
    within = named["uniform within the limits"]
    assert within.is_feasible and within.total < 1e22
    np.testing.assert_allclose(within.spend, within.total / 3, rtol=1e-9)
    tokens = np.exp(within.log_inputs[:, 1]).sum()
    assert tokens == pytest.approx(1e10, rel=1e-6)  # no larger one keeps it
    assert plan.gain_over(within) >= 0
