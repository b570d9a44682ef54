"""All that one frame of a panel shows of its marks: the story of the proof."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from archcheck.diff.marks.adjacent import with_adjacent
from archcheck.diff.marks.box_map import BoxMap, box_map
from archcheck.diff.marks.claims import ClaimCheck, check_claims
from archcheck.diff.marks.completeness import LeftOut, left_out
from archcheck.diff.marks.entries import Entries, entries
from archcheck.diff.marks.lines import LineCheck, check_lines
from archcheck.diff.marks.routing import with_inactive
from archcheck.diff.marks.territory import territory
from archcheck.diff.marks.twins import twin
from archcheck.diff.marks.values import Values
from archcheck.diff.matching import Matched
from archcheck.diff.panel_calls import PanelCall
from archcheck.spec.flow import flow_edges


@dataclass(frozen=True, eq=False)
class FrameCheck:
    """What was found of the marks of a panel in one call of its module."""

    call: PanelCall
    placed: BoxMap
    entries: Entries
    lines: LineCheck
    claims: Mapping[str, tuple[ClaimCheck, ...]]
    left_out: tuple[LeftOut, ...]

    def stands_in(self, box: str) -> bool:
        """Is it an inactive one of several alike (an expert), another of which ran?"""
        return bool(twin(self.call, self.placed, box))

    @cached_property
    def instead(self) -> Mapping[str, LeftOut]:
        """For boxes without an operation: what the code computes in their place, and nothing shows."""
        found: dict[str, LeftOut] = {}
        lines, territory = flow_edges(self.call.panel), self.placed.territory
        for box in (*self.placed.missing, *self.placed.unnamed):
            before = {one for one, other in lines if other == box}
            after = [other for one, other in lines if one == box]
            for left in self.left_out:
                reads = territory.origins(territory.read_by(left.region.ops)).boxes
                reached = any(
                    left.region.output in territory.origins(territory.entering(other)).passed
                    for other in after
                )
                if left not in found.values() and (before & set(reads)) and (reached or not after):
                    found[box] = left
                    break
        return found

    @property
    def values(self) -> Values:
        return self.placed.territory.values


def check_frame(
    call: PanelCall, values: Values, exact: Matched, strict: bool, widths: bool = False
) -> FrameCheck:
    """Anchor the boxes with modules, place the others between them, and compare what is drawn with it.

    `exact` has the residuals that the panel's edges show.
    `widths`: the run is of the published size, so that widths in labels are compared too.
    """
    panel, layer, frame = call.panel, call.layer, call.frame
    anchors = with_adjacent(panel, with_inactive(panel, territory(layer, frame, values)))
    placed = box_map(panel, anchors)
    given = entries(panel, placed)
    shown = [
        (drawn.edge, join) for drawn in call.drawn if drawn.solid for join in exact.get(drawn.number, ())
    ]
    claims = {
        box: tuple(check_claims(panel, box, anchors, widths))
        for box, value in panel.boxes.items()
        if value.module is not None
    }
    return FrameCheck(
        call,
        placed,
        given,
        check_lines(call, placed, given, shown),
        claims,
        tuple(left_out(panel, placed, given, strict)),
    )
