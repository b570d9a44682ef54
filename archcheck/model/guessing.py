"""Guesses of inputs that nobody gave.

They come from what the model states, from names and from layers, and are corrected by how the model fails.
"""

from __future__ import annotations

import re
import time
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archcheck.errors import TargetError
from archcheck.model.calling import definition
from archcheck.model.correcting import Failure, Guess, Running, corrections, failure
from archcheck.model.inputs import Example, TensorRecipe, build_inputs, forward_parameters
from archcheck.model.layers import SEQUENCE, floats, taken_by_first_layers, tokens
from archcheck.model.naming import by_name, is_graph, keys_read

_MOST_GUESSES = 16
_MOST_SECONDS = 60.0
# Inputs that some models need though their forward can do without.
_MORE = ("decoder_input_ids", "pixel_values", "input_features")
_ASKING = re.compile(r"specif|provid|pass|given|missing|requir|need")
_NOTHING = floats()
_IMAGE = floats(3, 224, 224)
_SAMPLES = ("float32[1,16,64]", "float32[1,3,224,224]")


def guess_inputs(
    module: nn.Module,
    given: Mapping[str, Any] | None = None,
    *,
    search: Sequence[Path] = (Path(),),
    running: Running | None = None,
) -> Iterator[Example]:
    """Yield calls that may suit a model, the most plausible first; what is `given` is in all of them.

    Asking for the next one means that the last did not run. If the model may be called again, within
    `running`, to see which layer refused what, the next is what that layer takes. Raises TargetError: TGT010
    or TGT008 if nothing can be guessed, and what `build_inputs` raises.
    """
    given = given or {}
    dtype = _dtype(module)
    guesses = [_of_dtype(guess, dtype) for guess in _first_guesses(module, given)]
    if not guesses:
        raise not_guessed(module, given, [])
    first = build_inputs(module, {**given, **guesses[0]}, search=search)

    def examples() -> Iterator[Example]:
        queue, seen = list(guesses), [guesses[0]]
        start = time.monotonic()
        example = first
        while queue:
            guess = queue.pop(0)
            if guess is not guesses[0]:
                example = build_inputs(module, {**given, **guess}, search=search)
            yield example
            better = []
            if running is not None and guess:
                failed = failure(module, example, running)
                better = _with_asked(module, given, guess, failed) + corrections(module, guess, failed)
            queue = [*(_of_dtype(other, dtype) for other in better), *queue]
            queue = [other for index, other in enumerate(queue) if other not in (*seen, *queue[:index])]
            if len(seen) >= _MOST_GUESSES or not queue or time.monotonic() - start > _MOST_SECONDS:
                return
            seen.append(queue[0])

    return examples()


def missing_names(module: nn.Module, given: Mapping[str, Any]) -> list[str]:
    """Return the inputs that forward needs and has not; the main one if it needs some but names none."""
    parameters = forward_parameters(module)
    fillable = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    if not fillable:
        read = [key for name in parameters for key in keys_read(module, name)]
        return [key for key in read if key not in given]
    needed = [n for n, p in fillable.items() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    main = getattr(module, "main_input_name", None)
    if needed or given:
        return [name for name in needed if name not in given]
    return [main] if main in fillable else list(fillable)[:1]


def not_guessed(module: nn.Module, given: Mapping[str, Any], tried: Sequence[Example]) -> TargetError:
    """Return the error for missing inputs of which nothing could be guessed, or no guess ran."""
    names = missing_names(module, given) or ["x"]
    file, line = definition(module.forward)
    kind = type(module).__name__
    texts = " ".join(example.text for example in tried)
    code, message = "TGT010", f"no inputs are given and none could be guessed for {kind}"
    if given:
        code, message = ("TGT008", f"{kind}.forward needs the input '{names[0]}', which can't be guessed")
    options = " ".join(f"--input '{name}={_sample(name, texts)}'" for name in names)
    hint = f"Give them under model.inputs in a spec, or as {options}."
    return TargetError.of(code, message, hint, path="model.inputs", file=file, line=line)


def _sample(name: str, tried: str) -> str:
    """Return an example of an input for a parameter, as its name suggests, or else not tried yet."""
    named = by_name(name, _NOTHING, [_IMAGE, tokens(100)])
    if named is not _NOTHING:
        bound = f"<{named.high}" if named.high is not None else ""
        return f"{named.dtype}[{','.join(map(str, named.shape))}]{bound}"
    return next((sample for sample in _SAMPLES if sample not in tried), _SAMPLES[0])


def _first_guesses(module: nn.Module, given: Mapping[str, Any]) -> list[Guess]:
    parameters = forward_parameters(module)
    names = missing_names(module, given)
    layers = taken_by_first_layers(module)
    if not names and (given or not parameters):
        return [{}]
    more = [name for name in _MORE if name in parameters and name not in (*given, *names)]
    if getattr(getattr(module, "config", None), "is_encoder_decoder", False):
        names += [name for name in more if name.startswith("decoder")]
        more = [name for name in more if name not in names]
    layers = [*_vocabulary(module), *layers]
    guesses = _with_image_tokens(module, [*names, *more], layers)
    for layer in [*_stated(module), *layers]:
        for extra in ([], *([name] for name in more)):
            wanted = dict.fromkeys((*names, *extra))
            guess = {name: _by_parameter(module, name, layer, layers) for name in wanted}
            if is_graph(guess):
                guess = {name: _without_batch(value) for name, value in guess.items()}
            if guess and guess not in guesses:
                guesses.append(guess)
    return guesses


def _with_asked(module: nn.Module, given: Mapping[str, Any], guess: Guess, failed: Failure) -> list[Guess]:
    """Return a guess with the first optional input that the model's error asks for by its name."""
    layers = [*_vocabulary(module), *taken_by_first_layers(module)]
    asked = [
        name
        for name in forward_parameters(module)
        if name not in (*given, *guess) and re.search(rf"\b{re.escape(name)}\b", failed.text)
    ]
    if not asked or not layers or not _ASKING.search(failed.text):
        return []
    return [{**guess, asked[0]: _by_parameter(module, asked[0], layers[0], layers)}]


def _dtype(module: nn.Module) -> str:
    """Return the dtype of the model's weights, if all have the same."""
    dtypes = {str(weight.dtype) for weight in module.parameters() if weight.is_floating_point()}
    return dtypes.pop().removeprefix("torch.") if len(dtypes) == 1 else "float32"


def _of_dtype(guess: Guess, dtype: str) -> Guess:
    """Return a guess whose tensors of numbers are of another precision than they usually are."""
    if dtype == "float32":
        return guess
    return {
        name: replace(value, dtype=dtype)
        if isinstance(value, TensorRecipe) and value.dtype == "float32"
        else value
        for name, value in guess.items()
    }


def _stated(module: nn.Module) -> list[TensorRecipe]:
    """Return what a model states about its input: timm's configuration, Lightning's example."""
    for name in ("pretrained_cfg", "default_cfg"):
        size = (getattr(module, name, None) or {}).get("input_size")
        if size:
            return [floats(*size)]
    example = getattr(module, "example_input_array", None)
    if isinstance(example, Tensor):
        return [TensorRecipe(shape=list(example.shape), dtype=str(example.dtype).removeprefix("torch."))]
    return []


def _vocabulary(module: nn.Module) -> list[TensorRecipe]:
    """Return what the model's table of words takes, if the model says which of its tables that is."""
    try:
        table = module.get_input_embeddings()  # type: ignore[operator]
    except Exception:  # no such method, or not its own
        return []
    return [tokens(table.num_embeddings)] if isinstance(table, nn.Embedding) else []


def _with_image_tokens(module: nn.Module, names: Sequence[str], layers: list[TensorRecipe]) -> list[Guess]:
    """Return inputs for a model that replaces certain tokens by images: an image, and only such tokens."""
    config = getattr(module, "config", None)
    token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
    if type(token) is not int or not {"input_ids", "pixel_values"} <= {*names}:
        return []
    ids = TensorRecipe(shape=[1, SEQUENCE], dtype="int64", value=token)
    images = [layer for layer in layers if len(layer.shape) >= 4]
    return [{"input_ids": ids, "pixel_values": image} for image in images[:1]]


def _by_parameter(module: nn.Module, name: str, layer: TensorRecipe, layers: list[TensorRecipe]) -> Any:
    """Return what a parameter takes by its annotation, keys or name; else what `layer` does."""
    parameter = forward_parameters(module).get(name)
    kind = parameter.annotation if parameter is not None else None
    plain = {bool: False, int: 1, float: 1.0, "bool": False, "int": 1, "float": 1.0}
    if isinstance(kind, type | str) and kind in plain:
        return plain[kind]
    if parameter is not None and (keys := keys_read(module, name)):
        return {key: by_name(key, layer, layers) for key in keys}
    value = by_name(name, layer, layers)
    if _is_list_of_tensors(kind):
        return [TensorRecipe(shape=value.shape[1:], dtype=value.dtype, high=value.high)]
    return value


def _without_batch(value: Any) -> Any:
    """Nodes, each a row, of what was one item of a batch."""
    is_one = isinstance(value, TensorRecipe) and len(value.shape) == 3 and value.shape[0] == 1
    return replace(value, shape=value.shape[1:]) if is_one else value


def _is_list_of_tensors(kind: Any) -> bool:
    if isinstance(kind, str):
        return re.fullmatch(r"(typing\.)?(list|List|Sequence)\[(torch\.)?Tensor\]", kind) is not None
    return typing.get_origin(kind) in (list, Sequence) and typing.get_args(kind) == (Tensor,)
