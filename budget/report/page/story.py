"""The report's order: what a decision-maker reads first stands first.

See docs/decisions/099-one-story-two-renderings.md.
"""

import numpy as np

from budget.report.decision_response import shown_response
from budget.report.judged_curves import judged_curves, misses
from budget.report.open_questions import first_page_notes, next_section
from budget.report.page import method
from budget.report.page import tables as tabular
from budget.report.page.decided_tables import decided_table, models_table
from budget.report.page.single_task_section import alone_table
from budget.report.pictures.curve_series import DecidedCurve, decided_series
from budget.report.pictures.many_figures import MANY
from budget.report.pictures.pair_figure import (
    CLEAR,
    MOST_TASKS,
    shown_tasks,
    sureness,
    told_pairs,
    written_effect,
)
from budget.report.pictures.trust_figure import gains_of
from budget.report.report_parts import (
    PANELS,
    ROWS,
    Block,
    Bullets,
    Callout,
    Cell,
    Column,
    Definitions,
    Heading,
    Picture,
    Section,
    Story,
    Table,
    Text,
)
from budget.report.scenario_section import scenario_section
from budget.report.sentences import facts, trust
from budget.report.sentences import headline as narrative
from budget.report.sentences.breadth_sentences import breadth_sentences
from budget.report.sentences.focus_answer import decided_cells, focus_answer
from budget.report.sentences.focus_sentences import focus_summary, focus_table
from budget.report.sentences.growth_sentences import decline_sentence, doubled_sentence
from budget.report.sentences.plan_sentences import objective_name
from budget.report.sentences.recommendation_sentences import gains
from budget.report.sentences.threshold_sentences import strictness
from budget.report.shown_decision import FREED, Decision, shown_decision
from budget.report.written_numbers import LEVEL, difference, percent, plural
from budget.studies.focus.focus import Focus
from budget.studies.growth.growth import Growth
from budget.studies.make_plan import Study

IF_ALONE = "If every task had a model of its own"
"""Heads what speaks of one model for each task where the decision shares some."""

MOST_LINES = 60
"""Tasks of one model that have a line each on the first page; of more the details list all."""

NEEDS_THE_COMMAND = " Moving it needs the command: budget plan plan.toml --budget AMOUNT --out FOLDER."
"""What a page says that cannot split another budget itself."""


def build_story(study: Study) -> Story:
    """Put a study into sentences, tables and pictures."""
    sections = [_models(study)]
    if study.alternative is not None:
        sections.append(_alternative(study))
    if study.response.is_known:
        sections.append(_response(study))
    sections.append(_curves(study))
    if study.scenarios is not None:
        sections.append(scenario_section(study.scenarios))
    if study.growth is not None and len(study.growth.names) > 1:
        sections.append(_breadth(study, study.growth))
    if study.focus is not None:
        sections.append(_focus(study.focus))
    if study.pairs:
        sections.append(_pairs(study))
    chosen = _selection(study)
    if chosen is not None:
        sections.append(chosen)
    measured = next_section(study)
    if measured is not None:
        sections.append(measured)
    sections += [_trust(study), _check(study), _method(study)]
    return Story(
        headline=narrative.headline(study),
        label=narrative.HYPOTHETICAL if study.plan.hypothetical else "",
        warnings=study.plan.warnings,
        summary=narrative.summary(study)[:1],
        tiles=narrative.tiles(study),
        pictures=_first_page(study),
        sections=tuple(sections),
        notes=first_page_notes(study),
        source=_source(study),
    )


def _source(study: Study) -> str:
    """How many rows of which file of runs everything rests on."""
    runs = study.runs if study.every_run is None else study.every_run
    file = study.input_files.get("runs")
    rows = plural(len(runs.value), "measured row")
    return f"{rows} of {file['name']}" if file is not None else rows


def _first_page(study: Study) -> tuple[Picture, ...]:
    """The pictures of the decision."""
    plan, shown = study.plan, shown_decision(study)
    pictures = []
    if len(shown.names) > MANY and len(shown.models) > 1:
        pictures += _of_many(study, shown)
    elif len(shown.models) == 1 and 1 < len(shown.names) <= MOST_LINES:
        stated = " ● reaches its target, ◐ too close to call, ○ misses it." if np.isfinite(shown.target).any() else ""
        pictures.append(Picture("flow", f"One model serves every task.{stated}", "What each task reaches"))
    elif len(shown.models) > 1:
        marks = " ● reaches its target, ◐ too close to call, ○ misses it." if np.isfinite(shown.target).any() else ""
        joined = "; tasks that one model serves join" if any(len(each.tasks) > 1 for each in shown.models) else ""
        pictures += [
            Picture("flow", f"Width is the share of the budget{joined}.{marks}", "Where the compute goes"),
            Picture(
                "moves",
                "Each model's share against equal parts for every task.",
                "Who gets more, who gets less",
            ),
        ]
    if len(shown.models) > 1 and shown.steps:
        pictures.append(Picture("gain", f"{_joins(shown)}. Hollow: given up.", "Where the gain comes from"))
    if facts.is_of_one_task(plan):
        pictures.append(Picture("curves", _curves_caption(study), "From the runs to the plan"))
    if study.sizes is not None:
        rule = " Hollow: 20 tokens a parameter." if narrative.rule_of_thumb(study) is not None else ""
        pictures.append(
            Picture(
                "sizes",
                f"Predicted {objective_name(plan)} of one model against its size, every size for the same budget. "
                f"Band: {LEVEL} interval.{rule}{narrative.lowest_point(study)}",
                "How large the model should be",
            )
        )
    if study.response.is_known or study.tables is not None:
        rival = ". Thin: every task the same" if study.tables is not None and study.tables.alone else ""
        rival = rival if len(shown.names) > 1 else ""
        same = "of the same models " if len(shown.models) > 1 else ""
        if study.recommendation is not None and study.recommendation.shares and study.tables is None:
            same = "of one model for each task "  # the line is that of the split, the dot the decision's
        pictures.append(
            Picture(
                "response",
                f"The best predicted {objective_name(plan)} {same}at other budgets{rival}."
                f"{'' if study.tables is not None else NEEDS_THE_COMMAND}",
                "What another budget would bring",
            )
        )
    if gains_of(study) and misses(judged_curves(study)):
        pictures.append(
            Picture(
                "trust",
                f"In brackets {LEVEL}. Small dots: each law's median miss of hidden larger runs.",
                "How far to trust the gain",
            )
        )
    return tuple(pictures)


def _of_many(study: Study, shown: Decision) -> list[Picture]:
    """Where the compute of hundreds of tasks goes, how it spreads, and how far they end from their targets."""
    stated = study.plan.spec.tasks.group
    by = "the tasks' column group" if len(set(stated)) > 1 else "how tasks are served, or by rank of their share"
    drawn = [
        Picture("groups", f"Width is the share of the budget; by {by}. Details list every task.",
                "Where the compute goes"),
        Picture("spread", "Each task's share over an equal part. Solid: more; hollow: less.",
                "Who gets more, who gets less"),
    ]  # fmt: skip
    if np.isfinite(shown.target).any():
        said = "Left of the line: better. Solid: sure; grey: too close; hollow: missed."
        drawn.append(Picture("aims", said, "How far from their targets"))
    return drawn


def _joins(shown: Decision) -> str:
    if not any(step.joins for step in shown.steps):
        return "From equal parts to the decision"
    if any(step.strategy == FREED for step in shown.steps):
        return "The split moves, tasks share, what that frees moves"
    return "Who shares keeps its equal parts first; what that frees counts where it moves"


def _models(study: Study) -> Section:
    """Every model and task, by spend."""
    plan, found = study.plan, study.recommendation
    blocks: list[Block] = [Text(sentence) for sentence in narrative.summary(study)[1:]]
    title, apart = "Models and tasks", found is not None and found.shares
    if found is not None and found.shares:
        unit = plan.spec.unit
        blocks += [Bullets(gains(found, unit, "The decision")), models_table(study, found)]
        blocks.append(decided_table(study, found))
        blocks += [Heading(IF_ALONE), Text(narrative.one_each(plan))]
    if plan.hypothetical:
        blocks.append(Callout(narrative.whose_runs(study)))
    if facts.is_shared(plan):
        if study.sizes is not None:
            if plan.input_ranges:
                blocks.append(Text(narrative.size_range(study)))
            blocks += [Text(narrative.near_best(study.sizes)), tabular.sizes_table(study, study.sizes)]
    elif study.sizes is not None:
        blocks.append(tabular.sizes_table(study, study.sizes))
    elif len(plan.spend) > 1:
        whose = "the best split among one model for each" if apart else "the plan"
        bars = f" Lines: {LEVEL} range over the draws." if len(study.curves.draws) else ""
        blocks.append(
            Picture(
                "spend",
                f"Each task's share of the budget, largest first: {whose} beside what simple rules give.{bars}"
                f"{_capped(min(ROWS, len(plan.spend)), len(plan.spend))}",
            )
        )
    caption = "What each task would reach with a model of its own" if apart else "What each task is predicted to reach"
    blocks.append(tabular.plan_table(plan, caption))
    if plan.baselines and len(plan.spend) > 1:
        blocks.append(tabular.comparison_table(study, apart=apart))
    label = narrative.HYPOTHETICAL if plan.hypothetical else ""
    return Section("models", title, tuple(blocks), label, _largest(shown_decision(study)))


def _largest(shown: Decision) -> str:
    """The three largest shares, in a line."""
    if len(shown.models) == 1:
        return f"One model for {plural(len(shown.names), 'task')}."
    parts = [f"{shown.label(model)} {percent(model.share)}" for model in shown.models[:3]]
    rest = len(shown.models) - len(parts)
    return f"The largest shares: {', '.join(parts)}{f'; {rest} more' if rest else ''}."


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
        "What specialists would reach if they followed the shared model's curves.",
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
    more = "" if growth.beyond is None else f" {doubled_sentence(growth.beyond)}"
    blocks.append(Text(narrative.breadth(study, growth, found) + law + more))
    curve = study.breadth_curve
    caption = (
        "Each task's predicted value as more tasks share the budget, from the moment it joins. Dashed: the task "
        f"alone with the whole budget, within the plan's reach.{_capped(len(shown), len(growth.names))}"
    )
    if curve is not None:
        caption = (
            "0 % is guessing, 100 % what each task would reach with the whole budget alone. Line: one model for each, "
            f"mean of {plural(curve.orders, 'random order')} in which tasks join; band: {LEVEL} of the orders."
        )
    blocks.append(Picture("breadth", caption))
    blocks += [tabular.breadth_table(growth, found), tabular.set_size_table(study, growth)]
    label = narrative.HYPOTHETICAL if growth.hypothetical else ""
    return Section(
        "breadth", "What sharing the budget costs (one model for each task)", tuple(blocks), label,
        narrative.breadth_cost(found),
    )  # fmt: skip


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
    return Section("focus", "Focus map: specialists or shared models", tuple(blocks), finding=decided_cells(found))


def _pairs(study: Study) -> Section:
    """Which tasks help each other in one model."""
    told = told_pairs(study.pairs)
    clear = [effect for _, effect in told if sureness(effect) >= CLEAR]
    helping = sum(bool(effect.mean() > 0) for effect in clear)
    finding = (
        f"Of {plural(len(study.pairs), 'pair')} that some model serves {helping} help each other and "
        f"{len(clear) - helping} are in each other's way in at least {100 * CLEAR:g} % of the draws."
    )
    rows = tuple(
        (
            Cell(" + ".join(sorted(pair))),
            Cell("help each other" if effect.mean() > 0 else "in each other's way"),
            Cell(written_effect(effect)),
            Cell(percent(sureness(effect))),
        )
        for pair, effect in told
    )
    columns = (Column("Pair"), Column("In one model"), Column("Distance saved", True), Column("Of the draws", True))
    names = study.plan.spec.tasks.names
    capped = "" if len(shown_tasks(study.pairs, names)) < MOST_TASKS else f" At most {MOST_TASKS} tasks are shown."
    blocks: list[Block] = [
        Text(
            "By all runs of all strategies together: what two tasks save each other in one model of the two, in "
            "percent of the distance to best, beside what sharing saves on average. In a model of more it counts less."
        ),
        Picture(
            "pairs",
            "A dot for every pair that some model serves, as large as its effect. Solid: the two help each other; "
            "hollow: they are in each other's way; thin: two thirds of the draws agree, not nine in ten; a speck: the "
            f"draws do not agree. Empty: no model serves both.{capped}",
        ),
    ]
    told_of = "Pairs on whose sign two thirds of the draws agree"
    blocks += [Table(told_of, columns, rows, folded=True, cards=True)] if rows else []
    return Section("pairs", "Which tasks help each other", tuple(blocks), finding=finding)


def _selection(study: Study) -> Section | None:
    """No free lunch, selection and thresholds: three small pictures and a sentence each."""
    said: list[str] = []
    if study.breadth is not None:
        said += breadth_sentences(study.breadth, study.plan.spec.unit)
    if study.focus is not None:
        said += strictness(study.focus)
    if not said:
        return None
    picture = Picture(
        "selection",
        "By the curves of one model for each task. Dashed: what the budget serves equally without rivals, and the best "
        "plan for all.",
    )
    found = study.breadth
    finding = "Where focusing on some tasks serves more than the best plan for all."
    if found is not None:
        unknown = found.lunch.equal_is_optimal
        equal = "equal shares are best" if unknown else "serving some beats equal shares"
        worth = difference(found.lunch.assignment.value)
        finding = f"While nobody knows whose curve is whose, {equal}; knowing it is worth {worth} a task."
    return Section(
        "selection", "No free lunch, selection, thresholds", (picture, Bullets(tuple(said))), finding=finding
    )


def _response(study: Study) -> Section:
    said = narrative.response(study)
    title = "More or less budget"
    return Section(
        "budget",
        f"{title}, if every task had a model of its own" if shown_response(study).alone else title,
        (Text(said), tabular.response_table(study)),
        finding=said.split(". ")[1].rstrip(".") + "." if ". " in said else said,
    )


def _curves_caption(study: Study) -> str:
    """How to read the picture of the only task's curve."""
    band = f" Band: {LEVEL} interval." if len(study.planned.draws) else ""
    aim = " Dashed: the target." if np.isfinite(study.plan.spec.tasks.target).any() else ""
    return f"Dots: measured runs. Line: sizes as the plan chooses them.{band} Tinted: beyond the largest run.{aim}"


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
    found = study.recommendation
    apart = found is not None and found.shares
    decided = decided_series(study)
    unlike = "The large dot is the best split among one model for each task"
    dot = unlike if apart and not decided else "The large dot is the plan"
    known = len(decided) or len(curves.tasks)
    counted = min(PANELS, known) if decided else len(shown)
    aim = " Dashed: the target." if np.isfinite(study.plan.spec.tasks.target).any() else ""
    drawn = Picture(
        "curves",
        f"Measured runs and fitted curves.{band} Tinted: beyond the largest run.{aim} {dot}.{_capped(counted, known)}",
    )
    first = () if facts.is_of_one_task(study.plan) else (drawn,)  # else it stands on the first page
    return Section(
        "curves",
        "Curves",
        (Text(f"Each dot is a measured run. {line}"), *first, tabular.curves_table(study)),
        finding=_curves_finding(study, decided),
    )


def _curves_finding(study: Study, decided: tuple[DecidedCurve, ...]) -> str:
    shared = [each for each in decided if each.shared]
    if shared:
        return f"{plural(len(decided), 'curve')}, {len(shared)} of them those of shared models, with their own runs."
    return f"{plural(len(study.planned.tasks), 'task has', 'tasks have')} a curve that the plan uses."


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
    return Section("trust", "How sure this is", tuple(blocks), finding=trust.extrapolation(study))


def _check(study: Study) -> Section:
    return Section("check", "Data check", (tabular.findings_table(study),), finding=trust.verdicts(study))


def _method(study: Study) -> Section:
    again = Text(
        "The same inputs, seed and versions give the same plan. plan.json, beside this report, holds every number."
    )
    return Section(
        "method",
        "Method, words and inputs",
        (
            Definitions(method.method(study)),
            Heading("Words"),
            Definitions(method.GLOSSARY),
            Heading("How to get the same numbers"),
            again,
            method.versions_table(study),
        ),
        finding="Law, fit, certificate; every word of this report in a line; seeds, checksums and versions.",
    )


def _capped(shown: int, known: int) -> str:
    return "" if shown == known else f" Shown are {shown} of {known} tasks: the largest spends, then weights."
