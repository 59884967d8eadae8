"""What is said of moved targets is said of the question that is returned."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.plan import moved_targets as module
from budget.allocation.plan.moved_targets import moved_targets
from budget.allocation.spec.make_spec import plan_spec
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
