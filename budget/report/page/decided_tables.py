"""The tables of a decision that shares: each model to train with how sure its size is, and what each task reaches."""

from collections.abc import Callable

import numpy as np

from budget.numerics.words import listing
from budget.report.report_parts import Cell, Column, Table
from budget.report.sentences.recommendation_sentences import how, target_verdict
from budget.report.shown_decision import ShownModel, shown_decision
from budget.report.written_numbers import (
    LEVEL,
    UNIT_WORDS,
    amount,
    count,
    count_span,
    factor,
    percent,
    span,
    value,
)
from budget.studies.make_plan import Study
from budget.studies.strategies.recommendation import Recommendation


def models_table(study: Study, found: Recommendation) -> Table:
    """Each model to train: its tasks, its strategy, its share and its scales."""
    unit, scales, sizes = study.plan.spec.unit, list(found.models[0].inputs), study.size_ranges
    ranged = [name == "params" and any(size.low == size.low for size in sizes) for name in scales]
    shapes = ["Active parameters", "Experts"] if any(model.experts > 1 for model in found.models) else []
    near = any(size.near_low == size.near_low for size in sizes)
    columns = (
        Column("Model"),
        Column("Tasks"),
        Column("Better than apart", True),
        Column("Share", True),
        Column(f"Spend, {UNIT_WORDS[unit]}", True),
        *(
            Column(UNIT_WORDS.get(name, name).capitalize(), True, f"best in {LEVEL} of the draws" if known else "")
            for name, known in zip(scales, ranged, strict=True)
        ),
        *(Column(name, True) for name in shapes),
        *([Column("Parameters within 0.1 % of the best value", True)] if near else []),
        Column("Beyond the runs", True, f"largest of {listing([UNIT_WORDS.get(name, name) for name in scales])}"),
    )
    rows = tuple(
        (
            Cell(str(number), "alone" if len(model.tasks) == 1 else f"shared{how(model.strategy)}"),
            Cell(listing(list(model.tasks))),
            Cell("" if model.wins != model.wins else f"{percent(model.wins)} of the draws"),
            Cell(percent(model.share)),
            Cell(amount(model.spend, unit)),
            *(
                Cell(count(model.inputs[name]), _ends(sizes[number - 1].low, sizes[number - 1].high) if known else "")
                for name, known in zip(scales, ranged, strict=True)
            ),
            *(
                [Cell(_known(model.active_params, count)), Cell(_known(model.experts, "{:.0f}".format))]
                if shapes
                else []
            ),
            *([Cell(_ends(sizes[number - 1].near_low, sizes[number - 1].near_high))] if near else []),
            Cell("inside" if model.beyond <= 1 else factor(model.beyond), tone="warn" if model.beyond > 3 else ""),
        )
        for number, model in enumerate(found.models, start=1)
    )
    return Table("The models to train, the largest spend first", columns, rows, cards=True)


def _known(number: float, written: Callable[[float], str]) -> str:
    return "" if number != number else written(number)


def _ends(low: float, high: float) -> str:
    return "" if low != low else count_span(low, high)


def decided_table(study: Study, found: Recommendation) -> Table:
    """What each task reaches by the decision, the largest share first; a shared model's tasks stand together."""
    shown = shown_decision(study)
    stated, alone = bool(np.isfinite(shown.target).any()), bool(np.isfinite(shown.alone).any())
    columns = [
        Column("Task"),
        Column("Model"),
        Column("Share of the budget", True),
        Column("Predicted", True, "interval"),
        *([Column("With the whole budget, alone", True)] if alone else []),
        *([Column("Target", True), Column("Verdict")] if stated else []),
    ]

    def row(task: int, model: str, share: float, low: float, high: float) -> tuple[Cell, ...]:
        predicted, target = float(shown.predicted[task]), float(shown.target[task])
        ends = "" if low != low else span(value(low), value(high))
        cells = [Cell(shown.names[task]), Cell(model), Cell(percent(share)), Cell(value(predicted), ends)]
        if alone:
            cells.append(Cell(value(float(shown.alone[task]))))
        if stated:
            said = target_verdict(predicted, low, high, target, shown.higher)
            cells += [Cell(value(target) if target == target else "none"), Cell(said)]
        return tuple(cells)

    rows = [
        row(task, f"{number}, {_kind(model)}", model.share, float(shown.low[task]), float(shown.high[task]))
        for number, model in enumerate(shown.models, start=1)
        for task in model.tasks
    ]
    nothing = [shown.names.index(name) for name in found.plan.leaves_out]
    rows += [row(task, "none: given nothing", 0.0, float("nan"), float("nan")) for task in nothing]
    return Table("What each task reaches", tuple(columns), tuple(rows), cards=True)


def _kind(model: ShownModel) -> str:
    return "alone" if len(model.tasks) == 1 else f"shared{how(model.strategy)}"
