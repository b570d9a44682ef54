"""A graph in layers: which node stands in which, in what order, and where on its width.

After Sugiyama: the longest way to a node gives its layer, a line that passes a layer has a node of its own
there (a via), sweeps bring each node near its neighbours. No line can run through a box, since boxes and vias
of a layer stand beside each other.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left, insort
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from archcheck.diagram.layout.nets import Graph

SWEEPS = 10
MANY = 4_000  # links above which two sweeps must do


@dataclass(frozen=True, slots=True)
class Link:
    """A line from a node or via of one layer to one of the next; `net` is its net's index."""

    low: str
    high: str
    net: int


@dataclass(slots=True)
class Layers:
    """The nodes and vias of each layer from left to right, and the links up from each layer.

    `vias` gives the vias of each net by layer; `beside` those at which a line leaves a node or enters it from
    the side, with that node, next to which they stand. `fed` are the nodes to which the input leads, `aside`
    the nets of the others.
    """

    rows: list[list[str]]
    links: list[list[Link]]
    vias: dict[int, dict[int, str]] = field(default_factory=dict)
    beside: dict[str, str] = field(default_factory=dict)
    fed: frozenset[str] = frozenset()
    aside: frozenset[int] = frozenset()

    def add_via(self, net: int, level: int, beside: str = "") -> str:
        """Put a via of the net into a layer; return its name."""
        via = f":via{net}.{level}"
        self.vias.setdefault(net, {})[level] = via
        self.rows[level].append(via)
        if beside:
            self.beside[via] = beside
        return via

    def has_free_side(self, node: str) -> bool:
        """Say whether a line can enter a node of the trunk from the side."""
        return node in self.fed and not node.startswith(":tap") and node not in self.beside.values()


def layers_of(graph: Graph, rounds: Collection[str]) -> Layers:
    """Return the graph in layers, in an order with few crossings; `rounds` are entered from the side."""
    level = _levels(graph)
    layers = Layers(
        [[] for _ in range(max(level.values(), default=0) + 1)],
        [[] for _ in range(max(level.values(), default=0) + 1)],
    )
    for node in graph.nodes:
        layers.rows[level[node]].append(node)
    layers.fed = graph.fed()
    layers.aside = frozenset(index for index, net in enumerate(graph.nets) if net.tail not in layers.fed)
    skips = [head for _, head in graph.ends.values()]
    for index, net in enumerate(graph.nets):
        heads = {head: level[head] for head in net.heads}
        if net.edge is None:
            _link(layers, index, (net.tail, level[net.tail]), heads)
        else:
            (head,) = heads
            from_side = head in rounds and skips.count(head) == 1 and head not in layers.beside.values()
            _link_skip(layers, index, (net.tail, level[net.tail]), (head, level[head]), from_side)
    return _ordered(layers)


def _levels(graph: Graph) -> dict[str, int]:
    """Return the layer of each node: the longest way to it.

    What the input does not feed stands close below what it feeds. A skip path without a box on it spans two
    layers, to have a place for its label.
    """
    lines = [
        (net.tail, head, 1 if net.edge is None or graph.ends[net.edge] != (net.tail, head) else 2)
        for net in graph.nets
        for head in net.heads
    ]
    after: dict[str, list[tuple[str, int]]] = {node: [] for node in graph.nodes}
    for tail, head, length in lines:
        after[tail].append((head, length))
    level = dict.fromkeys(graph.nodes, 0)
    fed = graph.fed()
    for node in graph.nodes:
        for head, length in after[node]:
            level[head] = max(level[head], level[node] + length)
    for node in reversed(graph.nodes):
        if node not in fed and after[node]:
            level[node] = min(level[head] - length for head, length in after[node])
    lowest = min(level.values(), default=0)
    return {node: each - lowest for node, each in level.items()}


def _link(layers: Layers, index: int, tail: tuple[str, int], heads: Mapping[str, int]) -> None:
    """Lead a net up from its tail, with one via in each layer on its way."""
    here, low = tail
    for level in range(low + 1, max(heads.values()) + 1):
        reached = [head for head, at in heads.items() if at == level]
        beside = next((head for head in reached if index in layers.aside and layers.has_free_side(head)), "")
        layers.links[level - 1] += [Link(here, head, index) for head in reached if head != beside]
        if beside or any(at > level for at in heads.values()):
            via = layers.add_via(index, level, beside)
            layers.links[level - 1].append(Link(here, via, index))
            here = via


def _link_skip(
    layers: Layers, index: int, tail: tuple[str, int], head: tuple[str, int], from_side: bool
) -> None:
    """Lead a skip path up; it begins beside a tap, and if `from_side` it ends beside its sink."""
    here, low = tail
    goal, high = head
    if here.startswith(":tap"):
        here = layers.add_via(index, low, beside=here)
    for level in range(low + 1, high + 1):
        if level < high:
            there = layers.add_via(index, level)
        else:
            there = layers.add_via(index, level, beside=goal) if from_side else goal
        layers.links[level - 1].append(Link(here, there, index))
        here = there


def _ordered(layers: Layers) -> Layers:
    """Sweep up and down, each time ordering a layer by where its neighbours stand; keep the best."""
    for row in layers.rows:
        _bring_beside(row, layers.beside)
    best, fewest = [list(row) for row in layers.rows], _crossings(layers)
    size = sum(map(len, layers.links))
    for sweep in range(SWEEPS if size < MANY else 2):
        upwards = sweep % 2 == 0
        count = len(layers.rows)
        for number in range(1, count) if upwards else range(count - 2, -1, -1):
            links = layers.links[number - 1] if upwards else layers.links[number]
            other = layers.rows[number - 1] if upwards else layers.rows[number + 1]
            place = {node: index for index, node in enumerate(other)}
            near: dict[str, list[int]] = {}
            for link in links:
                here, there = (link.high, link.low) if upwards else (link.low, link.high)
                near.setdefault(here, []).append(place[there])
            row = layers.rows[number]
            wanted = {
                node: sum(near[node]) / len(near[node]) if node in near else float(index)
                for index, node in enumerate(row)
            }
            row.sort(key=lambda node: wanted[node])
            _bring_beside(row, layers.beside)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(row) for row in layers.rows], crossings
    layers.rows = best
    return layers


def _bring_beside(row: list[str], beside: Mapping[str, str]) -> None:
    """Move each via that belongs beside a node next to it, on the side where it stands already."""
    for via in [node for node in row if node in beside]:
        was = row.index(via)
        is_left = was < row.index(beside[via])
        row.remove(via)
        row.insert(row.index(beside[via]) + (0 if is_left else 1), via)


def _crossings(layers: Layers) -> int:
    total = 0
    for number, links in enumerate(layers.links[:-1]):
        low = {node: index for index, node in enumerate(layers.rows[number])}
        high = {node: index for index, node in enumerate(layers.rows[number + 1])}
        passed: list[int] = []
        for _, end in sorted((low[link.low], high[link.high]) for link in links):
            total += len(passed) - bisect_left(passed, end + 1)
            insort(passed, end)
    return total


@dataclass(frozen=True, slots=True)
class Width:
    """How far a node extends to the left and to the right of its axis."""

    left: float = 0.0
    right: float = 0.0


def axes_of(layers: Layers, widths: Mapping[str, Width], gap: float) -> dict[str, float]:
    """Return the x of every node and via: near their neighbours, at least `gap` apart."""
    axes: dict[str, float] = {}
    for row in layers.rows:
        x = 0.0
        for node in row:
            x += widths[node].left
            axes[node] = x
            x += widths[node].right + gap
    near = _neighbours(layers)
    for sweep in range(2 * SWEEPS):
        upwards = sweep % 2 == 0
        for row in layers.rows if upwards else reversed(layers.rows):
            wanted = [_mean([axes[other] for other in near[node][upwards]], axes[node]) for node in row]
            weights = [1.0 if node in layers.fed else 0.5 if _is_via(node) else 0.02 for node in row]
            axes |= zip(row, _apart(row, wanted, weights, widths, gap), strict=True)
    for upwards in (True, False, True):
        for row in layers.rows if upwards else reversed(layers.rows):
            _snap(row, axes, near, widths, gap, upwards=upwards)
    for vias in layers.vias.values():
        _straighten([vias[level] for level in sorted(vias)], layers, axes, widths, gap)
    return axes


def _neighbours(layers: Layers) -> dict[str, dict[bool, list[str]]]:
    """Return what each node is to stand above (True) and below (False): those that make the panel's trunk.

    A box keeps to the boxes that it follows, not to lines that pass by; nor to what the input does not feed.
    """
    near: dict[str, dict[bool, list[str]]] = {
        node: {True: [], False: []} for row in layers.rows for node in row
    }
    for links in layers.links:
        for upwards in (True, False):
            at: dict[str, list[Link]] = {}
            for link in links:
                at.setdefault(link.high if upwards else link.low, []).append(link)
            for node, several in at.items():
                trunk = [link for link in several if link.net not in layers.aside] or several
                ends = [link.low if upwards else link.high for link in trunk]
                near[node][upwards] = [end for end in ends if _is_via(end) == _is_via(node)] or ends
    for via, anchor in layers.beside.items():
        for upwards in (True, False):
            near[via][upwards] = near[via][upwards] or [anchor]
    return near


def _apart(
    row: Sequence[str],
    wanted: Sequence[float],
    weights: Sequence[float],
    widths: Mapping[str, Width],
    gap: float,
) -> list[float]:
    """Return the places nearest to the wanted ones in which a row's nodes stand apart (least squares)."""
    offsets = [0.0]
    for left, right in itertools.pairwise(row):
        offsets.append(offsets[-1] + widths[left].right + gap + widths[right].left)
    pools: list[tuple[float, float, int]] = []  # mean, weight, count
    for want, weight, offset in zip(wanted, weights, offsets, strict=True):
        mean, total, count = want - offset, weight, 1
        while pools and pools[-1][0] > mean:
            other, heavy, several = pools.pop()
            mean = (mean * total + other * heavy) / (total + heavy)
            total, count = total + heavy, count + several
        pools.append((mean, total, count))
    places = [mean for mean, _, count in pools for _ in range(count)]
    return [place + offset for place, offset in zip(places, offsets, strict=True)]


def _snap(
    row: list[str],
    axes: dict[str, float],
    near: Mapping[str, Mapping[bool, list[str]]],
    widths: Mapping[str, Width],
    gap: float,
    *,
    upwards: bool,
) -> None:
    """Put nodes exactly above or below their middle neighbour where there is room: straight lines."""
    for at, node in enumerate(row):
        others = sorted(axes[other] for other in near[node][upwards])
        if not others:
            continue
        target = others[(len(others) - 1) // 2]
        if len(others) % 2 == 0:
            target = (target + others[len(others) // 2]) / 2
        low, high = _room(row, at, axes, widths, gap)
        axes[node] = min(max(target, low), high)


def _straighten(
    vias: list[str], layers: Layers, axes: dict[str, float], widths: Mapping[str, Width], gap: float
) -> None:
    """Put as many successive vias of a net as can be on one axis: nearest to where most of them stand."""
    rows = {node: row for row in layers.rows for node in row if node in set(vias)}
    run: list[str] = []
    low, high = -math.inf, math.inf
    for via in [*vias, ""]:
        row = rows.get(via, [])
        least, most = _room(row, row.index(via), axes, widths, gap) if via else (math.inf, -math.inf)
        if max(low, least) > min(high, most):
            places = sorted(axes[each] for each in run)
            for each in run:
                axes[each] = min(max(places[len(places) // 2], low), high)
            run, low, high = [], -math.inf, math.inf
        run, low, high = [*run, via], max(low, least), min(high, most)


def _room(
    row: Sequence[str], at: int, axes: Mapping[str, float], widths: Mapping[str, Width], gap: float
) -> tuple[float, float]:
    """Return between which places the node at an index of a row can move while the others stand still."""
    node, low, high = row[at], -math.inf, math.inf
    if at:
        low = axes[row[at - 1]] + widths[row[at - 1]].right + gap + widths[node].left
    if at + 1 < len(row):
        high = axes[row[at + 1]] - widths[row[at + 1]].left - gap - widths[node].right
    return low, max(low, high)


def _is_via(node: str) -> bool:
    return node.startswith(":via")


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
