"""The kind of a residual, and its factors."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archcheck.connections import Factor, Kind
from archcheck.dataflow.operations import MIXING, PRODUCTS, PRODUCTS_OF_MATRICES, SUMS, VIEWS
from archcheck.dataflow.run import Op
from archcheck.residual.branch import holds_parameters, is_affine, subtracts
from archcheck.residual.join import FactorAt, Term, Walk
from archcheck.residual.operation_facts import Facts
from archcheck.residual.skip_path import number_of

_NO_MORE_THAN_SCALING = VIEWS | PRODUCTS | {"attribute", "neg", "constant"}


def kind_of(
    facts: Facts, sink: int, source: int, branch: Sequence[int], term: Term, walk: Walk, gated: bool
) -> Kind | None:
    """The kind, or None if skip path and branch make no residual. `gated`: the sink itself interpolates."""
    if _is_multi_stream(facts, sink, source, branch, term, walk):
        return Kind.MULTI_STREAM
    if walk.mixed or (walk.shifted and not walk.affine):
        return None
    if walk.affine:
        # Two affine maps are one (an adapter); a mean and a deviation are statistics of one tensor.
        is_one = not is_affine(facts, branch) and holds_parameters(facts, source, branch, term)
        return Kind.PROJECTION if is_one else None
    if walk.gated or gated:
        return Kind.GATED
    if walk.factors or subtracts(facts.ops[sink]) or _branch_factors(facts, sink, term):
        return Kind.SCALED
    return Kind.IDENTITY


def factors_of(facts: Facts, sink: int, term: Term, walk: Walk, kind: Kind) -> tuple[Factor, ...]:
    """The factors on either side."""
    found = [_factor(facts, "skip", at, value) for at, value in walk.factors]
    if kind in (Kind.SCALED, Kind.GATED):
        found += [_factor(facts, "branch", at, value) for at, value in _branch_factors(facts, sink, term)]
        if subtracts(facts.ops[sink]):
            found.append(Factor("branch", -1.0))
    return tuple(found)


# -- streams --------------------------------------------------------------------------------------


def _is_multi_stream(
    facts: Facts, sink: int, source: int, branch: Sequence[int], term: Term, walk: Walk
) -> bool:
    """Hyper-connections: the branch is spread over streams that the skip path keeps, or mixes among them."""
    ops = facts.ops
    if ops[source].numel != ops[sink].numel or len(ops[sink].shape) < 3:
        return False
    spread = _spread(facts, sink, term)
    if not spread or is_affine(facts, branch):
        return False
    mixing = [ops[at].name for at in walk.passed if ops[at].name in MIXING]
    if not mixing:
        return spread == "product"
    return all(name in PRODUCTS_OF_MATRICES | {"sum"} for name in mixing)


def _spread(facts: Facts, sink: int, term: Term) -> str:
    """How the branch's result is repeated on its way into the sink: by a "product", a "copy", or not ("")."""
    reads = term.reads
    while len(reads) == 1:
        op = facts.ops[reads[0]]
        dependent = facts.dependent_operands(op)
        if op.name in PRODUCTS | PRODUCTS_OF_MATRICES and dependent:
            if len(op.operands) == 2 and _is_outer(facts, op):
                return "product"
            reads = max(dependent, key=facts.numel)
        elif op.name in VIEWS and op.operands:
            below = facts.ops[op.operands[0][0]]
            if below.shape and below.numel < op.numel and op.name != "pad":
                return "copy"
            reads = op.operands[0]
        else:
            break
    return "copy" if facts.numel(term.reads) < facts.ops[sink].numel else ""


def _is_outer(facts: Facts, op: Op) -> bool:
    """An outer product, batched over leading axes: nothing is summed, and both factors are repeated."""
    one, other = (facts.numel(operand) for operand in op.operands)
    if max(one, other) >= op.numel:
        return False
    if op.name in PRODUCTS:
        return True
    shared, rest = divmod(one * other, op.numel)
    return not rest and any(prod(op.shape[:axes]) == shared for axes in range(len(op.shape)))


# -- factors --------------------------------------------------------------------------------------


def _branch_factors(facts: Facts, sink: int, term: Term) -> list[FactorAt]:
    """Constant or learned factors at the branch's end, put there by the sink's own module or by a module
    that does nothing else (LayerScale). The random factor of stochastic depth is passed."""
    op = facts.ops[sink]
    found: list[FactorAt] = []
    if op.name in SUMS and len(op.numbers) == 1 and op.numbers[0] != 1.0:
        found.append((sink, op.numbers[0]))
    for at in term.tail:
        found += _factor_at(facts, at)
    reads, dropping = term.reads, -1
    while len(reads) == 1:
        at = reads[0]
        op = facts.ops[at]
        if op.name in VIEWS and op.operands:
            reads = op.operands[0]
        elif op.name in PRODUCTS and (op.call == dropping or facts.is_random(op)):
            reads, dropping = facts.stream(op), op.call
        else:
            factor = _factor_at(facts, at)
            if not factor or not _only_scales(facts, op.call, sink):
                break
            found += factor
            reads = facts.stream(op)
    return found


def _factor_at(facts: Facts, at: int) -> list[FactorAt]:
    op = facts.ops[at]
    if op.name == "neg":
        return [(at, -1.0)]
    if op.name not in PRODUCTS or not facts.with_constant(op):
        return []
    if len(op.operands) == 1:
        value = number_of(op)
        return [(at, value)] if value is not None and value != 1.0 else []
    other = next(operand for operand in op.operands if not facts.depends_on_input(operand))
    return [(at, None)] if facts.is_factor(other) else []


def _only_scales(facts: Facts, call: int, sink: int) -> bool:
    """Is this call the sink's, one around it, or one that does nothing but scale?"""
    span = facts.flow.calls[call]
    if call == facts.ops[sink].call or span.first <= sink < span.end:
        return True
    return all(facts.ops[at].name in _NO_MORE_THAN_SCALING for at in range(span.first, span.end))


def _factor(facts: Facts, on: str, at: int, value: float | None) -> Factor:
    if value is not None:
        return Factor(on, value)
    constants = [operand for operand in facts.ops[at].operands if not facts.depends_on_input(operand)]
    return Factor(on, None, facts.parameter_below(constants[0][0]) if constants else "")
