import subprocess
import sys

import pandas as pd
import pytest

from budget.errors import BudgetError, DataError
from budget.lab import sweep
from budget.lab.runs import COLUMNS, Run

HEADER = "task,width,layers,tokens,seed\n"
PLAN = HEADER + "code,16,1,1.28e5,0\nlookup_easy,24,1,32000,1\nlookup_easy,16,1,32000,0\n"


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_text(PLAN)
    return path


@pytest.fixture
def trained(monkeypatch):
    """Runs that training was asked for, in order; training itself is replaced."""
    cells = []

    def pretend(cell):
        cells.append(cell.run)
        return Run(cell, 1 / 3 + cell.seed, 0.01, 0.5)

    monkeypatch.setattr(sweep, "measure_cell", pretend)
    return cells


def test_plan_is_read_in_order(plan):
    cells = sweep.read_plan(plan)
    assert [cell.run for cell in cells] == [
        "code-d16-L1-1.28e5-s0", "lookup_easy-d24-L1-3.2e4-s1", "lookup_easy-d16-L1-3.2e4-s0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,width,layers,tokens\ncode,16,1,1000\n", ["column 'seed' is missing", "task, width, layers, tokens"]),
        (HEADER + "chess,16,1,1000,0\n", ["row 2", "column 'task'", "'chess'", "choose one of lookup_easy"]),
        (HEADER + "code,16,1,1000,0\ncode,wide,1,1000,0\n", ["row 3", "column 'width'", "'wide'", "write one"]),
        (HEADER + "code,16,0,1000,0\n", ["row 2", "column 'layers'", "'0'", "at least 1"]),
        (HEADER + "code,16,1,-1000,0\n", ["row 2", "column 'tokens'", "'-1000'"]),
        (HEADER + "code,16,1,NaN,0\n", ["row 2", "column 'tokens'", "'NaN'"]),
        (HEADER + "code,16,1,inf,0\n", ["row 2", "column 'tokens'", "'inf'"]),
        (HEADER + "code,16,1,10.5,0\n", ["row 2", "column 'tokens'", "'10.5'"]),
        (HEADER + "code,16,1,,0\n", ["row 2", "column 'tokens'", "''"]),
        (HEADER + "code,16,1,1000,-1\n", ["row 2", "column 'seed'", "'-1'", "at least 0"]),
        (HEADER + "code,16,1,1000,0\ncode,16,1,1e3,0\n", ["row 3", "the same run as row 2", "another seed"]),
        (HEADER, ["no rows"]),
    ],
)
def test_bad_plan_is_refused_with_a_sentence(tmp_path, trained, text, said):
    path, out = tmp_path / "plan.csv", tmp_path / "runs.csv"
    path.write_text(text)
    with pytest.raises(DataError) as refusal:
        sweep.measure(path, out)
    assert str(path) in str(refusal.value)
    for part in said:
        assert part in str(refusal.value)
    assert not out.exists()
    assert not trained


def test_missing_plan_and_no_jobs_are_refused(tmp_path, plan):
    with pytest.raises(DataError, match="no such file"):
        sweep.measure(tmp_path / "none.csv", tmp_path / "runs.csv")
    with pytest.raises(DataError, match="give 1 or more"):
        sweep.measure(plan, tmp_path / "runs.csv", jobs=0)


def test_measuring_writes_a_row_a_run_and_reports_it(tmp_path, plan, trained):
    out, calls = tmp_path / "runs.csv", []
    frame = sweep.measure(plan, out, progress=lambda *call: calls.append(call))
    assert tuple(frame.columns) == COLUMNS
    assert frame["run"].tolist() == trained
    pd.testing.assert_frame_equal(pd.read_csv(out), frame)
    assert frame["value"].tolist() == [1 / 3, 4 / 3, 1 / 3]  # in full precision
    done = frame["flops"].cumsum()
    assert [call[:2] for call in calls] == [(1, 3), (2, 3), (3, 3)]
    assert [call[2] for call in calls] == pytest.approx(done.tolist())
    assert {call[3] for call in calls} == {done.iloc[-1]}
    assert [call[4] for call in calls] == trained


def test_finished_runs_are_kept_to_the_letter_and_not_trained_again(tmp_path, plan, trained):
    out = tmp_path / "runs.csv"
    whole = sweep.measure(plan, out)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:2]))
    trained.clear()
    calls = []
    again = sweep.measure(plan, out, progress=lambda *call: calls.append(call))
    assert len(trained) == 2
    assert [call[0] for call in calls] == [2, 3]
    assert out.read_text().splitlines(keepends=True) == lines
    pd.testing.assert_frame_equal(again, whole)
    trained.clear()
    sweep.measure(plan, out)
    assert not trained


def test_rows_of_other_plans_stay(tmp_path, plan, trained):
    out, other = tmp_path / "runs.csv", tmp_path / "other.csv"
    sweep.measure(plan, out)
    other.write_text(HEADER + "names,16,1,1000,0\n")
    assert len(sweep.measure(other, out)) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("task,value\ncode,1\n", "columns are not those of measured runs"),
        ("", "the file is empty"),
        (",".join(COLUMNS) + "\n" + 2 * ("code,r" + "," * (len(COLUMNS) - 2) + "\n"), "stands twice"),
    ],
)
def test_foreign_output_file_is_refused_and_left(tmp_path, plan, trained, text, said):
    out = tmp_path / "runs.csv"
    out.write_text(text)
    with pytest.raises(DataError, match=said):
        sweep.measure(plan, out)
    assert out.read_text() == text
    assert not trained


def test_diverged_run_is_named_and_never_written(tmp_path, plan, monkeypatch):
    def diverge(cell):
        return Run(cell, float("nan") if cell.seed else 1.0, 0.01, 0.5)

    monkeypatch.setattr(sweep, "measure_cell", diverge)
    calls = []
    with pytest.warns(RuntimeWarning, match="'lookup_easy-d24-L1-3.2e4-s1' diverged"):
        frame = sweep.measure(plan, tmp_path / "runs.csv", progress=lambda *call: calls.append(call))
    assert frame["seed"].tolist() == [0, 0]
    assert [call[0] for call in calls] == [1, 2, 3]


def test_interrupted_training_leaves_what_is_finished(tmp_path, plan, monkeypatch):
    def interrupt(cell):
        if cell.seed:
            raise KeyboardInterrupt
        return Run(cell, 1.0, 0.01, 0.5)

    monkeypatch.setattr(sweep, "measure_cell", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep.measure(plan, tmp_path / "runs.csv")
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 1


def test_unwritable_output_is_refused(tmp_path, plan, trained):
    (tmp_path / "file").write_text("")
    with pytest.raises(BudgetError, match="its folder cannot be written"):
        sweep.measure(plan, tmp_path / "file" / "runs.csv")


def test_importing_the_sweep_loads_no_jax():
    code = "import sys, budget.lab.sweep; assert not {'jax', 'optax', 'scipy'} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)
