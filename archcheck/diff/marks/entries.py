"""Boxes for a panel's inputs and outputs, and which of the panel's inputs each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from archcheck.diff.marks.box_map import BoxMap
from archcheck.diff.marks.territory import Territory
from archcheck.diff.wording import label
from archcheck.phrasing.module_paths import leaf
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel, Role


def begins(panel: Panel, box: str) -> bool:
    """Return whether the box stands for the panel's input."""
    value = panel.boxes[box]
    return value.module is None and (value.outside or value.role is Role.INPUT)


def ends(panel: Panel, box: str) -> bool:
    """Return whether the box stands for the panel's output."""
    value = panel.boxes[box]
    return value.module is None and (value.outside or value.role is Role.OUTPUT)


@dataclass(frozen=True, slots=True)
class PanelEntries:
    """`by_box`: the values that each input box may stand for.

    `main`: the one that the first box reads. `all`: whatever enters the panel.
    """

    by_box: Mapping[str, frozenset[int]]
    main: int | None
    all: frozenset[int]


def entries(panel: Panel, placed: BoxMap) -> PanelEntries:
    """Give each input box a value of its own, as far as there are that many: the one that has its name."""
    territory = placed.territory
    edges = flow_edges(panel)
    entered = {
        box: territory.origins(territory.entering(box), box=box).entered
        for box in panel.boxes
        if placed.is_placed(box)
    }
    named = _named(territory)
    wanted: dict[str, frozenset[int]] = {}
    for box in panel.boxes:
        after = [entered[other] for one, other in edges if one == box and other in entered]
        if begins(panel, box) and after:
            common = frozenset.intersection(*after)
            wanted[box] = named.get(label(panel, box), named.get(box)) or common or frozenset().union(*after)
    inputs = {box: found for box, found in wanted.items() if not panel.boxes[box].outside}
    owner: dict[int, str] = {}
    for box in inputs:
        _assign(box, inputs, owner, set())
    own = {box: frozenset(node for node, other in owner.items() if other == box) for box in inputs}
    return PanelEntries(
        {**wanted, **own}, _main(panel, placed, edges, entered), territory.begun.union(territory.inputs)
    )


def _named(territory: Territory) -> dict[str, frozenset[int]]:
    """Return the values that enter under a name: learned queries, and the inputs of the whole model."""
    ops, given = territory.values.recognition.flow.ops, territory.values.input_names
    found = {leaf(ops[node].parameter): node for node in sorted(territory.begun) if ops[node].parameter}
    if given.keys() <= set(territory.inputs):
        found |= {name: node for node, name in given.items()}
    return {name: frozenset([node]) for name, node in found.items()}


def _assign(box: str, wanted: Mapping[str, frozenset[int]], owner: dict[int, str], tried: set[int]) -> bool:
    """Give the box one of its possible values, moving other boxes to others of theirs if need be."""
    for node in sorted(wanted[box], key=lambda node: (node in owner, node)):
        if node not in tried:
            tried.add(node)
            if node not in owner or _assign(owner[node], wanted, owner, tried):
                owner[node] = box
                return True
    return False


def _main(
    panel: Panel, placed: BoxMap, edges: tuple[tuple[str, str], ...], entered: Mapping[str, frozenset[int]]
) -> int | None:
    """Return the first panel input, in the order of its modules' arguments, that a first box reads."""
    following = {other for one, other in edges if not begins(panel, one)}
    firsts = [box for box in entered if box not in following]
    read = frozenset().union(*(entered[box] for box in firsts)) if firsts else frozenset()
    return next((node for node in placed.territory.inputs if node in read), None)
