"""What the names of inputs suggest: token ids, masks, lengths, time steps, images, edges of a graph."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

from torch import nn

from archcheck.model.inputs import TensorRecipe
from archcheck.model.layers import SEQUENCE, tokens

_EDGES = re.compile(r"edges?|edge_ind(ex|ices)|edge_list")
_QUOTED = re.compile(r'''""".*?"""''', re.DOTALL)  # a docstring may show how the model is called


def keys_read(module: nn.Module, name: str) -> list[str]:
    """Return the keys that forward reads from the input `name`, in order; None if it is no mapping."""
    try:
        source = inspect.getsource(module.forward)
    except (OSError, TypeError):
        return []
    source = _QUOTED.sub("", source)
    read = re.findall(rf"""\b{name}(?:\[|\.(?:get|pop)\()["'](\w+)["']""", source)
    return list(dict.fromkeys(read))


def is_graph(names: Iterable[str]) -> bool:
    """Return whether inputs of these names are a graph: all but edges then have nodes as first axis."""
    return any(_EDGES.fullmatch(name) for name in names)


def by_name(name: str, layer: TensorRecipe, layers: Sequence[TensorRecipe]) -> TensorRecipe:
    """Return what an input of this name takes; else what `layer` of all `layers` does."""
    integers = next((other for other in (layer, *layers) if other.dtype == "int64"), None)
    if _EDGES.fullmatch(name):
        return TensorRecipe(shape=[2, SEQUENCE], dtype="int64", high=SEQUENCE)
    if re.search(r"(^|_)(ids?|idx|index|indices|tokens?)$", name):
        return integers or tokens(None)
    if re.fullmatch(r"src|tgt|trg|source|target|text|captions?", name) and integers:
        return integers
    if re.fullmatch(r"bbox|boxes", name):
        return TensorRecipe(shape=[1, SEQUENCE, 4], dtype="int64", high=SEQUENCE)
    if "mask" in name:
        return TensorRecipe(shape=[1, SEQUENCE], dtype="bool")
    if re.fullmatch(r"t|time|timesteps?|steps?|sigmas?|noise_level", name):
        return TensorRecipe(shape=[1], dtype="int64", value=1)
    if re.fullmatch(r"y|labels?|class_labels?|classes", name) and integers and integers is not layer:
        return TensorRecipe(shape=[1], dtype="int64", high=integers.high)
    if re.fullmatch(r"(.*_)?len(gth)?s?", name):
        return TensorRecipe(shape=[1], dtype="int64", value=SEQUENCE)
    if re.search(r"pixel|image|img", name) and len(layer.shape) < 4:
        return next((other for other in layers if len(other.shape) >= 4), layer)
    if re.search(r"mel|spec|audio|wave|features", name) and len(layer.shape) != 3:
        return next((other for other in layers if len(other.shape) == 3 and other.dtype != "int64"), layer)
    return layer
