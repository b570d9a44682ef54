"""Where are residual connections? An answer by ablation, with forward hooks alone.

The model runs for real, with random weights, and every tensor that crosses a module's boundary is noted.
Then one module's output is forced to zero. There is a residual connection around a module if a tensor that
is seen later then *equals* one that was seen before the module ran, though it did not without the
ablation, and if the module's input depends on that earlier tensor. Equal means: the same values in any
layout, up to one constant factor or one per channel, zeros left out (a concatenation with a zeroed branch),
or after a ReLU. Of modules side by side, the others are forced to zero in both runs.

Nothing here knows of archcheck's trace: modules are watched, operations are not. What happens between two
boundaries therefore stays unseen, such as a sum that a function squashes before any module takes it.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tests.examples.case import Case, seeded

Place = tuple[str, int, str, int]
"""A module's path, the number of its call, `in` or `out`, the number of the tensor among its values."""

Array = NDArray[np.float64]
Change = Callable[[Place, Tensor], Tensor]


class Signal:
    """One tensor as it was at a boundary."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach().clone()

    @cached_property
    def array(self) -> Array:
        """The numbers, complex ones as pairs."""
        tensor = torch.view_as_real(self.tensor) if self.tensor.is_complex() else self.tensor
        return tensor.double().numpy()

    @cached_property
    def values(self) -> Array:
        """The non-zero numbers in order of size."""
        return np.sort(self.array[self.array != 0])

    @cached_property
    def channels(self) -> list[Array]:
        """The numbers as (channel, position), taking the second and the last dimension for channels."""
        array = self.array
        return [
            np.moveaxis(array, channel, 0).reshape(array.shape[channel], -1)
            for channel in sorted({1, array.ndim - 1})
            if array.ndim > 1 and array.size >= 4 * array.shape[channel]
        ]

    @cached_property
    def telling(self) -> bool:
        """Enough different numbers to be recognised by: no mask, no constant, no index."""
        return _is_numeric(self.tensor) and np.unique(self.values).size >= 6


@dataclasses.dataclass
class Run:
    """What crossed the boundaries in one run: when (all tensors of one crossing together) and what."""

    time: dict[Place, int] = dataclasses.field(default_factory=dict)
    value: dict[Place, Signal] = dataclasses.field(default_factory=dict)

    def inputs(self, path: str, call: int = 0) -> list[Tensor]:
        """The tensors that entered a module at one of its calls."""
        return [self.value[place].tensor for place in self.value if place[:3] == (path, call, "in")]

    def calls(self, path: str) -> int:
        """How often a module was called."""
        return len({place[1] for place in self.value if place[0] == path and place[2] == "out"})


class Oracle:
    """The ablations of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.model = case.model()
        self.plain = self.run()
        self.paths = sorted({place[0] for place in self.plain.value if place[0] and place[2] == "out"})

    def around(self) -> frozenset[str]:
        """Paths of the modules that a residual connection leads around."""
        return frozenset(path for path in self.paths if self.has_residual(path))

    def has_residual(self, path: str) -> bool:
        return any(self.has_residual_at(path, call) for call in range(self.plain.calls(path)))

    def has_residual_at(self, path: str, call: int) -> bool:
        """Whether a skip path leads around one call of a module, or around one of its outputs."""
        own = {(path, call)}
        outputs = {place[3] for place in self.plain.value if place[:3] == (path, call, "out")}
        parts = sorted(outputs) if len(outputs) > 1 else []
        if any(self.passes(path, call, self.plain, self.run(_zeroed(own, only))) for only in (None, *parts)):
            return True
        beside = {(other, number) for other in self.beside(path) for number in range(self.plain.calls(other))}
        return bool(beside) and self.passes(
            path, call, self.run(_zeroed(beside)), self.run(_zeroed(beside | own))
        )

    def passes(self, path: str, call: int, base: Run, ablated: Run) -> bool:
        """Whether some tensor after the module is one from before it, but only under the ablation."""
        own = [(time, place[2]) for place, time in ablated.time.items() if place[:2] == (path, call)]
        began = min((time for time, side in own if side == "in"), default=None)
        ended = min((time for time, side in own if side == "out"), default=None)
        if began is None or ended is None:
            return False
        before: dict[bytes, list[Place]] = {}
        for place, time in ablated.time.items():
            if time <= began and ablated.value[place].telling:
                before.setdefault(ablated.value[place].values.tobytes(), []).append(place)
        return any(
            any(self.depends(path, call, origin) for origin in origins)
            for place, time in ablated.time.items()
            if time > ended and place in base.value
            for origins in before.values()
            if _became(base.value[place], ablated.value[place], ablated.value[origins[0]])
        )

    @cached_property
    def without(self) -> dict[str, Run]:
        """For each module, the run in which its outputs are zero."""
        return {
            path: self.run(_zeroed({(path, call) for call in range(self.plain.calls(path))}))
            for path in self.paths
        }

    def beside(self, path: str) -> frozenset[str]:
        """Modules that neither feed this one nor are fed by it."""
        return frozenset(
            other
            for other in self.paths
            if not f"{other}.".startswith(f"{path}.")
            and not f"{path}.".startswith(f"{other}.")
            and _same(self.without[other].inputs(path), self.plain.inputs(path))
            and _same(self.without[path].inputs(other), self.plain.inputs(other))
        )

    def depends(self, path: str, call: int, origin: Place) -> bool:
        """Whether noise added at an earlier place reaches the module's input."""
        if origin[:3] == (path, call, "in"):
            return True

        def disturb(place: Place, tensor: Tensor) -> Tensor:
            return tensor + torch.ones_like(tensor) * 0.37 if place == origin else tensor

        return not _same(self.run(disturb).inputs(path, call), self.plain.inputs(path, call))

    def run(self, change: Change = lambda place, tensor: tensor) -> Run:
        """One forward pass; `change` may replace any tensor at a boundary."""
        args, kwargs = self.case.arguments()
        seen = Run()
        calls: dict[str, int] = {}

        def cross(path: str, side: str, values: Any) -> Any:
            now = len(seen.time)

            def note(tensor: Tensor) -> Tensor:
                place = (path, calls[path], side, len(seen.time) - now)
                tensor = change(place, tensor)
                seen.time[place], seen.value[place] = now, Signal(tensor)
                return tensor

            return _mapped(values, note)

        def enter(path: str) -> Callable[..., Any]:
            def hook(module: nn.Module, args: Any, kwargs: Any) -> Any:
                calls[path] = calls.get(path, -1) + 1
                return cross(path, "in", (args, kwargs))

            return hook

        def leave(path: str) -> Callable[..., Any]:
            return lambda module, args, output: cross(path, "out", output)

        with contextlib.ExitStack() as stack:
            for path, module in _callable_modules(self.model):
                stack.enter_context(module.register_forward_pre_hook(enter(path), with_kwargs=True))
                stack.enter_context(module.register_forward_hook(leave(path)))
            with seeded():
                self.model(*args, **kwargs)
        return seen


def _callable_modules(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """A model's modules with their paths; a scripted one runs outside of Python and takes no hooks."""
    for path, module in model.named_modules():
        if not isinstance(module, torch.jit.ScriptModule):
            yield path, module


def _zeroed(calls: set[tuple[str, int]], only: int | None = None) -> Change:
    """Force the outputs of the given calls of modules to zero, or only the output of one number."""

    def change(place: Place, tensor: Tensor) -> Tensor:
        if place[2] == "in" or place[:2] not in calls or only not in (None, place[3]):
            return tensor
        if not _is_numeric(tensor):
            return tensor
        zeros = torch.zeros_like(tensor)
        # What follows may insist on a gradient, or write in place, which a leaf would refuse.
        return zeros.requires_grad_().clone() if tensor.requires_grad else zeros

    return change


def _mapped(value: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """The same nested value with each tensor changed, in a fixed order."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, tuple):
        parts = [_mapped(part, change) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    if isinstance(value, list):
        return [_mapped(part, change) for part in value]
    if isinstance(value, dict):
        parts_by_key = {key: _mapped(part, change) for key, part in value.items()}
        if type(value) is dict:
            return parts_by_key
        changed = copy.copy(value)
        changed.update(parts_by_key)
        return changed
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(
            value, **{f.name: _mapped(getattr(value, f.name), change) for f in dataclasses.fields(value)}
        )
    return value


def _same(left: list[Tensor], right: list[Tensor]) -> bool:
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def _is_numeric(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _became(unablated: Signal, after: Signal, before: Signal) -> bool:
    """Whether a tensor holds an earlier one's values, and only by the ablation."""
    return (
        after.telling
        and _carries(after, before)
        and not _carries(unablated, before)
        and not _selected(unablated, before)
    )


def _carries(after: Signal, before: Signal) -> bool:
    """Whether a tensor holds the values of an earlier one (see the module's docstring)."""
    if _values_equal(after.values, before.values):
        return True
    if after.values.size and after.values[0] > 0:
        return _values_equal(after.values, before.values[before.values > 0])
    return after.array.shape == before.array.shape and any(
        _one_factor_per_row(*rows) for rows in zip(after.channels, before.channels, strict=True)
    )


def _selected(later: Signal, before: Signal) -> bool:
    """Whether a tensor is made of an earlier one's values alone, as an expert's tokens are."""
    return bool(np.isin(later.values, before.values).all())


def _values_equal(after: Array, before: Array) -> bool:
    """Whether sorted numbers are the same: exactly, or up to one factor other than 1."""
    if after.size != before.size or not after.size:
        return False
    span, former = (values[-1] - values[0] for values in (after, before))
    for factor in (span / former, -span / former) if former else ():
        other = before * factor if factor > 0 else before[::-1] * factor
        # The ends first: nearly all pairs differ there already.
        if abs(after[0] - other[0]) > 1e-5 * span:
            continue
        if abs(factor - 1) < 1e-6:
            return bool((after == before).all())
        if np.allclose(after, other, rtol=1e-5, atol=1e-7 * span):
            return True
    return False


def _one_factor_per_row(after: Array, before: Array) -> bool:
    # Two positions of one row first: nearly all pairs differ there already.
    cross = after[0, 0] * before[0, 1]
    if abs(cross - after[0, 1] * before[0, 0]) > 1e-3 * abs(cross) or not before.all():
        return False
    return np.allclose(after[:, :1] / before[:, :1], after / before, rtol=1e-4, atol=0)
