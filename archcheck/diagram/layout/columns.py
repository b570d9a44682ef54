"""A long chain in columns: it goes up in each, and from the top of one to the foot of the next."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from archcheck.diagram.layout.placement import BUS, Block, Builder
from archcheck.diagram.layout.routing import Point, Router, Wire, tidy
from archcheck.diagram.layout.series_parallel import Chain, ParallelGroup, Stop

TALL = 1_000.0
COLUMN = 700.0
APART = 30.0


def in_columns(root: Chain, block: Block, builder: Builder) -> tuple[Block, list[Wire]] | None:
    """Return a chain in columns; None if it is not tall or no cut leaves all beside it whole."""
    natural = block.top / builder.air
    if block.down or natural <= builder.scaled(TALL):
        return None
    cuts = _cuts(root, block, math.ceil(natural / builder.scaled(COLUMN)))
    if not cuts:
        return None
    parts = _parts(root, cuts)
    whole, wires = Block(), list[Wire]()
    lift, x = builder.scaled(BUS), 0.0
    before: tuple[Stop, float] | None = None
    for part in parts:
        column = builder.chain(part)
        dx = x - column.left
        own = Router(part, column, builder.sizes, builder.scale).wires()
        wires += [_moved(wire, dx, lift) for wire in own]
        whole.take(column, dx, lift)
        first, last = _ends(part)
        if before is not None:
            wires.append(_turn(before, first, whole, builder, x - builder.scaled(APART / 2)))
        x += column.right - column.left + builder.scaled(APART)
        before = (last, lift + column.top)
    whole.top = max(rect.y1 for rect in whole.rects) + lift
    return whole, wires


def _moved(wire: Wire, dx: float, dy: float) -> Wire:
    points = tuple((x + dx, y + dy) for x, y in wire.points)
    return Wire(wire.tail, wire.head, points, wire.edges, wire.arrow)


def _turn(before: tuple[Stop, float], first: Stop, block: Block, builder: Builder, gutter: float) -> Wire:
    """Lead from the last stop of a column, over its top and down the gutter, to the first of the next."""
    last, top = before
    (x0, y0), (x1, y1) = block.spots[last.key], block.spots[first.key]
    size = builder.size(last.key)
    over = top + builder.scaled(BUS) / 2
    points: tuple[Point, ...] = (
        (x0, y0 + size.h / 2 + size.over),
        (x0, over),
        (gutter, over),
        (gutter, 0.0),
        (x1, 0.0),
        (x1, y1 - builder.size(first.key).h / 2),
    )
    return Wire(last.key, first.key, tidy(points))


def _cuts(root: Chain, block: Block, count: int) -> list[int]:
    """Return the indices of `count` - 1 items after which the chain is cut, at about equal heights."""
    free = list(_free_cuts(root))
    cuts: list[int] = []
    for number in range(1, count):
        goal = block.top * number / count
        later = [at for at in free if not cuts or at > cuts[-1]]
        if later:
            cuts.append(min(later, key=lambda at: abs(_height(root.items[at], block) - goal)))
    return cuts


def _height(item: Stop | ParallelGroup, block: Block) -> float:
    return block.spots[item.key][1] if isinstance(item, Stop) else 0.0


def _free_cuts(root: Chain) -> Iterator[int]:
    """Yield the items after which nothing holds the chain together but the flow."""
    at = {key: index for index, item in enumerate(root.items) for key in _keys(item)}
    held = [(rail.tail, rail.head) for rail in root.rails] + [(side.start, side.end) for side in root.sides]
    spans = [sorted((at[low], at[high])) for low, high in held if low in at and high in at]
    for index, (item, after) in enumerate(pairwise(root.items)):
        plain = isinstance(item, Stop) and isinstance(after, Stop) and item.what in ("box", "sink")
        if plain and not any(low <= index < high for low, high in spans):
            yield index


def _keys(item: Stop | ParallelGroup) -> list[str]:
    if isinstance(item, Stop):
        return [item.key]
    return [key for chain in item.chains for each in chain.items for key in _keys(each)]


def _parts(root: Chain, cuts: list[int]) -> list[Chain]:
    bounds = [0, *(cut + 1 for cut in cuts), len(root.items)]
    parts = [Chain(root.items[low:high]) for low, high in pairwise(bounds)]
    owner = {key: part for part in parts for item in part.items for key in _keys(item)}
    for rail in root.rails:
        owner[rail.tail].rails.append(rail)
    for side in root.sides:
        end = side.start if side.start is not None else side.end
        owner.get(end or "", parts[0]).sides.append(side)
    return parts


def _ends(part: Chain) -> tuple[Stop, Stop]:
    """Return the first and the last stop of a part, passing over taps."""
    stops = [item for item in part.items if isinstance(item, Stop) and item.what != "tap"]
    return stops[0], stops[-1]
