"""What ran, by module path: the questions that the diff asks of a traced run. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow import Call, Dataflow, Module
from archcheck.graph import Location
from archcheck.residual import Join
from archcheck.wrong import Fault


@dataclass(frozen=True)
class Execution:
    """One traced run of a model, as the diff sees it.

    `modules` are all modules by path ("" is the model), also those kept in plain lists that were called;
    `faults` are wrong whatever a diagram says; `products` are multiplications where a sum might be drawn.
    """

    mode: str
    flow: Dataflow
    modules: dict[str, Module]
    joins: tuple[Join, ...]
    products: tuple[Join, ...] = ()
    faults: tuple[Fault, ...] = ()
    remarks: tuple[str, ...] = ()

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
            above = path
            while above:
                above = above.rpartition(".")[0]
                if above not in self.calls_by_path:
                    found.setdefault(above, []).extend(self.calls_by_path[path])
        return {path: sorted(calls) for path, calls in found.items()}

    @cached_property
    def _parameter_reads(self) -> dict[str, list[int]]:
        """For each path, the operations that read a parameter of it or below it."""
        found: dict[str, list[int]] = {}
        for index, op in enumerate(self.flow.ops):
            if op.parameter:
                above = op.parameter
                while above:
                    above = above.rpartition(".")[0]
                    found.setdefault(above, []).extend(self.flow.users[index])
        return found

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in self.modules:
            if path:
                found.setdefault(path.rpartition(".")[0], []).append(path)
        return found

    def children(self, path: str) -> list[str]:
        """The modules directly in a module, in the order in which it registered them."""
        return self._children.get(path, [])

    def calls(self, path: str) -> list[Call]:
        """The calls of a module, or of the modules in a container."""
        return [self.flow.calls[index] for index in self._paths_run.get(path, ())]

    def ran(self, path: str) -> bool:
        """Was the module called, or one in it, or a parameter of it read?"""
        return path in self._paths_run or path in self._parameter_reads

    def inputs(self, path: str) -> set[int]:
        """The operations whose results entered the module."""
        calls = self.calls(path)
        if calls:
            return {read for call in calls for read in call.inputs}
        reads = self._parameter_reads.get(path, ())
        return {read for at in reads for operand in self.flow.ops[at].operands for read in operand}

    def outputs(self, path: str) -> set[int]:
        """The operations whose results the module returned."""
        calls = self.calls(path)
        if calls:
            return {out for call in calls for out in call.outputs}
        return set(self._parameter_reads.get(path, ()))

    def depends(self, later: Iterable[int], earlier: Iterable[int]) -> bool:
        """Does any of `later` depend on (or is it) any of `earlier`? Looks back no further than those."""
        goal = set(earlier)
        if not goal:
            return False
        lowest = min(goal)
        pending = [at for at in later if at >= lowest]
        seen = set(pending)
        ops = self.flow.ops
        while pending:
            at = pending.pop()
            if at in goal:
                return True
            for operand in ops[at].operands:
                for read in operand:
                    if read >= lowest and read not in seen:
                        seen.add(read)
                        pending.append(read)
        return False

    def steered(self, later: Sequence[int], earlier: Iterable[int]) -> bool:
        """Did Python look at a value that depends on `earlier` before `later` ran?"""
        earlier = list(earlier)
        if not later or not earlier:
            return False
        lowest, highest = min(earlier), max(later)
        return any(
            lowest < at <= highest + 1 and self.depends(reads, earlier) for at, reads in self.flow.host_reads
        )

    def location(self, path: str) -> Location | None:
        """Where the module was called; where its class is defined if it was not."""
        for call in self.calls(path):
            if call.location is not None:
                return call.location
        module = self.modules.get(path)
        return module.location if module else None
