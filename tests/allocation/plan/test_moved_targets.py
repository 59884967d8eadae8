"""What is said of moved targets is said of the question that is returned."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation import solve
from budget.allocation.plan import moved_targets as module
from budget.allocation.plan.moved_targets import moved_targets
from budget.allocation.spec.make_spec import plan_spec
from budget.errors import InfeasibleError, SolverError
from budget.tables.limits import Limit
from budget.tables.tasks import default_tasks
from tests.allocation.plan.test_told import told_otherwise


@pytest.mark.parametrize("tries", [1, 2, 5])
def test_the_question_that_is_returned_is_the_one_whose_plan_was_looked_at(tries, monkeypatch):
    monkeypatch.setattr(module, "TRIES", tries)
    curves, prediction = told_otherwise()
    every, largest = np.arange(3), np.log(curves.reference)
    tasks = replace(default_tasks(curves.tasks), target=prediction.present(every, prediction.distance(every, largest)))
    spec = plan_spec(curves, tasks, 1e24, objective="cheapest")
    planned = []

    def log_inputs(asked):
        planned.append(asked)
        # never the same plan twice, so that nothing settles
        return largest + 0.5 + len(planned) % 2

    asked, met = moved_targets(curves, spec, log_inputs)
    assert len(planned) == tries and asked is planned[-1] and met.all()
    assert (asked.tasks.target == spec.tasks.target).all() == (tries == 1)


@pytest.mark.parametrize(
    "error, why", [(SolverError("it stopped."), "not solved for (it stopped)"), (InfeasibleError("no"), "lie beyond")]
)
def test_targets_that_are_not_moved_are_said_to_be_missed_perhaps(error, why, monkeypatch):
    curves, _ = told_otherwise()
    even = solve.allocate(curves, plan_spec(curves, default_tasks(curves.tasks), 1e21), draws=False)
    tasks = replace(default_tasks(curves.tasks), target=even.predicted)
    free = Limit("all", np.ones(3), upper=1e30)
    spec = plan_spec(curves, tasks, None, objective="cheapest", limits=(free,))

    def fails(*_):
        raise error

    monkeypatch.setattr(solve, "moved_targets", fails)
    (said,) = [note for note in solve.allocate(curves, spec, draws=False).notes if "may be missed as predicted" in note]
    assert why in said
    monkeypatch.undo()
    assert not [note for note in solve.allocate(curves, spec, draws=False).notes if "may be missed" in note]
