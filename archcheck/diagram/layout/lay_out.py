"""How a panel is laid out: as a series-parallel flow where that gives a faultless picture, else in layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from archcheck.diagram.layout.columns import in_columns
from archcheck.diagram.layout.flaws import is_flawless
from archcheck.diagram.layout.folding import laid_out
from archcheck.diagram.layout.layered import layered
from archcheck.diagram.layout.measuring import Measure, chains
from archcheck.diagram.layout.placement import Builder, Rect
from archcheck.diagram.layout.plan import Plan, lane_of
from archcheck.diagram.layout.routing import Router
from archcheck.diagram.layout.series_parallel import Chain, Stop, structure
from archcheck.spec.model import Panel

LOOSEST = 1.7


def lay_out(panel: Panel, measure: Measure, scale: float, height: float = 0.0) -> Plan:
    """Lay out a panel; `height` is what it may grow to by standing further apart."""
    labels = measure.label_sizes()
    root = structure(panel)
    if root is not None:
        for folds in (True, False):
            plan = _spread(partial(_series_parallel, root, measure, scale, folds=folds), height)
            if is_flawless(plan, labels):
                return plan
    sizes = measure.box_sizes()
    return _spread(lambda air: layered(panel, sizes, labels, scale, air), height)


def _spread(laid: Callable[[float], Plan], height: float) -> Plan:
    """Lay out with gaps as wide as the height allows, at most LOOSEST times as natural."""
    plan = laid(1.0)
    if height > plan.extent.y1 + 1:
        growth = laid(LOOSEST).extent.y1 - plan.extent.y1
        part = min(1.0, (height - plan.extent.y1) / growth) if growth > 1 else 0.0
        plan = laid(1 + part * (LOOSEST - 1))
    return plan


def _series_parallel(root: Chain, measure: Measure, scale: float, air: float, *, folds: bool) -> Plan:
    sizes = measure.sizes(root)
    widths = {index: size.w for index, size in measure.label_sizes().items()}
    builder = Builder(sizes, scale, widths, air)
    block = laid_out(builder, root)
    columns = in_columns(root, block, builder) if folds else None
    block, wires = columns or (block, Router(root, block, sizes, scale).wires())
    sinks = {
        item.key: item.kind
        for chain in chains(root)
        for item in chain.items
        if isinstance(item, Stop) and item.what == "sink"
    }
    plan = Plan(block.spots, sizes, sinks, wires)
    plan.extent = Rect(block.left, 0.0, block.right, block.top)
    for lane in block.lanes:
        rail = lane.rail
        tail, head = plan.spots[rail.tail], plan.spots[rail.head]
        ways = [wire for wire in plan.wires if wire.edges and wire.edges[0] in rail.edges]
        for index in rail.edges:
            plan.lanes[index] = lane_of(ways, tail, head, rail.tail, rail.head)
        for index in rail.edges[:1]:
            if not rail.beads:
                plan.labels[index] = (lane.x, (tail[1] + head[1]) / 2)
    return plan
