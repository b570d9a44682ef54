"""A panel with other lines or without a box, with its `flow` and `edges` changed as little as possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from archcheck.spec.flow import Reachability, find_cycle, flow_edges
from archcheck.spec.model import FlowItem, Panel
from archcheck.spec.ways import Line, arranged


def redrawn(panel: Panel, lines: Iterable[Line], added: str = "") -> Panel | None:
    """Return the panel with these lines, written as before; None if they form a cycle. `added` is new."""
    wanted = tuple(dict.fromkeys(lines))
    if find_cycle(list(panel.boxes), wanted):
        return None
    flows = [
        _placed(panel.flow, added, one if other == added else other, other == added)
        for one, other in wanted
        if added and added in (one, other)
    ]
    flows.append(panel.flow)
    tries = [panel, *(_with_flow(panel, flow, wanted) for flow in flows if flow or panel.edges)]
    found = next((each for each in tries if set(flow_edges(each)) == set(wanted)), None)
    if found is not None:
        return found
    bare = panel.model_copy(update={"flow": [], "edges": [list(line) for line in wanted]})
    flow, edges = arranged(Reachability(bare).order, wanted)
    return panel.model_copy(update={"flow": flow, "edges": edges})


def _with_flow(panel: Panel, flow: list[FlowItem], wanted: Sequence[Line]) -> Panel:
    """Return the panel with a flow, and the rest as its `edges`."""
    kept = set(flow_edges(panel.model_copy(update={"flow": flow, "edges": []}))) if flow else set()
    return panel.model_copy(update={"flow": flow, "edges": _edges(panel.edges, wanted, kept)})


def exchanged(items: list[FlowItem], one: str, other: str) -> list[FlowItem]:
    """Return a flow in which two boxes are swapped."""
    places = {one: other, other: one}
    return [
        exchanged(item, one, other) if isinstance(item, list) else places.get(item, item) for item in items
    ]


def without(panel: Panel, box: str) -> Panel:
    """Return the panel without a box; what would lead nowhere leads to where it led."""
    boxes = {name: value for name, value in panel.boxes.items() if name != box}
    chains = [[name for name in chain if name != box] for chain in panel.edges]
    left = panel.model_copy(
        update={
            "boxes": boxes,
            "flow": _pruned(panel.flow, box),
            "edges": [chain for chain in chains if len(chain) > 1],
        }
    )
    lines = list(flow_edges(left))
    before = [one for one, other in flow_edges(panel) if other == box]
    after = [other for one, other in flow_edges(panel) if one == box]
    leading = {one for one, _ in lines}
    lines += [(one, other) for one in before if one not in leading for other in after]
    led_to = {other for _, other in lines}
    lines += [(one, other) for other in after if other not in led_to for one in before]
    return _with_flow(left, left.flow, lines) if panel.edges else left


def _pruned(items: list[FlowItem], box: str) -> list[FlowItem]:
    kept = [_pruned(item, box) if isinstance(item, list) else item for item in items if item != box]
    return [item for item in kept if item != []]


def _placed(items: list[FlowItem], new: str, at: str, after: bool, is_chain: bool = True) -> list[FlowItem]:
    """Return the flow with a new box right after, or before, another one."""
    found: list[FlowItem] = []
    for item in items:
        if item == at:
            pair: list[FlowItem] = [at, new] if after else [new, at]
            found += pair if is_chain else [pair]
        else:
            found.append(_placed(item, new, at, after, not is_chain) if isinstance(item, list) else item)
    return found


def _edges(edges: Sequence[Sequence[str]], wanted: Sequence[Line], kept: set[Line]) -> list[list[str]]:
    """Return the chains of the lines that the flow lacks: the old ones that still hold, then new ones."""
    left = [line for line in wanted if line not in kept]
    found: list[list[str]] = []
    for chain in edges:
        part = list(chain[:1])
        for line in pairwise(chain):
            if line in wanted:
                part.append(line[1])
                left = [other for other in left if other != line]
            else:
                found += [part] if len(part) > 1 else []
                part = [line[1]]
        found += [part] if len(part) > 1 else []
    while left:
        one, other = left.pop(0)
        part = [one, other]
        while following := next((line for line in left if line[0] == part[-1]), None):
            left.remove(following)
            part.append(following[1])
        found.append(part)
    return found
