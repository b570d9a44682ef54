"""What a model is called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from archcheck.errors import TargetError
from archcheck.model.guessing import guess_inputs
from archcheck.model.inputs import Example, TensorRecipe, build_inputs


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(100, 8)
        self.kinds = nn.Embedding(3, 8)

    def forward(self, input_ids: Tensor, mask: Tensor | None = None, *, scale: float = 1.0) -> Tensor:
        output: Tensor = self.embed(input_ids) * scale
        return output


class Images(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.Parameter(torch.ones(5))
        self.stem = nn.Conv2d(3, 4, 3)
        self.image_size = 48

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.stem(x)
        return output


class Anything(nn.Module):
    def forward(self, first: Any, /, *rest: Any, **others: Any) -> tuple[Any, ...]:
        return first, rest, others


def problems_of(module: nn.Module, inputs: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(TargetError) as caught:
        build_inputs(module, inputs)
    return [(problem.code, problem.message, problem.hint) for problem in caught.value.problems]


def test_needed_inputs_go_by_position_and_others_by_name() -> None:
    ids = {"shape": [1, 4], "dtype": "int64"}
    example = build_inputs(
        Tokens(), {"mask": {"shape": [1, 4], "dtype": "bool"}, "input_ids": ids, "scale": 2}
    )
    assert [value.dtype for value in example.args] == [torch.int64]
    assert example.kwargs["mask"].tolist() == [[True] * 4]
    assert example.kwargs["scale"] == 2
    assert example.text == "mask=bool[1,4] input_ids=int64[1,4] scale=2"


def test_positional_variadic_and_free_inputs() -> None:
    example = build_inputs(Anything(), {"first": 1, "rest": [2, 3], "free": {"a": [4]}})
    assert (example.args, example.kwargs) == ((1, 2, 3), {"free": {"a": [4]}})


def test_values_are_the_same_in_every_run_and_the_random_state_is_left_alone() -> None:
    inputs = {"first": {"shape": [3]}, "rest": [TensorRecipe(shape=[4], dtype="int64", high=1000)]}
    state = torch.get_rng_state()
    first, second = build_inputs(Anything(), inputs).args, build_inputs(Anything(), inputs).args
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(first, second, strict=True))
    assert len({*first[1].tolist()}) > 1


@pytest.mark.parametrize(
    ("tensor", "dtype", "low", "high"),
    [
        ({"shape": [200], "dtype": "int64"}, torch.int64, 0, 2),  # below the smallest embedding's 3 rows
        ({"shape": [900], "dtype": "int32", "low": 5, "high": 9}, torch.int32, 5, 8),
        ({"shape": [9], "dtype": "int64", "low": 7}, torch.int64, 7, 7),
        ({"shape": [9], "dtype": "float16", "value": 2}, torch.float16, 2, 2),
        ({"shape": [9], "dtype": "torch.bool"}, torch.bool, 1, 1),
    ],
)
def test_a_tensor_is_as_described(tensor: dict[str, Any], dtype: torch.dtype, low: int, high: int) -> None:
    (value,) = build_inputs(Tokens(), {"input_ids": tensor}).args
    assert (list(value.shape), value.dtype) == (tensor["shape"], dtype)
    assert (value.min().item(), value.max().item()) == (low, high)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "complex64", "float8_e4m3fn"])
def test_floats_are_drawn_from_a_normal_distribution(dtype: str) -> None:
    (value,) = build_inputs(Images(), {"x": {"shape": [4000], "dtype": dtype}}).args
    assert value.dtype is getattr(torch, dtype)
    assert abs(value.to(torch.complex64).std().item() - 1) < 0.1


def test_a_target_builds_a_value(tmp_path: Path) -> None:
    (tmp_path / "batch.py").write_text("import torch\ndef make(n):\n    return {'x': torch.ones(n)}\n")
    target = {"target": "batch.py:make", "arguments": {"n": 2}}
    example = build_inputs(Anything(), {"first": target}, search=[tmp_path])
    assert example.args[0]["x"].tolist() == [1, 1]
    example = build_inputs(nn.Linear(2, 2, device="meta"), {"input": [target, 1]}, search=[tmp_path])
    assert example.args[0][0]["x"].is_meta


def test_inputs_are_on_the_models_device() -> None:
    example = build_inputs(nn.Linear(2, 2, device="meta"), {"input": {"shape": [10**6, 10**6]}})
    assert (example.args[0].is_meta, example.text) == (True, "input=float32[1000000,1000000]")


def test_names_must_fit_forward() -> None:
    assert problems_of(Tokens(), {"inputs_ids": 1, "zoom": 1}) == [
        (
            "TGT008",
            "Tokens.forward needs the input 'input_ids'",
            "Give it under inputs, or as --input 'input_ids=float32[1,16,64]'.",
        ),
        ("TGT008", "Tokens.forward takes no input 'inputs_ids'", "Did you mean 'input_ids'?"),
        ("TGT008", "Tokens.forward takes no input 'zoom'", "It takes input_ids, mask, scale."),
    ]
    with pytest.raises(TargetError) as caught:
        build_inputs(Tokens(), {})
    (problem,) = caught.value.problems
    assert problem.file.endswith("test_inputs.py")
    assert problem.line == Tokens.forward.__code__.co_firstlineno


SHAPE_HINT = "Write {shape: [1, 16], dtype: int64, high: 6400}."
COMMON = "Common ones are bfloat16, bool, float16, float32, float64, int32, int64."


@pytest.mark.parametrize(
    ("tensor", "message", "hint"),
    [
        ({"shape": [1], "dtype": "flaot32"}, "torch has no dtype 'flaot32'", "Did you mean 'float32'?"),
        ({"shape": [1], "dtype": "nn"}, "torch has no dtype 'nn'", COMMON),
        ({"dtype": "float32"}, "its shape must be a list of whole numbers", SHAPE_HINT),
        ({"shape": [[]]}, "its shape must be a list of whole numbers", SHAPE_HINT),
        (
            {"shape": [1], "dtype": "int64", "low": 3, "high": 3},
            "there is no integer that is at least 3 and below 3",
            "Increase its high.",
        ),
        (
            {"shape": [10**6, 10**6]},
            "a tensor of shape [1000000, 1000000] is too large",
            "Give a smaller shape.",
        ),
    ],
)
def test_a_tensor_that_can_not_be_made(tensor: dict[str, Any], message: str, hint: str) -> None:
    assert problems_of(Images(), {"x": tensor}) == [
        ("TGT009", f"the input 'x' can't be made: {message}", hint)
    ]


def test_what_torch_refuses_is_told_in_its_words() -> None:
    (problem,) = problems_of(Images(), {"x": {"shape": [1], "dtype": "uint8", "value": "red"}})
    assert problem[0] == "TGT009"


# Guesses


def texts(module: nn.Module) -> list[str]:
    return [guess.text for guess in guess_inputs(module)]


def first_that_runs(module: nn.Module) -> Example:
    for guess in guess_inputs(module.eval()):
        try:
            module(*guess.args, **guess.kwargs)
        except (RuntimeError, ValueError, IndexError):
            continue
        return guess
    raise AssertionError(texts(module))


def test_guesses_come_from_names_and_first_layers_in_order_of_plausibility() -> None:
    assert texts(Tokens()) == ["input_ids=int64[1,16]"] * 2
    assert texts(Images()) == [
        "x=float32[1,3,48,48]",
        "x=float32[1,3,64,64]",
        "x=float32[1,3,224,224]",
        "x=float32[1,3,32,32]",
        "x=float32[1,3,28,28]",
        "x=float32[1,16,5]",
        "x=float32[1,5]",
    ]


class ByName(nn.Module):
    def __init__(self, forward: Callable[..., Any]) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.forward = forward


def test_names_tell_what_a_parameter_takes() -> None:
    assert texts(ByName(lambda x, t, attn_mask, token_ids, flag=None: 0))[0] == (
        "x=float32[1,16,8] t=int64[1] attn_mask=bool[1,16] token_ids=int64[1,16]"
    )
    assert texts(ByName(lambda inputs=None, other=None: 0))[0] == "inputs=float32[1,16,8]"
    assert texts(ByName(lambda input_ids=None, decoder_input_ids=None: 0)) == [
        "input_ids=int64[1,16]",
        "input_ids=int64[1,16] decoder_input_ids=int64[1,16]",
    ]


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (nn.Linear(8, 8), "input=float32[1,16,8]"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "input=float32[1,784]"),
        (
            nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(6 * 28 * 28, 10)),
            "input=float32[1,1,32,32]",
        ),
        (nn.Conv1d(4, 8, 3), "input=float32[1,4,256]"),
        (nn.Conv3d(3, 8, 3), "input=float32[1,3,16,64,64]"),
        (nn.LSTM(8, 4), "input=float32[1,16,8]"),
        (nn.Embedding(10, 4), "input=int64[1,16]"),
        (nn.LayerNorm(8), "input=float32[1,16,8]"),
        (nn.BatchNorm1d(8), "input=float32[1,8]"),
        (nn.BatchNorm2d(8), "input=float32[1,8,16,16]"),
        (nn.GroupNorm(2, 8), "input=float32[1,8,16,16]"),
        (nn.MultiheadAttention(8, 2), "query=float32[1,16,8] key=float32[1,16,8] value=float32[1,16,8]"),
        (nn.Transformer(8, 2, 1, 1, 8, batch_first=True), "src=float32[1,16,8] tgt=float32[1,16,8]"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_guess_runs(module: nn.Module, text: str) -> None:
    assert first_that_runs(module).text == text


def test_where_nothing_can_be_guessed_the_remedy_is_told() -> None:
    with pytest.raises(TargetError) as caught:
        guess_inputs(nn.Identity())
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == (
        "TGT010",
        "no inputs are given and none could be guessed for Identity",
    )
    assert problem.hint == ("Give them under model.inputs in a spec, or as --input 'input=float32[1,16,64]'.")
