"""The rules on a drawn residual edge: RES001, RES003 to RES006, RES009 and RES010.

Each is a function from one edge, in one call of its panel's module, to a candidate; `EDGE_RULES` lists them,
the most telling first: the first candidate for an edge wins.
"""

from __future__ import annotations

from collections.abc import Callable

from archcheck.diff.alignment import Fit, MisplacedBox
from archcheck.diff.box_calls import Occurrence
from archcheck.diff.drawn_edges import BoxPosition
from archcheck.diff.edge_kinds import KindDifference
from archcheck.diff.edge_kinds import wrong_kind as kind_difference
from archcheck.diff.evidence import EdgeEvidence, FindingCandidate
from archcheck.diff.how_often import drawn_again, missing_in_rounds, more_often, runs_again
from archcheck.diff.marks.entries import begins, ends
from archcheck.diff.matching import find_similar_elsewhere, is_realized, realizes
from archcheck.diff.panel_calls import is_norm_or_activation
from archcheck.diff.source_words import code_of_source, source_words
from archcheck.diff.wording import label
from archcheck.findings import Fix
from archcheck.phrasing.module_paths import joined
from archcheck.residual import Join

# -- edges that are executed here ---------------------------------------------------------------------------


def wrong_kind(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES009: source and branch are joined in a different way than drawn."""
    for join in edge.matched if edge.drawn.solid else ():
        found = kind_difference(edge.drawn, join, edge.call) or _misses_a_box(edge, join)
        if found:
            own = edge.setting(found.words) if found.words else None
            fix = own if found.of_label else edge.redrawing(join) or own
            return edge.candidate("RES009", found.message, found.traced, join, fix=fix)
    return None


def _misses_a_box(edge: EdgeEvidence, join: Join) -> KindDifference | None:
    """Return a difference for a box that is drawn on the skip path but that the skip path does not pass."""
    for box in edge.drawn.edge.through:
        if not _is_passed(edge, join, box):
            name = edge.names.paths(edge.call.layer.bound(box)) or label(edge.panel, box)
            return KindDifference(
                f"the skip path of the residual {edge.drawn.around()} is drawn through "
                f"{label(edge.panel, box)}, but does not pass through it",
                f"{name} is not on the skip path ({join.residual.kind.value})",
            )
    return None


def _is_passed(edge: EdgeEvidence, join: Join, box: str) -> bool:
    """Is a box on the skip path, as far as that can be told? What the source comes from is not."""
    leads = edge.drawn.reach.leads
    if begins(edge.panel, box) or any(leads(box, first) for first in edge.drawn.inside[:1]):
        return False
    ran = [one for one in edge.call.frame.occurrences if one.box == box]
    skip = (*join.skip, *join.skip_operand)
    if ran:
        return any(run.holds(at) for one in ran for run in one.runs for at in skip)
    check = edge.evidence.frames[edge.call]
    nodes = check.placed.territory.nodes_of.get(box, ())
    origin = check.values.recognition.origin
    return not nodes or any(origin[node] in skip for node in nodes)


def implemented_here(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES003: this panel's own module executes a dashed edge."""
    if edge.drawn.solid or not edge.matched:
        return None
    join = edge.matched[0]
    where = edge.names.module(join.residual.implemented_in)
    unrealized = [("realized_by", None)] if edge.drawn.edge.realized_by else []
    return edge.candidate(
        "RES003",
        f"the residual {edge.drawn.around()} is drawn dashed, but {edge.call.title} implements it itself",
        f"{where} computes the sum; draw it solid",
        join,
        fix=edge.setting([("line", "solid"), *unrealized]),
    )


# -- edges that are executed elsewhere ----------------------------------------------------------------------


def realized_otherwise(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES006: the solid edge that `realized_by` names goes around other boxes."""
    fit = _realizing_fit(edge)
    if fit is None or (fit.is_similar and fit.misfits):
        return None
    residual, reference = fit.join.residual, edge.drawn.edge.realized_by
    around = edge.names.paths(joined(residual.scope, path) for path in residual.branch)
    fix = edge.redrawing(fit.join)
    if realized := edge.evidence.cross_panel.solid_edge(edge.elsewhere) if edge.elsewhere else "":
        fix = edge.setting([("realized_by", realized)])
    return edge.candidate(
        "RES006",
        f"{reference} does not realize the residual {edge.drawn.around()}: its branch is different",
        f"{reference} goes around {around}",
        fit.join,
        fix=fix,
    )


def _realizing_fit(edge: EdgeEvidence) -> Fit | None:
    """Return how the residual that should realize a dashed edge differs from it; None if it does not."""
    reference, call = edge.drawn.edge.realized_by, edge.call
    if edge.drawn.solid or edge.matched or not reference:
        return None
    held = edge.evidence.cross_panel.realizing(reference, call.layer.base)
    fits = [call.fitting.fit(edge.drawn, join) for join in held]
    if not held or any(realizes(call, fit) for fit in fits):
        return None
    ran = all(edge.execution.ran(path) for box in edge.drawn.inside for path in call.layer.bound(box))
    return fits[0] if ran else None  # modules that did not run have a finding of their own


def implemented_nowhere(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES001: no module executes a dashed edge that names no other edge."""
    drawn, call = edge.drawn, edge.call
    if drawn.solid or edge.matched or drawn.edge.realized_by:
        return None
    beyond = all(begins(edge.panel, box) or ends(edge.panel, box) for box in drawn.inside)
    if not (beyond or call.has_branch(drawn)):
        return None
    if any(not edge.execution.ran(path) for box in drawn.inside for path in call.layer.bound(box)):
        return None  # modules that did not run have a finding of their own
    if is_realized(call, drawn):
        return None
    return edge.candidate(
        "RES001",
        f"no module implements the residual {drawn.around()}",
        "no module computes such a sum",
        None,
        edge.execution.location(call.layer.own[0]),
        fix=edge.removal(),
    )


def implemented_elsewhere(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES006: another module executes the residual."""
    join = edge.elsewhere if edge.is_unmatched else None
    if join is None:
        return None
    drawn_at = edge.evidence.cross_panel.solid_edge(join)
    realized = f" with realized_by: {drawn_at}" if drawn_at else ""
    words = [("line", "dashed"), *([("realized_by", drawn_at)] if drawn_at else [])]
    return _wrong_level(edge, join, f"; draw it dashed{realized}", edge.setting(words))


def taken_elsewhere(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES006: another module executes it, from another source."""
    if not edge.is_unmatched or edge.nearest is not None:
        return None
    fit = find_similar_elsewhere(edge.call, edge.drawn, edge.evidence.cross_panel.is_undrawn)
    return _wrong_level(edge, fit.join, f"; its source is {_taken(edge, fit)[1]}", None) if fit else None


def _wrong_level(edge: EdgeEvidence, join: Join, more: str, fix: Fix | None) -> FindingCandidate:
    where = edge.names.module(join.residual.implemented_in)
    return edge.candidate(
        "RES006",
        f"the residual {edge.drawn.around()} is implemented in {where}, not in {edge.call.title}",
        f"{where} computes the sum{more}",
        join,
        fix=fix,
    )


# -- edges that are executed otherwise ----------------------------------------------------------------------


def _misaligned(edge: EdgeEvidence) -> Fit | None:
    """Return the executed residual that is the drawn one with an end, or a box, in a different place."""
    if edge.is_unmatched:
        return edge.nearest
    fit = _realizing_fit(edge)
    return fit if fit and fit.is_similar and fit.misfits else None


def on_the_skip_path(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES009: a box of the branch is on the skip path."""
    fit = _misaligned(edge)
    misfit = next((one for one in fit.misfits if one.stands is BoxPosition.SKIP), None) if fit else None
    if fit is None or misfit is None:
        return None
    return edge.misaligned(
        "RES009",
        f"{_called(edge, misfit, fit)} is drawn on the branch of the residual {edge.drawn.around()}, "
        "but is on its skip path",
        f"{_ran(edge, misfit)} on the skip path{_at(misfit)} ({fit.join.residual.kind.value})",
        fit,
    )


def wrong_side(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES010: a norm or an activation runs on the other side of the sum."""
    fit = _misaligned(edge)
    if fit is None or not fit.at_sink or not all(_is_on_a_side(edge, misfit) for misfit in fit.at_sink):
        return None
    misfit = fit.at_sink[0]
    runs, draws = ("after", "before") if misfit.stands is BoxPosition.AFTER else ("before", "after")
    return edge.misaligned(
        "RES010",
        f"{_called(edge, misfit, fit)} is drawn {draws} the sum of the residual {edge.drawn.around()}, "
        f"but runs {runs} it",
        f"{_ran(edge, misfit)} {runs} the sum{_at(misfit)}",
        fit,
    )


def _is_on_a_side(edge: EdgeEvidence, misfit: MisplacedBox) -> bool:
    box = misfit.occurrence.box
    whole = len(edge.call.layer.bound(box)) <= 1
    return is_norm_or_activation(misfit.occurrence.kind, edge.panel.boxes[box].role if whole else None)


def wrong_source(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES004: the source is another tensor."""
    fit = _misaligned(edge)
    if fit is None or not (fit.at_source or fit.foreign or fit.elsewhere):
        return None
    taken, code = _taken(edge, fit)
    return edge.misaligned(
        "RES004",
        f"the residual {edge.drawn.around()} has the wrong source: it is taken {taken}",
        code,
        fit,
    )


def wrong_sink(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES005: the sum is computed before or after another box."""
    fit = _misaligned(edge)
    if fit is None or not fit.at_sink:
        return None
    late = [misfit for misfit in fit.at_sink if misfit.stands is BoxPosition.INSIDE]
    last = late[-1] if late else fit.at_sink[0]
    where = f"{'after' if late else 'before'} {_called(edge, last, fit)}"
    return edge.misaligned(
        "RES005",
        f"the residual {edge.drawn.around()} joins the branch in the wrong place: {where}",
        f"{_ran(edge, last)} {'before' if late else 'after'} the sum{_at(last)}",
        fit,
    )


def wrong_branch(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES005: a box is on the branch but not drawn there, or drawn there but not on it."""
    fit = _misaligned(edge)
    if fit is None:
        return None
    if fit.misfits:
        name = _called(edge, fit.misfits[0], fit)
        message = f"{name} is on the branch of the residual {edge.drawn.around()}, but is not drawn there"
        return edge.misaligned("RES005", message, f"{name} is on the branch", fit)
    if not fit.uncovered:
        return None
    name = label(edge.panel, min(one.box for one in fit.uncovered))
    message = f"{name} is drawn on the branch of the residual {edge.drawn.around()}, but is not on it"
    return edge.misaligned("RES005", message, f"{name} is not on the branch", fit)


def multiplied(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES009: the code multiplies where a sum is drawn."""
    if not edge.is_unmatched:
        return None
    calls = edge.execution.flow.calls
    for product in edge.execution.products:
        if calls[product.sink_call].path in edge.call.opened:
            fit = edge.call.fitting.fit(edge.drawn, product)
            if fit.is_exact and fit.covered:
                message = f"the residual {edge.drawn.around()} is drawn as a sum, but the code multiplies"
                return edge.candidate("RES009", message, "source and branch are multiplied", product)
    return None


def missing(edge: EdgeEvidence) -> FindingCandidate | None:
    """RES001: nothing executes it."""
    if not edge.is_unmatched:
        return None
    first, last = _ends_of_branch(edge)
    cut = first is not None and not _reads_source(edge)
    if first is not None and cut:
        code = f"{edge.names.path(first.name)} does not read {edge.drawn.source()}"
    else:
        code = f"the source is not added to {_branch_result(edge, last)}"
    own, call = edge.call.layer.own, first if cut else last
    location = call.runs[-1].location if call else edge.execution.location(own[0]) if own else None
    message = f"there is no residual connection {edge.drawn.around()}"
    return edge.candidate("RES001", message, code, None, location, fix=edge.removal())


def _ends_of_branch(edge: EdgeEvidence) -> tuple[Occurrence | None, Occurrence | None]:
    """Return the boxes of the branch that ran first and last."""
    inside = edge.call.inside(edge.drawn)
    first = min(inside, key=lambda one: one.runs[0].spans[0][0], default=None)
    return first, max(inside, key=lambda one: one.runs[-1].spans[-1][1], default=None)


def _reads_source(edge: EdgeEvidence) -> bool:
    """Return whether what ran of the branch depends on its drawn source; True if that is unknown."""
    frame = edge.call.frame
    leaving = [run for one in frame.occurrences if one.box in edge.drawn.entering for run in one.runs]
    source = [out for run in leaving for out in run.outputs]
    inputs = [read for one in edge.call.inside(edge.drawn) for run in one.runs for read in run.inputs]
    return not source or edge.execution.depends(inputs, source)


def _branch_result(edge: EdgeEvidence, last: Occurrence | None) -> str:
    boxes = edge.drawn.inside
    if last is not None and last.box == boxes[-1] and last.name in edge.execution.modules:
        return f"the output of {edge.names.path(last.name)}"
    return f"the output of {label(edge.panel, boxes[-1])}" if boxes else "the branch"


EDGE_RULES: tuple[Callable[[EdgeEvidence], FindingCandidate | None], ...] = (
    wrong_kind,  # RES009
    missing_in_rounds,  # RES001
    drawn_again,  # RES001
    more_often,  # RES002
    runs_again,  # BOX004
    implemented_here,  # RES003
    implemented_elsewhere,  # RES006
    realized_otherwise,  # RES006
    on_the_skip_path,  # RES009
    wrong_side,  # RES010
    wrong_source,  # RES004
    wrong_sink,  # RES005
    wrong_branch,  # RES005
    multiplied,  # RES009
    taken_elsewhere,  # RES006
    missing,  # RES001
    implemented_nowhere,  # RES001
)
"""In order of precedence: the first rule with a candidate for an edge wins."""


# -- words --------------------------------------------------------------------------------------------------


def _taken(edge: EdgeEvidence, fit: Fit) -> tuple[str, str]:
    """Return where the source is really taken, briefly and in full."""
    late = [misfit for misfit in fit.at_source if misfit.stands is BoxPosition.BEFORE]
    early = [misfit for misfit in fit.at_source if misfit.stands is BoxPosition.INSIDE]
    if late:
        taken = f"after {_called(edge, late[-1], fit)}"
        code = f"taken {code_of_source(edge.call, fit.join, late[-1])}"
    elif early:
        taken = f"before {_called(edge, early[0], fit)}"
        first = edge.names.path(early[0].occurrence.name)
        code = f"taken before {first}, from {source_words(edge.call, fit.join)}"
    else:
        taken = f"from {source_words(edge.call, fit.join)}"
        code = f"taken {taken}"
    return taken, f"{code}, not from {edge.drawn.source()}"


def _called(edge: EdgeEvidence, misfit: MisplacedBox, fit: Fit) -> str:
    """Return the box's label, or the module's name if others of the box are where they are drawn."""
    box = misfit.occurrence.box
    wrong = {other.occurrence.name for other in fit.misfits if other.occurrence.box == box}
    whole = {one.name for one in edge.call.frame.occurrences if one.box == box}
    return label(edge.panel, box) if wrong == whole else edge.names.path(misfit.occurrence.name)


def _ran(edge: EdgeEvidence, misfit: MisplacedBox) -> str:
    return f"{edge.names.path(misfit.occurrence.name)} runs"


def _at(misfit: MisplacedBox) -> str:
    """Return where a module that runs in the wrong place was called."""
    location = misfit.occurrence.runs[0].location
    return f" ({location})" if location else ""
