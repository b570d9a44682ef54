"""Numbers in labels against the model's (BOX005): "8 heads", "4 experts", "12 layers", "×12".

The model's numbers are what the box's modules, those inside them and their configs keep under customary
names, and how many modules a list holds. Where there is none of these, nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from archcheck.diff.execution import Execution
from archcheck.phrasing.module_paths import ModulePath, Phrase, leaf, parent
from archcheck.spec.model import Box, Role

_COUNT = r"(?<![\w.,×-])(\d+)[\s-]+"
_HEADS = r"(?:(?:attention|query|q)[\s-]+)?heads?\b"
_KV_HEADS = r"(?:kv|k/v|key[\s/-]*value|key|value)[\s-]+heads?\b"
_EXPERTS = r"(?:(?:routed|local|total)[\s-]+)?experts?\b"
_LAYERS = r"(?:(?:\w+)[\s-]+)?(?:layers?|blocks?)\b"
_TIMES = r"(?:^|[\s(])×\s*(\d+)\)?\s*$"


@dataclass(frozen=True, slots=True)
class _Sort:
    """One thing that is counted: how a label says it, and what attributes and lists are called."""

    noun: str
    said: re.Pattern[str]
    attribute: re.Pattern[str]
    held: re.Pattern[str] | None = None


def _sort(noun: str, said: str, attribute: str, held: str = "") -> _Sort:
    attributes = re.compile(rf"(?:{attribute})$")
    return _Sort(
        noun, re.compile(_COUNT + said, re.IGNORECASE), attributes, re.compile(held) if held else None
    )


_SORTS = (
    _sort("key-value heads", _KV_HEADS, r"(?:num_|n_|n_local_)?(?:kv|key_value)_heads?"),
    _sort("heads", _HEADS, r"(?:num_|n_|n_local_)?(?:attention_|query_|q_)?heads?|nhead"),
    _sort("experts", _EXPERTS, r"(?:num_|n_)?(?:local_|routed_)?experts", r"(?:^|\.)experts$"),
    _sort(
        "layers",
        _LAYERS,
        r"(?:num_|n_)?(?:hidden_|encoder_|decoder_)?(?:layers?|blocks?)|depth",
        r"(?:^|\.)(?:layers?|blocks?|h)$",
    ),
)
_REPEATED = re.compile(_TIMES)


@dataclass(frozen=True, slots=True)
class Miscount:
    """A label says `said` of something, and the model has `actual`, as `where` says."""

    noun: str
    said: int
    actual: int
    where: Phrase


def miscounts(label: str, box: Box, modules: Sequence[str], execution: Execution) -> Iterator[Miscount]:
    """The numbers in a box's label that no number of its modules agrees with."""
    for sort in _SORTS:
        match = sort.said.search(label)
        counts = _counts(sort, modules, execution) if match else {}
        if match and counts and int(match[1]) not in counts.values():
            where, actual = next(iter(counts.items()))
            yield Miscount(sort.noun, int(match[1]), actual, (*where, f" is {actual}"))
    repeated = _REPEATED.search(label)
    if repeated and (box.detail or box.role in (Role.BLOCK, Role.EXPERT)) and not isinstance(box.repeat, int):
        count = _stacked(box, modules, execution)
        if count and count != int(repeated[1]):
            yield Miscount("modules", int(repeated[1]), count, (f"the box stands for {count} modules",))


def _counts(sort: _Sort, modules: Sequence[str], execution: Execution) -> dict[Phrase, int]:
    """What the modules say, the closest first: the box's own, then those inside them."""
    found: dict[Phrase, int] = {}
    if sort.noun in ("layers", "experts") and len(modules) > 1 and _are_alike(modules):
        found["the number of modules in the box",] = len(modules)
    for path in inside(modules, execution):
        for name, value in execution.modules[path].numbers.items():
            if sort.attribute.match(name):
                found.setdefault((ModulePath(f"{path}.{name}" if path else name),), value)
        if sort.held and sort.held.search(path) and numbered(path, execution):
            found.setdefault(("the length of ", ModulePath(path)), numbered(path, execution))
    return found


def _stacked(box: Box, modules: Sequence[str], execution: Execution) -> int:
    """How many modules a box stands for: what its wildcard matched, or what its list holds."""
    if isinstance(box.module, str) and "*" in box.module:
        return len(modules)
    return numbered(modules[0], execution) if len(modules) == 1 else 0


def inside(modules: Iterable[str], execution: Execution) -> Iterator[str]:
    """The modules and all inside them, level by level."""
    level = list(modules)
    while level:
        yield from level
        level = [child for path in level for child in execution.children(path)]


def numbered(path: str, execution: Execution) -> int:
    """The length of a list of modules; 0 for any other module."""
    names = [leaf(child) for child in execution.children(path)]
    return len(names) if names == [str(number) for number in range(len(names))] else 0


def _are_alike(modules: Sequence[str]) -> bool:
    """Do they stand in one list?"""
    return len({parent(path) for path in modules}) == 1 and all(leaf(path).isdigit() for path in modules)
