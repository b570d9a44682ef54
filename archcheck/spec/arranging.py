"""From lines between boxes back to a panel's `flow` and `edges`: the inverse of `flow_edges`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from archcheck.spec.flow import find_cycle, flow_edges
from archcheck.spec.model import FlowItem, Panel

Line = tuple[str, str]


def redrawn(panel: Panel, lines: Iterable[Line], added: str = "") -> Panel | None:
    """The panel with exactly these lines, written as it was as far as that goes; None where they run in a
    circle. `added` is a box that its flow does not name yet."""
    wanted = tuple(dict.fromkeys(lines))
    if find_cycle(list(panel.boxes), wanted):
        return None
    flows: list[list[FlowItem]] = [panel.flow]
    if added:
        for one, other in wanted:
            if added in (one, other):
                flows.append(_placed(panel.flow, added, one if other == added else other, other == added))
    for flow in flows:
        changed = panel.model_copy(update={"flow": flow, "edges": panel.edges if flow is panel.flow else []})
        if _is(changed, wanted):
            return changed
        kept = set(flow_edges(panel.model_copy(update={"flow": flow, "edges": []}))) if flow else set()
        if flow and kept <= set(wanted):
            changed = panel.model_copy(
                update={"flow": flow, "edges": _edges(panel.edges, wanted, kept)}
            )
            if (not added or added in _names(flow) or not kept) and _is(changed, wanted):
                return changed
    if not panel.flow and panel.edges:
        changed = panel.model_copy(update={"edges": _edges(panel.edges, wanted, set())})
        if changed.edges and _is(changed, wanted):
            return changed
    flow = arranged(tuple(panel.boxes), wanted)
    kept = set(flow_edges(panel.model_copy(update={"flow": flow, "edges": []}))) if flow else set()
    return panel.model_copy(update={"flow": flow, "edges": _edges([], wanted, kept)})


def without(panel: Panel, box: str) -> Panel:
    """The panel without a box: what led to it leads to where it led."""
    boxes = {name: value for name, value in panel.boxes.items() if name != box}
    chains = [[name for name in chain if name != box] for chain in panel.edges]
    return panel.model_copy(
        update={
            "boxes": boxes,
            "flow": _pruned(panel.flow, box),
            "edges": [chain for chain in chains if len(chain) > 1],
        }
    )


def arranged(boxes: Sequence[str], lines: Sequence[Line]) -> list[FlowItem]:
    """A flow of boxes that has as many of these lines as one can write, and no other."""
    order = {box: place for place, box in enumerate(boxes)}
    graph = _Graph(order)
    for line in lines:
        graph.add(*line)
    while graph.in_series() or graph.beside() or graph.cut():
        pass
    chains = sorted(graph.chains.values(), key=lambda chain: -len(list(_names(chain))))
    lonely = [chain[0] for chain in chains[1:] if len(chain) == 1 and isinstance(chain[0], str)]
    named = {box for line in lines for box in line}
    lonely = [box for box in lonely if box not in named]
    return [[_part(chains[0]), *lonely]] if lonely else chains[0]


@dataclass
class _Graph:
    """Chains of a flow, and which leads to which; a chain is known by the first box of it as written."""

    order: dict[str, int]
    chains: dict[str, list[FlowItem]] = field(init=False)
    before: dict[str, set[str]] = field(init=False)
    after: dict[str, set[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.chains = {box: [box] for box in self.order}
        self.before = {box: set() for box in self.order}
        self.after = {box: set() for box in self.order}

    def add(self, one: str, other: str) -> None:
        self.after[one].add(other)
        self.before[other].add(one)

    def in_series(self) -> bool:
        """Join two chains of which one leads to the other alone, and nothing else does."""
        for one, following in self.after.items():
            if len(following) == 1 and self.before[other := next(iter(following))] == {one}:
                self.chains[one] += self.chains.pop(other)
                self.after[one] = self.after.pop(other)
                del self.before[other]
                for far in self.after[one]:
                    self.before[far] = self.before[far] - {other} | {one}
                return True
        return False

    def beside(self) -> bool:
        """Put chains beside each other that come from the same and lead to the same."""
        groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
        for name in self.chains:
            groups.setdefault((frozenset(self.before[name]), frozenset(self.after[name])), []).append(name)
        for (before, after), names in groups.items():
            if len(names) > 1 and (before or after):
                names.sort(key=lambda name: self.order[name])
                parts: list[FlowItem] = []
                for name in names:
                    part = _part(self.chains[name])
                    lists = len(self.chains[name]) == 1 and isinstance(part, list)
                    parts += part if lists and isinstance(part, list) else [part]
                for name in names[1:]:
                    self._remove(name)
                self.chains[names[0]] = [parts]
                return True
        return False

    def cut(self) -> bool:
        """Take out one line, which `edges` must have: one past others, else the last into several."""
        lines = [(one, other) for one in self.chains for other in self.after[one]]
        lines.sort(key=lambda line: (self.order[line[0]], self.order[line[1]]))
        if not lines:
            return False
        past = [line for line in lines if self._leads(*line)]
        side = [line for line in lines if not self.before[line[0]] and len(self.before[line[1]]) > 1]
        one, other = (past or side or [line for line in lines if len(self.before[line[1]]) > 1] or lines)[-1]
        self.after[one].discard(other)
        self.before[other].discard(one)
        return True

    def _leads(self, one: str, other: str) -> bool:
        """Is there a way from one to the other through third ones?"""
        pending, seen = [far for far in self.after[one] if far != other], set()
        while pending:
            name = pending.pop()
            if name == other:
                return True
            if name not in seen:
                seen.add(name)
                pending += self.after[name]
        return False

    def _remove(self, name: str) -> None:
        for other in self.before.pop(name):
            self.after[other].discard(name)
        for other in self.after.pop(name):
            self.before[other].discard(name)
        del self.chains[name]


def _is(panel: Panel, wanted: Sequence[Line]) -> bool:
    return set(flow_edges(panel)) == set(wanted)


def _part(chain: list[FlowItem]) -> FlowItem:
    return chain[0] if len(chain) == 1 else chain


def _names(items: Iterable[FlowItem]) -> Iterator[str]:
    for item in items:
        if isinstance(item, str):
            yield item
        else:
            yield from _names(item)


def _pruned(items: list[FlowItem], box: str) -> list[FlowItem]:
    kept = [_pruned(item, box) if isinstance(item, list) else item for item in items if item != box]
    return [item for item in kept if item != []]


def _placed(items: list[FlowItem], new: str, at: str, after: bool, is_chain: bool = True) -> list[FlowItem]:
    """The flow with a new box right after, or before, another one."""
    found: list[FlowItem] = []
    for item in items:
        if item == at:
            pair: list[FlowItem] = [at, new] if after else [new, at]
            found += pair if is_chain else [pair]
        else:
            found.append(_placed(item, new, at, after, not is_chain) if isinstance(item, list) else item)
    return found


def _edges(edges: Sequence[Sequence[str]], wanted: Sequence[Line], kept: set[Line]) -> list[list[str]]:
    """The chains that have the lines that the flow does not: as they were where they still hold, else new."""
    left = [line for line in wanted if line not in kept]
    found: list[list[str]] = []
    for chain in edges:
        part = list(chain[:1])
        for line in zip(chain, chain[1:], strict=False):
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
