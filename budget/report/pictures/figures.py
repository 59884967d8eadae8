"""The report's pictures of a study: each a few panels, drawn when the report is written.

Dots are measured, a line is fitted, a band is an interval, a large solid dot is the plan, and what is hollow is a
simple split to compare with. Nothing is told by colour alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from budget.allocation.plan.baselines import RULE_OF_THUMB
from budget.report.pictures import decision_figures, many_figures
from budget.report.pictures.breadth_figures import (
    breadth_curve_figure,
    free_lunch_figure,
    selection_figure,
    thresholds_figure,
    told_cases,
)
from budget.report.pictures.curve_series import Series, curve_series, decided_series
from budget.report.pictures.decision_figures import mark
from budget.report.pictures.focus_map import focus_map
from budget.report.pictures.pair_figure import pair_figure
from budget.report.pictures.svg import LETTER, Axis, Chart, count_axis, decade_axis, short, value_axis
from budget.report.pictures.trust_figure import trust_figure
from budget.report.report_parts import PANELS, ROWS
from budget.report.sentences import facts
from budget.report.sentences.focus_cases import set_name
from budget.report.sentences.headline import rule_of_thumb
from budget.report.sentences.plan_sentences import by_hand, objective_name
from budget.report.sentences.recommendation_sentences import how
from budget.report.shown_decision import objective_interval, saved_to, shown_decision
from budget.report.written_numbers import (
    LEVEL,
    UNIT_WORDS,
    amount,
    count,
    count_span,
    percent,
    quantity,
    span,
    told_apart,
    value,
)
from budget.studies.make_plan import Study
from budget.studies.spend_tables import WIDEST

PANEL = 340.0
"""Width of a panel in pixels: three stand beside each other on a desk's screen, one fits a phone's."""

WIDE, NARROW, BROAD, HALF = 700.0, 340.0, 1120.0, 540.0
"""Widths of a picture of one panel on a tablet's, a phone's and a desk's screen, and of one of two side by side."""

DOTS = 30
"""Points of a line that carry their numbers at most."""

FLAT = 48.0
"""Pixels between half and twice the budget below which a line is flat: three lines of words stand over each other."""

BELOW = 0.12
"""Part of a picture's height that stays free below its lowest point."""

BUDGETS = 41
"""Points of the lines over the budget."""

SIZES_SHOWN = 12.0
"""How many times smaller and larger than the plan's the sizes of the picture are."""

BESIDE = 2.0
"""Factor of a size at which is asked whether a line runs where words are to stand."""

RANGE_ROOM = 0.09
"""Part of a picture's height that a range below its lowest point takes."""

BASELINE_STYLES = ("hollow", "hollow second", "hollow third", "hollow fourth")
"""Class of each baseline's marks."""


@dataclass(frozen=True)
class Panel:
    """One chart and the name above it, empty where the figure's caption says enough.

    Attributes:
        title: the name.
        wide: the picture.
        narrow: the same for a phone's screen; empty where the picture fits it.
        broad: the same for a desk's screen, where the picture gains by it.
    """

    title: str
    wide: str
    narrow: str = ""
    broad: str = ""


def spend(study: Study) -> list[Panel]:
    """The plan's spends beside the baselines', one line a task."""
    plan = study.plan
    shown = facts.heaviest(plan, ROWS)
    shown = shown[np.argsort(-plan.spend[shown], kind="stable")]
    rows = np.arange(len(shown), dtype=float)[::-1]
    rivals = by_hand(plan)[: len(BASELINE_STYLES)]
    shares = {rival.name: 100 * plan.shares(rival.spend)[shown] for rival in rivals}
    mine, low, high = (100 * plan.shares(spends)[shown] for spends in (plan.spend, plan.spend_low, plan.spend_high))
    names = [plan.spec.tasks.names[task] for task in shown]

    def drawn(width: float) -> str:
        x = value_axis(mine, low, high, *shares.values(), title="share of the budget", suffix=" %", zero=True)
        # letters are broader than digits, by which an axis keeps room: two blanks, which are not drawn, make up for it
        y = Axis(-0.6, len(shown) - 0.2, tuple(rows.tolist()), tuple(f"  {short(name, 20)}" for name in names))
        chart = Chart(width, 84 + 22 * len(shown), x, y)
        for at, row in enumerate(rows.tolist()):
            chart.span(float(low[at]), float(high[at]), row)
        for rival, style in zip(rivals, BASELINE_STYLES, strict=False):
            words = [
                f"{name}, {rival.name}: {percent(share / 100)}"
                for name, share in zip(names, shares[rival.name], strict=True)
            ]
            chart.dots(shares[rival.name], rows, style, 4.5, words)
        spends = zip(names, mine, plan.spend[shown], strict=True)
        words = [f"{name}: {percent(share / 100)}, {quantity(spent, plan.spec.unit)}" for name, share, spent in spends]
        chart.dots(mine, rows, "planned", 5.5, words)
        key = ["● the plan", *(f"○ {rival.name}" for rival in rivals)]
        chart.text(0, 12, " · ".join(key), "muted")
        largest = f"{names[0]} {percent(mine[0] / 100)}" if names else ""
        return chart.drawn(f"Shares of the budget, largest first: {largest}; the table below holds all.")

    return [Panel("", drawn(WIDE), drawn(NARROW))]


def sizes(study: Study) -> list[Panel]:
    """The only model's objective against its size at the plan's cost, how sure that is, and the rule of thumb."""
    plan, found = study.plan, study.sizes
    assert found is not None  # the story asks for this picture only then
    point = f"the plan: {count(plan.params[0])} parameters, {count(plan.tokens[0])} tokens: {value(plan.objective)}"
    near = np.abs(np.log(found.params / plan.params[0])) <= np.log(SIZES_SHOWN)
    params, objective, low, high = (each[near] for each in (found.params, found.objective, found.low, found.high))
    rule = rule_of_thumb(study)
    by_rule = next((each.objective for each in plan.baselines if each.name == RULE_OF_THUMB), float("nan"))
    told = told_apart(plan.objective, by_rule)
    best = study.plan.sizes
    ranges = (
        ("within 0.1 %", *best.params_near[0].tolist()),
        (f"{LEVEL} of the draws", float(best.params_low[0]), float(best.params_high[0])),
    )
    known = [each for each in ranges if np.isfinite(each[1:]).all() and each[1] > 0]
    if not best.params_near[0, 0] <= plan.params[0] <= best.params_near[0, 1]:
        known = known[1:] if known and known[0] == ranges[0] else known  # chosen by other curves than that range is of

    def drawn(width: float) -> str:
        x = decade_axis(params, _decade("params"), "parameters")
        shown = np.concatenate([low, high, objective, [by_rule]])
        # lines of room below the lowest point, for the ranges and what they are
        room = len(known) * RANGE_ROOM * (np.nanmax(shown) - np.nanmin(shown))
        y = value_axis(shown, np.array([np.nanmin(shown) - room]), title=short(plan.metric, 40))
        chart = Chart(width, 300, x, y)
        chart.beyond(float(study.planned.largest["params"].max()))
        chart.band(params, low, high)
        chart.line(params, objective)
        for row, (words, least, most) in enumerate(known):
            at = float(np.nanmin(shown) - (row + 0.7) * room / len(known))
            ends = float(np.clip(least, params[0], params[-1])), float(np.clip(most, params[0], params[-1]))
            chart.span(*ends, at)
            fits = chart.place_of(ends[0]) - chart.left > LETTER * len(words) + 6
            chart.label(ends[0] if fits else ends[1], at, words, "muted", anchor="end" if fits else "start", above=-4,
                        aside=-6 if fits else 6)  # fmt: skip

        def name(size: float, reached: float, words: str, style: str, *, right: bool) -> None:
            # words on the side that the line leaves free
            beside = float(np.interp(np.log(size * (BESIDE if right else 1 / BESIDE)), np.log(params), objective))
            above = 12 if beside <= reached else -20
            side = "start" if right else "end"
            chart.label(size, reached, words, style, above=above, aside=8 if right else -8, anchor=side)

        if rule is not None and params[0] < rule[0] < params[-1]:
            words = f"the rule: {count(rule[0])} parameters, {count(rule[1])} tokens: {value(by_rule)}"
            chart.dots(np.array([rule[0]]), np.array([by_rule]), "hollow", 5.5, [words])
            name(rule[0], by_rule, f"rule {told[1]}", "", right=rule[0] >= plan.params[0])
        chart.dots(plan.params[:1], np.array([plan.objective]), "planned", 6, [point])
        right = rule is None or rule[0] < plan.params[0]
        name(float(plan.params[0]), plan.objective, f"plan {told[0]}", "strong", right=right)
        said = "; ".join(f"{words}: {count_span(least, most)}" for words, least, most in known)
        return chart.drawn(f"Predicted value of one model against its size; {point}{f'; {said}' if said else ''}.")

    return [Panel("", drawn(HALF), drawn(NARROW))]


def breadth(study: Study) -> list[Panel]:
    """What tasks keep of their gain alone as more share the budget, or each task's value where that is not told."""
    if study.breadth_curve is not None:
        curve, shown = study.breadth_curve, shown_decision(study)
        assert study.growth is not None  # of whose tasks the curve is
        place = [shown.names.index(name) for name in study.growth.plans[-1].spec.tasks.names]
        mine = curve.of(shown.predicted[place])
        return [Panel("", *(breadth_curve_figure(curve, mine, width) for width in (WIDE, NARROW)))]
    found, growth = study.sharing, study.growth
    assert found is not None and growth is not None  # the story asks for this picture only then
    names = growth.names
    steps = found.sizes.astype(float)
    panels = []
    for task in facts.heaviest(growth.plans[-1], PANELS):
        shared = found.shared[:, task]
        joined = np.isfinite(shared)
        alone = np.full(len(steps), found.alone[task])
        chart = Chart(PANEL, 190, count_axis(len(names), "tasks that share the budget"), value_axis(shared, alone))
        chart.line(steps, alone, "dashed", f"alone: {value(found.alone[task])}")
        chart.line(steps[joined], shared[joined])
        told = np.unique(np.linspace(0, joined.sum() - 1, min(DOTS, int(joined.sum()))).round().astype(int))
        some = np.flatnonzero(joined)[told]
        words = [f"{int(step)} tasks share: {value(y)}" for step, y in zip(steps[some], shared[some], strict=True)]
        chart.dots(steps[some], shared[some], "point", 3, words)
        last = value(shared[joined][-1]) if joined.any() else "no value"
        title = f"{names[task]}: {value(found.alone[task])} alone, {last} when {len(names)} tasks share the budget"
        panels.append(Panel(names[task], chart.drawn(title)))
    return panels


def response(study: Study) -> list[Panel]:
    """The best objective against the budget, beside the split that gives every task the same."""
    return [Panel("", *(_response(study, width) for width in (HALF, NARROW)))]


def _response(study: Study, width: float) -> str:
    plan, tables = study.plan, study.tables
    spec, shown = plan.spec, shown_decision(study)
    if tables is None:
        x, rival = study.response.budget, np.full(len(study.response.budget), np.nan)
        y = study.response.objective
    else:
        x = shown.budget * np.geomspace(1 / WIDEST, WIDEST, BUDGETS)
        y = spec.sign * tables.objective(spec.weight, tables.reached(tables.models, tables.split(spec.weight, x)))
        rival = spec.sign * tables.equal(spec.weight, x) if len(shown.names) > 1 else np.full(len(x), np.nan)
    here, reached = shown.budget, shown.sign * shown.objective
    ticks = shown.budget * np.array([1 / WIDEST, 1.0, WIDEST] if tables is not None else [0.1, 1.0, 10.0])
    labels = tuple(amount(tick, spec.unit) for tick in ticks)
    ends = float(np.min(x)), float(np.max(x))
    along = Axis(
        *ends, tuple(ticks.tolist()), labels, is_log=True, title=f"budget, {UNIT_WORDS[spec.unit]} (log scale)"
    )
    low, high = objective_interval(study)
    # a line's room below the lowest point, for what is said of it
    drawn_values = np.concatenate([y, rival, [reached, low, high]])
    floor = float(np.nanmin(drawn_values) - BELOW * (np.nanmax(drawn_values) - np.nanmin(drawn_values)))
    up = value_axis(drawn_values, np.array([floor]), title=short(objective_name(plan), 40))
    chart = Chart(width, 300, along, up)
    every = tables.budget_for_targets(shown.target, shown.higher) if tables is not None else np.nan
    if ends[0] < every < ends[1]:
        chart.upright(every, "guide")
        chart.text(
            chart.right,
            chart.top + 10,
            f"{amount(every, spec.unit)}: an even chance of all targets",
            "muted",
            anchor="end",
        )
    if np.isfinite(rival).any():
        chart.line(x, rival, "second-line", "every task the same")
        equal = float(np.interp(np.log(here), np.log(x), rival))
        enough = saved_to(study) * here
        if ends[0] < enough < here:
            chart.upright(enough, "guide", equal)
            chart.line(np.array([enough, here]), np.array([equal, equal]))
            chart.dots(np.array([enough]), np.array([equal]), "point", 3, [f"{quantity(enough, spec.unit)} suffice"])
            saved = f"{percent(1 - enough / here)} saved"
            chart.label(enough, up.low, saved, "strong", anchor="end", above=24, aside=-6)
            chart.label(
                enough, up.low, f"{amount(enough, spec.unit)} suffice", "muted", anchor="end", above=8, aside=-6
            )
        chart.dots(np.array([here]), np.array([equal]), "hollow", 5.5, [f"an equal split: {value(equal)}"])
        chart.label(here, equal, f"an equal split {told_apart(equal, reached)[0]}", "muted", above=8, aside=8)
    chart.line(x, y, title="the best split")
    chart.upright_span(here, low, high)
    chart.parts.append('<circle class="asked hollow" r="6" cx="0" cy="0" visibility="hidden"/>')
    point = f"the plan: {quantity(here, spec.unit)}: {value(reached)}"
    chart.dots(np.array([here]), np.array([reached]), "planned", 6, [point])
    _name_points(chart, x, y, here, reached)
    interval = "" if low != low else f" ({LEVEL}: {span(value(low), value(high))})"
    drawn = chart.drawn(f"Best predicted value against the budget; {point}{interval}.")
    geometry = (chart.left, chart.right, chart.top, chart.bottom, *ends, up.low, up.high)
    return mark("response", ",".join(f"{each:.10g}" for each in geometry), drawn)


def _name_points(chart: Chart, x: np.ndarray, y: np.ndarray, here: float, reached: float) -> None:
    """What the plan, half and twice its budget reach, in words on the free side of the line."""
    ends = float(np.min(x)), float(np.max(x))
    halved, doubled = (
        float(np.interp(np.log(times * here), np.log(x), y)) if ends[0] <= times * here <= ends[1] else float("nan")
        for times in (0.5, 2.0)
    )
    rise = chart.height_of(halved) - chart.height_of(doubled) if np.isfinite(halved + doubled) else -np.inf
    flat, rises = abs(rise) < FLAT, rise > 0
    anchor, above = ("start", 14) if flat else ("end", 10 if rises else -16)
    chart.label(here, reached, f"plan {told_apart(reached)[0]}", "strong", anchor=anchor, above=above,
                aside=8 if flat else -8)  # fmt: skip
    for times, words, at in ((0.5, "half", halved), (2.0, "twice", doubled)):
        if np.isfinite(at):
            chart.dots(np.array([times * here]), np.array([at]), "point", 4, [f"{words} the budget: {value(at)}"])
            anchor, where, aside = "start" if flat and times > 1 else "end", times * here, -4.0
            above, told = 8 if rises and not flat else -20, f"{words} {value(at)}"
            left = chart.place_of(where) + aside - LETTER * len(told)
            if anchor == "end" and left < chart.place_of(here) < chart.place_of(where):
                anchor, where, aside = "start", here, 6.0  # beside the upright interval of the plan, not across it
            chart.label(where, at, told, anchor=anchor, above=above, aside=aside)


def trust(study: Study) -> list[Panel]:
    """The gain beside what the laws missed on hidden runs."""
    return [Panel("", *(trust_figure(study, width) for width in (HALF, NARROW)))]


def curves(study: Study) -> list[Panel]:
    """Measured runs and fitted curves of the models with the largest spend."""
    decided = decided_series(study)[:PANELS]
    if decided:
        names = study.plan.spec.tasks.names
        found = shown_decision(study)
        kinds = [f" (shared{how(each.shared)})" if each.shared else "" for each in decided]
        return [
            _curve_panel(
                f"{names[each.task]}{kind}",
                each.series,
                float(found.low[each.task]),
                float(found.high[each.task]),
                float(found.target[each.task]),
            )
            for each, kind in zip(decided, kinds, strict=True)
        ]
    shown = facts.heaviest(study.plan, PANELS)
    order = shown[np.argsort(-study.plan.spend[shown], kind="stable")].tolist()
    low, high, target = study.plan.low, study.plan.high, study.plan.spec.tasks.target
    if facts.is_of_one_task(study.plan):
        series, name = curve_series(study, 0), study.planned.tasks[0]
        only = (float(low[0]), float(high[0]), float(target[0]))
        sizes_of = ((WIDE, 240.0), (NARROW, 260.0), (BROAD, 320.0))
        large = [_curve_panel(name, series, *only, size).wide for size in sizes_of]
        return [Panel("", *large)]
    return [
        _curve_panel(
            study.planned.tasks[task], curve_series(study, task), float(low[task]), float(high[task]),
            float(target[task]),
        )
        for task in order
    ]  # fmt: skip


def _curve_panel(
    name: str, found: Series, low: float, high: float, target: float, size: tuple[float, float] = (PANEL, 220.0)
) -> Panel:
    dots = [
        f"measured, {quantity(x, found.scale)}: {value(y)}"
        for x, y in zip(found.measured_x, found.measured, strict=True)
    ]
    # a task that is given nothing has no point
    planned_x, planned = (np.array([each])[np.isfinite([each])] for each in (found.planned_x, found.planned))
    x = decade_axis(np.append(found.x, planned_x), _decade(found.scale), UNIT_WORDS[found.scale])
    chart = Chart(*size, x, value_axis(found.predicted, found.measured, planned, np.array([target])))
    chart.beyond(float(found.measured_x.max()))
    chart.band(found.x, found.low, found.high)
    if np.isfinite(target):
        chart.line(np.array([x.low, x.high]), np.array([target, target]), "dashed", f"target {value(target)}")
    chart.line(found.x, found.predicted)
    chart.dots(found.measured_x, found.measured, "run", 2.5, dots)
    if not len(planned):
        return Panel(name, chart.drawn(f"{name}: {len(dots)} runs; given nothing"))
    point = f"planned {quantity(found.planned_x, found.scale)}, predicted {value(found.planned)}"
    chart.dots(planned_x, planned, "planned", 6, [point])
    if size[0] > PANEL:
        falls = found.predicted[-1] < found.predicted[0]
        chart.label(found.planned_x, found.planned, f"plan {value(found.planned)}", "strong", anchor="end",
                    above=20 if falls else -28)  # fmt: skip
    times = found.planned_x / float(found.measured_x.max())
    interval = "" if low != low else f" ({LEVEL}: {span(value(low), value(high))})"
    aim = f"; target {value(target)}" if np.isfinite(target) else ""
    title = f"{name}: {len(dots)} runs; {point}{interval}, {times:.3g} times the largest run{aim}"
    return Panel(name, chart.drawn(title))


def focus(study: Study) -> list[Panel]:
    """The advantage of specialists over the best shared model against the budget, for each set."""
    found = study.focus
    assert found is not None  # the story asks for this picture only then
    panels = []
    for each in found.trends[:PANELS]:
        y, low, high = 100 * each.advantage, 100 * each.low, 100 * each.high
        words = [
            f"{quantity(x, found.unit)}: {at:+.1f} % against {name}"
            for x, at, name in zip(each.budgets, y, each.shared, strict=True)
        ]
        ends = (low, high) if np.isfinite(low).all() else ()
        x = decade_axis(each.budgets, _decade(found.unit), f"budget, {UNIT_WORDS[found.unit]}")
        chart = Chart(PANEL, 200, x, value_axis(y, *ends, suffix=" %", zero=True))
        chart.band(each.budgets, low, high)
        chart.line(each.budgets, np.zeros(len(y)), "axis")
        chart.line(each.budgets, y, "dashed")
        inside = np.where(each.extrapolated, np.nan, y)
        chart.line(each.budgets, inside)
        chart.dots(each.budgets, y, "point", 2.5, words)
        title = (
            f"{set_name(each.tasks)}: from {y[0]:+.1f} % at {quantity(each.budgets[0], found.unit)} to {y[-1]:+.1f} %"
        )
        panels.append(Panel(set_name(each.tasks), chart.drawn(title)))
    return panels


def flow(study: Study) -> list[Panel]:
    """Where the budget goes: to which models, and these to which tasks."""
    found = shown_decision(study)
    return [Panel("", *(decision_figures.flow(found, width) for width in (WIDE, NARROW, BROAD)))]


def moves(study: Study) -> list[Panel]:
    """What moves against equal parts."""
    found = shown_decision(study)
    return [Panel("", *(decision_figures.moves(found, width) for width in (HALF, NARROW)))]


def groups(study: Study) -> list[Panel]:
    """Where the budget of many tasks goes, by group."""
    found, stated = shown_decision(study), study.plan.spec.tasks.group
    return [Panel("", *(many_figures.groups_flow(found, stated, width) for width in (WIDE, NARROW, BROAD)))]


def spread(study: Study) -> list[Panel]:
    """How the shares of many tasks spread."""
    found = shown_decision(study)
    return [Panel("", *(many_figures.shares_spread(found, width) for width in (HALF, NARROW)))]


def aims(study: Study) -> list[Panel]:
    """How far many tasks end from their targets."""
    found = shown_decision(study)
    return [Panel("", *(many_figures.targets_spread(found, width) for width in (HALF, NARROW)))]


def gain(study: Study) -> list[Panel]:
    """Where the gain over an equal split comes from."""
    found = shown_decision(study)
    return [Panel("", *(decision_figures.waterfall(found, width) for width in (HALF, NARROW)))]


def pairs(study: Study) -> list[Panel]:
    """Which tasks help each other in one model."""
    names = study.plan.spec.tasks.names
    return [Panel("", *(pair_figure(study.pairs, names, width) for width in (WIDE, NARROW)))]


def selection(study: Study) -> list[Panel]:
    """No free lunch, which breadth survives, and what stricter thresholds do: as many as the study knows."""
    panels, spec = [], study.plan.spec
    if study.breadth is not None:
        panels.append(
            Panel("What knowledge is worth", free_lunch_figure(study.breadth, PANEL, study.plan.metric, spec.sign))
        )
        panels.append(Panel("Which breadth survives", selection_figure(study.breadth, PANEL, spec.unit)))
    cases = () if study.focus is None else told_cases(study.focus)
    if cases:
        panels.append(Panel("Stricter thresholds", thresholds_figure(cases, PANEL)))
    return panels


def winners(study: Study) -> list[Panel]:
    """Who wins on each measured set at each budget."""
    assert study.focus is not None  # the story asks for this picture only then
    wide, narrow, broad = (focus_map(study.focus, width) for width in (WIDE, NARROW, BROAD))
    return [Panel("", wide, narrow, broad)]


FIGURES: dict[str, Callable[[Study], list[Panel]]] = {
    "flow": flow,
    "moves": moves,
    "groups": groups,
    "spread": spread,
    "aims": aims,
    "gain": gain,
    "spend": spend,
    "sizes": sizes,
    "breadth": breadth,
    "winners": winners,
    "pairs": pairs,
    "selection": selection,
    "focus": focus,
    "response": response,
    "trust": trust,
    "curves": curves,
}
"""Name of a ``Picture`` → what draws it."""


def _decade(scale: str) -> Callable[[float], str]:
    """How an axis of a scale is labelled."""

    def write(number: float) -> str:
        if scale in ("params", "tokens") or 1e-3 <= number < 1e4:
            return f"{number:.3g}" if number < 1e3 else count(number).replace(".00", "").replace(".0 ", " ")
        mantissa, _, exponent = f"{number:.1e}".partition("e")
        return f"{'' if float(mantissa) == 1 else mantissa}{'1' if float(mantissa) == 1 else ''}e{int(exponent)}"

    return write
