"""Applying a fix to the text of a spec."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from archcheck.errors import SpecError
from archcheck.findings import Edit, Fix
from archcheck.spec.patching import UnwritableError, data_of, patched


@dataclass(frozen=True, slots=True)
class Replacement:
    """Lines of a text from `line` on, and those that replace them, with their ends; either may be none."""

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def fixed(source: str, fix: Fix) -> str | None:
    """Return the spec's text with a fix's edits made; None where another fix took their place."""
    try:
        data = data_of(source)
        for edit in fix.edits:
            _apply(edit, data)
        return patched(source, data)
    except (LookupError, TypeError, AttributeError, UnwritableError, SpecError):
        return None


def replacements(before: str, after: str) -> Iterator[Replacement]:
    """Yield what of one text gives way to what of the other."""
    old, new = lines_of(before), lines_of(after)
    for tag, first, end, start, stop in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Replacement(first + 1, tuple(old[first:end]), tuple(new[start:stop]))


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends, as editors count them."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _apply(edit: Edit, data: Any) -> None:
    *above, key = edit.place
    node = _node(data, above)
    match edit.action:
        case "set":
            value = data_of(edit.value)
            if isinstance(node, dict) and key not in node and edit.after in node:
                _insert(node, edit.after, key, value)
            else:
                node[key] = value
        case "append":
            node.setdefault(key, []).append(data_of(edit.value))
        case "remove":
            del node[key]
            _drop_empty(data, above)


def _node(data: Any, path: Iterable[str | int]) -> Any:
    for key in path:
        data = data[key]
    return data


def _insert(node: dict[Any, Any], after: str, key: Any, value: Any) -> None:
    items = list(node.items())
    items.insert(list(node).index(after) + 1, (key, value))
    node.clear()
    node.update(items)


def _drop_empty(data: Any, path: list[str | int]) -> None:
    """Remove a list that has become empty, with its key."""
    if path and isinstance(_node(data, path), list) and not _node(data, path):
        del _node(data, path[:-1])[path[-1]]
