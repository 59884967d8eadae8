"""Baselines and splits that are given are scored as plans are, and told what they break."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.evaluate import evaluate
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import BudgetError
from budget.tables.splits import Split
from tests import made
from tests.allocation.spec.closed_forms import CURVES, MENU, SCORED, SPENDS_TO, TASKS, sane

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
