"""What is one branch, and what is none: one line of code for each condition."""

from __future__ import annotations

import pytest

from tests.residual.blocks import residuals_of

PLAIN = "identity of input: norm, mlp"
LINEAR = "identity of input: linear"
BOTH = "identity of input: linear, norm, mlp"
PROJECTED = "projection of input: norm, mlp"


@pytest.mark.parametrize(
    ("body", "residuals"),
    [
        # The summands of a sum are taken apart past what moves or scales it, and past nothing else.
        ("return self.linear(x) + f(x) + x", [LINEAR, PLAIN]),
        ("return (self.linear(x) + f(x)).view(2, 96).view(2, 6, 16) + x", [LINEAR, PLAIN]),
        (
            "return 2 * (self.linear(x) + f(x)) + x",
            [f"scaled of input: {branch}; 2.0 on the branch" for branch in ("linear", "norm, mlp")],
        ),
        ("return x + torch.cumsum(self.linear(x) + f(x), 1)", [PROJECTED, BOTH]),
        ("return torch.relu(self.linear(x) + f(x)) + x", [PROJECTED, BOTH]),
        ("y = self.linear(x) + f(x); return y * x", [PROJECTED]),
        ("return x + torch.add(f(x), self.linear(x), alpha=2)", ["identity of input: norm, mlp, linear"]),
        # The one of two tensors does not mix them, that of one tensor does.
        ("return x + torch.max(x, 2 * x)", []),
        ("return x + x.max(1, keepdim=True).values", ["identity of input: "]),
        # A recurrence, also as an interpolation.
        (
            "return torch.lerp(x, torch.softmax(x, -1), 0.25)",
            ["scaled of input: ; 0.75 on the skip; 0.25 on the branch"],
        ),
        ("h = x; [h := torch.lerp(h, torch.softmax(h, -1), 0.25) for _ in range(2)]; return h", []),
        # An offset, also as the sink's own product.
        ("return torch.addcmul(x, x.amax(), self.gamma)", []),
        ("return torch.addmm(x[0], x[0], self.linear.weight)", ["identity of input: "]),
        # A concatenation needs parameters: of its branch, and not of its source.
        ("return torch.cat([x, torch.softmax(x, -1) * torch.rand(16)], -1)", []),
        ("x = self.linear(x); return torch.cat([x, torch.softmax(x, -1)], -1)", []),
        # Attention scores are a product of two tensors, perhaps scaled, whose softmax is next.
        ("s = 0.5 * (self.linear(x) @ x.mT); return torch.softmax(2 * (s + s @ s), -1)", []),
        (
            "s = self.linear(x) @ x.mT; return torch.softmax(torch.sin(s + s @ s), -1)",
            ["identity of matmul: "],
        ),
        ("x = x * x; return torch.softmax(x + f(x), -1)", ["identity of mul: norm, mlp"]),
        (
            "x = x @ self.linear.weight; return torch.softmax(x + f(x), -1)",
            ["identity of matmul: norm, mlp"],
        ),
        # What is affine, or holds no parameter, is no branch beside an affine skip path.
        ("return self.linear(x) + x.softmax(-1)", []),
        ("return self.linear(x) + self.linear(-x)", []),
        ("return self.linear(x) + self.linear(x + x.flip(1))", []),
        ("return self.linear(x) + self.linear(x) * x", ["projection of input: linear"]),
        (
            "return self.linear(x) + F.adaptive_max_pool1d(self.linear(x), 16)",
            ["projection of input: linear"],
        ),
        (
            "return self.linear(x)[:, :1] + self.linear(x).amax(1, keepdim=True)",
            ["projection of input: linear"],
        ),
    ],
)
def test_what_is_a_branch(body: str, residuals: list[str]) -> None:
    assert residuals_of(body) == residuals
