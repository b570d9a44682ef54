"""How elements move: each question against an independent reading of the same definition."""

from __future__ import annotations

from itertools import permutations, product
from math import prod
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from archcheck.tracing.proof.equality import same
from archcheck.tracing.proof.movement import (
    bijective,
    close,
    injective,
    is_in_order,
    is_transposition,
    size_of,
)

NOT_A_NUMBER = float("nan")


@pytest.mark.parametrize(
    ("place", "count", "one_to_one", "onto"),
    [
        ([0, 1, 2], 3, True, True),
        ([2, 0, 1], 3, True, True),
        ([0, -1, 1], 2, True, False),
        ([0, 0, 1], 2, False, False),
        ([0, 0], 2, False, False),
        ([0, 1], 3, False, False),
        ([-1, -1], 0, True, False),
    ],
)
def test_each_element_moves_one(place: list[int], count: int, one_to_one: bool, onto: bool) -> None:
    assert injective(torch.tensor(place), count) is one_to_one
    assert bijective(torch.tensor(place), count) is onto


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.randoms())
def test_every_order_of_axes_is_a_transposition(shape: list[int], random: Any) -> None:
    axes = random.sample(range(len(shape)), len(shape))
    place = torch.arange(prod(shape)).view(shape).permute(axes).flatten()
    assert is_transposition(place)


@pytest.mark.parametrize(
    "shapes",
    [[(6,), (2, 3), (3, 2)], pytest.param([(8,), (2, 4), (4, 2), (2, 2, 2)], marks=pytest.mark.slow)],
)
def test_of_all_orders_only_those_of_axes_are_transpositions(shapes: list[tuple[int, ...]]) -> None:
    """All elements in order, or in each of the shapes with the axes in any order."""
    whole = torch.arange(prod(shapes[0]))
    turned = {
        tuple(whole.view(shape).permute(axes).flatten().tolist())
        for shape in shapes
        for axes in permutations(range(len(shape)))
    }
    found = {place for place in permutations(range(len(whole))) if is_transposition(torch.tensor(place))}
    assert found == turned


@pytest.mark.parametrize("place", [[0, 2, 1], [0, -1], [1], [-1], [0, 0], [0, 2, 1, 4, 3, 5]])
def test_what_is_no_reordering_of_axes(place: list[int]) -> None:
    assert not is_transposition(torch.tensor(place))


def test_an_empty_tensor_and_a_single_element_are_in_place() -> None:
    assert is_transposition(torch.tensor([], dtype=torch.long))
    assert is_transposition(torch.tensor([0]))


@pytest.mark.parametrize(
    ("sink", "source", "places"),
    [
        ((4,), (6,), lambda x: x[1:5]),
        ((3,), (6,), lambda x: x[::2]),
        ((3, 2), (3, 4), lambda x: x[:, 2:]),
        ((3, 2), (3, 4), lambda x: x[:, ::2]),
        ((3, 6), (3, 4), lambda x: torch.nn.functional.pad(x, (1, 1), value=-1)),
        ((2, 1, 2), (2, 1, 4), lambda x: x[..., 1::2]),
        ((4,), (2, 4), lambda x: x[1]),
        ((2,), (2, 4), lambda x: x[:, 1]),
        ((5,), (1, 5), lambda x: x.flatten()),
    ],
)
def test_slices_strides_and_padding_keep_the_order(sink: Any, source: Any, places: Any) -> None:
    assert is_in_order(_places(source, places, sink), sink, source)


@pytest.mark.parametrize(
    ("sink", "source", "places"),
    [
        ((6,), (6,), lambda x: x.flip(0)),
        ((3, 2), (3, 4), lambda x: x[:, 2:].flip(1)),
        ((3, 2), (3, 4), lambda x: x[:, 2:].roll(1, 0)),
        ((4, 4), (4, 4), lambda x: x.T.where(torch.ones(4, 4).tril().bool(), torch.tensor(-1))),
        ((2,), (2, 4), lambda x: x[:, 1].flip(0)),
        ((4,), (4,), lambda x: torch.full((4,), -1)),
        ((4, 2), (2, 4), lambda x: x.T),
    ],
)
def test_what_moves_elements_does_not_keep_the_order(sink: Any, source: Any, places: Any) -> None:
    assert not is_in_order(_places(source, places, sink), sink, source)


@given(st.lists(st.integers(-1, 5), min_size=6, max_size=6))
def test_in_order_along_every_axis(flat: list[int]) -> None:
    """Of two elements that move, each pair of coordinates compares alike in sink and source."""
    used = [at for at in flat if at >= 0]
    shape, grid = (2, 3), list(product(range(2), range(3)))
    moving = [(grid[to], grid[back]) for to, back in enumerate(flat) if back >= 0]
    pairs = [(one, other) for one in moving for other in moving]
    in_order = all(
        (one[0][axis] < other[0][axis]) == (one[1][axis] < other[1][axis])
        for one, other in pairs
        for axis in range(2)
    )
    in_a_row = bool(used) and used == list(range(used[0], used[0] + len(used)))
    assert is_in_order(torch.tensor(flat), shape, shape) == (bool(used) and (in_order or in_a_row))


def _places(source: tuple[int, ...], places: Any, sink: tuple[int, ...]) -> Tensor:
    moved: Tensor = places(torch.arange(prod(source)).view(source))
    assert moved.numel() == prod(sink)
    return moved.flatten()


def test_close_is_up_to_the_scale() -> None:
    one = torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert close(one, one + 1e-10, 1.0)
    assert not close(one, one + 1e-8, 1.0)
    assert close(one, one + 1e-8, 100.0)
    assert not close(one, one[:1], 1.0)


def test_the_size_of_a_tensor() -> None:
    assert size_of(torch.tensor([3.0, -4.0])) == pytest.approx(12.5**0.5)
    assert size_of(torch.empty(0)) == 0.0


class Out:
    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


ONE = torch.tensor([1.0, 2.0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONE, ONE.clone()),
        (torch.tensor([NOT_A_NUMBER, 1.0]), torch.tensor([NOT_A_NUMBER, 1.0])),
        ({"a": ONE, "b": 1}, {"b": 2, "a": ONE.clone()}),
        ([ONE, (ONE,)], [ONE, (ONE,)]),
        (Out(a=ONE, b=[ONE]), Out(b=[ONE], a=ONE)),
        (None, "what holds no tensor"),
        ({"kind": Out}, {"kind": Out}),
    ],
)
def test_equal_outputs(one: Any, other: Any) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONE, ONE + 1),
        (ONE, ONE.double()),
        (ONE, ONE.view(1, 2)),
        (torch.tensor([NOT_A_NUMBER, 1.0]), torch.tensor([1.0, NOT_A_NUMBER])),
        (torch.tensor([NOT_A_NUMBER]), torch.tensor([1.0])),
        ({"a": ONE}, {"b": ONE}),
        ([ONE], [ONE, ONE]),
        ([ONE, ONE], [ONE]),
        ((ONE, ONE + 1), (ONE + 1, ONE)),
        (Out(a=Out(b=Out(c=ONE))), Out(a=Out(b=Out(c=ONE + 1)))),
    ],
)
def test_other_outputs(one: Any, other: Any) -> None:
    assert not same(one, other)


def test_objects_that_hold_each_other_end() -> None:
    one, other = Out(a=ONE), Out(a=ONE)
    one.self, other.self = one, other
    assert same(one, other)
