"""From a question to its plan, whichever law the curves are of: what ``allocate`` prints and ``plan`` reports.

See docs/decisions/150-one-way-from-words-to-a-question.md.
"""

from collections.abc import Callable, Sequence

import numpy as np

from budget.allocation.evaluate import evaluate
from budget.allocation.plan.plan import Plan
from budget.allocation.simple_instead import simple_instead
from budget.allocation.solve import allocate
from budget.allocation.spec.plan_question import PlanQuestion
from budget.allocation.spec.plan_spec import PlanSpec
from budget.curves.curves import Curves
from budget.curves.steady import PREDICTED
from budget.errors import AllocationError, DataError
from budget.numerics.quoting import listed, shown
from budget.tables.tasks import TaskSettings


def only_of(curves: Curves, tasks: TaskSettings, only: Sequence[str]) -> tuple[Curves, TaskSettings]:
    """Curves and settings of some tasks, in the curves' order; of all where none are named.

    Raises:
        AllocationError: one of them is no task.
    """
    if not only:
        return curves, tasks
    for name in only:
        if name not in curves.tasks:
            raise AllocationError(f"--only {shown(name)}: the tasks are {listed(curves.tasks)}; correct the name.")
    pick = np.array([at for at, name in enumerate(curves.tasks) if name in only])
    some = curves.take(pick)
    return some, tasks.select(some.tasks)


def usable_curves(
    curves: Curves, tasks: TaskSettings, plan_on: str | None = None, scores: bool = False
) -> tuple[Curves, tuple[str, ...]]:
    """The curves that plans use, and what is said of the others and of the unserved values.

    Args:
        curves: of all tasks.
        tasks: their settings, in any order.
        plan_on: what plans are made on; as the curves were fitted where it is ``None``.
        scores: whether only tasks with a link count.

    Raises:
        FitError: no curve can be used.
    """
    curves = curves if plan_on is None else curves.planned_on(plan_on)
    usable, notes = curves.usable(), curves.score_note
    if scores:
        usable, notes = usable.linked(), curves.unlinked
    usable, bounded = usable.bounded_by(tasks.select(usable.tasks).unserved)
    return usable, (*bounded, *curves.left_out, *notes)


def settings_of(curves: Curves, tasks: TaskSettings, scores: bool = False) -> TaskSettings:
    """The settings of the tasks that usable curves are of, then those of tasks without a curve, which keep their part.

    Args:
        curves: usable ones.
        tasks: the settings of all tasks.
        scores: whether only tasks with a link count.
    """
    without = [name for name, _ in curves.omitted if not scores]
    return tasks.select((*curves.tasks, *without))


def curves_for(curves: Curves, spec: PlanSpec, question: PlanQuestion) -> Curves:
    """The curves that a stated question is planned on.

    One model has no split that steadied curves would better: its size is a question of what is predicted.
    """
    return curves.planned_on(PREDICTED) if spec.is_one_model and question.plan_on is None else curves


def answer(
    curves: Curves,
    spec: PlanSpec,
    question: PlanQuestion,
    *,
    draws: bool = True,
    progress: Callable[[int, int], None] | None = None,
) -> Plan:
    """The plan that a question asks for, or the split that it asks to be scored.

    Args:
        curves: that it is planned on, see ``curves_for``.
        spec: the question stated of them.
        question: as it was asked.
        draws: whether to solve again for every draw.
        progress: called with (draws done, draws in all).

    Raises:
        AllocationError: the question does not fit the law, see ``solve.allocate``.
        DataError: a split is to be scored, and the law plans one model.
    """
    if curves.form.is_of_one_model:
        from budget.allocation.mixture.plan_mixture import plan_mixture  # by far the fewest plans are of mixtures

        if question.split is not None:
            raise DataError(f"--evaluate scores a split among specialists, and law '{curves.law}' plans one model.")
        return plan_mixture(curves, spec, draws=draws, progress=progress)
    split = question.split
    # of a given split only the best objective is asked, which the dual proves without a solver
    plan = allocate(
        curves, spec, progress=progress, draws=draws and split is None, route="dual" if split else "program"
    )
    if split is not None:
        return evaluate(curves, spec, split, plan)
    if question.prefer_simple:
        return simple_instead(curves, plan, question.reference)
    return plan
