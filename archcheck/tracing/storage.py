"""Which elements of which storage a tensor stands for: what an in-place write touches, and who sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from archcheck.dataflow.run import Layout
from archcheck.model.private_torch import storage_id, version


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """An in-place change: the step that made it, the tensor written to, and the elements it touched."""

    step: int
    target: Tensor
    extent: Extent


def version_of(tensor: Tensor) -> int:
    """Return how often the tensor was changed in place; 0 if unknown."""
    try:
        return version(tensor)
    except RuntimeError:  # inference tensors keep no count; their writes show by the call's name
        return 0


def storage_of(tensor: Tensor) -> int:
    """Return an id of the tensor's storage."""
    try:
        return storage_id(tensor)
    except (NotImplementedError, RuntimeError, ValueError):  # sparse, wrapped and lazy tensors have none
        return id(tensor)


def layout_of(tensor: Tensor, view: Tensor) -> Layout | None:
    """Return how a view lies in the storage of the tensor that it views; None if they share none."""
    if storage_of(tensor) != storage_of(view) or not view.numel():
        return None
    try:
        return (
            tuple(tensor.shape),
            tensor.stride(),
            int(tensor.storage_offset()),
            tuple(view.shape),
            view.stride(),
            int(view.storage_offset()),
        )
    except (NotImplementedError, RuntimeError):
        return None


Extent = tuple[int, tuple[int, ...], tuple[int, ...], int]


def extent_of(tensor: Tensor) -> Extent:
    """Return (offset, sizes, strides, number of elements) of a tensor inside its storage."""
    try:
        return int(tensor.storage_offset()), tuple(tensor.shape), tensor.stride(), tensor.numel()
    except (NotImplementedError, RuntimeError):
        return 0, tuple(tensor.shape), (), tensor.numel()


def _span(extent: Extent) -> tuple[int, int]:
    offset, sizes, strides, _ = extent
    reach = sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=False))
    return offset, offset + reach + 1


def covers(write: Extent, read: Extent) -> bool:
    """Return whether `write` touches every element of `read`; decided for equal and gapless extents."""
    if write == read:
        return True
    start, end = _span(write)
    return end - start == write[3] and start <= _span(read)[0] and _span(read)[1] <= end


def may_overlap(one: Extent, other: Extent) -> bool:
    """Return whether the two may share an element; exact for slices of one tensor (equal strides)."""
    (start, end), (other_start, other_end) = _span(one), _span(other)
    if end <= other_start or other_end <= start or not one[3] or not other[3]:
        return False
    if one[2] != other[2]:
        return True
    distance = other[0] - one[0]
    order = sorted(range(len(one[2])), key=lambda axis: -one[2][axis])
    if distance < 0:
        distance, one, other = -distance, other, one
    for axis in order:
        stride, size = one[2][axis], one[1][axis]
        if stride == 0:
            continue
        shift, distance = divmod(distance, stride)
        if shift >= size:
            return False
    return distance == 0


def is_everything(index: Any) -> bool:
    """Return whether an index selects the whole tensor."""
    return index is Ellipsis or (isinstance(index, slice) and index == slice(None))


def part_of(tensor: Tensor, index: Any) -> Tensor | None:
    """Return what an assignment to `tensor[index]` touches; None if the index is computed."""
    parts = index if isinstance(index, tuple) else (index,)
    if all(
        isinstance(part, (int, slice, type(...), type(None))) and not isinstance(part, bool) for part in parts
    ):
        part: Tensor = tensor[index]
        return part
    return None
