"""Facts about the model's modules beyond the run: their classes, and what their code mentions."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from types import CodeType, FunctionType
from typing import Any
from weakref import WeakKeyDictionary

from torch import nn

from archcheck.dataflow.run import Module
from archcheck.phrasing.module_paths import at_and_above, joined
from archcheck.source_location import Location, location
from archcheck.tracing.loops import decides_alone
from archcheck.tracing.recorder import Recorder

_CONFIGS = ("config", "cfg", "args", "params")
_COUNTED = re.compile("head|expert|layer|block|depth", re.IGNORECASE)
_COUNTED_BY_CONFIG = re.compile("head|expert", re.IGNORECASE)
_CONTAINERS = (nn.ModuleList, nn.ModuleDict, nn.Sequential)
# Code that reaches modules without naming them.
_BY_ANY_NAME = frozenset(
    """
    _modules children modules named_children named_modules getattr get_submodule __dict__ __getattr__
    """.split()
)


def modules(recorder: Recorder) -> dict[str, Module]:
    """Return all modules by path, in the order they were registered, then called ones in plain lists."""
    found = dict(recorder.model.named_modules())
    called = {call.path for call in recorder.tape.calls}
    for call in recorder.tape.calls:
        found.setdefault(call.path, call.module)
    holders = {""} if any(True for _ in recorder.model.parameters()) else set()
    for path, module in found.items():
        if module._parameters and any(value is not None for value in module._parameters.values()):
            holders.update(above for above in at_and_above(path) if above)
    aliases = _aliases(found)
    return {
        path: Module(
            path,
            type(module).__name__,
            path in holders,
            _mentioned(path, found),
            path not in called and _looped(path, found),
            _defined(module),
            _numbers(module),
            tuple(aliases.get(path, ())),
        )
        for path, module in found.items()
    }


def _aliases(found: Mapping[str, nn.Module]) -> dict[str, list[str]]:
    """Return, by the path of a module, the other names that the modules which hold it have for it."""
    names = {id(module): path for path, module in found.items()}
    aliases: dict[str, list[str]] = {}
    for path, module in found.items():
        for name, child in module._modules.items():
            known = names.get(id(child))
            if known is not None and known != joined(path, name):
                aliases.setdefault(known, []).append(joined(path, name))
    return aliases


def escaping(recorder: Recorder) -> frozenset[int]:
    """Return steps whose results no other step reads, but which something still holds after the run."""
    read = {step for each in recorder.tape.steps for operand in each.operands for step in operand}
    found: set[int] = set()
    for index in range(len(recorder.tape.steps)):
        held = recorder.tape.lives(index) if index not in read else None
        if held is not None:
            found.update(recorder.tape.held_by(held))  # what it holds now: it may have been overwritten
    return frozenset(found)


def _defined(module: nn.Module) -> Location | None:
    """Return where the module's forward is defined."""
    forward = getattr(type(module), "forward", None)
    code = getattr(inspect.unwrap(forward), "__code__", None) if isinstance(forward, FunctionType) else None
    return location(code, code.co_firstlineno) if code is not None else None


def _numbers(module: nn.Module) -> dict[str, int]:
    """Return a module's counts of heads, experts and layers, also its config's (not the model's layers)."""
    config = next((vars(module)[name] for name in _CONFIGS if name in vars(module)), None)
    shared = config if isinstance(config, dict) else getattr(config, "__dict__", {})
    found = {name: shared[name] for name in shared if _COUNTED_BY_CONFIG.search(str(name))}
    found |= {name: value for name, value in vars(module).items() if _COUNTED.search(name)}
    return {name: value for name, value in found.items() if type(value) is int}


def _mentioned(path: str, found: dict[str, nn.Module]) -> bool:
    """Return whether a module above mentions this one (or its list) outside `__init__`."""
    owner, _, name = path.rpartition(".")
    while owner and isinstance(found.get(owner), _CONTAINERS):
        owner, _, name = owner.rpartition(".")
    above = [owner[:end] for end in range(len(owner), 0, -1) if end == len(owner) or owner[end] == "."]
    for place in [*above, ""]:
        if place not in found:
            return True
        if not isinstance(found[place], _CONTAINERS):
            names = _names(type(found[place]))
            if name in names or names & _BY_ANY_NAME:
                return True
    return False


_known_names: WeakKeyDictionary[type, frozenset[str]] = WeakKeyDictionary()  # classes of models come and go


def _names(kind: type) -> frozenset[str]:
    """Return the names and strings in the methods of a class, except its construction."""
    if kind in _known_names:
        return _known_names[kind]
    found: set[str] = set()
    for base in kind.__mro__:
        if base in (nn.Module, object):
            continue
        for name, value in vars(base).items():
            if name != "__init__":
                for code in _codes(value):
                    found |= _mentioned_in(code)
    _known_names[kind] = frozenset(found)
    return _known_names[kind]


def _codes(value: Any) -> Iterator[CodeType]:
    if isinstance(value, property):
        value = value.fget
    value = getattr(value, "__func__", value)
    while isinstance(value, FunctionType):
        yield value.__code__
        value = getattr(value, "__wrapped__", None)


def _looped(path: str, found: dict[str, nn.Module]) -> bool:
    """Return whether this is an item of a list, and its owner's code alone decides which items run."""
    of_list, _, _ = path.rpartition(".")
    owner, _, name = of_list.rpartition(".")
    if not isinstance(found.get(of_list), nn.ModuleList) or owner not in found:
        return False
    return decides_alone(type(found[owner]), name)  # type: ignore[arg-type]  # (as above)


def _mentioned_in(code: CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, str):
            found.add(constant)
        elif isinstance(constant, CodeType):
            found |= _mentioned_in(constant)
    return found
