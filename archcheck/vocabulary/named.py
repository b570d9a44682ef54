"""Terms that torch has an operation for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from archcheck.dataflow.operations import (
    COMPARISONS,
    CONCATS,
    DIVISIONS,
    DROPOUTS,
    GAUSSIAN,
    PRODUCTS_OF_MATRICES,
    RANDOM,
)
from archcheck.dataflow.queries import viewed
from archcheck.dataflow.run import Dataflow, Op
from archcheck.vocabulary.regions import Detail, Region, region_of

_FUNCTIONS = {
    "LayerNorm": "layer_norm",
    "RMSNorm": "rms_norm",
    "BatchNorm": "batch_norm",
    "GroupNorm": "group_norm",
    "InstanceNorm": "instance_norm",
    "local response norm": "local_response_norm",
    "ReLU": "relu",
    "ReLU6": "relu6",
    "LeakyReLU": "leaky_relu",
    "PReLU": "prelu",
    "ELU": "elu",
    "SELU": "selu",
    "CELU": "celu",
    "SiLU": "silu",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "logsigmoid log_sigmoid",
    "Tanh": "tanh",
    "Mish": "mish",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Hardswish": "hardswish",
    "Hardsigmoid": "hardsigmoid",
    "Embedding": "embedding embedding_bag",
    "Linear": "linear",
    "max pooling": "max_pool1d max_pool2d max_pool3d",
    "average pooling": "avg_pool1d avg_pool2d avg_pool3d",
    "SoftMax": "softmax",
    "log SoftMax": "log_softmax",
    "upsampling": "pixel_shuffle",
    "downsampling": "pixel_unshuffle",
    "top-k": "topk",
    "LSTM": "lstm lstm_cell",
    "GRU": "gru gru_cell",
    "RNN": "rnn_tanh rnn_relu rnn_tanh_cell rnn_relu_cell",
    "cyclic shift": "roll",
    "sort": "sort",
    "running sum": "cumsum",
    "running product": "cumprod",
    "split": "chunk split tensor_split split_with_sizes unsafe_split unsafe_chunk unbind",
    "transpose": "transpose permute t T mT swapaxes movedim",
    "flip": "flip fliplr flipud",
    "absolute value": "abs absolute",
    "power": "pow square",
    "rounding": "round floor ceil trunc",
}
_PLAIN = {
    **{name: term for term, names in _FUNCTIONS.items() for name in names.split()},
    **dict.fromkeys(DROPOUTS, "dropout"),
    **dict.fromkeys(CONCATS | {"stack"}, "concat"),
}
_KEPT = ("eps", "k", "dim", "groups", "num_groups", "p", "num_layers", "bidirectional")


def named(flow: Dataflow, at: int) -> Iterator[Region]:
    """Yield the terms that a single operation computes."""
    op = flow.ops[at]
    if not op.depends_on_input:
        return
    name = _PLAIN.get(op.name) or _special(flow, op)
    if name:
        yield region_of(flow, name, (at,), at, _details(flow, op))


def _special(flow: Dataflow, op: Op) -> str:
    decide = _SPECIAL.get(op.name)
    return decide(flow, op) if decide else ""


def _fed(flow: Dataflow, op: Op) -> int:
    """Return how many operands depend on the model's input."""
    return sum(any(flow.ops[read].depends_on_input for read in operand) for operand in op.operands)


def _hardtanh(flow: Dataflow, op: Op) -> str:
    bounds = (op.arguments.get("min_val", -1.0), op.arguments.get("max_val", 1.0))
    return "ReLU6" if bounds == (0, 6) else "Hardtanh" if bounds == (-1, 1) else ""


def _sub(flow: Dataflow, op: Op) -> str:
    return "difference" if _fed(flow, op) > 1 else ""


def _mul(flow: Dataflow, op: Op) -> str:
    if _fed(flow, op) > 1:
        return "product"
    if op.name in DIVISIONS and not any(flow.ops[read].depends_on_input for read in op.operands[0]):
        return ""
    return _random(flow, op) or "scale"


_CHOOSING = COMPARISONS | {"bernoulli", "floor"}
"""What makes a mask of random numbers."""


def _random(flow: Dataflow, op: Op) -> str:
    """Return a random factor: a mask per sample is stochastic depth, one per element dropout."""
    for operand in op.operands:
        at, drawn, is_mask = operand[0], flow.ops[operand[0]], False
        for _ in range(6):
            is_mask = is_mask or flow.ops[at].name in _CHOOSING
            if flow.ops[at].name in RANDOM and not is_mask:
                return "product" if flow.ops[at].name in GAUSSIAN else "scale"  # noise, or jitter
            if flow.ops[at].name in RANDOM:
                return "stochastic depth" if sum(size > 1 for size in drawn.shape) <= 1 else "dropout"
            if flow.ops[at].depends_on_input or not flow.ops[at].operands:
                break
            at = flow.ops[at].operands[0][0]
    return ""


def _mean(flow: Dataflow, op: Op) -> str:
    """Return a mean or maximum over all positions: of an image's two axes, or of a sequence."""
    below = flow.ops[op.operands[0][0]]
    rank, dim = len(below.shape), op.arguments.get("dim")
    dims = tuple(sorted(axis % rank for axis in _axes(dim))) if rank else ()
    if (rank, dims) not in ((4, (2, 3)), (4, (1, 2)), (3, (1,)), (5, (2, 3, 4))):
        return ""
    return "global average pooling" if op.name == "mean" else "global max pooling"


def _axes(dim: Any) -> list[int]:
    return [axis for axis in (dim if isinstance(dim, tuple) else (dim,)) if isinstance(axis, int)]


def _part(flow: Dataflow, op: Op) -> str:
    """Return a slice of a tensor as one side of a split."""
    index = op.arguments.get("index")
    items = index if isinstance(index, tuple) else (index,)
    is_part = any(isinstance(item, slice) and item != slice(None) for item in items)
    return "split" if is_part and op.numel < flow.ops[op.operands[0][0]].numel else ""


def _matmul(flow: Dataflow, op: Op) -> str:
    return "matrix product" if _fed(flow, op) > 1 else "Linear"


def _pool(flow: Dataflow, op: Op) -> str:
    kind = "max" if "max" in op.name else "average"
    size = op.arguments.get("output_size")
    sizes = size if isinstance(size, tuple) else (size,)
    return f"global {kind} pooling" if all(value == 1 for value in sizes) else f"{kind} pooling"


def _conv(flow: Dataflow, op: Op) -> str:
    if "transpose" in op.name:
        return "transposed convolution"
    kernel, groups = _kernel(flow, op), op.arguments.get("groups", 1)
    if groups > 1 and groups == _channels_in(flow, op):
        return "depthwise convolution"
    return "pointwise convolution" if all(size == 1 for size in kernel) else "convolution"


def _resample(flow: Dataflow, op: Op) -> str:
    below = flow.ops[op.operands[0][0]]
    return "upsampling" if op.numel > below.numel else "downsampling" if op.numel < below.numel else ""


def _clamp(flow: Dataflow, op: Op) -> str:
    """Return a clamp; with bounds at zero, or one on either side, it is an activation."""
    bounds = (op.arguments.get("min"), op.arguments.get("max"))
    return "" if bounds == (-1, 1) or 0 in (bounds[0], *op.numbers) else "clamp"


def _expand(flow: Dataflow, op: Op) -> str:
    at, below = op.operands[0][0] if op.operands else -1, flow.ops
    if at < 0 or op.numel <= below[at].numel:
        return ""
    made = below[viewed(below, at)]
    return "" if made.name == "attribute" else "repeat"  # learned queries, once for each sample


_SPECIAL: dict[str, Callable[[Dataflow, Op], str]] = {
    "gelu": lambda _, op: "tanh GELU" if op.arguments.get("approximate") == "tanh" else "exact GELU",
    "hardtanh": _hardtanh,
    "add": lambda flow, op: "sum" if _fed(flow, op) > 1 else "",
    "sub": _sub,
    "rsub": _sub,
    "mul": _mul,
    "div": _mul,
    "normalize": lambda _, op: "L2 norm" if op.arguments.get("p", 2) == 2 else "",
    "getitem": _part,
    "narrow": _part,
    **dict.fromkeys(("mean", "amax", "max"), _mean),
    **dict.fromkeys(("expand", "expand_as", "broadcast_to", "repeat_interleave", "repeat", "tile"), _expand),
    **dict.fromkeys(("clamp", "clamp_min", "clamp_max", "clip"), _clamp),
    "interpolate": _resample,
    "upsample": _resample,
    **dict.fromkeys(PRODUCTS_OF_MATRICES, _matmul),
    **{f"adaptive_{kind}_pool{axes}d": _pool for kind in ("avg", "max") for axes in (1, 2, 3)},
    **{f"conv{kind}{axes}d": _conv for kind in ("", "_transpose") for axes in (1, 2, 3)},
}


def _kernel(flow: Dataflow, op: Op) -> tuple[int, ...]:
    weight = op.operands[op.roles.get("weight", 1)]
    return flow.ops[weight[0]].shape[2:]


def _channels_in(flow: Dataflow, op: Op) -> int:
    axes = len(_kernel(flow, op))
    shape = flow.ops[op.operands[0][0]].shape
    return shape[-axes - 1] if len(shape) > axes else 0


def _details(flow: Dataflow, op: Op) -> dict[str, Detail]:
    details: dict[str, Detail] = {name: op.arguments[name] for name in _KEPT if name in op.arguments}
    if op.name.startswith("conv"):
        axes = len(_kernel(flow, op))
        details["kernel"] = _kernel(flow, op)
        details["from"], details["channels"] = _channels_in(flow, op), op.shape[-axes - 1]
        for name in ("stride", "dilation", "padding"):
            details[name] = _every(op.arguments.get(name), axes)
    elif op.name == "linear":
        details["from"], details["channels"] = flow.ops[op.operands[0][0]].shape[-1], op.shape[-1]
    elif op.name == "embedding":
        table = flow.ops[op.operands[op.roles.get("weight", 1)][0]].shape
        details["from"], details["channels"] = table[0] if table else None, op.shape[-1]
    elif op.name == "group_norm":
        details["groups"] = details.pop("num_groups", None)
    elif "_pool" in op.name and not op.name.startswith("adaptive"):
        axes = int(op.name[-2])
        details["kernel"] = _every(op.arguments.get("kernel_size"), axes)
        details["stride"] = _every(op.arguments.get("stride") or op.arguments.get("kernel_size"), axes)
    return details


def _every(value: Any, axes: int) -> Detail:
    """Return a size for each axis, from one for all or a word such as "same"."""
    if isinstance(value, tuple):
        return value * axes if len(value) == 1 else value
    return (value,) * axes if isinstance(value, int) else value
