"""RES007, RES008, RES011 and RES012: the findings on defects of the code that a panel shows."""

from __future__ import annotations

from collections.abc import Iterator

from archcheck.diff.defect_placement import PlacedDefect, boxes_of
from archcheck.diff.evidence import Evidence, FindingCandidate
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.wording import label
from archcheck.findings import Finding
from archcheck.phrasing.module_paths import sentence


def defects(evidence: Evidence) -> Iterator[FindingCandidate]:
    """Yield each defect that a panel shows: a fact about the code, which no other rule describes better."""
    for placed in evidence.defects:
        if placed.home is not None:
            yield _candidate(evidence, placed, placed.home)


def _candidate(evidence: Evidence, placed: PlacedDefect, home: PanelCall) -> FindingCandidate:
    edges = [(call, drawn) for call, about in placed.edges.items() for drawn in about]
    joins = [join.key for join in evidence.execution.joins if join.sink in placed.sinks]
    return FindingCandidate(
        _finding(evidence, placed, home),
        frozenset((call, drawn.number) for call, drawn in edges),
        frozenset(joins),
        frozenset(
            (call, path)
            for call in placed.edges
            for box in boxes_of(placed.defect, call)
            for path in call.layer.bound(box)
        ),
    )


def _finding(evidence: Evidence, placed: PlacedDefect, home: PanelCall) -> Finding:
    defect, names = placed.defect, home.names
    boxes, edges = boxes_of(defect, home), placed.edges.get(home, ())
    edge = next((drawn for drawn in edges if drawn.solid), edges[0] if edges else None)
    place: tuple[str | int, ...] = ("panels", home.bound.name)
    name, drawn_as = "", ""
    if edge is not None:
        place, name, drawn_as = (*place, "residuals", edge.number), edge.id, edge.describe()
    elif boxes:
        place, name = (*place, "boxes", boxes[0]), boxes[0]
        drawn_as = f"box {label(home.panel, boxes[0])}"
    return Finding(
        defect.code,
        sentence(defect.message, names.path),
        home.bound.name,
        name,
        home.layer.indices,
        drawn=drawn_as,
        traced=sentence(defect.traced, names.path),
        spec=evidence.loaded.place(*place),
        location=defect.location,
        modes=(evidence.execution.mode,),
        code_branch=boxes,
        note=edge.edge.note if edge else "",
    )
