"""Whether two outputs are equal, bit for bit, whatever containers they come in."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

_DEPTH = 4


def same(one: Any, other: Any) -> bool:
    """Return whether two outputs are equal. Objects are compared by their fields, in any order."""
    ours, theirs = _leaves(one), _leaves(other)
    return ours.keys() == theirs.keys() and all(_equal(ours[path], theirs[path]) for path in ours)


def _equal(one: Tensor, other: Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return torch.equal(one, other) or bool(((one == other) | (one.isnan() & other.isnan())).all())


def _leaves(value: Any, path: tuple[Any, ...] = (), depth: int = 0) -> dict[tuple[Any, ...], Tensor]:
    """Return the tensors by their places: keys, indices, names of fields."""
    if isinstance(value, Tensor):
        return {path: value.detach()}
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, (tuple, list)):
        items = list(enumerate(value))
    elif depth < _DEPTH and hasattr(value, "__dict__") and not isinstance(value, type):
        items, depth = list(vars(value).items()), depth + 1
    else:
        return {}
    found: dict[tuple[Any, ...], Tensor] = {}
    for key, item in items:
        found |= _leaves(item, (*path, key), depth)
    return found
