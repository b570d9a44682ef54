"""From how a model failed on guessed inputs to inputs that go further."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from archcheck.errors import ArchcheckError
from archcheck.model.inputs import Example, TensorRecipe
from archcheck.model.layers import frames, image_sizes, states_size, taken_by

Guess = dict[str, Any]
Running = Callable[[], AbstractContextManager[None]]

_MISMATCH = re.compile(r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\)")
_PRODUCT = re.compile(r"shapes cannot be multiplied \(\d+x(\d+) and (\d+)x\d+\)")
_UNPACKED = re.compile(r"values to unpack \(expected (\d)")
_PARTS = re.compile(r"split_sizes=\[([\d, ]+)\]")
_ONE_ITEM = "Expected more than 1 value per channel when training"
_IMAGE_TOKENS = re.compile(r"do not match\D*(\d+)\D+(\d+)")
_SIDES = (96, 128, 256, 299)
_MULTIPLES = (1, 2, 4, 8, 16, 32)


@dataclass(frozen=True, eq=False)
class Failure:
    """A run that failed: the innermost module that was running, its arguments, and the error.

    `inputs` are the names of the model's inputs that this module, if it is a part of the model, was given,
    whole or reshaped.
    """

    layer: nn.Module | None
    taken: Tensor | None
    inputs: tuple[str, ...]
    text: str


def failure(
    module: nn.Module, example: Example, running: Callable[[], AbstractContextManager[None]]
) -> Failure:
    """Call a model once more to see where it fails."""
    active: list[tuple[nn.Module, Tensor | None]] = []

    def entered(part: nn.Module, args: tuple[Any, ...]) -> None:
        active.append((part, next((arg for arg in args if isinstance(arg, Tensor)), None)))

    def left(part: nn.Module, args: Any, output: Any) -> None:
        while active and active.pop()[0] is not part:
            pass

    hooks = (register_module_forward_pre_hook(entered), register_module_forward_hook(left))
    text = ""
    try:
        with torch.no_grad(), running():
            module(*example.args, **example.kwargs)
    except ArchcheckError as error:
        text = str(error)
    finally:
        for hook in hooks:
            hook.remove()
    if not active:
        return Failure(None, None, (), text)
    layer, taken = active[-1]
    if layer is module:
        return Failure(layer, taken, (), text)
    return Failure(layer, taken, tuple(_holders(taken, example)), text)


def corrections(module: nn.Module, guess: Guess, failed: Failure) -> list[Guess]:
    """Yield guesses that correct one that failed, as the failure suggests, the most plausible first."""
    better: list[Guess] = []
    if _ONE_ITEM in failed.text:
        return [_of_two(guess)]
    sizes, length = image_sizes(module), frames(module)
    sides = () if states_size(module) else _SIDES
    tensors = {name: value for name, value in guess.items() if isinstance(value, TensorRecipe)}
    for name in failed.inputs:
        if name in tensors:
            for wanted in taken_by(failed.layer, sizes, length):
                better += [
                    {**guess, name: other} for other in _as_passed(wanted, tensors[name], failed.taken)
                ]
    for name, value in tensors.items():
        better += [
            {**guess, name: other}
            for other in (*_reshaped(value, failed, length), *_resized(value, failed, sides))
        ]
    lengths = list(_with_lengths(guess, tensors, failed))
    return [other for other in (*better, *lengths) if other != guess]


def _of_two(guess: Guess) -> Guess:
    """Return a batch of two, for a normalization over the batch."""
    return {
        name: replace(value, shape=[2, *value.shape[1:]])
        if isinstance(value, TensorRecipe) and value.shape and value.shape[0] == 1
        else value
        for name, value in guess.items()
    }


def _holders(taken: Tensor | None, example: Example) -> Iterator[str]:
    """Yield the inputs that a module's argument is, or is a view or an equally large copy of."""
    if taken is None:
        return
    values = [*example.args, *example.kwargs.values()]
    for name, value in zip(example.inputs, values, strict=False):
        if isinstance(value, Tensor) and (value is taken or value.numel() == taken.numel()):
            yield name


def _as_passed(wanted: TensorRecipe, value: TensorRecipe, taken: Tensor | None) -> Iterator[TensorRecipe]:
    """Yield what to give the model so that its layer gets what it takes: that, or a rearrangement."""
    shape = list(wanted.shape)
    is_same = taken is None or list(taken.shape) == list(value.shape)
    if is_same:
        yield wanted
    if len(shape) >= 3 and wanted.dtype == "float32" and not is_same:
        if shape[1] == 1:
            yield replace(wanted, shape=[1, *shape[2:]])
        yield replace(wanted, shape=[1, *shape[2:], shape[1]])
        yield replace(wanted, shape=[1, shape[-1], *shape[1:-1]])
    if not is_same:
        yield wanted


def _reshaped(value: TensorRecipe, failed: Failure, length: int) -> Iterator[TensorRecipe]:
    """Yield inputs with as many dimensions as the code unpacks, and as many tokens as an image needs."""
    shape = list(value.shape)
    if match := _UNPACKED.search(failed.text):
        match int(match[1]), len(shape):
            case 5, 4:
                yield replace(value, shape=[1, length, *shape[1:]])
                yield replace(value, shape=[1, shape[1], length, *shape[2:]])
            case 2 | 3 | 4 as wanted, actual if wanted < actual:
                yield replace(value, shape=[1, *shape[1 + actual - wanted :]])
            case 3, 2:
                yield replace(value, shape=[1, *shape])
    if match := _PARTS.search(failed.text):
        yield replace(value, shape=[*shape[:-1], sum(map(int, match[1].split(",")))])
    match = _IMAGE_TOKENS.search(failed.text)
    if match and value.dtype == "int64" and value.value is not None:
        yield replace(value, shape=[1, int(match[2])])


def _resized(value: TensorRecipe, failed: Failure, sides: tuple[int, ...]) -> Iterator[TensorRecipe]:
    """Yield images and signals of another size, as a layer behind them has it, or of one of these sides."""
    shape = list(value.shape)
    if value.dtype != "float32" or len(shape) < 3 or failed.inputs:
        return
    got, wanted = _features(failed)
    side = shape[-1]
    exponent = 1 / max(len(shape) - 2, 1) if len(shape) <= 4 else 0.5
    if got and wanted and got != wanted:
        exact = side * (wanted / got) ** exponent
        for multiple in reversed(_MULTIPLES):
            near = max(multiple, round(exact / multiple) * multiple)
            if math.isclose(near, exact, rel_tol=0.15):
                yield _with_side(value, near)
    if len(shape) >= 4:
        yield from (_with_side(value, other) for other in sides)


def _features(failed: Failure) -> tuple[int, int]:
    """Return the numbers of features found and wanted; zeros if this was not the problem."""
    if match := _PRODUCT.search(failed.text) or _MISMATCH.search(failed.text):
        return int(match[1]), int(match[2])
    if isinstance(failed.layer, nn.Linear) and failed.taken is not None and failed.taken.dim():
        return failed.taken.shape[-1], failed.layer.in_features
    return 0, 0


def _with_side(value: TensorRecipe, side: int) -> TensorRecipe:
    shape = list(value.shape)
    kept = 2 if len(shape) < 5 else 3
    return replace(value, shape=[*shape[:kept], *[side] * (len(shape) - kept)])


def _with_lengths(guess: Guess, tensors: dict[str, TensorRecipe], failed: Failure) -> Iterator[Guess]:
    """Yield sequences as long as what they met, or as a table of positions has rows."""
    match = _MISMATCH.search(failed.text)
    pairs = [(int(match[1]), int(match[2])), (int(match[2]), int(match[1]))] if match else []
    if isinstance(failed.layer, nn.Embedding) and failed.taken is not None and failed.taken.dim():
        pairs.append((failed.taken.shape[-1], failed.layer.num_embeddings))
    for old, new in pairs:
        changed = {
            name: replace(value, shape=[value.shape[0], *_replaced(value.shape[1:], old, new)])
            for name, value in tensors.items()
        }
        if changed != tensors:
            yield {**guess, **changed}


def _replaced(shape: Iterable[int], old: int, new: int) -> list[int]:
    return [new if size == old else size for size in shape]
