"""How a sink moves when one use of its source is changed."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Movement:
    """A linear movement element by element: each element of the sink moves with one of the source, or none.

    `place` is, for each element of the sink, in flat order, the element of the source that it moves with, or
    -1; `ratio` by how much; `shape` is the source's.
    """

    place: Tensor
    ratio: Tensor
    shape: tuple[int, ...]

    @property
    def count(self) -> int:
        """The number of the source's elements."""
        return math.prod(self.shape)


def bijective(place: Tensor, count: int) -> bool:
    """Return whether every element of the source moves exactly one element of the sink, and covers it."""
    return place.numel() == count and injective(place, count)


def injective(place: Tensor, count: int) -> bool:
    """Return whether every element of the source moves exactly one of the sink, which may have others."""
    used = place[place >= 0]
    return used.numel() == count == len(set(used.tolist()))


def is_transposition(place: Tensor) -> bool:
    """Return whether a bijection of flat indices reshapes and reorders axes.

    A flip or a shift does not. Such a map sends the digits of an index, in some mixed radix, each to a
    multiple of its own stride.
    """
    while place.numel() > 1:
        if int(place[0]) != 0 or bool((place < 0).any()):
            return False
        stride = int(place[1])
        expected = torch.arange(place.numel()) * stride
        breaks = (place != expected).nonzero()
        radix = int(breaks[0]) if len(breaks) else place.numel()
        if stride <= 0 or place.numel() % radix:
            return False
        rows = place.view(-1, radix)
        if not torch.equal(rows - rows[:, :1], expected[:radix].expand_as(rows)):
            return False
        place = rows[:, 0]
    return not place.numel() or int(place[0]) == 0


def is_in_order(place: Tensor, sink: tuple[int, ...], source: tuple[int, ...]) -> bool:
    """Return whether the elements that move keep their order along every axis.

    Such are a slice, a stride, zero padding. Axes of length one do not count; the two must have the same
    number of others, or hold the same elements in the same flat order.
    """
    moving = (place >= 0).nonzero().flatten()
    if not len(moving):
        return False
    used = place[moving]
    if torch.equal(used, used[0] + torch.arange(len(used))):
        return True
    long_sink = [size for size in sink if size > 1]
    long_source = [size for size in source if size > 1]
    if len(long_sink) != len(long_source):
        return bool((used[1:] > used[:-1]).all())
    for to, back in zip(_coordinates(moving, long_sink), _coordinates(used, long_source), strict=True):
        order = torch.argsort(to, stable=True)
        to, back = to[order], back[order]
        step, ahead = to[1:] - to[:-1], back[1:] - back[:-1]
        if bool(((step == 0) != (ahead == 0)).any()) or bool((ahead < 0).any()):
            return False
    return True


def _coordinates(flat: Tensor, shape: list[int]) -> list[Tensor]:
    found = []
    for size in reversed(shape):
        found.append(flat % size)
        flat = flat // size
    return found[::-1]


def close(one: Tensor, other: Tensor, scale: float) -> bool:
    """Return whether numbers are equal up to float64 rounding in a sum of size `scale`."""
    return one.shape == other.shape and bool(((one - other).abs() <= 1e-9 * scale).all())


def size_of(tensor: Tensor) -> float:
    """Return the root mean square of the numbers."""
    return float(tensor.detach().abs().double().pow(2).mean().sqrt()) if tensor.numel() else 0.0
