"""Torch's calls as the recorder sees them: which are no part of the dataflow, and which do more."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from archcheck.dataflow.operations import VIEWS

# Torch's layers with a fused kernel for inference: what their Python code computes, rounded otherwise.
_FUSED = (nn.TransformerEncoderLayer, nn.MultiheadAttention)

# Queries about a tensor itself are frequent and not part of the dataflow.
QUESTIONS = frozenset(
    """
    size dim numel stride is_floating_point is_complex is_contiguous element_size __len__ __repr__
    __format__ __hash__ data_ptr storage_offset get_device untyped_storage is_inference has_names shape
    dtype device ndim is_cuda is_meta layout requires_grad is_leaf is_sparse is_quantized is_nested
    grad_fn names itemsize nbytes _version __dir__ is_mps is_cpu is_xpu is_mkldnn is_shared is_pinned
    """.split()
)
# Reads of a tensor's values into Python: control flow and constants that the dataflow can't show.
HOST_READS = frozenset(
    """
    item tolist numpy __array__ __bool__ __int__ __float__ __index__ __contains__ equal allclose
    is_nonzero
    """.split()
)
# What makes a tensor of numbers that Python or NumPy holds.
MADE_OF_NUMBERS = frozenset(["tensor", "as_tensor", "asarray", "from_numpy", "frombuffer"])
# What may give a view, by the names that torch's functions have.
VIEW_CALLS = VIEWS | {"__getitem__"}

# What gives a tensor with a part of it exchanged, and how that part is taken.
SCATTERS: dict[str, Any] = {
    "select_scatter": torch.select,
    "slice_scatter": torch.ops.aten.slice.Tensor,
    "diagonal_scatter": torch.diagonal,
}


def name_of(func: Any) -> str:
    """Return the name of what is called; of the reading of an attribute, that of the attribute."""
    name: str = getattr(func, "__name__", "")
    return func.__self__.__name__ if name == "__get__" else name


def exchanges_values(func: Any, name: str, args: tuple[Any, ...]) -> bool:
    """Return whether the call is `a.data = b`: the first tensor then has the memory of the second."""
    return name == "__set__" and func.__self__.__name__ == "data" and not isinstance(args[0], nn.Parameter)


def takes_fast_path(module: nn.Module) -> bool:
    """Return whether torch computes this layer by its fused kernel, in this mode."""
    if not isinstance(module, _FUSED):
        return False
    with_grad = torch.is_grad_enabled() and any(parameter.requires_grad for parameter in module.parameters())
    return not module.training and not with_grad and torch.backends.mha.get_fastpath_enabled()


def autocast_state() -> tuple[str, torch.dtype, bool] | None:
    """Return the device, the dtype and the caching of the autocast that is on; None if none is."""
    for device in ("cpu", "cuda"):
        if torch.is_autocast_enabled(device):
            return device, torch.get_autocast_dtype(device), torch.is_autocast_cache_enabled()
    return None
