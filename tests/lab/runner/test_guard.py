import signal

from budget.lab.runner import guard


def test_groups_still_open_when_the_lines_end_are_killed(monkeypatch):
    killed = []
    monkeypatch.setattr(guard, "_signal_group", lambda group, number: killed.append((group, number)))
    guard._keep_watch(["+11\n", "+12\n", "-11\n", "+13\n", "+1"])  # the last line was cut off
    assert sorted(killed) == [(12, signal.SIGKILL), (13, signal.SIGKILL)]
