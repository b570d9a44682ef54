"""What a panel's flow means: edges between boxes, their order, and what lies on the way from one to another.

These functions expect a panel that `load` accepted: every box named exists, and there is no cycle (but for
`find_cycle`, which looks for one).
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise

from archcheck.spec.model import FlowItem, Panel


def flow_edges(panel: Panel) -> tuple[tuple[str, str], ...]:
    """Return the edges between boxes, each once: those of `flow` from input to output, then those of `edges`.

    Consecutive items of the flow are fully connected, from the last boxes of the one to the first boxes of
    the next. Without flow and edges the boxes follow each other as written, but for those that only
    stand on the skip path of a residual edge.

    >>> from archcheck.spec.model import Box
    >>> flow_edges(Panel(boxes=dict.fromkeys("abcde", Box()), flow=["a", ["b", ["c", ["d", "e"]]]]))
    (('a', 'b'), ('a', 'c'), ('c', 'd'), ('c', 'e'))
    """
    edges = [*_chained(_flow(panel)), *(edge for chain in panel.edges for edge in pairwise(chain))]
    return tuple(dict.fromkeys(edges))


def topological(panel: Panel) -> tuple[str, ...]:
    """Return all boxes, each after those that lead to it, otherwise as written, without those of a cycle."""
    return Reachability(panel).order


def between(panel: Panel, first: str, last: str) -> tuple[str, ...]:
    """Return the boxes on all paths from `first` to `last`, both included, in topological order, or ()."""
    return Reachability(panel).between(first, last)


class Reachability:
    """Which boxes of a panel lead to which; for many questions about one panel."""

    def __init__(self, panel: Panel) -> None:
        edges = flow_edges(panel)
        self.order = _order(tuple(panel.boxes), edges)
        bits = {box: 1 << index for index, box in enumerate(self.order)}
        following: dict[str, list[str]] = {box: [] for box in self.order}
        for before, after in edges:
            if before in following and after in following:
                following[before].append(after)
        self._bits = bits
        self._reached: dict[str, int] = {}  # for each box the bits of itself and of all that it leads to
        for box in reversed(self.order):
            reached = bits[box]
            for after in following[box]:
                reached |= self._reached[after]
            self._reached[box] = reached

    def leads(self, first: str, last: str) -> bool:
        """Return whether the flow leads from `first` to `last`; every box leads to itself."""
        return bool(self._reached.get(first, 0) & self._bits.get(last, 0))

    def between(self, first: str, last: str) -> tuple[str, ...]:
        """Return what the function of this name does."""
        return tuple(box for box in self.order if self.leads(first, box) and self.leads(box, last))


def find_cycle(nodes: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the nodes of one cycle in the order of its edges, from the first one in `nodes`; () if none."""
    done = set(_order(nodes, edges))
    preceding = {after: before for before, after in reversed(edges) if before not in done}
    node = next((node for node in nodes if node not in done), None)
    walked: list[str] = []
    while node is not None and node not in walked:
        walked.append(node)
        node = preceding[node]
    if node is None:
        return ()
    cycle = walked[walked.index(node) :][::-1]
    start = min(range(len(cycle)), key=lambda index: nodes.index(cycle[index]))
    return (*cycle[start:], *cycle[:start])


def _order(boxes: Sequence[str], edges: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Return the boxes, each after those that lead to it, otherwise as given, but those behind a cycle."""
    waits = dict.fromkeys(boxes, 0)
    following: dict[str, list[str]] = {box: [] for box in boxes}
    for before, after in edges:
        waits[after] += 1
        following[before].append(after)
    rank = {box: index for index, box in enumerate(boxes)}
    ready = [rank[box] for box in boxes if not waits[box]]
    order = []
    while ready:
        box = boxes[heapq.heappop(ready)]
        order.append(box)
        for after in following[box]:
            waits[after] -= 1
            if not waits[after]:
                heapq.heappush(ready, rank[after])
    return tuple(order)


def _flow(panel: Panel) -> list[FlowItem]:
    if panel.flow or panel.edges:
        return panel.flow
    skipped = {box for edge in panel.residuals for box in edge.through}
    return [box for box in panel.boxes if box not in skipped]


def _firsts(item: FlowItem, *, is_chain: bool = False) -> list[str]:
    """Return the boxes that an item begins with; lists inside are in turn parallel and chains."""
    if isinstance(item, str):
        return [item]
    parts = item[:1] if is_chain else item
    return [box for part in parts for box in _firsts(part, is_chain=not is_chain)]


def _lasts(item: FlowItem, *, is_chain: bool = False) -> list[str]:
    if isinstance(item, str):
        return [item]
    parts = item[-1:] if is_chain else item
    return [box for part in parts for box in _lasts(part, is_chain=not is_chain)]


def _chained(items: list[FlowItem]) -> list[tuple[str, str]]:
    """Return the edges of a chain: from the last boxes of each item to the first of the next, and inside."""
    edges: list[tuple[str, str]] = []
    previous: list[str] = []
    for item in items:
        edges += [(last, first) for last in previous for first in _firsts(item)]
        for part in [] if isinstance(item, str) else item:
            edges += [] if isinstance(part, str) else _chained(part)
        previous = _lasts(item)
    return edges
