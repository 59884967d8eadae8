"""What the report shows is read off the plan: no number of it is computed a second way."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from budget.curves.curves import Curves
from budget.report import written_numbers as numbers
from budget.report.page import tables as tabular
from budget.report.page.markdown import render_markdown
from budget.report.page.story import build_story
from budget.report.pictures import figures
from budget.report.pictures.curve_series import curve_series
from budget.report.report_parts import Picture
from budget.report.sentences import facts
from budget.report.sentences import headline as narrative
from budget.report.sentences.plan_sentences import baseline_sentence, plan_summary

PRICED = ("served", "shared served", "money")


def cells_of(table, label):
    at = [column.label for column in table.columns].index(label)
    return [row[at] for row in table.rows]


def test_no_size_is_better_than_the_proven_optimum(studies):
    """The size table once priced training alone where the plan pays for serving too."""
    for kind in ("shared", "shared served"):
        study = studies[kind]
        plan, sizes = study.plan, study.sizes
        assert (sizes.objective >= plan.bound * (1 - 1e-9)).all(), kind
        assert sizes.objective[sizes.plan] == pytest.approx(plan.objective, rel=1e-9)
        np.testing.assert_allclose(
            [sizes.params[sizes.plan], sizes.tokens[sizes.plan]], [plan.params[0], plan.tokens[0]], rtol=1e-9
        )
        serving = np.nansum(plan.spec.tasks.served_tokens)
        paid = study.planned.cost.flops(sizes.params, sizes.tokens) + 2 * sizes.params * serving
        np.testing.assert_allclose(paid, plan.total, rtol=1e-9)
        against = [cell.text for cell in cells_of(tabular.sizes_table(study, sizes), "Against the plan")]
        assert against.count("the plan") == 1 and not any("better" in text for text in against)


@pytest.mark.parametrize("kind", PRICED)
def test_the_point_of_every_chart_is_the_plans_model(studies, kind):
    study = studies[kind]
    curves, plan = study.planned, study.plan
    for task in range(len(curves.tasks)):
        found = curve_series(study, task)
        if kind == "money":
            assert found.planned_x == pytest.approx(plan.spend[task] / plan.spec.tasks.unit_cost[task], rel=1e-9)
        else:
            assert found.planned_x == pytest.approx(float(curves.cost.flops(plan.params[task], plan.tokens[task])))
        on_curve = np.interp(np.log(found.planned_x), np.log(found.x), found.predicted)
        assert on_curve == pytest.approx(found.planned, rel=1e-3)
        assert (np.diff(found.x) > 0).all()


def test_the_objective_interval_is_of_the_plans_models(studies):
    """In money a spend is no scale: the interval was once read off the curves at the price."""
    plan = studies["money"].plan
    low, high = plan.objective_low, plan.objective_high
    assert low < plan.objective < high and high - low < 0.2 * plan.objective
    assert plan.low.mean() <= low and high <= plan.high.mean()


def marks_of(picture, style):
    """Title → horizontal place of the circles of a style."""
    circles = ElementTree.fromstring(picture).iter("circle")
    return {each.findtext("title"): float(each.get("cx")) for each in circles if each.get("class") == style}


def test_shares_are_of_the_budget_in_table_sentence_and_figure(studies):
    study = studies["limited"]
    plan = study.plan
    shares = plan.spend / plan.spec.budget
    table = tabular.plan_table(plan, "")
    assert [cell.text for cell in cells_of(table, "Share")] == [numbers.percent(each) for each in shares]
    sentence = narrative.shares(study)
    assert all(
        f"{name} gets {numbers.percent(each)}" in sentence
        for name, each in zip(plan.spec.tasks.names, shares, strict=True)
    )
    (panel,) = figures.spend(study)
    marks = marks_of(panel.wide, "planned")
    assert {words.partition(",")[0] for words in marks} == {
        f"{name}: {numbers.percent(each)}" for name, each in zip(plan.spec.tasks.names, shares, strict=True)
    }
    along = np.array([marks[words] for words in sorted(marks, key=marks.get)])
    steps = np.diff(np.sort(shares))  # the axis is linear: distances are in proportion, to a tenth of a pixel each
    assert np.ptp(along) == 0 or np.allclose(np.diff(along) / np.ptp(along), steps / steps.sum(), atol=2e-3)


def test_baselines_are_what_they_are_called_in_summary_answer_table_and_picture(studies, reports):
    study = studies["limited"]
    plan = study.plan
    named = {each.name: each for each in plan.baselines}
    np.testing.assert_array_equal(named["current"].spend, [1e17, 2e17, 3e17])
    np.testing.assert_array_equal(named["uniform"].spend, np.full(3, 2e17))
    assert plan.gain_over(named["current"]) < 0
    said = baseline_sentence(plan, named["current"])
    assert "which breaks the max of code and" in said and " worse (expected −" in said and said in plan_summary(plan)
    assert said.endswith("of the draws).")
    summary = " ".join(narrative.summary(study))
    assert "Today's split would reach" in summary and "within the limits" not in summary
    table = tabular.comparison_table(study)
    kept = dict(zip([cell.text for cell in cells_of(table, "Plan")], cells_of(table, "Within the limits"), strict=True))
    assert kept["Today's split"].text.startswith("no: breaks the max of") and kept["Today's split"].tone == "warn"
    assert kept["A uniform split within the limits"].text == "yes" and kept["This plan"].text == "yes"
    (panel,) = figures.spend(study)
    said = [
        words.rpartition(" current: ")[2] for style in figures.BASELINE_STYLES for words in marks_of(panel.wide, style)
    ]
    assert {"16.7 %", "33.3 %", "50.0 %"} <= set(said)
    (worse,) = [each for each in plan.warnings if each.startswith("The plan is worse than today's split")]
    assert worse in build_story(study).warnings
    text = reports["limited"]["report.md"]
    assert text.index("The plan is worse than today's split") < text.index("**Split")
    assert narrative.tiles(study)[1].label == "Against uniform within the limits"


def test_warnings_stand_at_the_head_of_the_page_and_once(reports, studies):
    story = build_story(studies["specialists"])
    assert story.warnings[0] == "Only 3 of 4 tasks are planned. Left out: static (no_signal)."
    assert story.warnings[1].startswith("static (") and "no curve to plan by" in story.warnings[1]
    assert len(story.warnings) == 2
    for name in ("report.html", "report.md"):
        text = reports["specialists"][name].replace("\\", "").replace("\u00a0", " ")
        head = text.index("Left out: static (no_signal).")
        assert head < text.index(
            "over 4 tasks, one model for each; static keeps", text.index("<body>") if "html" in name else 0
        )
        assert text.count("Left out: static (no_signal).") == 1
    assert 'class="callout warnings"' not in reports["weights"]["report.html"]


def test_sizes_have_their_ranges_in_the_plans_table(studies):
    for kind in ("specialists", "served"):
        plan = studies[kind].plan
        table = tabular.plan_table(plan, "")
        for label in ("Parameters", "Tokens"):
            sizes = plan.sizes
            low, high = (
                (sizes.params_low, sizes.params_high)
                if label == "Parameters"
                else (sizes.tokens_low, sizes.tokens_high)
            )
            details = [cell.detail for cell in cells_of(table, label)]
            assert details == [numbers.count_span(*ends) for ends in zip(low, high, strict=True)]
            assert (low < high).all()
        near = cells_of(table, "Parameters within 0.1 % of the best value")
        assert [cell.text for cell in near] == [numbers.count_span(*ends) for ends in plan.sizes.params_near]
    labels = [column.label for column in tabular.plan_table(studies["tokens"].plan, "").columns]
    assert not any("within" in label for label in labels)


def test_a_spend_without_an_upper_end_is_said_to_have_none(studies):
    plan = studies["specialists"].plan
    endless = replace(plan, spend_high=np.array([np.inf, *plan.spend_high[1:]]), endless=np.array([0.23, 0.0, 0.05]))
    cells = cells_of(tabular.plan_table(endless, ""), "Spend, FLOPs")
    assert cells[0].detail.endswith("; no finite spend in 23.0 % of the draws") and cells[0].tone == "warn"
    assert "no finite spend" not in cells[1].detail
    assert endless.table()["spend_high"][0] == np.inf and endless.record()["tasks"][0]["spend_high"] is None
    assert [each["no_finite_spend"] for each in endless.record()["tasks"]] == [0.23, 0.0, 0.05, None]


def test_a_prediction_outside_its_interval_is_marked(studies):
    plan = studies["specialists"].plan
    outside = replace(plan, predicted=np.array([plan.high[0] + 0.1, *plan.predicted[1:]]))
    cells = cells_of(tabular.plan_table(outside, ""), "Predicted")
    assert cells[0].detail.startswith("outside ") and cells[0].tone == "warn" and cells[1].tone == ""


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(1e9, 2e9, "1.00 B to 2.00 B"), (0.3, 2e9, "up to 2.00 B"),
     (0.3, 0.4, "up to 1.00"), (0.3, np.inf, "any"),
     (0.0, 2e9, "up to 2.00 B"), (1e9, np.inf, "1.00 B or more"), (0.0, np.inf, "any"),
     (np.nan, 1.0, numbers.NOTHING)],
)  # fmt: skip
def test_a_range_of_counts_may_have_no_end(low, high, words):
    assert numbers.count_span(low, high) == words


@pytest.mark.parametrize(
    "kind", ["specialists", "shared", "hypothetical", "power", "scores", "tokens", "money", "limited"]
)
def test_page_summary_and_json_are_told_without_a_curve(studies, monkeypatch, kind):
    """Only the charts of the curves themselves may read them; everything else stands in the plan and the studies."""
    study = studies[kind]

    def nothing(*args, **named):
        raise AssertionError("a report evaluates a curve")

    for name in ("distance", "distance_draws", "predict", "predict_score", "present"):
        monkeypatch.setattr(Curves, name, nothing)
    forms = {"best_inputs", "scenarios_of", "sized_values", "build_problem"}  # the other way to a curve's value
    assert not forms & {*vars(figures), *vars(facts), *vars(narrative), *vars(tabular)}
    story = build_story(study)
    assert render_markdown(story) and plan_summary(study.plan)
    rows = len(study.plan.spend) + len(study.plan.spec.reserved)
    assert study.plan.record()["objective"] == study.plan.objective and len(study.plan.table()) == rows
    pictures = [block.name for section in story.sections for block in section.blocks if isinstance(block, Picture)]
    for name in set(pictures) - {"curves"}:
        assert figures.FIGURES[name](study)


def test_page_summary_and_json_follow_the_plans_numbers(studies):
    """Every number of the plan is changed to another one, and stands changed wherever it is read."""
    study = studies["specialists"]
    plan = study.plan
    changed = replace(
        plan,
        objective=4.321,
        planned_objective=4.321,
        objective_low=4.111,
        objective_high=4.777,
        bound=4.222,
        predicted=plan.predicted + 7.0,
        low=plan.low + 7.0,
        high=plan.high + 7.0,
        spend=plan.spend * np.array([0.5, 1.25, 1.0]),
        shadow_price=3e-4 / plan.spec.budget * 100,
        binding=("max", "budget", "min"),
        extrapolation=np.array([11.5, 2.5, 1.5]),
        baselines=tuple(replace(each, objective=5.555, predicted=each.predicted + 8.0) for each in plan.baselines),
    )
    told = build_story(replace(study, plan=changed))
    text = render_markdown(told).replace("\u00a0", " ")
    summary, record = plan_summary(changed), changed.record()
    for number in ("4.321", "5.555"):
        assert number in text and number in summary
    assert "4.222" in summary and "4.111" in text and "4.777" in text
    assert f"{numbers.difference(1.234)} better" in summary and f"{numbers.difference(1.234)} better" in text
    gap = numbers.difference(0.099)
    assert gap in text and gap in summary and record["gap"] == pytest.approx(0.099)
    # what is proven speaks of the curves planned on, whose own value stands beside it where it is another
    apart = replace(changed, planned_objective=4.333)
    assert "4.333" in plan_summary(apart) and "4.333" in render_markdown(build_story(replace(study, plan=apart)))
    assert "4.333" not in text
    assert numbers.difference(3e-4) in narrative.response(replace(study, plan=changed))
    table = tabular.plan_table(changed, "")
    assert [cell.text for cell in cells_of(table, "Predicted")] == [numbers.value(each) for each in changed.predicted]
    assert [cell.text for cell in cells_of(table, "Limited by")] == ["its maximum", "the budget", "its minimum"]
    assert cells_of(table, "Over largest measured")[0].text == numbers.factor(11.5)
    against = [cell.text for cell in cells_of(table, "Against a uniform split")]
    gains = changed.task_gains(changed.baselines[0])
    np.testing.assert_allclose(gains, plan.task_gains(plan.baselines[0]) + 1.0)
    assert against == [numbers.difference(each) + " better" for each in gains]
    kept = sum(spend for _, spend, _ in changed.spec.reserved)
    assert record["spent"] == pytest.approx(changed.spend.sum() + kept) and record["objective"] == 4.321
    unknown = [None] * len(changed.spec.reserved)
    assert [row["predicted"] for row in record["tasks"]] == [*changed.predicted.tolist(), *unknown]
    assert record["baselines"][0]["regret"] == pytest.approx(5.555 - 4.321)
