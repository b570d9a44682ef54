"""What ran, by module path: the questions that the diff asks of a traced run. Standard library only."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.queries import depends, reached, reads
from archcheck.dataflow.run import Call, Dataflow, Module
from archcheck.phrasing.module_paths import at_and_above, parent, parents
from archcheck.residual import Join
from archcheck.residual.defects import Defect
from archcheck.source_location import Location
from archcheck.vocabulary import Recognition, recognise

_TORCHS_OWN = "torch/nn/modules/"


@dataclass(frozen=True)
class Execution:
    """One traced run of a model, as the diff sees it.

    `modules` are all modules by path ("" is the model), including called ones in plain lists; `defects` need
    no diagram; `products` are multiplications where a sum might be drawn; `inputs` is what the model was
    called with, as a spec states it.
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
    def recognition(self) -> Recognition:
        """What its operations compute, in the field's terms; the same whatever is drawn."""
        return recognise(self.flow)

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
        """For each path, the operations that combine a parameter of that module with the input."""
        found: dict[str, list[int]] = {}
        for index, op in enumerate(self.flow.ops):
            if op.parameter:
                found.setdefault(parent(op.parameter), []).extend(self._fed_users(index))
        return {path: sorted(set(reads)) for path, reads in found.items()}

    @cached_property
    def _read_paths(self) -> frozenset[str]:
        """The modules of which a parameter was read, and those around them."""
        return frozenset(above for path in self._parameter_reads for above in at_and_above(path))

    def _fed_users(self, op: int) -> list[int]:
        """Return what reads a parameter and the input, past steps that prepare it (a transpose)."""
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

    @cached_property
    def _aliases(self) -> dict[str, str]:
        return {alias: path for path, module in self.modules.items() for alias in module.aliases}

    def same_module(self, path: str) -> str:
        """Return the path, of several, under which the model's `modules` have the module `path`; or ""."""
        above = next((above for above in at_and_above(path) if above in self._aliases), "")
        return self._aliases[above] + path[len(above) :] if above else ""

    def joins_within(self, first: int, end: int) -> tuple[Join, ...]:
        """Return the residual connections whose sinks are among the operations [first, end)."""
        return self.joins[bisect_left(self._sinks, first) : bisect_left(self._sinks, end)]

    def children(self, path: str) -> list[str]:
        """Return the modules directly in a module, in the order in which it registered them."""
        return self._children.get(path, [])

    def calls(self, path: str) -> list[Call]:
        """Return the calls of a module, or of the modules in a container."""
        return [self.flow.calls[index] for index in self._paths_run.get(path, ())]

    def own_calls(self, path: str) -> list[Call]:
        """Return the calls of exactly this module."""
        return [self.flow.calls[index] for index in self.calls_by_path.get(path, ())]

    def own_parameter_reads(self, path: str) -> list[int]:
        """Return the operations that read a parameter of exactly this module."""
        return self._parameter_reads.get(path, [])

    def ran(self, path: str) -> bool:
        """Return whether the module was called, or one inside it, or a parameter of it was read."""
        return path in self._paths_run or path in self._read_paths

    def running_owner(self, path: str) -> str:
        """Return the closest module at or above `path` whose forward ran."""
        return next((above for above in at_and_above(path) if above in self.calls_by_path), "")

    def value(self, at: int) -> int:
        """Return the operation that made these values, past those that only pass them on."""
        op = self.flow.ops[at]
        while (
            op.name in VIEWS and len(op.operands) == 1 and self.flow.ops[op.operands[0][0]].numel == op.numel
        ):
            at = op.operands[0][0]
            op = self.flow.ops[at]
        return at

    def depends(self, later: Iterable[int], earlier: Iterable[int]) -> bool:
        """Return whether any of `later` depends on, or is, any of `earlier`."""
        return depends(later, earlier, reads(self.flow))

    def control_dependent(self, later: Sequence[int], earlier: Iterable[int]) -> bool:
        """Return whether Python inspected a value that depends on `earlier` before `later` ran."""
        earlier = list(earlier)
        if not later or not earlier:
            return False
        lowest, highest = min(earlier), max(later)
        return any(
            lowest < at <= highest + 1 and self.depends(looked_at, earlier)
            for at, looked_at in self.flow.host_reads
        )

    def definition(self, path: str) -> Location | None:
        """Return where the closest forward at or above `path` is defined, skipping torch's own."""
        places = [self.modules[above].location for above in at_and_above(path) if above in self.modules]
        return next(
            (place for place in places if place and not is_torchs_own(place)), places[-1] if places else None
        )

    def location(self, path: str) -> Location | None:
        """Return where the module was called; where its class is defined if it was not."""
        for call in self.calls(path):
            if call.location is not None:
                return call.location
        module = self.modules.get(path)
        return module.location if module else None


def is_torchs_own(location: Location) -> bool:
    """Return whether this is a line of a module that ships with torch."""
    return f"/{_TORCHS_OWN}" in f"/{Path(location.file).as_posix()}"
