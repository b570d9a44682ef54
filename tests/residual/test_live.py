"""A residual's sink reaches the output through its values, and something is added: no factor is zero."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import archcheck
from tests.residual.blocks import residuals_of, trace_of

PLAIN = ["identity of input: norm, mlp"]


@pytest.mark.parametrize(
    "body",
    [
        "b = f(x); x + b; return b",
        "b = f(x); b.add(x); return b",
        "b = f(x); y = x + b; assert y.isfinite().all(); return b",
        "b = f(x); y = x + b; print(y.mean().item(), file=__import__('io').StringIO()); return b",
        "b = f(x); return b.view_as(x + b)",
        "b = f(x); return b + torch.zeros_like(x + b)",
        "b = f(x); return b.to((x + b).dtype)",
        "b = f(x); y = x + b; y.copy_(b); return y",
        "return x + f(x) - x",
        "return f(x) + (x - x)",
        "return x + (f(x) - x).detach()",
        "b = f(x); h = torch.empty_like(b); torch.add(x, b, out=h); return b",
        "b = f(x); return torch.where(x > 0, x + b, b)",
        "b = f(x); y = x + b; y[x > 0] = b[x > 0]; return y",
        "b = f(x); y = x + b; y[:, 1:] = b[:, 1:]; return y",
        "b = f(x); y = x + b; return torch.cat([b[:, :-1], y[:, -1:]], 1)",
        "y = x + f(x); y[..., 0] = 0; return y",
        "return (x + f(x)).masked_fill(x < 0, 0)",
        "b = f(x); y = x + b; y.data = b.data; return y",
        "return f(x) + x * (x > 0)",
        "return f(x) + x.masked_fill(x <= 0, 0)",
    ],
)
def test_a_sum_that_goes_nowhere(body: str) -> None:
    assert residuals_of(body) == []


@pytest.mark.parametrize(
    "body",
    [
        "return {'out': [x + f(x)]}",
        "self.state = x + f(x); return x",
        "y = x + f(x); return torch.where(y > 0, y, y * 0.1)",
        "y = x + f(x); return torch.where(x[..., :1] > 0, y, x)",
        "y = torch.zeros_like(x); y.data = x + f(x); return y",
    ],
)
def test_a_sum_that_reaches_the_output_or_a_state(body: str) -> None:
    assert residuals_of(body) == PLAIN


@pytest.mark.parametrize(
    "body",
    [
        "return 0 * x + f(x)",
        "return x * 0.0 + f(x)",
        "return float(self.training) * x + f(x)",
        "return x + 0 * f(x)",
        "return torch.add(f(x), x, alpha=0)",
        "return torch.sub(x, f(x), alpha=0)",
        "return self.zeros * x + f(x)",
        "return x + f(x) * self.zeros",
        "return x + f(x) * torch.zeros(16)",
        "return torch.addcmul(x, f(x), self.ones, value=0)",
        "return torch.lerp(x, f(x), 0.0)",
        "return x.masked_fill(torch.ones(2, 6, 16, dtype=torch.bool), 0.0) + f(x)",
        "return torch.where(torch.zeros(6, 1, dtype=torch.bool), x, torch.zeros(16)) + f(x)",
        "return F.dropout(x, 1.0, True) + f(x)",
        "return nn.Dropout(1.0).train()(x) + f(x)",
    ],
)
def test_nothing_is_added(body: str) -> None:
    assert residuals_of(body) == []


def test_the_report_says_that_nothing_is_added() -> None:
    (remark,) = trace_of("return self.zeros * x + f(x)").remarks
    assert remark.startswith("nothing passes through the mul at block ")
    assert remark.endswith(".py:3: one of its factors or masks is zero")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return x + self.alpha * f(x)", ["scaled of input: norm, mlp; alpha on the branch"]),
        ("return x * float(self.training) + f(x)", PLAIN),
        ("return x.masked_fill(x[..., :1] > 100, 0.0) + f(x)", PLAIN),
        ("return x * self.ones + f(x)", ["scaled of input: norm, mlp; ones on the skip"]),
        ("return x + f(x) * torch.bernoulli(torch.zeros(2, 1, 1))", PLAIN),
    ],
)
def test_what_is_no_zero_factor(body: str, expected: list[str]) -> None:
    """A learned factor that starts at zero, a flag that is on, a mask of values, a random mask."""
    assert residuals_of(body, train=True) == expected


def test_on_the_meta_device_nothing_has_values() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8, device="meta")
            self.register_buffer("zeros", torch.zeros(8, device="meta"))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.zeros * x + self.linear(x)

    assert len(archcheck.trace(Block(), torch.zeros(2, 8, device="meta")).residuals) == 1
