"""Walks through a run that several recognisers share: past views, and back to a stream's origin."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cached_property

from archcheck.dataflow import queries
from archcheck.dataflow.operations import PRODUCTS, PRODUCTS_OF_MATRICES
from archcheck.dataflow.run import Dataflow, Op
from archcheck.vocabulary.regions import Region

_FAR = 64  # operations that a walk goes back at most


def near(flow: Dataflow, at: int, most: int = 16) -> Iterator[int]:
    """Yield an operation and those that it is computed from, at most so many."""
    pending, seen = [at], set[int]()
    while pending and len(seen) < most:
        at = pending.pop()
        if at not in seen:
            seen.add(at)
            yield at
            pending += [operand[0] for operand in flow.ops[at].operands]


class Walks:
    """A run, and the regions found in it so far by their results."""

    def __init__(self, flow: Dataflow, regions: Collection[Region]) -> None:
        self.flow = flow
        self.ops = flow.ops
        self.made: dict[int, Region] = {}  # the largest norm, activation, … by its result
        self.add(regions)

    def add(self, regions: Collection[Region]) -> None:
        """Add these regions."""
        for region in regions:
            before = self.made.get(region.output)
            if before is None or len(region.ops) >= len(before.ops):
                self.made[region.output] = region

    def fed(self, op: Op) -> list[int]:
        """Return the operands that depend on the model's input."""
        return [operand[0] for operand in op.operands if self.ops[operand[0]].depends_on_input]

    def root(self, at: int) -> int:
        """Return the operation that made these values, past views."""
        return queries.viewed(self.ops, at)

    def views(self, at: int) -> Iterator[int]:
        """Yield the views on the way back from `at` to its root, and the root, `at` first."""
        return queries.views(self.ops, at)

    def is_matrix_product(self, at: int) -> bool:
        """Return whether it is a product of two matrices that both depend on the input."""
        op = self.ops[at]
        return op.name in PRODUCTS_OF_MATRICES and len(self.fed(op)) > 1

    def compares(self, at: int) -> bool:
        """Return whether it is a product of two computed matrices; queries may come from parameters."""
        op = self.ops[at]
        if op.name not in PRODUCTS_OF_MATRICES or len(op.operands) != 2 or not self.fed(op):
            return False
        return all(self.ops[self.root(operand[0])].name != "attribute" for operand in op.operands)

    def is_map(self, at: int) -> bool:
        """Return whether it is a learned linear map: linear, convolution, or a product with a weight."""
        op = self.ops[at]
        if op.name == "linear" or op.name.startswith("conv"):
            return len(self.fed(op)) == 1
        is_product = op.name in PRODUCTS_OF_MATRICES and _sums_over_an_axis(op)
        return is_product and len(self.fed(op)) == 1 and op.depends_on_parameter

    def map_behind(self, at: int) -> int:
        """Return the learned linear map that these values come from, past norms and the like; -1 if none."""
        for _ in range(_FAR):
            at = self.root(at)
            if self.is_map(at):
                return at
            op = self.ops[at]
            if at in self.made and len(self.made[at].inputs) == 1 and self.made[at].inputs[0] < at:
                at = self.made[at].inputs[0]
                continue
            fed = self.fed(op)
            if not fed or op.name in PRODUCTS_OF_MATRICES or op.name in ("softmax", "embedding"):
                return -1
            at = max(fed, key=lambda read: (self.ops[read].numel, -read))
        return -1

    def input_of(self, linear: int) -> int:
        """Return what a learned linear map reads, past views."""
        return self.root(self.fed(self.ops[linear])[0])

    def scale_factor(self, op: Op) -> bool:
        """Return the input-independent factor of a product."""
        return op.name in PRODUCTS and len(self.fed(op)) == 1

    @cached_property
    def users(self) -> list[list[int]]:
        """For each operation, the operations that read its result."""
        return self.flow.users


def _sums_over_an_axis(op: Op) -> bool:
    """Return whether a product of matrices is one: an einsum may as well be an outer product."""
    factors, arrow, result = str(op.arguments.get("equation", "")).partition("->")
    return not arrow or any(letter.isalpha() and letter not in result for letter in factors)
