"""The same architecture, smaller: fewer layers, and for transformers configurations narrower ones too.

What a figure claims stays true: which kinds of layers there are and in what order, heads, groups and stages,
and up to 32 experts. Every width is divided by one number, so that what fitted together still does.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

_LAYERS = 2  # of equal blocks, to show that they are in sequence
_VOCABULARY = 1024
_EXPERTS = 32
_DIVISORS = (16, 8, 4, 2)
_NARROWEST_HEAD = 8
_NARROWEST = 32  # no smaller number is a width that must be divided with the others

_DEPTH = re.compile(r"(num_|n_)?((hidden|encoder|decoder|transformer|text|vision)_)?(layers?|blocks)|depth")
_DEPTHS = re.compile(r"(.*_)?(depths|num_blocks|num_layers|layers)")
_HEAD = re.compile(r"(.*_)?(head_dim|head_size|key_dim|d_head|d_kv|dim_head|kv_channels|headdim|rotary_dim)")
_WIDTH = re.compile(
    r"d_(model|ff|inner)|n_(embd|inner)|dims?|embed_dims?|.*_channels|num_filters|conv_dim|.*_rank"
    r"|(.*_)?(hidden|embeds?|embds|embedding|intermediate|ffn|inner|mlp|feed_?forward|proj|projection|project|pooler|output"
    r"|model|expert|shared|bottleneck|kv|entity_emb|encoder|decoder)_(dim|size|width|channels)s?(_global)?"
)
_EXPERT_COUNT = re.compile(r"(moe_)?(n_|num_)?(routed_|local_)?experts")
_RANK = re.compile(r".*_rank")
_NO_WIDTH = re.compile(
    r"num_channels|in_channels|out_channels|input_channels|.*(_head|kernel|patch|num_).*|.*image_embedding_size"
)
_REPEATS = re.compile(
    r".*(_period|_interval|sparse_step|_frequency|_every_n.*|_pattern)|first_k_dense_replace|.*dense_layers"
)
_INDICES = re.compile(r".*(index|indexes|indices|idxs?|layer_ids|layers)")
_TOKEN = re.compile(r".*_token(_id|_index)?|.*(eos|bos|pad|sep|cls|mask|unk)_.*id")


def cut_runs(model: nn.Module) -> nn.Module:
    """Keep two of every three or more consecutive equal blocks, in place, and return the model.

    A block has at least two layers with weights; what has one may be a part of a block, whose output is
    combined with those of the others, as the convolutions of Res2Net and VoVNet are.
    """
    if isinstance(model, nn.Sequential | nn.ModuleList):
        _cut(model)
    for child in model.children():
        cut_runs(child)
    return model


def _cut(layers: nn.Sequential | nn.ModuleList) -> None:
    names = list(layers._modules)
    runs = itertools.groupby(names, key=lambda name: _structure(layers._modules[name]))
    for name in [name for _, run in runs for name in list(run)[_LAYERS:]]:
        del layers._modules[name]
    if all(name.isdigit() for name in names):
        layers._modules = {str(index): part for index, part in enumerate(layers._modules.values())}


def _structure(module: nn.Module | None) -> tuple[Any, ...]:
    """Return what is equal for equal blocks, and only for those."""
    if module is None or sum(weight.dim() > 1 for weight in module.parameters()) < 2:
        return (id(module),)
    return tuple(
        (name, type(part), part.extra_repr(), *(tuple(p.shape) for p in part.parameters(recurse=False)))
        for name, part in module.named_modules()
    )


def divisors(config: Any) -> list[int]:
    """Return the numbers by which all widths of a configuration can be divided, the largest first."""
    parts = [part for _, part in _configurations(config)]
    return [number for number in _DIVISORS if all(_is_divisible(part, number) for part in parts)] + [1]


def shrunk_config(config: Any, given: Mapping[str, Any], divisor: int) -> Any:
    """Return a small configuration of the same class as `config`, a transformers one, built from `given`.

    The depth is that of the shortest prefix of the stack that has every kind of layer, and at least two.
    Raises what the class raises if it does not accept the values.
    """
    return type(config).from_dict({**given, **_smaller(config, given, divisor, itertools.count(1))})


def _configurations(config: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield a configuration and those in it, each with its name."""
    yield name, config
    for key, value in vars(config).items():
        if _is_configuration(value):
            yield from _configurations(value, key)


def _is_configuration(value: Any) -> bool:
    return hasattr(value, "to_diff_dict") and hasattr(value, "model_type")


def _smaller(config: Any, given: Mapping[str, Any], divisor: int, tokens: Iterator[int]) -> dict[str, Any]:
    """Return the values to replace, nested like the configuration."""
    small: dict[str, Any] = {}
    values = {name: value for name, value in vars(config).items() if name[0] != "_"}
    depth = _depth(values)
    for name, value in sorted(values.items()):
        if _is_configuration(value):
            part = given.get(name)
            part = part if isinstance(part, Mapping) else value.to_diff_dict()
            part = {"model_type": value.model_type, **part}
            small[name] = {**part, **_smaller(value, part, divisor, tokens)}
        elif type(value) is int and _TOKEN.fullmatch(name):
            if value >= _VOCABULARY:
                small[name] = _VOCABULARY - next(tokens)
        elif type(value) is int:
            small[name] = _smaller_number(name, value, depth, divisor)
        elif isinstance(value, list | tuple):
            small[name] = _smaller_list(name, value, depth, _full_depth(values), divisor)
        elif isinstance(value, dict) and "rope" in name:
            small[name] = _smaller_rope(value, divisor)
            if "mrope_section" in getattr(config, "ignore_keys_at_rope_validation", ()):
                # The code's own sections are those of a head of full width.
                half = _head_width(values) // divisor // 2
                small[name].setdefault("mrope_section", [half - 2 * (half // 4), half // 4, half // 4])
    return {name: value for name, value in small.items() if value != values[name]}


def _smaller_number(name: str, value: int, depth: int, divisor: int) -> int:
    if "vocab" in name and "type" not in name:
        return min(value, _VOCABULARY)
    if _EXPERT_COUNT.fullmatch(name):
        return min(value, _EXPERTS)
    if _DEPTH.fullmatch(name) and not _REPEATS.fullmatch(name):
        return min(value, depth)
    if _is_width(name, value):
        return max(value // divisor, 1)
    return value


def _smaller_list(name: str, value: list[Any] | tuple[Any, ...], depth: int, full: int, divisor: int) -> Any:
    kind = type(value)
    if _is_indices(name, value, full):
        return kind(index for index in value if index < depth)
    if len(value) == full > depth:
        value = value[:depth]
    elif _DEPTHS.fullmatch(name):
        return kind(min(item, _LAYERS) if type(item) is int else item for item in value)
    return kind(item // divisor if type(item) is int and _is_width(name, item) else item for item in value)


def _smaller_rope(parameters: Mapping[str, Any], divisor: int) -> dict[str, Any]:
    """Return the sections, and factors per frequency, of a narrower head."""
    small: dict[str, Any] = {}
    for key, value in parameters.items():
        if isinstance(value, Mapping):
            small[key] = _smaller_rope(value, divisor)
        elif isinstance(value, list) and key.endswith("section"):
            small[key] = [part // divisor for part in value]
        elif isinstance(value, list) and len(value) >= divisor:
            small[key] = value[: len(value) // divisor]
        else:
            small[key] = value
    return small


def _head_width(values: Mapping[str, Any]) -> int:
    return int(values.get("head_dim") or values["hidden_size"] // values["num_attention_heads"])


def _full_depth(values: Mapping[str, Any]) -> int:
    names = ("num_hidden_layers", "num_layers", "n_layers", "n_layer", "depth", "encoder_layers")
    return next((values[name] for name in names if type(values.get(name)) is int), 0)


def _depth(values: Mapping[str, Any]) -> int:
    """Return how many layers show all kinds: by lists with an item each, differing first ones, periods."""
    full = _full_depth(values)
    needed = [_LAYERS]
    for name, value in values.items():
        if isinstance(value, list | tuple) and len(value) == full and not _is_indices(name, value, full):
            needed += [value.index(kind) + 1 for kind in value]
        elif _is_indices(name, value, full):
            needed.append(min(value) + 1)
        elif type(value) is int and _REPEATS.fullmatch(name) and 0 < value < full:
            needed.append(value + (_LAYERS if "dense" in name else 0))
    return min(max(needed), full) if full else _LAYERS


def _is_indices(name: str, value: Any, full: int) -> bool:
    return (
        isinstance(value, list | tuple)
        and 0 < len(value) < full
        and _INDICES.fullmatch(name) is not None
        and all(type(item) is int and 0 <= item < full for item in value)
        and list(value) == sorted(set(value))
    )


def _is_width(name: str, value: int) -> bool:
    if _HEAD.fullmatch(name):
        return value >= _NARROWEST_HEAD
    return value >= _NARROWEST and _WIDTH.fullmatch(name) is not None and _NO_WIDTH.fullmatch(name) is None


def _is_divisible(config: Any, divisor: int) -> bool:
    """Return whether all widths of a configuration can be divided without making its heads too narrow."""
    values = vars(config)
    for name, value in values.items():
        is_list = isinstance(value, list | tuple)
        for item in value if is_list else [value]:
            if type(item) is int and _is_width(name, item):
                is_head = _HEAD.fullmatch(name) and "rotary" not in name
                least = _NARROWEST_HEAD if is_head or is_list else 2
                if not _RANK.fullmatch(name) and (item % divisor or item // divisor < least):
                    return False
        if isinstance(value, dict) and any(part % divisor for part in value.get("mrope_section") or ()):
            return False
    width = _first(values, "hidden_size", "d_model", "n_embd", "embed_dim")
    names = ("num_attention_heads", "num_heads", "n_head", "n_heads", "encoder_attention_heads")
    heads = _first(values, *names) or 1
    return (
        not width
        or (width % (divisor * heads) == 0 and width // divisor // heads >= _NARROWEST_HEAD)
        or any(_HEAD.fullmatch(name) for name in values)
    )


def _first(values: Mapping[str, Any], *names: str) -> int:
    """Return the number under the first of these names with one; of a list for stages, its first."""
    for name in names:
        value = values.get(name)
        number = value[0] if isinstance(value, list | tuple) and value else value
        if type(number) is int and number:
            return number
    return 0
