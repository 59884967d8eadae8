import numpy as np
import pytest

from budget.lab.transformer.measured_cells import COLUMNS, Cell, Run, measure_cell, training_sequences
from budget.lab.transformer.score import Score
from budget.lab.transformer.shape import CONTEXT, Shape

PAIR = ("lookup_easy", "markov_1")
SMALL = Shape(8, 1)


@pytest.mark.parametrize(
    ("tokens", "run"),
    [
        (128_000, "code-d16-L1-1.28e5-s3"),
        (100, "code-d16-L1-1e2-s3"),
        (7, "code-d16-L1-7e0-s3"),
        (128_001, "code-d16-L1-1.28001e5-s3"),
    ],
)
def test_run_name_tells_the_cell(tokens, run):
    cell = Cell(("code",), Shape(16, 1), tokens, 3)
    assert cell.run == run
    assert float(cell.run.split("-")[3]) == tokens


def test_run_names_of_different_cells_differ():
    cells = [
        Cell(PAIR, SMALL, 1000, 0, "generalist"),
        Cell(PAIR[::-1], SMALL, 1000, 0, "generalist"),
        Cell(PAIR, SMALL, 1000, 0, "generalist", mixture=(1, 3)),
        Cell(PAIR, SMALL, 1000, 0, "generalist", unique_tokens=500),
        Cell(PAIR, SMALL, 1000, 0, "trunk", trunk_share=0.5),
        Cell(PAIR, SMALL, 1000, 0, "trunk", trunk_share=0.25),
        Cell(PAIR, Shape(8, 1, 4, 1), 1000, 0, "moe"),
        Cell(PAIR, Shape(8, 1, 4, 2), 1000, 0, "moe"),
        Cell(PAIR[:1], SMALL, 1000, 0, "generalist"),
        Cell(PAIR[:1], SMALL, 1000, 0),
    ]
    assert len({cell.run for cell in cells}) == len(cells)


@pytest.mark.parametrize("second", [1.5, float("nan"), float("inf")])
def test_run_diverged_where_any_task_has_no_loss(second):
    run = Run(Cell(PAIR, SMALL, 1000, 0, "generalist"), (Score(1.0, 0.1), Score(second, 0.1)), 1.0)
    assert run.diverged is not np.isfinite(second)


def test_measured_specialist_becomes_a_row():
    cell = Cell(("lookup_easy",), SMALL, 1000, 0)
    (row,) = measure_cell(cell).rows
    assert tuple(row) == COLUMNS
    assert row["tokens"] == row["task_tokens"] == 1024  # sixteen steps of one sequence
    assert row["flops"] == cell.flops == 1024 * SMALL.flops_per_token()
    assert row["params"] == row["active_params"] == SMALL.parameters
    assert (row["shared_flops"], row["strategy"], row["n_tasks"]) == (0, "specialist", 1)
    assert 0 < row["value"] < 5
    assert 0 < row["stderr"] < 0.01 * row["value"]


@pytest.mark.parametrize("strategy", ["generalist", "moe", "trunk"])
def test_shared_run_becomes_a_row_a_task(strategy):
    shape = Shape(8, 1, 4, 1) if strategy == "moe" else SMALL
    cell = Cell(PAIR, shape, 4096, 0, strategy, (1, 3), trunk_share=0.5 if strategy == "trunk" else 0.0)
    rows = measure_cell(cell).rows
    assert [row["task"] for row in rows] == list(PAIR)
    assert {row["run"] for row in rows} == {cell.run}
    assert {row["tokens"] for row in rows} == {sum(row["task_tokens"] for row in rows)} == {4096}
    assert {row["params"] for row in rows} == {shape.parameters + 2 * 8}  # a task token each
    assert {row["model_tasks"] for row in rows} == {"lookup_easy|markov_1"}
    assert {row["mixture"] for row in rows} == {"1|3"}
    assert all(0 < row["value"] < 5 for row in rows)
    if strategy == "trunk":  # half the tokens by the mixture, the rest evenly
        assert [row["task_tokens"] for row in rows] == [512 + 1024, 1536 + 1024]
        assert {row["shared_flops"] / row["flops"] for row in rows} == {0.5}
    else:
        assert [row["task_tokens"] for row in rows] == [1024, 3072]
        assert {row["shared_flops"] for row in rows} == {cell.flops}
    if strategy == "moe":
        assert {row["params"] - row["active_params"] for row in rows} == {3 * 8 * 8**2}


def test_generalist_of_one_task_differs_from_its_specialist_by_the_task_token_alone():
    alone, shared = Cell(PAIR[:1], SMALL, 1000, 0), Cell(PAIR[:1], SMALL, 1000, 0, "generalist")
    np.testing.assert_array_equal(training_sequences(alone)[0], training_sequences(shared)[0])
    assert (alone.task_parameters, shared.task_parameters) == (0, 8)
    assert alone.flops == shared.flops


def test_scarce_data_are_repeated_as_a_whole_before_any_is_seen_again():
    cell = Cell(("markov_1",), SMALL, 40 * CONTEXT, 0, unique_tokens=16 * CONTEXT)
    (data,) = training_sequences(cell)
    assert len(data) == 40
    passes = [{bytes(row) for row in data[begin : begin + 16]} for begin in (0, 16)]
    assert len(passes[0]) == 16
    assert passes[0] == passes[1] >= {bytes(row) for row in data[32:]}
    assert [bytes(row) for row in data[:16]] != [bytes(row) for row in data[16:32]]


def test_branch_trains_on_data_that_its_trunk_has_not_seen():
    cell = Cell(PAIR, SMALL, 8192, 0, "trunk", trunk_share=0.5)
    for data, count in zip(training_sequences(cell), cell.base_sequences, strict=True):
        assert len(data) == count + cell.branch_sequences
        assert not {bytes(row) for row in data[:count]} & {bytes(row) for row in data[count:]}
