"""Random problems of every kind: none is refused though a plan exists, none gets a bound that a plan passes."""

import pytest

from tests.allocation.judged import judge
from tests.oracles.random_plans import random_problem


@pytest.mark.parametrize("seed", range(60))
def test_an_answer_is_right_by_what_the_package_did_not_compute(seed):
    verdict = judge(random_problem(seed))
    assert verdict.is_right, verdict
