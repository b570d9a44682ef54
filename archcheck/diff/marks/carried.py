"""Boxes that stand for a value on its way, not for an operation: Q, K and V of an attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.diff.marks.territory import Territory
from archcheck.vocabulary import TERMS, Claim, Family, Region

_STEPS = 64


def is_value(said: Sequence[Claim]) -> bool:
    """Return whether a box claims to be a value."""
    return len(said) == 1 and TERMS[said[0].terms[0]].family is Family.VALUE


def carried(role: str, territory: Territory) -> Iterator[Region]:
    """Yield the values that become an attention's `role` ("query"), from their linear map on."""
    recognition = territory.values.recognition
    ops = recognition.flow.ops
    pending = [
        node
        for region in recognition.regions
        if any(territory.holds(op) for op in region.ops)
        for node in region.roles.get(role, ())
    ]
    seen: set[int] = set()
    while pending and len(seen) < _STEPS:
        node = pending.pop()
        if node in seen or not territory.holds(node) or not ops[node].depends_on_input:
            continue
        seen.add(node)
        made = recognition.by_output.get(node, ())
        if not any(region.term.family in (Family.LINEAR, Family.CONVOLUTION) for region in made):
            pending += [
                read for read in territory.values.reads(node) if territory.values.carries_values(read)
            ]
    for node in sorted(seen):
        yield Region(TERMS[role], (), (), node, location=ops[node].location)
