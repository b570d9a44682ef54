"""Elements are followed back to where their values stood: the values themselves are the oracle."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

import archcheck
from archcheck.dataflow.elements import address_of, flat_of, probes, way_back

SHAPE = (2, 6, 4)
NUMBERS = torch.arange(1.0, 49.0).view(SHAPE)
"""Each element another number, and none of them zero."""


class Moves(nn.Module):
    """What is written into its `forward` as an expression or as statements that make `y` from `x`."""

    def __init__(self, code: str) -> None:
        super().__init__()
        self.code = code

    def forward(self, x: Tensor) -> Tensor:
        names: dict[str, Any] = {"x": x, "torch": torch}
        for line in self.code.split("; "):
            exec(line if "=" in line.split("(")[0] or line.endswith(")") else f"y = {line}", names)
        y: Tensor = names["y"]
        return y


def followed(code: str) -> tuple[list[float | None], list[float]]:
    """Return what stood where each element of the result is followed to in the input, and the result.

    None stands for an element that is not followed to the input.
    """
    trace = archcheck.trace(Moves(code), NUMBERS.clone())
    ops = trace.dataflow.ops
    (start,) = [index for index, op in enumerate(ops) if op.depends_on_input and not op.operands]
    (end,) = trace.dataflow.outputs
    result = trace.recording.output
    values = NUMBERS.flatten().tolist()
    ways = [list(way_back(ops, end, flat))[-1] for flat in range(result.numel())]
    return [values[flat] if at == start else None for at, flat in ways], result.flatten().tolist()


WHOLLY = [
    "y = x.view(4, 12)",
    "y = x.transpose(0, 2)",
    "y = x.permute(2, 0, 1).contiguous().view(4, 12)",
    "y = x[1, ::2, 1:3]",
    "y = x[:, -1].unsqueeze(1).expand(2, 3, 4)",
    "y = x.flip(1, 2)",
    "y = x.flip(-1)",
    "y = x.roll(2, 1)",
    "y = x.roll((1, -1), (0, 2))",
    "y = torch.cat([x[:, 2:], x[:, :2]], 1)",
    "y = torch.cat([x, x.flip(1)], -1)",
    "y = torch.stack([x[0], x[1]], 1)",
    "y = torch.stack([x, x], -1)",
    "a, b = x.chunk(2, 1); y = torch.cat([b, a], 1)",
    "a, b, c = x.split([1, 2, 3], 1); y = c",
    "a, b = x.unbind(0); y = b",
    "y = torch.zeros(2, 6, 4); y[:, 1:] = x[:, :-1]; y[:, 0] = x[:, 5]",
    "y = torch.empty_like(x); y.copy_(x)",
    "y = x.clone(); y[0] = x[1]; y[1] = x[0]",
    "y = x.clone(); y[:, 2] = x[0, 0]",
    "y = torch.complex(x, x.flip(0)).imag",
    "y = torch.complex(x, x.flip(0)).real",
    "y = x.double().float().detach()",
    "y = x.diagonal(0, 1, 2)",
    "y = x.unfold(1, 3, 2)",
    "y = x.repeat(1, 2, 1)",
    "y = x.reshape(-1)[5:17]",
]
PARTLY = [
    ("y = torch.zeros(2, 6, 4); y[:, 1:] = x[:, :-1]", 40),
    ("y = x.clone(); y[:, 0] = 7.0", 40),
    ("y = x.clone(); y[:, :2].fill_(-1); y = y[:]", 32),
    ("y = torch.cat([x, x * 2], 1)", 48),
    ("y = x + 1", 0),
    ("y = x[:, [5, 4, 3, 2, 1, 0]]", 0),
    ("y = x.sum(1)", 0),
]


@pytest.mark.parametrize("code", WHOLLY)
def test_every_element_is_followed_to_its_place(code: str) -> None:
    places, values = followed(code)
    assert places == values


@pytest.mark.parametrize(("code", "count"), PARTLY)
def test_what_is_made_anew_is_not_followed(code: str, count: int) -> None:
    places, values = followed(code)
    assert sum(place is not None for place in places) == count
    assert all(place in (None, value) for place, value in zip(places, values, strict=True))


STEPS = (
    "y.transpose(0, 1)",
    "y.flip(0)",
    "y.roll(1, 1)",
    "y[:, 1:]",
    "y[..., ::2]",
    "y.reshape(y.shape[1], y.shape[0], y.shape[2])",
    "torch.cat([y[:, 1:], y[:, :1]], 1)",
    "torch.stack([y, y.flip(1)]).flatten(0, 1)",
    "y[:, :1].expand(-1, 3, -1) if y.shape[1] else y",
    "y.clone()",
)


@given(st.lists(st.sampled_from(STEPS), min_size=1, max_size=5))
def test_any_chain_of_moves_is_followed(steps: list[str]) -> None:
    places, values = followed("; ".join(["y = x", *(f"y = {step}" for step in steps)]))
    assert places == values


@given(st.data())
def test_a_place_and_its_address_lead_to_each_other(data: st.DataObject) -> None:
    """For every view of a tensor, by PyTorch's own strides."""
    view = NUMBERS
    for _ in range(data.draw(st.integers(0, 3))):
        axis = data.draw(st.integers(0, view.dim() - 1))
        change = data.draw(st.sampled_from(["select", "step", "turn", "start"]))
        if change == "select" and view.dim() > 1:
            view = view.select(axis, data.draw(st.integers(0, view.shape[axis] - 1)))
        elif change == "step":
            view = view[(slice(None),) * axis + (slice(None, None, 2),)]
        elif change == "start":
            view = view[(slice(None),) * axis + (slice(view.shape[axis] // 2, None),)]
        else:
            view = view.transpose(axis, 0)
    extent = (tuple(view.shape), tuple(view.stride()), view.storage_offset())
    addresses = [address_of(flat, extent) for flat in range(view.numel())]
    assert [NUMBERS.flatten()[address] for address in addresses] == view.flatten().tolist()
    assert [flat_of(address, extent) for address in addresses] == list(range(view.numel()))
    assert all(flat_of(address, extent) is None for address in {*range(-3, 60)} - {*addresses})


@pytest.mark.parametrize("numel", [0, 1, 48, 49, 1000])
def test_probes_are_places_in_order_with_both_ends(numel: int) -> None:
    chosen = probes(numel)
    assert chosen == sorted(set(chosen))
    assert chosen[:2] + chosen[-2:] == [0, 1, numel - 2, numel - 1] if numel > 3 else True
    assert len(chosen) == numel if numel <= 48 else 48 <= len(chosen) <= 54
