"""The small sub-modules that the cases are built from; none of them holds a residual connection.

Shapes: B batch, T positions, D = 8 channels, H = 2 heads.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

D = 8
VOCABULARY = 20


class Mlp(nn.Module):
    """Two linear maps with an activation between: (…, D) -> (…, D)."""

    def __init__(self, dim: int = D, bias: bool = True) -> None:
        super().__init__()
        self.up = nn.Linear(dim, 2 * dim, bias=bias)
        self.act = nn.GELU()
        self.down = nn.Linear(2 * dim, dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.act(self.up(x)))


class Attention(nn.Module):
    """Causal self-attention written out, with an additive mask: (B, T, D) -> (B, T, D)."""

    def __init__(self, dim: int = D, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(dim, dim)
        self.k = nn.Linear(dim, dim)
        self.v = nn.Linear(dim, dim)
        self.out = nn.Linear(dim, dim)

    def attend(self, x: Tensor) -> tuple[Tensor, Tensor]:
        batch, length, dim = x.shape
        q, k, v = (
            part(x).view(batch, length, self.heads, -1).transpose(1, 2) for part in (self.q, self.k, self.v)
        )
        mask = torch.full((length, length), float("-inf")).triu(1)
        weights = F.softmax(q @ k.transpose(-1, -2) / math.sqrt(dim / self.heads) + mask, dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, length, dim)), weights

    def forward(self, x: Tensor) -> Tensor:
        return self.attend(x)[0]


class AttentionWithWeights(Attention):
    """The same, giving its weights too: (B, T, D) -> (B, T, D), (B, H, T, T)."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return self.attend(x)


class RMSNorm(nn.Module):
    """The hand-written norm of most language models, with its round trip through float32."""

    def __init__(self, dim: int = D, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        dtype = x.dtype
        x = x.float()
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps)
        return self.weight * x.to(dtype)


class LayerScale(nn.Module):
    """A learned factor per channel and nothing else."""

    def __init__(self, dim: int = D) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class DropPath(nn.Module):
    """Stochastic depth: drops the branch of a whole sample while training."""

    def __init__(self, rate: float = 0.3) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        keep = 1 - self.rate
        chance = keep + torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype)
        return x.div(keep) * chance.floor_()


def token_ids() -> tuple[Tensor]:
    """(2, 6) token ids below `VOCABULARY`."""
    return (torch.randint(0, VOCABULARY, (2, 6)),)


def image(channels: int = 4, side: int = 8) -> tuple[Tensor]:
    """(2, channels, side, side)."""
    return (torch.randn(2, channels, side, side),)
