"""How models with experts are built, from the columns of their runs."""

import numpy as np
import pandas as pd
import pytest

from budget.studies.strategies.measured_experts import MeasuredExperts
from budget.tables.runs import runs_from_frame

SIZES = np.array([1e6, 4e6, 16e6])


def frame(**changes):
    """Runs of one model of two tasks at three sizes."""
    rows = {
        "task": np.repeat(["a", "b"], 3), "run": ["x", "y", "z"] * 2, "params": np.tile(SIZES, 2), "tokens": 1e8,
        "value": [3.0, 2.5, 2.2] * 2, "strategy": "moe", "active_params": np.tile(SIZES / [2, 3, 3], 2), "experts": 4,
    }  # fmt: skip
    return pd.DataFrame(rows | changes)


def built(**changes):
    return MeasuredExperts.of(runs_from_frame(frame(**changes)), ["a", "b"])


def test_active_parameters_are_those_of_the_runs_and_between_them_by_logarithms():
    found = built()
    assert found.experts == 4
    assert [found.active_params(size) for size in SIZES] == pytest.approx(SIZES / [2, 3, 3])
    assert found.active_params(2e6) == pytest.approx(np.sqrt(5e5 * 4e6 / 3))


def test_nothing_is_told_beyond_the_runs():
    assert np.isnan([built().active_params(size) for size in (9e5, 1.7e7)]).all()


@pytest.mark.parametrize(
    ("changes", "experts"),
    [
        ({"experts": [4, 4, 8] * 2}, np.nan),  # of models that differ neither is told
        ({"experts": "many"}, np.nan),
        ({"active_params": [np.nan, 1e6, 5e6] * 2}, 4),
        ({"active_params": ""}, 4),
        ({"params": np.tile([1e6, 1e6, 4e6], 2)}, 4),  # one size, two numbers of active parameters
    ],
)
def test_what_the_runs_do_not_say_is_not_told(changes, experts):
    found = built(**changes)
    np.testing.assert_equal(found.experts, experts)
    assert np.isnan(found.active_params(4e6))


def test_rows_that_are_kept_keep_how_they_are_built():
    runs = runs_from_frame(frame(experts=[4, 4, 8, 4, 4, 8])).keep(np.array([0, 1, 3, 4]))
    assert MeasuredExperts.of(runs, ["a", "b"]).experts == 4
