"""An executed residual as a panel would draw it: the keys of an edge."""

from __future__ import annotations

from collections.abc import Iterator

from archcheck.diff.drawn_edges import BoxPosition, drawn_edge
from archcheck.diff.edge_kinds import wrong_kind
from archcheck.diff.panel_calls import PanelCall
from archcheck.residual import Join
from archcheck.spec.flow import Reachability
from archcheck.spec.model import ResidualEdge

Words = dict[str, object]

_NO_ENDS: Words = dict.fromkeys(("around", "from", "to", "through", "kind", "factor", "factor_on"))


def edge_words(call: PanelCall, join: Join) -> Words | None:
    """Return the ends, kind and skip-path boxes of an edge that shows the residual exactly.

    A key that it does not have is None. The result is None if the panel's boxes can't show the residual.
    """
    reach = Reachability(call.panel)
    for ends in _ends(call, join, reach):
        for through in _through(call, join, reach):
            words = {**ends, **({"through": through} if through else {})}
            found = _with_kind(call, join, reach, words)
            if found is not None:
                return {**_NO_ENDS, **found}
    return None


def _ends(call: PanelCall, join: Join, reach: Reachability) -> Iterator[Words]:
    """Yield possible ends of the edge: around boxes of the branch, then from the source to the last."""
    branch = [box for box in reach.order if box in call.boxes_on(join)]
    if not branch:
        return
    firsts = [box for box in branch if not any(reach.leads(one, box) for one in branch if one != box)]
    lasts = [box for box in branch if not any(reach.leads(box, one) for one in branch if one != box)]
    for first in firsts:
        for last in lasts:
            if reach.leads(first, last):
                yield {"around": first if first == last else [first, last]}
    for last in lasts:
        yield {"from": call.source_box(join), "to": last}


def _through(call: PanelCall, join: Join, reach: Reachability) -> Iterator[list[str]]:
    """Yield choices of boxes on the skip path; none is tried first if the source itself is added."""
    on_skip = {
        one.box
        for one in call.frame.occurrences
        if BoxPosition.SKIP in call.fitting.stands(one, join) and one.name not in call.joiners
    }
    if not join.residual.skip:
        yield []
    yield [box for box in reach.order if box in on_skip]


def _with_kind(call: PanelCall, join: Join, reach: Reachability, words: Words) -> Words | None:
    """Return the keys for the kind and factors that the residual has; None if they do not show it."""
    for _ in range(2):
        try:
            edge = ResidualEdge.model_validate(words)
        except ValueError:
            return None
        drawn = drawn_edge(call.bound, edge, -1, reach)
        if not drawn.inside:
            return None
        fit = call.fitting.fit(drawn, join)
        if not (fit.is_exact and fit.covered):
            return None
        different = wrong_kind(drawn, join, call)
        if different is None:
            return words
        words = {**words, **dict(different.words)}
    return None
