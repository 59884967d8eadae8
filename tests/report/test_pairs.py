"""Which tasks help each other: the picture, its table and the fold's line say the same draws."""

import re
from dataclasses import replace

import numpy as np
import pytest

from budget.report.page.story import build_story
from budget.report.pictures.figures import breadth
from budget.report.pictures.pair_figure import MOST_TASKS, pair_figure, saved, shown_tasks, told_pairs
from budget.report.written_numbers import percent
from budget.studies.growth.breadth_curve import BreadthCurve
from tests.report.studies import LONG

HELP, HINDER, OPEN = np.linspace(0.05, 0.25, 100), np.linspace(-0.3, 0.02, 100), np.linspace(-0.1, 0.1, 100)
PAIRS = {frozenset(("prose", "code")): HELP, frozenset(("prose", LONG)): HINDER, frozenset(("code", LONG)): OPEN}


def test_a_pair_is_solid_where_it_helps_hollow_where_not_and_a_speck_where_the_draws_do_not_agree():
    drawn = pair_figure(PAIRS, ("prose", "code", LONG), 700)
    found = re.findall(r'<circle class="([^"]*)" [^>]* r="([\d.]+)"><title>([^<]*)<', drawn)
    assert [style for style, _, _ in found] == ["point", "hollow", "hollow fourth"]
    sizes = [float(radius) for _, radius, _ in found]
    assert sizes[2] == 1.5 and sizes[0] / sizes[1] == pytest.approx((HELP.mean() / -HINDER.mean()) ** 0.5, rel=0.02)
    assert found[0][2].startswith(
        f"prose and code: help each other in 100 % of the draws, {percent(saved(HELP.mean()))} ("
    )
    assert "in each other's way in 93.0 % of the draws, −" in found[1][2].replace("&#x27;", "'")
    assert "Of 3 pairs of tasks 1 help each other and 1 are in each other's way" in drawn.replace("&#x27;", "'")
    pale = pair_figure({frozenset(("prose", "code")): np.linspace(-0.1, 0.3, 100)}, ("prose", "code"), 340)
    assert 'class="run"' in pale and [pair for pair, _ in told_pairs(PAIRS)] == list(PAIRS)[:2]


def test_of_many_tasks_those_of_the_largest_effects_are_drawn():
    names = tuple(f"t{at}" for at in range(60))
    pairs = {frozenset(("t0", name)): HELP * at for at, name in enumerate(names) if at}
    shown = shown_tasks(pairs, names)
    assert shown == ("t0", *names[-MOST_TASKS + 1 :])


def test_the_fold_counts_and_lists_the_pairs(studies):
    study = replace(studies["together"], pairs=PAIRS)
    (section,) = [each for each in build_story(study).sections if each.anchor == "pairs"]
    assert section.finding == (
        "Of 3 pairs that some model serves 1 help each other and 1 are in each other's way in at least 90 % "
        "of the draws."
    )
    (table,) = [block for block in section.blocks if block.kind == "table"]
    assert [row[0].text for row in table.rows] == [" + ".join(sorted(pair)) for pair in list(PAIRS)[:2]]
    assert not [each for each in build_story(studies["together"]).sections if each.anchor == "pairs"]
    record = study.record()["pairs"]
    assert [each["tasks"] for each in record] == [sorted(pair) for pair in PAIRS]
    assert record[0]["low"] < record[0]["effect"] < record[0]["high"]


def test_what_breadth_costs_is_one_picture_with_the_decision_as_its_own_dot(studies):
    study = studies["together"]
    order = [study.plan.spec.tasks.names.index(name) for name in study.growth.names]
    curve = BreadthCurve(
        np.array([1, 2, 3]), np.array([1.0, 0.9, 0.8]), np.array([1.0, 0.85, 0.8]), np.array([1.0, 0.95, 0.8]), 6,
        np.full(3, 1.0), np.full(3, 0.1), np.array([1.0, 2.0, 3.0]),
    )  # fmt: skip
    (panel,) = breadth(replace(study, breadth_curve=curve))
    kept = np.average((1.0 - study.recommendation.plan.predicted[order]) / 0.9, weights=[1, 2, 3])
    assert f">the decision: {percent(kept)}<" in panel.wide and ">one model for each: 80.0 %<" in panel.wide
    assert "2 tasks: 90.0 % (80 % of the orders: 85.0 % to 95.0 %)" in panel.wide
    (section,) = [
        each for each in build_story(replace(study, breadth_curve=curve)).sections if each.anchor == "breadth"
    ]
    (picture,) = [block for block in section.blocks if block.kind == "picture"]
    assert "mean of 6 random orders" in picture.caption
