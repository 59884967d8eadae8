"""Checkpoints are told from finished runs, grids are left alone, and the last row of each run can be kept."""

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from budget.commands import main
from budget.errors import DataError
from budget.tables.checks.checkpoints import checkpoints
from budget.tables.checks.quality import check
from budget.tables.checks.status import STATUS
from budget.tables.runs import read_runs, runs_from_frame
from tests.simulate import HOFFMANN, table

SIZES = np.geomspace(2e7, 1e9, 6)


def training(runs: int = 12, rows: int = 8, tasks: tuple[str, ...] = ("a",)) -> pd.DataFrame:
    """Checkpoints at every k-th part of each run, all of one law; sizes and token counts of a grid's two diagonals."""
    frames = []
    for task in tasks:
        for run in range(runs):
            params = SIZES[run % 6]
            tokens = params * (10 if run < 6 else 40) * np.arange(1, rows + 1) / rows
            frames.append(pd.DataFrame({"task": task, "run": f"r{run}", "params": params, "tokens": tokens}))
    frame = pd.concat(frames, ignore_index=True)
    return frame.assign(value=HOFFMANN.value(frame["params"], frame["tokens"]).round(5))


def found_in(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return checkpoints(runs_from_frame(frame), 0)


def test_rows_of_one_run_at_several_tokens_are_checkpoints():
    ((code, sentence),) = found_in(training())
    assert code == "checkpoints" and STATUS[code].used and STATUS[code].headline
    assert sentence == (
        "each of 12 runs has 8 rows at different tokens: checkpoints; only the last of a run lies on the curve of "
        "finished runs"
    )
    findings = check(runs_from_frame(training()), ("params", "tokens"), 5, np.full(1, np.nan))
    (review,) = [each for each in findings if each.check == "checkpoints"]
    assert review.verdict == "REVIEW" and "--last-of run" in review.advice and "unless" in review.advice


def test_some_runs_with_checkpoints_are_counted():
    frame = training()
    finished = frame["tokens"] == frame.groupby("run")["tokens"].transform("max")
    ((_, sentence),) = found_in(frame[frame["run"].isin(["r0", "r4", "r11"]) | finished])
    assert sentence.startswith("3 of 12 runs have 8 rows at different tokens: checkpoints")


def test_series_without_run_names_are_asked_about():
    ((code, sentence),) = found_in(training().rename(columns={"run": "wandb_id"}))
    assert code == "checkpoints"
    assert sentence.startswith(
        "12 series of 8 rows with equal params, evenly spaced tokens and values in order: checkpoints of as many runs?"
    )


@pytest.mark.parametrize(
    "frame",
    [
        table({"a": HOFFMANN}, noise=0.01),
        table({"a": HOFFMANN}).drop(columns="run"),  # tokens by factors: a grid
        training().assign(run=lambda f: f.index.astype(str)),  # every row has a name of its own
        training(rows=1).drop(columns="run"),
        pd.DataFrame({"task": "a", "x": np.arange(1.0, 61), "value": 3 * np.arange(1.0, 61) ** -0.3}),
    ],
    ids=["named grid", "grid", "names of their own", "finished", "one learning curve"],
)
def test_finished_runs_are_not_called_checkpoints(frame):
    assert found_in(frame) == []


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_the_last_row_of_each_run_and_task_is_kept_whatever_the_order_of_the_rows(tmp_path_factory, seed, rows):
    frame = training(rows=rows, tasks=("a", "b")).rename(columns={"run": "id"})
    last = frame.loc[frame.groupby(["task", "id"])["tokens"].idxmax()]
    path = tmp_path_factory.mktemp("runs") / "runs.csv"
    frame.sample(frac=1, random_state=seed % 2**31).to_csv(path, index=False)
    runs = read_runs(path, columns={"run": "id"}, last_of="id")
    read = sorted(zip(runs.scale["params"], runs.scale["tokens"], runs.value, strict=True))
    assert read == sorted(zip(last["params"], last["tokens"], last["value"], strict=True))
    assert runs.notes[0].startswith(f"{len(frame) - 24} of {len(frame)} rows are left out: --last-of id keeps the row")
    assert checkpoints(runs, 0) == checkpoints(runs, 1) == []


def test_rows_without_a_name_stay_and_of_equal_tokens_the_last_row_counts(tmp_path):
    (tmp_path / "runs.csv").write_text("task,run,x,value\na,r,10,3\na,r,10,2\na,r,5,4\na,,1,9\na,,2,8\n")
    assert read_runs(tmp_path / "runs.csv", last_of="run").value.tolist() == [2, 9, 8]


@pytest.mark.parametrize(("column", "drop", "said"), [("id", [], "'id'"), ("run", ["tokens"], "none of them")])
def test_what_last_of_needs_is_asked_for(tmp_path, column, drop, said):
    training().drop(columns=drop).to_csv(tmp_path / "runs.csv", index=False)
    with pytest.raises(DataError, match=said):
        read_runs(tmp_path / "runs.csv", last_of=column)


@pytest.mark.parametrize("command", ["check", "fit", "backtest", "focus", "plan"])
def test_every_command_that_reads_runs_has_the_option(command):
    assert "--last-of COLUMN" in CliRunner().invoke(main, [command, "--help"]).output


def test_fit_reads_the_last_rows_and_says_what_it_left_out(tmp_path):
    path = tmp_path / "runs.csv"
    training().to_csv(path, index=False)
    result = CliRunner().invoke(main, ["fit", str(path), "--last-of", "run", "--draws", "0"])
    assert result.exit_code == 0
    assert "84 of 96 rows are left out: --last-of run keeps the row with the largest tokens" in result.stderr
    assert "checkpoints" not in result.stdout
    assert "checkpoints" in CliRunner().invoke(main, ["fit", str(path), "--draws", "0"]).stdout
