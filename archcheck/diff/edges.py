"""Residual edges: which executed residual is which drawn one, in one frame of a panel.

First each drawn edge takes the residuals that it shows exactly. What is left over is paired with its nearest
kin, the likest first, so that one disagreement gives one finding; `judging` says which.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from archcheck.diff.alignment import Fit, Fitting, Misfit, is_within
from archcheck.diff.binding import BoundPanel, Layer
from archcheck.diff.box_calls import Frame, Occurrence, Run, opened
from archcheck.diff.drawn_edges import Drawn, Place
from archcheck.diff.execution import Execution
from archcheck.diff.observation import Observation
from archcheck.residual import Join
from archcheck.spec.model import Role

_ON_A_SIDE = re.compile(r"norm|relu|elu|gelu|silu|swish|sigmoid|tanh|softplus|mish|activation", re.IGNORECASE)


@dataclass
class PanelCheck:
    """The residual edges of one frame of a panel's layer in one mode, while they are being matched."""

    bound: BoundPanel
    layer: Layer
    drawn: tuple[Drawn, ...]
    frame: Frame
    execution: Execution
    matched: dict[int, tuple[Join, ...]] = field(default_factory=dict)  # number of a drawn edge -> its joins
    nearest: dict[int, Fit] = field(default_factory=dict)  # the same, for what fits but in part
    observations: list[Observation] = field(default_factory=list)
    blamed: set[str] = field(default_factory=set)  # what a finding on an edge says to be misplaced
    spoken: set[int] = field(default_factory=set)  # the joins (by id) that a finding speaks of

    def __post_init__(self) -> None:
        self.panel = self.bound.panel
        self.opened = opened(self.layer)
        within = self.execution.joins_within(self.frame.first, self.frame.end)
        self._joiners = frozenset(path for join in within for path in self._joiner(join))
        shown = [*self.layer.own, *(module for modules in self.layer.boxes.values() for module in modules)]
        self.fitting = Fitting(self.frame, shown, self._joiners, self.execution)
        self.local = [join for join in within if self._is_local(join)]

    # -- what the panel's own module executes ------------------------------------------------------

    def _joiner(self, join: Join) -> list[str]:
        """A module that does nothing but join: what runs in it, runs in the module that holds it."""
        path = self.execution.flow.calls[join.sink_call].path
        module = self.execution.modules.get(path)
        plain = module is not None and not module.has_parameters and not self.execution.children(path)
        return [path] if plain and path.rpartition(".")[0] in self.opened else []

    def _is_local(self, join: Join) -> bool:
        """Is the sum made by a module that this panel opens?

        A module list has no forward: what its owner does with the modules in it counts as its own.
        """
        path = self.execution.flow.calls[join.sink_call].path
        if path in self.opened or path in self._joiners:
            return True
        lists = [own for own in self.layer.own if own not in self.execution.calls_by_path]
        return any(is_within(own, path) for own in lists) and bool(self.boxes_on(join))

    def boxes_on(self, join: Join) -> tuple[str, ...]:
        """The boxes of this panel on the branch of an executed residual."""
        return tuple(
            dict.fromkeys(
                one.box
                for one in self.frame.occurrences
                if one.name not in self._joiners and Place.INSIDE in self.fitting.stands(one, join)
            )
        )

    # -- matching ---------------------------------------------------------------------------------

    def match(self) -> None:
        """Find for each drawn edge the executed residuals that it shows exactly."""
        for drawn in self.drawn:
            exact = self._exact(drawn)
            if exact:
                self.matched[drawn.number] = tuple(exact)

    def _exact(self, drawn: Drawn) -> list[Join]:
        """A residual around these very boxes, or several of one source that together are."""
        wanted = self.wanted(drawn)
        fits = [self.fitting.fit(drawn, join) for join in self.local]
        fits = [fit for fit in fits if fit.fits_in_part and (fit.covered or not wanted)]
        exact = [fit.join for fit in fits if not fit.uncovered]
        if exact or not fits:
            return exact
        by_source: dict[int, list[Fit]] = {}
        for fit in fits:
            by_source.setdefault(fit.join.source, []).append(fit)
        for group in by_source.values():
            covered = frozenset().union(*(fit.covered for fit in group))
            if all(fit.uncovered <= covered for fit in group):
                return [fit.join for fit in group]
        return []

    def wanted(self, drawn: Drawn) -> bool:
        """Has anything run that is drawn on the edge's branch?"""
        return any(
            one.box in drawn.inside and one.name not in self._joiners for one in self.frame.occurrences
        )

    def pair(self, spoken_of: set[int]) -> None:
        """Pair the drawn edges left over with the executed residuals left over, the likest first.

        `spoken_of` are the sinks that a fault speaks of: an edge may still be about them.
        """
        taken = {id(join) for joins in self.matched.values() for join in joins}
        free = [join for join in self.local if id(join) not in taken]
        fits = [
            (drawn.number, fit)
            for drawn in self.drawn
            if drawn.solid and drawn.number not in self.matched
            for fit in (self.fitting.fit(drawn, join) for join in free)
            if fit.is_kin or self._is_bare(drawn, fit)
        ]
        fits.sort(
            key=lambda pair: (
                -pair[1].likeness,
                pair[1].join.sink not in spoken_of,
                pair[0],
                pair[1].join.sink,
            )
        )
        for number, fit in fits:
            if number not in self.nearest and id(fit.join) not in taken:
                self.nearest[number] = fit
                taken.add(id(fit.join))

    def _is_bare(self, drawn: Drawn, fit: Fit) -> bool:
        """Are both of operations alone, without a module?"""
        bound = any(self.layer.bound(box) for box in drawn.inside)
        return not bound and not fit.join.branch_calls

    def elsewhere(self, drawn: Drawn) -> Join | None:
        """The residual around what is drawn, if another module than this panel's executes it."""
        for join in self.execution.joins:
            if any(join is local for local in self.local) or not self._overlaps(join):
                continue
            fit = self.fitting.fit(drawn, join)
            if (fit.is_exact and fit.covered) or self._is_inside_a_box(fit):
                return join
        return None

    def kin_elsewhere(self, drawn: Drawn, undrawn: Callable[[Join], bool]) -> Fit | None:
        """As `elsewhere`, of a residual that nobody draws, and with another source."""
        for join in self.execution.joins:
            if undrawn(join) and self._overlaps(join) and not any(join is local for local in self.local):
                fit = self.fitting.fit(drawn, join)
                otherwise = replace(fit, misfits=_without(fit, fit.at_source))
                exact = otherwise.is_exact and bool(otherwise.covered)
                if fit.at_source and (exact or self._is_inside_a_box(otherwise)):
                    return fit
        return None

    def token(self, occurrence: Occurrence) -> str:
        """What an occurrence is known by in all panels: its module, or its box for an operation."""
        return occurrence.name if occurrence.name in self.execution.modules else occurrence.box

    def _overlaps(self, join: Join) -> bool:
        return join.source < self.frame.end and join.sink >= self.frame.first

    def _is_inside_a_box(self, fit: Fit) -> bool:
        """Is the sum made inside a drawn box, around all that is drawn, with nothing but norms after it?"""
        rest = [misfit for misfit in fit.misfits if misfit.stands is not Place.HOLDS]
        holders = [misfit for misfit in fit.misfits if misfit.stands is Place.HOLDS]
        if rest or not holders or fit.uncovered or fit.foreign or fit.elsewhere:
            return False
        return all(
            misfit.drawn in (Place.INSIDE, Place.AFTER)
            and any(
                run.holds(fit.join.sink) and not run.holds(fit.join.source) and self._ends_with(run, fit.join)
                for run in misfit.occurrence.runs
            )
            for misfit in holders
        )

    def _ends_with(self, run: Run, join: Join) -> bool:
        """Do only norms and activations run in the module after its sum?"""
        modules = self.execution.modules
        return all(
            not modules[call.path].has_parameters or is_norm_or_activation(call.type_name)
            for call in self.execution.flow.calls
            if call.first > join.sink and run.holds(call.first) and call.path in modules
        )


def _without(fit: Fit, misfits: tuple[Misfit, ...]) -> tuple[Misfit, ...]:
    return tuple(misfit for misfit in fit.misfits if misfit not in misfits)


def is_norm_or_activation(kind: str, role: Role | None = None) -> bool:
    """Is it what a reader would put on one side of a sum or the other? By its role, else its class."""
    if role is not None:
        return role in (Role.NORM, Role.ACTIVATION)
    return bool(_ON_A_SIDE.search(kind))
