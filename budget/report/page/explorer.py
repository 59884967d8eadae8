"""What the page's script reads to split another budget, other weights or fewer tasks at once, without a server.

See docs/decisions/152-page-solves-by-tables.md.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from budget.numerics.quantities.amounts import GIVEN
from budget.numerics.strict_json import json_value
from budget.report.sentences.recommendation_sentences import VERDICTS, target_sign
from budget.report.shown_decision import shown_decision
from budget.report.written_numbers import NOTHING, UNIT_WORDS, percent, span, value
from budget.studies.make_plan import Study
from budget.studies.spend_tables import WIDEST
from budget.tables.tasks import NUMBERS, TaskSettings


def explorer_data(study: Study) -> str:
    """The decision's tables as JSON that may stand inside a page; "" where a split needs the command."""
    tables, plan = study.tables, study.plan
    if tables is None:
        return ""
    spec, given = plan.spec, GIVEN.get().get(plan.spec.unit)
    alone = [each.record() for each in tables.alone]
    own = {id(each): at for at, each in enumerate(tables.alone)}
    record: dict[str, Any] = {
        "budget": spec.whole_budget,
        "widest": WIDEST,
        "unit": UNIT_WORDS[spec.unit],
        "counts": spec.unit in ("tokens", "params"),
        "given": {"label": given.label, "size": given.size} if given and given.label else None,
        "kept": tables.kept,
        "keptShare": tables.kept_share,
        "names": list(spec.tasks.names),
        "weight": spec.tasks.weight.tolist(),
        "target": [json_value(each) for each in spec.tasks.target.tolist()],
        "higher": bool(plan.higher_is_better),
        "sign": spec.sign,
        "factor": tables.factor.tolist(),
        "shift": tables.shift.tolist(),
        "settings": _settings(spec.tasks),
        "alone": alone,
        "models": [own[id(each)] if id(each) in own else each.record() for each in tables.models],
    }
    return embedded(record)


@dataclass(frozen=True)
class AskedRow:
    """A task in the form by which a reader asks otherwise: what the plan says of it, in words."""

    task: int
    name: str
    weight: str
    target: str
    share: str
    predicted: str
    interval: str
    verdict: str


def explorer_rows(study: Study) -> tuple[AskedRow, ...]:
    """The form's rows, the largest share first; none where one model has no split."""
    found, tasks = shown_decision(study), study.plan.spec.tasks
    rows: list[AskedRow] = []
    if len(found.models) == 1:
        return ()
    for model in found.models:
        for task in model.tasks:
            point, low, high, aim = (
                float(each[task]) for each in (found.predicted, found.low, found.high, found.target)
            )
            sign = target_sign(point, low, high, aim, found.higher)
            rows.append(
                AskedRow(
                    task,
                    found.names[task],
                    f"{tasks.weight[task]:g}",
                    f"{aim:g}" if np.isfinite(aim) else "",
                    percent(model.share) + (" shared" if len(model.tasks) > 1 else ""),
                    value(point),
                    span(value(low), value(high)),
                    VERDICTS[sign] if sign else NOTHING,
                )
            )
    return tuple(rows)


def _settings(tasks: TaskSettings) -> dict[str, list[Any]]:
    """The columns of the tasks' file that hold anything, with the weights and targets that a reader may change."""
    columns: dict[str, list[Any]] = {}
    for name in NUMBERS:
        cells = getattr(tasks, name)
        if name in ("weight", "target") or np.isfinite(cells).any():
            columns[name] = [json_value(each) for each in cells.tolist()]
    if any(tasks.group):
        columns["group"] = list(tasks.group)
    return columns


def embedded(record: Any) -> str:
    """JSON that cannot end the script it stands in, whatever names it holds."""
    text = json.dumps(record, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
