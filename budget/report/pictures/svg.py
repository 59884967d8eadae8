"""Charts as SVG: two axes, and the few marks that the report's pictures are made of. Colours are the page's classes.

A chart is drawn once, in the size at which it stands on the page, and never scaled, so that its text stays readable.
Every mark that stands for a number carries it as a title, which a browser shows where the pointer rests.

See docs/decisions/101-pictures-are-drawn-at-build-time.md.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

LETTER = 6.7
"""Width of a digit of the pictures' text, in the widest of the fonts that the page may get."""

TOP, RIGHT, BOTTOM = 12.0, 16.0, 42.0
"""Room about the marks; what stands on the left is as wide as the labels."""

TICKS = 4
"""Labels of an axis, about."""

Write = Callable[[float], str]
"""How a number is written."""


@dataclass(frozen=True)
class Axis:
    """A scale with its labels.

    Attributes:
        low: its lower end.
        high: its upper end.
        ticks: where labels stand.
        labels: what they say.
        is_log: whether lengths stand for ratios.
        title: what is measured, with its unit.
    """

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    is_log: bool = False
    title: str = ""

    def part(self, values: np.ndarray) -> np.ndarray:
        """Where values lie between the ends: 0 at the lower, 1 at the upper."""
        if self.is_log:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.asarray(np.log(values / self.low) / np.log(self.high / self.low))
        return np.asarray((values - self.low) / (self.high - self.low))


def value_axis(*series: np.ndarray, title: str = "", suffix: str = "", zero: bool = False) -> Axis:
    """An axis of some round values with equal decimals that holds every finite number of the series.

    Args:
        series: what it must hold.
        title: what is measured.
        suffix: behind every label, such as `` %``.
        zero: whether it must hold 0, as bars need.
    """
    everything = np.concatenate([np.ravel(each) for each in series])
    everything = everything[np.isfinite(everything)]
    low, high = (float(everything.min()), float(everything.max())) if len(everything) else (0.0, 1.0)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    width = high - low
    if width <= 1e-9 * max(abs(high), abs(low)):  # the same value everywhere: an axis around it
        width = abs(high) or 1.0
        low, high = low - width / 2, high + width / 2
    power = 10.0 ** np.floor(np.log10(width / TICKS))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= width / TICKS * (1 - 1e-9))
    ticks = step * np.arange(np.ceil(low / step - 0.3), np.floor(high / step + 0.3) + 1)
    decimals = max(0, int(-np.floor(np.log10(step) + 1e-9)))
    labels = tuple(f"{tick:,.{decimals}f}{suffix}".replace("-", "−") for tick in (ticks + 0.0).tolist())
    aside = 0.06 * width
    least = min(low, float(ticks.min(initial=low)))
    most = max(high, float(ticks.max(initial=high)))
    return Axis(least - (0.0 if zero and low >= 0 else aside), most + aside, tuple(ticks.tolist()), labels, title=title)


def decade_axis(x: np.ndarray, write: Write, title: str = "") -> Axis:
    """A logarithmic axis with at most four labels, at whole decades; at its ends where it holds fewer than two."""
    low, high = float(x.min()), float(x.max())
    if high <= low * (1 + 1e-9):
        low, high = low / 2, high * 2
    first, last = int(np.ceil(np.log10(low) - 1e-9)), int(np.floor(np.log10(high) + 1e-9))
    step = max(1, -(-(last - first) // 3))
    ticks = [10.0**power for power in range(first, last + 1, step)]
    if len(ticks) < 2:
        ticks = [low, high]
    return Axis(low, high, tuple(ticks), tuple(write(tick) for tick in ticks), is_log=True, title=title)


def count_axis(last: int, title: str = "") -> Axis:
    """1, 2, … up to a number, at most eight of them labelled."""
    ticks = list(range(1, last + 1, -(-last // 8)))
    return Axis(
        0.7, last + 0.3, tuple(float(tick) for tick in ticks), tuple(f"{tick:,}" for tick in ticks), title=title
    )


class Chart:
    """Marks on two axes, in the order in which they are added."""

    def __init__(self, width: float, height: float, x: Axis, y: Axis, *, grid: bool = True) -> None:
        """An empty chart.

        Args:
            width: in pixels of the page.
            height: likewise.
            x: the horizontal axis.
            y: the vertical axis; with ``grid`` off it has neither lines nor labels.
            grid: whether values are read off the vertical axis.
        """
        self.width, self.height, self.x, self.y = width, height, x, y
        longest = max((len(label) for label in y.labels), default=0) if grid else 0
        self.left = 8.0 + LETTER * longest
        self.top = TOP + (18.0 if y.title else 0.0)
        self.bottom = height - BOTTOM + (0.0 if x.title else 16.0)
        self.right = width - RIGHT
        self.parts: list[str] = []
        if grid:
            for at, label in zip(y.ticks, y.labels, strict=True):
                down = self._down(np.array([at]))[0]
                self.parts.append(stroke(self.left, down, self.right, down, "grid"))
                self.text(self.left - 6, down + 4, label, "muted", anchor="end")
        if y.title:
            self.text(0, 12, y.title, "muted")
        self.parts.append(stroke(self.left, self.bottom, self.right, self.bottom, "axis"))
        for at, label in zip(x.ticks, x.labels, strict=True):
            along = self._along(np.array([at]))[0]
            self.parts.append(stroke(along, self.bottom, along, self.bottom + 4, "axis"))
            room = LETTER * len(label) / 2
            anchor = "start" if along - room < 0 else "end" if along + room > width else "middle"
            self.text(along, self.bottom + 17, label, "muted", anchor=anchor)
        if x.title:
            self.text(self.right, self.bottom + 34, x.title, "muted", anchor="end")

    def line(self, x: np.ndarray, y: np.ndarray, style: str = "curve", title: str = "") -> None:
        """A line through the finite ones of G points, interrupted where one is not."""
        along, down = self._along(x), self._down(y)
        there = np.isfinite(along) & np.isfinite(down)
        path, draws = [], False
        for right, low, known in zip(along, down, there, strict=True):
            if known:
                path.append(f"{'L' if draws else 'M'}{_px(right)} {_px(low)}")
            draws = bool(known)
        if path:
            self.parts.append(f'<path class="{style}" d="{"".join(path)}">{_title(title)}</path>')

    def band(self, x: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """The area between two lines; nothing where there are no draws."""
        if not (np.isfinite(low).all() and np.isfinite(high).all() and len(x)):
            return
        along = np.concatenate([self._along(x), self._along(x)[::-1]])
        down = np.concatenate([self._down(low), self._down(high)[::-1]])
        self.parts.append(f'<path class="band" d="{_path(along, down)}Z"/>')

    def dots(self, x: np.ndarray, y: np.ndarray, style: str, size: float, titles: Sequence[str]) -> None:
        """A circle at each of R points."""
        for right, low, title in zip(self._along(x), self._down(y), titles, strict=True):
            if np.isfinite(right) and np.isfinite(low):
                circle = f'<circle class="{style}" cx="{_px(right)}" cy="{_px(low)}" r="{_px(size)}">'
                self.parts.append(f"{circle}{_title(title)}</circle>")

    def span(self, low: float, high: float, y: float, style: str = "range") -> None:
        """A horizontal range."""
        if np.isfinite(low) and np.isfinite(high):
            left, right = self._along(np.array([low, high]))
            down = self._down(np.array([y]))[0]
            self.parts.append(stroke(left, down, right, down, style))

    def upright(self, x: float, style: str, top: float | None = None) -> None:
        """A vertical line from the horizontal axis up to a value, all the way without one."""
        along = self._along(np.array([x]))[0]
        self.parts.append(stroke(along, self.bottom, along, self.top if top is None else self.height_of(top), style))

    def upright_span(self, x: float, low: float, high: float, style: str = "range") -> None:
        """A vertical range."""
        if np.isfinite(low) and np.isfinite(high):
            along = self._along(np.array([x]))[0]
            self.parts.append(stroke(along, self.height_of(low), along, self.height_of(high), style))

    def place_of(self, x: float) -> float:
        """Where a scale stands, in pixels from the left."""
        return float(self._along(np.array([x]))[0])

    def height_of(self, y: float) -> float:
        """Where a value stands, in pixels from the top."""
        return float(self._down(np.array([y]))[0])

    def beyond(self, x: float) -> None:
        """The tinted region of what lies above a scale: beyond what was measured."""
        left = float(np.clip(self._along(np.array([x]))[0], self.left, self.right))
        if left < self.right - 1:
            box = f'x="{_px(left)}" y="{_px(self.top)}" width="{_px(self.right - left)}" '
            self.parts.append(f'<rect class="beyond" {box}height="{_px(self.bottom - self.top)}"/>')

    def label(
        self,
        x: float,
        y: float,
        words: str,
        style: str = "",
        *,
        anchor: str = "start",
        above: float = 0,
        aside: float = 0,
    ) -> None:
        """Words at a point of the axes, so many pixels above it and to its right."""
        along, down = self._along(np.array([x]))[0], self._down(np.array([y]))[0]
        self.text(along + aside, down - above, words, style, anchor=anchor)

    def text(self, x: float, y: float, words: str, style: str = "", *, anchor: str = "start") -> None:
        """Words at a place of the picture."""
        self.parts.append(text(x, y, words, style, anchor=anchor))

    def drawn(self, title: str) -> str:
        """The picture.

        Args:
            title: its own numbers, for a reader who cannot see it.
        """
        return picture(self.width, self.height, self.parts, title)

    def _along(self, values: np.ndarray) -> np.ndarray:
        return self.left + (self.right - self.left) * self.x.part(np.asarray(values, dtype=float))

    def _down(self, values: np.ndarray) -> np.ndarray:
        part = self.y.part(np.asarray(values, dtype=float))
        return np.clip(self.bottom - (self.bottom - self.top) * part, self.top - 4, self.bottom + 4)


def picture(width: float, height: float, parts: Iterable[str], title: str) -> str:
    """An SVG element of its parts, with a title for a reader who cannot see it."""
    size = f'width="{_px(width)}" height="{_px(height)}" viewBox="0 0 {_px(width)} {_px(height)}"'
    return f'<svg class="picture" role="img" {size} aria-label="{escape(title)}">{"".join(parts)}</svg>'


def text(x: float, y: float, words: str, style: str = "", *, anchor: str = "start", marked: bool = False) -> str:
    """Words at a place, ``marked`` up already or not; names may be in any script: each keeps its own direction."""
    place = f'x="{_px(x)}" y="{_px(y)}" text-anchor="{anchor}"'
    of = f' class="{style}"' if style else ""
    return f"<text {place}{of}>{words if marked else escape(words)}</text>"


def stroke(left: float, top: float, right: float, bottom: float, style: str) -> str:
    """A straight line from one place to another."""
    ends = f'x1="{_px(left)}" y1="{_px(top)}" x2="{_px(right)}" y2="{_px(bottom)}"'
    return f'<line class="{style}" {ends}/>'


def box(x: float, y: float, width: float, height: float, style: str, title: str = "") -> str:
    """A rectangle."""
    place = f'x="{_px(x)}" y="{_px(y)}" width="{_px(max(width, 0.0))}" height="{_px(max(height, 0.0))}"'
    return f'<rect class="{style}" {place}>{_title(title)}</rect>'


def ribbon(
    x: tuple[float, float], start: tuple[float, float], end: tuple[float, float], style: str, title: str = ""
) -> str:
    """A band that flows from one column to another: from its upper and lower ends at the left to those at the right."""
    left, right = x
    middle = _px((left + right) / 2)
    top = f"M{_px(left)} {_px(start[0])}C{middle} {_px(start[0])} {middle} {_px(end[0])} {_px(right)} {_px(end[0])}"
    low = f"L{_px(right)} {_px(end[1])}C{middle} {_px(end[1])} {middle} {_px(start[1])} {_px(left)} {_px(start[1])}Z"
    return f'<path class="{style}" d="{top}{low}">{_title(title)}</path>'


def short(name: str, most: int = 22) -> str:
    """A name for a picture: a long one loses its middle."""
    return name if len(name) <= most else f"{name[: most // 2]}…{name[-((most - 1) // 2) :]}"


def _path(along: np.ndarray, down: np.ndarray) -> str:
    return "M" + "L".join(f"{_px(right)} {_px(low)}" for right, low in zip(along, down, strict=True))


def _title(words: str) -> str:
    return f"<title>{escape(words)}</title>" if words else ""


def _px(number: float) -> str:
    """Tenths of a pixel, without noughts that say nothing."""
    return f"{round(float(number), 1) + 0.0:g}"
