"""Defects that need no diagram (RES007, RES008, RES011, RES012), placed where a diagram shows them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from archcheck.diff.drawn_edges import Drawn
from archcheck.diff.execution import Execution
from archcheck.diff.matching import Matches
from archcheck.diff.panel_calls import PanelCall
from archcheck.phrasing.module_paths import is_within
from archcheck.residual.defects import Defect


@dataclass(frozen=True, eq=False)
class PlacedDefect:
    """A defect in the call of a panel (or none), with the edges it explains and the sums it is about."""

    defect: Defect
    home: PanelCall | None
    edges: Mapping[PanelCall, tuple[Drawn, ...]]
    sinks: frozenset[int]


def without_used(execution: Execution, others: Sequence[Execution]) -> Execution:
    """Return the run without dropped branches whose result another mode uses (a training head)."""
    left = tuple(defect for defect in execution.defects if not any(_uses(other, defect) for other in others))
    return execution if len(left) == len(execution.defects) else replace(execution, defects=left)


def _uses(execution: Execution, defect: Defect) -> bool:
    if defect.code != "RES012":
        return False
    dropped = {path for other in execution.defects if other.code == "RES012" for path in other.modules}
    return all(execution.ran(path) and path not in dropped for path in defect.modules)


def sinks_of(execution: Execution) -> dict[Defect, frozenset[int]]:
    """Return for each defect the sums that it is about: both, if a source is added twice."""
    return {defect: _sinks(defect, execution) for defect in execution.defects}


def _sinks(defect: Defect, execution: Execution) -> frozenset[int]:
    if defect.code != "RES007":
        return frozenset([defect.sink])
    later = [join for join in execution.joins if join.sink == defect.sink]
    summed = {execution.value(read) for join in later for read in join.term}
    return frozenset([defect.sink, *(join.sink for join in execution.joins if join.sink in summed)])


def place_defects(
    execution: Execution,
    calls: Sequence[PanelCall],
    matches: Mapping[PanelCall, Matches],
    sinks: Mapping[Defect, frozenset[int]],
) -> Iterator[PlacedDefect]:
    """Yield each defect of a run.

    A module that is drawn but never called is left to a rule that sees all modes, and a module that a panel
    omits on purpose (`omit`) is not reported when its result is dropped.
    """
    drawn = {path for call in calls for paths in call.layer.boxes.values() for path in paths}
    omitted = {path for call in calls for path in call.layer.omitted}
    for defect in execution.defects:
        if defect.code == "RES012" and omitted.issuperset(defect.modules):
            continue
        is_never_called = defect.code == "RES012" and defect.sink < 0
        if not (is_never_called and drawn.issuperset(defect.modules)):
            about = {
                call: edges
                for call in calls
                if (edges := tuple(_edges(defect, call, matches[call], sinks[defect])))
            }
            yield PlacedDefect(defect, _home(defect, calls), about, sinks[defect])


def _edges(defect: Defect, call: PanelCall, matches: Matches, sinks: Collection[int]) -> Iterator[Drawn]:
    """Yield the drawn edges of a call that the defect is about."""
    boxes = boxes_of(defect, call)
    for drawn in call.drawn:
        joins, nearest = matches.exact.get(drawn.number, ()), matches.nearest.get(drawn.number)
        if joins:
            told = any(join.sink in sinks for join in joins)
        elif nearest is not None and nearest.join.sink in sinks:
            told = True
        else:
            told = drawn.solid and any(box in drawn.inside for box in boxes)
        if told:
            yield drawn


def boxes_of(defect: Defect, call: PanelCall) -> tuple[str, ...]:
    """Return the boxes of a panel whose modules the defect concerns."""
    return tuple(
        box
        for box, modules in call.layer.boxes.items()
        if any(
            is_within(module, path) or is_within(path, module)
            for module in modules
            for path in defect.modules
        )
    )


def _home(defect: Defect, calls: Sequence[PanelCall]) -> PanelCall | None:
    """Return the panel that shows the module with the defect; else the one with the closest box around it."""
    shown = [call for call in calls if defect.implemented_in in call.opened]
    if shown:
        return next((call for call in shown if boxes_of(defect, call)), shown[0])
    around = [
        (len(module), -place)
        for place, call in enumerate(calls)
        for modules in call.layer.boxes.values()
        for module in modules
        if is_within(defect.implemented_in, module)
    ]
    return calls[-max(around)[1]] if around else None
