"""Groups of local operations between an entry and a result, and their values at a probe.

Local operations look at each element alone, or at it and statistics of its group. The *entry* of one is the
nearest value that all it computes comes from: `x * rsqrt(mean(x²) + eps)` has the entry x. In the terms of
graphs it is the immediate dominator, so that groups nest and are found in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.run import Dataflow
from archcheck.vocabulary.arithmetic import (
    CASTS,
    POINTWISE,
    REDUCTIONS,
    Lanes,
    UnknownValueError,
    pointwise,
    reduction,
)

_CLIMB = 48  # steps to trace two operands back to a common value
_LARGEST = 40  # operations in a group


@dataclass(frozen=True)
class Group:
    """`ops` in the order in which they ran, from `entry` (not one of them) to the last, their result.

    `parameters` are the values in it that do not depend on the model's input and are not a known number, and
    `dims` the dimensions that its reductions go over (None if there are none), of a tensor of `shape`.
    """

    flow: Dataflow
    entry: int
    ops: tuple[int, ...]

    @property
    def output(self) -> int:
        """The operation that makes the result."""
        return self.ops[-1]

    @cached_property
    def signature(self) -> tuple[object, ...]:
        """Equal for groups that compute the same function."""
        place = {self.entry: -1} | {at: number for number, at in enumerate(self.ops)}
        parts: list[object] = []
        for at in self.ops:
            op = self.flow.ops[at]
            reads: list[object] = []
            for operand in op.operands:
                read = operand[0]
                if read in place:
                    reads.append(place[read])
                else:
                    reads.append((len(place), number_of(self.flow, read), self.flow.ops[read].numel > 1))
                    place[read] = len(place)
            arguments = repr(op.arguments) if op.arguments else ""
            count = self.count(at) if op.name in REDUCTIONS else 0
            parts.append((op.name, op.numbers, tuple(reads), arguments, count))
        return tuple(parts)

    @cached_property
    def dims(self) -> tuple[int, ...] | None:
        """The dimensions of the reductions, if all go over the same. Raises UnknownValueError if not."""
        found = {self._dims(at) for at in self.ops if self.flow.ops[at].name in REDUCTIONS}
        if len(found) > 1:
            raise UnknownValueError
        return found.pop() if found else None

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of what the first reduction goes over, else of the entry."""
        ran = [self.flow.ops[at] for at in self.ops]
        reduced = [op.operands[0][0] for op in ran if op.name in REDUCTIONS]
        return self.flow.ops[[*reduced, self.entry][0]].shape

    @property
    def parameters(self) -> list[int]:
        """The values in it that neither depend on the input nor are known numbers."""
        return [read for read in self._constants() if number_of(self.flow, read) is None]

    def _constants(self) -> Iterator[int]:
        seen = {self.entry, *self.ops}
        for at in self.ops:
            for operand in self.flow.ops[at].operands:
                if operand[0] not in seen:
                    seen.add(operand[0])
                    yield operand[0]

    def _dims(self, at: int) -> tuple[int, ...]:
        shape = self.flow.ops[self.flow.ops[at].operands[0][0]].shape
        dim = self.flow.ops[at].arguments.get("dim")
        dims = dim if isinstance(dim, tuple) else tuple(range(len(shape))) if dim is None else (dim,)
        if not all(isinstance(axis, int) for axis in dims):
            raise UnknownValueError
        return tuple(sorted(axis % max(len(shape), 1) for axis in dims))

    def count(self, at: int) -> int:
        """Return how many elements the reduction `at` goes over."""
        shape = self.flow.ops[self.flow.ops[at].operands[0][0]].shape
        return math.prod(shape[axis] for axis in self._dims(at)) if shape else 1

    def values(self, probe: Lanes) -> Lanes:
        """Return the result if the entry holds `probe`; raises UnknownValueError if it is unknown."""
        try:
            return self._values(probe)
        except (ArithmeticError, LookupError) as error:
            raise UnknownValueError from error

    def _values(self, probe: Lanes) -> Lanes:
        full: dict[int, Lanes] = {self.entry: probe}
        reduced: dict[int, list[Lanes]] = {}
        for number, read in enumerate(self._constants()):
            full[read] = _constant(self.flow, read, number, len(probe))
        for at in self.ops:
            op = self.flow.ops[at]
            reads = [operand[0] for operand in op.operands]
            if op.name in REDUCTIONS:
                if reads[0] in reduced:
                    raise UnknownValueError
                reduced[at] = reduction(op, full[reads[0]], self.count(at))
                continue
            if reads[0] in reduced and op.name in VIEWS:
                index = op.arguments.get("index")
                is_pick = isinstance(index, int) and not self.flow.ops[reads[0]].shape
                reduced[at] = reduced[reads[0]][index:][:1] if is_pick else reduced[reads[0]]
                continue
            lanes = [full[read] if read in full else reduced[read][0] for read in reads]
            result = lanes[0] if op.name in CASTS else pointwise(op, lanes)
            if all(read in reduced or read not in self.inside for read in reads) and self.entry not in reads:
                reduced[at] = [result]
            else:
                full[at] = result
        if self.output in reduced or not all(map(math.isfinite, full[self.output])):
            raise UnknownValueError
        return full[self.output]

    @cached_property
    def inside(self) -> frozenset[int]:
        """The operations as a set."""
        return frozenset(self.ops)


class Entries:
    """The entry of each operation of a run, found once in the order in which they ran."""

    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.entry = [-1] * len(flow.ops)
        self.depth = [0] * len(flow.ops)
        self.joins = [False] * len(flow.ops)  # reads several values that depend on the input
        self._reduced = [False] * len(flow.ops)
        for at in range(len(flow.ops)):
            self._enter(at)

    def groups(self, at: int, reach: int) -> Iterator[Group]:
        """Yield at most `reach` groups whose result is `at`, the one with the nearest entry first."""
        entry = self.entry[at]
        while entry >= 0 and reach:
            if self.flow.ops[entry].name not in CASTS or self.flow.ops[entry].call != self.flow.ops[at].call:
                group = self.between(entry, at)
                if group is None:
                    return
                yield group
                reach -= 1
            entry = self.entry[entry]

    def between(self, entry: int, output: int) -> Group | None:
        """Return the operations from `entry` to `output`; None if there are too many."""
        found, pending = {output}, [output]
        while pending:
            for operand in self.flow.ops[pending.pop()].operands:
                read = operand[0]
                if read != entry and read not in found and self.flow.ops[read].depends_on_input:
                    if len(found) == _LARGEST or read < entry:
                        return None
                    found.add(read)
                    pending.append(read)
        return Group(self.flow, entry, tuple(sorted(found)))

    def _enter(self, at: int) -> None:
        op = self.flow.ops[at]
        if not op.depends_on_input or not self._is_local(at):
            return
        reads = {
            operand[0]
            for operand in op.operands
            if any(self.flow.ops[read].depends_on_input for read in operand)
        }
        if not reads or any(len(operand) > 1 for operand in op.operands):
            return
        self.joins[at] = len(reads) > 1
        self._reduced[at] = op.name in REDUCTIONS or all(self._reduced[read] for read in reads)
        entry = self._common(reads)
        if entry >= 0:
            self.entry[at], self.depth[at] = entry, self.depth[entry] + 1

    def _is_local(self, at: int) -> bool:
        op = self.flow.ops[at]
        if op.name in POINTWISE or op.name in CASTS or op.name in REDUCTIONS:
            return True
        return op.name in VIEWS and bool(op.operands) and self._reduced[op.operands[0][0]]

    def _common(self, reads: set[int]) -> int:
        """Return the nearest value that all of these come from; -1 if there is none nearby."""
        for _ in range(_CLIMB):
            if len(reads) == 1:
                return reads.pop()
            deepest = max(reads, key=lambda read: (self.depth[read], read))
            if self.entry[deepest] < 0:
                return -1
            reads.remove(deepest)
            reads.add(self.entry[deepest])
        return -1


def number_of(flow: Dataflow, at: int, steps: int = 12) -> float | None:
    """Return the number that a constant is, or that a few steps compute from constants alone."""
    op = flow.ops[at]
    if not steps or op.depends_on_input or op.depends_on_parameter:
        return None
    if op.name in ("attribute", "constant", "tensor", "scalar_tensor"):
        return op.numbers[0] if len(op.numbers) == 1 else None
    if op.name in ("zeros", "zeros_like", "new_zeros", "ones", "ones_like", "new_ones"):
        return float("ones" in op.name)
    if op.name in ("full", "full_like", "new_full") and op.numbers:
        return op.numbers[-1]
    if op.name in CASTS | VIEWS and op.operands:
        return number_of(flow, op.operands[0][0], steps - 1)
    if op.name not in POINTWISE or not op.operands:
        return None
    below = [number_of(flow, operand[0], steps - 1) for operand in op.operands]
    known = [value for value in below if value is not None]
    try:
        return pointwise(op, [[value] for value in known])[0] if len(known) == len(below) else None
    except UnknownValueError:
        return None


def _constant(flow: Dataflow, at: int, number: int, lanes: int) -> Lanes:
    """Return a stand-in for a parameter at a probe: a positive number for each lane, or one for all."""
    value = number_of(flow, at)
    if value is not None:
        return [value] * lanes
    spread: Sequence[int] = range(lanes) if flow.ops[at].numel > 1 else [0] * lanes
    return [0.9 + 0.2 * ((0.618034 * (3 * number + lane + 1)) % 1) for lane in spread]
