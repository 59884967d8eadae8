"""The checks of breadth are about the tasks, and by the measure, of the comparison beside which they stand."""

import numpy as np
import pytest

from budget.studies.arms import SPECIALISTS, Arms, Served
from budget.studies.breadth import breadth_of
from budget.studies.focus import focus
from budget.tables.tasks import Tasks, default_tasks
from tests.made import one_model, power

MIXED = {
    "metric": ("accuracy", "nats", "nats"),
    "higher_is_better": np.array([True, False, False]),
    "ceiling": np.array([1.0, np.nan, np.nan]),
}


def arms_of(*pick):
    """Specialists of one score and two losses, and a generalist of some of them."""
    curves = power({f"t{number}": (0.05, 9e3, 0.25) for number in range(3)}, **MIXED)
    return Arms(Served(SPECIALISTS, curves), (Served("generalist", one_model(curves.take(np.array(pick)))),))


def test_a_specialist_of_another_metric_outside_the_comparison_does_not_sink_it():
    arms = arms_of(1, 2)
    tasks = default_tasks(arms.specialists.tasks)
    found = focus(arms, tasks, [1e18, 1e19, 1e20])
    checks = breadth_of(arms, found, tasks)
    assert checks.tasks == ("t1", "t2") and checks.budget == 1e20


def test_the_measure_of_the_comparison_is_taken():
    arms = arms_of(0, 1, 2)
    tasks = Tasks(arms.specialists.tasks, unserved=np.array([0.0, 3.0, 3.0]))
    found = focus(arms, tasks, [1e19])
    assert found.measure == "progress"
    known = breadth_of(arms, found, tasks).lunch.known.value
    assert -1 < known < 0  # progress, made small
    same = focus(arms_of(1, 2), tasks, [1e19], measure="progress")
    assert -1 < breadth_of(arms_of(1, 2), same, tasks).lunch.known.value < 0


@pytest.mark.parametrize("alone", [None, "one"])
def test_there_is_nothing_to_check_without_two_specialists(alone):
    arms = arms_of(1, 2)
    tasks = default_tasks(arms.specialists.tasks)
    found = focus(arms, tasks, [1e19])
    single = None if alone is None else Served(SPECIALISTS, arms.specialists.curves.take(np.array([1])))
    assert breadth_of(Arms(single, arms.shared), found, tasks) is None
