"""The best expected gain whose worst draws lose no more than stated, against brute force and its own bound."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.plan.gains import paired_gain
from budget.allocation.simple_instead import simple_instead
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.risks import RISKS
from budget.errors import AllocationError, InfeasibleError
from budget.numerics.interval import interval
from budget.report.sentences.plan_sentences import plan_summary
from budget.tables.limits import Limit
from budget.tables.splits import Split
from budget.tables.tasks import default_tasks
from tests import made

BUDGET = 1e20


def question(seed, tasks=3, draws=40, spread=0.3, **asked):
    natural = {f"t{at}": (1.5 + at / 5, 300.0 + 40 * at, 0.3 + at / 40) for at in range(tasks)}
    curves = made.curves_of("power", ("flops",), natural, reference=(1e19,), draws=draws, spread=spread, seed=seed)
    weight = np.random.default_rng(seed).uniform(1, 3, size=tasks)
    settings_of = replace(default_tasks(curves.tasks), weight=weight)
    return curves, plan_spec(curves, settings_of, BUDGET, **asked)


def losses(curves, spec, spend):
    """(B,) weighted mean loss of spends (T,) in every draw, without the package's sums."""
    drawn = curves.distance_draws(np.arange(len(spend)), np.log(spend)[:, None])
    return drawn @ spec.weight


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6), risk=st.sampled_from(["cvar", "quantile"]), at_risk=st.sampled_from([0.0, 1e-3, 0.1])
)
def test_no_plan_loses_more_than_stated_nor_gains_less_than_its_reference(seed, risk, at_risk):
    curves, spec = question(seed, risk=risk, level=0.8, at_risk=at_risk, reference="weight")
    plan = allocate(curves, spec, draws=False)
    lost = losses(curves, spec, plan.spend) - losses(curves, spec, spec.weight * BUDGET)
    assert RISKS[risk].of(lost, 0.8) <= at_risk + 1e-7
    assert lost.mean() <= 1e-9  # the reference itself is allowed, and gains nothing
    assert plan.objective == pytest.approx(losses(curves, spec, plan.spend).mean(), rel=1e-9)
    free = allocate(*question(seed, risk="mean"), draws=False)
    assert free.objective <= plan.objective * (1 + 1e-9)
    if risk == "cvar":
        assert plan.gap <= 1e-6 * plan.objective
    assert any(note.startswith("Against the split by weight the plan loses") for note in plan.notes)


@pytest.mark.parametrize("risk", ["cvar", "quantile"])
@pytest.mark.parametrize("seed", [1, 4])
def test_it_is_the_best_of_all_splits_of_two_tasks(seed, risk):
    curves, spec = question(seed, tasks=2, spread=0.6, risk=risk, level=0.8, at_risk=1e-3, reference="uniform")
    plan = allocate(curves, spec, draws=False)
    base = losses(curves, spec, np.full(2, BUDGET / 2))
    grid = np.linspace(0.001, 0.999, 4001)
    drawn = np.array([losses(curves, spec, BUDGET * np.array([share, 1 - share])) - base for share in grid])
    allowed = np.array([RISKS[risk].of(each, 0.8) <= 1e-3 for each in drawn])
    best = drawn[allowed].mean(axis=1).min() + base.mean()
    assert plan.objective <= best + 1e-7
    assert plan.bound <= best + 1e-7
    if risk == "cvar":
        assert plan.objective == pytest.approx(best, abs=2e-6)


def test_a_limit_that_does_not_bind_changes_nothing_and_one_that_cannot_be_met_is_a_sentence():
    free = allocate(*question(2, risk="mean"), draws=False)
    loose = allocate(*question(2, risk="cvar", at_risk=10.0), draws=False)
    np.testing.assert_allclose(loose.spend, free.spend, rtol=1e-6)
    curves, spec = question(2, risk="cvar", at_risk=-1.0)
    with pytest.raises(
        InfeasibleError, match=r"No plan's worst share of scenarios loses less than .* --at-risk is -1;"
    ):
        allocate(curves, spec, draws=False)


def test_further_limits_and_two_scales_keep_it_too():
    curves = made.chinchilla(draws=30, spread=0.3, seed=4)
    rows = (Limit("ratio", np.array([1.0, -1.0, 0.0]), upper=0.0),)
    tasks = replace(default_tasks(curves.tasks), weight=np.array([1.0, 2.0, 3.0]))
    spec = plan_spec(curves, tasks, BUDGET, risk="cvar", at_risk=1e-3, reach=10.0, limits=rows)
    plan = allocate(curves, spec, draws=False)
    assert plan.gap <= 1e-5 * plan.objective and plan.spend[0] <= plan.spend[1] * (1 + 1e-9)
    note = next(note for note in plan.notes if note.startswith("Against"))
    assert float(note.split("loses ")[1].split(" ")[0]) <= 1e-3 + 1e-6


def test_references():
    curves, spec = question(3, risk="cvar")
    assert spec.reference.words == "the split by weight"
    np.testing.assert_allclose(spec.reference.split.spend, spec.weight * BUDGET)
    today = replace(spec.tasks, current=np.array([1e19, 2e19, 3e19]))
    stated = plan_spec(curves, today, BUDGET, risk="cvar")
    assert stated.reference.words == "today's split" and stated.reference.split.spend.sum() == 6e19
    unstated = np.full(3, np.nan)
    given = Split(np.array([2e19, 2e19, 2e19]), unstated, unstated)
    assert plan_spec(curves, today, BUDGET, risk="cvar", reference=given).reference.split is given
    narrow = replace(spec.tasks, max=np.array([1e18, np.nan, np.nan]))
    within = plan_spec(curves, narrow, BUDGET, risk="cvar").reference
    assert within.words == "the split by weight within the limits" and within.split.spend[0] == 1e18
    asked = plan_spec(curves, narrow, BUDGET, risk="cvar", reference="weight")
    with pytest.raises(InfeasibleError, match="The reference, the split by weight, breaks the max of t0; give another"):
        allocate(curves, asked, draws=False)
    far = plan_spec(curves, spec.tasks, 1e23, risk="cvar", reference="uniform", reach=2.0)
    with pytest.raises(InfeasibleError, match="The reference, a uniform split, breaks the reach of t0, t1 and t2"):
        allocate(curves, far, draws=False)
    with pytest.raises(AllocationError, match="fill column 'current' of the tasks file for t0, t1, t2"):
        plan_spec(curves, spec.tasks, BUDGET, risk="cvar", reference="current")
    with pytest.raises(AllocationError, match="Reference 'median' is unknown; choose uniform, weight"):
        plan_spec(curves, spec.tasks, BUDGET, risk="cvar", reference="median")
    with pytest.raises(AllocationError, match="The reference gives t1 nothing"):
        none = Split(np.array([2e19, 0.0, 2e19]), unstated, unstated)
        plan_spec(curves, spec.tasks, BUDGET, risk="cvar", reference=none)
    with pytest.raises(AllocationError, match="--at-risk is for --risk cvar and --risk quantile"):
        plan_spec(curves, spec.tasks, BUDGET, risk="mean", at_risk=0.1)
    with pytest.raises(AllocationError, match="--at-risk is nan; give a number"):
        plan_spec(curves, spec.tasks, BUDGET, risk="cvar", at_risk=float("nan"))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.floats(0.001, 0.5))
def test_gains_are_paired_over_the_draws(seed, spread):
    curves, spec = question(seed, spread=spread)
    plan = allocate(curves, spec)
    mine = losses(curves, spec, plan.spend)
    for each in plan.baselines:
        gained = losses(curves, spec, each.spend) - mine
        found, (low, high) = plan.gain_in_draws(each), interval(gained)
        np.testing.assert_allclose([found.expected, found.low, found.high], [gained.mean(), low, high], atol=1e-12)
        assert found.wins == (gained > 0).mean() and found.is_as_good == (low <= 0 <= high)
        record = each.record(0.0, found)["gain"]
        assert record["as_good_as_can_be_told"] == found.is_as_good and record["wins"] == found.wins
    summary = plan_summary(plan)
    assert "of the draws" in summary
    uniform = plan.gain_in_draws(plan.baselines[0])
    assert ("as good as can be told" in summary) >= uniform.is_as_good
    chosen = simple_instead(curves, plan, "uniform")
    if uniform.is_as_good:
        np.testing.assert_allclose(chosen.spend, BUDGET / 3)
        assert chosen.notes[0].startswith("This is a uniform split: the optimal plan cannot be told from it")
        assert chosen.solver == "given split" and chosen.objective == pytest.approx(plan.baselines[0].objective)
    else:
        assert chosen.spend is plan.spend and "The plan is told from a uniform split" in chosen.notes[-1]


def test_without_draws_there_is_no_gain_to_tell():
    assert paired_gain(np.empty(0), np.empty(0), 1.0) is None and paired_gain(np.ones(2), np.ones(3), 1.0) is None
    curves, spec = question(0, draws=0)
    plan = allocate(curves, spec)
    assert plan.gain_in_draws(plan.baselines[0]) is None and "of the draws" not in plan_summary(plan)
    with pytest.raises(AllocationError, match="--prefer-simple compares draws"):
        simple_instead(curves, plan)
