"""Selection under thresholds against closed forms, a game played in plain Python, and enumeration of focuses."""

import json
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import AllocationError
from budget.numerics.interval import share_interval
from budget.studies.checks.competition import NOBODY, compete
from budget.studies.checks.investing import best, equally
from budget.studies.checks.players import Players, every_pair, with_focus
from budget.studies.checks.selection import select
from budget.studies.focus.thresholds import at_spends, at_values, least_spend, most_tasks
from budget.tables.target_met import TARGET_SLACK
from tests.oracles import water_filling


def alike(task, spend):
    """``1/√x`` for every task."""
    return spend**-0.5


def varied(count, seed):
    random = np.random.default_rng(seed)
    coefficient, exponent = random.uniform(0.5, 2, count), random.uniform(0.2, 0.9, count)
    return lambda task, spend: coefficient[task] * spend ** -exponent[task]


def plain_game(value, budgets, focus, limit, order, needs, reinvest):
    """The same rules, one player and one task at a time, for equal splits."""
    players, count = focus.shape
    keeps, present = [set(np.flatnonzero(row)) for row in focus], set(range(players))
    while True:
        bids = {
            (player, task): float(value(np.array([task]), np.array([budgets[player] / len(keeps[player])]))[0])
            for player in present
            for task in keeps[player]
        }
        holder = {}
        for task in range(count):
            able = [
                p for p in present if (p, task) in bids and bids[p, task] <= limit[task] + TARGET_SLACK * limit[task]
            ]
            if able:
                holder[task] = min(able, key=lambda p: (bids[p, task], -order[p, task]))
        leaves = {p for p in present if sum(who == p for who in holder.values()) < needs}
        if leaves:
            present -= leaves
            continue
        given_up = {p: {t for t in keeps[p] if holder.get(t, p) != p} for p in present}
        if not reinvest or not any(given_up.values()):
            return holder, present
        for player, tasks in given_up.items():
            keeps[player] -= tasks


@pytest.mark.parametrize("count", [2, 3, 7, 10])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.001, 3.0])
def test_a_generalist_survives_a_specialist_up_to_an_equal_share(count, ratio):
    """The specialist takes its task at any threshold within its budget; the generalist holds the others or none."""
    budget = 5.0
    required = ratio * budget / count
    focus = np.zeros((2, count), dtype=bool)
    focus[0, 0], focus[1] = True, True
    found = select(
        alike, at_spends(alike, [required], count), with_focus([budget] * 2, focus), replications=1, split="equal"
    )
    assert found.survived[0, 0] == (required <= budget)
    assert found.survived[0, 1] == (required <= budget / count)
    assert found.held[0].tolist() == [int(required <= budget), (count - 1) * int(required <= budget / count)]
    np.testing.assert_allclose(found.vacant[0], 1 - found.held[0].sum() / count)


@pytest.mark.parametrize("required", [0.05, 0.1, 0.11, 0.2, 0.35, 0.5, 1.0, 1.1])
def test_without_rivals_breadth_survives_up_to_the_budget_over_the_required_spend(required):
    """Players on tasks of their own: whoever is broader than ``⌊B/s⌋`` is out."""
    breadths = np.arange(1, 11)
    count = int(breadths.sum())
    focus = np.repeat(np.arange(10), breadths) == np.arange(10)[:, None]
    found = select(alike, at_spends(alike, [required], count), with_focus([1.0] * 10, focus), replications=1)
    expected = int(1.0 / required + 1e-9)
    np.testing.assert_array_equal(found.survived[0], breadths <= expected)
    assert most_tasks(np.array(1.0), np.array(required), 10) == min(expected, 10)
    widest = found.widest()
    assert widest["breadth"].item() == min(expected, 10) and widest["alone"].item() == min(expected, count)


def test_two_generalists_of_any_overlap():
    """The narrower takes every task of the overlap; the broader keeps the rest, if its share reaches the threshold."""
    count, narrow, broad = 5, 2, 3
    for required, first, second in product([0.3, 0.4, 0.6], combinations(range(5), 2), combinations(range(5), 3)):
        focus = np.zeros((2, count), dtype=bool)
        focus[0, list(first)], focus[1, list(second)] = True, True
        found = select(alike, at_spends(alike, [required], count), with_focus([1.0, 1.0], focus), replications=1)
        overlap = len(set(first) & set(second))
        narrow_holds = narrow if required <= 1 / narrow else 0
        broad_holds = 0 if required > 1 / broad else broad - overlap
        assert found.held[0].tolist() == [narrow_holds, broad_holds]


def test_random_focuses_agree_with_their_enumeration():
    """Two specialists and one of breadth 2 over 4 tasks: the broad one is out if they take exactly its two, 1/8."""
    found = select(
        alike, at_spends(alike, [0.1], 4), Players(np.ones(3), np.array([1, 1, 2])), replications=4000, seed=3
    )
    cases = [len({a, b} - {0, 1}) > 0 or a == b for a, b in product(range(4), repeat=2)]
    exact = np.mean(cases)
    assert exact == 7 / 8
    assert abs(found.survived[0, 2] / 4000 - exact) < 4 * np.sqrt(exact * (1 - exact) / 4000)
    # the specialists meet on one task in a quarter of the games, and each of them loses half of these
    row = found.table().iloc[0]
    assert row["players"] == 2 and abs(row["share"] - 7 / 8) < 0.02


def test_every_set_of_a_breadth_is_equally_likely():
    focus = Players(np.ones(2), np.array([2, 3])).focuses(4, 6000, np.random.default_rng(0))
    assert (focus.sum(axis=2) == [2, 3]).all()
    counts = np.unique(focus[:, 0] @ (2 ** np.arange(4)), return_counts=True)[1]
    assert len(counts) == 6 and abs(counts / 6000 - 1 / 6).max() < 0.02


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 4), st.integers(1, 5), st.integers(1, 3), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_games_match_plain_python(players, count, needs, reinvest, same, seed):
    random = np.random.default_rng(seed)
    value = alike if same else varied(count, seed)
    budgets = np.ones(players) if same else random.uniform(0.5, 2, players)
    drawn = Players(budgets, random.integers(1, count + 1, players))
    focus = drawn.focuses(count, 3, random)
    order = random.random(focus.shape)
    limit = at_values(value, random.uniform(0.5, 4, (1, count)), count, 100.0)
    found = compete(equally(value, budgets), focus, limit, 0, order, needs=needs, reinvest=reinvest)
    for game in range(3):
        holder, present = plain_game(value, budgets, focus[game], limit.value[0], order[game], needs, reinvest)
        assert {task: who for task, who in enumerate(found.holder[game].tolist()) if who != NOBODY} == holder
        assert set(np.flatnonzero(found.present[game])) == present


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(1, 2), st.booleans(), st.integers(0, 10**6))
def test_invariants_of_a_game(players, count, needs, reinvest, seed):
    random = np.random.default_rng(seed)
    value, budgets = varied(count, seed), random.uniform(0.5, 2, players)
    focus = Players(budgets, random.integers(1, count + 1, players)).focuses(count, 20, random)
    limits = at_spends(value, [random.uniform(0.02, 1.0)], count)
    found = compete(
        equally(value, budgets), focus, limits, 0, random.random(focus.shape), needs=needs, reinvest=reinvest
    )
    game, task = np.nonzero(found.holder != NOBODY)
    who = found.holder[game, task]
    assert found.present[game, who].all() and focus[game, who, task].all()
    assert (found.value[game, who, task] <= limits.value[0][task] * (1 + TARGET_SLACK)).all()
    assert (found.held[found.present] >= needs).all() and (found.held[~found.present] == 0).all()
    assert found.held.sum() == len(game)  # one holder a task at most
    # nobody who is still there and reaches the threshold serves a held task better
    rivals = np.where(limits.reached(found.value, 0) & found.present[..., None], found.value, np.inf)
    assert (rivals[game, :, task].min(axis=1) >= found.value[game, who, task]).all()
    if needs == 1 and not reinvest:
        assert found.rounds <= 2


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.booleans(), st.integers(0, 10**6))
def test_a_stricter_threshold_never_adds_survivors(count, same, seed):
    """With needs 1 and fixed focuses, whatever the curves; alike tasks moreover lose their broadest players first."""
    random = np.random.default_rng(seed)
    value = alike if same else varied(count, seed)
    players = Players(np.ones(4), random.integers(1, count + 1, 4))
    spends = np.sort(random.uniform(0.05, 1.2, 6))
    found = select(value, at_spends(value, spends, count), players, replications=30, seed=seed)
    assert (np.diff(found.survived, axis=0) <= 0).all() and (np.diff(found.held, axis=0) <= 0).all()
    if same:
        over = players.breadth * spends[:, None] > 1 + 1e-9
        assert (found.survived[over] == 0).all()
        narrowest = players.breadth.argmin()
        if (players.breadth == players.breadth.min()).sum() == 1:  # it loses no task to anybody
            assert (found.survived[~over[:, narrowest], narrowest] == 30).all()


def test_what_leavers_held_passes_to_the_next_best():
    """Needing two tasks, the specialist leaves with its one, which the generalist then serves."""
    focus = np.array([[True, False, False], [True, True, True]])
    found = select(alike, at_spends(alike, [0.1], 3), with_focus([1.0, 1.0], focus), replications=1, needs=2)
    assert found.survived[0].tolist() == [0, 1] and found.held[0].tolist() == [0, 3]
    assert found.rounds[0] == 2 and found.vacant[0] == 0


def test_reinvesting_reaches_what_a_thin_share_did_not():
    """Task 2 takes half the budget; the generalist reaches it once it has left task 0 to the specialist."""
    focus = np.array([[True, False, False], [True, True, True]])
    thresholds = at_values(alike, [[5.0, 5.0, 2.0**0.5]], 3, 10.0)
    players = with_focus([1.0, 1.0], focus)
    still = select(alike, thresholds, players, replications=1)
    moved = select(alike, thresholds, players, replications=1, reinvest=True)
    assert still.held[0].tolist() == [1, 1] and moved.held[0].tolist() == [1, 2]


def test_equal_players_share_ties():
    found = select(alike, at_spends(alike, [0.5], 1), Players(np.ones(2), np.ones(2, dtype=int)), replications=2000)
    assert found.survived.sum() == 2000 and abs(found.survived[0, 0] / 2000 - 0.5) < 0.05


def test_more_budget_wins():
    found = select(alike, at_spends(alike, [0.5], 3), every_pair([1.0, 2.0], [3]), replications=10)
    table = found.table()
    assert table["budget"].tolist() == [1.0, 2.0] and table["share"].tolist() == [0.0, 1.0]


def test_best_split_is_water_filling():
    count, budget = 6, 3.0
    random = np.random.default_rng(5)
    coefficient, exponent = random.uniform(0.5, 2, count), random.uniform(0.2, 0.9, count)

    def value(task, spend):
        return coefficient[task] * spend ** -exponent[task]

    keeps = np.array([[[True] * 6, [True, True, False, False, True, False]]])
    reached = best(value, np.full(2, budget))(keeps)[0]
    for player, keep in enumerate(keeps[0]):
        _, exact = water_filling.split(np.ones(keep.sum()), coefficient[keep], exponent[keep], budget)
        np.testing.assert_allclose(reached[player, keep].sum(), exact, rtol=1e-6)
        assert np.isinf(reached[player, ~keep]).all()
    equal = equally(value, np.full(2, budget))(keeps)[0]
    assert reached[0].sum() < equal[0].sum()


def test_best_split_may_give_a_task_nothing_and_then_holds_it_not():
    def value(task, spend):
        return 1 / (1 + (spend / 2) ** 4)

    thresholds = at_values(value, [0.9, 0.99], 3, 10.0)
    players = with_focus([2.0, 2.0], np.array([[True, True, True], [True, True, True]]))
    thin = select(value, thresholds, players, replications=5)
    focused = select(value, thresholds, players, replications=5, split="best", unserved=np.ones(3))
    assert thin.survived[0].sum() == 0 and thin.survived[1].sum() > 0
    assert focused.survived[0].sum() == 5 and focused.held[0].sum() == 5


def test_thresholds_as_values_and_as_spends_are_one():
    value = varied(4, 1)
    by_spend = at_spends(value, np.array([0.1, 1.0, 7.0]), 4)
    by_value = at_values(value, by_spend.value, 4, 100.0)
    np.testing.assert_allclose(by_value.spend, by_spend.spend, rtol=1e-12)
    np.testing.assert_allclose(by_value.level, by_spend.value.mean(axis=1))
    assert np.isinf(at_values(value, [1e-9], 4, 100.0).spend).all()
    assert at_values(alike, [0.5], 2, 100.0).required == pytest.approx(4.0)


@settings(max_examples=40, deadline=None)
@given(turn=st.floats(1.0, 6.0), rise=st.floats(0.01, 0.5), served=st.floats(0.05, 0.95))
def test_a_value_that_turns_far_out_is_reached_where_it_still_fell(turn, rise, served):
    """Told values may rise beyond where the runs say anything: the least spend is still where they fall so far."""

    def value(task, spend):
        log = np.log10(spend)
        return np.where(log < turn, -log, -turn + rise * (log - turn))

    spend = least_spend(value, np.zeros(1, dtype=int), np.array([-served * turn]), 1e12)
    assert spend[0] == pytest.approx(10 ** (served * turn), rel=1e-9)
    assert np.isinf(least_spend(value, np.zeros(1, dtype=int), np.array([-turn - 0.01]), 1e12)).all()


def test_wilson_interval_and_its_coverage():
    low, high = share_interval(np.array([0.0, 0.5, 1.0]), 100)
    assert low[0] == 0 and high[2] == 1 and high[0] > 0 and low[2] < 1
    # its ends are the shares from which the seen one lies 1.28 standard errors off
    for end in (low[1], high[1]):
        np.testing.assert_allclose(abs(0.5 - end) / np.sqrt(end * (1 - end) / 100), 1.2815515655, rtol=1e-9)


def test_table_record_and_seed():
    value = varied(6, 2)
    thresholds = at_spends(value, [0.05, 0.2, 9.0], 6)
    found = select(value, thresholds, every_pair([1.0, 2.0], [1, 3, 6]), replications=20, seed=4)
    table = found.table()
    assert list(table.columns) == [
        "threshold", "required_spend", "budget", "breadth", "players", "survived", "share", "low", "high", "tasks_held",
    ]  # fmt: skip
    assert len(table) == 3 * 2 * 3 and table["threshold"].is_monotonic_increasing
    assert ((table["low"] <= table["share"]) & (table["share"] <= table["high"])).all()
    assert table["breadth"].tolist() == [1, 3, 6] * 6
    held = (table["tasks_held"] * table["players"]).groupby(table["threshold"]).sum()
    np.testing.assert_allclose(held, 6 * (1 - found.vacant))
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert record["stated"] == "spend" and len(record["rows"]) == 18 and len(record["widest"]) == 6
    again = select(value, thresholds, every_pair([1.0, 2.0], [1, 3, 6]), replications=20, seed=4)
    np.testing.assert_array_equal(again.held, found.held)
    assert list(found.widest()["breadth"])[-2:] == [0, 0]
    beyond = select(value, at_values(value, [1e-9], 6, 10.0), every_pair([1.0], [1, 2]), replications=2)
    assert json.loads(json.dumps(beyond.record(), allow_nan=False))["rows"][0]["required_spend"] is None


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Players(np.ones(1), np.ones(1, dtype=int)), "1 player has nobody to compete with; give at least two"),
        (lambda: Players(np.ones(2), np.ones(3, dtype=int)), "2 budgets and 3 breadths; give one of each"),
        (lambda: Players(np.array([1.0, -2.0]), np.ones(2, dtype=int)), "Player 1 has a budget of -2; give a positive"),
        (lambda: Players(np.ones(2), np.array([1, 0])), "Player 1 has a breadth of 0; give at least one"),
        (lambda: at_spends(alike, [], 2), "There is no threshold; give at least one"),
        (lambda: at_values(alike, [], 2, 1.0), "There is no threshold; give at least one"),
        (lambda: at_values(alike, [np.nan], 2, 1.0), "not a finite number; give the value"),
        (lambda: at_spends(alike, [-1.0], 2), "not a positive number; give positive ones"),
        (lambda: at_spends(alike, [[1.0, 2.0, 3.0]], 2), "3 columns for 2 tasks; give one for each"),
        (lambda: play(players=every_pair([1.0], [1, 3])), "breadth of 3 with 2 tasks; give at most 2"),
        (lambda: play(players=with_focus([1.0, 1.0], np.ones((2, 3)))), "A focus has 3 tasks of 2; give one cell"),
        (lambda: play(replications=0), "replications is 0; give at least 1"),
        (lambda: play(needs=0), "needs is 0; give at least 1"),
        (lambda: play(split="half"), "The split 'half' is not known; choose one of equal, best"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(AllocationError, match=says):
        make()


def play(players=None, **options):
    return select(alike, at_spends(alike, [0.1], 2), players or every_pair([1.0], [1, 2]), **options)
