"""Transformer layers: where norms stand, who executes the add, what is shared, what is handed on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.models.case import Case, residual
from tests.models.parts import VOCABULARY, Attention, AttentionWithWeights, D, Mlp, RMSNorm, token_ids


class PreNorm(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm1 = RMSNorm()
        self.attn = Attention()
        self.norm2 = RMSNorm()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))  # sink attn
        return x + self.mlp(self.norm2(x))  # sink mlp


class InPlacePreNorm(PreNorm):
    """The form of many language models: the residual is kept in a name and added in place."""

    def forward(self, x: Tensor) -> Tensor:
        residual = x
        hidden = self.attn(self.norm1(x))
        hidden += residual  # sink attn
        residual = hidden
        hidden = self.mlp(self.norm2(hidden))
        hidden += residual  # sink mlp
        return hidden


class PostNorm(PreNorm):
    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attn(x))  # sink attn
        return self.norm2(x + self.mlp(x))  # sink mlp


class Sandwich(PreNorm):
    """Norms on both ends of each branch; a norm's weight is no factor of the join."""

    def __init__(self) -> None:
        super().__init__()
        self.after1 = RMSNorm()
        self.after2 = RMSNorm()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.after1(self.attn(self.norm1(x)))  # sink attn
        return x + self.after2(self.mlp(self.norm2(x)))  # sink mlp


class BranchNorm(PreNorm):
    """Norms at the end of the branch only."""

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.norm1(self.attn(x))  # sink attn
        return x + self.norm2(self.mlp(x))  # sink mlp


class StaleInput(PreNorm):
    """The second branch reads the first one's sum, its skip path the block's input: a longer residual."""

    def forward(self, x: Tensor) -> Tensor:
        h = x + self.attn(self.norm1(x))  # sink attn
        return x + self.mlp(self.norm2(h))  # sink mlp


class NormedSource(PreNorm):
    """The skip path starts after the norm."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm1(x)
        x = h + self.attn(h)  # sink attn
        h = self.norm2(x)
        return h + self.mlp(h)  # sink mlp


class Parallel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.attn = Attention()
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return x + self.attn(h) + self.mlp(h)  # sink


class ParallelGrouped(Parallel):
    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return self.attn(h) + self.mlp(h) + x  # sink


class ParallelNested(Parallel):
    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        return self.attn(h) + (x + self.mlp(h))  # sink


class ParallelAffine(nn.Module):
    """One of the two branches is a bare linear map; the skip path is x all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(D, D)
        self.mlp = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) + (x + self.mlp(x))  # sink


class ParallelInPlace(Parallel):
    """Two statements, one sum."""

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        out = x + self.attn(h)  # sink attn
        out += self.mlp(h)  # sink mlp
        return out


class ParallelTwoNorms(PreNorm):
    """Each branch with its own norm, computed one after the other, added together first."""

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(self.norm1(x))
        return x + (attended + self.mlp(self.norm2(x)))  # sink


class SerialOneSum(PreNorm):
    """Looks parallel in its last line; the second branch depends on the first one's sum."""

    def forward(self, x: Tensor) -> Tensor:
        attended = self.attn(self.norm1(x))
        h = x + attended  # sink attn
        return h + self.mlp(self.norm2(h))  # sink mlp


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


class Around(nn.Module):
    """A residual around a chain that holds one itself, ending in a projection (RRDB, Swin's groups)."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(PreNorm(), PreNorm())
        self.conv = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(self.blocks(x))  # sink


class AroundFlat(nn.Module):
    """The same in one forward: the inner sum lies on the outer branch."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(D, D)
        self.b = Mlp()
        self.c = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.a(x))
        h = h + self.b(h)  # sink inner
        return x + self.c(h)  # sink outer


class LongSkip(nn.Module):
    """The embedding is handed past all blocks to the end."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.layers = nn.ModuleList([PreNorm(), PreNorm()])
        self.project = nn.Linear(D, D)
        self.head = nn.Linear(D, VOCABULARY)

    def forward(self, ids: Tensor) -> Tensor:
        start = x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.project(x) + start)  # sink


class SomeLayersOnly(nn.Module):
    """A flag turns the residual on in every second layer."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([_Optional(bool(k % 2)) for k in range(4)])

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


class _Optional(nn.Module):
    def __init__(self, shortcut: bool) -> None:
        super().__init__()
        self.f = Mlp()
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        return x + self.f(x) if self.shortcut else self.f(x)  # sink


class _CrossAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.query = nn.Linear(D, D)
        self.value = nn.Linear(D, D)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return F.softmax(self.query(x) @ memory.transpose(1, 2), -1) @ self.value(memory)


class Decoder(nn.Module):
    """Self-attention, cross-attention, feed-forward: three residuals in a chain; memory is no source."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(D), nn.LayerNorm(D), nn.LayerNorm(D)
        self.attn = Attention()
        self.cross = _CrossAttention()
        self.mlp = Mlp()

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))  # sink attn
        x = x + self.cross(self.norm2(x), memory)  # sink cross
        return x + self.mlp(self.norm3(x))  # sink mlp


class EncoderDecoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.encoder = PreNorm()
        self.decoder = Decoder()

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        return self.decoder(self.embed(targets), self.encoder(self.embed(ids)))


def _pair(owner: type[nn.Module], first: str, second: str, source: str, scope: str = "") -> tuple[Any, ...]:
    return (
        residual(owner, "input", first, "attn", scope=scope),
        residual(owner, source, second, "mlp", scope=scope),
    )


_PARALLEL = (Parallel, ParallelGrouped, ParallelNested)
_DECODER = (
    residual(Decoder, "input", "norm1 attn", "attn", scope="decoder"),
    residual(Decoder, "sink(attn)", "norm2 cross", "cross", scope="decoder"),
    residual(Decoder, "sink(cross)", "norm3 mlp", "mlp", scope="decoder"),
)

CASES = (
    Case("PreNorm", PreNorm, _pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)")),
    Case("InPlacePreNorm", InPlacePreNorm, _pair(InPlacePreNorm, "norm1 attn", "norm2 mlp", "sink(attn)")),
    Case("PostNorm", PostNorm, _pair(PostNorm, "attn", "mlp", "norm1")),
    Case("Sandwich", Sandwich, _pair(Sandwich, "norm1 attn after1", "norm2 mlp after2", "sink(after1)")),
    Case("BranchNorm", BranchNorm, _pair(BranchNorm, "attn norm1", "mlp norm2", "sink(norm1)")),
    Case(
        "StaleInput",
        StaleInput,
        (
            residual(StaleInput, "input", "norm1 attn", "attn"),
            residual(StaleInput, "input", "norm1 attn norm2 mlp", "mlp"),
        ),
    ),
    Case(
        "NormedSource",
        NormedSource,
        (
            residual(NormedSource, "norm1", "attn", "attn"),
            residual(NormedSource, "norm2", "mlp", "mlp"),
        ),
    ),
    *(
        Case(model.__name__, model, tuple(residual(model, "input", f"norm {f}") for f in order))
        for model, order in zip(_PARALLEL, (("attn", "mlp"), ("attn", "mlp"), ("mlp", "attn")), strict=True)
    ),
    Case(
        "ParallelAffine",
        ParallelAffine,
        (residual(ParallelAffine, "input", "mlp"), residual(ParallelAffine, "input", "linear")),
    ),
    Case("ParallelInPlace", ParallelInPlace, _pair(ParallelInPlace, "norm attn", "norm mlp", "input")),
    Case(
        "ParallelTwoNorms",
        ParallelTwoNorms,
        (
            residual(ParallelTwoNorms, "input", "norm1 attn"),
            residual(ParallelTwoNorms, "input", "norm2 mlp"),
        ),
    ),
    Case("SerialOneSum", SerialOneSum, _pair(SerialOneSum, "norm1 attn", "norm2 mlp", "sink(attn)")),
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
        "SharedNorm", SharedNorm, _pair(SharedNorm, "norm attn dropout", "norm mlp dropout", "sink(dropout)")
    ),
    Case(
        "SharedLayer",
        SharedLayer,
        2 * _pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layer"),
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
    Case(
        "Around",
        Around,
        (
            *_pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="blocks.0"),
            *_pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="blocks.1"),
            residual(Around, "input", "blocks conv"),
        ),
    ),
    Case(
        "AroundFlat",
        AroundFlat,
        (
            residual(AroundFlat, None, "b", "inner"),
            residual(AroundFlat, "input", "a b c", "outer"),
        ),
    ),
    Case(
        "LongSkip",
        LongSkip,
        (
            *_pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layers.0"),
            *_pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layers.1"),
            residual(LongSkip, "embed", "layers.0 layers.1 project"),
        ),
        inputs=token_ids,
    ),
    Case(
        "SomeLayersOnly",
        SomeLayersOnly,
        tuple(residual(_Optional, "input", "f", scope=f"layers.{k}") for k in (1, 3)),
    ),
    Case(
        "Decoder",
        Decoder,
        tuple(
            residual(Decoder, source, branch, sink)
            for source, branch, sink in (
                ("input", "norm1 attn", "attn"),
                ("sink(attn)", "norm2 cross", "cross"),
                ("sink(cross)", "norm3 mlp", "mlp"),
            )
        ),
        inputs=lambda: (torch.randn(2, 6, D), torch.randn(2, 4, D)),
    ),
    Case(
        "EncoderDecoder",
        EncoderDecoder,
        (*_pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="encoder"), *_DECODER),
        inputs=lambda: (*token_ids(), *token_ids()),
    ),
)
