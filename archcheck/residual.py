"""Find the residual connections of a recorded run. Pure functions over `archcheck.dataflow`.

Definitions (the words are those of the documentation):

- A **sink** is a sum (or concatenation, or interpolation) of two tensors that depend on the model's input.
- The **skip path** leads back from one operand of the sink through what merely moves, rescales or maps
  affinely; sums made by the sink's own module are passed to either side, so that `x + a(x) + b(x)` is one sum
  whatever its grouping; sums of earlier residuals are passed along their skip path.
- The **source** is the latest tensor on the skip path on which the other operand depends.
- The **branch** is everything between the source and that operand. It must mix positions or channels, or
  hold parameters: pointwise arithmetic alone is an activation function (the polynomial of a GELU), and a
  permutation is a rotary embedding. A branch without parameters, in a sum that one module call executes over
  and over on its own result, is a recurrence (a linear attention's state), no residual.
- **Kind**: `projection` if the skip path is an affine map (then the branch must not be one), `gated` if a
  factor on it depends on the input, `scaled` if a factor is constant or learned, else `identity`. Where
  the skip path mixes parallel streams and the branch is spread over them, it is `multi-stream`.

Each search walks back from one sink and stops at its source, so that the work grows with the model.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from math import prod

from archcheck.dataflow import Dataflow, Op
from archcheck.graph import Factor, Kind, Location, Residual
from archcheck.operations import (
    AFFINE,
    CONCATS,
    FUSED_SUMS,
    GATES,
    MIXING,
    PRODUCTS,
    PRODUCTS_OF_MATRICES,
    RANDOM,
    STACKS,
    SUMS,
    VIEWS,
)

_ROUNDS = 64  # of a loop that are searched in any case
_EFFORT = 200  # operations walked per operation of the run, from where on longer loops are curtailed
_SEARCH_LIMIT = 4000  # operations walked back from one sink before reachability is computed once instead


@dataclass(frozen=True, slots=True)
class Join:
    """A residual connection with its places in the dataflow.

    `sink` and `source` are operations; `skip` and `branch` the operations on either way, in order;
    `term` is the branch's operand of the sink (or of the sum that the sink adds); `sink_operand` and
    `skip_operand` are what the sink reads; `branch_calls` are the module calls that `residual.branch`
    names; `scope_call` and `sink_call` the calls of `residual.scope` and `residual.implemented_in`.
    """

    residual: Residual
    sink: int
    source: int
    term: tuple[int, ...]
    skip: tuple[int, ...]
    branch: tuple[int, ...]
    branch_calls: tuple[int, ...]
    scope_call: int
    sink_call: int
    skip_operand: tuple[int, ...]
    sink_operand: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Search:
    """All residual connections of a run, in the order in which their sinks ran.

    `curtailed` are the lines of loops that ran so often that only their first rounds were searched.
    """

    joins: tuple[Join, ...]
    curtailed: tuple[Location, ...] = ()


def search(flow: Dataflow) -> Search:
    """Find the residual connections of a run."""
    detector = _Detector(flow)
    for index, op in enumerate(flow.ops):
        if op.fed and op.floating and op.call >= 0 and not detector.is_curtailed(op):
            detector.examine(index, op)
    return Search(tuple(detector.joins), tuple(sorted(detector.curtailed)))


def find_products(flow: Dataflow) -> tuple[Join, ...]:
    """Products of a tensor with what was computed from it: no residuals, but drawn as such by mistake."""
    detector = _Detector(flow)
    for index, op in enumerate(flow.ops):
        if op.name == "mul" and len(op.operands) == 2 and op.fed and op.floating and op.numel > 1:
            detector.product(index, op)
    return tuple(detector.joins)


class _Path(Enum):
    """What a skip path may pass; a wider path is tried only where no narrower one holds at the sink.

    PLAIN: what moves or rescales, and the sums of the sink's own module. GATED: also mixing weights and the
    mixing of streams. AFFINE: also affine maps.
    """

    PLAIN = 1
    GATED = 2
    AFFINE = 3


@dataclass(slots=True)
class _Walk:
    """The skip path walked so far: operations passed, and what they did to the stream."""

    passed: tuple[int, ...] = ()
    affine: bool = False
    gated: bool = False
    mixed: bool = False
    shifted: bool = False
    factors: tuple[tuple[int, float | None], ...] = ()

    def through(self, op: int, **effects: bool) -> _Walk:
        changed = {name: getattr(self, name) or value for name, value in effects.items()}
        return replace(self, passed=(*self.passed, op), **changed)

    def scaled(self, op: int, value: float | None) -> _Walk:
        factors = self.factors if value == 1.0 else (*self.factors, (op, value))
        return replace(self, passed=(*self.passed, op), factors=factors)


@dataclass(slots=True)
class _Term:
    """One summand on the branch's side: what it reads, and the operations from it to the sink."""

    reads: tuple[int, ...]
    tail: tuple[int, ...] = ()
    fused: bool = False


@dataclass(slots=True)
class _Back:
    """The ancestors of some operations, explored from the latest down, as far as was asked for."""

    frontier: list[int]
    seen: set[int] = field(default_factory=set)


class _Detector:
    def __init__(self, flow: Dataflow) -> None:
        self.flow = flow
        self.ops = flow.ops
        self.joins: list[Join] = []
        self.at_sink: dict[int, list[Join]] = {}
        self._descendants: dict[int, bytearray] = {}
        self._joined: set[tuple[int, int]] = set()  # pairs (source, branch) already concatenated
        self._effort = 0
        self._rounds: dict[tuple[int, tuple[int, int]], int] = {}
        self.curtailed: set[Location] = set()

    # -- sinks ------------------------------------------------------------------------------------

    def is_curtailed(self, op: Op) -> bool:
        """Is this one more round of a recurrence whose search has become too expensive?"""
        if op.name not in SUMS or not op.numbers and len(op.operands) < 2:
            return False
        place = (op.call, op.instruction)
        self._rounds[place] = rounds = self._rounds.get(place, 0) + 1
        if rounds <= _ROUNDS or self._effort < _EFFORT * len(self.ops):
            return False
        if op.location is not None:
            self.curtailed.add(op.location)
        return True

    def examine(self, index: int, op: Op) -> None:
        if op.numel <= 1:
            return
        if op.name in CONCATS:
            self._concat(index, op)
        elif op.name == "lerp" and len(op.operands) == 3:
            mixed = _Term((*op.operands[1], *op.operands[2]))
            self._accept(index, op.operands[0], [mixed], _Path.PLAIN, gated=True)
        elif op.name in FUSED_SUMS and len(op.operands) >= 3:
            self._fused(index, op)
        elif op.name in SUMS or (op.name in ("sum", "mean") and self._stacked(op)):
            operands = self._stacked(op) or op.operands
            self._pairs(index, op, operands)

    def _stacked(self, op: Op) -> tuple[tuple[int, ...], ...]:
        """The summands of `stack([a, b]).sum(0)`."""
        if op.name not in ("sum", "mean") or len(op.operands) != 1 or len(op.operands[0]) != 1:
            return ()
        below = self.ops[op.operands[0][0]]
        stacked = below.name in STACKS and len(below.operands) > 1
        return below.operands if stacked and below.numel == op.numel * len(below.operands) else ()

    def _pairs(self, index: int, op: Op, operands: tuple[tuple[int, ...], ...]) -> None:
        if len(operands) < 2 or any(self._is_score(operand) for operand in operands):
            return
        for path in _Path:
            for place, skip in enumerate(operands):
                others = [operand for at, operand in enumerate(operands) if at != place]
                terms = [term for other in others for term in self._terms(other, index)]
                if self._accept(index, skip, terms, path):
                    return

    def _is_score(self, reads: tuple[int, ...]) -> bool:
        """Attention scores, a product of two matrices that both depend on the input, on the way to a softmax."""
        op = self._through_views(reads[0])
        while op.name in PRODUCTS and self._constant(op):
            op = self._through_views(self._stream(op)[0])
        if op.name not in PRODUCTS_OF_MATRICES or sum(map(self._fed, op.operands)) < 2:
            return False
        pending, seen = list(self.flow.users[reads[0]]), set()
        while pending:
            at = pending.pop()
            user = self.ops[at]
            if user.name in ("softmax", "sigmoid"):
                return user.name == "softmax"
            if at not in seen and user.name in VIEWS | PRODUCTS | SUMS | {"where", "tanh", "maximum", "max"}:
                seen.add(at)
                pending += self.flow.users[at]
        return False

    def _fused(self, index: int, op: Op) -> None:
        """x + a·b in one operation: the product is the branch's last operation."""
        product = tuple(read for operand in op.operands[1:] for read in operand)
        any(self._accept(index, op.operands[0], [_Term(product, fused=True)], path) for path in _Path)

    def _terms(self, reads: tuple[int, ...], sink: int) -> Iterator[_Term]:
        """The summands of the branch's side: a sum made by the sink's own module is taken apart."""
        tail: list[int] = []
        at = reads
        while len(at) == 1:
            op = self.ops[at[0]]
            if op.name == "add" and len(op.operands) == 2 and op.call == self.ops[sink].call:
                if at[0] in self.at_sink or not op.fed:
                    break
                for operand in op.operands:
                    for term in self._terms(operand, sink):
                        yield _Term(term.reads, (*term.tail, at[0], *tail))
                return
            if (op.name in VIEWS and len(op.operands) == 1) or (op.name in PRODUCTS and self._constant(op)):
                tail.insert(0, at[0])
                at = self._stream(op)
                continue
            break
        yield _Term(reads)

    def _stream(self, op: Op) -> tuple[int, ...]:
        return next((operand for operand in op.operands if self._fed(operand)), op.operands[0])

    def _constant(self, op: Op) -> bool:
        return sum(self._fed(operand) for operand in op.operands) == 1

    def _fed(self, reads: Iterable[int]) -> bool:
        return any(self.ops[read].fed for read in reads)

    def product(self, index: int, op: Op) -> None:
        for skip, other in (op.operands, op.operands[::-1]):
            back = _Back([-read for read in other])
            heapq.heapify(back.frontier)
            way = self._pure_way(skip[0], back, other[0]) if self._fed(skip) and self._fed(other) else None
            if way is None:
                continue
            branch = self._between(way[0], back)
            term = _Term(other)
            if self._holds_parameters({way[0], *branch}, branch, term):
                self._add(index, way[0], skip, branch, term, way[1], Kind.GATED)
                return

    # -- one skip operand against the terms on the other side -------------------------------------

    def _accept(
        self, index: int, skip: tuple[int, ...], terms: list[_Term], path: _Path, gated: bool = False
    ) -> bool:
        if not self._fed(skip):
            return False
        widest = max((self.ops[read].numel for read in skip), default=0)
        if widest < self.ops[index].numel:
            return False
        return any([self._accept_term(index, skip, term, path, gated) for term in terms])

    def _accept_term(self, index: int, skip: tuple[int, ...], term: _Term, path: _Path, gated: bool) -> bool:
        match = self._source(index, skip, term, path)
        if match is None:
            return False
        source, walk, back = match
        branch = self._between(source, back)
        if not self._is_branch(index, source, branch, term):
            return False
        kind = self._kind(index, source, branch, term, walk, gated)
        if kind is Kind.PROJECTION and not self._holds_parameters({source, *branch}, branch, term):
            return False  # statistics of one tensor: a mean and a deviation
        if kind is None:
            return False
        self._add(index, source, skip, branch, term, walk, kind)
        return True

    def _source(
        self, sink: int, skip: tuple[int, ...], term: _Term, path: _Path
    ) -> tuple[int, _Walk, _Back] | None:
        """The latest operation on the skip path that the term depends on, with the way walked to it."""
        back = _Back([-read for read in term.reads])
        heapq.heapify(back.frontier)
        counter = 0
        paths: list[tuple[int, int, _Walk]] = [(-skip[0], counter, _Walk())]
        visited: set[int] = set()
        while paths:
            at, _, walk = heapq.heappop(paths)
            at = -at
            if at in visited or not self.ops[at].fed:
                continue
            visited.add(at)
            op = self.ops[at]
            if (op.shape or not op.operands) and at not in term.reads and self._depends(back, at):
                return at, walk, back
            if at in term.reads and op.name in VIEWS | {"alias"}:
                return None
            for below, longer in self._back(at, op, walk, sink, path):
                counter += 1
                heapq.heappush(paths, (-below, counter, longer))
        return None

    def _depends(self, back: _Back, at: int) -> bool:
        """Does the term depend on operation `at`?"""
        if len(back.seen) > _SEARCH_LIMIT and at not in back.seen:
            reached = self._reached_from(at)
            if not any(reached[-read] for read in back.frontier):
                return False
        self._explore(back, at)
        return at in back.seen

    def _explore(self, back: _Back, down_to: int) -> None:
        frontier, seen, ops = back.frontier, back.seen, self.ops
        before = len(seen)
        while frontier and -frontier[0] >= down_to:
            at = -heapq.heappop(frontier)
            if at in seen:
                continue
            seen.add(at)
            for operand in ops[at].operands:
                for read in operand:
                    if read not in seen and ops[read].fed:
                        heapq.heappush(frontier, -read)
        self._effort += len(seen) - before

    def _reached_from(self, at: int) -> bytearray:
        """Which operations depend on `at`; computed once for a tensor that many sinks look back to."""
        reached = self._descendants.get(at)
        if reached is None:
            reached = bytearray(len(self.ops))
            reached[at] = 1
            for index in range(at + 1, len(self.ops)):
                if any(reached[read] for operand in self.ops[index].operands for read in operand):
                    reached[index] = 1
            self._descendants[at] = reached
        return reached

    def _between(self, source: int, back: _Back) -> tuple[int, ...]:
        """The operations after `source` that depend on it and that the term depends on, in order."""
        self._explore(back, source)
        found = {source}
        for at in sorted(back.seen):
            if at > source and any(read in found for operand in self.ops[at].operands for read in operand):
                found.add(at)
        found.discard(source)
        return tuple(sorted(found))

    # -- the skip path ----------------------------------------------------------------------------

    def _back(self, at: int, op: Op, walk: _Walk, sink: int, path: _Path) -> Iterator[tuple[int, _Walk]]:
        """One step back along the skip path: the operations whose results `op` passes on, and how."""
        fed = [operand for operand in op.operands if self._fed(operand)]
        if not fed:
            return
        if op.name in VIEWS:
            yield from ((read, walk.through(at)) for read in op.operands[0][:1])
        elif op.name == "neg":
            yield from ((read, walk.scaled(at, -1.0)) for read in fed[0][:1])
        elif op.name in PRODUCTS:
            yield from self._back_product(at, op, walk, fed, path)
        elif op.name in SUMS and len(fed) > 1:
            skips = [join.skip_operand for join in self.at_sink.get(at, ())]
            if path is _Path.PLAIN and self._same_sum(op, sink):
                skips += [operand for operand in fed if operand not in skips]
            yield from ((read, walk.through(at)) for operand in skips for read in operand[:1])
        elif op.name in SUMS:
            moved = len(op.operands) > 1 or any(op.numbers)
            if path is _Path.AFFINE or not moved:
                yield from ((read, walk.through(at, shifted=moved)) for read in fed[0][:1])
        elif at in self.at_sink:
            skips = [join.skip_operand for join in self.at_sink[at]]
            yield from ((read, walk.through(at)) for operand in skips for read in operand[:1])
        elif path is _Path.PLAIN:
            return
        elif op.name in AFFINE and path is _Path.AFFINE:
            if len(fed) == 1 and fed[0] == op.operands[0] and not op.training:
                yield from ((read, walk.through(at, affine=True)) for read in fed[0][:1])
        elif op.name in PRODUCTS_OF_MATRICES:
            for operand in fed:
                weights = [other for other in op.operands if other != operand]
                direct = all(self._is_parameter(other) for other in weights)
                if direct if path is _Path.AFFINE else self._numel(operand) == op.numel:
                    longer = walk.through(at, affine=direct, mixed=not direct)
                    yield from ((read, longer) for read in operand[:1])

    def _same_sum(self, op: Op, sink: int) -> bool:
        return op.call == self.ops[sink].call

    def _back_product(
        self, at: int, op: Op, walk: _Walk, fed: list[tuple[int, ...]], path: _Path
    ) -> Iterator[tuple[int, _Walk]]:
        if len(op.operands) == 1:
            number = op.numbers[0] if op.numbers else None
            inverse = op.name != "mul" and number
            yield from ((read, walk.scaled(at, 1 / number if inverse and number else number)) for read in fed[0][:1])
            return
        for operand in fed:
            if self._numel(operand) < op.numel and len(fed) > 1:
                continue
            others = [other for other in op.operands if other is not operand]
            for read in operand[:1]:
                if self._fed(others[0]):
                    if all(self.ops[other].floating for other in others[0]):
                        if path is _Path.PLAIN:
                            continue
                        if self._is_gate(others[0][0]) and not self._is_gate(read) and not walk.affine:
                            yield read, walk.through(at, gated=True)
                    else:  # a mask of positions
                        yield read, walk.through(at)
                elif self._is_factor(others[0]):
                    yield read, walk.scaled(at, None)

    def _is_gate(self, read: int) -> bool:
        """A mixing weight: a sigmoid, a softmax or the like, perhaps its complement."""
        op = self._through_views(read)
        while op.name in SUMS | PRODUCTS | {"neg"} and len(op.operands) == 1:
            op = self._through_views(op.operands[0][0])
        return op.name in GATES

    def _is_factor(self, reads: tuple[int, ...]) -> bool:
        """A learned factor of any shape, or a constant one per channel: not a table over positions."""
        op = self.ops[reads[0]]
        return op.learned or sum(size > 1 for size in op.shape) <= 1

    def _is_parameter(self, reads: tuple[int, ...]) -> bool:
        return bool(self._through_views(reads[0]).parameter)

    def _through_views(self, read: int) -> Op:
        op = self.ops[read]
        while op.name in VIEWS and op.operands:
            op = self.ops[op.operands[0][0]]
        return op

    def _numel(self, reads: tuple[int, ...]) -> int:
        return max(self.ops[read].numel for read in reads)

    # -- the branch -------------------------------------------------------------------------------

    def _is_branch(self, sink: int, source: int, branch: tuple[int, ...], term: _Term) -> bool:
        inside = {source, *branch}
        copies = VIEWS | PRODUCTS | {"neg", "attribute"}
        if not term.fused and all(self.ops[at].name in copies and self._constant(self.ops[at]) for at in branch):
            return False  # the source itself, at most rescaled
        mixes = term.fused or any(self.ops[at].name in MIXING or self.ops[at].opaque for at in branch)
        learned = self._holds_parameters(inside, branch, term)
        if self._sign(sink):  # a tensor less its own mean or maximum is normalised
            return learned and mixes
        if learned:
            return True
        if self._is_recurrence(sink):
            return False
        return mixes

    def _holds_parameters(self, inside: set[int], branch: tuple[int, ...], term: _Term) -> bool:
        reads = [read for at in branch for operand in self.ops[at].operands for read in operand]
        reads += [read for at in term.tail for operand in self.ops[at].operands for read in operand]
        reads += term.reads if term.fused else ()
        return any(self._learned_constant(read) for read in reads if read not in inside)

    def _learned_constant(self, read: int) -> bool:
        op = self.ops[read]
        return op.learned and not op.fed

    def _is_recurrence(self, sink: int) -> bool:
        """Does the same line of one module call add to its own result again and again?"""
        op = self.ops[sink]
        return any(
            other != sink and self.ops[other].instruction == op.instruction for other in self._sums_of(op.call)
        )

    def _sums_of(self, call: int) -> list[int]:
        span = self.flow.calls[call]
        return [
            at for at in range(span.first, span.end) if self.ops[at].call == call and self.ops[at].name in SUMS
        ]

    def _is_affine(self, branch: tuple[int, ...], source: int) -> bool:
        return all(self._is_affine_op(self.ops[at]) for at in branch)

    def _is_affine_op(self, op: Op) -> bool:
        fed = sum(self._fed(operand) for operand in op.operands)
        if op.name in VIEWS or op.name == "neg":
            return True
        if op.name in SUMS:
            return True
        linear = op.name in AFFINE or op.name in PRODUCTS or op.name in PRODUCTS_OF_MATRICES
        return linear and fed == 1 and not op.training and not op.name.startswith(("max_pool", "adaptive_max"))

    # -- kinds ------------------------------------------------------------------------------------

    def _kind(
        self, sink: int, source: int, branch: tuple[int, ...], term: _Term, walk: _Walk, gated: bool
    ) -> Kind | None:
        if self._is_multi_stream(sink, source, branch, term, walk):
            return Kind.MULTI_STREAM
        if walk.mixed or (walk.shifted and not walk.affine):
            return None
        if walk.affine:
            return None if self._is_affine(branch, source) else Kind.PROJECTION
        if walk.gated or gated:
            return Kind.GATED
        if walk.factors or self._branch_factors(sink, term) or self._sign(sink):
            return Kind.SCALED
        return Kind.IDENTITY

    def _is_multi_stream(
        self, sink: int, source: int, branch: tuple[int, ...], term: _Term, walk: _Walk
    ) -> bool:
        """Hyper-connections: the branch is spread over streams that the skip path keeps, or mixes among them."""
        streams = self.ops[source].numel == self.ops[sink].numel and len(self.ops[sink].shape) >= 3
        spread = self._spread(sink, term) if streams else ""
        if not spread or self._is_affine(branch, source):
            return False
        mixing = [at for at in walk.passed if self.ops[at].name in MIXING]
        among = all(self.ops[at].name in PRODUCTS_OF_MATRICES | {"sum"} for at in mixing)
        return (bool(mixing) or walk.gated) and among or (not mixing and spread == "product")

    def _spread(self, sink: int, term: _Term) -> str:
        """How the branch's result is repeated on its way into the sink: by a "product", a "copy", or not ("")."""
        at = term.reads
        while len(at) == 1:
            op = self.ops[at[0]]
            fed = [operand for operand in op.operands if self._fed(operand)]
            if op.name in PRODUCTS | PRODUCTS_OF_MATRICES and fed:
                if len(op.operands) == 2 and self._is_outer(op):
                    return "product"
                at = max(fed, key=self._numel)
            elif op.name in VIEWS and op.operands:
                if self._numel(op.operands[0]) < op.numel and op.name != "pad":
                    return "copy"
                at = op.operands[0]
            else:
                break
        return "copy" if self._numel(term.reads) < self.ops[sink].numel else ""

    def _is_outer(self, op: Op) -> bool:
        """An outer product, batched over leading axes: nothing is summed, and both factors are repeated."""
        one, other = (self._numel(operand) for operand in op.operands)
        if max(one, other) >= op.numel:
            return False
        if op.name in PRODUCTS:
            return True
        shared, rest = divmod(one * other, op.numel)
        return not rest and any(prod(op.shape[:axes]) == shared for axes in range(len(op.shape)))

    def _sign(self, sink: int) -> bool:
        return self.ops[sink].name in ("sub", "rsub")

    def _branch_factors(self, sink: int, term: _Term) -> list[tuple[int, float | None]]:
        """Constant or learned factors at the branch's end, put there by the sink's own module or by a
        module that does nothing else (LayerScale)."""
        found: list[tuple[int, float | None]] = []
        op = self.ops[sink]
        if op.name in SUMS and len(op.numbers) == 1 and op.numbers[0] != 1.0:
            found.append((sink, op.numbers[0]))
        for at in term.tail:
            found += self._factor_at(at)
        reads, dropping = term.reads, -1
        while len(reads) == 1:
            at = reads[0]
            op = self.ops[at]
            if op.name in VIEWS and op.operands:
                reads = op.operands[0]
                continue
            if op.name in PRODUCTS and (op.call == dropping or self._is_random(op)):  # stochastic depth
                reads, dropping = self._stream(op), op.call
                continue
            factor = self._factor_at(at)
            if not factor or not self._only_scales(op.call, sink):
                break
            found += factor
            reads = self._stream(op)
        return found

    def _is_random(self, op: Op) -> bool:
        """Is it a product with something drawn at random?"""
        pending = [read for operand in op.operands if not self._fed(operand) for read in operand]
        seen = set()
        while pending:
            at = pending.pop()
            if self.ops[at].name in RANDOM:
                return True
            if at not in seen:
                seen.add(at)
                pending += [read for operand in self.ops[at].operands for read in operand]
        return False

    def _factor_at(self, at: int) -> list[tuple[int, float | None]]:
        op = self.ops[at]
        if op.name == "neg":
            return [(at, -1.0)]
        if op.name not in PRODUCTS or not self._constant(op):
            return []
        if len(op.operands) == 1:
            number = op.numbers[0] if op.numbers else 1.0
            value = 1 / number if op.name != "mul" and number else number
            return [] if value == 1.0 else [(at, value)]
        other = next(operand for operand in op.operands if not self._fed(operand))
        return [(at, None)] if self._is_factor(other) else []

    def _only_scales(self, call: int, sink: int) -> bool:
        if call == self.ops[sink].call:
            return True
        span = self.flow.calls[call]
        if span.first <= sink < span.end:
            return True
        harmless = VIEWS | PRODUCTS | {"attribute", "neg", "constant"}
        return all(self.ops[at].name in harmless for at in range(span.first, span.end))

    def _factor(self, on: str, at: int, value: float | None) -> Factor:
        if value is not None:
            return Factor(on, value)
        for operand in self.ops[at].operands:
            if not self._fed(operand):
                return Factor(on, None, self._parameter_below(operand[0]))
        return Factor(on)

    def _parameter_below(self, read: int) -> str:
        """The path of the (first) parameter that a learned factor is made of."""
        pending, seen = [read], set()
        while pending:
            at = pending.pop()
            if self.ops[at].parameter:
                return self.ops[at].parameter
            if at not in seen:
                seen.add(at)
                pending += [below for operand in reversed(self.ops[at].operands) for below in operand]
        return ""

    # -- concatenation ----------------------------------------------------------------------------

    def _concat(self, index: int, op: Op) -> None:
        """One residual for each part that was computed from another part and is new in this sink."""
        parts = [operand[0] for operand in op.operands if len(operand) == 1]
        if len(parts) < 2:
            return
        for part in parts:
            term = _Term((part,))
            back = _Back([-part])
            best: tuple[int, int, _Walk] | None = None
            for other in parts:
                if other == part or not self.ops[other].fed:
                    continue
                way = self._pure_way(other, back, part)
                if way is not None and (best is None or way[0] > best[0]):
                    best = (way[0], other, way[1])
            if best is None:
                continue
            source, other, walk = best
            branch = self._between(source, back)
            inside = {source, *branch}
            key = (self._root(source), self._root(part))
            mixes = any(self.ops[at].name in MIXING or self.ops[at].opaque for at in branch)
            if key in self._joined or not mixes or not self._holds_parameters(inside, branch, term):
                continue
            self._joined.add(key)
            self._add(index, source, (other,), branch, term, walk, Kind.CONCAT)

    def _pure_way(self, part: int, back: _Back, other: int) -> tuple[int, _Walk] | None:
        walk, at = _Walk(), part
        while self.ops[at].fed and at != other:
            op = self.ops[at]
            if op.shape and self._depends(back, at):
                return at, walk
            if op.name not in VIEWS or not op.operands:
                return None
            walk, at = walk.through(at), op.operands[0][0]
        return None

    def _root(self, at: int) -> int:
        while self.ops[at].name in VIEWS and self.ops[at].operands:
            at = self.ops[at].operands[0][0]
        return at

    # -- from places in the dataflow to a residual ------------------------------------------------

    def _add(
        self, sink: int, source: int, skip: tuple[int, ...], branch: tuple[int, ...], term: _Term,
        walk: _Walk, kind: Kind,
    ) -> None:  # fmt: skip
        flow, op = self.flow, self.ops[sink]
        whole = tuple(sorted({*branch, *term.tail}))
        scope = self._scope([*whole, sink])
        branch_calls = self._maximal_calls(whole, scope, sink, source)
        skip_calls = self._maximal_calls(sorted(walk.passed), scope, sink, source)
        source = self._canonical_source(source, scope, walk)
        path = flow.calls[scope].path
        factors = [self._factor("skip", at, value) for at, value in walk.factors]
        if kind in (Kind.SCALED, Kind.GATED):
            factors += [self._factor("branch", at, value) for at, value in self._branch_factors(sink, term)]
            if self._sign(sink):
                factors.append(Factor("branch", -1.0))
        residual = Residual(
            kind=kind,
            scope=path,
            implemented_in=flow.calls[op.call].path,
            source=self._source_name(source, scope),
            branch=tuple(dict.fromkeys(_relative(flow.calls[call].path, path) for call in branch_calls)),
            location=op.location,
            skip=tuple(dict.fromkeys(_relative(flow.calls[call].path, path) for call in skip_calls)),
            factors=tuple(factors),
            source_location=self.ops[source].location,
        )
        join = Join(
            residual, sink, source, term.reads, tuple(sorted(walk.passed)), whole, tuple(branch_calls), scope,
            op.call, skip, term.reads,
        )  # fmt: skip
        self.joins.append(join)
        self.at_sink.setdefault(sink, []).append(join)

    def _scope(self, ops: Iterable[int]) -> int:
        """The deepest call that contains all of `ops`."""
        calls = self.flow.calls
        found = -1
        for call in {self.ops[at].call for at in ops}:
            if found < 0:
                found = call
                continue
            other = call
            while found != other:
                if calls[found].depth >= calls[other].depth:
                    found = calls[found].parent
                else:
                    other = calls[other].parent
        return found

    def _maximal_calls(self, ops: Iterable[int], scope: int, sink: int, source: int) -> list[int]:
        """The outermost calls below `scope` that `ops` ran in and that hold neither sink nor source."""
        calls = self.flow.calls
        cache: dict[int, int] = {}
        found: dict[int, None] = {}
        for at in ops:
            call = self.ops[at].call
            best = cache.get(call)
            if best is None:
                best, above = -1, call
                while above != scope and above >= 0:
                    span = calls[above]
                    holds = any(span.first <= at < span.end for at in (sink, source))
                    if not holds and source not in span.outputs:  # one that passes the stream on holds it too
                        best = above
                    above = span.parent
                cache[call] = best
            if best >= 0:
                found[best] = None
        return sorted(found, key=lambda call: calls[call].first)

    def _canonical_source(self, source: int, scope: int, walk: _Walk) -> int:
        """The enclosing equivalent that a reader would point at: the scope's input behind a reshape."""
        inputs = set(self.flow.calls[scope].inputs)
        at = source
        while at not in inputs:
            op = self.ops[at]
            if op.name not in VIEWS or not op.operands or op.call != scope or op.numel != self._numel(op.operands[0]):
                return source
            at = op.operands[0][0]
        return at

    def _source_name(self, source: int, scope: int) -> str:
        calls = self.flow.calls
        span = calls[scope]
        if source in span.inputs or source < span.first:
            return "input"
        call = self.ops[source].call
        above, best = call, -1
        while above != scope and above >= 0:
            if source in calls[above].outputs:
                best = above
            above = calls[above].parent
        if best >= 0:
            return _relative(calls[best].path, span.path)
        for join in self.at_sink.get(source, ()):
            if join.residual.branch:
                last = join.residual.branch[-1]
                base = join.residual.scope
                return f"sink({_relative(f'{base}.{last}' if base else last, span.path)})"
        if call != scope and call >= 0:
            return _relative(calls[call].path, span.path)
        if not self.ops[source].shape or self.ops[source].name in VIEWS:
            below = self.ops[source].operands
            if below:
                return self._source_name(below[0][0], scope)
        return self.ops[source].name


def _relative(path: str, scope: str) -> str:
    return path[len(scope) + 1 :] if scope and path.startswith(f"{scope}.") else path
