"""Boxes without a module: which of the operations between the anchors each of them stands for.

A box stands for a region whose term it claims. Where several regions compute that term, the lines decide: the
boxes of a panel get different regions, so that as many lines as possible are ways of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property

from archcheck.dataflow.operations import DIVISIONS
from archcheck.diff.marks.assignment import AssignmentSearch, BoxCandidate
from archcheck.diff.marks.carried import carried, is_value
from archcheck.diff.marks.claimed import claimed, contradiction, meets
from archcheck.diff.marks.routing import with_picked
from archcheck.diff.marks.sums import sums
from archcheck.diff.marks.territory import Territory
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel, Role
from archcheck.vocabulary import TERMS, Claim, Family, Region


@dataclass(frozen=True)
class BoxMap:
    """`territory` has the nodes of all placed boxes, `chosen` the regions of those without a module.

    `missing` claim an operation that the code does not have there. `unclear` may stand for any of several;
    `unnamed` claim nothing that the vocabulary knows.
    """

    territory: Territory
    chosen: Mapping[str, BoxCandidate] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unclear: Mapping[str, tuple[BoxCandidate, ...]] = field(default_factory=dict)
    unnamed: tuple[str, ...] = ()

    def is_placed(self, box: str) -> bool:
        """Return whether the box has a place."""
        return bool(self.territory.nodes_of.get(box) or box in self.aside or box in self.territory.carried_by)

    @cached_property
    def aside(self) -> Mapping[str, int]:
        """The boxes that stand for an operand, and the nodes that read it."""
        return {box: candidate.output for box, candidate in self.chosen.items() if candidate.aside}


def is_share(region: Region, anchors: Territory) -> bool:
    """Return whether it is a division by a sum or a size: shares of numbers, which no figure draws."""
    if region.term.family is Family.NORM:
        return False
    return anchors.values.recognition.flow.ops[region.output].name in DIVISIONS


def is_operation(panel: Panel, box: str) -> bool:
    """Return whether a box stands for something that the panel's code computes outside every drawn module."""
    value = panel.boxes[box]
    return value.module is None and not value.outside and value.role not in (Role.INPUT, Role.OUTPUT)


def box_map(
    panel: Panel,
    anchors: Territory,
    sinks: Sequence[tuple[str, int]],
    idle: Set[str] = frozenset(),
    without: Set[str] = frozenset(),
) -> BoxMap:
    """Place the boxes of a panel that have no module, except those `without` an operation.

    `sinks` are the nodes that compute the sums of drawn residuals, each with the last box on the branch;
    `idle` are the boxes whose modules did not run.
    """
    boxes = [box for box in panel.boxes if is_operation(panel, box)]
    said = {box: claimed(panel, box) for box in boxes}
    unnamed = tuple(box for box in boxes if not said[box])
    free = frozenset(anchors.unowned())
    regions = [*_regions(anchors, free), *sums(anchors, free)]
    lines = flow_edges(panel)
    boxes = [box for box in boxes if not _waits(panel, anchors, idle, box, lines)]
    beside = {box for box in boxes if not any(other == box for _, other in lines)}
    masks = {box for box in beside if [claim.terms for claim in said[box]] == [("mask",)]}
    masked = {other for box, other in lines if box in beside} if not masks else set(boxes)
    candidates = {
        box: tuple(
            _carried(said[box], anchors)
            if is_value(said[box])
            else _candidates(_masked(said[box], box in masked), regions, anchors, box in masks)
        )
        for box in boxes
        if said[box]
    }
    search = AssignmentSearch(
        panel, anchors, sinks, {box: () if box in without else candidates[box] for box in candidates}
    )
    chosen, unclear = search.best()
    missing = tuple(
        box
        for box in candidates
        if box not in chosen
        and box not in unclear
        and _modules_beside(panel, box, lines) <= anchors.nodes_of.keys()
    )
    tables = [box for box in missing if (box in beside and _is_table(said[box])) or is_value(said[box])]
    missing = tuple(box for box in missing if box not in tables)
    unclear |= dict.fromkeys(tables, ())
    placed = anchors.with_nodes({box: candidate.nodes for box, candidate in chosen.items()})
    placed = replace(placed, carried={one.output: box for box, one in chosen.items() if one.carried})
    placed = with_picked(placed, {box: one.regions[-1].term.family for box, one in chosen.items()})
    return BoxMap(placed, chosen, missing, unclear, unnamed)


def _waits(
    panel: Panel, anchors: Territory, idle: Set[str], box: str, lines: Sequence[tuple[str, str]]
) -> bool:
    """Return whether the box could not run, as no module drawn beside it, or one like them, ran."""
    idle_by_end = (idle, frozenset(panel.boxes) - anchors.nodes_of.keys())
    return any(
        bool(beside := _modules_beside(panel, box, [line for line in lines if line[end] == box]))
        and beside <= at
        for end, at in enumerate(idle_by_end)
    )


def _modules_beside(panel: Panel, box: str, lines: Sequence[tuple[str, str]]) -> frozenset[str]:
    """Return the boxes with a module that are connected to this one by lines."""
    beside = {other for line in lines if box in line for other in line if other != box}
    return frozenset(other for other in beside if panel.boxes[other].module is not None)


def _is_table(said: Sequence[Claim]) -> bool:
    """Return whether it is a table of positions, read from anywhere; RoPE is an operation of its own."""
    terms = [term for claim in said for term in claim.terms]
    return all(TERMS[term].family is Family.POSITION and term != "RoPE" for term in terms)


def _masked(said: tuple[Claim, ...], masked: bool) -> tuple[Claim, ...]:
    """Return the sums beside which a mask is drawn; one may apply it, however the code does that."""
    if masked and len(said) == 1 and "sum" in said[0].terms:
        return (replace(said[0], terms=(*said[0].terms, "mask")),)
    return said


def _regions(anchors: Territory, free: frozenset[int]) -> list[Region]:
    """Return regions of nodes that belong to no box yet."""
    by_output = anchors.values.recognition.by_output
    return [
        region
        for node in sorted(free)
        for region in by_output.get(node, ())
        if free.issuperset(region.ops) and not region.inside and not is_share(region, anchors)
    ]


def _candidates(
    said: Sequence[Claim], regions: Sequence[Region], anchors: Territory, aside: bool
) -> Iterator[BoxCandidate]:
    """Yield chains of regions, each computing one of the claims, each reading the one before."""
    chains: list[tuple[Region, ...]] = [()]
    for claim in said:
        fitting = _smallest([region for region in regions if meets(region, claim)])
        chains = [
            (*chain, region)
            for chain in chains
            for region in fitting
            if not contradiction(region, claim) and (not chain or _follows(chain[-1], region, anchors))
        ]
    for chain in chains:
        rank = sum(_rank(region, claim) for region, claim in zip(chain, said, strict=True))
        yield BoxCandidate(chain, rank, aside)


def _carried(said: Sequence[Claim], anchors: Territory) -> Iterator[BoxCandidate]:
    for region in carried(said[0].terms[0], anchors):
        yield BoxCandidate((region,), carried=True)


def _smallest(regions: Sequence[Region]) -> list[Region]:
    """Return the smallest region for each output: a gate's product. Of sums, that with all its terms."""
    found: dict[int, Region] = {}
    for region in sorted(regions, key=lambda region: (len(region.ops), region.term.name)):
        if region.term.name == "sum" or region.output not in found:
            found[region.output] = region
    return sorted(found.values(), key=lambda region: region.output)


def _rank(region: Region, claim: Claim) -> int:
    names = (region.term.name, *region.term.kinds)
    return next(place for place, term in enumerate(claim.terms) if term in names)


def _follows(one: Region, other: Region, anchors: Territory) -> bool:
    return one.output in anchors.origins(anchors.read_by(other.ops)).passed
