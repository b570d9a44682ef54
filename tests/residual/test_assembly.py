"""What is taken apart and put together again is the same sum, and what is put together otherwise is not."""

from __future__ import annotations

import pytest

from archcheck.tracing.proof import prove
from tests.residual.blocks import residuals_of, trace_of

WHOLE = ["identity of input: norm, mlp"]
SAME = [
    "p, q = x.chunk(2, -1); return torch.cat([p, q], -1) + f(x)",
    "return torch.stack(list(x.unbind(1)), 1) + f(x)",
    "h = torch.empty(2, *x.shape); h[0] = x; h[1] = f(x); return h[0] + h[1]",
    "h = torch.empty(2, *x.shape); h[0].copy_(x); h[1].copy_(f(x)); return h[1] + h[0]",
    "h = x.new_empty(2, *x.shape); h[0] = x; h[1] = f(x); return h.sum(0)",
    "b = f(x); return torch.cat([p + q for p, q in zip(x.chunk(4, 1), b.chunk(4, 1))], 1)",
    "b = f(x); y = torch.zeros_like(b); [y[:, i].copy_(x[:, i] + b[:, i]) for i in range(6)]; return y[:]",
    "b = f(x); y = 0 * x; y[:, :1] = x[:, :1] + b[:, :1]; y[:, 1:] = b[:, 1:] + x[:, 1:]; return y",
    "return torch.cat([x, f(x)], -1).unflatten(-1, (2, -1)).sum(-2)",
    "return torch.cat([x[None], f(x)[None]]).sum(0)",
    "return torch.stack([f(x), x], -1).sum(dim=-1)",
    "return torch.stack([x, f(x)]).mean(0) * 2",
    "return torch.einsum('k...->...', torch.stack([x, f(x)]))",
    "return torch.einsum('btkc->btc', torch.stack([x, f(x)], 2))",
    "return torch.tensordot(torch.ones(2), torch.stack([x, f(x)]), dims=1)",
    "return torch._foreach_add([x], [f(x)])[0]",
    "return torch._foreach_add([x, x * 2], [f(x), x])[0]",
    "return torch.addcmul(f(x), x, torch.ones_like(x))",
    "h = torch.zeros(2, *x.shape); h[0] += x; h[1] += f(x); return h.sum(0)",
    "b = f(x); torch.add(b, x, out=b); return b",
    "return 2 * torch.lerp(x, f(x), 0.5)",
    "return torch.addcdiv(f(x), x, torch.ones_like(x))",
    "return 0.5 * x + 0.5 * x + f(x)",
    "p, q = torch.stack([x, f(x)]); return p + q",
    "m = nn.Identity(); m.register_forward_hook(lambda module, args, y: y + x); return m(f(x))",
    "p, q = torch.cat([x, f(x)], -1).chunk(2, -1); return p + q",
    "return torch.cat([x, torch.zeros_like(x[:, :1])], 1)[:, :-1] + f(x)",
    "y = b = f(x); [y := y.select_scatter((x + b).select(1, i), 1, i) for i in range(6)]; return y",
    "b = f(x); return b.slice_scatter(x[:, 1:] + b[:, 1:], 1, 1).select_scatter(x[:, 0] + b[:, 0], 1, 0)",
    "i = torch.arange(6).view(1, 6, 1).expand_as(x); return f(x).scatter_add(1, i, x)",
    "i = torch.arange(6).view(1, 6, 1).expand_as(x); return torch.zeros_like(x).scatter(1, i, x) + f(x)",
    "i = torch.arange(6).view(1, 6, 1).expand_as(x); return f(x).scatter_reduce(1, i, x, 'sum')",
    "y = f(x).clone(); y[torch.ones(2, 6, 16, dtype=torch.bool)] += x.view(-1); return y",
]


@pytest.mark.parametrize("body", SAME)
def test_the_same_sum(body: str) -> None:
    trace = trace_of(body)
    assert residuals_of(body) == WHOLE
    assert prove(trace.recording, trace.joins)[0].endswith("1 of 1 residuals")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("p, q = x.chunk(2, -1); return torch.cat([q, p], -1) + f(x)", []),
        ("h = torch.empty(2, *x.shape); h[0] = x; h[1] = f(x); return h[1] + h[1].tanh()", []),
        ("h = torch.empty(2, *x.shape); h[0] = x; h[0] = f(x); h[1] = f(x); return h[0] + h[1]", []),
        ("return torch.cat([x, f(x)], -1).unflatten(-1, (-1, 2)).sum(-1)", ["concat of input: norm, mlp"]),
        ("return torch.stack([x, f(x)]).prod(0)", []),
        ("return torch.stack([x, x]).sum(0) + f(x)", ["scaled of input: norm, mlp; 2.0 on the skip"]),
        ("return x.expand(3, 2, 6, 16).sum(0) + f(x)", ["scaled of input: norm, mlp; 3.0 on the skip"]),
        ("return torch.tensordot(self.gamma[:2], torch.stack([x, f(x)]), dims=1)", []),
        (
            "b = f(x); return torch.cat([p.add(q, alpha=2) for p, q in zip(x.chunk(2), b.chunk(2))])",
            ["partial of input: norm, mlp; 2.0 on the branch"] * 2,
        ),
        (
            "b = f(x); return torch.cat([x[:1] + b[:1], x[1:] - b[1:]])",
            ["partial of input: norm, mlp", "partial of input: norm, mlp; -1.0 on the branch"],
        ),
        (
            "b = f(x); return torch.cat([x[:1] - b[:1], b[1:] - x[1:]])",
            [f"partial of input: norm, mlp; -1.0 on the {side}" for side in ("branch", "skip")],
        ),
        ("return torch.stack([x, f(x)]).mean(0)", ["scaled of input: norm, mlp; 0.5 on the whole sum"]),
        ("return torch.addcmul(f(x), x, self.gamma)", ["scaled of input: norm, mlp; gamma on the skip"]),
        ("return torch.addcdiv(f(x), self.ones, x)", []),
        ("y = f(x); y[:, [0, 1]] = x[:, [0, 1]]; return y", []),
        ("return f(x).select_scatter(x.select(1, 0), 1, 1)", []),
        (
            "y = torch.cat([self.norm(x[:, :1]), x[:, 1:]], 1); "
            "return y + torch.cat([f(y[:, :1]), y[:, 1:]], 1)",
            ["identity of cat: norm, mlp"],
        ),
        ("return f(x).scatter_add(1, torch.zeros(2, 6, 16, dtype=torch.long), x)", []),
        (
            "return x.index_add(0, torch.arange(2), f(x), alpha=0.5)",
            ["scaled of input: norm, mlp; 0.5 on the branch"],
        ),
    ],
)
def test_another_sum(body: str, expected: list[str]) -> None:
    assert residuals_of(body) == expected


@pytest.mark.parametrize(
    "same",
    [
        "x * 1.0",
        "x / 1",
        "1 * x",
        "x * torch.ones(16)",
        "x / torch.ones(16)",
        "x + 0",
        "x - 0.0",
        "x ** 1",
        "x.clamp(max=float('inf'))",
        "x[torch.arange(2)]",
        "x.index_select(1, torch.arange(6))",
        "x.gather(-1, torch.arange(16).expand_as(x))",
        "x[:, list(range(6))]",
        "x[:, torch.ones(6, dtype=torch.bool)]",
        "x * True",
    ],
)
def test_what_changes_nothing_is_a_copy(same: str) -> None:
    assert residuals_of(f"return {same} + f(x)") == WHOLE


@pytest.mark.parametrize(
    "other",
    ["x ** 2", "1 / x", "self.ones / x", "x.clamp(max=3)", "x[torch.tensor([1, 0])]", "x[torch.arange(1)]"],
)
def test_what_changes_something_is_none(other: str) -> None:
    assert residuals_of(f"return {other} + f(x)") == []


@pytest.mark.parametrize("same", ["x.flip(1).flip(1)", "x.roll(1, 1).roll(-1, 1)"])
def test_what_is_turned_back_is_a_copy(same: str) -> None:
    assert [op.name for op in trace_of(f"return {same} + f(x)").dataflow.ops][2] == "alias"


def test_a_dropout_that_goes_on_in_evaluation_is_noise() -> None:
    assert residuals_of("return F.dropout(x, 0.5, True) + f(x)") == []
    assert residuals_of("return F.dropout(x, 0.5, True) + f(x)", train=True) == WHOLE
    assert residuals_of("return F.dropout(x, 0.5, self.training) + f(x)") == WHOLE
    assert residuals_of("return x + F.dropout(f(x), 0.5, True)") == WHOLE


def test_what_fills_a_buffer_overwrites_nothing() -> None:
    trace = trace_of("h = x.new_zeros(1, *x.shape); h[0] += x; h[0] += f(x); return h[0]")
    assert [finding.code for finding in trace.findings] == ["RES012"]  # the layer that this body leaves out
