"""``curves.json`` read back: every field is checked once, here, so that whatever uses curves may trust them.

What an edit by hand leaves is refused with the task and the field, or honoured. Three kinds of checks find it: of each
field (type, shape, finite), of the fields together (``plausible``, and numbers that are written twice), and a checksum
of each task and of what stands before the tasks. A file of an earlier version has no checksums; who means an edit
deletes them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from budget.curves.checks.plausible import refuse_implausible
from budget.curves.cost_law import Cost
from budget.curves.curves import Curves
from budget.curves.decided import Decided
from budget.curves.discrepancy import DRIFT_NUMBERS, Axes
from budget.curves.laws.law import Law
from budget.curves.laws.table import LAWS, law_of
from budget.curves.link.link import PARAMETERS, Link
from budget.curves.records.checksum import FIELD, before_tasks, checksum
from budget.curves.records.writing import LINK_DRAWS, LINK_NUMBERS, NUMBERS, OLD_FORMAT, SCHEMA, STATED
from budget.curves.steady import PLAN_ON, STEADY
from budget.errors import DataError
from budget.numerics.quoting import shown
from budget.tables.checks.status import LINK_STATUS, STATUS
from budget.tables.files.json_fields import Fields
from budget.tables.runs import EXTRAS, SCALES

_SAME = 1e-9
"""Relative difference up to which two fields say the same number."""

_MOST_DRAWS = 1_000_000


def curves_from_record(record: Any, source: str, drawn: Mapping[str, np.ndarray] | None = None) -> Curves:
    """Read ``records.record_of`` back.

    Args:
        record: the parsed ``curves.json``.
        source: the file's name, for the error sentence.
        drawn: the draws (T, B, …) by their fields (``draws_of``) where they do not stand in the record.

    Raises:
        DataError: the content is not what ``budget fit --out`` writes; names the task and the field.
    """
    if not isinstance(record, dict) or (record.get("schema") != SCHEMA and record.get("format") != OLD_FORMAT):
        raise DataError(
            f"{source}: not a curves file of this version; make one with 'budget fit RUNS --out curves.json'."
        )
    head = Fields(record, f"{source}: the curves file is damaged or was edited", "", "fit again.")
    law, inputs = _law(head)
    form = law_of(law, inputs)
    draws = head.whole("draws", most=_MOST_DRAWS)
    tasks = _named(head, form)
    drawn = _of_as_many(head, drawn or {}, len(tasks))
    of_links = {name: drawn.pop(f"link_{name}") for name in LINK_DRAWS if f"link_{name}" in drawn}
    # a file of an earlier version has draws of the plain law
    drifts = "discrepancy" in record and head.flag("discrepancy")
    if drifts and form.is_posterior:
        raise head.refusal("discrepancy", f"is true, and draws of law '{law}' hold the law's own error themselves")
    whole = [_with_draws(task, drawn, index) for index, task in enumerate(tasks)]
    read = [_task(task, form, inputs, draws, drifts) for task in whole]
    scales = tuple(read[0]["smallest"])
    for task, each in zip(tasks, read, strict=True):
        if set(each["smallest"]) != set(scales):
            raise task.refusal("smallest", f"has other scales than the first task ({', '.join(scales)})")
    columns: dict[str, Any] = {name: tuple(each[name] for each in read) for name in _LISTS}
    columns |= {name: np.array([each[name] for each in read]) for name in _ARRAYS}
    for end in ("smallest", "largest"):
        columns[end] = {scale: np.array([each[end][scale] for each in read]) for scale in scales}
    curves = Curves(
        law=law,
        scale_columns=inputs,
        **columns,
        draws=np.array([each["draws"] for each in read]).swapaxes(0, 1),
        noise=np.array([each["noise"] for each in read]).T,
        **_posteriors(read, form),
        **_drifts(read, drifts),
        residual=head.text("residual", ("log", "raw")),
        cost=None if head.raw("cost") is None else _cost(head.inside("cost", "the cost law")),
        estimator=head.text("estimator"),
        seed=head.whole("seed"),
        plan_on=head.text("plan_on", PLAN_ON) if "plan_on" in record else STEADY,
        source=head.text("source"),
        sha256=head.text("sha256"),
        shared_models=head.whole("shared_models"),
        strategy=head.text("strategy"),
        link=None if head.raw("link") is None else _link(head.inside("link", "the link"), tasks, draws, of_links),
        decided=_decided(head.inside("decided", "the decision backtest")) if "decided" in record else None,
        notes=head.texts("notes"),
        warnings=head.texts("warnings") if "warnings" in record else (),
    )
    if head.flag("is_shared") != curves.is_shared:
        raise head.refusal("is_shared", "does not match the fields 'shared' and 'group' of the tasks")
    for index, task in enumerate(tasks):
        refuse_implausible(curves, index, task)
        _refuse_disagreeing(curves, index, task)
    _refuse_edited(head, tasks, source)
    return curves


def _decided(found: Fields) -> Decided:
    """What plans realised; every figure may be missing but the counts."""
    return Decided(**{each.name: found.number(each.name, missing=True) for each in fields(Decided)})


VERDICTS = ("PASS", "REVIEW", "FAIL")
"""What a backtest may say of a curve; a file of a fit without one says nothing."""

_LISTS = ("tasks", "metric", "status", "message", "findings", "bounds", "outliers", "verdict", "judged")
"""The attributes of ``Curves`` that are tuples over the tasks."""

_ARRAYS = (
    "higher_is_better",
    "parameters",
    "reference",
    "runs",
    "pooled",
    "shared",
    "group",
    "held",
    "ratios",
    *NUMBERS,
    *STATED,
)
"""Those that are arrays whose first axis is the task."""


def _law(head: Fields) -> tuple[str, tuple[str, ...]]:
    """The law's name and the columns it reads."""
    law = head.text("law", LAWS)
    inputs, due = head.texts("inputs"), LAWS[law].inputs
    if "scale" in due:
        right, need = len(inputs) == 1 and inputs[0] in (*SCALES, *EXTRAS), f"one of {', '.join(SCALES)}"
    elif "sources" in due:
        right, need = len(inputs) > 1 and inputs[0] == due[0], "params and the sources"
        right = right and len(set(inputs)) == len(inputs)
    else:
        right, need = inputs == due, ", ".join(due)
    if not right:
        got = ", ".join(inputs)
        raise head.refusal("inputs", f"is {shown(got)} where law '{law}' reads {need}")
    return law, inputs


def _named(head: Fields, form: Law) -> list[Fields]:
    """The tasks, each called by its name, which is there, and only once."""
    objects = head.objects("tasks", "task")
    if not objects:
        raise head.refusal("tasks", "is empty")
    seen: set[str] = set()
    tasks = []
    for task in objects:
        name = task.text("task")
        if not name.strip() or name != name.strip():
            raise task.refusal("task", f"is {shown(name)} where a name is due")
        if name in seen:
            raise task.refusal("task", f"is {shown(name)}, which another task is called too")
        if form.reads_mixtures and name not in form.sources:
            raise task.refusal("task", f"is {shown(name)}, which is not among the sources in 'inputs'")
        seen.add(name)
        tasks.append(Fields(task.content, task.where, f"task {shown(name)}", task.remedy))
    return tasks


def _task(task: Fields, form: Law, inputs: Sequence[str], draws: int, drifts: bool) -> dict[str, Any]:
    """The fields of one task under the names that ``Curves`` gives them."""
    size = len(form.parameters)
    findings = task.objects("findings", f"{task.owner}, finding")
    smallest, largest = (_ends(task.inside(end), form, inputs) for end in ("smallest", "largest"))
    if smallest.keys() != largest.keys():
        raise task.refusal("largest", "has other scales than 'smallest'")
    return {
        "tasks": task.text("task"),
        "metric": task.text("metric"),
        "higher_is_better": task.flag("higher_is_better"),
        "status": task.text("status", STATUS),
        "message": task.text("message"),
        "findings": tuple((each.text("code", STATUS), each.text("message")) for each in findings),
        "bounds": task.texts("bounds", form.names),
        "outliers": task.wholes("outliers", 1),
        "parameters": task.array("working", size),
        "draws": task.array("working_draws", draws, size),
        "noise": task.array("noise_draws", draws),
        "reference": task.array("reference", len(inputs)),
        "runs": task.whole("runs", 1),
        "pooled": task.flag("pooled"),
        "shared": task.flag("shared"),
        "group": task.whole("group"),
        **{name: task.number(name, -np.inf if name == "ceiling" else 0.0, missing=True) for name in NUMBERS},
        **{name: task.number(name, missing=True) if name in task.content else np.nan for name in STATED},
        "smallest": smallest,
        "largest": largest,
        "ratios": _ratios(task),
        "verdict": task.text("verdict", VERDICTS) if "verdict" in task.content else "",
        "judged": task.text("judged") if "verdict" in task.content else "",
        "held": task.array("held", 3, missing=False) if "held" in task.content else np.full(3, np.nan),
        **_posterior(task, form, draws),
        **(_drift(task, form, draws) if drifts else {}),
    }


def _of_as_many(head: Fields, drawn: Mapping[str, np.ndarray], tasks: int) -> dict[str, np.ndarray]:
    """Draws, refused where they are of another number of tasks than the record has."""
    for name, array in drawn.items():
        count = len(array) if array.ndim else 0
        if count != tasks:
            raise head.refusal("tasks", f"is of {tasks} tasks, and '{name}' in the file of draws of {count}")
    return dict(drawn)


def _with_draws(task: Fields, drawn: Mapping[str, np.ndarray], index: int) -> Fields:
    """A task's fields with those that lie in the file of draws."""
    return replace(task, content={**task.content, **{name: array[index] for name, array in drawn.items()}})


def _posteriors(read: Sequence[Mapping[str, Any]], form: Law) -> dict[str, Any]:
    """What ``_posterior`` read of each task, as arrays over them."""
    if not form.is_posterior:
        return {}
    names = ("rhat", "effective", "planned_parameters", "tilt")
    arrays = {name: np.array([each[name] for each in read]) for name in names}
    return {**arrays, "planned_draws": np.array([each["planned_draws"] for each in read]).swapaxes(0, 1)}


def _posterior(task: Fields, form: Law, draws: int) -> dict[str, Any]:
    """What stands beside the curve of a law with a posterior."""
    if not form.is_posterior:
        return {}
    size = 0 if form.planned_as is None else len(LAWS[form.planned_as].parameters)
    return {
        "rhat": task.number("rhat", 0.0, missing=True),
        "effective": task.number("effective", 0.0, missing=True),
        "planned_parameters": task.array("planned", size),
        "planned_draws": task.array("planned_draws", draws, size),
        "tilt": task.array("tilt", 2) if "tilt" in task.content else np.zeros(2),
    }


def _drifts(read: Sequence[Mapping[str, Any]], drifts: bool) -> dict[str, Any]:
    """What ``_drift`` read of each task, as arrays over them."""
    names = ("drift", "drift_ends", "planned_draws") if drifts else ()
    return {name: np.array([each[name] for each in read]).swapaxes(0, 1) for name in names}


def _drift(task: Fields, form: Law, draws: int) -> dict[str, Any]:
    """How a task's draws drift from their law."""
    axes = Axes.of(form).count
    ends = task.array("drift_ends", 2, axes)
    if (ends[0] > ends[1]).any():
        raise task.refusal("drift_ends", "has a smallest place above the largest")
    return {
        "drift_ends": ends,
        "drift": task.array("drift_draws", draws, axes, DRIFT_NUMBERS),
        "planned_draws": task.array("planned_draws", draws, len(form.parameters)),
    }


def _ends(ends: Fields, form: Law, inputs: Sequence[str]) -> dict[str, float]:
    """Scale column → an end of what was measured; a source may have given nothing."""
    sources = set(form.sources)
    found = {name: ends.number(name, 0.0) for name in (*inputs, *ends.content)}
    for name, number in found.items():
        if number == 0 and name not in sources:
            raise ends.refusal(name, "is 0 where a positive number is due")
    return found


def _ratios(task: Fields) -> np.ndarray:
    """(2,) fewest and most tokens a parameter; NaN in files of an earlier version, and where runs have not both."""
    if "ratios" not in task.content:
        return np.full(2, np.nan)
    fewest, most = ratios = task.array("ratios", 2, missing=False)
    if not 0 < fewest <= most:
        raise task.refusal(
            "ratios", f"is {fewest:g} to {most:g} where the fewest and the most tokens a parameter are due"
        )
    return ratios


def _link(link: Fields, tasks: Sequence[Fields], draws: int, beside: Mapping[str, np.ndarray]) -> Link:
    objects = link.objects("tasks", "the link of task")
    if len(objects) != len(tasks):
        raise link.refusal("tasks", f"has {len(objects)} links where the file has {len(tasks)} tasks")
    read: list[dict[str, Any]] = []
    for index, (given, task) in enumerate(zip(objects, tasks, strict=True)):
        each = replace(_with_draws(given, beside, index), owner=f"the link of {task.owner}")
        status = each.text("status", LINK_STATUS)
        used = LINK_STATUS[status].used
        stated = each.inside("parameters")
        parameters = np.array([stated.number(name, missing=not used) for name in PARAMETERS])
        drawn, noise = each.array("draws", draws, len(PARAMETERS)), each.array("noise_draws", draws)
        if used and not STATUS[task.text("status")].used:
            raise each.refusal("status", f"is '{status}', and the task has no curve")
        for field, rows in (("parameters", parameters[None, :]), ("draws", drawn)):
            there = np.isfinite(rows).all(axis=1)
            if (there != np.isfinite(rows).any(axis=1)).any():
                raise each.refusal(field, "lacks a slope, midpoint, chance or best")
            slope, midpoint, chance, best = rows[there].T
            upward = (best > chance) == each.flag("higher_is_better")
            if used and not ((slope > 0) & (midpoint > 0) & upward).all():
                raise each.refusal(field, "holds a slope, midpoint, chance or best that no link has")
        read.append(
            {
                "higher_is_better": each.flag("higher_is_better"),
                "status": status,
                "message": each.text("message"),
                "parameters": parameters,
                "draws": drawn,
                "noise": noise,
                "stated": each.flag("chance_stated"),
                "pairs": each.whole("pairs"),
                **{name: each.number(name, 0.0, missing=True) for name in LINK_NUMBERS},
            }
        )
    arrays = ("higher_is_better", "parameters", "stated", "pairs", *LINK_NUMBERS)
    return Link(
        metric=link.text("metric"),
        status=tuple(each["status"] for each in read),
        message=tuple(each["message"] for each in read),
        **{name: np.array([each[name] for each in read]) for name in arrays},
        draws=np.array([each["draws"] for each in read]).swapaxes(0, 1),
        noise=np.array([each["noise"] for each in read]).T,
        estimator=link.text("estimator"),
    )


def _cost(cost: Fields) -> Cost:
    stated = cost.raw("kappa")
    terms = len(stated) if isinstance(stated, list) and stated else 1
    kappa, p, q = (cost.array(name, terms, missing=False) for name in ("kappa", "params_exponent", "tokens_exponent"))
    # more parameters must cost more in the first term, more tokens in each (`cost.fit_cost`)
    right = {"kappa": kappa > 0, "params_exponent": (abs(p) < 10) & (p[0] > 0), "tokens_exponent": (q > 0) & (q < 10)}
    for name, each in right.items():
        if not each.all():
            raise cost.refusal(name, f"is {cost.raw(name)}, which no cost law has")
    return Cost(kappa, p, q, cost.number("rms_error", 0.0), cost.number("max_error", 0.0), cost.flag("assumed"))


def _refuse_disagreeing(curves: Curves, index: int, task: Fields) -> None:
    """Refuse numbers in the reader's units that are not those of the working parameters: one of both was edited."""
    form, theta = curves.form, curves.parameters[index]
    natural = form.natural(theta, curves.reference[index]) if np.isfinite(theta).all() else theta
    coefficients = form.where("coefficient")
    written: Mapping[str, Mapping[str, float]] = {
        "parameters": {name: natural[form.position(name)] for name in form.shown},
        "at_reference": {form.names[p]: float(np.exp(theta[p])) for p in coefficients},
    }
    for field, numbers in written.items():
        inside = task.inside(field)
        for name, number in numbers.items():
            stated = inside.number(name, missing=True)
            if not (np.isclose(stated, number, rtol=_SAME, atol=0.0, equal_nan=True)):
                raise task.refusal(field, f"says {name} = {stated:g}, and by 'working' it is {number:g}")


def _refuse_edited(head: Fields, tasks: Sequence[Fields], source: str) -> None:
    """Refuse what differs from its checksum."""
    parts = [
        (before_tasks(head.content), "what stands before 'tasks'"),
        *((task.content, task.owner) for task in tasks),
    ]
    for part, owner in parts:
        if FIELD in part and part[FIELD] != checksum(part):
            raise DataError(
                f"{source}: {owner} was edited after the fit (its '{FIELD}' does not match); fit again, or delete "
                f"that '{FIELD}' to go on with the edited numbers."
            )
