"""Weights under which each part of a model matters: no learned value is zero or a round number."""

from __future__ import annotations

import math
import zlib

import torch
from torch import Tensor

_WILD = 1e3


def drawn_anew(name: str, weight: Tensor) -> Tensor:
    """Return values for the parameter `name`, the same at each call.

    What varies keeps its values up to a tenth of their spread. A constant (zeros of a last norm, a tiny
    LayerScale, ones) and uninitialised memory (not finite, or huge) are drawn anew.
    """
    if not weight.is_floating_point() or not weight.numel():
        return weight
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    values = weight.double()
    spread = float(values.std()) if values.numel() > 1 else 0.0
    is_sane = bool(values.isfinite().all()) and float(values.abs().max()) < _WILD
    if is_sane and spread > 1e-3 * float(values.abs().mean()):
        return values + 0.1 * spread * torch.randn(weight.shape, generator=generator, dtype=torch.float64)
    if weight.ndim < 2 or weight.numel() == max(weight.shape):
        return 0.5 + torch.rand(weight.shape, generator=generator, dtype=torch.float64)
    fan_in = max(weight[0].numel(), 1)
    return torch.randn(weight.shape, generator=generator, dtype=torch.float64) / math.sqrt(fan_in)
