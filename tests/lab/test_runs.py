import pytest

from budget.lab.runs import COLUMNS, Cell, Run, measure_cell
from budget.lab.shape import Shape


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
    cell = Cell("code", Shape(16, 1), tokens, 3)
    assert cell.run == run
    assert float(cell.run.split("-")[3]) == tokens


@pytest.mark.parametrize(("value", "diverged"), [(1.5, False), (float("nan"), True), (float("inf"), True)])
def test_diverged_run_is_told_by_its_value(value, diverged):
    assert Run(Cell("code", Shape(16, 1), 1000, 0), value, 0.1, 1.0).diverged is diverged


def test_measured_cell_becomes_a_row():
    cell = Cell("lookup_easy", Shape(8, 1), 1000, 0)
    run = measure_cell(cell)
    row = run.row
    assert tuple(row) == COLUMNS
    assert row["tokens"] == 1024  # sixteen steps of one sequence
    assert row["flops"] == cell.flops == 1024 * cell.shape.flops_per_token
    assert row["params"] == cell.shape.parameters
    assert 0 < row["value"] < 5
    assert 0 < row["stderr"] < 0.01 * row["value"]
