"""The tape: steps in the order in which they ran, and the module calls that bracket them."""

from __future__ import annotations

from types import CodeType
from typing import Any

import torch
from torch import Tensor, nn

from archcheck.dataflow.run import Layout

# Kinds of steps.
INPUT, ATTRIBUTE, CONSTANT, CALL, OPAQUE, FUSED = "input", "attribute", "constant", "call", "opaque", "fused"


class Step:
    """One entry of the tape: a torch call, an input, a parameter, or a constant."""

    __slots__ = (
        "args",
        "autocast",
        "call",
        "code",
        "func",
        "hidden",
        "instruction",
        "kernels",
        "kind",
        "kwargs",
        "layout",
        "line",
        "mask",
        "mutates",
        "name",
        "operands",
        "origin",
        "out",
        "rebound",
        "region",
        "reread",
        "stale",
        "with_grad",
    )

    def __init__(self, kind: str, func: Any, args: Any, kwargs: Any, operands: Any, call: int) -> None:
        self.kind = kind
        self.func = func
        self.args = args
        self.kwargs = kwargs
        self.operands: tuple[tuple[int, ...], ...] = operands
        self.call = call
        self.name = ""
        self.out: Any = None  # what stands for the result (see `Recorder._bind`)
        self.mask = ""
        self.code: CodeType | None = None
        self.line = 0
        self.instruction = 0
        self.mutates: Tensor | None = None
        self.rebound = False  # code went on with the alias that this in-place call returned
        self.reread = False  # code went on with the tensor that this in-place call changed
        self.stale: tuple[
            tuple[int, bool], ...
        ] = ()  # writes seen through an older name; is it the same tensor?
        self.autocast: tuple[str, torch.dtype, bool] | None = None
        self.origin: tuple[int, Any] | None = None
        self.kernels: tuple[bool, ...] | None = None
        self.layout: Layout | None = None  # for a view: how it lies in the storage of what it views
        self.hidden = False  # what its values were computed from can't be seen: `operands` may be it
        self.region: Layout | None = None  # for a write in place: what it wrote, in the tensor written to
        self.with_grad = torch.is_grad_enabled()

    @property
    def dtype(self) -> torch.dtype | None:
        """Of the result, where it is a tensor."""
        out = self.out if self.out is not None else self.mutates
        return out.dtype if isinstance(out, Tensor) else None


class Call:
    """One call of a module: the steps [first, end) ran inside it."""

    __slots__ = ("code", "end", "first", "inputs", "line", "module", "opaque", "outputs", "parent", "path")

    def __init__(self, module: nn.Module, path: str, parent: int, first: int) -> None:
        self.module = module
        self.path = path
        self.parent = parent
        self.first = first
        self.end = first
        self.inputs: tuple[int, ...] = ()
        self.outputs: tuple[int, ...] = ()
        self.code: CodeType | None = None
        self.line = 0
        self.opaque = False
