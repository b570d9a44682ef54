"""The detector finds each model's residual connections as a person reads them off the source, and no other.

The models and what is expected of them stand in `tests/examples`.
"""

from __future__ import annotations

import pytest

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
