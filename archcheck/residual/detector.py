"""The sinks of a run, one after the other: which operand is the skip path, and what the branch."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from archcheck.connections import Kind
from archcheck.dataflow import queries
from archcheck.dataflow.learned import with_learned_streams
from archcheck.dataflow.operations import (
    COMPARISONS,
    CONCATS,
    FUSED_SUMS,
    GAUSSIAN,
    PRODUCTS,
    SUMS,
    TRANSPOSES,
    VIEWS,
    WEIGHTS,
)
from archcheck.dataflow.run import Dataflow, Op
from archcheck.residual.ancestry import Ancestors, Ancestry
from archcheck.residual.branch import (
    holds_parameters,
    is_branch,
    is_offset,
    is_part_of_sum,
    is_score,
    mixes,
    passed_on,
    summands,
)
from archcheck.residual.carriage import Carriage, carriage, is_joined_in_place, parts_taken
from archcheck.residual.join import FoundResiduals, Join, Path, Summand, Walk
from archcheck.residual.kinds import kind_of
from archcheck.residual.multiples import multiple, share_a_tensor, taken_together
from archcheck.residual.naming import name_join
from archcheck.residual.operation_facts import Facts, Reads
from archcheck.residual.skip_path import SkipPaths
from archcheck.source_location import Location

_ROUNDS = 64  # of a loop that are searched in any case
_EFFORT = 200  # operations walked per operation of the run, from where on longer loops are curtailed


def search(flow: Dataflow) -> FoundResiduals:
    """Find the residual connections of a run."""
    flow = with_learned_streams(flow)
    detector = _Detector(flow)
    live = queries.live(flow)
    for index, op in enumerate(flow.ops):
        is_sum = index in live and op.depends_on_input and op.floating and op.numel > 1
        if is_sum and not detector.is_curtailed(op):
            detector.examine(index, op)
    joins = sorted(detector.joins, key=lambda join: join.sink)
    return FoundResiduals(tuple(joins), tuple(sorted(detector.curtailed)))


def find_products(flow: Dataflow) -> tuple[Join, ...]:
    """Find products of a tensor with what was computed from it: not residuals, but drawn so by mistake."""
    detector = _Detector(flow)
    for index, op in enumerate(flow.ops):
        if op.name == "mul" and len(op.operands) == 2 and op.floating and op.numel > 1:
            detector.product(index, op)
    return tuple(detector.joins)


class _Detector:
    def __init__(self, flow: Dataflow) -> None:
        self.facts = Facts(flow)
        self.ancestry = Ancestry(self.facts)
        self.joins: list[Join] = []
        self.at_sink: dict[int, list[Join]] = {}
        self.skip_paths = SkipPaths(self.facts, self.ancestry, self.at_sink)
        self.curtailed: set[Location] = set()
        self._rounds: dict[tuple[int, tuple[int, int]], int] = {}
        self._parts: set[int] = set()  # sums that are summands of a larger one, not yet settled
        self._paired: set[tuple[int, int]] = set()  # parts of concatenations already examined

    def is_curtailed(self, op: Op) -> bool:
        """Return whether this is one more iteration of a loop whose search has become too expensive."""
        if op.name not in SUMS:
            return False
        place = (op.call, op.instruction)
        self._rounds[place] = rounds = self._rounds.get(place, 0) + 1
        if rounds <= _ROUNDS or self.ancestry.effort < _EFFORT * len(self.facts.ops):
            return False
        if op.location is not None:
            self.curtailed.add(op.location)
        return True

    def examine(self, index: int, op: Op) -> None:
        """Add the residuals that join at this operation."""
        if op.name in CONCATS:
            self._concat(index, op)
        elif op.name == "lerp" and len(op.operands) >= 2:
            self._lerp(index, op)
        elif op.name in FUSED_SUMS and len(op.operands) >= 3:
            self._fused(index, op)
        elif op.name in SUMS or op.name == "mean":  # (of a stack: see `dataflow.assembly`)
            self._sum(index, op.operands)

    def _lerp(self, index: int, op: Op) -> None:
        """Add an interpolation: gated if its weight depends on the input, else a sum with two factors."""
        start, end, *weight = op.operands
        if weight and self.facts.depends_on_input(weight[0]):
            self._accept(index, start, [Summand((*end, *weight[0]))], Path.PLAIN, gated=True)
        else:
            self._sum(index, (start, end))

    def _fused(self, index: int, op: Op) -> None:
        """Add x + a·b. If one factor is constant, it is a sum of two, and either may be the source."""
        product = self._product(op)
        for path in Path:
            if self._accept(index, op.operands[0], [product], path):
                return
            if product.constant:
                terms = list(summands(self.facts, op.operands[0], index, self.at_sink))
                if self._accept(index, product.reads, terms, path):
                    return

    def _product(self, op: Op) -> Summand:
        """Return the second term of a fused sum: its input-dependent factor, if the other is constant."""
        factors = op.operands[1:3]
        fed = [operand for operand in factors if self.facts.depends_on_input(operand)]
        if (op.name == "addcmul" and len(fed) == 1) or (op.name == "addcdiv" and fed == [factors[0]]):
            return Summand(fed[0], constant=True)
        return Summand(tuple(read for operand in op.operands[1:] for read in operand), fused=True)

    def product(self, index: int, op: Op) -> None:
        """Add the product if one factor was computed from the other."""
        for skip, other in (op.operands, op.operands[::-1]):
            if not self.facts.depends_on_input(skip) or not self.facts.depends_on_input(other):
                continue
            back, term = Ancestors(other), Summand(other)
            way = self.skip_paths.pure(skip[0], back, other[0])
            if way is not None:
                branch = self.ancestry.between(way[0], back)
                if holds_parameters(self.facts, branch, term):
                    self._add(index, way[0], skip, branch, term, way[1], Kind.GATED)
                    return

    def _sum(self, index: int, operands: Sequence[Reads]) -> None:
        if len(operands) < 2 or any(is_score(self.facts, operand) for operand in operands):
            return
        self._withdraw_inner(index, operands)
        if self._try(index, operands, Path.PLAIN):
            return
        if is_part_of_sum(self.facts, index):
            self._parts.add(index)  # the whole sum may have a plain skip path
            return
        for part in (self.facts.root(operand[0]) for operand in operands):
            if part in self._parts:
                self._widen(part, self.facts.ops[part].operands)
        self._widen(index, operands)

    def _withdraw_inner(self, index: int, operands: Sequence[Reads]) -> None:
        """Withdraw the residuals of inner sums that this one takes further.

        That is where it contains a tensor of theirs once more, or subtracts it again: only together do they
        show how often it is added.
        """
        facts = self.facts
        if any(multiple(facts, index, operand)[0] in self.at_sink for operand in operands):
            inner, gone = share_a_tensor(facts, index, operands)
            self.skip_paths.gone[index] = gone
            for at in inner & self.at_sink.keys():
                if inner.issuperset({*facts.flow.users[at]} - {index}) and at not in facts.ends:
                    withdrawn = self.at_sink.pop(at)
                    self.joins = [join for join in self.joins if join not in withdrawn]

    def _widen(self, index: int, operands: Sequence[Reads]) -> None:
        """Look for a residual with a gate or a projection on its skip path."""
        self._parts.discard(index)
        if not self._try(index, operands, Path.GATED) and not self._is_weight(index):
            self._try(index, operands, Path.AFFINE)

    def _is_weight(self, index: int) -> bool:
        """Return whether the sum only makes a mixing weight: the two maps of a recurrent gate."""
        users = self.facts.flow.users[index]
        while users and all(self._hands_on(user) for user in users):
            users = [later for user in users for later in self.facts.flow.users[user]]
        return bool(users) and all(self.facts.ops[user].name in WEIGHTS for user in users)

    def _hands_on(self, at: int) -> bool:
        op = self.facts.ops[at]
        return op.name in VIEWS | SUMS and self.facts.with_constant(op)

    def _try(self, index: int, operands: Sequence[Reads], path: Path) -> bool:
        """Try each operand as the skip path, until one is."""
        for place, skip in enumerate(operands):
            others = [operand for at, operand in enumerate(operands) if at != place]
            terms = [term for other in others for term in summands(self.facts, other, index, self.at_sink)]
            start, terms = taken_together(self.facts, index, skip, terms, self.at_sink)
            if start is not None and self._accept(index, skip, terms, path, start=start):
                return True
        return False

    def _accept(
        self,
        index: int,
        skip: Reads,
        terms: Sequence[Summand],
        path: Path,
        gated: bool = False,
        start: Walk = Walk(),  # noqa: B008
    ) -> bool:
        """Add a residual for each term that has its source on the skip path behind operand `skip`."""
        if not self.facts.depends_on_input(skip) or self.facts.numel(skip) < self.facts.ops[index].numel:
            return False
        accepted = [self._accept_term(index, skip, term, path, gated, start) for term in terms]
        return any(accepted)

    def _accept_term(
        self, index: int, skip: Reads, term: Summand, path: Path, gated: bool, start: Walk
    ) -> bool:
        found = self.skip_paths.source(index, skip, term, path, start)
        if found is None:
            return False
        source, walk, back = found
        branch = self.ancestry.between(source, back)
        if not is_branch(self.facts, index, source, branch, term) or self._is_withheld(index, term, branch):
            return False
        if not term.fused and not is_joined_in_place(self.facts, index, term, (*branch, *walk.passed)):
            return False
        if (walk.gated or gated) and not self._is_carried(source, term, gated):
            return False
        kind = kind_of(self.facts, index, source, skip, branch, term, walk, gated)
        if walk.affine and (self._is_sample(term) or self._take_other_parts(source, walk, branch)):
            return False
        if not walk.affine and is_offset(self.facts, source, branch, term):
            return False
        if kind is not None and not walk.affine and kind is not Kind.MULTI_STREAM:
            kind = self._as_carried(kind, source, skip, walk, (*branch, *term.tail))
        if kind is not None:
            self._add(index, source, skip, branch, term, walk, kind)
        return kind is not None

    def _is_carried(self, source: int, term: Summand, gated: bool) -> bool:
        """Return whether the source reaches a gated sum through the branch's values, not only its weights."""
        op = self.facts.root_op(term.reads[0])
        values = [operand for operand in op.operands if not self.facts.is_gate(operand[0])]
        if gated or op.name not in PRODUCTS or len(values) != 1 or len(op.operands) != 2:
            return not gated or self.ancestry.depends(Ancestors(term.reads[:1]), source)
        return self.ancestry.depends(Ancestors(values[0]), source)

    def _is_withheld(self, index: int, term: Summand, branch: Sequence[int]) -> bool:
        """Return whether the sink's module goes on with a part of the sum, or only under a condition."""
        facts, ops = self.facts, self.facts.ops
        at = passed_on(facts, index)
        if at is None or ops[at].numel != ops[index].numel:
            return False
        op, own = ops[at], {facts.root(read) for read in term.reads} | {*term.tail, *branch}
        if op.name == "setitem" and op.region is not None and len(op.operands) == 1:
            return op.region[:3] != op.region[3:] and index in op.operands[0]
        roots = {facts.root(operand[0]) for operand in op.operands} - {index}
        compared = [at for at in roots if ops[at].name in COMPARISONS and ops[at].depends_on_input]
        if any(facts.depends_on_input([at]) for at in roots.difference(compared)):
            return not own.isdisjoint(roots)
        return any(index not in map(facts.root, chain(*ops[at].operands)) for at in compared)

    def _take_other_parts(self, source: int, walk: Walk, branch: Sequence[int]) -> bool:
        """Return whether skip path and branch read different parts of the source (class token, rest)."""
        skip = parts_taken(self.facts, source, sorted(walk.passed))
        return bool(skip) and not set(skip) & set(parts_taken(self.facts, source, branch) or skip)

    def _as_carried(
        self, kind: Kind, source: int, skip: Reads, walk: Walk, branch: Sequence[int]
    ) -> Kind | None:
        """Return the kind, as far as the skip path carries the source; None if it moves its elements."""
        match carriage(self.facts, source, skip, sorted(walk.passed)):
            case Carriage.WHOLE:
                return kind
            case Carriage.PERMUTED:  # as the branch exchanges axes too
                return kind if any(self.facts.ops[at].name in TRANSPOSES for at in branch) else None
            case Carriage.PART:
                parts = parts_taken(self.facts, source, branch)
                if parts:  # the same part, updated in its place; or another one, which this one never meets
                    layouts = [self.facts.ops[at].layout for at in walk.passed]
                    same = any(layout in parts for layout in layouts if layout is not None)
                    return kind if same and kind is not Kind.CONCAT else None
                return kind if kind is Kind.CONCAT else Kind.PARTIAL
        return None

    def _concat(self, index: int, op: Op) -> None:
        """Add a residual for each part that was computed from another part and is new in this sink."""
        parts = [operand[0] for operand in op.operands if len(operand) == 1]
        roots = {part: self.facts.root(part) for part in parts}
        for part in parts:
            others = [
                other for other in parts if other != part and (roots[other], roots[part]) not in self._paired
            ]
            self._paired.update((roots[other], roots[part]) for other in others)
            back, term = Ancestors((part,)), Summand((part,))
            ways = [
                (way[0], other, way[1])
                for other in others
                if (way := self.skip_paths.pure(other, back, part)) is not None
            ]
            found: set[int] = set()
            ways.sort(key=lambda way: -way[0])
            branches = self.ancestry.between_each([source for source, *_ in ways], back)
            for (source, other, walk), branch in zip(ways, branches, strict=True):
                if roots[other] in found:
                    continue
                if (
                    any(mixes(self.facts.ops[at]) for at in branch)
                    and holds_parameters(self.facts, branch, term)
                    and self._as_carried(Kind.CONCAT, source, (other,), walk, branch) is not None
                ):
                    found.add(roots[other])
                    self._add(index, source, (other,), branch, term, walk, Kind.CONCAT)

    def _is_sample(self, term: Summand) -> bool:
        """Return whether a summand is noise times its size: a sum with the mean is a sample, as in a VAE."""
        ends = (self.facts.ops[at] for at in (*term.reads, *term.tail))
        return any(op.name in PRODUCTS and self.facts.is_random(op, GAUSSIAN) for op in ends)

    def _add(
        self,
        sink: int,
        source: int,
        skip: Reads,
        branch: Sequence[int],
        term: Summand,
        walk: Walk,
        kind: Kind,
    ) -> None:
        join = name_join(self.facts, self.at_sink, sink, source, skip, branch, term, walk, kind)
        self.joins.append(join)
        self.at_sink.setdefault(sink, []).append(join)
