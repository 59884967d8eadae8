"""A task without a trustworthy curve keeps what it has, or to its share by weight, and is named first."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import AllocationError
from budget.studies.growth.growth import grow
from budget.studies.strategies.strategy_curves import StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.tasks import default_tasks
from tests import made

BUDGET = 1e20


def judged(*verdicts, **changes):
    return replace(made.chinchilla(), verdict=tuple(verdicts), **changes)


@settings(max_examples=30, deadline=None)
@given(
    failed=st.lists(st.booleans(), min_size=3, max_size=3).filter(any),
    weight=st.lists(st.floats(0.1, 10), min_size=3, max_size=3),
    today=st.lists(st.one_of(st.just(float("nan")), st.floats(1e17, 2e19)), min_size=3, max_size=3),
)
def test_failed_tasks_keep_their_current_spend_or_get_at_most_their_share_by_weight(failed, weight, today):
    curves = judged(*("FAIL" if each else "PASS" for each in failed))
    tasks = replace(default_tasks(curves.tasks), weight=np.array(weight), current=np.array(today))
    plan = allocate(curves, plan_spec(curves, tasks, BUDGET), draws=False, route="dual")
    stays = np.array(failed) & np.isfinite(today) & (not all(failed))
    left = BUDGET - np.where(stays, today, 0.0).sum()
    kept = np.where(stays, today, np.array(weight) / np.where(stays, 0.0, weight).sum() * left)
    np.testing.assert_allclose(plan.spend[stays], kept[stays], rtol=1e-6)
    assert (plan.spend[failed] <= kept[failed] * (1 + 1e-9)).all()
    assert plan.total == pytest.approx(BUDGET)
    at_most = plan.spend >= kept * (1 - 1e-7)
    for name, bad, most, word in zip(curves.tasks, failed, at_most, plan.binding, strict=True):
        assert (word == "kept") == (bad and most)
        assert not bad or all(failed) or any(name in said for said in plan.warnings[:2])
    if all(failed):
        np.testing.assert_allclose(plan.spend, kept, rtol=1e-6)
        assert plan.warnings[0].startswith("No curve is trusted") and "split by weight" in plan.warnings[0]
    else:  # the best split within these limits
        trusted = replace(curves, verdict=("PASS",) * 3)
        limited = replace(tasks, min=np.where(stays, kept, np.nan), max=np.where(failed, kept, np.nan))
        best = allocate(trusted, plan_spec(trusted, limited, BUDGET), draws=False, route="dual")
        np.testing.assert_allclose(plan.spend, best.spend, rtol=1e-5)


@pytest.mark.parametrize("mode", [{"allow_unserved": True}, {"objective": "worst"}, {"sizes": (1e8, 1e9)}])
def test_other_questions_keep_to_it_too(mode):
    curves = judged("PASS", "FAIL", "REVIEW")
    tasks = replace(default_tasks(curves.tasks), unserved=np.full(3, 9.0))
    trusted = replace(curves, verdict=("PASS",) * 3)
    free = allocate(trusted, plan_spec(trusted, tasks, BUDGET, measure="value", **mode), draws=False)
    plan = allocate(curves, plan_spec(curves, tasks, BUDGET, measure="value", **mode), draws=False)
    assert plan.spend[1] == pytest.approx(min(BUDGET / 3, free.spend[1]), rel=1e-3)
    assert (plan.binding[1] == "kept") == (free.spend[1] > BUDGET / 3)
    today = replace(tasks, current=np.array([np.nan, 2e18, np.nan]))
    same = allocate(curves, plan_spec(curves, today, BUDGET, measure="value", **mode), draws=False)
    assert same.spend[1] == pytest.approx(2e18) and same.binding[1] == "kept"


@pytest.mark.parametrize(("failed", "binds"), [(0, True), (1, False)])
def test_sets_and_strategies_keep_to_shares_of_their_own(failed, binds):
    curves = judged(*("FAIL" if at == failed else "PASS" for at in range(3)))
    tasks = replace(default_tasks(curves.tasks), weight=np.array([1.0, 2.0, 3.0]))
    free = grow(replace(curves, verdict=("PASS",) * 3), tasks, BUDGET)
    growth = grow(curves, tasks, BUDGET)
    for at in (1, 2):
        most = BUDGET * tasks.weight[failed] / tasks.weight[: at + 1].sum()
        assert (free.plans[at].spend[failed] > most) == binds
        expected = most if binds else free.plans[at].spend[failed]
        assert growth.plans[at].spend[failed] == pytest.approx(expected, rel=1e-6)
    spec = plan_spec(curves, tasks, BUDGET)
    planner = StrategyPlanner(StrategyCurves("specialists", curves), tasks, spec.measure)
    most = tasks.weight[failed] / 6
    for plan in planner.best(np.geomspace(1e19, 1e21, 3)):
        part = plan.spend[failed] / plan.budget
        assert part == pytest.approx(most) if binds else part <= most * (1 + 1e-9)


def test_a_share_goes_no_further_than_the_reach():
    curves = judged("PASS", "FAIL", "PASS")
    plan = allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 1e22, reach=2.0), draws=False)
    assert plan.spend[1] == pytest.approx(2 * curves.largest["flops"][1])
    assert plan.unspent > 0 and any("stay unspent" in note for note in plan.notes)


def test_tasks_without_a_curve_keep_their_share_and_stand_in_the_table():
    curves = replace(made.chinchilla(), omitted=(("speech", "too_few_runs"), ("vision", "no_signal")))
    tasks = default_tasks((*curves.tasks, "speech", "vision"))
    tasks = replace(tasks, current=np.array([np.nan] * 4 + [3e18]))
    plan = allocate(curves, plan_spec(curves, tasks, BUDGET), draws=False)
    assert plan.total == pytest.approx(0.75 * (BUDGET - 3e18))
    table = plan.table().set_index("task")
    assert (
        table.loc["speech", "spend"] == pytest.approx((BUDGET - 3e18) / 4)
        and table.loc["speech", "status"] == "too_few_runs"
    )
    assert np.isnan(table.loc["speech", "predicted"]) and table.loc["vision", "spend"] == 3e18
    assert plan.warnings[0].startswith("Only 3 of 5 tasks are planned. Left out: speech")
    assert "speech (2.42e+19; too_few_runs)" in plan.warnings[1] and "vision" in plan.warnings[1]
    record = plan.record()
    assert record["budget"] == BUDGET and record["spent"] == pytest.approx(BUDGET)
    assert record["without_curve"] == ["speech", "vision"] and len(record["tasks"]) == 5
    with pytest.raises(AllocationError, match=r"There is no curve of vision, whose .* leaves nothing"):
        plan_spec(curves, replace(tasks, current=np.array([np.nan] * 4 + [2e20])), BUDGET)
