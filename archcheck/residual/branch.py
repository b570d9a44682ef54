"""The branch: its summands, and what counts as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from archcheck.dataflow.operations import (
    AFFINE,
    CONCATS,
    MIXING,
    PRODUCTS,
    PRODUCTS_OF_MATRICES,
    SUMS,
    VIEWS,
)
from archcheck.dataflow.queries import reached
from archcheck.dataflow.run import Op
from archcheck.residual.join import Summand
from archcheck.residual.operation_facts import Facts, Reads

_CHOICES = CONCATS | {"where", "setitem", "masked_fill"}
_ON_THE_WAY_TO_SOFTMAX = VIEWS | PRODUCTS | SUMS | {"where", "tanh", "maximum", "max"}


def summands(facts: Facts, reads: Reads, sink: int, at_sink: Mapping[int, object]) -> Iterator[Summand]:
    """Yield the summands on the branch's side: a sum computed by the sink's own module is taken apart."""
    tail: list[int] = []
    at = reads
    while len(at) == 1:
        op = facts.ops[at[0]]
        if op.name in ("add", "sub") and op.call == facts.ops[sink].call:
            if at[0] in at_sink or op.numbers:
                break
            for place, operand in enumerate(op.operands):
                sign = -1.0 if op.name == "sub" and place else 1.0
                for term in summands(facts, operand, sink, at_sink):
                    yield Summand(term.reads, (*term.tail, at[0], *tail), sign=term.sign * sign)
            return
        is_view = op.name in VIEWS and len(op.operands) == 1
        if not is_view and not facts.scales(op):
            break
        tail.insert(0, at[0])
        at = facts.stream(op)
    yield Summand(reads)


def is_part_of_sum(facts: Facts, index: int) -> bool:
    """Return whether this sum is only a summand of a larger one that the same module computes."""
    at = index
    while len(users := set(facts.flow.users[at])) == 1:
        at = users.pop()
        op = facts.ops[at]
        if op.name == "add" and op.call == facts.ops[index].call:
            return len(facts.dependent_operands(op)) == 2
        is_view = op.name in VIEWS and len(op.operands) == 1
        if not is_view and not facts.scales(op):
            return False
    return False


def passed_on(facts: Facts, sink: int) -> int | None:
    """Return the choice between the sum and other values that alone reads it; None if there is another."""
    found: set[int] = set()
    pending = [sink]
    seen: set[int] = set()
    while pending:
        for user in set(facts.flow.users[pending.pop()]) - seen:
            seen.add(user)
            op = facts.ops[user]
            if op.call != facts.ops[sink].call:
                return None
            if op.name in _CHOICES:
                found.add(user)
            elif op.name in VIEWS and op.layout is not None:
                pending.append(user)
            else:
                return None
    return found.pop() if len(found) == 1 else None


def is_branch(facts: Facts, sink: int, source: int, branch: Sequence[int], term: Summand) -> bool:
    """Return whether it mixes positions or channels, and is neither a statistic nor a recurrence."""
    if not term.fused and not any(mixes(facts.ops[at]) for at in branch):
        return False
    # Without parameters a tensor less its own mean or maximum is normalized.
    made_of_itself = subtracts(facts.ops[sink]) or facts.repeats(sink)
    return holds_parameters(facts, branch, term) or not made_of_itself


def mixes(op: Op) -> bool:
    """Return whether it lets positions or channels see each other (not the smaller of two tensors)."""
    is_pointwise = op.name in ("max", "min") and len(op.operands) == 2
    return op.opaque or (op.name in MIXING and not is_pointwise)


def is_offset(facts: Facts, source: int, branch: Sequence[int], term: Summand) -> bool:
    """Return whether only a single number leads from the source to the branch's end (the maximum)."""
    ops, carried = facts.ops, {source}
    for at in branch:
        op = ops[at]
        is_number = bool(op.dtype) and not op.shape
        if not is_number and not carried.isdisjoint(op.reads):
            carried.add(at)
    return carried.isdisjoint(term.reads)


def holds_parameters(facts: Facts, branch: Sequence[int], term: Summand) -> bool:
    """Return whether anything on the branch reads a parameter, or a value computed from parameters only.

    One that is only added is an offset.
    """
    acting = any(at in facts.learned and facts.ops[at].name not in SUMS for at in (*branch, *term.tail))
    return acting or any(facts.is_learned(read) for read in term.reads)


def is_affine(facts: Facts, branch: Sequence[int]) -> bool:
    """Return whether the branch is an affine map of the source."""
    return all(_is_affine(facts, facts.ops[at]) for at in branch)


def is_score(facts: Facts, reads: Reads) -> bool:
    """Return whether it is attention scores: a product of two input-dependent matrices before a softmax."""
    op = facts.root_op(reads[0])
    while facts.scales(op):
        op = facts.root_op(facts.stream(op)[0])
    if op.name not in PRODUCTS_OF_MATRICES or len(facts.dependent_operands(op)) < 2:
        return False
    users, ops = facts.flow.users, facts.ops
    after = reached(users[reads[0]], lambda at: users[at] if ops[at].name in _ON_THE_WAY_TO_SOFTMAX else ())
    found = next((ops[at].name for at in after if ops[at].name in ("softmax", "sigmoid")), "")
    return found == "softmax"


def subtracts(op: Op) -> bool:
    """Return whether the operation subtracts its second operand."""
    return op.name in ("sub", "rsub")


def _is_affine(facts: Facts, op: Op) -> bool:
    if op.name in VIEWS or op.name in SUMS or op.name == "neg":
        return True
    linear = op.name in AFFINE | PRODUCTS | PRODUCTS_OF_MATRICES
    is_maximum = op.name.startswith(("max_pool", "adaptive_max")) or op.name == "amax"
    return linear and facts.with_constant(op) and not is_maximum
