"""The kind of a residual."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from archcheck.connections import Kind
from archcheck.dataflow.operations import MIXING, PRODUCTS, PRODUCTS_OF_MATRICES, VIEWS
from archcheck.dataflow.run import Op
from archcheck.residual.branch import holds_parameters, is_affine
from archcheck.residual.factors import factors_of
from archcheck.residual.join import Summand, Walk
from archcheck.residual.operation_facts import Facts, Reads


def kind_of(
    facts: Facts,
    sink: int,
    source: int,
    skip: Reads,
    branch: Sequence[int],
    term: Summand,
    walk: Walk,
    gated: bool,
) -> Kind | None:
    """Return the kind, None if these are no residual; `gated`: the sink itself interpolates."""
    if _is_multi_stream(facts, sink, source, branch, term, walk):
        return Kind.MULTI_STREAM
    if walk.mixed or ((walk.shifted or walk.normed) and not walk.affine):
        return None
    if walk.affine:
        # Two affine maps are one (an adapter); a mean and a deviation are statistics of one tensor.
        is_one = not is_affine(facts, branch) and holds_parameters(facts, branch, term)
        return Kind.PROJECTION if is_one else None
    if walk.gated or gated:
        return Kind.GATED
    return Kind.SCALED if factors_of(facts, sink, skip, term, walk) else Kind.IDENTITY


# -- streams --------------------------------------------------------------------------------------


def _is_multi_stream(
    facts: Facts, sink: int, source: int, branch: Sequence[int], term: Summand, walk: Walk
) -> bool:
    """Return whether the branch is spread over streams that the skip path keeps or mixes."""
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


def _spread(facts: Facts, sink: int, term: Summand) -> str:
    """Return how the branch's result is repeated on its way into the sink: "product", "copy", or ""."""
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
    """Return whether it is an outer product, batched over leading axes: nothing is summed."""
    one, other = (facts.numel(operand) for operand in op.operands)
    if max(one, other) >= op.numel:
        return False
    if op.name in PRODUCTS:
        return True
    shared, rest = divmod(one * other, op.numel)
    return not rest and any(prod(op.shape[:axes]) == shared for axes in range(len(op.shape)))
