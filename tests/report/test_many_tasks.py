"""A decision about hundreds of tasks: groups and spreads instead of lines, every task counted, no picture large."""

import re

import numpy as np
import pytest

from budget.report.page import story as told
from budget.report.page.html import drawn_pictures
from budget.report.pictures.many_figures import (
    MOST_GROUPS,
    RANKS,
    groups_flow,
    groups_of,
    shares_spread,
    targets_spread,
)
from budget.report.shown_decision import Decision, ShownModel
from budget.report.written_numbers import percent
from budget.studies.strategies.strategy_curves import SPECIALISTS

COUNT = 500


def decision(shared: int = 0) -> Decision:
    """500 tasks with falling shares, the first ``shared`` of them in one model."""
    part = 1.0 / np.arange(1, COUNT + 1)
    part /= part.sum()
    models = [ShownModel("moe", tuple(range(shared)), float(part[:shared].sum()), float(part[:shared].sum()))]
    models = models if shared else []
    models += [ShownModel(SPECIALISTS, (at,), float(part[at]), float(part[at])) for at in range(shared, COUNT)]
    value = 1.0 + np.linspace(0.0, 1.0, COUNT)
    return Decision(
        tuple(f"task {at}" for at in range(COUNT)), tuple(models), value, value * 0.98, value * 1.02,
        np.where(np.arange(COUNT) % 5 == 0, np.nan, 1.5), False, 1.0, "flops", 1.5, 1.0, (), "nats",
        np.full(COUNT, np.nan),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("stated", "shared", "names"),
    [
        ([f"group {at % 3}" for at in range(COUNT)], 0, {"group 0", "group 1", "group 2"}),
        ([""] * COUNT, 4, {"in one model with experts", "one model for each"}),
        ([""] * COUNT, 0, {"ranks 1 to 10", "ranks 11 to 50", "ranks 51 to 200", "ranks 201 to 500"}),
        ([f"g{at}" for at in range(COUNT)], 0, None),
    ],
)
def test_groups_hold_every_task_once_and_the_whole_budget(stated, shared, names):
    made = groups_of(decision(shared), stated)
    assert sorted(task for each in made for task in each.tasks) == list(range(COUNT))
    assert sum(each.share for each in made) == pytest.approx(1.0)
    assert len(made) <= MOST_GROUPS
    assert names is None or {each.name for each in made} == names


def test_ranks_are_those_of_the_largest_shares():
    made = {each.name: each for each in groups_of(decision(), [""] * COUNT)}
    assert set(made[f"ranks 1 to {RANKS[0]}"].tasks) == set(range(RANKS[0]))


@pytest.mark.parametrize("width", [1120.0, 700.0, 340.0])
def test_the_flow_counts_what_the_targets_of_each_group_say(width):
    found = decision()
    drawn = groups_flow(found, [f"group {at % 2}" for at in range(COUNT)], width)
    counts = [tuple(map(int, each)) for each in re.findall(r">(\d+) · (\d+) · (\d+)<", drawn)]
    sure, missed = (found.high <= found.target).sum(), (found.low > found.target).sum()
    assert sum(each[0] for each in counts) == sure and sum(each[2] for each in counts) == missed
    assert sum(map(sum, counts)) == np.isfinite(found.target).sum()


@pytest.mark.parametrize("width", [540.0, 340.0])
def test_spreads_name_their_extremes_and_have_few_marks(width):
    found = decision()
    shares, targets = shares_spread(found, width), targets_spread(found, width)
    assert f"task 0: {percent(found.models[0].share)}" in shares and "task 499" in shares
    assert "task 499: +33 %" in targets  # 2.0 against 1.5
    for drawn in (shares, targets):
        circles = [float(y) for y in re.findall(r'cy="([\d.]+)"', drawn)]
        height = float(re.search(r'height="([\d.]+)"', drawn)[1])
        assert 0 < len(circles) <= 400 and 0 < min(circles) and max(circles) < height


def test_many_tasks_get_groups_and_spreads_on_the_first_page(studies, monkeypatch):
    study = studies["specialists"]
    assert [each.name for each in told.build_story(study).pictures][:2] == ["flow", "moves"]
    monkeypatch.setattr(told, "MANY", 2)
    page = told.build_story(study)
    assert [each.name for each in page.pictures][:4] == ["groups", "spread", "aims", "gain"]
    assert len(page.pictures) <= 6
    drawn = drawn_pictures(study, page)
    assert max(panel.wide.count("<circle") for name in ("groups", "spread", "aims") for panel in drawn[name]) <= 400
