"""What an operation does, found by trying it on other values: whether it only copies an operand, or adds two.

`s * ones`, `index_add(s, all rows, b)`, `gather` with every element's own place, `b @ eye` are called by
what they do, however they are written. Only what depends on the input is exchanged; a buffer of ones may
hold other values tomorrow, but an index or a mask decides what the code does.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import repeat
from typing import Any

import torch
from torch import Tensor

from archcheck.dataflow.elements import KEEPS
from archcheck.dataflow.operations import (
    AFFINE,
    DROPOUTS,
    FUSED_SUMS,
    MIXING,
    PRODUCTS_OF_MATRICES,
    RANDOM,
    VIEWS,
)
from archcheck.dataflow.run import Op
from archcheck.model.private_torch import DisableTorchFunction
from archcheck.tracing.containers import tensors_of
from archcheck.tracing.tape import Step

_LARGEST = 2**20
# Reshapes and casts are known by their names, which the vocabulary asks for. Pooling, norms and reductions
# over one element copy it, but that depends on the shapes of the run.
_UNTRIED = (
    KEEPS
    | RANDOM
    | DROPOUTS
    | ((MIXING | AFFINE) - PRODUCTS_OF_MATRICES - FUSED_SUMS - {"linear", "scatter_reduce"})
)

Tried = tuple[str, tuple[int, ...]] | None
"""What an operation is, `alias` or `add`, and the places of its operands; None if it does more."""


class Trials:
    """Operations tried so far: those with equal arguments and shapes are tried once."""

    def __init__(self) -> None:
        self._known: dict[object, Tried] = {}

    def rename(self, step: Step, op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> None:
        """Rename what only copies one operand that depends on the input, or adds two such operands."""
        if op.opaque or not op.floating or not 1 < op.numel <= _LARGEST or op.name in _UNTRIED:
            return
        is_view = op.name in VIEWS and len(op.operands) == 1 and op.name != "getitem"
        known = is_view or step.layout is not None or step.origin is not None
        if known or any(len(each) != 1 for each in op.operands):
            return
        reads = [ops[read] for (read,) in op.operands]
        fed = [place for place, read in enumerate(reads) if read.depends_on_input]
        if not 1 <= len(fed) <= 2 or not any(reads[place].numel == op.numel for place in fed):
            return
        given = {place: value_of(place) for place in range(len(reads)) if place not in fed}
        if any(value is None for value in given.values()):
            return
        if any(
            value.is_floating_point() and reads[place].parameter
            for place, value in given.items()
            if value is not None
        ):
            return
        shapes = [read.shape for read in reads]
        key: object = step
        if not given:
            key = step.func, repr(_exchanged((step.args, step.kwargs), repeat(None))), tuple(shapes)
        if key not in self._known:
            self._known[key] = _tried(step, op, shapes, given)
        if (found := self._known[key]) is not None:
            op.name, op.operands = found[0], tuple(op.operands[place] for place in found[1])
            op.numbers, op.arguments, op.roles = (), {}, {}


def _tried(step: Step, op: Op, shapes: Sequence[tuple[int, ...]], given: dict[int, Tensor | None]) -> Tried:
    kwargs = {name: value for name, value in step.kwargs.items() if name != "out"}
    if len(tensors_of(step.args, kwargs)) != len(shapes):
        return None
    random = torch.Generator().manual_seed(0)
    values = [
        _wide(value) if (value := given.get(place)) is not None else _drawn(shape, random)
        for place, shape in enumerate(shapes)
    ]
    try:
        with (
            DisableTorchFunction(),
            torch.no_grad(),
            torch.random.fork_rng(devices=[]),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            args, named = _exchanged((step.args, kwargs), iter([value.clone() for value in values]))
            out = step.func(*args, **named)
            out = args[0] if out is None else out
    except Exception:  # it does not take such values: another dtype, another layout
        return None
    if not isinstance(out, Tensor) or out.numel() != op.numel or out.dtype != torch.float64:
        return None
    return _made_of(out.reshape(-1), values, [place for place in range(len(values)) if place not in given])


def _made_of(out: Tensor, values: Sequence[Tensor], fed: Sequence[int]) -> Tried:
    flat = {place: values[place].reshape(-1) for place in fed if values[place].numel() == len(out)}
    for place, value in flat.items():
        if torch.equal(out, value):
            return "alias", (place,)
    if len(flat) == 2:
        one, other = flat
        if torch.equal(out, flat[one] + flat[other]):
            return "add", (one, other)
    return None


def _drawn(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Return numbers of either sign and of any size, so that hardly a bound or a curve leaves all alone."""
    sizes = torch.empty(shape, dtype=torch.float64).uniform_(-60, 60, generator=random).exp2()
    return sizes * torch.empty(shape, dtype=torch.float64).uniform_(-1, 1, generator=random)


def _wide(value: Tensor) -> Tensor:
    return value.detach().double() if value.is_floating_point() else value.detach()


def _exchanged(value: Any, values: Iterator[Tensor | None]) -> Any:
    """Return the arguments with the next of `values` for each tensor, in order."""
    if isinstance(value, Tensor):
        return next(values)
    if isinstance(value, (tuple, list)):
        return (
            type(value)(_exchanged(item, values) for item in value) if type(value) in (tuple, list) else value
        )
    if isinstance(value, dict):
        return {key: _exchanged(item, values) for key, item in value.items()}
    return value
