"""Who executes the add, and how tensors are handed on: sub-modules, functions, shared modules, containers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case, residual
from tests.examples.layers import PreNorm, pair
from tests.examples.parts import VOCABULARY, Attention, AttentionWithWeights, D, Mlp, RMSNorm, token_ids


class _DeferredBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = RMSNorm()
        self.mixer = Mlp()

    def forward(self, hidden: Tensor, stream: Tensor | None) -> tuple[Tensor, Tensor]:
        stream = hidden if stream is None else stream + hidden  # sink
        return self.mixer(self.norm(stream)), stream


class Deferred(nn.Module):
    """Each block adds what the block before it computed; the last add is the model's own."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.layers = nn.ModuleList([_DeferredBlock() for _ in range(3)])
        self.norm = RMSNorm()

    def forward(self, ids: Tensor) -> Tensor:
        hidden, stream = self.embed(ids), None
        for layer in self.layers:
            hidden, stream = layer(hidden, stream)
        return self.norm(stream + hidden)  # sink


class _SelfOutput(nn.Module):
    """BERT's: projection, dropout, add, norm."""

    def __init__(self, inner: int = D) -> None:
        super().__init__()
        self.dense = nn.Linear(inner, D)
        self.dropout = nn.Dropout(0.1)
        self.norm = nn.LayerNorm(D)

    def forward(self, hidden: Tensor, stream: Tensor) -> Tensor:
        hidden = self.dropout(self.dense(hidden))
        return self.norm(hidden + stream)  # sink


class _BertAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attend = AttentionWithWeights()
        self.output = _SelfOutput()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        attended, weights = self.attend(x)
        return self.output(attended, x), weights


class BertLayer(nn.Module):
    """The adds run in sub-modules that take the stream as a second argument."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = _BertAttention()
        self.intermediate = nn.Sequential(nn.Linear(D, 2 * D), nn.GELU())
        self.output = _SelfOutput(2 * D)

    def forward(self, x: Tensor) -> Tensor:
        x, _ = self.attention(x)
        return self.output(self.intermediate(x), x)


class OutputChain(nn.Module):
    """Two such sub-modules in a row, the second around a bare linear map."""

    def __init__(self) -> None:
        super().__init__()
        self.f, self.g = Mlp(), nn.Linear(D, D)
        self.output1, self.output2 = _PlainOutput(), _PlainOutput()

    def forward(self, x: Tensor) -> Tensor:
        x = self.output1(self.f(x), x)
        return self.output2(self.g(x), x)


class _PlainOutput(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(D, D)

    def forward(self, hidden: Tensor, stream: Tensor) -> Tensor:
        return self.dense(hidden) + stream  # sink


def dropout_add(x: Tensor, stream: Tensor, training: bool) -> Tensor:
    """BLOOM's helper."""
    return stream + F.dropout(x, 0.1, training)  # sink


class _BloomAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.core = Attention()
        self.dense = nn.Linear(D, D)

    def forward(self, h: Tensor, stream: Tensor) -> Tensor:
        return dropout_add(self.dense(self.core(h)), stream, self.training)


class BloomLayer(nn.Module):
    """The attention adds the layer's stream, in a function; the norm before it is the layer's."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(D)
        self.attn = _BloomAttention()
        self.norm2 = nn.LayerNorm(D)
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = self.attn(self.norm1(x), x)
        return dropout_add(self.mlp(self.norm2(x)), x, self.training)


class SharedNorm(nn.Module):
    """One norm and one dropout, each called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()
        self.mlp = Mlp()
        self.dropout = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.dropout(self.attn(self.norm(x)))  # sink attn
        return x + self.dropout(self.mlp(self.norm(x)))  # sink mlp


class SharedLayer(nn.Module):
    """ALBERT: one layer applied again and again; each call executes its residuals."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = PreNorm()

    def forward(self, x: Tensor) -> Tensor:
        for _ in range(2):
            x = self.layer(x)
        return x


class PlainList(nn.Module):
    """Modules that no one registered have no path."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = [Mlp(), Mlp()]

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)  # sink
        return x


@dataclass
class Output:
    hidden: Tensor
    weights: Tensor | None = None


class _AttentionGiving(Attention):
    """An attention that wraps its result in a container."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any]) -> None:
        super().__init__()
        self.wrap = wrap

    def forward(self, x: Tensor) -> Any:
        return self.wrap(*self.attend(x))


class Contained(nn.Module):
    """The branch's tensor is taken out of what the attention returns."""

    def __init__(self, wrap: Callable[[Tensor, Tensor], Any], unwrap: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = _AttentionGiving(wrap)
        self.wrap = wrap
        self.unwrap = unwrap

    def forward(self, x: Tensor) -> Any:
        out = self.attn(self.norm(x))
        y = x + self.unwrap(out)  # sink
        return self.wrap(y, x)


class StreamInDict(nn.Module):
    """Blocks that take and give a dictionary."""

    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()
        self.g = Mlp()

    def forward(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        batch = dict(batch)
        batch["x"] = batch["x"] + self.f(batch["x"])  # sink f
        batch["x"] = batch["x"] + self.g(batch["x"])  # sink g
        return batch


CASES = (
    Case(
        "Deferred",
        Deferred,
        (
            residual(_DeferredBlock, "embed", "layers.0.norm layers.0.mixer", within="layers.1"),
            residual(_DeferredBlock, "layers.1", "layers.1.norm layers.1.mixer", within="layers.2"),
            residual(Deferred, "layers.2", "layers.2.norm layers.2.mixer"),
        ),
        inputs=token_ids,
    ),
    *(
        Case(
            f"BertLayer{'InTraining' * train}",
            BertLayer,
            (
                residual(
                    _SelfOutput,
                    "input",
                    "attend output.dense output.dropout",
                    scope="attention",
                    within="attention.output",
                ),
                residual(
                    _SelfOutput, "attention", "intermediate output.dense output.dropout", within="output"
                ),
            ),
            train=train,
        )
        for train in (False, True)
    ),
    Case(
        "OutputChain",
        OutputChain,
        (
            residual(_PlainOutput, "input", "f output1.dense", within="output1"),
            residual(_PlainOutput, "output1", "g output2.dense", within="output2"),
        ),
    ),
    Case(
        "BloomLayer",
        BloomLayer,
        (
            residual(dropout_add, "input", "norm1 attn.core attn.dense", within="attn"),
            residual(dropout_add, "attn", "norm2 mlp"),
        ),
    ),
    Case(
        "SharedNorm", SharedNorm, pair(SharedNorm, "norm attn dropout", "norm mlp dropout", "sink(dropout)")
    ),
    Case(
        "SharedLayer",
        SharedLayer,
        2 * pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layer"),
    ),
    Case(
        "PlainList",
        PlainList,
        (residual(PlainList, "input", None), residual(PlainList, None, None)),
        unseen="modules that no one registered take no hooks",
    ),
    *(
        Case(
            f"Contained{name}",
            lambda wrap=wrap, unwrap=unwrap: Contained(wrap, unwrap),  # type: ignore[misc]
            (residual(Contained, "input", "norm attn"),),
        )
        for name, wrap, unwrap in (
            ("InTuple", lambda a, b: (a, b), lambda out: out[0]),
            ("InList", lambda a, b: [b, a], lambda out: out[1]),
            ("InDict", lambda a, b: {"hidden": a, "more": [b]}, lambda out: out["hidden"]),
            ("InDataclass", Output, lambda out: out.hidden),
        )
    ),
    Case(
        "StreamInDict",
        StreamInDict,
        (residual(StreamInDict, "input", "f", "f"), residual(StreamInDict, "sink(f)", "g", "g")),
        inputs=lambda: ({"x": torch.randn(2, 6, D), "mask": torch.ones(2, 6)},),
    ),
)
