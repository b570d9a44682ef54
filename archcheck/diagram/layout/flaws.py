"""What a picture must not have: a box on another, a line through a box, a label on a box or on a label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from archcheck.diagram.layout.placement import Rect, Size
from archcheck.diagram.layout.plan import Plan
from archcheck.diagram.layout.routing import Point

INSET = 1.0


def is_flawless(plan: Plan, labels: Mapping[int, Size]) -> bool:
    """Say whether everything in a plan stands apart; `labels` gives the sizes of words on skip paths."""
    boxes = {key: _rect(spot, plan.sizes[key]) for key, spot in plan.spots.items() if key in plan.sizes}
    boxes = {key: rect for key, rect in boxes.items() if rect.x1 > rect.x0}
    plates = {
        f":label{index}": _rect(spot, labels[index]) for index, spot in plan.labels.items() if index in labels
    }
    return not any(_overlapping([*boxes.values(), *plates.values()])) and not any(_crossed(plan, boxes))


def _rect(spot: Point, size: Size) -> Rect:
    (x, y), half = spot, size.w / 2
    return Rect(x - half, y - size.h / 2, x + half + size.right, y + size.h / 2 + size.over)


def _overlapping(rects: list[Rect]) -> Iterator[tuple[Rect, Rect]]:
    """Yield pairs that overlap, sweeping upwards."""
    rects = sorted(rects, key=lambda rect: rect.y0)
    for at, low in enumerate(rects):
        for high in rects[at + 1 :]:
            if high.y0 >= low.y1 - INSET:
                break
            if high.x0 < low.x1 - INSET and low.x0 < high.x1 - INSET:
                yield low, high


def _crossed(plan: Plan, boxes: Mapping[str, Rect]) -> Iterator[str]:
    """Yield the boxes through which a line runs that neither begins nor ends there."""
    ends: dict[tuple[Point, Point], set[str]] = {}
    for wire in plan.wires:
        for pair in pairwise(wire.points):
            ends.setdefault(pair, set()).update((wire.tail, wire.head))
    for (a, b), own in ends.items():
        x0, x1 = sorted((a[0], b[0]))
        y0, y1 = sorted((a[1], b[1]))
        for key, rect in boxes.items():
            across = x1 > rect.x0 + INSET and x0 < rect.x1 - INSET
            if across and y1 > rect.y0 + INSET and y0 < rect.y1 - INSET and key not in own:
                yield key
