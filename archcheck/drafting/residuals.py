"""The residual connections in a panel's own code, as solid edges between its boxes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod
from typing import Any

from archcheck.connections import Factor, Kind
from archcheck.diff.marks.territory import Territory
from archcheck.residual import Join
from archcheck.spec.ways import Line

Edge = dict[str, Any]


def edges(
    joins: Iterable[Join], territory: Territory, boxes: Sequence[str], lines: Sequence[Line]
) -> list[Edge]:
    """Return one edge for each sum, as written in the spec; a sum whose branch has no box is left out."""
    found: list[Edge] = []
    for join in joins:
        edge = _edge(join, territory, boxes, lines)
        if edge is not None and not any(_ends(edge) == _ends(other) for other in found):
            found.append(edge)
    return found


def _ends(edge: Edge) -> tuple[object, ...]:
    return edge.get("around"), edge.get("from"), edge.get("to")


def _edge(join: Join, territory: Territory, boxes: Sequence[str], lines: Sequence[Line]) -> Edge | None:
    values = territory.values
    nodes = {node for op in join.branch for node in range(*values.span(op, op + 1))}
    branch = [box for box in boxes if not nodes.isdisjoint(territory.nodes_of.get(box, ()))]
    skipped = {node for op in join.skip for node in range(*values.span(op, op + 1))}
    through = [
        box for box in boxes if box not in branch and not skipped.isdisjoint(territory.nodes_of.get(box, ()))
    ]
    if not branch:
        return None
    firsts = [box for box in branch if not any(other == box and one in branch for one, other in lines)]
    lasts = [box for box in branch if not any(one == box and other in branch for one, other in lines)]
    if len(lasts) != 1:
        return None
    edge: Edge = {}
    if len(firsts) == 1:
        edge["around"] = branch[0] if len(branch) == 1 else [firsts[0], lasts[0]]
    else:
        sources = territory.origins([values.made(join.source)]).boxes
        edge |= {"from": next(iter(sources), "input"), "to": lasts[0]}
    kind = join.residual.kind
    if kind is Kind.SCALED:
        edge |= _scaled(join.residual.factors)
    elif kind is not Kind.IDENTITY:
        edge["kind"] = kind.value
    if through and kind in (Kind.PROJECTION, Kind.SCALED, Kind.PARTIAL, Kind.IDENTITY, Kind.CONCAT):
        edge["through"] = through
    return edge


def _scaled(factors: Sequence[Factor]) -> Mapping[str, object]:
    words: dict[str, object] = {"kind": Kind.SCALED.value}
    sides = dict.fromkeys(factor.on for factor in factors)
    if len(sides) == 1:
        known = [factor.value for factor in factors if factor.value is not None]
        words |= {"factor": prod(known)} if len(known) == len(factors) else {}
        words["factor_on"] = factors[0].on
    return words
