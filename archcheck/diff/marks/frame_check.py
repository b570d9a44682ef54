"""All that one frame of a panel shows of its marks: the story of the proof."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from archcheck.diff.marks.adjacent import with_adjacent
from archcheck.diff.marks.appearance import not_chosen
from archcheck.diff.marks.box_map import BoxMap, box_map, is_operation
from archcheck.diff.marks.claimed import claimed, meets
from archcheck.diff.marks.claims import ClaimCheck, check_claims, check_looks, regions_of
from archcheck.diff.marks.completeness import LeftOut, left_out
from archcheck.diff.marks.entries import PanelEntries, entries
from archcheck.diff.marks.lines import Line, LineCheck, check_lines, connected
from archcheck.diff.marks.routing import with_inactive
from archcheck.diff.marks.territory import Reads, territory
from archcheck.diff.marks.twins import idle, twin
from archcheck.diff.marks.values import Values
from archcheck.diff.matching import Matched
from archcheck.diff.panel_calls import PanelCall
from archcheck.phrasing.module_paths import is_within
from archcheck.residual import Join
from archcheck.spec.flow import flow_edges
from archcheck.vocabulary import Claim, Family

_TRIES = 16


@dataclass(frozen=True, eq=False)
class FrameCheck:
    """What was found about the marks of a panel in one call of its module."""

    call: PanelCall
    placed: BoxMap
    entries: PanelEntries
    lines: LineCheck
    claims: Mapping[str, tuple[ClaimCheck, ...]]
    left_out: tuple[LeftOut, ...]

    def stands_in(self, box: str) -> bool:
        """Return whether it is an inactive one of several like modules (an expert), another of which ran."""
        return bool(twin(self.call, self.placed.territory, box))

    def has_lines_for(self, join: Join) -> bool:
        """Return whether a box stands for this sum, and each part of its skip path has a line to it."""
        territory, made = self.placed.territory, self.values.made(join.sink)
        box = territory.owner.get(made, "")
        if not box or not is_operation(self.call.panel, box):
            return False
        skips = self.values.skip_reads([join])
        reads = [read for read in territory.entering(box) if (made, read) in skips]
        origins, lines = territory.origins(reads, box=box), flow_edges(self.call.panel)
        before = {one for one, other in lines if other == box}
        entered = {node for one in before for node in self.entries.by_box.get(one, ())}
        is_known = bool(origins.boxes or origins.entered)
        return is_known and origins.boxes.keys() <= before and origins.entered <= entered

    def counted(self, box: str) -> Mapping[str, int]:
        """Return the numbers of heads of the attention in a box, by noun, where there is one number."""
        regions = regions_of(self.placed.territory, box)
        attentions = [region.details for region in regions if region.term.family is Family.ATTENTION]
        numbers: dict[str, int] = {}
        for noun, key in (("heads", "heads"), ("key-value heads", "kv_heads")):
            found = list(dict.fromkeys(details.get(key) for details in attentions))
            if len(found) == 1 and isinstance(found[0], int):
                numbers[noun] = found[0]
        return numbers

    @cached_property
    def instead(self) -> Mapping[str, LeftOut]:
        """What the code computes in place of boxes without an operation, and no box shows."""
        found: dict[str, LeftOut] = {}
        lines, territory = flow_edges(self.call.panel), self.placed.territory
        for box in (*self.placed.missing, *self.placed.unnamed):
            before = {one for one, other in lines if other == box}
            after = [other for one, other in lines if one == box]
            for left in self.left_out:
                origins = territory.origins(territory.read_by(left.region.ops))
                fed = not before.isdisjoint(origins.boxes) or any(
                    not origins.entered.isdisjoint(self.entries.by_box.get(one, ())) for one in before
                )
                fed = fed or (not before and bool(origins.entered))
                reached = any(
                    left.region.output in territory.origins(territory.entering(other), box=other).passed
                    for other in after
                )
                if left not in found.values() and fed and (reached or not after):
                    found[box] = left
                    break
        return found

    @cached_property
    def told(self) -> tuple[LeftOut, ...]:
        """What is left out, except what another box claims and what is done to an undrawn module's output."""
        shown = list(self.instead.values())
        return tuple(
            left
            for left in self.left_out
            if left.claimed and left not in shown and self.undrawn_modules.isdisjoint(left.region.inputs)
            if not any(meets(left.region, claim) for claim in self._without_place)
        )

    @cached_property
    def _without_place(self) -> tuple[Claim, ...]:
        """What boxes claim that could not be placed because a box beside them did not run."""
        panel, placed = self.call.panel, self.placed
        gone = idle(self.call, placed.territory)
        beside = {box for line in flow_edges(panel) if not gone.isdisjoint(line) for box in line} - gone
        beside -= {*placed.missing, *placed.unnamed, *placed.unclear}
        return tuple(claim for box in beside if not placed.is_placed(box) for claim in claimed(panel, box))

    @cached_property
    def undrawn_modules(self) -> frozenset[int]:
        """The nodes of modules that run but that the panel neither draws nor omits."""
        flow, omitted = self.values.recognition.flow, self.call.layer.omitted
        return frozenset(
            node
            for node in self.placed.territory.hidden
            if not any(is_within(flow.calls[flow.ops[node].call].path, path) for path in omitted)
        )

    @cached_property
    def wrong_lines(self) -> tuple[Line, ...]:
        """The wrong lines and the missing ones, except those through what is left out."""
        wrong = [line for line, way in self.lines.ways.items() if way.is_wrong]
        undrawn = [line for line in self.lines.undrawn if line not in self.lines.ways]
        territory, unseen = self.placed.territory, self._reads_of_undrawn()
        if unseen:
            undrawn = [
                line
                for line in undrawn
                if line[0] in territory.origins(territory.entering(line[1]), unseen, box=line[1]).boxes
            ]
        for left in self.told:
            before = territory.origins(territory.read_by(left.region.ops)).boxes
            undrawn = [
                (one, other)
                for one, other in undrawn
                if (one not in before and left.region.term.family is not Family.ROUTER)
                or left.region.output not in territory.origins(territory.entering(other), box=other).passed
            ]
        return (*wrong, *undrawn)

    def _reads_of_undrawn(self) -> Reads:
        """Return the reads of an undrawn module's output by operations that belong to no box."""
        territory, found = self.placed.territory, set(self.undrawn_modules)
        for node in territory.unowned() if found else ():
            if not found.isdisjoint(self.values.reads(node)):
                found.add(node)
        return frozenset((node, read) for node in found for read in self.values.reads(node))

    def disagreements(self, strict: bool) -> int:
        """Return the number of things in which the panel and this frame seem to differ."""
        unclear = len(self.placed.unclear) if strict else 0
        lines = connected(self.wrong_lines)
        return len(self.placed.missing) + len(self.told) + len(lines) + unclear

    @property
    def values(self) -> Values:
        """The opened run."""
        return self.placed.territory.values


def check_frame(
    call: PanelCall, values: Values, exact: Matched, strict: bool, widths: bool = False
) -> FrameCheck:
    """Anchor the boxes with modules, place the others between them, and compare with what is drawn.

    `exact` has the residuals that the panel's edges show. `widths`: the run is of the published size, so that
    widths in labels are compared too. If the boxes can be placed in several ways, the one with the fewest
    disagreements counts.
    """
    panel = call.panel
    anchors = with_adjacent(panel, with_inactive(not_chosen(call), territory(call.layer, call.frame, values)))
    shown = [
        (drawn.edge, join) for drawn in call.drawn if drawn.solid for join in exact.get(drawn.number, ())
    ]
    sinks = [
        (drawn.last, values.made(join.sink))
        for drawn in call.drawn
        if drawn.solid
        for join in exact.get(drawn.number, ())
    ]
    claims = {
        box: tuple(check_claims(panel, box, anchors, widths))
        for box, value in panel.boxes.items()
        if value.module is not None
    }

    def checked(without: frozenset[str] = frozenset()) -> FrameCheck:
        placed = box_map(panel, anchors, sinks, idle(call, anchors), without)
        given = entries(panel, placed)
        lines = check_lines(call, placed, given, shown)
        return FrameCheck(call, placed, given, lines, claims, tuple(left_out(panel, placed, given, strict)))

    best = checked()
    for box in tuple(best.placed.chosen)[:_TRIES]:
        if best.disagreements(strict) < 2:
            break
        other = checked(frozenset([box]))
        best = min(best, other, key=lambda check: check.disagreements(strict))
    return replace(best, claims=dict(_with_looks(best)))


def _with_looks(check: FrameCheck) -> Iterator[tuple[str, tuple[ClaimCheck, ...]]]:
    """Return the claims of each box, with the false ones that its looks make."""
    placed = check.placed
    for box in check.call.panel.boxes:
        said, chosen = check.claims.get(box, ()), placed.chosen.get(box)
        looks = check_looks(check.call, placed.territory, box, chosen.regions if chosen else ())
        yield box, (*said, *looks)
