"""Inputs that nobody gave: guessed from what the model states, from names and from layers, and then corrected
by how the model fails on them."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from archcheck.errors import Problem, TargetError
from archcheck.model.calling import definition
from archcheck.model.correcting import Guess, Running, corrections, failure
from archcheck.model.inputs import Example, Parameters, TensorInput, build_inputs, forward_parameters
from archcheck.model.layers import SEQUENCE, floats, taken_by_first_layers, tokens

_MOST_GUESSES = 16
# Inputs that some models need though their forward can do without.
_MORE = ("decoder_input_ids", "pixel_values", "input_features")
_SAMPLES = ("int64[1,16]<100", "float32[1,16,64]", "float32[1,3,224,224]")


def guess_inputs(
    module: nn.Module,
    given: Mapping[str, Any] | None = None,
    *,
    search: Sequence[Path] = (Path(),),
    running: Running | None = None,
) -> Iterator[Example]:
    """Calls that may suit a model, the most plausible first; what is `given` is in all of them.

    Who asks for the next one says that the last did not run. Where it may be tried again, within `running`,
    to see which layer refused what, the next is what that layer takes. Raises TargetError: TGT010 or TGT008
    where nothing can be guessed, and what `build_inputs` raises.
    """
    given = given or {}
    guesses = _first_guesses(module, given)
    if not guesses:
        raise not_guessed(module, given, [])
    first = build_inputs(module, {**given, **guesses[0]}, search=search)

    def examples() -> Iterator[Example]:
        queue, seen = list(guesses), [guesses[0]]
        example = first
        while queue:
            guess = queue.pop(0)
            if guess is not guesses[0]:
                example = build_inputs(module, {**given, **guess}, search=search)
            yield example
            better = []
            if running is not None and guess:
                better = corrections(module, guess, failure(module, example, running))
            queue = [*better, *queue]
            queue = [other for index, other in enumerate(queue) if other not in (*seen, *queue[:index])]
            if len(seen) >= _MOST_GUESSES or not queue:
                return
            seen.append(queue[0])

    return examples()


def missing_names(module: nn.Module, given: Mapping[str, Any]) -> list[str]:
    """The inputs that forward needs and were not given; where it needs and has none, the model's main one."""
    parameters = forward_parameters(module)
    fillable = {name: p for name, p in parameters.items() if p.kind is not p.VAR_KEYWORD}
    needed = [n for n, p in fillable.items() if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    main = getattr(module, "main_input_name", None)
    if needed or given:
        return [name for name in needed if name not in given]
    return [main] if main in fillable else list(fillable)[:1]


def not_guessed(module: nn.Module, given: Mapping[str, Any], tried: Sequence[Example]) -> TargetError:
    """The error for inputs that are missing where nothing could be guessed, or no guess ran."""
    names = missing_names(module, given) or ["x"]
    file, line = definition(module.forward)
    kind = type(module).__name__
    texts = " ".join(example.text for example in tried)
    code, message = "TGT010", f"no inputs are given and none could be guessed for {kind}"
    if given:
        code, message = (
            "TGT008",
            f"{kind}.forward needs the input '{names[0]}', which can't be guessed",
        )
    options = " ".join(f"--input '{name}={_sample(name, texts)}'" for name in names)
    hint = f"Give them under model.inputs in a spec, or as {options}."
    return TargetError(Problem(file, line, None, code, message, "model.inputs", hint))


def _sample(name: str, tried: str) -> str:
    """An input as one may write it for a parameter, other than those that were tried."""
    likely = _SAMPLES if re.search(r"(^|_)(ids?|idx|tokens?)$", name) else _SAMPLES[1:]
    return next((sample for sample in likely if sample.partition("<")[0] not in tried), likely[0])


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
            guess = {name: _by_parameter(name, parameters, layer, layers) for name in wanted}
            if guess and guess not in guesses:
                guesses.append(guess)
    return guesses


def _stated(module: nn.Module) -> list[TensorInput]:
    """What a model says of its own input: timm's configuration, Lightning's example."""
    for name in ("pretrained_cfg", "default_cfg"):
        size = (getattr(module, name, None) or {}).get("input_size")
        if size:
            return [floats(*size)]
    example = getattr(module, "example_input_array", None)
    if isinstance(example, Tensor):
        return [TensorInput(shape=list(example.shape), dtype=str(example.dtype).removeprefix("torch."))]
    return []


def _vocabulary(module: nn.Module) -> list[TensorInput]:
    """What the table of the model's words takes, where the model tells which of its tables that is."""
    try:
        table = module.get_input_embeddings()  # type: ignore[operator]
    except Exception:  # there is no such method, or none of its own
        return []
    return [tokens(table.num_embeddings)] if isinstance(table, nn.Embedding) else []


def _with_image_tokens(module: nn.Module, names: Sequence[str], layers: list[TensorInput]) -> list[Guess]:
    """For a model that puts images in the place of certain tokens: an image, and such tokens alone."""
    config = getattr(module, "config", None)
    token = getattr(config, "image_token_id", None) or getattr(config, "image_token_index", None)
    if type(token) is not int or not {"input_ids", "pixel_values"} <= {*names}:
        return []
    ids = TensorInput(shape=[1, SEQUENCE], dtype="int64", value=token)
    images = [layer for layer in layers if len(layer.shape) >= 4]
    return [{"input_ids": ids, "pixel_values": image} for image in images[:1]]


def _by_parameter(name: str, parameters: Parameters, layer: TensorInput, layers: list[TensorInput]) -> Any:
    """What a parameter takes, by its annotation and its name; `layer` where these tell nothing."""
    kind = parameters[name].annotation
    plain = {bool: False, int: 1, float: 1.0, "bool": False, "int": 1, "float": 1.0}
    if isinstance(kind, type | str) and kind in plain:
        return plain[kind]
    value = _by_name(name, layer, layers)
    if _is_list_of_tensors(kind):
        return [TensorInput(shape=value.shape[1:], dtype=value.dtype, high=value.high)]
    return value


def _by_name(name: str, layer: TensorInput, layers: list[TensorInput]) -> TensorInput:
    integers = next((other for other in (layer, *layers) if other.dtype == "int64"), None)
    if re.search(r"(^|_)(ids?|idx|indices|tokens?)$", name):
        return integers or tokens(None)
    if re.fullmatch(r"src|tgt|trg|source|target|text|captions?", name) and integers:
        return integers
    if "mask" in name:
        return TensorInput(shape=[1, SEQUENCE], dtype="bool")
    if re.fullmatch(r"t|time|timesteps?|steps?|sigmas?|noise_level", name):
        return TensorInput(shape=[1], dtype="int64", value=1)
    if re.fullmatch(r"y|labels?|class_labels?|classes", name) and integers and integers is not layer:
        return TensorInput(shape=[1], dtype="int64", high=integers.high)
    if re.fullmatch(r"(.*_)?len(gth)?s?", name):
        return TensorInput(shape=[1], dtype="int64", value=SEQUENCE)
    if re.search(r"pixel|image|img", name) and len(layer.shape) < 4:
        return next((other for other in layers if len(other.shape) >= 4), layer)
    if re.search(r"mel|spec|audio|wave|features", name) and len(layer.shape) != 3:
        return next((other for other in layers if len(other.shape) == 3 and other.dtype != "int64"), layer)
    return layer


def _is_list_of_tensors(kind: Any) -> bool:
    if isinstance(kind, str):
        return re.fullmatch(r"(typing\.)?(list|List|Sequence)\[(torch\.)?Tensor\]", kind) is not None
    return typing.get_origin(kind) in (list, Sequence) and typing.get_args(kind) == (Tensor,)
