"""A chain folded into a U: where concatenations nest in each other, as in a U-Net, each becomes a level line.

The chain goes down on the left as far as the innermost of them, and up on the right. What leaves on the left
meets what it joins on the right at the same height.
"""

from __future__ import annotations

from itertools import pairwise

from archcheck.connections import Kind
from archcheck.diagram.layout.placement import BUS, FORK, GAP, Block, Builder, PlacedRail, Rect
from archcheck.diagram.layout.series_parallel import Chain, ParallelGroup, Rail, Stop

APART = 44.0


def laid_out(builder: Builder, root: Chain) -> Block:
    """Lay out the chain of a panel: folded where it can be, else on one axis."""
    rails = _levels(root)
    return _Fold(builder, root, rails).block if rails else builder.chain(root)


def _levels(root: Chain) -> list[Rail]:
    """Return the rails of a chain from the innermost outwards, or none where it can't be folded.

    It can where there are at least two, each inside the next, all of them concatenations, nothing else stands
    beside the chain, and at least one box is within all.
    """
    places = {item.key: place for place, item in enumerate(root.items) if isinstance(item, Stop)}
    joins = {item.key for item in root.items if isinstance(item, Stop) and item.kind is Kind.CONCAT}
    plain = not root.sides and not any(
        isinstance(item, ParallelGroup) or item.what == "pass" for item in root.items
    )
    rails = sorted(root.rails, key=lambda rail: -places.get(rail.tail, 0))
    if not plain or len(rails) < 2 or any(rail.beads or rail.head not in joins for rail in rails):
        return []
    nested = all(
        places[outer.tail] < places[inner.tail] and places[inner.head] < places[outer.head]
        for inner, outer in pairwise(rails)
    )
    return rails if nested and places[rails[0].head] - places[rails[0].tail] > 1 else []


class _Fold:
    """Places the two columns, from the fold upwards, level by level."""

    def __init__(self, builder: Builder, root: Chain, rails: list[Rail]) -> None:
        stops = [item for item in root.items if isinstance(item, Stop)]
        keys = [stop.key for stop in stops]
        cut = (keys.index(rails[0].tail) + keys.index(rails[0].head) + 2) // 2
        self.builder, self.block = builder, Block()
        self.columns = (stops[:cut][::-1], stops[cut:])
        self.block.down = frozenset(keys[:cut])
        self.axes = (0.0, self._distance(rails))
        turn = builder.size(keys[cut - 1])
        self.tops = [0.0, turn.h / 2 + builder.scaled(FORK - GAP)]
        self.at = [0, 0]
        for rail in rails:
            self._level(rail)
        for side in (0, 1):
            self._fill(side, len(self.columns[side]))
        self.block.top = max(self.tops)

    def _distance(self, rails: list[Rail]) -> float:
        """Return how far apart the axes stand: room for the boxes and for what is written on the rails."""
        left, right = (
            max(self.builder.size(stop.key).w / 2 + self.builder.size(stop.key).right for stop in column)
            for column in self.columns
        )
        labels = [self.builder.labels.get(index, 0.0) for rail in rails for index in rail.edges]
        return left + right + self.builder.scaled(APART) + max([0.0, *labels])

    def _level(self, rail: Rail) -> None:
        """Place both columns up to the ends of a rail, and these at one height."""
        ends = (rail.tail, rail.head)
        for side in (0, 1):
            keys = [stop.key for stop in self.columns[side]]
            self._fill(side, keys.index(ends[side]))
        heights = [self.tops[side] + self._gap(side) + self.builder.size(ends[side]).h / 2 for side in (0, 1)]
        for side in (0, 1):
            self.tops[side] += max(heights) - heights[side]
            self._fill(side, self.at[side] + 1)
        y = max(heights)
        begin, end = self.axes[0], self.axes[1] - self.builder.size(rail.head).w / 2
        self.block.rects.append(Rect(begin, y - 1, end, y + 1))
        self.block.lanes.append(PlacedRail(rail, (begin + end) / 2))

    def _fill(self, side: int, until: int) -> None:
        while self.at[side] < until:
            y = self.tops[side] + self._gap(side)
            stop = self.columns[side][self.at[side]]
            self.tops[side] = y + self.builder.place(self.block, stop, y, self.axes[side])
            self.at[side] += 1

    def _gap(self, side: int) -> float:
        """Return the gap below the next stop of a column; on the left the flow comes from above."""
        at = self.at[side]
        if at == 0:
            return self.builder.scaled(BUS) if side else 0.0
        below, here = self.columns[side][at - 1], self.columns[side][at]
        return self.builder.gap(below, here) if side else self.builder.gap(here, below)
