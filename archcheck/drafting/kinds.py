"""Modules of one kind: of one class, with the same parts, that compute the same."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from archcheck.diff.marks.values import Values
from archcheck.spec.patterns import matches
from archcheck.vocabulary import families

Kind = tuple[object, ...]
"""What modules of one kind have in common; for comparison only."""

_TELLING = ("causal", "window", "source")
_OF_ANY_KIND = families("linear, scale, sum, product, transpose, split, concat, dropout, matrix product")
"""Operations that say nothing about a kind: any code uses them."""
_NUMBER = re.compile(r"\d+$")


class Kinds:
    """The kinds of a run's modules."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._known: dict[str, Kind] = {}

    def of(self, path: str) -> Kind:
        """Return the kind of a module that ran."""
        if path not in self._known:
            self._known[path] = self.parts_of(path), self._computed(path)
        return self._known[path]

    def parts_of(self, path: str) -> frozenset[tuple[str, str]]:
        """Its own class, and the places and classes of what has parameters in it."""
        below = f"{path}."
        return frozenset(
            (name[len(path) :], module.type_name)
            for name, module in self._values.execution.modules.items()
            if name == path or (name.startswith(below) and module.has_parameters)
        )

    def _computed(self, path: str) -> tuple[object, ...]:
        """Return the terms that it computes, what its attention sees, and how often its own code does so."""
        regions = [
            (call, region)
            for call in self._values.execution.calls_by_path.get(path, ())[:1]
            for region in self._values.recognition.inside(call)
            if region.term.family not in _OF_ANY_KIND and not region.inside
        ]
        own = Counter(region.term.name for call, region in regions if self._is_own(region.output, call))
        return (
            frozenset((one.term.name, *map(one.details.get, _TELLING)) for _, one in regions),
            frozenset(own.items()),
        )

    def _is_own(self, node: int, call: int) -> bool:
        """Return whether code of this call computes a value, or a part of it without parameters."""
        flow, modules = self._values.recognition.flow, self._values.execution.modules
        at = flow.ops[node].call
        parent = flow.calls[at]
        return at == call or (parent.parent == call and not modules[parent.path].has_parameters)


def numbered(path: str) -> str:
    """Return what the members of a stack share: the path with its last number as `*`, or "".

    >>> numbered("model.layers.3"), numbered("layer1"), numbered("model.norm")
    ('model.layers.*', 'layer*', '')
    """
    return _NUMBER.sub("*", path) if _NUMBER.search(path) else ""


def pattern_of(paths: Sequence[str], names: Collection[str]) -> str:
    """Return a narrow pattern that matches several paths; "" if they have too little in common."""
    split = [path.split(".") for path in paths]
    if len({len(parts) for parts in split}) != 1:
        return ""
    parts = [_common(list(dict.fromkeys(column))) for column in zip(*split, strict=True)]
    pattern = ".".join(parts)
    return pattern if {name for name, _ in matches(pattern, names)} >= set(paths) else ""


def _common(words: Sequence[str]) -> str:
    """Return a path's component with `*` where the words differ."""
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
    """Return a sorting key that orders numbers in paths by value."""
    return sorted(
        paths,
        key=lambda path: [
            (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", path)
        ],
    )


def places(paths: Iterable[str], among: Iterable[str]) -> str:
    """Return which of the modules `among` these are.

    Their numbers as ranges, or, where several stacks have such modules, what their numbers have in common; ""
    if that can't be said.

    >>> places(["h.0.mlp", "h.1.mlp", "h.2.mlp", "h.5.mlp"], [f"h.{at}.mlp" for at in range(8)])
    'layers 0–2, 5'
    >>> places(["layer1.0", "layer2.0"], ["layer1.0", "layer1.1", "layer2.0", "layer2.1"])
    'first of each stage'
    """
    rows = [numbers_of(path) for path in among]
    if len({len(row) for row in rows}) != 1:
        return ""
    varying = [at for at, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1]
    if not varying:
        return ""
    numbers = sorted({numbers_of(path)[varying[-1]] for path in paths})
    if len(varying) > 1:
        return _common_place(numbers)
    return f"layer{'s' if len(numbers) > 1 else ''} {ranges(numbers)}"


def ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as ranges.

    >>> ranges([0, 1, 2, 5])
    '0–2, 5'
    """
    found: list[list[int]] = []
    for number in numbers:
        if found and number == found[-1][-1] + 1:
            found[-1].append(number)
        else:
            found.append([number])
    return ", ".join(f"{each[0]}–{each[-1]}" if len(each) > 1 else str(each[0]) for each in found)


def numbers_of(path: str) -> list[int]:
    """Return the numbers in a module's path."""
    return [int(number) for number in re.findall(r"\d+", path)]


def _common_place(numbers: Sequence[int]) -> str:
    if numbers == [0]:
        return "first of each stage"
    for start, word in enumerate(("even", "odd")):
        if all(number % 2 == start for number in numbers):
            return f"{word} layers"
    return "others of each stage" if 0 not in numbers else ""
