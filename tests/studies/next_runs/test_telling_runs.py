"""Runs that tell most of points: against Gaussian conditioning, brute force over all choices, and what must hold."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from budget.errors import DataError
from budget.studies.next_runs.telling_runs import COST_POWER, choose_runs, deviations, most_telling, telling_runs


@pytest.fixture
def ensemble():
    """Deviations of 3 points and 6 runs, which are linear in 4 normal numbers of 200 draws."""
    random = np.random.default_rng(0)
    draws = deviations(random.normal(size=(200, 4)))
    return draws @ random.normal(size=(4, 3)), draws @ random.normal(size=(4, 6)), random.uniform(0.1, 2, 6)


def left(wanted, shown, noise, chosen):
    """Mean variance of the points once the runs are known, by the formula for normal variables."""
    mine = list(chosen)
    covariance = wanted.T @ wanted / len(wanted)
    if mine:
        cross, own = wanted.T @ shown[:, mine] / len(wanted), shown[:, mine].T @ shown[:, mine] / len(wanted)
        covariance = covariance - cross @ np.linalg.solve(own + np.diag(noise[mine]), cross.T)
    return np.trace(covariance) / wanted.shape[1]


def test_variances_are_those_of_conditioned_normal_variables(ensemble):
    chosen, variances = most_telling(*ensemble, np.ones(6), 10.0, 6)
    assert sorted(chosen) == list(range(6))
    exact = [left(*ensemble, chosen[:count]) for count in range(7)]
    np.testing.assert_allclose(variances, exact, rtol=1e-9)
    assert (np.diff(variances) < 0).all()


def test_each_choice_is_the_best_next_one_by_brute_force(ensemble):
    cost = np.array([1.0, 2.0, 1.0, 4.0, 0.5, 1.0])
    chosen, _ = most_telling(*ensemble, cost, 100.0, 4)
    for count in range(4):
        gains = {
            run: (left(*ensemble, chosen[:count]) - left(*ensemble, [*chosen[:count], run])) / cost[run] ** COST_POWER
            for run in range(6)
            if run not in chosen[:count]
        }
        assert max(gains, key=gains.get) == chosen[count]
    best = min(left(*ensemble, pair) for pair in combinations(range(6), 2))
    pair, variances = most_telling(*ensemble, np.ones(6), 2.0, 2)
    whole = left(*ensemble, [])
    assert len(pair) == 2 and whole - variances[-1] > (1 - 1 / np.e) * (whole - best)


def test_spend_count_and_noise_bound_the_choice(ensemble):
    wanted, shown, noise = ensemble
    cost = np.array([1.0, 2.0, 1.0, 4.0, 0.5, 1.0])
    chosen, _ = most_telling(wanted, shown, noise, cost, 2.0, 6)
    assert cost[chosen].sum() <= 2 and 3 not in chosen
    assert most_telling(wanted, shown, noise, cost, 0.1, 6)[0] == []
    assert len(most_telling(wanted, shown, noise, cost, 100.0, 3)[0]) == 3
    assert most_telling(wanted, np.zeros_like(shown), noise, cost, 100.0, 6)[0] == []
    loud, quiet = (most_telling(wanted, shown, noise * factor, cost, 3.0, 2)[1][-1] for factor in (100.0, 0.01))
    assert quiet < loud < (wanted**2).mean()


def test_a_wild_draw_decides_nothing():
    random = np.random.default_rng(1)
    draws = random.normal(size=(300, 2))
    wild = draws.copy()
    wild[0] *= 1e9
    np.testing.assert_allclose(deviations(wild).std(axis=0), deviations(draws).std(axis=0), rtol=0.05)
    np.testing.assert_allclose(deviations(wild).mean(axis=0), 0, atol=1e-12)


def test_a_run_where_nothing_is_known_tells_most(noisy_curves):
    """Of three tasks one is asked for, and its own runs are taken; far out they tell more than among the measured."""
    far = np.log([[1e11, 1e12]])
    places = np.log([[1e8, 1e9], [1e10, 1e11]])
    possible = np.repeat([0, 1, 2], 2), np.tile(places, (3, 1))
    chosen, variances = choose_runs(noisy_curves, (np.array([1]), far), possible, np.ones(6), 1.0, 1)
    assert chosen == [3] and variances[-1] < variances[0]
    every, _ = choose_runs(noisy_curves, (np.array([1]), far), possible, np.ones(6), 10.0, 6)
    assert sorted(every) == [2, 3]  # the other tasks' draws are independent: what they have in common is chance


@pytest.fixture
def tables(tmp_path):
    points, runs = tmp_path / "points.csv", tmp_path / "runs.csv"
    points.write_text("task,params,tokens\ncode,1e11,1e12\nprose,1e11,1e12\n")
    runs.write_text("task,params,tokens,note\ncode,1e8,1e9,a\ncode,1e10,1e11,b\nprose,1e10,1e11,c\nmaths,1e9,1e10,d\n")
    return points, runs


def test_the_table_keeps_its_rows(noisy_curves, tables):
    found = telling_runs(noisy_curves, *tables, 1e23, 2)
    assert sorted(found.table["note"]) == list("abcd") and found.table["chosen"].tolist() == [True, True, False, False]
    assert set(found.table["note"][:2]) < set("abc") and found.points == 2
    params, tokens = (found.table[name].to_numpy(float) for name in ("params", "tokens"))
    np.testing.assert_allclose(found.table["cost"], noisy_curves.cost.flops(params, tokens))
    np.testing.assert_array_equal(found.table["error_after"][:2], found.errors[1:])
    assert (np.diff(found.errors) < 0).all() and found.spent <= found.spend
    tables[1].write_text("task,params,tokens,cost\ncode,1e8,1e9,5\ncode,1e10,1e11,7\n")
    priced = telling_runs(noisy_curves, *tables, 6, 8)
    assert priced.spent == 5 and priced.record()["runs"][0]["chosen"] is True


@pytest.mark.parametrize(
    ("runs", "spend", "sentence"),
    [
        ("task,params,tokens\ncode,1e8,1e9\n", 1.0, "buys no run: the cheapest of"),
        ("task,params,tokens\ncode,1e8,1e9\n", -1.0, "give a positive number"),
        ("task,params,tokens\nnobody,1e8,1e9\n", 1e22, "'nobody' is not among the fitted tasks"),
        ("task,params,tokens,chosen\ncode,1e8,1e9,1\n", 1e22, "column 'chosen' is already there"),
        ("task,params\ncode,1e8\n", 1e22, "tokens"),
    ],
)
def test_mistakes_get_one_sentence(noisy_curves, tables, runs, spend, sentence):
    tables[1].write_text(runs)
    with pytest.raises(DataError, match=sentence):
        telling_runs(noisy_curves, *tables, spend, 8)


def test_curves_without_draws_or_cost_are_refused(noisy_curves, tables):
    few = replace(noisy_curves, draws=noisy_curves.draws[:5], noise=noisy_curves.noise[:5])
    with pytest.raises(DataError, match="have 5 draws"):
        telling_runs(few, *tables, 1e22, 8)
    with pytest.raises(DataError, match="add a column 'cost'"):
        telling_runs(replace(noisy_curves, cost=None), *tables, 1e22, 8)
