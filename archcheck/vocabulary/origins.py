"""Which positions and channels of linear maps the axes of an attention's operands go along.

The result of a map has positions and channels. Views move its elements; norms, rotations and factors replace
each one in its place. So an element of a query can be traced back to one position and one channel.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from archcheck.dataflow.elements import KEEPS, SPLITS, address_of, flat_of, way_back
from archcheck.dataflow.run import Op
from archcheck.vocabulary.walking import Walks

_STEPS = 24
_SAMPLES = 8  # channels that are looked at


class Origin(NamedTuple):
    """An element of a linear map's result: the map, the position and the channel there."""

    linear: int
    position: int
    channel: int


class Along(NamedTuple):
    """Whether the elements along an axis differ in position, and in channel."""

    positions: bool
    channels: bool


def origin(walks: Walks, at: int, flat: int) -> Origin | None:
    """Return where an element comes from; None if something between does more than keep its place."""
    for _ in range(_STEPS):
        way = list(way_back(walks.ops, at, flat))
        if any(_is_part(walks.ops[each]) for each, _ in way):
            return None
        at, flat = way[-1]
        if walks.is_map(at):
            return _in_map(walks, at, flat)
        made, op = walks.made.get(at), walks.ops[at]
        inputs = walks.fed(op) if made is None else made.roles.get("stream", made.inputs)
        kept = {read for read in inputs if walks.ops[read].shape == op.shape and read < at}
        if len(kept) != 1:
            return None
        at = kept.pop()
    return None


def _is_part(op: Op) -> bool:
    """Return whether a write stands for what it writes, not for the whole tensor as in a recorded run."""
    return op.region is not None and op.region[0] != op.shape


def along(walks: Walks, at: int, axis: int) -> Along | None:
    """Return what an axis goes along; None if that can't be told, or if it has one element."""
    shape = walks.ops[at].shape
    size, stride = shape[axis], math.prod(shape[axis:][1:])
    steps = sorted({0, 1, size // 2, size - 1})
    found = [origin(walks, at, step * stride) for step in steps]
    if size < 2 or None in found:
        return None
    groups: dict[int, list[Origin]] = defaultdict(list)  # what several maps made is put together
    for each in found:
        assert each is not None
        groups[each.linear].append(each)
    return Along(
        any(len({each.position for each in group}) > 1 for group in groups.values()),
        any(len({each.channel for each in group}) > 1 for group in groups.values()),
    )


def channel_axes(walks: Walks, linear: int) -> tuple[int, ...]:
    """Return the axes of a map's result that are channels; () if unknown."""
    op = walks.ops[linear]
    rank = len(op.shape)
    if op.name.startswith("conv"):
        return (rank - int(op.name[-2]) - 1,)
    if op.name == "linear":
        return (rank - 1,)
    fed = walks.fed(op)[0]
    weights = [operand[0] for operand in op.operands if operand[0] != fed]
    equation = op.arguments.get("equation")
    if isinstance(equation, str) and "." not in equation and "->" in equation:
        terms, result = equation.replace(" ", "").split("->")
        own = terms.split(",")[op.operands.index((fed,))]
        return tuple(axis for axis, letter in enumerate(result) if letter not in own)
    if op.name == "einsum" or any(len(walks.ops[weight].shape) != 2 for weight in weights):
        return ()
    return (rank - 1,) if op.operands[0][0] == fed else (rank - 2,)


def positions(walks: Walks, linear: int) -> int:
    """Return the number of positions for which a map has a result."""
    shape = walks.ops[linear].shape
    channels = math.prod(shape[axis] for axis in channel_axes(walks, linear))
    return walks.ops[linear].numel // max(channels, 1)


def _in_map(walks: Walks, linear: int, flat: int) -> Origin | None:
    axes = channel_axes(walks, linear)
    position = channel = 0
    sizes = walks.ops[linear].shape
    for axis, size in enumerate(sizes):
        digit = flat // math.prod(sizes[axis + 1 :]) % size
        if axis in axes:
            channel = channel * size + digit
        else:
            position = position * size + digit
    return Origin(linear, position, channel) if axes else None


def unread_channels(walks: Walks, linear: int) -> bool:
    """Return whether some channels of a map go nowhere, at any position."""
    shape, axes = walks.ops[linear].shape, channel_axes(walks, linear)
    if len(axes) != 1 or 0 in shape:
        return False
    (axis,) = axes
    stride, inner = math.prod(shape[axis + 1 :]), walks.ops[linear].numel
    outer = [place * shape[axis] * stride for place in range(inner // (shape[axis] * stride))]
    for number in range(_SAMPLES):
        channel = number * shape[axis] // _SAMPLES
        starts = (start + rest for start in _few(outer) for rest in _few(range(stride)))
        if not any(_is_read(walks, linear, start + channel * stride) for start in starts):
            return True
    return False


def _few(places: Sequence[int]) -> list[int]:
    """Return the middle one, the first and the last."""
    return [places[len(places) // 2], places[0], places[-1]]


def _is_read(walks: Walks, at: int, flat: int) -> bool:
    """Return whether more than views read an element."""
    flow = walks.flow
    if at in flow.outputs or at in flow.escaping:
        return True
    for user in walks.users[at]:
        op = walks.ops[user]
        if (at,) != op.operands[0] or len(op.operands) > 1:
            return True
        place: int | None = flat
        if op.layout is not None:
            place = flat_of(address_of(flat, op.layout[:3]), op.layout[3:])
        elif op.name not in SPLITS and (op.name not in KEEPS or op.numel != walks.ops[at].numel):
            return True
        if place is not None and _is_read(walks, user, place):
            return True
    return False
