"""The detector finds each model's residual connections as a person reads them off the source, and no other.

The models and what is expected of them stand in `tests/examples`.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import archcheck
from archcheck.connections import Kind
from tests.examples import CASES
from tests.examples.case import Case, described

DECIDED = tuple(case for case in CASES if not case.open_question)


@pytest.mark.parametrize("case", DECIDED, ids=lambda case: case.name)
def test_residuals(case: Case) -> None:
    assert described(case.traced().residuals, case.expected) == list(case.expected)


@pytest.mark.parametrize("case", DECIDED[::7], ids=lambda case: case.name)
def test_detection_is_deterministic(case: Case) -> None:
    assert case.trace().residuals == case.traced().residuals


def test_the_registry_covers_every_kind() -> None:
    assert {expected.kind for case in CASES for expected in case.expected} == {str(kind) for kind in Kind}


def test_names_are_unique() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names)


def test_a_module_made_on_the_spot_is_code_of_its_caller() -> None:
    class Add(nn.Module):
        def forward(self, one: Tensor, other: Tensor) -> Tensor:
            return one + other

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.one, self.other = nn.LayerNorm(8), nn.Linear(8, 8), nn.Linear(8, 8)

        def forward(self, x: Tensor) -> Tensor:
            y = self.norm(x)
            return Add()(x, self.one(y) + self.other(y))

    found = archcheck.trace(Block(), torch.randn(2, 8)).residuals
    assert [(each.implemented_in, each.branch) for each in found] == [
        ("", ("norm", "one")),
        ("", ("norm", "other")),
    ]
