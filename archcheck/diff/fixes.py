"""The edits that findings propose, so that a spec matches the code.

Each function returns a `Fix`, or None if it knows none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from archcheck.findings import Edit, Fix
from archcheck.spec.arranging import redrawn, without
from archcheck.spec.edges import edge_id, ends
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Box, Panel, ResidualEdge, Spec
from archcheck.spec.patching import flow_text
from archcheck.vocabulary import Claim, Region, claims
from archcheck.vocabulary.words import ROLES, label_of

Place = tuple[str | int, ...]

_NUMBER = re.compile(r"\d+")


def setting(place: Place, words: Iterable[tuple[str, object]]) -> Fix:
    """Return the fix that sets these keys of what is at `place`; None removes one."""
    return Fix(
        tuple(
            Edit("remove", (*place, key)) if value is None else Edit("set", (*place, key), flow_text(value))
            for key, value in words
        )
    )


# -- labels -------------------------------------------------------------------------------------------------


def relabelled(panel: str, box: str, value: Box, region: Region, said: Claim | None) -> Fix:
    """Return the fix that labels a box as what a region computes, not as what it `said`; its role follows."""
    words: list[tuple[str, object]] = [("label", _label(value.label or box, region, said))]
    if value.op:
        words = [("op", region.term.name)]
    role = ROLES.get(region.term.family)
    if value.role is not None and role is not None and role != value.role.value:
        words.append(("role", role))
    return setting(("panels", panel, "boxes", box), words)


def _label(text: str, region: Region, said: Claim | None) -> str:
    """Return the label with one of its claims replaced, or else a label of its own."""
    new = label_of(region, "")
    at = text.casefold().find(said.text) if said and len(claims(text)) > 1 else -1
    return f"{text[:at]}{new}{text[at + len(said.text) :]}" if said and at >= 0 else new


def renumbered(
    panel: str, box: str, text: str, actual: Sequence[int], holds: Callable[[str], bool]
) -> Fix | None:
    """Return the fix that changes as few numbers in the label as it takes for `holds` to be true."""
    label = next(filter(holds, _with_numbers(text, actual)), None)
    return setting(("panels", panel, "boxes", box), [("label", label)]) if label is not None else None


def _with_numbers(text: str, actual: Sequence[int]) -> Iterator[str]:
    """Yield the text with one of its numbers, then with several in a row, replaced by the actual ones."""
    places = [match.span() for match in _NUMBER.finditer(text)]
    runs = [[number] for number in dict.fromkeys(actual)]
    if len(actual) > 1:
        runs.append(list(actual))
    else:
        runs += [[actual[0]] * count for count in range(2, len(places) + 1)]
    for values in runs:
        for at in range(len(places) - len(values) + 1):
            changed = text
            for (start, end), value in reversed(list(zip(places[at:], values, strict=False))):
                changed = f"{changed[:start]}{value}{changed[end:]}"
            yield changed


# -- boxes and lines ----------------------------------------------------------------------------------------


def with_flow(name: str, panel: Panel, changed: Panel) -> Fix | None:
    """Return the panel with another's flow and edges; residual edges run from what is now first."""
    edits = _flow_edits(name, panel, changed)
    reach = Reachability(changed)
    for number, edge in enumerate(panel.residuals if edits else ()):
        if isinstance(edge.around, list):
            first, last = edge.around
            if not reach.leads(first, last) and reach.leads(last, first):
                place = ("panels", name, "residuals", number, "around")
                edits.append(Edit("set", place, flow_text([last, first])))
    return Fix(tuple(edits)) if edits else None


def with_box(
    name: str,
    panel: Panel,
    box: str,
    value: Mapping[str, object],
    before: Sequence[str],
    after: Sequence[str],
) -> Fix | None:
    """Return the panel with one more box, between its predecessors and its successors."""
    between = {(one, other) for one in before for other in after}
    drawn = [line for line in flow_edges(panel) if line not in between]
    lines = [*drawn, *((one, box) for one in before), *((box, other) for other in after)]
    names = list(panel.boxes)
    last = next((one for one in reversed(names) if one in before), names[-1])
    place = names.index(last) + 1
    boxes = {each: panel.boxes[each] for each in names[:place]}
    boxes |= {box: Box.model_validate(value), **panel.boxes}
    changed = redrawn(panel.model_copy(update={"boxes": boxes}), lines, box)
    if changed is None:
        return None
    added = Edit("set", ("panels", name, "boxes", box), flow_text(dict(value)), last)
    return Fix((added, *_flow_edits(name, panel, changed)))


def without_box(spec: Spec, name: str, box: str) -> Fix | None:
    """Return the panel without a box: its lines close the gap, the panel that opened it is gone."""
    panel = spec.panels[name]
    if len(panel.boxes) == 1:
        return None
    edits = [Edit("remove", ("panels", name, "boxes", box)), *_flow_edits(name, panel, without(panel, box))]
    gone = []
    for number, edge in enumerate(panel.residuals):
        words = _beside(edge, box, panel)
        if words is None:
            gone.append(number)
        elif words:
            edits += redrawn_edge(spec, name, number, words).edits
    for number in reversed(gone):
        edits += without_edge(spec, name, number).edits
    detail = panel.boxes[box].detail
    opening = [1 for each in spec.panels.values() for value in each.boxes.values() if value.detail == detail]
    if detail and len(opening) == 1 and spec.panels[detail].scope is None:
        edits.append(Edit("remove", ("panels", detail)))
    return Fix(tuple(edits))


def _beside(edge: ResidualEdge, box: str, panel: Panel) -> dict[str, object] | None:
    """Return an edge's new ends when a box is gone: {} if they stay, None if nothing is left of it."""
    lines = flow_edges(panel)
    previous = [one for one, other in lines if other == box]
    following = [other for one, other in lines if one == box]
    words: dict[str, object] = {}
    if box in edge.through:
        words["through"] = [each for each in edge.through if each != box] or None
    if edge.around is not None:
        first, last = edge.span
        if first == last == box:
            return None
        if box in (first, last) and (following if box == first else previous):
            left = (following[0], last) if box == first else (first, previous[0])
            words["around"] = left[0] if left[0] == left[1] else list(left)
    if edge.from_ == box:
        words["from"] = previous[0] if previous else "input"
    if edge.to == box:
        if not previous or previous[0] == edge.from_:
            return None
        words["to"] = previous[0]
    return words


def _flow_edits(name: str, panel: Panel, changed: Panel) -> list[Edit]:
    """Return the edits of `flow` and `edges` that turn the one panel into the other."""
    edits = []
    for key, old, new in (("flow", panel.flow, changed.flow), ("edges", panel.edges, changed.edges)):
        place: Place = ("panels", name, key)
        if new and new != old:
            edits.append(Edit("set", place, flow_text(new)))
        elif old and not new:
            edits.append(Edit("remove", place))
    return edits


def new_name(panel: Panel, wanted: str) -> str:
    """Return a box name that is not taken in the panel."""
    base = re.sub(r"[^A-Za-z0-9_-]+", "_", wanted).strip("_").lower() or "box"
    names = (base if not count else f"{base}_{count + 1}" for count in range(len(panel.boxes) + 2))
    return next(name for name in names if name not in panel.boxes and name != "input")


def new_box(region: Region | None, leaf: str, type_name: str = "", module: str = "") -> dict[str, Any]:
    """Return a new box for a region, or for a module whose term is unknown."""
    value: dict[str, Any] = {"label": label_of(region, leaf) if region else type_name}
    if module:
        value["module"] = module
    role = ROLES.get(region.term.family, "" if module else "operator") if region else ""
    return value | ({"role": role} if role else {})


# -- residual edges -----------------------------------------------------------------------------------------


def redrawn_edge(spec: Spec, name: str, number: int, words: Mapping[str, object]) -> Fix:
    """Return a residual edge with these keys (None: without), and every `realized_by` that names it."""
    edge = spec.panels[name].residuals[number]
    written = edge.model_dump(mode="json", by_alias=True, exclude_unset=True)
    changed = {key: value for key, value in words.items() if written.get(key) != value}
    fix = setting(("panels", name, "residuals", number), changed.items())
    new = ResidualEdge.model_validate(
        {key: value for key, value in {**written, **words}.items() if value is not None}
    )
    if edge_id(new) == edge_id(edge):
        return fix
    return Fix((*fix.edits, *_references(spec, name, edge, f"{name}.{edge_id(new)}")))


def without_edge(spec: Spec, name: str, number: int) -> Fix:
    """Return the panel without a residual edge and without the references to it."""
    edge = spec.panels[name].residuals[number]
    return Fix((*_references(spec, name, edge, None), Edit("remove", ("panels", name, "residuals", number))))


def _references(spec: Spec, name: str, edge: ResidualEdge, new: str | None) -> Iterator[Edit]:
    """Yield the new `realized_by` wherever one names the edge and no other edge has the same name."""
    called = {f"{name}.{edge_id(edge)}", f"{name}.{ends(edge)}"}
    others = [other for other in spec.panels[name].residuals if other is not edge]
    called -= {f"{name}.{word}" for other in others for word in (edge_id(other), ends(other))}
    for panel, value in spec.panels.items():
        for number, other in enumerate(value.residuals):
            if other.realized_by in called:
                yield from setting(("panels", panel, "residuals", number), [("realized_by", new)]).edits
