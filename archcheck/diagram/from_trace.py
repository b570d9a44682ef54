"""A picture without a spec: the outline of a traced model, in a spec's form, for the same drawing code."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from archcheck.graph import Residual
from archcheck.spec.model import Spec

Module = tuple[str, str, int]
"""A module that ran: its path, the name of its type, and its place in the order of first calls."""

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
_LONGEST = 200


def outline(residuals: Sequence[Residual], modules: Sequence[Module], title: str) -> Spec:
    """Return a spec that shows what a trace holds; it is for drawing only.

    The first panel shows the model's children in the order in which they ran; layers that differ only in a
    number of their path and are of one type stand once, with ×N. One panel more shows each module that
    executes residual connections itself, for repeated layers the first. A residual whose branch has no box in
    its panel is left out.
    """
    outliner = _Outliner(residuals, modules)
    return Spec.model_validate(
        {"title": title[:1_000], "model": {"target": "traced:model"}, "panels": outliner.panels()}
    )


class _Outliner:
    def __init__(self, residuals: Sequence[Residual], modules: Sequence[Module]) -> None:
        self.types = {
            path: kind for path, kind, _ in sorted(modules, key=lambda each: (each[2], each[0])) if path
        }
        self.places = {path: place for place, path in enumerate(self.types)}
        self.residuals: dict[str, list[Residual]] = {}
        seen: set[str] = set()
        for residual in sorted(residuals, key=lambda each: self.places.get(each.implemented_in, -1)):
            owner = residual.implemented_in
            if owner in self.residuals or _folded(owner) not in seen:
                seen.add(_folded(owner))
                self.residuals.setdefault(owner, []).append(residual)

    def panels(self) -> dict[str, Any]:
        """Return the model's panel, then one for each module that executes residuals, in order of calls."""
        scopes = ["", *(path for path in self.residuals if path)]
        names = {scope: f"panel{number}" for number, scope in enumerate(scopes)}
        panels = {names[scope]: self._panel(scope, names) for scope in scopes}
        whole = {"title": "Model", "boxes": {"model": {"label": "model"}}}
        return {name: panel for name, panel in panels.items() if panel["boxes"]} or {"panel0": whole}

    def _panel(self, scope: str, names: dict[str, str]) -> dict[str, Any]:
        boxes: dict[str, Any] = {}
        box_of: dict[str, str] = {}
        for path, count in self._children(scope).items():
            name = box_of[path] = f"box{len(boxes)}"
            local = path[len(scope) :].lstrip(".")
            label = f"{local}\n{self.types[path]}" if count == 1 else self.types[path]
            details = [
                panel for inner, panel in names.items() if inner == path or inner.startswith(f"{path}.")
            ]
            boxes[name] = {"label": label[:1_000], "module": local[:_LONGEST]}
            boxes[name] |= {"repeat": count} if count > 1 else {}
            boxes[name] |= {"detail": details[0]} if details else {}
        title = f"{scope}: {self.types.get(scope, '')}" if scope else "Model"
        edges = self._edges(scope, box_of)
        aside = {box for edge in edges for box in edge["through"]}
        flow = [box for box in boxes if box not in aside]
        return {"title": title[:1_000], "boxes": boxes, "flow": flow, "residuals": edges}

    def _children(self, scope: str) -> dict[str, int]:
        """Return the modules to show, with how many each stands for: children, and layers out of lists."""
        prefix = f"{scope}." if scope else ""
        inside = [path for path in self.types if path.startswith(prefix) and path != scope]
        alike: dict[tuple[str, str], list[str]] = {}
        for path in inside:
            alike.setdefault((_folded(path[len(prefix) :]), self.types[path]), []).append(path)
        counts: dict[str, int] = {}
        for paths in alike.values():
            is_stack = len(paths) > 1 and self._is_stack(paths)
            counts |= {paths[0]: len(paths)} if is_stack else dict.fromkeys(paths, 1)
        layers = [path for path, count in counts.items() if count > 1 and path.rpartition(".")[2].isdecimal()]
        outermost = [path for path in layers if not any(path[:end] in layers for end in _dots(path))]
        holders = {path[:end] for path in outermost for end in _dots(path)}
        known = set(inside)
        shown: dict[str, int] = {}
        for path in inside:
            above = [path[:end] for end in _dots(path) if path[:end] in known]
            in_a_twin = any(
                each not in counts for each in above
            )  # in a later one of layers that stand as one box
            if (
                path in counts
                and path not in holders
                and not in_a_twin
                and not any(each in shown for each in above)
            ):
                shown[path] = counts[path]
        return shown

    def _is_stack(self, paths: list[str]) -> bool:
        """Say whether modules alike are layers of a stack: they have parts, or nothing else is between."""
        places = sorted(self.places[path] for path in paths)
        siblings = [path for path in self.types if path.rpartition(".")[0] == paths[0].rpartition(".")[0]]
        between = [path for path in siblings if places[0] < self.places[path] < places[-1]]
        has_parts = any(path.startswith(f"{paths[0]}.") for path in self.types)
        return has_parts or {self.types[path] for path in between} <= {self.types[paths[0]]}

    def _edges(self, scope: str, box_of: dict[str, str]) -> list[dict[str, Any]]:
        order = list(box_of.values())
        edges: list[dict[str, Any]] = []
        for residual in self.residuals.get(scope, ()):
            base = f"{residual.scope}." if residual.scope else ""
            branch = {self._box(base + part, box_of) for part in residual.branch} - {""}
            skip = {self._box(base + part, box_of) for part in residual.skip} - branch - {""}
            places = sorted(order.index(box) for box in branch)
            if places:
                around = [order[places[0]], order[places[-1]]]
                edge = {"around": around, "kind": residual.kind, "through": sorted(skip, key=order.index)}
                edges += [edge] if edge not in edges else []
        return edges

    def _box(self, path: str, box_of: dict[str, str]) -> str:
        """Return the box that shows the module or one around it, "" if there is none."""
        return next((box_of[path[:end]] for end in (*_dots(path), len(path)) if path[:end] in box_of), "")


def _folded(path: str) -> str:
    """Return the path with every component that is a number as `*`."""
    return _NUMBER.sub("*", path)


def _dots(path: str) -> list[int]:
    """Return where the paths of the enclosing modules end."""
    return [place for place, sign in enumerate(path) if sign == "."]
