"""Facts about single operations that the search needs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from functools import cached_property

from archcheck.dataflow.operations import (
    COMPARISONS,
    GATES,
    NEGATIONS,
    PRODUCTS,
    RANDOM,
    SUMS,
    VIEWS,
    WEIGHTS,
)
from archcheck.dataflow.run import Dataflow, Op

Reads = tuple[int, ...]


class Facts:
    """A dataflow, with the questions that the search has about it."""

    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.ops = flow.ops
        self.ends = frozenset((*flow.outputs, *flow.escaping))

    def depends_on_input(self, reads: Iterable[int]) -> bool:
        """Return whether any of these values depends on the model's input."""
        return any(self.ops[read].depends_on_input for read in reads)

    def is_learned(self, read: int) -> bool:
        """Return whether this is a parameter, or computed from parameters only."""
        return self.ops[read].depends_on_parameter and not self.ops[read].depends_on_input

    @cached_property
    def learned(self) -> frozenset[int]:
        """The operations that read a parameter, or a value computed from parameters only."""
        return frozenset(at for at, op in enumerate(self.ops) if any(map(self.is_learned, op.reads)))

    def dependent_operands(self, op: Op) -> list[Reads]:
        """Return the operands that depend on the input."""
        return [operand for operand in op.operands if self.depends_on_input(operand)]

    def stream(self, op: Op) -> Reads:
        """Return the input-dependent operand of an operation with constants."""
        return next((operand for operand in op.operands if self.depends_on_input(operand)), op.operands[0])

    def with_constant(self, op: Op) -> bool:
        """Return whether exactly one operand depends on the input."""
        return len(self.dependent_operands(op)) == 1

    def scales(self, op: Op) -> bool:
        """Return whether it multiplies the one operand that depends on the input by a constant."""
        if op.name not in PRODUCTS or not self.with_constant(op):
            return False
        return op.name in ("mul", "multiply") or self.depends_on_input(op.operands[0])

    def numel(self, reads: Reads) -> int:
        """Return the number of elements of these values."""
        return max(self.ops[read].numel for read in reads)

    def root(self, read: int) -> int:
        """Return the operation that made these values, past views."""
        while self.ops[read].name in VIEWS and self.ops[read].operands:
            read = self.ops[read].operands[0][0]
        return read

    def root_op(self, read: int) -> Op:
        """Return the operation that made a value, past views."""
        return self.ops[self.root(read)]

    def is_gate(self, read: int) -> bool:
        """Return whether it is a mixing weight: a sigmoid, a softmax or the like, perhaps its complement."""
        return self._gate(read) in GATES

    def is_state(self, read: int, *, beside: int) -> bool:
        """Return whether a tanh is weighted by a number from 0 to 1: the start of a recurrent state."""
        return self._gate(beside) in WEIGHTS and self._gate(read) not in WEIGHTS

    def _gate(self, read: int) -> str:
        """Return the operation that made these values, or those whose complement they are."""
        op = self.root_op(read)
        while op.name in SUMS | PRODUCTS | {"neg"} and len(op.operands) == 1:
            op = self.root_op(op.operands[0][0])
        return op.name

    def is_threshold(self, mask: Reads, stream: Reads) -> bool:
        """Return whether a mask of the stream is made of the stream itself, as in an activation."""
        op = self.ops[mask[0]]
        while op.name in VIEWS | NEGATIONS and op.operands:
            op = self.ops[op.operands[0][0]]
        compared = {self.root(operand[0]) for operand in op.operands}
        return op.name in COMPARISONS and op.numel == self.numel(stream) and self.root(stream[0]) in compared

    def is_factor(self, reads: Reads) -> bool:
        """Return whether it is a learned factor of any shape, or a constant per channel, not per position."""
        op = self.ops[reads[0]]
        return op.depends_on_parameter or sum(size > 1 for size in op.shape) <= 1

    def is_random(self, op: Op, drawn: Set[str] = RANDOM) -> bool:
        """Return whether it combines the stream with numbers `drawn` at random and nothing else."""
        constants = [
            read for operand in op.operands if not self.depends_on_input(operand) for read in operand
        ]
        return any(self.ops[at].name in drawn for at in self.ancestors(constants))

    def parameter_below(self, read: int) -> str:
        """Return the path of the first parameter that a learned value is made of, or ""."""
        return next((self.ops[at].parameter for at in self.ancestors([read]) if self.ops[at].parameter), "")

    def ancestors(self, reads: Iterable[int]) -> Iterator[int]:
        """Return these operations and all that they depend on, depth first."""
        pending = list(reads)[::-1]
        seen = set()
        while pending:
            at = pending.pop()
            if at not in seen:
                seen.add(at)
                yield at
                pending += [below for operand in reversed(self.ops[at].operands) for below in operand]

    def repeats(self, sink: int) -> bool:
        """Return whether one module call executed this instruction several times."""
        op = self.ops[sink]
        return self._executions[op.call, op.instruction, op.name] > 1

    @cached_property
    def _executions(self) -> Counter[tuple[int, tuple[int, int], str]]:
        return Counter((op.call, op.instruction, op.name) for op in self.ops)
