"""Loops over time, and what only looks like one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from archcheck.vocabulary import Recognition

Seen = Callable[..., Recognition]


class Loop(nn.Module):
    def __init__(self, sort: str) -> None:
        super().__init__()
        self.sort = sort
        self.own, self.past = nn.Linear(16, 64), nn.Linear(16, 64)
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(3))
        self.decay = nn.Parameter(torch.rand(16))

    def forward(self, x: Tensor) -> Tensor:
        state = torch.zeros(2, 16)
        out = []
        for at in range(x.shape[1]):
            state = getattr(self, self.sort)(x[:, at], state)
            out.append(state)
        return torch.stack(out, 1)

    def rnn(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.tanh(self.own(x)[..., :16] + self.past(h)[..., :16])

    def gru(self, x: Tensor, h: Tensor) -> Tensor:
        reset, update, new, _ = self.own(x).chunk(4, -1)
        past_reset, past_update, past_new, _ = self.past(h).chunk(4, -1)
        candidate = torch.tanh(new + torch.sigmoid(reset + past_reset) * past_new)
        update = torch.sigmoid(update + past_update)
        return (1 - update) * candidate + update * h

    def ssm(self, x: Tensor, h: Tensor) -> Tensor:
        return torch.exp(-self.decay) * h + self.own(x)[..., :16]

    def total(self, x: Tensor, h: Tensor) -> Tensor:
        return h + x


@pytest.mark.parametrize(
    ("sort", "terms"),
    [("rnn", ["RNN"]), ("gru", ["GRU"]), ("ssm", ["state-space model"]), ("total", [])],
)
def test_loops_over_time(sort: str, terms: list[str], seen: Seen) -> None:
    assert _recurrences(seen(Loop(sort))) == terms


class Layers(nn.Module):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(16, 16) for _ in range(count))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = 0.5 * x + torch.tanh(layer(x))
        return x


@pytest.mark.parametrize("count", [2, 3])
def test_a_loop_over_layers_is_no_recurrence(count: int, seen: Seen) -> None:
    assert _recurrences(seen(Layers(count))) == []


class Discretised(nn.Module):
    """What a state-space model makes of its step sizes; `equation` says whether channels are summed."""

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation
        self.step, self.decay = nn.Linear(16, 16), nn.Parameter(torch.rand(16, 4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum(self.equation, F.softplus(self.step(x)), self.decay)


@pytest.mark.parametrize(("equation", "count"), [("b l d, d n -> b l d n", 0), ("b l d, d n -> b l n", 1)])
def test_an_outer_product_is_no_linear_map_of_a_feed_forward_network(
    equation: str, count: int, seen: Seen
) -> None:
    names = [region.term.name for region in seen(Discretised(equation)).regions]
    assert names.count("feed-forward") == count


@pytest.mark.parametrize(("module", "term"), [(nn.LSTM, "LSTM"), (nn.GRU, "GRU"), (nn.RNN, "RNN")])
def test_recurrences_of_torch(module: Callable[..., nn.Module], term: str, seen: Seen) -> None:
    recurrent = module(16, 16, batch_first=True)
    assert _recurrences(seen(lambda x: recurrent(x)[0])) == [term]


def _recurrences(found: Recognition) -> list[str]:
    return [region.term.name for region in found.regions if region.term.family == "recurrence"]


def linear_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (F.elu(q) + 1) @ ((F.elu(k) + 1).transpose(1, 2) @ v)


def test_attention_without_a_softmax(seen: Seen) -> None:
    found = seen(linear_attention, 3)
    assert [r.term.name for r in found.regions if r.term.family == "attention"] == ["linear attention"]


class DropPath(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        kept = torch.rand(x.shape[0], 1, 1).add(0.9).floor_()
        return x.div(0.9) * kept


def test_a_random_factor_for_each_sample_is_stochastic_depth(seen: Seen) -> None:
    terms = [region.term.name for region in seen(DropPath()).regions]
    assert "stochastic depth" in terms


@pytest.mark.parametrize(
    ("term", "function"),
    [
        ("global average pooling", lambda x: x.mean(1)),
        ("global average pooling", lambda x: F.adaptive_avg_pool1d(x.transpose(1, 2), 1)),
        ("average pooling", lambda x: F.avg_pool1d(x, 2)),
        ("global max pooling", lambda x: x.amax(1)),
    ],
)
def test_pooling(term: str, function: Callable[[Tensor], Tensor], seen: Seen) -> None:
    found = seen(function)
    assert [region.term.name for region in found.regions if region.term.family == "pooling"] == [term]
