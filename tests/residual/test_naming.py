"""Scope, source, branch and skip path of a residual by the modules that hold them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import archcheck
from archcheck.tracing.proof import prove
from tests.residual.blocks import trace_of


class Part(nn.Module):
    """A linear map `f` and a GELU, joined by what is given."""

    def __init__(self, forward: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.f, self.g = nn.Linear(8, 8), nn.GELU()
        self.query = nn.Parameter(torch.randn(5, 8))
        self.state: Tensor
        self.run = forward

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


class Whole(nn.Module):
    def __init__(self, forward: Callable[[Any, Tensor], Any], *parts: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        self.parts = nn.ModuleList([Part(part) for part in parts])
        self.f = nn.Linear(8, 8)
        self.run = forward

    def forward(self, x: Tensor) -> Any:
        return self.run(self, x)


def named(model: nn.Module) -> list[tuple[str, str, str, str, str]]:
    """Scope, module of the sink, source, branch and skip path of each residual, all of which are proved."""
    torch.manual_seed(0)
    with torch.no_grad():
        trace = archcheck.trace(model.eval(), torch.randn(2, 5, 8))
    assert len(prove(trace.recording, trace.joins)) == 1
    return [
        (one.scope, one.implemented_in, one.source, " ".join(one.branch), " ".join(one.skip))
        for one in trace.residuals
    ]


def stored(part: Any, x: Tensor) -> Tensor:
    part.state = torch.relu(part.f(x))
    return part.state * 2  # type: ignore[no-any-return]


def given(whole: Any, x: Tensor) -> Tensor:
    whole.parts[0].state = torch.relu(x)
    return whole.parts[0](x)  # type: ignore[no-any-return]


def taken(whole: Any, x: Tensor) -> Tensor:
    result = whole.parts[0](x)
    return result + whole.parts[0].state + whole.f(whole.parts[0].state)  # type: ignore[no-any-return]


def reads_its_state(part: Any, x: Tensor) -> Tensor:
    return part.state + part.f(part.state)  # type: ignore[no-any-return]


def query(part: Any, x: Tensor) -> Tensor:
    """Attention of the learned query to the input."""
    start = part.query.expand(2, 5, 8)
    return start + part.f(torch.softmax(start @ x.mT, -1) @ x)  # type: ignore[no-any-return]


def beside_its_source(part: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    source = part.f(x)
    return source + part.f(torch.relu(source)), source


def halves(whole: Any, x: Tensor) -> Tensor:
    one, other = whole.parts[0](x)
    return torch.cat([one, other], -1) + whole.f(x)


def sums_of_halves(whole: Any, x: Tensor) -> Tensor:
    one, other = whole.parts[0](x)
    left, right = whole.f(x).chunk(2, -1)
    return torch.cat([one + left, other + right], -1)


def passed_along(whole: Any, x: Tensor) -> Tensor:
    branch, stream = whole.parts[0](x)
    return branch + stream  # type: ignore[no-any-return]


def around(whole: Any, x: Tensor) -> Tensor:
    return whole.parts[0](x) + x  # type: ignore[no-any-return]


def around_a_sum(whole: Any, x: Tensor) -> Tensor:
    return whole.parts[0](x) + whole.f(x)  # type: ignore[no-any-return]


AROUND = [("parts.0", "parts.0", "input", "f g", "f"), ("", "", "input", "parts.0", "")]


def without_a_module(whole: Any, x: Tensor) -> Tensor:
    y = x + torch.softmax(x, -1)
    return y + whole.f(y)  # type: ignore[no-any-return]


def split(part: Any, x: Tensor) -> tuple[Tensor, ...]:
    return x.chunk(2, -1)


def first(whole: Any, x: Tensor) -> Tensor:
    return whole.parts[0](x)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "residuals"),
    [
        (Whole(without_a_module), [("", "", "input", "", ""), ("", "", "add", "f", "")]),
        (Whole(first, beside_its_source), [("parts.0", "parts.0", "f", "f", "")]),
        (Whole(first, query), [("parts.0", "parts.0", "query", "f", "")]),
        # What a module reads without being given it comes from outside all the same.
        (
            Whole(given, lambda part, x: part.state + part.f(part.state)),
            [("parts.0", "parts.0", "input", "f", "")],
        ),
        (
            Whole(
                lambda whole, x: whole.parts[0](x) + whole.parts[0].state + whole.f(whole.parts[0].state),
                stored,
            ),
            [("", "", "parts.0", "f", "")],
        ),
        # The modules that a skip path passes, also where it is put together from parts.
        (Whole(halves, split), [("", "", "input", "f", "parts.0")]),
        (Whole(sums_of_halves, split), [("", "", "input", "f", "parts.0")]),
        # A sum of a module of its own is one branch, and has a residual of its own.
        (Whole(around, lambda part, x: part.f(x) + part.g(part.f(x))), AROUND),
        # What a module does to its own result is its branch, whatever it is.
        (Whole(around, lambda part, x: part.f(x).flip(1)), [("", "", "input", "parts.0", "")]),
        # A module that adds its input to itself only scales it.
        (Whole(around_a_sum, lambda part, x: x + x), [("", "", "input", "f", "parts.0")]),
        # A module that returns its input beside its result holds the source.
        (Whole(passed_along, lambda part, x: (part.f(x), x)), [("", "", "input", "parts.0.f", "")]),
    ],
)
def test_named_by_modules(model: nn.Module, residuals: list[tuple[str, str, str, str, str]]) -> None:
    assert named(model) == residuals


@pytest.mark.parametrize("change", ["roll(1, 1)", "flip(1)", "masked_fill(x > 1, 0.0)", "view(12, 16)"])
def test_a_source_is_what_skip_path_and_branch_share(change: str) -> None:
    """Not what it was made of: the proof moves the one, and not the other."""
    trace = trace_of(f"h = x.{change}; return h + f(h)")
    assert [trace.dataflow.ops[join.source].name for join in trace.joins] == [change.partition("(")[0]]
    assert len(prove(trace.recording, trace.joins)) == 1
