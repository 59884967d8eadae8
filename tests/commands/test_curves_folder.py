"""Commands take a folder of curves where they take a JSON, and a plan of many tasks holds its draws apart."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from budget.commands.running.schemas import schema_text
from budget.curves.records import curves_files
from tests.commands.invoking import frame_of, refused, run
from tests.commands.schema_faults import faults


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Runs of three tasks, their curves as JSON and as a folder, and points."""
    path = tmp_path_factory.mktemp("folders")
    random = np.random.default_rng(0)
    rows = [
        (task, size, (floor + height * (size / 1e3) ** -slope) * np.exp(0.003 * random.normal()))
        for task, (floor, height, slope) in {"a": (1, 2, 0.3), "b": (0.5, 1, 0.2), "c": (0.7, 1, 0.4)}.items()
        for size in np.geomspace(1e3, 1e6, 12)
    ]
    pd.DataFrame(rows, columns=["task", "x", "value"]).to_csv(path / "runs.csv", index=False)
    (path / "points.csv").write_text("task,x\na,3e6\nb,1e5\nc,2e6\n")
    for name in ("curves.json", "curves/"):
        found = run("fit", path / "runs.csv", "--draws", "40", "--out", f"{path}/{name}")
        assert found.exit_code == 0, found.output
    return path


@pytest.mark.parametrize(
    "words",
    [
        "allocate {} --budget 3e6",
        "grow {} --budget 3e6",
        "predict {} --at points.csv",
        "next {} --spend 1e5 --budget 3e6",
    ],
    ids=lambda words: words.split()[0],
)
def test_a_command_says_of_a_folder_what_it_says_of_the_json(home, monkeypatch, words):
    monkeypatch.chdir(home)
    whole, parted, inside = (
        run(*words.format(name).split()) for name in ("curves.json", "curves", "curves/curves.json")
    )
    assert whole.exit_code == parted.exit_code == 0, parted.output
    assert parted.stdout == inside.stdout
    # a gain is a difference of values, of which a float32 leaves 1e-7
    pd.testing.assert_frame_equal(frame_of(whole), frame_of(parted), rtol=1e-5, atol=1e-10)


def test_the_record_of_a_folder_is_what_the_schema_says(home):
    record = json.loads((home / "curves" / "curves.json").read_text())
    schema = json.loads(schema_text("curves"))
    assert not list(faults(record, schema)) and "draws_file" in record
    assert list(faults({**record, "draws_file": {}}, schema))


def test_shards_join_into_the_folder_of_a_single_process_to_the_byte(home, monkeypatch):
    monkeypatch.chdir(home)
    for index in range(2):
        run("fit", "runs.csv", "--draws", "40", "--shard", f"{index}/2", "--out", f"part-{index}.npz")
    joined = run("join", "part-0.npz", "part-1.npz", "--out", "joined/")
    assert joined.exit_code == 0, joined.output
    for name in ("curves.json", "draws.npz"):
        assert Path("joined", name).read_bytes() == Path("curves", name).read_bytes()


def test_a_folder_that_is_no_curves_and_a_file_of_that_name_are_refused(home, monkeypatch):
    monkeypatch.chdir(home)
    Path("empty").mkdir()
    Path("taken").write_text("mine\n")
    asked = ("fit", "runs.csv", "--draws", "9", "--out")
    assert "empty: this is a folder; give the name of a file to write." in refused(*asked, "empty")
    assert "taken: this is a file; give a folder to write to." in refused(*asked, "taken/")
    assert "empty: no curves.json in this folder; give one that" in refused("allocate", "empty", "--budget", "3e6")
    assert Path("taken").read_text() == "mine\n"


def test_a_plan_of_many_tasks_holds_its_draws_apart_and_is_read_back(home, monkeypatch):
    monkeypatch.chdir(home)
    monkeypatch.setattr(curves_files, "MANY", 3)
    asked = ("plan", "runs.csv", "--budget", "3e6", "--no-backtest", "--draws", "20", "--out", "plan")
    found = run(*asked)
    assert found.exit_code == 0 and "draws.npz" in found.stderr, found.output
    record = json.loads(Path("plan", "plan.json").read_text())
    assert record["files"]["draws.npz"] and "working_draws" not in Path("plan", "curves.json").read_text()
    same = run("compare", "plan", "plan")
    assert same.exit_code == 0 and (frame_of(same)["by_curve"] == 0).all()
    again = frame_of(run("allocate", "plan", "--budget", "3e6"))
    split = pd.read_csv(Path("plan", "allocation.csv"))
    np.testing.assert_allclose(again["spend"], split["spend"], rtol=1e-6)
    whole = Path("plan", "draws.npz").read_bytes()
    Path("plan", "draws.npz").write_bytes(whole[:-1])
    assert "draws.npz: not the draws that curves.json beside it was written with" in refused("compare", "plan", "plan")
    assert "is a folder; give the name of a file" in refused("fit", "runs.csv", "--draws", "9", "--out", "plan/")
    monkeypatch.setattr(curves_files, "MANY", 4)
    assert run(*asked).exit_code == 0 and not Path("plan", "draws.npz").exists()
    assert json.loads(Path("plan", "plan.json").read_text())["files"]["draws.npz"] is None


def test_curves_in_a_plans_folder_that_are_not_of_it_are_named(home, monkeypatch):
    monkeypatch.chdir(home)
    run("plan", "runs.csv", "--budget", "3e6", "--no-backtest", "--draws", "9", "--out", "strayed")
    text = Path("strayed", "curves.json").read_text()
    Path("strayed", "curves.json").write_text(text + "\n")
    assert (
        "curves.json is not of the plan in plan.json beside it" in run("allocate", "strayed", "--budget", "3e6").stderr
    )
