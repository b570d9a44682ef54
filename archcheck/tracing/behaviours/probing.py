"""Operations of a run, run again on inputs that were made up for the purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from archcheck.dataflow.probe import Probe
from archcheck.tracing.arguments import undropped
from archcheck.tracing.recorder import Recorder

_LARGEST = 2**20  # elements of an input that is probed
CLOSE = 1e-3


class NotReplayedError(Exception):
    """The region can't be run on its own."""


class Replay:
    """Operations that are run again with other inputs."""

    def __init__(self, recorder: Recorder, probe: Probe) -> None:
        self.steps_of_run = recorder.tape.steps
        self.steps, self.inputs = probe.steps, probe.inputs
        self.term, self.details = probe.term, probe.details
        self.generator = torch.Generator().manual_seed(0)
        self.others: dict[int, Tensor] = {}  # the same values each time, for what no probe changes

    @property
    def invented(self) -> set[int]:
        """Return the operations whose values the run did not keep, and that were made up."""
        return set(self.others)

    def shape_of(self, name: str) -> Tensor:
        """Return a tensor in the shape of an input. Raises where that can't be probed."""
        value = self.steps_of_run[self.inputs[name]].out
        if not isinstance(value, Tensor) or value.dtype not in (torch.float32, torch.float64):
            raise NotReplayedError
        if not 1 < value.numel() <= _LARGEST:
            raise NotReplayedError
        return self.filled(value)

    def filled(self, value: Tensor) -> Tensor:
        """Return random numbers in the shape of an activation whose values were not kept."""
        if not value.is_meta:
            return value
        if not value.is_floating_point():
            return torch.zeros_like(value, device="cpu")
        return torch.randn(value.shape, generator=self.generator, dtype=torch.float64).to(value.dtype)

    def probe(self, name: str, scale: float = 1.0) -> Tensor:
        """Random numbers in the shape of an input."""
        like = self.shape_of(name)
        return scale * torch.randn(like.shape, generator=self.generator, dtype=like.dtype).to(like.device)

    def tables(self) -> list[Tensor]:
        """Return the inputs without a role, as they were in the run."""
        with_role = {at for name, at in self.inputs.items() if not name.isdigit()}
        values = [self.steps_of_run[at].out for at in self.inputs.values() if at not in with_role]
        return [value for value in values if isinstance(value, Tensor)]

    def single(self) -> str:
        """Return the name of the only input. Raises where there are several."""
        names = {at: name for name, at in self.inputs.items()}
        if len(names) != 1:
            raise NotReplayedError
        return next(iter(names.values()))

    def streams(self) -> list[str]:
        """Return the names of the different inputs that can be probed. Raises where there is none."""
        names: dict[int, str] = {}
        for name, at in self.inputs.items():
            value = self.steps_of_run[at].out
            if isinstance(value, Tensor) and value.is_floating_point():
                names.setdefault(at, name)
        if not names:
            raise NotReplayedError
        return list(names.values())

    def __call__(self, **given: Tensor) -> Tensor:
        """Return the region's result with these inputs, and all else as it was.

        Raises NotReplayedError where it is no tensor, or overflows.
        """
        result = self.raw(**given)
        if not isinstance(result, Tensor) or not bool(torch.isfinite(result).all()):
            raise NotReplayedError
        return result

    def raw(self, **given: Tensor) -> Any:
        """Return the result, which need be no tensor."""
        with torch.random.fork_rng(devices=[]):  # random values are the same each time
            torch.default_generator.manual_seed(0)
            return self._run({self.inputs[name]: value for name, value in given.items()})

    def _run(self, values: dict[int, Any]) -> Any:
        for at in self.steps:
            step = self.steps_of_run[at]
            if step.origin is not None:
                values[at] = values[step.origin[0]][step.origin[1]]
                continue
            pending = iter(step.operands)
            args = self._replaced(step.args, pending, values)
            kwargs = self._replaced(step.kwargs, pending, values)
            if self.term != "dropout":
                args, kwargs = undropped(step, args, kwargs)
            values[at] = step.func(*args, **kwargs)
            if values[at] is None or step.name == "__setitem__":
                raise NotReplayedError
        return values[self.steps[-1]]

    def _replaced(self, value: Any, reads: Iterator[Sequence[int]], values: dict[int, Any]) -> Any:
        """Arguments with the tensors that the probes change replaced; in-place calls get copies."""
        if isinstance(value, Tensor):
            read = next(reads, ())
            at = next((at for at in read if at in values), None)
            if at is None and value.is_meta and read:
                at = read[0]
                values[at] = self.others.setdefault(at, self.filled(value))
            new = value if at is None else values[at]
            return new.clone() if isinstance(new, Tensor) and new.is_floating_point() else new
        if type(value) in (tuple, list):
            return type(value)(self._replaced(item, reads, values) for item in value)
        if type(value) is dict:
            return {key: self._replaced(item, reads, values) for key, item in value.items()}
        return value


def same(one: Tensor, other: Tensor, within: float = CLOSE) -> bool:
    """Return whether two results are equal, but for rounding."""
    if one.shape != other.shape:
        return False
    scale = max(float(other.abs().max()), 1e-6)
    return float((one - other).abs().max()) <= within * scale


Behaviour = Callable[[Replay], "str | None"]
"""Says "" where operations behave as their term does, how they do not, or None where nothing can be said."""
