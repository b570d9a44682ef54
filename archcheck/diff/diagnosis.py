"""What is wrong with a drawn residual edge, in words (RES001 to RES006, RES009, RES010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from archcheck.diff.alignment import Fit, Misfit
from archcheck.diff.cross_panel import Others
from archcheck.diff.drawn_edges import Drawn, Place
from archcheck.diff.edge_kinds import wrong_kind
from archcheck.diff.edges import PanelCheck, is_norm_or_activation
from archcheck.diff.observation import Observation
from archcheck.diff.wording import Names, label, panel_title
from archcheck.residual import Join
from archcheck.source_location import Location
from archcheck.spec.edges import edge_id, find_edge
from archcheck.spec.load import LoadedSpec
from archcheck.spec.patterns import join as joined


@dataclass
class Judge:
    """Judges the edges of one check."""

    loaded: LoadedSpec
    check: PanelCheck
    others: Others

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
                self._judge_rounds(drawn)
            elif drawn.solid:
                self._judge_unmatched(drawn)
            elif drawn.number in self.check.matched:
                self._implemented_here(drawn)
            elif drawn.edge.realized_by:
                self._judge_realized(drawn, drawn.edge.realized_by)

    # -- edges that hold --------------------------------------------------------------------------

    def _judge_kind(self, drawn: Drawn) -> None:
        for join in self.check.matched[drawn.number]:
            found = wrong_kind(drawn, join, self.names) or self._wrong_way(drawn, join)
            if found:
                self._note(drawn, "RES009", *found, join)
                return

    def _judge_rounds(self, drawn: Drawn) -> None:
        """A branch that runs several times in a loop has the residual each time."""
        inside = [one for one in self.check.frame.occurrences if one.box in drawn.inside]
        inside = [one for one in inside if one.name in self.execution.modules]
        inside = [one for one in inside if self.execution.modules[one.name].has_parameters]
        if len({len(one.runs) for one in inside}) != 1 or len(inside[0].runs) == 1:
            return
        joins, runs = self.check.matched[drawn.number], inside[-1].runs
        bare = [run for run in runs if not any(self.check.fitting.is_on_branch(run, join) for join in joins)]
        if bare:
            self._note(
                drawn, "RES001",
                f"there is no residual connection {drawn.around()} in {len(bare)} of its {len(runs)} rounds",
                f"the source is not added to what {self.names.path(inside[-1].name)} returns", None,
                bare[0].location,
            )  # fmt: skip

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
        panel = reference.partition(".")[0]
        related = self.others.related(panel, self.check.layer.base)
        held = [join for check in related for join in _holding(check, reference)]
        fits = [self.check.fitting.fit(drawn, join) for join in held]
        if not held or any(fit.covered and not fit.misfits and not fit.foreign for fit in fits):
            return
        if any(self._is_idle(box) for box in drawn.inside):
            return  # that is a finding of its own
        if fits[0].is_kin and fits[0].misfits:
            self._wrong_ends(drawn, fits[0])
            return
        around = self.names.paths(joined(held[0].residual.scope, path) for path in held[0].residual.branch)
        self._note(
            drawn, "RES006",
            f"{reference} does not realize the residual {drawn.around()}: it has another branch",
            f"the residual {reference} is around {around}", held[0],
        )  # fmt: skip

    def _is_idle(self, box: str) -> bool:
        """Has the box a module that did not run?"""
        return any(not self.execution.ran(path) for path in self.check.layer.bound(box))

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
            kin = self.check.kin_elsewhere(drawn, self.others.is_undrawn)
            if kin is not None:
                self._wrong_level(drawn, kin.join, f", {self._taken(drawn, kin)[1]}")
            else:
                self._missing(drawn)

    def _has_nothing_to_check(self, drawn: Drawn) -> bool:
        """Boxes that are all missing, or did not run, have findings of their own."""
        layer = self.check.layer
        modules = [box for box in drawn.inside if layer.bound(box) or layer.missing.get(box)]
        return bool(modules) and not self.check.wanted(drawn)

    def _wrong_level(self, drawn: Drawn, join: Join, taken: str = "") -> None:
        where = self.names.module(join.residual.implemented_in)
        drawn_at = self.others.solid_edge(join)
        realized = f", with realized_by: {drawn_at}," if drawn_at else ""
        self._note(
            drawn, "RES006",
            f"the residual {drawn.around()} is not implemented in {self.title}, but in {where}",
            f"{where} makes the sum{taken}" if taken
            else f"{where} makes the sum; a dashed line{realized} tells the truth", join,
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
        misplaced = {self.check.token(misfit.occurrence) for misfit in fit.misfits}
        if misplaced and misplaced <= self.check.blamed and not fit.foreign:
            return  # one norm on the branch of another edge is one disagreement, not two
        self.check.blamed |= misplaced
        aside = fit.at_sink if all(self._is_aside(misfit) for misfit in fit.at_sink) else ()
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
        taken, code = self._taken(drawn, fit)
        self._note(
            drawn, "RES004", f"the residual {drawn.around()} is taken from the wrong tensor: {taken}", code,
            fit.join,
        )  # fmt: skip

    def _taken(self, drawn: Drawn, fit: Fit) -> tuple[str, str]:
        """Where the source is really taken, in short and in full."""
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
        return taken, f"{code}, not from {drawn.source()}"

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

    def undeclared(self, joins: Sequence[Join]) -> None:
        """A residual that this panel's own module executes, perhaps in a loop, and that no panel draws."""
        join, times = joins[0], f", {len(joins)} times" if len(joins) > 1 else ""
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
                f"a residual connection around {around} is in the code{times}, and not drawn",
                "no residual there",
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
