"""Results of the literature, found again at initialisation. docs/measure.md names the sources."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

import pytest
import torch
from torch import Tensor, nn

from tests.measures.common import measured

pytestmark = pytest.mark.slow
WIDTH = 64


class Branch(nn.Sequential):
    """A feed-forward network with weights of unit gain."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__(nn.Linear(WIDTH, WIDTH, bias=False), nn.ReLU(), nn.Linear(WIDTH, WIDTH, bias=False))
        for layer, scale in ((self[0], 2**0.5), (self[2], gain)):
            nn.init.normal_(layer.weight, std=scale / WIDTH**0.5)


class PreNorm(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.norm, self.mlp = nn.LayerNorm(WIDTH), Branch()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.norm(x))


class PostNorm(PreNorm):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x + self.mlp(x))


class ReZero(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.alpha, self.mlp = nn.Parameter(torch.zeros(())), Branch()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.alpha * self.mlp(x)


class DeepNorm(nn.Module):
    """Encoder of one sub-layer per block: alpha = (2N)^(1/4), beta = (8N)^(-1/4)."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.alpha = (2 * depth) ** 0.25
        self.norm, self.mlp = nn.LayerNorm(WIDTH), Branch((8 * depth) ** -0.25)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.alpha * x + self.mlp(x))


def over_depth(block: Callable[[int], nn.Module], depth: int, measure: str, last: bool = True) -> list[float]:
    """A measure of each layer of a stack (with a norm at its end), the mean of three initialisations."""
    runs = []
    for seed in range(3):
        torch.manual_seed(seed)
        end = [nn.LayerNorm(WIDTH)] if last else []
        model = nn.Sequential(*(block(depth) for _ in range(depth)), *end).eval()
        found = [values[measure] for values in measured(model, torch.randn(16, WIDTH))]
        assert None not in found
        runs.append([value or 0.0 for value in found])
    return [fmean(values) for values in zip(*runs, strict=True)]


def test_without_skips_the_gradient_of_a_deep_stack_vanishes() -> None:
    """He et al. 2016, Balduzzi et al. 2017: the skips carry it."""

    class Plain(nn.Module):
        def __init__(self, depth: int) -> None:
            super().__init__()
            self.mlp = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Tanh())

        def forward(self, x: Tensor) -> Tensor:
            return x + self.mlp(x)

    with_skips = over_depth(Plain, 32, "gradient", last=False)
    without = over_depth(Plain, 32, "gradient_without_skips", last=False)
    assert with_skips[0] > 1
    assert without[0] < 1e-6
    assert without == sorted(without)  # it shrinks layer by layer, towards the input


def test_post_norm_has_large_gradients_at_the_end_and_pre_norm_has_not() -> None:
    """Xiong et al. 2020.

    At the last layer post-norm's gradient does not depend on depth L, pre-norm's falls as 1/sqrt(L).
    """
    pre = [over_depth(PreNorm, depth, "gradient")[-1] for depth in (4, 16)]
    post = [over_depth(PostNorm, depth, "gradient")[-1] for depth in (4, 16)]
    assert 1.5 < pre[0] / pre[1] < 2.5
    assert 0.8 < post[0] / post[1] < 1.25


def test_the_stream_of_pre_norm_grows_with_depth() -> None:
    """Its variance adds up layer by layer, so that late branches weigh less and less."""
    ratio = over_depth(PreNorm, 16, "branch_ratio")
    assert ratio[0] > 3 * ratio[-1]
    norms = over_depth(PreNorm, 16, "skip_norm")
    assert 3 < norms[-1] / norms[0] < 5  # about sqrt(16)


def test_rezero_is_the_identity_at_initialisation() -> None:
    """Bachlechner et al. 2020: every layer passes signal and gradient on unchanged."""
    assert over_depth(ReZero, 12, "branch_ratio", last=False) == [0.0] * 12
    assert over_depth(ReZero, 12, "growth", last=False) == [1.0] * 12
    assert all(abs(share - 1) < 1e-6 for share in over_depth(ReZero, 12, "gradient_ratio", last=False))


def test_deepnorm_lets_the_stream_outweigh_the_branch_the_more_the_deeper() -> None:
    """Wang et al. 2022: beta / alpha = 1 / (2 sqrt(N)) for N layers; in post-norm the two weigh the same."""
    for depth in (4, 16):
        for ratio in over_depth(DeepNorm, depth, "branch_ratio")[1:]:
            assert abs(ratio * 2 * depth**0.5 - 1) < 0.35
    assert all(abs(ratio - 1) < 0.35 for ratio in over_depth(PostNorm, 16, "branch_ratio")[1:])
