"""Example inputs for `transformers` models, found from the signature of `forward` and the configuration.

A signature does not tell a tensor's shape (frames first or channels first, an image or its patches), so
`example_inputs` runs the model on one likely set of inputs after the other and returns the first that it
accepts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.zoo_config import IMAGE, VOCABULARY

Inputs = dict[str, Any]
ORDINARY_TOKENS = (10, 100)
LENGTH = 8
IMAGES = ("pixel_values", "pixel_values_videos", "hidden_states")
AUDIO = ("input_values", "input_features", "audio_values", "spectrogram")


class NoInputsError(Exception):
    """No set of inputs ran; the message is that of the first attempt."""


def example_inputs(
    model: nn.Module, extra: Callable[[nn.Module], Inputs] | None = None, text_alone: bool = False
) -> Inputs:
    """Keyword inputs on which `model` runs; raises `NoInputsError` when none is found.

    `extra` gives the inputs of a model whose needs can't be read off its signature. `text_alone` allows
    a model that takes images or audio beside its text to do without.
    """
    errors: list[str] = []
    attempts = iter([extra(model)]) if extra else _attempts(model, text_alone)
    for inputs in _guarded(attempts, errors):
        try:
            with torch.no_grad():
                model(**inputs)
        except Exception as error:
            shapes = {k: tuple(v.shape) if isinstance(v, Tensor) else v for k, v in inputs.items()}
            errors.append(f"{type(error).__name__}: {error} {shapes}")
        else:
            return inputs
    raise NoInputsError(errors[0] if errors else "no input of forward is known")


def _guarded(attempts: Iterator[Inputs], errors: list[str]) -> Iterator[Inputs]:
    while True:
        try:
            yield next(attempts)
        except StopIteration:
            return
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
            return


def _attempts(model: nn.Module, text_alone: bool) -> Iterator[Inputs]:
    names = list(inspect.signature(model.forward).parameters)
    required = [
        name
        for name, parameter in inspect.signature(model.forward).parameters.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    text = _text(model, names)
    kinds = []
    if {*IMAGES} & {*names}:
        kinds.append(("image", _image_sets))
    if {*AUDIO} & {*names}:
        kinds.append(("audio", _audio_sets))
    if "input_ids" in names:
        for modality, sets in kinds:
            yield from _with_features(model, names, text, modality, sets(model, names))
    for _, sets in kinds:
        for one in sets(model, names):
            yield {**text, **one, **_others(model, required, {*text, *one})}
    if text_alone or not kinds:
        yield {**text, **_others(model, required, {*text})}


def _text(model: nn.Module, names: list[str]) -> Inputs:
    inputs = {}
    for name, length in (("input_ids", LENGTH), ("decoder_input_ids", LENGTH // 2)):
        if name in names:
            inputs[name] = tokens(model, 1, length)
    return inputs


def tokens(model: nn.Module, *shape: int) -> Tensor:
    """Ordinary tokens, shape `shape`."""
    low, high = ORDINARY_TOKENS
    return torch.randint(low, min(high, _setting(model, "vocab_size") or high), shape)


def _with_features(
    model: nn.Module, names: list[str], text: Inputs, modality: str, sets: Iterator[Inputs]
) -> Iterator[Inputs]:
    """Text with one placeholder token for each feature that the model makes of the image or audio."""
    name = f"get_{modality}_features"
    features = next((getattr(module, name) for module in model.modules() if hasattr(module, name)), None)
    token = _token_id(model.config, modality)
    if features is None or token is None:
        return
    parameters = inspect.signature(features).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    for inputs in sets:
        try:
            with torch.no_grad():
                accepted = {name: value for name, value in inputs.items() if takes_all or name in parameters}
                count = _feature_count(features(**accepted))
        except Exception:
            continue
        ids = tokens(model, 1, LENGTH + count)
        ids[:, 2 : 2 + count] = token
        whole = {**text, **inputs, "input_ids": ids}
        types = (ids == token).long()
        for name in ("mm_token_type_ids", "token_type_ids", "moe_mm_token_type_ids"):
            if name in names and (name != "token_type_ids" or "mm_token_type_ids" not in names):
                whole[name] = types
        if "attention_mask" in names:
            whole["attention_mask"] = torch.ones_like(ids)
        yield whole


def _token_id(config: Any, modality: str) -> int | None:
    for owner in _configs(config):
        for name in (
            f"{modality}_token_id",
            f"{modality}_token_index",
            f"{modality}_token",
            "media_token_id",
        ):
            if isinstance(value := vars(owner).get(name), int):
                return value
    return None


def _feature_count(features: Any) -> int:
    features = getattr(features, "pooler_output", features)
    if isinstance(features, (list, tuple)):
        return sum(_feature_count(item) for item in features)
    return int(features.numel() // features.shape[-1])


def _configs(config: Any) -> Iterator[Any]:
    yield config
    for value in vars(config).values():
        if hasattr(value, "to_dict") and hasattr(value, "model_type"):
            yield from _configs(value)


def _setting(model: nn.Module, *names: str) -> Any:
    """Return the first value of one of the fields `names` in the configuration or a sub-configuration."""
    configs = list(_configs(model.config))
    values = (vars(config).get(name) for name in names for config in configs)
    return next((value for value in values if value is not None), None)


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[-2], value[-1])


def _image_sets(model: nn.Module, names: list[str]) -> Iterator[Inputs]:
    """Images as most models take them, then as patches with their grid, then as crops and as video."""
    channels = _setting(model, "num_channels", "in_channels", "in_chans", "input_channels") or 3
    channels = channels if isinstance(channels, int) else 3
    size = _setting(model, "image_size", "input_size", "img_size", "crop_size")
    patch = _pair(_setting(model, "patch_size") or 8)[0]
    merge = _setting(model, "spatial_merge_size", "merge_size", "merge_kernel_size") or 1
    merge = _pair(merge)[0]
    temporal = _setting(model, "temporal_patch_size", "patch_temporal") or 1
    key = next(name for name in IMAGES if name in names)
    if (
        grid_name := next((name for name in ("image_grid_thw", "grid_thw") if name in names), None)
    ) is not None:
        grid = torch.tensor([[1, 2 * merge, 2 * merge]])
        merges = {
            name: torch.tensor([merge]) for name in ("merge_sizes", "image_merge_sizes") if name in names
        }
        for depth in dict.fromkeys((temporal, 1)):
            width = channels * depth * patch * patch
            yield {key: torch.randn(4 * merge * merge, width), grid_name: grid, **merges}
        yield {key: torch.randn(4 * merge * merge, channels, patch, patch), grid_name: grid, **merges}
    if "spatial_shapes" in names:
        side = 4
        yield {
            key: torch.randn(1, side * side, channels * patch * patch),
            "pixel_attention_mask": torch.ones(1, side * side, dtype=torch.long),
            "spatial_shapes": torch.tensor([[side, side]]),
        }
    sizes = [_pair(size)] if isinstance(size, (int, list, tuple)) else []
    for height, width in dict.fromkeys(
        [*sizes, (IMAGE, IMAGE), (2 * IMAGE, 2 * IMAGE), (48, 160), (224, 224)]
    ):
        image = torch.randn(1, channels, height, width)
        extra: Inputs = {"image_sizes": torch.tensor([[height, width]])} if "image_sizes" in names else {}
        yield {key: image, **extra}
        if extra:
            yield {key: image}
        if {"image_sizes", "pixel_attention_mask"} & {*names}:
            yield {key: image[None], **extra}
        frames = _setting(model, "num_frames", "frames_per_clip") or 2
        yield {key: torch.randn(1, frames, channels, height, width), **extra}


def _audio_sets(model: nn.Module, names: list[str]) -> Iterator[Inputs]:
    """Audio as samples or as a spectrogram, with channels or with frames first."""
    bins = (
        _setting(
            model,
            "feature_projection_input_dim",
            "num_mel_bins",
            "feature_size",
            "input_feat_per_channel",
            "input_dim",
            "n_mels",
        )
        or 80
    )
    frames = _setting(model, "max_length", "max_source_positions") or 64
    for name in AUDIO:
        if name not in names:
            continue
        shapes = [
            (1, 2 * frames, bins),
            (1, bins, 2 * frames),
            (1, 64, bins),
            (1, bins, 64),
            (1, 64, 128),
            (1, 64, 320),
        ]
        samples = [(1, 4000), (1, 1, 4000), (1, 16000), (1, 1, 16000)]
        ordered = [*samples, *shapes, (1, frames, bins)] if name.endswith("values") else [*shapes, *samples]
        for shape in ordered:
            yield {name: torch.randn(shape)}
            masks = [
                n for n in ("attention_mask", "input_features_mask", "feature_attention_mask") if n in names
            ]
            for length in dict.fromkeys(shape[1:3]) if masks else ():
                yield {name: torch.randn(shape), masks[-1]: torch.ones(shape[0], length, dtype=torch.long)}


def _others(model: nn.Module, required: list[str], given: set[str]) -> Inputs:
    """Values for required parameters that are neither text, image nor audio."""
    inputs: Inputs = {}
    for name in required:
        if name in given or name in ("self", "kwargs"):
            continue
        if name.endswith("_ids") or name in ("tokens", "codes", "audio_codes"):
            inputs[name] = (
                torch.zeros(1, LENGTH, dtype=torch.long) if "type" in name else tokens(model, 1, LENGTH)
            )
        elif name.endswith("mask"):
            inputs[name] = torch.ones(1, LENGTH, dtype=torch.long)
        else:
            width = _setting(model, "hidden_size", "d_model") or 64
            inputs[name] = torch.randn(1, LENGTH, width)
    return inputs


assert ORDINARY_TOKENS[1] < VOCABULARY
