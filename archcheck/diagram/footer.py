"""What stands under the panels: title, caption, legend, notes, numbered findings; and how marks look."""

from __future__ import annotations

from dataclasses import replace

from archcheck.diagram.labels import LINE_HEIGHT, Line, Run, lines_of, width_of
from archcheck.diagram.scene import Curve, Scene, Shape
from archcheck.diagram.theme import Theme


class Writer:
    """Writes lines of text downwards from `y`, centred between `left` and `right`."""

    def __init__(self, scene: Scene, theme: Theme, left: float, right: float, y: float) -> None:
        self.scene, self.theme, self.left, self.right, self.y = scene, theme, left, right, y
        self.count = 0

    def centred(
        self,
        text: str,
        points: float,
        *,
        name: str,
        bold: bool = False,
        italic: bool = False,
        muted: bool = False,
    ) -> None:
        size = self.theme.size(points)
        lines = lines_of(text, size, max(self.right - self.left, self.theme.size(220)))
        height = len(lines) * size * LINE_HEIGHT
        ink = self.theme.muted if muted else self.theme.ink
        self.scene.shapes.append(
            Shape(
                f":{name}",
                "text",
                (self.left + self.right) / 2,
                self.y - height / 2,
                max(width_of(line, size) for line in lines),
                height,
                lines,
                ink=ink,
                size=size,
                bold=bold,
                italic=italic,
            )
        )
        self.y -= height + self.theme.size(8)

    def legend(self, entries: list[tuple[str, str]]) -> None:
        """Draw samples of lines and signs with their meaning, in as many rows as they need."""
        size, font = self.theme.size, self.theme.size(11)
        widths = [size(34) + size(6) + width_of((Run(text),), font) for _, text in entries]
        rows: list[list[int]] = []
        used = 0.0
        for index, width in enumerate(widths):
            if not rows or used + width > max(self.right - self.left, size(220)):
                rows.append([])
                used = 0.0
            rows[-1].append(index)
            used += width + size(22)
        totals = [sum(widths[index] for index in row) + size(22) * (len(row) - 1) for row in rows]
        for row in rows:
            x = (self.left + self.right - max(totals)) / 2
            y = self.y - size(9)
            for index in row:
                self._sample(entries[index][0], x, y, index)
                text = (Run(entries[index][1]),)
                wide = widths[index] - size(40)
                self._text(
                    f":legend{index}", (text,), x + size(40) + wide / 2, y, wide, font, self.theme.muted
                )
                x += widths[index] + size(22)
            self.y -= size(20)
        self.y -= size(4)

    def _sample(self, what: str, x: float, y: float, index: int) -> None:
        theme = self.theme
        begin, end = f":sample{index}a", f":sample{index}b"
        middle, width = x + theme.size(22), theme.size(16)
        if what in ("solid", "dashed", "ghost"):
            points = ((x, y), (x + theme.size(34), y))
            self.scene.shapes += [Shape(begin, "point", *points[0]), Shape(end, "point", *points[1])]
            sample = Curve(begin, end, points, theme.ink, theme.pen, what, group="legend")
            if what == "ghost":
                sample = replace(sample, color=theme.absent, line="dashed", core=theme.paper)
            self.scene.curves.append(sample)
            return
        if what == "cross":
            self.scene.shapes.append(Shape(begin, "point", middle, y))
            self.scene.curves += cross_at(begin, middle, y, theme)
            return
        if what == "✓":
            self.scene.shapes.append(
                Shape(
                    begin,
                    "text",
                    middle,
                    y,
                    width,
                    width,
                    ((Run("✓"),),),
                    ink=theme.proved,
                    size=width,
                    bold=True,
                )
            )
            return
        circle = Shape(
            begin, "circle", middle, y, width, width, ((Run(what),),), theme.paper, theme.ink, theme.pen
        )
        self.scene.shapes.append(replace(circle, size=theme.size(9), bold=True, ink=theme.ink))

    def finding(self, number: str, message: str) -> None:
        self._item(number, message, self.theme.wrong, 10.5, badge=True)

    def listed(self, number: str, note: str) -> None:
        self._item(number, note, self.theme.muted, 10, badge=False)

    def _item(self, number: str, text: str, ink: str, points: float, *, badge: bool) -> None:
        """Write a numbered paragraph, ranged left in a measure that is easy to read."""
        theme, size = self.theme, self.theme.size(points)
        measure = min(max(self.right - self.left - theme.size(24), theme.size(220)), theme.size(640))
        lines = lines_of(text, size, measure, even=False)
        height = len(lines) * size * LINE_HEIGHT
        left = (self.left + self.right - measure) / 2
        self.count += 1
        key = f":item{self.count}"
        if badge:
            self.scene.above.append(
                badge_at(f"{key}n", number, left - theme.size(10), self.y - size * 0.62, theme)
            )
        elif number:
            mark = theme.size(9)
            self._text(
                f"{key}n", ((Run(number),),), left - theme.size(7), self.y - size * 0.5, mark, mark, ink
            )
        shape = Shape(
            key, "text", left + measure / 2, self.y - height / 2, measure, height, lines, ink=ink, size=size
        )
        self.scene.shapes.append(replace(shape, left=True))
        self.y -= height + theme.size(4)

    def _text(
        self, key: str, lines: tuple[Line, ...], x: float, y: float, width: float, size: float, ink: str
    ) -> None:
        self.scene.shapes.append(
            Shape(key, "text", x, y, width, size * LINE_HEIGHT, lines, ink=ink, size=size, left=True)
        )


def badge_at(key: str, number: str, x: float, y: float, theme: Theme) -> Shape:
    """Return a numbered red disc: the sign of a finding."""
    width = theme.size(15 if len(number) < 2 else 18)
    return Shape(
        key,
        "circle",
        x,
        y,
        width,
        width,
        ((Run(number),),),
        theme.wrong,
        theme.paper,
        1.0,
        "#ffffff",
        theme.size(9.5),
        bold=True,
        group="badge",
    )


def cross_at(key: str, x: float, y: float, theme: Theme) -> list[Curve]:
    """Return the two strokes of a red cross about the point shape `key`."""
    half = theme.size(6.5)
    ends = [((x - half, y - half * sign), (x + half, y + half * sign)) for sign in (1, -1)]
    return [
        Curve(key, key, points, theme.wrong, theme.pen * 2.4, arrow=False, group="cross") for points in ends
    ]
