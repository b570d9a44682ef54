"""Modules of one kind: of one class, with the same parts, that compute the same."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

from archcheck.diff.marks.values import Values
from archcheck.spec.patterns import matches
from archcheck.vocabulary import Family

Kind = tuple[object, ...]
"""What modules of one kind have in common; to be compared, not read."""

_TELLING = ("causal", "window", "source")
_OF_ANY_KIND = frozenset(
    [
        Family.LINEAR,
        Family.SCALE,
        Family.SUM,
        Family.PRODUCT,
        Family.TRANSPOSE,
        Family.SPLIT,
        Family.CONCAT,
        Family.DROPOUT,
        Family.MATRIX_PRODUCT,
    ]
)
"""What tells nothing of a kind: code does it now and then."""
_NUMBER = re.compile(r"\d+$")


class Kinds:
    """The kinds of a run's modules."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[str, Kind] = {}

    def of(self, path: str) -> Kind:
        """The kind of a module that ran."""
        if path not in self._known:
            modules = self._values.execution.modules
            below = f"{path}."
            parts = frozenset(
                (name[len(path) :], module.type_name)
                for name, module in modules.items()
                if name == path or (name.startswith(below) and module.has_parameters)
            )
            self._known[path] = parts, self._computed(path)
        return self._known[path]

    def _computed(self, path: str) -> frozenset[tuple[object, ...]]:
        """The terms of what it computes, and whom its attention sees."""
        recognition = self._values.recognition
        calls = self._values.execution.calls_by_path.get(path, ())[:1]
        return frozenset(
            (region.term.name, *(region.details.get(name) for name in _TELLING))
            for call in calls
            for region in recognition.inside(call)
            if region.term.family not in _OF_ANY_KIND and not region.inside
        )


def numbered(path: str) -> str:
    """What the members of a stack have in common: the path with its last number as `*`, or "".

    >>> numbered("model.layers.3"), numbered("layer1"), numbered("model.norm")
    ('model.layers.*', 'layer*', '')
    """
    return _NUMBER.sub("*", path) if _NUMBER.search(path) else ""


def pattern_of(paths: Sequence[str], names: Collection[str]) -> str:
    """The narrowest pattern that matches several paths, at least; "" where they have too little in common."""
    split = [path.split(".") for path in paths]
    if len({len(parts) for parts in split}) != 1:
        return ""
    parts = [_common(list(dict.fromkeys(column))) for column in zip(*split, strict=True)]
    pattern = ".".join(parts)
    return pattern if {name for name, _ in matches(pattern, names)} >= set(paths) else ""


def _common(words: Sequence[str]) -> str:
    """A path's component with `*` where the words differ."""
    if len(words) == 1:
        return words[0]
    shortest = min(map(len, words))
    before = next((at for at in range(shortest) if len({word[at] for word in words}) > 1), shortest)
    rest = shortest - before
    after = next((at for at in range(rest) if len({word[-1 - at] for word in words}) > 1), rest)
    start = re.sub(r"\d+$", "", words[0][:before])  # block1 and block10 differ in a number, not in a figure
    end = re.sub(r"^\d+", "", words[0][len(words[0]) - after :])
    return f"{start}*{end}"


def natural(paths: Iterable[str]) -> list[str]:
    """Paths with their numbers in order."""
    return sorted(
        paths,
        key=lambda path: [
            (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", path)
        ],
    )


def places(paths: Sequence[str]) -> str:
    """The numbers of modules in their stack, as ranges.

    >>> places(["h.0", "h.1", "h.2", "h.5"])
    '0–2, 5'
    """
    numbers = [int(found[0]) for path in natural(paths) if (found := _NUMBER.search(path))]
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1].append(number)
        else:
            ranges.append([number])
    return ", ".join(f"{each[0]}–{each[-1]}" if len(each) > 1 else str(each[0]) for each in ranges)
