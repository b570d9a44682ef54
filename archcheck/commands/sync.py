"""`archcheck sync`: rewrite a spec to match its model's code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import unified_diff
from pathlib import Path

from archcheck.commands.run_modes import Start, by_default
from archcheck.commands.verify import adapted, judged, run
from archcheck.errors import ArchcheckError
from archcheck.files import write_text
from archcheck.findings import Report, Status
from archcheck.model.arguments import Setting
from archcheck.source_location import Location
from archcheck.spec import LoadedSpec, load
from archcheck.spec.editing import Replacement, lines_of, replacements
from archcheck.syncing import Identity, Synced, identity, sync_spec
from archcheck.waivers import BY_COMMENTS, waive


def sync(
    spec: Path,
    settings: Sequence[Setting] = (),
    *,
    strict: bool = False,
    progress: Callable[[str], None] = lambda _: None,
    failed: Callable[[ArchcheckError], object] = lambda _: None,
    worker: Start = by_default,
) -> Synced:
    """Return the spec as it should be, without writing it.

    The model runs once. A spec or model that can't be read, built or run gives a report with status `error`
    and the spec as it is; nothing is raised for those, but `failed` is called with the error.
    """
    try:
        loaded = load(spec)
    except ArchcheckError as error:
        failed(error)
        return Synced("", "", Report(str(spec), Status.ERROR, problems=error.problems), ())
    try:
        asked = adapted(loaded, None, settings, {}, {}, strict)
        executions, published = run(asked, None, False, progress, worker)
        target = loaded.spec.model.target

        def judge(changed: LoadedSpec) -> Report:
            return judged(adapted(changed, None, settings, {}, {}, strict), executions, published, target)

        progress("looking for changes that make it conform")
        modules = dict.fromkeys(name for execution in executions for name in execution.modules)
        return sync_spec(loaded, judge, modules, _accepted(loaded, judge))
    except ArchcheckError as error:
        failed(error)
        report = Report(loaded.file, Status.ERROR, loaded.spec.title, problems=error.problems)
        return Synced(loaded.source, loaded.source, report, ())


def _accepted(loaded: LoadedSpec, judge: Callable[[LoadedSpec], Report]) -> frozenset[Identity]:
    """Return the findings that comments of the spec or the code accept."""
    try:
        report = judge(loaded)
    except ArchcheckError:  # a scope that matches nothing: names come first
        return frozenset()
    return frozenset(identity(each.finding) for each in waive(report, BY_COMMENTS).accepted)


def difference(synced: Synced, file: str) -> str:
    """Return the change as a unified diff; "" where there is none."""
    before, after = (lines_of(text) for text in (synced.before, synced.after))
    lines = unified_diff(before, after, file, file)
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def unwritten(synced: Synced) -> Report:
    """Return what is left to say of a spec that stays as it is, with its lines as they are now."""
    changed = list(replacements(synced.before, synced.after))

    def moved(place: Location | None) -> Location | None:
        is_own = place is not None and place.file == synced.report.file
        return replace(place, line=_line_before(place.line, changed)) if place and is_own else place

    findings = tuple(replace(each, spec=moved(each.spec)) for each in synced.report.findings)
    return replace(synced.report, findings=findings)


def _line_before(line: int, changed: Sequence[Replacement]) -> int:
    """Return the line of the old text that a line of the new one comes from, or before which it is put."""
    added = 0
    for each in changed:
        start = each.line + added
        if line < start:
            break
        if line < start + len(each.new):
            return each.line + min(line - start, max(len(each.old) - 1, 0))
        added += len(each.new) - len(each.old)
    return line - added


def write(spec: Path, synced: Synced) -> None:
    """Replace the old text by the new one, or raise OSError, also where the file has changed since."""
    if synced.after == synced.before:
        return
    if spec.read_bytes() != synced.before.encode("utf-8"):
        raise OSError(None, "it changed while its model ran and was not written; run sync again", str(spec))
    write_text(spec, synced.after)
