"""The trace is faithful: its graph module gives the model's own output, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

import archcheck
from tests.examples import CASES
from tests.examples.case import Case, seeded
from tests.examples.levels import Output


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_replay_equals_the_model(case: Case) -> None:
    replay = case.traced().graph_module
    assert isinstance(replay, torch.fx.GraphModule)
    _assert_identical(_run(case, replay), _run(case, case.model()))


def test_replay_follows_new_inputs() -> None:
    """The graph holds the computation, not the values that one run saw."""
    case = next(case for case in CASES if case.name == "PreNorm")
    model = case.model()
    replay = archcheck.trace(model, torch.randn(2, 6, 8)).graph_module
    for seed in range(3):
        torch.default_generator.manual_seed(seed)
        x = torch.randn(2, 6, 8)
        assert torch.equal(replay(x), model(x))


def test_replay_reads_the_parameters_of_the_model() -> None:
    """Changed weights change the replay: parameters are referred to, not copied."""
    case = next(case for case in CASES if case.name == "PreNorm")
    model = case.model()
    x = torch.randn(2, 6, 8)
    replay = archcheck.trace(model, x).graph_module
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    assert torch.equal(replay(x), model(x))


@pytest.mark.parametrize("name", ["Augmented", "InPlacePreNorm", "BasicBlock"])
def test_tracing_leaves_the_model_as_it_was(name: str) -> None:
    """No hook stays behind, no mode changes, the next run gives what a fresh model gives."""
    case = next(case for case in CASES if case.name == name)
    model = case.model()
    args, kwargs = case.arguments()
    before = {path: module.training for path, module in model.named_modules()}
    archcheck.trace(model, *args, **kwargs)
    assert {path: module.training for path, module in model.named_modules()} == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    _assert_identical(_run(case, model), _run(case, case.model()))


@pytest.mark.parametrize("name", ["CustomFunction", "CheckpointedReentrant", "ScriptedFunction", "Hooked"])
def test_tracing_leaves_torch_as_it_was(name: str) -> None:
    """What the recorder hooks into works as before once it is done, for models never traced too."""
    case = next(case for case in CASES if case.name == name)
    before = _run(case, case.model())
    args, kwargs = case.arguments()
    archcheck.trace(case.model(), *args, **kwargs)
    _assert_identical(_run(case, case.model()), before)


def _run(case: Case, model: torch.nn.Module) -> Any:
    """The output, without torch's fused encoder layer: it computes the same with other rounding."""
    args, kwargs = case.arguments()
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with seeded():
            return model(*args, **kwargs)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)


def _assert_identical(actual: Any, expected: Any) -> None:
    actual_leaves, actual_form = pytree.tree_flatten(_plain(actual))
    expected_leaves, expected_form = pytree.tree_flatten(_plain(expected))
    assert actual_form == expected_form
    for one, other in zip(actual_leaves, expected_leaves, strict=True):
        if isinstance(other, Tensor):
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert torch.equal(one, other)
        else:
            assert one == other


def _plain(value: Any) -> Any:
    return {"hidden": value.hidden, "weights": value.weights} if isinstance(value, Output) else value
