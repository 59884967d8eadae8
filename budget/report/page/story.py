"""The report's order: what a decision-maker reads first stands first.

See docs/decisions/099-one-story-two-renderings.md.
"""

from budget.report.page import method
from budget.report.page import tables as tabular
from budget.report.page.single_task_section import alone_table
from budget.report.report_parts import Block, Bullets, Callout, Definitions, Heading, Picture, Section, Story, Text
from budget.report.sentences import facts, trust
from budget.report.sentences import headline as narrative
from budget.report.sentences.focus_answer import focus_answer
from budget.report.sentences.focus_sentences import focus_summary, focus_table
from budget.report.sentences.growth_sentences import decline_sentence
from budget.report.sentences.plan_sentences import objective_name
from budget.report.sentences.recommendation_sentences import gains, models_table
from budget.report.written_numbers import LEVEL, plural
from budget.studies.focus.focus import Focus
from budget.studies.growth.growth import Growth
from budget.studies.make_plan import Study
from budget.studies.strategies.recommendation import Recommendation

PANELS = 12
"""Small charts of one kind at most."""

ROWS = 30
"""Lines of the chart of spends at most."""


def build_story(study: Study) -> Story:
    """Put a study into sentences, tables and pictures."""
    sections = [_plan(study)]
    if study.recommendation is not None and study.recommendation.shares:
        sections.insert(0, _models(study, study.recommendation))
    if study.alternative is not None:
        sections.append(_alternative(study))
    if study.growth is not None and len(study.growth.names) > 1:
        sections.append(_breadth(study, study.growth))
    if study.focus is not None:
        sections.append(_focus(study.focus))
    if study.response.is_known:
        sections.append(_response(study))
    sections += [_curves(study), _trust(study), _check(study), _method(study), _reproduce(study)]
    return Story(
        headline=narrative.headline(study),
        label=narrative.HYPOTHETICAL if study.plan.hypothetical else "",
        warnings=study.plan.warnings,
        summary=narrative.summary(study),
        tiles=narrative.tiles(study),
        sections=tuple(sections),
    )


def _models(study: Study, found: Recommendation) -> Section:
    blocks: list[Block] = [
        Bullets(gains(found, study.plan.spec.unit)),
        Picture(
            "flow",
            "The width of a band is its share of the budget; tasks that one model serves stand together. ● reaches its "
            "target, ◐ too close to call, ○ misses it.",
        ),
        Picture(
            "gain",
            "Against one model for each task with an equal part of the budget. Left: each model's change in points of "
            "the budget. Right: first the tasks that join one model, then where the budget moves.",
        ),
        models_table(found, study.plan.spec.unit),
    ]
    return Section("models", "What to train", tuple(blocks))


def _plan(study: Study) -> Section:
    plan = study.plan
    blocks: list[Block] = []
    if plan.hypothetical:
        blocks.append(Callout(narrative.whose_runs(study)))
    if facts.is_shared(plan):
        sizes = study.sizes
        if sizes is not None:
            if plan.input_ranges:
                blocks.append(Text(narrative.size_range(study)))
            blocks.append(Text(narrative.near_best(sizes)))
            blocks.append(
                Picture(
                    "sizes",
                    f"Predicted {objective_name(plan)} of one model against its size, every size for the same "
                    f"budget. Band: {LEVEL} interval. The large dot is the plan.",
                )
            )
            blocks.append(tabular.sizes_table(study, sizes))
    elif len(plan.spend) > 1:
        bars = f" Lines: {LEVEL} range over the draws." if len(study.curves.draws) else ""
        blocks.append(
            Picture(
                "spend",
                f"Each task's share of the budget, largest first: the plan beside what simple rules give.{bars}"
                f"{_capped(min(ROWS, len(plan.spend)), len(plan.spend))}",
            )
        )
    blocks.append(tabular.plan_table(plan, "What each task is predicted to reach"))
    if plan.baselines and len(plan.spend) > 1:
        blocks.append(tabular.comparison_table(study))
    label = narrative.HYPOTHETICAL if plan.hypothetical else ""
    alone = study.recommendation is not None and study.recommendation.shares
    return Section("plan", "If every task had a model of its own" if alone else "The plan", tuple(blocks), label)


def _alternative(study: Study) -> Section:
    assert study.alternative is not None  # tell() asks for this section only then
    return Section(
        "specialists",
        "If every task had its own model",
        (
            Callout(narrative.alternative(study)),
            tabular.plan_table(study.alternative, "The best split among specialists, had they the shared curves"),
        ),
        narrative.HYPOTHETICAL,
    )


def _breadth(study: Study, growth: Growth) -> Section:
    found = study.sharing
    assert found is not None  # it is there where the growth is
    shown = facts.heaviest(growth.plans[-1], PANELS)
    blocks: list[Block] = []
    if growth.hypothetical:
        blocks.append(
            Callout(
                f"{narrative.HYPOTHETICAL}: nobody measured a specialist. These are models trained for one task each, "
                "read off the shared model's curves."
            )
        )
    law = "" if growth.decline is None else f" {decline_sentence(growth.decline)}"
    blocks.append(Text(narrative.breadth(study, growth, found) + law))
    blocks.append(
        Picture(
            "breadth",
            "Each task's predicted value as more tasks share the budget, from the moment it joins. Dashed: the task "
            f"alone with the whole budget.{_capped(len(shown), len(growth.names))}",
        )
    )
    blocks += [tabular.breadth_table(growth, found), tabular.set_size_table(study, growth)]
    label = narrative.HYPOTHETICAL if growth.hypothetical else ""
    return Section("breadth", "What breadth costs", tuple(blocks), label)


def _focus(found: Focus) -> Section:
    shown = min(PANELS, len(found.trends))
    capped = "" if shown == len(found.trends) else f" Shown are {shown} of {len(found.trends)} sets."
    blocks: list[Block] = [Bullets(focus_answer(found)), Bullets(focus_summary(found), "In detail")]
    blocks.append(
        Picture(
            "winners",
            "Who wins on each measured set of tasks, and by how many percent over the best plan of the other kind: A "
            "one model a task, E one with experts, O one plain shared model, T a shared trunk, G groups. Full colour: "
            "at least 90 % of the draws agree; pale: two thirds; grey: undecided. Hatched: beyond the runs.",
        )
    )
    if shown:
        blocks.append(
            Picture(
                "focus",
                "How much worse the best shared model is than specialists of the same total budget, in % of the "
                f"objective: above zero focusing wins, below it sharing. Band: {LEVEL} interval. Dotted: models lie "
                f"more than three times outside the measured sizes.{capped}",
            )
        )
    blocks.append(focus_table(found))
    singles = alone_table(found)
    if singles is not None:
        blocks.append(singles)
    return Section("focus", "Specialists or one shared model", tuple(blocks))


def _response(study: Study) -> Section:
    picture = Picture(
        "response",
        f"Best predicted {objective_name(study.plan)} against the budget. The large dot is the plan.",
    )
    return Section(
        "budget",
        "More or less budget",
        (Text(narrative.response(study)), picture, tabular.response_table(study)),
    )


def _curves(study: Study) -> Section:
    curves = study.planned
    shown = facts.heaviest(study.plan, PANELS)
    line = (
        "The line is the curve along the division of compute between parameters and tokens that the plan would "
        "choose; a run trained at another division lies off it."
        if len(curves.planned_inputs) == 2
        else "The line is the fitted curve."
    )
    band = f" Band: {LEVEL} interval." if len(curves.draws) else ""
    return Section(
        "curves",
        "The curves behind it",
        (
            Text(
                f"{plural(len(curves.tasks), 'task has', 'tasks have')} a curve that the plan uses. "
                f"Each dot is a measured run. {line}"
            ),
            Picture(
                "curves",
                f"Measured runs and fitted curves.{band} The large dot is the plan."
                f"{_capped(len(shown), len(curves.tasks))}",
            ),
            tabular.curves_table(study),
        ),
    )


def _trust(study: Study) -> Section:
    blocks: list[Block] = [Bullets(trust.doubts(study))]
    backtested = tabular.backtest_table(study)
    if backtested is not None:
        blocks.append(backtested)
    left_out = tabular.left_out_table(study)
    if left_out is None:
        blocks.append(Text("No task is left out: every task in the file has a curve that the plan uses."))
    else:
        blocks.append(left_out)
    notes = trust.assumptions(study)
    if notes:
        blocks += [Heading("What was assumed or not used"), Bullets(notes)]
    return Section("trust", "How sure this is", tuple(blocks))


def _check(study: Study) -> Section:
    return Section(
        "check",
        "Check of the data",
        (Text(trust.verdicts(study)), tabular.findings_table(study)),
    )


def _method(study: Study) -> Section:
    return Section(
        "method",
        "Method and words",
        (Definitions(method.method(study)), Heading("Words"), Definitions(method.GLOSSARY)),
    )


def _reproduce(study: Study) -> Section:
    text = Text(
        "The same inputs, seed and versions give the same plan. plan.json, beside this report, holds every number."
    )
    return Section("reproduce", "How to get the same numbers", (text, method.versions_table(study)))


def _capped(shown: int, known: int) -> str:
    return "" if shown == known else f" Shown are {shown} of {known} tasks: the largest spends, then weights."
