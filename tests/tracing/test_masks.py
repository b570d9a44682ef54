"""What masks let through, read off the values of a run."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from archcheck import trace

AT = torch.arange(6)
CAUSAL = AT[:, None] >= AT
WINDOW = CAUSAL & (AT[:, None] - AT < 3)
BAND = (AT[:, None] - AT).abs() < 2


class Attention(torch.nn.Module):
    def __init__(self, mask: Tensor | None) -> None:
        super().__init__()
        self.mask = mask

    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x, attn_mask=self.mask)


class ByHand(Attention):
    def forward(self, x: Tensor) -> Tensor:
        scores = x @ x.mT
        if self.mask is not None:
            scores = scores.masked_fill(~self.mask, -1e9)
        return scores.softmax(-1) @ x


@pytest.mark.parametrize("sort", [Attention, ByHand])
@pytest.mark.parametrize(
    ("mask", "lets_through"),
    [
        (None, "all"),
        (CAUSAL, "causal"),
        (WINDOW, "window 3 causal"),
        (BAND, "window 3"),
        (AT != 2, "partial"),
        (torch.stack([CAUSAL, BAND])[:, None], "partial"),
        (CAUSAL.T, "partial"),
        (torch.stack([CAUSAL, WINDOW])[:, None], "partial causal"),
        (torch.stack([CAUSAL, CAUSAL | True])[:, None], "partial"),
        (CAUSAL & (AT != 1), "partial causal"),
    ],
)
def test_what_a_mask_lets_through(sort: type[Attention], mask: Tensor | None, lets_through: str) -> None:
    flow = trace(sort(None if mask is None else mask.expand(2, 4, 6, 6)), torch.randn(2, 4, 6, 8)).dataflow
    assert [op.mask for op in flow.ops if op.mask] == [lets_through]


def test_a_large_negative_addend_blocks_as_well() -> None:
    mask = torch.zeros(6, 6).masked_fill(~CAUSAL, -100.0)
    flow = trace(Attention(mask), torch.randn(2, 4, 6, 8)).dataflow
    assert [op.mask for op in flow.ops if op.mask] == ["causal"]


class WithSink(ByHand):
    def forward(self, x: Tensor) -> Tensor:
        assert self.mask is not None
        scores = (x @ x.mT).masked_fill(~self.mask, -1e9)
        return torch.cat([scores, torch.zeros(6, 1)], -1).softmax(-1)[..., :-1] @ x


@pytest.mark.parametrize(("mask", "lets_through"), [(CAUSAL, "causal"), (WINDOW, "window 3 causal")])
def test_a_sink_beside_the_keys_is_no_position(mask: Tensor, lets_through: str) -> None:
    flow = trace(WithSink(mask), torch.randn(6, 8)).dataflow
    assert [op.mask for op in flow.ops if op.mask] == [lets_through]
