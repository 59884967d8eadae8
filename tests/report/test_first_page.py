"""The first page's pictures: the gain adds up as a reader asks, trust stands beside it, numbers tell apart."""

import re
from dataclasses import replace

import numpy as np
import pytest

from budget.allocation.plan.assembly import SolvedPlan
from budget.allocation.plan.baselines import RULE_OF_THUMB
from budget.allocation.plan.better_of_both import better_of_both
from budget.allocation.spec.objectives import OBJECTIVES
from budget.report.decision_response import shown_response
from budget.report.page.story import build_story
from budget.report.pictures.curve_series import decided_series
from budget.report.pictures.decision_figures import flow, waterfall
from budget.report.pictures.figures import curves, response, selection, sizes
from budget.report.pictures.focus_map import focus_map
from budget.report.pictures.trust_figure import gains_of, trust_figure
from budget.report.sentences import headline as narrative
from budget.report.shown_decision import FREED, objective_interval, saved_to, shown_decision
from budget.report.written_numbers import amount, count, count_span, percent, span, told_apart, value
from budget.studies.growth.targets_kept import required_spends
from budget.studies.strategies.strategy_curves import SPECIALISTS
from budget.studies.strategies.strategy_plans import EQUAL
from budget.tables.strategy_runs import StrategyRuns
from tests.report.studies import LONG, make_study


@pytest.mark.parametrize(
    ("numbers", "written"),
    [
        ((0.748, 0.682), ("0.748", "0.682")),
        ((1.7928, 1.7930), ("1.7928", "1.7930")),
        ((1.938, 1.933), ("1.94", "1.93")),
        ((2.5, float("nan")), ("2.50", "–")),
        ((1.0, 1.0), ("1.00", "1.00")),
        ((1.0000001, 1.0000002), ("1.0000", "1.0000")),
    ],
)
def test_numbers_beside_each_other_have_no_more_digits_than_tell_them_apart(numbers, written):
    assert told_apart(*numbers) == written


def test_the_gain_is_that_of_the_split_then_of_sharing_then_of_what_that_frees(studies):
    study = studies["together"]
    found, shown = study.recommendation, shown_decision(study)
    equal, alone = (found.rival(name).objective for name in (EQUAL, SPECIALISTS))
    moves = [step.change for step in shown.steps if not step.joins and step.strategy != FREED]
    sharing = [step.change for step in shown.steps if step.joins or step.strategy == FREED]
    assert sum(moves) == pytest.approx(alone - equal, rel=1e-6)
    assert sum(sharing) == pytest.approx(found.objective - alone, rel=1e-6)
    (freed,) = [step for step in shown.steps if step.strategy == FREED]
    assert freed.tasks == (LONG,)  # the one task that does not share
    drawn = waterfall(shown, 540)
    for words in ("An equal split", "One model for each", "share: prose +1", "freed: 1 others", "The decision"):
        assert f">{words}<" in drawn
    for level in told_apart(equal, alone, found.objective):
        assert f">{level}<" in drawn


def test_every_task_of_the_flow_has_its_share_value_interval_and_target(studies):
    shown = shown_decision(studies["together"])
    for width, ends in ((1120, 1), (700, 0), (340, 0)):
        drawn = flow(shown, width)
        for task in range(len(shown.names)):
            point, aim = told_apart(shown.predicted[task], shown.target[task])
            between = span(*told_apart(shown.low[task], shown.high[task]))
            assert re.search(rf'data-value="{task}"[^>]*><title>80 %: {between}</title>{point}<', drawn)
            assert re.search(rf'data-goal="{task}"[^>]*>{aim}<', drawn)
            assert len(re.findall(rf'data-ends="{task}"[^>]*>{between}<', drawn)) == ends


def test_every_model_of_the_flow_has_its_share_spend_and_size(studies):
    shown = shown_decision(studies["specialists"])
    drawn = flow(shown, 1120)
    assert f">{len(shown.models)} models, share, FLOPs, parameters (80 %)<" in drawn
    for number, model in enumerate(shown.models):
        said = f'<tspan data-share="{number}">{percent(model.share)}</tspan>'
        said += f'<tspan data-spend="{number}"> · {amount(model.spend, "flops")}</tspan>'
        sure = f"{count(model.params)} ({count_span(model.size.low, model.size.high)})"
        assert f'{said}<tspan data-of-plan=""> · {sure}' in drawn


def test_a_shared_models_size_stands_in_a_line_of_its_own(studies):
    shown = shown_decision(studies["together"])
    (model,) = [each for each in shown.models if len(each.tasks) > 1]
    size = f"{count(model.params)} ({count_span(model.size.low, model.size.high)})"
    for width, sure in ((1120, f"{size} · {100 * model.wins:.0f} % of draws"), (700, size)):
        assert re.search(rf'<text data-of-plan=""[^>]*>{re.escape(sure)}<', flow(shown, width))


def test_half_and_twice_the_budget_are_marked_on_the_response(studies):
    study = studies["together"]
    answer = shown_response(study)
    (panel,) = response(study)
    for words, times in (("half", 0.5), ("twice", 2.0)):
        assert f">{words} {value(answer.at(times))}<" in panel.wide


@pytest.mark.parametrize(("kind", "anchor"), [("specialists", "end"), ("scores", "end")])
def test_words_stand_on_the_free_side_of_a_line_that_falls_or_rises(studies, kind, anchor):
    (panel,) = response(studies[kind])
    places = {
        words: (float(y), found)
        for y, found, words in re.findall(
            r'<text x="[^"]*" y="([^"]*)" text-anchor="([^"]*)"[^>]*>(half|twice) ', panel.wide
        )
    }
    dots = {
        words: float(y) for y, words in re.findall(r'cy="([\d.]+)" r="4"><title>(half|twice) the budget', panel.wide)
    }
    below = kind == "specialists"
    assert set(places) == set(dots) == {"half", "twice"}
    assert all((places[word][0] > dots[word]) == below and places[word][1] == anchor for word in dots)


def test_a_line_of_another_plan_than_the_decision_says_whose_it_is(studies):
    captions = [
        next(each.caption for each in build_story(study).pictures if each.name == "response")
        for study in (studies["together"], replace(studies["together"], tables=None))
    ]
    assert "of the same models at other budgets" in captions[0]
    assert "of one model for each task at other budgets" in captions[1]


def test_what_an_equal_split_reaches_is_marked_where_the_decision_needs_less(studies):
    found = studies["together"].recommendation
    half = tuple(replace(each, enough=0.55) if each.name == EQUAL else each for each in found.rivals)
    study = replace(studies["together"], recommendation=replace(found, rivals=half))
    share = saved_to(study)
    assert share == 0.55 and saved_to(studies["together"]) == found.rival(EQUAL).enough
    (panel,) = response(study)
    low, high = objective_interval(study)
    for drawn in (panel.wide, panel.narrow):
        assert f">{percent(1 - share)} saved<" in drawn and f"({'80 %'}: {value(low)} to {value(high)})" in drawn


def test_trust_shows_each_gain_with_its_interval_beside_the_misses_of_the_laws(studies):
    study = studies["together"]
    held = np.array([(9, 10, each) for each in (0.01, 0.02, 0.9)])
    planned = replace(study.planned, verdict=("PASS",) * 3, held=held)
    study = replace(study, planned=planned)
    drawn = trust_figure(study, 540)
    for name, words in ((EQUAL, "Gain over an equal split"), (SPECIALISTS, "Gain over one model for each")):
        rival = study.recommendation.rival(name)
        low, high = (f"{100 * end:.2g}" for end in rival.interval)
        assert f">{words}<" in drawn and f">{percent(rival.gain)} ({low} to {high})<" in drawn
    assert "median 90.0 %" in drawn and "missed by 90.0 % in the median" in drawn  # of the one that serves alone
    assert [each.name for each in build_story(study).pictures][-1] == "trust"
    assert "trust" not in [each.name for each in build_story(studies["together"]).pictures]  # no backtest, no picture


@pytest.mark.parametrize("name", ["mean", "worst", "targets", "cheapest"])
def test_gains_in_targets_or_spends_stand_beside_no_misses_of_values(studies, name):
    found = studies["together"].recommendation
    asked = replace(studies["together"].plan.spec, objective=OBJECTIVES[name])
    study = replace(studies["together"], recommendation=replace(found, asked=asked))
    assert bool(gains_of(study)) == (name in ("mean", "worst"))


def test_one_shared_model_names_the_models_of_its_rule_of_thumb(studies):
    study = studies["shared"]
    params, tokens = narrative.rule_of_thumb(study)
    assert tokens == 20 * params
    cost = study.planned.cost.flops(np.array([params]), np.array([tokens]))
    np.testing.assert_allclose(cost, study.plan.spec.budget, rtol=1e-9)
    assert f"The rule trains {count(params)} parameters on {count(tokens)} tokens." in narrative.summary(study)[0]
    assert narrative.rule_of_thumb(studies["shared served"]) is None
    assert narrative.rule_of_thumb(studies["specialists"]) is None


def test_one_task_is_told_by_its_model_its_curve_and_how_flat_its_size_is(studies):
    study = studies["one task"]
    plan, told = study.plan, build_story(study)
    assert [each.name for each in told.pictures] == ["curves", "sizes", "response"]
    params, tokens, *_ = told.tiles
    assert (params.number, tokens.number) == (count(plan.params[0]), count(plan.tokens[0]))
    assert count_span(float(plan.sizes.params_low[0]), float(plan.sizes.params_high[0])) in params.detail
    assert count_span(*plan.sizes.params_near[0].tolist()) in params.detail
    (curve,) = curves(study)
    assert all(f">plan {value(plan.predicted[0])}<" in drawn for drawn in (curve.wide, curve.broad))
    assert "curves" not in [
        block.name for section in told.sections for block in section.blocks if block.kind == "picture"
    ]


def test_a_plan_of_one_task_at_its_maximum_stands_beside_the_rule_for_as_much():
    study = make_study(("only",), budget=1e18, max=(1e17,))
    plan = study.plan
    (rule,) = [each for each in plan.baselines if each.name == RULE_OF_THUMB]
    assert plan.total < 0.2 * plan.spec.budget
    assert rule.total == pytest.approx(plan.total, rel=1e-6) and "uniform" not in narrative.summary(study)[0]


def test_one_model_of_several_tasks_says_what_each_of_them_reaches(studies):
    study = studies["shared"]
    shown, (picture, *_) = shown_decision(study), build_story(study).pictures
    drawn = flow(shown, 1120)
    assert (picture.name, picture.title) == ("flow", "What each task reaches")
    assert ">1 model, share, FLOPs" in drawn and "by strategy" not in drawn
    for task in range(len(shown.names)):
        assert re.search(rf'data-value="{task}"[^>]*>.*?{told_apart(float(shown.predicted[task]))[0]}<', drawn)


def test_one_task_stands_beside_the_rule_of_thumb_which_is_told_and_never_taken(studies):
    study = studies["one task"]
    plan, (size, on) = study.plan, narrative.rule_of_thumb(study)
    (rule,) = [each for each in plan.baselines if each.name == RULE_OF_THUMB]
    told, _, _ = study.planned.predict(np.array([0]), np.log(np.array([[size, on]])))
    assert rule.objective == pytest.approx(told[0], rel=1e-9)
    assert f"20 tokens per parameter would reach {value(rule.objective)}" in narrative.summary(study)[0]
    assert "uniform" not in narrative.study_summary(study)[0]
    better = replace(rule, objective=plan.objective - 0.01)
    curves_of = replace(study.planned, prediction=study.planned)  # planned on other curves than told
    outcome = SolvedPlan(
        log_inputs=plan.log_inputs, amounts=plan.spend[None], bound=plan.bound, marginal=plan.marginal,
        shadow_price=plan.shadow_price, efficient=np.full(1, np.nan), binding=plan.binding, limits=(), notes=(),
        solver="bisection", status="optimal",
    )  # fmt: skip
    for curves_used in (study.planned, curves_of):
        kept = better_of_both(curves_used, plan.spec, outcome, (better,))
        assert kept.solver == "bisection" and kept.params[0] == plan.params[0]


@pytest.mark.parametrize("name", ["one task", "shared"])
def test_the_picture_of_sizes_holds_the_rule_and_both_ranges(studies, name):
    study = studies[name]
    (panel,) = sizes(study)
    rule = narrative.rule_of_thumb(study)
    for drawn in (panel.wide, panel.narrow):
        assert f"the rule: {count(rule[0])} parameters" in drawn and ">within 0.1 %<" in drawn
        assert f"80 % of the draws: {count_span(*_best_sizes(study.plan))}" in drawn


def _best_sizes(plan):
    return float(plan.sizes.params_low[0]), float(plan.sizes.params_high[0])


def test_a_spend_to_a_target_is_read_off_what_a_plan_is_told_to_reach(studies):
    """Planned on curves that fall otherwise, a spend read off those would miss the target by what is reported."""
    study = studies["specialists"]
    told, spec = study.planned, study.plan.spec
    steeper = replace(told, parameters=told.parameters * np.array([1.0, 1.0, 1.1, 1.0, 1.1]), prediction=told)
    aim = study.plan.predicted * 1.02
    spec = replace(spec, tasks=replace(spec.tasks, target=aim))
    nothing, endless = np.zeros(len(aim)), np.full(len(aim), np.inf)
    found = required_spends(steeper, spec, nothing, endless, spec.budget)
    own = required_spends(told, spec, nothing, endless, spec.budget)
    assert (found > own * (1 - 1e-9)).all()  # other sizes than the best of the curve that is told
    np.testing.assert_allclose(found, own, rtol=0.05)
    apart = replace(steeper, prediction=None)
    assert (np.abs(required_spends(apart, spec, nothing, endless, spec.budget) / own - 1) > 0.05).any()


def test_the_curves_of_a_decision_are_those_of_its_models_with_their_own_runs(studies):
    study = studies["together"]
    assert [each.shared for each in decided_series(study)] == [""]  # the shared model's runs are not there
    found, shown = study.recommendation, shown_decision(study)
    pair = tuple(found.models[[len(model.tasks) for model in found.models].index(2)].tasks)
    mine = np.isin(study.runs.task, [study.runs.tasks.index(name) for name in pair])
    every = replace(
        study.runs,
        strategy_runs=(StrategyRuns("specialists", ()), StrategyRuns("generalist", pair)),
        strategy_index=mine.astype(int),
    )
    series = decided_series(replace(study, every_run=every))
    assert {each.task for each in series if each.shared} == {shown.names.index(name) for name in pair}
    for each in series:
        at = each.series
        assert at.planned == shown.predicted[each.task]
        assert np.interp(np.log(at.planned_x), np.log(at.x), at.predicted) == pytest.approx(at.planned, rel=2e-3)
        assert len(at.measured) == (study.runs.task == study.runs.tasks.index(shown.names[each.task])).sum()
    titles = [panel.title for panel in curves(replace(study, every_run=every))]
    assert f"{pair[0]} (shared)" in titles and LONG in titles


def test_selection_is_three_small_pictures_with_a_sentence_each(studies):
    study = studies["together"]
    assert study.breadth is not None
    (section,) = [each for each in build_story(study).sections if each.anchor == "selection"]
    bullets = section.blocks[1].items
    assert bullets[0].startswith("No free lunch") and bullets[1].startswith("Selection")
    knowledge, breadth, *_ = selection(study)
    for level in study.breadth.lunch.table()["value"]:
        assert f">{value(study.plan.spec.sign * level)}<" in knowledge.wide
    widest = study.breadth.selection.widest()
    assert f"serves {int(widest['breadth'].iloc[0])} tasks" in breadth.wide
    assert not [each for each in build_story(studies["specialists"]).sections if each.anchor == "selection"]


def test_dots_say_which_tasks_are_in_which_set(studies):
    found = studies["together"].focus
    broad, narrow = focus_map(found, 1120), focus_map(found, 340)
    members = sum(map(len, found.sets))
    assert broad.count('<circle class="point"') == members and "<circle" not in narrow
    for name in {name for tasks in found.sets for name in tasks}:
        assert f"<title>{name}</title>" in broad


def test_the_first_line_says_what_everything_was_read_from(studies, reports):
    rows = len(studies["together"].runs.value)
    assert f"· {rows} measured rows of runs.csv" in reports["together"]["report.html"].replace("\u00a0", " ")
    assert f"\n{rows} measured rows of runs.csv\n" in reports["together"]["report.md"]
