"""Tables of pairs: how sets are named, repetitions pooled, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from budget.errors import DataError
from budget.tables.candidates import candidates_from_frame
from budget.tables.cotrained import cotrained_from_candidates, cotrained_from_frame, has_partners, read_cotrained


def frame(rows, columns=("task", "partner", "value")):
    return pd.DataFrame(rows, columns=list(columns))


def test_partner_and_model_tasks_say_the_same():
    by_partner = cotrained_from_frame(
        frame([("a", "", 1.0), ("a", "b", 2.0), ("b", "a", 3.0), ("b", "", 4.0), ("a", "c|b", 5.0)])
    )
    by_set = cotrained_from_frame(
        frame(
            [("a", "a", 1.0), ("a", "a|b", 2.0), ("b", "b|a", 3.0), ("b", "b", 4.0), ("a", "b|c|a", 5.0)],
            ("task", "model_tasks", "value"),
        )
    )
    for table in (by_partner, by_set):
        assert table.tasks == ("a", "b", "c") and table.measured_tasks == ("a", "b")
        assert table.sets == ((0,), (0, 1), (1,), (0, 1, 2))
        np.testing.assert_array_equal(table.value, [1, 2, 3, 4, 5])
        assert table.noise == "unknown" and (table.cost == 1).all()
        assert [table.name(model) for model in range(4)] == ["a", "a|b", "b", "a|b|c"]
    assert any("every model counts 1" in note for note in by_set.notes)


def test_seeds_are_pooled_over_the_models_of_a_task_but_the_one_alone():
    values = {("a", ""): [1.0, 3.0], ("a", "b"): [5.0, 5.5, 6.0], ("a", "c"): [4.0, 4.1], ("b", "a"): [2.0]}
    values |= {("c", ""): [1.0], ("c", "a"): [2.0, 2.2]}
    rows = [(task, partner, value, seed) for (task, partner), each in values.items() for seed, value in enumerate(each)]
    table = cotrained_from_frame(frame(rows, ("task", "partner", "value", "seed")))
    squares = [np.var(each) * len(each) for each in values.values()]
    np.testing.assert_allclose(table.value, [np.mean(each) for each in values.values()])
    shared = (squares[1] + squares[2]) / 3
    expected = [np.sqrt(squares[0] / 2), np.sqrt(shared / 3), np.sqrt(shared / 2), np.nan]
    # of c alone there is one seed: its noise is that of c with a
    np.testing.assert_allclose(table.stderr, [*expected, np.sqrt(squares[5]), np.sqrt(squares[5] / 2)])
    assert table.noise == "seeds" and table.degrees.tolist() == [1, 3, 3, 0, 1, 1]
    assert table.estimate[4] == table.estimate[5] and table.estimate[0] != table.estimate[1]
    assert any("Noise unknown for b" in note for note in table.notes)


def test_stderr_is_taken_where_there_are_no_seeds():
    rows = [("a", "", 1.0, 0.1), ("a", "b", 2.0, None)]
    table = cotrained_from_frame(frame(rows, ("task", "partner", "value", "stderr")))
    assert table.noise == "stderr" and table.stderr[0] == 0.1 and np.isnan(table.stderr[1])
    assert np.isinf(table.degrees).all()


def test_seeds_that_agree_are_no_noise():
    rows = [("a", partner, value, seed) for partner, value in (("", 0.1), ("b", 0.2)) for seed in range(3)]
    table = cotrained_from_frame(frame(rows, ("task", "partner", "value", "seed")))
    assert table.noise == "unknown" and any("agree to the last digit" in note for note in table.notes)


def test_models_of_one_set_and_two_costs_are_two():
    rows = [("a", "", 1.0, 0.5), ("a", "", 0.9, 1.0), ("a", "b", 0.8, 1.0)]
    table = cotrained_from_frame(frame(rows, ("task", "partner", "value", "cost")))
    assert [table.name(model) for model in range(3)] == ["a (cost 0.5)", "a (cost 1)", "a|b"]


@pytest.mark.parametrize(
    ("rows", "columns", "sentence"),
    [
        (
            [("a", "", 1), ("a", "", 1)],
            None,
            "row 3, column 'value': a second value for task 'a' alone, beside row 2; groups are judged",
        ),
        ([("a", "b", 1), ("a", "b", 2)], None, "a second value for task 'a' with b"),
        ([("a", "b", 1, 7), ("a", "b", 2, 7)], ("task", "partner", "value", "seed"), "with b and seed '7'"),
        ([("a", "a", 1)], None, "row 2, column 'partner': 'a' names a task twice"),
        ([("a", "b|b", 1)], None, "names a task twice"),
        ([("a", "b|c", 1)], ("task", "model_tasks", "value"), "does not hold the row's task 'a'"),
        ([("", "b", 1)], None, "column 'task': empty"),
        ([("a", "b", "x")], None, "column 'value': 'x' where a finite number is due"),
        ([("a", "b", 1, 0)], ("task", "partner", "value", "stderr"), "a positive number is due"),
        ([("a", 1)], ("task", "value"), "columns 'partner' and 'model_tasks' are missing"),
        ([("a", "", 1, "x"), ("a", "b", 1, "y")], ("task", "partner", "value", "metric"), "choose one with --where"),
    ],
)
def test_what_cannot_be_read_is_refused(rows, columns, sentence):
    with pytest.raises(DataError) as caught:
        cotrained_from_frame(frame(rows, columns or ("task", "partner", "value")))
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_candidates_are_told_from_pairs(tmp_path):
    path = tmp_path / "table.csv"
    for header, expected in (("model,cost,task,value,partner", False), ("task,value,partner", True)):
        path.write_text(f"{header}\n{','.join('1' * len(header.split(',')))}\n")
        assert has_partners(path) is expected
    path.write_text("job,loss,beside\na,1,b\n")
    with pytest.raises(DataError, match="neither a table of candidates"):
        has_partners(path)
    columns = {"task": "job", "value": "loss", "partner": "beside", "weight": "w"}
    assert has_partners(path, columns)
    assert read_cotrained(path, columns=columns).sets == ((0, 1),)


def test_candidates_with_draws_carry_them():
    rows = [(m, 1, t, v + d, d) for m, t, v in (("s", "a", 0.5), ("p", "a", 0.4), ("p", "b", 0.1)) for d in range(3)]
    table = cotrained_from_candidates(
        candidates_from_frame(frame(rows, ("model", "cost", "task", "value", "draw")), higher_is_better=True)
    )
    assert table.noise == "draws" and table.draws.shape == (3, 3) and table.sets == ((0,), (0, 1))
    twice = cotrained_from_candidates(
        candidates_from_frame(frame([("s", 1, "a", 0.5), ("r", 1, "a", 0.7)], ("model", "cost", "task", "value")))
    )
    assert twice.value.tolist() == [0.6] and twice.rows.tolist() == [2] and "their mean" in twice.notes[0]
