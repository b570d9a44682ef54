"""Sums of many terms, which a figure draws as one ⊕ and code adds one by one."""

from __future__ import annotations

from collections.abc import Iterator, Set

from archcheck.dataflow.queries import viewed
from archcheck.diff.marks.territory import Territory
from archcheck.vocabulary import TERMS, Region

_ADDING = frozenset(["add", "index_add", "scatter_add", "index_put"])


def sums(territory: Territory, free: Set[int]) -> Iterator[Region]:
    """Yield sums over a dimension and the longest chains of additions, each read only by the next."""
    flow = territory.values.recognition.flow
    before: dict[int, tuple[int, ...]] = {}
    for node in sorted(free):
        op = flow.ops[node]
        if op.name == "sum" and op.depends_on_input:
            yield _region(territory, (node,))
        if op.name not in _ADDING or not op.depends_on_input:
            continue
        if len(set(territory.values.reads(node))) > 1:
            yield _region(territory, (node,))
        chains = [
            before.pop(made)
            for read in territory.values.reads(node)
            if (made := viewed(flow.ops, read)) in before
        ]
        before[node] = (*(each for chain in chains for each in chain), node)
    for chain in before.values():
        if len(chain) > 1:
            yield _region(territory, chain)


def _region(territory: Territory, nodes: tuple[int, ...]) -> Region:
    flow = territory.values.recognition.flow
    inside = frozenset(nodes)
    reads = dict.fromkeys(read for node in nodes for read in territory.values.reads(node))
    inputs = tuple(read for read in reads if read not in inside)
    return Region(TERMS["sum"], nodes, inputs, nodes[-1], location=flow.ops[nodes[-1]].location)
