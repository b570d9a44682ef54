"""A panel as a graph of nodes and nets: for a panel whose flow is not series-parallel.

A net is what leaves one node for others. Nodes are boxes, the sinks and taps of residual edges, and the
panel's input and output.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from archcheck.connections import Kind
from archcheck.diagram.layout.series_parallel import is_join
from archcheck.diagram.theme import role_of
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Panel, ResidualEdge, Role

INPUT, OUTPUT = ":input", ":output"


@dataclass(frozen=True, slots=True)
class Net:
    """Lines from one node to others; `edge` is the index of the residual edge whose skip path they are."""

    tail: str
    heads: tuple[str, ...]
    edge: int | None = None


@dataclass(slots=True)
class Graph:
    """Nodes in the order of the flow, nets, sinks, and (`ends`) where each residual edge begins and ends."""

    nodes: list[str] = field(default_factory=list)
    nets: list[Net] = field(default_factory=list)
    sinks: dict[str, Kind] = field(default_factory=dict)
    ends: dict[int, tuple[str, str]] = field(default_factory=dict)

    def fed(self) -> frozenset[str]:
        """Return the nodes to which the panel's input, or else the first node, leads."""
        fed = {INPUT if INPUT in self.nodes else node for node in self.nodes[:1]}
        rank = {node: number for number, node in enumerate(self.nodes)}
        for net in sorted(self.nets, key=lambda each: rank[each.tail]):
            if net.tail in fed:
                fed.update(net.heads)
        return frozenset(fed)


def graph_of(panel: Panel) -> Graph:
    """Return the panel's graph; it has no cycle, as the flow of a spec that was read has none."""
    return _Reader(panel).graph()


class _Reader:
    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.edges = flow_edges(panel)
        self.reach = Reachability(panel)
        self.before: dict[str, list[str]] = {name: [] for name in panel.boxes}
        self.after: dict[str, list[str]] = {name: [] for name in panel.boxes}
        for tail, head in self.edges:
            self.before[head].append(tail)
            self.after[tail].append(head)
        self.found = Graph()
        self.out = {name: name for name in panel.boxes}
        self.taps: dict[str, str] = {}
        self.owners: dict[str, str] = {}  # of boxes on skip paths, where the first such path begins
        self.lines: list[tuple[str, str, int | None]] = []

    def graph(self) -> Graph:
        rank = {name: number for number, name in enumerate(self.reach.order)}
        spans = {}
        for index, edge in enumerate(self.panel.residuals):
            first, last = edge.span
            if last in rank:
                spans[index] = rank[last] - rank.get(first, -1)
        for index in sorted(spans, key=lambda each: (spans[each], each)):
            self._residual(index)
        for tail, head in self.edges:
            self.lines.append((self.out[tail], self.taps.get(head, head), None))
        self.lines += [(tap, box, None) for box, tap in self.taps.items()]
        self._stubs()
        self._finish()
        return self.found

    def _residual(self, index: int) -> None:
        edge = self.panel.residuals[index]
        first, last = edge.span
        if edge.around is None:
            tail = first if first in self.panel.boxes else INPUT
        else:
            tail = self.taps.setdefault(first, f":tap{index}")
        kind = edge.kind or Kind.IDENTITY
        head = self._drawn_sink(edge, last, kind)
        if head is None:
            head = f":sink{index}"
            self.found.sinks[head] = kind
            self.lines.append((self.out[last], head, None))
            self.out[last] = head
        self.found.ends[index] = (tail, head)
        beads = [bead for bead in self._beads(edge) if self.owners.setdefault(bead, tail) == tail]
        stops = [tail, *beads, head]
        self.lines += [(low, high, index) for low, high in itertools.pairwise(stops)]

    def _beads(self, edge: ResidualEdge) -> list[str]:
        return [
            name
            for name in dict.fromkeys(edge.through)
            if name in self.panel.boxes and not self.before[name] and not self.after[name]
        ]

    def _drawn_sink(self, edge: ResidualEdge, last: str, kind: Kind) -> str | None:
        """Return the operator that the author drew for this sink, which nothing has taken the place of."""
        if edge.to == last and is_join(last, self.panel, kind) and self.out[last] == last:
            return last
        after = self.after[last]
        if self.out[last] == last and len(after) == 1 and is_join(after[0], self.panel, kind):
            return after[0] if after[0] not in self.taps else None
        return None

    def _stubs(self) -> None:
        """Lead the panel's input into what nothing feeds, and the end of the longest way to its output."""
        beads = {name for edge in self.panel.residuals for name in self._beads(edge)}
        order = [name for name in self.reach.order if name not in beads]
        firsts = [name for name in order if not self.before[name]]
        lasts = [name for name in order if not self.after[name]]
        entered = [name for name in firsts if name in self.taps] or firsts[:1]
        if firsts and role_of(firsts[0], self.panel.boxes[firsts[0]]) is Role.INPUT:
            entered = [name for name in entered if name in self.taps]
        for name in entered:
            self.lines.append((INPUT, self.taps.get(name, name), None))
        last = max(lasts, key=self._depths().__getitem__, default="")
        if last and role_of(last, self.panel.boxes[last]) is not Role.OUTPUT:
            self.lines.append((self.out[last], OUTPUT, None))

    def _depths(self) -> dict[str, int]:
        """Return how many boxes stand on the longest way to each."""
        depths: dict[str, int] = {}
        for name in self.reach.order:
            depths[name] = 1 + max((depths[each] for each in self.before[name]), default=0)
        return depths

    def _finish(self) -> None:
        heads: dict[tuple[str, int | None], dict[str, None]] = {}
        for tail, head, edge in self.lines:
            heads.setdefault((tail, edge), {})[head] = None
        self.found.nets = [Net(tail, tuple(each), edge) for (tail, edge), each in heads.items()]
        ends = {end: None for tail, head, _ in self.lines for end in (tail, head)}
        nodes = [*self.panel.boxes, *(end for end in ends if end not in self.panel.boxes)]
        self.found.nodes = _in_order(nodes, self.lines)


def _in_order(nodes: list[str], lines: list[tuple[str, str, int | None]]) -> list[str]:
    """Return the nodes, each after those that lead to it."""
    waits = dict.fromkeys(nodes, 0)
    following: dict[str, list[str]] = {node: [] for node in nodes}
    for tail, head, _ in lines:
        waits[head] += 1
        following[tail].append(head)
    ready = [node for node in nodes if not waits[node]][::-1]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for head in reversed(following[node]):
            waits[head] -= 1
            if not waits[head]:
                ready.append(head)
    return order
