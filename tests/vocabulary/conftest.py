"""Runs of small functions between two linear maps, and what is recognised in them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from archcheck import trace
from archcheck.vocabulary import Recognition, recognise

Seen = Callable[..., Recognition]


class Between(nn.Module):
    """A function of what linear maps make of the input, so that its operands are nobody's input."""

    def __init__(self, function: Callable[..., Tensor], width: int, count: int) -> None:
        super().__init__()
        self.maps = nn.ModuleList(nn.Linear(width, width) for _ in range(count))
        self.inner = Inner(function)

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(*(each(x) for each in self.maps))


class Inner(nn.Module):
    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.rand(16) + 0.5)
        self.bias = nn.Parameter(torch.rand(16))
        if isinstance(function, nn.Module):
            self.add_module("held", function)

    def forward(self, *streams: Tensor) -> Tensor:
        return self.function(*streams)


@pytest.fixture
def seen() -> Seen:
    """What is recognised in `function` of `count` tensors (2, 6, 16)."""

    def run(function: Callable[..., Tensor], count: int = 1, width: int = 16) -> Recognition:
        torch.default_generator.manual_seed(0)
        model = Between(function, width, count).eval()
        with torch.no_grad():
            return recognise(trace(model, torch.randn(2, 6, width)).dataflow)

    return run


@pytest.fixture
def of() -> Seen:
    """What is recognised in a model of a tensor (2, 6, 16)."""

    def run(model: nn.Module) -> Recognition:
        torch.manual_seed(0)
        with torch.no_grad():
            return recognise(trace(model.eval(), torch.randn(2, 6, 16)).dataflow)

    return run


@pytest.fixture
def terms(seen: Seen) -> Callable[..., list[str]]:
    """The terms that the whole of a function computes."""

    def run(function: Callable[..., Tensor], count: int = 1, width: int = 16) -> list[str]:
        found = seen(function, count, width)
        inner = next(at for at, call in enumerate(found.flow.calls) if call.path == "inner")
        return [region.term.name for region in found.whole(inner)]

    return run
