"""Whole stacks: residuals around residuals, long skips, layers that differ, encoder and decoder."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case, residual
from tests.examples.layers import PreNorm, pair
from tests.examples.parts import VOCABULARY, Attention, D, Mlp, token_ids


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


_DECODER = (
    residual(Decoder, "input", "norm1 attn", "attn", scope="decoder"),
    residual(Decoder, "sink(attn)", "norm2 cross", "cross", scope="decoder"),
    residual(Decoder, "sink(cross)", "norm3 mlp", "mlp", scope="decoder"),
)

CASES = (
    Case(
        "Around",
        Around,
        (
            *pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="blocks.0"),
            *pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="blocks.1"),
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
            *pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layers.0"),
            *pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="layers.1"),
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
        (*pair(PreNorm, "norm1 attn", "norm2 mlp", "sink(attn)", scope="encoder"), *_DECODER),
        inputs=lambda: (*token_ids(), *token_ids()),
    ),
)
