"""Limits that cannot hold together are named, and no others."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from budget.allocation.convex.conflict import refuse_conflict, refuse_nothing
from budget.allocation.convex.problem import LinearConstraint, Problem, Resource
from budget.curves.planning_forms.posynomial import Posynomial
from budget.errors import InfeasibleError
from budget.tables.limits import Limit
from tests.allocation.convex.limited_plans import TASKS, planned

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
            refuse_nothing(problem)
    else:
        refuse_nothing(problem)
