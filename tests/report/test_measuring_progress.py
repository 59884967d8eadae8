import sys

import pytest

from budget.report.measuring_progress import Pace, duration, sweep


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_time_left_goes_by_flops_where_they_are_known():
    clock = Clock()
    pace = Pace(clock)
    assert pace.left(2, 6, 1e3, 11e3) is None
    clock.now += 60
    assert pace.left(3, 6, 2e3, 11e3) == pytest.approx(9 * 60)  # 1e3 of the 1e4 that were left took a minute
    assert pace.left(6, 6, 11e3, 11e3) is None


def test_time_left_goes_by_runs_where_flops_are_not_known():
    clock = Clock()
    pace = Pace(clock)
    pace.left(2, 6, 0.0, 0.0)
    clock.now += 60
    assert pace.left(3, 6, 0.0, 0.0) == pytest.approx(3 * 60)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "0 s"), (40, "40 s"), (99.6, "2 min"), (180, "3 min"), (9000, "2.5 h"), (3.1 * 86400, "3.1 days")],
)
def test_duration(seconds, said):
    assert duration(seconds) == said


def test_lines_where_there_is_no_terminal(monkeypatch):
    lines, clock = [], Clock()
    monkeypatch.setattr("budget.report.measuring_progress.Pace", lambda: Pace(clock))
    with sweep(lines.append) as progress:
        progress(10, 40, 0.3e12, 4.2e12, "")
        clock.now += 60
        progress(12, 40, 1.3e12, 4.2e12, "code-s0")
        progress(40, 40, 4.2e12, 4.2e12, "code-s1")
    assert lines == [
        "12/40 runs, 31% of 4.2e12 FLOPs, 3 min left: code-s0",
        "40/40 runs, 100% of 4.2e12 FLOPs: code-s1",
    ]
    lines.clear()
    with sweep(lines.append) as progress:
        progress(0, 2, 0.0, 0.0, "")
        progress(1, 2, 0.0, 0.0, "code-s0")
    assert lines == ["1/2 runs, 0 s left: code-s0"]


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    with sweep(lambda line: pytest.fail(line)) as progress:
        progress(1, 4, 1e12, 4e12, "")
        progress(2, 4, 2e12, 4e12, "code-s0")
    drawn = capsys.readouterr().err
    assert "1/4 runs" in drawn and "2/4 runs" in drawn and "50% of 4e12 FLOPs, 0 s left" in drawn
