"""Where everything in a panel stands: a tree of chains and groups becomes coordinates.

Points; x grows to the right from the axis of the chain, y grows upwards from its foot. A chain is placed from
input to output on its axis, then what runs beside it goes outwards, the shortest first, so that nothing
stands in the way of a line that enters the axis from the side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archcheck.diagram.structure import Chain, Group, Rail, Side, Stop

GAP = 22.0
FORK = 36.0
BUS = 17.0
TAP_ABOVE = 12.0
TAP_BELOW = 20.0
BETWEEN = 18.0
RAIL = 20.0


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of a stop; `over` is what stands out above it, `right` beside it."""

    w: float = 0.0
    h: float = 0.0
    over: float = 0.0
    right: float = 0.0


@dataclass(frozen=True, slots=True)
class Rect:
    """A region that is taken."""

    x0: float
    y0: float
    x1: float
    y1: float

    def moved(self, dx: float, dy: float) -> Rect:
        return Rect(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)


@dataclass(frozen=True, slots=True)
class Lane:
    """A rail at its place: it runs at `x`."""

    rail: Rail
    x: float


@dataclass(frozen=True, slots=True)
class Bus:
    """Where the branches of a group part (`fork`) and meet (`join`), and the axis that they share."""

    axis: float
    fork: float
    join: float

    def moved(self, dx: float, dy: float) -> Bus:
        return Bus(self.axis + dx, self.fork + dy, self.join + dy)


@dataclass(slots=True)
class Block:
    """A chain or group laid out. `spots` holds centres; `groups` the buses by the id of the group."""

    spots: dict[str, tuple[float, float]] = field(default_factory=dict)
    rects: list[Rect] = field(default_factory=list)
    lanes: list[Lane] = field(default_factory=list)
    groups: dict[int, Bus] = field(default_factory=dict)
    top: float = 0.0

    @property
    def left(self) -> float:
        return min((rect.x0 for rect in self.rects), default=0.0)

    @property
    def right(self) -> float:
        return max((rect.x1 for rect in self.rects), default=0.0)

    def take(self, other: Block, dx: float, dy: float) -> None:
        """Put another block into this one."""
        self.spots |= {key: (x + dx, y + dy) for key, (x, y) in other.spots.items()}
        self.rects += [rect.moved(dx, dy) for rect in other.rects]
        self.lanes += [Lane(lane.rail, lane.x + dx) for lane in other.lanes]
        self.groups |= {key: bus.moved(dx, dy) for key, bus in other.groups.items()}

    def reach(self, low: float, high: float, *, right: bool) -> float:
        """Return how far the block reaches to one side between two heights."""
        inside = [rect for rect in self.rects if rect.y1 > low - 2 and rect.y0 < high + 2]
        return max([0.0, *(rect.x1 if right else -rect.x0 for rect in inside)])


class Builder:
    """Lays out one panel; `sizes` gives every stop and every box on a rail or side its size."""

    def __init__(
        self, sizes: Mapping[str, Size], scale: float, labels: Mapping[int, float], air: float
    ) -> None:
        """`labels` gives the widths of what is written on rails, `air` stretches the gaps along the flow."""
        self.sizes, self.scale, self.labels, self.air = sizes, scale, labels, air

    def chain(self, chain: Chain) -> Block:
        """Lay out a chain with its axis at x = 0 and its foot at y = 0."""
        block = Block()
        columns = self._columns(chain)
        y = 0.0
        before: Stop | Group | None = None
        for item in chain.items:
            y += self._gap(before, item)
            y = self._room_for_sides(chain, item, y, block, columns)
            if isinstance(item, Group):
                group = self._group(item, columns.get(id(item), []))
                block.take(group, 0.0, y)
                y += group.top
            else:
                y += self._stop(block, item, y)
            before = item
        block.top = y
        self._beside(chain, block, columns)
        block.top = max([block.top, *(rect.y1 for rect in block.rects)])
        foot = min([0.0, *(rect.y0 for rect in block.rects)])
        if foot < 0:
            lifted = Block(top=block.top - foot)
            lifted.take(block, 0.0, -foot)
            return lifted
        return block

    def size(self, key: str) -> Size:
        return self.sizes.get(key, Size())

    def _s(self, length: float) -> float:
        return length * self.scale

    def _stop(self, block: Block, stop: Stop, y: float, x: float = 0.0) -> float:
        """Put a stop on the axis with its foot at y; return its height."""
        size = self.size(stop.key)
        block.spots[stop.key] = (x, y + size.h / 2)
        if size.w or size.h:
            block.rects.append(Rect(x - size.w / 2, y, x + size.w / 2 + size.right, y + size.h + size.over))
        return size.h + size.over

    def _gap(self, before: Stop | Group | None, item: Stop | Group) -> float:
        return self._natural_gap(before, item) * self.air

    def _natural_gap(self, before: Stop | Group | None, item: Stop | Group) -> float:
        if before is None:
            return 0.0
        below = before.what if isinstance(before, Stop) else "group"
        here = item.what if isinstance(item, Stop) else "group"
        if below == "group" and here == "group":
            return self._s(2 * FORK)
        if here == "group":
            return self._s(FORK)
        if below == "group":
            return self._s(BETWEEN if self._is_round(item) else FORK if here != "tap" else BUS + TAP_ABOVE)
        if "tap" in (below, here):
            return self._s(10.0 if below == here else TAP_ABOVE if here == "tap" else TAP_BELOW)
        return self._s(GAP)

    def _is_round(self, item: Stop | Group) -> bool:
        if isinstance(item, Group):
            return False
        size = self.size(item.key)
        return item.what == "sink" or (item.what == "box" and 0 < size.w <= self._s(30.0))

    def _group(self, group: Group, sides: list[Side]) -> Block:
        """Lay the branches side by side about the axis; side chains from the same fork stand with them."""
        blocks = [self.chain(branch) for branch in group.chains]
        for side in sides:
            blocks.append(self.chain(Chain([Stop(name) for name in side.boxes])))
        places: list[float] = []
        edge = 0.0
        for block in blocks:
            place = edge - block.left
            if places:
                place = max(place, places[-1] + self._s(34.0))
            places.append(place)
            edge = place + block.right + self._s(BETWEEN)
        middle = len(places) // 2
        axis = places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2
        whole = Block(top=max(block.top for block in blocks))
        whole.groups[id(group)] = Bus(0.0, -self._s(BUS), whole.top + self._s(BUS))
        for block, place in zip(blocks, places, strict=True):
            whole.take(block, place - axis, whole.top - block.top if group.level_top else 0.0)
            whole.rects.append(Rect(place - axis - 1, 0.0, place - axis + 1, whole.top))
        return whole

    def _columns(self, chain: Chain) -> dict[int, list[Side]]:
        """Return the side chains that start at the fork of a group, by the group."""
        columns: dict[int, list[Side]] = {}
        keys = [item.key if isinstance(item, Stop) else None for item in chain.items]
        for side in chain.sides:
            if side.start not in keys or side.end not in keys:
                continue
            index = keys.index(side.start) + 1
            while index < len(keys) and isinstance(item := chain.items[index], Stop) and item.what == "tap":
                index += 1
            if index < len(keys) and isinstance(chain.items[index], Group) and keys.index(side.end) > index:
                columns.setdefault(id(chain.items[index]), []).append(side)
        return columns

    def _room_for_sides(
        self, chain: Chain, item: Stop | Group, y: float, block: Block, columns: dict[int, list[Side]]
    ) -> float:
        """Return the height for an item such that the side chains that end there fit below it."""
        if not isinstance(item, Stop):
            return y
        in_group = [side for sides in columns.values() for side in sides]
        for side in chain.sides:
            if side.end != item.key or side in in_group or side.start not in block.spots:
                continue
            low = block.spots[side.start][1] + self.size(side.start).h / 2 + self._s(FORK)
            y = max(y, low + self._height(side) + self._s(GAP) - self.size(item.key).h / 2)
        return y

    def _height(self, side: Side) -> float:
        heights = [self.size(name).h + self.size(name).over for name in side.boxes]
        return sum(heights) + self._s(GAP) * (len(heights) - 1)

    def _beside(self, chain: Chain, block: Block, columns: dict[int, list[Side]]) -> None:
        """Place rails and side chains outwards, the shortest first; loose ends go to the left."""
        in_group = [side for sides in columns.values() for side in sides]
        for side in in_group:
            self._reserve(side, block)
        for side in chain.sides:
            if side.start is None or side.start not in block.spots:
                self._source(side, block)
        spans: list[tuple[float, int, Rail | Side]] = []
        everything: list[Rail | Side] = [*chain.rails, *chain.sides]
        for order, each in enumerate(everything):
            ends = (each.tail, each.head) if isinstance(each, Rail) else (each.start, each.end)
            if each in in_group or ends[0] not in block.spots:
                continue
            low = block.spots[ends[0]][1]
            high = block.spots[ends[1]][1] if ends[1] in block.spots else low
            spans.append((high - low, order, each))
        for span, _, each in sorted(spans, key=lambda entry: entry[:2]):
            if isinstance(each, Rail):
                self._rail(each, block)
            elif each.end in block.spots:
                self._side(each, block, right=not self._is_crossed(each, chain, block, span))
            else:
                self._dead_end(each, block)

    def _is_crossed(self, side: Side, chain: Chain, block: Block, span: float) -> bool:
        """Say whether a rail of the chain would cut the side chain: then it stands on the left."""
        assert side.start is not None
        low = block.spots[side.start][1]
        for rail in chain.rails:
            if rail.tail not in block.spots or rail.head not in block.spots:
                continue
            tail, head = block.spots[rail.tail][1], block.spots[rail.head][1]
            if (low < tail < low + span) != (low < head < low + span):
                return True
        return False

    def _reserve(self, side: Side, block: Block) -> None:
        if side.end not in block.spots or side.boxes[-1] not in block.spots:
            return
        x, low = block.spots[side.boxes[-1]]
        block.rects.append(Rect(x - 2, low, x + 2, block.spots[side.end][1]))

    def _rail(self, rail: Rail, block: Block) -> None:
        if rail.head not in block.spots:
            return
        low, high = sorted((block.spots[rail.tail][1], block.spots[rail.head][1]))
        beads = [self.size(name) for name in rail.beads]
        half = max(
            [self.labels.get(index, 0.0) / 2 for index in rail.edges] + [size.w / 2 for size in beads] + [0.0]
        )
        x = block.reach(low, high, right=True) + self._s(RAIL) + max(0.0, half - self._s(8.0))
        room = high - low - sum(size.h for size in beads)
        step = room / (len(beads) + 1)
        y = low
        for name, size in zip(rail.beads, beads, strict=True):
            y += step
            block.spots[name] = (x, y + size.h / 2)
            block.rects.append(Rect(x - size.w / 2, y, x + size.w / 2 + size.right, y + size.h))
            y += size.h
        block.rects.append(Rect(x - max(half, 1.0), low, x + max(half, 1.0), high))
        block.lanes.append(Lane(rail, x))

    def _side(self, side: Side, block: Block, *, right: bool) -> None:
        assert side.start is not None
        assert side.end is not None
        low = block.spots[side.start][1] + self.size(side.start).h / 2
        high = block.spots[side.end][1]
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        reach = block.reach(low, high, right=right) + self._s(BETWEEN)
        x = reach - column.left if right else -reach - column.right
        block.take(column, x, low + self._s(FORK))
        block.rects.append(Rect(x - 2, low, x + 2, high))

    def _source(self, side: Side, block: Block) -> None:
        """Put boxes that nothing feeds to the left of what they feed, the last at its height."""
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        last = column.spots[side.boxes[-1]][1]
        foot = (block.spots[side.end][1] if side.end in block.spots else last) - last
        reach = block.reach(foot, foot + column.top, right=False) + self._s(GAP)
        block.take(column, -reach - column.right, foot)

    def _dead_end(self, side: Side, block: Block) -> None:
        """Put boxes that feed nothing to the right of what feeds them, the first at its height."""
        assert side.start is not None
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        foot = block.spots[side.start][1] - column.spots[side.boxes[0]][1]
        reach = block.reach(foot, foot + column.top, right=True) + self._s(GAP)
        block.take(column, reach - column.left, foot)
