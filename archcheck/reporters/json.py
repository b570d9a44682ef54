"""JSON for programs: every field of every report but its picture, under the names of `archcheck.findings`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from archcheck.connections import Residual
from archcheck.findings import Report, Verdict
from archcheck.source_location import shown_path

VERSION = 1  # raised when a field is renamed or removed; new fields do not raise it

# Raw, these would steer a terminal, reverse the text around them or be invalid UTF-8.
_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def render_json(reports: Sequence[Report]) -> str:
    """Return `{"version": 1, "specs": [...]}`, one entry per report; keys in a fixed order."""
    document = {"version": VERSION, "specs": [plain(report) for report in reports]}
    return to_json(document)


def to_json(document: Any) -> str:
    """Return a document as JSON that is safe to print and valid UTF-8."""
    return _UNSAFE.sub(_escape, json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)) + "\n"


def plain(value: Any) -> Any:
    """Return a value of a report in a form that JSON can hold; files as they are shown."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no infinity
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    if not is_dataclass(value):
        return value
    names = [field.name for field in fields(value) if field.name != "picture"]
    found = {name: plain(getattr(value, name)) for name in names}
    if found.get("tree", "") is None:
        del found["tree"]
    if "file" in found:
        found["file"] = shown_path(found["file"])
    if isinstance(value, Residual):
        found |= {"key": value.key, "layer": value.layer}
    elif isinstance(value, Report) and value.marks:
        verdicts = [mark.verdict for mark in value.marks]
        found["mark_counts"] = {verdict.value: verdicts.count(verdict) for verdict in Verdict}
    return found


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
