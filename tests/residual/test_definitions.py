"""What each condition of the definitions is for: the smallest model that is judged otherwise without it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import archcheck

Forward = Callable[["Net", Tensor], Tensor]


class Added(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Net(nn.Module):
    """Its `forward` is the given one; `f`, `q` and `k` are linear maps, `t` a table, `w` a weight."""

    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.f, self.q, self.k = (nn.Linear(4, 4) for _ in range(3))
        self.one, self.six = nn.Linear(1, 1), nn.Linear(6, 6)
        self.add = Added()
        self.t: Tensor
        self.register_buffer("t", torch.rand(6, 4))
        self.w = nn.Parameter(torch.rand(3, 1))
        self._forward = forward

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def one_number(net: Net, x: Tensor) -> Tensor:
    mean = x.mean().view(1, 1)
    return mean + net.one(mean)


def one_number_for_all(net: Net, x: Tensor) -> Tensor:
    mean = x.mean()
    return mean.expand(2, 6, 4) + net.f(torch.relu(mean.expand(2, 6, 4)))


def fused_with_its_own_product(net: Net, x: Tensor) -> Tensor:
    y = torch.relu(x.reshape(12, 4))
    return torch.addmm(y, y, net.f.weight)


def steps_of_a_sequence(net: Net, x: Tensor) -> Tensor:
    return torch.cat([x[0], net.f(x)[0]], -1)


def shifted_in_another_module(net: Net, x: Tensor) -> Tensor:
    return net.add(x, x.roll(1, 1)) + net.f(torch.relu(net.q(x)))


def recurrence(net: Net, x: Tensor) -> Tensor:
    for _ in range(3):
        x = x + torch.softmax(x, -1)
    return x


def scores_of_a_sigmoid(net: Net, x: Tensor) -> Tensor:
    scores = net.q(x) @ net.k(x).mT
    return torch.sigmoid(scores + net.six(scores))


def scores_of_a_softmax(net: Net, x: Tensor) -> Tensor:
    scores = net.q(x) @ net.k(x).mT
    return torch.softmax(scores + net.six(scores), -1)


def several_copies(net: Net, x: Tensor) -> Tensor:
    branch = net.f(torch.relu(net.q(x)))
    return x.unsqueeze(1).expand(2, 3, 6, 4) + branch.unsqueeze(1) * net.w.view(3, 1, 1)


def one_for_all_positions(net: Net, x: Tensor) -> Tensor:
    return x + net.f(torch.relu(net.q(x.mean(1, keepdim=True))))


def one_for_all_mixed_positions(net: Net, x: Tensor) -> Tensor:
    return net.six.weight @ x + net.f(torch.relu(net.q(x.sum(1, keepdim=True))))


def streams_behind_a_view(net: Net, x: Tensor) -> Tensor:
    branch = net.f(torch.relu(net.q(x.view(2, 3, 2, 4).mean(1))))
    return x.view(2, 3, 2, 4) + branch.unsqueeze(1) * net.w.view(3, 1, 1)


def streams_with_an_affine_branch(net: Net, x: Tensor) -> Tensor:
    return x.view(2, 3, 2, 4) + net.f(x.view(2, 3, 2, 4).mean(1)).unsqueeze(1) * net.w.view(3, 1, 1)


def table_times(net: Net, x: Tensor) -> Tensor:
    return x * net.t + net.f(x)


def table_plus(net: Net, x: Tensor) -> Tensor:
    return (x + net.t) + net.f(x)


def branch(net: Net, x: Tensor) -> Tensor:
    return net.f(torch.relu(net.q(x)))


def plus_itself_turned(net: Net, x: Tensor) -> Tensor:
    return (x + x.flip(1)) + branch(net, x)


def projected_with_itself_turned(net: Net, x: Tensor) -> Tensor:
    return net.k(x + x.flip(1)) + branch(net, x)


def projected_with_a_table(net: Net, x: Tensor) -> Tensor:
    return net.k(x + net.t) + branch(net, x)


def one_channel_times_a_gate(net: Net, x: Tensor) -> Tensor:
    return x[..., :1] * torch.sigmoid(net.k(x)) + branch(net, x)


def concatenated_behind_views(net: Net, x: Tensor) -> Tensor:
    return torch.cat([x.view(12, 4), net.f(x).view(12, 4)], -1)


@pytest.mark.parametrize(
    ("forward", "residuals"),
    [
        (one_number, []),
        (one_number_for_all, [("projection", "input", ("f",))]),
        (fused_with_its_own_product, [("identity", "relu", ())]),
        (steps_of_a_sequence, []),
        (shifted_in_another_module, []),
        (recurrence, []),
        (scores_of_a_sigmoid, [("identity", "matmul", ("six",))]),
        (scores_of_a_softmax, []),
        (several_copies, [("scaled", "input", ("q", "f"))]),
        (one_for_all_positions, [("identity", "input", ("q", "f"))]),
        (one_for_all_mixed_positions, [("multi-stream", "input", ("q", "f"))]),
        (streams_behind_a_view, [("multi-stream", "input", ("q", "f"))]),
        (streams_with_an_affine_branch, [("scaled", "input", ("f",))]),
        (table_times, []),
        (table_plus, []),
        (plus_itself_turned, [("identity", "input", ("q", "f"))]),
        (projected_with_itself_turned, []),
        (projected_with_a_table, [("projection", "input", ("q", "f"))]),
        (one_channel_times_a_gate, []),
        (concatenated_behind_views, [("concat", "input", ("f",))]),
    ],
)
def test_judged_by_one_condition(forward: Forward, residuals: list[tuple[str, str, tuple[str, ...]]]) -> None:
    torch.manual_seed(0)
    found = archcheck.trace(Net(forward).eval(), torch.randn(2, 6, 4)).residuals
    assert [(str(one.kind), one.source, one.branch) for one in found] == residuals
