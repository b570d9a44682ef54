"""Boxes that stand for operations, as things that ran in a frame: residual edges are checked by them too."""

from __future__ import annotations

from dataclasses import replace

from archcheck.diff.box_calls import BoxRun, Occurrence
from archcheck.diff.marks.assignment import BoxCandidate
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.panel_calls import PanelCall


def with_operations(call: PanelCall, check: FrameCheck) -> PanelCall:
    """Return the call with an occurrence for each box that stands for operations, but residual sums."""
    known = {one.box for one in call.frame.occurrences}
    sinks = {join.sink for join in call.execution.joins_within(call.frame.first, call.frame.end)}
    found = [
        _occurrence(box, candidate, check)
        for box, candidate in check.placed.chosen.items()
        if box not in known and not candidate.aside and not candidate.carried
    ]
    added = [one for one in found if not any(run.holds(sink) for run in one.runs for sink in sinks)]
    if not added or not call.drawn:
        return call
    frame = replace(call.frame, occurrences=(*call.frame.occurrences, *added))
    return replace(call, frame=frame)


def _occurrence(box: str, candidate: BoxCandidate, check: FrameCheck) -> Occurrence:
    origin, territory = check.values.recognition.origin, check.placed.territory
    ops = sorted({origin[node] for node in candidate.nodes})
    inputs = tuple(dict.fromkeys(origin[read] for read in territory.read_by(candidate.nodes)))
    region = candidate.regions[-1]
    run = BoxRun(tuple((at, at + 1) for at in ops), inputs, (origin[candidate.output],), region.location)
    return Occurrence(box, region.term.name, region.term.name, (run,))
