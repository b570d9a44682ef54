"""Tracing one real run of a model: `record(model, *args, **kwargs)`.

The result is a `Recording`: a `torch.fx.GraphModule` that replays the run bit for bit, and the run as plain
values (`archcheck.dataflow.run`). Loading and running a model runs its code: record only what you trust.
"""

from __future__ import annotations

import inspect
import random
import traceback
from collections.abc import Callable, Coroutine, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy
import torch
from torch import Tensor, fx, nn

from archcheck.dataflow.assembly import assembled
from archcheck.dataflow.operations import DROPOUTS, LIKE, RANDOM, SHAPED_LIKE, canonical
from archcheck.dataflow.pause import no_collection
from archcheck.dataflow.run import Call, Dataflow, Module, Op
from archcheck.errors import ArchcheckError, Problem, TraceError, own_failure
from archcheck.source_location import is_model_code, is_own_code, is_torch_code, location, real_path
from archcheck.tracing import inspection, replay
from archcheck.tracing.arguments import arguments
from archcheck.tracing.masks import has_values
from archcheck.tracing.passing import as_reduction, blocked, take_out
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.recording import recording
from archcheck.tracing.storage import is_everything
from archcheck.tracing.tape import ATTRIBUTE, CALL, CONSTANT, INPUT, OPAQUE, Step
from archcheck.tracing.trials import Trials


@dataclass(frozen=True)
class RunState:
    """What a run may change beside its inputs: the random state, and in training the model's buffers."""

    random: tuple[Tensor, Any, Any]
    buffers: tuple[tuple[Tensor, Tensor], ...]

    @classmethod
    def of(cls, model: nn.Module) -> RunState:
        """Return the present state."""
        buffers = [(buffer, buffer.clone()) for buffer in model.buffers()] if model.training else []
        drawn = (torch.get_rng_state(), random.getstate(), numpy.random.get_state())
        return cls(drawn, tuple(buffers))

    @contextmanager
    def restored(self, model: nn.Module) -> Iterator[None]:
        """Restore the recorded state within the block, and the present one afterwards."""
        now = RunState.of(model)
        self._put()
        try:
            yield
        finally:
            now._put()

    def _put(self) -> None:
        torch.set_rng_state(self.random[0])
        random.setstate(self.random[1])
        numpy.random.set_state(self.random[2])
        with torch.no_grad():
            for buffer, value in self.buffers:
                buffer.copy_(value)


class Recording:
    """One recorded run: the traced `model`, its `arguments` by name, and the `output` it returned."""

    def __init__(
        self,
        recorder: Recorder,
        arguments: Mapping[str, Any],
        output: Any,
        before: RunState,
        given: tuple[tuple[Any, ...], dict[str, Any]],
    ) -> None:
        self.recorder = recorder
        self._before = before
        self._given = given
        self.model = recorder.model
        self.arguments = dict(arguments)
        self.output = output

    def inputs(self) -> list[Any]:
        """Return copies of the arguments as they were before the run."""
        copies: list[Any] = replay.copied_inputs(self.recorder, list(self.arguments.values()))
        return copies

    @cached_property
    def graph_module(self) -> fx.GraphModule:
        """The run as a `torch.fx.GraphModule`: same inputs, same outputs, bit for bit."""
        return replay.graph_module(self.recorder, self.arguments, self.output)

    def replay(self, interpreter: Callable[[fx.GraphModule], fx.Interpreter] = fx.Interpreter) -> Any:
        """Run the graph on copies of the inputs, with buffers and random state as before the run."""
        inputs = self.inputs()
        with self._before.restored(self.model), torch.set_grad_enabled(self.recorder.with_grad):
            return interpreter(self.graph_module).run(*inputs)

    def again(self) -> Recording:
        """Run the model again on the same inputs, with buffers and random state as before the first run."""
        args, kwargs = replay.copied_inputs(self.recorder, self._given)
        with self._before.restored(self.model), torch.set_grad_enabled(self.recorder.with_grad):
            return record(self.model, *args, **kwargs)

    @cached_property
    def dataflow(self) -> Dataflow:
        """The run as plain values."""
        with no_collection():
            return _dataflow(self.recorder, self.output)

    @cached_property
    def modules(self) -> dict[str, Module]:
        """All modules of the model by path, and those in plain lists that were called."""
        return inspection.modules(self.recorder)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could not be traced inside, each with its line; sorted."""
        _ = self.dataflow  # making it may find what nothing passes
        return tuple(sorted(set(self.recorder.remarks)))


def record(model: nn.Module, /, *args: Any, **kwargs: Any) -> Recording:
    """Run `model(*args, **kwargs)` once and return its `Recording`.

    The model runs as it is: on its own device, in its own mode, under the caller's grad mode. Raises
    `TraceError` if the run fails, at the model's own line.
    """
    recorder = Recorder(model, record.__code__)
    before = RunState.of(model)
    arguments = _bind(model, args, kwargs)
    _record_inputs(recorder, arguments)
    try:
        with no_collection(), recording(recorder) as call:
            output = call(*args, **kwargs)
    except (ArchcheckError, KeyboardInterrupt):
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        models = error is recorder.models_error or isinstance(error, RecursionError)
        if is_own_code(last.filename) and not models:
            raise TraceError(own_failure(error)) from error
        raise TraceError(_problem(error, model)) from error
    if isinstance(output, Generator | Coroutine):
        output.close()
        raise TraceError(_not_run(output, model))
    return Recording(recorder, arguments, output, before, (args, kwargs))


def _bind(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments by the names of forward's parameters, `*args` and `**kwargs` spread out."""
    try:
        signature = inspect.signature(model.forward)
        bound = signature.bind(*args, **kwargs)
    except (TypeError, ValueError):
        return {f"arg_{place}": value for place, value in enumerate(args)} | kwargs
    named: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{name}_{place}": item for place, item in enumerate(value)}
        elif kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[name] = value
    return named


def _record_inputs(recorder: Recorder, arguments: Mapping[str, Any]) -> None:
    for name, value in arguments.items():
        recorder.record_input(name, value)


def _problem(error: Exception, model: nn.Module) -> Problem:
    """Return what went wrong in the model's run, at the innermost line of its own code."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_model_code(frame.filename)]
    text = " ".join(str(error).split()) or "no message"
    message = f"{type(model).__name__} failed while it ran: {type(error).__name__}: {text[:300]}"
    hint = "Check that the shapes and dtypes of the inputs are what forward expects."
    if isinstance(error, RecursionError):
        hint = "Something in it calls or holds itself without end."
    if not frames:
        return _at_forward(model, message, hint)
    own = [frame for frame in frames if not is_torch_code(frame.filename)]
    last = (own or frames)[-1]
    return Problem(real_path(last.filename), last.lineno, None, "TRC001", message, hint=hint)


def _not_run(output: Generator[Any, Any, Any] | Coroutine[Any, Any, Any], model: nn.Module) -> Problem:
    """Return that a forward was called and yet has not run, as it yields or awaits."""
    what = "coroutine" if isinstance(output, Coroutine) else "generator"
    message = f"{type(model).__name__} returned a {what}, so that nothing in it has run"
    return _at_forward(
        model, message, "Write a function that builds a model whose forward returns its output."
    )


def _at_forward(model: nn.Module, message: str, hint: str) -> Problem:
    code = getattr(type(model).forward, "__code__", None)
    place = location(code, code.co_firstlineno) if code else None
    file, line = (place.file, place.line) if place else ("", None)
    return Problem(file, line, None, "TRC001", message, hint=hint)


def _dataflow(recorder: Recorder, output: Any) -> Dataflow:
    ops: list[Op] = []
    codes: dict[int, int] = {}  # functions by the order in which they first ran: the same in every process
    random: set[int] = set()
    trials = Trials()
    for step in recorder.tape.steps:
        op = _op(step, recorder)
        op.instruction = (codes.setdefault(id(step.code), len(codes)), step.instruction)
        if op.name in RANDOM or any(read in random for operand in op.operands for read in operand):
            random.add(len(ops))
        if step.kind == CALL:
            _name_of_lists(recorder, step, op, ops)
            _let_pass(recorder, step, op, ops, random, trials)
        if op.name in SHAPED_LIKE:  # they ask the second tensor for its shape only
            op.operands = op.operands[:1]
        op.depends_on_input = step.kind == INPUT
        for operand in op.operands:
            for read in operand:
                op.depends_on_input = op.depends_on_input or ops[read].depends_on_input
                op.depends_on_parameter = op.depends_on_parameter or ops[read].depends_on_parameter
        if op.name in LIKE:  # the values of what they look at are not read
            op.depends_on_input = op.depends_on_parameter = False
            op.operands = ()
        ops.append(op)
    calls: list[Call] = []
    for call in recorder.tape.calls:
        made = Call(
            call.path,
            type(call.module).__name__,
            call.parent,
            call.first,
            call.end,
            call.inputs,
            call.outputs,
            location(call.code, call.line),
        )
        made.depth = calls[call.parent].depth + 1 if call.parent >= 0 else 0
        calls.append(made)
    ends = recorder.tape.held_by(output)
    return assembled(Dataflow(ops, calls, ends, tuple(recorder.host_reads), inspection.escaping(recorder)))


def _name_of_lists(recorder: Recorder, step: Step, op: Op, ops: list[Op]) -> None:
    """Rename `_foreach_add` to an addition: of two tensors in place, or for each item that it returns."""
    if op.name.startswith("_foreach_"):
        in_place = step.mutates is not None and len(op.operands) <= 2
        op.name, op.opaque = (op.name.removeprefix("_foreach_"), False) if in_place else (op.name, True)
    elif step.origin is not None and ops[step.origin[0]].name.startswith("_foreach_"):
        at, position = step.origin
        lists, rest = divmod(len(ops[at].operands), len(recorder.tape.steps[at].args[0]))
        if lists and not rest:
            op.name = ops[at].name.removeprefix("_foreach_")
            op.operands = ops[at].operands[position :: len(recorder.tape.steps[at].args[0])]
            op.numbers, op.inner = ops[at].numbers, ((at,),) * len(op.operands)


def _let_pass(
    recorder: Recorder, step: Step, op: Op, ops: list[Op], random: set[int], trials: Trials
) -> None:
    """Remove the operands that have no part in an operation's result."""

    def value_of(place: int) -> Tensor | None:
        if len(op.operands[place]) != 1:
            return None
        (read,) = op.operands[place]
        if ops[read].depends_on_input or ops[read].depends_on_parameter or read in random:
            return None
        return recorder.tape.value(read)

    name = op.name
    if name == "setitem" and is_everything(step.args[1]) and isinstance(step.args[2], Tensor):
        is_whole = len(op.operands) == 1 and op.numel == ops[op.operands[0][0]].numel
        op.name = "copy" if is_whole else name  # the whole tensor is assigned
    if take_out(op, blocked(step, op, ops, value_of), ops):
        recorder.remarks.append(
            f"nothing passes through the {name} at {op.location}: one of its factors or masks is zero"
        )
    if _drops_in_evaluation(recorder, step, op):
        op.name = "noise"
    as_reduction(op, ops, value_of)
    trials.rename(step, op, ops, value_of)


def _drops_in_evaluation(recorder: Recorder, step: Step, op: Op) -> bool:
    """Return whether a dropout stays active in evaluation: it is then noise, not a copy in the mean."""
    is_active = bool(op.arguments.get("training", True)) and op.arguments.get("p", 0.5) != 0
    return op.name in DROPOUTS and is_active and not recorder.tape.calls[step.call].module.training


def _is_custom(func: Any) -> bool:
    """Return whether it is an operator that a library registered, which may do anything."""
    name = getattr(func, "_qualified_op_name", "") or getattr(func, "name", "")
    text = name() if callable(name) else name
    namespace, found, _ = str(text).partition("::")
    return bool(found) and namespace not in ("aten", "prim", "prims")


def _op(step: Step, recorder: Recorder) -> Op:
    op = Op(canonical(step.name), step.operands, step.call)
    op.location = location(step.code, step.line)
    op.layout, op.region = step.layout, step.region
    out = step.out if step.out is not None else step.mutates
    if isinstance(out, Tensor):
        op.shape = tuple(out.shape)
        op.floating = out.is_floating_point() or out.is_complex()
        op.dtype = str(out.dtype).removeprefix("torch.")
    if step.kind in (ATTRIBUTE, CONSTANT):
        op.parameter = step.name
        op.depends_on_parameter = isinstance(step.out, nn.Parameter)
        op.name = step.kind
        op.numbers = () if op.depends_on_parameter else _one_number(out)
    elif step.kind == OPAQUE:
        op.name = "opaque"
    elif step.kind == INPUT:
        op.name = "input"
    else:
        op.arguments, op.roles = arguments(step, op.name)
    if step.hidden or step.kind == OPAQUE or _is_custom(step.func):
        op.name, op.opaque = "opaque", True
    if step.kind == CALL and step.func is not None:
        op.numbers = _numbers(step)
        op.training = _in_training(step, op.name)
        op.mask = step.mask
        op.stale = tuple(write for write, same in step.stale if _goes_on(recorder.tape.steps[write], same))
    return op


def _one_number(value: Any) -> tuple[float, ...]:
    """Return the number in a tensor of one element, if it can be read."""
    if not isinstance(value, Tensor) or value.numel() != 1 or not has_values(value) or value.is_complex():
        return ()
    return (float(value),)


def _goes_on(write: Step, same_tensor: bool) -> bool:
    """Return whether the code went on with the changed tensor under another name than it is read by."""
    return write.rebound or (write.reread and not same_tensor)


def _numbers(step: Step) -> tuple[float, ...]:
    """Return the plain number arguments: constant factors and addends."""
    found = [
        *step.args,
        *(step.kwargs[name] for name in ("other", "value", "alpha", "beta") if name in step.kwargs),
    ]
    return tuple(float(value) for value in found if type(value) in (int, float))


def _in_training(step: Step, name: str) -> bool:
    if name != "batch_norm":
        return False
    training = step.kwargs.get("training", step.args[5] if len(step.args) > 5 else False)
    return bool(training)
