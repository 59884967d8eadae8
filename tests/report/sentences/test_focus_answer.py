"""The one paragraph that answers where focusing wins."""

import numpy as np
import pytest

from budget.report.sentences.focus_answer import focus_answer
from budget.report.written_numbers import percent, quantity
from budget.studies.focus.crossover import STATED_DRAW_SHARE
from budget.studies.focus.focus import focus
from budget.studies.strategies.comparison import Comparison
from budget.studies.strategies.strategy_curves import FittedStrategies, StrategyCurves
from budget.tables.tasks import default_tasks
from tests.report.sentences.test_focus_sentences import FAR, INSIDE, strategies_of


def answered(strategies, budgets):
    found = focus(strategies, default_tasks(strategies.specialists.tasks), budgets)
    return found, " ".join(focus_answer(found))


@pytest.mark.parametrize(
    ("more", "verdict", "who", "not_said"),
    [
        (0.8, "Focusing wins in every case.", "one model a task in 3", "A shared model beats"),
        (-1.5, "Sharing wins in every case.", "one model for all in 3", "Specialists beat"),
    ],
)
def test_one_side_wins_everywhere(more, verdict, who, not_said):
    found, said = answered(strategies_of((3, more)), INSIDE)
    assert said.startswith(f"{verdict} Inside the measured range, up to 1.00e20 FLOPs in all, the best of 3 cases")
    assert f"is {who}; in 3 at least 90% of the draws agree." in said and not_said not in said
    gains = [abs(cell.advantage[1]) for cell in found.comparisons]
    at = int(np.argmax(gains))
    assert (
        f"by {percent(float(np.median(gains)))} of the objective in the median, at most by {percent(gains[at])} ("
        in said
    )
    assert f"on t0 + t1 + t2 at {quantity(INSIDE[at], 'flops')}." in said


def test_both_sides_are_named_where_both_win():
    found, said = answered(strategies_of((2, -0.2), (4, 0.5)), INSIDE)
    assert said.startswith("Neither focusing nor sharing wins everywhere.")
    assert "Specialists beat the best shared model on 1 of 2 sets (t0 + t1 + t2 + t3)" in said
    assert "A shared model beats specialists on 1 of 2 sets (t0 + t1)" in said
    assert not found.breadth_laws and "number of tasks" not in said  # two sets tell nothing of it
    assert "Where a task counts only if" in said and "surely grows on" in said


def test_what_is_extrapolated_and_what_has_no_draws_is_said_so():
    _, said = answered(strategies_of((3, 0.8)), FAR)
    assert "Far beyond the measured range, where every case lies," in said
    assert "whose curves passed a backtest, and from 1.00e24 FLOPs on no set rests on a run." in said
    _, point = answered(strategies_of((3, 0.8), draws=0), INSIDE)
    assert "draws agree" not in point and "80 %" not in point and "surely" not in point


@pytest.mark.parametrize(
    ("more", "wins", "begins"),
    [
        (0.8, 0.5, "Focusing is ahead in every case, surely in none."),
        (-1.5, 0.5, "Sharing is ahead in every case, surely in none."),
        (-1.5, STATED_DRAW_SHARE, "Sharing wins in every case."),
    ],
)
def test_a_lead_that_no_case_is_sure_of_is_not_called_a_win(monkeypatch, more, wins, begins):
    found, _ = answered(strategies_of((3, more)), INSIDE)
    monkeypatch.setattr(Comparison, "wins", property(lambda cell: np.full(len(cell.plans), wins)))
    assert focus_answer(found)[0].startswith(begins)


def test_without_specialists_no_side_is_said_to_win():
    strategies = strategies_of((3, -0.5))
    other = StrategyCurves("trunk", strategies.shared[0].curves)
    found = focus(FittedStrategies(None, (*strategies.shared, other)), default_tasks(("t0", "t1", "t2")), INSIDE)
    assert focus_answer(found)[0].startswith("No task of these sets was measured alone, so that nothing says whether")
