"""Findings on boxes: what is drawn against what the model has and ran (BOX001, BOX002, BOX004, BOX005)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow.run import Call
from archcheck.diff import fixes, mark_fixes
from archcheck.diff.binding import BoundPanel, Layer, suggestion
from archcheck.diff.evidence import Evidence
from archcheck.diff.execution import Execution
from archcheck.diff.label_numbers import Counted, counted, inside, numbered
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.settling import Settled
from archcheck.diff.wording import Names, label, times
from archcheck.findings import Finding, Fix
from archcheck.phrasing.module_paths import is_within, joined, sentence
from archcheck.rules.codes import RuleCode
from archcheck.source_location import Location
from archcheck.spec.flow import Reachability
from archcheck.spec.model import Panel
from archcheck.spec.patterns import matches


@dataclass(frozen=True, eq=False)
class _Boxes:
    """The boxes of one layer of a panel, in one mode, with the layer's calls."""

    evidence: Evidence
    bound: BoundPanel
    layer: Layer
    calls: tuple[PanelCall, ...]

    @property
    def panel(self) -> Panel:
        return self.bound.panel

    @property
    def execution(self) -> Execution:
        return self.evidence.execution

    @cached_property
    def names(self) -> Names:
        return Names(self.layer, self.execution)

    def finding(
        self,
        code: RuleCode,
        box: str,
        message: str,
        drawn: str,
        traced: str,
        location: Location | None,
        fix: Fix | None = None,
    ) -> Finding:
        """Make a finding; `box` is "" where none is drawn."""
        place: tuple[str, ...] = ("panels", self.bound.name)
        place += ("boxes", box) if box in self.panel.boxes else ()
        return Finding(
            code,
            message,
            self.bound.name,
            box,
            self.layer.indices,
            drawn=drawn,
            traced=traced,
            spec=self.evidence.loaded.place(*place),
            location=location,
            modes=(self.execution.mode,),
            note=self.panel.boxes[box].note if box in self.panel.boxes else "",
            fix=fix,
        )

    def on_branches_of(self, settled: Settled, *codes: RuleCode) -> frozenset[str]:
        """Return the boxes on the branches of edges that have a finding of these codes: it says enough."""
        told = {
            each.edge for each in settled.findings if each.panel == self.bound.name and each.code in codes
        }
        edges = [drawn for call in self.calls for drawn in call.drawn if drawn.id in told]
        return frozenset(box for drawn in edges for box in drawn.inside)

    def recognised(self, box: str) -> Mapping[str, int]:
        """Return the numbers of what was recognised in the box's modules, in their first call."""
        return self.evidence.frames[self.calls[0]].counted(box) if self.calls else {}

    def setting(self, box: str, **words: object) -> Fix:
        return fixes.setting(("panels", self.bound.name, "boxes", box), words.items())


def missing(boxes: _Boxes, _: Settled) -> Iterator[Finding]:
    """BOX001: a box names a module that the model does not have."""
    names, execution = boxes.names, boxes.execution
    for box, paths in boxes.layer.missing.items():
        said = label(boxes.panel, box)
        for path in paths:
            owner, shared = execution.running_owner(path), execution.same_module(path)
            message = f"{said} is drawn, but the model has no module {names.path(path)}"
            hint = sentence(suggestion(path, execution.modules), names.path)
            traced = f"{names.module(owner)} has no such module. {hint}".strip()
            if shared:
                message = (
                    f"{said} is drawn, but {names.path(path)} is {names.path(shared)} under another name"
                )
                traced = "the model holds one module as both: they share all of their parameters"
            yield boxes.finding(
                "BOX001",
                box,
                message,
                f"box {said} ({names.path(path)})",
                traced,
                execution.definition(owner),
                fixes.without_box(boxes.evidence.loaded.spec, boxes.bound.name, box),
            )


def undrawn(boxes: _Boxes, _: Settled) -> Iterator[Finding]:
    """BOX002: a module with parameters runs in what the panel shows, and no box stands for it."""
    for path in undrawn_modules(boxes.layer, boxes.execution) if boxes.calls else ():
        shown = boxes.names.path(path)
        type_name = boxes.execution.modules[path].type_name
        yield boxes.finding(
            "BOX002",
            "",
            f"{shown} ({type_name}) runs but is not drawn",
            "no box",
            f"{shown} has parameters and runs; draw it, or list it under the panel's omit",
            boxes.execution.location(path),
            mark_fixes.of_undrawn(boxes.evidence.frames[boxes.calls[0]], path),
        )


def undrawn_modules(layer: Layer, execution: Execution) -> list[str]:
    """Return the topmost modules inside what the panel shows that are not drawn and contain nothing drawn."""
    drawn = [path for paths in layer.boxes.values() for path in paths] + [*layer.omitted]
    found: list[str] = []

    def descend(path: str) -> None:
        for child in execution.children(path):
            if not execution.modules[child].has_parameters or child in drawn:
                continue
            if any(is_within(one, child) for one in drawn):
                descend(child)
            else:
                found.append(child)

    for own in layer.own:
        if own not in drawn or any(is_within(path, own) and path != own for path in drawn):
            descend(own)
    return [path for path in dict.fromkeys(found) if execution.ran(path)]


def repeats(boxes: _Boxes, settled: Settled) -> Iterator[Finding]:
    """BOX004: a wildcard matches, or a module runs, a different number of times than drawn."""
    told = boxes.on_branches_of(settled, "RES001", "RES002", "BOX004")
    for box, value in boxes.panel.boxes.items():
        paths = boxes.layer.bound(box)
        count, wildcards = len(paths), [name for name in value.modules if "*" in name]
        alike = len({boxes.execution.modules[path].type_name for path in paths}) == 1
        named = wildcards or (value.modules if count > 1 and alike else ())
        if isinstance(value.repeat, int) and named and count != value.repeat:
            container = joined(boxes.layer.base, named[0].partition("*")[0].rstrip("."))
            owner = boxes.execution.running_owner(container)
            yield boxes.finding(
                "BOX004",
                box,
                f"{label(boxes.panel, box)} is drawn ×{value.repeat}, but the model has {count}",
                f"×{value.repeat}",
                _matching(boxes, named, paths),
                boxes.execution.definition(owner),
                boxes.setting(box, repeat=count),
            )
        elif isinstance(value.repeat, int) and count and not named:
            yield from _calls(boxes, box, value.repeat)
        elif value.repeat is None and count == 1 and boxes.evidence.loaded.spec.strict and box not in told:
            yield from _calls_of_one(boxes, box, paths[0])


def drawn_again(boxes: _Boxes, _: Settled) -> Iterator[Finding]:
    """BOX004: boxes of one label that follow each other stand for a module that does not run as often."""
    panel, reach = boxes.panel, Reachability(boxes.panel)
    alike: dict[tuple[tuple[str, ...], str], list[str]] = {}
    for box in reach.order:
        alike.setdefault((boxes.layer.bound(box), label(panel, box)), []).append(box)
    for (paths, said), same in alike.items():
        drawn = [box for box in same if reach.leads(same[0], box)]
        ran = [_ran(boxes, call, paths[0]) for call in boxes.calls] if paths and len(drawn) > 1 else []
        runs = max(ran, key=len, default=[])
        if runs and len(runs) < len(drawn):
            yield boxes.finding(
                "BOX004",
                drawn[-1],
                f"{said} is drawn {times(len(drawn))} but runs {times(len(runs))}",
                f"drawn {times(len(drawn))}",
                f"{boxes.names.path(paths[0])} is called {times(len(runs))}",
                runs[-1].location,
                fixes.without_box(boxes.evidence.loaded.spec, boxes.bound.name, drawn[-1]),
            )


def _ran(boxes: _Boxes, call: PanelCall, path: str) -> list[Call]:
    frame, calls = call.frame, boxes.execution.own_calls(path)
    return [one for one in calls if frame.first <= one.first and one.end <= frame.end]


def _matching(boxes: _Boxes, named: Sequence[str], paths: Sequence[str]) -> str:
    """Return how many modules match, and which names for them are not modules of their own."""
    aliases = [alias for path in paths for alias in boxes.execution.modules[path].aliases]
    found = [match for name in named for match in matches(joined(boxes.layer.base, name), aliases)]
    shared = [boxes.names.path(alias) for alias, _ in found]
    count = "1 module matches" if len(paths) == 1 else f"{len(paths)} modules match"
    more = f"; {', '.join(shared)} {'is' if len(shared) == 1 else 'are'} the same under other names"
    return f"{count} {', '.join(named)}{more if shared else ''}"


def _calls_of_one(boxes: _Boxes, box: str, path: str) -> Iterator[Finding]:
    """Yield a finding where a module with parameters runs more often than a strict panel draws it."""
    same = [other for other in boxes.panel.boxes if path in boxes.layer.bound(other)]
    if same[0] != box or not boxes.execution.modules[path].has_parameters:
        return
    for call in boxes.calls:
        ran = [one for one in call.frame.occurrences if (one.box, one.name) == (box, path)]
        # Run again on the same tensor, it computes the same: nothing to draw.
        runs = list({run.inputs: run for one in ran for run in one.runs}.values())
        if len(runs) > 1:
            name = boxes.names.path(path)
            drawn = "once" if len(same) == 1 else times(len(same))
            yield boxes.finding(
                "BOX004",
                box,
                f"{label(boxes.panel, box)} is drawn {drawn} but runs {times(len(runs))}",
                f"drawn {drawn}",
                f"{name} is called {times(len(runs))}",
                runs[-1].location,
                boxes.setting(box, repeat=len(runs)) if len(same) == 1 else None,
            )


def _calls(boxes: _Boxes, box: str, repeat: int) -> Iterator[Finding]:
    path = boxes.layer.bound(box)[0]
    if any(numbered(held, boxes.execution) == repeat for held in inside([path], boxes.execution)):
        return  # a stack in one module
    for call in boxes.calls:
        ran = [one for one in call.frame.occurrences if one.box == box]
        runs = [run for one in ran if one.name == ran[0].name for run in one.runs]
        if runs and len(runs) != repeat:
            name = boxes.names.path(path)
            yield boxes.finding(
                "BOX004",
                box,
                f"{label(boxes.panel, box)} is drawn ×{repeat} but runs {times(len(runs))}",
                f"×{repeat}",
                f"{name} is called {times(len(runs))}",
                runs[0].location,
                boxes.setting(box, repeat=len(runs)),
            )


def opened_by(boxes: _Boxes, _: Settled) -> Iterator[Finding]:
    """BOX006: the panel that opens a box shows other modules than the box stands for."""
    for box, paths in boxes.layer.boxes.items():
        detail = boxes.panel.boxes[box].detail
        scope = boxes.evidence.loaded.spec.panels[detail].scope if detail else None
        shown = {own for bound in boxes.evidence.panels if bound.name == detail for own in _shown(bound)}
        related = any(is_within(own, path) or is_within(path, own) for own in shown for path in paths)
        if paths and shown and not related:
            said, names = label(boxes.panel, box), boxes.names
            yield boxes.finding(
                "BOX006",
                box,
                f"{said} is opened by the panel {detail}, but that panel shows other modules",
                f"{said} ({names.paths(paths)}), opened by {detail}",
                f"{detail} shows {scope or 'the model'}",
                boxes.execution.location(paths[0]),
            )


def _shown(bound: BoundPanel) -> Iterator[str]:
    for layer in bound.layers:
        yield from layer.own
        yield from (path for paths in layer.boxes.values() for path in paths)


def numbers(boxes: _Boxes, _: Settled) -> Iterator[Finding]:
    """BOX005: a label states a number of heads, experts or layers, but the model has a different one."""
    for box, modules in boxes.layer.boxes.items():
        said = label(boxes.panel, box)
        for wrong in _miscounts(boxes, box, said):
            yield boxes.finding(
                "BOX005",
                box,
                f"the label '{said}' says {wrong.said} {wrong.noun}, but the model has {wrong.actual}",
                f"{wrong.said} {wrong.noun}",
                sentence(wrong.where, boxes.names.path),
                boxes.execution.location(modules[0]),
                _renumbered(boxes, box, wrong),
            )


def _miscounts(boxes: _Boxes, box: str, text: str) -> list[Counted]:
    """Return the numbers in a label `text` that differ from those of the box's modules."""
    value, modules = boxes.panel.boxes[box], boxes.layer.bound(box)
    found = [counted(text, value, modules, boxes.execution, boxes.recognised(box))] if modules else []
    return [each for numbers in found for each in numbers if each.is_wrong]


def _renumbered(boxes: _Boxes, box: str, wrong: Counted) -> Fix | None:
    before = {each.noun for each in _miscounts(boxes, box, label(boxes.panel, box))}

    def holds(text: str) -> bool:
        left = {each.noun for each in _miscounts(boxes, box, text)}
        return left < before and wrong.noun not in left

    text, actual = boxes.panel.boxes[box].label or box, [wrong.actual] if wrong.actual is not None else []
    return fixes.renumbered(boxes.bound.name, box, text, actual, holds)


BOX_RULES: tuple[Callable[[_Boxes, Settled], Iterator[Finding]], ...] = (
    missing,  # BOX001
    undrawn,  # BOX002
    repeats,  # BOX004
    drawn_again,  # BOX004
    numbers,  # BOX005
    opened_by,  # BOX006
)
"""The rules on the boxes of a layer, independent of each other."""


def box_findings(evidence: Evidence, settled: Settled) -> Iterator[Finding]:
    """Yield the findings of the rules on the boxes of each layer of each panel."""
    for bound in evidence.panels:
        for layer in bound.layers:
            calls = evidence.calls_by_layer.get((bound.name, layer.base), ())
            boxes = _Boxes(evidence, bound, layer, calls)
            for rule in BOX_RULES:
                yield from rule(boxes, settled)
