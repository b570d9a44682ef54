"""Module patterns: names as in `named_modules()`, in which `*` stands for one component or a part of it."""

from __future__ import annotations

import re
from collections.abc import Collection

_NOT_IN_A_COMPONENT = re.compile(r"[\s\[\](){}?,:;'\"]")
_DIGITS = re.compile(r"([0-9]+)")


def matches(pattern: str, names: Collection[str]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the `names` that `pattern` matches, each with what its wildcards matched, in natural order.

    `*` alone matches any one component; within a component (`block_*`) any part of it, even none. "" is the
    model itself. A pattern without `*` is one look-up if `names` is a set or dict. Raises ValueError for what
    `pattern_problem` objects to.

    >>> matches("layers.*.mlp", ["layers.10.mlp", "layers.9.mlp", "layers.9.mlp.gate"])
    (('layers.9.mlp', ('9',)), ('layers.10.mlp', ('10',)))
    """
    if pattern and (problem := pattern_problem(pattern)):
        raise ValueError(problem)
    if "*" not in pattern:
        return ((pattern, ()),) if pattern in names else ()
    components = tuple(component.partition("*") for component in pattern.split("."))
    start, dots = pattern.partition("*")[0], pattern.count(".")
    found = []
    for name in dict.fromkeys(names):
        if name.startswith(start) and name.count(".") == dots:
            captures = _captures(components, name.split("."))
            if captures is not None:
                found.append((name, captures))
    return tuple(sorted(found, key=lambda match: (tuple(map(_natural, match[1])), match[0])))


def pattern_problem(pattern: str) -> str | None:
    """Return what is wrong with the syntax of a pattern, as the end of a sentence; None if nothing is."""
    if found := _NOT_IN_A_COMPONENT.search(pattern):
        return f"{found[0]!r} can't stand in a module's name"
    components = pattern.split(".")
    if "" in components:
        return "a component between the dots is empty"
    if any(component.count("*") > 1 for component in components):
        return "a component can have only one '*'"
    return None


def _captures(components: tuple[tuple[str, str, str], ...], parts: list[str]) -> tuple[str, ...] | None:
    """Return what the wildcards of `components`, each (before, "*" or "", after), match in `parts`."""
    captures = []
    for (before, star, after), part in zip(components, parts, strict=True):
        if not star:
            if part != before:
                return None
        elif part.startswith(before) and part.endswith(after) and len(part) >= max(1, len(before + after)):
            captures.append(part[len(before) : len(part) - len(after)])
        else:
            return None
    return tuple(captures)


def _natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key by which "9" comes before "10"; numbers come before words."""
    return tuple(
        (0, len(part.lstrip("0")), part.lstrip("0")) if index % 2 else (1, 0, part)
        for index, part in enumerate(_DIGITS.split(text))
        if part
    )
