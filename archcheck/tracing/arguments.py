"""The arguments that decide what an operation is, by name, such as `dim`, `stride` or `is_causal`.

Torch's own functions have no Python signature to ask, so the names of their parameters are listed here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archcheck.dataflow.operations import DROPOUTS, canonical
from archcheck.tracing.containers import tensors_in
from archcheck.tracing.tape import Step

_CONV = "input weight bias stride padding dilation groups"
_CONV_TRANSPOSE = "input weight bias stride padding output_padding groups dilation"
_POOL = "input kernel_size stride padding"
_REDUCE = "input dim keepdim"
_PARAMETERS = {
    "linear": "input weight bias",
    "bilinear": "input1 input2 weight bias",
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _CONV),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _CONV_TRANSPOSE),
    "embedding": "input weight padding_idx",
    "layer_norm": "input normalized_shape weight bias eps",
    "rms_norm": "input normalized_shape weight eps",
    "group_norm": "input num_groups weight bias eps",
    "instance_norm": "input running_mean running_var weight bias use_input_stats momentum eps",
    "batch_norm": "input running_mean running_var weight bias training momentum eps",
    "normalize": "input p dim eps",
    **dict.fromkeys(
        ("softmax", "log_softmax", "softmin", "cumsum", "glu", "unsqueeze", "squeeze", "unbind"), "input dim"
    ),
    "gelu": "input approximate",
    "leaky_relu": "input negative_slope",
    **dict.fromkeys(("elu", "celu"), "input alpha"),
    "softplus": "input beta threshold",
    "hardtanh": "input min_val max_val",
    "threshold": "input threshold value",
    "prelu": "input weight",
    "clamp": "input min max",
    **dict.fromkeys(DROPOUTS, "input p training"),
    "scaled_dot_product_attention": "query key value attn_mask dropout_p is_causal scale enable_gqa",
    "flex_attention": "query key value score_mod block_mask scale enable_gqa",
    "multi_head_attention_forward": "query key value embed_dim num_heads in_proj_weight in_proj_bias "
    "bias_k bias_v add_zero_attn dropout_p out_proj_weight out_proj_bias training key_padding_mask "
    "need_weights attn_mask use_separate_proj_weight q_proj_weight k_proj_weight v_proj_weight static_k "
    "static_v average_attn_weights is_causal",
    **{f"{kind}_pool{axes}d": _POOL for kind in ("max", "avg") for axes in (1, 2, 3)},
    **{f"adaptive_{kind}_pool{axes}d": "input output_size" for kind in ("avg", "max") for axes in (1, 2, 3)},
    **dict.fromkeys(("interpolate", "upsample"), "input size scale_factor mode align_corners"),
    **dict.fromkeys(("pixel_shuffle", "pixel_unshuffle"), "input factor"),
    **dict.fromkeys(
        ("mean", "sum", "nansum", "amax", "amin", "max", "min", "prod", "logsumexp", "argmax"), _REDUCE
    ),
    **dict.fromkeys(("var", "std", "var_mean", "std_mean"), "input dim unbiased keepdim"),
    **dict.fromkeys(("norm", "linalg_norm", "vector_norm", "linalg_vector_norm"), "input p dim keepdim"),
    "topk": "input k dim",
    **dict.fromkeys(("cat", "concat", "concatenate", "stack"), "tensors dim"),
    **dict.fromkeys(("split", "split_with_sizes", "tensor_split", "unsafe_split"), "input sizes dim"),
    **dict.fromkeys(("chunk", "unsafe_chunk"), "input chunks dim"),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), "input dim0 dim1"),
    "permute": "input *dims",
    "flip": "input *dims",
    "flatten": "input start_dim end_dim",
    "select": "input dim index",
    "narrow": "input dim start length",
    "roll": "input shifts dims",
    "repeat": "input *repeats",
    "repeat_interleave": "input repeats dim",
    "pad": "input pad mode value",
    "getitem": "input index",
    "pow": "input exponent",
    "einsum": "equation",
    "where": "condition input other",
    "masked_fill": "input mask value",
    **dict.fromkeys(("tril", "triu"), "input diagonal"),
    **dict.fromkeys(("addcmul", "addcdiv"), "input tensor1 tensor2 value"),
    "index_add": "input dim index source alpha",
    "addmm": "input mat1 mat2 beta alpha",
    "baddbmm": "input batch1 batch2 beta alpha",
    **dict.fromkeys(
        ("lstm", "gru", "rnn_tanh", "rnn_relu"),
        "input hx params has_biases num_layers dropout train bidirectional batch_first",
    ),
}
_NAMES = {name: tuple(text.split()) for name, text in _PARAMETERS.items()}
_ALIASES = {
    "normalized_shape": "shape",
    "ord": "p",
    "axis": "dim",
    "split_size": "sizes",
    "split_size_or_sections": "sizes",
    "split_sizes": "sizes",
    "indices_or_sections": "sizes",
    "upscale_factor": "factor",
    "downscale_factor": "factor",
    "correction": "unbiased",
}


def arguments(step: Step, name: str) -> tuple[Mapping[str, Any], Mapping[str, int]]:
    """Return the plain arguments of a torch call by parameter name, and the role of each tensor.

    Numbers, strings, None and slices are kept, in tuples where the call has lists; a dtype is its name, and a
    tensor inside an index is "tensor". Functions whose arguments decide nothing give two empty mappings.
    """
    if step.origin is not None:
        return {"index": step.origin[1]}, {}
    names = _NAMES.get(name)
    if names is None or step.args is None:
        return {}, {}
    plain: dict[str, Any] = {}
    roles: dict[str, int] = {}
    count = 0
    for parameter, value in [*_positional(names, step.args), *step.kwargs.items()]:
        parameter = _ALIASES.get(parameter, parameter)
        if isinstance(value, Tensor):
            roles[parameter] = count
            count += 1
        else:
            tensors = len(tensors_in((value,)))
            if tensors and parameter != "index":
                roles[parameter] = count
            else:
                plain[parameter] = _plain(value)
            count += tensors
    return plain, roles


def undropped(step: Step, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """Return the arguments of a call with each probability that it drops an element set to zero."""
    name = canonical(step.name)
    chances = {"p"} if name in DROPOUTS else {"dropout", "dropout_p"}
    positional = [
        0.0 if parameter in chances and isinstance(value, float) else value
        for parameter, value in itertools.zip_longest(_NAMES.get(name, ())[: len(args)], args)
    ]
    return tuple(positional), {key: 0.0 if key in chances else value for key, value in kwargs.items()}


def _positional(names: tuple[str, ...], args: tuple[Any, ...]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for place, value in enumerate(args):
        name = names[place] if place < len(names) else f"_{place}"
        if name.startswith("*"):
            rest = args[place:]
            is_one = len(rest) == 1 and isinstance(rest[0], (tuple, list))
            return [*found, (name[1:], rest[0] if is_one else rest)]
        found.append((name, value))
    return found


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        return "tensor"
    if isinstance(value, (tuple, list)):
        return tuple([_plain(item) for item in value])
    if isinstance(value, slice):
        return slice(_plain(value.start), _plain(value.stop), _plain(value.step))
    if isinstance(value, torch.dtype):
        return str(value).removeprefix("torch.")
    return "..." if value is ... else type(value).__name__
