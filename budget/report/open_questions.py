"""What the first page leaves open and says in a line each: targets that are missed, what is least sure, its words."""

import shlex
from collections.abc import Sequence

import numpy as np

from budget.numerics.words import listing
from budget.report.decision_response import shown_response
from budget.report.pictures.svg import short
from budget.report.report_parts import Block, Bullets, Cell, Column, Note, Section, Table, Text
from budget.report.sentences.recommendation_sentences import how
from budget.report.shown_decision import Decision, ShownModel, shown_decision, target_mark
from budget.report.written_numbers import (
    NOTHING,
    UNIT_WORDS,
    amount,
    count_span,
    difference,
    factor,
    percent,
    plural,
    quantity,
    scientific,
    told_apart,
)
from budget.studies.make_plan import Study
from budget.studies.spend_tables import WIDEST
from budget.studies.strategies.recommendation import Undecided

NAMED = 5
"""Missed targets that a line names, and tasks that the fold lists."""

FEW = 2
"""Missed targets beyond reach that are named."""

LEAST_SURE = 3
"""Tasks that a line names as the least sure."""

LETTERS = 44
"""Letters of a name that a line of the first page has room for."""

LEAST_WORTH = 1e-4
"""Share of the budget below which what knowing a curve is worth is none."""

MEASURED = 0.1
"""Share of the budget that the command for the next runs spends on them."""


def first_page_notes(study: Study) -> tuple[Note, ...]:
    """The notes under the numbers."""
    shown = shown_decision(study)
    notes = (
        Note("Missed targets", missed_line(study, shown)),
        Note("Least sure", next_line(study, shown)),
        Note("Measure next", measure_line(study, shown)),
        Note("What sharing costs", sharing_line(shown)),
        Note("Words", words_line(study, shown)),
    )
    return tuple(note for note in notes if note.text)


def missed_line(study: Study, shown: Decision) -> str:
    """Which targets are missed, and the spend each and the budget all need for an even chance: at the prediction."""
    tables = study.tables
    missed = [task for task in range(len(shown.names)) if mark_of(shown, task) == "○"]
    if tables is None or not missed:
        return ""
    needed = tables.spends_for(shown.target, shown.higher)
    spend = {task: model.spend for model in shown.models for task in model.tasks}
    missed.sort(key=lambda task: -needed[task] / spend[task])
    alone = {each.tasks[0]: each for each in tables.alone}

    def asks(task: int) -> str:
        if np.isfinite(needed[task]):
            return factor(needed[task] / spend[task])
        own = alone[task].spend_for(0, float(shown.target[task]), shown.higher) if task in alone else np.inf
        other = f"; in its own model {quantity(own, study.plan.spec.unit)}" if np.isfinite(own) else ""
        return f"beyond reach{other}"

    # of many that are beyond reach a count says as much as their names
    hopeless = sum(np.isinf(needed[task]) for task in missed)
    named = missed[hopeless:] if hopeless > FEW else missed
    told = [f"{_name(shown, task)} ({asks(task)})" for task in named[:NAMED]]
    told += [f"{len(named) - NAMED} more"] if len(named) > NAMED else []
    told += [f"{hopeless} beyond reach"] if hopeless > FEW else []
    times = tables.budget_for_targets(shown.target, shown.higher) / shown.budget
    all_of = ""
    if np.isinf(times):
        all_of = f" No budget up to {WIDEST:g}× does for all{_apart_for_all(study, shown)}."
    elif times == times:
        all_of = f" {factor(times)} the budget does for all."
    return f"For an even chance, in multiples of the spend: {listing(told)}.{all_of}"


def _apart_for_all(study: Study, shown: Decision) -> str:
    """What meets all targets with one model for each task, where the decision's models never do; empty if nothing."""
    tables = study.tables
    own = {} if tables is None else {each.tasks[0]: each for each in tables.alone}
    asked = [task for task, target in enumerate(shown.target.tolist()) if np.isfinite(target)]
    if not any(len(model.tasks) > 1 for model in shown.models) or any(task not in own for task in asked):
        return ""
    total = sum(own[task].spend_for(0, float(shown.target[task]), shown.higher) for task in asked)
    return (
        f" with these models; one for each does for {quantity(total, study.plan.spec.unit)}" if total < np.inf else ""
    )


def mark_of(shown: Decision, task: int) -> str:
    """What an interval says of a task's target: ●, ◐ or ○; empty without one."""
    point, low, high, target = (float(each[task]) for each in (shown.predicted, shown.low, shown.high, shown.target))
    return target_mark(point, low, high, target, shown.higher)[:1]


def _name(shown: Decision, task: int) -> str:
    """A task in a line of the first page: a long name loses its middle, and stands whole in the details."""
    return short(shown.names[task], LETTERS)


def _short_label(shown: Decision, model: ShownModel) -> str:
    more = f" +{len(model.tasks) - 1}" if len(model.tasks) > 1 else ""
    return f"{_name(shown, model.tasks[0])}{more}"


def doubt(study: Study, shown: Decision) -> np.ndarray:
    """(T,) widths of the tasks' intervals in the weighted mean: weight times measure.

    All NaN without draws, and where what is optimised is no weighted mean of the values.
    """
    spec = study.plan.spec
    if not (spec.measure.linear and spec.objective.is_linear):
        return np.full(len(shown.names), np.nan)
    return np.asarray(np.abs(spec.weight * spec.measure.scale * (shown.high - shown.low)))


def least_sure(study: Study, shown: Decision) -> list[int]:
    """Tasks by how much their interval widens that of the mean, the most first; empty without draws."""
    width = doubt(study, shown)
    return [] if not np.isfinite(width).all() else np.argsort(-width, kind="stable").tolist()


def next_line(study: Study, shown: Decision) -> str:
    """The tasks whose predictions are the least sure, in a line."""
    order = least_sure(study, shown)[:LEAST_SURE]
    if not order or len(shown.names) == 1:
        return ""
    part = doubt(study, shown)
    return (
        f"{listing([_name(shown, task) for task in order])}: {percent(part[order].sum() / part.sum())} of "
        f"all intervals.{size_line(shown)}"
    )


def worth_knowing(study: Study, shown: Decision) -> list[tuple[ShownModel, float, float]]:
    """Models whose curve would be worth knowing before the budget is split, the most first: each with that value.

    The value is told in the objective, and as the share of the budget that would bring as much.
    """
    more = shown_response(study).percent_more
    if len(study.knowing) != len(shown.models) or not more > 0:
        return []
    order = [at for at in np.argsort(-np.nan_to_num(study.knowing), kind="stable") if study.knowing[at] > 0]
    told = [(shown.models[at], float(study.knowing[at]), float(study.knowing[at] / more / 100)) for at in order]
    return [each for each in told if each[2] >= LEAST_WORTH]


def measure_line(study: Study, shown: Decision) -> str:
    """Which curves are worth most to the split, in a line; which runs pay is ``budget next``'s to say."""
    found = worth_knowing(study, shown)[:LEAST_SURE]
    if not found:
        return ""
    each = listing([f"{_short_label(shown, model)} {percent(part)}" for model, _, part in found])
    return f"Knowing a curve is worth so much more budget: {each}."


def size_line(shown: Decision) -> str:
    """Which model's size is the least sure, and which sizes do as well; empty where no size is chosen or doubted."""
    known = [model for model in shown.models if model.size.low > 0 and np.isfinite(model.size.high)]
    if not known:
        return ""
    model = max(known, key=lambda each: each.size.high / each.size.low)
    said = f" Size: {_short_label(shown, model)}, {count_span(model.size.low, model.size.high)}"
    near = count_span(model.size.near_low, model.size.near_high)
    return f"{said}; {near} do as well within 0.1 %." if near != NOTHING else f"{said}."


def sharing_line(shown: Decision) -> str:
    """Which task loses most by sharing the budget, in a line; empty where that is not told."""
    if not np.isfinite(shown.alone).all():
        return ""
    worse = (shown.alone - shown.predicted) * (1.0 if shown.higher else -1.0)
    most = int(np.argmax(worse))
    here, own = told_apart(float(shown.predicted[most]), float(shown.alone[most]))
    return f"{_name(shown, most)} loses most: {here}, with the whole budget {own}." if worse[most] > 0 else ""


def words_line(study: Study, shown: Decision) -> str:
    """The words of the first page that are no everyday ones, each in a few words."""
    said = []
    if len(study.curves.draws):
        said.append(f"{len(study.curves.draws)} draws: curves that the runs allow")
    if any(model.strategy == "moe" for model in shown.models):
        said.append("experts: parts of a model, of which each token uses a few")
    better = "higher" if shown.higher else "lower"
    words = "; ".join([*said, f"a task's {better} value is better"])
    return f"{words[:1].upper()}{words[1:]}." if said else ""


def next_section(study: Study) -> Section | None:
    """The tasks that make the mean least sure, and the command that weighs which runs to buy."""
    shown = shown_decision(study)
    order = least_sure(study, shown)[:NAMED]
    if not order or len(shown.names) == 1:
        return None
    unit = study.plan.spec.unit
    known = worth_knowing(study, shown)
    width, model_of = doubt(study, shown), {task: model for model in shown.models for task in model.tasks}
    rows = tuple(
        (
            Cell(shown.names[task]),
            Cell(difference(float(shown.high[task] - shown.low[task]))),
            Cell(percent(float(width[task] / width.sum()))),
            Cell(amount(model_of[task].spend, unit)),
            Cell(_beyond(study, model_of[task], task)),
        )
        for task in order
    )
    blocks: list[Block] = _knowing_blocks(study, shown, known) if known else []
    blocks += [
        Text(
            "Tasks whose predictions make the mean least sure: the width of each interval times the task's weight, as "
            "a share of the sum over all tasks. A wide interval far beyond the runs asks for a larger run, one beside "
            "them for more runs; whether such a run changes the plan is another question."
        ),
        Table(
            "Least sure first",
            (
                Column("Task"),
                Column("Width of its interval", True),
                Column("Part of all widths", True),
                Column(f"Planned spend, {UNIT_WORDS[unit]}", True),
                Column("Beyond the runs", True, "largest of its model's scales"),
            ),
            rows,
            cards=True,
        ),
    ]
    found = study.recommendation
    if found is not None and found.undecided:
        blocks.append(Bullets(tuple(_unsettled(each) for each in found.undecided[:NAMED])))
    command = next_command(study, shown)
    if command:
        blocks.append(
            Text(
                "Which runs to buy, of which size and how many, is weighed by their price, their noise and what each "
                "is expected to bring to this budget's plan of one model for each task, which may rank other tasks "
                f"first; in this plan's folder: {command}"
            )
        )
    names = listing([shown.names[task] for task in order[:LEAST_SURE]])
    if not known:
        return Section("next", "What is least sure", tuple(blocks), finding=f"The widest intervals by weight: {names}.")
    first, _, part = known[0]
    finding = f"Knowing the curve of {shown.label(first)} would be worth as much as {percent(part)} more budget."
    return Section("next", "What to measure next", tuple(blocks), finding=finding)


def _knowing_blocks(study: Study, shown: Decision, known: Sequence[tuple[ShownModel, float, float]]) -> list[Block]:
    """What knowing each curve would be worth to the split."""
    unit = study.plan.spec.unit
    rows = tuple(
        (
            Cell(shown.label(model)),
            Cell(percent(part)),
            Cell(difference(gain)),
            Cell(amount(model.spend, unit)),
            Cell(_beyond(study, model, model.tasks[0])),
        )
        for model, gain, part in known[:NAMED]
    )
    columns = (
        Column("Model"),
        Column("As good as more budget", True),
        Column("Expected gain", True),
        Column(f"Planned spend, {UNIT_WORDS[unit]}", True),
        Column("Beyond the runs", True, "largest of its scales"),
    )
    less = len(shown.models) - len(known)
    others = f" Of {plural(less, 'other model')} it is nothing, however wide their intervals." if less else ""
    return [
        Text(
            "Were a model's curve known before the budget is split, other shares would be best. What that gains, in "
            "the mean over the draws of that curve with the others at their means, is what no runs of it can exceed."
            f"{others}"
        ),
        Table("What knowing each model's curve is worth to the split", columns, rows, cards=True),
    ]


def _unsettled(each: Undecided) -> str:
    """What larger runs would settle of a model that the draws neither call better nor worse."""
    tasks = listing(list(each.tasks))
    return (
        f"{tasks} in one model{how(each.strategy)}: better than apart in {percent(each.wins)} of the draws, left apart "
        "until larger runs of both say more."
    )


def _beyond(study: Study, model: ShownModel, task: int) -> str:
    times = model.beyond
    if times != times:
        times = max(float(each[task]) for each in study.plan.extrapolation_factors.values())
    return "inside" if times <= 1 else factor(times) if np.isfinite(times) else NOTHING


def next_command(study: Study, shown: Decision) -> str:
    """The command that ranks runs for this budget; empty where it plans for no such budget."""
    spec = study.plan.spec
    if spec.unit != "flops" or spec.is_one_model or not spec.objective.is_linear:
        return ""
    spend, budget = (scientific(each) for each in (MEASURED * shown.budget, shown.budget))
    file = study.input_files.get("tasks")
    tasks = f" --tasks {shlex.quote(study.tasks_path or file['name'])}" if file is not None else ""
    return f"budget next curves.json{tasks} --spend {spend} --budget {budget} --out next.csv"
