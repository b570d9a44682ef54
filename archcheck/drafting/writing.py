"""A spec as YAML, laid out as one that a person wrote: a box or an edge on each line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_SCHEMA = "# yaml-language-server: $schema=archcheck.schema.json"
_WIDTH = 110
_PLAIN = re.compile(r"[A-Za-z⊗⊙/(](?:[^\n:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<! )#)*(?<! )")
_OTHER_THAN_TEXT = re.compile(
    r"~|null|true|false|yes|no|on|off|[-+.]?[0-9][0-9_.eExXoO+-]*|[-+]?\.(?:inf|nan)", re.IGNORECASE
)


def text_of(spec: Mapping[str, Any]) -> str:
    """The spec in the order of its keys, with an empty line before each panel."""
    lines = [_SCHEMA]
    for key, value in spec.items():
        if key == "panels":
            lines += ["", "panels:"]
            for name, panel in value.items():
                lines += [] if lines[-1] == "panels:" else [""]
                lines += _entry(name, panel, 1, 3)
        else:
            lines += ["", *_entry(key, value, 0, 2)] if key == "model" else _entry(key, value, 0, 0)
    return "\n".join(lines) + "\n"


def _entry(key: str, value: Any, level: int, deep: int) -> Iterator[str]:
    """A key with its value: on its line, or, of what is not more than `deep` levels in, below it."""
    space = "  " * level
    inline = f"{space}{_scalar(key)}: {_flow(value)}"
    if not isinstance(value, (Mapping, list)) or not value:
        yield inline
    elif isinstance(value, Mapping):
        if level >= deep and len(inline) <= _WIDTH:
            yield inline
            return
        yield f"{space}{_scalar(key)}:"
        for inner, part in value.items():
            yield from _entry(inner, part, level + 1, deep)
    elif len(inline) <= _WIDTH and not any(isinstance(part, Mapping) for part in value):
        yield inline
    else:
        yield f"{space}{_scalar(key)}:"
        for part in value:
            yield f"{space}  - {_flow(part)}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(key)}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value)


def _scalar(value: Any) -> str:
    """A plain value as YAML 1.2 reads it back."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and not _OTHER_THAN_TEXT.fullmatch(text):
        return text
    return json.dumps(text, ensure_ascii=False)
