"""How a model lays out its residual connections: where the norms stand, and what else is particular.

Read off the residuals of a trace and one run with hooks that notes the order of module calls.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archcheck.connections import Kind, Residual

POSITIONS = ("pre-norm", "post-norm", "sandwich", "branch-end norm", "no norm")
LAYOUTS = (*POSITIONS, "parallel", *(kind.value for kind in Kind if kind is not Kind.IDENTITY))
"""What a residual can be counted as; the first five say where its norm stands:

- pre-norm: the branch begins with a norm;
- post-norm: the source is what a norm gave out, and the branch has none at its ends;
- sandwich: the branch begins and ends with a norm;
- branch-end norm: the branch ends with a norm.

`parallel` residuals share their source with another one of the same module. A model is named after where
most of its norms stand and after what else holds of a quarter of its residuals or more.
"""
TRANSPARENT = ("Dropout", "Identity", "DropPath", "StochasticDepth")


class CallOrder:
    """The leaf modules that ran inside each module, in order, and what came in from a norm."""

    def __init__(self, model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.leaves: dict[str, list[str]] = {}
        self.types = {path: type(module).__name__ for path, module in model.named_modules()}
        self.fed_by_norm: set[str] = set()
        self._normed: dict[int, Tensor] = {}
        hooks = []
        for path, module in model.named_modules():
            hooks.append(module.register_forward_pre_hook(self._enter(path), with_kwargs=True))
            hooks.append(module.register_forward_hook(self._leave(path, module)))
        with torch.no_grad():
            model(*args, **kwargs)
        for hook in hooks:
            hook.remove()
        self._normed.clear()

    def begins_with_norm(self, path: str) -> bool:
        return self._is_norm(path) or self._is_norm(next(iter(self.leaves.get(path, ())), None))

    def ends_with_norm(self, path: str) -> bool:
        return self._is_norm(path) or self._is_norm(next(reversed(self.leaves.get(path, [])), None))

    def _is_norm(self, path: str | None) -> bool:
        return path is not None and "norm" in self.types.get(path, "").lower()

    def _enter(self, path: str) -> Any:
        def hook(module: nn.Module, args: Any, kwargs: Any) -> None:
            first = next((v for v in (*args, *kwargs.values()) if isinstance(v, Tensor)), None)
            if first is not None and id(first) in self._normed:
                self.fed_by_norm.add(path)

        return hook

    def _leave(self, path: str, module: nn.Module) -> Any:
        is_leaf = next(module.children(), None) is None
        is_transparent = self.types[path].startswith(TRANSPARENT)

        def hook(module: nn.Module, args: Any, output: Any) -> None:
            if self._is_norm(path) and isinstance(output, Tensor):
                self._normed[id(output)] = output
            if is_leaf and not is_transparent:
                parts = path.split(".")
                for length in range(len(parts)):
                    self.leaves.setdefault(".".join(parts[:length]), []).append(path)

        return hook


def layouts(residuals: Sequence[Residual], order: CallOrder) -> Counter[str]:
    """Return how many residuals are counted as each of `LAYOUTS`; one residual can count twice."""
    shared = Counter(_origin(residual) for residual in residuals if residual.branch)
    counts: Counter[str] = Counter()
    for residual in residuals:
        if residual.kind is not Kind.IDENTITY:
            counts[residual.kind.value] += 1
        if residual.kind in (Kind.CONCAT, Kind.MULTI_STREAM):
            continue
        counts[_position(residual, order)] += 1
        if residual.branch and shared[_origin(residual)] > 1:
            counts["parallel"] += 1
    return counts


def _origin(residual: Residual) -> tuple[str, str, str]:
    return residual.scope, residual.source, residual.implemented_in


def _position(residual: Residual, order: CallOrder) -> str:
    branch = [_join(residual.scope, path) for path in residual.branch]
    branch = [path for path in branch if not order.types.get(path, "").startswith(TRANSPARENT)]
    if not branch:
        return "no norm"
    begins, ends = order.begins_with_norm(branch[0]), order.ends_with_norm(branch[-1])
    if len(branch) == 1 and order.types.get(branch[0], "").lower().endswith("norm"):
        ends = False
    if begins:
        return "sandwich" if ends else "pre-norm"
    if ends:
        return "branch-end norm"
    if residual.source == "input":
        is_normed = residual.scope in order.fed_by_norm
    else:
        is_normed = order.ends_with_norm(_join(residual.scope, residual.source))
    return "post-norm" if is_normed else "no norm"


def _join(scope: str, path: str) -> str:
    return ".".join(part for part in (scope, path) if part)


def summary(counts: Counter[str]) -> str:
    """Return the layout that names a model: where most of its norms stand, with what else it has."""
    if not counts:
        return "no residual connection"
    positions = [name for name in POSITIONS if counts[name]]
    main = max(positions, key=lambda name: counts[name], default="")
    total = sum(counts[name] for name in (*POSITIONS, Kind.CONCAT.value, Kind.MULTI_STREAM.value))
    others = [name for name in LAYOUTS[len(POSITIONS) :] if 4 * counts[name] >= total]
    return ", ".join([main, *others] if main else others)
