"""A picture without a spec: the outline of a traced model, in the same form as a spec, for the same drawing code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from archcheck.graph import Residual
from archcheck.spec.model import Spec

Module = tuple[str, str, int]
"""A module that ran: its path, the name of its type, and its place in the order of first calls."""

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")


def outline(residuals: Sequence[Residual], modules: Sequence[Module], title: str) -> Spec:
    """Return a spec that shows what a trace holds.

    One panel shows the model's children in the order in which they ran; modules that differ only in a number of
    their path and are of one type stand once, with ×N. A panel more shows each such repeated layer, and each
    other module, that executes residual connections. Residuals that can't be placed on the children of their
    panel are left out of the picture.
    """
    outliner = _Outliner(residuals, modules)
    panels = outliner.panels()
    data = {"title": title[:10_000], "model": {"target": "traced:model"}, "panels": panels}
    return Spec.model_validate(data)


class _Outliner:
    def __init__(self, residuals: Sequence[Residual], modules: Sequence[Module]) -> None:
        self.types = {path: kind for path, kind, _ in modules if path}
        self.order = {path: place for path, _, place in sorted(modules, key=lambda each: each[2], reverse=True)}
        self.repeats = Counter(_folded(path) for path in self.types)
        self.first: dict[str, str] = {}
        for path in sorted(self.types, key=lambda each: self.order[each]):
            self.first.setdefault(_folded(path), path)
        self.residuals: dict[str, list[Residual]] = {}
        for residual in residuals:
            if self._is_first(residual.implemented_in):
                self.residuals.setdefault(residual.implemented_in, []).append(residual)

    def panels(self) -> dict[str, Any]:
        """Return the model's panel, then one for each module that executes residuals, in order of calls."""
        scopes = ["", *sorted((path for path in self.residuals if path), key=lambda path: self.order.get(path, 0))]
        names = {scope: f"panel{number}" for number, scope in enumerate(scopes)}
        panels = {names[scope]: self._panel(scope, names) for scope in scopes}
        return {name: panel for name, panel in panels.items() if panel["boxes"]} or {"panel0": _empty()}

    def _panel(self, scope: str, names: dict[str, str]) -> dict[str, Any]:
        boxes: dict[str, Any] = {}
        of_module: dict[str, str] = {}
        for path in self._children(scope):
            name = f"box{len(boxes)}"
            of_module[path] = name
            local = path[len(scope) + 1 :] if scope else path
            repeat = self._repeat(scope, path)
            label = self.types[path] if repeat > 1 else f"{local}\n{self.types[path]}"
            boxes[name] = {"label": label[:10_000], "module": local[:200] or None}
            if repeat > 1:
                boxes[name]["repeat"] = repeat
            if path in names:
                boxes[name]["detail"] = names[path]
        title = f"{_folded(scope)} ({self.types.get(scope, '')})" if scope else "Model"
        edges = self._edges(scope, of_module)
        return {"title": title[:10_000], "boxes": boxes, "flow": list(boxes), "residuals": edges}

    def _children(self, scope: str) -> list[str]:
        """Return the modules to show in a panel: children, opened where they only hold numbered ones."""
        prefix = f"{scope}." if scope else ""
        shown: list[str] = []
        for path in sorted(self.types, key=lambda each: (self.order[each], each)):
            if not path.startswith(prefix) or path == scope or any(path.startswith(f"{top}.") for top in shown):
                continue
            if self._is_holder(path) or not self._is_first_in(scope, path):
                continue
            shown.append(path)
        return shown

    def _is_holder(self, path: str) -> bool:
        """Say whether the module only leads to others that are shown: a list, or what holds a list of layers."""
        return any(other.startswith(f"{path}.") and self._repeat(path, other) > 1 for other in self.types)

    def _is_first_in(self, scope: str, path: str) -> bool:
        return self._repeat(scope, path) == 1 or self.first[_folded(path)] == path or not self._is_first(scope)

    def _is_first(self, path: str) -> bool:
        return not path or self.first.get(_folded(path)) == path

    def _repeat(self, scope: str, path: str) -> int:
        """Return how many modules of the same type share the path but for numbers below the scope."""
        local = path[len(scope) :]
        if not _NUMBER.search(local.lstrip(".")):
            return 1
        pattern = scope + _folded(local.lstrip(".")) if not scope else f"{scope}.{_folded(local.lstrip('.'))}"
        kind = self.types[path]
        alike = [each for each, name in self.types.items() if name == kind and self._matches(scope, each, pattern)]
        return len(alike)

    def _matches(self, scope: str, path: str, pattern: str) -> bool:
        prefix = f"{scope}." if scope else ""
        return path.startswith(prefix) and prefix + _folded(path[len(prefix) :]) == pattern

    def _edges(self, scope: str, of_module: dict[str, str]) -> list[dict[str, Any]]:
        edges: list[dict[str, Any]] = []
        order = list(of_module.values())
        for residual in self.residuals.get(scope, ()):
            base = f"{residual.scope}." if residual.scope else ""
            boxes = {self._box(base + part, of_module) for part in residual.branch} - {None}
            inside = sorted(order.index(box) for box in boxes if box is not None)
            if not inside:
                continue
            edge = {"around": [order[inside[0]], order[inside[-1]]], "kind": residual.kind}
            if edge not in edges:
                edges.append(edge)
        return edges

    def _box(self, path: str, of_module: dict[str, str]) -> str | None:
        """Return the box that shows the module or one that contains it."""
        for shown, box in of_module.items():
            if path == shown or path.startswith(f"{shown}."):
                return box
        return None


def _folded(path: str) -> str:
    """Return the path with every number that is a component as `*`."""
    return _NUMBER.sub("*", path)


def _empty() -> dict[str, Any]:
    return {"title": "Model", "boxes": {"model": {"label": "model"}}, "flow": ["model"]}
