"""The lines under the numbers of the first page: what misses its target, what is least sure, and the words."""

from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.solve import allocate
from budget.report import open_questions
from budget.report.decision_response import shown_response
from budget.report.page.decided_tables import decided_table
from budget.report.page.story import build_story
from budget.report.pictures.decision_figures import flow
from budget.report.shown_decision import shown_decision
from budget.report.written_numbers import count_span, factor, percent, quantity, told_apart, value
from budget.studies.strategies.recommendation import Undecided
from tests.report.studies import make_study


def aimed(study, targets):
    tasks = replace(study.plan.spec.tasks, target=np.asarray(targets))
    spec = replace(study.plan.spec, tasks=tasks)
    return replace(study, plan=replace(study.plan, spec=spec))


@pytest.mark.parametrize("kind", ["specialists", "together", "scores"])
def test_the_spend_for_a_target_is_where_its_curve_reaches_it(studies, kind):
    tables, shown = studies[kind].tables, shown_decision(studies[kind])
    spend = np.array([2.0 * model.spend for model in shown.models])
    reached = tables.reached(tables.models, spend[None])[0]
    needed = tables.spends_for(reached, shown.higher)
    for model, mine in zip(tables.models, spend, strict=True):
        np.testing.assert_allclose(needed[list(model.tasks)], mine, rtol=1e-9)
    budget = tables.budget_for_targets(reached, shown.higher)
    assert (budget - tables.kept) * (1 - tables.kept_share) == pytest.approx(spend.sum(), rel=1e-9)
    beyond = np.where(np.arange(len(reached)) == 0, 1e9 if shown.higher else -1e9, np.nan)
    assert np.isinf(tables.spends_for(beyond, shown.higher)[0])
    assert np.isnan(tables.spends_for(beyond, shown.higher)[1:]).all()
    assert np.isinf(tables.budget_for_targets(beyond, shown.higher))


def test_the_spend_for_a_target_is_the_solvers(studies):
    study = studies["specialists"]
    spec = study.plan.spec
    twice = allocate(study.planned, replace(spec, budget=2 * spec.budget), draws=False, route="dual")
    needed = study.tables.spends_for(twice.predicted, False)
    np.testing.assert_allclose(needed, twice.spend, rtol=2e-3)  # a value to 1e-4, over what it falls for a spend


def test_missed_targets_name_their_spend_and_the_budget_that_reaches_all(studies):
    study = studies["together"]
    shown, tables = shown_decision(study), study.tables
    spend = np.array([1.5 * model.spend for model in shown.models])
    targets = np.where(shown.low < np.inf, tables.reached(tables.models, spend[None])[0], np.nan)
    targets = np.minimum(targets, shown.low * 0.999)
    changed = aimed(study, targets)
    said = open_questions.missed_line(changed, shown_decision(changed))
    needed = tables.spends_for(targets, False)
    for model in shown.models:
        for task in model.tasks:
            assert f"{shown.names[task]} ({factor(needed[task] / model.spend)})" in said
    times = tables.budget_for_targets(targets, False) / shown.budget
    assert said.startswith("For an even chance, in multiples of the spend: ")
    assert said.endswith(f" {factor(times)} the budget does for all.")
    hopeless = aimed(study, np.full(len(targets), 1e-9))
    assert "beyond reach" in open_questions.missed_line(hopeless, shown_decision(hopeless))
    said = open_questions.missed_line(hopeless, shown_decision(hopeless))
    assert said.endswith("No budget up to 5× does for all.")
    # one model for each that meets them all, with the least that its table holds
    alone = tuple(replace(each, predicted=np.zeros_like(each.predicted)) for each in tables.alone)
    able = replace(hopeless, tables=replace(tables, alone=alone))
    least = sum(float(np.exp(each.log_spend[0])) for each in alone)
    said = open_questions.missed_line(able, shown_decision(able))
    unit = study.plan.spec.unit
    assert said.endswith(
        f"No budget up to 5× does for all with these models; one for each does for {quantity(least, unit)}."
    )
    assert open_questions.missed_line(study, shown) == ""


def test_the_least_sure_tasks_are_those_of_the_widest_intervals_by_weight(studies):
    study = studies["together"]
    shown = shown_decision(study)
    width = study.plan.spec.weight * (shown.high - shown.low)
    order = np.argsort(-width)
    assert open_questions.least_sure(study, shown) == order.tolist()
    section = open_questions.next_section(study)
    table = [block for block in section.blocks if block.kind == "table"][-1]
    assert [row[0].text for row in table.rows] == [shown.names[task] for task in order]
    assert [row[2].text for row in table.rows] == [percent(each) for each in width[order] / width.sum()]
    assert f"budget next curves.json --spend {3e17:.2e}"[:28] in section.blocks[-1].text
    assert shown.names[order[0]] in open_questions.next_line(study, shown)
    assert "Least sure" in [note.label for note in open_questions.first_page_notes(study)]
    model = max(shown.models, key=lambda each: each.size.high / each.size.low)
    said = f"Size: {shown.label(model)}, {count_span(model.size.low, model.size.high)}; "
    said += f"{count_span(model.size.near_low, model.size.near_high)} do as well within 0.1 %."
    assert open_questions.next_line(study, shown).endswith(said)
    bare = make_study(("prose", "code"), draws=0)
    assert open_questions.next_section(bare) is None and open_questions.next_line(bare, shown_decision(bare)) == ""


def test_what_to_measure_next_is_ranked_by_what_knowing_is_worth(studies):
    study = studies["specialists"]
    shown, more = shown_decision(study), shown_response(study).percent_more
    order = np.argsort(-study.knowing)
    assert (study.knowing[order[:3]] > 0).all()
    said = open_questions.measure_line(study, shown)
    first = f"{shown.label(shown.models[order[0]])} {percent(study.knowing[order[0]] / more / 100)}"
    assert said.startswith(f"Knowing a curve is worth so much more budget: {first}")
    section = open_questions.next_section(study)
    table = next(block for block in section.blocks if block.kind == "table")
    assert [row[0].text for row in table.rows] == [shown.label(shown.models[at]) for at in order]
    assert section.title == "What to measure next" and shown.label(shown.models[order[0]]) in section.finding
    unknown = replace(study, knowing=np.zeros(len(shown.models)))
    assert open_questions.measure_line(unknown, shown) == ""
    assert open_questions.next_section(unknown).title == "What is least sure"


def test_what_sharing_costs_is_told_of_the_task_that_loses_most(studies):
    study = studies["together"]
    shown = shown_decision(study)
    place = [study.growth.names.index(name) for name in shown.names]
    np.testing.assert_array_equal(shown.alone, study.sharing.alone[place])
    most = int(np.argmax(shown.predicted - shown.alone))
    here, own = told_apart(float(shown.predicted[most]), float(shown.alone[most]))
    assert open_questions.sharing_line(shown) == (
        f"{shown.names[most]} loses most: {here}, with the whole budget {own}."
    )
    for task, alone in enumerate(shown.alone):  # the flow has it of every task
        assert f">{told_apart(float(alone))[0]}</text></g>" in flow(shown, 1120), task
    cells = {row[0].text: row[4].text for row in decided_table(study, study.recommendation).rows}
    assert cells == {name: value(float(alone)) for name, alone in zip(shown.names, shown.alone, strict=True)}
    assert open_questions.sharing_line(shown_decision(studies["hypothetical"])) == ""  # nobody measured those alone


def test_the_words_of_the_first_page_are_told_on_it(studies):
    story = build_story(studies["together"])
    (words,) = [note.text for note in story.notes if note.label == "Words"]
    assert "12 draws: " in words and "a task's lower value is better" in words and "experts" not in words
    assert "higher value is better" in build_story(studies["scores"]).notes[-1].text


def test_links_of_a_shared_model_are_together_as_wide_as_its_share(studies):
    import re

    found = shown_decision(studies["together"])
    drawn = flow(found, 1120)
    box = re.search(r'<rect data-model="(\d)" class="fill-plain"[^>]* height="([\d.]+)"', drawn)
    links = re.findall(r'<path data-link="\d,\d"[^>]* d="M[\d.]+ ([\d.]+)C[^L]*L[^C]*C[^Z]* ([\d.]+)Z"', drawn)
    assert box is not None and len(links) == 2, drawn[:1500]
    assert sum(float(end) - float(start) for start, end in links) == pytest.approx(float(box[2]), abs=0.3)


def test_a_shared_model_that_the_draws_leave_open_is_among_what_to_measure(studies):
    study = studies["together"]
    open_one = Undecided("moe", ("prose", "code"), 0.64)
    asked = replace(study, recommendation=replace(study.recommendation, undecided=(open_one,)))
    (bullets,) = [block for block in open_questions.next_section(asked).blocks if block.kind == "bullets"]
    (said,) = bullets.items
    assert said.startswith("prose and code in one model with experts: better than apart in 64.0 % of the draws")
    assert not [block for block in open_questions.next_section(study).blocks if block.kind == "bullets"]
