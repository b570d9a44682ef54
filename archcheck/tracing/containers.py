"""The tensors in the arguments and results of a call."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor, nn


def tensors_in(values: Iterable[Any]) -> list[Tensor]:
    """Return every tensor in these values and the containers nested in them, in order."""
    found: list[Tensor] = []
    for value in values:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list, dict)):
            _collect(value, found)
    return found


def tensors_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """Return every tensor among the arguments of a call."""
    found = tensors_in(args)
    if kwargs:
        _collect(kwargs, found)
    return found


def tensors_held(value: Any) -> list[Tensor]:
    """Return every tensor in a value: in nested containers, and in the attributes of objects."""
    found: list[Tensor] = []
    _collect(value, found, objects=True)
    return found


def changed_in(value: Any, change: Callable[[Any], Any], kind: type = Tensor) -> Any:
    """Return `value` with `change` applied to each tensor in it; named tuples become plain ones."""
    if isinstance(value, kind):
        return change(value)
    if isinstance(value, tuple):
        return tuple([changed_in(item, change, kind) for item in value])
    if isinstance(value, list):
        return [changed_in(item, change, kind) for item in value]
    if isinstance(value, dict):
        return {key: changed_in(item, change, kind) for key, item in value.items()}
    return value


def _collect(value: Any, found: list[Tensor], objects: bool = False, depth: int = 0) -> None:
    """Append every tensor inside; by hand, since `torch.utils._pytree` takes several times as long."""
    if isinstance(value, Tensor):
        found.append(value)
    elif isinstance(value, (tuple, list)):
        for item in value:
            _collect(item, found, objects, depth)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, found, objects, depth)
    elif objects and depth < 4 and hasattr(value, "__dict__") and not isinstance(value, (nn.Module, type)):
        for item in vars(value).values():
            _collect(item, found, objects, depth + 1)
