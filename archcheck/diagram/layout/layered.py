"""A panel in layers: for a flow that is not series-parallel. Every line keeps to columns and channels.

A line runs upwards beside the boxes of a layer, in a column of its own, and sideways between two layers, on a
track that no other line shares there.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

from archcheck.diagram.layout.layers import Layers, Width, axes_of, layers_of
from archcheck.diagram.layout.nets import Graph, graph_of
from archcheck.diagram.layout.placement import GAP, Rect, Size
from archcheck.diagram.layout.plan import Plan, lane_of
from archcheck.diagram.layout.routing import Point, Wire, tidy
from archcheck.spec.model import Panel

BESIDE = 22.0
TRACK = 8.0
FIRST_TRACK = 9.0
LAST_TRACK = 17.0
NEAR = 4.0


def layered(
    panel: Panel, sizes: Mapping[str, Size], labels: Mapping[int, Size], scale: float, air: float
) -> Plan:
    """Lay out a panel in layers.

    `sizes` gives the boxes' sizes, `labels` those of what is written on skip paths; `scale` multiplies all
    distances, `air` those along the flow.
    """
    graph = graph_of(panel)
    circle = 20.0 * scale
    everything = {**sizes, **dict.fromkeys(graph.sinks, Size(circle, circle))}
    rounds = frozenset(key for key, size in everything.items() if 0 < size.w <= 1.5 * circle)
    layers = layers_of(graph, rounds)
    return _Layered(graph, layers, everything, labels, rounds, (scale, air)).plan()


@dataclass(slots=True)
class _Channel:
    """What runs between two layers: where each net comes in, where it goes out, and its track."""

    enters: dict[int, float] = field(default_factory=dict)
    leaves: dict[int, list[float]] = field(default_factory=dict)
    tracks: dict[int, int] = field(default_factory=dict)

    def span(self, net: int) -> tuple[float, float]:
        places = [self.enters[net], *self.leaves[net]]
        return min(places), max(places)

    def assign(self) -> None:
        """Give each net that runs sideways a track, so that no two lines lie on each other."""
        bent = [net for net in self.enters if self.span(net)[1] - self.span(net)[0] > 0.5]
        below = self._below(bent)
        waiting = sorted(bent, key=self.span)
        track = 0
        while waiting:
            free = [net for net in waiting if not below[net] & set(waiting)] or waiting[:1]
            end = -math.inf
            for net in free:
                low, high = self.span(net)
                if low > end + NEAR:
                    self.tracks[net] = track
                    end = high
            waiting = [net for net in waiting if net not in self.tracks]
            track += 1

    def _below(self, bent: list[int]) -> dict[int, set[int]]:
        """For each net those that must run below it: they come in from below where it goes out upwards."""
        below: dict[int, set[int]] = {net: set() for net in bent}
        entries = sorted((x, net) for net, x in self.enters.items() if net in below)
        for net in bent:
            for x in self.leaves[net]:
                at = bisect_left(entries, (x - NEAR, -1))
                while at < len(entries) and entries[at][0] < x + NEAR:
                    other = entries[at][1]
                    if other != net and abs(entries[at][0] - self.enters[net]) > 0.5:
                        below[net].add(other)
                    at += 1
        return below


class _Layered:
    def __init__(
        self,
        graph: Graph,
        layers: Layers,
        sizes: Mapping[str, Size],
        labels: Mapping[int, Size],
        rounds: frozenset[str],
        scales: tuple[float, float],
    ) -> None:
        self.graph, self.layers, self.sizes, self.labels = graph, layers, sizes, labels
        self.rounds, (self.scale, self.air) = rounds, scales
        self.chips = self._chips()
        widths = {node: self._width(node) for row in layers.rows for node in row}
        self.axes = axes_of(layers, widths, BESIDE * self.scale)
        self.ports: dict[tuple[int, str], float] = {}
        self.channels = [self._channel(number) for number in range(len(layers.rows))]
        self.heights: list[tuple[float, float]] = []
        self._stack()

    def plan(self) -> Plan:
        middle = [(low + high) / 2 for low, high in self.heights]
        level = {node: number for number, row in enumerate(self.layers.rows) for node in row}
        spots = {node: (self.axes[node], middle[level[node]]) for node in self.graph.nodes}
        plan = Plan(spots, self.sizes, dict(self.graph.sinks))
        for index, net in enumerate(self.graph.nets):
            for head in net.heads:
                points = tidy(self._way(index, net.tail, head, level, spots))
                edges = () if net.edge is None else (net.edge,)
                plan.wires.append(Wire(net.tail, head, points, edges, not head.startswith(":tap")))
        self._lanes(plan, level)
        plan.extent = self._extent(plan)
        return plan

    def _chips(self) -> dict[str, Size]:
        """Return the via of each residual edge's skip path that has room for its label: the middle one."""
        chips = {}
        for index, net in enumerate(self.graph.nets):
            vias = list(self.layers.vias.get(index, {}).values())
            if net.edge is not None and vias and net.edge in self.labels:
                chips[vias[len(vias) // 2]] = self.labels[net.edge]
        return chips

    def _width(self, node: str) -> Width:
        size = self.sizes.get(node) or self.chips.get(node) or Size()
        return Width(size.w / 2, size.w / 2 + size.right)

    def _channel(self, number: int) -> _Channel:
        """Find where each net crosses the gap above a layer, and its track there."""
        channel = _Channel()
        incoming: dict[str, list[int]] = {}
        for link in self.layers.links[number]:
            channel.enters[link.net] = self.axes[link.low]
            via = self.layers.vias.get(link.net, {}).get(number + 1, link.high)
            if self._enters_side(via, link.high, number + 1):
                continue
            incoming.setdefault(link.high, []).append(link.net)
        for node, nets in incoming.items():
            nets = sorted(set(nets), key=lambda net: (channel.enters[net], net))
            for net, x in zip(
                nets, self._port_places(node, [channel.enters[net] for net in nets]), strict=True
            ):
                self.ports[net, node] = x
                channel.leaves.setdefault(net, []).append(x)
        channel.assign()
        return channel

    def _enters_side(self, via: str, head: str, level: int) -> bool:
        """Say whether a via in a head's own layer stands next to it: then the line leads into its side."""
        if via == head or head not in self.sizes:
            return False
        row = self.layers.rows[level]
        return abs(row.index(via) - row.index(head)) == 1

    def _port_places(self, node: str, sources: list[float]) -> list[float]:
        """Return where lines enter a node from below, in their order: one line in the middle, or straight."""
        axis, size = self.axes[node], self.sizes.get(node, Size())
        count = len(sources)
        if count == 1:
            near = abs(sources[0] - axis) < size.w * 0.3 and node not in self.rounds
            return [sources[0] if near else axis]
        reach = size.w * (0.36 if node in self.rounds else 0.4)
        step = min(2 * reach / max(1, count - 1), 26.0 * self.scale)
        return [axis + step * (place - (count - 1) / 2) for place in range(count)]

    def _stack(self) -> None:
        """Find the heights of the layers: as high as their boxes, with room for the tracks between them."""
        y = 0.0
        for row, channel in zip(self.layers.rows, self.channels, strict=True):
            each = [self.sizes.get(node) or self.chips.get(node) or Size() for node in row]
            height = max((size.h + 2 * size.over for size in each), default=0.0)
            self.heights.append((y, y + height))
            tracks = max(channel.tracks.values(), default=-1) + 1
            need = FIRST_TRACK + TRACK * (tracks - 1) + LAST_TRACK if tracks else GAP
            y += height + max(need, GAP) * self.scale * self.air

    def _track(self, number: int, net: int) -> float:
        """Return the height of a net's track above a layer."""
        low, high = self.heights[number][1], self.heights[number + 1][0]
        count = max(self.channels[number].tracks.values()) + 1
        first, last = FIRST_TRACK * self.scale, LAST_TRACK * self.scale
        step = (high - low - first - last) / max(1, count - 1)
        return low + first + step * self.channels[number].tracks[net]

    def _way(
        self, index: int, tail: str, head: str, level: Mapping[str, int], spots: Mapping[str, Point]
    ) -> tuple[Point, ...]:
        """Return the points of one line: through the vias of its net, on its track where it turns aside."""
        vias = self.layers.vias.get(index, {})
        size = self.sizes.get(tail, Size())
        x, y = spots[tail]
        points: list[Point] = [(x, y + size.h / 2 + size.over)]
        if level[tail] in vias:
            x = self.axes[vias[level[tail]]]
            points.append((x, y))
        for number in range(level[tail], level[head]):
            is_last = number + 1 == level[head]
            node = vias.get(number + 1, head)
            if is_last and not self._enters_side(node, head, number + 1):
                node = head
            goal = self.ports[index, node]
            if abs(goal - x) > 0.5:
                track = self._track(number, index)
                points += [(x, track), (goal, track)]
            x = goal
            if node == head:
                points.append((x, self._foot(head, x, spots)))
            elif is_last:
                rim, height = spots[head]
                size = self.sizes[head]
                side = rim + size.w / 2 + size.right if x > rim else rim - size.w / 2
                points += [(x, height), (side, height)]
            else:
                points.append((x, self.heights[number + 1][1]))
        return tuple(points)

    def _foot(self, node: str, x: float, spots: Mapping[str, Point]) -> float:
        """Return the height at which a line at `x` meets a node from below."""
        axis, y = spots[node]
        size = self.sizes.get(node, Size())
        if node in self.rounds:
            return y - math.sqrt(max(0.0, (size.w / 2) ** 2 - (x - axis) ** 2))
        return y - size.h / 2

    def _lanes(self, plan: Plan, level: Mapping[str, int]) -> None:
        for edge, (tail, head) in self.graph.ends.items():
            ways = [wire for wire in plan.wires if wire.edges == (edge,)]
            if ways:
                plan.lanes[edge] = lane_of(ways, plan.spots[tail], plan.spots[head], tail, head)
        for index, net in enumerate(self.graph.nets):
            for via in self.layers.vias.get(index, {}).values():
                if via in self.chips and net.edge in plan.lanes:
                    number = next(n for n, row in enumerate(self.layers.rows) if via in row)
                    low, high = self.heights[number]
                    plan.labels[net.edge] = (self.axes[via], (low + high) / 2)

    def _extent(self, plan: Plan) -> Rect:
        rects = [
            Rect(x - size.w / 2, y - size.h / 2, x + size.w / 2 + size.right, y + size.h / 2 + size.over)
            for node, (x, y) in plan.spots.items()
            for size in [self.sizes.get(node, Size())]
        ]
        xs = [x for wire in plan.wires for x, _ in wire.points]
        xs += [self.axes[via] + side * size.w / 2 for via, size in self.chips.items() for side in (-1, 1)]
        return Rect(
            min([*xs, *(rect.x0 for rect in rects)]),
            0.0,
            max([*xs, *(rect.x1 for rect in rects)]),
            max([self.heights[-1][1], *(rect.y1 for rect in rects)]),
        )
