"""What held in every layer and mode: drawn edges, then the boxes of each panel."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.edges import PanelCheck
from archcheck.diff.wording import panel_title
from archcheck.findings import Finding, Proof
from archcheck.spec.load import LoadedSpec


def proofs(
    loaded: LoadedSpec, checks: Sequence[PanelCheck], findings: Sequence[Finding]
) -> tuple[Proof, ...]:
    """In the spec's order; nothing that a finding disputes."""
    by_panel: dict[str, list[PanelCheck]] = {}
    for check in checks:
        by_panel.setdefault(check.bound.name, []).append(check)
    disputed = {(finding.panel, finding.edge) for finding in findings}
    disputed_boxes = {finding.panel for finding in findings if finding.code.startswith("BOX")}
    found: list[Proof] = []
    for name in loaded.spec.panels:
        group = by_panel.get(name, [])
        for drawn in group[0].drawn if group else ():
            if (name, drawn.id) not in disputed and (not drawn.solid or _holds(drawn, group)):
                found.append(_edge(loaded, drawn, group))
        bound = [box for box in group[0].layer.boxes if _ran(box, group)] if group else []
        if bound and name not in disputed_boxes:
            stand = f"{len(bound)} boxes of {panel_title(group[0].bound)} stand for modules that ran"
            found.append(Proof(name, "", "", stand, _layers(group), loaded.place("panels", name)))
    return tuple(found)


def _edge(loaded: LoadedSpec, drawn: Drawn, group: Sequence[PanelCheck]) -> Proof:
    if drawn.solid:
        says = "this panel's module executes it"
    elif drawn.edge.realized_by:
        says = f"not implemented here; realized by {drawn.edge.realized_by}"
    else:
        says = "not implemented here"
    name = drawn.bound.name
    return Proof(
        name, drawn.id, drawn.edge.line.value, f"{drawn.describe()}: {says}", _layers(group),
        loaded.place("panels", name, "residuals", drawn.number),
        tuple(join.residual for join in group[0].matched.get(drawn.number, ())),
    )  # fmt: skip


def _holds(drawn: Drawn, group: Sequence[PanelCheck]) -> bool:
    return all(drawn.number in check.matched for check in group)


def _ran(box: str, group: Sequence[PanelCheck]) -> bool:
    return any(check.execution.ran(path) for check in group for path in check.layer.bound(box))


def _layers(group: Sequence[PanelCheck]) -> int:
    return len({check.layer.base + str(check.layer.index) for check in group})
