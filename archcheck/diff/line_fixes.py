"""Fixes of the lines of a panel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.diff import fixes
from archcheck.diff.marks.entries import begins
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.marks.lines import INPUT, Line, Way
from archcheck.findings import Fix
from archcheck.spec.arranging import exchanged, redrawn
from archcheck.spec.flow import flow_edges
from archcheck.spec.model import Panel, Role


def of_lines(frames: Sequence[FrameCheck], wrong: Sequence[Line], undrawn: Sequence[Line]) -> Fix | None:
    """Return the panel without the lines that are `wrong` in its frames and with the missing ones.

    Boxes in the wrong order are swapped, and inputs and outputs of the panel that would lose their line get
    one to where they belong.
    """
    check, panel = frames[0], frames[0].call.panel
    new = [line for line in undrawn if INPUT not in line]
    flow = panel.flow
    for line in wrong:
        if _is_turned(frames, line):
            flow = exchanged(flow, *line)
    turned = panel.model_copy(update={"flow": flow})
    drawn = [line for line in flow_edges(panel) if line not in wrong]
    kept = [
        line
        for line in flow_edges(turned)
        if line in drawn or line in new or (line not in wrong and _leads(frames, line))
    ]
    lines = [*kept, *new, *drawn]
    changed = redrawn(turned, [*lines, *_loose(check, panel, lines)])
    return fixes.with_flow(check.call.bound.name, panel, changed) if changed is not None else None


def of_frame(check: FrameCheck) -> Fix | None:
    """Return the panel with the lines of one frame."""
    wrong = [line for line in check.wrong_lines if line in check.lines.ways]
    undrawn = [line for line in check.wrong_lines if line not in check.lines.ways]
    return of_lines([check], wrong, undrawn) if wrong or undrawn else None


def _is_turned(frames: Sequence[FrameCheck], line: Line) -> bool:
    """Return whether a line points the wrong way: against the data, into an input, or out of an output."""
    boxes = frames[0].call.panel.boxes
    return (
        boxes[line[1]].role is Role.INPUT
        or boxes[line[0]].role is Role.OUTPUT
        or any(frame.lines.ways.get(line) is Way.REVERSED for frame in frames)
    )


def _leads(frames: Sequence[FrameCheck], line: Line) -> bool:
    """Return whether the data flows that way, as far as the frames show."""
    panel = frames[0].call.panel
    if begins(panel, line[0]):
        return any(_enters(frame, line[1]) for frame in frames)
    ways = [frame.lines.way(*line) for frame in frames]
    return Way.DIRECT in ways and not any(each.is_wrong for each in ways)


def _enters(check: FrameCheck, box: str) -> bool:
    """Return whether the box reads the panel's input."""
    territory = check.placed.territory
    return bool(territory.origins(territory.entering(box), box=box).entered)


def _loose(check: FrameCheck, panel: Panel, lines: Sequence[Line]) -> Iterator[Line]:
    """Yield lines for inputs and outputs that have none."""
    tied = {box for line in lines for box in line}
    fed, feeding = {other for _, other in lines}, {one for one, _ in lines}
    territory = check.placed.territory
    last = territory.origins(territory.outputs).boxes
    for box, value in panel.boxes.items():
        if box in tied:
            continue
        if value.role is Role.INPUT:
            first = [other for other in panel.boxes if other not in fed and _enters(check, other)]
            yield from ((box, other) for other in first)
        elif value.role is Role.OUTPUT:
            yield from ((other, box) for other in last if other not in feeding)
