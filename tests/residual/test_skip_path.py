"""What a skip path may pass, and what it may not: one line of code for each condition."""

from __future__ import annotations

import pytest

from tests.residual.blocks import residuals_of

PLAIN = "identity of input: norm, mlp"
PROJECTED = "projection of input: norm, mlp"
STREAMS = "multi-stream of input: norm, mlp"


@pytest.mark.parametrize(
    ("body", "residuals"),
    [
        # Masks: of positions, not of the elements by themselves.
        ("return x * (x[..., :1] > 0) + f(x)", [PLAIN]),
        ("return x * (x > 0) + f(x)", []),
        ("return x.masked_fill(x[..., :1] > 0, 0.0) + f(x)", [PLAIN]),
        ("return x.masked_fill(x > 0, 0.0) + f(x)", []),
        # Constants added on the way: only before or behind an affine map, and not where another way is plain.
        ("return (x + 0) + f(x)", [PLAIN]),
        ("return (x + 1) + f(x)", []),
        ("return self.linear(x + 1) + f(x)", [PROJECTED]),
        ("return self.linear(x) + 1 + f(x)", [PROJECTED]),
        (
            "y = self.linear(x); return (y + 1) + x + f(y)",
            ["identity of input: linear", "identity of input: linear, norm, mlp"],
        ),
        (
            "y = self.linear(x); return (self.norm(y) + x) + f(y)",
            ["identity of input: linear, norm", "identity of input: linear, norm, mlp"],
        ),
        # A sum of the sink's own module is passed to either side, another sink along its skip path alone.
        ("b = f(x); h = x + b; return h + self.linear(b)", [PLAIN, "identity of mlp: linear"]),
        (
            "b = f(x); h = torch.lerp(x, b, 0.25); return h + self.linear(b)",
            [
                "scaled of input: norm, mlp; 0.75 on the skip; 0.25 on the branch",
                "scaled of input: norm, mlp, linear; 0.75 on the skip",
            ],
        ),
        # Factors and divisors.
        ("return x / self.gamma + f(x)", ["scaled of input: norm, mlp; gamma on the skip"]),
        ("return self.gamma / x + f(x)", []),
        ("return 2 / x + f(x)", []),
        ("return f(x) / x + f(x)", []),
        ("return x / (1 + f(x)) + f(x)", []),
        (
            "return x.unsqueeze(1) * self.gamma[:3].view(3, 1, 1) + f(x).unsqueeze(1)",
            ["scaled of input: norm, mlp; gamma on the skip"],
        ),
        # Mixing weights.
        ("return x * torch.sigmoid(self.linear(x)) + f(x)", ["gated of input: norm, mlp"]),
        ("return x * self.linear(x) + f(x)", []),
        ("return x * torch.tanh(self.linear(x)) + f(x)", ["gated of input: norm, mlp"]),
        ("h = torch.tanh(x); return h * torch.tanh(self.linear(h)) + f(h)", []),
        ("return x.mean(1, keepdim=True) * torch.sigmoid(self.linear(x)) + f(x)", []),
        ("return self.linear(x * torch.sigmoid(self.linear(x))) + f(x)", []),
        ("h = torch.sigmoid(x); return h * torch.sigmoid(self.linear(h)) + f(h)", []),
        (
            "h = torch.tanh(x); return h * torch.sigmoid(self.linear(h)) + f(h)",
            ["gated of tanh: norm, mlp"],
        ),
        ("y = f(x); return x * torch.sigmoid(self.linear(y)) + y", ["identity of mlp: linear"]),
        # Affine maps, and what follows them.
        ("return F.linear(x, x[0].T @ x[0]) + f(x)", []),
        ("return F.linear(self.gamma.expand(2, 6, 16), x[0].T @ x[0]) + f(x)", []),
        ("return x @ self.linear.weight + f(x)", [PROJECTED]),
        ("return x @ self.mlp[0].weight.T + torch.cat([f(x), f(x)], -1)", [PROJECTED]),
        ("return x @ x[0].T @ x[0] + f(x)", []),
        ("return x * torch.sigmoid(x @ self.linear.weight + f(x))", []),
        ("return self.norm(self.linear(x)) + f(x)", [PROJECTED]),
        ("return self.linear(self.norm(x)) + f(x)", []),
        # Concatenations.
        ("return torch.cat([x[:, 1:], f(x)[:, 1:]], -1)", ["concat of input: norm, mlp"]),
        ("return torch.cat([x[0], f(x)[0]], -1)", []),
    ],
)
def test_what_a_skip_path_passes(body: str, residuals: list[str]) -> None:
    assert residuals_of(body) == residuals


MIXED = "h = s.flatten(2); m = (torch.softmax(h @ h.mT, -1) @ h).view(2, 3, 2, 16)"


@pytest.mark.parametrize(
    ("branch", "residuals"),
    [
        (f"b = f(s.sum(1)).unsqueeze(1); {MIXED}; return m + b", [STREAMS]),
        (f"b = f(s.sum(1)).unsqueeze(1); {MIXED}; return m + b.expand(2, 3, 2, 16)", [STREAMS]),
        (f"b = f(s.sum(1)).unsqueeze(1); {MIXED}; return m + F.pad(b, (0, 0, 0, 0, 0, 2))", []),
        (f"b = f(s); {MIXED}; return m + b", []),
        (f"b = f(s); {MIXED}; return m + b.flatten(2).view(2, 3, 2, 16)", []),
        (f"b = torch.cat([f(s), f(s)], -1).chunk(2, -1)[0]; {MIXED}; return m + b", []),
        (
            "b = f(s.sum(1)); g = self.gamma[:3].view(3, 1); return s + (g @ b.view(2, 1, 32)).view_as(s)",
            [STREAMS],
        ),
        (
            "b = f(s.sum(1)).unsqueeze(1); return s + torch.tanh(self.linear(s)[..., :1]) * b",
            ["multi-stream of input: norm, mlp, linear"],
        ),
        (
            "b = f(s.sum(1)).view(2, 1, 2, 16); return s + self.linear.weight[:6, :2].view(3, 2, 2) @ b",
            [PLAIN],
        ),
    ],
)
def test_a_branch_that_is_spread_over_streams(branch: str, residuals: list[str]) -> None:
    """Three streams, mixed among themselves, or as they are; the branch is one for all, or it is not."""
    assert residuals_of(f"s = x.view(2, 3, 2, 16); {branch}") == residuals
