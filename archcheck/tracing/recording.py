"""Hooks through which a recorder sees everything: calls, autograd functions, scripted and compiled parts."""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import torch
from torch import nn

from archcheck.model.private_torch import ScriptFunction, applied, uncompiled, vmap_owner
from archcheck.tracing.recorder import Recorder


@contextlib.contextmanager
def recording(recorder: Recorder) -> Iterator[Callable[..., Any]]:
    """Record everything that runs inside; torch is restored afterwards.

    Yields a function that calls the model: what its own `__call__` does beside `forward` is its as well.
    """
    call_module = recorder.call_module
    apply = vars(torch.autograd.Function)["apply"]
    begun: list[nn.Module] = []  # the model, from its own `__call__` to that of torch

    def recorded_call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
        if recorder.paused or recorder.is_code(module):
            return call_module(module, *args, **kwargs)
        if module in begun:
            begun.clear()
            return call_module(module, *args, **kwargs)
        return called(module, partial(call_module, module), args, kwargs, sys._getframe(1))

    def called(module: nn.Module, function: Any, args: Any, kwargs: Any, frame: FrameType) -> Any:
        index = recorder.enter(module, args, kwargs, frame)
        try:
            out = function(*args, **kwargs)
            return recorder.leave(index, args, kwargs, out)
        finally:
            del recorder.stack[recorder.stack.index(index) :]

    def call_model(*args: Any, **kwargs: Any) -> Any:
        begun.append(recorder.model)
        return called(recorder.model, recorder.model, args, kwargs, sys._getframe(1))

    def recorded_apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
        out = recorder.models_own(applied(apply, cls), args, kwargs)
        return recorder.opaque_call(applied(apply, cls), cls.__name__, args, kwargs, out)

    def recorded_script(function: Any, *args: Any, **kwargs: Any) -> Any:
        out = recorder.models_own(partial(call_script, function), args, kwargs)
        return recorder.opaque_call(function, function.name, args, kwargs, out)

    def recorded_vmap(*args: Any, **kwargs: Any) -> Any:
        out = recorder.models_own(call_vmap, args, kwargs)
        return recorder.opaque_call(partial(call_vmap, *args[:5]), "vmap", args[5:], kwargs, out)

    def recorded_cast(tensor: torch.Tensor, cls: Any) -> Any:
        return recorder.renamed(tensor, as_subclass(tensor, cls))

    def recorded_start(thread: threading.Thread) -> None:
        if recorder.is_recording:
            recorder.follow(thread)
        start_thread(thread)

    as_subclass, start_thread = torch.Tensor.as_subclass, threading.Thread.start
    call_script, vmaps = ScriptFunction.__call__, vmap_owner()
    call_vmap: Any = getattr(vmaps, "vmap_impl", None)
    with contextlib.ExitStack() as undo:
        for owner, name, ours, theirs in (
            (nn.Module, "__call__", recorded_call, call_module),
            (torch.autograd.Function, "apply", classmethod(recorded_apply), apply),
            (ScriptFunction, "__call__", recorded_script, call_script),
            (torch.Tensor, "as_subclass", recorded_cast, as_subclass),
            (threading.Thread, "start", recorded_start, start_thread),
        ):
            setattr(owner, name, ours)
            undo.callback(setattr, owner, name, theirs)
        if vmaps:
            vmaps.vmap_impl = recorded_vmap
            undo.callback(setattr, vmaps, "vmap_impl", call_vmap)
        with uncompiled(), recorder:
            try:
                yield call_model
            finally:
                recorder.is_recording = False
