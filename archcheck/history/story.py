"""The history of a spec or a model: which commits changed residual connections or marks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from archcheck.errors import Problem
from archcheck.findings import MarkKind, Report, Status
from archcheck.history.changes import Change, Changes, compare, pattern
from archcheck.history.dependencies import Dependencies, Tree
from archcheck.history.revisions import Commit, CommitStep
from archcheck.phrasing.module_paths import generic


@dataclass(frozen=True, slots=True)
class CommitRun:
    """A run that stands for all commits without a change in its `dependencies` (None: any change)."""

    report: Report
    tree: Tree = field(repr=False)
    dependencies: Dependencies | None = None

    @property
    def has_run(self) -> bool:
        """Whether there is something to compare."""
        return self.report.status is not Status.ERROR

    def is_of(self, tree: Tree, paths: Iterable[str] | None = None) -> bool:
        """Return whether a tree, which differs from the state's in `paths`, gives the same run."""
        differ = list(paths) if paths is not None else _differing(self.tree, tree)
        if self.dependencies is None:
            return not differ
        return not self.dependencies.see(differ, self.tree, tree)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A commit that changed something (or one of `unrun` before it), or the first of `count` that failed."""

    commit: Commit
    changes: Changes | None = None
    problems: tuple[Problem, ...] = ()
    count: int = 1
    unrun: int = 0


@dataclass(frozen=True, slots=True)
class Log:
    """A history's entries, the newest first, its numbers of commits and runs, and what it lacks."""

    name: str
    entries: tuple[LogEntry, ...]
    commits: int
    runs: int
    remark: str = ""


def states_of(
    steps: Sequence[CommitStep],
    tree: Tree,
    run: Callable[[Commit, Tree], CommitRun],
    within: Callable[[str], bool],
) -> list[tuple[Commit, CommitRun]]:
    """Return each commit's state, as `steps`; only changes `within` the paths count. `tree`: the newest."""
    known: list[CommitRun] = []
    found: list[tuple[Commit, CommitRun]] = []
    current: CommitRun | None = None
    changed: list[str] = []
    for step in steps:
        if current is None or not current.is_of(tree, _between(current, tree, changed)):
            current = next((state for state in known if state.is_of(tree)), None)
            if current is None:
                current = run(step.commit, tree)
                known.append(current)
        found.append((step.commit, current))
        changed = [path for path in step.changed if within(path)]
        tree = _before(tree, step)
    return found


def _between(state: CommitRun, tree: Tree, changed: Iterable[str]) -> list[str]:
    """Return the paths changed by the last step in which the tree is not the state's."""
    return [path for path in changed if state.tree.get(path) != tree.get(path)]


def _before(tree: Tree, step: CommitStep) -> Tree:
    """Return the tree before a commit."""
    before = dict(tree)
    for path, blob in step.changed.items():
        if blob is None:
            before.pop(path, None)
        else:
            before[path] = blob
    return before


def _differing(one: Tree, other: Tree) -> list[str]:
    return [path for path in one.keys() | other.keys() if one.get(path) != other.get(path)]


def entries_of(states: Sequence[tuple[Commit, CommitRun]], from_nothing: bool) -> list[LogEntry]:
    """Return what happened, the newest first, from the state at each commit.

    `from_nothing` counts what exists at the oldest commit as added by it; else the history begins with it.
    """
    entries: list[LogEntry] = []
    before: Report | None = None
    unrun = 0
    for _, group in groupby(reversed(states), key=lambda each: _same(each[1])):
        commits = list(group)
        (commit, state), count = commits[0], len(commits)
        if not state.has_run:
            entries.append(LogEntry(commit, problems=state.report.problems, count=count))
            unrun += count
            continue
        changes = compare("", before, state.report)
        if changes and (before or commit != states[-1][0] or from_nothing):
            entries.append(LogEntry(commit, changes, unrun=unrun if before else 0))
        before, unrun = state.report, 0
    return entries[::-1]


def _same(state: CommitRun) -> object:
    """Return what is equal for runs between which there is nothing to report."""
    return id(state) if state.has_run else tuple(str(problem) for problem in state.report.problems)


def blame(entries: Iterable[LogEntry], name: str, reports: Sequence[Report]) -> list[LogEntry]:
    """Return the entries that changed a residual of this name, in the code or as drawn, with only that.

    A name is a key (`layers.0:norm+attn`) or its pattern (`layers.*:norm+attn`), a module of the branch
    (`attn`, `layers.*.attn`), or an edge of the diagram (`attn`, `layer.attn`).
    """
    drawn = {
        pattern(residual)
        for report in reports
        for proof in report.proofs
        if name in (proof.edge, f"{proof.panel}.{proof.edge}")
        for residual in proof.residuals
    }
    found = []
    for entry in entries:
        if entry.changes is None:
            continue
        residuals = tuple(
            each for each in entry.changes.residuals if drawn & _patterns(each) or name in _names(each)
        )
        marks = tuple(
            each
            for each in entry.changes.marks
            if each.mark.kind is MarkKind.EDGE
            and name in (each.mark.name, f"{each.mark.panel}.{each.mark.name}")
        )
        if residuals or marks:
            changes = replace(
                entry.changes, residuals=residuals, marks=marks, findings_added=(), findings_removed=()
            )
            found.append(replace(entry, changes=changes))
    return found


def _patterns(change: Change) -> set[str]:
    return {pattern(residual) for residual in (change.before, change.after) if residual is not None}


def _names(change: Change) -> set[str]:
    names = _patterns(change)
    for residual in (change.before, change.after):
        if residual is not None:
            whole = [f"{residual.scope}.{module}".lstrip(".") for module in residual.branch]
            names |= {residual.key, *residual.branch, *whole, *map(generic, whole)}
    return names
