"""A stream may begin as a parameter, or as what is made of parameters alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import archcheck

Forward = Callable[["Net", Tensor], Tensor]


class Net(nn.Module):
    def __init__(self, forward: Forward) -> None:
        super().__init__()
        self.query, self.other = (nn.Parameter(torch.randn(6, 4)) for _ in range(2))
        self.bias = nn.Parameter(torch.randn(4))
        self.table: Tensor
        self.register_buffer("table", torch.randn(6, 4))
        self.f, self.q = nn.Linear(4, 4), nn.Linear(4, 4)
        self._forward = forward

    def branch(self, query: Tensor, x: Tensor) -> Tensor:
        """Attention of the query to the input."""
        return self.f(torch.softmax(self.q(query) @ x.mT, -1) @ x)  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        return self._forward(self, x)


def found(forward: Forward) -> list[tuple[str, str, tuple[str, ...]]]:
    torch.manual_seed(0)
    trace = archcheck.trace(Net(forward).eval(), torch.randn(2, 6, 4))
    return [(one.kind.value, one.source, one.branch) for one in trace.residuals]


def behind_one_view(net: Net, x: Tensor) -> Tensor:
    query = net.query.expand(2, -1, -1)
    return query + net.branch(query, x)


def behind_two_views(net: Net, x: Tensor) -> Tensor:
    return net.query.expand(2, 6, 4) + net.branch(net.query.unsqueeze(0), x)


def made_of_two(net: Net, x: Tensor) -> Tensor:
    query = (net.query * net.other).expand(2, 6, 4)
    return net.branch(query, x) + query


def a_constant(net: Net, x: Tensor) -> Tensor:
    table = net.table.expand(2, 6, 4)
    return table + net.branch(table, x)


def one_vector(net: Net, x: Tensor) -> Tensor:
    bias = net.bias.expand(2, 6, 4)
    return bias + net.branch(bias, x)


def taken_off(net: Net, x: Tensor) -> Tensor:
    query = net.query.expand(2, 6, 4)
    return query - net.branch(query, x)


def not_read_by_the_branch(net: Net, x: Tensor) -> Tensor:
    return net.query.expand(2, 6, 4) + net.branch(net.other, x)


def added_in_two_places(net: Net, x: Tensor) -> Tensor:
    query = net.query.expand(2, 6, 4)
    once = net.branch(query, x) + query
    return net.branch(torch.tanh(once), x) + query


def smaller_than_the_sum(net: Net, x: Tensor) -> Tensor:
    return net.query + net.branch(net.query, x)


def taken_off_elsewhere(net: Net, x: Tensor) -> Tensor:
    query = (net.query * 2).expand(2, 6, 4)
    return torch.relu(query + net.branch(query, x)) * (net.f(x) - query)


def masked_by_the_input(net: Net, x: Tensor) -> Tensor:
    query = net.query.expand(2, 6, 4)
    return query.masked_fill(x > 0, 0.0) + net.branch(query, x)


def of_a_table(net: Net, x: Tensor) -> Tensor:
    return x + net.branch(x + net.query, x)


def times_a_table(net: Net, x: Tensor) -> Tensor:
    return x + net.query * net.branch(x * net.query, x)


LEARNED = ("identity", "query", ("q", "f"))


@pytest.mark.parametrize(
    ("forward", "residuals"),
    [
        (behind_one_view, [LEARNED]),
        (behind_two_views, [LEARNED]),
        (made_of_two, [("identity", "mul", ("q", "f"))]),
        (a_constant, []),
        (one_vector, []),
        (taken_off, []),
        (not_read_by_the_branch, []),
        (added_in_two_places, []),
        (smaller_than_the_sum, []),
        (taken_off_elsewhere, [("identity", "mul", ("q", "f"))]),
        (masked_by_the_input, []),
        (of_a_table, [("identity", "input", ("q", "f"))]),
        (times_a_table, [("scaled", "input", ("q", "f"))]),
    ],
)
def test_streams_that_begin_as_a_parameter(
    forward: Forward, residuals: list[tuple[str, str, tuple[str, ...]]]
) -> None:
    assert found(forward) == residuals
