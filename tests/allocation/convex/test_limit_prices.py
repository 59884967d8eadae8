"""What limits cost, and what is said to bind: prices against finite differences."""

from dataclasses import replace

import numpy as np
import pytest

from budget.tables.limits import Limit
from tests.allocation.convex.limited_plans import LIMITED, TASKS, planned

NOTHING = np.full(3, np.nan)


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
