"""Checks of a panel's residual edges."""

from __future__ import annotations

from archcheck.connections import Kind
from archcheck.rules.spec_codes import (
    BAD_REALIZED_BY,
    DUPLICATE_EDGE,
    RESIDUAL_ENDS,
    UNREACHABLE,
    WRONG_VALUE,
)
from archcheck.spec.context import Context
from archcheck.spec.edges import edge_id, ends, find_edge
from archcheck.spec.flow import Reachability
from archcheck.spec.model import Line, Panel, ResidualEdge
from archcheck.spec.words import Path, did_you_mean, listing, quote


def check_residuals(context: Context, panel: Panel, path: Path, reachability: Reachability | None) -> None:
    """Check the residual edges of the panel at `path`; `reachability` is None if its flow is unsound."""
    called: dict[str, Path] = {}
    for index, edge in enumerate(panel.residuals):
        at = (*path, "residuals", index)
        for key in ("around", "from", "to", "through"):
            for name, name_path in context.texts((*at, key)):
                if (key, name) != ("from", "input"):
                    context.check_box_name(name, path, name_path)
        if context.intact(at) and _has_ends(context, edge, at):
            _check_unique(context, edge, at, called)
            if reachability is not None:
                _check_direction(context, panel, edge, at, reachability)
        for key, value in (("factor", edge.factor), ("factor_on", edge.factor_on)):
            if value is not None and edge.kind not in (None, Kind.SCALED):
                message = f"'{key}' is only for a scaled residual edge, but this one is {edge.kind}"
                context.add(WRONG_VALUE, (*at, key), message, f"Write kind: scaled, or remove {key}.")
        if edge.realized_by is not None:
            _check_realized_by(context, edge, edge.realized_by, at)


def _has_ends(context: Context, edge: ResidualEdge, path: Path) -> bool:
    hint = "Write either around: BOX (or [FIRST, LAST]), or from: BOX and to: BOX."
    if edge.around is not None:
        if edge.from_ is not None or edge.to is not None:
            message = "a residual edge goes either 'around' boxes or 'from' one box 'to' another, not both"
            context.add(RESIDUAL_ENDS, path, message, hint)
            return False
        return True
    missing = [key for key, value in (("from", edge.from_), ("to", edge.to)) if value is None]
    if len(missing) == 1:
        context.add(RESIDUAL_ENDS, path, f"this residual edge has no {quote(missing[0])}", hint)
    elif missing:
        context.add(RESIDUAL_ENDS, path, "this residual edge needs 'around', or 'from' and 'to'", hint)
    return not missing


def _check_unique(context: Context, edge: ResidualEdge, path: Path, called: dict[str, Path]) -> None:
    for name in dict.fromkeys((edge_id(edge), ends(edge))):
        if name in called:
            line = context.line(called[name])
            message = f"the residual edge {quote(name)} is already drawn on line {line}"
            context.add(DUPLICATE_EDGE, path, message)
            break
    called.setdefault(edge_id(edge), path)
    called.setdefault(ends(edge), path)


def _check_direction(
    context: Context, panel: Panel, edge: ResidualEdge, path: Path, reachability: Reachability
) -> None:
    match edge.around:
        case str():
            return
        case [first, last]:
            hint = f"Write [{last}, {first}]."
        case _:
            first, last = str(edge.from_), str(edge.to)
            hint = f"Reverse it: from {last} to {first}."
    if first not in panel.boxes or last not in panel.boxes:  # `input` leads everywhere
        return
    if edge.around is None and first == last:
        context.add(
            UNREACHABLE, path, f"the residual edge starts and ends at {quote(first)}", "Write 'around'."
        )
    elif not reachability.leads(first, last):
        turn = hint if reachability.leads(last, first) else ""
        context.add(UNREACHABLE, path, f"the flow does not lead from {quote(first)} to {quote(last)}", turn)


def _check_realized_by(context: Context, edge: ResidualEdge, reference: str, path: Path) -> None:
    at = (*path, "realized_by")
    own_panel = path[1]
    panel, _, wanted = reference.partition(".")
    if edge.line is Line.SOLID and context.intact(path):
        message = "'realized_by' is only for a dashed line, but this one is solid"
        context.add(BAD_REALIZED_BY, at, message, "Write line: dashed, or remove realized_by.")
    if not panel or not wanted:
        message = f"{quote(reference)} does not name a residual edge"
        context.add(BAD_REALIZED_BY, at, message, "Write PANEL.BOX, PANEL.FIRST..LAST or PANEL.NAME.")
    elif panel not in context.names(("panels",)):
        context.check_panel_name(panel, at)
    elif panel == own_panel:
        message = f"{quote(reference)} is an edge of the same panel"
        context.add(
            BAD_REALIZED_BY, at, message, "Name the solid edge in the panel whose module computes the sum."
        )
    elif (found := find_edge(context.panels, reference)) is None:
        _note_missing(context, panel, wanted, at)
    elif found[1].line is Line.DASHED:
        message = f"{quote(reference)} is itself a dashed line"
        context.add(BAD_REALIZED_BY, at, message, "Name the solid edge that the code implements.")


def _note_missing(context: Context, panel: str, wanted: str, path: Path) -> None:
    if panel not in context.panels or not context.intact(("panels", panel, "residuals")):
        return
    drawn = [edge_id(edge) for edge in context.panels[panel].residuals]
    message = f"panel {quote(panel)} has no residual edge {quote(wanted)}{did_you_mean(wanted, drawn)}"
    hint = f"It has {listing(drawn)}." if drawn else "It has none."
    context.add(BAD_REALIZED_BY, path, message, hint)
