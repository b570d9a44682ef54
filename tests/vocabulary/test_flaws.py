"""Attention that has all of its parts, and is wrong; and what only looks as if it were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck.vocabulary import Recognition
from tests.vocabulary.conftest import Seen

B, T, H, C = 2, 6, 4, 16
sdpa = F.scaled_dot_product_attention
Streams = tuple[Tensor, Tensor, Tensor]

SPLIT = "cuts its heads across positions: a transpose is missing where they are split"
OVER = "compares the heads of one position, not positions: a transpose is missing"
MERGED = "puts its heads together across positions: a transpose is missing where they are merged"
PART = "leaves a part of what its Linear makes unread"
WHOLE = "leaves what one of its Linears makes unread"
LATE = "hides keys after the softmax only, so that their shares are lost"
FUTURE = torch.ones(T, T, dtype=torch.bool).triu(1)
SHARES = "takes shares over a dimension that it does not sum over"


def split(*streams: Tensor) -> Streams:
    q, k, v = (x.view(B, T, H, -1).transpose(1, 2) for x in streams)
    return q, k, v


def merged(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(B, T, C)


def written(q: Tensor, k: Tensor, v: Tensor, after: int = 1, dim: int = -1) -> Tensor:
    future = torch.ones(T, T, dtype=torch.bool).triu(after)
    return (q @ k.mT * 0.5).masked_fill(future, float("-inf")).softmax(dim) @ v


def weighed(q: Tensor, k: Tensor, v: Tensor, change: Callable[[Tensor], Tensor]) -> Tensor:
    return change((q @ k.mT * 0.5).softmax(-1)) @ v


def shared(q: Tensor, k: Tensor, v: Tensor, key: str, value: str) -> Tensor:
    """Two heads of keys and values for four of queries."""
    k, v = (x.view(B, T, 2, 4).transpose(1, 2) for x in (k, v))
    order = {
        "in a row": lambda x: x.repeat_interleave(2, 1),
        "expanded": lambda x: x[:, :, None].expand(B, 2, 2, T, 4).reshape(B, H, T, 4),
        "in turns": lambda x: x.repeat(1, 2, 1, 1),
    }
    return merged(written(q.view(B, T, H, -1).transpose(1, 2), order[key](k), order[value](v)))


class Maps(nn.Module):
    """Linear maps before and after a function of their results."""

    def __init__(self, function: Callable[..., Tensor], *widths: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(C, width) for width in widths)
        self.function = function
        self.out = nn.Linear(C, C)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.out(self.function(*(each(x) for each in self.maps)))
        return result


def flaw(found: Recognition) -> object:
    (attention,) = [region for region in found.regions if region.term.family == "attention"]
    return attention.details.get("flaw", "")


def in_parts(z: Tensor, *order: int) -> Tensor:
    parts = z.view(B, T, 3, H, 4).permute(2, 0, 3, 1, 4)
    return merged(sdpa(*(parts[at] for at in order)))


OF_THREE: list[tuple[Callable[..., Tensor], str]] = [
    (lambda q, k, v: merged(written(*split(q, k, v))), ""),
    (lambda q, k, v: merged(sdpa(*split(q, k, v), is_causal=True)), ""),
    (lambda q, k, v: written(*(x.view(B, H, T, -1) for x in (q, k, v))).reshape(B, T, C), SPLIT),
    (lambda q, k, v: sdpa(*(x.view(B, H, T, -1) for x in (q, k, v))).reshape(B, T, C), SPLIT),
    (lambda q, k, v: sdpa(*(x.view(B, T, H, -1) for x in (q, k, v))).reshape(B, T, C), OVER),
    (lambda q, k, v: written(*split(q, k, v)).reshape(B, T, C), MERGED),
    (lambda q, k, v: sdpa(*split(q, k, v)).transpose(2, 3).reshape(B, T, C), MERGED),
    (lambda q, k, v: merged(sdpa(*split(q, q, v))), WHOLE),
    (lambda q, k, v: merged(sdpa(*split(q, k, k))), WHOLE),
    (lambda q, k, v: merged(written(*split(q, k, v), after=0)), "lets no token see itself"),
    (lambda q, k, v: merged(written(*split(q, k, v), after=2)), "lets each token see the next one"),
    (lambda q, k, v: merged(written(*split(q, k, v), after=T, dim=-2)), SHARES),
    (lambda q, k, v: merged(weighed(*split(q, k, v), lambda w: w.masked_fill(FUTURE, 0.0))), LATE),
    (lambda q, k, v: merged(weighed(*split(q, k, v), lambda w: w * (~FUTURE).float())), LATE),
    (lambda q, k, v: merged(weighed(*split(q, k, v), lambda w: w * torch.rand(H, 1, 1))), ""),
]  # fmt: skip
OF_ONE: list[tuple[Callable[..., Tensor], str]] = [
    (lambda z: in_parts(z, 0, 1, 2), ""),
    (lambda z: in_parts(z, 0, 0, 2), PART),
    (lambda z: merged(sdpa(*split(*z.chunk(3, -1)))), ""),
    (lambda z: merged(sdpa(*z.view(B, T, H, 12).transpose(1, 2).chunk(3, -1))), ""),
    (lambda z: merged(sdpa(*z.view(B, H, T, 12).chunk(3, -1))), SPLIT),
    (lambda z: merged(sdpa(*z.view(3, B, H, T, 4))), OVER),
    # attention between channels, as in XCiT: its heads are merged in another order, and rightly
    (lambda z: sdpa(*z.view(B, T, 3, H, 4).permute(2, 0, 3, 4, 1)).permute(0, 3, 1, 2).reshape(B, T, C), ""),
    # the last position alone asks
    (lambda z: sdpa(*(x[:, :, at:] for x, at in zip(split(*z.chunk(3, -1)), (5, 0, 0), strict=True)))
        .transpose(1, 2).reshape(B, 1, C), ""),
]  # fmt: skip


@pytest.mark.parametrize(("function", "words"), OF_THREE)
def test_flaws_between_three_linear_maps(function: Callable[..., Tensor], words: str, of: Seen) -> None:
    assert flaw(of(Maps(function, C, C, C))) == words


@pytest.mark.parametrize(("function", "words"), OF_ONE)
def test_flaws_after_one_linear_map(function: Callable[..., Tensor], words: str, of: Seen) -> None:
    assert flaw(of(Maps(function, 3 * C))) == words


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("in a row", "expanded", ""),
        ("in turns", "in turns", ""),
        ("in a row", "in turns", "repeats its keys and its values in different orders"),
    ],
)
def test_heads_that_share_keys_and_values(key: str, value: str, words: str, of: Seen) -> None:
    assert flaw(of(Maps(lambda q, k, v: shared(q, k, v, key, value), C, C // 2, C // 2))) == words


def test_keys_of_two_maps_side_by_side(of: Seen) -> None:
    def function(q: Tensor, k: Tensor, v: Tensor, position: Tensor) -> Tensor:
        q, k, v = split(q, k, v)
        k = torch.cat([k, position.view(B, 1, T, 2).expand(B, H, T, 2)], -1)
        return merged(sdpa(q, k, v))

    assert flaw(of(Maps(function, C, C // 2, C, 2))) == ""


def turned(x: Tensor) -> Tensor:
    angles = torch.outer(torch.arange(6.0), torch.tensor([1.0, 0.1]))
    angles = torch.cat([angles, angles], -1)
    one, other = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-other, one], -1) * angles.sin()


@pytest.mark.parametrize(
    ("which", "words"),
    [
        ("qk", ""),
        ("", ""),
        ("q", "rotates its queries, but not its keys"),
        ("k", "rotates its keys, but not its queries"),
        ("qkv", "rotates its values"),
    ],
)
def test_what_is_rotated(which: str, words: str, of: Seen) -> None:
    def function(*streams: Tensor) -> Tensor:
        named = zip("qkv", split(*streams), strict=True)
        return merged(sdpa(*(turned(x) if name in which else x for name, x in named)))

    assert flaw(of(Maps(function, C, C, C))) == words
