"""Everything below the panels: title, caption, legend, notes and numbered findings."""

from __future__ import annotations

from dataclasses import replace

from archcheck.diagram.labels import LINE_HEIGHT, Line, TextRun, lines_of, width_of
from archcheck.diagram.legend import LegendWriter, entries_of
from archcheck.diagram.scene import Scene, Shape
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
        """Write lines of text, centred."""
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

    def legend(self) -> None:
        """Draw samples of the lines and signs that the scene has, with their meaning."""
        writer = LegendWriter(self.scene, self.theme, self.left, self.right, self.y)
        self.y = writer.write(entries_of(self.scene, self.theme))

    def finding(self, number: str, message: str) -> None:
        """Write a finding after its badge."""
        self._item(number, message, self.theme.wrong, 10.5, badge=True)

    def listed(self, number: str, note: str) -> None:
        """Write a numbered note."""
        self._item(number, note, self.theme.muted, 10, badge=False)

    def _item(self, number: str, text: str, ink: str, points: float, *, badge: bool) -> None:
        """Write a numbered paragraph, flush left, in an easily readable measure."""
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
                f"{key}n", ((TextRun(number),),), left - theme.size(7), self.y - size * 0.5, mark, mark, ink
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
        ((TextRun(number),),),
        theme.wrong,
        theme.paper,
        1.0,
        "#ffffff",
        theme.size(9.5),
        bold=True,
        group="badge",
    )
