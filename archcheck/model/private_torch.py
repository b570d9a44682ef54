"""Every undocumented interface of PyTorch that is used, in one place, for 2.4 and later."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, fx

DisableTorchFunction = torch._C.DisableTorchFunction
"""A context in which calls bypass every `__torch_function__`."""

ScriptFunction: Any = torch._C.ScriptFunction
set_grad_enabled: Any = torch._C._set_grad_enabled
enter_autocast: Any = torch.amp.autocast_mode._enter_autocast
exit_autocast: Any = torch.amp.autocast_mode._exit_autocast
qualified_name: Callable[[Any], str] = fx.node._get_qualified_name
alias: Any = torch.ops.aten.alias.default


def vmap_owner() -> Any:
    """Return the module in which `torch.vmap` looks up `vmap_impl`; None if this torch has no such thing."""
    owner = importlib.import_module("torch._functorch.apis")
    return owner if hasattr(owner, "vmap_impl") else None


def make_like(parameter: Tensor, data: Tensor) -> Tensor:
    """Return `data` as an instance of the parameter's class."""
    made: Tensor = torch.Tensor._make_subclass(type(parameter), data.detach(), parameter.requires_grad)
    return made


def storage_id(tensor: Tensor) -> int:
    """Return an id of a storage. Raises NotImplementedError or RuntimeError if there is none."""
    return int(tensor.untyped_storage()._cdata)


def version(tensor: Tensor) -> int:
    """Return how often it was changed in place, views together; RuntimeError on inference tensors."""
    return int(tensor._version)


def is_wrapped(tensor: Tensor) -> bool:
    """Return whether it is a wrapper of `torch.func`, which lives no longer than the transform."""
    return bool(torch._C._functorch.is_functorch_wrapped_tensor(tensor))


def is_any_autocast_enabled() -> bool:
    """Return whether autocast is on for any device."""
    return bool(torch._C._is_any_autocast_enabled())


def attention_kernels() -> tuple[bool, ...]:
    """Return which kernels scaled dot-product attention may choose from: flash, memory-efficient, math."""
    flash, efficient = torch._C._get_flash_sdp_enabled(), torch._C._get_mem_efficient_sdp_enabled()
    return bool(flash), bool(efficient), bool(torch._C._get_math_sdp_enabled())


def applied(apply: Any, function: type) -> Callable[..., Any]:
    """Return `autograd.Function.apply` bound to a subclass: a classmethod, or (2.14) a C descriptor."""
    bound: Callable[..., Any] = apply.__get__(None, function)
    return bound


def uncompiled() -> AbstractContextManager[Any]:
    """Run compiled parts as the Python code they were compiled from; what is not loaded is left alone."""
    if "torch._dynamo" not in sys.modules:
        return contextlib.nullcontext()
    set_stance = getattr(torch.compiler, "set_stance", None)
    if set_stance is not None:
        stance: AbstractContextManager[Any] = set_stance("force_eager")
        return stance
    return _without_frames()


@contextlib.contextmanager
def _without_frames() -> Iterator[None]:
    """Do what `set_stance` does before PyTorch 2.6: no frame is handed to the compiler."""
    eval_frame: Any = importlib.import_module("torch._dynamo.eval_frame")
    original = eval_frame.set_eval_frame
    eval_frame.set_eval_frame = lambda _: None
    try:
        yield
    finally:
        eval_frame.set_eval_frame = original
