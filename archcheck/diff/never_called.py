"""Drawn modules that no mode ran (RES012): a layer skipped by a loop, a dropout that forward forgot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.diff import fixes
from archcheck.diff.binding import BoundPanel, Layer
from archcheck.diff.evidence import Evidence
from archcheck.diff.execution import Execution
from archcheck.diff.wording import Names, label, panel_title
from archcheck.findings import Finding
from archcheck.phrasing.module_paths import is_within, parent, parents

_Place = tuple[BoundPanel, Layer, str]
_Key = tuple[str, int | str | None, str, str]


def never_called(modes: Sequence[Evidence]) -> list[Finding]:
    """Return a finding per mode for what is drawn but never ran, unless the data may have decided that."""
    by_mode = [dict(_in_mode(evidence)) for evidence in modes]
    in_all = [key for key in by_mode[0] if all(key in found for found in by_mode)]
    return [found[key] for found in by_mode for key in in_all]


def _in_mode(evidence: Evidence) -> Iterator[tuple[_Key, Finding]]:
    for path, (bound, layer, box) in _places(evidence.panels).items():
        if _is_left_out(path, evidence.execution):
            key = bound.name, layer.index, box, path
            yield key, _finding(evidence, bound, layer, box, path)


def _places(panels: Sequence[BoundPanel]) -> dict[str, _Place]:
    """Return each drawn module with the panel that shows it, or with the box that shows the least besides."""
    places: dict[str, tuple[int, _Place]] = {}
    for bound in panels:
        for layer in bound.layers:
            for own in layer.own if not bound.details else ():
                places[own] = (0, (bound, layer, ""))
            for box, modules in layer.boxes.items():
                for path in modules if not bound.panel.boxes[box].inactive else ():
                    if path not in places or len(modules) < places[path][0]:
                        places[path] = (len(modules), (bound, layer, box))
    return {path: place for path, (_, place) in places.items()}


def _is_left_out(path: str, execution: Execution) -> bool:
    """Return whether its owner runs but never calls it, and not because of values."""
    owner = execution.running_owner(parent(path))
    if not all(execution.ran(above) for above in parents(path) if is_within(above, owner)):
        return False
    module = execution.modules[path]
    if execution.ran(path) or not path:
        return False
    if not module.mentioned:
        return True
    if not module.has_parameters:  # it may serve through another method than its forward
        return False
    return not any(
        call.first <= at <= call.end and any(execution.flow.ops[read].depends_on_input for read in reads)
        for call in execution.own_calls(owner)
        for at, reads in execution.flow.host_reads
    )


def _finding(evidence: Evidence, bound: BoundPanel, layer: Layer, box: str, path: str) -> Finding:
    execution = evidence.execution
    names = Names(layer, execution)
    what = label(bound.panel, box) if box else panel_title(bound)
    owner = execution.running_owner(parent(path))
    return Finding(
        "RES012",
        f"{what} is drawn, but {names.module(path)} never runs",
        bound.name,
        box,
        layer.indices,
        drawn=f"{'box' if box else 'panel'} {what}",
        traced=f"no code that ran in {names.module(owner)} calls it",
        spec=evidence.loaded.place("panels", bound.name, *(("boxes", box) if box else ("scope",))),
        location=execution.definition(owner),
        modes=(execution.mode,),
        note=bound.panel.boxes[box].note if box else bound.panel.note,
        fix=fixes.without_box(evidence.loaded.spec, bound.name, box) if box else None,
    )
