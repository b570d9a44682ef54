"""The lines of a panel that has been laid out: each edge as a polyline with right angles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from archcheck.diagram.layout.placement import BUS, Block, PlacedRail, Size
from archcheck.diagram.layout.series_parallel import Chain, ParallelGroup, SideChain, Stop

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Wire:
    """One drawn edge from the stop `tail` to the stop `head`.

    `edges` are the indices of the panel's residual edges that it stands for, empty for flow. `arrow` says
    whether it ends in an arrowhead.
    """

    tail: str
    head: str
    points: tuple[Point, ...]
    edges: tuple[int, ...] = ()
    arrow: bool = True


class Router:
    """Finds the lines of one panel."""

    def __init__(self, root: Chain, block: Block, sizes: Mapping[str, Size], scale: float) -> None:
        self.root, self.block, self.sizes, self.scale = root, block, sizes, scale
        self.entered: set[str] = set()

    def wires(self) -> list[Wire]:
        """Return flow first, then what runs beside it."""
        flow = list(self._flow(self.root))
        self.entered = {w.head for w in flow if w.points[-1][0] < w.points[-2][0]}
        wires = [*flow, *self._beside(self.root)]
        return [Wire(w.tail, w.head, tidy(w.points), w.edges, w.arrow) for w in wires]

    def _flow(self, chain: Chain) -> Iterator[Wire]:
        items = [item for item in chain.items if isinstance(item, ParallelGroup) or item.what != "tap"]
        for item in items:
            if isinstance(item, ParallelGroup):
                for branch in item.chains:
                    yield from self._flow(branch)
        for below, above in pairwise(items):
            apart = chain.items.index(above) - chain.items.index(below) > 1
            yield from self._connect(below, above, apart)

    def _connect(
        self, below: Stop | ParallelGroup, above: Stop | ParallelGroup, apart: bool
    ) -> Iterator[Wire]:
        if isinstance(below, Stop) and isinstance(above, Stop) and below.key in self.block.down:
            yield self._downward(below.key, above.key)
            return
        tails = self._stops(below, last=True)
        heads = self._stops(above, last=False)
        into_circle = (
            isinstance(above, Stop)
            and isinstance(below, ParallelGroup)
            and not apart
            and self._is_round(above)
        )
        for tail in tails:
            for head in heads:
                arrow = head.what != "pass"
                if into_circle:
                    yield Wire(tail.key, head.key, self._into_side(tail.key, head.key), arrow=arrow)
                    continue
                points = [self._top(tail.key)]
                if isinstance(below, ParallelGroup):
                    bus = self.block.groups[id(below)]
                    points += [(points[-1][0], bus.join), (bus.axis, bus.join)]
                if isinstance(above, ParallelGroup):
                    bus = self.block.groups[id(above)]
                    points += [(points[-1][0], bus.fork), (self._foot(head.key)[0], bus.fork)]
                yield Wire(tail.key, head.key, (*points, self._foot(head.key)), arrow=arrow)

    def _downward(self, tail: str, head: str) -> Wire:
        """Go down on the left of a folded chain, or turn up at its foot."""
        if head in self.block.down:
            return Wire(tail, head, (self._foot(tail), self._top(head)))
        flank, foot = self._flank(tail, head), self._foot(head)
        return Wire(tail, head, (flank, (foot[0], flank[1]), foot))

    def _beside(self, chain: Chain) -> Iterator[Wire]:
        for side in chain.sides:
            yield from self._side(side, chain)
        for item in chain.items:
            if isinstance(item, ParallelGroup):
                for branch in item.chains:
                    yield from self._beside(branch)
        lanes = {id(lane.rail): lane for lane in self.block.lanes}
        for rail in chain.rails:
            if id(rail) in lanes:
                yield from self._rail(lanes[id(rail)])

    def _side(self, side: SideChain, chain: Chain) -> Iterator[Wire]:
        first, last = side.boxes[0], side.boxes[-1]
        for tail, head in pairwise(side.boxes):
            yield Wire(tail, head, (self._top(tail), self._foot(head)))
        if side.start in self.block.spots and side.start is not None:
            if side.end in self.block.spots:
                yield Wire(side.start, first, self._fork(side.start, first, chain))
            else:
                tap = self.block.spots[side.start]
                yield Wire(side.start, first, (tap, (self._flank(first, side.start)[0], tap[1])))
        if side.end in self.block.spots and side.end is not None:
            yield Wire(last, side.end, self._into_side(last, side.end))

    def _fork(self, start: str, first: str, chain: Chain) -> tuple[Point, ...]:
        """Leave the trunk above `start`, with the fork of a group where there is one."""
        bus = self._foot(first)[1] - BUS * self.scale
        for item in chain.items:
            if (
                isinstance(item, ParallelGroup)
                and abs(self.block.groups[id(item)].fork - bus) < BUS * self.scale
            ):
                bus = self.block.groups[id(item)].fork
        top, foot = self._top(start), self._foot(first)
        return (top, (top[0], bus), (foot[0], bus), foot)

    def _rail(self, lane: PlacedRail) -> Iterator[Wire]:
        rail = lane.rail
        edges = tuple(rail.edges)
        if rail.tail in self.block.down:
            level = (self.block.spots[rail.tail], self._flank(rail.head, rail.tail))
            yield Wire(rail.tail, rail.head, level, edges)
            return
        tail, head = self.block.spots[rail.tail], self.block.spots[rail.head]
        start = (tail[0] + self._size(rail.tail).w / 2, tail[1])
        end = (head[0] + self._size(rail.head).w / 2 + self._size(rail.head).right, head[1])
        if rail.head in self.entered:  # a branch comes in from this side: keep above it
            rim = self._size(rail.head).w / 2 * 0.707
            end = (head[0] + rim, head[1] + rim)
        stops = [rail.tail, *rail.beads, rail.head]
        for low, high in pairwise(stops):
            begin = (start, (lane.x, start[1])) if low == rail.tail else (self._top(low),)
            finish = ((lane.x, end[1]), end) if high == rail.head else (self._foot(high),)
            yield Wire(low, high, (*begin, *finish), edges)

    def _into_side(self, tail: str, head: str) -> tuple[Point, ...]:
        """Go straight up to the height of `head`, then enter it from the side."""
        (tail_x, tail_y), (head_x, head_y) = self.block.spots[tail], self.block.spots[head]
        if abs(tail_x - head_x) < 1:
            return (self._top(tail), self._foot(head))
        if abs(tail_y - head_y) < 1:
            return (self._flank(tail, head), self._flank(head, tail))
        return (self._top(tail), (tail_x, head_y), self._flank(head, tail))

    def _flank(self, key: str, towards: str) -> Point:
        x, y = self.block.spots[key]
        side = 1 if self.block.spots[towards][0] > x else -1
        size = self._size(key)
        return (x + side * size.w / 2 + (size.right if side > 0 else 0.0), y)

    def _top(self, key: str) -> Point:
        x, y = self.block.spots[key]
        return (x, y + self._size(key).h / 2 + self._size(key).over)

    def _foot(self, key: str) -> Point:
        x, y = self.block.spots[key]
        return (x, y - self._size(key).h / 2)

    def _size(self, key: str) -> Size:
        return self.sizes.get(key, Size())

    def _stops(self, item: Stop | ParallelGroup, *, last: bool) -> list[Stop]:
        if isinstance(item, Stop):
            return [item]
        found: list[Stop] = []
        for branch in item.chains:
            real = [each for each in branch.items if isinstance(each, ParallelGroup) or each.what != "tap"]
            found += self._stops(real[-1 if last else 0], last=last)
        return found

    def _is_round(self, stop: Stop) -> bool:
        return stop.what == "sink" or 0 < self._size(stop.key).w <= 30.0 * self.scale


def tidy(points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Round to hundredths and drop points that repeat or lie on a straight line."""
    kept: list[Point] = []
    for x, y in points:
        point = (round(x, 2), round(y, 2))
        if kept and abs(point[0] - kept[-1][0]) < 0.02 and abs(point[1] - kept[-1][1]) < 0.02:
            continue
        if len(kept) > 1 and _straight(kept[-2], kept[-1], point):
            kept.pop()
        kept.append(point)
    return tuple(kept)


def _straight(a: Point, b: Point, c: Point) -> bool:
    vertical = abs(a[0] - b[0]) < 0.02 and abs(b[0] - c[0]) < 0.02 and (b[1] - a[1]) * (c[1] - b[1]) > 0
    level = abs(a[1] - b[1]) < 0.02 and abs(b[1] - c[1]) < 0.02 and (b[0] - a[0]) * (c[0] - b[0]) > 0
    return vertical or level


def uncovered(wire: Wire, others: list[Wire]) -> Wire:
    """Return the wire without the parts at its ends that run on other wires; none is left to draw twice."""
    segments = [pair for other in others for pair in pairwise(other.points)]
    start = _advance(list(wire.points), segments)
    end = _advance(start[::-1], segments)[::-1]
    shortened = len(end) < 2 or end[-1] != wire.points[-1]
    return Wire(wire.tail, wire.head, tuple(end), wire.edges, wire.arrow and not shortened)


def _advance(points: list[Point], segments: list[tuple[Point, Point]]) -> list[Point]:
    """Drop the beginning of a polyline as far as segments cover it."""
    while len(points) > 1:
        here, corner = points[0], points[1]
        axis = 0 if abs(here[1] - corner[1]) < 0.02 else 1
        sign = 1 if corner[axis] > here[axis] else -1
        best = here[axis]
        for a, b in sorted(segments, key=lambda pair: sign * min(sign * pair[0][axis], sign * pair[1][axis])):
            on_line = abs(a[1 - axis] - here[1 - axis]) < 0.02 and abs(b[1 - axis] - here[1 - axis]) < 0.02
            low, high = sorted((sign * a[axis], sign * b[axis]))
            if on_line and low <= sign * best + 0.02 < high:
                best = sign * high
        if sign * best >= sign * corner[axis] - 0.02:
            points = points[1:]
            continue
        if best != here[axis]:
            moved = (best, here[1]) if axis == 0 else (here[0], best)
            points = [moved, *points[1:]]
        break
    return points
