"""Running the steps of a recorded run again with other values: in float64, with random values held."""

from __future__ import annotations

import operator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from archcheck.tracing.containers import changed_in, tensors_in
from archcheck.tracing.proof.weights import drawn_anew
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.replay import REFLECTED
from archcheck.tracing.tape import ATTRIBUTE, CONSTANT, INPUT, Step

_CASTS = {"float": "double", "half": "double", "bfloat16": "double", "cfloat": "cdouble", "chalf": "cdouble"}
_DRAWS = frozenset(
    """
    bernoulli bernoulli_ normal normal_ uniform_ exponential_ random_ rand_like randn_like randint_like
    multinomial poisson cauchy_ geometric_ log_normal_
    """.split()
)


@dataclass
class Held:
    """What later runs keep from the first: results that are not real numbers, and what was drawn at random.

    `values` are results by step, of which `drawn` were random; `states` the random state before a step that
    drew and computed; `dropped` the pair (addend, factor) of dropouts, which are affine maps once their mask
    is known.
    """

    values: dict[int, Any] = field(default_factory=dict)
    states: dict[int, Tensor] = field(default_factory=dict)
    dropped: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    drawn: set[int] = field(default_factory=set)


class Witness(fx.Interpreter):
    """The replay in the model's own precision, compared with the model; it notes the values to hold."""

    def __init__(self, module: fx.GraphModule, recorder: Recorder, held: Held) -> None:
        super().__init__(module)
        self.recorder = recorder
        self.held = held

    def run_node(self, n: fx.Node) -> Any:
        """Run a node and note what must be held."""
        index = n.meta.get("step")
        if index is None or self.recorder.tape.steps[index].kind in (INPUT, ATTRIBUTE, CONSTANT):
            return super().run_node(n)
        step = self.recorder.tape.steps[index]
        before = torch.get_rng_state()
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        reads = tensors_in((args, kwargs))
        result = super().run_node(n)
        if torch.equal(before, torch.get_rng_state()):
            if step.mutates is None and any(map(is_real, reads)):
                counted = [tensor for tensor in tensors_in((result,)) if not is_real(tensor)]
                if counted:
                    self.held.values[index] = changed_in(
                        result, lambda tensor: None if is_real(tensor) else tensor.clone()
                    )
        elif "dropout" in step.name and len(reads) == 1 and step.mutates is None:
            self.held.dropped[index] = self._dropout(n, args, kwargs, before)
        elif step.name in _DRAWS or not any(map(is_real, reads)):
            self.held.values[index] = changed_in(result, Tensor.clone)
            self.held.drawn.add(index)
        else:
            self.held.states[index] = before
        return result

    def _dropout(self, n: fx.Node, args: Any, kwargs: Any, before: Tensor) -> tuple[Tensor, Tensor]:
        after = torch.get_rng_state()
        ends = []
        for fill in (torch.zeros_like, torch.ones_like):
            torch.set_rng_state(before)
            probe_args, probe_kwargs = changed_in((args, kwargs), fill)
            ends.append(called(n, probe_args, probe_kwargs))
        torch.set_rng_state(after)
        return ends[0].double(), ends[1].double() - ends[0].double()


@dataclass(frozen=True, slots=True)
class Machine:
    """Calls one step of the graph in float64 wherever torch has it, with weights drawn anew."""

    module: fx.GraphModule
    recorder: Recorder
    held: Held

    def given(self, node: fx.Node) -> Any:
        """Return the value of a parameter, a buffer or a constant."""
        value = operator.attrgetter(str(node.target))(self.module)
        if not isinstance(value, Tensor):
            return value
        with torch.no_grad():
            drawn = drawn_anew(str(node.target), value) if isinstance(value, torch.nn.Parameter) else value
            return doubled(drawn.detach().clone())

    def call(self, node: fx.Node, args: Any, kwargs: Any) -> Any:
        """Return the result of the call that `node` stands for."""
        index = node.meta.get("step")
        step = self.recorder.tape.steps[index] if index is not None else None
        if index in self.held.dropped:
            addend, factor = self.held.dropped[index]
            return tensors_in((args, kwargs))[0] * factor + addend
        if index in self.held.states:
            torch.set_rng_state(self.held.states[index])
        result = self._called(node, step, args, kwargs)
        held = self.held.values.get(-1 if index is None else index)
        if held is None:
            return result
        if step is not None and step.mutates is not None:
            result.copy_(held)
            return result
        return _put(result, held)

    def _called(self, node: fx.Node, step: Step | None, args: Any, kwargs: Any) -> Any:
        wide_args, wide_kwargs = changed_in((args, kwargs), _widest, torch.dtype)
        try:
            result = called(node, wide_args, wide_kwargs, _CASTS)
        except (RuntimeError, TypeError, NotImplementedError, ValueError):
            if step is None or step.mutates is not None:
                raise
            result = self._in_own_precision(node, step, args, kwargs)
        is_unchanged = any(result is read for read in tensors_in(args))
        if is_unchanged and step is not None and step.operands and step.mutates is None:
            first = self.recorder.tape.steps[step.operands[0][-1]]
            if first.dtype != step.dtype:
                return result.clone()  # a cast that copied
        return changed_in(result, doubled)

    def _in_own_precision(self, node: fx.Node, step: Step, args: Any, kwargs: Any) -> Any:
        dtypes = [self.recorder.tape.steps[read[-1]].dtype for read in step.operands if read]
        own = next(
            (dtype for dtype in dtypes if dtype is not None and dtype.is_floating_point), torch.float32
        )
        narrow_args, narrow_kwargs = changed_in(
            (args, kwargs), lambda tensor: tensor.to(own) if tensor.is_floating_point() else tensor
        )
        return called(node, narrow_args, narrow_kwargs)


def called(node: fx.Node, args: Any, kwargs: Any, casts: dict[str, str] | None = None) -> Any:
    """Return the result of calling what `node` calls."""
    if node.op == "call_method":
        name = str(node.target)
        return getattr(args[0], (casts or {}).get(name, name))(*args[1:], **kwargs)
    if node.op == "call_module":
        owner: Any = node.graph.owning_module
        return operator.attrgetter(str(node.target))(owner)(*args, **kwargs)
    target: Any = node.target
    return target(*args, **kwargs)


def operands_of(node: fx.Node, step: Step, args: Any, kwargs: Any) -> list[tuple[Tensor, tuple[int, ...]]]:
    """Return the tensors that a step reads, each with the steps whose results it holds at that point."""
    found = tensors_in((args, kwargs))
    if step.origin is not None:
        return []
    if node.op == "call_function" and getattr(step.func, "__name__", "") in REFLECTED and not kwargs:
        found.reverse()
    reads = list(step.operands)
    if len(found) > len(reads):  # a call that does not look at what it overwrites
        place = len(found) - 1 if isinstance(kwargs.get("out"), Tensor) else 0
        found = [*found[:place], *found[place + 1 :]]
    return list(zip(found, reads, strict=True)) if len(found) == len(reads) else []


def target_of(args: Any, kwargs: Any) -> Tensor | None:
    """Return the tensor that an in-place call writes to."""
    out = kwargs.get("out")
    return out if isinstance(out, Tensor) else next(iter(tensors_in((args, kwargs))), None)


def is_real(tensor: Tensor) -> bool:
    """Return whether it holds numbers for which a small change makes sense."""
    return tensor.is_floating_point() or tensor.is_complex()


def doubled(tensor: Tensor) -> Tensor:
    """Return a tensor of real or complex numbers in double precision."""
    if tensor.is_complex():
        return tensor.to(torch.complex128)
    return tensor.double() if tensor.is_floating_point() else tensor


def _widest(dtype: torch.dtype) -> torch.dtype:
    if dtype.is_complex:
        return torch.complex128
    return torch.float64 if dtype.is_floating_point else dtype


def _put(result: Any, held: Any) -> Any:
    """Return `result` with the held values in their places."""
    if isinstance(held, Tensor):
        return doubled(held.clone())
    if isinstance(held, (tuple, list)) and isinstance(result, (tuple, list)):
        return tuple([_put(one, other) for one, other in zip(result, held, strict=True)])
    return result
