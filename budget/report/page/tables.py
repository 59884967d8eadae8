"""The report's tables: numbers of a study as cells."""

import numpy as np

from budget.allocation.plan.binding_limits import broken_words
from budget.allocation.plan.plan import Plan
from budget.allocation.plan.size_tradeoff import SizeTradeoff
from budget.report.decision_response import shown_response
from budget.report.report_parts import Cell, Column, Table
from budget.report.sentences import facts
from budget.report.sentences.plan_sentences import (
    BINDING_WORDS,
    baseline_name,
    better_by,
    by_hand,
    capital,
    comparison,
    objective_name,
    unscored_words,
)
from budget.report.sentences.recommendation_sentences import how, judged_values, target_sign, target_verdict
from budget.report.written_numbers import (
    LEVEL,
    NOTHING,
    UNIT_WORDS,
    amount,
    count,
    count_span,
    difference,
    factor,
    percent,
    span,
    value,
)
from budget.studies.growth.budget_sharing import BudgetSharing
from budget.studies.growth.growth import Growth
from budget.studies.make_plan import Study
from budget.tables.checks.quality import check_table
from budget.tables.checks.status import STATUS

VERDICT_TONES = {"PASS": "good", "REVIEW": "warn", "FAIL": "bad"}

TARGET_TONES = {"●": "good", "◐": "warn", "○": "bad"}

ROUNDING = 1e-9
"""Share of a value below which a difference is rounding."""

FOLD_FROM = 15
"""Rows from which a table that is not the plan is folded."""


def plan_table(plan: Plan, caption: str) -> Table:
    """What a plan gives each task and what that is predicted to reach."""
    spec, count_of = plan.spec, len(plan.spend)
    shared = facts.is_shared(plan)
    columns = [(Column("Task"), [Cell(name) for name in spec.tasks.names])]
    if np.ptp(spec.weight) > 0:
        columns.append((Column("Weight", True), [Cell(percent(weight)) for weight in spec.weight]))
    if not shared:
        unit = UNIT_WORDS[spec.unit]
        spends = [
            _with_span(*numbers, spec.unit)
            for numbers in zip(plan.spend, plan.spend_low, plan.spend_high, plan.endless, strict=True)
        ]
        columns.append((Column("Share", True), [Cell(percent(each)) for each in plan.shares(plan.spend)]))
        columns.append((Column(f"Spend, {unit}", True, _interval_words(plan.spend_low, "range")), spends))
    sizes = plan.sizes
    for label, numbers, low, high in (
        ("Parameters", plan.params, sizes.params_low, sizes.params_high),
        ("Tokens", plan.tokens, sizes.tokens_low, sizes.tokens_high),
    ):
        if shared or not np.isfinite(numbers).all() or label.lower() == UNIT_WORDS[spec.unit]:
            continue
        chosen = spec.params is None or label == "Tokens"
        cells = [
            Cell(count(point), count_span(least, most) if chosen else "")
            for point, least, most in _zip(numbers, low, high)
        ]
        columns.append((Column(label, True, _interval_words(low, "range") if chosen else ""), cells))
        if label == "Parameters" and np.isfinite(sizes.params_near).any():
            near = [Cell(count_span(least, most)) for least, most in sizes.params_near.tolist()]
            columns.append((Column("Parameters within 0.1 % of the best value", True), near))
    columns.append(
        (
            Column("Predicted", True, _interval_words(plan.low, "interval")),
            [
                _predicted(point, low, high, bool(out))
                for point, low, high, out in _zip(plan.predicted, plan.low, plan.high, plan.outside)
            ],
        )
    )
    for baseline in by_hand(plan) if count_of > 1 else ():
        gains = plan.task_gains(baseline)
        columns.append(
            (
                Column(f"Against {baseline_name(baseline)}", True),
                [Cell(better_by(gain, point)) for gain, point in _zip(gains, plan.predicted)],
            )
        )
    if np.isfinite(spec.tasks.target).any():
        columns.append((Column("Target"), _targets(plan)))
    if not shared and set(plan.binding) != {"budget"}:
        columns.append((Column("Limited by"), [Cell(BINDING_WORDS.get(word, word)) for word in plan.binding]))
    if not shared or np.ptp(plan.extrapolation) > 0:
        over = [Cell(factor(times), tone="warn" if times > 10 else "") for times in plan.extrapolation]
        columns.append((Column("Over largest measured", True), over))
    total: tuple[Cell, ...] = ()
    if not shared and count_of > 1:
        known = {
            "Task": Cell("Total"),
            "Share": Cell(percent(float(plan.shares(plan.spend).sum()))),
            f"Spend, {UNIT_WORDS[spec.unit]}": Cell(amount(plan.total, spec.unit)),
        }
        total = tuple(known.get(column.label, Cell("")) for column, _ in columns)
    return Table(
        caption,
        tuple(column for column, _ in columns),
        tuple(zip(*(cells for _, cells in columns), strict=True)),
        total=total,
        cards=True,
    )


def comparison_table(study: Study, *, apart: bool = False) -> Table:
    """The plan beside its baselines: what each spends and reaches, and which limits it breaks.

    Args:
        study: whose plan is compared.
        apart: whether that is one model for each task where the decision shares some.
    """
    plan = study.plan
    mine = "One model for each, best split" if apart else "This plan"
    budget, unit = plan.spec.budget, plan.spec.unit
    rows = [
        (
            Cell(mine),
            Cell(amount(plan.total, unit)),
            Cell(value(plan.objective)),
            Cell(NOTHING),
            Cell(percent(1.0)),
            Cell("yes"),
        )
    ]
    for baseline in plan.baselines:
        needed = study.response.budget_for(baseline.objective) / budget
        kept = f"no: {broken_words(baseline.breaks)}" if baseline.breaks else "yes"
        rows.append(
            (
                Cell(capital(baseline_name(baseline))),
                Cell(amount(baseline.total, unit)),
                Cell(value(baseline.objective), "not scored: " + unscored_words(baseline) if baseline.unscored else ""),
                Cell(comparison(plan, baseline)),
                Cell(percent(needed)),
                Cell(kept, tone="warn" if baseline.breaks else ""),
            )
        )
    return Table(
        "One model for each task: the best split beside simple rules" if apart else "The plan beside simple rules",
        (
            Column("Plan"),
            Column(f"Spent, {UNIT_WORDS[unit]}", True),
            Column(capital(objective_name(plan)), True),
            Column("The best split is" if apart else "This plan is", True),
            Column(f"Budget {'it' if apart else 'this plan'} needs for the same", True),
            Column("Within the limits"),
        ),
        tuple(rows),
        cards=True,
    )


def sizes_table(study: Study, sizes: SizeTradeoff) -> Table:
    """The objective at a few sizes of the shared model."""
    plan = study.plan
    rows = []
    spread = np.linspace(0, len(sizes.params) - 1, 9).round().astype(int)
    for position in np.unique([*spread, sizes.plan]):
        gain = plan.gain_of(float(sizes.objective[position]))
        low, high = value(sizes.low[position]), value(sizes.high[position])
        rows.append(
            (
                Cell(count(sizes.params[position])),
                Cell(count(sizes.tokens[position])),
                Cell(value(sizes.objective[position]), "" if NOTHING in (low, high) else span(low, high)),
                Cell("the plan" if position == sizes.plan else better_by(gain, plan.objective)),
            )
        )
    return Table(
        "The objective at other sizes, for the same budget",
        (
            Column("Parameters", True),
            Column("Tokens", True),
            Column("Predicted", True, _interval_words(sizes.low, "interval")),
            Column("Against the plan", True),
        ),
        tuple(rows),
        folded=True,
    )


def breadth_table(growth: Growth, found: BudgetSharing) -> Table:
    """Each task alone and where all share."""
    rows = [
        (Cell(name), Cell(value(alone)), Cell(value(together)), Cell(_worse(loss, alone)))
        for name, alone, together, loss in zip(growth.names, found.alone, found.shared[-1], found.worse, strict=True)
    ]
    return Table(
        "Each task with the whole budget, and with its share",
        (
            Column("Task"),
            Column("Alone", True),
            Column(f"All {len(rows)} share", True),
            Column("Worse by", True),
        ),
        tuple(rows),
        folded=len(rows) >= FOLD_FROM,
    )


def _worse(loss: float, alone: float) -> str:
    """A loss; what is rounding is none."""
    return difference(loss) if abs(loss) > ROUNDING * abs(alone) else "0"


def set_size_table(study: Study, growth: Growth) -> Table:
    """The mean and the targets met by the first 1, 2, …, K tasks; of many tasks by the sets that are shown."""
    plans = growth.plans
    stated = bool(np.isfinite(plans[-1].spec.tasks.target).any())
    columns = [Column("Tasks served", True), Column("Joining"), Column(capital(objective_name(study.plan)), True)]
    rows = []
    for plan in plans:
        size = len(plan.spend)
        row = [Cell(str(size)), Cell(growth.names[size - 1]), Cell(value(plan.objective))]
        if stated:
            signs = [target_sign(*one) for one in judged_values(plan.predicted, plan.low, plan.high, plan)]
            row.append(Cell(f"{signs.count('●')} of {sum(map(bool, signs))}"))
        rows.append(tuple(row))
    if stated:
        columns.append(Column("At their target", True, "●"))
    return Table("The served tasks together, as tasks are added", tuple(columns), tuple(rows), folded=True)


def response_table(study: Study) -> Table:
    """The objective at other budgets."""
    plan, answer = study.plan, shown_response(study)
    rows = []
    for budget, objective in _zip(answer.budget, answer.objective):
        planned = bool(np.isclose(budget, answer.planned))
        gain = plan.gain_of(objective) - plan.gain_of(answer.reached)
        text = "the plan" if planned and not answer.alone else better_by(gain, plan.objective)
        missing = objective != objective
        rows.append(
            (
                Cell(amount(budget, plan.spec.unit)),
                Cell(f"{budget / answer.planned:g}×"),
                Cell(value(objective)),
                Cell("the limits exclude it" if missing else text),
            )
        )
    return Table(
        "The best split at other budgets, had every task a model of its own"
        if answer.alone
        else "The models of the plan at other budgets, split anew",
        (
            Column(f"Budget, {UNIT_WORDS[plan.spec.unit]}", True),
            Column("Multiple", True),
            Column("Predicted", True),
            Column("Against the same at this budget" if answer.alone else "Against the plan", True),
        ),
        tuple(rows),
    )


def curves_table(study: Study) -> Table:
    """The fitted parameters of every task, left-out ones included."""
    curves = study.curves
    frame, form = curves.table(), curves.with_shown_parameters().form
    columns = [Column("Task"), Column("Runs", True)]
    columns += [Column(name, True) for name in form.shown]
    columns += [Column("Scatter", True), Column("Status")]
    rows = []
    for record in frame.to_dict("records"):
        cells = [Cell(str(record["task"])), Cell(str(record["runs"]))]
        for name in form.shown:
            low, high = (float(record.get(f"{name}_{end}", np.nan)) for end in ("low", "high"))
            interval = span(value(low), value(high))
            cells.append(Cell(value(float(record[name])), "" if interval == NOTHING else interval))
        cells += [Cell(percent(float(record["error"]))), Cell(str(record["status"]))]
        rows.append(tuple(cells))
    return Table(
        f"Fitted parameters{f' with {LEVEL} intervals' if len(curves.draws) else ''}: {form.formula}",
        tuple(columns),
        tuple(rows),
        folded=True,
        cards=True,
    )


def left_out_table(study: Study) -> Table | None:
    """Every task that plans do not use, with the remedy."""
    curves = study.curves
    rows = [
        (Cell(name), Cell(code, tone="warn"), Cell(capital(message)), Cell(capital(STATUS[code].advice)))
        for name, code, message in zip(curves.tasks, curves.status, curves.message, strict=True)
        if not STATUS[code].used
    ]
    if not rows:
        return None
    return Table(
        "Tasks left out of the plan",
        (Column("Task"), Column("Status"), Column("What was found"), Column("What to do")),
        tuple(rows),
        cards=True,
    )


def backtest_table(study: Study) -> Table | None:
    """What a backtest says of each curve, worst verdicts first; folded where all pass."""
    curves = study.curves
    judged = [each for each in zip(curves.tasks, curves.verdict, curves.judged, strict=True) if each[1]]
    judged += [
        (f"{each.task}, shared{how(each.strategy)}", each.verdict.code, each.verdict.sentence)
        for each in study.judged_sharing
    ]
    if not judged:
        return None
    judged.sort(key=lambda each: ("FAIL", "REVIEW", "PASS").index(each[1]))
    return Table(
        "Backtest of curves: each without its largest runs, which it predicts",
        (Column("Task"), Column("Backtest"), Column("What was found")),
        tuple((Cell(name), Cell(code, tone=VERDICT_TONES[code]), Cell(capital(text))) for name, code, text in judged),
        folded=len(judged) >= FOLD_FROM or {code for _, code, _ in judged} == {"PASS"},
        cards=True,
    )


def findings_table(study: Study) -> Table:
    """The data check, worst verdicts first; folded where there is nothing to act on."""
    frame = check_table(study.findings)
    frame = frame.iloc[frame["verdict"].map(["FAIL", "REVIEW", "PASS"].index).argsort(kind="stable")]
    rows = tuple(
        (
            Cell(record["task"]),
            Cell(record["verdict"], tone=VERDICT_TONES[record["verdict"]]),
            Cell(record["finding"]),
            Cell(record["advice"] or NOTHING),
        )
        for record in frame.to_dict("records")
    )
    return Table(
        "Data check before any fit",
        (Column("Task"), Column("Data check"), Column("What was found"), Column("What to do")),
        rows,
        folded=len(rows) >= FOLD_FROM or set(frame["verdict"]) == {"PASS"},
        cards=True,
    )


def _targets(plan: Plan) -> list[Cell]:
    """What each task's interval says of its target, as the first page does."""
    cells = []
    for one in judged_values(plan.predicted, plan.low, plan.high, plan):
        sign = target_sign(*one)
        told = Cell(target_verdict(*one), f"target {value(one[3])}", TARGET_TONES[sign]) if sign else None
        cells.append(told or Cell("none stated"))
    return cells


def _interval_words(low: np.ndarray, noun: str) -> str:
    return f"{LEVEL} {noun}" if np.isfinite(low).all() else ""


def _predicted(point: float, low: float, high: float, outside: bool) -> Cell:
    """A value with its interval, which the point may lie outside of."""
    if low != low:
        return Cell(value(point))
    interval = span(value(low), value(high))
    return Cell(value(point), f"outside {interval}" if outside else interval, "warn" if outside else "")


def _with_span(point: float, low: float, high: float, endless: float, unit: str) -> Cell:
    """A spend with its range, whose high end is infinite where no finite spend does in that many draws."""
    if low != low:
        return Cell(amount(point, unit))
    if np.isinf(high):
        end = f"no finite spend in {percent(endless)} of the draws"
        return Cell(amount(point, unit), end if np.isinf(low) else f"from {amount(low, unit)}; {end}", "warn")
    return Cell(amount(point, unit), span(amount(low, unit), amount(high, unit)))


def _zip(*arrays: np.ndarray) -> list[tuple[float, ...]]:
    return list(zip(*(array.tolist() for array in arrays), strict=True))
