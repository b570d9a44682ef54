"""The diff's own story: check every panel, layer and mode, then say each disagreement once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from archcheck.diff.binding import BoundPanel
from archcheck.diff.box_calls import frames
from archcheck.diff.boxes import BoxCheck
from archcheck.diff.cross_panel import Others
from archcheck.diff.defect_placement import Faults
from archcheck.diff.diagnosis import Judge
from archcheck.diff.drawn_edges import drawn_edges
from archcheck.diff.edges import PanelCheck
from archcheck.diff.execution import Execution
from archcheck.diff.never_called import idle
from archcheck.diff.observation import Observation, merge
from archcheck.diff.proofs import proofs
from archcheck.findings import Finding, Proof
from archcheck.residual import Join
from archcheck.residual.defects import Defect, merged
from archcheck.spec.flow import Reachability
from archcheck.spec.load import LoadedSpec

Panels = Sequence[BoundPanel]


def compare(
    loaded: LoadedSpec, panels_by_mode: Sequence[tuple[Execution, Panels]]
) -> tuple[tuple[Finding, ...], tuple[Proof, ...]]:
    """All findings, sorted, and what was proved, in the spec's order."""
    observations: list[Observation] = []
    homeless: dict[str, list[Defect]] = {}
    checks: list[PanelCheck] = []
    for execution, panels in panels_by_mode:
        mode = _Mode(loaded, execution, panels)
        observations += mode.observations()
        homeless[execution.mode] = mode.faults.homeless
        checks += mode.checks
    observations += idle(loaded, panels_by_mode)
    modes = [execution.mode for execution, _ in panels_by_mode]
    counts: dict[str, int] = {}
    for _, panels in panels_by_mode:
        for bound in panels:
            counts[bound.name] = max(counts.get(bound.name, 0), len(bound.layers))
    findings = (*merge(observations, counts, modes), *_homeless(homeless, modes))
    return findings, proofs(loaded, checks, findings)


class _Mode:
    """One mode's run against all panels."""

    def __init__(self, loaded: LoadedSpec, execution: Execution, panels: Panels) -> None:
        self.loaded = loaded
        self.execution = execution
        self.panels = panels
        self.checks = [check for bound in panels for check in _checks(bound, execution)]
        self.faults = Faults(loaded, execution, self.checks)

    def observations(self) -> list[Observation]:
        for check in self.checks:
            check.match()
        for check in self.checks:
            check.pair(self.faults.sinks)
        excused = self.faults.tell()
        others = Others(self.checks)
        judges = [Judge(self.loaded, check, others) for check in self.checks]
        for judge in judges:
            judge.judge(excused[id(judge.check)])
        self._undeclared(judges)
        boxes = self._boxes()
        return [*(found for check in self.checks for found in check.observations), *boxes]

    def _undeclared(self, judges: Sequence[Judge]) -> None:
        """Residuals that a panel's own module executes and that nobody draws, each told once."""
        claimed = {id(join) for check in self.checks for joins in check.matched.values() for join in joins}
        claimed |= {spoken for check in self.checks for spoken in check.spoken}
        told = set(self.faults.sinks)
        ranked = sorted(judges, key=lambda judge: judge.check.bound.details)
        homes: dict[int, list[Judge]] = {}
        for judge in ranked:
            for join in judge.check.local:
                homes.setdefault(id(join), []).append(judge)
        groups: dict[tuple[object, ...], tuple[Judge, list[Join]]] = {}
        for join in self.execution.joins:
            if id(join) in claimed or join.sink in told or id(join) not in homes:
                continue
            drawing = [judge for judge in homes[id(join)] if judge.check.boxes_on(join)]
            home = (drawing or homes[id(join)])[0]
            told.add(join.sink)
            if not self._is_dashed(join, home.check.bound):
                # A loop over layers in one forward is one line of code, and one disagreement.
                key = (id(home), join.residual.location, frozenset(map(_generic, join.residual.branch)))
                groups.setdefault(key, (home, []))[1].append(join)
        for home, joins in groups.values():
            home.undeclared(joins)

    def _is_dashed(self, join: Join, bound: BoundPanel) -> bool:
        """Does the panel draw it dashed in another layer, whose sum this one makes?"""
        return any(
            check.fitting.fit(drawn, join).is_exact
            for check in self.checks
            if check.bound is bound
            for drawn in check.drawn
            if not drawn.solid
        )

    def _boxes(self) -> list[Observation]:
        blamed = frozenset().union(*(check.blamed for check in self.checks))
        of_layer: dict[int, list[PanelCheck]] = {}
        for check in self.checks:
            of_layer.setdefault(id(check.layer), []).append(check)
        return [
            found
            for bound in self.panels
            for layer in bound.layers
            for found in BoxCheck(
                self.loaded, bound, layer, self.execution, of_layer.get(id(layer), []), blamed
            ).observations()
        ]


def _generic(path: str) -> str:
    """`layers.*` for `layers.5`."""
    return ".".join("*" if part.isdigit() else part for part in path.split("."))


def _checks(bound: BoundPanel, execution: Execution) -> list[PanelCheck]:
    """One for each frame of each layer."""
    reach = Reachability(bound.panel)
    drawn = drawn_edges(bound, reach)
    return [
        PanelCheck(bound, layer, drawn, frame, execution)
        for layer in bound.layers
        if any(execution.ran(own) for own in layer.own)
        for frame in frames(bound.panel, layer, reach.order, execution)
    ]


def _homeless(faults: dict[str, list[Defect]], modes: Sequence[str]) -> list[Finding]:
    """Faults outside of all panels; a finding names its modes if it does not hold in all."""
    held: dict[Finding, list[str]] = {}
    for mode in modes:
        for finding in merged(faults[mode]):
            held.setdefault(finding, []).append(mode)
    return [
        replace(finding, modes=tuple(where)) if len(where) < len(modes) else finding
        for finding, where in held.items()
    ]
