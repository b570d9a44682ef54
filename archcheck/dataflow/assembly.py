"""Tensors that were taken apart and put together again, recognised as a copy or as one sum.

`cat(x.chunk(2))`, and a buffer that was filled slice by slice, are `x`; a stack of the sums of rows is a sum,
and so is `stack([x, b]).sum(0)`. Elements of the result are traced back: if each comes from its own place in
one tensor, the operation is a copy of that; if each is a sum of elements of the same two, it is their sum.
Operations that move elements, or combine different tensors, stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import replace
from itertools import islice
from math import prod
from typing import Any

from archcheck.dataflow.elements import SPLITS, Place, is_turn, probes, way_back
from archcheck.dataflow.operations import CONCATS, STACKS
from archcheck.dataflow.run import Dataflow, Op

_LONGEST = 512  # places to trace back for one element
_SUMMANDS = 16
_PLAIN_SUMS = frozenset(["add", "sub", "rsub"])


def assembled(flow: Dataflow) -> Dataflow:
    """Return the dataflow with every copy and sum that is assembled from parts named as such."""
    ops = list(flow.ops)
    apart = {at for at, op in enumerate(ops) if op.name in CONCATS | STACKS and _is_taken_apart(flow, at)}
    overwritten = {op.operands[0][-1] for op in ops if op.region is not None and op.operands}
    for index, op in enumerate(ops):
        if op.depends_on_input and op.floating and op.numel > 1:
            made = _reduced(ops, op)
            if index not in overwritten and _is_put_together(ops, op, apart):
                made = _copied(ops, index, op) or _summed(ops, index, op)
            ops[index] = made or op
    return replace(flow, ops=ops)


def _is_taken_apart(flow: Dataflow, at: int) -> bool:
    """Return whether only parts of a concatenation or a stack are read, never the whole."""
    parts = [user for user in flow.users[at] if flow.ops[user].name not in SPLITS]
    return all(flow.ops[part].layout is not None for part in parts)


def _is_put_together(ops: Sequence[Op], op: Op, apart: Set[int]) -> bool:
    """Return whether it is a concatenation, a stack, a buffer written in parts, a view of one, or a flip.

    A view of a concatenation counts if only views read that (`apart`).
    """
    if (
        op.name in CONCATS | STACKS
        or is_turn(op)
        or op.name in ("real", "imag")
        or (op.name == "setitem" and op.region is not None)
    ):
        return True
    if op.layout is None:
        return False
    at = op.operands[0][0]
    while ops[at].name in SPLITS and len(ops[at].operands) == 1:
        at = ops[at].operands[0][0]
    is_written = len(op.operands[0]) > 1 or ops[at].region is not None
    return is_written or at in apart or ops[at].name in ("repeat", "tile")


def _copied(ops: Sequence[Op], index: int, op: Op) -> Op | None:
    places = probes(op.numel)
    found = _common(ops, op.numel, (_way(ops, index, flat)[1:] for flat in places))
    if found is None:
        return None
    return _made(op, "alias", [found], [[_way(ops, index, flat)[1:] for flat in places]])


def _summed(ops: Sequence[Op], index: int, op: Op) -> Op | None:
    """Return the sum, if every element comes from a sum of elements of the same two tensors."""
    sides: tuple[list[list[Place]], list[list[Place]]] = ([], [])  # from the sum's operands on
    before: list[Place] = []
    name = ""
    for flat in probes(op.numel):
        path = _way(ops, index, flat)
        at, place = path[-1]
        if not _is_plain_sum(ops, ops[at]) or name not in ("", ops[at].name):
            return None
        name = ops[at].name
        before += path[1:]
        one, other = (_way(ops, operand[0], place) for operand in ops[at].operands)
        if name == "add" and sides[0] and one[-1][0] != sides[0][0][-1][0]:
            one, other = other, one
        sides[0].append(one)
        sides[1].append(other)
    found = [_common(ops, op.numel, paths) for paths in sides]
    ways = [[before, *side] for side in sides]
    return None if None in found else _made(op, name, [at for at in found if at is not None], ways)


def _is_plain_sum(ops: Sequence[Op], op: Op) -> bool:
    return (
        op.name in _PLAIN_SUMS
        and len(op.operands) == 2
        and not op.numbers
        and all(len(operand) == 1 and ops[operand[0]].numel == op.numel for operand in op.operands)
    )


def _reduced(ops: Sequence[Op], op: Op) -> Op | None:
    """Return the sum or mean over an axis along which tensors of the result's shape are stacked."""
    axis = _reduced_axis(ops, op)
    if axis is None:
        return None
    whole = op.operands[-1][0]
    shape = ops[whole].shape
    count, inner = shape[axis], prod(shape[axis + 1 :])
    if not 1 <= count <= _SUMMANDS or op.numel * count != ops[whole].numel:
        return None
    found, ways = [], []
    for number in range(count):
        paths = [
            _way(ops, whole, (flat // inner * count + number) * inner + flat % inner)
            for flat in probes(op.numel)
        ]
        one = _common(ops, op.numel, paths)
        if one is None:
            return None
        found.append(one)
        ways.append(paths)
    if count == 1 or (op.name == "mean" and len(set(found)) == 1):
        return _made(op, "alias", found[:1], ways[:1])
    return _made(op, "mean" if op.name == "mean" else "add", found, ways)


def _reduced_axis(ops: Sequence[Op], op: Op) -> int | None:
    """Return the axis of the last operand that is summed or averaged without weights."""
    if not op.operands or len(op.operands[-1]) != 1:
        return None
    shape = ops[op.operands[-1][0]].shape
    dim: Any = None
    if op.name in ("sum", "nansum", "mean") and len(op.operands) == 1:
        dim = op.arguments.get("dim")
        dims = list(dim) if isinstance(dim, tuple) else [dim]
        dims = dims if len(dims) == 1 else [axis for axis in dims if shape[axis] != 1]
        dim = dims[0] if len(dims) == 1 else None
    elif op.name == "einsum" and len(op.operands) == 1:
        dim = _dropped_axis(str(op.arguments.get("equation", "")), len(shape))
    elif op.name == "tensordot" and len(op.operands) == 2:
        ones = ops[op.operands[0][0]]
        dim = 0 if ones.name == "ones" and ones.shape == shape[:1] else None
    if not isinstance(dim, int) or not -len(shape) <= dim < len(shape):
        return None
    return dim % len(shape)


def _dropped_axis(equation: str, axes: int) -> int | None:
    """Return the axis of its one operand that `k...->...` sums.

    >>> _dropped_axis("k...->...", 3), _dropped_axis("btkc->btc", 4), _dropped_axis("btc->bct", 3)
    (0, 2, None)
    """
    before, arrow, after = equation.replace(" ", "").partition("->")
    gone = [letter for letter in before if letter.isalpha() and letter not in after]
    if not arrow or len(gone) != 1 or before.count(gone[0]) != 1 or before.replace(gone[0], "") != after:
        return None
    at = before.index(gone[0])
    return at if "..." not in before[:at] else axes - (len(before) - at)


def _way(ops: Sequence[Op], at: int, flat: int) -> list[Place]:
    return list(islice(way_back(ops, at, flat), _LONGEST))


def _common(ops: Sequence[Op], numel: int, paths: Iterable[Sequence[Place]]) -> int | None:
    """Return the latest operation of `numel` elements in which each path passes its own flat place."""
    shared: set[int] | None = None
    for path, flat in zip(paths, probes(numel), strict=True):
        own = {at for at, place in path if place == flat and ops[at].numel == numel}
        shared = own if shared is None else shared & own
        if not shared:
            return None
    return max(shared) if shared else None


def _made(op: Op, name: str, operands: Sequence[int], ways: Sequence[Sequence[Sequence[Place]]]) -> Op:
    """Return the operation as `name` of other operands, with the operations in between."""
    inner = tuple(
        tuple(sorted({at for path in paths for at, _ in path if at > operand}))
        for operand, paths in zip(operands, ways, strict=True)
    )
    return replace(
        op,
        name=name,
        operands=tuple((operand,) for operand in operands),
        inner=inner,
        numbers=(),
        arguments={},
        roles={},
        layout=None,
        region=None,
        stale=tuple(write for write in op.stale if not any(write in between for between in inner)),
    )
