"""A drawn residual edge, and how it relates to one that the code executed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from archcheck.binding import BoundPanel, Layer
from archcheck.execution import Execution
from archcheck.residual import Join
from archcheck.spec.edges import edge_id
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Panel, ResidualEdge, Role

_ON_A_SIDE = re.compile(r"norm|relu|elu|gelu|silu|swish|sigmoid|tanh|softplus|mish|activation", re.IGNORECASE)


class Side(Enum):
    """Where a box stands: on the branch, or outside of it, before its source or after its sink."""

    INSIDE = "inside"
    PARTLY = "partly"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class Drawn:
    """A residual edge of a panel: the boxes on its branch, and those that the flow has before and after."""

    panel: BoundPanel
    edge: ResidualEdge
    number: int
    inside: tuple[str, ...]
    before: frozenset[str]
    after: frozenset[str]

    @property
    def id(self) -> str:
        return edge_id(self.edge)


def drawn_edges(bound: BoundPanel) -> tuple[Drawn, ...]:
    """The residual edges of a panel, in the spec's order."""
    reach = Reachability(bound.panel)
    return tuple(
        _drawn(bound, edge, number, reach) for number, edge in enumerate(bound.panel.residuals)
    )


def _drawn(bound: BoundPanel, edge: ResidualEdge, number: int, reach: Reachability) -> Drawn:
    boxes = bound.panel.boxes
    order = [box for box in reach.order if box not in edge.through]
    if edge.around is not None:
        first, last = (edge.around, edge.around) if isinstance(edge.around, str) else edge.around
        inside = [box for box in order if reach.leads(first, box) and reach.leads(box, last)]
        firsts = [first]
    else:
        start, last = edge.from_ or "", edge.to or ""
        if start == "input" and "input" not in boxes:
            inside = [box for box in order if reach.leads(box, last) and boxes[box].role is not Role.INPUT]
            firsts = inside[:1]
        else:
            inside = [
                box for box in order if reach.leads(start, box) and reach.leads(box, last) and box != start
            ]
            firsts = [*inside[:1], start]
    before = {box for box in order if box not in inside and any(reach.leads(box, one) for one in firsts)}
    after = {box for box in order if box not in inside and reach.leads(last, box)}
    return Drawn(bound, edge, number, tuple(inside), frozenset(before), frozenset(after))


def branch_paths(join: Join, execution: Execution) -> tuple[str, ...]:
    """The absolute module paths of an executed branch."""
    return tuple(dict.fromkeys(execution.flow.calls[call].path for call in join.branch_calls))


def side(modules: Iterable[str], branch: Iterable[str]) -> Side:
    """Where a box with these modules stands in respect to an executed branch."""
    branch = tuple(branch)
    sides = {_side(module, branch) for module in modules}
    if sides == {Side.INSIDE}:
        return Side.INSIDE
    return Side.OUTSIDE if sides <= {Side.OUTSIDE} else Side.PARTLY


def _side(module: str, branch: tuple[str, ...]) -> Side:
    if any(is_within(module, path) for path in branch):
        return Side.INSIDE
    return Side.PARTLY if any(is_within(path, module) for path in branch) else Side.OUTSIDE


def is_within(path: str, above: str) -> bool:
    """Is `path` the module `above`, or inside it?"""
    return not above or path == above or path.startswith(f"{above}.")


def opened(layer: Layer) -> frozenset[str]:
    """The modules whose own forward this panel shows: its own, and those that it draws in parts."""
    found = set(layer.own)
    boxes = {module for modules in layer.boxes.values() for module in modules}
    for module in boxes:
        for own in layer.own:
            above = module.rpartition(".")[0]
            while above != own and is_within(above, own) and above:
                if not any(is_within(above, box) for box in boxes):
                    found.add(above)
                above = above.rpartition(".")[0]
    return frozenset(found)


def is_norm_or_activation(box: str, panel: Panel, layer: Layer, execution: Execution) -> bool:
    """Is it a box that a reader would put on one side of the add or the other?"""
    role = panel.boxes[box].role
    if role is not None:
        return role in (Role.NORM, Role.ACTIVATION)
    names = [execution.modules[path].type_name for path in layer.bound(box) if path in execution.modules]
    return bool(names) and all(_ON_A_SIDE.search(name) for name in names)


def bound_neighbours(panel: Panel, layer: Layer) -> tuple[tuple[str, str], ...]:
    """The flow between boxes that have modules, through those that have none."""
    following: dict[str, list[str]] = {}
    for one, other in flow_edges(panel):
        following.setdefault(one, []).append(other)

    def reached(box: str, seen: set[str]) -> list[str]:
        found = []
        for after in following.get(box, ()):
            if after in seen:
                continue
            seen.add(after)
            found += [after] if layer.bound(after) else reached(after, seen)
        return found

    return tuple((box, after) for box in panel.boxes if layer.bound(box) for after in reached(box, {box}))


def label(panel: Panel, box: str) -> str:
    """What a box is called in a message."""
    return " ".join((panel.boxes[box].label or box).split()) if box in panel.boxes else box


def describe(drawn: Drawn) -> str:
    """The drawn edge in words."""
    panel, edge = drawn.panel.panel, drawn.edge
    kind = f"{edge.kind.value} " if edge.kind else ""
    what = f"{edge.line.value} {kind}residual"
    if edge.around is not None:
        ends = [edge.around] if isinstance(edge.around, str) else list(dict.fromkeys(edge.around))
        around = " … ".join(label(panel, box) for box in ends)
        return f"{what} around {around}, from {entering(drawn)}"
    start = "the panel's input" if edge.from_ == "input" else f"the output of {label(panel, edge.from_ or '')}"
    return f"{what} from {start} to {label(panel, edge.to or '')}"


def entering(drawn: Drawn) -> str:
    """What the drawing has as the source of an edge that goes around boxes."""
    panel = drawn.panel.panel
    firsts = [box for box in drawn.inside[:1]]
    before = [one for one, other in flow_edges(panel) if other in firsts and one in drawn.before]
    before = [box for box in before if panel.boxes[box].role is not Role.INPUT]
    if not before:
        return f"the input of {panel_title(drawn.panel)}"
    return "what leaves " + " and ".join(label(panel, box) for box in before)


def panel_title(bound: BoundPanel) -> str:
    return " ".join((bound.panel.title or bound.name).split())


def names_of(layer: Layer, paths: Iterable[str]) -> str:
    """Module paths as a reader of the panel knows them: relative to its scope."""
    base = layer.base
    return ", ".join(
        path[len(base) + 1 :] if base and path.startswith(f"{base}.") else path for path in paths
    )


def boxes_inside(layer: Layer, branch: Iterable[str]) -> tuple[str, ...]:
    """The boxes of a panel that stand on an executed branch."""
    branch = tuple(branch)
    return tuple(box for box, paths in layer.boxes.items() if paths and side(paths, branch) is not Side.OUTSIDE)


def by_index(layers: Iterable[Layer]) -> Mapping[int | str | None, Layer]:
    return {layer.index: layer for layer in layers}
