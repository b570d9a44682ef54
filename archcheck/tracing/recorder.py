"""The recorder: one real run of a model, put on a tape.

The model runs for real under a `TorchFunctionMode`; every torch call becomes a `Step`, and every module
call a `TapeCall` that brackets the steps made inside it. Python's own control flow (data-dependent branches,
loops over experts) is simply executed. Three rules make in-place code legible:

- A tensor that a call changed is recognised by its version counter.
- What reads it afterwards reads the write, if their elements overlap.
- An in-place call hands back a fresh alias of the tensor it changed, so that code which goes on with the
  result (`x = relu_(x)`) can be told from code that still holds the old name (`y = relu_(x); ... + x`).
"""

from __future__ import annotations

import sys
import threading
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archcheck.dataflow.operations import DROPOUTS, canonical
from archcheck.model.private_torch import (
    DisableTorchFunction,
    alias,
    attention_kernels,
    is_any_autocast_enabled,
    is_wrapped,
)
from archcheck.source_location import is_model_code, location
from archcheck.tracing.containers import tensors_held, tensors_in, tensors_of
from archcheck.tracing.masks import MASKING, mask_of
from archcheck.tracing.model_names import ModelNames
from archcheck.tracing.stand_ins import UNWRITTEN, zeroed
from archcheck.tracing.storage import layout_of, version_of
from archcheck.tracing.tape import ATTRIBUTE, CALL, CONSTANT, FUSED, INPUT, OPAQUE, Step, Tape, TapeCall
from archcheck.tracing.torch_calls import (
    HOST_READS,
    MADE_OF_NUMBERS,
    QUESTIONS,
    SCATTERS,
    VIEW_CALLS,
    autocast_state,
    exchanges_values,
    name_of,
    takes_fast_path,
)


class Recorder(TorchFunctionMode):
    """Puts every torch call, and every module call, of one run on a tape."""

    def __init__(self, model: nn.Module, caller: CodeType) -> None:
        super().__init__()
        self.model = model
        self.caller = caller  # the function that calls the model: nothing above it is model code
        self.call_module = nn.Module.__call__
        self.paused = False
        self.models_error: BaseException | None = None
        self.tape = Tape(self._unknown)
        self._names = ModelNames(model)
        self.outside: tuple[tuple[int, ...], ...] = ()  # whose values left torch, and may come back
        self.is_recording = True
        self._lock = threading.RLock()
        self._thread = threading.local()
        self.remarks: list[str] = []
        self.with_grad = torch.is_grad_enabled()
        self.host_reads: list[tuple[int, tuple[int, ...]]] = []  # (number of steps before, steps read)
        self._user_code: dict[CodeType, bool] = {}

    def models_own(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call what the model called; an error is then the model's, although the innermost line is ours."""
        try:
            return func(*args, **kwargs)
        except BaseException as error:
            self.models_error = error
            raise

    # -- threads ----------------------------------------------------------------------------------

    @property
    def stack(self) -> list[int]:
        """The module calls that this thread is in."""
        stack: list[int] | None = getattr(self._thread, "stack", None)
        if stack is None:
            stack = self._thread.stack = []
        return stack

    def follow(self, thread: threading.Thread) -> None:
        """Record what a thread will run as if it ran inside the calls of this one."""
        run, stack, place = thread.run, list(self.stack), self._place(sys._getframe(2))

        def followed() -> None:
            self._thread.stack, self._thread.place = stack, place
            with self:
                run()

        thread.run = followed  # type: ignore[method-assign]

    # -- torch calls ------------------------------------------------------------------------------

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if not self.is_recording:
            return func(*args, **kwargs)
        with self._lock:
            return self._called(func, args, kwargs)

    def _called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        name = name_of(func)
        if name in QUESTIONS:
            return func(*args, **kwargs)
        tensors = tensors_of(args, kwargs)
        operands = tuple([self.tape.read(tensor) for tensor in tensors])
        versions = [version_of(tensor) for tensor in tensors]
        out = self.models_own(func, args, kwargs)
        if name in UNWRITTEN:
            zeroed(out)
        if exchanges_values(func, name, args):
            self._record_alias(args[1], args[0])
            return out
        written = [
            tensor for tensor, before in zip(tensors, versions, strict=True) if version_of(tensor) != before
        ]
        if len(written) > 1 and name.endswith("_") and any(args[0] is tensor for tensor in written):
            written = [args[0]]  # the others are views of it, and count its changes as their own
        if not written:
            if isinstance(out, Tensor):
                if is_wrapped(out) or (any(out is tensor for tensor in tensors) and name not in DROPOUTS):
                    return out
            elif not isinstance(out, (tuple, list)) or not tensors_in(out):
                if name in HOST_READS:
                    self._note_host_read(name, tensors, operands)
                return out
        return self._record(func, name, args, kwargs, tensors, operands, written, out)

    def _record(
        self,
        func: Any,
        name: str,
        args: Any,
        kwargs: Any,
        tensors: list[Tensor],
        operands: tuple[tuple[int, ...], ...],
        written: list[Tensor],
        out: Any,
    ) -> Any:
        step = Step(CALL, name, operands, self.stack[-1], func, self._frozen(args), self._frozen(kwargs))
        step.stale = self.tape.stale_reads(tensors, operands)
        frame = sys._getframe(3)
        step.instruction = frame.f_lasti
        step.code, step.line = self._place(frame)
        if not tensors and name in MADE_OF_NUMBERS and isinstance(out, Tensor) and self._comes_back(out):
            step.operands, step.hidden = self.outside, True
        if name == "scaled_dot_product_attention":
            step.kernels = attention_kernels()
        if is_any_autocast_enabled():
            step.autocast = autocast_state()
        if name in MASKING:
            step.mask = mask_of(canonical(name), args, kwargs, out)
        index = self.tape.append(step)
        for tensor in written:
            self.tape.written(index, tensor, name, args, operands, tensors)
        if isinstance(out, Tensor):
            if name in DROPOUTS and any(out is tensor for tensor in tensors) and not written:
                with DisableTorchFunction():
                    out = alias(out)
            changed = next((tensor for tensor in written if tensor is out), None)
            if changed is not None:
                step.mutates = self.tape.stand_in(changed)
                if isinstance(out, nn.Parameter):
                    return out
                out = alias(out)
            if tensors and not written and name in VIEW_CALLS:
                step.layout = layout_of(tensors[0], out)
            if name in SCATTERS:
                with DisableTorchFunction():
                    part = SCATTERS[name](
                        out, *args[2:], **{key: kwargs[key] for key in kwargs.keys() - {"src"}}
                    )
                step.name, step.region = "setitem", layout_of(out, part)
            self.tape.bind(out, index)
        else:
            self.tape.bind_parts(out, index, tensors[0] if tensors and name in VIEW_CALLS else None)
        return out

    def _frozen(self, value: Any) -> Any:
        """Return a copy of the containers in `value`, with stand-ins for its tensors."""
        if isinstance(value, Tensor):
            return self.tape.stand_in(value)
        if type(value) is tuple:
            return tuple([self._frozen(item) for item in value])
        if isinstance(value, list):
            return [self._frozen(item) for item in value]
        if type(value) is dict:
            return {key: self._frozen(item) for key, item in value.items()}
        if type(value) is slice:
            return slice(self._frozen(value.start), self._frozen(value.stop), self._frozen(value.step))
        return value

    def _unknown(self, tensor: Tensor) -> Step:
        """Return the step of a tensor that no call made: a parameter, a buffer, or a value from outside."""
        name = self._names.of_tensor(tensor)
        if name is not None:
            return Step(ATTRIBUTE, name, (), 0)
        step = Step(CONSTANT, self._names.of_unregistered(tensor), (), 0)
        if not step.name and self._comes_back(tensor):
            step.operands, step.hidden, step.call = self.outside, True, self.stack[-1]
            step.code, step.line = self._place(sys._getframe(1))
        with DisableTorchFunction():
            step.args = tensor if tensor.is_meta or is_wrapped(tensor) else tensor.detach().clone()
        return step

    def _comes_back(self, tensor: Tensor) -> bool:
        """Return whether an unknown tensor may hold a result computed outside torch from its values."""
        return bool(self.outside) and tensor.is_floating_point() and tensor.numel() > 1

    def _note_host_read(
        self, name: str, tensors: list[Tensor], operands: tuple[tuple[int, ...], ...]
    ) -> None:
        read = tuple(step for operand in operands for step in operand)
        self.host_reads.append((len(self.tape.steps), read))
        if name in ("tolist", "numpy", "__array__") and tensors[0].is_floating_point():
            self.outside = tuple(dict.fromkeys((*self.outside, *operands)))
            code, line = self._place(sys._getframe(3))
            self.remarks.append(
                f"values leave PyTorch through {name}() at {location(code, line)}; "
                "what is computed from them there is not traced"
            )

    def record_input(self, name: str, value: Any) -> None:
        """Put the tensors of one argument on the tape, before the run."""
        for tensor in tensors_in((value,)):
            if not self.tape.knows(tensor):
                step = Step(INPUT, name, (), 0, args=tensor.detach().clone())  # the run may change it
                self.tape.bind(tensor, self.tape.append(step))

    # -- module calls -----------------------------------------------------------------------------

    def is_code(self, module: nn.Module) -> bool:
        """Return whether a module that is called counts as code of its caller, not as a module."""
        if not self.stack:
            return False
        return self._names.is_made_on_the_spot(module, [self.tape.calls[index] for index in self.stack])

    def enter(self, module: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> int:
        """Begin a module call; return its number."""
        calls = self.tape.calls
        path = self._names.of_module(module, (calls[index] for index in reversed(self.stack)))
        parent, first = self.stack[-1] if self.stack else -1, len(self.tape.steps)
        (code, line), inputs = self._place(frame), self.tape.peek(tensors_of(args, kwargs))
        calls.append(TapeCall(module, path, parent, first, first, code, line, inputs))
        self.stack.append(len(calls) - 1)
        return self.stack[-1]

    def leave(self, index: int, args: Any, kwargs: Any, out: Any) -> Any:
        """End a module call; return its output."""
        call = self.tape.calls[index]
        tensors = tensors_held(out)
        unknown = [tensor for tensor in tensors if self._is_unknown(tensor)]
        for tensor in unknown:
            if self._comes_back(tensor):
                self.tape.adopt(tensor)
        if any(self._is_unknown(tensor) for tensor in unknown):
            self._record_opaque(call.module, call.path, args, kwargs, out)
            call.opaque = True
        if takes_fast_path(call.module):
            out = self._fused(call.module, args, kwargs, out)
            tensors = tensors_in((out,))
        if isinstance(out, Tensor) and self._passes_through(out, args, call):
            out = self._alias(out)
            tensors = [out]
        call.outputs = self.tape.peek([tensor for tensor in tensors if self.tape.knows(tensor)])
        call.end = len(self.tape.steps)
        return out

    def _is_unknown(self, tensor: Tensor) -> bool:
        """Return whether this is neither on the tape nor a parameter or buffer of the model."""
        return not self.tape.knows(tensor) and self._names.of_tensor(tensor) is None

    def _fused(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        """Go on with the fused kernel's values, as without a recorder; its parts are the Python code's."""
        self.paused = True
        try:
            with DisableTorchFunction():
                values = self.call_module(module, *args, **kwargs)
                ours, theirs = tensors_in((out,)), tensors_in((values,))
                same = len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))
        finally:
            self.paused = False
        if same or len(ours) != len(theirs) or any(tensor.is_meta for tensor in ours):
            return out
        caller = self.tape.calls[self.stack[-1]]
        step = Step(FUSED, "alias", (), self.stack[-1], module, self._frozen(args), self._frozen(kwargs))
        step.code, step.line = caller.code, caller.line
        index = self.tape.append(step)
        if isinstance(values, Tensor):
            step.operands = (self.tape.read(out),)
            self.tape.bind(values, index)
            return values
        self.tape.bind_parts(values, index)
        for ours_part, part in zip(ours, theirs, strict=True):
            number = self.tape.made(part)
            copy = self.tape.steps[number]
            copy.name, copy.operands = "alias", (self.tape.read(ours_part),)
            self.tape.bind(part, number)
        return values

    def _passes_through(self, out: Tensor, args: Any, call: TapeCall) -> bool:
        """Record a module that returns its own argument (Identity, dropout in evaluation) as a step."""
        if isinstance(out, nn.Parameter):
            return False
        made = self.tape.made(out)
        return 0 <= made < call.first and any(out is tensor for tensor in tensors_in(args))

    def renamed(self, tensor: Tensor, made: Tensor) -> Tensor:
        """Record that `made` is `tensor` in another class, where torch does not report it."""
        if self.is_recording and self.stack and self.tape.knows(tensor) and not self.tape.knows(made):
            self._record_alias(tensor, made)
        return made

    def _alias(self, tensor: Tensor) -> Tensor:
        with DisableTorchFunction():
            made: Tensor = alias(tensor)
        self._record_alias(tensor, made)
        return made

    def _record_alias(self, tensor: Tensor, made: Tensor) -> None:
        """Record that from now on `made` is `tensor` under another name."""
        operands, caller = (self.tape.read(tensor),), self.tape.calls[self.stack[-1]]
        step = Step(CALL, "alias", operands, self.stack[-1], alias, (self.tape.stand_in(tensor),))
        step.code, step.line = caller.code, caller.line
        self.tape.bind(made, self.tape.append(step))

    def _record_opaque(self, func: Any, label: str, args: Any, kwargs: Any, out: Any) -> None:
        tensors = tensors_of(args, kwargs)
        operands = tuple([self.tape.read(tensor) for tensor in tensors])
        step = Step(OPAQUE, label, operands, self.stack[-1], func, self._frozen(args), self._frozen(kwargs))
        step.code, step.line = self._place(sys._getframe(2))
        index = self.tape.append(step)
        if isinstance(out, Tensor):
            self.tape.bind(out, index)
        else:
            self.tape.bind_parts(out, index)
        self.remarks.append(
            f"{label or type(self.model).__name__} (called at {location(step.code, step.line)}) "
            "can't be traced inside and counts as one operation"
        )

    def opaque_call(self, func: Any, label: str, args: Any, kwargs: Any, out: Any) -> Any:
        """Record a custom autograd function or a scripted one after its call, unless its parts were seen."""
        tensors = tensors_in(out if isinstance(out, (tuple, list)) else (out,))
        unseen = any(not self.tape.knows(tensor) for tensor in tensors)
        if not any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors):
            return out  # indices and masks (made under vmap, say) carry no stream: they are constants
        if self.stack and not self.paused and unseen and not any(map(is_wrapped, tensors)):
            self._record_opaque(func, label, args, kwargs, out)
        return out

    def _place(self, frame: FrameType | None) -> tuple[CodeType | None, int]:
        """Return the innermost line of model code at or above `frame`."""
        user_code = self._user_code
        while frame is not None:
            code = frame.f_code
            is_user = user_code.get(code)
            if is_user is None:
                is_user = user_code[code] = is_model_code(code.co_filename)
            if is_user:
                return code, frame.f_lineno
            if code is self.caller:
                break
            frame = frame.f_back
        place: tuple[CodeType | None, int] = getattr(self._thread, "place", (None, 0))
        return place
