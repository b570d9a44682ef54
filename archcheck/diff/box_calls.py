"""Where the boxes of a panel ran: one frame for each call of the module that the panel shows.

A module that is called several times in a frame (a shared norm or ReLU) and drawn as equally many boxes
belongs to each box in turn. A box without a module whose name is an operation's (ReLU, SoftMax) stands for
that operation, if the panel's own code executes it as often as it is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from archcheck.dataflow.run import Call
from archcheck.diff.binding import Layer
from archcheck.diff.execution import Execution
from archcheck.phrasing.module_paths import is_within, parents
from archcheck.source_location import Location
from archcheck.spec.model import Box, Panel, Role

_NAMES = """
relu gelu silu sigmoid tanh softmax elu leaky_relu mish softplus layer_norm rms_norm group_norm batch_norm
dropout
"""
_OPERATIONS = {"swish": "silu"} | {name.replace("_", ""): name for name in _NAMES.split()}


@dataclass(frozen=True, slots=True)
class BoxRun:
    """One call of a module, or the operations that read a module's parameters, or one operation."""

    spans: tuple[tuple[int, int], ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    location: Location | None

    def holds(self, op: int) -> bool:
        """Return whether it contains the operation."""
        return any(first <= op < end for first, end in self.spans)


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A module (or operation) of a box in a frame; the box stands for any one of its `runs`."""

    box: str
    name: str
    kind: str
    runs: tuple[BoxRun, ...]


@dataclass(frozen=True)
class Frame:
    """One call of a panel: operations [first, end), each box's, and the `inputs` its modules read."""

    first: int
    end: int
    inputs: frozenset[int]
    occurrences: tuple[Occurrence, ...]

    def repeats(self, box: str) -> bool:
        """Return whether a module of the box ran several times in this frame."""
        return any(len(one.runs) > 1 for one in self.occurrences if one.box == box)


def frames(panel: Panel, layer: Layer, order: Sequence[str], execution: Execution) -> list[Frame]:
    """Return the frames of a layer, in the order of their calls; `order` has the boxes along the flow."""
    anchor = execution.running_owner(layer.base)
    calls = [execution.flow.calls[index] for index in execution.calls_by_path.get(anchor, ())]
    return [_frame(panel, layer, order, execution, call) for call in calls]


def _frame(panel: Panel, layer: Layer, order: Sequence[str], execution: Execution, call: Call) -> Frame:
    own = [
        run for path in layer.own for run in execution.own_calls(path) if call.first <= run.first < call.end
    ]
    inputs = frozenset(read for run in own for read in run.inputs)
    return Frame(call.first, call.end, inputs, tuple(_occurrences(panel, layer, order, execution, call)))


def _occurrences(
    panel: Panel, layer: Layer, order: Sequence[str], execution: Execution, frame: Call
) -> Iterator[Occurrence]:
    """Yield, in the order of the flow, what each box's modules, or its operation, did inside the frame."""
    finder = _Runs(execution, frame)
    taken: dict[str, int] = {}
    shared: dict[str, int] = {}
    for box in order:
        for path in layer.bound(box):
            shared[path] = shared.get(path, 0) + 1
    operations = _operations(panel, layer, order, execution, frame)
    for box in order:
        for path in layer.bound(box):
            for module, runs in finder.of(path):
                if shared[path] == len(runs):
                    place = taken.get(module, 0)
                    taken[module] = place + 1
                    runs = runs[place : place + 1]
                yield Occurrence(box, module, execution.modules[module].type_name, runs)
        if box in operations:
            name, at = operations[box]
            op = execution.flow.ops[at]
            yield Occurrence(box, name, name, (BoxRun(((at, at + 1),), op.reads, (at,), op.location),))


class _Runs:
    """Finds what modules did inside one call."""

    def __init__(self, execution: Execution, frame: Call) -> None:
        self.execution = execution
        self.frame = frame

    def of(self, path: str) -> Iterator[tuple[str, tuple[BoxRun, ...]]]:
        """Yield the module with its runs, or the modules in it if it is a container that is not called."""
        calls = [call for call in self.execution.own_calls(path) if self._contains(call.first, call.end)]
        if calls:
            yield path, tuple(BoxRun(((c.first, c.end),), c.inputs, c.outputs, c.location) for c in calls)
            return
        if path not in self.execution.calls_by_path:
            for child in self.execution.children(path):
                yield from self.of(child)
        reads = tuple(at for at in self.execution.own_parameter_reads(path) if self._contains(at, at + 1))
        if reads:
            ops = self.execution.flow.ops
            inputs = tuple(read for at in reads for read in ops[at].reads)
            yield path, (BoxRun(tuple((at, at + 1) for at in reads), inputs, reads, ops[reads[0]].location),)

    def _contains(self, first: int, end: int) -> bool:
        return self.frame.first <= first and end <= self.frame.end


def _operations(
    panel: Panel, layer: Layer, order: Sequence[str], execution: Execution, frame: Call
) -> dict[str, tuple[str, int]]:
    """Return, for each box that names an operation, which one it is."""
    drawn: dict[str, list[str]] = {}
    for box in order:
        name = _operation(box, panel.boxes[box])
        if name:
            drawn.setdefault(name, []).append(box)
    if not drawn:
        return {}
    ran: dict[str, list[int]] = {name: [] for name in drawn}
    own = opened(layer)
    calls = execution.flow.calls
    for at in range(frame.first, frame.end):
        op = execution.flow.ops[at]
        if op.name in ran and calls[op.call].path in own:
            ran[op.name].append(at)
    return {
        box: (name, at)
        for name, boxes in drawn.items()
        if len(boxes) == len(ran[name])
        for box, at in zip(boxes, ran[name], strict=True)
    }


def _operation(box: str, value: Box) -> str:
    """Return the torch operation that names a box without modules; "" if none does."""
    if value.module is not None or value.role in (Role.INPUT, Role.OUTPUT):
        return ""
    return _OPERATIONS.get(re.sub(r"[\W\d_]", "", (value.label or box).lower()), "")


def opened(layer: Layer) -> frozenset[str]:
    """Return the modules whose own forward this panel shows: its own, and those it draws in parts."""
    found = set(layer.own)
    boxes = {module for modules in layer.boxes.values() for module in modules}
    for module in boxes:
        for above in parents(module):
            if not above or above in found or not any(is_within(above, own) for own in layer.own):
                break
            if not any(is_within(above, box) for box in boxes):
                found.add(above)
    return frozenset(found)
