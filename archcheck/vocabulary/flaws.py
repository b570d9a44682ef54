"""What is wrong with an attention that has all of its parts: bugs that no name of a term tells.

Each is told in words that follow "the attention", as in "cuts its heads across positions".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from archcheck.dataflow.elements import way_back
from archcheck.dataflow.operations import CONCATS, VIEWS
from archcheck.vocabulary.origins import Along, along, channel_axes, origin, unread_channels
from archcheck.vocabulary.walking import Walks

_FAR = 12  # operations from the values that are weighed to the linear map that reads them


_SHIFTED = {
    "strictly causal": "lets no token see itself",
    "one ahead": "lets each token see the next one",
}


class Factor(NamedTuple):
    """An operand of a matrix product: the axis that the product sums over, and the one that it keeps."""

    at: int
    summed: int
    kept: int


class Parts(NamedTuple):
    """Operations of an attention: its two matrix products, and what they read.

    `source` and `mask` are as in its region's details and in `Op`.
    """

    scores: int
    attend: int
    query: int
    key: int
    value: int
    source: str | None
    mask: str


def flaw(walks: Walks, parts: Parts) -> str:
    """Return what is wrong with an attention, in words; "" if nothing is found."""
    return next(filter(None, _flaws(walks, parts)), "")


def _flaws(walks: Walks, parts: Parts) -> Iterator[str]:
    compared = [each for each in factors(walks, parts.scores) if each.at in (parts.query, parts.key)]
    weighed = [each for each in factors(walks, parts.attend) if each.at == parts.value]
    yield _cut(walks, parts, [*compared, *weighed])
    yield from (_merged(walks, parts.attend, each) for each in weighed)
    yield _shared(walks, parts.key, parts.value)
    yield _unread(walks, parts)
    yield _SHIFTED.get(parts.mask, "")
    if _is_rotated(walks, parts.value) and walks.map_behind(parts.value) != walks.map_behind(parts.key):
        yield "rotates its values"
    if parts.source == "self":
        query, key = (_is_rotated(walks, at) for at in (parts.query, parts.key))
        if query is not key:
            yield f"rotates its {'queries, but not its keys' if query else 'keys, but not its queries'}"


def factors(walks: Walks, product: int) -> list[Factor]:
    """Return both operands of a matrix product with their axes, counted from the end; [] if unclear."""
    op = walks.ops[product]
    reads = [operand[0] for operand in op.operands]
    if any(len(walks.ops[read].shape) < 2 for read in reads):
        return []
    if op.name in ("matmul", "bmm", "mm") and len(reads) == 2:
        return [Factor(reads[0], -1, -2), Factor(reads[1], -2, -1)]
    equation = op.arguments.get("equation")
    if not isinstance(equation, str) or "->" not in equation or len(reads) != 2:
        return []
    terms, result = equation.replace(" ", "").split("->")
    one, other = terms.split(",")
    summed = set(one) & set(other) - set(result)
    found = []
    for read, own, across in ((reads[0], one, other), (reads[1], other, one)):
        kept = (set(own) - set(across)) & set(result) - {"."}
        if len(summed) != 1 or len(kept) != 1:
            return []
        found.append(Factor(read, *(own.index(letter) - len(own) for letter in (*summed, *kept))))
    return found


def _cut(walks: Walks, parts: Parts, operands: Sequence[Factor]) -> str:
    """Return how the operands are cut wrongly out of the results of linear maps.

    Queries that share a key may stand in one row, several heads of one position after the other.
    """
    lengths = {each.at: walks.ops[each.at].shape[each.kept] for each in operands}
    for each in operands:
        summed, kept = (along(walks, each.at, axis) for axis in (each.summed, each.kept))
        is_folded = each.at == parts.query and lengths.get(parts.query) != lengths.get(parts.key)
        if Along(True, True) in (summed, kept) and not is_folded:
            return "cuts its heads across positions: a transpose is missing where they are split"
        is_of_heads = summed is not None and kept is not None and summed.channels and kept.channels
        if is_of_heads and each.at != parts.query:
            return "compares the heads of one position, not positions: a transpose is missing"
    return ""


def _merged(walks: Walks, attend: int, values: Factor) -> str:
    """Return whether heads are put together again without their positions in order."""
    shape = walks.ops[attend].shape
    reader = _next_map(walks, attend)
    if reader is None or len(shape) < 3 or walks.ops[attend].name == "einsum" or values.kept != -1:
        return ""
    if along(walks, values.at, len(walks.ops[values.at].shape) - 1) != (False, True):
        return ""
    axes, read = channel_axes(walks, reader), walks.fed(walks.ops[reader])[0]
    sizes = walks.ops[read].shape
    if not axes or walks.ops[reader].name == "einsum" or len(sizes) < 2:
        return ""
    axis = axes[0] if len(axes) == 1 and axes[0] < len(sizes) else -1
    width, stride = sizes[axis], math.prod(sizes[axis % len(sizes) :][1:])
    if width > math.prod(shape[-3:]) // shape[-2]:
        return ""  # all positions at once, as before a classifier
    steps = {0, 1, width // 3, width // 2, width - 1}
    found = {_place_in(walks, read, step * stride, attend) for step in steps}
    if None in found or len(found) < 2:
        return ""
    return "puts its heads together across positions: a transpose is missing where they are merged"


def _next_map(walks: Walks, at: int) -> int | None:
    """Return the linear map that alone reads these values, past views and what keeps their shape."""
    for _ in range(_FAR):
        users = set(walks.users[at])
        if len(users) != 1:
            return None
        at = users.pop()
        if walks.is_map(at):
            return at
        if walks.ops[at].name not in VIEWS:
            return None
    return None


def _place_in(walks: Walks, at: int, flat: int, attend: int) -> int | None:
    """Return the query position that an element has in the result of attention; None if not one of it."""
    place = dict(way_back(walks.ops, at, flat)).get(attend)
    shape = walks.ops[attend].shape
    return None if place is None else place // shape[-1] % shape[-2]


def _shared(walks: Walks, key: int, value: int) -> str:
    """Return whether heads of keys and of values are repeated in different orders."""
    orders = []
    for at in (key, value):
        shape = walks.ops[at].shape
        if len(shape) != 4:
            return ""
        found = [origin(walks, at, head * math.prod(shape[2:])) for head in range(shape[1])]
        names = list(dict.fromkeys(found))
        if None in names:
            return ""
        orders.append([names.index(each) for each in found])
    one, other = orders
    if len(one) != len(other) or len(set(one)) in (1, len(one)) or len(set(one)) != len(set(other)):
        return ""
    return "" if one == other else "repeats its keys and its values in different orders"


def _unread(walks: Walks, parts: Parts) -> str:
    """Return whether a part of the maps of an attention goes nowhere."""
    maps = {walks.map_behind(at) for at in (parts.query, parts.key, parts.value)} - {-1}
    if any(unread_channels(walks, each) for each in maps):
        return "leaves a part of what its Linear makes unread"
    beside = (user for each in maps for user in walks.users[walks.input_of(each)] if walks.is_map(user))
    callers = {_caller(walks, each) for each in maps}
    unread = any(_caller(walks, each) in callers and unread_channels(walks, each) for each in beside)
    return "leaves what one of its Linears makes unread" if unread else ""


def _caller(walks: Walks, at: int) -> int:
    """Return the call whose code calls this operation, or the module that is this operation."""
    call = walks.ops[at].call
    return walks.flow.calls[call].parent if walks.flow.calls[call].outputs == (at,) else call


def _is_rotated(walks: Walks, at: int) -> bool:
    """Return whether positions turn these values, or a part of them."""
    pending, seen = [at], set[int]()
    while pending and len(seen) < 2 * _FAR:
        at = pending.pop()
        if at in seen or walks.is_map(at):
            continue
        seen.add(at)
        made, op = walks.made.get(at), walks.ops[at]
        if made is not None and made.term.name == "RoPE":
            return True
        if made is not None and len(made.inputs) == 1 and op.name not in VIEWS:
            pending.append(made.inputs[0])
        elif op.name in VIEWS | CONCATS | {"mul", "add"}:
            pending += walks.fed(op)
    return False
