"""What a panel's own code computes between its modules, as boxes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from archcheck.diff.marks.assignment import BoxCandidate
from archcheck.diff.marks.box_map import BoxMap
from archcheck.diff.marks.completeness import left_out
from archcheck.diff.marks.entries import entries
from archcheck.diff.marks.sums import sums
from archcheck.diff.marks.territory import Territory
from archcheck.spec.model import Panel
from archcheck.vocabulary import Family, Region

_AS_PARTS = frozenset([Family.PRODUCT, Family.MATRIX_PRODUCT])
"""Terms of which figures draw the last operation, and what it reads as separate boxes: SiLU, then ⊙."""
_TOO_SMALL = frozenset([Family.OFFSET, Family.NOISE, Family.SCALE])  # a figure shows none of these
_ROUNDS = 8


@dataclass
class Operations:
    """The operations that a panel draws, in the order in which they run, with the nodes of each box."""

    territory: Territory
    regions: dict[str, Region] = field(default_factory=dict)


def operations(panel: Panel, anchors: Territory, sinks: Set[int]) -> list[Region]:
    """Return the operations outside modules that a figure shows, but for the `sinks` that edges draw."""
    found: dict[int, Region] = {}
    territory = anchors
    for _ in range(_ROUNDS):
        new = [region for region in _wanted(panel, territory, found) if region.output not in found]
        if not new:
            break
        found |= {region.output: region for region in new}
        territory = anchors.with_nodes({str(at): region.ops for at, region in found.items()})
    for region in _joining(anchors, territory, sinks):
        found[region.output] = region
    return [found[at] for at in sorted(found)]


def _wanted(panel: Panel, territory: Territory, found: Mapping[int, Region]) -> Iterator[Region]:
    """Yield the operations that the diff would miss in a panel without them, and masks."""
    chosen = {str(at): BoxCandidate((region,)) for at, region in found.items()}
    placed = BoxMap(territory, chosen)
    for left in left_out(panel, placed, entries(panel, placed), strict=True):
        if left.region.term.family not in _TOO_SMALL and left.region.term.name != "function":
            yield _as_drawn(left.region, territory)
    free = frozenset(territory.unowned())
    for node in sorted(free):
        for region in territory.values.recognition.by_output.get(node, ()):
            if region.term.family is Family.MASK and free.issuperset(region.ops):
                yield region


def _as_drawn(region: Region, territory: Territory) -> Region:
    """Return the smallest region of this kind and result, as figures do; of sums the one with all terms."""
    if region.term.family is Family.SUM:
        around = [
            each
            for each in sums(territory, frozenset(territory.unowned()))
            if set(region.ops) <= set(each.ops)
        ]
        return max(around, key=lambda each: len(each.ops), default=region)
    if region.term.family not in _AS_PARTS:
        return region
    same = [
        other
        for other in territory.values.recognition.by_output[region.output]
        if other.term.family is region.term.family
    ]
    return min(same, key=lambda other: (len(other.ops), other.term.name))


def _joining(anchors: Territory, territory: Territory, sinks: Set[int]) -> Iterator[Region]:
    """Yield sums and concatenations that combine the results of several boxes."""
    free = frozenset(territory.unowned())
    joined = list(sums(territory, free))
    joined += [
        region
        for node in sorted(free)
        for region in anchors.values.recognition.by_output.get(node, ())
        if region.term.family is Family.CONCAT and free.issuperset(region.ops) and not region.inside
    ]
    best: dict[int, Region] = {}
    for region in joined:
        known = best.get(region.output)
        if known is None or len(known.ops) < len(region.ops):
            best[region.output] = region
    taken: set[int] = set()
    for region in sorted(best.values(), key=lambda region: -region.output):
        reads = [territory.origins([read]).boxes for read in territory.read_by(region.ops)]
        several = len(set().union(*reads)) > 1 and sum(map(bool, reads)) > 1
        if several and taken.isdisjoint(region.ops) and sinks.isdisjoint(region.ops):
            taken |= set(region.ops)
            yield region
