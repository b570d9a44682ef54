"""Lines against the ways of values, in both directions (BOX003, FLOW001, FLOW002).

A line from one box to another says that values go from the one to the other and pass no third drawn box.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from archcheck.diff.marks.box_map import BoxMap
from archcheck.diff.marks.entries import Entries, begins, ends
from archcheck.diff.marks.territory import Reads
from archcheck.diff.panel_calls import PanelCall
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Panel, ResidualEdge, Role

Line = tuple[str, str]
INPUT = "input"
"""Stands for what enters a panel that draws no box for it; no box has this name."""


class Way(Enum):
    """What the data does with a line: goes there; goes there only through a third box; goes the other way;
    does not go. Or an end of the line is not placed, or both are outside of the model."""

    DIRECT = "direct"
    THROUGH = "through"
    REVERSED = "reversed"
    NONE = "none"
    UNKNOWN = "unknown"
    OUTSIDE = "outside"

    @property
    def is_wrong(self) -> bool:
        return self in (Way.THROUGH, Way.REVERSED, Way.NONE)


@dataclass(frozen=True, slots=True)
class LineCheck:
    """What the data does with each line of a panel in one frame, and the ways of values that none shows."""

    ways: Mapping[Line, Way]
    undrawn: tuple[Line, ...]


def check_lines(call: PanelCall, placed: BoxMap, entries: Entries, skips: Reads) -> LineCheck:
    """Judge the lines of a panel. `skips` are the reads of skip paths, which residual edges judge."""
    panel = call.panel
    drawn = flow_edges(panel)
    ways = {line: _way(panel, placed, entries, *line) for line in drawn}
    return LineCheck(ways, tuple(_undrawn(call, placed, entries, drawn, skips)))


def _way(panel: Panel, placed: BoxMap, entries: Entries, one: str, other: str) -> Way:
    territory = placed.territory
    if begins(panel, one) and ends(panel, other):
        return _past_all(panel, placed, entries, one, other)
    if panel.boxes[other].role is Role.INPUT and begins(panel, other):
        return Way.NONE  # nothing enters an input
    if panel.boxes[one].role is Role.OUTPUT and ends(panel, one):
        return Way.NONE
    if begins(panel, one):
        if not placed.is_placed(other):
            return Way.UNKNOWN
        entered = territory.origins(territory.entering(other)).entered
        return Way.DIRECT if entries.by_box.get(one, frozenset()) & entered else Way.NONE
    if not placed.is_placed(one) or not (ends(panel, other) or placed.is_placed(other)):
        return Way.UNKNOWN
    if one in placed.aside:
        node = placed.aside[one]
        owner = territory.owner.get(node)
        behind = owner is None and node in territory.origins(territory.entering(other)).passed
        return Way.DIRECT if owner == other or behind else Way.NONE
    reads = list(territory.outputs) if ends(panel, other) else territory.entering(other)
    nodes = territory.nodes_of[one]
    if one in territory.origins(reads).boxes or _decides(placed, nodes, reads):
        return Way.DIRECT
    if territory.depends(reads, nodes):
        return Way.THROUGH
    back = territory.nodes_of.get(other, ())
    return Way.REVERSED if territory.depends(territory.entering(one), back) else Way.NONE


def _past_all(panel: Panel, placed: BoxMap, entries: Entries, one: str, other: str) -> Way:
    """A line from an input to an output: outside of the model, or by way of no box at all."""
    if panel.boxes[one].outside or panel.boxes[other].outside:
        return Way.OUTSIDE
    entered = placed.territory.origins(placed.territory.outputs).entered
    return Way.DIRECT if entries.by_box.get(one, frozenset(entries.all)) & entered else Way.NONE


def _decides(placed: BoxMap, nodes: list[int], reads: list[int]) -> bool:
    """Did Python look at what a box returned before what reads these values ran (a router)?"""
    values = placed.territory.values
    origin = values.recognition.origin
    return values.execution.control_dependent(
        [origin[read] for read in reads], [origin[node] for node in nodes]
    )


def _undrawn(
    call: PanelCall, placed: BoxMap, entries: Entries, drawn: tuple[Line, ...], skips: Reads
) -> Iterator[Line]:
    """Ways of values from box to box that neither a line nor a residual edge shows, but for those from one
    repetition to the next."""
    panel, territory = call.panel, placed.territory
    shown = _shown(panel, placed, drawn)
    inputs = {node: box for box, nodes in entries.by_box.items() for node in nodes}
    fed = {other for _, other in drawn}
    reach = Reachability(panel)
    for box in panel.boxes:
        if not placed.is_placed(box):
            continue
        origins = territory.origins(territory.entering(box, skips), without=skips, indices=False, hidden=True)
        for other in sorted(origins.boxes, key=list(panel.boxes).index):
            back = reach.leads(box, other) and call.frame.repeats(box)
            back = back or call.layer.is_nested(box, other)
            if other != box and (other, box) not in shown and not back:
                yield other, box
        for node in sorted(origins.entered):
            if node in inputs and (inputs[node], box) not in shown:
                yield inputs[node], box
            elif node == entries.main and node not in inputs and box in fed:
                yield INPUT, box


def _shown(panel: Panel, placed: BoxMap, drawn: tuple[Line, ...]) -> frozenset[Line]:
    """The lines drawn, through boxes that are not placed, and those that residual edges are."""
    following: dict[str, list[str]] = {}
    for one, other in drawn:
        following.setdefault(one, []).append(other)
    lines = [*drawn, *(line for edge in panel.residuals for line in _lines_of(edge, drawn))]
    for one, other in lines:
        if other not in following.setdefault(one, []):
            following[one].append(other)
    shown: set[Line] = set()
    for box in following:
        pending, seen = list(following[box]), set(following[box])
        while pending:
            after = pending.pop()
            shown.add((box, after))
            if not placed.is_placed(after) and not ends(panel, after):
                pending += [far for far in following.get(after, ()) if far not in seen]
                seen.update(following.get(after, ()))
    return frozenset(shown)


def _lines_of(edge: ResidualEdge, drawn: tuple[Line, ...]) -> Iterator[Line]:
    """A residual edge as lines: from what its branch reads, through its boxes, to what reads the sum."""
    if edge.around is not None:
        first, last = (edge.around, edge.around) if isinstance(edge.around, str) else edge.around
        sources = [one for one, other in drawn if other == first]
    else:
        sources, last = [edge.from_ or INPUT], edge.to or ""
    targets = [other for one, other in drawn if one == last]
    chain = [sources, *([box] for box in edge.through), [last, *targets]]
    for before, after in pairwise(chain):
        yield from ((one, other) for one in before for other in after)
