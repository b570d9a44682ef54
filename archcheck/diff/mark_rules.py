"""Findings on labels, lines and boxes without a module (BOX003, BOX005 to BOX008, FLOW001, FLOW002)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from archcheck.diff import line_fixes, mark_fixes
from archcheck.diff.evidence import Evidence
from archcheck.diff.execution import is_torchs_own
from archcheck.diff.marks.claimed import WIDTHS, detail_words
from archcheck.diff.marks.claims import ClaimCheck
from archcheck.diff.marks.frame_check import FrameCheck, check_frame
from archcheck.diff.marks.lines import INPUT, Line, Way
from archcheck.diff.marks.values import Values
from archcheck.diff.marks.wrong_lines import WrongLines, wrong_lines
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.settling import Settled
from archcheck.diff.wording import label
from archcheck.findings import Finding, Fix
from archcheck.rules.codes import RuleCode
from archcheck.source_location import Location
from archcheck.spec.load import LoadedSpec
from archcheck.vocabulary import TERMS, Family, Region

_LEAVES_LINES = frozenset(["RES003", "RES006", "RES007", "RES008", "RES011"])
"""Findings with these codes do not affect the lines between boxes."""


def mark_findings(evidence: Evidence, settled: Settled) -> Iterator[Finding]:
    """Yield what is wrong with labels, lines and boxes without a module, unless another finding covers it."""
    told = {(each.panel, each.edge, each.layers): each.code for each in settled.findings}
    panels: dict[str, dict[FrameCheck, Set[str]]] = {}
    for call, check in evidence.frames.items():
        ignored = {one.box for one in call.frame.occurrences if call.token(one) in settled.misplaced}
        ignored |= set(call.layer.missing)
        for drawn in call.drawn:
            code = told.get((call.bound.name, drawn.id, call.layer.indices))
            if (call, drawn.number) in settled.unseen:
                ignored |= {*drawn.inside, *drawn.ends}
            if code is not None and code not in _LEAVES_LINES:
                ignored |= {*(() if code == "RES001" else drawn.inside), *drawn.ends}
        panels.setdefault(call.bound.name, {})[check] = ignored
    flawed = _flawed_attentions(evidence.frames.values())
    for frames in panels.values():
        known = _known(list(frames))
        for check in frames:
            yield from _Telling(evidence.loaded, check).on_boxes(known, flawed)
        for wrong in wrong_lines(frames):
            for check in wrong.frames:
                yield _Telling(evidence.loaded, check).on_lines(wrong)


def _flawed_attentions(checks: Iterable[FrameCheck]) -> list[Region]:
    """Return the attentions with a flaw that boxes of their own stand for."""
    claims = (claim for check in checks for each in check.claims.values() for claim in each)
    return [
        claim.computed
        for claim in claims
        if claim.looks == "flaw" and claim.computed is not None and _is_of_attention(claim)
    ]


def _is_of_attention(claim: ClaimCheck) -> bool:
    return any(TERMS[term].family is Family.ATTENTION for term in claim.claim.terms)


@dataclass(frozen=True, slots=True)
class _Known:
    """The boxes that a panel shows in some of its frames, and those by term and line of code."""

    boxes: Set[str] = frozenset()
    standing: Mapping[tuple[str, Location | None], Set[str]] = field(default_factory=dict)

    def shows(self, region: Region, check: FrameCheck) -> bool:
        """Return whether a box stands for this operation in another frame, and for nothing in this one."""
        boxes = self.standing.get((region.term.name, region.location), frozenset())
        return not all(check.placed.is_placed(box) for box in boxes)


def _known(frames: Sequence[FrameCheck]) -> _Known:
    """Return what is not reported for single frames, since others show it: like modules may differ."""
    wrong = any(check.wrong_lines or check.undrawn_modules for check in frames)
    if not wrong and not any(check.placed.missing for check in frames):
        return _Known()
    standing: dict[tuple[str, Location | None], set[str]] = {}
    for check in frames:
        shown = [(box, one) for box, each in check.placed.chosen.items() for one in each.regions]
        for box, region in [*shown, *((box, left.region) for box, left in check.instead.items())]:
            standing.setdefault((region.term.name, region.location), set()).add(box)
    boxes = frozenset(box for check in frames for box in check.placed.chosen) if wrong else frozenset()
    return _Known(boxes, standing)


def width_findings(loaded: LoadedSpec, calls: Iterable[PanelCall], run: Values) -> Iterator[Finding]:
    """BOX005: widths in labels against a run of the published size."""
    for call in calls:
        check = check_frame(call, run, {}, strict=False, widths=True)
        for box, claims in check.claims.items():
            for claim in claims:
                if claim.detail in WIDTHS:
                    yield _Telling(loaded, check).on_claim(box, claim)


class _Telling:
    """Makes the findings of one frame."""

    def __init__(self, loaded: LoadedSpec, check: FrameCheck) -> None:
        self.loaded = loaded
        self.check = check
        self.call = check.call
        self.panel = check.call.panel
        self.execution = check.call.execution
        self.names = check.call.names

    def on_boxes(self, known: _Known, flawed: Sequence[Region] = ()) -> Iterator[Finding]:
        """Yield all findings but those on lines.

        A flaw of a `flawed` attention is told of its own box, not of its softmax too.
        """
        for box, claims in self.check.claims.items():
            wrong = [claim for claim in claims if claim.holds is False]
            wrong = [
                claim
                for claim in wrong
                if claim.looks != "flaw" or claim.computed not in flawed or _is_of_attention(claim)
            ]
            if wrong:
                yield self.on_claim(box, wrong[0])
        for box in self.check.placed.missing:
            if box not in known.boxes:
                yield self._missing(box)
        for left in self.check.told:
            if not known.shows(left.region, self.check):
                yield self._left_out(left.region, left.name)

    def on_claim(self, box: str, wrong: ClaimCheck) -> Finding:
        shown, paths = label(self.panel, box), self.names.paths(self.call.layer.bound(box))
        paths = paths or "the code"
        computed = wrong.computed
        location = computed.location if computed else None
        if location is None or is_torchs_own(location):
            location = self._location(box)
        fix = mark_fixes.of_claim(self.check, box, wrong)
        if wrong.detail:
            value = wrong.claim.details[wrong.detail]
            said = detail_words(wrong.detail, value)
            actual = detail_words(wrong.detail, computed.details[wrong.detail]) if computed else ""
            has = "is" if isinstance(value, bool) else "has"
            code: RuleCode = "BOX005" if wrong.is_number else "BOX006"
            message = f"the label '{shown}' says {said}, but the model {has} {actual}"
            traced = f"{paths} {has} {actual}"
            return self._note(code, box, message, said, traced, location, fix)
        if wrong.looks == "inactive":
            message = f"{shown} is greyed out as not chosen, but {paths} runs in every call"
            drawn, traced = "inactive", f"{paths} runs, and it is not one of several alike"
            return self._note("BOX006", box, message, drawn, traced, location, fix)
        if wrong.looks == "value":
            message = f"{shown} is drawn, but {paths} does not make that value of the attention"
            traced = f"the attention reads the output of {paths} as a different value"
            return self._note("BOX006", box, message, f"box {shown}", traced, location, None)
        if wrong.looks == "flaw" and computed is not None:
            flaw = computed.details["flaw"]
            message = f"{shown} is drawn, but the attention in the code {flaw}"
            return self._note("BOX006", box, message, f"box {shown}", f"it {flaw}", location, None)
        if wrong.looks and computed is not None:
            message = f"{shown} has the role {wrong.claim.text}, but {paths} computes {computed.term.name}"
            drawn, traced = f"role {wrong.claim.text}", f"{paths} computes {computed.term.name}"
            return self._note("BOX006", box, message, drawn, traced, location, fix)
        if computed is None:
            message = f"{shown} is drawn, but {paths} does not compute it"
            traced = f"{paths} computes no {' or '.join(wrong.claim.terms)}"
        else:
            message = f"{shown} is drawn, but {paths} computes {computed.term.name}"
            traced = f"{paths} computes {computed.term.name}"
        return self._note("BOX006", box, message, f"box {shown}", traced, location, fix)

    def _missing(self, box: str) -> Finding:
        shown = label(self.panel, box)
        owner = self.names.path(next(iter(self.call.layer.own), ""))
        fix = mark_fixes.of_missing(self.loaded.spec, self.check, box)
        if box in self.check.instead:
            region = self.check.instead[box].region
            return self._note(
                "BOX007",
                box,
                f"{shown} is drawn, but the code computes {region.term.name} there",
                f"box {shown}",
                f"{owner} computes {region.term.name}",
                region.location,
                fix,
            )
        return self._note(
            "BOX007",
            box,
            f"{shown} is drawn, but the code has no such operation there",
            f"box {shown}",
            f"{owner} computes no such {shown} in its own code",
            self._own_location(),
            fix,
        )

    def _left_out(self, region: Region, name: str) -> Finding:
        title = self.call.title
        return self._note(
            "BOX008",
            "",
            f"{region.term.name} is computed here but not drawn",
            "no box",
            f"{title} executes {_article(name)} ({region.term.name}) that no box shows",
            region.location,
            mark_fixes.of_left_out(self.check, region),
        )

    def on_lines(self, wrong: WrongLines) -> Finding:
        one, other = wrong.main
        first, second = self._name(one), self._name(other)
        code: RuleCode
        match wrong.way:
            case Way.REVERSED:
                code, message = "BOX003", f"{first} is drawn before {second}, but runs after it"
                traced = f"{self._traced(one)} reads the output of {self._traced(other)}"
            case Way.NONE:
                code, message = "FLOW001", f"a line goes from {first} to {second}, but no data flows along it"
                traced = f"{self._traced(other)} does not read the output of {self._traced(one)}"
            case Way.THROUGH:
                code = "FLOW001"
                message = f"a line goes from {first} to {second}, but the data passes through other boxes"
                traced = f"{self._traced(other)} does not read the output of {self._traced(one)} directly"
            case Way.RESIDUAL:
                code = "FLOW001"
                message = (
                    f"a line goes from {first} to {second}, but the data arrives only through the residual"
                )
                traced = f"{self._traced(other)} reads the sum, which is already drawn as a residual"
            case _:
                code, message = "FLOW002", f"data flows from {first} to {second}, but no line shows it"
                traced = f"{self._traced(other)} reads {self._returned(one)}"
        if wrong.undrawn and code == "FLOW001":
            traced += f"; not drawn: {self._arrows(wrong.undrawn)}"
        drawn = self._arrows(wrong.drawn) or "no line"
        ends = (one, other) if wrong.way is Way.REVERSED else (other, one)
        fix = line_fixes.of_lines(wrong.frames, wrong.drawn, wrong.undrawn)
        return self._note(code, f"{one}->{other}", message, drawn, traced, self._location(*ends), fix)

    def _traced(self, box: str) -> str:
        """Return the code's name for a box: its modules, or else its label."""
        return self.names.paths(self.call.layer.bound(box)) or self._name(box)

    def _returned(self, box: str) -> str:
        return self._name(box) if box == INPUT else f"the output of {self._traced(box)}"

    def _arrows(self, lines: Sequence[Line]) -> str:
        return ", ".join(f"{self._name(one)} → {self._name(other)}" for one, other in lines)

    def _name(self, box: str) -> str:
        return f"the input of {self.call.title}" if box == INPUT else label(self.panel, box)

    def _location(self, *boxes: str) -> Location | None:
        """Return where the first of the boxes that ran is called or its operation executed."""
        for box in boxes:
            candidate = self.check.placed.chosen.get(box)
            if candidate is not None and candidate.regions[-1].location is not None:
                return candidate.regions[-1].location
            for occurrence in self.call.frame.occurrences:
                for run in occurrence.runs if occurrence.box == box else ():
                    if run.location is not None:
                        return run.location
        return self._own_location()

    def _own_location(self) -> Location | None:
        return self.execution.definition(next(iter(self.call.layer.own), ""))

    def _note(
        self,
        code: RuleCode,
        edge: str,
        message: str,
        drawn: str,
        traced: str,
        location: Location | None,
        fix: Fix | None,
    ) -> Finding:
        place: tuple[str, ...] = ("panels", self.call.bound.name)
        if edge in self.panel.boxes:
            place += ("boxes", edge)
        elif edge:
            place += ("flow",)
        note = self.panel.boxes[edge].note if edge in self.panel.boxes else ""
        return Finding(
            code,
            message,
            self.call.bound.name,
            edge,
            self.call.layer.indices,
            drawn=drawn,
            traced=traced,
            spec=self.loaded.place(*place),
            location=location,
            modes=(self.execution.mode,),
            note=note,
            fix=fix,
        )


def _article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"
