"""No command's time or files grow faster with the number of tasks than is stated here, by CPU time."""

import statistics
import sys
import time

import pytest
from click.testing import CliRunner

from budget.commands import main
from tests import ROOT

sys.path.append(str(ROOT / "benchmarks"))

import exponents

NEXT_TO_NONE, FEW, MANY = 4, 40, 320

LIMITS = {
    "check": (1.3, 1.1),
    "fit": (1.3, 1.1),
    "predict": (1.3, 1.1),
    "allocate": (1.4, 1.1),
    "grow": (1.1, 1.1),
}
"""Command → largest exponent of its CPU time and of the bytes that it writes.

The bytes' are exact. The times' leave what a loaded machine adds, which is below .2 of eight times as many tasks, and
are below what a pass over the file for each task costs (2).
"""

NOISE = 0.02
"""CPU seconds of a command below which a difference is the machine's."""


def in_process(*arguments: str) -> float:
    """CPU seconds of a command in this process, where Python and the package have started."""
    begin = time.process_time()
    done = CliRunner().invoke(main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return time.process_time() - begin


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Number of tasks → command → CPU seconds (the median of three) and bytes."""
    found = {}
    for tasks in (NEXT_TO_NONE, FEW, MANY):
        folder = tmp_path_factory.mktemp(f"tasks{tasks}")
        exponents.commands(folder, tasks, in_process, "5")  # what is loaded and compiled once is no part of the work
        repeats = [exponents.commands(folder, tasks, in_process, "5") for _ in range(3)]
        found[tasks] = {
            name: (statistics.median(each[name][0] for each in repeats), repeats[0][name][1]) for name in LIMITS
        }
    return found


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(LIMITS))
def test_time_and_files_grow_no_faster_than_stated(command, measured):
    start, few, many = (measured[tasks][command] for tasks in (NEXT_TO_NONE, FEW, MANY))
    most_time, most_bytes = LIMITS[command]
    ratio = MANY / FEW
    # with few tasks the work may be less than can be told from the start: then as much as can be told counts
    work = max(few[0] - start[0], NOISE)
    assert exponents.exponent(0, work, max(many[0] - start[0], NOISE), ratio) <= most_time, (start, few, many)
    assert exponents.exponent(0, few[1], many[1], ratio) <= most_bytes, (few, many)


def test_an_exponent_is_that_of_what_is_left_without_the_start():
    assert exponents.exponent(3.0, 3.0 + 10.0**1.5, 3.0 + 40.0**1.5, 4.0) == pytest.approx(1.5)
