"""Curves over depth in the style of the diagrams: a scene, drawn by the same engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archcheck.diagram import graphviz_engine, svg
from archcheck.diagram.dot import to_dot
from archcheck.diagram.labels import Line, TextRun, plain, width_of
from archcheck.diagram.scene import Curve, Patch, Point, Scene, Shape
from archcheck.diagram.theme import THEMES, Theme
from archcheck.errors import DrawError
from archcheck.files import write_bytes

PLOT_SUFFIXES = (".svg", ".png", ".pdf")
_WIDTH, _HEIGHT = 300.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 128.0, 34.0, 42.0
# Told apart in print by dash and marker as well.
COLORS = ("#1f5fae", "#b3541e", "#2e7d32", "#7b4ba3")


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: values over depth. `line` is solid or dashed; `color` counts through COLORS."""

    label: str
    points: tuple[Point, ...]
    color: int = 0
    line: str = "solid"


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves on common axes; `log` for a logarithmic vertical axis (values of 0 or less are left out)."""

    title: str
    across: str
    series: tuple[Series, ...]
    log: bool = False


def write_plot(charts: Sequence[Sequence[Chart]], title: str, path: Path, theme: str, dpi: int) -> None:
    """Draw rows of charts to an .svg, .png or .pdf file, whole or not at all. Raises DrawError, OSError."""
    suffix = path.suffix.lower()
    if suffix not in PLOT_SUFFIXES:
        known = ", ".join(PLOT_SUFFIXES)
        raise DrawError.of(
            "DIA002", f"Can't plot to a file ending in {suffix[:20]!r}.", f"Choose one of {known}."
        )
    scene = plot(charts, title, "Curves over depth.", theme)
    dot = to_dot(scene)
    if suffix == ".svg":
        picture = svg.finished(
            graphviz_engine.run(dot, "svg"),
            title=scene.title,
            description=scene.description,
            fonts=scene.fonts,
            hovers={},
        )
    else:
        dot = dot.replace("  graph [", f"  graph [dpi={dpi} ", 1) if suffix == ".png" else dot
        picture = graphviz_engine.run(dot, suffix[1:])
    write_bytes(path, picture)


def plot(charts: Sequence[Sequence[Chart]], title: str, description: str, theme: str) -> Scene:
    """Return rows of charts as a scene."""
    look = THEMES[theme]
    scene = Scene(plain(title, 200), plain(description), look.paper, look.fonts)
    for down, row in enumerate(charts):
        for across, chart in enumerate(row):
            x, y = across * (_LEFT + _WIDTH + _RIGHT), -down * (_TOP + _HEIGHT + _BOTTOM)
            _Painter(scene, look, chart, f"{down}.{across}", x, y).paint()
    return scene


class _Painter:
    """Paints one chart with its lower left corner at (`x`, `y`)."""

    def __init__(self, scene: Scene, theme: Theme, chart: Chart, key: str, x: float, y: float) -> None:
        self.scene, self.theme, self.chart, self.key, self.x, self.y = scene, theme, chart, key, x, y
        shown = [point for series in chart.series for point in series.points if not chart.log or point[1] > 0]
        self.low, self.high = _range([point[0] for point in shown])
        self.bottom, self.top = _range([self._scale(point[1]) for point in shown], room=0.05)
        self.names = 0

    def paint(self) -> None:
        self.scene.patches.append(
            Patch(
                (
                    (self.x, self.y),
                    (self.x, self.y + _HEIGHT),
                    (self.x + _WIDTH, self.y + _HEIGHT),
                    (self.x + _WIDTH, self.y),
                ),
                self.theme.tints[0],
                self.theme.muted,
                0.6,
            )
        )
        self._text(self.chart.title, self.x + _WIDTH / 2, self.y + _HEIGHT + 18, 13, bold=True)
        self._text(self.chart.across, self.x + _WIDTH / 2, self.y - 30, 11)
        for value in _ticks(self.bottom, self.top, whole=self.chart.log):
            y = self._at(self.low, value, scaled=True)[1]
            self._line([(self.x, y), (self.x + _WIDTH, y)], self.theme.muted, 0.25, "dotted")
            label = (TextRun("10"), TextRun(f"{value:g}", 1)) if self.chart.log else (TextRun(f"{value:g}"),)
            self._label(label, self.x - 8 - width_of(label, 10) / 2, y, 10)
        for value in _ticks(self.low, self.high, whole=True):
            self._text(f"{value:g}", self._at(value, self.bottom, scaled=True)[0], self.y - 12, 10)
        ends: list[float] = []
        for series in self.chart.series:
            self._series(series, ends)

    def _series(self, series: Series, ends: list[float]) -> None:
        points = [self._at(*point) for point in series.points if not self.chart.log or point[1] > 0]
        if not points:
            return
        color = COLORS[series.color % len(COLORS)]
        if len(points) > 1:
            self._line(points, color, 1.6, series.line)
        for x, y in points:
            fill = color if series.line == "solid" else self.theme.paper
            self._shape("dot", x, y, 5, 5, fill=fill, stroke=color)
        end = points[-1][1]
        while any(abs(end - other) < 13 for other in ends):
            end -= 13
        ends.append(end)
        label = (TextRun(plain(series.label, 60)),)
        self._label(label, self.x + _WIDTH + 8 + width_of(label, 11) * 0.43, end, 11, ink=color)

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.chart.log else value

    def _at(self, across: float, value: float, *, scaled: bool = False) -> Point:
        value = value if scaled else self._scale(value)
        right = (across - self.low) / (self.high - self.low)
        up = (value - self.bottom) / (self.top - self.bottom)
        return self.x + _WIDTH * (0.03 + 0.94 * right), self.y + _HEIGHT * up

    def _name(self) -> str:
        self.names += 1
        return f"plot {self.key} {self.names}"

    def _line(self, points: Sequence[Point], color: str, pen: float, line: str) -> None:
        ends = [self._name(), self._name()]
        for name, (x, y) in zip(ends, (points[0], points[-1]), strict=True):
            self.scene.below.append(Shape(name, "point", x, y))
        self.scene.curves.append(
            Curve(ends[0], ends[1], tuple(points), color, pen, line, arrow=False, radius=0.0)
        )

    def _shape(self, form: str, x: float, y: float, w: float, h: float, *, fill: str, stroke: str) -> None:
        self.scene.above.append(Shape(self._name(), form, x, y, w, h, fill=fill, stroke=stroke))

    def _text(self, text: str, x: float, y: float, size: float, *, bold: bool = False, ink: str = "") -> None:
        self._label((TextRun(plain(text, 60)),), x, y, size, bold=bold, ink=ink)

    def _label(
        self, line: Line, x: float, y: float, size: float, *, bold: bool = False, ink: str = ""
    ) -> None:
        ink = ink or self.theme.ink
        self.scene.shapes.append(
            Shape(self._name(), "text", x, y, 40, 14, (line,), ink=ink, size=size, bold=bold)
        )


def _range(values: Sequence[float], room: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis: never the same, with a share of the range as room at either end."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    if low == high:
        low, high = low - 0.5, high + 0.5
    return low - room * (high - low), high + room * (high - low)


def _ticks(low: float, high: float, *, whole: bool) -> list[float]:
    """Return up to seven round values from `low` to `high`."""
    step = 10.0 ** math.floor(math.log10(high - low))
    steps = (step * factor for factor in (0.1, 0.2, 0.5, 1, 2, 5, 10))
    step = next(each for each in steps if (high - low) / each <= 6 and (not whole or each >= 1))
    first = math.ceil(low / step - 1e-9)
    return [round(count * step, 10) for count in range(first, math.floor(high / step + 1e-9) + 1)]
