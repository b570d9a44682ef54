"""Which executed residual is which drawn edge, in one call of a panel's module.

Each drawn edge takes the residuals that it shows exactly. The rest is paired with what is most like it, so
that one disagreement gives one finding; the rules decide which.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, takewhile

from archcheck.diff.alignment import Fit
from archcheck.diff.box_calls import BoxRun
from archcheck.diff.drawn_edges import BoxPosition, Drawn
from archcheck.diff.panel_calls import PanelCall, is_norm_or_activation
from archcheck.residual import Join

Matched = Mapping[int, tuple[Join, ...]]
"""The number of a drawn edge -> the executed residuals that it shows exactly."""

# Where a box that is drawn on the branch may stand: of the very residual, of one that another module makes,
# and of one that is also taken from another source.
_EXACT = frozenset([BoxPosition.INSIDE, BoxPosition.ASIDE])
_HELD = _EXACT | {BoxPosition.HOLDS}
_HELD_LATER = _HELD | {BoxPosition.BEFORE}


@dataclass(frozen=True, eq=False)
class Matches:
    """`exact`: the executed residuals that a drawn edge shows; `nearest`.

    For a solid edge without one, the residual most like it that no other edge shows.
    """

    exact: Matched
    nearest: Mapping[int, Fit]


def match(calls: Sequence[PanelCall], defective: Collection[int]) -> dict[PanelCall, Matches]:
    """Return the matches of every call. `defective` are the sinks that a defect is about."""
    found = {}
    for call in calls:
        exact = {drawn.number: joins for drawn in call.drawn if (joins := _exact(call, drawn))}
        found[call] = Matches(exact, _nearest(call, exact, defective))
    return found


def _exact(call: PanelCall, drawn: Drawn) -> tuple[Join, ...]:
    """Return the residual around exactly these boxes, or several with one source that together are."""
    wanted = call.has_branch(drawn)
    near = [join for join in call.local if call.fitting.may_fit(drawn, join, _EXACT)]
    fits = [call.fitting.fit(drawn, join) for join in near]
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
    """Pair the remaining drawn edges with the remaining executed residuals, the most alike first."""
    taken = {join.key for joins in exact.values() for join in joins}
    free = [join for join in call.local if join.key not in taken]
    fits = [
        (drawn.number, fit)
        for drawn in call.drawn
        if drawn.solid and drawn.number not in exact
        for fit in (call.fitting.fit(drawn, join) for join in free)
        if fit.is_similar or fit.is_exchanged or _are_operations(call, drawn, fit)
    ]
    fits.sort(
        key=lambda pair: (-pair[1].likeness, pair[1].join.sink not in defective, pair[0], pair[1].join.sink)
    )
    nearest: dict[int, Fit] = {}
    for number, fit in fits:
        if number not in nearest and fit.join.key not in taken:
            nearest[number] = fit
            taken.add(fit.join.key)
    return nearest


def _are_operations(call: PanelCall, drawn: Drawn, fit: Fit) -> bool:
    """Return whether both are operations without a module."""
    bound = any(call.layer.bound(box) for box in drawn.inside)
    return not bound and not fit.join.branch_calls


def find_elsewhere(call: PanelCall, drawn: Drawn) -> Join | None:
    """Return the residual around what is drawn, if another module than this panel's executes it."""
    for join in _others(call, drawn, _HELD):
        fit = call.fitting.fit(drawn, join)
        if (fit.is_exact and fit.covered) or _is_inside_a_box(call, fit):
            return join
    return None


def realizes(call: PanelCall, fit: Fit) -> bool:
    """Return whether it is what a dashed edge stands for, perhaps with more on its branch than drawn."""
    return (bool(fit.covered) and not fit.misfits and not fit.foreign) or _is_inside_a_box(call, fit)


def is_realized(call: PanelCall, drawn: Drawn) -> bool:
    """Return whether any module executes what a dashed edge stands for."""
    return any(realizes(call, call.fitting.fit(drawn, join)) for join in _others(call, drawn, _HELD))


def find_similar_elsewhere(call: PanelCall, drawn: Drawn, undrawn: Callable[[Join], bool]) -> Fit | None:
    """Return what `find_elsewhere` does, for an undrawn residual with another source."""
    for join in filter(undrawn, _others(call, drawn, _HELD_LATER)):
        fit = call.fitting.fit(drawn, join)
        rest = tuple(misfit for misfit in fit.misfits if misfit not in fit.at_source)
        otherwise = replace(fit, misfits=rest)
        exact = otherwise.is_exact and bool(otherwise.covered)
        if fit.at_source and (exact or _is_inside_a_box(call, otherwise)):
            return fit
    return None


def _others(call: PanelCall, drawn: Drawn, allowed: frozenset[BoxPosition]) -> Iterator[Join]:
    """Yield the residuals of other modules around, inside or after a box on the branch."""
    frame, fitting = call.frame, call.fitting
    inside = fitting.drawn_inside(drawn)
    for join in call.execution.joins:
        if join.source >= frame.end or join.sink < frame.first or join.key in call.local_keys:
            continue
        if fitting.may_fit(drawn, join, allowed) and (
            any(run.holds(join.sink) and not run.holds(join.source) for _, run in fitting.holders(join))
            or any(BoxPosition.INSIDE in fitting.stands(one, join) for one in inside)
        ):
            yield join


def _is_inside_a_box(call: PanelCall, fit: Fit) -> bool:
    """Return whether a drawn box computes the sum, around all that is drawn, with only norms after it."""
    rest = [misfit for misfit in fit.misfits if misfit.stands is not BoxPosition.HOLDS]
    holders = [misfit for misfit in fit.misfits if misfit.stands is BoxPosition.HOLDS]
    if rest or not holders or fit.uncovered or fit.foreign or fit.elsewhere:
        return False
    return all(
        misfit.drawn in (BoxPosition.INSIDE, BoxPosition.AFTER)
        and any(
            run.holds(fit.join.sink) and not run.holds(fit.join.source) and _ends_with(call, run, fit.join)
            for run in misfit.occurrence.runs
        )
        for misfit in holders
    )


def _ends_with(call: PanelCall, run: BoxRun, join: Join) -> bool:
    """Return whether only norms and activations run in the module after its sum."""
    modules, calls = call.execution.modules, call.execution.flow.calls
    later = bisect_right(calls, join.sink, key=lambda each: each.first)
    last = max(end for _, end in run.spans)
    return all(
        not modules[each.path].has_parameters or is_norm_or_activation(each.type_name)
        for each in takewhile(lambda each: each.first < last, islice(calls, later, None))
        if run.holds(each.first) and each.path in modules
    )
