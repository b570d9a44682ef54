"""How an executed residual fits a drawn one: for each box, where it is drawn and where it is."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from archcheck.dataflow.join import JoinKey
from archcheck.diff.box_calls import BoxRun, Frame, Occurrence
from archcheck.diff.drawn_edges import BoxPosition, Drawn
from archcheck.diff.execution import Execution
from archcheck.diff.frame_reach import FrameReach
from archcheck.phrasing.module_paths import is_within
from archcheck.residual import Join

# What the code may do with a box that is drawn in a place. A box that is drawn after the sink and runs before
# the source, or the other way round, is in the wrong order, which is a matter of the flow (BOX003).
_ALLOWED = {
    BoxPosition.BEFORE: frozenset(
        [BoxPosition.BEFORE, BoxPosition.ASIDE, BoxPosition.SKIP, BoxPosition.AFTER]
    ),
    BoxPosition.INSIDE: frozenset([BoxPosition.INSIDE]),
    BoxPosition.AFTER: frozenset(
        [BoxPosition.AFTER, BoxPosition.ASIDE, BoxPosition.SKIP, BoxPosition.BEFORE]
    ),
    BoxPosition.ASIDE: frozenset([BoxPosition.AFTER, BoxPosition.ASIDE, BoxPosition.SKIP]),
}


@dataclass(frozen=True, slots=True)
class MisplacedBox:
    """A box that stands elsewhere than drawn; `stands` is where the code has it."""

    occurrence: Occurrence
    drawn: BoxPosition
    stands: BoxPosition


@dataclass(frozen=True, slots=True)
class Fit:
    """What an executed residual has in common with a drawn one: `covered` boxes on its branch, and misfits.

    `uncovered` are drawn on the branch but play no part in it; `foreign` are modules on the branch that the
    panel does not show; `elsewhere`: the source is not the output of the boxes that it is drawn to leave.
    """

    join: Join
    covered: frozenset[Occurrence]
    uncovered: frozenset[Occurrence]
    misfits: tuple[MisplacedBox, ...]
    foreign: tuple[str, ...]
    elsewhere: bool

    @property
    def is_exact(self) -> bool:
        """Whether it is exactly the drawn residual."""
        return self.fits_in_part and not self.uncovered

    @property
    def fits_in_part(self) -> bool:
        """Whether it is one of the residuals that together make up the drawn one."""
        return not (self.misfits or self.foreign or self.elsewhere)

    @property
    def is_similar(self) -> bool:
        """Whether it is the drawn residual with a different end, rather than a different residual."""
        ends = self.at_source, self.at_sink
        return bool(self.covered) and (not all(ends) or self.likeness >= 0.5)

    @property
    def is_exchanged(self) -> bool:
        """Whether it is the drawn residual with two boxes swapped at one of its ends."""
        ends = {(misfit.drawn, misfit.stands) for misfit in self.misfits}
        return not (self.foreign or self.elsewhere) and any(
            ends == {(BoxPosition.INSIDE, beyond), (beyond, BoxPosition.INSIDE)}
            for beyond in (BoxPosition.BEFORE, BoxPosition.AFTER)
        )

    @property
    def at_source(self) -> tuple[MisplacedBox, ...]:
        """The boxes that are on the other side of the source than drawn."""
        return tuple(
            misfit
            for misfit in self.misfits
            if misfit.stands is BoxPosition.BEFORE
            or (misfit.drawn, misfit.stands) == (BoxPosition.BEFORE, BoxPosition.INSIDE)
        )

    @property
    def at_sink(self) -> tuple[MisplacedBox, ...]:
        """The boxes that are on the other side of the sink than drawn."""
        return tuple(
            misfit
            for misfit in self.misfits
            if {misfit.drawn, misfit.stands} == {BoxPosition.INSIDE, BoxPosition.AFTER}
        )

    @property
    def likeness(self) -> float:
        """The share of boxes that are on the branch in both, from 0 to 1."""
        wrong = sum(BoxPosition.INSIDE in (misfit.drawn, misfit.stands) for misfit in self.misfits)
        whole = len(self.covered) + len(self.uncovered) + wrong + len(self.foreign)
        return len(self.covered) / whole if whole else 0.0


class Fitting:
    """Fits executed residuals to the drawn ones of one frame of a panel."""

    def __init__(
        self, frame: Frame, shown: Iterable[str], joiners: frozenset[str], execution: Execution
    ) -> None:
        self.frame = frame
        self.execution = execution
        self.joiners = joiners
        self._shown = tuple(shown)
        self._places: dict[tuple[JoinKey, BoxRun], frozenset[BoxPosition]] = {}

    def may_fit(self, drawn: Drawn, join: Join, allowed: frozenset[BoxPosition]) -> bool:
        """Return whether each box drawn on the branch, the outermost first, stands in one of these places."""
        inside = self.drawn_inside(drawn)
        ends = (*inside[-1:], *inside[:-1])
        return all(not allowed.isdisjoint(self.stands(occurrence, join)) for occurrence in ends)

    def drawn_inside(self, drawn: Drawn) -> tuple[Occurrence, ...]:
        """Return what ran of the boxes that are drawn on the branch, and that do more than join."""
        return tuple(
            one for box in drawn.inside for one in self._by_box.get(box, ()) if one.name not in self.joiners
        )

    def holders(self, join: Join) -> list[tuple[Occurrence, BoxRun]]:
        """Return the calls of boxes that compute a sum, the outermost first."""
        calls, stack = self.execution.flow.calls, self.execution.flow.stack(join.sink_call)
        spans = [(calls[call].first, calls[call].end) for call in stack]
        return [holder for span in spans for holder in self._by_span.get(span, ())]

    @cached_property
    def _by_box(self) -> dict[str, list[Occurrence]]:
        found: dict[str, list[Occurrence]] = {}
        for occurrence in self.frame.occurrences:
            found.setdefault(occurrence.box, []).append(occurrence)
        return found

    @cached_property
    def _by_span(self) -> dict[tuple[int, int], list[tuple[Occurrence, BoxRun]]]:
        found: dict[tuple[int, int], list[tuple[Occurrence, BoxRun]]] = {}
        for occurrence in self.frame.occurrences:
            for run in occurrence.runs:
                for span in run.spans:
                    found.setdefault(span, []).append((occurrence, run))
        return found

    @cached_property
    def _reach(self) -> FrameReach:
        return FrameReach(self.frame, self.execution)

    def fit(self, drawn: Drawn, join: Join) -> Fit:
        """Fit an executed residual to a drawn one."""
        covered, uncovered, misfits = set(), set(), []
        for occurrence in self.frame.occurrences:
            wanted = drawn.places.get(occurrence.box)
            if wanted is None or occurrence.name in self.joiners:
                continue
            stands = self.stands(occurrence, join)
            if wanted is BoxPosition.INSIDE and BoxPosition.INSIDE in stands:
                covered.add(occurrence)
            elif wanted is BoxPosition.INSIDE and BoxPosition.ASIDE in stands:
                if not self._feeds(occurrence, join):
                    uncovered.add(occurrence)
            elif not stands & _ALLOWED[wanted]:
                misfits.append(MisplacedBox(occurrence, wanted, min(stands, key=list(BoxPosition).index)))
        misfits = [misfit for misfit in misfits if not self._runs_beside(misfit, drawn, covered)]
        return Fit(
            join,
            frozenset(covered),
            frozenset(uncovered),
            tuple(misfits),
            self._foreign(join, drawn),
            self._comes_from_elsewhere(drawn, join),
        )

    def _runs_beside(self, misfit: MisplacedBox, drawn: Drawn, covered: Iterable[Occurrence]) -> bool:
        """Return whether what is drawn beside the branch is so in the code, mixed in at its end (a gate)."""
        if (misfit.drawn, misfit.stands) != (BoxPosition.ASIDE, BoxPosition.INSIDE):
            return False
        inputs, outputs = _ends(misfit.occurrence)
        return not any(
            self.execution.depends(inputs, theirs) or self.execution.depends(reads, outputs)
            for reads, theirs in (
                _ends(one) for one in covered if drawn.are_beside(one.box, misfit.occurrence.box)
            )
        )

    def stands(self, occurrence: Occurrence, join: Join) -> frozenset[BoxPosition]:
        """Return where the code has a box; several places where it may stand for several calls."""
        return frozenset().union(*(self._run_stands(run, join) for run in occurrence.runs))

    def is_on_branch(self, run: BoxRun, join: Join) -> bool:
        """Return whether a run of a box is on the residual's branch."""
        return BoxPosition.INSIDE in self._run_stands(run, join)

    def _run_stands(self, run: BoxRun, join: Join) -> frozenset[BoxPosition]:
        key = join.key, run
        if key not in self._places:
            self._places[key] = self._find_places(run, join)
        return self._places[key]

    def _find_places(self, run: BoxRun, join: Join) -> frozenset[BoxPosition]:
        if run.holds(join.sink):
            return frozenset([BoxPosition.HOLDS])
        inside = any(_any_within(join.branch, first, end) for first, end in run.spans)
        if run.holds(join.source):  # it made the source, and perhaps more of it that is on the branch
            return frozenset([BoxPosition.BEFORE, BoxPosition.INSIDE] if inside else [BoxPosition.BEFORE])
        if inside:
            return frozenset([BoxPosition.INSIDE])
        if self._reach.reads_output(join.source, run):
            return frozenset([BoxPosition.BEFORE])
        if self._reach.reads_sink(run, join.sink):
            return frozenset([BoxPosition.AFTER])
        if any(run.holds(at) for at in join.skip):
            return frozenset([BoxPosition.SKIP])
        return frozenset([BoxPosition.ASIDE])

    def _feeds(self, occurrence: Occurrence, join: Join) -> bool:
        """Return whether the branch reads the box's output, or was chosen by control flow that reads it."""
        return self.execution.depends(join.term, _ends(occurrence)[1]) or self._steers(occurrence, join)

    def _foreign(self, join: Join, drawn: Drawn) -> tuple[str, ...]:
        """Return modules on the branch that hold parameters and lie outside of what the panel shows.

        Where the stream enters the panel beside what the branch begins with, it may be drawn as its input.
        """
        if drawn.edge.from_ == "input" and join.source in self.frame.inputs:
            return ()
        calls = self.execution.flow.calls
        paths = dict.fromkeys(calls[call].path for call in join.branch_calls)
        return tuple(
            path
            for path in paths
            if not any(is_within(path, shown) or is_within(shown, path) for shown in self._shown)
            and (path not in self.execution.modules or self.execution.modules[path].has_parameters)
        )

    def _comes_from_elsewhere(self, drawn: Drawn, join: Join) -> bool:
        """Return whether the branch, but not the source, depends on boxes that it is drawn to leave."""
        entering = [one for one in self.frame.occurrences if one.box in drawn.entering]
        return any(self._feeds(one, join) for one in entering) and all(
            self.stands(one, join) == {BoxPosition.ASIDE} and not self._steers(one, join) for one in entering
        )

    def _steers(self, occurrence: Occurrence, join: Join) -> bool:
        """Return whether Python inspected the output of the box before the sink ran (a router)."""
        return self.execution.control_dependent([join.sink], _ends(occurrence)[1])


def _ends(occurrence: Occurrence) -> tuple[list[int], list[int]]:
    """Return what a box reads and what it returns."""
    runs = occurrence.runs
    return [read for run in runs for read in run.inputs], [out for run in runs for out in run.outputs]


def _any_within(ops: tuple[int, ...], first: int, end: int) -> bool:
    place = bisect_left(ops, first)
    return place < len(ops) and ops[place] < end
