"""A baseline: the findings of today, accepted in a file, so that only new ones fail."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.errors import ArchcheckError, Problem
from archcheck.files import write_text
from archcheck.findings import Finding, Report, Status
from archcheck.reporters.common import extent

VERSION = 1
_NAMES = ("spec", "code", "panel", "edge", "message", "where")
Entry = tuple[str, ...]
"""Of a finding: spec, code, panel, edge, message, and in which layers and modes. Lines may move."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The entries of a baseline file, with their reasons."""

    file: str
    entries: dict[Entry, str]

    @classmethod
    def read(cls, file: Path) -> Baseline:
        """Raises ArchcheckError (BAS001) where the file can't be read or is no baseline."""
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
        """The entry that stands for a finding of a spec; specs are named from the baseline's folder."""
        name = Path(os.path.relpath(spec, Path(self.file).parent)).as_posix()
        where = extent(finding)
        return name, str(finding.code), finding.panel, finding.edge, finding.message, where

    def entries_of(self, reports: Iterable[Report]) -> set[Entry]:
        """The entries that stand for all findings of reports, those accepted by the baseline too."""
        return {
            self.entry(finding, report.file)
            for report in reports
            for finding in (
                *report.findings,
                *(each.finding for each in report.accepted if each.by == "baseline"),
            )
        }

    def stale(self, reports: Iterable[Report]) -> list[Entry]:
        """The entries of the specs checked that no finding matches any more."""
        checked = [report for report in reports if report.status is not Status.ERROR]
        names = {Path(os.path.relpath(each.file, Path(self.file).parent)).as_posix() for each in checked}
        found = self.entries_of(checked)
        found |= {self.entry(each.finding, report.file) for report in checked for each in report.accepted}
        return sorted(entry for entry in self.entries if entry[0] in names and entry not in found)


def write(file: Path, reports: Iterable[Report]) -> Baseline:
    """Write a baseline of what reports find; the reasons in the old file stay, and so do its other specs.

    Raises ArchcheckError (BAS001) where the old file is no baseline, and OSError.
    """
    reports = list(reports)
    old = Baseline.read(file) if file.is_file() and file.stat().st_size else Baseline(str(file), {})
    gone = set(old.stale(reports))
    kept = {entry for entry in old.entries if entry not in gone}
    entries = {entry: old.entries.get(entry, "") for entry in sorted(kept | old.entries_of(reports))}
    findings = [
        {**dict(zip(_NAMES, entry, strict=True)), "reason": reason} for entry, reason in entries.items()
    ]
    document = {"version": VERSION, "findings": findings}
    write_text(file, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    return Baseline(str(file), entries)


def _entry_of(item: Any) -> Entry:
    return tuple(str(item[name]) for name in _NAMES)


def _unusable(file: Path, why: str) -> ArchcheckError:
    message = f"the baseline can't be used: {why}"
    hint = "Write it with archcheck verify --write-baseline FILE."
    return ArchcheckError(Problem(str(file), None, None, "BAS001", message, hint=hint))
