"""The operations of one run with the fused ones opened, numbered as the vocabulary numbers them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow.queries import live
from archcheck.diff.execution import Execution
from archcheck.residual import Join
from archcheck.vocabulary import Recognition


@dataclass(frozen=True)
class Values:
    """A run and what was recognised in it.

    A **node** is an operation of the opened run; whatever the rest of the diff says about the recorded run is
    translated here.
    """

    execution: Execution
    recognition: Recognition

    def first(self, op: int) -> int:
        """Return the first node of a recorded operation, or of what comes after it: the bound of a span."""
        return bisect_left(self.recognition.origin, op)

    def made(self, op: int) -> int:
        """Return the node that makes a recorded operation's result."""
        return bisect_left(self.recognition.origin, op + 1) - 1

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Return a span of recorded operations as a span of nodes."""
        return self.first(first), self.first(end)

    def reads(self, node: int) -> tuple[int, ...]:
        """Return the nodes that a node reads."""
        return self._reads[node]

    @cached_property
    def _reads(self) -> list[tuple[int, ...]]:
        ops = self.recognition.flow.ops
        return [op.reads for op in ops]

    @cached_property
    def live(self) -> frozenset[int]:
        """The nodes on which the run's result, or its control flow, depends."""
        found = live(self.execution.flow, with_control=True)
        return frozenset(node for node, op in enumerate(self.recognition.origin) if op in found)

    @cached_property
    def input_names(self) -> Mapping[int, str]:
        """The names of the model's inputs by node, where there is one for each."""
        names, nodes = list(self.execution.inputs), self.execution.flow.calls[0].inputs
        return dict(zip(map(self.made, nodes), names, strict=True)) if len(names) == len(nodes) else {}

    def is_constant(self, node: int) -> bool:
        """Return whether it is a parameter, a buffer or another constant, which no box makes."""
        return self.recognition.flow.ops[node].name in ("attribute", "constant")

    def carries_values(self, node: int) -> bool:
        """Return whether the result consists of floating-point numbers, not of indices or conditions."""
        flow = self.recognition.flow
        op = flow.ops[node]
        return op.floating or (op.shape == () and any(flow.ops[user].floating for user in flow.users[node]))

    def skip_reads(self, joins: Iterable[Join]) -> frozenset[tuple[int, int]]:
        """Return the reads (reader, read) by which skip paths leave their sources, or enter their sinks."""
        found: set[tuple[int, int]] = set()
        terms: dict[int, set[int]] = {}
        entered: dict[int, set[int]] = {}
        for join in joins:
            source, sink = self.made(join.source), self.made(join.sink)
            for reader in (*join.skip, join.sink):
                first, end = self.span(reader, reader + 1)
                found |= {(node, source) for node in range(first, end)}
            terms.setdefault(sink, set()).update(map(self.made, join.term))
            entered.setdefault(sink, set()).update(map(self.made, join.skip))
        for sink, read in terms.items():
            if read & set(self.reads(sink)):
                # Of parallel branches, as in x + a + b, the sum of the first is on the way of the second,
                # and carries what the first has added.
                read = read | (entered[sink] & terms.keys())
                found |= {(sink, other) for other in self.reads(sink) if other not in read}
        return frozenset(found)


def values(execution: Execution) -> Values:
    """Return the opened run of an execution."""
    return Values(execution, execution.recognition)
