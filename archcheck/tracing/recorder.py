"""The recorder: one real run of a model, put on a tape.

The model runs for real under a `TorchFunctionMode`; every torch call becomes a `Step`, and every module
call a `Call` that brackets the steps made inside it. Python's own control flow (data-dependent branches,
loops over experts) is simply executed. Three rules make in-place code legible:

- A tensor that a call changed is recognised by its version counter.
- What reads it afterwards reads the write, if their elements overlap.
- An in-place call hands back a fresh alias of the tensor it changed, so that code which goes on with the
  result (`x = relu_(x)`) can be told from code that still holds the old name (`y = relu_(x); ... + x`).
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Iterable, Iterator
from types import CodeType, FrameType
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from archcheck.dataflow.operations import DROPOUTS, LIKE, UNIFORM, VIEWS, canonical
from archcheck.model.private_torch import (
    DisableTorchFunction,
    alias,
    attention_kernels,
    is_any_autocast_enabled,
    is_wrapped,
)
from archcheck.source_location import is_model_code, location
from archcheck.tracing.masks import MASKING, mask_of
from archcheck.tracing.storage import (
    Write,
    covers,
    extent_of,
    is_everything,
    layout_of,
    may_overlap,
    part_of,
    storage_of,
    version_of,
)
from archcheck.tracing.tape import ATTRIBUTE, CALL, CONSTANT, FUSED, INPUT, OPAQUE, Call, Step

# Torch's layers with a fused kernel for inference: what their Python code computes, rounded otherwise.
_FUSED = (nn.TransformerEncoderLayer, nn.MultiheadAttention)

# What only asks a tensor about itself is no part of the dataflow, and is asked often.
_QUESTIONS = frozenset(
    """
    size dim numel stride is_floating_point is_complex is_contiguous element_size __len__ __repr__
    __format__ __hash__ data_ptr storage_offset get_device untyped_storage is_inference has_names shape
    dtype device ndim is_cuda is_meta layout requires_grad is_leaf is_sparse is_quantized is_nested
    grad_fn names itemsize nbytes _version __dir__ is_mps is_cpu is_xpu is_mkldnn is_shared is_pinned
    """.split()
)
# Reads of a tensor's values into Python: control flow and constants that the dataflow can't show.
_HOST_READS = frozenset(
    """
    item tolist numpy __array__ __bool__ __int__ __float__ __index__ __contains__ equal allclose
    is_nonzero
    """.split()
)
# What makes a tensor of numbers that Python or NumPy holds.
_MADE_OF_NUMBERS = frozenset(["tensor", "as_tensor", "asarray", "from_numpy", "frombuffer"])
# What may give a view, by the names that torch's functions have.
_VIEWS = VIEWS | {"__getitem__"}
# In-place calls that do not look at what they overwrite.
_OVERWRITES = frozenset(
    """
    copy_ fill_ zero_ normal_ uniform_ bernoulli_ random_ exponential_ trunc_normal_ set_
    """.split()
)
# What they leave in memory is zeros in a recorded run, and when it is replayed: chance is no value.
UNWRITTEN = frozenset(
    ["empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"]
)


class Recorder(TorchFunctionMode):
    """Puts every torch call, and every module call, of one run on a tape."""

    def __init__(self, model: nn.Module, caller: CodeType) -> None:
        super().__init__()
        self.model = model
        self.caller = caller  # the function that calls the model: what is above it is no model code
        self.call_module = nn.Module.__call__
        self.paused = False
        self.models_error: BaseException | None = None
        self.steps: list[Step] = []
        self.calls: list[Call] = []
        self.outside: tuple[tuple[int, ...], ...] = ()  # whose values left torch, and may come back
        self.is_recording = True
        self._lock = threading.RLock()
        self._thread = threading.local()
        self.remarks: list[str] = []
        self.with_grad = torch.is_grad_enabled()
        self.host_reads: list[tuple[int, tuple[int, ...]]] = []  # (number of steps before, steps read)
        self._ids: dict[int, int] = {}  # id of a tensor object -> the step that made it
        self._held: list[Tensor] = []  # parameters of modules that the model does not register
        self._living: dict[int, weakref.ref[Tensor]] = {}  # step -> its tensor, as long as the model holds it
        self._of_input: set[int] = set()  # steps whose results depend on the input
        self._writes: dict[int, list[Write]] = {}  # storage -> its writes, oldest first
        self._paths = {id(module): name for name, module in model.named_modules(remove_duplicate=True)}
        self._attributes = _attributes(model)
        self._foreign: dict[int, str] = {}  # parameters of modules that the model does not register
        self._user_code: dict[CodeType, bool] = {}

    def models_own(self, func: Any, args: Any, kwargs: Any) -> Any:
        """Call what the model called; an error is then the model's, though the innermost line is ours."""
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
        """Record what a thread will run as if the calls of this one went on there."""
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
        name: str = getattr(func, "__name__", "")
        if name == "__get__":
            name = func.__self__.__name__
        if name in _QUESTIONS:
            return func(*args, **kwargs)
        tensors = _tensors(args)
        if kwargs:
            _collect(kwargs, tensors)
        operands = tuple([self._read(tensor) for tensor in tensors])
        versions = [version_of(tensor) for tensor in tensors]
        out = self.models_own(func, args, kwargs)
        if name in UNWRITTEN:
            zeroed(out)
        written = [
            tensor for tensor, before in zip(tensors, versions, strict=True) if version_of(tensor) != before
        ]
        if len(written) > 1 and name.endswith("_") and any(args[0] is tensor for tensor in written):
            written = [args[0]]  # the others are views of it, and count its changes as their own
        if not written:
            if isinstance(out, Tensor):
                if is_wrapped(out) or (any(out is tensor for tensor in tensors) and name not in DROPOUTS):
                    return out
            elif not isinstance(out, (tuple, list)) or not _tensors(out):
                if name in _HOST_READS:
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
        step = Step(CALL, func, self._frozen(args), self._frozen(kwargs), operands, self.stack[-1])
        step.name = name
        step.stale = self._stale_reads(tensors, operands)
        frame = sys._getframe(3)
        step.instruction = frame.f_lasti
        step.code, step.line = self._place(frame)
        if not tensors and name in _MADE_OF_NUMBERS and isinstance(out, Tensor) and self._comes_back(out):
            step.operands, step.hidden = self.outside, True
        if name == "scaled_dot_product_attention":
            step.kernels = attention_kernels()
        if is_any_autocast_enabled():
            step.autocast = _autocast_state()
        if name in MASKING:
            step.mask = mask_of(canonical(name), args, kwargs, out)
        index = self._append(step)
        for tensor in written:
            self._written(index, tensor, name, args, operands, tensors)
        if isinstance(out, Tensor):
            if name in DROPOUTS and any(out is tensor for tensor in tensors) and not written:
                with DisableTorchFunction():
                    out = alias(out)
            changed = next((tensor for tensor in written if tensor is out), None)
            if changed is not None:
                step.mutates = self.stand_in(changed)
                if isinstance(out, nn.Parameter):
                    return out
                out = alias(out)
            if tensors and not written and name in _VIEWS:
                step.layout = layout_of(tensors[0], out)
            self._bind(out, index)
        else:
            self._bind_parts(out, index, tensors[0] if tensors and name in _VIEWS else None)
        return out

    def _frozen(self, value: Any) -> Any:
        """A copy of the containers in `value`, since the model may change its lists after the call, with what
        stands for its tensors."""
        if isinstance(value, Tensor):
            return self.stand_in(value)
        if type(value) is tuple:
            return tuple([self._frozen(item) for item in value])
        if isinstance(value, list):
            return [self._frozen(item) for item in value]
        if type(value) is dict:
            return {key: self._frozen(item) for key, item in value.items()}
        if type(value) is slice:
            return slice(self._frozen(value.start), self._frozen(value.stop), self._frozen(value.step))
        return value

    def _append(self, step: Step) -> int:
        self.steps.append(step)
        return len(self.steps) - 1

    def _bind(self, tensor: Tensor, index: int) -> None:
        """Know `tensor` as the result of a step, for as long as the model keeps it.

        The tape keeps what stands for it: a tensor of the same shape without memory (on the meta device; of
        one number, where it holds no other), or one with its memory where its values are no activation, and
        may be asked for.
        """
        step, key = self.steps[index], id(tensor)
        if step.name in UNIFORM or step.name in UNWRITTEN:
            step.out = _uniform(tensor)
        elif self._is_of_input(index) and step.kind != INPUT:
            step.out = _outline(tensor)
        else:
            step.out = _shared(tensor) if step.kind == CALL else tensor
        self._ids[key] = index
        self._living[index] = weakref.ref(tensor, lambda _: self._forget(key, index))

    def _is_of_input(self, index: int) -> bool:
        step = self.steps[index]
        reads = () if step.name in LIKE else (read for operand in step.operands for read in operand)
        if not self._of_input.isdisjoint(reads):
            self._of_input.add(index)
        return index in self._of_input

    def is_of_input(self, reads: Iterable[int]) -> bool:
        """Were any of these values computed from an input's?"""
        return not self._of_input.isdisjoint(reads)

    def _forget(self, key: int, index: int) -> None:
        """The tensor is gone; its id may become another's."""
        if self._ids.get(key) == index:
            del self._ids[key]
        self._living.pop(index, None)

    def lives(self, index: int) -> Tensor | None:
        """The tensor that a step made, where something beside the tape still holds it."""
        living = self._living.get(index)
        tensor = living() if living is not None else None
        if tensor is None or (tensor is self.steps[index].out and sys.getrefcount(tensor) <= 3):
            return None  # the step, the name here, and the call of getrefcount
        return tensor

    def value(self, index: int) -> Tensor | None:
        """The values that a step made, where the tape has them."""
        step = self.steps[index]
        value = step.args if step.kind == CONSTANT else step.out
        if value is None and step.mutates is not None and 0 not in step.mutates.stride():
            value = step.mutates
        return value if isinstance(value, Tensor) and not value.is_meta else None

    def stand_in(self, tensor: Tensor) -> Tensor:
        """What stands on the tape for a tensor that the model holds; the tensor itself if it is unknown."""
        index = self._ids.get(id(tensor))
        made = self.steps[index].out if index is not None else None
        return made if isinstance(made, Tensor) else tensor

    def _bind_parts(self, out: Any, index: int, whole: Tensor | None = None) -> None:
        """Name the tensors inside a result: one `getitem` step each, nested where the result is. They may be
        views of `whole`."""
        if not isinstance(out, (tuple, list)):
            return
        parent = self.steps[index]
        self._is_of_input(index)
        for position, part in enumerate(out):
            if isinstance(part, Tensor) and id(part) in self._ids:
                continue
            if isinstance(part, (Tensor, tuple, list)) and (isinstance(part, Tensor) or _tensors(part)):
                step = Step(CALL, None, None, {}, ((index,),), parent.call)
                step.name = "getitem"
                step.origin = (index, position)
                step.code, step.line = parent.code, parent.line
                child = self._append(step)
                if isinstance(part, Tensor):
                    step.layout = layout_of(whole, part) if whole is not None else None
                    self._bind(part, child)
                else:
                    self._bind_parts(part, child)

    def _written(
        self, index: int, tensor: Tensor, name: str, args: Any, operands: Any, tensors: list[Tensor]
    ) -> None:
        step = self.steps[index]
        step.mutates = self.stand_in(tensor)
        blind = name in _OVERWRITES or (name == "__setitem__" and is_everything(args[1]))
        is_out = step.kwargs.get("out") is self.stand_in(tensor)
        if (blind and tensors[0] is tensor) or is_out:
            # What is written to stands first, or, as `out`, last: it may be an operand as well.
            place = len(tensors) - 1 if is_out else 0
            step.operands = (*operands[:place], *operands[place + 1 :])
        key = storage_of(tensor)
        touched: Tensor | None = tensor
        if name == "__setitem__" and args[0] is tensor:
            touched = part_of(tensor, args[1])
        if touched is not None:
            step.region = layout_of(tensor, touched)
        touched = tensor if touched is None else touched
        self._writes.setdefault(key, []).append(Write(index, step.mutates, touched))

    def _read(self, tensor: Tensor) -> tuple[int, ...]:
        """The steps whose results a read of `tensor` sees now: its own, or later writes to its elements."""
        own = self._ids.get(id(tensor))
        if own is None:
            own = self._adopt(tensor)
        elif self.steps[own].mutates is not None:
            self.steps[own].rebound = True
        if not self._writes:
            return (own,)
        writes = self._writes.get(storage_of(tensor))
        if not writes or writes[-1].step <= own:
            return (own,)
        extent, stand_in = extent_of(tensor), self.stand_in(tensor)
        seen: list[int] = []
        for write in reversed(writes):
            if write.step <= own:
                break
            if write.target is stand_in:
                self.steps[write.step].reread = True
                return (*seen, write.step)
            if covers(write.extent, extent):
                return (*seen, write.step)
            if may_overlap(write.extent, extent):
                seen.append(write.step)
        return (*seen, own)

    def _peek(self, tensor: Tensor) -> tuple[int, ...]:
        """As `_read`, without counting as a use of an in-place call's result."""
        own = self._ids.get(id(tensor))
        rebound = own is not None and self.steps[own].rebound
        read = self._read(tensor)
        if own is not None:
            self.steps[own].rebound = rebound
        return read

    def _stale_reads(self, tensors: list[Tensor], operands: Any) -> tuple[tuple[int, bool], ...]:
        """The writes that a read sees through a name bound before them (see the module's text)."""
        if not self._writes:
            return ()
        return tuple(
            (step, self.steps[step].mutates is self.stand_in(tensor))
            for tensor, read in zip(tensors, operands, strict=True)
            for step in read
            if step != self._ids[id(tensor)] and self.steps[step].mutates is not None
        )

    def _adopt(self, tensor: Tensor) -> int:
        """A tensor that no recorded call made: a parameter, a buffer, or a value from outside the run."""
        name = self._attributes.get(id(tensor))
        if name is not None:
            step = Step(ATTRIBUTE, None, (), {}, (), 0)
            step.name = name
        else:
            step = Step(CONSTANT, None, (), {}, (), 0)
            step.name = self._foreign.get(id(tensor), "")
            if not step.name and self._comes_back(tensor):
                step.operands, step.hidden, step.call = self.outside, True, self.stack[-1]
                step.code, step.line = self._place(sys._getframe(1))
            with DisableTorchFunction():
                step.args = tensor if tensor.is_meta or is_wrapped(tensor) else tensor.detach().clone()
        index = self._append(step)
        self._bind(tensor, index)
        return index

    def _comes_back(self, tensor: Tensor) -> bool:
        """May an unknown tensor hold what was computed outside of torch from values that left it?"""
        return bool(self.outside) and tensor.is_floating_point() and tensor.numel() > 1

    def _note_host_read(
        self, name: str, tensors: list[Tensor], operands: tuple[tuple[int, ...], ...]
    ) -> None:
        self.host_reads.append((len(self.steps), tuple(read for operand in operands for read in operand)))
        if name in ("tolist", "numpy", "__array__") and tensors[0].is_floating_point():
            self.outside = tuple(dict.fromkeys((*self.outside, *operands)))
            code, line = self._place(sys._getframe(3))
            self.remarks.append(
                f"values leave torch through {name}() at {location(code, line)}: what is computed from them "
                "outside torch is not followed"
            )

    def record_input(self, name: str, value: Any) -> None:
        """Put the tensors of one argument on the tape, before the run."""
        for tensor in _tensors((value,)):
            if id(tensor) not in self._ids:
                step = Step(INPUT, None, (), {}, (), 0)
                step.name = name
                step.args = tensor.detach().clone()  # the run may change it
                index = self._append(step)
                self._of_input.add(index)
                self._bind(tensor, index)

    def peek(self, value: Any) -> tuple[int, ...]:
        """The steps whose results the tensors in `value` hold after the run."""
        tensors: list[Tensor] = []
        _collect(value, tensors, objects=True)
        return tuple([step for tensor in tensors if id(tensor) in self._ids for step in self._peek(tensor)])

    # -- module calls -----------------------------------------------------------------------------

    def enter(self, module: nn.Module, args: Any, kwargs: Any, frame: FrameType) -> int:
        path = self._paths.get(id(module))
        if path is None:
            path = self._find_path(module)
        call = Call(module, path, self.stack[-1] if self.stack else -1, len(self.steps))
        call.code, call.line = self._place(frame)
        tensors = _tensors(args)
        if kwargs:
            _collect(kwargs, tensors)
        call.inputs = tuple([step for tensor in tensors for step in self._peek(tensor)])
        self.calls.append(call)
        self.stack.append(len(self.calls) - 1)
        return self.stack[-1]

    def leave(self, index: int, args: Any, kwargs: Any, out: Any) -> Any:
        call = self.calls[index]
        tensors: list[Tensor] = []
        _collect(out, tensors, objects=True)
        for tensor in tensors:
            if (
                id(tensor) not in self._ids
                and id(tensor) not in self._attributes
                and self._comes_back(tensor)
            ):
                self._adopt(tensor)
        unknown = [tensor for tensor in tensors if id(tensor) not in self._ids]
        if unknown and not all(id(tensor) in self._attributes for tensor in unknown):
            self._record_opaque(call.module, call.path, args, kwargs, out)
            call.opaque = True
        if isinstance(call.module, _FUSED) and _takes_fast_path(call.module):
            out = self._fused(call.module, args, kwargs, out)
            tensors = _tensors((out,))
        if (
            isinstance(out, Tensor)
            and not isinstance(out, nn.Parameter)
            and self._passes_through(out, args, call)
        ):
            out = self._alias(out)
            tensors = [out]
        known = [tensor for tensor in tensors if id(tensor) in self._ids]
        call.outputs = tuple([step for tensor in known for step in self._peek(tensor)])
        call.end = len(self.steps)
        return out

    def _fused(self, module: nn.Module, args: Any, kwargs: Any, out: Any) -> Any:
        """Go on with the fused kernel's values, as the model does without a recorder; the parts are those of
        the Python code just recorded."""
        self.paused = True
        try:
            with DisableTorchFunction():
                values = self.call_module(module, *args, **kwargs)
                ours, theirs = _tensors((out,)), _tensors((values,))
                same = len(ours) == len(theirs) and all(map(torch.equal, ours, theirs))
        finally:
            self.paused = False
        if same or len(ours) != len(theirs) or any(tensor.is_meta for tensor in ours):
            return out
        step = Step(FUSED, module, self._frozen(args), self._frozen(kwargs), (), self.stack[-1])
        step.code, step.line = self.calls[self.stack[-1]].code, self.calls[self.stack[-1]].line
        step.name = "alias"
        index = self._append(step)
        if isinstance(values, Tensor):
            step.operands = (self._read(out),)
            self._bind(values, index)
            return values
        self._bind_parts(values, index)
        for ours_part, part in zip(ours, theirs, strict=True):
            number = self._ids[id(part)]
            copy = self.steps[number]
            copy.name, copy.operands = "alias", (self._read(ours_part),)
            self._bind(part, number)
        return values

    def _passes_through(self, out: Tensor, args: Any, call: Call) -> bool:
        """A module that returns its own argument (Identity, dropout in evaluation) is still a step."""
        made = self._ids.get(id(out))
        return made is not None and made < call.first and any(out is tensor for tensor in _tensors(args))

    def renamed(self, tensor: Tensor, made: Tensor) -> Tensor:
        """Put on the tape that `made` is `tensor` in another class, where torch does not tell."""
        if self.is_recording and self.stack and id(tensor) in self._ids and id(made) not in self._ids:
            self._record_alias(tensor, made)
        return made

    def _alias(self, tensor: Tensor) -> Tensor:
        with DisableTorchFunction():
            made: Tensor = alias(tensor)
        self._record_alias(tensor, made)
        return made

    def _record_alias(self, tensor: Tensor, made: Tensor) -> None:
        operands = (self._read(tensor),)
        step = Step(CALL, alias, (self.stand_in(tensor),), {}, operands, self.stack[-1])
        step.name = "alias"
        step.code, step.line = self.calls[self.stack[-1]].code, self.calls[self.stack[-1]].line
        self._bind(made, self._append(step))

    def _record_opaque(self, func: Any, label: str, args: Any, kwargs: Any, out: Any) -> None:
        tensors = _tensors(args)
        _collect(kwargs, tensors)
        operands = tuple([self._read(tensor) for tensor in tensors])
        step = Step(OPAQUE, func, self._frozen(args), self._frozen(kwargs), operands, self.stack[-1])
        step.name = label
        frame = sys._getframe(2)
        step.code, step.line = self._place(frame)
        index = self._append(step)
        if isinstance(out, Tensor):
            self._bind(out, index)
        else:
            self._bind_parts(out, index)
        self.remarks.append(
            f"{label or type(self.model).__name__} can't be seen into (called at "
            f"{location(step.code, step.line)}): it counts as one operation"
        )

    def opaque_call(self, func: Any, label: str, args: Any, kwargs: Any, out: Any) -> Any:
        """After a custom autograd function or a scripted one: record it, unless its parts were seen."""
        tensors = _tensors(out if isinstance(out, (tuple, list)) else (out,))
        unseen = any(id(tensor) not in self._ids for tensor in tensors)
        if not any(tensor.is_floating_point() or tensor.is_complex() for tensor in tensors):
            return out  # indices and masks (made under vmap, say) carry no stream: they are constants
        if self.stack and not self.paused and unseen and not any(map(is_wrapped, tensors)):
            self._record_opaque(func, label, args, kwargs, out)
        return out

    def _find_path(self, module: nn.Module) -> str:
        """A module that is not registered: kept in a plain list or dict, or made on the fly."""
        for index in reversed(self.stack):
            owner = self.calls[index]
            place = _held_in(owner.module, module)
            if place:
                path = f"{owner.path}.{place}" if owner.path else place
                self._adopt_module(module, path)
                return path
        owner = self.calls[self.stack[-1]]
        path = f"{owner.path}.<{type(module).__name__}>" if owner.path else f"<{type(module).__name__}>"
        self._adopt_module(module, path)
        return path

    def _adopt_module(self, module: nn.Module, path: str) -> None:
        for name, child in module.named_modules():
            self._paths[id(child)] = f"{path}.{name}" if name else path
        for name, parameter in module.named_parameters():
            self._foreign.setdefault(id(parameter), f"{path}.{name}")
            self._held.append(parameter)

    def _place(self, frame: FrameType | None) -> tuple[CodeType | None, int]:
        """The innermost line of model code at or above `frame`."""
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


def zeroed(tensor: Tensor) -> Tensor:
    """The tensor, with zeros written into it unseen."""
    with DisableTorchFunction(), torch.no_grad():
        return tensor.zero_()


def _takes_fast_path(module: nn.Module) -> bool:
    with_grad = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in module.parameters())
    return not module.training and not with_grad and torch.backends.mha.get_fastpath_enabled()


def _tensors(args: tuple[Any, ...] | list[Any]) -> list[Tensor]:
    found: list[Tensor] = []
    for value in args:
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, (tuple, list, dict)):
            _collect(value, found)
    return found


def _collect(value: Any, found: list[Tensor], objects: bool = False, depth: int = 0) -> None:
    """Append every tensor inside nested containers (and, if asked, the attributes of objects)."""
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


def _outline(tensor: Tensor) -> Tensor:
    """A tensor of the same shape and dtype on the meta device; itself where there is no such thing."""
    if tensor.is_meta or not _is_plain(tensor):
        return tensor
    with DisableTorchFunction():
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def _is_plain(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or type(tensor) is not Tensor or is_wrapped(tensor):
        return False
    with DisableTorchFunction():
        return not (tensor.is_quantized or tensor.is_nested)


def _shared(tensor: Tensor) -> Tensor:
    """Another tensor in the same memory, so that this one can be seen to be gone."""
    if not _is_plain(tensor):
        return tensor
    with DisableTorchFunction():
        return tensor.detach()


def _uniform(tensor: Tensor) -> Tensor:
    """A tensor of the same shape, all of whose elements are the first one of this."""
    if not tensor.numel() or tensor.is_meta or not _is_plain(tensor):
        return tensor
    with DisableTorchFunction(), torch.no_grad():
        return tensor[(0,) * tensor.ndim].clone().expand(tensor.shape)


def _autocast_state() -> tuple[str, torch.dtype, bool] | None:
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return device, torch.get_autocast_dtype(device), torch.is_autocast_cache_enabled()
    return None


def _attributes(model: nn.Module) -> dict[int, str]:
    """Parameters and buffers by identity; a tied one goes by its first name."""
    names: dict[int, str] = {}
    for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
        names.setdefault(id(tensor), name)
    return names


def _held_in(owner: nn.Module, module: nn.Module) -> str:
    """`layers.2` if `owner.layers` is a plain list or dict that holds `module`; "" if nothing does."""
    for name, value in vars(owner).items():
        if value is module:
            return name
        items: Iterator[tuple[Any, Any]] | None = None
        if isinstance(value, (list, tuple)):
            items = enumerate(value)
        elif isinstance(value, dict) and not name.startswith("_"):
            items = iter(value.items())
        for key, item in items or ():
            if item is module:
                return f"{name}.{key}"
    return ""
