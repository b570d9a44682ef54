"""Which operations of a frame belong to which box, and how values go from one to another."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from archcheck.dataflow.operations import GAUSSIAN
from archcheck.dataflow.queries import depends
from archcheck.dataflow.run import Call
from archcheck.diff.binding import Layer
from archcheck.diff.box_calls import BoxRun, Frame, opened
from archcheck.diff.marks.values import Values
from archcheck.phrasing.module_paths import is_within, parent

Reads = frozenset[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Origins:
    """Where values come from: boxes by the node read, the panel's inputs, and the nodes on the way."""

    boxes: Mapping[str, int]
    entered: frozenset[int]
    passed: frozenset[int]


@dataclass(frozen=True)
class Territory:
    """The nodes of one frame, and the box that each belongs to.

    `own` are the spans of nodes that the panel's own modules executed; `owner` has a box for each node that
    belongs to one; `hidden` are unowned nodes in modules with parameters that no box shows, or that are
    omitted on purpose (BOX002 covers them). `carried` has the boxes that stand for a value, by the node that
    makes it. `inputs` are what the own modules were given, in order, and `outputs` what they returned.
    """

    values: Values
    own: tuple[tuple[int, int], ...]
    owner: Mapping[int, str]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    hidden: frozenset[int] = frozenset()
    carried: Mapping[int, str] = field(default_factory=dict)

    def holds(self, node: int) -> bool:
        """Return whether the panel's own modules executed it."""
        at = bisect_left(self.own, (node + 1,)) - 1
        return at >= 0 and node < self.own[at][1]

    def unowned(self) -> list[int]:
        """Return the nodes, in order, that the panel shows but that belong to no box."""
        nodes = (node for first, end in self.own for node in range(first, end))
        return [node for node in nodes if node not in self.owner and node not in self.hidden]

    @cached_property
    def begun(self) -> frozenset[int]:
        """What begins in the panel and can be drawn as an input: noise, learned queries of a stream."""
        ops = self.values.recognition.flow.ops
        nodes = (node for first, end in self.own for node in range(first, end) if node not in self.owner)
        return frozenset(
            node
            for node in nodes
            if ops[node].name in GAUSSIAN or (ops[node].name == "attribute" and ops[node].depends_on_input)
        )

    @cached_property
    def nodes_of(self) -> Mapping[str, list[int]]:
        """The nodes of each box, in order."""
        found: dict[str, list[int]] = {}
        for node in sorted(self.owner):
            found.setdefault(self.owner[node], []).append(node)
        return found

    @cached_property
    def carried_by(self) -> Mapping[str, int]:
        """The nodes whose values boxes stand for."""
        return {box: node for node, box in self.carried.items()}

    def made_by(self, box: str) -> list[int]:
        """Return the nodes of a box, or the one whose value it stands for."""
        return self.nodes_of.get(box, []) or [self.carried_by[box]]

    def with_nodes(self, bound: Mapping[str, Iterable[int]]) -> Territory:
        """Return a copy in which further boxes own nodes."""
        owner = {**self.owner, **{node: box for box, nodes in bound.items() for node in nodes}}
        return replace(self, owner=owner)

    def entering(self, box: str, without: Reads = frozenset()) -> list[int]:
        """Return the nodes outside a box that it reads, or stands for; not the reads `without`."""
        if box in self.carried_by:
            return [self.carried_by[box]]
        return self.read_by(self.nodes_of.get(box, ()), without)

    def read_by(self, nodes: Iterable[int], without: Reads = frozenset()) -> list[int]:
        """Return the nodes outside a group that it reads."""
        group = frozenset(nodes)
        reads = (
            read for node in sorted(group) for read in self.values.reads(node) if (node, read) not in without
        )
        return [read for read in dict.fromkeys(reads) if read not in group]

    def origins(
        self,
        starts: Iterable[int],
        without: Reads = frozenset(),
        indices: bool = True,
        hidden: bool = False,
        box: str = "",
    ) -> Origins:
        """Return where the values of `starts`, which `box` reads, come from, past unowned nodes.

        `without` are reads that are not followed; nor are indices and conditions unless `indices`, nor what
        hidden modules make if `hidden`.
        """
        boxes: dict[str, int] = {}
        entered = set()
        pending = [node for node in starts if indices or self.values.carries_values(node)]
        seen = set(pending)
        while pending:
            node = pending.pop()
            carrying = self.carried.get(node, box)
            owner = carrying if carrying != box else self.owner.get(node)
            if owner is not None:
                boxes.setdefault(owner, node)
            elif hidden and node in self.hidden:
                continue
            elif not self.holds(node) or node in self.begun:
                entered.add(node)
            else:
                for read in self.values.reads(node):
                    if read in seen or (node, read) in without:
                        continue
                    if indices or self.values.carries_values(read):
                        seen.add(read)
                        pending.append(read)
        return Origins(boxes, frozenset(entered), frozenset(seen))

    def depends(self, reads: Iterable[int], goal: Iterable[int]) -> bool:
        """Return whether any of `reads` depends on, or is, any of `goal`, through whatever boxes."""
        return depends(reads, goal, self.values.reads)


def territory(layer: Layer, frame: Frame, values: Values) -> Territory:
    """Return the anchors: the nodes that the modules of each box executed in a frame."""
    calls = [
        call
        for path in layer.own
        for call in values.execution.calls(path)
        if frame.first <= call.first and call.end <= frame.end
    ]
    runs: dict[str, list[BoxRun]] = {}
    for occurrence in frame.occurrences:
        if layer.bound(occurrence.box):
            runs.setdefault(occurrence.box, []).extend(occurrence.runs)
    spans = [
        (*values.span(first, end), box)
        for box, each in runs.items()
        for run in each
        for first, end in run.spans
    ]
    owner: dict[int, str] = {}
    for first, end, box in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        owner |= dict.fromkeys(range(first, end), box)  # the smallest last: it is the closest
    owner = {node: box for node, box in owner.items() if not values.is_constant(node)}
    inputs = dict.fromkeys(values.made(read) for call in calls for read in call.inputs)
    outputs = dict.fromkeys(values.made(out) for call in calls for out in call.outputs)
    found = Territory(values, _own(calls, frame, values), owner, tuple(inputs), tuple(outputs))
    for box, each in runs.items():
        if sum(len(run.spans) for run in each) > 1:
            found = found.with_nodes({box: between(found, box)})
    return replace(found, hidden=_hidden(layer, found))


def _hidden(layer: Layer, found: Territory) -> frozenset[int]:
    flow, modules = found.values.recognition.flow, found.values.execution.modules
    shown = opened(layer)
    known: dict[str, bool] = {}

    def is_hidden(path: str) -> bool:
        if path not in known:
            known[path] = path not in shown and (
                path in layer.omitted
                or (path in modules and modules[path].has_parameters)
                or (any(is_within(parent(path), own) for own in layer.own) and is_hidden(parent(path)))
            )
        return known[path]

    return frozenset(
        node
        for node in found.unowned()
        if not found.values.is_constant(node) and is_hidden(flow.calls[flow.ops[node].call].path)
    )


def _own(calls: Sequence[Call], frame: Frame, values: Values) -> tuple[tuple[int, int], ...]:
    """Return the spans of nodes of the own modules, and what lies on paths between them."""
    spans = _merged(values.span(call.first, call.end) for call in calls)
    if len(spans) < 2:
        return spans
    owner = {node: "own" for first, end in spans for node in range(first, end)}
    within = Territory(values, (values.span(frame.first, frame.end),), owner, (), ())
    return _merged([*spans, *((node, node + 1) for node in between(within, "own"))])


def between(territory: Territory, box: str) -> list[int]:
    """Return the unowned nodes on paths from one operation of a box to another."""
    passed = territory.origins(territory.entering(box)).passed
    inside: set[int] = set()
    for node in sorted(passed):
        if node not in territory.owner and territory.holds(node):
            reads = territory.values.reads(node)
            if any(territory.owner.get(read) == box or read in inside for read in reads):
                inside.add(node)
    return sorted(inside)


def _merged(spans: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for first, end in sorted(spans):
        if found and first <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((first, end))
    return tuple(found)
