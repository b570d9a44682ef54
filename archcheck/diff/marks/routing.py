"""Boxes of a mixture of experts that stand for more than one operation.

A box that picks (Top-k) also passes on what it picked: the rows of a tensor that its indices select. A box
that is drawn inactive stands for one of several like modules, and what the code does with its result is drawn
at another of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

from archcheck.dataflow.operations import SUMS
from archcheck.diff.marks.territory import Territory
from archcheck.vocabulary import Family

_GATHERS = frozenset(["getitem", "index_select", "gather", "take_along_dim", "masked_select", "where"])
_GATHERED = SUMS | frozenset(["index_add", "scatter_add", "index_copy", "cat", "stack", "scatter_reduce"])


def with_inactive(inactive: Set[str], anchors: Territory) -> Territory:
    """Give each inactive box what the code does with its result before joining it with others'."""
    if not inactive:
        return anchors
    flow = anchors.values.recognition.flow
    owner: dict[int, str] = {}
    for node in anchors.unowned():
        behind = {owner.get(read, anchors.owner.get(read, "")) for read in anchors.values.reads(node)}
        mine = sorted(behind & inactive)
        if len(mine) == 1 and flow.ops[node].name not in _GATHERED:
            owner[node] = mine[0]
    return anchors.with_nodes(_by_box(owner))


def with_picked(territory: Territory, picking: Mapping[str, Family]) -> Territory:
    """Give each box that picks the unowned operations that select by its indices."""
    boxes = {box for box, family in picking.items() if family is Family.ROUTER}
    if not boxes:
        return territory
    values = territory.values
    ops = values.recognition.flow.ops
    owner: dict[int, str] = {}
    for node in territory.unowned():
        if ops[node].name not in _GATHERS or not values.carries_values(node):
            continue
        indices = [read for read in values.reads(node) if not values.carries_values(read)]
        found = set(territory.origins(indices).boxes) & boxes
        if len(found) == 1:
            owner[node] = found.pop()
    return territory.with_nodes(_by_box(owner))


def _by_box(owner: Mapping[int, str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for node, box in owner.items():
        found.setdefault(box, []).append(node)
    return found
