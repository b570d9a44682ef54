"""The skip path: from an operand of a sink back to the source."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

from archcheck.dataflow.operations import AFFINE, NORMS, PRODUCTS, PRODUCTS_OF_MATRICES, SUMS, VIEWS
from archcheck.dataflow.run import Op
from archcheck.residual.ancestry import Ancestors, Ancestry
from archcheck.residual.branch import summands
from archcheck.residual.factors import by_sink, constant_of, number_of
from archcheck.residual.join import Join, Path, Summand, Walk
from archcheck.residual.multiples import multiple, product, taken_together
from archcheck.residual.operation_facts import Facts, Reads

Step = tuple[int, Walk]


class SkipPaths:
    """Walks skip paths; `at_sink` holds the residuals found so far, which later paths pass through."""

    def __init__(self, facts: Facts, ancestry: Ancestry, at_sink: Mapping[int, Sequence[Join]]) -> None:
        self.facts = facts
        self.ancestry = ancestry
        self.at_sink = at_sink
        self.gone: dict[int, frozenset[int]] = {}  # by sink, what it adds and takes off again

    def source(
        self, sink: int, skip: Reads, term: Summand, path: Path, start: Walk
    ) -> tuple[int, Walk, Ancestors] | None:
        """Return the latest operation on the skip path that the term depends on, with the walk to it."""
        ops, back = self.facts.ops, Ancestors(term.reads)
        ways: list[tuple[int, int, Walk]] = [(-skip[0], 0, start)]
        visited: set[int] = set()
        pushed = 0
        gone = self.gone.get(sink, frozenset())
        own = () if term.fused else (*term.reads, multiple(self.facts, sink, term.reads)[0])
        while ways:
            at, _, walk = heapq.heappop(ways)
            at = -at
            if at in visited or not ops[at].depends_on_input:
                continue
            visited.add(at)
            op = ops[at]
            if at in own or at in gone or (op.dtype and not op.floating):
                continue  # no skip path runs through the branch's own result, or through integers
            is_tensor = bool(op.shape) or not op.operands
            if is_tensor and self.ancestry.depends(back, at):
                return at, walk, back
            for below, longer in self._steps(at, op, walk, sink, path):
                pushed += 1  # ties are never broken by comparing walks
                heapq.heappush(ways, (-below, pushed, longer))
        return None

    def pure(self, operand: int, back: Ancestors, stop: int) -> Step | None:
        """Return the source past views only, for a concatenation; never past `stop`."""
        ops, walk, at = self.facts.ops, Walk(), operand
        while ops[at].depends_on_input and at != stop:
            op = ops[at]
            if op.shape and self.ancestry.depends(back, at):
                return at, walk
            if op.name not in VIEWS or not op.operands:
                return None
            below = op.operands[0][0]
            if len(op.shape) < len(ops[below].shape) and op.name in ("getitem", "select"):
                return None  # one step of a sequence, not the stream
            walk, at = walk.through(at), below
        return None

    def _steps(self, at: int, op: Op, walk: Walk, sink: int, path: Path) -> Iterator[Step]:
        """Yield one step back: the operations whose results `op` passes on, and its effect on them."""
        dependent = self.facts.dependent_operands(op)
        if not dependent:
            return
        if op.name == "masked_fill" and self.facts.is_threshold(op.operands[-1], op.operands[0]):
            return
        if op.name in VIEWS:
            yield op.operands[0][0], walk.through(at)
        elif op.name == "neg":
            yield dependent[0][0], walk.scaled(at, -1.0)
        elif op.name in PRODUCTS:
            yield from self._through_product(at, op, walk, dependent, path)
        elif at in self.at_sink or op.name in SUMS:
            yield from self._through_sum(at, op, walk, dependent, sink, path)
        elif path is Path.AFFINE and op.name in AFFINE:
            if dependent == [op.operands[0]]:
                yield dependent[0][0], walk.through(at, affine=True)
        elif path is Path.AFFINE and op.name in NORMS and not walk.affine:
            yield dependent[0][0], walk.through(at, normed=True)
        elif path is not Path.PLAIN and op.name in PRODUCTS_OF_MATRICES:
            for operand in dependent:
                weights = [other for other in op.operands if other != operand]
                learned = all(self.facts.root_op(other[0]).parameter for other in weights)
                if learned and path is Path.AFFINE:
                    yield operand[0], walk.through(at, affine=True)
                elif not learned and path is Path.GATED and self.facts.numel(operand) == op.numel:
                    yield operand[0], walk.through(at, mixed=True)

    def _through_sum(
        self, at: int, op: Op, walk: Walk, dependent: list[Reads], sink: int, path: Path
    ) -> Iterator[Step]:
        """Step past an earlier residual, a sum of the sink's own module, or the addition of a constant."""
        ways = [join.skip_operand for join in self.at_sink.get(at, ())]
        if op.name in SUMS and len(dependent) == 1:
            if path is Path.AFFINE:
                yield dependent[0][0], walk.through(at, shifted=True)
            return
        if op.name in SUMS:
            own = path is Path.PLAIN and op.call == self.facts.ops[sink].call
            ways += dependent if own else dependent[:1] if self._is_multiple(at, dependent) else ()
        for operand in ways:
            others = list(dependent)
            if operand in others:
                others.remove(operand)
            terms = [term for other in others for term in summands(self.facts, other, at, self.at_sink)]
            start, _ = taken_together(self.facts, at, operand, terms, self.at_sink)
            if start is not None:
                sign = product(by_sink(self.facts, at, operand))
                yield operand[0], walk.scaled(at, sign).then(start)

    def _is_multiple(self, at: int, dependent: Sequence[Reads]) -> bool:
        """Return whether a sum adds multiples of one tensor only."""
        terms = (term for operand in dependent for term in summands(self.facts, operand, at, self.at_sink))
        tensors = (multiple(self.facts, at, term.reads)[0] for term in terms)
        first = next(tensors)
        return all(tensor == first for tensor in tensors)

    def _through_product(
        self, at: int, op: Op, walk: Walk, dependent: list[Reads], path: Path
    ) -> Iterator[Step]:
        """Step past a factor: a number, something learned, a mask of positions, or a mixing weight."""
        facts = self.facts
        if len(op.operands) == 1:
            yield dependent[0][0], walk.scaled(at, number_of(op))
            return
        for operand in dependent:
            if facts.numel(operand) < op.numel and len(dependent) > 1:
                continue
            other = next(one for one in op.operands if one is not operand)
            if op.name not in ("mul", "multiply") and operand is not op.operands[0]:
                continue  # it divides
            if not facts.depends_on_input(other):
                if facts.is_random(op):
                    yield operand[0], walk.through(at)
                elif facts.is_factor(other):
                    yield operand[0], walk.scaled(at, constant_of(facts, op, other))
            elif not all(facts.ops[read].floating for read in other):
                if not facts.is_threshold(other, operand):
                    yield operand[0], walk.through(at)
            elif path is Path.PLAIN or walk.affine or not facts.is_gate(other[0]):
                continue
            elif not facts.is_gate(operand[0]) or facts.is_state(operand[0], beside=other[0]):
                yield operand[0], walk.through(at, gated=True)
