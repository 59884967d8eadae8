"""The report's charts as plotly figures in plain dictionaries, which the page draws with its own copy of plotly.js.

Built without plotly's Python classes, whose validation takes longer than the whole report; the tests validate instead.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from plotly.offline import get_plotlyjs

from budget.report.page.curve_series import curve_series
from budget.report.page.story import PANELS, ROWS
from budget.report.sentences import facts
from budget.report.sentences.focus_cases import set_name
from budget.report.sentences.plan_sentences import by_hand
from budget.report.written_numbers import UNIT_WORDS, amount, count, percent, quantity, value
from budget.studies.make_plan import Study

INK, MUTED, LINE, PLAN, BAND, ACCENT, PAPER = (
    "#1a2433", "#5a6675", "#dfe4ea", "#0b5fa5", "rgba(11,95,165,0.14)", "#c2410c", "#ffffff",
)  # fmt: skip
"""Blue for the plan and its curves, vermilion for the planned point, greys for the rest: told apart by any eye."""

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
NAME_LENGTH = 40
"""Letters of a task's name in a chart; the tables hold it whole."""

BASELINE_MARKS = (
    ("line-ns-open", INK, 14),
    ("diamond-open", MUTED, 9),
    ("square-open", MUTED, 8),
    ("triangle-up-open", MUTED, 8),
)
"""Symbol, colour and size of each baseline's marks."""

Figure = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """One chart and the name above it, empty where the figure's caption says enough."""

    title: str
    figure: Figure


def plotly_source() -> str:
    """The plotly.js that the page carries."""
    return get_plotlyjs()


def spend(study: Study) -> list[Panel]:
    """The plan's spends beside the baselines', one line a task."""
    plan = study.plan
    shown = facts.heaviest(plan, ROWS)
    shown = shown[np.argsort(-plan.spend[shown], kind="stable")]
    rows = np.arange(len(shown), dtype=float)[::-1]

    def marks(spends: np.ndarray, name: str, symbol: str, colour: str, size: float) -> Figure:
        return _marks(
            _percent_of_budget(study, spends)[shown], rows, name, symbol, colour, size, _spends(study, spends, shown)
        )

    traces = [
        marks(baseline.spend, baseline.name, *mark)
        for baseline, mark in zip(by_hand(plan), BASELINE_MARKS, strict=False)
    ]
    bars = {
        "type": "data",
        "symmetric": False,
        "array": _numbers(_percent_of_budget(study, plan.spend_high - plan.spend)[shown]),
        "arrayminus": _numbers(_percent_of_budget(study, plan.spend - plan.spend_low)[shown]),
        "thickness": 2,
        "width": 0,
        "color": PLAN,
    }
    traces.append(marks(plan.spend, "plan", "circle", PLAN, 11) | {"error_x": bars})
    layout = _layout(height=100 + 44 * len(shown), left=16)
    layout["xaxis"] |= {"title": _title("share of the budget"), "rangemode": "tozero", "ticksuffix": " %", "nticks": 6}
    layout["yaxis"] |= {"tickmode": "array", "tickvals": rows.tolist(), "showticklabels": False,
                        "range": [-0.6, len(shown) - 0.2]}  # fmt: skip
    layout["annotations"] = [
        {"x": 0, "xref": "paper", "y": row, "yshift": 15, "text": short(plan.spec.tasks.names[task]),
         "showarrow": False, "xanchor": "left", "font": {"size": 12, "color": INK}}
        for task, row in zip(shown, rows.tolist(), strict=True)
    ]  # fmt: skip
    layout |= {"showlegend": True, "legend": _legend()}
    return [Panel("", {"data": traces, "layout": layout})]


def sizes(study: Study) -> list[Panel]:
    """One shared model's objective against its size at the plan's cost."""
    plan, found = study.plan, study.sizes
    assert found is not None  # the story asks for this picture only then
    hover = [
        f"{count(n)} parameters, {count(d)} tokens: {value(y)}"
        for n, d, y in zip(found.params, found.tokens, found.objective, strict=True)
    ]
    point = f"the plan: {count(plan.params[0])} parameters, {count(plan.tokens[0])} tokens: {value(plan.objective)}"
    traces = [
        *_band(found.params, found.low, found.high),
        _line(found.params, found.objective, hover),
        _diamond(plan.params[0], plan.objective, point),
    ]
    layout = _layout(height=320)
    layout["xaxis"] |= {"title": _title("parameters"), **_decade_ticks(found.params, "params")}
    layout["yaxis"] |= {"title": _title(short(plan.metric)), **_value_ticks(found.low, found.high, found.objective)}
    return [Panel("", {"data": traces, "layout": layout})]


def breadth(study: Study) -> list[Panel]:
    """Each task's value as tasks are added, beside its value alone."""
    found, names = study.sharing, study.growth.names
    steps = np.arange(1, len(names) + 1)
    panels = []
    for task in facts.heaviest(study.growth.plans[-1], PANELS):
        shared = found.shared[:, task]
        joined = np.isfinite(shared)
        hover = [f"{step} tasks share: {value(y)}" for step, y in zip(steps[joined], shared[joined], strict=True)]
        alone = np.full(len(steps), found.alone[task])
        traces = [
            _line(steps, alone, [f"alone: {value(found.alone[task])}"] * len(steps))
            | {"line": {"color": MUTED, "width": 1.5, "dash": "dash"}},
            _line(steps[joined], shared[joined], hover) | {"mode": "lines+markers", "marker": {"size": 6}},
        ]
        layout = _layout(height=190)
        layout["xaxis"] |= {"title": _title("tasks sharing the budget"), "range": [0.7, len(steps) + 0.3],
                            "tickmode": "array", "tickvals": steps[:: -(-len(steps) // 8)].tolist()}  # fmt: skip
        layout["yaxis"] |= _value_ticks(shared, alone)
        panels.append(Panel(names[task], {"data": traces, "layout": layout}))
    return panels


def response(study: Study) -> list[Panel]:
    """The best objective against the budget."""
    plan, answer = study.plan, study.response
    unit = plan.spec.unit
    known = np.isfinite(answer.objective)
    x, y = answer.budget[known], answer.objective[known]
    hover = [f"{quantity(budget, unit)}: {value(objective)}" for budget, objective in zip(x, y, strict=True)]
    budget = plan.spec.budget
    traces = [
        _line(x, y, hover) | {"mode": "lines+markers", "marker": {"size": 7}},
        _diamond(budget, plan.objective, f"the plan: {quantity(budget, unit)}: {value(plan.objective)}"),
    ]
    layout = _layout(height=320)
    layout["xaxis"] |= {"title": _title(f"budget, {UNIT_WORDS[unit]}"), "type": "log", "tickmode": "array",
                        "tickvals": _numbers(x[::3]), "ticktext": [amount(tick, unit) for tick in x[::3]]}  # fmt: skip
    layout["yaxis"] |= {"title": _title(short(plan.metric)), **_value_ticks(y)}
    return [Panel("", {"data": traces, "layout": layout})]


def curves(study: Study) -> list[Panel]:
    """Measured runs and fitted curves of the tasks with the largest spend."""
    panels = []
    for task in facts.heaviest(study.plan, PANELS):
        name, found = study.planned.tasks[task], curve_series(study, task)
        hover = [f"{quantity(x, found.scale)}: {value(y)}" for x, y in zip(found.x, found.predicted, strict=True)]
        dots = [
            f"measured, {quantity(x, found.scale)}: {value(y)}"
            for x, y in zip(found.measured_x, found.measured, strict=True)
        ]
        point = f"the plan, {quantity(found.planned_x, found.scale)}: {value(found.planned)}"
        traces = [
            *_band(found.x, found.low, found.high),
            _line(found.x, found.predicted, hover),
            _marks(found.measured_x, found.measured, "measured", "circle", MUTED, 5, dots) | {"opacity": 0.75},
            _diamond(found.planned_x, found.planned, point),
        ]
        layout = _layout(height=220)
        layout["xaxis"] |= {"title": _title(UNIT_WORDS[found.scale]), **_decade_ticks(found.x, found.scale)}
        layout["yaxis"] |= _value_ticks(found.predicted, found.measured, np.array([found.planned]))
        panels.append(Panel(name, {"data": traces, "layout": layout}))
    return panels


def focus(study: Study) -> list[Panel]:
    """The advantage of specialists over the best shared model against the budget, for each set."""
    found = study.focus
    assert found is not None  # the story asks for this picture only then
    panels = []
    for each in found.trends[:PANELS]:
        y, low, high = 100 * each.advantage, 100 * each.low, 100 * each.high
        hover = [
            f"{quantity(x, found.unit)}: {at:+.1f} % against {name}"
            for x, at, name in zip(each.budgets, y, each.shared, strict=True)
        ]
        zero = np.zeros(len(y))
        traces = [
            *_band(each.budgets, low, high),
            _line(each.budgets, zero, [""] * len(y)) | {"line": {"color": MUTED, "width": 1}, "hoverinfo": "skip"},
            _line(each.budgets, y, hover) | {"line": {"color": PLAN, "width": 2, "dash": "dot"}},
        ]
        inside = ~each.extrapolated
        if inside.any():
            traces.append(
                _line(each.budgets[inside], y[inside], [text for text, keep in zip(hover, inside, strict=True) if keep])
            )
        layout = _layout(height=200)
        layout["xaxis"] |= {"title": _title(f"budget, {UNIT_WORDS[found.unit]}"),
                            **_decade_ticks(each.budgets, found.unit)}  # fmt: skip
        layout["yaxis"] |= {"ticksuffix": " %"}
        panels.append(Panel(set_name(each.tasks), {"data": traces, "layout": layout}))
    return panels


FIGURES: dict[str, Callable[[Study], list[Panel]]] = {
    "spend": spend,
    "sizes": sizes,
    "breadth": breadth,
    "focus": focus,
    "response": response,
    "curves": curves,
}
"""Name of a ``Picture`` → what draws it."""


def short(name: str) -> str:
    """A name for a chart: plotly reads markup in its texts, so it is escaped; a long one loses its middle."""
    if len(name) > NAME_LENGTH:
        name = f"{name[: NAME_LENGTH // 2]}…{name[-(NAME_LENGTH // 2 - 1) :]}"
    return escape(name, quote=False)


def _numbers(values: Iterable[float]) -> list[float | None]:
    """Numbers as JSON with the digits a chart can show."""
    return [float(f"{number:.6g}") if np.isfinite(number) else None for number in values]


def _line(x: np.ndarray, y: np.ndarray, hover: list[str]) -> Figure:
    return _trace(x, y, hover) | {"mode": "lines", "line": {"color": PLAN, "width": 2}}


def _marks(x: np.ndarray, y: np.ndarray, name: str, symbol: str, colour: str, size: float, hover: list[str]) -> Figure:
    marker = {"symbol": symbol, "color": colour, "size": size, "line": {"color": colour, "width": 2}}
    return _trace(x, y, hover) | {"mode": "markers", "name": name, "marker": marker}


def _diamond(x: float, y: float, hover: str) -> Figure:
    marker = {"symbol": "diamond", "color": ACCENT, "size": 12, "line": {"color": PAPER, "width": 1.5}}
    return _trace([x], [y], [hover]) | {"mode": "markers", "name": "plan", "marker": marker}


def _band(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> list[Figure]:
    """Two invisible lines with the area between them filled; nothing where there are no draws."""
    if not np.isfinite(low).all():
        return []
    edge = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip", "cliponaxis": True}
    return [
        _trace(x, low, []) | edge,
        _trace(x, high, []) | edge | {"fill": "tonexty", "fillcolor": BAND},
    ]


def _trace(x: Iterable[float], y: Iterable[float], hover: list[str]) -> Figure:
    return {
        "type": "scatter",
        "x": _numbers(x),
        "y": _numbers(y),
        "hovertext": [escape(text, quote=False) for text in hover],
        "hoverinfo": "text",
        "cliponaxis": False,
    }


def _percent_of_budget(study: Study, spends: np.ndarray) -> np.ndarray:
    return 100 * study.plan.shares(spends)


def _spends(study: Study, spends: np.ndarray, shown: np.ndarray) -> list[str]:
    spec, shares = study.plan.spec, study.plan.shares(spends)
    return [f"{spec.tasks.names[task]}: {percent(shares[task])}, {quantity(spends[task], spec.unit)}" for task in shown]


def _layout(height: int, left: int = 52) -> Figure:
    """No frame, faint lines for values only, and a page that scrolls where a finger rests on a chart."""
    axis = {"fixedrange": True, "zeroline": False, "automargin": True, "tickfont": {"size": 11, "color": MUTED}}
    return {
        "height": height,
        "margin": {"l": left, "r": 16, "t": 14, "b": 44},
        "font": {"family": FONT, "size": 12, "color": INK},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": False,
        "dragmode": False,
        "hovermode": "closest",
        "hoverlabel": {"bgcolor": INK, "font": {"color": PAPER, "family": FONT, "size": 12}},
        "xaxis": axis | {"showgrid": False, "showline": True, "linecolor": MUTED, "ticks": "outside",
                         "ticklen": 4, "tickcolor": MUTED},
        "yaxis": axis | {"gridcolor": LINE},
    }  # fmt: skip


def _title(text: str) -> Figure:
    return {"text": text, "font": {"size": 12, "color": MUTED}, "standoff": 8}


def _legend() -> Figure:
    return {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "traceorder": "reversed",
            "itemclick": False, "itemdoubleclick": False}  # fmt: skip


def _decade_ticks(x: np.ndarray, scale: str) -> Figure:
    """A logarithmic axis with at most four ticks, at whole decades."""
    first, last = int(np.ceil(np.log10(x.min()))), int(np.floor(np.log10(x.max())))
    step = max(1, -(-(last - first) // 3))
    decades = [10.0**power for power in range(first, last + 1, step)]
    words = [_tick(decade, scale) for decade in decades]
    return {"type": "log", "tickmode": "array", "tickvals": decades, "ticktext": words}


def _value_ticks(*series: np.ndarray) -> Figure:
    """An axis of some four round values with equal decimals, holding every series."""
    everything = np.concatenate(series)
    low, high = np.nanmin(everything), np.nanmax(everything)
    width = high - low
    if width <= 1e-9 * abs(high):  # the same value everywhere: an axis around it
        width = abs(high) or 1.0
        low, high = low - width / 2, high + width / 2
    power = 10.0 ** np.floor(np.log10(width / 4))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= width / 4)
    ticks = step * np.arange(np.ceil(low / step - 0.3), np.floor(high / step + 0.3) + 1)
    decimals = max(0, int(-np.floor(np.log10(step) + 1e-9)))
    return {
        "tickmode": "array",
        "tickvals": _numbers(ticks),
        "ticktext": [f"{tick:,.{decimals}f}" for tick in ticks + 0.0],
        "range": _numbers([min(low, ticks.min()) - 0.06 * width, max(high, ticks.max()) + 0.06 * width]),
    }


def _tick(decade: float, scale: str) -> str:
    if scale in ("params", "tokens") or 1e-3 <= decade < 1e4:
        return f"{decade:g}" if decade < 1e3 else count(decade).replace(".00", "").replace(".0", "")
    return f"1e{round(np.log10(decade))}"
