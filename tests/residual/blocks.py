"""One residual block with a body of its own: the shortest way to say what a line of code makes."""

from __future__ import annotations

import linecache
from itertools import count
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import archcheck

_NUMBERS = count()


def trace_of(body: str, shape: tuple[int, ...] = (2, 6, 16), train: bool = False) -> archcheck.Trace:
    """The trace of `forward(self, x)` with this body; `f(x)` is a branch of a norm and an MLP.

    `self.norm`, `self.mlp`, `self.linear`, `self.gamma` (learned, per channel) and the buffers `self.zeros`,
    `self.ones` are there to be used.
    """
    lines = ["def forward(self, x):", "    f = lambda x: self.mlp(self.norm(x))"]
    lines += [f"    {line.strip()}" for line in body.split("; ")]
    source, name = "\n".join(lines) + "\n", f"block {next(_NUMBERS)}.py"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    scope: dict[str, Any] = {"torch": torch, "F": functional, "nn": nn}
    exec(compile(source, name, "exec"), scope)
    torch.default_generator.manual_seed(0)
    model = type("Block", (_Parts,), {"forward": scope["forward"]})(shape[-1]).train(train)
    with torch.set_grad_enabled(train):
        return archcheck.trace(model, torch.randn(shape))


def residuals_of(body: str, shape: tuple[int, ...] = (2, 6, 16), train: bool = False) -> list[str]:
    """Kind, source, branch and factors of each residual: `identity of input: norm, mlp`."""
    found = []
    for residual in trace_of(body, shape, train).residuals:
        factors = "".join(f"; {factor}" for factor in residual.factors)
        branch = ", ".join(residual.branch)
        found.append(f"{residual.kind.value} of {residual.source}: {branch}{factors}")
    return found


class _Parts(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.linear = nn.Linear(width, width)
        self.gamma = nn.Parameter(torch.full((width,), 0.1))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.register_buffer("zeros", torch.zeros(width))
        self.register_buffer("ones", torch.ones(width))
