"""What the rules read, and what they return: a candidate for a finding, and what it would explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow.join import JoinKey
from archcheck.diff import fixes, line_fixes
from archcheck.diff.alignment import Fit
from archcheck.diff.binding import BoundPanel
from archcheck.diff.cross_panel import CrossPanel
from archcheck.diff.defect_placement import PlacedDefect
from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.execution import Execution
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.matching import Matches, find_elsewhere
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.residual_words import edge_words
from archcheck.diff.wording import Names
from archcheck.findings import Finding, Fix
from archcheck.residual import Join
from archcheck.rules.codes import RuleCode
from archcheck.source_location import Location
from archcheck.spec.load import LoadedSpec
from archcheck.spec.model import Panel

EdgeKey = tuple[PanelCall, int]
"""A drawn edge in one call of its panel's module, by its number."""


@dataclass(frozen=True, eq=False)
class FindingCandidate:
    """A possible finding of a rule, before it is known which rule explains it best.

    It would explain the drawn `edges`, the executed residuals `joins`, and why boxes are out of place:
    `misplaced`, by call and token. Where the misplacement is known already, it adds nothing, unless
    `says_more`.
    """

    finding: Finding
    edges: frozenset[EdgeKey] = frozenset()
    joins: frozenset[JoinKey] = frozenset()
    misplaced: frozenset[tuple[PanelCall, str]] = frozenset()
    says_more: bool = False


@dataclass(frozen=True, eq=False)
class Evidence:
    """One mode: its run, each call of a panel's module, and what was found of both so far."""

    loaded: LoadedSpec
    execution: Execution
    panels: tuple[BoundPanel, ...]
    calls: tuple[PanelCall, ...]
    matches: Mapping[PanelCall, Matches]
    defects: tuple[PlacedDefect, ...]
    frames: Mapping[PanelCall, FrameCheck]

    @cached_property
    def calls_by_layer(self) -> Mapping[tuple[str, str], tuple[PanelCall, ...]]:
        """The calls of a panel's layer, by the panel's name and the layer's base."""
        found: dict[tuple[str, str], list[PanelCall]] = {}
        for call in self.calls:
            found.setdefault((call.bound.name, call.layer.base), []).append(call)
        return {key: tuple(calls) for key, calls in found.items()}

    @cached_property
    def cross_panel(self) -> CrossPanel:
        """The calls of all panels, with their matches."""
        return CrossPanel(self.calls, self.matches)


@dataclass(frozen=True, eq=False)
class EdgeEvidence:
    """One drawn edge in one call of its panel's module."""

    evidence: Evidence
    call: PanelCall
    drawn: Drawn

    @property
    def key(self) -> EdgeKey:
        """The call and the edge's number."""
        return self.call, self.drawn.number

    @property
    def panel(self) -> Panel:
        """The panel that draws it."""
        return self.call.panel

    @property
    def execution(self) -> Execution:
        """The run."""
        return self.call.execution

    @property
    def names(self) -> Names:
        """The names of modules in this panel."""
        return self.call.names

    @property
    def matched(self) -> tuple[Join, ...]:
        """The executed residuals that the edge shows."""
        return self.evidence.matches[self.call].exact.get(self.drawn.number, ())

    @property
    def nearest(self) -> Fit | None:
        """The executed residual most like an edge that shows none."""
        return self.evidence.matches[self.call].nearest.get(self.drawn.number)

    @cached_property
    def elsewhere(self) -> Join | None:
        """The residual around what is drawn, if another module than this panel's executes it."""
        return find_elsewhere(self.call, self.drawn)

    @cached_property
    def is_unmatched(self) -> bool:
        """Whether it is solid and nothing executes it, though its boxes ran (others have findings)."""
        layer = self.call.layer
        bound = any(layer.bound(box) or layer.missing.get(box) for box in self.drawn.inside)
        return self.drawn.solid and not self.matched and (not bound or self.call.has_branch(self.drawn))

    @property
    def place(self) -> tuple[str | int, ...]:
        """Where the spec has the edge."""
        return "panels", self.call.bound.name, "residuals", self.drawn.number

    def setting(self, words: Iterable[tuple[str, object]]) -> Fix:
        """Return the fix that sets these keys of the edge; None removes one."""
        return fixes.redrawn_edge(
            self.evidence.loaded.spec, self.call.bound.name, self.drawn.number, dict(words)
        )

    def removal(self) -> Fix:
        """Return the fix that removes the edge."""
        return fixes.without_edge(self.evidence.loaded.spec, self.call.bound.name, self.drawn.number)

    def redrawing(self, join: Join) -> Fix | None:
        """Return the fix that draws an executed residual in place of the edge, or corrects lines at it."""
        words = edge_words(self.call, join)
        if words is not None:
            return self.setting(words.items())
        return line_fixes.of_frame(self.evidence.frames[self.call])

    def misaligned(self, code: RuleCode, message: str, traced: str, fit: Fit) -> FindingCandidate:
        """Return a candidate for an edge that an executed residual differs from."""
        return self.candidate(code, message, traced, fit.join, fit=fit, fix=self.redrawing(fit.join))

    def candidate(
        self,
        code: RuleCode,
        message: str,
        traced: str,
        join: Join | None = None,
        location: Location | None = None,
        fit: Fit | None = None,
        fix: Fix | None = None,
    ) -> FindingCandidate:
        """Return a candidate for this edge; `join` is the executed residual that it is about."""
        call, drawn = self.call, self.drawn
        misfits = fit.misfits if fit else ()
        finding = Finding(
            code,
            message,
            call.bound.name,
            drawn.id,
            drawn=drawn.describe(),
            traced=traced,
            layers=call.layer.indices,
            modes=(self.execution.mode,),
            spec=self.evidence.loaded.place(*self.place),
            location=location or (join.residual.location if join else None),
            code_branch=call.boxes_on(join) if join else (),
            code_source=call.source_box(join) if join else "",
            note=drawn.edge.note,
            fix=fix,
        )
        return FindingCandidate(
            finding,
            frozenset([self.key]),
            frozenset([join.key] if join else []),
            frozenset((call, call.token(misfit.occurrence)) for misfit in misfits),
            bool(fit and fit.foreign),
        )
