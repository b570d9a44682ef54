"""Streams that begin as a parameter, or as what is made of parameters: a class token, learned queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.queries import depends, reads
from archcheck.dataflow.run import Dataflow, Op


def with_learned_streams(flow: Dataflow) -> Dataflow:
    """Return the dataflow in which a stream that begins as a parameter counts as a model input.

    That is a parameter, or a tensor made only of parameters, to which, in a single place, something is added
    that was computed from it and from the input. A table that is added in several places (positions, at every
    layer) is not one.
    """
    streams = _streams(flow)
    if not streams:
        return flow
    ops: list[Op] = []
    for index, op in enumerate(flow.ops):
        fed = index in streams or _depends(ops, op.reads)
        ops.append(replace(op, depends_on_input=True) if fed and not op.depends_on_input else op)
    return replace(flow, ops=ops)


def _streams(flow: Dataflow) -> frozenset[int]:
    added: dict[int, list[tuple[int, tuple[int, ...]]]] = {}
    for index, op in enumerate(flow.ops):
        if op.name != "add" or len(op.operands) != 2:
            continue
        for operand, other in (op.operands, op.operands[::-1]):
            root = _parameter(flow, operand)
            if root >= 0 and _depends(flow.ops, other):
                added.setdefault(root, []).append((index, other))
    return frozenset(
        at
        for root, sums in added.items()
        if len(sums) == 1 and depends(sums[0][1], [root], reads(flow))
        for at in _made_from(flow, root)
    )


def _made_from(flow: Dataflow, root: int) -> Iterator[int]:
    """Yield what a stream begins as and what that is made from (a norm of learned queries)."""
    yield root
    while flow.ops[root].operands and flow.ops[flow.ops[root].operands[0][0]].depends_on_parameter:
        root = flow.ops[root].operands[0][0]
        yield root


def _depends(ops: Sequence[Op], reads: Sequence[int]) -> bool:
    return any(ops[read].depends_on_input for read in reads)


def _parameter(flow: Dataflow, reads: Sequence[int]) -> int:
    """Return what these values are past views, if made of parameters only; -1 if the input is among them."""
    at = reads[0]
    while len(flow.ops[at].operands) == 1 and flow.ops[at].name in VIEWS:
        at = flow.ops[at].operands[0][0]
    op = flow.ops[at]
    return at if op.depends_on_parameter and not op.depends_on_input and len(op.shape) > 1 else -1
