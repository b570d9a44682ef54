"""The same sum in other words, and the factors on either side of it."""

from __future__ import annotations

import pytest

from tests.residual.blocks import residuals_of

PLAIN = "identity of input: norm, mlp"
SCALED = "scaled of input: norm, mlp"


@pytest.mark.parametrize(
    "body",
    [
        "return x - (-f(x))",
        "return x.sub(f(x), alpha=-1)",
        "return torch.rsub(-f(x), x)",
        "return torch.addcmul(x, f(x), torch.tensor(1.0))",
        "return 2 * x / 2 + f(x)",
        "return x + f(x) * 0.5 * 2",
        "return -(-x - f(x))",
        "return torch.stack([x, f(x)]).sum(0)",
        "y = torch.zeros_like(x); y += x; y += f(x); return y",
        "y = torch.zeros(2, 6, 16); y.add_(x).add_(f(x)); return y",
        "y = torch.empty_like(x); y.copy_(x); y.add_(f(x)); return y",
        "y = torch.empty_like(x); y[:] = x; y += f(x); return y",
        "y = torch.empty_like(x); torch.add(x, f(x), out=y); return y",
        "return torch.ops.aten.add.Tensor(x, f(x))",
        "b = f(x); torch.add(x, b, out=b); return b",
        "return torch.addcmul(x, f(x), torch.ones_like(x))",
        "return torch.addcdiv(x, f(x), torch.ones_like(x))",
        "b = f(x).clone(); torch._foreach_add_([b], [x]); return b",
        "return 0.5 * x + 0.5 * x + f(x)",
        "return 0.5 * x + (0.5 * x + f(x))",
        "b = f(x); return x + 0.5 * b + 0.5 * b",
        "b = f(x); return x + (0.3 * b + 0.7 * b)",
        "b = f(x); return 3 * x + b - 2 * x",
        "return torch.complex(x, x).real + f(x)",
        "return torch.complex(f(x), x).imag + f(x)",
        "return torch.einsum('bij,bij->bij', x, torch.ones_like(x)) + f(x)",
        "return (torch.stack([x, f(x)], -1) @ torch.ones(2, 1))[..., 0]",
        "return torch.einsum('k,kbij->bij', torch.ones(2), torch.stack([x, f(x)]))",
        "return (x.flip(-1) + f(x).flip(-1)).flip(-1)",
        "return x.to(torch.complex64).real + f(x)",
        "return x.repeat(2, 1, 1)[:2] + f(x)",
        "return torch.hstack([x[:, None], f(x)[:, None]]).sum(1)",
        "return torch.stack([x, f(x)])[:, None].sum((0, 1))",
        "return torch.nansum(torch.stack([x, f(x)]), 0)",
        "return torch.einsum('bij->bij', x) + f(x)",
        "return x @ torch.eye(16) + f(x)",
        "return torch.maximum(x, torch.tensor(-float('inf'))) + f(x)",
        "return f(x).index_put((torch.arange(2),), x, accumulate=True)",
        "return torch.zeros(2, 6, 16).index_copy(0, torch.arange(2), x) + f(x)",
        "return torch.zeros(2, 6, 16).masked_scatter(torch.ones(2, 6, 16) > 0, x) + f(x)",
        "y = f(x).clone(); y[:, :3] += x[:, :3]; y[:, 3:] += x[:, 3:]; return y",
    ],
)
def test_the_plain_sum(body: str) -> None:
    assert residuals_of(body) == [PLAIN]


@pytest.mark.parametrize(
    ("body", "factors"),
    [
        ("return (x + f(x)) * 0.5", "0.5 on the whole sum"),
        ("y = x + f(x); return (y / 4).view(2, 96)", "0.25 on the whole sum"),
        ("return 0.5 * x + f(x) / 2", "0.5 on the whole sum"),
        ("return self.gamma * (x + f(x))", "gamma on the whole sum"),
        ("return f(x) - x", "-1.0 on the skip"),
        ("return x - f(x)", "-1.0 on the branch"),
        ("return torch.sub(f(x), x, alpha=2)", "-2.0 on the skip"),
        ("return f(x) - 0.5 * x", "-0.5 on the skip"),
        ("return torch.rsub(x, f(x), alpha=3)", "-3.0 on the skip"),
        ("return torch.addcmul(x, f(x), self.gamma)", "gamma on the branch"),
        ("return torch.addcmul(x, self.gamma, f(x), value=2)", "2.0 on the branch; gamma on the branch"),
        ("return torch.lerp(x, f(x), 0.25)", "0.75 on the skip; 0.25 on the branch"),
        ("return torch.lerp(f(x), x, 0.25)", "0.25 on the skip; 0.75 on the branch"),
        ("return torch.lerp(x, f(x), self.gamma)", "gamma on the skip; gamma on the branch"),
        ("return x + 0.25 * (f(x) - x)", "0.75 on the skip; 0.25 on the branch"),
        ("return x + self.alpha * (f(x) - x)", "alpha on the skip; alpha on the branch"),
        ("return x + f(x) * torch.tensor(0.5)", "0.5 on the branch"),
        ("return 2 * x - 0.5 * x + f(x)", "1.5 on the skip"),
        ("return x + x + f(x)", "2.0 on the skip"),
        ("return (x + f(x)) * 0.5 + 0.5 * x", "0.5 on the branch"),
        ("return x - 0.1 * (x - f(x))", "0.9 on the skip; 0.1 on the branch"),
        ("return torch.lerp(x, x + f(x), 0.5)", "0.5 on the branch"),
        ("b = f(x); return x + b - 0.5 * b", "0.5 on the branch"),
        ("return x + f(x) / torch.tensor(2.0)", "0.5 on the branch"),
        ("return torch.addcdiv(x, f(x), torch.tensor(2.0))", "0.5 on the branch"),
        ("return x + f(x) * torch.full((1,), 0.5)", "0.5 on the branch"),
        ("return x + f(x) * torch.full((16,), 0.5)", "a tensor on the branch"),
        ("return x + f(x) * torch.tensor([0.5] * 16)", "a tensor on the branch"),
        ("return x + f(x) * torch.arange(16.0)", "a tensor on the branch"),
        ("return x + f(x) * torch.relu(torch.tensor(0.5))", "a tensor on the branch"),
        ("return x + f(x) * self.ones", "ones on the branch"),
        ("return x + f(x) * self.alpha", "alpha on the branch"),
        ("return x + torch.tanh(f(x)) * 0.5", "0.5 on the branch"),
        ("y = (x + f(x)) * 0.5; return y.sum(-1)", "0.5 on the whole sum"),
        ("y = x + f(x); return y.view(2, 96) * 0.5", "0.5 on the whole sum"),
        (
            "w = self.linear.weight.expand(2, 16, 16); return torch.baddbmm(x, f(x), w, beta=0.5, alpha=2)",
            "0.5 on the skip; 2.0 on the branch",
        ),
    ],
)
def test_factors(body: str, factors: str) -> None:
    assert residuals_of(body) == [f"{SCALED}; {factors}"]


def test_a_factor_on_a_sum_that_is_also_read_without_it() -> None:
    assert residuals_of("y = x + f(x); return y * 0.5, y") == [PLAIN]
    assert residuals_of("y = x + f(x); return self.linear(y) * 0.5") == [PLAIN]
    assert residuals_of("y = x + f(x); return torch.relu(y) * 0.5") == [PLAIN]
    assert residuals_of("y = x + f(x); return y[..., :4] * 0.5") == [PLAIN]


def test_what_no_number_scales() -> None:
    """A gate is no factor, nor what a module of its own does behind the branch."""
    assert residuals_of("return torch.lerp(x, f(x), torch.sigmoid(self.linear(x)))") == [
        "gated of input: norm, mlp, linear"
    ]
    assert residuals_of("return x + self.linear(0.5 * f(x))") == ["identity of input: norm, mlp, linear"]


def test_random_masks_are_no_factors() -> None:
    """Stochastic depth and dropout in training mode, with their 1/keep."""
    drop = "m = torch.empty(2, 1, 1).bernoulli_(0.5).div_(0.5)"
    assert residuals_of(f"{drop}; return x + f(x) * m", train=True) == [PLAIN]
    assert residuals_of(f"{drop}; return x * m + f(x)", train=True) == [PLAIN]
    assert residuals_of("return x + F.dropout(f(x), 0.5, True)", train=True) == [PLAIN]
    mean = f"h = f(x); h = h + h.mean(); {drop}"
    assert residuals_of(f"{mean}; return x + (h / 0.5) * m", train=True) == [PLAIN]


def test_a_difference_that_takes_the_source_away_again() -> None:
    assert residuals_of("return f(x) + x - x") == []
    assert residuals_of("return x + 2 * (f(x) - 0.5 * x)") == []
    assert residuals_of("b = f(x); return x + b - b") == []
    assert residuals_of("b = f(x); h = x + b; return b + h - h") == []


def test_multiples_of_one_branch_are_one_unless_a_factor_is_learned_or_none_has_any() -> None:
    body = "b = f(x); return x + ({} * b + {} * b)"
    assert residuals_of(body.format(1.0, 0.5)) == [f"{SCALED}; 1.5 on the branch"]
    assert residuals_of(body.format(1.0, 1.0)) == [PLAIN, PLAIN]
    assert residuals_of(body.format("self.alpha", 0.5)) == [
        f"{SCALED}; alpha on the branch",
        f"{SCALED}; 0.5 on the branch",
    ]


def test_what_is_subtracted_once_is_withdrawn_nowhere() -> None:
    assert residuals_of("return f(x) + (self.linear(x) - x)") == [
        "scaled of input: linear; -1.0 on the skip",
        f"{SCALED}; -1.0 on the skip",
    ]


def test_integers_carry_no_stream() -> None:
    assert residuals_of("return x.to(torch.int32).to(x.dtype) + f(x)") == []
    assert residuals_of("y = x + f(x); return y, y - x")[0] == PLAIN  # the sum is returned as well


@pytest.mark.parametrize(
    "part",
    ["b[:, :1]", "b[..., :1]", "b[:, :1].expand_as(x)", "b.mT.reshape(x.shape)", "b[:, [1, 0, 2, 3, 4, 5]]"],
)
def test_a_part_of_the_branch_for_all_of_it_or_in_another_order_is_not_the_branch(part: str) -> None:
    assert residuals_of(f"b = f(x); return x + {part}") == []


def test_a_branch_that_is_one_for_all_positions() -> None:
    assert residuals_of("return x + f(x.mean(1, keepdim=True))") == [PLAIN]
    assert residuals_of("return x + f(x.mT.reshape(2, 6, 16)).view(2, 3, 32).view(2, 6, 16)") == [PLAIN]
