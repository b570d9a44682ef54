"""One panel of a draft: its boxes, the lines between them, and its residual connections."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from archcheck.diff.binding import BoundPanel
from archcheck.diff.boxes import undrawn_modules
from archcheck.diff.marks.adjacent import with_adjacent
from archcheck.diff.marks.routing import with_picked
from archcheck.diff.marks.territory import Reads, Territory, territory
from archcheck.diff.marks.values import Values
from archcheck.diff.panel_calls import PanelCall, panel_calls
from archcheck.drafting import words
from archcheck.drafting.choices import Choices
from archcheck.drafting.inputs import INPUT, MAIN, entries
from archcheck.drafting.kinds import natural, numbered, pattern_of
from archcheck.drafting.labels import called, plain
from archcheck.drafting.operations import operations
from archcheck.drafting.plan import Item, Sheet, moved, unused
from archcheck.drafting.residuals import edges
from archcheck.residual import Join
from archcheck.spec.edges import edge_id
from archcheck.spec.model import ResidualEdge
from archcheck.spec.patterns import matches
from archcheck.spec.ways import Line, arranged
from archcheck.vocabulary import Region
from archcheck.vocabulary.words import ROLES, sign

Data = dict[str, Any]


def skeleton(sheet: Sheet, values: Values, choices: Choices) -> Data:
    """Return the panel with a box for each of its modules, and nothing else."""
    plainly = choices.plain.get(sheet.kind, frozenset())
    base = values.execution.flow.calls[sheet.call].path
    boxes: dict[str, Data] = {}
    for item in sheet.items:
        shown = [moved(path, base, scope) for scope in sheet.scopes for path in item.paths]
        label, role = called(item, [path for path in shown if path in values.execution.modules], values)
        name = unused(words.name_of(_word(item) or label), {*boxes, INPUT})
        if name in plainly:
            label, role = plain(item.paths[0], item.calls[0], values), ""
        boxes[name] = {"label": label, **_modules(item, base, values), **({"role": role} if role else {})}
        boxes[name] |= {"detail": item.detail} if item.detail else {}
    return {"title": sheet.title, **_scope(sheet, values), "boxes": boxes}


def drawn(sheet: Sheet, data: Data, bound: BoundPanel, values: Values, choices: Choices) -> Data:
    """Return a panel's skeleton with what its own code computes, the lines and the residual edges."""
    call = next(panel_calls(bound, values.execution), None)
    if call is None:
        return data
    return _Drawing(data, call, values, choices.dropped.get(sheet.kind, frozenset())).panel()


class _Drawing:
    def __init__(self, data: Data, call: PanelCall, values: Values, dropped: frozenset[str]) -> None:
        self.data, self.call, self.values, self.dropped = data, call, values, dropped
        panel = call.panel
        self.anchors = with_adjacent(panel, territory(call.layer, call.frame, values))

    def panel(self) -> Data:
        joins = self.call.local
        sinks = {self.values.made(join.sink) for join in joins}
        found = operations(self.call.panel, self.anchors, sinks)
        boxes, ground = self._with_operations(found)
        lines = list(self._lines(ground, boxes))
        boxes, lines = self._with_inputs(ground, boxes, lines)
        residuals = self._residuals(joins, ground, boxes, lines)
        if lines:
            boxes = _tied(boxes, lines, residuals)
            residuals = self._residuals(joins, ground, boxes, lines)
            boxes = _tied(boxes, lines, residuals)
        aside = self._aside(ground, boxes, lines)
        data = {**self.data, "boxes": boxes, **_arranged(boxes, lines, residuals, aside)}
        if residuals:
            data["residuals"] = residuals
        base = self.call.layer.base
        loose = [
            path for box in self.data["boxes"] if box not in boxes for path in self.call.layer.bound(box)
        ]
        undrawn = [*undrawn_modules(self.call.layer, self.values.execution), *loose]
        omitted = [_relative(path, base) for path in dict.fromkeys(undrawn)]
        if omitted:
            data["omit"] = omitted
        return data

    def _residuals(
        self, joins: Sequence[Join], ground: Territory, boxes: Mapping[str, Data], lines: Sequence[Line]
    ) -> list[Data]:
        found = edges(joins, ground, list(boxes), lines)
        return [edge for edge in found if edge_id(ResidualEdge.model_validate(edge)) not in self.dropped]

    def _with_operations(self, found: Sequence[Region]) -> tuple[dict[str, Data], Territory]:
        """Return all boxes in the order in which they run, and the nodes of each."""
        boxes: dict[str, Data] = dict(self.data["boxes"])
        nodes: dict[str, Region] = {}
        ground = self.anchors
        for region in found:
            origins = ground.origins(ground.read_by(region.ops)).boxes
            name = words.operation_name(region, list(origins))
            name = unused(name, {*boxes, *nodes, INPUT})
            if name not in self.dropped:
                nodes[name] = region
                ground = ground.with_nodes({name: region.ops})
        ground = self.anchors.with_nodes({name: region.ops for name, region in nodes.items()})
        ground = with_picked(ground, {name: region.term.family for name, region in nodes.items()})
        for name, region in nodes.items():
            role = ROLES.get(region.term.family, "operator")
            boxes[name] = {"label": sign(region), "role": role}
        first = {box: owned[0] for box, owned in ground.nodes_of.items()}
        first |= {name: region.output for name, region in nodes.items()}
        last = len(self.values.recognition.flow.ops)
        ordered = sorted(boxes, key=lambda box: first.get(box, last))
        return {box: boxes[box] for box in ordered}, ground

    # -- lines ------------------------------------------------------------------------------------------

    def _lines(self, ground: Territory, boxes: Mapping[str, Data]) -> Iterator[Line]:
        """Yield the flows between boxes that pass no third one, except skip paths."""
        skips = self._skips
        order = {box: at for at, box in enumerate(boxes)}
        for box in boxes:
            entering = ground.entering(box, skips)
            origins = ground.origins(entering, without=skips, indices=False, hidden=True).boxes
            for other in sorted(origins, key=order.__getitem__):
                if order[other] < order[box]:
                    yield other, box

    @property
    def _skips(self) -> Reads:
        frame = self.call.frame
        return self.values.skip_reads(self.values.execution.joins_within(frame.first, frame.end))

    def _with_inputs(
        self, ground: Territory, boxes: dict[str, Data], lines: list[Line]
    ) -> tuple[dict[str, Data], list[Line]]:
        """Return boxes for the panel's inputs, if its first boxes do not make them clear."""
        is_model = self.call.bound.panel.scope == ""
        shown: dict[str, Data] = {}
        more: list[Line] = []
        for label, readers in entries(ground, boxes, lines, self._skips, is_model):
            name = unused(words.name_of(label), {*boxes, *shown, INPUT})
            if name not in self.dropped:
                shown[name] = {"label": label, "role": "input"}
                more += [(name, box) for box in readers]
        return {**shown, **boxes}, [*more, *lines]

    def _aside(self, ground: Territory, boxes: Mapping[str, Data], lines: Sequence[Line]) -> set[str]:
        """Return the boxes beside the main way: positions, masks, and a second stream that a block reads."""
        read = {other for _, other in lines}
        found = {box for box in boxes if boxes[box].get("role") in ("mask", "position") and box not in read}
        entering = [box for box in boxes if boxes[box].get("role") == "input"]
        if self.call.bound.panel.scope and any(boxes[box]["label"] != MAIN for box in entering):
            found |= set(entering)
        for box, data in boxes.items():
            sides = [one for one, other in lines if other == box]
            if "detail" not in data or len(sides) < 2:
                continue
            first = self.values.execution.flow.calls[self._call_of(box)].inputs[:1]
            main = ground.origins([self.values.made(node) for node in first]).boxes
            ahead = _before(main, lines)
            beside = _before([side for side in sides if side not in ahead], lines) - ahead
            if main and any("detail" in boxes[each] or boxes[each].get("role") == "input" for each in beside):
                found |= beside
        return found

    def _call_of(self, box: str) -> int:
        return self.values.execution.calls_by_path[self.call.layer.bound(box)[0]][0]


def _before(boxes: Iterable[str], lines: Sequence[Line]) -> set[str]:
    """Return the boxes, and all that lead to them."""
    pending, found = list(boxes), set(boxes)
    while pending:
        at = pending.pop()
        new = {one for one, other in lines if other == at} - found
        found |= new
        pending += new
    return found


def _tied(boxes: Mapping[str, Data], lines: Sequence[Line], residuals: Sequence[Data]) -> dict[str, Data]:
    """Return the boxes that a line or a skip path leads to."""
    ends = {box for line in lines for box in line}
    ends |= {box for edge in residuals for box in edge.get("through", ())}
    return {box: value for box, value in boxes.items() if box in ends}


# -- boxes of modules -----------------------------------------------------------------------------------


def _modules(item: Item, base: str, values: Values) -> Data:
    """Return the modules that a box stands for, as the spec names them, and their number."""
    modules, paths = values.execution.modules, item.paths
    if len(paths) == 1:
        times = {"repeat": len(item.calls)} if len(item.calls) > 1 else {}
        return {"module": _relative(paths[0], base), **times}
    pattern = pattern_of(paths, modules)
    if pattern and {name for name, _ in matches(pattern, modules)} == set(paths):
        return {"module": _relative(pattern, base), "repeat": len(paths)}
    return {"module": [_relative(path, base) for path in natural(paths)], "repeat": len(paths)}


def _arranged(
    boxes: Mapping[str, Data], lines: Sequence[Line], residuals: Sequence[Data], aside: Collection[str]
) -> Data:
    """Return the lines as `flow` and `edges`; boxes on a skip path are drawn by its residual edge."""
    skipping = {box for edge in residuals for box in edge.get("through", ())}
    kept = [line for line in lines if skipping.isdisjoint(line)]
    flow, rest = arranged([box for box in boxes if box not in skipping], kept, aside)
    return {**({"flow": flow} if len(boxes) > 1 and kept else {}), **({"edges": rest} if rest else {})}


def _word(item: Item) -> str:
    """Return the code's word for a module (for a stack, its list's); "" for one with only a number."""
    parts = item.paths[0].split(".")
    if len(item.paths) > 1:
        return parts[-2] if parts[-1].isdigit() and len(parts) > 1 else numbered(parts[-1]).rstrip("*_")
    if parts[-1].isdigit():
        return f"{parts[-2]}_{parts[-1]}" if item.detail and len(parts) > 1 else ""
    return parts[-1]


def _relative(path: str, base: str) -> str:
    return path[len(base) :].lstrip(".") if base else path


def _scope(sheet: Sheet, values: Values) -> Data:
    """Return the pattern of the modules that the panel shows, and the matches that it does not mean."""
    if len(sheet.scopes) == 1:
        return {"scope": sheet.scopes[0]}
    modules = values.execution.modules
    pattern = pattern_of(sheet.scopes, modules)
    if not pattern:
        return {"scope": sheet.scopes[0]}
    wrong = [name for name, _ in matches(pattern, modules) if name not in sheet.scopes]
    return {"scope": pattern, **({"except": wrong} if wrong else {})}
