"""What held in every layer and mode: drawn edges, then the boxes of each panel."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.evidence import Evidence
from archcheck.diff.matching import Matches
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.wording import panel_title
from archcheck.findings import Finding, Proof
from archcheck.spec.load import LoadedSpec

_Group = Sequence[tuple[PanelCall, Matches]]


def proofs(loaded: LoadedSpec, modes: Sequence[Evidence], findings: Sequence[Finding]) -> tuple[Proof, ...]:
    """Return the proofs in the spec's order, without what a finding disputes."""
    by_panel: dict[str, list[tuple[PanelCall, Matches]]] = {}
    for evidence in modes:
        for call in evidence.calls:
            by_panel.setdefault(call.bound.name, []).append((call, evidence.matches[call]))
    disputed = {(finding.panel, finding.edge) for finding in findings}
    disputed_boxes = {finding.panel for finding in findings if finding.code.startswith("BOX")}
    found: list[Proof] = []
    for name in loaded.spec.panels:
        group = by_panel.get(name, [])
        if not group:
            continue
        first, matches = group[0]
        for drawn in first.drawn:
            if (name, drawn.id) not in disputed and (
                not drawn.solid or all(drawn.number in matches.exact for _, matches in group)
            ):
                found.append(_edge(loaded, drawn, matches, _layers(group)))
        bound = [box for box in first.layer.boxes if _ran(box, group)]
        if bound and name not in disputed_boxes:
            stand = f"{len(bound)} boxes of {panel_title(first.bound)} are bound to modules that ran"
            found.append(Proof(name, "", "", stand, _layers(group), loaded.place("panels", name)))
    return tuple(found)


def _edge(loaded: LoadedSpec, drawn: Drawn, matches: Matches, layers: int) -> Proof:
    if drawn.solid:
        says = "implemented by this panel's module"
    elif drawn.edge.realized_by:
        says = f"not implemented here; realized by {drawn.edge.realized_by}"
    else:
        says = "not implemented here"
    name = drawn.bound.name
    return Proof(
        name,
        drawn.id,
        drawn.edge.line.value,
        f"{drawn.describe()}: {says}",
        layers,
        loaded.place("panels", name, "residuals", drawn.number),
        tuple(join.residual for join in matches.exact.get(drawn.number, ())),
    )


def _ran(box: str, group: _Group) -> bool:
    return any(call.execution.ran(path) for call, _ in group for path in call.layer.bound(box))


def _layers(group: _Group) -> int:
    return len({call.layer.base + str(call.layer.index) for call, _ in group})
