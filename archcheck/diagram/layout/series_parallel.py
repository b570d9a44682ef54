"""A panel as a tree: chains of stops and groups, with what runs beside them.

The flow of a panel is series-parallel: a chain holds stops and groups, a group holds chains side by side.
Residual edges put taps (where the skip path leaves) and sinks (where it joins) on the chains; what `edges`
adds becomes a side chain, or a rail where nothing stands on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from archcheck.connections import Kind
from archcheck.diagram.signs import JOIN, PLUS
from archcheck.diagram.theme import role_of
from archcheck.spec.model import FlowItem, Panel, Role


@dataclass(eq=False, slots=True)
class Stop:
    """A place on a chain. `what` is box, sink, tap, pass (an empty branch), input or output.

    `key` is the box's name, or a name made for the stop that no box can have (it begins with `:`).
    """

    key: str
    what: str = "box"
    kind: Kind = Kind.IDENTITY


@dataclass(eq=False, slots=True)
class Rail:
    """A line that runs straight up beside a chain: a residual's skip path or a plain extra edge.

    `edges` are the indices of the panel's residuals that it stands for (several around parallel boxes share
    one rail); `beads` are boxes on it. `tail` and `head` are keys of stops.
    """

    tail: str
    head: str
    edges: list[int] = field(default_factory=list)
    beads: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class SideChain:
    """Boxes beside a chain: from the stop `start` (or none) through `boxes` to the stop `end` (or none)."""

    boxes: tuple[str, ...]
    start: str | None
    end: str | None


@dataclass(eq=False, slots=True)
class Chain:
    """Stops and groups from input to output, and what runs beside them."""

    items: list[Stop | ParallelGroup] = field(default_factory=list)
    rails: list[Rail] = field(default_factory=list)
    sides: list[SideChain] = field(default_factory=list)


@dataclass(eq=False, slots=True)
class ParallelGroup:
    """Chains that stand side by side between two stops of their parent, level at the foot or at the top."""

    chains: list[Chain]
    level_top: bool = False


Place = tuple[tuple[Chain, int], ...]
"""Where a box stands: the chains that contain it, outermost first, each with the index of the item."""


def structure(panel: Panel) -> Chain | None:
    """Return the panel as a tree with stubs for input and output; None if edges lead on from a side box."""
    root = Chain()
    on_rails = {name for edge in panel.residuals for name in edge.through} - set(_flat(panel.flow))
    _fill(root, panel, on_rails)
    places = dict(_places(root, ()))
    if not _add_edges(root, panel, places):
        return None
    if not _Weaver(panel, root, places).weave():
        return None
    _add_stubs(root, panel)
    return root


def is_join(name: str, panel: Panel, kind: Kind) -> bool:
    """Say whether the box is an operator that the author drew for a sink of this kind."""
    box = panel.boxes[name]
    if role_of(name, box) is not Role.OPERATOR:
        return False
    label = (box.label or name).strip().lower()
    return label in (JOIN if kind is Kind.CONCAT else PLUS)


def ends(items: Sequence[Stop | ParallelGroup], *, last: bool) -> list[str]:
    """Return the keys of the stops that the items begin or, if `last`, end with; taps are passed over."""
    for item in reversed(items) if last else items:
        if isinstance(item, ParallelGroup):
            return [key for chain in item.chains for key in ends(chain.items, last=last)]
        if item.what != "tap":
            return [item.key]
    return []


def _fill(root: Chain, panel: Panel, on_rails: set[str]) -> None:
    passes = itertools.count()

    def chain(items: Sequence[FlowItem]) -> Chain:
        filled = Chain([each for item in items for each in placed(item)])
        return filled if filled.items else Chain([Stop(f":pass{next(passes)}", "pass")])

    def placed(item: FlowItem) -> list[Stop | ParallelGroup]:
        if isinstance(item, str):
            return [Stop(item)] if item in panel.boxes else []
        chains = [chain([branch] if isinstance(branch, str) else branch) for branch in item]
        return [ParallelGroup(chains, _alike_at_top(chains, panel))]

    root.items = chain(panel.flow or _spine(panel, on_rails)).items


def _alike_at_top(chains: list[Chain], panel: Panel) -> bool:
    """Say whether the branches end alike but begin differently, as experts do of which some are weighted."""

    def roles(index: int) -> set[Role]:
        stops = [chain.items[index] for chain in chains]
        return {_role(stop, panel) for stop in stops if isinstance(stop, Stop) and stop.key in panel.boxes}

    return len(roles(-1)) == 1 < len(roles(0))


def _spine(panel: Panel, on_rails: set[str]) -> list[FlowItem]:
    """Return the longest path of a panel without flow, or its boxes in order if it has no edges either."""
    after: dict[str, list[str]] = {}
    for chain in panel.edges:
        for tail, head in pairwise(chain):
            after.setdefault(tail, []).append(head)
    best: dict[str, list[str]] = {}

    def longest(name: str, above: frozenset[str]) -> list[str]:
        if name not in best:
            tails = [longest(head, above | {name}) for head in after.get(name, ()) if head not in above]
            best[name] = [name, *max(tails, key=len, default=[])]
        return best[name]

    if not panel.edges:
        return [name for name in panel.boxes if name not in on_rails]
    spine = max((longest(name, frozenset()) for name in panel.boxes), key=len)
    return [*spine]


def _places(chain: Chain, above: Place) -> Iterator[tuple[str, Place]]:
    for index, item in enumerate(chain.items):
        place = (*above, (chain, index))
        if isinstance(item, Stop):
            yield item.key, place
        else:
            for branch in item.chains:
                yield from _places(branch, place)


def _add_edges(root: Chain, panel: Panel, places: dict[str, Place]) -> bool:
    """Hang the chains of `edges` beside the flow; return whether each box has one place there."""
    aside: set[str] = set()
    for chain in panel.edges:
        names = [name for name in chain if name in panel.boxes]
        start: str | None = None
        boxes: list[str] = []
        for name in names:
            if name in aside:
                return False
            if name not in places:
                boxes.append(name)
                aside.add(name)
                continue
            _add_edge(root, places, start, boxes, name)
            start, boxes = name, []
        if boxes:
            _add_edge(root, places, start, boxes, None)
    beads = {name for edge in panel.residuals for name in edge.through}
    for name in panel.boxes:
        if name not in places and name not in aside and name not in beads:
            root.sides.append(SideChain((name,), None, None))
    return True


def _add_edge(
    root: Chain, places: dict[str, Place], start: str | None, boxes: list[str], end: str | None
) -> None:
    if not boxes:
        if start is not None and end is not None and not _adjacent(places.get(start), places.get(end)):
            root.rails.append(Rail(start, end))
        return
    anchored = [places[name] for name in (start, end) if name in places]
    chain = root
    if len(anchored) == 2 and anchored[0][-1][0] is anchored[1][-1][0]:
        chain = anchored[0][-1][0]
    chain.sides.append(SideChain(tuple(boxes), start, end))


def _adjacent(tail: Place | None, head: Place | None) -> bool:
    if tail is None or head is None:
        return False
    (tail_chain, low), (head_chain, high) = tail[-1], head[-1]
    return tail_chain is head_chain and high == low + 1


_FROM, _SINK, _AROUND = range(3)


@dataclass(slots=True)
class _Insertion:
    stop: Stop
    order: tuple[int, int, int]


class _Weaver:
    """Puts the taps and sinks of a panel's residual edges on its chains."""

    def __init__(self, panel: Panel, root: Chain, places: dict[str, Place]) -> None:
        self.panel, self.root, self.places = panel, root, places
        self.insertions: dict[tuple[int, int], list[_Insertion]] = {}
        self.chains = {id(chain): chain for place in places.values() for chain, _ in place} | {id(root): root}
        self.rails: dict[tuple[object, ...], Rail] = {}
        # Boxes that stand on a skip path already, or beside the flow.
        self.skipped = {name for edges in panel.edges for name in edges} - places.keys()

    def weave(self) -> bool:
        """Put them in; say whether all begin and end in the flow, and no box stands on two skip paths."""
        for number, plain in enumerate(self.root.rails):
            plain.tail = self._tap_after(plain.tail, f":out{number}")
        for chain in self.chains.values():
            for number, side in enumerate(chain.sides):
                if side.end is None and side.start in self.places:
                    side.start = self._tap_after(side.start, f":end{number}")
        for index, edge in enumerate(self.panel.residuals):
            ends = self._ends(index)
            if ends is None:
                return False
            chain, below, sink, is_output = ends
            curve = (id(below[0]), below[1], is_output, id(sink[0]), sink[1])
            shared = (*curve, edge.line, edge.kind, tuple(edge.through))
            rail = self.rails.get(shared)
            if rail is not None and not edge.label:
                rail.edges.append(index)
                continue
            span = sink[1] - below[1] if below[0] is sink[0] is chain else len(chain.items) + 1
            kind = edge.kind or Kind.IDENTITY
            order = (_FROM if is_output else _AROUND, -span, index)
            tail = self._insert(below, Stop(f":tap{index}", "tap"), order)
            head = self._joined(sink, kind, edge.to) or self._insert(
                sink, Stop(f":sink{index}", "sink", kind), (_SINK, span, index)
            )
            beads = tuple(
                name for name in edge.through if name in self.panel.boxes and name not in self.places
            )
            if len(set(beads)) < len(beads) or any(bead in self.skipped for bead in beads):
                return False
            self.skipped.update(beads)
            self.rails[shared] = Rail(tail, head, [index], beads)
            chain.rails.append(self.rails[shared])
        for (key, gap), insertions in sorted(self.insertions.items(), key=lambda each: -each[0][1]):
            stops: list[Stop | ParallelGroup] = [
                each.stop for each in sorted(insertions, key=lambda each: each.order)
            ]
            self.chains[key].items[gap:gap] = stops
        return True

    def _ends(self, index: int) -> tuple[Chain, tuple[Chain, int], tuple[Chain, int], bool] | None:
        """Return the common chain, the gaps (chain, index) of tap and sink, and if the tap is an output."""
        edge = self.panel.residuals[index]
        is_output = edge.around is None
        first, last = edge.span
        from_input = is_output and first == "input" and first not in self.panel.boxes
        if last not in self.places or (first not in self.places and not from_input):
            return None
        above_first: Place = ((self.root, 0),) if from_input else self.places[first]
        above_last = self.places[last]
        level = max(
            n for n in range(min(len(above_first), len(above_last))) if above_first[n][0] is above_last[n][0]
        )
        if level and not is_output:
            level = self._lifted(above_first, above_last, level)
        chain, low = above_first[level]
        high = above_last[level][1]
        if from_input:
            tap = (self.root, 1 if self._begins_with_input() else 0)
            is_output = False
        elif is_output:
            tap = (above_first[-1][0], above_first[-1][1] + 1)
        else:
            tap = (chain, low) if all(n == 0 for _, n in above_first[level + 1 :]) else above_first[-1]
        at_end = all(n == len(each.items) - 1 for each, n in above_last[level + 1 :])
        sink = (chain, high + 1) if at_end else (above_last[-1][0], above_last[-1][1] + 1)
        return chain, tap, sink, is_output

    def _tap_after(self, box: str, key: str) -> str:
        owner, place = self.places[box][-1]
        return self._insert((owner, place + 1), Stop(key, "tap"), (_FROM, -1, len(self.insertions)))

    def _begins_with_input(self) -> bool:
        first = self.root.items[0]
        return isinstance(first, Stop) and first.what == "box" and _role(first, self.panel) is Role.INPUT

    def _lifted(self, first: Place, last: Place, level: int) -> int:
        """Go up a level where several branches of a group each have a residual around the whole branch."""
        chain, low = first[level]
        if low != 0 or last[level][1] != len(chain.items) - 1:
            return level
        parent, index = first[level - 1]
        group = parent.items[index]
        assert isinstance(group, ParallelGroup)
        whole = sum(1 for branch in group.chains if self._is_spanned(branch))
        return level - 1 if whole > 1 else level

    def _is_spanned(self, branch: Chain) -> bool:
        names = [item.key for item in branch.items if isinstance(item, Stop)]
        return bool(names) and any(
            edge.around is not None and edge.span == (names[0], names[-1]) for edge in self.panel.residuals
        )

    def _joined(self, sink: tuple[Chain, int], kind: Kind, to: str | None) -> str | None:
        """Return the operator that the author drew for this sink: named by `to`, or after the last box."""
        chain, gap = sink
        if to is not None and is_join(to, self.panel, kind):
            return to
        for item in chain.items[gap : gap + 1]:
            if isinstance(item, Stop) and item.what == "box" and is_join(item.key, self.panel, kind):
                return item.key
        return None

    def _insert(self, gap: tuple[Chain, int], stop: Stop, order: tuple[int, int, int]) -> str:
        self.insertions.setdefault((id(gap[0]), gap[1]), []).append(_Insertion(stop, order))
        return stop.key


def _add_stubs(root: Chain, panel: Panel) -> None:
    if not root.items:
        return
    first, last = root.items[0], root.items[-1]
    if not _are_all(ends([first], last=False), Role.INPUT, panel):
        root.items.insert(0, Stop(":input", "input"))
    if not _are_all(ends([last], last=True), Role.OUTPUT, panel):
        root.items.append(Stop(":output", "output"))


def _are_all(keys: list[str], role: Role, panel: Panel) -> bool:
    return bool(keys) and all(key in panel.boxes and role_of(key, panel.boxes[key]) is role for key in keys)


def _role(stop: Stop, panel: Panel) -> Role:
    return role_of(stop.key, panel.boxes[stop.key])


def _flat(flow: Iterable[object]) -> Iterator[str]:
    for item in flow:
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            yield from _flat(item)
