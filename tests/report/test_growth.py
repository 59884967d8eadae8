"""What the terminal says of a growing set."""

import numpy as np
import pytest

from budget.report.growth import decline_sentence, growth_summary, unchanged_shared_summary
from budget.studies.growth import grow
from budget.studies.unchanged import UnchangedShared
from budget.tables.tasks import Tasks
from tests.studies.made_sets import BUDGET, different, identical


def said(curves, *, target=None, **options):
    wishes = {} if target is None else {"target": np.array(target)}
    return " ".join(growth_summary(grow(curves, Tasks(curves.tasks, **wishes), BUDGET, **options)))


def test_copies_are_told_their_law():
    text = said(identical(4, draws=5))
    assert "With 4 tasks each gets 2.50e20 FLOPs on average, 25.0 % of the whole." in text
    assert (
        "as the number of tasks to the power 0.154 (80 % interval" in text and "11.2 % more for twice the tasks" in text
    )
    assert "No task states a target" in text
    assert "With 4 tasks the first task keeps its value at 4.00e21 FLOPs: twice the tasks take 2.00× the budget" in text


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ([1e3] * 3, "Of 3 targets the budget can meet at most 3; all 3 tasks together keep theirs."),
        ([1e-3] * 3, "at most 0; in this order all are kept up to 0 tasks by the best plan for the mean, and up to 0"),
        ([1e-3] * 3, "No spend meets the target of t0, t1 and t2."),
        ([1e3, 1e3, 1e-3], "at most 2 (t0, t1); in this order all are kept up to 2 tasks"),
    ],
)
def test_targets(target, words):
    assert words in said(different(3), target=target)


def test_many_unreachable_targets_are_counted():
    assert "t6, t7 and 2 more." in said(different(10), target=[1e-3] * 10)


def test_random_orders_say_so():
    text = said(different(3, draws=5), target=[1e3, 1e3, 1e-3], order="random", orders=6)
    assert (
        "80 % of the orders" in text
        and "Over orders: mean of all orders." in text
        and "tasks on average (0 to 2)" in text
    )


def test_today_and_nothing_to_add():
    assert "the first 2 tasks keep their values" in said(different(3), today=2)
    assert "keep" not in said(different(3), today=3).replace("No task states a target, so no largest set is named.", "")


def test_no_draws_no_interval():
    growth = grow(different(2), Tasks(("t0", "t1")), BUDGET)
    assert "interval" not in decline_sentence(growth.decline)


def test_one_model():
    factor = np.array([[1.96, 1.18, 1.66]])
    text = unchanged_shared_summary(UnchangedShared(("a",), 2.0, factor, factor, factor))
    assert "2 times the tasks keeps its losses at 1.96× the compute: 1.18× the parameters and 1.66× the tokens" in text
