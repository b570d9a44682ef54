"""The fixes that a report proposes, each tried: it must leave fewer findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from itertools import chain

from archcheck.findings import Finding, Fix, Report
from archcheck.spec.load import LoadedSpec
from archcheck.syncing.renames import renames
from archcheck.syncing.search import FixSearch, Judge, SyncState, fixes

_DEPTH = 2  # fixes of what a fix brings up, as an edge that begins at a box that has moved


def tried(
    report: Report, loaded: LoadedSpec, judge: Judge, modules: Collection[str] = (), most: int = 100
) -> Report:
    """Return the report with fixes each of which removes its finding by itself and causes no other.

    A fix that brings up findings is completed by what those propose; one that can't be is left out. `modules`
    are those of the model: what the spec calls otherwise is renamed. After `most` comparisons the rest stays
    untried.
    """
    search = FixSearch(judge, most=most)
    state = SyncState(loaded, report)
    is_misnamed = any(finding.code == "BOX001" for finding in report.findings)
    others = list(renames(loaded.spec, modules)) if modules and is_misnamed else []
    findings = [_tried(finding, others, search, state) for finding in report.findings]
    return replace(report, findings=tuple(findings))


def _tried(finding: Finding, names: Sequence[Fix], search: FixSearch, state: SyncState) -> Finding:
    known = [*(names if finding.code == "BOX001" else ()), *([finding.fix] if finding.fix else ())]
    if not known or search.is_exhausted:
        return finding
    complete = (_completed(finding, fix, search, state, _DEPTH) for fix in known)
    found = next(chain.from_iterable(complete), None)
    return finding if found is None and search.is_exhausted else replace(finding, fix=found)


def _completed(finding: Finding, fix: Fix, search: FixSearch, state: SyncState, depth: int) -> Iterator[Fix]:
    """Yield the fix, or with more edits, where that does what a fix should."""
    new = search.with_fix(state, fix)
    if new is None or new.report.problems:
        return
    known = {_mark(each) for each in state.report.findings}
    fresh = [each for each in new.report.findings if _mark(each) not in known]
    if not fresh and len(new.report.findings) < len(state.report.findings):
        if _mark(finding) not in map(_mark, new.report.findings):
            yield fix
    elif depth:
        for other in fixes(fresh):
            yield from _completed(finding, _both(fix, other), search, state, depth - 1)


def _mark(finding: Finding) -> tuple[str, str, str]:
    return finding.code, finding.panel, finding.edge


def _both(one: Fix, other: Fix) -> Fix:
    """Return one fix after the other; of two values for one place the later."""
    again = {edit.place for edit in other.edits if edit.action == "set"}
    return Fix(
        (*(each for each in one.edits if each.action != "set" or each.place not in again), *other.edits)
    )
