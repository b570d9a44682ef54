"""Stand-ins for tensors on the tape, so that the tape holds no activation in memory."""

from __future__ import annotations

import torch
from torch import Tensor

from archcheck.model.private_torch import DisableTorchFunction, is_wrapped

# Their uninitialised memory is zeroed in a recorded run and in its replay: it has no meaning.
UNWRITTEN = frozenset(
    ["empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"]
)


def zeroed(tensor: Tensor) -> Tensor:
    """Return the tensor, with zeros written into it unrecorded."""
    with DisableTorchFunction(), torch.no_grad():
        return tensor.zero_()


def outline(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape and dtype on the meta device; itself if there is no such thing."""
    if tensor.is_meta or not _is_plain(tensor):
        return tensor
    with DisableTorchFunction():
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")


def shared(tensor: Tensor) -> Tensor:
    """Return another tensor in the same memory, so that the end of this one can be noticed."""
    if not _is_plain(tensor):
        return tensor
    with DisableTorchFunction():
        return tensor.detach()


def uniform(tensor: Tensor) -> Tensor:
    """Return a tensor of the same shape, all of whose elements equal the first one of this."""
    if not tensor.numel() or tensor.is_meta or not _is_plain(tensor):
        return tensor
    with DisableTorchFunction(), torch.no_grad():
        return tensor[(0,) * tensor.ndim].clone().expand(tensor.shape)


def _is_plain(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or type(tensor) is not Tensor or is_wrapped(tensor):
        return False
    with DisableTorchFunction():
        return not (tensor.is_quantized or tensor.is_nested)
