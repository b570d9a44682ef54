"""What published architectures do with a skip path, each as small as can be."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import archcheck

Forward = Callable[["Net", Tensor], Tensor]


class Net(nn.Module):
    """Layers for every case; `forward` is the case's own."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.run = forward
        self.f, self.g, self.p = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 8)
        self.z, self.wide = nn.Linear(16, 8), nn.Linear(16, 8)
        self.widest = nn.Linear(24, 8)
        self.bn, self.gn, self.inorm = nn.BatchNorm1d(5), nn.GroupNorm(1, 5), nn.InstanceNorm1d(5)
        self.query = nn.Parameter(torch.randn(1, 5, 8))
        self.table = nn.Parameter(torch.randn(5, 8))
        self.att = nn.MultiheadAttention(8, 2, batch_first=True)

    def branch(self, x: Tensor) -> Tensor:
        return self.g(torch.relu(self.f(x)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def _found(forward: Forward, *, train: bool = False) -> list[tuple[str, str, tuple[str, ...]]]:
    torch.manual_seed(0)
    trace = archcheck.trace(Net(forward).train(train), torch.randn(2, 5, 8))
    return [(one.kind.value, one.source, one.branch) for one in trace.residuals]


def _pooled(x: Tensor) -> Tensor:
    return x.view(2, 5, 2, 4).amax(2)


def _class_query(net: Net, x: Tensor) -> Tensor:
    query = net.query.expand(2, -1, -1)
    query = query + net.att(query, x, x)[0]
    return query + net.branch(query)


def _positions_at_every_layer(net: Net, x: Tensor) -> Tensor:
    x = net.f(x + net.table)
    return net.g(torch.relu(x + net.table))  # type: ignore[no-any-return]


def _gru(net: Net, x: Tensor) -> Tensor:
    state = torch.tanh(net.p(x))
    both = torch.cat([state, x], -1)
    update = torch.sigmoid(net.z(both))
    return (1 - update) * state + update * torch.tanh(net.wide(both))


def _rotated(net: Net, x: Tensor) -> Tensor:
    q = net.p(x)
    turned = torch.stack([-q[..., 1::2], q[..., ::2]], -1).reshape(q.shape)
    return net.f(q * net.table.cos() + turned * net.table.sin())  # type: ignore[no-any-return]


def _offset(net: Net, x: Tensor) -> Tensor:
    boxes = net.p(x)
    return boxes + torch.arange(5).to(boxes)[:, None] * (boxes.max() + 1)


def _dense(net: Net, x: Tensor) -> Tensor:
    a = net.f(x)
    b = net.z(torch.cat([x, a], -1))
    return net.widest(torch.cat([x, a, b], -1))  # type: ignore[no-any-return]


_PROJECTED = [("projection", "input", ("f", "g"))]


@pytest.mark.parametrize("train", [False, True])
@pytest.mark.parametrize("norm", ["bn", "gn", "inorm"])
def test_a_norm_may_follow_a_projection(norm: str, train: bool) -> None:
    assert _found(lambda net, x: getattr(net, norm)(net.p(x)) + net.branch(x), train=train) == _PROJECTED


def test_a_norm_alone_is_no_projection() -> None:
    assert _found(lambda net, x: net.gn(x) + net.branch(x)) == []


def test_a_projection_may_be_pooled_by_its_maximum() -> None:
    assert _found(lambda net, x: _pooled(net.p(x)) + _pooled(net.branch(x))) == _PROJECTED


def test_a_stream_may_begin_as_a_parameter() -> None:
    assert _found(_class_query) == [("identity", "query", ("att",)), ("identity", "sink(att)", ("f", "g"))]


def test_positions_added_at_every_layer_are_no_stream() -> None:
    assert _found(_positions_at_every_layer) == []


def test_the_first_round_of_a_gru_is_gated() -> None:
    assert ("gated", "tanh", ("z", "wide")) in _found(_gru)


def test_heads_that_read_different_positions_are_no_residual() -> None:
    assert _found(lambda net, x: net.p(x[:, 0]) + net.branch(x[:, 1:]).amax(1)) == []
    assert len(_found(lambda net, x: net.p(x[:, 0]) + net.branch(x[:, 0]))) == 1


def _snake(net: Net, x: Tensor) -> Tensor:
    x = net.f(x)
    return net.g(x + torch.sin(net.table * x) ** 2 / net.table.abs())  # type: ignore[no-any-return]


def _xielu(net: Net, x: Tensor) -> Tensor:
    x = net.f(x)
    low = torch.expm1(torch.min(x, torch.tensor(-1e-6))) - x
    return net.g(torch.where(x > 0, net.table * x * x, low * net.table) + 0.5 * x)  # type: ignore[no-any-return]


@pytest.mark.parametrize("activation", [_snake, _xielu])
def test_a_learned_activation_is_no_residual(activation: Forward) -> None:
    assert _found(activation) == []


def _selected(net: Net, x: Tensor) -> Tensor:
    """Selective kernels: two branches, mixed by weights that are computed from both."""
    a, b = torch.relu(net.f(x)), torch.relu(net.g(x))
    weight = torch.sigmoid(net.p((a + b).mean(1, keepdim=True)))
    return a * weight + b * (1 - weight)


def test_two_branches_mixed_by_what_both_make_are_no_residual() -> None:
    assert _found(_selected) == []


def test_what_only_makes_a_gate_is_no_projection() -> None:
    def gated(net: Net, x: Tensor) -> Tensor:
        return x * torch.sigmoid(net.p(x) + net.branch(x) - 2)

    assert _found(gated) == []


def test_a_stream_may_begin_as_what_is_made_of_parameters() -> None:
    """DETR: the first self-attention of a decoder sees nothing but its queries."""

    def decoder(net: Net, x: Tensor) -> Tensor:
        target = torch.tanh(net.f(net.query)).expand(2, -1, -1)
        return target + net.att(target, x, x)[0]

    assert _found(decoder) == [("identity", "tanh", ("att",))]


def test_a_rotary_embedding_with_learned_frequencies_is_no_residual() -> None:
    assert _found(_rotated) == []


def test_an_offset_by_one_number_is_no_branch() -> None:
    assert _found(_offset) == []


def test_each_part_of_a_concatenation_that_a_later_one_was_computed_from_is_a_source() -> None:
    assert _found(_dense) == [
        ("concat", "input", ("f",)),
        ("concat", "f", ("z",)),
        ("concat", "input", ("f", "z")),
    ]


def test_every_copy_of_a_repeated_source_is_whole() -> None:
    def repeated(net: Net, x: Tensor) -> Tensor:
        return x.unsqueeze(1).expand(2, 3, 5, 8) + F.relu(net.branch(x)).unsqueeze(1)

    assert [kind for kind, *_ in _found(repeated)] == ["identity"]
    assert _found(lambda net, x: x[:, :1].expand(2, 5, 8) + net.branch(x)) == []
