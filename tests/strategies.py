"""Random networks with known residual connections.

A network is drawn as a plan: a tree of frozen values that says what is built and, by the same reading, what
residuals it executes. `build` makes the module, `expected` the list; hypothesis shrinks the plan.
All streams are (2, 4, D).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from tests.models.adds import DenseMixture, GatedUnit, HalfRotary, LowRank, SharedExpert, WrittenGelu
from tests.models.case import Case, Expected, residual
from tests.models.parts import (
    VOCABULARY,
    Attention,
    AttentionWithWeights,
    D,
    DropPath,
    LayerScale,
    Mlp,
    RMSNorm,
)
from tests.models.streams import RoutedExperts

LENGTH = 4


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
    """One branch and how it is joined with the stream."""

    part: str | Nested
    pre: bool = True
    end: bool = False
    post: bool = False
    layout: str = "as it is"
    dropout: str = ""
    kind: str = "identity"
    join: str = "sum"
    delegated: bool = False


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
    """A stem, blocks, perhaps the first block once more, perhaps a skip path around all of them."""

    blocks: tuple[Block, ...]
    stem: str = "linear"
    again: bool = False
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
        h = _into_layout(unit.layout, h)
        h = self.child("f", number)(h)
        if isinstance(h, tuple):
            h = h[0]
        h = _out_of_layout(unit.layout, h, x.shape)
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
        self.blocks = nn.ModuleList([BlockModule(block, block.gives) for block in plan.blocks])
        self.out = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        if self.plan.stem != "none":
            x = self.stem(x)
        start = x
        for block in (*self.blocks, *list(self.blocks)[: self.plan.again]):
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


# What each plan executes


def expected(plan: Network) -> tuple[Expected, ...]:
    """The residual connections of a network, in the order of their sinks."""
    found = [_block_residuals(block, f"blocks.{number}") for number, block in enumerate(plan.blocks)]
    if plan.again:
        found.append(found[0])
    rows = [row for rows in found for row in rows]
    if plan.long_skip:
        names = " ".join(f"blocks.{number}" for number in range(len(plan.blocks)))
        source = "input" if plan.stem == "none" else "stem"
        rows.append(residual(NetworkModule.forward, source, f"{names} out"))
    return tuple(rows)


def _block_residuals(block: Block, scope: str) -> list[Expected]:
    inner = [
        _nested_residuals(unit.part, f"{scope}.f{0 if block.shared else number}")
        for number, unit in enumerate(block.units)
    ]
    branches = [_branch(block, number) for number in range(len(block.units))]
    if block.arrangement == "parallel":
        order = (1, 0) if block.grouping in ("statements", "nested") else (0, 1)
        per_branch = block.grouping == "statements"
        return (
            inner[0]
            + inner[1]
            + [
                residual(
                    BlockModule.parallel,
                    "input",
                    " ".join(branches[number]),
                    f"statements{number}" if per_branch else block.grouping,
                    scope=scope,
                    **_kind(block, number, scope),
                )
                for number in order
            ]
        )
    if block.arrangement == "stale":
        both = list(dict.fromkeys(branches[0] + branches[1]))
        forward = BlockModule.forward
        return [
            *inner[0],
            residual(
                forward, "input", " ".join(branches[0]), "stale0", scope=scope, **_kind(block, 0, scope)
            ),
            *inner[1],
            residual(forward, "input", " ".join(both), "stale1", scope=scope, **_kind(block, 1, scope)),
        ]
    rows: list[Expected] = []
    source: str | None = "input"
    for number, unit in enumerate(block.units):
        rows += inner[number]
        row = _unit_residual(block, number, unit, branches[number], source, scope)
        rows += [] if row is None else [row]
        source = _next_source(number, unit, branches[number], row)
    return rows


def _nested_residuals(part: str | Nested, scope: str) -> list[Expected]:
    if isinstance(part, str):
        return []
    return [
        row
        for number, block in enumerate(part.blocks)
        for row in _block_residuals(block, f"{scope}.blocks.{number}")
    ]


def _branch(block: Block, number: int) -> list[str]:
    unit = block.units[number]
    own = 0 if block.shared else number
    names = [f"norm{own}"] * unit.pre + [f"f{own}"] + [f"end{number}"] * unit.end
    return names + [f"scale{number}"] * (unit.kind == "layer_scale") + [f"drop{number}"] * bool(unit.dropout)


def _unit_residual(
    block: Block, number: int, unit: Unit, branch: list[str], source: str | None, scope: str
) -> Expected | None:
    if unit.kind == "none" or (unit.kind == "projection" and _is_affine(block, number)):
        return None
    if unit.delegated:
        within = f"{scope}.output{number}"
        words = " ".join([*branch, f"output{number}.dense"])
        return residual(
            OutputModule, source, words, scope=scope, within=within, **_kind(block, number, scope)
        )
    if unit.kind == "gated":
        branch = [*branch, f"gate{number}"]
    plain = unit.kind in ("identity", "layer_scale")
    return residual(
        BlockModule.add if plain else BlockModule.join,
        source,
        " ".join(branch),
        unit.join if plain else unit.kind,
        scope=scope,
        **_kind(block, number, scope),
    )


def _next_source(number: int, unit: Unit, branch: list[str], row: Expected | None) -> str | None:
    """What produced the stream after a unit; None where that is an operation that bears no name."""
    if unit.post:
        return f"post{number}"
    if unit.kind == "none":
        return branch[-1] if unit.layout == "as it is" or len(branch) > 1 + unit.pre else None
    if unit.kind == "concat":
        return f"reduce{number}"
    if unit.delegated:
        return f"output{number}"
    return f"sink({row.branch[-1]})" if row is not None and row.branch else None


def _is_affine(block: Block, number: int) -> bool:
    unit = block.units[number]
    return unit.part in AFFINE and not (unit.pre or unit.end)


def _kind(block: Block, number: int, scope: str) -> dict[str, Any]:
    unit = block.units[number]
    factors: dict[str, tuple[str, float | str]] = {
        "constant_branch": ("branch", 0.5),
        "constant_skip": ("skip", 1.5),
        "alpha": ("branch", 0.25),
        "parameter": ("branch", f"{scope}.alpha{number}"),
        "layer_scale": ("branch", f"{scope}.scale{number}.gamma"),
    }
    if unit.kind in factors:
        return {"kind": "scaled", "factors": (factors[unit.kind],), "skip": ""}
    if unit.kind == "projection":
        return {"kind": "projection", "skip": f"project{number}"}
    return {"kind": unit.kind}


def case_of(plan: Network) -> Case:
    """The network as a case like those of the registry."""
    inputs = {
        "embedding": lambda: (torch.randint(0, VOCABULARY, (2, LENGTH)),),
    }.get(plan.stem, lambda: (torch.randn(2, LENGTH, D),))
    return Case(repr(plan), lambda: NetworkModule(plan), expected(plan), inputs=inputs, train=plan.train)


# Drawing plans

KINDS = (
    "identity", "identity", "identity", "none", "constant_branch", "constant_skip", "alpha", "parameter",
    "layer_scale", "projection", "concat", "gated",
)  # fmt: skip
JOINS = ("sum", "swapped", "function", "into_stream", "into_branch", "method")
LAYOUTS = ("as it is", "as it is", "rolled", "windows", "transposed")


@st.composite
def networks(draw: st.DrawFn, depth: int = 2) -> Network:
    """Networks of one to three blocks, nested up to `depth` levels deep."""
    return Network(
        blocks=_several(draw, 3, depth),
        stem=draw(st.sampled_from(("linear", "embedding", "none"))),
        again=draw(st.booleans()),
        long_skip=draw(st.booleans()),
        train=draw(st.booleans()),
    )


def _several(draw: st.DrawFn, most: int, depth: int) -> tuple[Block, ...]:
    return tuple(_block(draw, depth) for _ in range(draw(st.integers(1, most))))


def _block(draw: st.DrawFn, depth: int) -> Block:
    return _sensible_block(
        Block(
            units=tuple(_unit(draw, depth) for _ in range(draw(st.integers(1, 3)))),
            arrangement=draw(st.sampled_from(("chain", "chain", "parallel", "stale"))),
            grouping=draw(st.sampled_from(("left", "branches", "statements", "nested"))),
            norm=draw(st.sampled_from(("layer", "rms"))),
            shared=draw(st.booleans()),
            gives=draw(st.sampled_from(("tensor", "tuple"))),
        )
    )


def _unit(draw: st.DrawFn, depth: int) -> Unit:
    part: str | Nested = draw(st.sampled_from(sorted(PARTS)))
    if depth and draw(st.integers(0, 5)) == 5:
        part = Nested(_several(draw, 2, depth - 1))
    kind = draw(st.sampled_from(KINDS))
    return Unit(
        part=part,
        pre=draw(st.booleans()),
        end=draw(st.booleans()),
        post=draw(st.booleans()),
        layout=draw(st.sampled_from(LAYOUTS)),
        dropout=draw(st.sampled_from(("", "", "dropout", "path"))),
        kind=kind,
        join=draw(st.sampled_from(JOINS)),
        delegated=kind == "identity" and draw(st.booleans()),
    )


def _sensible_block(block: Block) -> Block:
    """Side by side and stale take two units that join by a plain sum, with or without a learned scale."""
    units = block.units
    # The block's input is the caller's tensor too: only what the block made itself is added into.
    if units[0].join == "into_stream":
        units = (replace(units[0], join="sum"), *units[1:])
    units = tuple(
        replace(unit, join="sum") if before.kind == "none" and unit.join == "into_stream" else unit
        for before, unit in zip((units[0], *units), units, strict=False)
    )
    arrangement = block.arrangement if len(units) > 1 else "chain"
    if arrangement != "chain":
        plain = {"layer_scale": "layer_scale"}
        units = tuple(
            replace(unit, kind=plain.get(unit.kind, "identity"), post=False, delegated=False)
            for unit in units[:2]
        )
    shared = block.shared and len(units) > 1 and arrangement == "chain"
    if shared:
        units = tuple(replace(unit, part=units[0].part, pre=units[0].pre) for unit in units)
    return replace(block, units=units, arrangement=arrangement, shared=shared)
