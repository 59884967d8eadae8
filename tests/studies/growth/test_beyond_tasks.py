"""More tasks than are given: closed forms for copies, the plan of fewer on a smaller budget, and what draws say."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.solve import allocate
from budget.errors import AllocationError
from budget.report.sentences.growth_sentences import doubled_sentence, growth_summary
from budget.studies.growth.beyond_tasks import FARTHEST, beyond_tasks, if_doubled, why_not_beyond
from budget.studies.growth.growth import grow
from budget.studies.growth.population import CONCENTRATION_LESS, Population
from budget.studies.growth.set_sizes import set_sizes
from budget.tables.tasks import TaskSettings
from tests.made import curves_of, power
from tests.studies.made_sets import BUDGET, different, identical, identical_of_one_scale, subsets_of

FLOOR, A, EXPONENT = 1.0, 3e4, 0.27
"""Of ``identical_of_one_scale``."""


def copies(count, target=1.12, unserved=1.3, budget=BUDGET):
    return subsets_of(
        identical_of_one_scale(count), budget, target=np.full(count, target), unserved=np.full(count, unserved)
    )


@pytest.mark.parametrize("count", [5, 8])
def test_copies_of_one_power_law_are_those_of_its_closed_form(count):
    found = beyond_tasks(copies(count), (2 * count, 7 * count, 100 * count))
    value = FLOOR + A * (BUDGET / found.counts) ** -EXPONENT
    np.testing.assert_allclose(found.spend, BUDGET / found.counts, rtol=1e-12)
    np.testing.assert_allclose([found.value, found.low, found.high], [value] * 3, rtol=1e-9)
    # 1.12 = 1 + A (B/K)^-a
    falls = BUDGET * (0.12 / A) ** (1 / EXPONENT)
    np.testing.assert_allclose(found.falls_at.point, falls, rtol=1e-9)
    # half of 1.3 − value(T) is left where value(K) = (1.3 + value(T))/2
    halves = BUDGET * (((1.3 + value[0]) / 2 - FLOOR) / A) ** (1 / EXPONENT)
    np.testing.assert_allclose(found.halves_at.point, halves, rtol=1e-9)
    np.testing.assert_allclose([found.exponent, found.exponent_low, found.exponent_high], EXPONENT, rtol=1e-9)
    np.testing.assert_allclose(found.worth, (1.3 - value) / (1.3 - value[0]), rtol=1e-9)
    np.testing.assert_array_equal(found.targets, value <= 1.12)


def test_copies_of_two_scales_decline_along_their_frontier():
    found = beyond_tasks(subsets_of(identical(6)))
    np.testing.assert_allclose(found.exponent, 0.34 * 0.28 / (0.34 + 0.28), rtol=1e-8)
    assert found.counts[0] == 6 and found.counts[-1] == 6 * FARTHEST and found.falls_at is None
    assert found.halves_at is None and np.isnan(found.worth).all()


@pytest.mark.parametrize("times", [2, 5])
def test_equal_parts_of_the_given_tasks_are_their_plan_on_a_smaller_budget(times):
    curves, weight = different(5, seed=3), np.array([1.0, 2.0, 1.0, 3.0, 1.0])
    found = beyond_tasks(subsets_of(curves, weight=weight, target=np.full(5, 2.6)), (5 * times,))
    smaller = subsets_of(curves, BUDGET / times, weight=weight, target=np.full(5, 2.6))
    plan = allocate(curves, smaller.spec, draws=False)
    np.testing.assert_allclose(found.value[1], plan.objective, rtol=1e-7)
    assert found.targets[1] == np.mean(plan.target_met)
    # two copies of a task are two tasks: one plan of them all says the same
    doubled = curves.take(np.tile(np.arange(5), 2))
    doubled = replace(doubled, tasks=tuple(f"{name}{place}" for place, name in enumerate(doubled.tasks)))
    every = subsets_of(doubled, weight=np.tile(weight, 2))
    twice = beyond_tasks(subsets_of(curves, weight=weight), (10,))
    np.testing.assert_allclose(twice.value[1], every.objective(every.of(np.arange(10)[None]))[0], rtol=1e-9)


def test_with_the_given_tasks_the_interval_is_that_of_their_draws():
    subsets = subsets_of(different(6, draws=40), target=np.full(6, 2.5))
    sizes, found = set_sizes(subsets, np.arange(6)[None]), beyond_tasks(subsets)
    for mine, theirs in (("value", "objective"), ("low", "objective_low"), ("high", "objective_high")):
        np.testing.assert_allclose(getattr(found, mine)[0], getattr(sizes, theirs)[-1], rtol=1e-9)
    assert found.targets[0] == sizes.targets_met[-1] / 6


def test_tasks_that_join_stay_and_shares_have_the_variance_of_students_t():
    population = Population(subsets_of(different(8)))
    counts = np.array([8, 20, 100_000])
    drawn = np.concatenate([population.drawn(counts, seed) for seed in range(60)])
    np.testing.assert_array_equal(drawn.sum(axis=2), np.tile(counts, (len(drawn), 1)))
    assert (drawn[:, 0] == 1).all() and (np.diff(drawn, axis=1) >= 0).all()
    values = np.arange(8.0)
    means = drawn[:, -1] @ values / counts[-1]
    spread = ((values - values.mean()) ** 2).sum() / (8 * (8 + 1 - CONCENTRATION_LESS))
    np.testing.assert_allclose(means.var(), spread, rtol=0.05)


@given(order=st.permutations(range(6)), budget=st.sampled_from([1e19, 1e21, 1e23]))
@settings(max_examples=8, deadline=None)
def test_where_tasks_stand_in_the_file_says_nothing(order, budget):
    curves, target = different(6, seed=1, draws=12), np.linspace(2.0, 3.0, 6)
    found = beyond_tasks(subsets_of(curves, budget, target=target), (12, 40))
    moved = beyond_tasks(subsets_of(curves.take(np.array(order)), budget, target=target[list(order)]), (12, 40))
    for name in ("value", "low", "high", "targets", "targets_high"):
        np.testing.assert_allclose(getattr(found, name), getattr(moved, name), rtol=1e-8)


@given(more=st.floats(1.5, 100.0), seed=st.integers(0, 20))
@settings(max_examples=8, deadline=None)
def test_a_larger_budget_serves_more_tasks(more, seed):
    curves, target = different(5, seed=seed, draws=12), np.full(5, 2.7)
    small, large = (beyond_tasks(subsets_of(curves, BUDGET * by, target=target)) for by in (1, more))
    for end in ("point", "low", "high"):
        assert getattr(large.falls_at, end) >= getattr(small.falls_at, end)
    assert (large.value < small.value).all() and (np.diff(large.value) > 0).all()
    # each budget's share of K tasks is the other's of K·more: worth and powers are those of shares
    np.testing.assert_allclose(large.spend, more * small.spend, rtol=1e-12)


def test_scores_of_several_metrics_are_read_in_the_readers_direction():
    curves = replace(different(5, draws=20), higher_is_better=np.ones(5, dtype=bool), ceiling=np.full(5, 10.0))
    found = beyond_tasks(subsets_of(curves, target=np.full(5, 7.5)))
    assert (np.diff(found.value) < 0).all() and (found.low <= found.high).all()
    # a score of 7.5 of 10 is a distance of 2.5
    mirrored = beyond_tasks(subsets_of(different(5, draws=20), target=np.full(5, 2.5)))
    np.testing.assert_allclose(found.falls_at.point, mirrored.falls_at.point, rtol=1e-9)


def test_a_task_whose_curve_failed_has_no_more_than_its_share_by_weight():
    curves = different(5)
    counts = np.array([5.0, 20.0])

    def spends(held):
        subsets = subsets_of(curves)
        population = Population(replace(subsets, spec=replace(subsets.spec, held=held)))
        spend, _ = population._plans(population.equal_parts(counts))
        np.testing.assert_allclose(spend.sum(axis=2), BUDGET, rtol=1e-9)
        return spend[0]

    free = spends(())
    rich, poor = curves.tasks[int(free[0].argmax())], curves.tasks[int(free[0].argmin())]
    at = curves.tasks.index(rich)
    assert (free[:, at] > BUDGET / 5).all()
    np.testing.assert_allclose(spends((rich,))[:, at], BUDGET / 5, rtol=1e-12)
    np.testing.assert_allclose(spends((poor,)), free, rtol=1e-6)
    np.testing.assert_allclose(spends(curves.tasks), BUDGET / 5, rtol=1e-12)


def test_minima_end_what_the_budget_serves():
    subsets = subsets_of(different(5), min=np.full(5, BUDGET / 20))
    found = beyond_tasks(subsets)
    assert found.counts[-1] <= 20 and np.isfinite(found.value).all()
    with pytest.raises(
        AllocationError, match="The minima of 21 tasks like these exceed the budget; it serves up to 20"
    ):
        beyond_tasks(subsets, (21,))
    uneven = subsets_of(different(5), min=np.array([BUDGET / 8, 0, 0, 0, 0]), target=np.full(5, 2.5))
    # where more than seven tasks happen to be of the first kind, nothing can be planned: below its target it counts
    found = beyond_tasks(uneven, (35,))
    drawn = Population(uneven).reached(Population(uneven).drawn(np.array([5, 35]), 0), in_draws=True)
    assert np.isnan(drawn.value[:, 1]).any() and np.isneginf(drawn.slack[:, 1]).any()
    assert np.isfinite(found.falls_at.low)


@pytest.mark.parametrize(
    ("subsets", "words"),
    [
        (subsets_of(different(4)), "more tasks than the 4 given nothing is said: it takes 5"),
        (subsets_of(different(5), min=np.full(5, BUDGET / 5)), "the minima of these take the whole budget"),
        (
            subsets_of(curves_of("bnsl", ("flops",), {f"t{i}": (1.0, 3e4, 0.27, 0.1, 1e20, 0.5) for i in range(5)},
                                 reference=(1e19,))),
            "no single price divides a budget",
        ),
    ],
)  # fmt: skip
def test_what_tells_no_population_is_refused_in_a_sentence(subsets, words):
    assert words in why_not_beyond(subsets)
    with pytest.raises(AllocationError, match=words):
        beyond_tasks(subsets)


def test_numbers_that_are_not_beyond_are_refused():
    with pytest.raises(AllocationError, match="5 is no more than the 5 tasks given"):
        beyond_tasks(subsets_of(different(5)), (5, 9))


def summary(curves, **task_settings):
    names = curves.tasks
    growth = grow(curves, TaskSettings(names, **task_settings), BUDGET, beyond=())
    return next(said for said in growth_summary(growth) if "Beyond" in said or "more tasks than" in said)


def test_what_is_said_of_more_tasks():
    target, unserved = np.full(6, 1.12), np.full(6, 1.3)
    said = summary(identical_of_one_scale(6, draws=20), target=target, unserved=unserved)
    assert "Beyond the 6 tasks given, if others are drawn as these were: the average task misses" in said
    assert "its target from 10 on (80 % interval" in said
    assert "with 60 a task's share is worth 54.2 % (80 % interval" in said and "to the power 0.270" in said
    assert "This rests on exchangeable tasks" in said
    low = summary(identical_of_one_scale(6), target=target - 0.1)
    assert "the average task misses its target with these already; what is left" in low
    high = summary(identical_of_one_scale(6), target=target + 1)
    assert "the average task keeps its target with 60, the most looked at; what is left" in high
    few = summary(power({"a": (1.0, 3e4, 0.27), "b": (1.0, 3e4, 0.2)}))
    assert few == "Of more tasks than the 2 given nothing is said: it takes 5 to tell how tasks like them differ."


def test_twice_the_tasks_in_a_sentence():
    found = if_doubled(copies(6))
    once, twice = (FLOOR + A * (BUDGET / count) ** -EXPONENT for count in (6, 12))
    worth = f"{100 * (1.3 - twice) / (1.3 - once):.1f} %"
    assert doubled_sentence(found) == (
        "With 12 tasks instead of 6, the others as hard as these are among themselves, a task's share would be worth "
        f"{worth} (80 % interval {worth}) of what it is now."
    )
    nothing = doubled_sentence(if_doubled(subsets_of(different(6, draws=40))))
    assert "the average task would end at" in nothing and "80 % interval" in nothing and "and not at" in nothing
    assert if_doubled(subsets_of(different(4))) is None
    assert if_doubled(subsets_of(different(6), min=np.full(6, BUDGET / 8))) is None


def test_small_shares_say_that_they_rest_on_no_run():
    curves = identical_of_one_scale(6)
    smallest = {"flops": np.full(6, BUDGET / 30)}
    assert "From 30 tasks on the average share is smaller than most" in summary(replace(curves, smallest=smallest))
    assert "smallest run" not in summary(replace(curves, smallest={"flops": np.full(6, 1.0)}))
