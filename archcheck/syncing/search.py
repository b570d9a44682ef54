"""The search for fixes that leave a spec with fewer findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from archcheck.errors import ArchcheckError
from archcheck.findings import Finding, Fix, Report, Status, Verdict
from archcheck.spec.editing import fixed
from archcheck.spec.load import LoadedSpec, loads

Judge = Callable[[LoadedSpec], Report]
"""Compares a spec with what its model did; raises ArchcheckError where it can't be bound to it."""

_DEPTH = 3  # fixes that help together, as a box and the lines that lead to it

Identity = tuple[str, str, str, str]


@dataclass(frozen=True)
class SyncState:
    """A spec's text, and its findings. `fixes` led to it."""

    loaded: LoadedSpec
    report: Report
    fixes: tuple[Fix, ...] = ()

    @property
    def score(self) -> tuple[int, int, int]:
        """A measure of what is wrong with it: less is better."""
        refuted = sum(mark.verdict is Verdict.REFUTED for mark in self.report.marks)
        return len(self.report.problems), len(self.report.findings), refuted


@dataclass
class FixSearch:
    """Compares specs once each; `more` proposes fixes beside those of findings not `ignored`."""

    judge: Judge
    ignored: frozenset[Identity] = frozenset()
    more: Callable[[SyncState, Sequence[Finding]], Iterable[Fix]] = lambda *_: ()
    most: int = 600
    _seen: dict[str, Report] = field(default_factory=dict)

    @property
    def is_exhausted(self) -> bool:
        """Whether no more specs may be tried."""
        return len(self._seen) >= self.most

    def improved(self, state: SyncState) -> SyncState:
        """Return the spec after all fixes that help, applied one at a time."""
        while state.report.findings or state.report.problems:
            better = next(self._better(state), None)
            if better is None:
                break
            state = better
        return state

    def _better(self, state: SyncState) -> Iterator[SyncState]:
        for depth in range(1, _DEPTH + 1):
            for fix in self._proposals(state, state.report.findings):
                better = self._attempt(state, fix, state, depth)
                if better is not None:
                    yield better

    def _attempt(self, state: SyncState, fix: Fix, goal: SyncState, depth: int) -> SyncState | None:
        """Return the spec with a fix, and with up to `depth` fixes for its consequences, if it is better."""
        new = self.with_fix(state, fix)
        if new is None or _misnames(fix, state.report, new.report):
            return None
        if new.score < goal.score:
            return new
        if depth > 1:
            known = set(map(identity, state.report.findings))
            fresh = [each for each in new.report.findings if identity(each) not in known]
            for other in self._proposals(new, fresh):
                better = self._attempt(new, other, goal, depth - 1)
                if better is not None:
                    return better
        return None

    def _proposals(self, state: SyncState, findings: Sequence[Finding]) -> Iterator[Fix]:
        yield from self.more(state, findings)
        yield from fixes(findings)

    def with_fix(self, state: SyncState, fix: Fix) -> SyncState | None:
        """Return the spec with a fix applied; None if it is none then, or if the limit is reached."""
        text = fixed(state.loaded.source, fix)
        if text is None:
            return None
        try:
            loaded = loads(text, state.loaded.file)
        except ArchcheckError:
            return None
        if loaded.source not in self._seen and self.is_exhausted:
            return None
        return SyncState(loaded, self.judged(loaded), (*state.fixes, fix))

    def judged(self, loaded: LoadedSpec) -> Report:
        """Return the findings on a spec, without those that are ignored."""
        if loaded.source not in self._seen:
            self._seen[loaded.source] = self._judged(loaded)
        return self._seen[loaded.source]

    def _judged(self, loaded: LoadedSpec) -> Report:
        try:
            report = self.judge(loaded)
        except ArchcheckError as error:  # a scope that matches nothing
            return Report(loaded.file, Status.ERROR, problems=error.problems)
        left = tuple(each for each in report.findings if identity(each) not in self.ignored)
        status = report.status if report.problems or left else Status.CONFORMS
        return replace(report, findings=left, status=status)


def _misnames(fix: Fix, before: Report, after: Report) -> bool:
    """Whether a fix gives a box a module of which something else is wrong then."""
    named = {edit.place[1:4:2] for edit in fix.edits if edit.place[2:5:2] == ("boxes", "module")}
    known = set(map(identity, before.findings))
    return any((each.panel, each.edge) in named for each in after.findings if identity(each) not in known)


def identity(finding: Finding) -> Identity:
    """Return what identifies a finding while lines move."""
    return finding.code, finding.panel, finding.edge, finding.message


def fixes(findings: Sequence[Finding]) -> list[Fix]:
    """Return the fixes that findings propose; those that change a mark come first."""
    found = dict.fromkeys(finding.fix for finding in findings if finding.fix is not None)
    return sorted(found, key=_rank)


def _rank(fix: Fix) -> int:
    actions = {edit.action for edit in fix.edits}
    return 2 if "remove" in actions else 1 if "append" in actions else 0
