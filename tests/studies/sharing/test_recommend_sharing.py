"""Decisions over strategies keep what they promise by the numbers that are printed, whatever is asked."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.studies.sharing.blocks import blocks_for
from budget.studies.sharing.recommend_sharing import recommend
from budget.studies.sharing.share_tasks import share_tasks
from budget.studies.strategies.measured_experts import MeasuredExperts
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.limits import Limit
from budget.tables.target_met import target_met
from tests.studies.sharing.test_share_tasks import BUDGET, FEW, FILES, OFF, File

ASKED = {
    "mean": {},
    "worst": {"objective": "worst"},
    "targets": {"objective": "targets"},
    "cheapest": {"objective": "cheapest", "budget": None},
    "at least": {"objective": "cheapest", "budget": None, "at_least": 2},
    "expected": {"objective": "targets", "risk": "mean"},
    "mean or nothing": {"allow_unserved": True},
    "worst or nothing": {"objective": "worst", "allow_unserved": True},
    "targets or nothing": {"objective": "targets", "allow_unserved": True},
    "cheapest or nothing": {"objective": "cheapest", "budget": None, "at_least": 2, "allow_unserved": True},
}


def decided(file, **changes):
    curves, spec = file.strategies.specialists.curves, file.spec
    apart = allocate(curves, spec, draws=False, compared=False)
    return apart, recommend(file.strategies, file.planner, spec, apart, **changes)


@FEW
@example(3, 3, 29626, "at least", 0.02, False)
@example(3, 6, 887889, "expected", 0.0, False)
@given(*FILES, st.sampled_from(sorted(ASKED)), OFF, st.booleans())
def test_a_decision_is_never_predicted_worse_than_one_model_for_each_and_keeps_its_promises(
    tasks, sets, seed, name, off, limited
):
    asked = dict(ASKED[name])
    if limited:
        asked["limits"] = (Limit("some", np.array([1.0, 1.0, *[0.0] * (tasks - 2)]), upper=0.4 * BUDGET),)
    if name not in ("mean", "worst"):
        asked.pop("limits", None)  # one model for each is not planned so
    file = File(tasks, sets, seed, draws=12 if name == "expected" else 0, off=off, **asked)
    apart, found = decided(file, on_predictions=not name.startswith("mean"), is_plain=name == "mean")
    if found is None:
        return
    simple = found.rival(SPECIALISTS)
    assert found.objective <= simple.objective + 1e-9 * abs(simple.objective)
    met = target_met(found.plan.predicted, file.settings.target)
    if file.spec.objective.minimizes_spend:
        assert met.sum() >= (file.spec.at_least or tasks)
        assert found.objective == pytest.approx(sum(model.spend for model in found.models), rel=1e-9)
    else:
        assert sum(model.spend for model in found.models) <= BUDGET * (1 + 1e-7)
    if name.startswith("targets"):
        assert -found.objective == pytest.approx(file.settings.weight @ met, rel=1e-9)
        assert -found.objective >= apart.objective - 1e-9
    if "limits" in asked:
        counted = sum(model.spend for model in found.models if {"t0", "t1"} & set(model.tasks))
        assert counted <= 0.4 * BUDGET * (1 + 1e-6)
    # every task once, in a model or given nothing, and that only where a plan of one model for each may do so
    nothing = found.plan.leaves_out
    assert sorted([*nothing, *(each for model in found.models for each in model.tasks)]) == sorted(file.names)
    assert not nothing or file.spec.allow_unserved or name in ("targets", "at least", "expected")
    spend = dict(zip(file.names, found.plan.spend, strict=True))
    assert all(model.spend == spend[each] > 0 for model in found.models for each in model.tasks)
    unserved = dict(zip(file.names, zip(found.plan.predicted, file.settings.unserved, strict=True), strict=True))
    assert all(unserved[each][0] == unserved[each][1] for each in nothing)
    assert found.choice.bound <= found.choice.objective + 1e-9 * abs(found.choice.objective)


@pytest.mark.parametrize(
    ("name", "seed"), [("worst", 6), ("worst", 10), ("targets", 6), ("cheapest", 6), ("cheapest", 10), ("expected", 6)]
)
def test_where_nothing_is_shared_the_decision_is_the_plan(name, seed):
    file = File(3, 2, seed, draws=12 if name == "expected" else 0, off=0.3, **ASKED[name])
    apart, found = decided(file)
    assert not found.shares
    np.testing.assert_array_equal(found.plan.spend, apart.spend)
    spends = {model.tasks[0]: model.spend for model in found.models}
    assert spends == {name: spend for name, spend in zip(file.names, apart.spend, strict=True) if spend > 0}


@FEW
@given(*FILES, st.sampled_from(["mean", "worst", "targets"]))
@example(3, 5, 499, "targets")  # equal parts meet none
def test_the_share_that_is_enough_does_and_steps_add_up(tasks, sets, seed, name):
    file = File(tasks, sets, seed, **ASKED[name])
    _, found = decided(file, on_predictions=name != "mean")
    if found is None:
        return
    equal = found.rival(EQUAL)
    total = sum(step.change for step in found.steps)
    assert total == pytest.approx(found.objective - equal.objective, rel=1e-6, abs=1e-9)
    for rival in found.rivals:
        if not np.isfinite(rival.enough):
            continue
        for share, does in ((rival.enough, True), (0.94 * rival.enough, False)):
            less = File(tasks, sets, seed, budget=share * BUDGET, **ASKED[name])
            # the same models: targets and all else are those of the whole budget
            trained = {(model.strategy, model.tasks) for model in found.models}
            chosen = [each for each in less.served if (each.strategy, each.tasks) in trained]
            value = share_tasks(blocks_for(less.planner, chosen, less.spec)).value
            assert (value <= rival.objective + 1e-9 * abs(rival.objective)) == does


def test_models_say_how_they_are_built_where_their_runs_do():
    file = File(4, 6, 3, **ASKED["mean"])
    built = MeasuredExperts(4.0)
    shared = tuple(replace(each, built=built) for each in file.strategies.shared)
    file.strategies = replace(file.strategies, shared=shared)
    _, found = decided(file)
    table = found.table()
    assert found.shares
    np.testing.assert_array_equal(table["experts"], np.where(table["n_tasks"] > 1, 4.0, np.nan))
    assert table["active_params"].isna().all()
