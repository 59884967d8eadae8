"""The regression over sets against planted effects, and who leads by it."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import AllocationError
from budget.studies.focus.leaders import STATED_SHARE, UNDECIDED, leaders
from budget.studies.focus.sharing_effects import measured_of, pair_effects, predict_served
from budget.tables.runs import runs_from_frame

TASKS = ("a", "b", "c", "d")
SETS = (("a", "b"), ("a", "b", "c", "d"), ("c", "d"))
PARAMS, TOKENS = (1e5, 3e5, 1e6), (1e6, 4e6)
"""Tokens a task."""


def frame_of(harm, sets=SETS, noise=0.002, seed=0, only=None):
    """Specialists, and a generalist of each set, whose values are ``exp(harm)`` times the specialists'.

    Harm is one of each set, or a function of the set and the task.
    """
    random, rows = np.random.default_rng(seed), []
    for members in [*((task,) for task in TASKS), *sets]:
        for params in PARAMS:
            for tokens in TOKENS if only is None or len(members) == 1 else TOKENS[:only]:
                for place, task in enumerate(TASKS):
                    if task in members:
                        value = (1 + place) * (params / 1e5) ** -0.1 * (tokens / 1e6) ** -0.15
                        told = harm(members, task) if callable(harm) else harm.get(frozenset(members), 0.0)
                        more = told if len(members) > 1 else 0.0
                        rows.append({
                            "task": task, "run": f"{members}{params}{tokens}", "params": params,
                            "tokens": tokens * len(members), "model_tasks": "|".join(members),
                            "strategy": "generalist" if len(members) > 1 else "specialist",
                            "value": value * np.exp(more + noise * random.normal()), "stderr": noise * value,
                        })  # fmt: skip
    return pd.DataFrame(rows)


HARM = {frozenset("ab"): -0.15, frozenset("abcd"): 0.1, frozenset("cd"): 0.2}


def test_planted_effects_are_found_with_intervals_that_hold_them():
    measured = measured_of(runs_from_frame(frame_of(HARM)))
    mean, draws = predict_served(measured, measured.served, 200)
    np.testing.assert_allclose(mean, measured.log_distance, atol=0.02)
    assert draws.shape == (200, len(mean)) and (draws.std(axis=0) < 0.02).all()
    np.testing.assert_allclose(draws.mean(axis=0), mean, atol=0.005)


def test_the_leader_is_named_on_each_set_with_few_runs_of_it():
    measured = measured_of(runs_from_frame(frame_of(HARM, only=1)))
    found = {each.tasks: each for each in leaders(measured, SETS, np.array([2e13]))}
    assert [found[names].winner for names in SETS] == ["generalist", "specialist", "specialist"]
    for names, each in found.items():
        assert each.measured and each.share.max() >= STATED_SHARE
        assert each.low < HARM[frozenset(names)] + 0.06 and each.high > HARM[frozenset(names)] - 0.06


def test_a_set_that_nobody_measured_is_marked_and_leans_on_its_pairs():
    measured = measured_of(runs_from_frame(frame_of(HARM)))
    related, stranger, known = leaders(measured, [("a", "b", "c"), ("b", "c", "d"), ("a", "b")], np.array([2e13]))
    assert not related.measured and not stranger.measured and known.measured
    assert related.advantage < stranger.advantage  # a with b helps, c with d harms
    assert related.high - related.low > 2 * (known.high - known.low)


def test_what_pairs_save_each_other_is_told_by_sets_of_any_size():
    """Planted: .2 for a with b, −.1 for c with d, none else, by 1/√(K − 1) each, beside .05 that sharing costs."""
    saved = {frozenset("ab"): 0.2, frozenset("cd"): -0.1}

    def harm(members, task):
        if len(members) == 1:
            return 0.0
        others = [saved.get(frozenset((task, other)), 0.0) for other in members if other != task]
        return 0.05 - sum(others) / np.sqrt(len(others))

    sets = (("a", "b"), ("c", "d"), ("a", "c"), ("b", "c", "d"), ("a", "b", "d"), TASKS)
    found = pair_effects(measured_of(runs_from_frame(frame_of(harm, sets))), 100)
    assert set(found) == {frozenset(pair) for pair in combinations(TASKS, 2)}
    mean = {pair: draws.mean() for pair, draws in found.items()}
    assert all(draws.shape == (100,) for draws in found.values())
    for pair in found:  # what all have in common is not the pairs', and their prior pulls them to it
        assert abs(mean[pair] - saved.get(pair, 0.0)) < 0.08, pair
    assert max(mean, key=mean.get) == frozenset("ab") and min(mean, key=mean.get) == frozenset("cd")


def test_what_nothing_tells_is_undecided():
    measured = measured_of(runs_from_frame(frame_of({}, noise=0.02)))
    (found,) = leaders(measured, [("a", "c", "d")], np.array([2e13]))
    assert found.winner == UNDECIDED and found.record()["winner"] == UNDECIDED


def test_nothing_is_named_far_from_the_runs_and_unknown_tasks_are_refused():
    measured = measured_of(runs_from_frame(frame_of(HARM)))
    assert leaders(measured, SETS, np.array([1e20])) == ()
    with pytest.raises(AllocationError, match="measured alone; e is not such a one"):
        leaders(measured, [("a", "e")], np.array([2e13]))
    with pytest.raises(AllocationError, match="a is not such a one"):
        leaders(measured, [("a",)], np.array([2e13]))


def test_values_without_a_logarithm_are_not_compared():
    frame = frame_of(HARM)
    frame.loc[0, "value"] = -1.0
    assert measured_of(runs_from_frame(frame)) is None


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_the_order_of_rows_and_the_unit_of_the_metric_change_no_leader(seed, unit):
    frame = frame_of(HARM, noise=0.01)
    moved = frame.sample(frac=1, random_state=seed).assign(value=unit * frame["value"], stderr=unit * frame["stderr"])
    asked = measured_of(runs_from_frame(frame)).served
    first, _ = predict_served(measured_of(runs_from_frame(frame)), asked, 0)
    second, _ = predict_served(measured_of(runs_from_frame(moved)), asked, 0)
    np.testing.assert_allclose(second - np.log(unit), first, atol=1e-6)
