"""Activations and norms: each term in its forms, and what only looks like it."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck.vocabulary import Recognition

Terms = Callable[..., list[str]]
W, B = nn.Parameter(torch.rand(16) + 0.5), nn.Parameter(torch.rand(16))


def mean(x: Tensor) -> Tensor:
    return x.mean(-1, keepdim=True)


def two_passes(x: Tensor) -> Tensor:
    centred = x - mean(x)
    return centred * torch.rsqrt(mean(centred.pow(2)) + 1e-5) * W + B


def grouped(x: Tensor) -> Tensor:
    rows = x.transpose(1, 2).reshape(2, 4, 24)
    return ((rows - mean(rows)) / (rows.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()).view(2, 16, 6)


FORMS: list[tuple[str, Callable[[Tensor], Tensor]]] = [
    ("RMSNorm", nn.RMSNorm(16)),
    ("RMSNorm", lambda x: F.rms_norm(x, (16,), W)),
    ("RMSNorm", lambda x: F.rms_norm(x, (16,)) * W),
    ("RMSNorm", lambda x: x * torch.rsqrt(mean(x.pow(2)) + 1e-6) * W),
    ("RMSNorm", lambda x: W * (x.float() * torch.rsqrt(mean(x.float().square()) + 1e-6)).type_as(x)),
    ("RMSNorm", lambda x: x / torch.sqrt(mean(x * x) + 1e-6) * (1 + W)),
    ("RMSNorm", lambda x: x / (x.norm(2, dim=-1, keepdim=True) * 16**-0.5 + 1e-8) * W),
    ("RMSNorm", lambda x: F.normalize(x, dim=-1) * 4.0 * W),
    ("LayerNorm", nn.LayerNorm(16)),
    ("LayerNorm", lambda x: F.layer_norm(x, (16,)) * W + B),
    (
        "LayerNorm",
        lambda x: (x - mean(x)) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5) * W + B,
    ),
    ("LayerNorm", lambda x: W * (x - mean(x)) / (x.std(-1, keepdim=True) + 1e-6) + B),
    ("LayerNorm", lambda x: (x - mean(x)) / (mean(x.pow(2)) - mean(x) ** 2 + 1e-5) ** 0.5),
    ("LayerNorm", two_passes),
    ("GroupNorm", grouped),
    ("BatchNorm", nn.BatchNorm1d(6)),
    ("L2 norm", lambda x: F.normalize(x, dim=-1)),
    ("L2 norm", lambda x: x / x.norm(dim=-1, keepdim=True).clamp(min=1e-12)),
    ("L2 norm", lambda x: x * torch.rsqrt(x.pow(2).sum(-1, keepdim=True) + 1e-6)),
    ("exact GELU", nn.GELU()),
    ("exact GELU", lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))),
    ("tanh GELU", nn.GELU(approximate="tanh")),
    ("tanh GELU", lambda x: F.gelu(x, approximate="tanh")),
    ("tanh GELU", lambda x: 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    ("tanh GELU", lambda x: 0.5 * x * (1 + torch.tanh(x * 0.7978845608 * (1 + 0.044715 * x * x)))),
    ("QuickGELU", lambda x: x * torch.sigmoid(1.702 * x)),
    ("SiLU", nn.SiLU()),
    ("SiLU", lambda x: x * torch.sigmoid(x)),
    ("SiLU", lambda x: x / (1 + torch.exp(-x))),
    ("Sigmoid", lambda x: 1 / (1 + torch.exp(-x))),
    ("Tanh", lambda x: (torch.exp(2 * x) - 1) / (torch.exp(2 * x) + 1)),
    ("ReLU", F.relu_),
    ("ReLU", lambda x: x.clamp(min=0)),
    ("ReLU", lambda x: torch.where(x > 0, x, torch.zeros_like(x))),
    ("ReLU", lambda x: torch.maximum(x, torch.tensor(0.0))),
    ("ReLU²", lambda x: F.relu(x) ** 2),
    ("ReLU²", lambda x: torch.square(F.relu(x))),
    ("LeakyReLU", lambda x: torch.where(x > 0, x, 0.2 * x)),
    ("Mish", lambda x: x * torch.tanh(F.softplus(x))),
    ("Softplus", lambda x: torch.log(1 + torch.exp(x))),
    ("Hardswish", lambda x: x * F.relu6(x + 3) / 6),
    ("Hardsigmoid", lambda x: F.relu6(x + 3) / 6),
    ("absolute value", lambda x: x.abs()),
    ("power", lambda x: x**2),
    ("clamp", lambda x: x.clamp(-2, 3)),
    ("rounding", lambda x: x.round()),
    ("dropout", lambda x: x * (torch.rand_like(x) < 0.9)),
    ("scale", lambda x: x * torch.empty_like(x).uniform_(0.9, 1.1)),
    ("running sum", lambda x: x.cumsum(1)),
    ("running product", lambda x: x.cumprod(1)),
    ("SoftMax", lambda x: x.softmax(-1)),
    ("SoftMax", lambda x: x.exp() / x.exp().sum(-1, keepdim=True)),
    ("SoftMax", lambda x: torch.exp(x - x.logsumexp(-1, keepdim=True))),
]


@pytest.mark.parametrize(("term", "function"), FORMS)
def test_a_term_in_each_of_its_forms(term: str, function: Callable[[Tensor], Tensor], terms: Terms) -> None:
    assert terms(function) == [term]


def test_a_norm_of_what_is_cut_into_groups_goes_over_the_axis_that_it_reduces(terms: Terms) -> None:
    def rms_norm(x: Tensor) -> Tensor:
        rows = x.repeat(1, 1, 2).unflatten(-1, (8, -1))
        return rows * torch.rsqrt(mean(rows.pow(2)) + 1e-6)

    assert "RMSNorm" in terms(rms_norm)


def stable_softmax(x: Tensor) -> Tensor:
    shifted = torch.exp(x - x.max(-1, keepdim=True)[0])
    return shifted / shifted.sum(-1, keepdim=True)


def test_a_softmax_may_take_off_the_maximum_first(terms: Terms) -> None:
    assert terms(stable_softmax) == ["SoftMax"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x - mean(x)) * W,  # centred, and not divided
        lambda x: x / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + 1e-5),  # divided, and not centred
        lambda x: x * torch.rsqrt(mean(x.pow(2)) + 1e-6) + x,  # its own input beside
        lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True).mean(-1, keepdim=True)),  # two means
        lambda x: x * torch.rsqrt(x.pow(2).mean(1, keepdim=True) + 1e-6) * W,  # over positions
        lambda x: x * torch.rsqrt(x.pow(2).mean((1, 2), keepdim=True) + 1e-6) * W,  # over positions too
        lambda x: (x + 1) * torch.sigmoid(x),
        lambda x: x * torch.sigmoid(1.5 * x),
        lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.05 * x**3))),
        lambda x: F.relu(x) ** 3,
        lambda x: x.exp() / (1 + x.exp().sum(-1, keepdim=True)),
    ],
)
def test_what_only_looks_like_a_term(function: Callable[[Tensor], Tensor], terms: Terms) -> None:
    assert terms(function) == []


def test_the_steps_of_an_activation_are_not_operations_of_their_own(seen: Callable[..., object]) -> None:
    found = seen(lambda x: 0.5 * x * (1 + torch.tanh(0.7978845608 * (x + 0.044715 * x**3))))
    regions = found.regions  # type: ignore[attr-defined]
    assert [r.term.name for r in regions if not r.inside and r.term.name != "Linear"] == ["tanh GELU"]
    assert "Tanh" in [r.term.name for r in regions if r.inside]


class Frozen(nn.Module):
    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", torch.rand(16) + 0.5)
        self.register_buffer("bias", torch.zeros(16))
        self.register_buffer("mean", mean)
        self.register_buffer("var", torch.rand(16) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.var + 1e-5).rsqrt()
        return x * scale + (self.bias - self.mean * scale)


@pytest.mark.parametrize("running", [torch.zeros(16), torch.rand(16)])
def test_a_frozen_batch_norm(running: Tensor, terms: Terms) -> None:
    assert terms(Frozen(running))[-1] == "BatchNorm"  # the largest; an offset of zeros leaves a factor


def test_an_activation_that_a_written_norm_squares_is_one(seen: Callable[..., Recognition]) -> None:
    def stream(x: Tensor) -> Tensor:
        y = F.relu(x)
        return y + y * torch.rsqrt(mean(y.pow(2)) + 1e-6)

    assert [region.inside for region in seen(stream).regions if region.term.name == "ReLU"] == [False]
