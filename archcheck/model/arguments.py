"""Arguments as a spec writes them: nested targets, and dotted keys that reach into them. No torch."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from archcheck.errors import Problem, TargetError

Setting = tuple[str, Any]


def override(arguments: Mapping[str, Any], settings: Iterable[Setting]) -> dict[str, Any]:
    """A copy of `arguments` in which each setting's value stands at its dotted key.

    A key reaches into nested mappings, and through a nested target into its arguments: `config.width` is
    `arguments["config"]["arguments"]["width"]` where config is a target. Raises TargetError (TGT011) where a
    key passes through something that holds nothing.
    """
    result = dict(arguments)
    for key, value in settings:
        *parents, last = key.split(".")
        place = result
        for depth, name in enumerate(parents):
            if not isinstance(place.get(name), Mapping):
                raise _no_such_place(key, ".".join(parents[: depth + 1]), place)
            place[name] = dict(place[name])
            place = _opened(place[name], following=[*parents, last][depth + 1])
        place[last] = value
    return result


def is_target(value: object) -> bool:
    """Whether a value in a spec is a target of its own: `{target: …}`, with or without `arguments`."""
    return isinstance(value, Mapping) and "target" in value and value.keys() <= {"target", "arguments"}


def _opened(value: dict[str, Any], following: str) -> dict[str, Any]:
    """Where the next part of a key is looked up: a target's (copied) arguments, or the mapping itself."""
    if not is_target(value) or following in ("target", "arguments"):
        return value
    value["arguments"] = dict(value.get("arguments") or {})
    opened: dict[str, Any] = value["arguments"]
    return opened


def _no_such_place(key: str, parent: str, place: Mapping[str, Any]) -> TargetError:
    name = parent.rpartition(".")[2]
    if name in place:
        return unusable(key, f"'{parent}' is {place[name]!r}, which has no parts", f"Set '{parent}' itself.")
    groups = sorted(str(other) for other, value in place.items() if isinstance(value, Mapping))
    near = difflib.get_close_matches(name, groups, n=1)
    hint = (
        f"Did you mean '{near[0]}'?"
        if near
        else f"Make it a target: --set '{parent}={{target: MODULE:NAME}}'."
    )
    return unusable(key, f"there is no argument '{parent}' to reach into", hint)


def unusable(setting: str, reason: str, hint: str) -> TargetError:
    """The error for a setting that can't be applied (TGT011)."""
    message = f"the setting '{setting}' can't be applied: {reason}"
    return TargetError(Problem("", None, None, "TGT011", message, hint=hint))
