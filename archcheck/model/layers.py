"""What layers take: the shapes, with a batch of one, that a layer accepts as its input."""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from archcheck.model.inputs import TensorRecipe

SEQUENCE = 16
"""The length of guessed sequences."""
_SIZES = (64, 224, 32, 28)
_CONFIGURATIONS = ("config", "cfg", "args", "hparams", "opt")
# A guessed tensor has at most this many elements.
_MOST_ELEMENTS = 2**22
_MOST = 16


def taken_by_first_layers(module: nn.Module) -> list[TensorRecipe]:
    """Return what the first layers with parameters take, in order; unknown types of layers come last."""
    sizes, length = image_sizes(module), frames(module)
    known: list[TensorRecipe] = []
    unknown: list[TensorRecipe] = []
    for layer in module.modules():
        own = [p for p in layer._parameters.values() if p is not None and not nn.parameter.is_lazy(p)]
        if own:
            taken = list(taken_by(layer, sizes, length))
            known += taken
            unknown += [] if taken else _taken_by_unknown(own[0])
    first = next((layer for layer in module.modules() if isinstance(layer, nn.Linear)), None)
    pictures = [] if first is None else list(_cut_into_patches(first, sizes))
    unique = {repr(candidate): candidate for candidate in (*known, *unknown)}
    usable = [other for other in unique.values() if math.prod(other.shape) <= _MOST_ELEMENTS]
    return usable[:_MOST] + [picture for picture in pictures if not any(len(u.shape) == 4 for u in usable)]


def _cut_into_patches(layer: nn.Linear, sizes: list[int]) -> Iterator[TensorRecipe]:
    """Yield pictures, in colour or grey, whose square patches have as many numbers as a layer takes."""
    for channels in (3, 1):
        side = math.isqrt(layer.in_features // channels)
        if side > 1 and channels * side**2 == layer.in_features:
            yield from (floats(channels, size, size) for size in sizes if size % side == 0)


def taken_by(layer: Any, sizes: list[int], length: int) -> Iterator[TensorRecipe]:
    """Yield what a layer of torch takes; `sizes` are image sides to try, a video has `length` frames."""
    match layer:
        case nn.Embedding() | nn.EmbeddingBag():
            yield tokens(layer.num_embeddings)
        case nn.Conv1d() | nn.ConvTranspose1d():
            yield from (floats(layer.in_channels, length) for length in (256, 3000))
            yield from (floats(16_000),) * (layer.in_channels == 1)
        case nn.Conv2d() | nn.ConvTranspose2d():
            yield from (floats(layer.in_channels, size, size) for size in sizes)
        case nn.Conv3d() | nn.ConvTranspose3d():
            for size in sizes:
                yield floats(layer.in_channels, length, size, size)
                yield floats(length, layer.in_channels, size, size)
        case nn.Linear():
            yield from (floats(SEQUENCE, layer.in_features), floats(layer.in_features))
        case nn.RNNBase():
            yield floats(SEQUENCE, layer.input_size)
        case nn.RNNCellBase():
            yield floats(layer.input_size)
        case nn.MultiheadAttention():
            yield floats(SEQUENCE, layer.embed_dim)
        case nn.LayerNorm() | nn.RMSNorm():
            yield floats(SEQUENCE, *layer.normalized_shape)
        case nn.BatchNorm1d():
            yield from (floats(layer.num_features), floats(layer.num_features, SEQUENCE))
        case nn.BatchNorm2d():
            yield floats(layer.num_features, 16, 16)
        case nn.GroupNorm():
            yield floats(layer.num_channels, 16, 16)


def tokens(rows: int | None) -> TensorRecipe:
    """Return a sequence of integers below `rows`, as an embedding looks up."""
    return TensorRecipe(shape=[1, SEQUENCE], dtype="int64", high=rows)


def floats(*shape: int) -> TensorRecipe:
    """Return one item of a batch of numbers."""
    return TensorRecipe(shape=[1, *shape])


def image_sizes(module: nn.Module) -> list[int]:
    """Yield sides to try for an image: what the model states under a common name, then usual ones."""
    return list(dict.fromkeys([*_stated(module, "image_size", "img_size"), *_SIZES]))


def states_size(module: nn.Module) -> bool:
    """Return whether a model states the size of its images."""
    return bool(_stated(module, "image_size", "img_size"))


def frames(module: nn.Module) -> int:
    """Return the number of frames of a video: what the model states, or a common number."""
    return next(iter(_stated(module, "num_frames", "frames_per_clip")), 16)


def _stated(module: nn.Module, *names: str) -> list[int]:
    """Yield numbers that a module, its children or their configurations state; the first of several."""
    stated: list[int] = []
    for part in module.modules():
        for holder in (part, *_configurations(part)):
            for name in names:
                value = holder.get(name) if isinstance(holder, Mapping) else getattr(holder, name, None)
                side = value[0] if isinstance(value, tuple | list) and value else value
                stated += [side] if type(side) is int and side > 0 else []
    return stated


def _configurations(part: nn.Module) -> Iterator[Any]:
    """Yield what a module keeps of its configuration, and the groups in it."""
    for name in _CONFIGURATIONS:
        config = getattr(part, name, None)
        values = config if isinstance(config, Mapping) else getattr(config, "__dict__", None)
        if values:
            yield config
            yield from (
                group for group in values.values() if isinstance(group, Mapping | SimpleNamespace | Namespace)
            )


def _taken_by_unknown(weight: Tensor) -> list[TensorRecipe]:
    """Return what a layer of the user's own may take, judging by the shape of its first parameter."""
    if weight.dim() == 0:
        return []
    width = weight.shape[-1]
    table = [tokens(weight.shape[0])] if weight.dim() == 2 else []
    return [floats(SEQUENCE, width), floats(width), *table]
