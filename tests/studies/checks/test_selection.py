"""Selection under thresholds against closed forms, a game played in plain Python, and enumeration of focuses."""

import json
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import AllocationError
from budget.studies.checks.competition import NOBODY, compete, divide_equally
from budget.studies.checks.players import Players, every_pair
from budget.studies.checks.selection import select
from budget.studies.focus.thresholds import Thresholds, at_spends, least_spend, most_tasks
from budget.tables.target_met import TARGET_SLACK


def alike(task, spend):
    """``1/√x`` for every task."""
    return spend**-0.5


def varied(count, seed):
    random = np.random.default_rng(seed)
    coefficient, exponent = random.uniform(0.5, 2, count), random.uniform(0.2, 0.9, count)
    return lambda task, spend: coefficient[task] * spend ** -exponent[task]


def plain_game(value, budgets, focus, limit, order):
    """The same rules, one player and one task at a time."""
    holder = {}
    for task in range(focus.shape[1]):
        bids = {
            player: float(value(np.array([task]), np.array([budgets[player] / focus[player].sum()]))[0])
            for player in np.flatnonzero(focus[:, task]).tolist()
        }
        able = [player for player, bid in bids.items() if bid <= limit[task] + TARGET_SLACK * limit[task]]
        if able:
            holder[task] = min(able, key=lambda player: (bids[player], -order[player, task]))
    return holder


def one_game(budgets, focus, required):
    """A game of players with these focuses (P, T) over alike tasks that are served by ``required``."""
    focus = np.asarray(focus, dtype=bool)[None]
    limits = at_spends(alike, [required], focus.shape[2])
    return compete(divide_equally(alike, np.asarray(budgets, dtype=float), focus), limits, 0, np.zeros(focus.shape))


@pytest.mark.parametrize("count", [2, 3, 7, 10])
@pytest.mark.parametrize("ratio", [0.5, 1.0, 1.001, 3.0])
def test_a_generalist_survives_a_specialist_up_to_an_equal_share(count, ratio):
    """The specialist takes its task at any threshold within its budget; the generalist holds the others or none."""
    budget = 5.0
    required = ratio * budget / count
    focus = np.zeros((2, count), dtype=bool)
    focus[0, 0], focus[1] = True, True
    found = one_game([budget] * 2, focus, required)
    assert found.present[0].tolist() == [required <= budget, required <= budget / count]
    assert found.held[0].tolist() == [int(required <= budget), (count - 1) * int(required <= budget / count)]
    assert (found.holder == NOBODY).sum() == count - found.held.sum()


@pytest.mark.parametrize("required", [0.05, 0.1, 0.11, 0.2, 0.35, 0.5, 1.0, 1.1])
def test_without_rivals_breadth_survives_up_to_the_budget_over_the_required_spend(required):
    """Players on tasks of their own: whoever is broader than ``⌊B/s⌋`` is out."""
    breadths = np.arange(1, 11)
    count = int(breadths.sum())
    focus = np.repeat(np.arange(10), breadths) == np.arange(10)[:, None]
    expected = int(1.0 / required + 1e-9)
    np.testing.assert_array_equal(one_game([1.0] * 10, focus, required).present[0], breadths <= expected)
    assert most_tasks(np.array(1.0), np.array(required), 10) == min(expected, 10)
    assert most_tasks(np.array(1.0), np.array(required), count) == min(expected, count)


def test_two_generalists_of_any_overlap():
    """The narrower takes every task of the overlap; the broader keeps the rest, if its share reaches the threshold."""
    count, narrow, broad = 5, 2, 3
    for required, first, second in product([0.3, 0.4, 0.6], combinations(range(5), 2), combinations(range(5), 3)):
        focus = np.zeros((2, count), dtype=bool)
        focus[0, list(first)], focus[1, list(second)] = True, True
        found = one_game([1.0, 1.0], focus, required)
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
@given(st.integers(2, 4), st.integers(1, 5), st.booleans(), st.integers(0, 10**6))
def test_games_match_plain_python(players, count, same, seed):
    random = np.random.default_rng(seed)
    value = alike if same else varied(count, seed)
    budgets = np.ones(players) if same else random.uniform(0.5, 2, players)
    drawn = Players(budgets, random.integers(1, count + 1, players))
    focus = drawn.focuses(count, 3, random)
    order = random.random(focus.shape)
    limit = Thresholds(np.full(1, np.nan), random.uniform(0.5, 4, (1, count)))
    found = compete(divide_equally(value, budgets, focus), limit, 0, order)
    for game in range(3):
        holder = plain_game(value, budgets, focus[game], limit.value[0], order[game])
        assert {task: who for task, who in enumerate(found.holder[game].tolist()) if who != NOBODY} == holder
        assert set(np.flatnonzero(found.present[game])) == set(holder.values())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(1, 8), st.integers(0, 10**6))
def test_invariants_of_a_game(players, count, seed):
    random = np.random.default_rng(seed)
    value, budgets = varied(count, seed), random.uniform(0.5, 2, players)
    focus = Players(budgets, random.integers(1, count + 1, players)).focuses(count, 20, random)
    limits = at_spends(value, [random.uniform(0.02, 1.0)], count)
    reached = divide_equally(value, budgets, focus)
    assert np.isinf(reached[~focus]).all() and np.isfinite(reached[focus]).all()
    found = compete(reached, limits, 0, random.random(focus.shape))
    game, task = np.nonzero(found.holder != NOBODY)
    who = found.holder[game, task]
    assert found.present[game, who].all() and focus[game, who, task].all()
    assert (reached[game, who, task] <= limits.value[0][task] * (1 + TARGET_SLACK)).all()
    assert found.held.sum() == len(game)  # one holder a task at most
    # nobody who reaches the threshold serves a held task better, and what nobody holds nobody reaches
    rivals = np.where(limits.reached(reached, 0), reached, np.inf).min(axis=1)
    assert (rivals[game, task] == reached[game, who, task]).all()
    assert np.isinf(rivals[found.holder == NOBODY]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 8), st.booleans(), st.integers(0, 10**6))
def test_a_stricter_threshold_never_adds_survivors(count, same, seed):
    """Whatever the curves; alike tasks moreover lose their broadest players first."""
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


def test_equal_players_share_ties():
    found = select(alike, at_spends(alike, [0.5], 1), Players(np.ones(2), np.ones(2, dtype=int)), replications=2000)
    assert found.survived.sum() == 2000 and abs(found.survived[0, 0] / 2000 - 0.5) < 0.05


def test_more_budget_wins():
    found = select(alike, at_spends(alike, [0.5], 3), every_pair([1.0, 2.0], [3]), replications=10)
    table = found.table()
    assert table["budget"].tolist() == [1.0, 2.0] and table["share"].tolist() == [0.0, 1.0]


def test_a_required_spend_is_the_least_that_reaches_its_threshold():
    value = varied(4, 1)
    stated = at_spends(value, np.array([0.1, 1.0, 7.0]), 4)
    task = np.tile(np.arange(4), 3)
    found = least_spend(value, task, stated.value.ravel(), 100.0).reshape(3, 4)
    np.testing.assert_allclose(found, np.repeat(stated.spend[:, None], 4, axis=1), rtol=1e-12)
    assert np.isinf(least_spend(value, task, np.full(12, 1e-9), 100.0)).all()


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
    # beside a task that the most serves, which needs no such search
    both = least_spend(value, np.zeros(2, dtype=int), np.array([-served * turn, 0.5 * rise * (12 - turn)]), 1e12)
    assert both[0] == spend[0] and both[1] < 1


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
    assert record["rounds"] == [2, 2, 2] and record["split"] == "equal"
    widest = found.widest()
    assert list(widest["breadth"])[-2:] == [0, 0]
    assert widest["alone"].tolist() == [6, 6, 5, 6, 0, 0]  # ⌊B/s⌋ of 1 and 2 over .05, .2 and 9, at most the 6 tasks


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Players(np.ones(1), np.ones(1, dtype=int)), "1 player has nobody to compete with; give at least two"),
        (lambda: Players(np.ones(2), np.ones(3, dtype=int)), "2 budgets and 3 breadths; give one of each"),
        (lambda: Players(np.array([1.0, -2.0]), np.ones(2, dtype=int)), "Player 1 has a budget of -2; give a positive"),
        (lambda: Players(np.ones(2), np.array([1, 0])), "Player 1 has a breadth of 0; give at least one"),
        (lambda: at_spends(alike, [], 2), "There is no threshold; give at least one"),
        (lambda: at_spends(alike, [-1.0], 2), "not a positive number; give positive ones"),
        (lambda: play(players=every_pair([1.0], [1, 3])), "breadth of 3 with 2 tasks; give at most 2"),
        (lambda: play(replications=0), "replications is 0; give at least 1"),
    ],
)
def test_refusals(make, says):
    with pytest.raises(AllocationError, match=says):
        make()


def play(players=None, **options):
    return select(alike, at_spends(alike, [0.1], 2), players or every_pair([1.0], [1, 2]), **options)
