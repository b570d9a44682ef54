"""The story of the diff: what matches, what the rules find, and one finding for each disagreement."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from archcheck.diff import mark_fixes
from archcheck.diff.binding import BoundPanel
from archcheck.diff.boxes import box_findings
from archcheck.diff.defect_placement import place_defects, sinks_of, without_used
from archcheck.diff.defect_rules import defects
from archcheck.diff.edge_rules import EDGE_RULES
from archcheck.diff.evidence import EdgeEvidence, EdgeKey, Evidence, FindingCandidate
from archcheck.diff.execution import Execution
from archcheck.diff.hidden_sums import hidden_sums, unchecked_edges
from archcheck.diff.mark_rules import mark_findings, width_findings
from archcheck.diff.marks.count import explained, marks, unchecked
from archcheck.diff.marks.frame_check import check_frame
from archcheck.diff.marks.operations import with_operations
from archcheck.diff.marks.values import values
from archcheck.diff.matching import match
from archcheck.diff.merging import merge
from archcheck.diff.never_called import never_called
from archcheck.diff.panel_calls import panel_calls, with_lines
from archcheck.diff.proofs import proofs
from archcheck.diff.settling import settle
from archcheck.diff.undeclared import undeclared
from archcheck.errors import Problem
from archcheck.findings import Finding, Mark, Proof
from archcheck.residual.defects import merged
from archcheck.spec.load import LoadedSpec


@dataclass(frozen=True, slots=True)
class Comparison:
    """Findings, proofs and verdicts in order; `problems` are edges without one, their sums unseen."""

    findings: tuple[Finding, ...]
    proofs: tuple[Proof, ...]
    marks: tuple[Mark, ...]
    problems: tuple[Problem, ...] = ()


PANEL_RULES = (undeclared, box_findings, mark_findings)
"""The rules after those on edges: each reads the evidence, and what was settled by then."""


def compare(
    loaded: LoadedSpec,
    panels_by_mode: Sequence[tuple[Execution, Sequence[BoundPanel]]],
    published: Sequence[tuple[Execution, Sequence[BoundPanel]]] = (),
) -> Comparison:
    """Compare a spec with its model's runs and their panels; widths are compared with those `published`."""
    runs = [execution for execution, _ in panels_by_mode]
    modes = [_evidence(loaded, without_used(execution, runs), panels) for execution, panels in panels_by_mode]
    hidden = [hidden_sums(evidence) for evidence in modes]
    findings = [
        finding
        for evidence, edges in zip(modes, hidden, strict=True)
        for finding in _findings(evidence, edges)
    ]
    findings += never_called(modes)
    for execution, panels in published:
        calls = [call for bound in panels for call in panel_calls(bound, execution)]
        findings += width_findings(loaded, calls, values(execution))
    names = [evidence.execution.mode for evidence in modes]
    told = (*merge(findings, _layer_counts(modes), names), *_outside_of_panels(modes))
    unseen = [one for edges in hidden for one in edges.values()]
    frames = [frame for evidence in modes for frame in evidence.frames.values()]
    verdicts = unchecked_edges(marks(loaded, frames, told), unseen)
    if loaded.spec.strict:
        fix = partial(mark_fixes.of_unchecked, frames)
        told = (*told, *unchecked(verdicts, loaded, explained(frames, told), fix))
    problems = sorted({one.problem() for one in unseen if not one.accepted}, key=str)
    return Comparison(told, proofs(loaded, modes, told), verdicts, tuple(problems))


def _evidence(loaded: LoadedSpec, execution: Execution, panels: Sequence[BoundPanel]) -> Evidence:
    """Return what the rules read of one mode; edges are judged as if missing lines were drawn."""
    calls = tuple(call for bound in panels for call in panel_calls(bound, execution))
    sinks = sinks_of(execution)
    defective = frozenset().union(*sinks.values())
    matches, run = match(calls, defective), values(execution)
    frames = {call: check_frame(call, run, matches[call].exact, loaded.spec.strict) for call in calls}
    mended = {
        call: with_operations(with_lines(call, check.lines.missing), check) for call, check in frames.items()
    }
    changed = [new for call, new in mended.items() if new is not call]
    matches |= match(changed, defective)
    calls = tuple(mended[call] for call in calls)
    frames = {mended[call]: replace(check, call=mended[call]) for call, check in frames.items()}
    matches = {call: matches[call] for call in calls}
    placed = tuple(place_defects(execution, calls, matches, sinks))
    return Evidence(loaded, execution, tuple(panels), calls, matches, placed, frames)


def _findings(evidence: Evidence, hidden: Collection[EdgeKey]) -> Iterator[Finding]:
    """Return the findings of one mode; none are on `hidden` edges."""
    settled = replace(settle(defects(evidence), _on_edges(evidence, hidden)), unseen=frozenset(hidden))
    yield from settled.findings
    for rule in PANEL_RULES:
        yield from rule(evidence, settled)


def _on_edges(evidence: Evidence, hidden: Collection[EdgeKey]) -> Iterator[FindingCandidate]:
    """Yield the candidates of each rule for each drawn edge, in their order."""
    for call in evidence.calls:
        for drawn in call.drawn:
            edge = EdgeEvidence(evidence, call, drawn)
            for rule in EDGE_RULES if edge.key not in hidden else ():
                candidate = rule(edge)
                if candidate is not None:
                    yield candidate


def _layer_counts(modes: Sequence[Evidence]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for evidence in modes:
        for bound in evidence.panels:
            counts[bound.name] = max(counts.get(bound.name, 0), len(bound.layers))
    return counts


def _outside_of_panels(modes: Sequence[Evidence]) -> list[Finding]:
    """Return defects that no panel shows; a finding names its modes if it does not hold in all."""
    held: dict[Finding, list[str]] = {}
    for evidence in modes:
        for finding in merged([placed.defect for placed in evidence.defects if placed.home is None]):
            held.setdefault(finding, []).append(evidence.execution.mode)
    return [
        replace(finding, modes=tuple(where)) if len(where) < len(modes) else finding
        for finding, where in held.items()
    ]
