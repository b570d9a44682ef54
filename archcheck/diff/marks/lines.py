"""Lines against the flow of values, in both directions (BOX003, FLOW001, FLOW002).

A line from one box to another says that values flow from the one to the other without passing a third drawn
box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from archcheck.diff.marks.box_map import BoxMap
from archcheck.diff.marks.entries import PanelEntries, begins, ends
from archcheck.diff.marks.territory import Reads
from archcheck.diff.marks.twins import twin
from archcheck.diff.panel_calls import PanelCall
from archcheck.residual import Join
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Panel, ResidualEdge, Role

Line = tuple[str, str]
INPUT = "input"
"""Stands for the input of a panel that draws no box for it; no box has this name."""


class Way(Enum):
    """How the data relates to a line: it flows along it.

    It flows only through a third box, or only through the sum of a residual that an edge shows; it flows the
    other way; it does not flow at all. Or an end of the line is not placed, or both are outside the model.
    """

    DIRECT = "direct"
    THROUGH = "through"
    RESIDUAL = "residual"
    REVERSED = "reversed"
    NONE = "none"
    UNKNOWN = "unknown"
    OUTSIDE = "outside"

    @property
    def is_wrong(self) -> bool:
        """Whether a line that the data relates to in this way is wrong."""
        return self in (Way.THROUGH, Way.RESIDUAL, Way.REVERSED, Way.NONE)


@dataclass(frozen=True, slots=True)
class LineCheck:
    """How the data relates to each line of a panel, or (`way`) any other, and flows that no line shows."""

    ways: Mapping[Line, Way]
    undrawn: tuple[Line, ...]
    way: Callable[[str, str], Way]

    @property
    def missing(self) -> tuple[Line, ...]:
        """The undrawn flows between boxes, if all drawn lines are right."""
        right = not any(way.is_wrong for way in self.ways.values())
        return tuple(line for line in self.undrawn if INPUT not in line) if right else ()


def check_lines(
    call: PanelCall, placed: BoxMap, entries: PanelEntries, shown: Sequence[tuple[ResidualEdge, Join]]
) -> LineCheck:
    """Judge the lines of a panel. `shown` are its solid edges, each with a residual that it shows."""
    panel, frame, values = call.panel, call.frame, placed.territory.values
    drawn = flow_edges(panel)
    judge = _Ways(call, placed, entries, shown)
    skips = values.skip_reads(values.execution.joins_within(frame.first, frame.end))
    return LineCheck(
        {line: judge.way(*line) for line in drawn},
        tuple(_undrawn(call, placed, entries, drawn, skips)),
        judge.way,
    )


@dataclass(frozen=True)
class _Ways:
    """How the data relates to the lines of one frame."""

    call: PanelCall
    placed: BoxMap
    entries: PanelEntries
    shown: Sequence[tuple[ResidualEdge, Join]]

    def way(self, one: str, other: str) -> Way:
        panel, placed = self.call.panel, self.placed
        if begins(panel, one) and ends(panel, other):
            return self._past_all(one, other)
        if panel.boxes[other].role is Role.INPUT and begins(panel, other):
            return Way.NONE  # nothing enters an input
        if panel.boxes[one].role is Role.OUTPUT and ends(panel, one):
            return Way.NONE
        if not begins(panel, one) and not placed.is_placed(one):
            return self._instead(one, other)
        if not ends(panel, other) and not placed.is_placed(other):
            return self._instead(one, other)
        if begins(panel, one):
            return self._from_outside(one, other)
        if one in placed.aside:
            return self._from_aside(one, other)
        return self._between(one, other)

    def _past_all(self, one: str, other: str) -> Way:
        """Return the verdict on a line from an input to an output: outside the model, or past every box."""
        if self.call.panel.boxes[one].outside or self.call.panel.boxes[other].outside:
            return Way.OUTSIDE
        entered = self.placed.territory.origins(self.placed.territory.outputs).entered
        return Way.DIRECT if self.entries.by_box.get(one, frozenset(self.entries.all)) & entered else Way.NONE

    def _instead(self, one: str, other: str) -> Way:
        """Return the verdict on a line at an inactive box that did not run: that on a like one that ran."""
        territory = self.placed.territory
        ran = (twin(self.call, territory, one), twin(self.call, territory, other))
        if ran == ("", "") or any(
            not (found or self.placed.is_placed(box)) for found, box in zip(ran, (one, other), strict=True)
        ):
            return Way.UNKNOWN
        found = self.way(ran[0] or one, ran[1] or other)
        # What the code does with its result is drawn at the box that is active.
        return Way.DIRECT if found is Way.THROUGH and ran[0] else found

    def _from_outside(self, one: str, other: str) -> Way:
        territory = self.placed.territory
        values, reads = self.entries.by_box.get(one, frozenset()), territory.entering(other)
        if not values & territory.origins(reads, box=other).entered:
            return Way.NONE
        alone = territory.origins(reads, self._skips(one, other), box=other).entered
        return Way.DIRECT if values & alone else Way.RESIDUAL

    def _from_aside(self, one: str, other: str) -> Way:
        territory = self.placed.territory
        node = self.placed.aside[one]
        owner = territory.owner.get(node)
        behind = owner is None and node in territory.origins(territory.entering(other), box=other).passed
        return Way.DIRECT if owner == other or behind else Way.NONE

    def _between(self, one: str, other: str) -> Way:
        territory = self.placed.territory
        leaves = ends(self.call.panel, other)
        reads = list(territory.outputs) if leaves else territory.entering(other)
        if one in territory.origins(reads, box=other).boxes:
            alone = territory.origins(reads, self._skips(one, other), box=other).boxes
            return Way.DIRECT if one in alone else Way.RESIDUAL
        if self._decides(one, territory.made_by(other)[0] if not leaves else territory.outputs[0]):
            return Way.DIRECT
        if territory.depends(reads, territory.made_by(one)):
            return Way.THROUGH
        back = not leaves and territory.depends(territory.entering(one), territory.made_by(other))
        return Way.REVERSED if back else Way.NONE

    def _skips(self, one: str, other: str) -> Reads:
        """Return the reads of skip paths that an edge shows, and that no line at its boxes does."""
        values, owner = self.placed.territory.values, self.placed.territory.owner
        return values.skip_reads(
            join
            for edge, join in self.shown
            if one not in edge.through and owner.get(values.made(join.sink)) != other
        )

    def _decides(self, one: str, first: int) -> bool:
        """Return whether the panel's code inspected a box's output before the node `first` ran (a router)."""
        territory = self.placed.territory
        values, begin = territory.values, territory.made_by(one)[0]
        return any(
            begin < values.first(at) <= first
            and territory.owner.get(values.first(at)) != one
            and one in territory.origins(map(values.made, reads)).boxes
            for at, reads in values.execution.flow.host_reads
        )


def _undrawn(
    call: PanelCall, placed: BoxMap, entries: PanelEntries, drawn: tuple[Line, ...], skips: Reads
) -> Iterator[Line]:
    """Yield flows between boxes that no line or residual edge shows, but those between repetitions."""
    panel, territory = call.panel, placed.territory
    shown = _shown(panel, placed, drawn)
    inputs = {node: box for box, nodes in entries.by_box.items() for node in nodes}
    fed = {other for _, other in drawn}
    reach = Reachability(panel)
    for box in panel.boxes:
        if not placed.is_placed(box):
            continue
        origins = territory.origins(
            territory.entering(box, skips), skips, indices=False, hidden=True, box=box
        )
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
    """Return the drawn lines, past boxes that are not placed, and those that residual edges amount to."""
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
    """Yield a residual edge as lines: from what its branch reads, through its boxes, to the sum's readers."""
    if edge.around is not None:
        first, last = edge.span
        sources = [one for one, other in drawn if other == first]
    else:
        sources, last = [edge.from_ or INPUT], edge.to or ""
    targets = [other for one, other in drawn if one == last]
    chain = [sources, *([box] for box in edge.through), [last, *targets]]
    for before, after in pairwise(chain):
        yield from ((one, other) for one in before for other in after)


def connected(lines: Sequence[Line]) -> list[list[Line]]:
    """Return the lines grouped by shared boxes, in order."""
    groups: list[list[Line]] = []
    for line in lines:
        ends = set(line) - {INPUT}
        near = [group for group in groups if any(ends & set(other) for other in group)]
        groups = [group for group in groups if group not in near]
        groups.append([*(other for group in near for other in group), line])
    return groups
