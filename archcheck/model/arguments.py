"""Arguments as a spec writes them: nested targets, and dotted keys that lead into them. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from archcheck.errors import TargetError
from archcheck.phrasing.module_paths import leaf
from archcheck.phrasing.suggestions import nearest, suggestion

Setting = tuple[str, Any]

UNSET: Any = object()
"""As a setting's value: the argument is dropped."""


def override(arguments: Mapping[str, Any], settings: Iterable[Setting]) -> dict[str, Any]:
    """Return a copy of `arguments` in which each setting's value is at its dotted key.

    A key leads into nested mappings, and through a nested target into its arguments: `config.width` is
    `arguments["config"]["arguments"]["width"]` if config is a target, and creates a mapping if there is
    nothing yet. UNSET removes the argument. Raises TargetError (TGT011) if a key leads through something
    without parts, or there is nothing to remove.
    """
    result = dict(arguments)
    for key, value in settings:
        *parents, last = key.split(".")
        place = result
        for depth, name in enumerate(parents):
            if not isinstance(place.get(name, {}), Mapping) or _nearest_group(name, place):
                raise _no_such_place(key, ".".join(parents[: depth + 1]), place)
            place[name] = dict(place.get(name, {}))
            place = _opened(place[name], following=[*parents, last][depth + 1])
        if value is not UNSET:
            place[last] = value
        elif last in place:
            del place[last]
        else:
            raise _nothing_to_unset(key, place)
    return result


def is_target(value: object) -> bool:
    """Return whether a value in a spec is a target of its own: `{target: …}`, with or without `arguments`."""
    return isinstance(value, Mapping) and "target" in value and value.keys() <= {"target", "arguments"}


def _opened(value: dict[str, Any], following: str) -> dict[str, Any]:
    """Return where to look up the next part of a key: a target's (copied) arguments, or the mapping."""
    if not is_target(value) or following in ("target", "arguments"):
        return value
    value["arguments"] = dict(value.get("arguments") or {})
    opened: dict[str, Any] = value["arguments"]
    return opened


def _no_such_place(key: str, parent: str, place: Mapping[str, Any]) -> TargetError:
    name = leaf(parent)
    if name in place:
        return unusable(key, f"'{parent}' is {place[name]!r}, which has no parts", f"Set '{parent}' itself.")
    hint = f"Did you mean '{_nearest_group(name, place)}'?"
    return unusable(key, f"there is no argument '{parent}' to set a part of", hint)


def _nearest_group(name: str, place: Mapping[str, Any]) -> str:
    """Return the argument with parts that a missing one may have been meant for, or ""."""
    groups = sorted(str(other) for other, value in place.items() if isinstance(value, Mapping))
    return "" if name in place else nearest(name, groups)


def _nothing_to_unset(key: str, place: Mapping[str, Any]) -> TargetError:
    given = sorted(map(str, place))
    hint = suggestion(
        leaf(key), given, f"The spec gives {', '.join(given)}." if given else "The spec gives no arguments."
    )
    return unusable(key, "there is no such argument to drop", hint)


def unusable(setting: str, reason: str, hint: str) -> TargetError:
    """Return the error for a setting that can't be applied (TGT011)."""
    message = f"the setting '{setting}' can't be applied: {reason}"
    return TargetError.of("TGT011", message, hint)
