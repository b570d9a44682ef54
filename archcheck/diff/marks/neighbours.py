"""The boxes between which an undrawn operation lies."""

from __future__ import annotations

from collections.abc import Iterable

from archcheck.diff.marks.entries import begins, ends
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.spec.flow import flow_edges


def neighbours(check: FrameCheck, nodes: Iterable[int]) -> tuple[list[str], list[str]]:
    """Return the boxes that unowned nodes read from and those that read from them, in the panel's order."""
    panel, territory, values = check.call.panel, check.placed.territory, check.values
    inside = frozenset(nodes)
    frame = check.call.frame
    skips = values.skip_reads(values.execution.joins_within(frame.first, frame.end))
    reads = territory.read_by(inside, skips)
    origins = territory.origins(reads, without=skips, indices=False)
    before = {box for box in origins.boxes if box in panel.boxes}
    after = {
        box
        for box in panel.boxes
        if check.placed.is_placed(box)
        and inside & territory.origins(territory.entering(box, skips), skips, box=box).passed
    }
    if not before:
        given = check.entries.by_box
        before = {box for box in given if begins(panel, box) and given[box] & origins.entered}
        lines = flow_edges(panel) if origins.entered and not before else ()
        before |= {one for one, other in lines if begins(panel, one) and other in after}
    if inside & territory.origins(territory.outputs, without=skips).passed:
        after |= {box for one, box in flow_edges(panel) if ends(panel, box) and (one in before or not before)}
    names = list(panel.boxes)
    after -= before
    return sorted(before, key=names.index), sorted(after, key=names.index)
