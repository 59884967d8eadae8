import errno
import os
import subprocess
import sys

import pandas as pd
import pytest

from budget.errors import BudgetError, DataError, MeasureError
from budget.lab.transformer import sweep
from budget.lab.transformer.measured_cells import COLUMNS, Run
from budget.lab.transformer.planned_runs import read_plan
from budget.lab.transformer.score import Score

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
        return Run(cell, (Score(1 / 3 + cell.seed, 0.01),), 0.5)

    monkeypatch.setattr(sweep, "measure_cell", pretend)
    return cells


def test_plan_is_read_in_order(plan):
    cells = read_plan(plan)
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
        (HEADER + "code,16,1,,0\n", ["row 2", "column 'tokens'", "empty"]),
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
    assert [call[:2] for call in calls] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert [call[2] for call in calls] == pytest.approx([0, *done])
    assert {call[3] for call in calls} == {done.iloc[-1]}
    assert [call[4] for call in calls] == ["", *trained]


def test_finished_runs_are_kept_to_the_letter_and_not_trained_again(tmp_path, plan, trained):
    out = tmp_path / "runs.csv"
    whole = sweep.measure(plan, out)
    lines = out.read_text().splitlines(keepends=True)
    out.write_text("".join(lines[:2]))
    trained.clear()
    calls = []
    again = sweep.measure(plan, out, progress=lambda *call: calls.append(call))
    assert len(trained) == 2
    assert [call[0] for call in calls] == [1, 2, 3]
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


def _diverge(cell):
    return Run(cell, (Score(float("nan") if cell.seed else 1.0, 0.01),), 0.5)


def test_diverged_run_is_named_and_recorded_beside_the_runs(tmp_path, plan, monkeypatch):
    monkeypatch.setattr(sweep, "measure_cell", _diverge)
    out, calls = tmp_path / "runs.csv", []
    with (
        pytest.warns(RuntimeWarning, match="'lookup_easy-d24-L1-3.2e4-s1' diverged: its loss is not finite; see .*csv"),
        pytest.raises(
            MeasureError, match=r"1 of 3 runs failed \(1 diverged\).*runs-failed\.csv; to repeat one, delete"
        ),
    ):
        sweep.measure(plan, out, progress=lambda *call: calls.append(call))
    assert pd.read_csv(out)["seed"].tolist() == [0, 0]
    assert [call[0] for call in calls] == [0, 1, 2, 3]
    assert (tmp_path / "runs-failed.csv").read_text() == (
        "run,reason,detail,attempts,log\nlookup_easy-d24-L1-3.2e4-s1,diverged,its loss is not finite,1,\n"
    )


def test_diverged_run_is_not_repeated_until_its_record_is_deleted(tmp_path, plan, trained, monkeypatch):
    out, failed = tmp_path / "runs.csv", tmp_path / "runs-failed.csv"
    with monkeypatch.context() as patch, pytest.warns(RuntimeWarning), pytest.raises(MeasureError):
        patch.setattr(sweep, "measure_cell", _diverge)
        sweep.measure(plan, out)
    calls = []
    with (
        pytest.warns(
            RuntimeWarning, match="1 run diverged before and not repeated.*delete its line in .*runs-failed.csv"
        ),
        pytest.raises(MeasureError),
    ):
        sweep.measure(plan, out, progress=lambda *call: calls.append(call))
    assert not trained
    assert [call[:2] for call in calls] == [(3, 3)]
    failed.unlink()
    assert len(sweep.measure(plan, out)) == 3
    assert trained == ["lookup_easy-d24-L1-3.2e4-s1"]


def test_success_removes_the_record_of_that_run_only(tmp_path, plan, trained):
    failed, header = tmp_path / "runs-failed.csv", "run,reason,detail,attempts,log\n"
    other = "else,timeout,slow,2,else.log\n"
    failed.write_text(f"{header}code-d16-L1-1.28e5-s0,timeout,slow,2,\n{other}")
    sweep.measure(plan, tmp_path / "runs.csv")
    assert failed.read_text() == header + other
    failed.write_text(f"{header}code-d16-L1-1.28e5-s0,timeout,slow,2,\n")
    sweep.measure(plan, tmp_path / "runs.csv")  # nothing left to train, and the record is stale
    assert not failed.exists()


def test_foreign_side_file_is_refused_and_left(tmp_path, plan, trained):
    failed = tmp_path / "runs-failed.csv"
    failed.write_text("name\nmine\n")
    with pytest.raises(DataError, match="not those of failed runs"):
        sweep.measure(plan, tmp_path / "runs.csv")
    assert failed.read_text() == "name\nmine\n"
    assert not trained


def test_rows_of_another_process_are_kept(tmp_path, plan, monkeypatch):
    out, other = tmp_path / "runs.csv", tmp_path / "other.csv"
    other.write_text(HEADER + "names,16,1,1000,0\ncode,16,1,1.28e5,0\n")

    def pretend(cell):
        if cell.run == "lookup_easy-d24-L1-3.2e4-s1":  # meanwhile
            sweep.measure(other, out)
        return Run(cell, (Score(1.0, 0.01),), 0.5)

    monkeypatch.setattr(sweep, "measure_cell", pretend)
    frame = sweep.measure(plan, out)
    assert frame["run"].is_unique
    assert set(frame["task"]) == {"names", "code", "lookup_easy"} and len(frame) == 4


def test_full_disk_ends_with_a_sentence_and_the_rows_there_were(tmp_path, plan, trained, monkeypatch):
    out = tmp_path / "runs.csv"
    synced, to_disk = [], os.fsync

    def fill_up(descriptor):
        synced.append(descriptor)
        if len(synced) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fill_up)
    with pytest.raises(MeasureError, match=r"runs\.csv: cannot be written \(No space left on device\); make room"):
        sweep.measure(plan, out)
    # the first run is in the CSV or, where that was not written yet, in the journal: with room again it is not repeated
    first = trained[0]
    monkeypatch.setattr(os, "fsync", to_disk)
    kept = sweep.measure(plan, out)
    assert trained.count(first) == 1
    assert len(kept) == len(pd.read_csv(out)) == len(read_plan(plan))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plan.csv", "runs.csv"]


def test_run_of_several_tasks_becomes_several_rows(tmp_path, plan, monkeypatch):
    def share(cell):
        return Run(cell, (Score(1.0, 0.01), Score(2.0, 0.01)), 0.5)

    monkeypatch.setattr(sweep, "measure_cell", share)
    plan.write_text(HEADER + "code|names,16,1,1000,0\ncode|names,16,1,1000,1\n")
    out = tmp_path / "runs.csv"
    assert sweep.measure(plan, out)["task"].tolist() == ["code", "names"] * 2
    assert len(sweep.measure(plan, out)) == 4


def test_interrupted_training_leaves_what_is_finished(tmp_path, plan, monkeypatch):
    def interrupt(cell):
        if cell.seed:
            raise KeyboardInterrupt
        return Run(cell, (Score(1.0, 0.01),), 0.5)

    monkeypatch.setattr(sweep, "measure_cell", interrupt)
    with pytest.raises(KeyboardInterrupt):
        sweep.measure(plan, tmp_path / "runs.csv")
    assert len(pd.read_csv(tmp_path / "runs.csv")) == 1


def test_unwritable_output_is_refused(tmp_path, plan, trained):
    (tmp_path / "file").write_text("")
    with pytest.raises(BudgetError, match="its folder cannot be written"):
        sweep.measure(plan, tmp_path / "file" / "runs.csv")


def test_importing_the_sweep_loads_no_jax():
    code = """
import sys, budget.lab.transformer.sweep
assert not {'jax', 'optax', 'scipy'} & set(sys.modules), sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", code], check=True)
