"""What the law of breadth claims in simulated worlds, with fixed seeds."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[2] / "benchmarks"))

from breadth_law import SHAPES, claims


@pytest.mark.parametrize("shape", SHAPES)
def test_where_only_relatedness_matters_nothing_is_claimed_of_the_number_of_tasks(shape):
    found = np.array(list(claims(400, shape, 0.0, seed=7)))
    assert (found == 0).mean() >= 0.95


@pytest.mark.parametrize("shape", SHAPES)
def test_where_the_number_of_tasks_matters_it_is_claimed_and_never_the_other_way(shape):
    found = np.array(list(claims(200, shape, 0.08, seed=7)))
    assert (found == 1).mean() >= 0.8 and not (found == -1).any()
