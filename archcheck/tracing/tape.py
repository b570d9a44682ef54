"""The tape: the steps of a run in their order, the module calls that bracket them, and who made a tensor."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from archcheck.dataflow.operations import LIKE, SHAPED_LIKE, UNIFORM
from archcheck.dataflow.run import Layout
from archcheck.tracing.containers import tensors_held, tensors_in
from archcheck.tracing.stand_ins import UNWRITTEN, outline, shared, uniform
from archcheck.tracing.storage import (
    Write,
    covers,
    extent_of,
    is_everything,
    layout_of,
    may_overlap,
    part_of,
    storage_of,
)

# In-place calls that do not look at what they overwrite.
_OVERWRITES = frozenset(
    """
    copy_ fill_ zero_ normal_ uniform_ bernoulli_ random_ exponential_ trunc_normal_ set_
    """.split()
)

# Kinds of steps.
INPUT, ATTRIBUTE, CONSTANT, CALL, OPAQUE, FUSED = "input", "attribute", "constant", "call", "opaque", "fused"


@dataclass(slots=True, eq=False)
class Step:
    """One entry of the tape: a torch call, an input, a parameter, or a constant."""

    kind: str
    name: str
    operands: tuple[tuple[int, ...], ...]
    call: int
    func: Any = None
    args: Any = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    out: Any = None  # a stand-in for the result (see `Tape.bind`)
    mask: str = ""
    code: CodeType | None = None
    line: int = 0
    instruction: int = 0
    mutates: Tensor | None = None
    rebound: bool = False  # code went on with the alias that this in-place call returned
    reread: bool = False  # code went on with the tensor that this in-place call changed
    stale: tuple[tuple[int, bool], ...] = ()  # writes seen through an older name; is it the same tensor?
    autocast: tuple[str, torch.dtype, bool] | None = None
    origin: tuple[int, Any] | None = None
    kernels: tuple[bool, ...] | None = None
    layout: Layout | None = None  # for a view: how it lies in the storage of what it views
    hidden: bool = False  # what its values were computed from can't be seen: `operands` may be it
    region: Layout | None = None  # for a write in place: what it wrote, in the tensor written to
    with_grad: bool = field(default_factory=torch.is_grad_enabled)

    @property
    def dtype(self) -> torch.dtype | None:
        """The dtype of the result, if it is a tensor."""
        out = self.out if self.out is not None else self.mutates
        return out.dtype if isinstance(out, Tensor) else None


@dataclass(slots=True, eq=False)
class TapeCall:
    """One call of a module: the steps [first, end) ran inside it."""

    module: nn.Module
    path: str
    parent: int
    first: int
    end: int
    code: CodeType | None
    line: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...] = ()
    opaque: bool = False


class Tape:
    """A run's steps and calls, and who made a tensor; `unknown` gives the step for one of no step."""

    def __init__(self, unknown: Callable[[Tensor], Step]) -> None:
        self.steps: list[Step] = []
        self.calls: list[TapeCall] = []
        self._unknown = unknown
        self._ids: dict[int, int] = {}  # id of a tensor object -> the step that made it
        self._living: dict[int, weakref.ref[Tensor]] = {}  # step -> its tensor, as long as the model holds it
        self._of_input: set[int] = set()  # steps whose results depend on the input
        self._writes: dict[int, list[Write]] = {}  # storage -> its writes, oldest first

    # -- which step made a tensor -----------------------------------------------------------------

    def made(self, tensor: Tensor) -> int:
        """Return the step that made this tensor; -1 if the tape does not know it."""
        return self._ids.get(id(tensor), -1)

    def knows(self, tensor: Tensor) -> bool:
        """Return whether a step on the tape made this tensor."""
        return id(tensor) in self._ids

    def adopt(self, tensor: Tensor) -> int:
        """Add a tensor that no step made: a parameter, a buffer, or a value from outside the run."""
        index = self.append(self._unknown(tensor))
        self.bind(tensor, index)
        return index

    def append(self, step: Step) -> int:
        """Append a step; return its number."""
        self.steps.append(step)
        return len(self.steps) - 1

    def bind(self, tensor: Tensor, index: int) -> None:
        """Bind `tensor` to a step as its result, for as long as the model keeps it.

        The tape keeps a stand-in: a tensor of the same shape without memory (on the meta device; of one
        number, if it holds no other), or one with its memory if its values are not an activation and may be
        needed.
        """
        step, key = self.steps[index], id(tensor)
        if step.name in UNIFORM or step.name in UNWRITTEN:
            step.out = uniform(tensor)
        elif self._is_of_input(index) and step.kind != INPUT:
            step.out = outline(tensor)
        else:
            step.out = shared(tensor) if step.kind == CALL else tensor
        self._ids[key] = index
        self._living[index] = weakref.ref(tensor, lambda _: self._forget(key, index))

    def bind_parts(self, out: Any, index: int, whole: Tensor | None = None) -> None:
        """Bind the tensors inside a result, perhaps views of `whole`: one `getitem` step each."""
        if not isinstance(out, (tuple, list)):
            return
        parent = self.steps[index]
        self._is_of_input(index)
        for position, part in enumerate(out):
            if isinstance(part, Tensor) and id(part) in self._ids:
                continue
            if isinstance(part, Tensor) or (isinstance(part, (tuple, list)) and tensors_in(part)):
                step = Step(CALL, "getitem", ((index,),), parent.call, args=None)
                step.origin = (index, position)
                step.code, step.line = parent.code, parent.line
                child = self.append(step)
                if isinstance(part, Tensor):
                    step.layout = layout_of(whole, part) if whole is not None else None
                    self.bind(part, child)
                else:
                    self.bind_parts(part, child)

    def _is_of_input(self, index: int) -> bool:
        step = self.steps[index]
        if step.kind == INPUT:
            self._of_input.add(index)
        values = () if step.name in LIKE else step.operands[: 1 if step.name in SHAPED_LIKE else None]
        reads = (read for operand in values for read in operand)
        if not self._of_input.isdisjoint(reads):
            self._of_input.add(index)
        return index in self._of_input

    def is_of_input(self, reads: Iterable[int]) -> bool:
        """Return whether any of these values was computed from an input's."""
        return not self._of_input.isdisjoint(reads)

    def _forget(self, key: int, index: int) -> None:
        """Forget a tensor that is gone; its id may become another's."""
        if self._ids.get(key) == index:
            del self._ids[key]
        self._living.pop(index, None)

    def lives(self, index: int) -> Tensor | None:
        """Return the tensor that a step made, if something beside the tape still holds it."""
        living = self._living.get(index)
        tensor = living() if living is not None else None
        if tensor is None or (tensor is self.steps[index].out and sys.getrefcount(tensor) <= 3):
            return None  # the step, the name here, and the call of getrefcount
        return tensor

    def value(self, index: int) -> Tensor | None:
        """Return the values that a step made, if the tape has them."""
        step = self.steps[index]
        value = step.args if step.kind == CONSTANT else step.out
        if value is None and step.mutates is not None and 0 not in step.mutates.stride():
            value = step.mutates
        return value if isinstance(value, Tensor) and not value.is_meta else None

    def stand_in(self, tensor: Tensor) -> Tensor:
        """Return the stand-in for a tensor that the model holds; the tensor itself if it is unknown."""
        index = self._ids.get(id(tensor))
        made = self.steps[index].out if index is not None else None
        return made if isinstance(made, Tensor) else tensor

    # -- what a read sees -------------------------------------------------------------------------

    def read(self, tensor: Tensor) -> tuple[int, ...]:
        """Return the steps whose results a read of `tensor` sees now: its own, or later writes to it."""
        own = self._ids.get(id(tensor))
        if own is None:
            own = self.adopt(tensor)
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

    def peek(self, tensors: Iterable[Tensor]) -> tuple[int, ...]:
        """Return the steps that reads of `tensors` see, not counted as uses of an in-place call's result."""
        return tuple([step for tensor in tensors for step in self._peek(tensor)])

    def _peek(self, tensor: Tensor) -> tuple[int, ...]:
        own = self._ids.get(id(tensor))
        rebound = own is not None and self.steps[own].rebound
        read = self.read(tensor)
        if own is not None:
            self.steps[own].rebound = rebound
        return read

    def held_by(self, value: Any) -> tuple[int, ...]:
        """Return the steps whose results the known tensors in `value` hold, in containers and attributes."""
        return self.peek([tensor for tensor in tensors_held(value) if id(tensor) in self._ids])

    def stale_reads(self, tensors: list[Tensor], operands: Any) -> tuple[tuple[int, bool], ...]:
        """Return the writes that a read sees through a name bound before them (see `recorder`)."""
        if not self._writes:
            return ()
        return tuple(
            (step, self.steps[step].mutates is self.stand_in(tensor))
            for tensor, read in zip(tensors, operands, strict=True)
            for step in read
            if step != self._ids[id(tensor)] and self.steps[step].mutates is not None
        )

    def written(
        self, index: int, tensor: Tensor, name: str, args: Any, operands: Any, tensors: list[Tensor]
    ) -> None:
        """Note that a step, a call of `name`, has changed `tensor`, one of its arguments' `tensors`."""
        step = self.steps[index]
        step.mutates = self.stand_in(tensor)
        blind = name in _OVERWRITES or (name == "__setitem__" and is_everything(args[1]))
        is_out = step.kwargs.get("out") is self.stand_in(tensor)
        if (blind and tensors[0] is tensor) or is_out:
            # The tensor written to is the first, or, as `out`, the last: it may be an operand as well.
            place = len(tensors) - 1 if is_out else 0
            step.operands = (*operands[:place], *operands[place + 1 :])
        key = storage_of(tensor)
        touched: Tensor | None = tensor
        if name == "__setitem__" and args[0] is tensor:
            touched = part_of(tensor, args[1])
        if touched is not None:
            step.region = layout_of(tensor, touched)
        touched = tensor if touched is None else touched
        self._writes.setdefault(key, []).append(Write(index, step.mutates, extent_of(touched)))
