"""The legend: what the lines and signs in a picture mean; it explains what the picture has, and no more."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archcheck.diagram.labels import LINE_HEIGHT, TextRun, width_of
from archcheck.diagram.looks import looking
from archcheck.diagram.scene import Curve, Scene, Shape
from archcheck.diagram.theme import Theme

SAMPLE = 46.0  # the width of a sample, in points


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """One sign and its meaning. `sign` is the name of a sample, or a letter that stands in sinks."""

    sign: str
    meaning: str


def entries_of(scene: Scene, theme: Theme) -> list[LegendEntry]:
    """Return what needs to be explained in a scene."""
    skips = [curve for curve in scene.curves if "residual" in curve.group.split()]
    lines = [curve for curve in scene.curves if {"residual", "flow"} & set(curve.group.split())]
    plain = [curve for curve in skips if curve.color == theme.ink]
    shapes = [*scene.shapes, *scene.above]
    drawn = [*(shape.group for shape in shapes), *(curve.group for curve in scene.curves)]
    groups = {name for group in drawn for name in group.split()}
    letters = {run.text for shape in shapes if ":sink" in shape.key for line in shape.lines for run in line}
    found = {
        "solid": any(curve.line == "solid" for curve in plain),
        "dashed": any(curve.line == "dashed" for curve in plain),
        "streams": any(curve.core for curve in plain),
        "C": "C" in letters,
        "G": "G" in letters,
        "proved": "proved" in groups,
        "wrong": any(curve.color == theme.wrong for curve in lines),
        "cross": any(curve.group == "cross" for curve in scene.top),
        "ghost": any(curve.color == theme.absent and curve.core for curve in lines),
        "truth": any(curve.group == "truth" for curve in scene.curves),
        "accepted": "accepted" in groups,
        "leader": "leader" in groups,
        "A": "tag" in groups,
        "inactive": "inactive" in groups,
        "outside": "outside" in groups,
        "unchecked": "unchecked" in groups,
    }
    return [LegendEntry(sign, _MEANINGS[sign]) for sign, is_there in found.items() if is_there]


_MEANINGS = {
    "solid": "residual implemented here",
    "dashed": "drawn for orientation, implemented elsewhere",
    "streams": "several streams",
    "C": "concatenation",
    "G": "gated mix",
    "proved": "proved against the code",
    "wrong": "contradicted by the code",
    "cross": "drawn, but not in the code here",
    "ghost": "in the code, but not drawn",
    "truth": "where the code takes it from",
    "accepted": "differs, but was accepted",
    "leader": "leads to the contents of the box",
    "A": "opens in the panel with the same letter",
    "inactive": "not chosen here",
    "outside": "outside the model",
    "unchecked": "not checked",
}


class LegendWriter:
    """Draws entries in as many rows as they need, centred between `left` and `right`, downwards from `y`."""

    def __init__(self, scene: Scene, theme: Theme, left: float, right: float, y: float) -> None:
        self.scene, self.theme, self.left, self.right, self.y = scene, theme, left, right, y

    def write(self, entries: list[LegendEntry]) -> float:
        """Draw the entries; return the height below them."""
        size, font = self.theme.size, self.theme.size(11)
        gap, between = size(6), size(22)
        widths = [size(SAMPLE) + gap + width_of((TextRun(entry.meaning),), font) for entry in entries]
        for row in self._rows(widths, between):
            x = (self.left + self.right - sum(widths[at] for at in row) - between * (len(row) - 1)) / 2
            y = self.y - size(10)
            for at in row:
                self._sample(entries[at].sign, x, y, f":legend{at}")
                wide = widths[at] - size(SAMPLE) - gap
                middle = x + size(SAMPLE) + gap + wide / 2
                text = ((TextRun(entries[at].meaning),),)
                shape = Shape(f":legend{at}", "text", middle, y, wide, font * LINE_HEIGHT, text, size=font)
                self.scene.shapes.append(replace(shape, ink=self.theme.muted, left=True))
                x += widths[at] + between
            self.y -= size(20)
        return self.y - size(4)

    def _rows(self, widths: list[float], between: float) -> list[list[int]]:
        rows: list[list[int]] = []
        used = 0.0
        for at, width in enumerate(widths):
            if not rows or used + width > max(self.right - self.left, self.theme.size(220)):
                rows.append([])
                used = 0.0
            rows[-1].append(at)
            used += width + between
        return rows

    def _sample(self, sign: str, x: float, y: float, key: str) -> None:
        theme, end = self.theme, x + self.theme.size(SAMPLE)
        match sign:
            case "solid" | "dashed" | "wrong" | "streams" | "accepted":
                self._skip_path(sign, x, end, y, key)
            case "ghost":
                curve = self._line(key, x, end, y)
                ghost = replace(curve, color=theme.absent, line="dashed", core=theme.paper)
                self.scene.curves.append(ghost)
            case "truth":
                curve = self._line(key, x, end, y)
                self.scene.curves.append(replace(curve, color=theme.absent, pen=theme.pen * 1.8))
            case "leader":
                self.scene.curves.append(
                    replace(self._line(key, x, end, y), line="dotted", color=theme.muted)
                )
            case "cross":
                self.scene.shapes.append(Shape(f"{key}a", "point", end - theme.size(13), y))
                self.scene.curves += cross_at(f"{key}a", end - theme.size(13), y, theme)
            case "inactive" | "outside" | "unchecked":
                wide, high = theme.size(26), theme.size(13)
                box = Shape(f"{key}a", "box", end - wide / 2, y, wide, high, pen=theme.pen)
                self.scene.shapes.append(looking(sign, box, theme))
            case _:
                self._letter(sign, end - theme.size(12), y, key)

    def _line(self, key: str, x: float, end: float, y: float) -> Curve:
        ends = ((x, y), (end, y))
        self.scene.shapes += [Shape(f"{key}a", "point", *ends[0]), Shape(f"{key}b", "point", *ends[1])]
        return Curve(f"{key}a", f"{key}b", ends, self.theme.ink, self.theme.pen, group="legend")

    def _skip_path(self, sign: str, x: float, end: float, y: float, key: str) -> None:
        """Draw a skip path as it is in a panel: from a dot into a sink."""
        theme = self.theme
        colors = {"wrong": theme.wrong, "accepted": theme.accepted}
        ink, wide = colors.get(sign, theme.ink), theme.size(11)
        rim = end - wide
        curve = replace(self._line(key, x + theme.size(2), rim, y), color=ink)
        if sign == "dashed":
            curve = replace(curve, line="dashed")
        if sign == "streams":
            curve = replace(curve, core=theme.paper)
        self.scene.curves.append(curve)
        dot = theme.size(3.2)
        self.scene.above.append(
            Shape(f"{key}dot", "dot", x + theme.size(2), y, dot, dot, fill=theme.ink, stroke=theme.ink)
        )
        center = end - wide / 2
        sink = Shape(f"{key}sink", "circle", center, y, wide, wide, fill=theme.paper, stroke=theme.ink)
        self.scene.shapes.append(replace(sink, pen=theme.pen * 0.8))
        if letter := self._letter_alone():
            self.scene.shapes[-1] = replace(
                self.scene.shapes[-1],
                lines=((TextRun(letter),),),
                size=theme.size(7),
                bold=True,
                ink=theme.ink,
            )
            return
        half = wide / 2
        for stroke in (((center - half, y), (center + half, y)), ((center, y - half), (center, y + half))):
            cross = Curve(f"{key}sink", f"{key}sink", stroke, theme.ink, theme.pen * 0.8, arrow=False)
            self.scene.curves.append(replace(cross, group="sign"))

    def _letter_alone(self) -> str:
        """Return what stands in the picture's sinks where none of them is a plus."""
        if any(curve.group == "sign" for curve in self.scene.curves):
            return ""
        sinks = [shape for shape in self.scene.shapes if ".:sink" in shape.key and shape.lines]
        return sinks[0].lines[0][0].text if sinks else ""

    def _letter(self, sign: str, x: float, y: float, key: str) -> None:
        theme = self.theme
        wide = theme.size(16)
        if sign == "proved":
            tick = Shape(f"{key}a", "text", x, y, wide, wide, ((TextRun("✓"),),), ink=theme.proved, size=wide)
            self.scene.shapes.append(replace(tick, bold=True))
            return
        circle = Shape(f"{key}a", "circle", x, y, wide, wide, ((TextRun(sign),),), theme.paper, theme.ink)
        look = replace(circle, pen=theme.pen, size=theme.size(9), bold=True, ink=theme.ink)
        self.scene.shapes.append(look)


def cross_at(key: str, x: float, y: float, theme: Theme) -> list[Curve]:
    """Return the two strokes of a red cross about the point shape `key`."""
    half = theme.size(6.5)
    ends = [((x - half, y - half * sign), (x + half, y + half * sign)) for sign in (1, -1)]
    return [
        Curve(key, key, points, theme.wrong, theme.pen * 2.4, arrow=False, group="cross") for points in ends
    ]
