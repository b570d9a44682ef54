"""Single elements of a tensor, traced back through operations that only move them.

These are views, parts put together, and writes. A place is (operation, flat index in its result).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from math import prod

from archcheck.dataflow.operations import CONCATS, STACKS
from archcheck.dataflow.run import Layout, Op

Place = tuple[int, int]
Extent = tuple[tuple[int, ...], tuple[int, ...], int]
"""Sizes, strides and offset of a tensor in its storage."""

_PROBES = 48
# What hands on its operand's elements in their order, as long as it has as many.
KEEPS = frozenset(
    """
    view reshape flatten unflatten ravel squeeze unsqueeze contiguous clone to type float half double
    bfloat16 type_as detach alias cpu cuda data view_as reshape_as expand_as broadcast_to expand
    positive pos requires_grad _to_copy lift_fresh as_tensor atleast_1d atleast_2d atleast_3d
    checkpoint_name copy
    """.split()
)
# What gives several tensors, each a view of the one that it takes: `getitem` has their layouts.
SPLITS = frozenset(
    """
    chunk split tensor_split unsafe_chunk unsafe_split split_with_sizes unbind hsplit vsplit
    """.split()
)
_PARTS_OF_COMPLEX = {"real": 0, "imag": 1}
_AXES = {"vstack": 0, "hstack": 1, "column_stack": 1, "dstack": 2}  # of what has two axes, or three
_REPEATS = frozenset(["repeat", "tile"])
_PICKS = frozenset(["getitem", "index_select", "gather", "take_along_dim"])
_WRITES = frozenset(["setitem", "copy", "fill"])


def probes(numel: int) -> list[int]:
    """Return flat places to trace back, in order: the ends, and some in between."""
    if numel <= _PROBES:
        return list(range(numel))
    chosen = random.Random(numel).sample(range(numel), _PROBES)
    return sorted({0, 1, 2, numel // 2, numel - 2, numel - 1, *chosen})


def way_back(ops: Sequence[Op], at: int, flat: int) -> Iterator[Place]:
    """Yield the place and all places its element came from, back to the operation that computed it."""
    place: Place | None = (at, flat)
    while place is not None:
        yield place
        place = _before(ops, *place)


def _before(ops: Sequence[Op], at: int, flat: int) -> Place | None:
    """Return where an element was before the operation; None if the operation computed it or if unknown."""
    op = ops[at]
    if op.name in _WRITES and op.region is not None:
        return _before_write(ops, op, flat)
    if not op.operands:
        return None
    if op.name in CONCATS | STACKS:
        return _in_part(ops, op, flat)
    if op.name in _PARTS_OF_COMPLEX:
        whole = ops[op.operands[0][0]]
        if len(op.operands[0]) > 1 or not whole.operands:
            return None
        if whole.name == "complex" and len(whole.operands) == 2:
            return whole.operands[_PARTS_OF_COMPLEX[op.name]][0], flat
        is_cast = (
            op.name == "real" and whole.name in KEEPS and "complex" not in ops[whole.operands[0][0]].dtype
        )
        return (whole.operands[0][0], flat) if is_cast else None
    if op.layout is not None:
        return _read(ops, op.operands[0], op.layout[:3], behind(flat, op.layout))
    if len(op.operands[0]) > 1:
        return None
    if op.name in _REPEATS:
        return op.operands[0][0], _before_repeat(flat, op.shape, ops[op.operands[0][0]].shape)
    if op.name == "repeat_interleave":
        return _before_interleaving(ops, op, flat)
    if is_turn(op):
        return op.operands[0][0], before_turn(flat, op)
    below = ops[op.operands[0][0]]
    is_part = op.name == "getitem" and not below.shape
    if op.name in SPLITS or (op.name in KEEPS and below.numel == op.numel and not is_part):
        return op.operands[0][0], flat
    return None


def _before_write(ops: Sequence[Op], op: Op, flat: int) -> Place | None:
    """Trace back through `t[index] = value`: to the value's element, or else to that of `t` before."""
    assert op.region is not None
    target, region = op.region[:3], op.region[3:]
    within = flat_of(address_of(flat, target), region)
    has_value = len(op.operands) > (0 if _is_blind(op) else 1)
    if within is None:
        return None if _is_blind(op) else _read(ops, op.operands[0], target, flat)
    if not has_value:
        return None
    (value, *others) = op.operands[-1]
    size, written = ops[value].numel, _numel(region)
    if others or (size != written and (not size or written % size or not _is_tail(ops[value], region))):
        return None
    return value, within % size


def _is_blind(op: Op) -> bool:
    """Return whether the whole tensor was overwritten, so that it is not an operand."""
    assert op.region is not None
    return len(op.operands) == 1 and op.region[:3] == op.region[3:]


def _is_tail(value: Op, region: Extent) -> bool:
    """Return whether the value is repeated along leading axes only."""
    shape = [size for size in value.shape if size > 1] if value.numel > 1 else []
    return not shape or tuple(region[0][-len(shape) :]) == tuple(shape)


def _in_part(ops: Sequence[Op], op: Op, flat: int) -> Place | None:
    """Return the element of the part that a concatenation or a stack took it from."""
    axis = op.arguments.get("dim", 0)
    if op.name in _AXES:
        axis = _AXES[op.name]
        if len(op.shape) < max(axis, 1) + 1:
            return None
    if not isinstance(axis, int):
        return None
    axis %= len(op.shape)
    inner = 1
    for size in op.shape[axis + 1 :]:
        inner *= size
    rest, last = divmod(flat, inner)
    outer, along = divmod(rest, op.shape[axis])
    for operand in op.operands:
        if len(operand) != 1:
            return None
        shape = ops[operand[0]].shape
        length = 1 if op.name in STACKS else shape[axis] if axis < len(shape) else 0
        if along < length:
            return operand[0], (outer * length + along) * inner + last
        along -= length
    return None


def _read(ops: Sequence[Op], reads: tuple[int, ...], extent: Extent, flat: int | None) -> Place | None:
    """Return the element among the writes that a read sees, latest first, and the tensor itself."""
    if flat is None or not reads:
        return None
    *writes, own = reads
    if writes:
        address = address_of(flat, extent)
        for write in writes:
            region = ops[write].region
            if region is None:
                return None
            if flat_of(address, region[3:]) is not None:
                there = flat_of(address, region[:3])
                return None if there is None else (write, there)
    return own, flat


def _before_repeat(flat: int, shape: tuple[int, ...], below: tuple[int, ...]) -> int:
    """Return the place in a tensor of an element of its repetition."""
    place, stride = 0, 1
    for axis in range(1, len(shape) + 1):
        flat, digit = divmod(flat, shape[-axis])
        if axis <= len(below):
            place += digit % below[-axis] * stride
            stride *= below[-axis]
    return place


def _before_interleaving(ops: Sequence[Op], op: Op, flat: int) -> Place | None:
    """Return the place in a tensor of an element that was repeated beside itself."""
    times, axis = op.arguments.get("repeats"), op.arguments.get("dim")
    if not isinstance(times, int) or not isinstance(axis, int):
        return None
    axis %= len(op.shape)
    inner = prod(op.shape[axis + 1 :])
    rest, last = divmod(flat, inner)
    outer, along = divmod(rest, op.shape[axis])
    return op.operands[0][0], (outer * (op.shape[axis] // times) + along // times) * inner + last


def is_pick(ops: Sequence[Op], op: Op) -> bool:
    """Return whether as many elements are taken as there are, at places independent of the input."""
    if op.name not in _PICKS or op.layout is not None or not op.operands:
        return False
    whole, *places = (ops[operand[0]] for operand in op.operands)
    is_fixed = whole.depends_on_input and not any(place.depends_on_input for place in places)
    return is_fixed and bool(whole.shape) and whole.numel == op.numel


def is_rearranged(ops: Sequence[Op], at: int) -> bool:
    """Return whether this is assembled from parts of one tensor of its size, not in their order there."""
    if ops[at].name not in CONCATS | STACKS:
        return False
    shared: dict[int, list[int]] | None = None
    flats = probes(ops[at].numel)
    for flat in flats:
        found = {one: place for one, place in way_back(ops, at, flat) if one != at}
        if shared is None:
            shared = {one: [place] for one, place in found.items() if ops[one].numel == ops[at].numel}
        else:
            shared = {one: [*places, found[one]] for one, places in shared.items() if one in found}
        if not shared:
            return False
    return bool(shared)


# -- places in memory -------------------------------------------------------------------------------


def behind(flat: int, layout: Layout) -> int | None:
    """Return the flat place in the viewed tensor of an element of the view."""
    return flat_of(address_of(flat, layout[3:]), layout[:3])


def address_of(flat: int, extent: Extent) -> int:
    """Return where a tensor's element is in its storage."""
    sizes, strides, address = extent
    for size, stride in zip(reversed(sizes), reversed(strides), strict=True):
        flat, digit = divmod(flat, size)
        address += digit * stride
    return address


def flat_of(address: int, extent: Extent) -> int | None:
    """Return the flat place of the element at an address; None if it is not an element of the tensor."""
    sizes, strides, offset = extent
    address -= offset
    axes = [axis for axis, size in enumerate(sizes) if size > 1 and strides[axis]]
    digits = [0] * len(sizes)
    for axis in sorted(axes, key=lambda axis: -strides[axis]):
        digits[axis], address = divmod(address, strides[axis])
        if not 0 <= digits[axis] < sizes[axis]:
            return None
    if address:
        return None
    place = 0
    for size, digit in zip(sizes, digits, strict=True):
        place = place * size + digit
    return place


def _numel(extent: Extent) -> int:
    count = 1
    for size in extent[0]:
        count *= size
    return count


# -- padding -------------------------------------------------------------------------------------------


def before_padding(flat: int, op: Op, shape: tuple[int, ...]) -> int | None:
    """Return where an element of a padded tensor stood in that of the given shape; None if it was added."""
    amounts = op.arguments.get("pad")
    if not isinstance(amounts, tuple) or len(shape) != len(op.shape):
        return None
    place, stride = 0, 1
    for axis in range(len(shape) - 1, -1, -1):
        flat, digit = divmod(flat, op.shape[axis])
        at = 2 * (len(shape) - 1 - axis)
        digit -= int(amounts[at]) if at < len(amounts) else 0
        if not 0 <= digit < shape[axis]:
            return None
        place += digit * stride
        stride *= shape[axis]
    return place


# -- flips and rolls ----------------------------------------------------------------------------------


def is_turn(op: Op) -> bool:
    """Return whether it is a flip or a roll along known axes."""
    return (
        op.name in ("flip", "roll") and bool(op.shape) and isinstance(op.arguments.get("dims"), (int, tuple))
    )


def before_turn(flat: int, op: Op) -> int:
    """Return where an element of a flipped or rolled tensor stood before."""
    dims, shifts = op.arguments["dims"], op.arguments.get("shifts", 0)
    axes = [axis % len(op.shape) for axis in (dims if isinstance(dims, tuple) else (dims,))]
    by = dict(zip(axes, shifts if isinstance(shifts, tuple) else (shifts,), strict=False))
    place, stride = 0, 1
    for axis in range(len(op.shape) - 1, -1, -1):
        size = op.shape[axis]
        flat, digit = divmod(flat, size)
        if axis in axes:
            digit = size - 1 - digit if op.name == "flip" else (digit - by.get(axis, 0)) % size
        place += digit * stride
        stride *= size
    return place
