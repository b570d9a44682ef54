"""From the tape to a `torch.fx.GraphModule` that runs it again.

The module takes what the model's forward took and returns what it returned, bit for bit: the same calls in
the same order on the same parameters. Python values that the run computed (shapes, `.item()`, branches
taken) stand in it as constants.
"""

from __future__ import annotations

import builtins
import copy
import keyword
import operator
import types
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, fx, nn

from archcheck.model.private_torch import (
    attention_kernels,
    enter_autocast,
    exit_autocast,
    qualified_name,
    set_grad_enabled,
)
from archcheck.tracing.containers import tensors_held
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.stand_ins import UNWRITTEN, zeroed
from archcheck.tracing.tape import ATTRIBUTE, CONSTANT, FUSED, INPUT, OPAQUE, Step

_PLAIN = frozenset([bool, int, float, complex, str, type(None), type(...)]) | {
    torch.dtype,
    torch.device,
    torch.layout,
    torch.memory_format,
}
# Python's spelling of the Tensor methods behind operators; reflected ones take their operands swapped.
_OPERATORS = {
    f"__{name.rstrip('_')}__": getattr(operator, name)
    for name in """
    add sub mul truediv floordiv mod pow matmul and_ or_ xor lshift rshift neg pos invert abs lt le eq ne gt
    ge iadd isub imul itruediv getitem setitem
    """.split()
}
REFLECTED = {
    f"__r{name}__": getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "pow", "matmul", "floordiv", "mod")
}


def graph_module(recorder: Recorder, arguments: Mapping[str, Any], output: Any) -> fx.GraphModule:
    """Return the recorded run as a module whose forward takes `arguments`, in their order."""
    return _GraphBuilder(recorder).build(arguments, output)


def copied_inputs(recorder: Recorder, value: Any) -> Any:
    """Return `value` with copies of the run's inputs, as they were before the run."""
    before = {id(step.out): step.args for step in recorder.tape.steps if step.kind == INPUT}

    def copied(value: Any) -> Any:
        if isinstance(value, Tensor):
            return before[id(value)].clone()
        if type(value) in (tuple, list):
            return type(value)(copied(item) for item in value)
        return {key: copied(item) for key, item in value.items()} if type(value) is dict else value

    return copied(value)


class _GraphBuilder:
    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.graph = fx.Graph()
        self.root: dict[str, Any] = {}
        self.nodes: dict[int, fx.Node] = {}  # step -> node
        self.known: dict[int, fx.Node] = {}  # id of tensor or container -> node
        self.autocast: tuple[Any, fx.Node] | None = None
        self.with_grad = self.grad = recorder.with_grad
        self.kernels = self.all_kernels = attention_kernels()
        self.leaves: dict[str, Tensor] = {
            **dict(recorder.model.named_parameters(remove_duplicate=False)),
            **dict(recorder.model.named_buffers(remove_duplicate=False)),
        }

    def build(self, arguments: Mapping[str, Any], output: Any) -> fx.GraphModule:
        for name, value in arguments.items():
            self._input(self.graph.placeholder(_identifier(name)), value)
        for index, step in enumerate(self.recorder.tape.steps):
            if step.kind == INPUT:
                self.nodes[index] = self.known[id(step.out)]
                self.nodes[index].meta["step"] = self.nodes[index].meta["input"] = index
                continue
            node = self._node(index, step)
            self.nodes[index] = node
            node.meta["step"] = index
            if isinstance(step.out, Tensor):
                self.known[id(step.out)] = node
            if step.call >= 0:
                node.meta["module"] = self.recorder.tape.calls[step.call].path
            if step.code is not None:
                node.meta["location"] = (step.code.co_filename, step.line)
        self._leave_autocast()
        self._grad(self.with_grad)
        self._kernels(self.all_kernels)
        self.graph.output(self._output(output))
        return fx.GraphModule(self.root, self.graph, "Replay")

    def _input(self, node: fx.Node, value: Any) -> None:
        if isinstance(value, Tensor):
            self.known.setdefault(id(value), node)
        elif isinstance(value, (list, tuple, dict)):
            for key, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(item, (Tensor, list, tuple, dict)):
                    self._input(self.graph.call_function(operator.getitem, (node, key)), item)

    def _node(self, index: int, step: Step) -> fx.Node:
        if step.kind == ATTRIBUTE:
            return self._attribute(step.name, self.leaves[step.name])
        if step.kind == CONSTANT:
            return self._attribute(f"_constant_{index}", step.args)
        if step.origin is not None:
            parent, position = step.origin
            return self.graph.call_function(operator.getitem, (self.nodes[parent], position))
        self._autocast(step.autocast)
        self._grad(step.with_grad)
        self._kernels(step.kernels)
        args = tuple(self._argument(value, f"{index}_{place}") for place, value in enumerate(step.args))
        kwargs = {key: self._argument(value, f"{index}_{key}") for key, value in step.kwargs.items()}
        func, name = step.func, getattr(step.func, "__name__", "")
        if isinstance(func, nn.Module):
            self.root[f"_opaque_{index}"] = func
            return self.graph.call_module(f"_opaque_{index}", args, kwargs)
        if step.kind in (OPAQUE, FUSED):
            return self.graph.call_function(_Named(func), args, kwargs)
        if name == "__get__":
            return self.graph.call_function(getattr, (args[0], step.name))
        if name in REFLECTED and not kwargs:
            node = self.graph.call_function(REFLECTED[name], (args[1], args[0]))
            node.meta["reflected"] = True
            return node
        if step.name in UNWRITTEN:
            return self.graph.call_function(_Named(_Zeroed(func)), args, kwargs)
        is_method = getattr(Tensor, name, None) is func
        if is_method and name in _OPERATORS and not kwargs:
            return self.graph.call_function(_OPERATORS[name], args)
        if is_method:
            return self.graph.call_method(name, args, kwargs)
        return self.graph.call_function(_importable(func), args, kwargs)

    def _attribute(self, name: str, value: Any) -> fx.Node:
        self.root[name] = value
        return self.graph.get_attr(name)

    def _argument(self, value: Any, place: str) -> Any:
        """Return `value` with tensors replaced by their nodes and foreign objects by module attributes."""
        if isinstance(value, Tensor):
            return self.known[id(value)]
        if type(value) in (tuple, list, torch.Size):
            parts = [self._argument(item, f"{place}_{at}") for at, item in enumerate(value)]
            return parts if type(value) is list else tuple(parts)
        if type(value) is dict and all(isinstance(key, str) for key in value):
            return {key: self._argument(item, f"{place}_{key}") for key, item in value.items()}
        if isinstance(value, slice):
            bounds = (value.start, value.stop, value.step)
            return slice(*(self._argument(item, f"{place}_{at}") for at, item in enumerate(bounds)))
        if type(value) in _PLAIN:
            return value
        return self._attribute(f"_object_{_identifier(place)}", value)

    def _autocast(self, state: tuple[Any, ...] | None) -> None:
        if state == (self.autocast[0] if self.autocast else None):
            return
        self._leave_autocast()
        if state is not None:
            device, dtype, cache = state
            self.autocast = (state, self.graph.call_function(enter_autocast, (device, dtype, True, cache)))

    def _leave_autocast(self) -> None:
        if self.autocast is not None:
            self.graph.call_function(exit_autocast, (self.autocast[1],))
            self.autocast = None

    def _grad(self, enabled: bool) -> None:
        if enabled != self.grad:
            self.graph.call_function(set_grad_enabled, (enabled,))
            self.grad = enabled

    def _kernels(self, enabled: tuple[bool, ...] | None) -> None:
        """Let attention choose from the kernels that the model's code allowed."""
        if enabled is None or enabled == self.kernels:
            return
        cuda = torch.backends.cuda
        switches = (cuda.enable_flash_sdp, cuda.enable_mem_efficient_sdp, cuda.enable_math_sdp)
        for switch, on in zip(switches, enabled, strict=True):
            self.graph.call_function(switch, (on,))
        self.kernels = enabled

    def _output(self, value: Any, seen: frozenset[int] = frozenset()) -> Any:
        if isinstance(value, Tensor):
            node = self.known.get(id(self.recorder.tape.stand_in(value)))
            return node if node is not None else self._attribute(f"_output_{len(self.root)}", value.detach())
        if type(value) in (tuple, list):
            parts = [self._output(item, seen) for item in value]
            return tuple(parts) if type(value) is tuple else parts
        if type(value) is dict and all(isinstance(key, str) for key in value):
            return {key: self._output(item, seen) for key, item in value.items()}
        if isinstance(value, tuple):  # a named tuple
            return self.graph.call_function(_Named(type(value)), tuple(self._output(item) for item in value))
        if type(value) in _PLAIN:
            return value
        if id(value) in seen or not hasattr(value, "__dict__") or isinstance(value, (type, nn.Module)):
            return self._argument(value, f"output_{len(self.root)}")
        seen |= {id(value)}
        fields = {name: self._output(item, seen) for name, item in vars(value).items() if tensors_held(item)}
        items = None
        if isinstance(value, dict):  # an ordered dict with fields, such as a model output
            items = {str(key): self._output(item, seen) for key, item in value.items()}
        template = self._argument(_Template(value), f"output_{len(self.root)}")
        return self.graph.call_function(_Named(_filled), (template, fields, items))


class _Template:
    def __init__(self, value: Any) -> None:
        self.value = value


def _filled(template: _Template, fields: dict[str, Any], items: dict[str, Any] | None) -> Any:
    """Return a copy of an output object with its tensors replaced."""
    value = copy.copy(template.value)
    vars(value).update(fields)
    for key, item in (items or {}).items():
        dict.__setitem__(value, key, item)
    return value


class _Named:
    """A callable that fx can print: it enters the generated code as an object, not by import path."""

    def __init__(self, func: Callable[..., Any]) -> None:
        self.func = func
        self.__name__ = _identifier(getattr(func, "__name__", type(func).__name__))
        self.__qualname__ = self.__name__
        self.__module__ = __name__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.func(*args, **kwargs)


class _Zeroed:
    """A stand-in for a function that returns uninitialised memory: it returns zeros."""

    def __init__(self, func: Callable[..., Tensor]) -> None:
        self.func = func
        self.__name__ = getattr(func, "__name__", "empty")

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        return zeroed(self.func(*args, **kwargs))


def _importable(func: Callable[..., Any]) -> Callable[..., Any]:
    """Return `func` itself if fx can write its name into code, else a named stand-in."""
    if isinstance(func, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return _Named(func)
    try:
        path = qualified_name(func)
        found: Any = {"torch": torch}
        first, *rest = path.split(".")
        found = found.get(first)
        for part in rest:
            found = getattr(found, part)
    except (AttributeError, RuntimeError, TypeError):
        return _Named(func)
    return func if found is func else _Named(func)


def _identifier(name: str) -> str:
    cleaned = "".join(char if char.isalnum() or char == "_" else "_" for char in name)
    if not cleaned or cleaned[0].isdigit() or keyword.iskeyword(cleaned) or hasattr(builtins, cleaned):
        cleaned = f"_{cleaned}"
    return cleaned
