"""Targets of scenarios are counted as predicted, as the table does, and by the intervals, as the tile does."""

from budget.report.scenario_section import _met


def test_both_counts_of_targets_stand_together():
    cell = _met(["●", "◐", "◐", "○", ""], 3.0)
    assert cell.text == "3 of 4 as predicted" and cell.detail == "● 1 sure, ◐ 2 too close, ○ 1 missed"
    assert "of" not in _met(["", ""], float("nan")).text
