"""Keeping large weights out of memory: which tensors of a model hold values, and which only a shape."""

from __future__ import annotations

import math
import random
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy
import torch
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode

from archcheck.model.private_torch import make_like

# Elements that may be allocated: once for weights, once for tensors of known values (zeros, masks).
BUDGET = 100_000_000
# From this number of elements on, a factory's tensor is charged to the budget; parameters always are.
LARGE = 2**20

_SEED: ContextVar[int] = ContextVar("seed", default=0)


@contextmanager
def seed(value: int) -> Iterator[None]:
    """Make `seeded` use another seed inside."""
    token = _SEED.set(value)
    try:
        yield
    finally:
        _SEED.reset(token)


@contextmanager
def seeded() -> Iterator[None]:
    """Fix the random numbers of torch, Python and a loaded numpy inside; outside they go on as before."""
    numpy_random = sys.modules.get("numpy.random")
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = numpy_random.get_state() if numpy_random else None
    torch.default_generator.manual_seed(_SEED.get())
    random.seed(_SEED.get())
    if numpy_random:
        numpy_random.seed(_SEED.get())
    try:
        yield
    finally:
        torch.set_rng_state(torch_state)
        random.setstate(python_state)
        if numpy_random:
            numpy_random.set_state(numpy_state)


def tensors(module: nn.Module) -> list[Tensor]:
    """Return the parameters and buffers of a module, each once, without those that have no shape yet."""
    return [tensor for tensor in (*module.parameters(), *module.buffers()) if not is_lazy(tensor)]


def to_meta(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and dtype on the meta device; the tensor itself where it is there."""
    return tensor if tensor.is_meta else torch.empty_like(tensor, device="meta")


def untouched_zeros(tensor: Tensor) -> Tensor:
    """Return zeros on the CPU for a meta tensor, which take no memory until written to.

    calloc maps them to the single zero page of the system, which reading leaves unchanged. If there is not
    even address space, it is a single zero, expanded. Tensors that are not on the meta device are returned.
    """
    if not tensor.is_meta:
        return tensor
    try:
        memory = numpy.zeros(tensor.numel() * tensor.element_size(), dtype=numpy.uint8)
    except MemoryError:
        return torch.zeros((), dtype=tensor.dtype).expand(tensor.shape)
    return torch.from_numpy(memory).view(tensor.dtype).view(tensor.shape)


def replace_tensors(module: nn.Module, convert: Callable[[Tensor], Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Replace each tensor by `convert(tensor)`, in place, and return the pairs (old, new).

    Parameters, buffers and plain attributes count, also in a list, tuple or dict. Unlike with `Module.to`,
    one tensor stays one: tied weights stay tied.
    """
    done: dict[int, tuple[Tensor, Tensor]] = {}

    def converted(tensor: Tensor) -> Tensor:
        if id(tensor) not in done:
            done[id(tensor)] = (tensor, tensor if is_lazy(tensor) else _like(tensor, convert(tensor)))
        return done[id(tensor)][1]

    for owner in module.modules():
        for name, tensor in (*owner._parameters.items(), *owner._buffers.items()):
            if tensor is not None:
                setattr(owner, name, converted(tensor))
        for name, value in list(vars(owner).items()):
            if name not in ("_parameters", "_buffers", "_modules"):
                vars(owner)[name] = _converted_inside(value, converted)
    return list(done.values())


def _converted_inside(value: Any, converted: Callable[[Tensor], Tensor]) -> Any:
    if isinstance(value, Tensor):
        return converted(value)
    parts = value.values() if type(value) is dict else value if type(value) in (list, tuple) else ()
    if not any(isinstance(part, Tensor) for part in parts):
        return value
    if type(value) is dict:
        return {key: _converted_inside(part, converted) for key, part in value.items()}
    return type(value)(_converted_inside(part, converted) for part in value)


def _like(tensor: Tensor, data: Tensor) -> Tensor:
    """Return `data` as what `tensor` is: a parameter, perhaps of a subclass, with its attributes."""
    if data is tensor:
        return tensor
    if isinstance(tensor, nn.Parameter):
        data = make_like(tensor, data)
    vars(data).update(vars(tensor))
    return data


class Sparing(TorchFunctionMode):
    """While a model is built inside, weights beyond the budget get no storage, and all else is on the CPU.

    Factory functions are watched for the sizes requested, and parameters as they are registered, since small
    ones add up. What is beyond the budget is created on the meta device. Values written into it are skipped:
    there is nothing to write, and the first such operation would load hundreds of Python modules. Large
    buffers that are equal tables, such as the causal mask that each layer keeps, become one tensor.
    """

    def __init__(self) -> None:
        super().__init__()
        self.refused_device = False
        self._spent = {"weights": 0, "values": 0}
        self._refused: set[str] = set()
        # Addresses of the storages that are charged already: a parameter shares the one of its tensor.
        self._charged: set[int] = set()
        self._moved: dict[int, tuple[weakref.ref[Tensor], Tensor]] = {}
        self._tables: list[Tensor] = []

    def __enter__(self) -> Sparing:
        # The annotation in torch leaves out that the hook may return a replacement.
        on_parameter: Any = register_module_parameter_registration_hook
        on_buffer: Any = register_module_buffer_registration_hook
        self._hooks = (on_parameter(self._on_registration), on_buffer(self._on_buffer))
        super().__enter__()  # type: ignore[no-untyped-call]
        return self

    def __exit__(self, *exception: Any) -> None:
        super().__exit__(*exception)  # type: ignore[no-untyped-call]
        for hook in self._hooks:
            hook.remove()
        self._tables.clear()

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is Tensor.cuda:
            self.refused_device = True
            return args[0]
        if any(map(_is_accelerator, (*args, kwargs.get("device")))):
            self.refused_device = True
            args = tuple("cpu" if _is_accelerator(value) else value for value in args)
            kwargs = {key: "cpu" if key == "device" else value for key, value in kwargs.items()}
        if function in _FACTORIES and str(kwargs.get("device") or "cpu") == "cpu" and "out" not in kwargs:
            return self._make(function, args, kwargs)
        subject = kwargs.get("tensor", args[0] if args else None)
        if isinstance(subject, Tensor) and subject.is_meta and _only_writes(function):
            return subject
        return function(*args, **kwargs)

    def _make(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
        purpose, shape, dtype = _request(function, args, kwargs)
        elements = math.prod(shape)
        if elements < LARGE or self._afford(purpose, elements):
            made: Tensor = function(*args, **kwargs)
            if elements >= LARGE and not made.is_meta:
                self._charged.add(made.data_ptr())
                if purpose == "values":  # what a mask was made from is gone when the mask is there
                    weakref.finalize(made, self._give_back, purpose, elements).atexit = False
            return made
        return torch.empty(
            shape, dtype=dtype, device="meta", requires_grad=kwargs.get("requires_grad", False)
        )

    def _on_registration(self, module: nn.Module, name: str, parameter: nn.Parameter) -> Tensor | None:
        known, moved = self._moved.get(id(parameter), (None, None))
        if known is not None and known() is parameter:
            return moved
        if is_lazy(parameter) or parameter.is_meta or parameter.data_ptr() in self._charged:
            return None
        if self._afford("weights", parameter.numel()):
            self._charged.add(parameter.data_ptr())
            return None
        moved = _like(parameter, to_meta(parameter))
        self._moved[id(parameter)] = (weakref.ref(parameter), moved)
        return moved

    def _on_buffer(self, module: nn.Module, name: str, buffer: Tensor | None) -> Tensor | None:
        if buffer is None or is_lazy(buffer) or buffer.is_meta or buffer.numel() < LARGE:
            return None
        if bool((buffer.flatten()[0] == buffer).all()):  # a cache perhaps, that each layer writes to
            return None
        for known in self._tables:
            if known.dtype == buffer.dtype and torch.equal(known, buffer):
                return known
        self._tables.append(buffer)
        return None

    def _give_back(self, purpose: str, elements: int) -> None:
        self._spent[purpose] -= elements

    def _afford(self, purpose: str, elements: int) -> bool:
        # After one refusal the whole model goes to the meta device: no more memory for large weights.
        is_refused = purpose in self._refused and elements >= LARGE
        if is_refused or self._spent[purpose] + elements > BUDGET:
            self._refused.add(purpose)
            return False
        self._spent[purpose] += elements
        return True


# What each factory function makes: weights, which are drawn or written later, or values with a meaning.
_FACTORIES: dict[Any, str] = {
    torch.empty: "weights",
    torch.rand: "weights",
    torch.randn: "weights",
    torch.zeros: "values",
    torch.ones: "values",
    torch.full: "values",
    Tensor.new_empty: "weights",
    Tensor.new_zeros: "values",
    Tensor.new_ones: "values",
    Tensor.new_full: "values",
}

# In-place methods that change what a tensor is, not what it holds.
_RESHAPING = re.compile(
    r"(as_strided|detach|rename|requires_grad|resize(_as)?|set|(un)?squeeze|swap(axes|dims)|t|transpose)_"
)

_ACCELERATOR = re.compile(r"(cuda|hip|hpu|mps|mtia|npu|xla|xpu)(:\d+)?")


def _request(
    function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[str, tuple[int, ...], torch.dtype | None]:
    """Return the purpose, shape and dtype (None: the default) requested of a factory function."""
    maker = None
    if args and isinstance(args[0], Tensor):
        maker, args = args[0], args[1:]
    size = kwargs["size"] if "size" in kwargs else args[0] if args else ()
    shape = tuple(map(int, size if isinstance(size, tuple | list) else args))
    dtype = kwargs.get("dtype")
    if dtype is None and maker is not None:
        dtype = maker.dtype
    elif dtype is None and function is torch.full:
        dtype = torch.tensor(kwargs.get("fill_value", args[-1])).dtype
    return _FACTORIES[function], shape, dtype


def _only_writes(function: Any) -> bool:
    name = getattr(function, "__name__", "")
    return name.endswith("_") and not name.startswith("_") and not _RESHAPING.fullmatch(name)


def _is_accelerator(value: object) -> bool:
    if isinstance(value, torch.device):
        return value.type not in ("cpu", "meta")
    return isinstance(value, str) and _ACCELERATOR.fullmatch(value) is not None
