"""Leader lines: from a box to the panel that details it, around frames and past boxes.

A panel beside its box has a wedge of tinted light instead, where no other panel could be meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from archcheck.diagram.scene import Curve, Point, Scene, Shape
from archcheck.diagram.theme import Arrangement, Theme, border_of, stronger

if TYPE_CHECKING:
    from archcheck.diagram.composition import Placed

STEP = 6.0
"""How far leader lines run from a frame and from each other, in points."""


@dataclass(slots=True)
class Leaders:
    """Draws the leader lines of one picture; each that has been drawn takes its lane."""

    scene: Scene
    theme: Theme
    layout: str
    placed: Sequence[Placed]
    lanes: dict[float, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)

    def draw(self, frame: Placed, box: str, target: Placed) -> None:
        """Draw the line from a box of one frame to another frame."""
        points = self._way(frame, box, target)
        key = f":leader.{frame.picture.name}.{box}"
        ends = (f"{key}a", f"{key}b")
        self.scene.shapes.append(Shape(ends[0], "point", *points[0]))
        self.scene.shapes.append(Shape(ends[1], "point", *points[-1]))
        color = border_of(stronger(target.picture.tint))
        self.scene.curves.append(Curve(*ends, tuple(points), color, self.theme.pen, "dotted", group="leader"))

    def _way(self, frame: Placed, box: str, target: Placed) -> list[Point]:
        start = self._exit(frame, box)
        if self.layout == Arrangement.COLUMN:
            x = self._lane(frame.x + frame.w / 2)
            goal = (target.x + target.w / 2, self._entry(target))
            return [start, (x, start[1]), (x, goal[1]), goal]
        x = self._lane(frame.x + frame.w / 2)
        goal = (target.x - target.w / 2, self._entry(target))
        if self._follows(frame, target):
            return [start, (x, start[1]), (x, goal[1]), goal]
        over = self._lane(max(each.y + each.h / 2 for each in self.placed), 1)
        before = -self._lane(-goal[0])
        return [start, (x, start[1]), (x, over), (before, over), (before, goal[1]), goal]

    def _lane(self, edge: float, extra: int = 0) -> float:
        """Return the next free lane beyond an edge."""
        number = self.lanes.get(edge, 0) + 1
        self.lanes[edge] = number
        return edge + self.theme.size(STEP) * (number + extra)

    def _entry(self, target: Placed) -> float:
        """Return the next free height below the upper corner of a frame."""
        name = target.picture.name
        self.entries[name] = self.entries.get(name, 1) + 1
        return target.y + target.h / 2 - self.theme.size(STEP) * self.entries[name]

    def _follows(self, frame: Placed, target: Placed) -> bool:
        order = list(self.placed)
        return order.index(target) == order.index(frame) + 1

    def _exit(self, frame: Placed, box: str) -> Point:
        """Return where the line leaves the box to the right: at a height where no box stands in its way."""
        x, y = frame.picture.plan.spots[box]
        size = frame.picture.plan.sizes[box]
        right = x + size.w / 2 + size.right
        heights = [y + size.h * part for part in (0.25, -0.25, 0.4, -0.4)]
        free = (height for height in heights if not any(self._in_way(frame, box, right, height)))
        return (frame.dx + right, frame.dy + next(free, heights[0]))

    def _in_way(self, frame: Placed, box: str, right: float, height: float) -> Iterator[str]:
        for name, (x, y) in frame.picture.plan.spots.items():
            size = frame.picture.plan.sizes.get(name)
            if size and name != box and x + size.w / 2 > right and abs(y - height) < size.h / 2 + 2:
                yield name
