"""Which of the candidates become findings: one disagreement, one finding."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from archcheck.dataflow.join import JoinKey
from archcheck.diff.evidence import EdgeKey, FindingCandidate
from archcheck.diff.panel_calls import PanelCall
from archcheck.findings import Finding


@dataclass(frozen=True, slots=True)
class Settled:
    """The findings, the residuals and misplacements that they explain, and edges without a verdict."""

    findings: tuple[Finding, ...]
    joins: frozenset[JoinKey]
    misplaced: frozenset[str]
    unseen: frozenset[EdgeKey] = frozenset()


def settle(certain: Iterable[FindingCandidate], candidates: Iterable[FindingCandidate]) -> Settled:
    """Consider the candidates in their order, the most telling for an edge first.

    All `certain` ones become findings. A candidate is dropped if one before it, or a `certain` one, is on its
    edge (the same disagreement, better explained), or if what it calls misplaced is already so by one before
    it (one norm on the branch of two edges is one norm).
    """
    findings: list[Finding] = []
    edges: set[EdgeKey] = set()
    joins: set[JoinKey] = set()
    misplaced: set[tuple[PanelCall, str]] = set()
    for candidate in certain:
        findings.append(candidate.finding)
        edges |= candidate.edges
        joins |= candidate.joins
        misplaced |= candidate.misplaced
    for candidate in candidates:
        if candidate.edges <= edges:
            continue
        known = bool(candidate.misplaced) and candidate.misplaced <= misplaced
        if not known or candidate.says_more:
            findings.append(candidate.finding)
        edges |= candidate.edges
        joins |= candidate.joins
        misplaced |= candidate.misplaced
    return Settled(tuple(findings), frozenset(joins), frozenset(token for _, token in misplaced))
