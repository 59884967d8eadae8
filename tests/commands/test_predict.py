"""``budget predict``."""

import json

import numpy as np

from tests.commands.invoking import frame_of, run
from tests.simulate import TRUTHS


def test_predict(curves, tmp_path):
    (tmp_path / "points.csv").write_text("task,params,tokens,note\nprose,1e9,1e10,x\ncode,1e9,1e10,y\n")
    frame = frame_of(run("predict", curves, "--at", tmp_path / "points.csv"))
    assert list(frame.columns) == ["task", "params", "tokens", "note", "predicted", "low", "high"]
    assert frame["note"].tolist() == ["x", "y"]
    np.testing.assert_allclose(frame["predicted"], [TRUTHS[task].value(1e9, 1e10) for task in frame["task"]], rtol=0.02)
    rows = json.loads(run("predict", curves, "--at", tmp_path / "points.csv", "--json").stdout)["rows"]
    assert rows[0]["task"] == "prose" and rows[0]["predicted"] == frame["predicted"][0]


def test_the_interval_of_a_new_run_is_the_wider_one(curves, tmp_path):
    (tmp_path / "points.csv").write_text("task,params,tokens\nprose,1e9,1e10\ncode,1e9,1e10\n")
    mean, new = (
        frame_of(run("predict", curves, "--at", tmp_path / "points.csv", *each)) for each in ((), ("--new-run",))
    )
    np.testing.assert_array_equal(mean["predicted"], new["predicted"])
    assert (new["high"] - new["low"] > mean["high"] - mean["low"]).all()
