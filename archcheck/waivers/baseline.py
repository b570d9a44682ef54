"""A baseline: today's findings, accepted in a file, so that only new ones fail."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.errors import ArchcheckError
from archcheck.files import write_text
from archcheck.findings import Finding, Report, Status
from archcheck.reporters.common import extent
from archcheck.source_location import Location

VERSION = 1
_NAMES = ("spec", "code", "panel", "edge", "message", "where")
_PLACE = re.compile(r" \([^()\s]+:\d+\)")
Entry = tuple[str, ...]
"""A finding's spec, code, panel, edge, message, layers and modes. Lines may move."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a baseline file, with their reasons."""

    file: str
    entries: dict[Entry, str]

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """Read a baseline. Raises ArchcheckError (BAS001) if the file can't be read or is not one."""
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            if data["version"] != VERSION:
                raise _unusable(file, f"its version is {data['version']!r}, not {VERSION}")
            entries = {_entry_of(item): str(item.get("reason", "")) for item in data["findings"]}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            why = getattr(error, "strerror", None) or " ".join(str(error).split())
            raise _unusable(file, why or "it is not a baseline") from error
        return cls(str(file), entries)

    def entry(self, finding: Finding, spec: str) -> Entry:
        """Return the entry for a finding of a spec; specs are named relative to the baseline's folder."""
        where = extent(finding)
        return (
            self._name(spec),
            str(finding.code),
            finding.panel,
            finding.edge,
            _still(finding.message),
            where,
        )

    def entries_of(self, reports: Iterable[Report]) -> set[Entry]:
        """Return the entries for all findings of reports, including those accepted by the baseline."""
        return {
            self.entry(finding, report.file)
            for report in reports
            for finding in (
                *report.findings,
                *(each.finding for each in report.accepted if each.by == "baseline"),
            )
        }

    def gone(self, report: Report) -> list[Entry]:
        """Return the entries of a report's spec that no finding matches any more; none if not checked."""
        if report.status is Status.ERROR:
            return []
        found = self.entries_of([report]) | {
            self.entry(each.finding, report.file) for each in report.accepted
        }
        return sorted(
            each for each in self.entries if each[0] == self._name(report.file) and each not in found
        )

    def stale(self, report: Report) -> list[Finding]:
        """Return a finding (BAS002) for each entry of a report's spec that is no longer found."""
        return [
            Finding(
                "BAS002",
                f"the baseline accepts a finding that is gone: {entry[1]} {entry[4]}",
                traced="no longer found" + (f" in {entry[5]}" if entry[5] else ""),
                location=Location(self.file, self._line(entry)),
            )
            for entry in self.gone(report)
        ]

    def _name(self, spec: str) -> str:
        return Path(os.path.relpath(spec, Path(self.file).parent)).as_posix()

    def _line(self, entry: Entry) -> int:
        """Return the line of an entry in the file, if that is formatted as `write` does."""
        lines = Path(self.file).read_text(encoding="utf-8").splitlines()
        starts = [number for number, line in enumerate(lines, 1) if line.startswith('      "spec":')]
        return starts[list(self.entries).index(entry)] if len(starts) == len(self.entries) else 1


def write(file: Path, reports: Iterable[Report]) -> Baseline:
    """Write a baseline; old reasons and other specs' entries stay. Raises ArchcheckError, OSError."""
    reports = list(reports)
    old = Baseline.read(file) if file.is_file() and file.stat().st_size else Baseline(str(file), {})
    gone = {entry for report in reports for entry in old.gone(report)}
    kept = {entry for entry in old.entries if entry not in gone}
    entries = {entry: old.entries.get(entry, "") for entry in sorted(kept | old.entries_of(reports))}
    findings = [
        {**dict(zip(_NAMES, entry, strict=True)), "reason": reason} for entry, reason in entries.items()
    ]
    document = {"version": VERSION, "findings": findings}
    write_text(file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return Baseline(str(file), entries)


def _entry_of(item: Any) -> Entry:
    return tuple(_still(str(item[name])) if name == "message" else str(item[name]) for name in _NAMES)


def _still(message: str) -> str:
    """Return a message without its places: lines move, and files are relative to the current folder."""
    return _PLACE.sub("", message)


def _unusable(file: Path, why: str) -> ArchcheckError:
    message = f"the baseline can't be used: {why}"
    hint = "Write it with archcheck verify --write-baseline FILE."
    return ArchcheckError.of("BAS001", message, hint, file=str(file))
