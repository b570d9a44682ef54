"""Rotary positions: each pair of channels turned by an angle, in any of the forms in use.

The operations on the last dimension are followed element by element, as sums of `± x[j] · table`; a rotation
gives `x[i]·c − x[j]·s` and `x[j]·c + x[i]·s`.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.run import Op
from archcheck.vocabulary.arithmetic import CASTS
from archcheck.vocabulary.regions import Detail, Region, region_of
from archcheck.vocabulary.walking import Walks

Term = tuple[int, int, int]
"""A sign, an element of the source, and a table (-1 for none)."""
Element = tuple[Term, ...]

_ENDS = frozenset(["add", "sub", "cat", "concat", "stack", "addcmul"])
_KNOWN = (
    frozenset(
        """
        add sub mul neg cat concat stack getitem chunk split unbind view reshape flatten unsqueeze
        squeeze split_with_sizes unflatten select narrow roll
        """.split()
    )
    | CASTS
)
_MOST = 28
_WIDEST = 1024


class _Unclear(Exception):  # noqa: N818 - a way out, not an error
    """An operation that does something other than move, scale and add channels."""


@dataclass(frozen=True)
class _Lanes:
    """The trailing dimensions that hold the channels, and their elements; parts, for a tuple of tensors."""

    dims: tuple[int, ...]
    elements: tuple[Element, ...]
    parts: tuple[_Lanes, ...] = ()


class Rotary:
    """Finds rotations in a run."""

    def __init__(self, walks: Walks) -> None:
        self.walks = walks
        self.ops = walks.ops
        self._tables: dict[int, bool] = {}
        self._known: dict[tuple[object, ...], tuple[int, int]] = {}

    def at(self, at: int) -> Region | None:
        """Return the rotation whose result is this operation's."""
        op = self.ops[at]
        if op.name in ("mul", "view_as_real"):
            return self._complex(at) if op.name == "mul" else None
        if op.name not in _ENDS or not op.depends_on_input:
            return None
        found = self._source(at)
        if found is None:
            return None
        source, ops = found
        turned, apart = self._turned(source, ops, at)
        is_rest_added = op.name in ("cat", "concat") and turned < self.ops[source].shape[-1]
        if not turned or is_rest_added:
            return None
        pairs = "neighbours" if apart == 1 else "halves" if 2 * apart == turned else None
        width = self.ops[source].shape[-1]
        details: dict[str, Detail] = {"turned": turned, "width": width, "pairs": pairs}
        return region_of(self.walks.flow, "RoPE", ops, at, details, {"stream": (source,)})

    def _complex(self, at: int) -> Region | None:
        """Return the rotation of x as complex numbers times numbers that do not depend on x."""
        op = self.ops[at]
        if len(op.operands) != 2 or not op.dtype.startswith("complex"):
            return None
        roots = [self._way(operand[0])[-1] for operand in op.operands]
        kinds = [self.ops[root].name == "view_as_complex" for root in roots]
        if kinds.count(True) != 1:
            return None
        table = roots[kinds.index(False)]
        if self.ops[table].depends_on_parameter:
            return None
        ops = [*self._way(op.operands[kinds.index(True)][0]), at]
        end = at
        while len(users := set(self.walks.users[end])) == 1:
            user = users.pop()
            if self.ops[user].name not in VIEWS:
                break
            end = user
            ops.append(end)
            if self.ops[end].name == "view_as_real":
                break
        source, width = self.ops[min(ops)].operands[0], 2 * self.ops[at].shape[-1]
        details: dict[str, Detail] = {"turned": width, "width": width, "pairs": None}
        return region_of(self.walks.flow, "RoPE", ops, end, details, {"stream": source[:1]})

    def _way(self, at: int) -> list[int]:
        found = [at]
        while self.ops[at].name in VIEWS - {"view_as_complex"} and self.ops[at].operands:
            at = self.ops[at].operands[0][0]
            found.append(at)
        return found

    def _source(self, end: int) -> tuple[int, list[int]] | None:
        """Return the one value that all of this comes from beside tables, and the operations between."""
        frontier, queued, sums = [-end], {end}, 0
        ops: list[int] = []
        while frontier:
            at = -heapq.heappop(frontier)
            if (
                not frontier
                and sums
                and len(ops) > 3
                and self.ops[at].name not in ("chunk", "split", "unbind")
            ):
                return at, sorted(ops)
            op = self.ops[at]
            if op.name not in _KNOWN or len(ops) == _MOST:
                return None
            ops.append(at)
            sums += op.name in ("add", "sub")
            reads = [operand[0] for operand in op.operands]
            if op.name == "mul":
                reads = [read for read in reads if not self._is_table(read)]
            for read in reads:
                if read not in queued:
                    queued.add(read)
                    heapq.heappush(frontier, -read)
        return None

    def _is_table(self, at: int) -> bool:
        """Return whether a value says nothing about the stream: a buffer, or a cosine or sine."""
        if at not in self._tables:
            op = self.ops[at]
            found = op.name in ("cos", "sin")
            if not op.depends_on_input:
                found = not op.depends_on_parameter
            elif op.name in VIEWS | CASTS | {"cat", "mul", "stack"} and op.operands:
                found = any(self._is_table(operand[0]) for operand in op.operands)
            self._tables[at] = found
        return self._tables[at]

    def _turned(self, source: int, ops: Sequence[int], end: int) -> tuple[int, int]:
        """Return how many channels are rotated, 0 if this is not a rotation, and how far apart pairs are."""
        place = {source: -1} | {at: number for number, at in enumerate(ops)}
        key = (
            self.ops[source].shape[-1:],
            *(
                (
                    op.name,
                    tuple(place.get(operand[0], -2) for operand in op.operands),
                    repr(op.arguments),
                    op.shape[-2:],
                )
                for op in map(self.ops.__getitem__, ops)
            ),
        )
        if key not in self._known:
            try:
                self._known[key] = _rotation(self._follow(source, ops)[end].elements)
            except (_Unclear, LookupError, TypeError, ValueError, ZeroDivisionError):
                self._known[key] = 0, 0
        return self._known[key]

    def _follow(self, source: int, ops: Sequence[int]) -> dict[int, _Lanes]:
        width = self.ops[source].shape[-1]
        if width > _WIDEST:
            raise _Unclear
        known = {source: _Lanes((width,), tuple(((1, at, -1),) for at in range(width)))}
        for at in ops:
            op = self.ops[at]
            reads = [known.get(operand[0]) for operand in op.operands]
            if op.name == "mul":
                known[at] = self._scaled(op, reads)
            else:
                known[at] = _moved(op, [read for read in reads if read is not None], self.ops)
        return known

    def _scaled(self, op: Op, reads: Sequence[_Lanes | None]) -> _Lanes:
        values = [read for read in reads if read is not None]
        tables = [operand[0] for operand, read in zip(op.operands, reads, strict=True) if read is None]
        if len(values) != 1:
            raise _Unclear
        value = values[0]
        if not tables:
            return value
        table = tables[0]
        root = self._whole(table)
        if any(table >= 0 for element in value.elements for _, _, table in element):
            raise _Unclear
        kind = {"cos": 0, "sin": 1}.get(self._function(root), 2 + root)
        return _Lanes(value.dims, tuple(tuple((sign, at, kind) for sign, at, _ in e) for e in value.elements))

    def _whole(self, at: int) -> int:
        """Return the value that a table is, past views that leave out nothing."""
        op = self.ops[at]
        while op.name in VIEWS and op.operands and op.numel == self.ops[op.operands[0][0]].numel:
            at = op.operands[0][0]
            op = self.ops[at]
        return at

    def _function(self, at: int) -> str:
        for _ in range(6):
            op = self.ops[at]
            if op.name in ("cos", "sin") or not op.operands or op.name not in VIEWS | CASTS | {"mul", "cat"}:
                return op.name
            at = op.operands[0][0]
        return ""


def _moved(op: Op, reads: Sequence[_Lanes], ops: Sequence[Op]) -> _Lanes:
    """Return the elements after an operation that moves, negates or adds channels."""
    name, value = op.name, reads[0]
    if name in CASTS:
        return value
    if name == "neg":
        return _Lanes(value.dims, tuple(tuple((-s, at, t) for s, at, t in e) for e in value.elements))
    if name in ("add", "sub"):
        if len(reads) != 2 or len(reads[0].elements) != len(reads[1].elements):
            raise _Unclear
        sign = 1 if name == "add" else -1
        return _Lanes(
            value.dims,
            tuple(
                (*one, *((sign * s, at, t) for s, at, t in other))
                for one, other in zip(reads[0].elements, reads[1].elements, strict=True)
            ),
        )
    if name in ("cat", "concat"):
        _last(op, value)
        return _Lanes(
            (sum(read.dims[-1] for read in reads),), tuple(e for read in reads for e in read.elements)
        )
    if name == "stack":
        return _stacked(op, reads)
    if name in ("chunk", "split", "split_with_sizes", "unbind"):
        return _parts(op, value, len(ops[op.operands[0][0]].shape))
    if name in ("getitem", "select", "narrow"):
        return _taken(op, value, len(ops[op.operands[0][0]].shape))
    if name in ("view", "reshape", "flatten", "unflatten"):
        return _shaped(op, value)
    if name in ("unsqueeze", "squeeze") and op.shape[-len(value.dims) :] == value.dims:
        return value
    raise _Unclear


def _axis(dim: object, rank: int, value: _Lanes) -> int:
    """Return the index of a dimension among the trailing ones; negative if it is before them."""
    if not isinstance(dim, int):
        raise _Unclear
    return dim % rank - rank + len(value.dims)


def _last(op: Op, value: _Lanes) -> None:
    dim = op.arguments.get("dim", 0)
    if len(value.dims) != 1 or dim not in (-1, len(op.shape) - 1):
        raise _Unclear


def _stacked(op: Op, reads: Sequence[_Lanes]) -> _Lanes:
    dim = op.arguments.get("dim", 0)
    axis = dim if dim < 0 else dim - len(op.shape)
    if any(len(read.dims) != 1 for read in reads) or axis not in (-1, -2):
        raise _Unclear
    count, width = len(reads), reads[0].dims[0]
    if axis == -2:
        return _Lanes((count, width), tuple(e for read in reads for e in read.elements))
    return _Lanes((width, count), tuple(read.elements[at] for at in range(width) for read in reads))


def _slices(value: _Lanes, axis: int) -> list[_Lanes]:
    """Return the value at each index of one of its trailing dimensions."""
    if axis == len(value.dims) - 1:
        size = value.dims[-1]
        return [_Lanes(value.dims[:-1] or (1,), value.elements[at::size]) for at in range(size)]
    if len(value.dims) == 2 and axis == 0:
        width = value.dims[1]
        return [_Lanes((width,), value.elements[at * width :][:width]) for at in range(value.dims[0])]
    raise _Unclear


def _parts(op: Op, value: _Lanes, rank: int) -> _Lanes:
    axis = _axis(op.arguments.get("dim", 0), rank, value)
    if axis < 0:
        raise _Unclear
    if op.name == "unbind":
        return _Lanes((), (), tuple(_slices(value, axis)))
    if len(value.dims) != 1:
        raise _Unclear
    width = value.dims[0]
    sizes = op.arguments.get("sizes") or -(-width // op.arguments["chunks"])
    if isinstance(sizes, int):
        sizes = [min(sizes, width - start) for start in range(0, width, sizes)]
    parts, start = [], 0
    for size in sizes:
        parts.append(_Lanes((size,), value.elements[start : start + size]))
        start += size
    return _Lanes((), (), tuple(parts))


def _taken(op: Op, value: _Lanes, rank: int) -> _Lanes:
    if value.parts:
        return value.parts[int(op.arguments["index"])]
    if op.name == "select":
        axis = _axis(op.arguments["dim"], rank, value)
        return value if axis < 0 else _slices(value, axis)[int(op.arguments["index"])]
    index = op.arguments.get("index")
    items = list(index) if isinstance(index, tuple) else [index]
    if items.count("...") == 1:
        at = items.index("...")
        used = sum(item is not None for item in items) - 1
        items[at : at + 1] = [slice(None)] * (rank - used)
    axes = [item for item in items if item is not None]
    axes += [slice(None)] * (rank - len(axes))
    for place, item in enumerate(axes[-len(value.dims) :] if len(value.dims) > 1 else ()):
        if item == slice(None):
            continue
        if isinstance(item, int):
            return _slices(value, place)[item]
        raise _Unclear
    if len(value.dims) == 1 and axes[-1] != slice(None):
        if not isinstance(axes[-1], slice):
            raise _Unclear
        elements = value.elements[axes[-1]]
        return _Lanes((len(elements),), elements)
    return value


def _shaped(op: Op, value: _Lanes) -> _Lanes:
    count = len(value.elements)
    for rank in (1, 2):
        dims = op.shape[-rank:]
        if len(dims) == rank and math.prod(dims) == count:
            return _Lanes(dims, value.elements)
    raise _Unclear


def _rotation(elements: Sequence[Element]) -> tuple[int, int]:
    """Return the number of elements that are rotated in pairs, if all others are unchanged.

    With it, how far apart the elements of a pair are; 0 if that differs.
    """
    rows: dict[tuple[int, int], list[Element]] = {}
    for element in elements:
        sources = sorted({at for _, at, _ in element})
        if len(element) == 1 and element[0][2] == -1:
            continue  # a channel that is not turned
        if len(element) != 2 or len(sources) != 2:
            return 0, 0
        rows.setdefault((sources[0], sources[1]), []).append(element)
    if not rows or not all(_is_turn(pair) for pair in rows.values()):
        return 0, 0
    apart = {other - one for one, other in rows}
    return sum(map(len, rows.values())), apart.pop() if len(apart) == 1 else 0


def _is_turn(pair: Sequence[Element]) -> bool:
    """Return whether two sums of two elements rotate: c and s in one, −s and c (or alike) in the other."""
    if len(pair) != 2:
        return False
    (one, other), low = pair, min(at for _, at, _ in pair[0])
    if any(table < 0 for element in pair for _, _, table in element):
        return False
    a, b = sorted(one, key=lambda term: term[1] != low)
    c, d = sorted(other, key=lambda term: term[1] != low)
    if a[2] == b[2]:
        return False
    return a[0] * d[0] == -b[0] * c[0] and (a[2], b[2]) == (d[2], c[2])
