"""What a skip path carries of its source: all of it, a part, or elements in other places.

Reshapes, casts and copies keep the order of the elements; a view says where its own are in what it views
(`Op.layout`). Some of the sink's elements are traced back to the source through both, whatever the views are
called.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from math import prod

from archcheck.dataflow.elements import (
    KEEPS,
    before_padding,
    before_turn,
    behind,
    is_pick,
    is_rearranged,
    is_turn,
    probes,
)
from archcheck.dataflow.operations import TRANSPOSES, VIEWS
from archcheck.dataflow.run import Layout, Op
from archcheck.residual.join import Summand
from archcheck.residual.operation_facts import Facts, Reads

# Views that move, repeat or drop elements in a way that no layout shows.
_MOVES = frozenset(
    """
    roll flip fliplr flipud rot90 gather take_along_dim index_select repeat repeat_interleave tile
    masked_select channel_shuffle native_channel_shuffle pixel_shuffle pixel_unshuffle unfold
    """.split()
)
_PADS = frozenset(["pad", "constant_pad_nd"])
_OF_COMPLEX = frozenset(
    ["real", "imag", "view_as_real", "view_as_complex"]
)  # other elements, no other places


class Carriage(Enum):
    """How much of the source a skip path carries.

    WHOLE: every element, in its own place. PERMUTED: every element, axes exchanged. PART: some, or with zeros
    beside them, each in its own place. MOVED: elements in other places, or several times.
    """

    WHOLE = 1
    PERMUTED = 2
    PART = 3
    MOVED = 4


def carriage(facts: Facts, source: int, skip: Reads, passed: Sequence[int]) -> Carriage:
    """Return how much of its source a skip path through these operations, in order, carries to the sink."""
    ops = facts.ops
    chain = [ops[at] for at in passed]
    if any(op.name in _MOVES and not (op.layout or _is_copy(facts, op) or is_turn(op)) for op in chain):
        return Carriage.MOVED
    end, start = ops[skip[0]], ops[source]
    flats = probes(end.numel)
    places = [place for flat in flats if (place := _followed(flat, chain, facts)) is not None]
    if any(op.name in _PADS for op in chain):
        return Carriage.WHOLE if places == flats and end.numel == start.numel else Carriage.PART
    if end.numel > start.numel and all(op.numel >= start.numel for op in chain if op.layout):
        return Carriage.WHOLE  # repeated, whole each time
    if len(set(places)) < len(flats):
        return Carriage.MOVED
    if end.numel == start.numel:
        if places == flats:
            return Carriage.WHOLE
        is_permuted = not any(map(is_turn, chain)) and _is_transposed(facts, chain, skip, source)
        return Carriage.PERMUTED if is_permuted else Carriage.MOVED
    return Carriage.PART if places == sorted(places) else Carriage.MOVED


def _is_transposed(facts: Facts, chain: Sequence[Op], skip: Reads, source: int) -> bool:
    """Return whether a step along an axis of the skip path's end is as long in the source, anywhere.

    If the two have the same shape, anything else reads elements in another order.
    """
    shape = facts.ops[skip[0]].shape
    if shape != facts.ops[source].shape:
        return True
    strides = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
    steps = [
        _followed(stride, chain, facts) if size > 1 else 0
        for stride, size in zip(strides, shape, strict=True)
    ]
    for flat in probes(prod(shape)):
        digits = [flat // stride % size for stride, size in zip(strides, shape, strict=True)]
        if _followed(flat, chain, facts) != sum(
            digit * (step or 0) for digit, step in zip(digits, steps, strict=True)
        ):
            return False
    return True


def is_joined_in_place(facts: Facts, sink: int, term: Summand, beside: Sequence[int]) -> bool:
    """Return whether the sink's own module passes on the branch's output unchanged, or a part of it.

    It does not if it reads it in another order, or takes a part for all of it. `beside` are the operations of
    branch and skip path, where an exchange of axes makes up for one.
    """
    passed = [*term.tail]
    at = term.reads
    while len(at) == 1 and facts.ops[at[0]].call == facts.ops[sink].call:
        op = facts.ops[at[0]]
        if is_pick(facts.ops, op) or is_rearranged(facts.ops, at[0]):
            return False
        is_move = op.layout is not None or op.name in KEEPS or is_turn(op)
        if op.name in _OF_COMPLEX or not is_move or not facts.ops[op.operands[0][0]].shape:
            break
        passed.append(at[0])
        at = op.operands[0]
    end = (term.tail[-1],) if term.tail else term.reads
    match carriage(facts, at[0], end, sorted(passed)):
        case Carriage.MOVED:  # flipped back, or rolled
            moves = {facts.ops[one].name for one in passed if is_turn(facts.ops[one])}
            return any(facts.ops[one].name in moves for one in beside if one not in passed)
        case Carriage.PERMUTED:  # back to how the source lies
            is_turned = any(facts.ops[one].name in TRANSPOSES for one in beside if one not in passed)
            return is_turned or facts.ops[at[0]].shape != facts.ops[end[0]].shape
        case Carriage.PART:
            return facts.numel(end) >= facts.ops[sink].numel
    return True


def parts_taken(facts: Facts, source: int, branch: Sequence[int]) -> list[Layout | None]:
    """Return the parts (half of the channels, …) of its source that a branch reads; [] for the whole."""
    inside = set(branch)
    found: list[Layout | None] = []
    for at in branch:
        op = facts.ops[at]
        if any(source in operand for operand in op.operands):
            parts = [at] if op.shape else [user for user in facts.flow.users[at] if user in inside]
            if not all(_is_part(facts.ops[part], facts.ops[source]) for part in parts):
                return []
            found += [facts.ops[part].layout for part in parts]
    return found


def _is_part(op: Op, source: Op) -> bool:
    return op.name in VIEWS and op.numel < source.numel


def _is_copy(facts: Facts, op: Op) -> bool:
    """Return whether a repetition repeats only once, and so is a copy."""
    return op.name in ("repeat", "tile", "repeat_interleave") and facts.numel(op.operands[0]) == op.numel


def _followed(flat: int, chain: Sequence[Op], facts: Facts) -> int | None:
    """Return the flat place in the source of an element of the skip path's end; None if unknown."""
    place: int | None = flat
    for op in reversed(chain):
        if place is None:
            return None
        if op.layout is not None:
            place = behind(place, op.layout)
        elif is_turn(op):
            place = before_turn(place, op)
        elif op.name in _PADS:
            place = before_padding(place, op, facts.ops[op.operands[0][0]].shape)
        elif op.name == "getitem" and facts.ops[op.operands[0][0]].shape:
            return None  # indexed by values; one of several results has no shape behind it
    return place
