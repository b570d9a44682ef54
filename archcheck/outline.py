"""A picture without a spec: the outline of a traced run, in a spec's form, for the same drawing code.

A panel shows one call of a module, its boxes the calls made in it, in order: a dropout that runs twice stands
twice. Layers that are built alike stand once, with ×N.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import count, pairwise
from typing import TYPE_CHECKING, Any

from archcheck.spec.model import Line, Spec

if TYPE_CHECKING:
    from archcheck.dataflow.run import Call
    from archcheck.residual import Join

_NUMBER = re.compile(r"(?<![^.])\d+(?![^.])")
_LONGEST = 200


def outline(calls: Sequence[Call], joins: Sequence[Join], title: str, depth: int = 1) -> Spec:
    """Return a spec that shows what a run executed; it is for drawing only.

    `calls` are the calls of the run as they began, the model's own first; `joins` its residual connections.
    The first panel shows the model. One panel more shows each module on the way to a residual connection and
    the one that contains it; of those built alike the first. `depth` 2 also opens the boxes in these panels,
    3 the boxes in those, and so on. A residual whose branch has no box in its panel is left out.
    """
    outliner = _Outliner(calls, joins)
    caption = "Boxes stand in the order in which they ran."
    fields = {"title": title[:1_000], "caption": caption, "model": {"target": "traced:model"}}
    return Spec.model_validate({**fields, "panels": outliner.panels(depth)})


class _Outliner:
    def __init__(self, calls: Sequence[Call], joins: Sequence[Join]) -> None:
        self.calls = calls
        self.inside: dict[int, list[int]] = {}
        for index, call in enumerate(calls):
            if index:
                self.inside.setdefault(call.parent, []).append(index)
        self.joins: dict[int, list[Join]] = {}
        for join in joins:
            self.joins.setdefault(self._scope(join), []).append(join)
        self.drawn: dict[str, dict[str, Any]] = {}
        self.known: dict[str, str] = {}
        self.numbers = count()

    def panels(self, depth: int) -> dict[str, Any]:
        """Return the model's panel and those that detail its boxes, each before what it opens."""
        self._open(0, depth, depth)
        panels = {name: panel for name, panel in self.drawn.items() if panel["boxes"]}
        titles = [panel["title"] for panel in panels.values()]
        for panel in panels.values():
            if titles.count(panel["title"]) > 1 and panel["scope"]:
                panel["title"] += f"\n{panel['scope']}"
        return panels or {"panel0": {"title": "Model", "boxes": {"model": {"label": "model"}}}}

    def _open(self, scope: int, depth: int, budget: int) -> str:
        """Draw the panel of a call and return its name; that of an equal one where there is one already."""
        name = f"panel{next(self.numbers)}"
        self.drawn[name] = {}  # holds the place before the panels that it opens
        groups: list[tuple[list[int], str]] = []
        for group in self._groups(scope):
            detail = self._detail(group[0], depth, budget)
            if detail and groups and groups[-1][1] == detail and self._is_next(groups[-1][0], group):
                groups[-1][0].extend(group)
            else:
                groups.append((group, detail))
        box_of = {call: f"box{number}" for number, (group, _) in enumerate(groups) for call in group}
        boxes = {box_of[group[0]]: self._box(scope, group, detail) for group, detail in groups}
        call = self.calls[scope]
        panel = {"title": call.type_name[:_LONGEST], "boxes": boxes, **self._edges(scope, box_of)}
        meaning = json.dumps(panel)
        only = next(iter(boxes.values()), {})
        if meaning in self.known:
            del self.drawn[name]
        elif (
            len(boxes) == 1
            and scope
            and scope not in self.joins
            and "detail" in only
            and "repeat" not in only
        ):
            del self.drawn[name]  # nothing but a way to what its one box opens
            self.known[meaning] = only["detail"]
        else:
            self.drawn[name] = {**panel, "scope": call.path[:_LONGEST]}
            self.known[meaning] = name
        return self.known[meaning]

    def _detail(self, call: int, depth: int, budget: int) -> str:
        """Open a call where that is wanted; return the panel's name, or ""."""
        if self._is_way(call):
            return self._open(call, depth, depth)
        return self._open(call, depth, budget - 1) if budget > 1 and self._has_parts(call) else ""

    def _has_parts(self, call: int) -> bool:
        return len(list(self._groups(call))) > 1

    def _is_next(self, before: list[int], group: list[int]) -> bool:
        """Say whether the calls are of layers of one stack: what opens alike stands as one."""
        stacks = {(_folded(self.calls[call].path), self.calls[call].type_name) for call in (*before, *group)}
        return len(stacks) == 1

    def _box(self, scope: int, group: list[int], detail: str) -> dict[str, Any]:
        call, above = self.calls[group[0]], self.calls[scope].path
        local = call.path.removeprefix(above).lstrip(".")
        label = call.type_name if len(group) > 1 else f"{local}\n{call.type_name}"
        box: dict[str, Any] = {"label": label[:1_000], "module": local[:_LONGEST] or None}
        box |= {"repeat": len(group)} if len(group) > 1 else {}
        return box | ({"detail": detail} if detail else {})

    def _groups(self, scope: int) -> Iterator[list[int]]:
        """Yield the calls to show in a panel, in order; those that stand as one box together."""
        shown = list(self._shown(scope, scope))
        alike: dict[tuple[object, ...], list[int]] = {}
        for call in shown:
            alike.setdefault(self._kind(call), []).append(call)
        for call in shown:
            group = alike[self._kind(call)]
            if not self._is_stack(group, shown):
                yield [call]
            elif call == group[0]:
                yield group

    def _shown(self, call: int, scope: int) -> Iterator[int]:
        """Yield the calls in a call; a mere holder of what matters is passed through.

        So is one that executes the sum of a residual connection which begins outside of it.
        """
        sinks = {self._below(join.sink_call, call) for join in self.joins.get(scope, ())}
        layers = {each for group in self._alike(call) for each in group}
        for inner in self.inside.get(call, ()):
            holds = self._is_way(inner) and inner not in self.joins and inner not in layers
            if (holds or inner in sinks) and self.inside.get(inner):
                yield from self._shown(inner, scope)
            else:
                yield inner

    def _alike(self, call: int) -> Iterator[list[int]]:
        """Yield the layers of each stack that a call runs."""
        alike: dict[tuple[object, ...], list[int]] = {}
        for inner in self.inside.get(call, ()):
            path = _folded(self.calls[inner].path)
            if path.endswith("*"):
                alike.setdefault((path, self.calls[inner].type_name), []).append(inner)
        yield from (group for group in alike.values() if len(group) > 1)

    def _is_stack(self, group: list[int], shown: list[int]) -> bool:
        """Say whether calls alike are layers: they have parts, or are numbered with nothing between them."""
        if len(group) == 1:
            return False
        if self.inside.get(group[0]):
            return True
        numbered = len({self.calls[call].path for call in group}) == len(group)
        return numbered and all(shown.index(b) == shown.index(a) + 1 for a, b in pairwise(group))

    def _kind(self, call: int) -> tuple[object, ...]:
        """Return what calls of layers that are built alike have in common."""
        return (_folded(self.calls[call].path), self._parts[call])

    @cached_property
    def _parts(self) -> list[frozenset[tuple[str, str]]]:
        """For each call, the paths and types of the modules that ran in it, whatever their numbers."""
        parts = [{(_folded(call.path), call.type_name)} for call in self.calls]
        for index in range(len(self.calls) - 1, 0, -1):
            parts[self.calls[index].parent] |= parts[index]
        return [frozenset(each) for each in parts]

    @cached_property
    def _ways(self) -> frozenset[int]:
        """The calls in which, or somewhere below which, there is a residual connection."""
        found: set[int] = set()
        for call in self.joins:
            while call not in found and call >= 0:
                found.add(call)
                call = self.calls[call].parent
        return frozenset(found)

    def _is_way(self, call: int) -> bool:
        return call in self._ways

    def _scope(self, join: Join) -> int:
        """Return the call of the module that contains the whole residual connection."""
        call = join.sink_call
        while call > 0 and self.calls[call].path != join.residual.scope:
            call = self.calls[call].parent
        return max(call, 0)

    def _below(self, call: int, above: int) -> int:
        """Return the call right below `above` in which `call` ran, or -1."""
        while call > 0 and self.calls[call].parent != above:
            call = self.calls[call].parent
        return call if call > 0 else -1

    def _edges(self, scope: int, box_of: dict[int, str]) -> dict[str, Any]:
        """Return the panel's flow and residual edges: dashed where a module in it executes the sum."""
        order = list(dict.fromkeys(box_of.values()))
        edges: dict[str, dict[str, Any]] = {}
        for join in self.joins.get(scope, ()):
            branch = {box for call in join.branch_calls for box in self._boxes(call, box_of)}
            on_skip = {box for call, box in box_of.items() if self._is_on_skip_path(call, scope, join)}
            if not branch:
                continue
            places = sorted(order.index(box) for box in branch)
            edge: dict[str, Any] = {"around": [order[places[0]], order[places[-1]]]}
            edge |= {"kind": join.residual.kind, "through": sorted(on_skip - branch, key=order.index)}
            if join.sink_call != scope:
                path = self.calls[join.sink_call].path.removeprefix(self.calls[scope].path).lstrip(".")
                edge |= {"line": Line.DASHED, "label": f"in {path}"[:_LONGEST]}
            meaning = json.dumps(edge)
            if meaning in edges:  # layers that stand as one box have one each
                edges[meaning]["label"] = "each"
            else:
                edges[meaning] = edge
        aside = {box for edge in edges.values() for box in edge["through"]}
        return {"flow": [box for box in order if box not in aside], "residuals": list(edges.values())}

    def _is_on_skip_path(self, call: int, scope: int, join: Join) -> bool:
        base = f"{self.calls[scope].path}." if self.calls[scope].path else ""
        path = self.calls[call].path
        return any(f"{path}.".startswith(f"{base}{part}.") for part in join.residual.skip)

    def _boxes(self, call: int, box_of: dict[int, str]) -> list[str]:
        """Return the box in which a call ran, or the boxes of what ran in it."""
        at = call
        while at > 0 and at not in box_of:
            at = self.calls[at].parent
        if at in box_of:
            return [box_of[at]]
        return [box for inner in self.inside.get(call, ()) for box in self._boxes_within(inner, box_of)]

    def _boxes_within(self, call: int, box_of: dict[int, str]) -> list[str]:
        if call in box_of:
            return [box_of[call]]
        return [box for inner in self.inside.get(call, ()) for box in self._boxes_within(inner, box_of)]


def _folded(path: str) -> str:
    """Return the path with every component that is a number as `*`."""
    return _NUMBER.sub("*", path)
