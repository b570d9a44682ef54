"""A fix applied to the data of a spec."""

from __future__ import annotations

from collections.abc import Iterable
from copy import deepcopy
from typing import Any

from archcheck.findings import Edit, Fix
from archcheck.spec.patching import data_of


def applied(fix: Fix, data: Any) -> Any:
    """The data of a spec with the edits of a fix made, in their order. Raises LookupError where one has no
    place, as after another fix took it."""
    changed = deepcopy(data)
    for edit in fix.edits:
        _apply(edit, changed)
    return changed


def _apply(edit: Edit, data: Any) -> None:
    *above, key = edit.place
    node = _node(data, above, create=edit.action != "remove")
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


def _node(data: Any, path: Iterable[str | int], *, create: bool) -> Any:
    for key in path:
        data = data.setdefault(key, {}) if create and isinstance(data, dict) else data[key]
    return data


def _insert(node: dict[Any, Any], after: str, key: Any, value: Any) -> None:
    items = list(node.items())
    items.insert(list(node).index(after) + 1, (key, value))
    node.clear()
    node.update(items)


def _drop_empty(data: Any, path: list[str | int]) -> None:
    """A list that is left empty goes with its key."""
    if path and isinstance(_node(data, path, create=False), list) and not _node(data, path, create=False):
        del _node(data, path[:-1], create=False)[path[-1]]
