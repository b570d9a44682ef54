"""A panel laid out: where its boxes stand and how its lines run, about an axis of its own, foot at 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from archcheck.connections import Kind
from archcheck.diagram.layout.placement import Rect, Size
from archcheck.diagram.layout.routing import Point, Wire


@dataclass(frozen=True, slots=True)
class Lane:
    """The skip path of a residual edge, at `x` from `low` to `high`; its end points and their nodes."""

    x: float
    low: float
    high: float
    tap: Point
    sink: Point
    tail: str
    head: str

    def at(self, part: float) -> Point:
        """Return the point at a part of the way up."""
        return self.x, self.low + (self.high - self.low) * part


@dataclass(slots=True)
class Plan:
    """Where the nodes of a panel stand (centres), their sizes, and the lines between them.

    Nodes are boxes, and what has a name that no box can have: sinks, with what they do, taps, input and
    output. `lanes` and `labels` give residual edges, by index, their skip path and the place of their label.
    """

    spots: dict[str, Point]
    sizes: Mapping[str, Size]
    sinks: dict[str, Kind]
    wires: list[Wire] = field(default_factory=list)
    lanes: dict[int, Lane] = field(default_factory=dict)
    labels: dict[int, Point] = field(default_factory=dict)
    extent: Rect = field(default_factory=lambda: Rect(0.0, 0.0, 0.0, 0.0))


def lane_of(wires: Iterable[Wire], tap: Point, sink: Point, tail: str, head: str) -> Lane:
    """Return the lane of a skip path that the wires lead along."""
    pairs = [pair for wire in wires for pair in pairwise(wire.points)]
    a, b = max(pairs, key=lambda pair: abs(pair[1][1] - pair[0][1]))
    low, high = sorted((a[1], b[1]))
    return Lane((a[0] + b[0]) / 2, low, high, tap, sink, tail, head)
