"""Comments that accept findings: `# archcheck: ignore[RES002] the router is drawn elsewhere`.

They are on the finding's line of the spec or of the model, or on a line of their own above it.
"""

from __future__ import annotations

import re
import tokenize
from dataclasses import dataclass
from pathlib import Path

from archcheck.source_location import Location

_COMMENT = re.compile(r"#\s*archcheck:\s*ignore\[\s*([A-Za-z0-9]+(?:\s*,\s*[A-Za-z0-9]+)*)\s*\]\s*(.*)")


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment that accepts findings with any of `codes`; `reason` is "" if none is given."""

    codes: frozenset[str]
    reason: str
    location: Location


def comment_at(place: Location | None, code: str) -> Comment | None:
    """Return the comment that accepts a finding with this code at this place."""
    if place is None or place.line < 1:
        return None
    lines = _lines(place.file)
    if place.line > len(lines):
        return None
    for number in (place.line, *_above(lines, place.line)):
        match = _COMMENT.search(lines[number - 1])
        if match:
            codes = frozenset(part.strip().upper() for part in match[1].split(","))
            if code in codes:
                return Comment(codes, match[2].strip(), Location(place.file, number))
    return None


def _above(lines: list[str], line: int) -> list[int]:
    """Return the comment-only lines right above a line, the nearest first."""
    found = []
    number = line - 1
    while number >= 1 and lines[number - 1].lstrip().startswith("#"):
        found.append(number)
        number -= 1
    return found


def _lines(file: str) -> list[str]:
    try:
        encoding = "utf-8-sig"
        if file.endswith(".py"):
            with Path(file).open("rb") as source:
                encoding = tokenize.detect_encoding(source.readline)[0]
        return Path(file).read_text(encoding=encoding, errors="replace").splitlines()
    except (OSError, SyntaxError, LookupError):
        return []
