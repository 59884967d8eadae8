"""Groups of tasks: first-order predictions, labels, comparisons, brute force, published optima."""

import json
from itertools import chain, combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.errors import InfeasibleError
from budget.studies.groups.first_order import pool_of_pairs
from budget.studies.groups.groups import group_tasks
from budget.studies.groups.measured_transfer import measured_transfer
from budget.tables.candidates import candidates_from_frame, read_candidates
from budget.tables.cotrained import cotrained_from_frame, read_cotrained
from budget.tables.tasks import TaskSettings
from tests.oracles import portfolio as brute_force


def pairs_of(alone, gain, higher=False):
    """A noiseless table of pairs with known gains (T, T), NaN where a pair is not measured."""
    count, sign = len(alone), 1 if higher else -1
    rows = [(f"t{i}", "", alone[i]) for i in range(count)]
    rows += [
        (f"t{i}", f"t{j}", alone[i] + sign * gain[i, j])
        for i in range(count)
        for j in range(count)
        if i != j and gain[i, j] == gain[i, j]
    ]
    return cotrained_from_frame(pd.DataFrame(rows, columns=["task", "partner", "value"]), higher_is_better=higher)


def subsets(count):
    return chain.from_iterable(combinations(range(count), size) for size in range(1, count + 1))


def first_order(alone, gain, group, i, sign):
    """Value alone plus the mean gain over the others, written out."""
    others = [j for j in group if j != i]
    return alone[i] + sign * sum(gain[i, j] for j in others) / max(len(others), 1)


@pytest.mark.parametrize("higher", [False, True])
def test_larger_groups_are_predicted_by_mean_gains_and_say_so(higher):
    random = np.random.default_rng(0)
    alone, gain = random.uniform(1, 2, 4), random.uniform(-0.2, 0.2, (4, 4))
    table = pairs_of(alone, gain, higher)
    pool = pool_of_pairs(table, measured_transfer(table))
    assert len(pool.candidates.models) == 15 and pool.predicted.sum() == 5
    for model, names in enumerate(pool.trained_on):
        group = [int(name[1:]) for name in names]
        assert pool.predicted[model] == (len(group) > 2)
        mine = pool.candidates.model == model
        for task, value in zip(pool.candidates.task[mine], pool.candidates.select.value[mine], strict=True):
            assert value == pytest.approx(first_order(alone, gain, group, task, 1 if higher else -1))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4), st.booleans())
def test_choices_are_the_best_of_all_sets(seed, count, coarse):
    """Against every set of models; coarse gains make ties."""
    random = np.random.default_rng(seed)
    alone, gain = random.uniform(1, 2, count), random.uniform(-0.3, 0.3, (count, count))
    alone, gain = (np.round(each, 1) if coarse else each for each in (alone, gain))
    groups = [*subsets(count)]
    values = np.full((1, len(groups), count), np.nan)
    for model, group in enumerate(groups):
        for i in group:
            values[0, model, i] = first_order(alone, gain, group, i, -1)
    found = group_tasks(pairs_of(alone, gain), range(1, count + 1))
    assert not found.refused
    for each in found.portfolios:
        if each.spec.budget > 3:
            continue
        expected = brute_force.best(values, np.ones(len(groups)), each.spec.budget)
        assert each.objective == pytest.approx(expected[0], abs=1e-9)
        assert each.bound == pytest.approx(expected[0], abs=1e-7) and each.gap <= 1e-7
    objective = [each.objective for each in found.portfolios]
    assert (np.diff(objective) <= 1e-9).all()


def test_helping_tasks_are_grouped_and_harming_ones_kept_apart():
    gain = np.array([[0, 0.5, -1, -1], [0.5, 0, -1, -1], [-1, -1, 0, 0.5], [-1, -1, 0.5, 0]])
    found = group_tasks(pairs_of(np.full(4, 5.0), gain), [1, 2, 4])
    one, two, four = found.portfolios
    assert found.basis(one.chosen) == "predicted" and one.objective == pytest.approx(5 + 0.5)
    for each in (two, four):
        assert found.basis(each.chosen) == "measured" and each.objective == pytest.approx(4.5)
        assert {found.pool.trained_on[m] for m in each.models} == {("t0", "t1"), ("t2", "t3")}
    assert found.beats_at("specialists") == 2 and found.beats_at("one model for all") == 2
    assert any("were never measured" in note for note in found.notes)
    table = found.table()
    assert list(table.columns) == ["budget", "model", "trained_on", "cost", "task", "value", "basis"]
    assert (table["basis"] == np.where(table["budget"] == 1, "predicted", "measured")).all()
    record = json.loads(json.dumps(found.record(), allow_nan=False))
    assert [each["basis"] for each in record["groups"]] == ["predicted", "measured", "measured"]
    assert record["references"]["specialists"]["beaten_from_budget"] == 2
    assert record["references"]["specialists"]["beaten_by_basis"] == "measured"
    assert record["references"]["one model for all"]["basis"] == "predicted"
    assert {each["basis"] for each in record["groups"][2]["baselines"] if each["name"] == "specialists"} == {"measured"}


def test_harm_everywhere_leaves_the_specialists():
    gain = np.full((3, 3), -0.1)
    found = group_tasks(pairs_of(np.ones(3), gain), [1, 3])
    assert found.beats_at("specialists") is None
    assert {len(found.pool.trained_on[m]) for m in found.portfolios[1].models} == {1}


def test_without_predictions_only_what_was_measured_is_chosen():
    found = group_tasks(pairs_of(np.ones(3), np.full((3, 3), 0.1)), [1, 2], predict=False)
    assert not found.pool.predicted.any() and [*found.refused] == [1.0]
    assert "cost 2 together" in found.refused[1.0] and any(note.startswith("Budget 1:") for note in found.notes)
    assert found.reference("one model for all") is None and found.beats_at("one model for all") is None
    with pytest.raises(InfeasibleError, match="serve every task cost 2 together"):
        group_tasks(pairs_of(np.ones(3), np.full((3, 3), 0.1)), [1], predict=False)


def test_a_group_with_a_pair_that_nobody_measured_is_not_predicted():
    gain = np.full((4, 4), 0.1)
    gain[0, 1] = np.nan
    found = group_tasks(pairs_of(np.ones(4), gain), [2])
    predicted = [names for names, is_new in zip(found.pool.trained_on, found.pool.predicted, strict=True) if is_new]
    assert sorted(predicted) == [("t0", "t2", "t3"), ("t1", "t2", "t3")]
    assert any(note.startswith("3 groups are not predicted") for note in found.notes)
    assert "Not measured: t0 with t1; these entries stay empty." in found.matrix.notes


def test_a_measured_group_keeps_its_measured_values():
    frame = pd.DataFrame(
        [("a", "a", 1), ("b", "b", 1), ("c", "c", 1), ("a", "a|b", 0.9), ("b", "a|b", 0.9), ("a", "a|c", 0.9),
         ("c", "a|c", 0.9), ("b", "b|c", 0.9), ("c", "b|c", 0.9), ("a", "a|b|c", 2), ("b", "a|b|c", 2),
         ("c", "a|b|c", 2)],
        columns=["task", "model_tasks", "value"],
    )  # fmt: skip
    found = group_tasks(cotrained_from_frame(frame), [1])
    assert not found.pool.predicted.any() and found.portfolios[0].objective == 2


def test_pairs_of_several_costs_predict_nothing():
    frame = pd.DataFrame(
        [("a", "", 1, 1), ("a", "b", 1, 1), ("b", "", 1, 1), ("b", "a", 1, 1), ("c", "", 1, 2), ("c", "a", 1, 2),
         ("a", "c", 1, 2), ("a", "", 1, 2)],
        columns=["task", "partner", "value", "cost"],
    )  # fmt: skip
    found = group_tasks(cotrained_from_frame(frame), [4])
    assert any("pairs differ in cost" in note for note in found.notes) and not found.pool.predicted.any()


def test_many_tasks_have_their_smaller_groups_predicted(monkeypatch):
    monkeypatch.setattr("budget.studies.groups.first_order.MOST_GROUPS", 20)
    table = pairs_of(np.ones(5), np.full((5, 5), 0.1))
    pool = pool_of_pairs(table, measured_transfer(table))
    assert max(map(len, pool.trained_on)) == 3 and "Groups of more than 3 tasks are not predicted" in pool.notes[0]


def test_one_task_is_its_own_group():
    found = group_tasks(pairs_of(np.array([2.0]), np.zeros((1, 1))), [1])
    assert found.portfolios[0].objective == 2 and found.matrix.negative_transfer.pairs == 0


def test_weights_decide_and_no_budget_asks_for_the_matrix_alone():
    gain = np.array([[0, 0.5], [-1.0, 0]])
    table = pairs_of(np.ones(2), gain)
    for weight, objective in ((np.array([9.0, 1.0]), 0.65), (np.array([1.0, 9.0]), 1.85)):
        found = group_tasks(table, [1], tasks=TaskSettings(("t0", "t1"), weight=weight))
        assert found.portfolios[0].objective == pytest.approx(objective)
    alone = group_tasks(table)
    assert alone.portfolios == () and alone.table().empty and alone.reference("specialists") is None
    json.dumps(alone.record(), allow_nan=False)


def test_no_claim_is_made_where_nothing_is_there_to_compare():
    frame = pd.DataFrame([("p", 1, "a", 0.5), ("p", 1, "b", 0.5)], columns=["model", "cost", "task", "value"])
    found = group_tasks(candidates_from_frame(frame), [1])
    assert found.reference("specialists") is None and found.record()["references"]["specialists"] is None
    assert found.kind == "candidates" and found.pool.trained_on == (("a", "b"),)


SETTINGS = {1: "setting1_equal_budget", 2: "setting2_large"}
PUBLISHED = {
    1: [0.50278, 0.46132, 0.45224, 0.44612, 0.44235, 0.43932, 0.43555, 0.43555, 0.43481],
    2: [0.35989, 0.35478, 0.31733, 0.31450, 0.30606, 0.30490, 0.30190, 0.30190, 0.30167],
}
SPECIALISTS = {1: 0.44774, 2: 0.35216}
"""Five full-size specialists (budget 5), total test loss."""
FIRST = {1: 2.5, 2: 2.0}
"""Where groups first beat them."""


@pytest.mark.parametrize("setting", [1, 2])
def test_published_groups_of_five_vision_tasks(shared_data, setting):
    """Standley et al. 2020: every subset of five tasks was trained; chosen on val, reported on test."""
    budgets = np.arange(1, 5.1, 0.5)
    options = {
        "columns": {"model": "network", "value": "loss"},
        "where": [("setting", SETTINGS[setting])],
        "select": "val",
        "report": "test",
    }
    candidates = read_candidates(shared_data / "standley" / "networks.csv", **options)
    found = group_tasks(candidates, budgets)
    total = 5 * np.array([each.reported for each in found.portfolios])
    np.testing.assert_allclose(total, PUBLISHED[setting], rtol=0, atol=5e-6)
    assert all(each.gap < 1e-9 for each in found.portfolios)
    # at budget 1 the choice is the generalist
    first = found.portfolios[0]
    assert [found.pool.trained_on[m] for m in first.models] == [candidates.tasks]
    # groups first beat five full-size specialists, and the best specialists that val would choose, at the same budget
    full = [candidates.models.index(f"net_{task}") for task in range(5)]
    of_full = 5 * np.mean([candidates.report.value[candidates.model == model][0] for model in full])
    assert of_full == pytest.approx(SPECIALISTS[setting], abs=5e-6)
    assert budgets[(total < of_full).argmax()] == FIRST[setting] == found.beats_at("specialists")
    # never worse than any portfolio that the budget affords
    values = np.full((1, len(candidates.models), 5), np.nan)
    values[0, candidates.model, candidates.task] = candidates.select.value
    for each in found.portfolios[:4]:
        best = brute_force.best(values, candidates.cost, each.spec.budget)[0]
        assert each.objective == pytest.approx(best, abs=1e-12)
    # the matrix compares models of equal cost, and 15 (12) of its 20 ordered pairs lose
    share = found.matrix.negative_transfer
    assert (share.negative, share.pairs) == ({1: 15, 2: 12}[setting], 20) and found.matrix.noise == "unknown"


@pytest.mark.parametrize(("dataset", "tasks", "negative", "zero"), [("celeba", 9, 47, 5), ("taskonomy", 5, 14, 0)])
def test_published_pairs_lose_more_often_than_they_gain(shared_data, dataset, tasks, negative, zero):
    """Fifty et al. 2021; counted again by hand from the file."""
    path = shared_data / "task_pairs" / "runs.csv"
    found = group_tasks(read_cotrained(path, where=[("dataset", dataset)]), range(1, tasks + 1))
    frame = pd.read_csv(path, keep_default_na=False).query("dataset == @dataset")
    single = frame[frame["n_tasks"] == 1].set_index("task")["value"]
    both = frame[frame["n_tasks"] == 2]
    change = (both["value"] - both["task"].map(single)) * np.where(both["higher_is_better"] == 1, 1, -1)
    assert ((change < 0).sum(), (change == 0).sum(), len(change)) == (negative, zero, tasks * (tasks - 1))
    share = found.matrix.negative_transfer
    assert (share.negative, share.zero, share.pairs) == (negative, zero, tasks * (tasks - 1))
    assert np.isnan(share.low) and found.matrix.notes[0].startswith("Noise unknown: no seeds")
    assert not found.matrix.distinguishable.any() and not found.matrix.missing
    assert found.basis(found.portfolios[0].chosen) == "predicted"
    assert found.basis(found.portfolios[-1].chosen) == "measured"
