"""Plans under several budgets, minima, maxima and linear limits against SciPy."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.convex.problem import build_problem
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import InfeasibleError
from budget.tables.limits import Limit, read_limits
from tests.allocation.convex.limited_plans import CURVES, LIMITED, PRICES, TASKS, check, oracle_of, planned
from tests.oracles import water_filling
from tests.simulate import TRUTHS


@pytest.mark.parametrize("name", LIMITED)
def test_limits_against_scipy(name):
    tasks = replace(TASKS, unit_cost=np.array([1e-6, 3e-6, 1e-6]))
    plan = planned(1e22, tasks=tasks, **LIMITED[name])
    check(plan, oracle_of(1e22, tasks, LIMITED[name]))
    if name == "nothing further binds":
        np.testing.assert_allclose(plan.objective, planned(1e22).objective, rtol=1e-12)
    else:
        assert plan.objective > planned(1e22).objective + 1e-6


@settings(max_examples=8, deadline=None)
@given(
    st.floats(10.5, 11.7),
    st.lists(st.floats(-1.0, 1.0), min_size=3, max_size=3),
    st.lists(st.floats(0.0, 0.25), min_size=3, max_size=3),
    st.lists(st.floats(0.5, 5.0), min_size=3, max_size=3),
)
def test_any_mixture_of_limits_against_scipy(log_tokens, coefficient, share, weight):
    tasks = replace(TASKS, min=np.array(share) * 1e22, weight=np.array(weight))
    row = np.array(coefficient) + 0.01
    # zero spends obey a maximum of 0 and more, and the minima must as well
    most = max(float(row @ tasks.min), 0.0) + 5e20
    asked = {"further": {"tokens": 10**log_tokens}, "limits": (Limit("mixed", row, upper=most),)}
    plan = planned(1e22, tasks=tasks, **asked)
    check(plan, oracle_of(1e22, tasks, asked), np.array(weight) / sum(weight))
    assert row @ plan.spend <= most + 1e-6 * 1e22


def test_a_limit_on_the_budgets_own_unit_may_be_named_or_not():
    row = np.array([1.0, 1.0, 0.0])
    plain = planned(1e22, limits=(Limit("pair", row, upper=3e21),))
    named = planned(1e22, limits=(Limit("pair", row, "flops", upper=3e21),))
    assert plain.objective == pytest.approx(named.objective, rel=1e-9)
    assert [line.unit for line in named.limits] == ["flops", "flops"]


def test_minima_maxima_and_frozen_tasks_against_water_filling():
    floor = np.array([truth.E for truth in TRUTHS.values()])
    coefficient, exponent = np.transpose([water_filling.in_compute(t.A, t.alpha, t.B, t.beta) for t in TRUTHS.values()])
    current = np.array([5e20, 6e21, np.nan])
    tasks = replace(TASKS, min=np.array([4e21, np.nan, np.nan]), max=np.array([np.nan, 9e20, np.nan]), current=current)
    for freeze, low, high in (
        ((), [4e21, 0, 0], [1e22, 9e20, 1e22]),
        (("prose",), [5e20, 0, 0], [5e20, 9e20, 1e22]),
        (("code",), [4e21, 6e21, 0], [1e22, 6e21, 1e22]),
    ):
        if freeze == ("code",):
            tasks = replace(tasks, min=np.array([1e21, np.nan, np.nan]))
            low[0] = 1e21
        plan = planned(1e22, tasks=tasks, freeze=freeze)
        expected, reducible = water_filling.split(
            np.full(3, 1 / 3), coefficient, exponent, 1e22, np.array(low, dtype=float), np.array(high, dtype=float)
        )
        np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
        np.testing.assert_allclose(plan.objective, floor.mean() + reducible, rtol=1e-9)
        assert plan.gap <= 1e-8
    # frozen tasks keep what they have whatever the file's own min and max say
    assert plan.spend[1] == pytest.approx(6e21, rel=1e-9) and plan.binding[1] in ("min", "max")


def test_all_tasks_frozen_is_the_current_plan():
    tasks = replace(TASKS, current=np.array([1e21, 2e21, 3e21]))
    plan = planned(1e22, tasks=tasks, freeze=TASKS.names)
    np.testing.assert_allclose(plan.spend, tasks.current, rtol=1e-12)
    assert plan.gap <= 1e-9 and any("stay unspent" in note for note in plan.notes)
    exactly = planned(6e21, tasks=tasks, freeze=TASKS.names)
    np.testing.assert_allclose(exactly.spend, tasks.current, rtol=1e-9)
    with pytest.raises(InfeasibleError, match="above the budget"):
        planned(5e21, tasks=tasks, freeze=TASKS.names)


def test_limits_file_is_the_same_as_limits_in_code(tmp_path):
    path = tmp_path / "limits.csv"
    path.write_text(
        "limit,task,group,coefficient,unit,min,max\nspeech,,words,,,,6e21\nratio,prose,,-1,,0,\nratio,code,,1,,,\n"
        "data,,,,tokens,,1.2e11\n"
    )
    read = read_limits(path, TASKS.names, ("words", "words", ""), ("flops", "tokens", "money"))
    coded = (
        Limit("speech", np.array([1.0, 1.0, 0.0]), upper=6e21),
        Limit("ratio", np.array([-1.0, 1.0, 0.0]), lower=0.0),
        Limit("data", np.ones(3), "tokens", upper=1.2e11),
    )
    first, second = planned(1e22, limits=read), planned(1e22, limits=coded)
    np.testing.assert_allclose(first.spend, second.spend, rtol=1e-9)
    assert [line.name for line in first.limits] == [
        "budget", "max of limit 'speech'", "min of limit 'ratio'", "max of limit 'data'",
    ]  # fmt: skip
    # a limit on the tokens of all tasks is a budget in tokens
    as_budget = planned(1e22, limits=coded[:2], further={"tokens": 1.2e11})
    np.testing.assert_allclose(first.objective, as_budget.objective, rtol=1e-8)


@pytest.mark.parametrize("room", [0.0, 1.0, 1e6, 1e10])
@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0])
def test_a_ratio_and_a_small_minimum_leave_the_same_plan_as_the_ratio_alone(room, scale):
    """A minimum far below the optimal spend, whatever room the ratio leaves: none of it may look contradictory."""
    equal = np.array([-1.0, 0.0, 1.0])
    tasks = replace(TASKS, min=np.array([scale * 1e19, np.nan, np.nan]))
    plan = planned(1e22, tasks=tasks, limits=(Limit("ratio", scale * equal, upper=scale * room),))
    bare = planned(1e22, limits=(Limit("ratio", equal, upper=0.0),))
    np.testing.assert_allclose(plan.spend, bare.spend, rtol=1e-3)  # the objective is flat there
    np.testing.assert_allclose(plan.spend[0], plan.spend[2], rtol=1e-6)
    np.testing.assert_allclose(plan.objective, bare.objective, rtol=1e-8)


def test_state_keeps_units_in_the_order_of_their_numbers():
    limits = (Limit("a", np.ones(3), "money", upper=9.0), Limit("b", np.ones(3), "tokens", upper=8.0))
    asked = plan_spec(CURVES, TASKS, 1e21, further={"tokens": 7.0}, limits=limits, prices=PRICES)
    problem = build_problem(CURVES, asked)
    assert [(each.unit, each.budget) for each in problem.further] == [("tokens", 7.0), ("money", np.inf)]
    assert [(row.resource, row.upper) for row in problem.rows] == [(2, 9.0), (1, 8.0)]


def test_every_unit_buys_the_same_in_every_order():
    """Two units as budget and further budget may change places: the optimum is one."""
    for first, second in itertools.permutations([("flops", 1e22), ("tokens", 1.5e11)]):
        # a budget of tokens needs sizes, which makes it another question; so money stands for tokens
        tasks = replace(TASKS, unit_cost=np.ones(3))
        unit = {"tokens": "money"}.get(first[0], first[0])
        further = {{"tokens": "money"}.get(second[0], second[0]): second[1]}
        plan = planned(first[1], tasks=tasks, unit=unit, further=further)
        np.testing.assert_allclose(plan.objective, planned(1e22, further={"tokens": 1.5e11}).objective, rtol=1e-8)
