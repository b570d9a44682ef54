"""One sweep over the graph that stops at each sink, with all it takes to run up to it again.

A **window** leads from a start (a residual's source) to an end (its sink). When the sweep has reached the
end, the steps of the window can be run again with changes. What they read from before the start is kept
exactly that long; what a step of the window overwrites in place is kept as it was at the start.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from archcheck.tracing.containers import changed_in
from archcheck.tracing.proof.machine import Machine, doubled, operands_of, target_of
from archcheck.tracing.proof.verdict import UnclearError
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.tape import CALL, FUSED, OPAQUE

Environment = dict[fx.Node, Any]
Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class WindowChanges:
    """What is different in one run of a window.

    `uses`: by (reading step, step that made the value), the value that is read only there. `results`: by
    step, its result for all readers. The originals stay unchanged.
    """

    uses: Mapping[tuple[int, int], Change] = field(default_factory=dict)
    results: Mapping[int, Change] = field(default_factory=dict)


class Window:
    """The steps after `start` up to `end`, ready to be run again once the sweep has reached `end`."""

    def __init__(self, sweep: Sweep, start: int, end: int) -> None:
        self.sweep = sweep
        self.start = start
        self.end = end
        self.nodes = [sweep.nodes[step] for step in range(start + 1, end + 1) if step in sweep.runs]
        self.writes = any(sweep.steps[sweep.step(node)].mutates is not None for node in self.nodes)
        self.before: Environment = {}

    @property
    def base(self) -> Tensor:
        """The value at the end, unchanged."""
        value = self.sweep.environment[self.sweep.nodes[self.end]]
        if not isinstance(value, Tensor):
            raise UnclearError("the sink's value is no tensor of its own")
        return value

    def open(self) -> None:
        """Keep what the window will overwrite; called when its start has been reached."""
        if self.writes:
            reads = {read for node in self.nodes for read in self.sweep.reads(node)}
            found = {node: self.sweep.kept(node) for node in reads}
            self.before = _snapshot({node: value for node, value in found.items() if value is not None})

    def run(self, changes: WindowChanges, seen: Mapping[int, list[Tensor]] | None = None) -> Tensor:
        """Return the value at the end with the changes; values of the steps in `seen` are appended there."""
        environment = _snapshot(self.before)
        changed: dict[int, Tensor] = {}
        result: Any = None
        for node in self.nodes:
            step = self.sweep.step(node)
            result = self._run_node(node, step, environment, changed, changes)
            if step in changes.results and isinstance(result, Tensor):
                changed[step] = result = changes.results[step](result)
            environment[node] = result
            if seen is not None and step in seen and isinstance(result, Tensor):
                seen[step].append(result)
        if not isinstance(result, Tensor):
            raise UnclearError("the sink's value is no tensor of its own")
        return result

    def _run_node(
        self,
        node: fx.Node,
        step: int,
        environment: Environment,
        changed: dict[int, Tensor],
        changes: WindowChanges,
    ) -> Any:
        fused = self.sweep.fused.get(step)
        if fused is not None:
            return changed.get(fused, self.sweep.value(self.sweep.nodes[fused], environment))
        args, kwargs = self.sweep.arguments(node, environment)
        recorded = self.sweep.steps[step]
        swapped: dict[int, Tensor] = {}  # copies of tensors that are written to
        target = target_of(args, kwargs)
        for tensor, reads in operands_of(node, recorded, args, kwargs):
            use = next((changes.uses[step, read] for read in reads if (step, read) in changes.uses), None)
            last = max((read for read in reads if read in changed), default=None)
            now = changed[last] if last is not None else tensor
            if use is not None:
                now = use(now)
            if now is not tensor:
                if now.shape != tensor.shape:
                    raise UnclearError("a view of the changed tensor is read")
                swapped[id(tensor)] = now.clone() if recorded.mutates is not None else now
        if swapped:
            args, kwargs = changed_in((args, kwargs), lambda tensor: swapped.get(id(tensor), tensor))
        result = self.sweep.machine.call(node, args, kwargs)
        if recorded.mutates is not None and id(target) in swapped:
            changed[step] = result if isinstance(result, Tensor) else swapped[id(target)]
        return target_of(args, kwargs) if result is None and recorded.mutates is not None else result


class Sweep:
    """Runs the graph once from its inputs to its end, and calls back at the end of each window."""

    def __init__(self, machine: Machine, module: fx.GraphModule, recorder: Recorder) -> None:
        self.machine = machine
        self.recorder = recorder
        self.steps = recorder.tape.steps
        self.module = module
        self.nodes: dict[int, fx.Node] = {
            node.meta["step"]: node for node in module.graph.nodes if "step" in node.meta
        }
        self.runs = frozenset(step for step in self.nodes if self.steps[step].kind in (CALL, OPAQUE, FUSED))
        # What torch computed by a fused kernel is what the Python code recorded beside it computes.
        self.fused: dict[int, int] = {
            step: self.steps[step].operands[0][-1] for step in self.nodes if self._is_fused(step)
        }
        self.environment: Environment = {}

    def _is_fused(self, step: int) -> bool:
        origin = self.steps[step].origin
        maker = self.steps[origin[0]] if origin else self.steps[step]
        return maker.kind == FUSED and bool(self.steps[step].operands) and self.steps[step].name == "alias"

    def kept(self, node: fx.Node) -> Any:
        """Return a value as it is now, that of a buffer also before it is read; None for a weight."""
        if node.op != "get_attr":
            return self.environment.get(node)
        held = operator.attrgetter(str(node.target))(self.module)
        is_weight = isinstance(held, torch.nn.Parameter)
        return None if is_weight else self.environment.get(node, self.machine.given(node))

    def reads(self, node: fx.Node) -> list[fx.Node]:
        """Return the nodes whose values a node needs."""
        fused = self.fused.get(node.meta.get("step", -1))
        return [self.nodes[fused]] if fused is not None else node.all_input_nodes

    def value(self, node: fx.Node, environment: Environment) -> Any:
        """Return a value from `environment`, or else from the sweep's own."""
        return environment[node] if node in environment else self.environment[node]

    def step(self, node: fx.Node) -> int:
        """Return the number of a node's step."""
        return int(node.meta["step"])

    def arguments(self, node: fx.Node, environment: Environment) -> Any:
        """Return what `node` is called with."""
        return fx.node.map_arg((node.args, node.kwargs), lambda read: self.value(read, environment))

    def run(self, inputs: Iterable[Any], windows: Iterable[Window], at_end: Callable[[Window], None]) -> None:
        """Run everything. Raises what a step raises that can't be run in float64."""
        opening: dict[int, list[Window]] = {}
        closing: dict[int, list[Window]] = {}
        for window in windows:
            opening.setdefault(window.start, []).append(window)
            closing.setdefault(window.end, []).append(window)
        order = [node for node in self.module.graph.nodes if self._is_run(node)]
        dying = self._dying(order, closing)
        given = iter(inputs)
        for node in order:
            self.environment[node] = self._value(node, given)
            step = node.meta.get("step")
            for window in closing.get(step, ()):
                at_end(window)
                window.before = {}
            for window in opening.get(step, ()):
                window.open()
            for dead in dying.get(node, ()):
                self.environment.pop(dead, None)

    def _is_run(self, node: fx.Node) -> bool:
        """Return whether it is a part of the run itself, not a switch of autocast, gradients or kernels.

        A constant that no operation reads may be one that exists only inside of a `vmap`.
        """
        if node.op == "get_attr":
            return bool(node.users)
        return node.op == "placeholder" or "step" in node.meta or node.target is operator.getitem

    def _value(self, node: fx.Node, given: Any) -> Any:
        if node.op == "placeholder":
            return changed_in(next(given), doubled)
        if node.op == "get_attr":
            return self.machine.given(node)
        fused = self.fused.get(node.meta.get("step", -1))
        if fused is not None:
            return self.environment[self.nodes[fused]]
        args, kwargs = self.arguments(node, {})
        result = self.machine.call(node, args, kwargs)
        return target_of(args, kwargs) if result is None else result

    def _dying(
        self, order: list[fx.Node], closing: Mapping[int, list[Window]]
    ) -> dict[fx.Node, list[fx.Node]]:
        """Return after which node no other, and no window, needs a value any more."""
        last = {node: at for at, node in enumerate(order)}
        place = dict(last)
        for at, node in enumerate(order):
            for read in self.reads(node):
                last[read] = max(last[read], at)
        for window in (window for windows in closing.values() for window in windows):
            end = place[self.nodes[window.end]]
            inside = set(window.nodes)
            for node in window.nodes:
                for read in self.reads(node):
                    if read not in inside:
                        last[read] = max(last[read], end)
        dying: dict[fx.Node, list[fx.Node]] = {}
        for node, at in last.items():
            dying.setdefault(order[at], []).append(node)
        return dying


def _snapshot(environment: Environment) -> Environment:
    """Return copies of values, of which two share memory if the originals do."""
    copies: dict[int, torch.UntypedStorage] = {}

    def copied(tensor: Tensor) -> Tensor:
        if tensor.layout != torch.strided:
            return tensor.clone()
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key not in copies:
            copies[key] = storage.clone()  # type: ignore[no-untyped-call]
        copy = copies[key]
        empty: Any = torch.empty(0, dtype=tensor.dtype)
        filled: Tensor = empty.set_(copy, tensor.storage_offset(), tensor.shape, tensor.stride())
        return filled

    return {node: changed_in(value, copied) for node, value in environment.items()}
