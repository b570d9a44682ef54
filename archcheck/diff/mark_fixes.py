"""Fixes of the marks of one frame: labels, lines and boxes as the code has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archcheck.diff import fixes
from archcheck.diff.marks.claimed import contradiction, meets
from archcheck.diff.marks.claims import ClaimCheck
from archcheck.diff.marks.frame_check import FrameCheck
from archcheck.diff.marks.neighbours import neighbours
from archcheck.findings import Fix, Mark
from archcheck.phrasing.module_paths import leaf
from archcheck.spec.model import Spec
from archcheck.vocabulary import Region, claims
from archcheck.vocabulary.words import ROLES


def of_claim(check: FrameCheck, box: str, wrong: ClaimCheck) -> Fix | None:
    """Return the fix that makes a box say what its module computes: another number, or another term."""
    computed = wrong.computed
    place = ("panels", check.call.bound.name, "boxes", box)
    if wrong.looks == "inactive":
        return fixes.setting(place, [("inactive", None)])
    if computed is None or wrong.looks == "flaw":
        return None
    if wrong.looks:
        return fixes.setting(place, [("role", ROLES.get(computed.term.family))])
    name, value = check.call.bound.name, check.call.panel.boxes[box]
    actual = computed.details.get(wrong.detail) if wrong.is_number and not value.op else None
    numbers = [each for each in (actual if isinstance(actual, tuple) else (actual,)) if isinstance(each, int)]
    if numbers:

        def holds(label: str) -> bool:
            return _says(label, computed, wrong.detail)

        fix = fixes.renumbered(name, box, value.label or box, numbers, holds)
        if fix is not None:
            return fix
    return fixes.relabelled(name, box, value, computed, wrong.claim)


def _says(label: str, region: Region, detail: str) -> bool:
    """Return whether a label correctly names this detail of a region."""
    said = [claim for claim in claims(label) if meets(region, claim) and detail in claim.details]
    return any(not contradiction(region, claim, widths=True) for claim in said)


def of_missing(spec: Spec, check: FrameCheck, box: str) -> Fix | None:
    """Return the fix that makes a box say what the code computes in its place, or removes it."""
    name = check.call.bound.name
    if box in check.instead:
        return fixes.relabelled(name, box, check.call.panel.boxes[box], check.instead[box].region, None)
    return fixes.without_box(spec, name, box)


def of_left_out(check: FrameCheck, region: Region) -> Fix | None:
    """Return the fix that adds a box for an operation that no box shows."""
    return _added(check, frozenset(region.ops), fixes.new_box(region, ""), region.term.name)


def of_undrawn(check: FrameCheck, path: str) -> Fix | None:
    """Return the fix that adds a box for a module that no box shows."""
    frame, values, execution = check.call.frame, check.values, check.values.execution
    ran = {
        node
        for call in execution.calls(path)
        if frame.first <= call.first and call.end <= frame.end
        for node in range(*values.span(call.first, call.end))
    }
    nodes = frozenset(node for node in ran if not values.is_constant(node))
    if not nodes:
        return None
    base = check.call.layer.base
    module = path[len(base) + 1 :] if base else path
    regions = [
        region
        for node in sorted(nodes)
        for region in values.recognition.by_output.get(node, ())
        if not region.inside and ran.issuperset(op for op in region.ops if not values.is_constant(op))
    ]
    region = max(regions, key=lambda region: (len(region.ops), -region.output), default=None)
    value = fixes.new_box(region, leaf(path), execution.modules[path].type_name, module)
    return _added(check, nodes, value, leaf(path))


def _added(check: FrameCheck, nodes: frozenset[int], value: Mapping[str, object], wanted: str) -> Fix | None:
    panel, name = check.call.panel, check.call.bound.name
    before, after = neighbours(check, nodes)
    return fixes.with_box(name, panel, fixes.new_name(panel, wanted), value, before, after)


def of_unchecked(frames: Sequence[FrameCheck], mark: Mark) -> Fix | None:
    """Return the fix that makes an unchecked box say what its module computes, or what is in its place."""
    for check in frames:
        box, name = mark.name, check.call.bound.name
        if name != mark.panel or box not in check.call.panel.boxes:
            continue
        value = check.call.panel.boxes[box]
        for claim in check.claims.get(box, ()):
            if claim.holds is None and claim.computed is not None:
                return fixes.relabelled(name, box, value, claim.computed, claim.claim)
        if box in check.instead:
            place = ("panels", name, "boxes", box)
            return fixes.setting(place, [("op", check.instead[box].region.term.name)])
    return None
