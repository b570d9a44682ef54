"""Numbers in labels against the model's (BOX005): "8 heads", "4 experts", "12 layers", "×12", 12 层.

The model's numbers are those that the box's modules, those inside them and their configs state under
customary names, the lengths of module lists, or else what was recognised in the run. If there is none of
these, the number is not checked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from archcheck.diff.execution import Execution
from archcheck.phrasing.module_paths import ModulePath, Phrase, joined, leaf, parent
from archcheck.spec.model import Box, Role

_COUNT = r"(?<![\w.,×-])(\d+)"
_HEADS = r"(?:(?:attention|query|q)[\s-]+)?heads?\b"
_KV_HEADS = r"(?:kv|k/v|key[\s/-]*value|key|value)[\s-]+heads?\b"
_EXPERTS = r"(?:(?:routed|local|total)[\s-]+)?experts?\b"
_LAYERS = r"(?:(?:\w+)[\s-]+)?[a-z]*(?:layers?|blocks?)\b"
_NO_NORM = r"(?!归一化|规范化|标准化)"  # 层归一化 is LayerNorm
_TIMES = r"(?:^|[\s(])×\s*(\d+)\)?\s*$"


@dataclass(frozen=True, slots=True)
class _Sort:
    """One kind of thing that is counted: how labels express it, and what attributes and lists are called."""

    noun: str
    said: re.Pattern[str]
    attribute: re.Pattern[str]
    held: re.Pattern[str] | None = None


def _sort(noun: str, english: str, chinese: str, attribute: str, held: str = "") -> _Sort:
    said = re.compile(rf"{_COUNT}(?:[\s-]+{english}|\s*个?{chinese})", re.IGNORECASE)
    return _Sort(noun, said, re.compile(rf"(?:{attribute})$"), re.compile(held) if held else None)


_SORTS = (
    _sort(
        "key-value heads", _KV_HEADS, "(?:键值|kv|键|值)头", r"(?:num_|n_|n_local_)?(?:kv|key_value)_heads?"
    ),
    _sort(
        "heads", _HEADS, "(?:注意力|查询)?头", r"(?:num_|n_|n_local_)?(?:attention_|query_|q_)?heads?|nhead"
    ),
    _sort(
        "experts", _EXPERTS, "(?:路由)?专家", r"(?:num_|n_)?(?:local_|routed_)?experts", r"(?:^|\.)experts$"
    ),
    _sort(
        "layers",
        _LAYERS,
        rf"(?:层|块){_NO_NORM}",
        r"(?:num_|n_)?(?:hidden_|encoder_|decoder_)?(?:layers?|blocks?)|depth",
        r"(?:^|\.)(?:layers?|blocks?|h)$",
    ),
)
_REPEATED = re.compile(_TIMES)


@dataclass(frozen=True, slots=True)
class Counted:
    """A number `said` by a label; the model has `actual` (None: unknown), as `where` explains."""

    noun: str
    said: int
    actual: int | None = None
    where: Phrase = ()

    @property
    def is_wrong(self) -> bool:
        """Whether the label contradicts the model."""
        return self.actual not in (None, self.said)


def counted(
    label: str, box: Box, modules: Sequence[str], execution: Execution, recognised: Mapping[str, int]
) -> Iterator[Counted]:
    """Yield the numbers in a box's label, with those of its modules or else those `recognised`, by noun."""
    for sort in _SORTS:
        match = sort.said.search(label)
        if match is None:
            continue
        said, counts = int(match[1]), _counts(sort, modules, execution)
        if not counts and sort.noun in recognised:
            counts = {("the number of ", sort.noun, " in its computation"): recognised[sort.noun]}
        if said in counts.values() or not counts:
            yield Counted(sort.noun, said, said if counts else None)
        else:
            where, actual = next(iter(counts.items()))
            yield Counted(sort.noun, said, actual, (*where, f" is {actual}"))
    repeated = _REPEATED.search(label)
    if repeated and (box.detail or box.role in (Role.BLOCK, Role.EXPERT)):
        count = _stacked(box, modules, execution)
        yield Counted("modules", int(repeated[1]), count or None, (f"the box stands for {count} modules",))


def _counts(sort: _Sort, modules: Sequence[str], execution: Execution) -> dict[Phrase, int]:
    """Return the numbers that the modules state, closest first: the box's own, then those inside them."""
    found: dict[Phrase, int] = {}
    if sort.noun in ("layers", "experts") and len(modules) > 1 and _are_alike(modules):
        found["the number of modules in the box",] = len(modules)
    for path in inside(modules, execution):
        for name, value in execution.modules[path].numbers.items():
            if sort.attribute.match(name):
                found.setdefault((ModulePath(joined(path, name)),), value)
        if sort.held and sort.held.search(path) and numbered(path, execution):
            found.setdefault(("the length of ", ModulePath(path)), numbered(path, execution))
    return found


def _stacked(box: Box, modules: Sequence[str], execution: Execution) -> int:
    """Return how many modules a box stands for: what its wildcard matched or its list contains."""
    if isinstance(box.module, str) and "*" in box.module:
        return len(modules)
    return numbered(modules[0], execution) if len(modules) == 1 else 0


def inside(modules: Iterable[str], execution: Execution) -> Iterator[str]:
    """Yield the modules and everything inside them, level by level."""
    level = list(modules)
    while level:
        yield from level
        level = [child for path in level for child in execution.children(path)]


def numbered(path: str, execution: Execution) -> int:
    """Return the length of a list of modules; 0 for any other module."""
    names = [leaf(child) for child in execution.children(path)]
    return len(names) if names == [str(number) for number in range(len(names))] else 0


def _are_alike(modules: Sequence[str]) -> bool:
    """Return whether they are in one module list."""
    return len({parent(path) for path in modules}) == 1 and all(leaf(path).isdigit() for path in modules)
