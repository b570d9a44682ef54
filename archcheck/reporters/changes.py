"""What the fix of a finding changes in the text of its spec, for reports that offer it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from archcheck.findings import Finding, Report
from archcheck.reporters.common import one_line
from archcheck.source_location import shown_path
from archcheck.spec.editing import Replacement, fixed, replacements


def changes(report: Report) -> Mapping[Finding, tuple[Replacement, ...]]:
    """Return the changes of each finding that has a fix; none where the spec can't be read any more."""
    offered = [finding for finding in report.findings if finding.fix is not None]
    source = _source(report.file) if offered else None
    found = {}
    for finding in offered:
        text = fixed(source, finding.fix) if source is not None and finding.fix is not None else None
        if source is not None and text is not None:
            found[finding] = tuple(replacements(source, text))
    return found


def diff_lines(report: Report, changed: tuple[Replacement, ...]) -> list[str]:
    """Return the changes as a diff without context, its lines printable."""
    lines = []
    for each in changed:
        lines.append(f"@@ {one_line(shown_path(report.file))}:{each.line} @@")
        lines += [f"-{_shown(line)}" for line in each.old]
        lines += [f"+{_shown(line)}" for line in each.new]
    return lines


def _shown(line: str) -> str:
    return one_line(line.rstrip("\r\n"))


def _source(file: str) -> str | None:
    path = Path(file)
    try:
        return path.read_bytes().decode("utf-8") if path.is_file() else None
    except (OSError, ValueError):
        return None
