"""`archcheck sync` without its files: from a spec and its model's run to a spec that matches."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from archcheck.findings import Finding, Fix, Report
from archcheck.spec.load import LoadedSpec
from archcheck.syncing.renames import renames
from archcheck.syncing.search import FixSearch, Identity, Judge, SyncState, identity


@dataclass(frozen=True, slots=True)
class Synced:
    """The spec as it was and as it should be; `report` has what is left to report. `fixes` were applied."""

    before: str
    after: str
    report: Report
    fixes: tuple[Fix, ...]


def sync_spec(
    loaded: LoadedSpec, judge: Judge, modules: Collection[str], accepted: Collection[Identity] = ()
) -> Synced:
    """Return the spec with each fix applied that leaves fewer findings.

    `judge` compares a spec with the run of its model, which has `modules`; `accepted` are findings that
    somebody accepted: those are left alone.
    """
    search = FixSearch(judge, frozenset(accepted), partial(_beyond_findings, modules=modules))
    state = search.improved(SyncState(loaded, search.judged(loaded)))
    return Synced(loaded.source, state.loaded.source, state.report, state.fixes)


def _beyond_findings(
    state: SyncState, findings: Sequence[Finding], modules: Collection[str]
) -> Iterator[Fix]:
    """Yield fixes that no single finding proposes: new names for modules."""
    codes = [*(each.code for each in findings), *(each.code for each in state.report.problems)]
    if "BOX001" in codes or "SPEC030" in codes:
        yield from renames(state.loaded.spec, modules)


__all__ = ["Identity", "Synced", "identity", "sync_spec"]
