"""Attention, gates, feed-forward networks and rotary positions, written out and fused."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck.vocabulary import Recognition

Seen = Callable[..., Recognition]


def heads(x: Tensor, count: int = 4) -> Tensor:
    return x.view(2, 6, count, -1).transpose(1, 2)


def joined(x: Tensor) -> Tensor:
    return x.transpose(1, 2).reshape(2, 6, -1)


def half(x: Tensor) -> Tensor:
    one, other = x.chunk(2, -1)
    return one + other


def by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = heads(q) @ heads(k).transpose(-2, -1) / 2
    mask = torch.full((6, 6), float("-inf")).triu(1)
    return joined(torch.softmax(scores + mask, dim=-1) @ heads(v))


def by_einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (x.view(2, 6, 4, 4) for x in (q, k, v))
    scores = torch.einsum("bqhd,bkhd->bhqk", q, k) * 0.5
    scores = scores.masked_fill(torch.ones(6, 6, dtype=torch.bool).triu(1), -1e9)
    return torch.einsum("bhqk,bkhd->bqhd", scores.softmax(-1), v).reshape(2, 6, 16)


def by_bmm(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    q, k, v = (heads(x).reshape(8, 6, 4) for x in (q, k, v))
    scores = torch.baddbmm(torch.zeros(8, 6, 6), q, k.transpose(1, 2), alpha=0.5)
    weights = F.softmax(scores.view(2, 4, 6, 6) + torch.full((6, 6), -1e9).triu(1), -1)
    return joined(torch.bmm(F.dropout(weights, 0.1, False).view(8, 6, 6), v).view(2, 4, 6, 4))


def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return joined(F.scaled_dot_product_attention(heads(q), heads(k), heads(v), is_causal=True))


@pytest.mark.parametrize("function", [by_hand, by_einsum, by_bmm, fused])
def test_attention_in_each_of_its_forms(function: Callable[..., Tensor], seen: Seen) -> None:
    assert _attention(seen(function, 3)) == (
        "MHA",
        {"heads": 4, "kv_heads": 4, "source": "self", "causal": True},
    )


def test_a_fused_attention_opens_into_its_parts(seen: Seen) -> None:
    found = seen(fused, 3)
    (attention,) = [region for region in found.regions if region.term.name == "MHA"]
    parts = [region.term.name for region in found.regions if set(region.ops) < set(attention.ops)]
    assert parts == ["matrix product", "scores", "scale", "mask", "SoftMax", "attend", "matrix product"]
    assert len({found.origin[at] for at in attention.ops}) == 1


class Held(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        out: Tensor = self.attn(x, y, y)[0]
        return out


def test_the_module_of_torch_is_attention_between_linear_maps(seen: Seen) -> None:
    found = seen(Held(), 2)
    assert _attention(found) == ("MHA", {"heads": 4, "kv_heads": 4, "source": "cross", "causal": False})
    inside = [region.term.name for region in found.regions if region.term.name in ("Linear", "MHA")]
    assert inside == ["Linear", "Linear", "Linear", "Linear", "Linear", "MHA", "Linear"]


def grouped(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (heads(half(x), 2).repeat_interleave(2, 1) for x in (k, v))
    return joined(F.scaled_dot_product_attention(heads(q), k, v))


def grouped_by_expanding(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (heads(half(x), 2)[:, :, None].expand(2, 2, 2, 6, 4).reshape(2, 4, 6, 4) for x in (k, v))
    return joined((heads(q) @ k.mT / 2).softmax(-1) @ v)


def grouped_by_flag(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (heads(half(x), 2) for x in (k, v))
    return joined(F.scaled_dot_product_attention(heads(q), k, v, enable_gqa=True))


since_2_5 = pytest.mark.skipif(torch.__version__ < (2, 5), reason="PyTorch 2.4 has no enable_gqa")


@pytest.mark.parametrize(
    "function", [grouped, grouped_by_expanding, pytest.param(grouped_by_flag, marks=since_2_5)]
)
def test_queries_that_share_keys(function: Callable[..., Tensor], seen: Seen) -> None:
    assert _attention(seen(function, 3)) == (
        "GQA",
        {"heads": 4, "kv_heads": 2, "source": "self", "causal": False},
    )


def shared(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    k, v = (half(half(x)).unsqueeze(1) for x in (k, v))
    return joined((heads(q) @ k.transpose(-1, -2) * 0.5).softmax(-1) @ v)


def test_one_head_of_keys_for_all(seen: Seen) -> None:
    assert _attention(seen(shared, 3))[0] == "MQA"


def windowed(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    at = torch.arange(6)
    mask = (at[:, None] >= at) & (at[:, None] - at < 3)
    return joined(F.scaled_dot_product_attention(heads(q), heads(k), heads(v), attn_mask=mask))


def test_a_window(seen: Seen) -> None:
    name, details = _attention(seen(windowed, 3))
    assert (name, details["window"], details["causal"]) == ("MHA", 3, True)


class LearnedQueries(nn.Module):
    """Four learned queries share out the positions, as in DETR's first decoder layer, before activations."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(4, 16))

    def forward(self, keys: Tensor) -> Tensor:
        mixed = (self.queries @ keys.transpose(-2, -1)).softmax(-1) @ keys
        for _ in range(6):
            mixed = torch.tanh(mixed) + 1
        return mixed


def test_shares_of_positions_are_no_router(seen: Seen) -> None:
    found = seen(LearnedQueries())
    assert "router" not in {region.term.name for region in found.regions}


class WithSinks(nn.Module):
    """A learned score beside those of the keys, and the largest taken off all."""

    def __init__(self) -> None:
        super().__init__()
        self.sinks = nn.Parameter(torch.zeros(1, 4, 1, 1))

    def forward(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = heads(q) @ heads(k).mT / 2 + torch.full((6, 6), -1e9).triu(1)
        scores = torch.cat([scores, self.sinks.expand(2, 4, 6, 1)], -1)
        scores = scores - scores.max(-1, keepdim=True).values
        return joined(scores.softmax(-1)[..., :-1] @ heads(v))


def test_sinks_and_what_is_taken_off_all_scores_are_no_positions(seen: Seen) -> None:
    found = seen(WithSinks(), 3)
    assert _attention(found)[1]["causal"] is True
    assert not [region for region in found.regions if region.term.family == "position"]


def filled(q: Tensor, k: Tensor, latent: Tensor, again: bool = False) -> Tensor:
    keys = q.new_empty(2, 4, 6, 6)
    up = heads(F.linear(latent, torch.ones(32, 16, requires_grad=True)))
    keys[..., :4].copy_(up[..., :4])
    keys[..., slice(2) if again else slice(4, 6)].copy_(
        latent[..., None, :2].transpose(1, 2).expand(2, 4, 6, 2)
    )
    query = torch.cat([heads(q), heads(k)[..., :2]], -1)
    return joined(F.scaled_dot_product_attention(query, keys, up[..., 4:]))


def test_a_tensor_that_is_filled_part_by_part_is_a_concatenation(seen: Seen) -> None:
    found = [region.inputs for region in seen(filled, 3).regions if region.term.name == "concat"]
    assert [len(inputs) for inputs in found] == [2, 2]
    twice = seen(partial(filled, again=True), 3)
    assert [region.term.name for region in twice.regions].count("concat") == 1


def no_softmax(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return joined((heads(q) @ heads(k).mT / 2).sigmoid() @ heads(v))


def test_what_only_looks_like_attention(seen: Seen) -> None:
    assert not [r for r in seen(no_softmax, 3).regions if r.term.family == "attention"]


def _attention(found: Recognition) -> tuple[str, dict[str, Any]]:
    (region,) = [region for region in found.regions if region.term.family == "attention"]
    return region.term.name, {name: value for name, value in region.details.items() if name != "scale"}


@pytest.mark.parametrize(
    ("scale", "words"),
    [
        (lambda q, k: (q * 0.5) @ k.mT, "1/√d"),
        (lambda q, k: q @ k.mT / 2, "1/√d"),
        (lambda q, k: (q * 0.5**0.5) @ (k * 0.5**0.5).mT, "1/√d"),
        (lambda q, k: q @ k.mT, "1"),
        (lambda q, k: q @ k.mT * 2, "2"),
        (lambda q, k: (q * 0.5) @ k.mT / 2, "0.25"),
        (lambda q, k: q @ k.mT * torch.rand(6), None),
    ],
)
def test_how_scores_are_scaled(scale: Callable[..., Tensor], words: str | None, seen: Seen) -> None:
    found = seen(lambda q, k, v: joined(scale(heads(q), heads(k)).softmax(-1) @ heads(v)), 3)
    (region,) = [region for region in found.regions if region.term.family == "attention"]
    assert region.details["scale"] == words


# -- rotary positions -----------------------------------------------------------------------------

_ANGLES = torch.outer(torch.arange(6.0), 0.5 ** torch.arange(8.0))
COS, SIN = torch.cos(_ANGLES), torch.sin(_ANGLES)
WIDE_COS, WIDE_SIN = torch.cat([COS, COS], -1), torch.cat([SIN, SIN], -1)


def rotate_half(x: Tensor) -> Tensor:
    one, other = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-other, one), dim=-1)


def interleaved(x: Tensor) -> Tensor:
    one, other = x[..., 0::2], x[..., 1::2]
    return torch.stack((one * COS - other * SIN, one * SIN + other * COS), -1).flatten(-2)


def every_two(x: Tensor) -> Tensor:
    turned = torch.stack((-x[..., 1::2], x[..., ::2]), dim=-1).reshape(x.shape)
    return x * COS.repeat_interleave(2, -1) + turned * SIN.repeat_interleave(2, -1)


def halves(x: Tensor) -> Tensor:
    one, other = x.chunk(2, dim=-1)
    return torch.cat([one * COS - other * SIN, other * COS + one * SIN], dim=-1)


def partly(x: Tensor) -> Tensor:
    turned, rest = x[..., :8], x[..., 8:]
    turned = turned * WIDE_COS[:, ::2] + rotate_half(turned) * WIDE_SIN[:, ::2]
    return torch.cat([turned, rest], -1)


def as_complex(x: Tensor) -> Tensor:
    numbers = torch.view_as_complex(x.float().reshape(2, 6, 8, 2))
    return torch.view_as_real(numbers * torch.polar(torch.ones(6, 8), _ANGLES)).flatten(2)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * WIDE_COS + rotate_half(x) * WIDE_SIN,
        lambda x: (WIDE_COS * x).add(rotate_half(x).mul(WIDE_SIN)),
        interleaved,
        every_two,
        halves,
        partly,
        as_complex,
    ],
)
def test_rotations_in_each_of_their_forms(function: Callable[[Tensor], Tensor], seen: Seen) -> None:
    assert [r.term.name for r in seen(function).regions if r.term.family == "position"] == ["RoPE"]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * WIDE_COS + torch.cat((x[..., 8:], x[..., :8]), -1) * WIDE_SIN,  # no sign: a mirror
        lambda x: x * WIDE_COS + x.flip(-1) * WIDE_SIN,
        lambda x: x * WIDE_COS + rotate_half(x),  # no sine
        lambda x: x * WIDE_COS - x * WIDE_SIN,
        lambda x: x * WIDE_SIN + rotate_half(x) * WIDE_SIN,
    ],
)
def test_what_only_looks_like_a_rotation(function: Callable[[Tensor], Tensor], seen: Seen) -> None:
    assert [r.term.name for r in seen(function).regions if r.term.family == "position"] == []


# -- gates and feed-forward networks --------------------------------------------------------------


@pytest.mark.parametrize(
    ("term", "function"),
    [
        ("SwiGLU", lambda gate, up: F.silu(gate) * up),
        ("SwiGLU", lambda gate, up: up * (gate * torch.sigmoid(gate))),
        ("GEGLU", lambda gate, up: F.gelu(gate) * up),
        ("ReGLU", lambda gate, up: up * gate.relu()),
        ("sigmoid GLU", lambda gate, up: F.glu(up)),
        ("sigmoid GLU", lambda gate, up: up * torch.sigmoid(gate)),
    ],
)
def test_gates(term: str, function: Callable[..., Tensor], seen: Seen) -> None:
    found = [r for r in seen(function, 2).regions if r.term.family == "product" and r.term.name != "product"]
    assert [region.term.name for region in found] == [term]


def test_the_gate_and_the_value_are_told_apart(seen: Seen) -> None:
    found = seen(lambda gate, up: F.silu(gate) * up, 2)
    (region,) = [region for region in found.regions if region.term.name == "SwiGLU"]
    paths = {role: found.flow.calls[found.flow.ops[at].call].path for role, (at,) in region.roles.items()}
    assert paths == {"gate": "maps.0", "up": "maps.1"}


class Network(nn.Module):
    def __init__(self, gated: bool) -> None:
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(16, 32), nn.Linear(16, 32), nn.Linear(32, 16)
        self.gated = gated

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.silu(self.gate(x)) * self.up(x) if self.gated else F.gelu(self.up(x))
        out: Tensor = self.down(F.dropout(hidden, 0.1, self.training))
        return out


@pytest.mark.parametrize(("gated", "term"), [(False, "feed-forward"), (True, "gated feed-forward")])
def test_feed_forward_networks(gated: bool, term: str, terms: Callable[..., list[str]]) -> None:
    assert terms(Network(gated)) == [term]
