"""``budget check``."""

import json

from tests.commands.invoking import frame_of, run
from tests.simulate import TRUTHS


def test_check(runs, tmp_path):
    result = run("check", runs)
    assert result.exit_code == 0
    frame = frame_of(result)
    assert list(frame.columns) == ["task", "verdict", "finding", "advice"]
    assert frame["task"].tolist() == [*TRUTHS, "(file)"] and set(frame["verdict"]) == {"PASS"}
    assert {entry["verdict"] for entry in json.loads(run("check", runs, "--json").stdout)["rows"]} == {"PASS"}
    assert run("check", runs, "--out", tmp_path / "check.csv").stdout == ""
    assert (tmp_path / "check.csv").read_text() == result.stdout
