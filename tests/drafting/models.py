"""Small models to be drafted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """Self-attention with two heads, written out."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (2, -1)).transpose(1, 2) for part in (self.q, self.k, self.v))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
        return self.out((weights @ v).transpose(1, 2).flatten(-2))  # type: ignore[no-any-return]


class Block(nn.Module):
    """A pre-norm block."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, 16), nn.GELU(), nn.Linear(16, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class TinyTransformer(nn.Module):
    """Two blocks between a table and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 11)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))  # type: ignore[no-any-return]


class AddAndNorm(nn.Module):
    """Sums around a sublayer that it is handed, as the Annotated Transformer does."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        return self.norm(x + sublayer(x))  # type: ignore[no-any-return]


class HandedBlock(nn.Module):
    """A block whose sums and norms are in modules that are handed its sublayers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
        self.sums = nn.ModuleList([AddAndNorm(width), AddAndNorm(width)])

    def forward(self, x: Tensor) -> Tensor:
        return self.sums[1](self.sums[0](x, self.attn), self.mlp)  # type: ignore[no-any-return]


class HandedSublayers(nn.Module):
    """Two such blocks."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, width)
        self.layers = nn.ModuleList([HandedBlock(width), HandedBlock(width)])

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


class Turned(Attention):
    """Self-attention with rotary positions, each half of the channels turned by itself."""

    def forward(self, x: Tensor) -> Tensor:
        q, k = (self._turned(part(x)) for part in (self.q, self.k))
        weights = torch.softmax(q @ k.transpose(-2, -1) / 2, dim=-1)
        return self.out(weights @ self.v(x))  # type: ignore[no-any-return]

    def _turned(self, x: Tensor) -> Tensor:
        angles = torch.outer(torch.arange(x.shape[-2]), 0.5 ** torch.arange(x.shape[-1] / 2))
        one, other = x.chunk(2, dim=-1)
        cos, sin = angles.cos(), angles.sin()
        return torch.cat([one * cos - other * sin, other * cos + one * sin], dim=-1)
