"""RES002: residuals that a panel's own module executes but neither an edge nor lines to a box draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.dataflow.join import JoinKey
from archcheck.diff.evidence import Evidence
from archcheck.diff.panel_calls import PanelCall
from archcheck.diff.residual_words import edge_words
from archcheck.diff.settling import Settled
from archcheck.diff.source_words import source_words
from archcheck.findings import Edit, Finding, Fix
from archcheck.phrasing.module_paths import generic, joined
from archcheck.residual import Join
from archcheck.spec.patching import flow_text


def undeclared(evidence: Evidence, settled: Settled) -> Iterator[Finding]:
    """Yield a finding for each sum that no edge shows and no finding explains; a loop counts as one."""
    groups: dict[tuple[object, ...], tuple[PanelCall, list[Join]]] = {}
    for join, home in _left_over(evidence, settled):
        key = (home, join.residual.location, frozenset(map(generic, join.residual.branch)))
        groups.setdefault(key, (home, []))[1].append(join)
    for home, joins in groups.values():
        yield _finding(evidence, home, joins)


def _left_over(evidence: Evidence, settled: Settled) -> Iterator[tuple[Join, PanelCall]]:
    """Yield each such residual, one per sink, with the panel to draw it in."""
    exact = [matches.exact for matches in evidence.matches.values()]
    shown = {join.key for edges in exact for joins in edges.values() for join in joins} | settled.joins
    told = {sink for placed in evidence.defects for sink in placed.sinks}
    homes: dict[JoinKey, list[PanelCall]] = {}
    for call in sorted(evidence.calls, key=lambda call: call.bound.details):
        for join in call.local:
            homes.setdefault(join.key, []).append(call)
    for join in evidence.execution.joins:
        if join.key in shown or join.sink in told or join.key not in homes:
            continue
        if any(evidence.frames[call].has_lines_for(join) for call in homes[join.key]):
            continue
        told.add(join.sink)
        drawing = [call for call in homes[join.key] if call.boxes_on(join)]
        home = (drawing or homes[join.key])[0]
        if not _is_dashed(evidence, join, home):
            yield join, home


def _is_dashed(evidence: Evidence, join: Join, home: PanelCall) -> bool:
    """Return whether the panel draws it dashed in another layer, whose sum this one computes."""
    return any(
        call.fitting.fit(drawn, join).is_exact
        for call in evidence.calls
        if call.bound is home.bound
        for drawn in call.drawn
        if not drawn.solid
    )


def _finding(evidence: Evidence, call: PanelCall, joins: Sequence[Join]) -> Finding:
    join = joins[0]
    residual, names = join.residual, call.names
    branch = [joined(residual.scope, path) for path in residual.branch]
    around = names.paths(branch) or "its own operations"
    what = f"the output of {names.path(branch[-1])}" if branch else "what it computes"
    at_home = residual.implemented_in in call.layer.own
    makes = call.title if at_home else names.path(residual.implemented_in)
    found = "a residual connection" if len(joins) == 1 else f"{len(joins)} residual connections"
    source = "its input" if residual.source == "input" and at_home else source_words(call, join)
    what = "its later output" if source == what else what  # a module called twice
    return Finding(
        "RES002",
        f"the code has {found} around {around} that {'is' if len(joins) == 1 else 'are'} not drawn",
        call.bound.name,
        layers=call.layer.indices,
        drawn="no residual",
        traced=f"{makes} adds {source} to {what} ({residual.kind.value})",
        spec=evidence.loaded.place("panels", call.bound.name),
        location=residual.location,
        modes=(evidence.execution.mode,),
        code_branch=call.boxes_on(join),
        code_source=call.source_box(join),
        fix=_drawing(call, join),
    )


def _drawing(call: PanelCall, join: Join) -> Fix | None:
    """Return the fix that adds an edge for it to the panel."""
    words = edge_words(call, join)
    if words is None:
        return None
    edge = {key: value for key, value in words.items() if value is not None}
    place = "panels", call.bound.name, "residuals"
    return Fix((Edit("append", place, flow_text({**edge, "line": "solid"})),))
