"""What to train, in words: who shares, what is gained, how sure it is, and nothing that is not known."""

from dataclasses import replace

import numpy as np
import pytest

from budget.report.page.html import render_html
from budget.report.page.story import build_story
from budget.report.page.tables import backtest_table
from budget.report.sentences import headline as narrative
from budget.report.sentences.headline import headline, study_summary
from budget.report.sentences.recommendation_sentences import decision_tiles, gains, what_to_train
from budget.studies.backtest_verdict import Verdict
from budget.studies.strategies.judged_models import JudgedCurve
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL
from tests.report.studies import LONG


@pytest.fixture(scope="module")
def found(studies):
    return studies["together"].recommendation


def test_the_headline_says_who_shares_and_who_is_alone(studies, found):
    said = headline(studies["together"])
    assert said == what_to_train(found)
    assert said == "Train 2 models for 3 tasks: prose and code share one and 1 has one of its own."
    assert headline(studies["all together"]) == "Train one model for all 3 tasks."
    assert headline(studies["specialists"]).startswith("Split ")


def test_the_first_page_shows_the_models_and_the_first_section_lists_them(studies):
    story = build_story(studies["together"])
    assert [picture.name for picture in story.pictures] == ["flow", "moves", "gain", "response"]
    first = story.sections[0]
    models, tasks, alone, _ = [block for block in first.blocks if block.kind == "table"]
    assert sorted(row[1].text for row in models.rows) == sorted(["prose and code", LONG])
    assert {row[0].text for row in tasks.rows} == {"prose", "code", LONG} == {row[0].text for row in alone.rows}
    assert [block.text for block in first.blocks if block.kind == "heading"] == ["If every task had a model of its own"]
    assert not [block for block in build_story(studies["specialists"]).sections[0].blocks if block.kind == "heading"]


def test_gains_stand_beside_their_interval_and_the_share_of_the_draws(studies, found):
    said = " ".join(gains(found, "flops"))
    rival = found.rival(SPECIALISTS)
    assert "better than one model for each task (80 %: " in said and f"{100 * rival.wins:.0f}" in said
    assert f"{100 * rival.enough:.1f} % of the budget" in said
    assert "no other is better as predicted" in said
    assert said in " ".join(study_summary(studies["together"]))


def test_a_gain_that_the_draws_do_not_agree_on_is_only_probable(found):
    rival = found.rival(SPECIALISTS)
    unsure = replace(rival, gains=np.linspace(-0.02, 0.04, 30))
    said = gains(replace(found, rivals=(unsure,)), "flops")[0]
    assert said.startswith("This is probably ") and "−" in said
    assert not gains(replace(found, rivals=(rival,)), "flops")[0].startswith("This is probably")


def test_without_draws_no_share_of_them_is_said(found):
    bare = replace(
        found,
        rivals=tuple(replace(each, gains=np.empty(0)) for each in found.rivals),
        models=tuple(replace(model, wins=float("nan")) for model in found.models),
    )
    said = " ".join(gains(bare, "flops"))
    assert "draws" not in said and "nan" not in said.lower() and "–" not in said


def test_tiles_answer_a_payers_questions_from_the_decision(studies, found):
    tiles = {tile.label: tile for tile in narrative.tiles(studies["together"])}
    assert list(tiles) == [
        "Saved against an equal split", "Mean nats", "Targets met", "Furthest beyond the runs",
    ]  # fmt: skip
    equal = found.rival(EQUAL)
    assert tiles["Saved against an equal split"].number == f"{100 * (1 - equal.enough):.1f} %"
    sure, close, missed = (int(part.split()[0]) for part in tiles["Targets met"].detail.split(", "))
    assert sure + close + missed == 3
    judged = decision_tiles(found, studies["together"].plan, ("PASS", "", "REVIEW"))
    assert {tile.label: tile.number for tile in judged}["Can it be trusted?"] == "REVIEW"


def test_the_steps_of_the_gain_add_up(studies, found):
    equal = found.rival(EQUAL)
    assert equal.objective + sum(step.change for step in found.steps) == pytest.approx(found.objective, rel=1e-12)
    assert [step.joins for step in found.steps] == sorted((step.joins for step in found.steps), reverse=True)


def test_a_plan_that_shares_is_judged_by_the_shared_models_too(studies, found):
    """The curve of a task that shares counts in its model, and not the curve of the model that nobody trains."""
    study = studies["together"]
    names = study.plan.spec.tasks.names
    own = tuple("FAIL" if name in ("prose", "code") else "PASS" for name in names)
    judged = tuple(JudgedCurve("generalist", name, Verdict("REVIEW", "too narrow")) for name in ("prose", "code"))
    changed = replace(study, planned=replace(study.planned, verdict=own), judged_sharing=judged)
    tile = next(each for each in narrative.tiles(changed) if each.label == "Can it be trusted?")
    assert tile.number == "REVIEW"
    assert tile.detail == "1 of 1 curves of one task and 0 of 2 in shared models pass a backtest"
    table = backtest_table(changed)
    assert [row[0].text for row in table.rows if row[1].text == "REVIEW"] == ["prose, shared", "code, shared"]
    assert changed.record()["judged_sharing"][0]["found"] == "too narrow"


def test_a_page_without_tables_names_the_command_that_moves_the_budget(studies):
    study = studies["together"]
    for tables, said in ((study.tables, False), (None, True)):
        story = build_story(replace(study, tables=tables))
        caption = next(picture.caption for picture in story.pictures if picture.name == "response")
        assert ("budget plan plan.toml --budget" in caption) is said
        page = render_html(replace(study, tables=tables), story)
        assert ('id="budget-slider"' in page) is not said and ('id="ask"' in page) is not said
