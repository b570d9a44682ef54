"""Comparisons as text, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.errors import Problem
from archcheck.findings import Finding
from archcheck.history.changes import Change, Changes, What
from archcheck.history.wording import SIGNS, connection, differences, layers, mark, summary, verdicts
from archcheck.reporters.common import (
    counted,
    extent,
    no_command,
    one_line,
    place,
    problem_location,
    problem_text,
)
from archcheck.reporters.json import VERSION, plain, to_json
from archcheck.reporters.markdown import code, escape, table

MARKS_SHOWN = 20


def headline(found: Sequence[Changes]) -> str:
    """Return `2 of 3 specs changed` or `nothing changed`."""
    unchecked = [each for each in found if not each.is_checked]
    changed = [each for each in found if each and each.is_checked]
    left = f"; {counted(len(unchecked), 'spec')} could not be compared" if unchecked else ""
    if not changed:
        return f"nothing changed{left}" if len(found) > len(unchecked) else left.removeprefix("; ")
    if len(found) == 1:
        return summary(found[0])
    return f"{len(changed)} of {len(found)} specs changed{left}"


def as_json(found: Sequence[Changes], before: str, after: str) -> str:
    """Return `{"version": 1, "before": …, "after": …, "specs": […]}`, one entry for each spec."""
    specs = [plain(each) for each in found]
    return to_json({"version": VERSION, "before": before, "after": after, "specs": specs})


def as_text(found: Sequence[Changes], before: str, after: str) -> str:
    """Return a block for each spec or model in which something changed, for people."""
    lines = [f"{one_line(before)} → {one_line(after)}: {headline(found)}"]
    for each in found:
        if each:
            lines += ["", f"{one_line(each.name)}: {verdicts(each)}: {summary(each)}", *text_lines(each)]
        elif each.problems:
            lines += ["", f"{one_line(each.name)}: {summary(each)}", *text_lines(each)]
    return "\n".join(map(no_command, lines)) + "\n"


def _residual_line(change: Change) -> str:
    panel = f"panel {one_line(change.panel)}" if change.panel else ""
    where = ", ".join(part for part in (panel, layers(change), _place(change)) if part)
    said = f"{change.what.value}: {connection(change)}; {differences(change)}"
    return f"  {SIGNS[change.what]} {said}{f' ({where})' if where else ''}"


def text_lines(changes: Changes) -> Iterator[str]:
    """Yield what changed in one spec, a line for each change."""
    yield from map(_residual_line, changes.residuals)
    # Of a spec that came or went all marks did.
    shown = MARKS_SHOWN if changes.status_before and changes.status_after else 0
    for each in changes.marks[:shown]:
        yield f"  {SIGNS[each.what]} {each.what.value}: {mark(each)}"
    if len(changes.marks) > shown:
        more = "more " if shown else ""
        yield f"  {SIGNS[changes.marks[-1].what]} {counted(len(changes.marks) - shown, f'{more}mark')}"
    for finding in changes.findings_added:
        yield f"  ! new: {_finding(finding)}"
    for finding in changes.findings_removed:
        yield f"  ✓ gone: {_finding(finding)}"
    for problem in changes.problems:
        yield f"  ! {problem_line(problem)}"


def as_markdown(found: Sequence[Changes], before: str, after: str) -> str:
    """Return a comment for a pull request: changed residual connections first, the rest folded."""
    lines = [f"## archcheck: {headline(found)}", "", f"{code(before)} → {code(after)}"]
    for each in found:
        if each or each.problems:
            lines += ["", f"### {code(each.name)} {verdicts(each)}: {summary(each)}", *_section(each)]
    return "\n".join(lines) + "\n"


def _section(changes: Changes) -> list[str]:
    rows = [
        (
            _BADGES[change.what],
            escape(change.panel),
            escape(connection(change)),
            escape(layers(change).removeprefix("layers ").removeprefix("layer ")),
            escape(differences(change)),
            code(_place(change)) if _place(change) else "",
        )
        for change in changes.residuals
    ]
    lines = table(("", "Panel", "Residual connection", "Layers", "What", "Where"), rows)
    lines += _items("New findings:", [_finding(each) for each in changes.findings_added])
    lines += _items("Findings that are gone:", [_finding(each) for each in changes.findings_removed])
    lines += _items("Could not be checked:", [problem_line(each) for each in changes.problems])
    marks = [f"{each.what.value}: {mark(each)}" for each in changes.marks]
    if marks:
        title = f"<details><summary>{counted(len(marks), 'mark')} changed</summary>"
        lines += ["", title, "", *(f"- {escape(each)}" for each in marks), "", "</details>"]
    return lines


_BADGES = {
    What.ADDED: "➕ added",
    What.REMOVED: "➖ removed",
    What.MOVED: "↪️ moved",
    What.CHANGED: "🔀 changed",
}


def _items(heading: str, items: list[str]) -> list[str]:
    return ["", heading, "", *(f"- {escape(item)}" for item in items)] if items else []


def _place(change: Change) -> str:
    return place(change.location) if change.location else ""


def _finding(finding: Finding) -> str:
    held = extent(finding)
    return one_line(f"{finding.code} {finding.message}{f' ({held})' if held else ''}")


def problem_line(problem: Problem) -> str:
    """Return where and why something could not be checked."""
    where = problem_location(problem)
    return f"{f'{place(where)}: ' if where else ''}{problem.code} {problem_text(problem)}"
