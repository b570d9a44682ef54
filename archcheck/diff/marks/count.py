"""The verdict on every mark, from what each frame shows of it and from the findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence, Set

from archcheck.diff.execution import Execution
from archcheck.diff.label_numbers import counted
from archcheck.diff.marks.box_map import is_operation
from archcheck.diff.marks.claimed import NUMBERS, WIDTHS, claimed, detail_words
from archcheck.diff.marks.claims import ClaimCheck
from archcheck.diff.marks.entries import begins, ends
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.marks.lines import Line, Way
from archcheck.diff.wording import label
from archcheck.findings import Finding, Fix, Mark, MarkKind, Verdict
from archcheck.phrasing.module_paths import leaf
from archcheck.source_location import Location
from archcheck.spec.edges import edge_id
from archcheck.spec.flow import flow_edges
from archcheck.spec.load import LoadedSpec
from archcheck.spec.model import Panel
from archcheck.spec.patterns import matches
from archcheck.vocabulary import numbers

Key = tuple[str, MarkKind, str]
Evidence = tuple[Verdict, str]
"""A verdict with the reason for `not checked`."""

_KIND_OF_CODE = {
    "BOX001": MarkKind.BOX,
    "BOX007": MarkKind.BOX,
    "RES012": MarkKind.BOX,
    "BOX004": MarkKind.COUNT,
    "BOX005": MarkKind.NUMBER,
    "BOX006": MarkKind.CLAIM,
    "BOX003": MarkKind.LINE,
    "FLOW001": MarkKind.LINE,
}
_UNSETTLING = frozenset(["BOX001", "BOX002", "BOX003", "BOX007", "BOX008", "FLOW001", "FLOW002"])
_ABSENT = "it did not run"
_FIRST = (Verdict.REFUTED, Verdict.UNCHECKED, Verdict.PROVED, Verdict.OUTSIDE)


def marks(loaded: LoadedSpec, checks: Sequence[FrameCheck], findings: Sequence[Finding]) -> tuple[Mark, ...]:
    """Return every mark of a spec, in its order. `checks` are the frames of all modes."""
    refuted = _refuted(findings, checks)
    opened = {path for check in checks for path in check.call.layer.own}
    excepted = {path for path in _all_modules(checks) if _is_excepted(loaded, path)}
    found: list[Mark] = []
    for name, panel in loaded.spec.panels.items():
        own = [check for check in checks if check.call.bound.name == name]
        evidence: dict[Key, list[Evidence | None]] = {key: [] for key in _keys(name, panel)}
        unopened = _unopened(own, opened, excepted)
        evidence |= {(name, MarkKind.MODULES, box): [seen] for box, seen in unopened.items()}
        for check in own:
            for key, seen in _evidence(loaded, name, check):
                evidence.setdefault(key, []).append(seen)
        said = (MarkKind.CLAIM, MarkKind.NUMBER)
        for key in sorted(key for key in refuted if key[0] == name and key[1] in said):
            evidence.setdefault(key, [])
        for key, told in evidence.items():
            verdict, reason = _verdict(key, told, refuted)
            found.append(Mark(name, key[1], key[2], verdict, _place(loaded, panel, key), reason))
    return tuple(found)


def _all_modules(checks: Sequence[FrameCheck]) -> Set[str]:
    return {path for check in checks for paths in check.call.layer.boxes.values() for path in paths}


def _is_excepted(loaded: LoadedSpec, path: str) -> bool:
    return any(matches(pattern, [path]) for panel in loaded.spec.panels.values() for pattern in panel.except_)


def _unopened(checks: Sequence[FrameCheck], opened: Set[str], excepted: Set[str]) -> dict[str, Evidence]:
    """Return the boxes of several like modules of which panels open only some.

    What panels except is of a different kind, and need not be opened, unless it is built like the opened
    ones.
    """
    found: dict[str, Evidence] = {}
    for check in checks:
        modules = check.call.execution.modules
        for box, paths in check.call.layer.boxes.items():
            kinds = {modules[path].type_name for path in paths if path in opened}
            left = [path for path in paths if path not in opened and modules[path].type_name in kinds]
            if not excepted.isdisjoint(left):
                shown = {_built(path, check.call.execution) for path in opened if path in modules}
                left = [
                    path
                    for path in left
                    if path not in excepted or _built(path, check.call.execution) in shown
                ]
            if left:
                reason = f"no panel opens {len(left)} of its {len(paths)} modules, such as {left[0]}"
                found[box] = Verdict.UNCHECKED, reason
    return found


def _built(path: str, execution: Execution) -> str:
    """Return the types of a module and of all inside it."""
    inside = ",".join(f"{leaf(child)}={_built(child, execution)}" for child in execution.children(path))
    return f"{execution.modules[path].type_name}({inside})"


def _refuted(findings: Sequence[Finding], checks: Sequence[FrameCheck]) -> frozenset[Key]:
    """Return the marks that a finding is about, with the lines at the boxes and in the group it names."""
    found: set[Key] = set()
    for finding in findings:
        kind = _KIND_OF_CODE.get(finding.code, MarkKind.EDGE)
        found.add((finding.panel, kind, finding.edge))
    gone = {(panel, name) for panel, kind, name in found if kind is MarkKind.BOX}
    for check in checks:
        name = check.call.bound.name
        for line, way in check.lines.ways.items():
            at_gone = any((name, box) in gone for box in line)
            if way.is_wrong or (way is Way.UNKNOWN and at_gone):
                found.add((name, MarkKind.LINE, _arrow(line)))
    return frozenset(found)


def _keys(name: str, panel: Panel) -> Iterator[Key]:
    """Yield the marks that every panel has, whatever ran."""
    for box, value in panel.boxes.items():
        yield name, MarkKind.BOX, box
        if isinstance(value.repeat, int):
            yield name, MarkKind.COUNT, box
    for line in flow_edges(panel):
        yield name, MarkKind.LINE, _arrow(line)
    for edge in panel.residuals:
        yield name, MarkKind.EDGE, edge_id(edge)


def _evidence(loaded: LoadedSpec, name: str, check: FrameCheck) -> Iterator[tuple[Key, Evidence | None]]:
    """Yield what one frame shows of the panel's marks; None: nothing, which does not count against it."""
    panel = loaded.spec.panels[name]
    for box, value in panel.boxes.items():
        yield (name, MarkKind.BOX, box), _box(panel, box, check)
        if isinstance(value.repeat, int):
            yield (name, MarkKind.COUNT, box), (Verdict.PROVED, "")
        for claim in check.claims.get(box, ()):
            verdict = Verdict.UNCHECKED if claim.holds is None else Verdict.PROVED
            yield (name, MarkKind.CLAIM, box), (verdict, _unknown(claim) if claim.holds is None else "")
        for told in _numbers(loaded, panel, box, check):
            yield (name, MarkKind.NUMBER, box), told
    for line, way in check.lines.ways.items():
        yield (name, MarkKind.LINE, _arrow(line)), _line(panel, line, way, check)
    for edge in panel.residuals:
        yield (name, MarkKind.EDGE, edge_id(edge)), (Verdict.PROVED, "")


def _unknown(claim: ClaimCheck) -> str:
    if claim.detail:
        return f"the run does not show whether it is {claim.detail}"
    return f"nothing in it was recognised as {claim.claim.terms[0]}"


def _numbers(loaded: LoadedSpec, panel: Panel, box: str, check: FrameCheck) -> Iterator[Evidence]:
    """Yield what is known of each number in a box's label, except those that a finding is about."""
    call, modules = check.call, check.call.layer.bound(box)
    if modules:
        text, value = label(panel, box), panel.boxes[box]
        for each in counted(text, value, modules, call.execution, check.counted(box)):
            known = each.actual is not None
            yield Verdict.PROVED if known else Verdict.UNCHECKED, f"the model states no number of {each.noun}"
    chosen, said_of = check.placed.chosen.get(box), [claim.claim for claim in check.claims.get(box, ())]
    pairs = [(claim.claim, claim.computed) for claim in check.claims.get(box, ()) if claim.computed]
    if chosen is not None:
        said_of = list(claimed(panel, box))
        pairs += zip(said_of, chosen.regions, strict=False)
    for claim, region in pairs:
        for name, said in claim.details.items():
            if name in NUMBERS:
                yield _number(loaded, name, said, region.details.get(name))
    told = {name for claim in said_of for name in claim.details}
    if modules or chosen is not None:
        for name, said in numbers(label(panel, box)).items():
            if name not in told:
                yield _number(loaded, name, said, None)


def _number(loaded: LoadedSpec, name: str, said: object, actual: object) -> Evidence:
    if actual is None:
        return Verdict.UNCHECKED, f"{detail_words(name, said)} could not be determined"
    if name not in WIDTHS or loaded.spec.model.published or said == actual:
        return Verdict.PROVED, ""
    return (
        Verdict.UNCHECKED,
        f"the model that ran has {actual}; give the arguments of the full size under the model's published",
    )


def _box(panel: Panel, box: str, check: FrameCheck) -> Evidence | None:
    value, placed = panel.boxes[box], check.placed
    if value.outside:
        return Verdict.OUTSIDE, ""
    if begins(panel, box) or ends(panel, box):
        ways = {way for line, way in check.lines.ways.items() if box in line}
        if ways and ways <= {Way.OUTSIDE}:
            return Verdict.OUTSIDE, ""
        if Way.DIRECT in ways:
            return Verdict.PROVED, ""
        gone = any(other in placed.missing for line in check.lines.ways if box in line for other in line)
        if gone or any(way.is_wrong for way in ways):
            return Verdict.REFUTED, ""
        return Verdict.UNCHECKED, "no line connects it to a bound box"
    if placed.is_placed(box):
        return Verdict.PROVED, ""
    if not is_operation(panel, box):
        return (Verdict.PROVED, "") if check.stands_in(box) else None
    if box in placed.unclear:
        either = _either(box, check)
        return (
            Verdict.UNCHECKED,
            f"it could be {either}; choose one with op" if either else "no such operation was recognised",
        )
    if box in placed.unnamed:
        there = f", such as {check.instead[box].region.term.name}" if box in check.instead else ""
        return (
            Verdict.UNCHECKED,
            f"its label names no known operation; name one with op{there}, or write outside: true",
        )
    return (Verdict.REFUTED, "") if box in placed.missing else None


def _either(box: str, check: FrameCheck) -> str:
    candidates = [candidate.regions[-1] for candidate in check.placed.unclear[box]]
    return " or ".join(dict.fromkeys(f"{region.term.name} ({region.location})" for region in candidates))


def _line(panel: Panel, line: Line, way: Way, check: FrameCheck) -> Evidence | None:
    if way is Way.OUTSIDE:
        return Verdict.OUTSIDE, ""
    if way is Way.DIRECT:
        return Verdict.PROVED, ""
    if way is not Way.UNKNOWN:
        return Verdict.REFUTED, ""
    if any(check.stands_in(box) for box in line):
        return Verdict.PROVED, ""
    open_boxes = [box for box in line if box in check.placed.unnamed or box in check.placed.unclear]
    if open_boxes:
        return Verdict.UNCHECKED, f"{label(panel, open_boxes[0])} is not bound to an operation"
    return None


def _verdict(key: Key, seen: Iterable[Evidence | None], refuted: Set[Key]) -> Evidence:
    if key in refuted:
        return Verdict.REFUTED, ""
    told = [each for each in seen if each is not None]
    for verdict in _FIRST:
        for each in told:
            if each[0] is verdict:
                return verdict, each[1] if verdict is Verdict.UNCHECKED else ""
    return Verdict.UNCHECKED, _ABSENT


def _arrow(line: Line) -> str:
    return f"{line[0]}->{line[1]}"


def _place(loaded: LoadedSpec, panel: Panel, key: Key) -> Location:
    name, kind, mark = key
    if kind is MarkKind.EDGE:
        number = [edge_id(edge) for edge in panel.residuals].index(mark)
        return loaded.place("panels", name, "residuals", number)
    if kind is MarkKind.LINE:
        return loaded.place("panels", name, "flow")
    return loaded.place("panels", name, "boxes", mark)


def explained(checks: Iterable[FrameCheck], findings: Sequence[Finding]) -> frozenset[tuple[str, str]]:
    """Return the ambiguous boxes in panels with a finding on an operation or a line, which may be why.

    Likewise those without a place in panels that draw a box too often.
    """
    wrong = {each.panel for each in findings if each.code in _UNSETTLING}
    again = {each.panel for each in findings if each.code == "BOX004"}
    return frozenset(
        (name, box)
        for check in checks
        for name in [check.call.bound.name]
        for box in check.call.panel.boxes
        if (name in wrong and box in check.placed.unclear)
        or (name in again and not check.placed.is_placed(box))
    )


def unchecked(
    marks: Sequence[Mark],
    loaded: LoadedSpec,
    explained: Set[tuple[str, str]],
    fix: Callable[[Mark], Fix | None],
) -> Iterator[Finding]:
    """MARK001: in a strict spec each unchecked mark is a finding.

    Lines at an unchecked box are not, nor are boxes that other findings have `explained`, nor numbers in a
    label that is refuted. `fix` returns what would prove one.
    """
    unknown = {
        (mark.panel, mark.name)
        for mark in marks
        if mark.kind is MarkKind.BOX and mark.verdict is Verdict.UNCHECKED
    }
    false = {
        (mark.panel, mark.name)
        for mark in marks
        if mark.kind is MarkKind.CLAIM and mark.verdict is Verdict.REFUTED
    }
    for mark in marks:
        if mark.kind is MarkKind.NUMBER and (mark.panel, mark.name) in false:
            continue
        implied = mark.kind is MarkKind.LINE and any(
            (mark.panel, box) in unknown for box in mark.name.split("->")
        )
        known = mark.kind is MarkKind.BOX and (mark.panel, mark.name) in explained
        if mark.verdict is Verdict.UNCHECKED and not implied and not known:
            panel = loaded.spec.panels[mark.panel]
            one, _, other = mark.name.partition("->")
            shown = f"{label(panel, one)} → {label(panel, other)}" if other else label(panel, one)
            yield Finding(
                "MARK001",
                f"the {mark.kind.value} {shown} is not proved: {mark.reason}",
                mark.panel,
                mark.name,
                drawn=f"{mark.kind.value} {shown}",
                traced="not checked",
                spec=mark.spec,
                fix=fix(mark),
            )
