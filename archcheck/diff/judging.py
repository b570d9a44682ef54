"""What is wrong with a drawn residual edge, in words (RES001 to RES006, RES009, RES010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcheck.diff.drawn import Drawn, Place
from archcheck.diff.edges import PanelCheck, is_norm_or_activation
from archcheck.diff.fitting import Fit, Misfit, is_within
from archcheck.diff.observation import Observation
from archcheck.diff.words import Names, label, panel_title
from archcheck.graph import Kind, Location
from archcheck.residual import Join
from archcheck.spec.edges import edge_id, find_edge
from archcheck.spec.load import LoadedSpec
from archcheck.spec.patterns import join as joined

_ADDITIVE = (Kind.IDENTITY, Kind.SCALED, Kind.PROJECTION, Kind.MULTI_STREAM)


@dataclass
class Judge:
    """Judges the edges of one check; `checks` are all of this mode."""

    loaded: LoadedSpec
    check: PanelCheck
    checks: Sequence[PanelCheck]

    def __post_init__(self) -> None:
        self.panel = self.check.panel
        self.execution = self.check.execution
        self.names = Names(self.check.layer, self.execution)
        self.title = panel_title(self.check.bound)

    def judge(self, excused: set[int]) -> None:
        """Say of each drawn edge what is wrong with it; a fault speaks of the `excused` ones."""
        for drawn in self.check.drawn:
            if drawn.number in excused:
                continue
            if drawn.solid and drawn.number in self.check.matched:
                self._judge_kind(drawn)
            elif drawn.solid:
                self._judge_unmatched(drawn)
            elif drawn.number in self.check.matched:
                self._implemented_here(drawn)
            elif drawn.edge.realized_by:
                self._judge_realized(drawn, drawn.edge.realized_by)

    # -- edges that hold --------------------------------------------------------------------------

    def _judge_kind(self, drawn: Drawn) -> None:
        for join in self.check.matched[drawn.number]:
            found = (
                self._wrong_kind(drawn, join)
                or self._wrong_factor(drawn, join)
                or self._wrong_way(drawn, join)
            )
            if found:
                self._note(drawn, "RES009", *found, join)
                return

    def _wrong_kind(self, drawn: Drawn, join: Join) -> tuple[str, str] | None:
        kind, wanted = join.residual.kind, drawn.edge.kind
        if kind is wanted or (wanted is None and kind in _ADDITIVE):
            return None
        shown = f"is drawn as {wanted.value}" if wanted else "is drawn as a sum"
        factors = ", ".join(self.names.text(str(factor)) for factor in join.residual.factors)
        through = self.names.paths(joined(join.residual.scope, path) for path in join.residual.skip)
        details = factors or (through if kind is Kind.PROJECTION else "")
        return (
            f"the residual {drawn.around()} {shown}, and the code has {_KINDS[kind][0]}",
            _KINDS[kind][1] + (f": {details}" if details else ""),
        )

    def _wrong_factor(self, drawn: Drawn, join: Join) -> tuple[str, str] | None:
        sides = sorted({factor.on for factor in join.residual.factors})
        if drawn.edge.factor_on is None or sides == [drawn.edge.factor_on]:
            return None
        where = " and ".join(self.names.text(str(factor)) for factor in join.residual.factors) or "none"
        return (
            f"the factor of the residual {drawn.around()} is drawn on the {_SIDES[drawn.edge.factor_on]}, "
            f"and stands on {' and '.join(f'the {_SIDES[side]}' for side in sides) or 'neither side'}",
            f"the factor is {where}",
        )

    def _wrong_way(self, drawn: Drawn, join: Join) -> tuple[str, str] | None:
        """A box that is drawn on the skip path, and that the skip path does not pass."""
        for box in drawn.edge.through:
            ran = [one for one in self.check.frame.occurrences if one.box == box]
            skip = (*join.skip, *join.skip_operand)
            if ran and not any(run.holds(at) for one in ran for run in one.runs for at in skip):
                name = self.names.paths(one.name for one in ran)
                return (
                    f"the skip path of the residual {drawn.around()} is drawn through "
                    f"{label(self.panel, box)}, and does not pass it",
                    f"{name} is not on the skip path ({join.residual.kind.value})",
                )
        return None

    def _implemented_here(self, drawn: Drawn) -> None:
        join = self.check.matched[drawn.number][0]
        self._note(
            drawn, "RES003",
            f"the residual {drawn.around()} is drawn dashed, and {self.title} executes it itself",
            f"{self.names.module(join.residual.implemented_in)} makes the sum; a solid line tells the truth",
            join,
        )  # fmt: skip

    def _judge_realized(self, drawn: Drawn, reference: str) -> None:
        """A dashed edge names the solid one that realizes it: that must be around the same boxes."""
        held = [join for check in self.checks if self._related(check) for join in _holding(check, reference)]
        if not held or any(self._is_around(drawn, join) for join in held):
            return
        around = self.names.paths(joined(held[0].residual.scope, path) for path in held[0].residual.branch)
        self._note(
            drawn, "RES006",
            f"{reference} does not realize the residual {drawn.around()}: it has another branch",
            f"the residual {reference} is around {around}", held[0],
        )  # fmt: skip

    def _is_around(self, drawn: Drawn, join: Join) -> bool:
        fit = self.check.fitting.fit(drawn, join)
        return bool(fit.covered) and not fit.misfits and not fit.foreign

    def _related(self, check: PanelCheck) -> bool:
        """Is the other check of the same layer, or of what holds it or lies in it?"""
        one, other = self.check.layer.base, check.layer.base
        return is_within(one, other) or is_within(other, one)

    # -- edges that do not ------------------------------------------------------------------------

    def _judge_unmatched(self, drawn: Drawn) -> None:
        if self._has_nothing_to_check(drawn):
            return
        elsewhere = self.check.elsewhere(drawn)
        nearest = self.check.nearest.get(drawn.number)
        if elsewhere is not None:
            self._wrong_level(drawn, elsewhere)
        elif nearest is not None:
            self._wrong_ends(drawn, nearest)
        elif not self._is_product(drawn):
            self._missing(drawn)

    def _has_nothing_to_check(self, drawn: Drawn) -> bool:
        """Boxes that are all missing, or did not run, have findings of their own."""
        layer = self.check.layer
        modules = [box for box in drawn.inside if layer.bound(box) or layer.missing.get(box)]
        return bool(modules) and not self.check.wanted(drawn)

    def _wrong_level(self, drawn: Drawn, join: Join) -> None:
        where = self.names.module(join.residual.implemented_in)
        realized = next(
            (
                f", with realized_by: {check.bound.name}.{edge.id},"
                for check in self.checks
                for edge in check.drawn
                if edge.solid and any(join is one for one in check.matched.get(edge.number, ()))
            ),
            "",
        )
        self._note(
            drawn, "RES006",
            f"the residual {drawn.around()} is not implemented in {self.title}, but in {where}",
            f"{where} makes the sum; a dashed line{realized} tells the truth", join,
        )  # fmt: skip
        self.check.spoken.add(id(join))

    def _missing(self, drawn: Drawn) -> None:
        inside = [one for one in self.check.frame.occurrences if one.box in drawn.inside]
        last = max(inside, key=lambda one: one.runs[-1].spans[-1][1], default=None)
        if last is not None and last.box == drawn.inside[-1]:
            what = f"what {self.names.path(last.name)} returns"
        else:
            what = f"what {label(self.panel, drawn.inside[-1])} gives" if drawn.inside else "the branch"
        own = self.check.layer.own
        location = last.runs[-1].location if last else self.execution.location(own[0]) if own else None
        self._note(
            drawn, "RES001", f"there is no residual connection {drawn.around()}",
            f"the source is not added to {what}", None, location,
        )  # fmt: skip

    def _is_product(self, drawn: Drawn) -> bool:
        calls = self.execution.flow.calls
        for product in self.execution.products:
            if calls[product.sink_call].path in self.check.opened:
                fit = self.check.fitting.fit(drawn, product)
                if fit.is_exact and fit.covered:
                    self._note(
                        drawn, "RES009",
                        f"the residual {drawn.around()} is drawn as a sum, and the code multiplies",
                        "source and branch are multiplied", product,
                    )  # fmt: skip
                    return True
        return False

    def _wrong_ends(self, drawn: Drawn, fit: Fit) -> None:
        """The branch is there in part: its source, its sink, or the side of a norm differs."""
        self.check.spoken.add(id(fit.join))
        boxes = {misfit.occurrence.box for misfit in fit.misfits}
        if boxes and boxes <= self.check.blamed and not fit.foreign:
            return  # one norm on the branch of another edge is one disagreement, not two
        self.check.blamed |= boxes
        aside = [misfit for misfit in fit.at_sink if self._is_aside(misfit)]
        skip = [misfit for misfit in fit.misfits if misfit.stands is Place.SKIP]
        if skip:
            self._on_the_skip_path(drawn, fit, skip[0])
        elif aside:
            self._wrong_side(drawn, fit, aside[0])
        elif fit.at_source or fit.foreign or fit.elsewhere:
            self._wrong_source(drawn, fit)
        elif fit.at_sink:
            self._wrong_sink(drawn, fit)
        else:
            self._wrong_branch(drawn, fit)

    def _on_the_skip_path(self, drawn: Drawn, fit: Fit, misfit: Misfit) -> None:
        name = self._called(misfit, fit)
        self._note(
            drawn, "RES009",
            f"{name} is drawn on the branch of the residual {drawn.around()}, and is on its skip path",
            f"{self._ran(misfit)} on the skip path{_at(misfit)} ({fit.join.residual.kind.value})", fit.join,
        )  # fmt: skip

    def _is_aside(self, misfit: Misfit) -> bool:
        box = misfit.occurrence.box
        whole = len(self.check.layer.bound(box)) <= 1
        return is_norm_or_activation(misfit.occurrence.kind, self.panel.boxes[box].role if whole else None)

    def _wrong_side(self, drawn: Drawn, fit: Fit, misfit: Misfit) -> None:
        runs, draws = ("after", "before") if misfit.stands is Place.AFTER else ("before", "after")
        self._note(
            drawn, "RES010",
            f"{self._called(misfit, fit)} is drawn {draws} the sum of the residual {drawn.around()}, "
            f"and runs {runs} it",
            f"{self._ran(misfit)} {runs} the sum{_at(misfit)}", fit.join,
        )  # fmt: skip

    def _wrong_sink(self, drawn: Drawn, fit: Fit) -> None:
        late = [misfit for misfit in fit.at_sink if misfit.stands is Place.INSIDE]
        last = late[-1] if late else fit.at_sink[0]
        where = f"{'after' if late else 'before'} {self._called(last, fit)}"
        self._note(
            drawn, "RES005", f"the residual {drawn.around()} is joined at the wrong place: {where}",
            f"{self._ran(last)} {'before' if late else 'after'} the sum{_at(last)}", fit.join,
        )  # fmt: skip

    def _wrong_branch(self, drawn: Drawn, fit: Fit) -> None:
        if fit.misfits:
            name = self._called(fit.misfits[0], fit)
            message, traced = (
                f"{name} is on the branch of the residual {drawn.around()}, and not drawn there",
                "on",
            )
        else:
            (box, name), *_ = sorted((one.box, one.name) for one in fit.uncovered)
            name = label(self.panel, box)
            message, traced = (
                f"{name} is drawn on the branch of the residual {drawn.around()}, and is not",
                "not on",
            )
        self._note(drawn, "RES005", message, f"{name} is {traced} the branch", fit.join)

    def _wrong_source(self, drawn: Drawn, fit: Fit) -> None:
        late = [misfit for misfit in fit.at_source if misfit.stands is Place.BEFORE]
        early = [misfit for misfit in fit.at_source if misfit.stands is Place.INSIDE]
        if late:
            taken = f"after {self._called(late[-1], fit)}"
            code = f"taken after {self._source_behind(fit.join, late[-1])}"
        elif early:
            taken = f"before {self._called(early[0], fit)}"
            first = self.names.path(early[0].occurrence.name)
            code = f"taken before {first}, from {self.source_words(fit.join)}"
        else:
            taken = f"from {self.source_words(fit.join)}"
            code = f"taken {taken}"
        self._note(
            drawn, "RES004", f"the residual {drawn.around()} is taken from the wrong tensor: {taken}",
            f"{code}, not from {drawn.source()}", fit.join,
        )  # fmt: skip

    def _source_behind(self, join: Join, misfit: Misfit) -> str:
        name = self.names.path(misfit.occurrence.name)
        earlier = next((one for one in self.execution.joins if one.sink == join.source), None)
        if earlier is not None:
            return f"the sum that follows {name} ({earlier.residual.location})"
        return f"{name}{_at(misfit)}"

    def source_words(self, join: Join) -> str:
        """The source of an executed residual."""
        scope, source = join.residual.scope, join.residual.source
        if source == "input":
            owner = self.title if scope in self.check.layer.own else self.names.path(scope)
            return f"the input of {owner}"
        if source.startswith("sink("):
            return f"the sum that follows {self.names.path(joined(scope, source[5:-1]))}"
        return f"what {self.names.path(joined(scope, source))} returns"

    def _called(self, misfit: Misfit, fit: Fit) -> str:
        """The box by its label; by the module's name if others of the box are where they are drawn."""
        box = misfit.occurrence.box
        wrong = {other.occurrence.name for other in fit.misfits if other.occurrence.box == box}
        whole = {one.name for one in self.check.frame.occurrences if one.box == box}
        return label(self.panel, box) if wrong == whole else self.names.path(misfit.occurrence.name)

    def _ran(self, misfit: Misfit) -> str:
        return f"{self.names.path(misfit.occurrence.name)} runs"

    # -- what is not drawn ------------------------------------------------------------------------

    def undeclared(self, join: Join) -> None:
        """A residual that this panel's own module executes and that no panel draws."""
        residual = join.residual
        branch = [joined(residual.scope, path) for path in residual.branch]
        around = self.names.paths(branch) or "operations of its own"
        what = f"what {self.names.path(branch[-1])} returns" if branch else "what it computes"
        at_home = residual.implemented_in in self.check.layer.own
        makes = self.title if at_home else self.names.path(residual.implemented_in)
        source = "its input" if residual.source == "input" and at_home else self.source_words(join)
        self.check.observations.append(
            Observation(
                "RES002", self.check.bound.name, "", self.check.layer.index,
                f"a residual connection around {around} is in the code and not drawn", "no residual there",
                f"{makes} adds {source} to {what} ({residual.kind.value})",
                self.loaded.place("panels", self.check.bound.name), residual.location, self.execution.mode,
                self.check.boxes_on(join), self._source_box(join),
            )
        )  # fmt: skip

    # -- notes ------------------------------------------------------------------------------------

    def _source_box(self, join: Join) -> str:
        """The box whose output is really tapped; "input" for what enters the panel."""
        before = [
            one for one in self.check.frame.occurrences
            if Place.BEFORE in self.check.fitting.stands(one, join)
        ]  # fmt: skip
        latest = max(before, key=lambda one: max(run.spans[-1][1] for run in one.runs), default=None)
        return latest.box if latest else "input"

    def _note(
        self, drawn: Drawn, code: str, message: str, traced: str, join: Join | None,
        location: Location | None = None,
    ) -> None:  # fmt: skip
        self.check.observations.append(
            Observation(
                code, self.check.bound.name, drawn.id, self.check.layer.index, message, drawn.describe(),
                traced,
                self.loaded.place("panels", self.check.bound.name, "residuals", drawn.number),
                location or (join.residual.location if join else None), self.execution.mode,
                self.check.boxes_on(join) if join else (), self._source_box(join) if join else "",
                drawn.edge.note,
            )
        )  # fmt: skip


_SIDES = {"skip": "skip path", "branch": "branch"}
_KINDS = {
    Kind.IDENTITY: ("the plain sum", "the source itself is added to the branch"),
    Kind.SCALED: ("a scaled sum", "a factor scales the skip path or the branch"),
    Kind.PROJECTION: ("a projection", "the skip path is a projection of the source"),
    Kind.GATED: ("a gate", "a gate mixes source and branch"),
    Kind.CONCAT: ("a concatenation", "source and branch are concatenated"),
    Kind.MULTI_STREAM: ("several streams", "several streams are mixed and the branch is spread over them"),
}


def _holding(check: PanelCheck, reference: str) -> tuple[Join, ...]:
    """The executed residuals of the solid edge that `realized_by` names, as far as this check has it."""
    panel, _, _ = reference.partition(".")
    if check.bound.name != panel:
        return ()
    found = find_edge({panel: check.panel}, reference)
    return tuple(
        join
        for drawn in check.drawn
        if found is not None and edge_id(drawn.edge) == edge_id(found[1])
        for join in check.matched.get(drawn.number, ())
    )


def _at(misfit: Misfit) -> str:
    """Where a module that stands in the wrong place was called."""
    location = misfit.occurrence.runs[0].location
    return f" ({location})" if location else ""
