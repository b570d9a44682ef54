"""Leader lines: from a box to the panel that details it, around frames and past boxes.

A panel beside its box has a wedge of tinted light instead, where no other panel could be meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from archcheck.diagram.labels import TextRun
from archcheck.diagram.scene import Curve, Point, Scene, Shape
from archcheck.diagram.theme import Arrangement, Theme, border_of, stronger

if TYPE_CHECKING:
    from archcheck.diagram.composition import Placed

STEP = 6.0
"""The distance of leader lines from a frame and from each other, in points."""


@dataclass(slots=True)
class Leaders:
    """Draws the leader lines of one picture; each that has been drawn takes its lane."""

    scene: Scene
    theme: Theme
    layout: str
    placed: Sequence[Placed]
    lanes: dict[float, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    tags: int = 0

    def draw(self, frame: Placed, box: str, target: Placed) -> None:
        """Draw the line from a box of one frame to another frame, or a letter at both where none can lead."""
        way = self._exit(frame, box)
        if way is None:
            self._letter(frame, box, target)
            return
        points = self._way(way, frame, target)
        key = f":leader.{frame.picture.name}.{box}"
        ends = (f"{key}a", f"{key}b")
        self.scene.shapes.append(Shape(ends[0], "point", *points[0]))
        self.scene.shapes.append(Shape(ends[1], "point", *points[-1]))
        color = border_of(stronger(target.picture.tint))
        self.scene.curves.append(Curve(*ends, tuple(points), color, self.theme.pen, "dotted", group="leader"))

    def _letter(self, frame: Placed, box: str, target: Placed) -> None:
        self.tags += 1
        letter = chr(ord("A") + (self.tags - 1) % 26)
        wide, color = self.theme.size(14.0), border_of(stronger(target.picture.tint))
        x, y = frame.picture.plan.spots[box]
        size = frame.picture.plan.sizes[box]
        corners = (
            (frame.dx + x + size.w / 2, frame.dy + y + size.h / 2),
            (
                target.x - target.w / 2 + self.theme.size(14.0),
                target.y + target.h / 2 - self.theme.size(14.0),
            ),
        )
        wide, color = self.theme.size(14.0), border_of(stronger(target.picture.tint))
        for number, (cx, cy) in enumerate(corners):
            key = f":tag{self.tags}.{number}"
            tag = Shape(key, "circle", cx, cy, wide, wide, ((TextRun(letter),),), color, self.theme.paper)
            look = replace(tag, ink="#ffffff", size=self.theme.size(9.0), bold=True, group="tag")
            self.scene.above.append(look)

    def _way(self, way: tuple[list[Point], int], frame: Placed, target: Placed) -> list[Point]:
        start, side = way
        height = start[-1][1]
        x = side * self._lane(side * frame.x + frame.w / 2)
        if self.layout == Arrangement.COLUMN:
            goal = (target.x + side * target.w / 2, self._entry(target))
            return [*start, (x, height), (x, goal[1]), goal]
        goal = (target.x - target.w / 2, self._entry(target))
        if side > 0 and self._follows(frame, target):
            return [*start, (x, height), (x, goal[1]), goal]
        over = self._lane(max(each.y + each.h / 2 for each in self.placed), 1)
        before = -self._lane(-goal[0])
        return [*start, (x, height), (x, over), (before, over), (before, goal[1]), goal]

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

    def _exit(self, frame: Placed, box: str) -> tuple[list[Point], int] | None:
        """Return how the line leaves the box past all others, straight or up, and the side (1: right)."""
        x, y = frame.picture.plan.spots[box]
        size = frame.picture.plan.sizes[box]
        rims = {1: x + size.w / 2 + size.right, -1: x - size.w / 2}
        top = y + size.h / 2 + size.over
        straight = [
            [(rims[side], y + size.h * part)] for side in (1, -1) for part in (0.25, -0.25, 0.4, -0.4)
        ]
        up = [
            [(x + side * size.w * 0.35, top), (x + side * size.w * 0.35, top + self.theme.size(5.0 * step))]
            for step in range(1, 60)
            for side in (1, -1)
        ]
        ways = ((way, side) for way in [*straight, *up] for side in (1, -1))
        free = next((each for each in ways if self._is_free(frame, box, *each)), None)
        if free is None:
            return None
        way, side = free
        return [(frame.dx + px, frame.dy + py) for px, py in way], side

    def _is_free(self, frame: Placed, box: str, way: list[Point], side: int) -> bool:
        """Say whether a way out of a box, and on to a side from its end, passes no other box."""
        plan = frame.picture.plan
        (x0, y0), (x1, y1) = way[0], way[-1]
        if len(way) == 1 and (x0 > plan.spots[box][0]) != (side > 0):
            return False
        for name, (x, y) in plan.spots.items():
            size = plan.sizes.get(name)
            if size is None or name == box:
                continue
            left, right = x - size.w / 2 - 2, x + size.w / 2 + size.right + 2
            low, high = y - size.h / 2 - 2, y + size.h / 2 + size.over + 2
            beyond = right > x1 if side > 0 else left < x1
            if (beyond and low < y1 < high) or (left < x0 < right and low < y1 and y0 < high):
                return False
        return True
