"""`archcheck diff`: two revisions, specs, models or saved reports, and how their residuals differ."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from archcheck.commands.inspect import inspect
from archcheck.commands.run_modes import Start
from archcheck.commands.verify import picture_of, verify
from archcheck.commands.workers import Workers
from archcheck.errors import ArchcheckError
from archcheck.files import SPEC_SUFFIXES
from archcheck.findings import Report
from archcheck.history.changes import Changes, compare
from archcheck.history.page import as_html
from archcheck.history.revisions import Export, Repository, failed
from archcheck.history.saved import read_reports, with_files
from archcheck.history.tables import as_json, as_markdown, as_text
from archcheck.model.arguments import Setting
from archcheck.seam.messages import Progress
from archcheck.source_location import shown_path
from archcheck.targets import is_well_formed

SpecsOf = Callable[[Path], Sequence[Path]]
"""The specs of the project in a folder."""


@dataclass(frozen=True, slots=True)
class How:
    """How models are run: with these settings and inputs, by these workers; `pictures` draws each side."""

    settings: Sequence[Setting]
    inputs: Mapping[str, Any]
    workers: Workers
    progress: Progress
    pictures: bool = False


@dataclass(frozen=True, slots=True)
class Side:
    """A spec or model as it is on one side, with its picture as SVG if one was wanted and can be drawn."""

    report: Report
    picture: str | None = None


@dataclass(frozen=True, slots=True)
class Compared:
    """What changed in one spec or model, and the pictures of both sides."""

    changes: Changes
    before: str | None = None
    after: str | None = None


def diff(before: str, after: str, names: Sequence[str], specs_of: SpecsOf, how: How) -> list[Compared]:
    """Compare two revisions, specs, models or saved reports.

    Of two revisions, the named specs and models are compared, or else the specs that are found. Raises
    ArchcheckError where one of the two is none of these, or can't be read.
    """
    commits = _commits((before, after), bool(names))
    if commits is None:
        old, new = (_subject(name, how) for name in (before, after))
        if len(old) == len(new) == 1:  # they may be called otherwise
            name = " → ".join({**old, **new})
            old, new = ({name: side} for sides in (old, new) for side in sides.values())
    else:
        repository, revisions = commits
        old, new = (at_revision(repository, revision, names, specs_of, how) for revision in revisions)
        for name in names or ["a spec that the configuration finds"]:
            if name in (shown := {*old, *new}) or shown_path(name) in shown:
                continue
            if names or not shown:
                raise failed(
                    f"neither revision has {name}", "Name a spec or a target that exists in one of them."
                )
    return [_compared(name, old.get(name), new.get(name)) for name in sorted({*old, *new})]


def as_document(format: str, found: Sequence[Compared], before: str, after: str) -> str:
    """Return what was found as `text`, `json`, `markdown` or `html`, with the given names for the sides."""
    changes = [each.changes for each in found]
    if format == "html":
        return as_html([(each.changes, (each.before, each.after)) for each in found], before, after)
    return {"text": as_text, "json": as_json, "markdown": as_markdown}[format](changes, before, after)


def _compared(name: str, old: Side | None, new: Side | None) -> Compared:
    changes = compare(name, old.report if old else None, new.report if new else None)
    return Compared(changes, old.picture if old else None, new.picture if new else None)


# -- one side -----------------------------------------------------------------------------------------


def _commits(names: tuple[str, str], wanted: bool) -> tuple[Repository, list[str]] | None:
    """Return the commits that both names mean, or None; raises ArchcheckError if only one means one."""
    others = [name for name in names if name.endswith((*SPEC_SUFFIXES, ".json")) or is_well_formed(name)]
    if len(others) == len(names) and not wanted:
        return None
    try:
        repository = Repository(Path.cwd())
    except ArchcheckError as error:
        for name in names:
            if name not in others:
                hint = "Give two revisions of a git repository, or two specs, targets or saved reports."
                why = error.problems[0].message.removeprefix("git rev-parse: ")
                raise failed(f"'{name}' is not a file, a target or a revision ({why})", hint) from None
        raise
    return repository, [repository.resolve(name) for name in names]


def _subject(name: str, how: How) -> dict[str, Side]:
    """Return what a file or target names: the reports in it, or that of a spec or model as it is now."""
    if not name.endswith(".json"):
        side = run(name, how, how.workers.worker)
        return {shown_path(side.report.file): side}
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise ArchcheckError.of("HIS002", f"can't be read: {why}", file=name) from None
    reports = read_reports(text, _root(), name)
    return {shown_path(report.file): Side(report) for report in reports}


def _root() -> Path:
    """Return the folder that paths in saved reports are relative to."""
    try:
        return Repository(Path.cwd()).root
    except ArchcheckError:
        return Path.cwd()


def run(name: str, how: How, worker: Start) -> Side:
    """Check a spec or a target of the work tree."""
    if name.endswith(SPEC_SUFFIXES):
        report = verify(name, settings=how.settings, inputs=how.inputs, progress=how.progress, worker=worker)
        return Side(report, report.picture(report) if how.pictures and report.picture else None)
    report, outline = inspect(name, how.settings, how.inputs, False, False, how.progress, worker=worker)
    return Side(report, picture_of(outline(), report) if how.pictures and outline else None)


# -- revisions ----------------------------------------------------------------------------------------


def at_revision(
    repository: Repository, revision: str, names: Sequence[str], specs_of: SpecsOf, how: How
) -> dict[str, Side]:
    """Return a revision's version of the named specs and models, or of the specs that its project finds."""
    with repository.exported(revision) as export:
        here = Path(export.inside(os.getcwd()))
        here.mkdir(parents=True, exist_ok=True)
        found = [str(spec) for spec in specs_of(here)] if not names else _named(names, export)
        worker = partial(how.workers.worker, (str(export.root), str(export.folder)))
        sides = [from_export(run(name, how, worker), export) for name in found]
    return {shown_path(side.report.file): side for side in sides}


def _named(names: Sequence[str], export: Export) -> Iterator[str]:
    """Yield those of the named specs and models that the export has, as they are called there."""
    for name in names:
        if not name.endswith(SPEC_SUFFIXES):
            yield name
            continue
        file = os.path.abspath(name)
        if not Path(os.path.realpath(file)).is_relative_to(export.root):
            raise failed(f"{name} is not in the repository")
        if os.path.isfile(export.inside(file)):
            yield export.inside(file)


def from_export(side: Side, export: Export) -> Side:
    """Return the side with its files named as in the repository."""
    strays: list[str] = []

    def outside(file: str) -> str:
        found = export.outside(file)
        if found == file and Path(file).is_relative_to(export.root) and "site-packages" not in file:
            strays.append(file)
        return found

    report = with_files(replace(side.report, picture=None), outside)
    if strays:
        hint = "Uninstall the package, so that the revision's own files are imported."
        raise failed(f"{shown_path(strays[0])} was imported from the work tree, not from the revision", hint)
    return replace(side, report=report)
