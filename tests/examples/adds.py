"""Adds (and concatenations) that are no residual connections: none of these models has any."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.examples.case import Case
from tests.examples.parts import VOCABULARY, Attention, D, Mlp, image, token_ids
from tests.examples.streams import RoutedExperts


class MaskFromInput(nn.Module):
    """The additive mask is computed from the very tensor that the scores come from."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D, D)
        self.v = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        padded = x.sum(-1) > 0
        bias = torch.zeros(padded.shape).masked_fill(padded, -1e9)
        scores = self.q(x) @ x.transpose(1, 2) + bias[:, None]
        return F.softmax(scores, dim=-1) @ self.v(x)


class RelativeBias(nn.Module):
    """A learned bias per distance, and a slope per distance, are added to the scores."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D, D)
        self.table = nn.Embedding(11, 1)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        distance = places[:, None] - places[None]
        scores = self.q(x) @ x.transpose(1, 2)
        scores = scores + self.table(distance + 5).squeeze(-1)
        scores += -0.5 * distance.abs()
        return F.softmax(scores, dim=-1) @ x


class Positions(nn.Module):
    """Token, position and segment embeddings; positions are counted from the token ids."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Embedding(VOCABULARY, D)
        self.position = nn.Embedding(10, D)
        self.segment = nn.Embedding(2, D)
        self.norm = nn.LayerNorm(D)

    def forward(self, ids: Tensor) -> Tensor:
        known = ids.ne(0).long()
        x = self.token(ids)
        x = x + self.position(known.cumsum(1) * known)
        x += self.segment(torch.zeros_like(ids))
        return self.norm(x)


class Sinusoids(nn.Module):
    """A table of sines, and a constant of the stream's shape."""

    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("table", torch.sin(torch.arange(10.0)[:, None] * torch.arange(1.0, D + 1)))
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        x = x * math.sqrt(D) + self.table[: x.shape[1]]
        return self.f(x + 0.1 * torch.ones_like(x))


class NoiseInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = Mlp()

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x + 0.1 * torch.randn_like(x))


class Bias(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.f = nn.Linear(D, D, bias=False)
        self.bias = nn.Parameter(torch.zeros(D))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.f(x) + self.bias) + 1e-6


class WrittenLayerNorm(nn.Module):
    """A norm written out: minus the mean, plus epsilon, plus the bias; and Gemma's 1 + weight."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(D))
        self.bias = nn.Parameter(torch.zeros(D))

    def forward(self, x: Tensor) -> Tensor:
        centred = x - x.mean(-1, keepdim=True)
        variance = centred.pow(2).mean(-1, keepdim=True)
        return centred / torch.sqrt(variance + 1e-5) * (1.0 + self.weight) + self.bias


class HalfRotary(nn.Module):
    """Rotary embedding on halves: x cos + rotate_half(x) sin, the halves concatenated."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D, D)
        self.k = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1])[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001]).repeat(2)
        cos, sin = angle.cos(), angle.sin()
        q, k = self.q(x), self.k(x)
        q = q * cos + self.rotate(q) * sin
        k = (k * cos) + (self.rotate(k) * sin)
        return q @ k.transpose(1, 2)

    @staticmethod
    def rotate(x: Tensor) -> Tensor:
        first, second = x[..., : D // 2], x[..., D // 2 :]
        return torch.cat((-second, first), dim=-1)


class InterleavedRotary(nn.Module):
    """Rotary embedding on pairs of neighbours, and on a part of the channels only."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D, 2 * D)

    def forward(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1])[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
        cos, sin = angle.cos(), angle.sin()
        turned, passed = self.q(x).split(D, dim=-1)
        even, odd = turned[..., ::2], turned[..., 1::2]
        turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1).flatten(-2)
        return torch.cat((turned, passed), dim=-1)


class ComplexRotary(nn.Module):
    """Rotary embedding as a complex product."""

    def __init__(self) -> None:
        super().__init__()
        self.q = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        angle = torch.arange(x.shape[1])[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])
        turn = torch.polar(torch.ones_like(angle), angle)
        q = torch.view_as_complex(self.q(x).unflatten(-1, (-1, 2)))
        return torch.view_as_real(q * turn).flatten(-2)


class WrittenGelu(nn.Module):
    """The tanh approximation holds x + 0.044715 x³ and 1 + tanh."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(D, D)
        self.down = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x)
        h = 0.5 * h * (1 + torch.tanh(math.sqrt(2 / math.pi) * (h + 0.044715 * h**3)))
        return self.down(h)


class PointwiseActivation(nn.Module):
    """Snake and its like: x + sin² x."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(x)
        return h + torch.sin(h).pow(2)


class SharedExpert(nn.Module):
    """Routed experts plus a shared one: two branches and no skip path."""

    def __init__(self, gated: bool) -> None:
        super().__init__()
        self.routed = RoutedExperts()
        self.shared = Mlp()
        self.gate = nn.Linear(D, 1) if gated else None

    def forward(self, x: Tensor) -> Tensor:
        shared = self.shared(x)
        if self.gate is not None:
            shared = torch.sigmoid(self.gate(x)) * shared
        return self.routed(x) + shared


class DenseMixture(nn.Module):
    """Every expert's output, weighted, accumulated from zero in a loop, in place."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(D, 3)
        self.experts = nn.ModuleList([Mlp() for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        weights = F.softmax(self.router(x), dim=-1)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            out += weights[..., number : number + 1] * expert(x)
        return out


class SummedExperts(nn.Module):
    """The same with Python's sum, which starts from the integer zero."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList([Mlp() for _ in range(3)])

    def forward(self, x: Tensor) -> Tensor:
        return sum(expert(x) for expert in self.experts)  # type: ignore[return-value]


class Losses(nn.Module):
    """A language-model loss plus a balance loss plus a z-loss."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCABULARY, D)
        self.router = nn.Linear(D, 3)
        self.head = nn.Linear(D, VOCABULARY)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        x = self.embed(ids)
        weights = F.softmax(self.router(x), dim=-1)
        balance = 3 * (weights.mean((0, 1)) * (weights > 0.3).float().mean((0, 1))).sum()
        logits = self.head(x)
        loss = F.cross_entropy(logits.flatten(0, 1), ids.flatten())
        loss = loss + 0.01 * balance
        loss += 1e-4 * torch.logsumexp(logits, dim=-1).pow(2).mean()
        return loss, logits


class LowRank(nn.Module):
    """LoRA: a frozen linear map plus a low-rank one."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(D, D).requires_grad_(False)
        self.dropout = nn.Dropout(0.2)
        self.a = nn.Linear(D, 2, bias=False)
        self.b = nn.Linear(2, D, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.b(self.a(self.dropout(x))) * 2.0


class TwoBranches(nn.Module):
    """Two branches with activations, neither a skip path."""

    def __init__(self) -> None:
        super().__init__()
        self.a = Mlp()
        self.b = Attention()

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) + self.b(x)


class Inception(nn.Module):
    """Parallel convolutions, concatenated: the source itself is not among them."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(4, 2, 1)
        self.three = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, padding=1))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(4, 2, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.pool(x)], dim=1)


class Concatenated(nn.Module):
    """A class token in front, a padding behind, and both signs of the channels: no branch anywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, D))
        self.head = nn.Linear(2 * D, D)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat((self.token.expand(x.shape[0], -1, -1), x, torch.zeros_like(x[:, :1])), dim=1)
        return self.head(torch.cat((x, -x), dim=-1))


class GatedUnit(nn.Module):
    """SwiGLU and squeeze-and-excite multiply, they don't add."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(D, D)
        self.up = nn.Linear(D, D)
        self.down = nn.Linear(D, D)

    def forward(self, x: Tensor) -> Tensor:
        x = x * torch.sigmoid(x.mean(1, keepdim=True))
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Modulated(nn.Module):
    """FiLM and adaptive norms: scale and shift come from another input."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(D)
        self.condition = nn.Linear(D, 2 * D)
        self.f = Mlp()

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        scale, shift = self.condition(F.silu(time)).chunk(2, dim=-1)
        return self.f(self.norm(x) * (1 + scale[:, None]) + shift[:, None])


class PlainChain(nn.Module):
    """Nothing added at all."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Mlp(), nn.LayerNorm(D), Attention())

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)


_ON_TOKENS = (
    MaskFromInput,
    RelativeBias,
    Sinusoids,
    Bias,
    WrittenLayerNorm,
    HalfRotary,
    InterleavedRotary,
    ComplexRotary,
    WrittenGelu,
    PointwiseActivation,
    RoutedExperts,
    DenseMixture,
    SummedExperts,
    TwoBranches,
    Concatenated,
    GatedUnit,
    PlainChain,
)

CASES = (
    *(Case(model.__name__, model) for model in _ON_TOKENS),
    Case("Positions", Positions, inputs=token_ids),
    Case("NoiseInTraining", NoiseInTraining, train=True),
    Case("SharedExpert", lambda: SharedExpert(False)),
    Case("GatedSharedExpert", lambda: SharedExpert(True)),
    Case("Losses", Losses, inputs=token_ids, train=True),
    Case("LowRank", LowRank),
    Case("LowRankInTraining", LowRank, train=True),
    Case("Inception", Inception, inputs=image),
    Case("Modulated", Modulated, inputs=lambda: (torch.randn(2, 6, D), torch.randn(2, D))),
)
