"""The best partition into groups: closed forms, brute force, and what it is when there is none."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.allocation.spec.measures import measure_of
from budget.report.sentences.focus_answer import focus_answer
from budget.report.sentences.focus_sentences import focus_summary
from budget.studies.focus.focus import focus
from budget.studies.strategies import partition
from budget.studies.strategies.partition import GROUPS, blocks_of, exact_covers, partitions
from budget.studies.strategies.strategy_curves import SPECIALISTS, FittedStrategies, StrategyCurves
from budget.studies.strategies.strategy_plans import StrategyPlanner
from budget.tables.tasks import TaskSettings, default_tasks
from tests.made import chinchilla, one_model, power
from tests.simulate import Truth

BUDGETS = [1e20, 1e22]


def compared(alone, *shared, budgets=BUDGETS, tasks=None):
    """The comparison of specialists with shared models (strategy, curves)."""
    served = tuple(StrategyCurves(strategy, one_model(curves)) for strategy, curves in shared)
    names = alone.tasks
    return focus(FittedStrategies(StrategyCurves(SPECIALISTS, alone), served), tasks or default_tasks(names), budgets)


def groups_of(found, place=-1):
    """Groups in one of the cells of the largest set."""
    cell = found.of(max(found.sets, key=len))[place]
    return cell.plans[cell.place(GROUPS)], cell


def different(*numbers, draws=0, better=0.0):
    """Tasks of two scales that depend on their number alone."""
    truths = {}
    for number in numbers:
        random = np.random.default_rng(number)
        truths[f"t{number}"] = Truth(
            random.uniform(1.5, 2.0) - better, random.uniform(200, 500), random.uniform(0.3, 0.36),
            random.uniform(300, 600), random.uniform(0.26, 0.32),
        )  # fmt: skip
    return chinchilla(truths, draws=draws)


def test_exact_covers_are_all_partitions():
    tasks = tuple("abcd")
    blocks = [part for size in (1, 2, 3, 4) for part in combinations(tasks, size)]
    covers = exact_covers(blocks, tasks, 100)
    assert len({frozenset(cover) for cover in covers}) == len(covers) == 15  # Bell's number
    assert all(sorted(name for block in cover for name in blocks[block]) == list(tasks) for cover in covers)
    assert len(exact_covers(blocks, tasks, 7)) == 7
    assert exact_covers([("a", "b"), ("b", "c")], tuple("abc"), 9) == []


def test_two_free_pairs_halve_the_budget_between_them():
    """A pair whose model serves both tasks as well as one is two tasks for one: ``R ∝ (B/2)^-a`` instead of ``B/4``."""
    law, names = (1.5, 2e3, 0.15), ("t0", "t1", "t2", "t3")
    alone = power(dict.fromkeys(names, law))
    pairs = [("generalist", power(dict.fromkeys(pair, law))) for pair in (names[:2], names[2:])]
    whole = ("generalist", power(dict.fromkeys(names, (2.5, 2e3, 0.15))))
    found = compared(alone, *pairs, whole)
    for place, budget in enumerate(BUDGETS):
        entry, cell = groups_of(found, place)
        np.testing.assert_allclose(entry.spend, budget / 2, rtol=1e-8)
        np.testing.assert_allclose(entry.predicted - 1.5, 2e3 * (budget / 2) ** -0.15, rtol=1e-8)
        assert cell.best_strategy.strategy == GROUPS
        (best,) = [each for each in found.partitions if each.budget == budget]
        assert [tasks for _, tasks in best.blocks] == [names[:2], names[2:]] and best.complete and best.compared == 3
        assert 0 <= best.objective - best.bound <= 1e-8
        assert best.second > best.objective
    assert [each.tasks for each in found.partitions] == [names] * 2  # a pair has no parts but its specialists


def test_a_pair_and_a_specialist_share_by_their_common_price():
    """``w A a x^(-a-1)`` is one price: of a pair both weights count."""
    weight = np.array([2.0, 1.0, 4.0])
    alone = power({name: (1.0, 9.0, 0.25) for name in ("t0", "t1", "t2")})
    pair = power({name: (1.0, 9.0, 0.25) for name in ("t0", "t1")})
    whole = power({name: (3.0, 9.0, 0.25) for name in ("t0", "t1", "t2")})
    tasks = TaskSettings(alone.tasks, weight=weight)
    entry, cell = groups_of(compared(alone, ("moe", pair), ("moe", whole), budgets=[1e20], tasks=tasks))
    share = np.array([3.0, 4.0]) ** 0.8
    share /= share.sum()
    np.testing.assert_allclose(entry.spend, np.array([share[0], share[0], share[1]]) * 1e20, rtol=1e-8)
    np.testing.assert_allclose(entry.measure @ cell.weight, entry.predicted @ weight / 7, rtol=1e-12)


def test_the_partition_is_the_best_of_all_by_brute_force():
    """Every partition into pairs and single tasks, its budget split on a fine grid of shares."""
    alone = different(0, 1, 2)
    shared = [("generalist", different(*pair, better=0.1 * sum(pair) - 0.15)) for pair in ((0, 1), (0, 2), (1, 2))]
    whole = ("generalist", different(0, 1, 2, better=-1.0))
    found = compared(alone, *shared, whole, budgets=[1e21])
    entry, cell = groups_of(found)
    best = np.inf
    for _, pair in shared:
        (left,) = set(alone.tasks) - set(pair.tasks)
        one = alone.take(np.array([alone.tasks.index(left)]))
        for share in np.linspace(0.2, 0.9, 141):
            total = frontier(pair, share * 1e21).sum() + frontier(one, (1 - share) * 1e21).sum()
            best = min(best, total / 3)
    mine = float(entry.measure @ cell.weight)
    assert mine <= best + 1e-9 and mine == pytest.approx(best, rel=1e-4)
    (chosen,) = found.partitions
    assert chosen.objective == pytest.approx(mine, rel=1e-10) and chosen.objective - chosen.bound <= 1e-8
    assert chosen.blocks[0] == ("generalist", ("t1", "t2")) or chosen.blocks[1] == ("generalist", ("t1", "t2"))


def many_sets(tasks, sets, seed):
    """Planner and blocks of a file of many measured sets, some of which gain from sharing."""
    random = np.random.default_rng(seed)
    laws = {
        f"t{place}": (random.uniform(1, 2.5), random.uniform(200, 600), random.uniform(0.28, 0.38))
        for place in range(tasks)
    }
    alone = power(laws)
    shared = [("moe", power(laws))]
    for _ in range(sets):
        count = int(random.integers(2, min(6, tasks - 1) + 1))
        names = sorted(random.choice(list(laws), count, replace=False).tolist())
        better = count**0.3 * random.uniform(0.6, 1.05)
        shared.append(
            ("generalist", power({name: (laws[name][0], better * laws[name][1], laws[name][2]) for name in names}))
        )
    served = tuple(StrategyCurves(strategy, one_model(curves)) for strategy, curves in shared)
    strategies = FittedStrategies(StrategyCurves(SPECIALISTS, alone), served)
    weight = random.uniform(1, 3, tasks)
    tasks = TaskSettings(alone.tasks, weight=weight)
    planner = StrategyPlanner(strategies.specialists, tasks, measure_of(alone, tasks, "value"))
    return planner, blocks_of(strategies, alone.tasks)


@settings(max_examples=30, deadline=None)
@given(st.integers(4, 8), st.integers(3, 20), st.integers(0, 10**6), st.floats(17, 24))
def test_the_bound_leaves_out_no_partition_that_could_be_the_best(tasks, sets, seed, log_budget):
    """What is found without splitting the budget of every partition equals the best of all of them."""
    planner, blocks = many_sets(tasks, sets, seed)
    budgets = np.array([10**log_budget])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition, "MOST_PARTITIONS", 10**6)
        every = partitions(planner, blocks, budgets)
        patch.setattr(partition, "MOST_PARTITIONS", 2)
        some = partitions(planner, blocks, budgets)
    assert len(every) == len(some)
    for (_, all_of_them), (_, few) in zip(every, some, strict=True):
        assert few.objective <= all_of_them.objective * (1 + 1e-9)
        assert few.bound <= all_of_them.objective * (1 + 1e-12)
        assert few.objective - few.bound <= 1e-3 * few.objective
        assert not few.complete or few.objective - few.bound <= 1e-7 * few.objective


def test_thirty_tasks_with_a_hundred_measured_sets_are_proven():
    planner, blocks = many_sets(30, 100, 0)
    ((plan, found),) = partitions(planner, blocks, np.array([1e22]))
    assert found.complete and found.objective - found.bound <= 1e-8 * found.objective
    assert len(found.blocks) < 30 and plan.tasks == planner.served.tasks


def frontier(curves, flops):
    """Values of one model's tasks at the size that is best for their sum, by a fine search."""
    size = np.geomspace(1e6, 1e13, 20_000)
    logs = np.log(np.column_stack([size, flops / 6 / size]))
    values = np.array([curves.distance(np.full(len(size), task), logs) for task in range(len(curves.tasks))])
    return values[:, values.sum(axis=0).argmin()]


def test_strategies_of_other_costs_and_orders_join_in_one_plan():
    """A block's own cost law counts, its tasks may stand in another order, and draws are the blocks' own."""
    alone, pair = different(0, 1, 2, draws=9), different(2, 0, draws=9, better=0.2)
    routed = replace(pair, cost=replace(pair.cost, kappa=np.array([9.0])))
    whole = ("generalist", different(0, 1, 2, draws=9, better=-1.0))
    entry, cell = groups_of(compared(alone, ("moe", routed), whole))
    assert entry.tasks == alone.tasks and entry.spend[0] == entry.spend[2] != entry.spend[1]
    assert entry.spend[0] + entry.spend[1] == pytest.approx(cell.budget, rel=1e-12)
    np.testing.assert_allclose(9 * np.exp(entry.log_inputs[0]).prod(), entry.spend[0], rtol=1e-10)
    np.testing.assert_allclose(6 * np.exp(entry.log_inputs[1]).prod(), entry.spend[1], rtol=1e-10)
    assert entry.scenarios.shape == (9, 3)
    one = np.array([0])
    np.testing.assert_allclose(entry.scenarios[:, [2]], routed.distance_draws(one, entry.log_inputs[[2]]), rtol=1e-12)


def test_sets_without_parts_have_no_groups_and_those_that_cannot_be_made_up_say_so():
    alone = different(0, 1, 2)
    whole = ("generalist", different(0, 1, 2, better=-0.1))
    found = compared(alone, whole)
    assert not found.partitions and GROUPS not in set(found.table()["strategy"])
    strategies = FittedStrategies(
        None,
        tuple(
            StrategyCurves(strategy, one_model(different(*tasks)))
            for strategy, tasks in (("generalist", (0, 1, 2)), ("moe", (0, 1, 2)), ("moe", (0, 1)))
        ),
    )
    found = focus(strategies, default_tasks(alone.tasks), BUDGETS)
    assert not found.partitions and any(said.startswith("Groups on t0, t1, t2 are left out") for said in found.left_out)


def test_groups_of_the_files_own_are_models_like_any_other():
    """A strategy that the file calls so is told apart from the best partition, of which it may be a part."""
    alone, pair, whole = different(0, 1, 2), different(0, 1, better=1.0), different(0, 1, 2, better=0.5)
    own, other = (compared(alone, (name, pair), (name, whole)) for name in (GROUPS, "moe"))
    assert [each.strategy for each in own.comparisons[-1].plans] == [
        SPECIALISTS, "groups (measured)", "specialists, equal split", GROUPS
    ]  # fmt: skip
    assert own.partitions[-1].blocks[0][0] == "groups (measured)"
    for one, same in zip(own.comparisons, other.comparisons, strict=True):
        np.testing.assert_array_equal(one.objective, same.objective)
    assert focus_summary(own) == tuple(said.replace("moe", "groups (measured)") for said in focus_summary(other))
    assert focus_answer(own) == tuple(said.replace("moe", "groups (measured)") for said in focus_answer(other))


def test_groups_never_count_as_one_model_for_all():
    """The advantage of specialists, its trend and crossovers are against models of all tasks."""
    pair = ("generalist", different(0, 1, better=1.0))
    found = compared(different(0, 1, 2), pair, ("generalist", different(0, 1, 2, better=-0.5)))
    _, cell = groups_of(found)
    assert cell.best_strategy.strategy == GROUPS
    name, advantage, _ = cell.advantage
    assert name == "generalist" and advantage > 0


def test_serving_a_subset_counts_what_its_own_model_passes():
    """Focus is the better of some specialists and one measured model of some tasks, each with the whole budget."""
    pair = ("generalist", different(0, 1, better=1.0))
    whole = ("generalist", different(0, 1, 2, better=-1.0))
    with_pair, without = (
        compared(different(0, 1, 2), *shared, budgets=[1e21]).strictness[-1] for shared in ((pair, whole), (whole,))
    )
    assert without.share[-1] == with_pair.share[-1] == 1
    assert without.focused.tolist() == [3, 3, 3, 2, 1] and with_pair.focused.tolist() == [3, 3, 3, 2, 2]
