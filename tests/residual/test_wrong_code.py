"""RES007, RES008, RES011 and RES012: wrong whatever a diagram says, so the trace alone reports them.

The buggy models and their mended versions stand in `tests/examples/wrong.py`.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch
from torch import nn

import archcheck
from archcheck.findings import Finding
from tests.examples import CASES
from tests.examples.case import Case, seeded
from tests.examples.parts import D
from tests.examples.wrong import BUGS, SOUND


def _name_of(value: Any) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(("code", "model"), [(code, bug) for code, bug, _ in BUGS], ids=_name_of)
def test_a_bug_gives_its_one_finding(code: str, model: type[nn.Module]) -> None:
    findings = _findings(model)
    assert [finding.code for finding in findings] == [code]
    if wrong := _marked(model):
        location = findings[0].location
        assert location is not None
        assert location.line == wrong


@pytest.mark.parametrize("model", SOUND, ids=_name_of)
def test_sound_code_gives_none(model: type[nn.Module]) -> None:
    assert _findings(model) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_registry_is_sound(case: Case) -> None:
    assert case.traced().findings == ()


def _findings(model: type[nn.Module]) -> tuple[Finding, ...]:
    with seeded():
        instance: Any = model()
        instance.train(hasattr(instance, "train_only"))
        return archcheck.trace(instance, torch.randn(2, 6, D)).findings


def _marked(model: type[nn.Module]) -> int | None:
    """The line that a comment in the model's source calls wrong."""
    lines, first = inspect.getsourcelines(model)
    return next((first + n for n, text in enumerate(lines) if text.rstrip().endswith("# wrong")), None)
