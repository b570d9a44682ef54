"""Plain data to JSON and back, directed by the types of the fields.

A dataclass is the list of its fields' values. Where a field's type is open (`Any`), the value may be a
number, a text, a boolean, None, a list, and, each as an object of one key, a tuple, a mapping or a slice.

>>> encode(tuple[int, ...], (1, 2)), decode(tuple[int, ...], [1, 2])
([1, 2], (1, 2))
>>> decode(Any, encode(Any, {"dims": (0, slice(None))}))
{'dims': (0, slice(None, None, None))}
"""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from operator import attrgetter
from typing import Any

Convert = Callable[[Any], Any]

_SCALARS = (str, int, float, bool, type(None))


def encode(kind: Any, value: Any) -> Any:
    """Return `value`, of the type `kind`, in a form that JSON can hold. Raises TypeError if it can't."""
    convert = _encoder(kind)
    return value if convert is None else convert(value)


def decode(kind: Any, value: Any) -> Any:
    """Return the value of the type `kind` that `encode` was given."""
    convert = _decoder(kind)
    return value if convert is None else convert(value)


@cache
def _encoder(kind: Any) -> Convert | None:
    """Return how to encode; None if JSON holds the value as it is."""
    if kind in _SCALARS:
        return None
    if is_dataclass(kind):
        return _dataclass_encoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return attrgetter("value")
    origin, parts = _origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return _optional(_encoder(_member(kind)))
    if origin is tuple and parts[-1:] != (...,):
        each = [_encoder(part) for part in parts]
        return None if not any(each) else lambda value: list(map(_apply, each, value))
    if origin in (tuple, list, frozenset):
        return _items_encoder(_encoder(parts[0]), as_list=origin is frozenset)
    if origin is dict and parts[0] is str:
        one = _encoder(parts[1])
        return None if one is None else lambda value: {key: one(item) for key, item in value.items()}
    return _open


@cache
def _decoder(kind: Any) -> Convert | None:
    """Return how to decode; None if the value is as JSON gave it."""
    if kind in _SCALARS:
        return float if kind is float else None
    if is_dataclass(kind) and isinstance(kind, type):
        return _dataclass_decoder(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    origin, parts = _origin(kind), typing.get_args(kind)
    if origin is typing.Union:
        return _optional(_decoder(_member(kind)))
    if origin is tuple and parts[-1:] != (...,):
        each = [_decoder(part) for part in parts]
        return tuple if not any(each) else lambda value: tuple(map(_apply, each, value))
    if origin in (tuple, list, frozenset):
        one = _decoder(parts[0])
        return origin if one is None else lambda value: origin(map(one, value))
    if origin is dict and parts[0] is str:
        item = _decoder(parts[1])
        return None if item is None else lambda value: {key: item(part) for key, part in value.items()}
    return _opened


def _origin(kind: Any) -> Any:
    """Return the kind of container; for a mere interface, a list or a dict."""
    origin = typing.get_origin(kind)
    if origin is Sequence:
        return list
    if origin is Mapping:
        return dict
    return typing.Union if origin is types.UnionType else origin


def _member(kind: Any) -> Any:
    """Return `X` of `X | None`; other unions are not decided."""
    members = [part for part in typing.get_args(kind) if part is not type(None)]
    return members[0] if len(members) == 1 else Any


def _optional(convert: Convert | None) -> Convert | None:
    return None if convert is None else lambda value: None if value is None else convert(value)


def _apply(convert: Convert | None, value: Any) -> Any:
    return value if convert is None else convert(value)


def _items_encoder(one: Convert | None, as_list: bool) -> Convert | None:
    if as_list:  # a set, which has an order only by its values
        return lambda value: sorted(value if one is None else map(one, value))
    return None if one is None else lambda value: list(map(one, value))


def _dataclass_encoder(kind: Any) -> Convert:
    @cache
    def each() -> list[
        tuple[Convert, Convert | None]
    ]:  # made late, as a class may have its own type as a field
        return [(attrgetter(name), _encoder(hint)) for name, hint in _hints(kind).items()]

    return lambda value: [get(value) if convert is None else convert(get(value)) for get, convert in each()]


def _dataclass_decoder(kind: Any) -> Convert:
    @cache
    def each() -> list[Convert | None]:
        return [_decoder(hint) for hint in _hints(kind).values()]

    return lambda value: kind(*map(_apply, each(), value))


def _hints(kind: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {each.name: hints[each.name] for each in fields(kind)}


def _open(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, list):
        return [_open(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_open(item) for item in value]}
    if isinstance(value, Mapping):
        return {"mapping": [[_open(key), _open(item)] for key, item in value.items()]}
    if isinstance(value, slice):
        return {"slice": [_open(part) for part in (value.start, value.stop, value.step)]}
    raise TypeError(f"a value of type {type(value).__name__} is not plain data")


def _opened(value: Any) -> Any:
    if isinstance(value, list):
        return [_opened(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, parts),) = value.items()
    if kind == "mapping":
        return {_opened(key): _opened(item) for key, item in parts}
    return (tuple if kind == "tuple" else lambda parts: slice(*parts))(map(_opened, parts))
