"""`archcheck.trace`: one run of a model in this process, and the residual connections found in it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

from torch import fx, nn

from archcheck import residual
from archcheck.connections import Residual
from archcheck.dataflow.join import Join
from archcheck.dataflow.pause import no_collection
from archcheck.dataflow.run import Dataflow, Module
from archcheck.findings import Finding
from archcheck.residual import defects
from archcheck.tracing import Recording, record


class Trace:
    """One recorded run: the traced `model`, its `arguments` by name, and the `output` it returned."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.model = recording.model
        self.arguments = recording.arguments
        self.output = recording.output

    @property
    def graph_module(self) -> fx.GraphModule:
        """The run as a `torch.fx.GraphModule`: same inputs, same outputs, bit for bit."""
        return self.recording.graph_module

    def replay(self, interpreter: Callable[[fx.GraphModule], fx.Interpreter] = fx.Interpreter) -> Any:
        """Run the graph on copies of the inputs, with buffers and random state as before the run."""
        return self.recording.replay(interpreter)

    @property
    def dataflow(self) -> Dataflow:
        """The run as plain values."""
        return self.recording.dataflow

    @property
    def modules(self) -> dict[str, Module]:
        """All modules of the model by path, and those in plain lists that were called."""
        return self.recording.modules

    @property
    def joins(self) -> tuple[Join, ...]:
        """The residual connections with their places in `dataflow`, in the order their sinks ran."""
        return self._search.joins

    @cached_property
    def _search(self) -> residual.FoundResiduals:
        flow = self.dataflow
        with no_collection():
            return residual.search(flow)

    @property
    def residuals(self) -> tuple[Residual, ...]:
        """The residual connections that the run executed, in the order their sinks ran."""
        return tuple(join.residual for join in self.joins)

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Defects that need no diagram: RES007, RES008, RES011 and RES012."""
        return defects.merged(defects.find(self.dataflow, self.joins, self.modules))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What could not be traced inside or was not searched, each with its line; sorted."""
        return tuple(sorted({*self.recording.remarks, *self._search.remarks}))


def trace(model: nn.Module, /, *args: Any, **kwargs: Any) -> Trace:
    """Run `model(*args, **kwargs)` once and return its `Trace`.

    The model runs as it is: on its own device, in its own mode (call `.eval()` first if that is meant),
    under the caller's grad mode. Raises `TraceError` if the run fails, at the model's own line.

    >>> import torch
    >>> class Block(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.f = torch.nn.Linear(4, 4)
    ...     def forward(self, x):
    ...         return x + self.f(x)
    >>> [(r.kind.value, r.source, r.branch) for r in trace(Block(), torch.ones(1, 4)).residuals]
    [('identity', 'input', ('f',))]
    """
    return Trace(record(model, *args, **kwargs))
