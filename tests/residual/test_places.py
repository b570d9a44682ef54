"""Each element of the source in its own place is the identity; some are partial; elsewhere is nothing."""

from __future__ import annotations

import pytest

from tests.residual.blocks import residuals_of

WHOLE = ["identity of input: norm, mlp"]
PART = ["partial of input: norm, mlp"]


@pytest.mark.parametrize(
    "body",
    [
        "return x.view(2, 96).view(2, 6, 16) + f(x)",
        "return x.flatten(1).reshape(x.shape) + f(x)",
        "return x.transpose(0, 1).contiguous().transpose(0, 1) + f(x)",
        "return x.double().float() + f(x)",
        "return F.pad(x, (0, 1))[..., :-1] + f(x)",
        "return F.pad(x, (0, 0, 2, 0))[:, 2:] + f(x)",
        "return x[:] + f(x)",
        "return x.repeat(1, 1, 1) + f(x)",
        "return x.unsqueeze(0).expand(1, 2, 6, 16)[0] + f(x)",
        "return x.transpose(1, 2) + f(x).transpose(1, 2)",
        "return x.mT.reshape(2, 96) + f(x).mT.reshape(2, 96)",
        "b = f(x); return x + torch.stack([b[0], b[1]])",
        "return x.masked_fill(x[..., :1] > 9, 0) + f(x)",
        "return x.flip(1).flip(1) + f(x)",
        "return x.roll(2, 1).roll(-2, 1) + f(x)",
        "return (x.flip(1) + f(x).flip(1)).flip(1)",
        "return torch.where(torch.ones(6, 1, dtype=torch.bool), x, f(x)) + f(x)",
    ],
)
def test_the_whole_source(body: str) -> None:
    assert residuals_of(body) == WHOLE


@pytest.mark.parametrize(
    "body",
    [
        "b = f(x); b[..., :1] += x[..., :1]; return b",
        "b = f(x); return torch.cat([x[..., :8] + b[..., :8], b[..., 8:]], -1)",
        "return x[:, ::2] + f(x)[:, ::2]",
        "return x.chunk(2, -1)[1] + f(x).chunk(2, -1)[1]",
        "return F.pad(x[..., :8], (4, 4)) + f(x)",
    ],
)
def test_a_part_of_it(body: str) -> None:
    assert residuals_of(body) == PART


@pytest.mark.parametrize(
    "body",
    [
        "return x[:, :1].expand(-1, 6, -1) + f(x)",
        "return x[:, :1].repeat(1, 6, 1) + f(x)",
        "return F.pad(x, (0, 1))[:, :1, :-1].repeat(1, 6, 1) + f(x)",
        "return x[:, :1].unsqueeze(1).expand(2, 3, 6, 16) + f(x).unsqueeze(1)",
        "return x[:, :1].expand(2, 6, 16) + f(x @ x.mT @ x)",
        "return x[:, :3].flip(1) + f(x)[:, :3]",
        "b = f(x); return x + torch.cat([b[:, 3:], b[:, :3]], 1)",
        "b = f(x).clone(); b[:, :3] = 0; return x + b.mT.reshape(2, 6, 16)",
        "b, c = self.mlp[0](x).chunk(2, -1); return x + b.mT.reshape(2, 6, 16)",
        "return x.flip(1) + f(x)",
        "return x.flip(1) + f(x).flip(1)",
        "return x.roll(1, 1) + f(x)",
        "return x[:, [5, 4, 3, 2, 1, 0]] + f(x)",
        "return x.index_select(1, torch.tensor([1, 0, 2, 3, 4, 5])) + f(x)",
        "return x.gather(1, torch.zeros(2, 6, 16, dtype=torch.long)) + f(x)",
        "return x.view(2, 16, 6).transpose(1, 2) + f(x)",
        "return x.transpose(1, 2).reshape(x.shape) + f(x.transpose(1, 2).transpose(1, 2))",
        "return 1 / x + f(x)",
        "return self.ones / x + f(x)",
    ],
)
def test_elements_in_other_places(body: str) -> None:
    assert residuals_of(body) == []


def test_axes_exchanged_on_both_sides() -> None:
    """Also where nothing but the order tells, as long as an axis of one is passed over."""
    square = (1, 16, 16)
    assert residuals_of("return x.mT + f(x).mT", square) == WHOLE
    assert residuals_of("return x.mT + f(x)", square) == residuals_of("return x + f(x).mT", square) == []


def test_what_a_view_of_a_sum_takes_of_it() -> None:
    parts = ["partial of input: norm, mlp", "partial of input: linear"]
    assert residuals_of("return x[:, :1] + (f(x) + self.linear(x))[:, :1]") == parts
    assert residuals_of("return self.linear(x.clone()) + f(x[..., :8].repeat(1, 1, 2))") == [
        "projection of input: norm, mlp"
    ]


def test_a_part_that_the_branch_does_not_read() -> None:
    """A coupling of two chunks, a partial convolution: what is kept is not what the branch was made of."""
    assert residuals_of("a, b = x.chunk(2, 1); return b + f(a)") == []
    assert residuals_of("a, b = x.chunk(2, 1); return torch.cat([f(a), b], 1)") == []
    assert residuals_of("a = x[:, :2]; return a + f(x[:, :2])") == ["identity of input: norm, mlp"]
