"""Where a residual connection's parts are in a recording: what `tracing.measurement` needs to know."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.dataflow.cuts import Operand, ResidualCut
from archcheck.dataflow.join import Join
from archcheck.dataflow.run import Op


def place_of(ops: Sequence[Op], join: Join) -> ResidualCut | None:
    """Return where the skip path takes the source and both paths enter the sum; None if unclear."""
    if any(ops[at].inner for at in (join.sink, *join.skip, *join.branch)):
        return None
    skip_end = _position(ops, join.sink, join.skip_operand)
    branch_end = _consumer(ops, join)
    skip_use = _use_of_source(ops, join, skip_end) if skip_end is not None else None
    if skip_use is None or skip_end is None or branch_end is None:
        return None
    return ResidualCut(join.source, join.sink, skip_use, skip_end, branch_end)


def _position(ops: Sequence[Op], step: int, reads: Sequence[int]) -> Operand | None:
    found = [place for place, operand in enumerate(ops[step].operands) if operand == tuple(reads)]
    return Operand(step, found[0]) if found else None


def _consumer(ops: Sequence[Op], join: Join) -> Operand | None:
    """Return the operation, up to the sink, that takes the output of the branch's modules."""
    for step in sorted({*join.branch, join.sink}):
        if step > max(join.term):
            found = _position(ops, step, join.term)
            if found is not None and (step != join.sink or join.term != join.skip_operand):
                return found
    return None


def _use_of_source(ops: Sequence[Op], join: Join, end: Operand) -> Operand | None:
    """Walk the skip path back from the sink to the operation that takes the source."""
    on_path = set(join.skip)
    at = end
    while True:
        (read, *others) = ops[at.step].operands[at.position]
        if read == join.source:
            return at
        if others:
            return None
        below = [
            place
            for place, operand in enumerate(ops[read].operands)
            if operand[0] == join.source or operand[0] in on_path
        ]
        if not below and len(ops[read].operands) == 1:
            below = [0]
        if not below:
            return None
        at = Operand(read, below[0])
