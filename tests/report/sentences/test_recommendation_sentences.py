"""What to train, in words: who shares, what is gained, how sure it is, and nothing that is not known."""

from dataclasses import replace

import numpy as np
import pytest

from budget.report.decision_response import shown_response
from budget.report.judged_curves import backtest_tile, judged_curves, misses
from budget.report.page.html import render_html
from budget.report.page.markdown import render_markdown
from budget.report.page.method import method
from budget.report.page.story import build_story
from budget.report.page.tables import backtest_table, response_table
from budget.report.sentences import headline as narrative
from budget.report.sentences import trust
from budget.report.sentences.headline import headline, study_summary
from budget.report.sentences.recommendation_sentences import gains, lede, target_sign, what_to_train
from budget.report.written_numbers import factor, percent, value
from budget.studies.backtest_verdict import Figures, Verdict
from budget.studies.budget_response import FACTORS
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
    assert "no other is better on the convex curves that plans read" in said
    lines = study_summary(studies["together"])[0].splitlines()
    assert [line.strip() for line in lines[1:]] == list(gains(found, "flops"))


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
    marks = dict(part.split()[:2] for part in tiles["Targets met"].detail.split(", "))
    assert sum(map(int, marks.values())) == 3
    assert tiles["Targets met"].number == f"{marks['●']} of 3 sure"
    _, tasks, *_ = [block for block in build_story(studies["together"]).sections[0].blocks if block.kind == "table"]
    verdicts = [row[-1].text[0] for row in tasks.rows]
    assert {mark: str(verdicts.count(mark)) for mark in marks} == marks
    judged = judged_curves(with_verdicts(studies["together"], ("PASS", ""), ("", ""), ("REVIEW", "too few")))
    (tile,) = backtest_tile(judged)
    assert judged == ((LONG, Verdict("REVIEW", "too few")),)  # prose and code have a model of theirs, judged by itself
    assert (tile.number, tile.detail) == ("REVIEW", f"REVIEW: {LONG}")


def with_verdicts(study, *verdicts, sharing=()):
    codes, sentences = zip(*(each[:2] for each in verdicts), strict=True)
    held = np.array([each[2] if len(each) > 2 else (np.nan,) * 3 for each in verdicts])
    planned = replace(study.planned, verdict=codes, judged=sentences, held=held)
    return replace(study, planned=planned, judged_sharing=tuple(sharing))


def test_the_first_sentence_tells_each_gain_with_its_own_interval(studies, found):
    said = lede(found, studies["together"].plan)
    for name, words in ((EQUAL, "an equal split"), (SPECIALISTS, "one model for each task")):
        rival = found.rival(name)
        low, high = (f"{100 * end:.2g} %" for end in rival.interval)
        assert f"{percent(rival.gain)} better than {words} (80 %: {low} to {high})" in said


def test_the_share_of_hidden_runs_inside_their_intervals_and_the_worst_curve_are_told(studies, found):
    own = [("PASS", "", (9, 10, 0.01)), ("PASS", "", (1, 10, 0.6)), ("PASS", "", (6, 10, 0.23))]
    shared = [JudgedCurve("generalist", name, Verdict("PASS", "", Figures(8, 10, 0.02))) for name in ("prose", "code")]
    judged = judged_curves(with_verdicts(studies["together"], *own, sharing=shared))
    (tile,) = backtest_tile(judged)
    assert tile.number == "3 of 3 hold"  # the curves of one model each of prose and code are not the decision's
    inside = f"{100 * 22 / 30:.1f} % inside 80 % intervals"
    assert tile.detail == f"hidden larger runs missed by 2 % in the median; {LONG} 23 %; {inside}"
    assert misses(judged) == ((LONG, 0.23), ("prose (shared)", 0.02), ("code (shared)", 0.02))


def test_one_model_and_a_plan_without_sharing_have_the_tile_and_the_rule_of_targets(studies):
    for kind in ("shared", "specialists"):
        study = studies[kind]
        count = len(study.planned.tasks)
        judged = with_verdicts(study, *[("PASS", "", (9, 10, 0.01 * (at + 1))) for at in range(count)])
        tiles = {tile.label: tile for tile in narrative.tiles(judged)}
        assert tiles["Backtest of curves"].number == f"{count} of {count} hold"
        assert not any("backtest" in tile.label.lower() for tile in narrative.tiles(study))
    plan = studies["specialists"].plan
    signs = [
        target_sign(*(float(each) for each in one), False)
        for one in zip(plan.predicted, plan.low, plan.high, plan.spec.tasks.target, strict=True)
    ]
    assert tiles["Targets met"].number == f"{signs.count('●')} of {len(signs)} sure"


def test_other_budgets_are_told_of_the_decision_by_line_table_and_sentence(studies, found):
    study = studies["together"]
    answer = shown_response(study)
    spec, tables = study.plan.spec, study.tables
    assert answer.reached == pytest.approx(spec.sign * found.objective, rel=1e-12) and not answer.alone
    for times in (0.5, 2.0):
        budgets = np.array([times * found.plan.budget])
        spend = tables.split(spec.weight, budgets)
        (line,) = spec.sign * tables.objective(spec.weight, tables.reached(tables.models, spend))
        assert answer.at(times) == pytest.approx(line, rel=1e-12)
        assert f"the budget gives {value(line)}" in narrative.response(study).replace("Half", "half")
        rows = {row[1].text: row[2].text for row in response_table(study).rows}
        assert rows[f"{times:g}×"] == value(line)
    assert np.all(np.diff(answer.objective) < 0) and answer.at(1.0) == answer.reached
    steps = (answer.at(0.5) - answer.at(1.0)) / 50, (answer.at(1.0) - answer.at(2.0)) / 100
    assert steps[1] < answer.percent_more < steps[0]  # the next percent is worth less than the last


def test_what_speaks_of_one_model_for_each_says_so_where_some_share(studies):
    study = studies["together"]
    bare = build_story(replace(study, tables=None))
    titles = [section.title for section in bare.sections]
    assert "More or less budget, if every task had a model of its own" in titles
    assert response_table(replace(study, tables=None)).caption.endswith("had every task a model of its own")
    text = render_markdown(build_story(study))
    assert "the plan trains one model for each task" not in text and "| This plan |" not in text
    assert "The best plan" not in text and "The decision is " in text
    sign = study.plan.spec.sign
    certificate = dict(method(study))["Certificate"]
    assert value(sign * study.recommendation.choice.bound) in certificate and "steadied" in certificate
    assert "the plan trains one model for each task" in render_markdown(build_story(studies["specialists"]))


def test_extrapolation_is_that_of_the_models_to_train(studies, found):
    said = trust.extrapolation(studies["together"])
    beyond = [model.beyond for model in found.models if model.beyond > 1]
    assert said.startswith(f"Extrapolation: {len(beyond)} of 2 models lie outside what was measured, at most ")
    assert factor(max(beyond)) in said


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
    tile = next(each for each in narrative.tiles(changed) if each.label == "Backtest of curves")
    assert tile.number == "1 of 3 hold"
    assert tile.detail == "REVIEW: prose (shared) and code (shared)"
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


def test_a_budget_at_which_one_model_for_each_is_better_is_told(studies):
    study = studies["together"]
    assert shown_response(study).apart == {} and "plan again" not in narrative.response(study)
    better = study.response.objective.copy()
    at = FACTORS.index(5.0)
    better[at] = 0.9 * shown_response(study).at(5.0)
    changed = replace(study, response=replace(study.response, objective=better))
    assert shown_response(changed).apart == {5.0: better[at]}
    assert f"with 5× the budget {value(better[at])}, which is better, so plan again" in narrative.response(changed)
