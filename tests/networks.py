"""Networks as plans, and the modules that carry them out.

A plan is a tree of frozen values that says what is built; `tests/strategies.py` draws them and knows what
residual connections each executes. All streams are (2, 4, D) at the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.adds import DenseMixture, GatedUnit, HalfRotary, LowRank, SharedExpert, WrittenGelu
from tests.examples.parts import (
    VOCABULARY,
    Attention,
    AttentionWithWeights,
    D,
    DropPath,
    LayerScale,
    Mlp,
    RMSNorm,
)
from tests.examples.streams import RoutedExperts


class _Positional(nn.Module):
    """Attention whose scores come from rotated queries and keys."""

    def __init__(self) -> None:
        super().__init__()
        self.scores = HalfRotary()
        self.value = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return F.softmax(self.scores(x), dim=-1) @ self.value(x)


class _Convolution(nn.Module):
    """A convolution over positions, in place where it can be."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv1d(D, D, 3, padding=1), nn.ReLU(inplace=True), nn.Conv1d(D, D, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.transpose(1, 2)).transpose(1, 2)


class _Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell = nn.GRU(D, D, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.cell(x)[0]


AFFINE = {"linear": lambda: nn.Linear(D, D), "low_rank": LowRank}


PARTS: dict[str, Any] = AFFINE | {
    "mlp": Mlp,
    "attention": Attention,
    "pair": AttentionWithWeights,
    "rotary": _Positional,
    "convolution": _Convolution,
    "recurrent": _Recurrent,
    "experts": RoutedExperts,
    "shared_expert": lambda: SharedExpert(True),
    "mixture": DenseMixture,
    "gelu": WrittenGelu,
    "gated_unit": GatedUnit,
}


@dataclass(frozen=True)
class Nested:
    """A part that is itself a chain of blocks, ended by a linear map."""

    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Unit:
    """One branch and how it is joined with the stream.

    `table`: positions are added to what the branch reads; `offset`: the mean of its result is added to it.
    """

    part: str | Nested
    pre: bool = True
    end: bool = False
    post: bool = False
    layout: str = "as it is"
    dropout: str = ""
    kind: str = "identity"
    join: str = "sum"
    delegated: bool = False
    table: bool = False
    offset: bool = False


@dataclass(frozen=True)
class Block:
    """Units in a chain, side by side, or with the second one's skip path from the block's input."""

    units: tuple[Unit, ...]
    arrangement: str = "chain"
    grouping: str = "left"
    norm: str = "layer"
    shared: bool = False
    gives: str = "tensor"


@dataclass(frozen=True)
class Network:
    """A stem, perhaps a second input added to it, blocks in a loop, perhaps a skip path around them."""

    blocks: tuple[Block, ...]
    stem: str = "linear"
    rounds: int = 1
    memory: bool = False
    long_skip: bool = False
    train: bool = False


class NestedModule(nn.Module):
    def __init__(self, plan: Nested) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*(BlockModule(block) for block in plan.blocks))
        self.out = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.blocks(x))


class OutputModule(nn.Module):
    """Takes the stream and adds it, as BERT's output modules do."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(D, D)

    def forward(self, hidden: Tensor, stream: Tensor) -> Tensor:
        return self.dense(hidden) + stream  # sink


class BlockModule(nn.Module):
    """The module of a `Block`; the names of its children end in the number of their unit."""

    def __init__(self, plan: Block, gives: str = "tensor") -> None:
        super().__init__()
        self.plan = plan
        self.gives = gives
        for number, unit in enumerate(plan.units):
            for name, child in _children(plan, number, unit).items():
                setattr(self, f"{name}{number}", child)
            if unit.kind == "parameter":
                setattr(self, f"alpha{number}", nn.Parameter(torch.ones(())))
            if unit.join == "fused":
                setattr(self, f"weight{number}", nn.Parameter(torch.randn(1, D, D)))
            if unit.table:
                self.register_buffer(f"table{number}", torch.rand(4, D))

    def forward(self, x: Tensor) -> Any:
        if self.plan.arrangement == "parallel":
            x = self.parallel(x)
        elif self.plan.arrangement == "stale":
            start = x
            first = x + self.branch(0, x)  # sink stale0
            x = start + self.branch(1, first)  # sink stale1
        else:
            for number, unit in enumerate(self.plan.units):
                x = self.join(number, unit, x, self.branch(number, x))
                if unit.post:
                    x = self.child("post", number)(x)
        return x if self.gives == "tensor" else (x, x.mean())

    def parallel(self, x: Tensor) -> Tensor:
        a, b = self.branch(0, x), self.branch(1, x)
        if self.plan.grouping == "left":
            return x + a + b  # sink left
        if self.plan.grouping == "branches":
            return a + b + x  # sink branches
        if self.plan.grouping == "statements":
            out = b + x  # sink statements1
            out += a  # sink statements0
            return out
        return a + (x + b)  # sink nested

    def branch(self, number: int, x: Tensor) -> Tensor:
        unit = self.plan.units[number]
        h = self.child("norm", number)(x) if unit.pre else x
        if unit.table:
            h = h + getattr(self, f"table{number}")[: h.shape[1]]
        h = _into_layout(unit.layout, h)
        h = self.child("f", number)(h)
        if isinstance(h, tuple):
            h = h[0]
        h = _out_of_layout(unit.layout, h, x.shape)
        if unit.offset:
            h = h + h.mean()
        for name in ("end", "scale", "drop"):
            if hasattr(self, f"{name}{number}"):
                h = self.child(name, number)(h)
        return h

    def join(self, number: int, unit: Unit, x: Tensor, h: Tensor) -> Tensor:
        if unit.kind == "none":
            return h
        if unit.delegated:
            return self.child("output", number)(h, x)
        if unit.kind == "constant_branch":
            return x + 0.5 * h  # sink constant_branch
        if unit.kind == "constant_skip":
            return h + x * 1.5  # sink constant_skip
        if unit.kind == "alpha":
            return torch.add(x, h, alpha=0.25)  # sink alpha
        if unit.kind == "parameter":
            return x + getattr(self, f"alpha{number}") * h  # sink parameter
        if unit.kind == "projection":
            return self.child("project", number)(x) + h  # sink projection
        if unit.kind == "concat":
            return self.child("reduce", number)(torch.cat([x, h], dim=-1))  # sink concat
        if unit.kind == "gated":
            gate = torch.sigmoid(self.child("gate", number)(x))
            return gate * h + (1 - gate) * x  # sink gated
        if unit.join == "fused":
            weight = getattr(self, f"weight{number}").expand(len(x), D, D)
            return torch.baddbmm(x, h, weight)  # sink fused
        return self.add(unit.join, x, h)

    def add(self, how: str, x: Tensor, h: Tensor) -> Tensor:
        if how == "swapped":
            return h + x  # sink swapped
        if how == "function":
            return torch.add(x, h)  # sink function
        if how == "into_stream":
            x += h  # sink into_stream
            return x
        if how == "into_branch":
            h += x  # sink into_branch
            return h
        if how == "method":
            h.add_(x)  # sink method
            return h
        return x + h  # sink sum

    def child(self, name: str, number: int) -> Any:
        return getattr(self, f"{name}{0 if self.plan.shared and name in ('norm', 'f') else number}")


class NetworkModule(nn.Module):
    def __init__(self, plan: Network) -> None:
        super().__init__()
        self.plan = plan
        if plan.stem != "none":
            self.stem: nn.Module = (
                nn.Embedding(VOCABULARY, D) if plan.stem == "embedding" else nn.Linear(D, D)
            )
        if plan.memory:
            self.memory = nn.Linear(D, D)
        self.blocks = nn.ModuleList([BlockModule(block, block.gives) for block in plan.blocks])
        self.out = nn.Linear(D, D)

    def forward(self, x: Tensor, memory: Tensor | None = None) -> Tensor:
        if self.plan.stem != "none":
            x = self.stem(x)
        if memory is not None:
            x = x + self.memory(memory)
        start = x
        for _ in range(self.plan.rounds):
            for block in self.blocks:
                x = block(x)
                if isinstance(x, tuple):
                    x = x[0]
        x = self.out(x)
        return start + x if self.plan.long_skip else x  # sink


def _children(block: Block, number: int, unit: Unit) -> dict[str, nn.Module]:
    norm = nn.LayerNorm if block.norm == "layer" else RMSNorm
    children: dict[str, nn.Module] = {}
    shared = block.shared and number > 0
    if unit.pre and not shared:
        children["norm"] = norm(D)
    if not shared:
        children["f"] = NestedModule(unit.part) if isinstance(unit.part, Nested) else PARTS[unit.part]()
    if unit.end:
        children["end"] = norm(D)
    if unit.kind == "layer_scale":
        children["scale"] = LayerScale()
    if unit.dropout:
        children["drop"] = nn.Dropout(0.2) if unit.dropout == "dropout" else DropPath(0.2)
    if unit.post:
        children["post"] = norm(D)
    if unit.delegated:
        children["output"] = OutputModule()
    if unit.kind == "projection":
        children["project"] = nn.Linear(D, D)
    if unit.kind == "concat":
        children["reduce"] = nn.Linear(2 * D, D)
    if unit.kind == "gated":
        children["gate"] = nn.Linear(D, 1)
    return children


def _into_layout(layout: str, x: Tensor) -> Tensor:
    if layout == "rolled":
        return torch.roll(x, 1, dims=1)
    if layout == "windows":
        return x.reshape(-1, 2, D)
    return x.transpose(0, 1) if layout == "transposed" else x


def _out_of_layout(layout: str, x: Tensor, shape: torch.Size) -> Tensor:
    if layout == "rolled":
        return torch.roll(x, -1, dims=1)
    if layout == "windows":
        return x.reshape(shape)
    return x.transpose(0, 1) if layout == "transposed" else x
