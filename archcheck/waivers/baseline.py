"""A baseline: the findings of today, accepted in a file, so that only new ones fail."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archcheck.errors import ArchcheckError, Problem
from archcheck.findings import Finding, Report

VERSION = 1
Entry = tuple[str, str, str, str, str]
"""Spec, code, panel, edge and message of a finding: lines may move without making it another one."""


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
            raise _unusable(file, " ".join(str(error).split()) or "it is not a baseline") from error
        return cls(str(file), entries)

    def stale(self, reports: Sequence[Report], spec_of: dict[str, str]) -> list[Entry]:
        """The entries of the reported specs that no finding matches any more (`spec_of`: their names)."""
        checked = set(spec_of.values())
        found = {entry_of(finding, spec_of[report.file]) for report in reports for finding in report.findings}
        return sorted(entry for entry in self.entries if entry[0] in checked and entry not in found)


def entry_of(finding: Finding, spec: str) -> Entry:
    """The entry that stands for a finding."""
    return spec, str(finding.code), finding.panel, finding.edge, finding.message


def to_json(reports: Iterable[Report], spec_of: dict[str, str], reason: str) -> str:
    """A baseline of all findings, sorted."""
    entries = sorted(
        {entry_of(finding, spec_of[report.file]) for report in reports for finding in report.findings}
    )
    names = ("spec", "code", "panel", "edge", "message")
    findings = [{**dict(zip(names, entry, strict=True)), "reason": reason} for entry in entries]
    return json.dumps({"version": VERSION, "findings": findings}, indent=2, ensure_ascii=False) + "\n"


def _entry_of(item: Any) -> Entry:
    spec, code, panel, edge, message = (
        str(item[name]) for name in ("spec", "code", "panel", "edge", "message")
    )
    return spec, code, panel, edge, message


def _unusable(file: Path, why: str) -> ArchcheckError:
    message = f"the baseline can't be used: {why}"
    hint = "Write it with archcheck verify --write-baseline FILE."
    return ArchcheckError(Problem(str(file), None, None, "BAS001", message, hint=hint))
