"""Dependence of one value on another, traced back from the later one no further than requested."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence

from archcheck.residual.operation_facts import Facts

_LONG_WAY = 4000  # operations walked back from one sink, from where on reachability is computed once instead


class Ancestors:
    """The ancestors of some operations, explored from the latest down, as far as requested."""

    def __init__(self, reads: Iterable[int]) -> None:
        self.frontier = [-read for read in reads]
        heapq.heapify(self.frontier)
        self.seen: set[int] = set()


class Ancestry:
    """Questions of dependence; `effort` counts the operations walked for all of them."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.effort = 0
        self._descendants: dict[int, bytearray] = {}

    def depends(self, back: Ancestors, at: int) -> bool:
        """Return whether the operations that `back` starts from depend on operation `at`."""
        if len(back.seen) > _LONG_WAY and at not in back.seen:
            reached = self._reached_from(at)
            if not any(reached[-read] for read in back.frontier):
                return False
        self._explore(back, at)
        return at in back.seen

    def between(self, source: int, back: Ancestors) -> tuple[int, ...]:
        """Return the operations that depend on the source and that `back` depends on, in order."""
        return self.between_each([source], back)[0]

    def between_each(self, sources: Sequence[int], back: Ancestors) -> list[tuple[int, ...]]:
        """Return what `between` gives for each of several sources, in one walk."""
        if not sources:
            return []
        self._explore(back, min(sources))
        ops, own = self.facts.ops, {source: 1 << place for place, source in enumerate(sources)}
        reached: dict[int, int] = {}  # which of the sources an operation depends on, a bit for each
        for at in sorted(back.seen):
            bits = 0
            for read in ops[at].reads:
                bits |= reached.get(read, 0) | own.get(read, 0)
            if bits:
                reached[at] = bits
        return [tuple([at for at, bits in reached.items() if bits & own[source]]) for source in sources]

    def _explore(self, back: Ancestors, down_to: int) -> None:
        frontier, seen, ops = back.frontier, back.seen, self.facts.ops
        before = len(seen)
        while frontier and -frontier[0] >= down_to:
            at = -heapq.heappop(frontier)
            if at in seen:
                continue
            seen.add(at)
            for read in ops[at].reads:
                if ops[read].depends_on_input:
                    heapq.heappush(frontier, -read)
        self.effort += len(seen) - before

    def _reached_from(self, at: int) -> bytearray:
        """Return which operations depend on `at`; cached, since many sinks trace back to one tensor."""
        reached = self._descendants.get(at)
        if reached is None:
            ops = self.facts.ops
            reached = bytearray(len(ops))
            reached[at] = 1
            for index in range(at + 1, len(ops)):
                if any(reached[read] for read in ops[index].reads):
                    reached[index] = 1
            self._descendants[at] = reached
        return reached
