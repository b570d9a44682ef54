"""What ran, by module path: the questions that the diff asks of a traced run. Standard library only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.queries import depends, reached, reads
from archcheck.dataflow.run import Call, Dataflow, Module
from archcheck.phrasing.module_paths import at_and_above, parent, parents
from archcheck.residual import Join
from archcheck.residual.defects import Defect
from archcheck.source_location import Location

_TORCHS_OWN = "torch/nn/modules/"


@dataclass(frozen=True)
class Execution:
    """One traced run of a model, as the diff sees it.

    `modules` are all modules by path ("" is the model), also those kept in plain lists that were called;
    `defects` are wrong whatever a diagram says; `products` are multiplications where a sum might be drawn;
    `inputs` is what the model was called with, as a spec says it.
    """

    mode: str
    flow: Dataflow
    modules: dict[str, Module]
    joins: tuple[Join, ...]
    products: tuple[Join, ...] = ()
    defects: tuple[Defect, ...] = ()
    remarks: tuple[str, ...] = ()
    inputs: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def calls_by_path(self) -> dict[str, list[int]]:
        """The calls of each module, in order."""
        found: dict[str, list[int]] = {}
        for index, call in enumerate(self.flow.calls):
            found.setdefault(call.path, []).append(index)
        return found

    @cached_property
    def _paths_run(self) -> dict[str, list[int]]:
        """For each path, its calls, or, for one that is only a container, the calls below it."""
        found = dict(self.calls_by_path)
        for path in list(self.calls_by_path):
            for above in parents(path):
                if above not in self.calls_by_path:
                    found.setdefault(above, []).extend(self.calls_by_path[path])
        return {path: sorted(calls) for path, calls in found.items()}

    @cached_property
    def _parameter_reads(self) -> dict[str, list[int]]:
        """For each path, the operations that bring a parameter of that module together with the input."""
        found: dict[str, list[int]] = {}
        for index, op in enumerate(self.flow.ops):
            if op.parameter:
                found.setdefault(parent(op.parameter), []).extend(self._fed_users(index))
        return {path: sorted(set(reads)) for path, reads in found.items()}

    @cached_property
    def _read_paths(self) -> frozenset[str]:
        """The modules of which, or below which, a parameter was read."""
        return frozenset(above for path in self._parameter_reads for above in at_and_above(path))

    def _fed_users(self, op: int) -> list[int]:
        """What reads a parameter and the input, behind what only prepares the parameter (a transpose)."""
        ops, users = self.flow.ops, self.flow.users
        behind = reached(users[op], lambda at: () if ops[at].depends_on_input else users[at])
        return [at for at in behind if ops[at].depends_on_input]

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.modules:
            if path:
                found.setdefault(parent(path), []).append(path)
        return found

    @cached_property
    def _sinks(self) -> list[int]:
        return [join.sink for join in self.joins]

    def joins_within(self, first: int, end: int) -> tuple[Join, ...]:
        """The residual connections whose sinks are among the operations [first, end)."""
        return self.joins[bisect_left(self._sinks, first) : bisect_left(self._sinks, end)]

    def children(self, path: str) -> list[str]:
        """The modules directly in a module, in the order in which it registered them."""
        return self._children.get(path, [])

    def calls(self, path: str) -> list[Call]:
        """The calls of a module, or of the modules in a container."""
        return [self.flow.calls[index] for index in self._paths_run.get(path, ())]

    def own_calls(self, path: str) -> list[Call]:
        """The calls of this very module."""
        return [self.flow.calls[index] for index in self.calls_by_path.get(path, ())]

    def own_parameter_reads(self, path: str) -> list[int]:
        """The operations that read a parameter of this very module."""
        return self._parameter_reads.get(path, [])

    def ran(self, path: str) -> bool:
        """Was the module called, or one in it, or a parameter of it read?"""
        return path in self._paths_run or path in self._read_paths

    def running_owner(self, path: str) -> str:
        """The closest module at or above `path` whose forward ran."""
        return next((above for above in at_and_above(path) if above in self.calls_by_path), "")

    def value(self, at: int) -> int:
        """The operation that made these values, behind those that only pass them on."""
        op = self.flow.ops[at]
        while (
            op.name in VIEWS and len(op.operands) == 1 and self.flow.ops[op.operands[0][0]].numel == op.numel
        ):
            at = op.operands[0][0]
            op = self.flow.ops[at]
        return at

    def depends(self, later: Iterable[int], earlier: Iterable[int]) -> bool:
        """Does any of `later` depend on (or is it) any of `earlier`?"""
        return depends(later, earlier, reads(self.flow))

    def control_dependent(self, later: Sequence[int], earlier: Iterable[int]) -> bool:
        """Did Python look at a value that depends on `earlier` before `later` ran?"""
        earlier = list(earlier)
        if not later or not earlier:
            return False
        lowest, highest = min(earlier), max(later)
        return any(
            lowest < at <= highest + 1 and self.depends(looked_at, earlier)
            for at, looked_at in self.flow.host_reads
        )

    def definition(self, path: str) -> Location | None:
        """Where the forward of the closest module at or above `path` that is not torch's own is written."""
        places = [self.modules[above].location for above in at_and_above(path) if above in self.modules]
        return next(
            (place for place in places if place and not is_torchs_own(place)), places[-1] if places else None
        )

    def location(self, path: str) -> Location | None:
        """Where the module was called; where its class is defined if it was not."""
        for call in self.calls(path):
            if call.location is not None:
                return call.location
        module = self.modules.get(path)
        return module.location if module else None


def is_torchs_own(location: Location) -> bool:
    """Is this a line of a module that comes with torch?"""
    return location.file.startswith(_TORCHS_OWN)
