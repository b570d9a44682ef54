"""JSON for programs: every field of every report but its picture, under the names of `archcheck.findings`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

from archcheck.findings import Report, Verdict
from archcheck.reporters.common import shown_path

VERSION = 1  # raised when a field is renamed or removed; new fields do not raise it

# Raw, these would steer a terminal, reverse the text around them or be invalid UTF-8.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render_json(reports: Sequence[Report]) -> str:
    """`{"version": 1, "specs": [...]}`, one entry per report; keys in a fixed order."""
    bare = [replace(report, picture=None) for report in reports]
    document = {"version": VERSION, "specs": [asdict(report, dict_factory=_fields) for report in bare]}
    return _UNSAFE.sub(_escape, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def _fields(items: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = {name: _field(name, value) for name, value in items if name != "picture"}
    if fields.get("marks"):
        verdicts = [mark["verdict"] for mark in fields["marks"]]
        fields["mark_counts"] = {verdict.value: verdicts.count(verdict) for verdict in Verdict}
    return fields


def _field(name: str, value: Any) -> Any:
    if name == "file":
        return shown_path(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    return value


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
