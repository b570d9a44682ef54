"""What an attention's mask lets through, read from the values of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from archcheck.model.private_torch import DisableTorchFunction, is_wrapped

# The mask of calls with these names is read as they run.
MASKING = frozenset(["softmax", "softmax_", "scaled_dot_product_attention", "multi_head_attention_forward"])
_LARGEST = 2**22
_BLOCKED = -80.0  # added to a score, this and all below leave nothing of it (Swin adds −100)


def mask_of(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], out: Any) -> str:
    """Return which keys queries may see, or "" if the values do not show it.

    `causal`, `strictly causal` (but of the first token, which may then see all or nothing), `one ahead`
    (causal, but that each token sees the next), `window N causal`, `window N`, `all`, `partial causal` or
    `partial`; `unclear` if large scores hide others without a mask. The weights of a softmax are inspected,
    or the mask of a fused attention. Keys at the end that every query sees are not positions (attention
    sinks). If batch items or heads have masks of their own, it is `partial`; `partial causal` if no query
    sees a later key.
    """
    if name == "softmax" and isinstance(out, Tensor):
        scores = args[0] if args else kwargs.get("input")
        return "unclear" if _is_saturated(scores, out) else _pattern(out, 0.0)
    if name == "scaled_dot_product_attention":
        causal = kwargs.get("is_causal", args[5] if len(args) > 5 else False)
        mask = kwargs.get("attn_mask", args[3] if len(args) > 3 else None)
        if not isinstance(mask, Tensor):
            return "causal" if causal else "all"
        return _pattern(mask, _BLOCKED if mask.is_floating_point() else 0.0)
    if name == "multi_head_attention_forward":
        mask = kwargs.get("attn_mask")
        if not isinstance(mask, Tensor):
            return "all"
        return _pattern(mask, _BLOCKED) if mask.is_floating_point() else _pattern(~mask, 0.0)
    return ""


def has_values(tensor: Tensor) -> bool:
    """Return whether the values of this tensor can be read after the run."""
    return not (
        tensor.is_meta or is_wrapped(tensor) or tensor.is_nested or tensor.layout is not torch.strided
    )


def _is_saturated(scores: object, shares: Tensor) -> bool:
    """Return whether scores that no mask has lowered have shares of zero beside much larger ones."""
    if not isinstance(scores, Tensor) or scores is shares or not has_values(scores) or not has_values(shares):
        return False
    if scores.shape != shares.shape or scores.numel() > _LARGEST:
        return False
    with DisableTorchFunction(), torch.no_grad():
        return bool((((shares == 0) & (scores > 0)) | ~(scores < torch.inf)).any())


def _pattern(values: Tensor, above: float) -> str:
    if not has_values(values) or values.ndim < 2 or min(values.shape[-2:]) < 2 or values.numel() > _LARGEST:
        return ""
    with DisableTorchFunction(), torch.no_grad():
        each = (values > above).reshape(-1, *values.shape[-2:])
        if bool(each[..., each.shape[-2] :].all()):
            each = each[..., : each.shape[-2]]
        let_through = each[0]
        rows, columns = let_through.shape
        steps = torch.arange(columns - rows, columns)[:, None] - torch.arange(columns)[None, :]
        steps = steps.to(let_through.device)
        # From a query that alone sees every key all were hidden alike, as where a whole row is padding.
        hidden = each.all(-1) & ~each.flatten(1).all(1)[:, None]
        early = (each & (steps < 0)).any(-1) & ~hidden
        partial = "partial" if bool(early.any()) else "partial causal"
        if not torch.equal(each, let_through.expand_as(each)):
            return partial
        if bool(let_through.all()):
            return "all"
        if torch.equal(let_through, steps >= 0):
            return "causal"
        if torch.equal(let_through[1:], (steps > 0)[1:]):
            return "strictly causal"
        if rows == columns > 2 and torch.equal(let_through, steps >= -1):
            return "one ahead"
        widest = int(let_through.sum(1).max())
        if widest < 2:
            return partial
        if torch.equal(let_through, (steps >= 0) & (steps < widest)):
            return f"window {widest} causal"
        half = widest // 2
        return f"window {widest}" if torch.equal(let_through, steps.abs() <= half) else partial
