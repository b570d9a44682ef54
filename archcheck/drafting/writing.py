"""A spec as YAML, formatted as a person would: a box or an edge on each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archcheck.spec.patching import flow_text

_SCHEMA = "# yaml-language-server: $schema=archcheck.schema.json"
_WIDTH = 110


def text_of(spec: Mapping[str, Any]) -> str:
    """Return the spec in the order of its keys, with an empty line before each panel."""
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
    """Yield a key with its value: on one line, or below it if not more than `deep` levels in."""
    space = "  " * level
    inline = f"{space}{flow_text(key)}: {flow_text(value)}"
    if not isinstance(value, (Mapping, list)) or not value:
        yield inline
    elif isinstance(value, Mapping):
        if level >= deep and len(inline) <= _WIDTH:
            yield inline
            return
        yield f"{space}{flow_text(key)}:"
        for inner, part in value.items():
            yield from _entry(inner, part, level + 1, deep)
    elif len(inline) <= _WIDTH and not any(isinstance(part, Mapping) for part in value):
        yield inline
    else:
        yield f"{space}{flow_text(key)}:"
        for part in value:
            yield f"{space}  - {flow_text(part)}"
