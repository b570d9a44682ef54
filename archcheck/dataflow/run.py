"""A recorded run as plain values: what the detector reads. Standard library only.

Operations are numbered in the order in which they ran. An operation's operands name the operations whose
results it read, after in-place writes were resolved: walking operands backwards is walking the real data
dependence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

from archcheck.source_location import Location

Layout = tuple[tuple[int, ...], tuple[int, ...], int, tuple[int, ...], tuple[int, ...], int]
"""Sizes, strides and offset of a tensor, then those of a view of it, in the storage that they share."""


@dataclass(slots=True)
class Op:
    """One operation. `name` is the torch function's name without in-place and reflected spellings.

    `operands` has one tuple of operation numbers per tensor read. `numbers` are its plain number arguments.
    `parameter` is the path of the parameter or buffer that it is. `instruction` is the place in the code that
    it was called from. `stale` are the writes that it read through an older name. `arguments` are the plain
    arguments that decide what it does, by parameter name, and `roles` the places in `operands` of the tensors
    that were given by name. `mask` says which keys a softmax or a fused attention lets each query see, in the
    words of `tracing/masks.py`. `layout` says for a view where its elements are in what it views, `region`
    for an in-place write where the written part is in its tensor. `inner` has, for an operation assembled
    from parts (see `assembly`), what lies between it and each operand.
    """

    name: str
    operands: tuple[tuple[int, ...], ...]
    call: int
    numbers: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()
    floating: bool = False
    location: Location | None = None
    parameter: str = ""
    depends_on_parameter: bool = False
    depends_on_input: bool = False
    training: bool = False
    opaque: bool = False
    stale: tuple[int, ...] = ()
    instruction: tuple[int, int] = (0, 0)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    roles: Mapping[str, int] = field(default_factory=dict)
    dtype: str = ""
    mask: str = ""
    layout: Layout | None = None
    region: Layout | None = None
    inner: tuple[tuple[int, ...], ...] = ()

    @property
    def reads(self) -> tuple[int, ...]:
        """The operations whose results it reads."""
        return tuple(chain.from_iterable(self.operands))

    @property
    def numel(self) -> int:
        """The number of elements of the result."""
        count = 1
        for size in self.shape:
            count *= size
        return count


@dataclass(slots=True)
class Call:
    """One call of a module: the operations [first, end) ran inside it, `parent` is the calling call."""

    path: str
    type_name: str
    parent: int
    first: int
    end: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    location: Location | None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Module:
    """A module of the model.

    `has_parameters`: it or a descendant holds one. `mentioned`: its owner's code mentions it outside
    `__init__`, so that another input or setting may call it. `looped`: it is an item of a list, and its
    owner's code alone, no argument or value, decides which items run. `location` is its class, or forward.
    `numbers` are the integers that it or its config states for heads, experts and layers, by attribute.
    `aliases` are further paths under which the model holds the same module.
    """

    path: str
    type_name: str
    has_parameters: bool
    mentioned: bool = True
    looped: bool = False
    location: Location | None = None
    numbers: Mapping[str, int] = field(default_factory=dict, hash=False)
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataflow:
    """One run: operations in order, module calls in order (0 is the model's own), and its outputs.

    `host_reads` are the moments (operations before) at which Python inspected values, and whose: control flow
    may depend on them from there on. `escaping` are operations whose results something still holds after the
    run (a cache, an attribute of a module).
    """

    ops: Sequence[Op]
    calls: Sequence[Call]
    outputs: tuple[int, ...]
    host_reads: tuple[tuple[int, tuple[int, ...]], ...] = ()
    escaping: frozenset[int] = frozenset()

    @cached_property
    def users(self) -> list[list[int]]:
        """For each operation, the operations that read its result."""
        users: list[list[int]] = [[] for _ in self.ops]
        for index, op in enumerate(self.ops):
            for read in op.reads:
                users[read].append(index)
        return users

    def stack(self, call: int) -> list[int]:
        """Return the calls around `call`, outermost first, itself last."""
        path = []
        while call >= 0:
            path.append(call)
            call = self.calls[call].parent
        return path[::-1]
