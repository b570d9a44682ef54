"""The diff's own story: check every panel, layer and mode, then say each disagreement once."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.binding import BoundPanel, Layer
from archcheck.diff.boxes import BoxCheck
from archcheck.diff.drawn import boxes_inside, branch_paths, describe, is_within, panel_title
from archcheck.diff.edges import PanelCheck
from archcheck.diff.observation import Observation, merge
from archcheck.execution import Execution
from archcheck.findings import Finding, Proof
from archcheck.spec.edges import edge_id, find_edge
from archcheck.spec.load import LoadedSpec
from archcheck.spec.model import Line
from archcheck.wrong import Fault, merged


def compare(
    loaded: LoadedSpec, panels_by_mode: Sequence[tuple[Execution, Sequence[BoundPanel]]]
) -> tuple[tuple[Finding, ...], tuple[Proof, ...]]:
    """All findings, sorted, and what was proved, in the spec's order."""
    observations: list[Observation] = []
    faults: dict[str, list[Fault]] = {}
    checks: list[PanelCheck] = []
    for execution, panels in panels_by_mode:
        mode = _Mode(loaded, execution, panels)
        observations += mode.observations()
        faults[execution.mode] = mode.homeless
        checks += mode.checks
    modes = [execution.mode for execution, _ in panels_by_mode]
    counts = {bound.name: len(bound.layers) for _, panels in panels_by_mode for bound in panels}
    findings = (*merge(observations, counts, modes), *_homeless(faults, modes))
    return findings, _proofs(loaded, checks, findings, len(modes))


class _Mode:
    """One mode's run against all panels."""

    def __init__(self, loaded: LoadedSpec, execution: Execution, panels: Sequence[BoundPanel]) -> None:
        self.loaded = loaded
        self.execution = execution
        self.panels = panels
        self.checks = [
            PanelCheck(loaded, bound, layer, execution) for bound in panels for layer in bound.layers
        ]
        self.homeless: list[Fault] = []

    def observations(self) -> list[Observation]:
        for check in self.checks:
            check.match()
        excused = self._faults()
        for check in self.checks:
            check.judge(self._solid_edges(check.layer), excused[id(check)])
        self._undeclared()
        boxes = [found for check in self.checks for found in self._boxes(check)]
        return [*(found for check in self.checks for found in check.observations), *boxes]

    def _solid_edges(self, layer: Layer) -> dict[str, bool]:
        """Of each `realized_by`: does the solid edge hold in the layers that `layer` belongs to?"""
        holds: dict[str, bool] = {}
        for bound in self.panels:
            for edge in bound.panel.residuals:
                if edge.realized_by:
                    holds[edge.realized_by] = self._holds(edge.realized_by, layer)
        return holds

    def _holds(self, reference: str, layer: Layer) -> bool:
        found = find_edge(self.loaded.spec.panels, reference)
        if found is None:
            return False
        panel, edge = found
        return any(
            drawn.number in check.matched
            for check in self.checks
            if check.bound.name == panel and (check.layer.index == layer.index or check.layer.index is None)
            for drawn in check.drawn
            if edge_id(drawn.edge) == edge_id(edge)
        )

    # -- faults that need no diagram, told where the diagram shows them -------------------------------

    def _faults(self) -> dict[int, set[int]]:
        """For each check the drawn edges that a fault speaks of; a fault that no panel shows is homeless."""
        excused: dict[int, set[int]] = {id(check): set() for check in self.checks}
        for fault in self.execution.faults:
            check = self._home(fault)
            if check is None:
                self.homeless.append(fault)
                continue
            edges = [
                drawn for drawn in check.drawn
                if drawn.number not in check.matched and drawn.edge.line is Line.SOLID
                and self._speaks_of(fault, check, drawn.inside)
            ]  # fmt: skip
            for other in self.checks:
                if other.layer.index == check.layer.index:
                    excused[id(other)] |= {
                        drawn.number for drawn in other.drawn
                        if drawn.number not in other.matched and self._speaks_of(fault, other, drawn.inside)
                    }  # fmt: skip
            check.claimed |= {fault.sink}
            edge = edges[0] if edges else None
            place = ("panels", check.bound.name, *(("residuals", edge.number) if edge else ()))
            check.observations.append(
                Observation(
                    fault.code, check.bound.name, edge.id if edge else "", check.layer.index,
                    check.relative(fault.message), describe(edge) if edge else "", check.relative(fault.traced),
                    self.loaded.place(*place), fault.location, self.execution.mode,
                    boxes_inside(check.layer, fault.modules),
                )
            )  # fmt: skip
        return excused

    def _home(self, fault: Fault) -> PanelCheck | None:
        shown = [check for check in self.checks if fault.implemented_in in check.opened]
        concerned = [check for check in shown if boxes_inside(check.layer, fault.modules)]
        return next(iter(concerned + shown), None)

    def _speaks_of(self, fault: Fault, check: PanelCheck, boxes: Sequence[str]) -> bool:
        modules = [module for box in boxes for module in check.layer.bound(box)]
        return any(
            is_within(module, path) or is_within(path, module) for module in modules for path in fault.modules
        )

    # -- residuals that nobody draws --------------------------------------------------------------

    def _undeclared(self) -> None:
        claimed = {sink for check in self.checks for sink in check.claimed}
        told: set[int] = set()
        ranked = sorted(self.checks, key=lambda check: check.bound.details)
        for join in self.execution.joins:
            if join.sink in claimed or join.sink in told:
                continue
            homes = [check for check in ranked if any(join is local for local in check.local)]
            drawing = [
                check for check in homes
                if boxes_inside(check.layer, branch_paths(join, self.execution))
            ]  # fmt: skip
            for check in (drawing or homes)[:1]:
                told.add(join.sink)
                check.undeclared(join)

    # -- boxes ------------------------------------------------------------------------------------

    def _boxes(self, check: PanelCheck) -> list[Observation]:
        boxes = BoxCheck(self.loaded, check.bound, check.layer, self.execution)
        boxes.missing()
        boxes.repeats()
        boxes.undrawn()
        if not check.suspects and not any(found.code.startswith("RES") for found in check.observations):
            boxes.order()
        return boxes.observations


def _homeless(faults: dict[str, list[Fault]], modes: Sequence[str]) -> list[Finding]:
    """Faults outside of all panels; a finding names its modes if it does not hold in all."""
    from dataclasses import replace

    held: dict[Finding, list[str]] = {}
    for mode in modes:
        for finding in merged(faults[mode]):
            held.setdefault(finding, []).append(mode)
    return [
        replace(finding, modes=tuple(where)) if len(where) < len(modes) else finding
        for finding, where in held.items()
    ]


def _proofs(
    loaded: LoadedSpec, checks: Sequence[PanelCheck], findings: Sequence[Finding], modes: int
) -> tuple[Proof, ...]:
    """What held in every layer and mode: drawn edges, then the boxes of each panel."""
    found: list[Proof] = []
    by_panel: dict[str, list[PanelCheck]] = {}
    for check in checks:
        by_panel.setdefault(check.bound.name, []).append(check)
    disputed = {(finding.panel, finding.edge) for finding in findings}
    disputed_boxes = {finding.panel for finding in findings if finding.code.startswith("BOX")}
    for name, group in by_panel.items():
        count = len(group[0].bound.layers)
        for drawn in group[0].drawn:
            if (name, drawn.id) in disputed:
                continue
            solid = drawn.edge.line is Line.SOLID
            if solid and not all(drawn.number in check.matched for check in group):
                continue
            residuals = tuple(
                join.residual for check in group[:1] for join in check.matched.get(drawn.number, ())
            )
            if solid:
                says = "this panel's module executes it"
            elif drawn.edge.realized_by:
                says = f"not implemented here; realized by {drawn.edge.realized_by}"
            else:
                says = "not implemented here"
            found.append(
                Proof(
                    name, drawn.id, drawn.edge.line.value, f"{describe(drawn)}: {says}", count,
                    loaded.place("panels", name, "residuals", drawn.number), residuals,
                )
            )  # fmt: skip
        bound = [box for box in group[0].layer.boxes if group[0].layer.bound(box)]
        if bound and name not in disputed_boxes:
            found.append(
                Proof(
                    name, "", "", f"{len(bound)} boxes of {panel_title(group[0].bound)} stand for modules that ran",
                    count, loaded.place("panels", name),
                )
            )  # fmt: skip
    return tuple(found)
