"""Progress goes where it is wanted, and nowhere else."""

import io
import sys

import pytest

from budget.report import progress
from budget.report.verbosity import VERBOSITY, Verbosity


@pytest.fixture
def stream(monkeypatch):
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0.0)
    clock = iter(range(1000))
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(clock)))
    return io.StringIO()


def shown(stream, **verbosity) -> str:
    token, other = progress.STREAM.set(stream), VERBOSITY.set(Verbosity(**verbosity))
    try:
        with progress.steps() as start:
            if start is not None:
                for name in ("fitting", "planning"):
                    bar = start(name)
                    for done in range(1, 5):
                        bar(done, 4)
        return "" if stream is None else stream.getvalue()
    finally:
        progress.STREAM.reset(token)
        VERBOSITY.reset(other)


def test_lines_go_to_the_stream_and_not_to_standard_error(stream, capsys):
    assert "fitting: " in shown(stream) and not capsys.readouterr().err


def test_a_notebook_sees_one_line_that_is_gone_in_the_end(stream, monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    written = shown(stream)
    assert "fitting: 2 of 4" in written and "planning: 2 of 4" in written
    assert "\n" not in written and written.endswith("\r") and not written.split("\r")[-2].strip()


def test_none_is_shown_where_none_is_wanted(stream, capsys):
    assert shown(None) == shown(stream, quiet=True) == ""
    assert not capsys.readouterr().err
