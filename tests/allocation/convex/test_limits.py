"""Plans under several budgets, minima, maxima and linear limits against SciPy; prices; conflicts; refusals."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize_scalar

from budget.allocation.convex.conflict import refuse_conflict, refuse_nothing
from budget.allocation.convex.problem import LinearConstraint, Problem, Resource, build_problem
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.allocation.spec.resources import Prices
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import AllocationError, InfeasibleError
from budget.tables.limits import Limit, read_limits
from budget.tables.tasks import default_tasks
from tests import made
from tests.oracles import water_filling
from tests.oracles.limited import Limited
from tests.simulate import TRUTHS

CURVES = made.chinchilla()
TASKS = default_tasks(CURVES.tasks)
PRICES = Prices(2.0, 1e15, 0.4)
NOTHING = np.full(3, np.nan)


def values(u):
    return np.array([truth.value(*np.exp(row)) for truth, row in zip(TRUTHS.values(), u, strict=True)])


def flops(u):
    return 6 * np.exp(u.sum(axis=1))


def tokens(u):
    return np.exp(u[:, 1])


def start_at(budget):
    return np.tile(np.log([np.sqrt(budget / 360), np.sqrt(budget / 360) * 20]), (3, 1))


def planned(budget, **asked):
    tasks = asked.pop("tasks", TASKS)
    return allocate(CURVES, plan_spec(CURVES, tasks, budget, **asked), draws=False)


def check(plan, oracle: Limited, weight=None):
    """The plan obeys every limit of the oracle, its figures are true, and nothing that SciPy finds is better."""
    weight = np.full(3, 1 / 3) if weight is None else weight
    u = np.log(np.column_stack([plan.params, plan.tokens]))
    np.testing.assert_allclose(plan.predicted, oracle.value(u), rtol=1e-12)
    np.testing.assert_allclose(plan.objective, weight @ oracle.value(u), rtol=1e-12)
    for cost, total in zip(oracle.costs, oracle.totals, strict=True):
        assert cost(u).sum() <= total * (1 + 1e-6)
    assert (oracle.costs[0](u) <= plan.spend * (1 + 1e-6)).all()
    assert (plan.spend >= oracle.low * (1 - 1e-6)).all() and (plan.spend <= oracle.high * (1 + 1e-6)).all()
    best, _, _ = oracle.best(lambda each: weight @ each)
    assert np.isfinite(best)
    # SciPy's limits hold to 1e-8 of the totals, which is worth less than as much of the objective
    assert plan.bound <= best + 1e-8
    assert plan.objective <= best + 1e-7
    assert 0 <= plan.gap <= 1e-6


LIMITED = {
    "tokens bind as well": {"further": {"tokens": 1.5e11}},
    "tokens alone bind": {"further": {"tokens": 1e10}},
    "money and tokens": {"further": {"tokens": 1.5e11, "money": 2.2e5}},
    "nothing further binds": {"further": {"tokens": 1e14, "money": 1e9}},
    "a group at most": {"limits": (Limit("speech", np.array([1.0, 1.0, 0.0]), upper=3e21),)},
    "a group at least": {"limits": (Limit("speech", np.array([1.0, 1.0, 0.0]), lower=8e21),)},
    "a band": {"limits": (Limit("band", np.array([1.0, 0.0, 0.0]), lower=2e21, upper=2.5e21),)},
    "one at least twice another": {"limits": (Limit("ratio", np.array([-2.0, 1.0, 0.0]), lower=0.0),)},
    "one at most half another": {"limits": (Limit("ratio", np.array([2.0, 0.0, -1.0]), upper=0.0),)},
    "equal spends of two": {"limits": (Limit("equal", np.array([1.0, -1.0, 0.0]), lower=0.0, upper=0.0),)},
    "tokens of a group": {"limits": (Limit("data", np.array([1.0, 0.0, 1.0]), "tokens", upper=4e10),)},
    "more tokens than the best": {
        "further": {"tokens": 1.5e11},
        "limits": (Limit("data", np.array([0.0, 1.0, 0.0]), "tokens", lower=9e10),),
    },
    "a mixed difference": {"limits": (Limit("lead", np.array([1.0, -1.0, 0.0]), lower=3e21),)},
    "several at once": {
        "further": {"tokens": 1.5e11, "money": 2.2e5},
        "limits": (
            Limit("speech", np.array([1.0, 1.0, 0.0]), upper=6e21),
            Limit("ratio", np.array([-1.0, 1.0, 0.0]), lower=0.0),
            Limit("data", np.array([1.0, 0.0, 1.0]), "tokens", upper=1e11),
        ),
    },
}


def oracle_of(budget, tasks, asked):
    """The same question in SciPy's words."""
    unit_cost = np.nan_to_num(tasks.unit_cost, nan=0.0)
    per_flop = 2.0 / (3600 * 1e15 * 0.4) if asked.get("prices") else 0.0
    served = np.nan_to_num(tasks.served_tokens, nan=0.0)

    def compute(u):
        return flops(u) + 2 * np.exp(u[:, 0]) * served

    known = {"flops": compute, "tokens": tokens, "money": lambda u: per_flop * compute(u) + unit_cost * tokens(u)}
    first = asked.get("unit", "flops")
    further = asked.get("further", {})
    units = [first, *dict.fromkeys([*further, *(x.unit for x in asked.get("limits", ()) if x.unit)])]
    rows = []
    for limit in asked.get("limits", ()):
        resource = units.index(limit.unit) if limit.unit else 0
        if np.isfinite(limit.upper):
            rows.append((resource, limit.coefficient, limit.upper))
        if np.isfinite(limit.lower):
            rows.append((resource, -limit.coefficient, -limit.lower))
    start = start_at(budget if first == "flops" else budget / per_flop if per_flop else 1e21)
    return Limited(
        values,
        [known[unit] for unit in units],
        [budget, *(further.get(unit, np.inf) for unit in units[1:])],
        start,
        rows,
        np.nan_to_num(tasks.min, nan=0.0),
        np.nan_to_num(tasks.max, nan=np.inf),
    )


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


MONEY = {
    "unit cost": {"unit_cost": np.array([1e-6, 3e-6, 1e-6])},
    "compute": {"prices": PRICES},
    "both": {"unit_cost": np.array([1e-6, np.nan, 4e-6]), "prices": PRICES},
    "serving": {"served_tokens": np.array([1e12, np.nan, 1e11]), "prices": PRICES},
}


@pytest.mark.parametrize("name", [name for name in MONEY if name != "unit cost"])
def test_money_against_scipy(name):
    task_settings = dict(MONEY[name])
    asked = {"unit": "money", "prices": task_settings.pop("prices", None)}
    tasks = replace(TASKS, **task_settings)
    plan = planned(3e4, tasks=tasks, **asked)
    check(plan, oracle_of(3e4, tasks, asked))
    np.testing.assert_allclose(plan.spend.sum(), 3e4, rtol=1e-9)


def test_money_for_data_alone_with_a_budget_of_compute():
    tasks = replace(TASKS, **MONEY["unit cost"])
    asked = {"unit": "money", "further": {"flops": 1e22}}
    plan = planned(1e5, tasks=tasks, **asked)
    check(plan, oracle_of(1e5, tasks, asked))


def test_device_hours_are_money_at_a_price_of_one():
    """A plan in hours is the plan in the FLOPs that these hours buy."""
    hours = planned(5000.0, unit="money", prices=Prices(1.0, 1e15, 0.4))
    compute = planned(5000.0 * 3600 * 1e15 * 0.4)
    np.testing.assert_allclose(hours.objective, compute.objective, rtol=1e-9)
    np.testing.assert_allclose(hours.spend * 3600 * 4e14, compute.spend, rtol=1e-4)
    np.testing.assert_allclose(hours.shadow_price, compute.shadow_price * 3600 * 4e14, rtol=1e-5)
    np.testing.assert_allclose(hours.extrapolation, compute.extrapolation, rtol=1e-4)


@pytest.mark.parametrize("cost", [made.SIX, made.ATTENTION], ids=["six", "attention"])
def test_inference_makes_the_best_model_smaller(cost):
    curves = made.chinchilla(cost=cost)
    sizes, lost = [], []
    for served in (0.0, 1e11, 1e12, 1e13):
        plan = allocate(curves, plan_spec(curves, replace(TASKS, served_tokens=np.full(3, served)), 1e22), draws=False)
        taken = cost.flops(plan.params, plan.tokens) + 2 * plan.params * served
        np.testing.assert_allclose(taken, plan.spend, rtol=1e-9)
        # at its spend, no other size of a model is better
        n = plan.params[:, None] * np.linspace(0.5, 1.5, 401)
        left = plan.spend[:, None] - 2 * n * served
        per_token = cost.flops(n, np.ones_like(n))  # both costs are linear in the tokens
        with np.errstate(divide="ignore"):
            d = np.where(left > 0, left, 0.0) / per_token
            other = np.array([t.value(*row) for t, row in zip(TRUTHS.values(), zip(n, d, strict=True), strict=True)])
        assert (plan.predicted <= other.min(axis=1) * (1 + 1e-12)).all()
        np.testing.assert_allclose(plan.predicted, other.min(axis=1), rtol=1e-6)
        sizes.append(plan.params)
        lost.append(plan.objective)
    assert (np.diff(sizes, axis=0) < 0).all() and (np.diff(lost) > 0).all()


@pytest.mark.parametrize("name", ["served", "served and tokens"])
def test_inference_against_scipy(name):
    tasks = replace(TASKS, served_tokens=np.array([1e12, np.nan, 1e11]))
    asked = {"further": {"tokens": 1.2e11}} if name == "served and tokens" else {}
    check(planned(1e22, tasks=tasks, **asked), oracle_of(1e22, tasks, asked))


def test_inference_of_one_shared_model_adds_up():
    curves = made.one_model(CURVES)
    tasks = replace(TASKS, served_tokens=np.array([1e12, np.nan, 1e11]))
    plan = allocate(curves, plan_spec(curves, tasks, 1e22), draws=False)
    n, d = plan.params[0], plan.tokens[0]
    np.testing.assert_allclose(6 * n * d + 2 * n * 1.1e12, 1e22, rtol=1e-9)
    np.testing.assert_allclose(plan.used["flops"], 1e22, rtol=1e-9)

    def loss(log_n):
        n = np.exp(log_n)
        return np.mean([t.value(n, (1e22 - 2.2e12 * n) / (6 * n)) for t in TRUTHS.values()])

    best = minimize_scalar(loss, bounds=(15, np.log(1e22 / 2.2e12) - 1e-6), method="bounded", options={"xatol": 1e-10})
    np.testing.assert_allclose(plan.objective, best.fun, rtol=1e-9)
    assert plan.gap <= 1e-8


def test_token_budget_with_a_size_for_each_task():
    sizes = np.array([1e8, 1e9, 5e9])
    plan = planned(1e11, tasks=replace(TASKS, params=sizes), unit="tokens")
    b, beta = np.transpose([(t.B, t.beta) for t in TRUTHS.values()])
    expected, reducible = water_filling.split(np.full(3, 1 / 3), b, beta, 1e11)
    np.testing.assert_allclose(plan.spend, expected, rtol=1e-4)
    np.testing.assert_allclose(plan.params, sizes)
    constant = np.mean([t.E + t.A / n**t.alpha for t, n in zip(TRUTHS.values(), sizes, strict=True)])
    np.testing.assert_allclose(plan.objective, constant + reducible, rtol=1e-9)
    # what the file leaves open takes --params
    mixed = planned(1e11, tasks=replace(TASKS, params=np.array([np.nan, 1e9, np.nan])), unit="tokens", params=2e8)
    np.testing.assert_allclose(mixed.params, [2e8, 1e9, 2e8])


def test_token_budget_at_fixed_sizes_with_a_budget_of_compute():
    sizes = np.array([1e8, 1e9, 5e9])
    asked = {"unit": "tokens", "further": {"flops": 1.5e20}}
    plan = planned(1e11, tasks=replace(TASKS, params=sizes), **asked)
    assert plan.used["flops"].sum() <= 1.5e20 * (1 + 1e-9)
    np.testing.assert_allclose(plan.used["flops"], 6 * sizes * plan.tokens, rtol=1e-12)
    oracle = Limited(
        lambda u: np.array([t.value(n, np.exp(d[0])) for t, n, d in zip(TRUTHS.values(), sizes, u, strict=True)]),
        [lambda u: np.exp(u[:, 0]), lambda u: 6 * sizes * np.exp(u[:, 0])],
        [1e11, 1.5e20],
        np.full((3, 1), np.log(1e10)),
    )
    best, _, _ = oracle.best()
    assert plan.bound <= best + 1e-8 and plan.objective <= best + 1e-8 and plan.gap <= 1e-7


def test_allotted_may_be_more_than_used():
    """A minimum on tokens that outgrow the compute's worth, and a minimum of spend that tokens cannot use up."""
    limits = (Limit("pair", np.array([1.0, 0.0, 0.0]), lower=9e21),)
    plan = planned(1e22, limits=limits, further={"tokens": 2e9})
    assert plan.spend[0] >= 9e21 * (1 - 1e-6)
    assert (plan.used["tokens"].sum() <= 2e9 * (1 + 1e-9)) and (plan.used["flops"] <= plan.spend * (1 + 1e-6)).all()
    for task, truth in enumerate(TRUTHS.values()):
        assert plan.predicted[task] == pytest.approx(truth.value(plan.params[task], plan.tokens[task]), rel=1e-12)


PRICED = {
    "minimum": {"tasks": replace(TASKS, min=np.array([6e21, np.nan, np.nan]))},
    "maximum": {"tasks": replace(TASKS, max=np.array([np.nan, 5e20, np.nan]))},
    "minimum and maximum": {"tasks": replace(TASKS, min=np.array([6e21, np.nan, np.nan]), max=[np.nan, 5e20, np.nan])},
    **{name: LIMITED[name] for name in (
        "tokens bind as well", "tokens alone bind", "a group at most", "a group at least", "a band",
        "one at least twice another", "tokens of a group", "more tokens than the best", "a mixed difference",
        "several at once",
    )},
}  # fmt: skip


@pytest.mark.parametrize("objective", ["mean", "worst"])
@pytest.mark.parametrize("name", PRICED)
def test_prices_are_finite_differences(name, objective):
    asked = {key: value for key, value in PRICED[name].items() if key != "tasks"} | {"objective": objective}
    tasks = PRICED[name].get("tasks", TASKS)
    tasks = replace(tasks, unit_cost=np.array([1e-6, 3e-6, 1e-6]), max=np.asarray(tasks.max))
    here = planned(1e22, tasks=tasks, **asked)
    lines = {line.name: line for line in here.limits}
    assert len(lines) == len(here.limits)
    assert lines["budget"].price == here.shadow_price
    strongest = max(line.per_percent for line in here.limits)
    for line in here.limits:
        slopes = []
        step = 1e-3 * max(abs(line.bound), 1e20 if line.bound == 0 and line.unit == "flops" else 0.0)
        for change in (-step, step):
            budget, task_settings, moved = changed(1e22, tasks, asked, line, change)
            slopes.append(planned(budget, tasks=task_settings, **moved).objective)
        sign = -1.0 if line.name.startswith("min") else 1.0
        slope = sign * (slopes[0] - slopes[1]) / (2 * step)
        assert line.price >= 0
        np.testing.assert_allclose(line.price * step, slope * step, rtol=2e-3, atol=1e-5 * strongest + 1e-10)
        assert line.per_percent == pytest.approx(line.price * abs(line.bound) / 100)
        slack = (line.used - line.bound) * (1 if sign < 0 else -1)
        if slack > 1e-4 * max(abs(line.bound), 1e18):
            assert line.price * max(abs(line.bound), step) < 1e-4 * strongest * 100


def changed(budget, tasks, asked, line, step):
    """The question with one limit moved."""
    asked = dict(asked)
    if line.name == "budget":
        return budget + step, tasks, asked
    if line.name.startswith("budget in "):
        further = asked["further"]
        return budget, tasks, asked | {"further": further | {line.unit: further[line.unit] + step}}
    end, _, rest = line.name.partition(" of ")
    if not rest.startswith("limit "):
        column = getattr(tasks, end).copy()
        column[tasks.names.index(rest)] += step
        return budget, replace(tasks, **{end: column}), asked
    attribute = {"min": "lower", "max": "upper"}[end]
    limits = tuple(
        replace(limit, **{attribute: getattr(limit, attribute) + step}) if f"limit '{limit.name}'" == rest else limit
        for limit in asked["limits"]
    )
    return budget, tasks, asked | {"limits": limits}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ("budget", "budget", "budget")),
        ({"further": {"tokens": 1e14}}, ("budget", "budget", "budget")),
        ({"further": {"tokens": 1e10}}, ("budget|tokens",) * 3),
        ({"further": {"tokens": 1.5e11}}, ("budget|tokens",) * 3),
        (LIMITED["a group at most"], ("budget|max of limit 'speech'",) * 2 + ("budget",)),
        (LIMITED["one at least twice another"], ("budget|min of limit 'ratio'",) * 2 + ("budget",)),
        ({"tasks": replace(TASKS, min=np.array([6e21, np.nan, np.nan]))}, ("min", "budget", "budget")),
        ({"tasks": replace(TASKS, max=np.array([np.nan, 5e20, np.nan]))}, ("budget", "max", "budget")),
    ],
)
def test_binding_says_what_stops_a_task(asked, words):
    plan = planned(1e22, **asked)
    assert plan.binding == words


def test_what_is_left_over_is_explained():
    plan = planned(1e22, limits=(Limit("all", np.ones(3), upper=4e21),))
    assert any("stay unspent: max of limit 'all' stops the plan first" in note for note in plan.notes)
    np.testing.assert_allclose(plan.objective, planned(4e21).objective, rtol=1e-8)
    slack = (Limit("all", np.ones(3), upper=4e21), Limit("prose", np.array([1.0, 0.0, 0.0]), upper=3.9e21))
    notes = planned(1e22, limits=slack, further={"tokens": 1e13}).notes
    assert any("stay unspent: max of limit 'all' stops the plan first" in note for note in notes)


CONFLICTS = {
    "group above the budget": (
        {"limits": (Limit("a", np.array([1.0, 1.0, 0.0]), lower=2e22),)},
        ["min of limit 'a'", "a budget of 1e+22 flops"],
    ),
    "two limits": (
        {
            "limits": (
                Limit("a", np.array([1.0, 0.0, 0.0]), lower=5e21),
                Limit("b", np.array([1.0, 1.0, 0.0]), upper=4e21),
            )
        },
        ["min of limit 'a'", "max of limit 'b'"],
    ),
    "minimum against a limit": (
        {
            "tasks": replace(TASKS, min=np.array([5e21, 1e20, np.nan])),
            "limits": (Limit("b", np.array([1.0, 1.0, 0.0]), upper=4e21), Limit("c", np.ones(3), upper=9e21)),
        },
        ["prose at least 5e+21 flops", "max of limit 'b'"],
    ),
    "three are needed": (
        {
            "limits": (
                Limit("a", np.array([1.0, -1.0, 0.0]), lower=1e21),
                Limit("b", np.array([0.0, 1.0, -1.0]), lower=1e21),
                Limit("c", np.array([1.0, 0.0, -1.0]), upper=1e21),
                Limit("d", np.ones(3), upper=9e21),
            )
        },
        ["min of limit 'a'", "min of limit 'b'", "max of limit 'c'"],
    ),
    "below nothing": (
        {"limits": (Limit("a", np.ones(3), upper=-1e21),)},
        ["max of limit 'a' (-1e+21)"],
    ),
    "tokens": (
        {"limits": (Limit("a", np.ones(3), "tokens", lower=2e11),), "further": {"tokens": 1e11}},
        ["min of limit 'a'", "a budget of 1e+11 tokens"],
    ),
    "a frozen task above the maximum of a limit": (
        {
            "tasks": replace(TASKS, current=np.array([5e21, np.nan, np.nan])),
            "freeze": ("prose",),
            "limits": (Limit("b", np.array([1.0, 0.0, 0.0]), upper=4e21),),
        },
        ["prose at least 5e+21 flops", "max of limit 'b'"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_the_smallest_conflict_is_named(name):
    asked, words = CONFLICTS[name]
    with pytest.raises(InfeasibleError, match="No plan obeys these limits together: ") as caught:
        planned(1e22, **asked)
    listed = re.search(r"together: (.*)\. Loosen", str(caught.value))[1].split("; ")
    assert len(listed) == len(words)
    for word in words:
        assert any(each.startswith(word) for each in listed), listed


def is_feasible(problem: Problem) -> bool:
    """By a linear program of its own, amounts in units of the budget."""
    resources, models = 1 + len(problem.further), len(problem.cost)
    lines, right = [], []

    def add(resource, coefficient, most):
        line = np.zeros((resources, models))
        line[resource] = coefficient
        lines.append(line.ravel())
        right.append(most)

    for row in problem.rows:
        add(row.resource, row.coefficient, row.upper)
    for resource, total in enumerate([problem.budget, *(each.budget for each in problem.further)]):
        if np.isfinite(total):
            add(resource, np.ones(models), total)
    if not lines:
        return True
    ends = list(zip(problem.low, np.minimum(problem.high, 100.0), strict=True)) + [(0, 100)] * (
        models * (resources - 1)
    )
    found = linprog(np.zeros(models * resources), lines, right, bounds=ends, method="highs")
    return found.status == 0


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


FROZEN = {
    "minima": (
        {"min": [6e21, 3e21, 1.0000001e21]},
        (),
        "The minima in the tasks file sum to 1.00000001e+22 flops, above the budget of 1e+22; raise the budget or "
        "lower the minima.",
    ),
    "frozen": (
        {"current": [6e21, 5e21, 1e20]},
        ("prose", "code"),
        "The frozen tasks prose and code spend 1.1e+22 flops, above the budget of 1e+22; raise the budget or freeze "
        "fewer.",
    ),
    "one frozen": ({"current": [2e22, 5e21, 1e20]}, ("prose",), "The frozen task prose spends 2e+22 flops, above"),
    "both": (
        {"current": [6e21, 1e20, 1e20], "min": [np.nan, 5e21, np.nan]},
        ("prose",),
        "The frozen task prose and the minima of others in the tasks file sum to 1.1e+22 flops, above",
    ),
    "nothing left": (
        {"current": [6e21, 4e21, 1e20]},
        ("prose", "code"),
        "The frozen tasks prose and code spend the whole budget of 1e+22 flops and leave nothing for maths;",
    ),
    "nothing left by minima": (
        {"min": [6e21, 4e21, np.nan]},
        (),
        "The minima in the tasks file sum to the whole budget of 1e+22 flops and leave nothing for maths;",
    ),
}


@pytest.mark.parametrize("name", FROZEN)
def test_what_exceeds_the_budget_is_named_for_what_it_is_with_digits_that_tell_it_apart(name):
    columns, freeze, sentence = FROZEN[name]
    tasks = replace(TASKS, **{column: np.array(numbers) for column, numbers in columns.items()})
    with pytest.raises(InfeasibleError) as caught:
        planned(1e22, tasks=tasks, freeze=freeze)
    assert sentence in str(caught.value)
    assert len(str(caught.value)) <= 300


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_dropping_any_named_limit_makes_a_plan_possible(data):
    models = data.draw(st.integers(1, 4))
    whole = st.lists(st.integers(-2, 2), min_size=models, max_size=models)
    rows = tuple(
        LinearConstraint(f"row {number}", data.draw(st.integers(0, 1)), np.array(data.draw(whole), dtype=float),
            float(data.draw(st.integers(-4, 4))))
        for number in range(data.draw(st.integers(1, 5)))
    )  # fmt: skip
    rows = tuple(row for row in rows if row.coefficient.any())
    low = np.array(data.draw(st.lists(st.integers(0, 2), min_size=models, max_size=models)), dtype=float)
    unit = Posynomial(np.zeros(models), np.zeros((models, 1)), np.ones((models, 1, 1)))
    problem = Problem(unit, unit, 4.0, low, np.full(models, 4.0), (Resource("tokens", unit, 3.0),), rows,
                      tuple(f"task {each}" for each in range(models)))  # fmt: skip
    try:
        refuse_conflict(problem, "flops")
    except InfeasibleError as error:
        listed = re.search(r"together: (.*)\. Loosen", str(error))[1].split("; ")
        assert not is_feasible(problem)
        # the named limits alone conflict, and without any one of them they do not
        assert not is_feasible(only(problem, listed))
        for dropped in range(len(listed)):
            assert is_feasible(only(problem, listed[:dropped] + listed[dropped + 1 :]))
    else:
        assert is_feasible(problem)


def only(problem: Problem, words: list[str]) -> Problem:
    """The problem with nothing but the limits that a conflict names."""
    low = np.array(
        [
            least if any(word.startswith(f"{name} at least") for word in words) else 0.0
            for name, least in zip(problem.names, problem.low, strict=True)
        ]
    )
    budget = problem.budget if any(word == "a budget of 4 flops" for word in words) else np.inf
    tokens = 3.0 if any(word == "a budget of 3 tokens" for word in words) else np.inf
    rows = tuple(row for row in problem.rows if any(word.startswith(f"{row.name} (") for word in words))
    resource = replace(problem.further[0], budget=tokens)
    return replace(problem, budget=budget, high=np.full(len(low), budget), low=low, rows=rows, further=(resource,))


def test_state_keeps_units_in_the_order_of_their_numbers():
    limits = (Limit("a", np.ones(3), "money", upper=9.0), Limit("b", np.ones(3), "tokens", upper=8.0))
    asked = plan_spec(CURVES, TASKS, 1e21, further={"tokens": 7.0}, limits=limits, prices=PRICES)
    problem = build_problem(CURVES, asked)
    assert [(each.unit, each.budget) for each in problem.further] == [("tokens", 7.0), ("money", np.inf)]
    assert [(row.resource, row.upper) for row in problem.rows] == [(2, 9.0), (1, 8.0)]


SHARED = made.one_model(CURVES)
POWER = made.power({"a": (0.5, 1e3, 0.2), "b": (0.4, 1e4, 0.3)})
REPEAT = made.repeat()
COMPUTE = {"further": {"flops": 1e22}}


@pytest.mark.parametrize(
    ("curves", "task_settings", "asked", "sentence"),
    [
        (CURVES, {}, {"budget": None}, "A plan needs a budget: give --budget NUMBER"),
        (CURVES, {}, {"freeze": ["poetry"]}, "--freeze poetry: the tasks are prose, code, maths"),
        (CURVES, {}, {"freeze": ["prose"]}, "its current spend is unknown; fill column 'current'"),
        (CURVES, {"current": np.array([0.0, 1.0, 1.0])}, {"freeze": ["prose"]}, "its current spend is unknown"),
        (SHARED, {"params": np.array([1e8, 1e9, 1e8])}, {"unit": "tokens"}, "column 'params' names several"),
        (CURVES, {}, {"unit": "tokens", "params": float("inf")}, "--params is inf; give a positive number"),
        (CURVES, {}, {"strategy": "shared"}, "cannot say what one shared model reaches"),
        (POWER, {}, {"params": 1e9}, "--params has no meaning for a law of flops alone"),
        (POWER, {}, {"unit": "tokens"}, "These curves read flops, so the budget is counted in it"),
        (CURVES, {}, {"further": {"x": 1.0}}, "--limit x: these curves are planned in flops, tokens, money"),
        (CURVES, {}, {"further": {"flops": 1.0}}, "--limit flops counts what --budget counts already"),
        (CURVES, {}, {"further": {"tokens": -1.0}}, "--limit tokens is -1; give a positive number"),
        (CURVES, {}, {"further": {"tokens": float("nan")}}, "--limit tokens is nan"),
        (CURVES, {}, {"limits": [Limit("a", np.ones(3), "x", upper=1.0)]}, "Limit 'a' counts x"),
        (SHARED, {"min": np.array([1e20, np.nan, np.nan])}, {}, "one shared model has one spend"),
        (CURVES, {}, {"objective": "targets"}, "counts targets: fill column 'target'"),
        (CURVES, {}, {"objective": "cheapest"}, "fill column 'target' of the tasks file for prose, code, maths"),
        (CURVES, {}, {"at_least": 2}, "--at-least is for --objective cheapest"),
        (CURVES, {"target": np.ones(3)}, {"objective": "cheapest", "at_least": 4}, "--at-least is 4; there are 3"),
        (CURVES, {"target": np.ones(3)}, {"objective": "cheapest", "at_least": 0}, "--at-least is 0"),
        (CURVES, {}, {"risk": "worst"}, "Risk 'worst' is unknown; choose point, mean, cvar, quantile"),
        (CURVES, {}, {"risk": "mean"}, "--risk mean needs draws: fit again with --draws 200"),
        (CURVES, {}, {"objective": "median"}, "Objective 'median' is unknown; choose mean, worst, targets, cheapest"),
        (CURVES, {}, {"measure": "beauty"}, "Measure 'beauty' is unknown; choose value, progress, score"),
        (CURVES, {}, {"strategy": "moe"}, "Strategy 'moe' is unknown; choose specialists, shared"),
        (CURVES, {}, {"measure": "score"}, "no link to a score: fit again with --loss-metric and --score-metric"),
        (CURVES, {}, {"measure": "progress"}, "fill column 'unserved' of the tasks file for prose, code, maths"),
        (CURVES, {"unserved": np.ones(3)}, {"measure": "progress"}, "unserved value of prose, maths is no worse"),
        (CURVES, {}, {"sizes": [1e8], "unit": "tokens", "params": 1e8}, "here it chooses none"),
        (POWER, {}, {"sizes": [1e8]}, "here it chooses none"),
        (CURVES, {}, {"sizes": [1e8, -1.0]}, "--sizes must be positive numbers"),
        (CURVES, {"checkpoint": np.full(3, 1e9)}, {}, "fill column 'checkpoint_params'"),
        (
            CURVES,
            {"checkpoint": np.full(3, 1e9), "checkpoint_params": np.full(3, 1e8)},
            {"unit": "tokens", "params": 1e9, "budget": 1e11},
            "The checkpoints of prose, code, maths have another size than --params",
        ),
        (REPEAT, {}, {}, "needs column 'unique_tokens' of the tasks file for every task"),
        (CURVES, {}, {"allow_unserved": True}, "fill column 'unserved' of the tasks file for prose, code, maths"),
        (SHARED, {"unserved": np.full(3, 9.0)}, {"allow_unserved": True}, "one shared model serves every task"),
        (CURVES, {}, {"sizes": [1e8], "further": {"tokens": 1e11}}, "it takes one budget with min and max"),
        (
            CURVES,
            {},
            {"sizes": [1e8], "limits": [Limit("a", np.ones(3), upper=1e21)]},
            "leave out --limit and --limits",
        ),
        (CURVES, {"weight": np.array([1.0, 0.0, 1.0])}, {}, "weight of code is 0; give a positive number"),
        (CURVES, {"weight": np.array([1.0, -2.0, 1.0])}, {}, "weight of code is -2; give a positive number"),
        (CURVES, {"weight": np.array([1.0, np.nan, 1.0])}, {}, "weight of code is nan; give a positive number"),
        (CURVES, {}, {"prices": PRICES}, "and nothing here is counted in money"),
    ],
)  # fmt: skip
def test_questions_that_do_not_fit_are_refused(curves, task_settings, asked, sentence):
    tasks = replace(default_tasks(curves.tasks), **task_settings)
    with pytest.raises(AllocationError, match=sentence):
        plan_spec(curves, tasks, **({"budget": 1e21} | asked))


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 2.0])
def test_levels_that_are_no_share_are_refused(level):
    curves = made.chinchilla(draws=5)
    with pytest.raises(AllocationError, match="it is a share of the draws"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", level=level)
    with pytest.raises(AllocationError, match="--risk cvar is for --objective mean"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", objective="worst")
    with pytest.raises(AllocationError, match="has no proven plan; use --risk mean or point"):
        plan_spec(curves, TASKS, 1e21, risk="cvar", sizes=[1e8])
    with pytest.raises(AllocationError, match="--risk mean is for --strategy specialists"):
        plan_spec(made.one_model(curves), TASKS, 1e21, risk="mean")


@pytest.mark.parametrize(
    ("numbers", "sentence"),
    [
        ((0.0, 1e15, 0.4), "--price is 0; give a positive number"),
        ((1.0, float("inf"), 0.4), "--peak is inf"),
        ((1.0, 1e15, float("nan")), "--mfu is nan"),
        ((1.0, 1e15, 1.5), "--mfu is 1.5; it is a share of the peak"),
    ],
)
def test_prices_that_are_none_are_refused(numbers, sentence):
    with pytest.raises(AllocationError, match=sentence):
        Prices(*numbers)


@pytest.mark.parametrize(
    ("curves", "cost", "asked", "sentence"),
    [
        (
            CURVES,
            np.full(3, np.nan),
            COMPUTE,
            "needs prices: fill column 'unit_cost' of the tasks file for prose, code",
        ),
        (CURVES, np.array([1.0, np.nan, 1.0]), COMPUTE, "fill column 'unit_cost' of the tasks file for code"),
        (CURVES, np.ones(3), {}, "pays for data alone, so that models of any size would cost the same"),
        (POWER, np.ones(2), {"prices": PRICES}, "these curves read FLOPs alone"),
        (made.power({"a": (0.5, 1e2, 0.2)}, scale="tokens"), np.ones(1), {"prices": PRICES}, "how many a run takes"),
        (SHARED, np.array([1.0, 2.0, 1.0]), COMPUTE, "The tasks have different unit_cost"),
    ],
)
def test_money_without_prices_is_refused(curves, cost, asked, sentence):
    tasks = replace(default_tasks(curves.tasks), unit_cost=cost)
    with pytest.raises(AllocationError, match=sentence):
        allocate(curves, plan_spec(curves, tasks, 1e5, unit="money", **asked), draws=False)


def test_every_unit_buys_the_same_in_every_order():
    """Two units as budget and further budget may change places: the optimum is one."""
    for first, second in itertools.permutations([("flops", 1e22), ("tokens", 1.5e11)]):
        # a budget of tokens needs sizes, which makes it another question; so money stands for tokens
        tasks = replace(TASKS, unit_cost=np.ones(3))
        unit = {"tokens": "money"}.get(first[0], first[0])
        further = {{"tokens": "money"}.get(second[0], second[0]): second[1]}
        plan = planned(first[1], tasks=tasks, unit=unit, further=further)
        np.testing.assert_allclose(plan.objective, planned(1e22, further={"tokens": 1.5e11}).objective, rtol=1e-8)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_tasks_that_the_limits_leave_nothing_are_those_whose_largest_amount_is_0(data):
    models = data.draw(st.integers(1, 4))
    whole = st.lists(st.integers(-2, 2), min_size=models, max_size=models)
    rows = tuple(
        LinearConstraint(
            f"row {number}", 0, np.array(data.draw(whole), dtype=float), float(data.draw(st.integers(-4, 4)))
        )
        for number in range(data.draw(st.integers(1, 4)))
    )
    unit = Posynomial(np.zeros(models), np.zeros((models, 1)), np.ones((models, 1, 1)))
    problem = Problem(unit, unit, 4.0, np.zeros(models), np.full(models, 4.0), (), rows,
                      tuple(f"task {each}" for each in range(models)))  # fmt: skip
    assume(is_feasible(problem))
    lines, right = [*(row.coefficient for row in rows), np.ones(models)], [*(row.upper for row in rows), 4.0]
    most = [-linprog(-np.eye(models)[v], lines, right, method="highs").fun for v in range(models)]
    empty = [name for name, amount in zip(problem.names, most, strict=True) if amount < 1e-7]
    if empty:
        with pytest.raises(InfeasibleError, match=f"leave nothing for {', '.join(empty)};"):
            refuse_nothing(problem, "flops")
    else:
        refuse_nothing(problem, "flops")
