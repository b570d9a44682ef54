"""Which executed residual is which drawn edge, in one call of a panel's module.

Each drawn edge takes the residuals that it shows exactly. What is left over is paired with what is most like
it, so that one disagreement gives one finding; the rules say which.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from archcheck.diff.alignment import Fit
from archcheck.diff.drawn_edges import Drawn, Place
from archcheck.diff.panel_calls import PanelCall, is_norm_or_activation
from archcheck.residual import Join

Matched = Mapping[int, tuple[Join, ...]]
"""The number of a drawn edge -> the executed residuals that it shows exactly."""


@dataclass(frozen=True, eq=False)
class Matches:
    """`exact`: the executed residuals that a drawn edge shows; `nearest`: for a solid edge that has none, the
    one that is most like it and that no other edge shows."""

    exact: Matched
    nearest: Mapping[int, Fit]


def match(calls: Sequence[PanelCall], defective: Collection[int]) -> dict[PanelCall, Matches]:
    """The matches of every call. `defective` are the sinks that a defect speaks of."""
    found = {}
    for call in calls:
        exact = {drawn.number: joins for drawn in call.drawn if (joins := _exact(call, drawn))}
        found[call] = Matches(exact, _nearest(call, exact, defective))
    return found


def _exact(call: PanelCall, drawn: Drawn) -> tuple[Join, ...]:
    """A residual around these very boxes, or several of one source that together are."""
    wanted = call.has_branch(drawn)
    fits = [call.fitting.fit(drawn, join) for join in call.local]
    fits = [fit for fit in fits if fit.fits_in_part and (fit.covered or not wanted)]
    exact = tuple(fit.join for fit in fits if not fit.uncovered)
    if exact or not fits:
        return exact
    by_source: dict[int, list[Fit]] = {}
    for fit in fits:
        by_source.setdefault(fit.join.source, []).append(fit)
    for group in by_source.values():
        covered = frozenset().union(*(fit.covered for fit in group))
        if all(fit.uncovered <= covered for fit in group):
            return tuple(fit.join for fit in group)
    return ()


def _nearest(call: PanelCall, exact: Matched, defective: Collection[int]) -> dict[int, Fit]:
    """Pair the drawn edges left over with the executed residuals left over, the likest first."""
    taken = {join.key for joins in exact.values() for join in joins}
    free = [join for join in call.local if join.key not in taken]
    fits = [
        (drawn.number, fit)
        for drawn in call.drawn
        if drawn.solid and drawn.number not in exact
        for fit in (call.fitting.fit(drawn, join) for join in free)
        if fit.is_similar or _are_operations(call, drawn, fit)
    ]
    fits.sort(
        key=lambda pair: (
            -pair[1].likeness,
            pair[1].join.sink not in defective,
            pair[0],
            pair[1].join.sink,
        )
    )
    nearest: dict[int, Fit] = {}
    for number, fit in fits:
        if number not in nearest and fit.join.key not in taken:
            nearest[number] = fit
            taken.add(fit.join.key)
    return nearest


def _are_operations(call: PanelCall, drawn: Drawn, fit: Fit) -> bool:
    """Are both of operations alone, without a module?"""
    bound = any(call.layer.bound(box) for box in drawn.inside)
    return not bound and not fit.join.branch_calls


def find_elsewhere(call: PanelCall, drawn: Drawn) -> Join | None:
    """The residual around what is drawn, if another module than this panel's executes it."""
    for join in call.execution.joins:
        if join.key in call.local_keys or not _overlaps(call, join):
            continue
        fit = call.fitting.fit(drawn, join)
        if (fit.is_exact and fit.covered) or _is_inside_a_box(call, fit):
            return join
    return None


def find_similar_elsewhere(call: PanelCall, drawn: Drawn, undrawn: Callable[[Join], bool]) -> Fit | None:
    """As `find_elsewhere`, of a residual that nobody draws, and with another source."""
    for join in call.execution.joins:
        if undrawn(join) and _overlaps(call, join) and join.key not in call.local_keys:
            fit = call.fitting.fit(drawn, join)
            rest = tuple(misfit for misfit in fit.misfits if misfit not in fit.at_source)
            otherwise = replace(fit, misfits=rest)
            exact = otherwise.is_exact and bool(otherwise.covered)
            if fit.at_source and (exact or _is_inside_a_box(call, otherwise)):
                return fit
    return None


def _overlaps(call: PanelCall, join: Join) -> bool:
    return join.source < call.frame.end and join.sink >= call.frame.first


def _is_inside_a_box(call: PanelCall, fit: Fit) -> bool:
    """Is the sum made inside a drawn box, around all that is drawn, with nothing but norms after it?"""
    rest = [misfit for misfit in fit.misfits if misfit.stands is not Place.HOLDS]
    holders = [misfit for misfit in fit.misfits if misfit.stands is Place.HOLDS]
    if rest or not holders or fit.uncovered or fit.foreign or fit.elsewhere:
        return False
    return all(
        misfit.drawn in (Place.INSIDE, Place.AFTER)
        and any(
            run.holds(fit.join.sink) and not run.holds(fit.join.source) and _ends_with(call, run.holds, fit)
            for run in misfit.occurrence.runs
        )
        for misfit in holders
    )


def _ends_with(call: PanelCall, holds: Callable[[int], bool], fit: Fit) -> bool:
    """Do only norms and activations run in the module after its sum?"""
    modules = call.execution.modules
    return all(
        not modules[each.path].has_parameters or is_norm_or_activation(each.type_name)
        for each in call.execution.flow.calls
        if each.first > fit.join.sink and holds(each.first) and each.path in modules
    )
