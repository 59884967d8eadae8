"""Spends over draws against a closed form: what no spend meets is infinite, and is counted."""

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.convex.certificate import cheapest_bound
from budget.allocation.convex.problem import build_problem
from budget.allocation.convex.shadow_prices import Duals
from budget.allocation.convex.solve_by_program import solve_by_program
from budget.allocation.solve import allocate
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import InfeasibleError
from budget.tables.files.text import json_text
from budget.tables.tasks import default_tasks
from tests import made

TARGET = 0.8
NATURAL = {"a": (0.5, 3e3, 0.2), "b": (0.6, 5e3, 0.25)}


def with_floors(floors):
    """Task a has these floors in the draws, all else being the point fit's; b has the same draws in every scenario."""
    curves = made.power(NATURAL, draws=len(floors), spread=0.0)
    curves.draws[:, 0, 0] = floors
    return curves


def needed(floor):
    """``(A/(target − E))^(1/a)``, infinite from the target on."""
    above = TARGET - np.asarray(floor, dtype=float)
    return np.where(above > 0, (3e3 / np.where(above > 0, above, 1.0)) ** 5.0, np.inf)


def cheapest(curves, **asked):
    tasks = replace(default_tasks(curves.tasks), target=np.full(len(curves.tasks), TARGET))
    return allocate(curves, plan_spec(curves, tasks, None, objective="cheapest", **asked))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.1, 0.79), min_size=9, max_size=38),  # of more than 50 draws --at-least plans some only
    st.integers(0, 12),
    st.sampled_from([{}, {"at_least": 2}]),
    st.randoms(use_true_random=False),
)
def test_the_range_counts_draws_that_no_spend_meets_as_infinite(floors, lost, asked, random):
    every = [*floors, *[0.8 + 0.1 * position for position in range(lost)]]
    random.shuffle(every)
    plan = cheapest(with_floors(every), **asked)
    count = len(every)
    ordered = np.sort(needed(every))
    # the high end lies between the k-th and the next draw, k = 0.9·(B + 1) rounded down: infinite with either of them
    place = Fraction(9, 10) * (count + 1)
    beyond = ordered[min(-(-place.numerator // place.denominator), count) - 1]
    assert np.isinf(plan.spend_high[0]) == np.isinf(beyond) == (lost > count - place)
    if not lost:
        ends = np.percentile(needed(every), (10, 90), method="weibull")
        np.testing.assert_allclose((plan.spend_low[0], plan.spend_high[0]), ends, rtol=1e-6)
    np.testing.assert_allclose(plan.spend_low[0], interval_low(ordered), rtol=1e-6)
    # the other task's range is its own
    np.testing.assert_allclose((plan.spend_low[1], plan.spend_high[1]), plan.spend[1], rtol=1e-6)
    assert plan.failed_draws == 0
    said = [note for note in plan.notes if "no spend meets the target of 'a'" in note]
    assert len(said) == (lost > 0)
    if lost:
        assert said[0].startswith(f"In {lost} of {count} draws ")
        assert ("no upper end" in said[0]) == np.isinf(plan.spend_high[0])
    record = json.loads(json_text(plan.record()))
    assert (record["tasks"][0]["spend_high"] is None) == np.isinf(plan.spend_high[0])


def interval_low(ordered):
    place = Fraction(1, 10) * (len(ordered) + 1)
    first, share = place.numerator // place.denominator, float(place % 1)
    return ordered[first - 1] * (1 - share) + (ordered[first] * share if share else 0.0)


@pytest.mark.parametrize("distance", [0.0, -1e-300, 1e-17, 5e-324, 1e-12, 1e-9])
def test_a_floor_a_rounding_from_the_target_is_no_linear_algebra_error(distance):
    """A draw whose target takes more than any number can say counts as infinite, and one just short of it as it is."""
    plan = cheapest(with_floors([0.5] * 17 + [TARGET - distance] * 3))
    assert plan.failed_draws == 0 and (plan.spend_high[0] == np.inf or plan.spend_high[0] > 1e40)
    assert np.isfinite(plan.spend_low).all()


def test_limits_do_not_make_a_draw_cheap():
    """Draws that need more than a maximum or the budget count as what they need, not as nothing."""
    floors = np.linspace(0.4, 0.7, 19)
    free = cheapest(with_floors(floors))
    curves = with_floors(floors)
    tasks = replace(default_tasks(curves.tasks), target=np.full(2, TARGET), max=np.array([1.5 * free.spend[0], np.nan]))
    held = allocate(curves, plan_spec(curves, tasks, None, objective="cheapest"))
    np.testing.assert_allclose(held.spend_high, free.spend_high, rtol=1e-9)
    within = allocate(
        curves, plan_spec(curves, replace(tasks, max=np.full(2, np.nan)), 1.2 * free.total, objective="cheapest")
    )
    np.testing.assert_allclose(within.spend_high, free.spend_high, rtol=1e-9)


def test_one_model_for_all_needs_an_infinite_spend_where_one_target_does():
    curves = made.one_model(made.chinchilla(draws=19, spread=0.0))
    tasks = replace(default_tasks(curves.tasks), target=np.array([2.5, 1.6, 2.3]))
    spec = plan_spec(curves, tasks, None, objective="cheapest")
    finite = allocate(curves, spec)
    np.testing.assert_allclose(finite.spend_high, finite.spend, rtol=1e-5)
    curves.draws[:4, 2, 0] = 2.3
    plan = allocate(curves, spec)
    assert np.isinf(plan.spend_high).all() and np.isfinite(plan.spend_low).all() and plan.failed_draws == 0
    json_text(plan.record())


def test_a_point_fit_beyond_any_spend_is_one_sentence():
    curves = made.power({"a": (TARGET, 3e3, 0.2)}, draws=0)
    with pytest.raises(InfeasibleError, match="The target of a lies beyond what the fitted curve reaches"):
        cheapest(curves)


@pytest.mark.parametrize("broken", [np.nan, np.inf, 0.0])
def test_a_bound_from_a_price_that_is_no_number_is_no_linear_algebra_error(broken):
    """0 bounds what terms without numbers add: the bound of the rest stays a bound."""
    curves = made.power(NATURAL)
    tasks = replace(default_tasks(curves.tasks), target=np.full(2, TARGET))
    problem = build_problem(curves, plan_spec(curves, tasks, None, objective="cheapest"))
    best = solve_by_program(problem, "cheapest")
    limits = Duals(np.ones(1), np.zeros(2), np.zeros(2), np.zeros(0))
    bound = cheapest_bound(problem, best.u, np.array([1 / best.certificate.marginal[0], broken]), limits)
    assert not bound > best.spend.sum() * (1 + 1e-9)
