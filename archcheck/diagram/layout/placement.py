"""Where everything in a panel stands: a tree of chains and groups becomes coordinates.

Points; x grows to the right from the axis of the chain, y grows upwards from its foot. A chain is placed from
input to output on its axis, then what runs beside it goes outwards, the shortest first, so that nothing
stands in the way of a line that enters the axis from the side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from archcheck.diagram.layout.series_parallel import Chain, ParallelGroup, Rail, SideChain, Stop

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
        """Return a moved copy."""
        return Rect(self.x0 + dx, self.y0 + dy, self.x1 + dx, self.y1 + dy)


@dataclass(frozen=True, slots=True)
class PlacedRail:
    """A rail at its place: it runs at `x`."""

    rail: Rail
    x: float


@dataclass(frozen=True, slots=True)
class Bus:
    """Where the branches of a group part (`fork`) and meet (`join`), their axis, the outermost branches."""

    axis: float
    fork: float
    join: float
    left: float
    right: float

    def moved(self, dx: float, dy: float) -> Bus:
        """Return a moved copy."""
        return Bus(self.axis + dx, self.fork + dy, self.join + dy, self.left + dx, self.right + dx)


@dataclass(slots=True)
class Block:
    """A chain or group laid out. `spots` holds centres; `groups` the buses by the id of the group.

    `down` holds the stops in which the flow goes downwards: those on the left of a folded chain.
    """

    spots: dict[str, tuple[float, float]] = field(default_factory=dict)
    rects: list[Rect] = field(default_factory=list)
    lanes: list[PlacedRail] = field(default_factory=list)
    groups: dict[int, Bus] = field(default_factory=dict)
    top: float = 0.0
    down: frozenset[str] = frozenset()

    @property
    def left(self) -> float:
        """The leftmost x."""
        return min((rect.x0 for rect in self.rects), default=0.0)

    @property
    def right(self) -> float:
        """The rightmost x."""
        return max((rect.x1 for rect in self.rects), default=0.0)

    def take(self, other: Block, dx: float, dy: float) -> None:
        """Put another block into this one."""
        self.spots |= {key: (x + dx, y + dy) for key, (x, y) in other.spots.items()}
        self.rects += [rect.moved(dx, dy) for rect in other.rects]
        self.lanes += [PlacedRail(lane.rail, lane.x + dx) for lane in other.lanes]
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
        before: Stop | ParallelGroup | None = None
        for item in chain.items:
            y += self.gap(before, item)
            y = self._room_for_sides(chain, item, y, block, columns)
            if isinstance(item, ParallelGroup):
                group = self._group(item, columns.get(id(item), []), self._widest(chain))
                block.take(group, 0.0, y)
                y += group.top
            else:
                y += self.place(block, item, y)
                if isinstance(before, ParallelGroup):
                    self._reserve_join(block, block.groups[id(before)], item)
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
        """Return the size of a stop."""
        return self.sizes.get(key, Size())

    def scaled(self, length: float) -> float:
        """Return a length in the theme's scale."""
        return length * self.scale

    def place(self, block: Block, stop: Stop, y: float, x: float = 0.0) -> float:
        """Put a stop on the axis with its foot at y; return its height."""
        size = self.size(stop.key)
        block.spots[stop.key] = (x, y + size.h / 2)
        if size.w or size.h:
            block.rects.append(Rect(x - size.w / 2, y, x + size.w / 2 + size.right, y + size.h + size.over))
        return size.h + size.over

    def gap(self, before: Stop | ParallelGroup | None, item: Stop | ParallelGroup) -> float:
        """Return the gap between two consecutive items."""
        return self._natural_gap(before, item) * self.air

    def _natural_gap(self, before: Stop | ParallelGroup | None, item: Stop | ParallelGroup) -> float:
        if before is None:
            return 0.0
        below = before.what if isinstance(before, Stop) else "group"
        here = item.what if isinstance(item, Stop) else "group"
        if below == "group" and here == "group":
            return self.scaled(2 * FORK)
        if here == "group":
            return self.scaled(FORK)
        if below == "group":
            return self.scaled(
                BETWEEN if self._is_round(item) else FORK if here != "tap" else BUS + TAP_ABOVE
            )
        if "tap" in (below, here):
            return self.scaled(10.0 if below == here else TAP_ABOVE if here == "tap" else TAP_BELOW)
        return self.scaled(GAP)

    def _reserve_join(self, block: Block, bus: Bus, above: Stop) -> None:
        """Keep the way of the branches free, up to where they meet."""
        height = block.spots[above.key][1] if self._is_round(above) else bus.join
        block.rects += [
            Rect(x - 1, bus.join - self.scaled(BUS), x + 1, height) for x in (bus.left, bus.right)
        ]

    def _is_round(self, item: Stop | ParallelGroup) -> bool:
        if isinstance(item, ParallelGroup):
            return False
        size = self.size(item.key)
        return item.what == "sink" or (item.what == "box" and 0 < size.w <= self.scaled(30.0))

    def _widest(self, chain: Chain) -> float:
        sizes = [self.size(item.key) for item in chain.items if isinstance(item, Stop)]
        return max(size.w / 2 + size.right for size in sizes)

    def _group(self, group: ParallelGroup, sides: list[SideChain], clear: float) -> Block:
        """Lay the branches, and side chains from the same fork, side by side about the axis."""
        blocks = [self.chain(branch) for branch in group.chains]
        for side in sides:
            blocks.append(self.chain(Chain([Stop(name) for name in side.boxes])))
        places: list[float] = []
        edge = 0.0
        for block in blocks:
            place = edge - block.left
            if places:
                place = max(place, places[-1] + self.scaled(34.0))
            places.append(place)
            edge = place + block.right + self.scaled(BETWEEN)
        middle = len(places) // 2
        axis = places[middle] if len(places) % 2 else (places[middle - 1] + places[middle]) / 2
        whole = Block(top=max(block.top for block in blocks))
        for number in range(len(group.chains), len(places)):
            places[number] = max(
                places[number], axis + clear + self.scaled(BETWEEN) * (number - len(group.chains) + 1)
            )
        fork, join = -self.scaled(BUS), whole.top + self.scaled(BUS)
        inner = len(group.chains) - 1
        whole.groups[id(group)] = Bus(0.0, fork, join, places[0] - axis, places[inner] - axis)
        for number, (block, place) in enumerate(zip(blocks, places, strict=True)):
            lifted = group.level_top and number <= inner
            whole.take(block, place - axis, whole.top - block.top if lifted else 0.0)
            whole.rects.append(Rect(place - axis - 1, 0.0, place - axis + 1, whole.top))
        return whole

    def _columns(self, chain: Chain) -> dict[int, list[SideChain]]:
        """Return the side chains that start at the fork of a group and pass no other, by the group."""
        columns: dict[int, list[SideChain]] = {}
        keys = [item.key if isinstance(item, Stop) else None for item in chain.items]
        for side in chain.sides:
            if side.start not in keys or side.end not in keys:
                continue
            index = keys.index(side.start) + 1
            while index < len(keys) and isinstance(item := chain.items[index], Stop) and item.what == "tap":
                index += 1
            groups = [
                item for item in chain.items[index : keys.index(side.end)] if isinstance(item, ParallelGroup)
            ]
            if len(groups) == 1 and groups[0] is chain.items[index]:
                columns.setdefault(id(groups[0]), []).append(side)
        return columns

    def _room_for_sides(
        self,
        chain: Chain,
        item: Stop | ParallelGroup,
        y: float,
        block: Block,
        columns: dict[int, list[SideChain]],
    ) -> float:
        """Return the height for an item such that the side chains that end there fit below it."""
        if not isinstance(item, Stop) or item.what == "tap":
            return y
        for side in chain.sides:
            if (
                side.end is None and side.start in block.spots
            ):  # a loose end: the way into the item stays free
                top = block.spots[side.start][1] + self._height(side)
                y = max(y, top - self.size(item.key).h / 2)
        in_group = [side for sides in columns.values() for side in sides]
        for side in chain.sides:
            if side.end != item.key or side in in_group or side.start not in block.spots:
                continue
            low = self._foot(side, chain, block)
            y = max(y, low + self._height(side) + self.scaled(GAP) - self.size(item.key).h / 2)
        return y

    def _height(self, side: SideChain) -> float:
        heights = [self.size(name).h + self.size(name).over for name in side.boxes]
        return sum(heights) + self.scaled(GAP) * (len(heights) - 1)

    def _beside(self, chain: Chain, block: Block, columns: dict[int, list[SideChain]]) -> None:
        """Place rails and side chains outwards, the shortest first; loose ends go to the left."""
        in_group = [side for sides in columns.values() for side in sides]
        for side in in_group:
            self._reserve(side, block)
        for side in chain.sides:
            if side.start in block.spots and side.end not in block.spots:
                self._dead_end(side, block)
        beside = [side for side in chain.sides if side not in in_group and self._is_anchored(side, block)]
        rails = [rail for rail in chain.rails if {rail.tail, rail.head} <= block.spots.keys()]
        everything: list[Rail | SideChain] = [*beside, *rails]
        spans = {id(each): self._span(each, chain, block) for each in everything}
        outer = [
            rail for rail in rails if all(_is_around(spans[id(rail)], spans[id(side)]) for side in beside)
        ]
        inner = [rail for rail in rails if rail not in outer]
        for rail in sorted(inner, key=lambda each: _length(spans[id(each)])):
            self._rail(rail, block)
        for side in sorted(beside, key=lambda each: _length(spans[id(each)])):
            self._side(side, chain, block)
        for rail in sorted(outer, key=lambda each: _length(spans[id(each)])):
            self._rail(rail, block)
        for side in chain.sides:
            if side.start is None or side.start not in block.spots:
                self._source(side, block)

    def _is_anchored(self, side: SideChain, block: Block) -> bool:
        return side.start in block.spots and side.end in block.spots

    def _span(self, each: Rail | SideChain, chain: Chain, block: Block) -> tuple[float, float]:
        """Return the heights between which a rail or a side chain stands beside the chain."""
        if isinstance(each, Rail):
            low, high = sorted((block.spots[each.tail][1], block.spots[each.head][1]))
            return low, high
        assert each.end is not None
        return self._foot(each, chain, block), block.spots[each.end][1]

    def _foot(self, side: SideChain, chain: Chain, block: Block) -> float:
        """Return where a side chain begins: above the fork, and above the taps on the way to it."""
        assert side.start is not None
        foot = block.spots[side.start][1] + self.size(side.start).h / 2 + self.scaled(FORK)
        keys = [item.key if isinstance(item, Stop) else "" for item in chain.items]
        if side.start in keys:
            for item in chain.items[keys.index(side.start) + 1 :]:
                if isinstance(item, ParallelGroup) or item.what != "tap" or item.key not in block.spots:
                    break
                foot = max(foot, block.spots[item.key][1] + self.scaled(BUS + 6))
        return foot

    def _reserve(self, side: SideChain, block: Block) -> None:
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
        x = block.reach(low, high, right=True) + self.scaled(RAIL) + max(0.0, half - self.scaled(8.0))
        room = high - low - sum(size.h for size in beads)
        step = room / (len(beads) + 1)
        y = low
        for name, size in zip(rail.beads, beads, strict=True):
            y += step
            block.spots[name] = (x, y + size.h / 2)
            block.rects.append(Rect(x - size.w / 2, y, x + size.w / 2 + size.right, y + size.h))
            y += size.h
        block.rects.append(Rect(x - max(half, 1.0), low, x + max(half, 1.0), high))
        block.lanes.append(PlacedRail(rail, x))

    def _side(self, side: SideChain, chain: Chain, block: Block) -> None:
        assert side.start is not None
        assert side.end is not None
        low = block.spots[side.start][1] + self.size(side.start).h / 2
        high = block.spots[side.end][1]
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        x = block.reach(low, high, right=True) + self.scaled(BETWEEN) - column.left
        block.take(column, x, self._foot(side, chain, block))
        block.rects.append(Rect(x - 2, low, x + 2, high))

    def _source(self, side: SideChain, block: Block) -> None:
        """Put boxes that nothing feeds to the left of what they feed, the last at its height."""
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        last = column.spots[side.boxes[-1]][1]
        foot = (block.spots[side.end][1] if side.end in block.spots else last) - last
        reach = block.reach(foot, foot + column.top, right=False) + self.scaled(GAP)
        block.take(column, -reach - column.right, foot)

    def _dead_end(self, side: SideChain, block: Block) -> None:
        """Put boxes that feed nothing to the left of the tap that feeds them, the first about its height."""
        assert side.start is not None
        column = self.chain(Chain([Stop(name) for name in side.boxes]))
        half = self.size(side.boxes[0]).h / 2
        foot = block.spots[side.start][1] - min(half, self.scaled(TAP_ABOVE - 2))
        reach = block.reach(foot, foot + column.top, right=False) + self.scaled(GAP)
        block.take(column, -reach - column.right, foot)


def _length(span: tuple[float, float]) -> float:
    return span[1] - span[0]


def _is_around(outer: tuple[float, float], inner: tuple[float, float]) -> bool:
    """Say whether one span contains the other or lies wholly elsewhere."""
    contains = outer[0] <= inner[0] and inner[1] <= outer[1]
    return contains or outer[1] <= inner[0] or inner[1] <= outer[0]
