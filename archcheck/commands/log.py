"""`archcheck log`: which commits changed residual connections or marks, and which of them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath

from archcheck.cache.watched import watched
from archcheck.commands.diff import How, from_export, run
from archcheck.errors import ArchcheckError
from archcheck.files import SPEC_SUFFIXES
from archcheck.findings import Report
from archcheck.history.changes import pattern
from archcheck.history.dependencies import Dependencies, Tree
from archcheck.history.revisions import Commit, Export, Repository, failed
from archcheck.history.story import CommitRun, Log, LogEntry, blame, entries_of, states_of
from archcheck.phrasing.suggestions import nearest
from archcheck.seam.touched import Touched


def log(
    name: str, revision: str, paths: Sequence[str], residual: str | None, most: int | None, how: How
) -> Log:
    """Return the history of a spec's or a target's model up to a revision.

    A spec is read as it was then, or as it is now if the commit has none. `paths` are the files and folders
    whose changes count; by default all that a run used. `residual` selects one connection. Raises
    ArchcheckError if there is no such repository, revision or residual.
    """
    is_spec = name.endswith(SPEC_SUFFIXES)
    if is_spec and not os.path.isfile(name):
        raise ArchcheckError.of("SPEC001", "there is no such file", file=name)
    repository = Repository(Path(os.path.abspath(name)).parent if is_spec else Path.cwd())
    steps = repository.history(repository.resolve(revision), most)
    within = [_within(path, repository) for path in paths]
    done: list[int] = []

    def state(commit: Commit, tree: Tree) -> CommitRun:
        done.append(1)
        how.progress(f"{commit.short} ({len(done)} states of the code so far)")
        return _state(name, repository, commit, tree, how)

    def counts(path: str) -> bool:
        file = PurePosixPath(path)
        return not within or any(folder in (file, *file.parents) for folder in within)

    states = states_of(steps, repository.files(steps[0].commit.revision), state, counts)
    if not any(each.has_run for _, each in states):
        raise ArchcheckError(states[0][1].report.problems)
    whole = not repository.is_shallow and len(steps) != most
    entries = entries_of(states, whole and any(map(counts, steps[-1].changed)))
    if residual is not None:
        reports = list({id(each): each.report for _, each in states}.values())
        entries = _blamed(entries, residual, reports)
    remark = "the clone is shallow: older history is missing" if repository.is_shallow else ""
    return Log(name, tuple(entries), len(steps), len(done), remark)


def _within(path: str, repository: Repository) -> PurePosixPath:
    whole = Path(os.path.abspath(path))
    if not whole.is_relative_to(repository.root):
        raise failed(f"{path} is not in the repository")
    return PurePosixPath(whole.relative_to(repository.root).as_posix())


def _state(name: str, repository: Repository, commit: Commit, tree: Tree, how: How) -> CommitRun:
    """Return the run of the model of a commit."""
    seen: list[Touched | None] = []
    with repository.exported(commit.revision) as export:
        Path(export.inside(os.getcwd())).mkdir(parents=True, exist_ok=True)
        there = name
        if name.endswith(SPEC_SUFFIXES):
            there = export.inside(os.path.abspath(name))
            if not os.path.isfile(there):
                Path(there).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(name, there)
        worker = partial(how.workers.worker, (str(export.root), str(export.folder)))
        side = from_export(run(there, how, lambda: watched(worker, seen)), export)
        touched = [each for each in seen if each is not None]
        dependencies = Dependencies.of(touched, [there], partial(_relative, export)) if touched else None
    return CommitRun(side.report, tree, dependencies)


def _relative(export: Export, path: str) -> str | None:
    """Return the path that git has for a file of the export; None for a file outside it."""
    whole = Path(os.path.normpath(path))
    if not whole.is_relative_to(export.folder):
        return None
    found = whole.relative_to(export.folder).as_posix()
    return "" if found == "." else found


def _blamed(entries: Sequence[LogEntry], residual: str, reports: Sequence[Report]) -> list[LogEntry]:
    found = blame(entries, residual, reports)
    if not found:
        known = sorted({pattern(each) for report in reports for each in report.residuals})
        near = nearest(residual, known)
        hint = f"Did you mean '{near}'?" if near else f"Found: {', '.join(known[:12]) or 'none'}."
        raise failed(f"no commit has a residual connection '{residual}'", hint)
    return found
