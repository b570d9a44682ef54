"""Checks of a panel's `flow` and `edges`."""

from __future__ import annotations

from itertools import pairwise

from archcheck.rules.spec_codes import CYCLE, NOT_IN_FLOW, TWICE_IN_FLOW
from archcheck.spec.context import Context
from archcheck.spec.flow import Reachability, find_cycle, flow_edges
from archcheck.spec.model import Panel
from archcheck.spec.words import Path, quote, route


def check_flow(context: Context, panel: Panel, path: Path) -> Reachability | None:
    """Check that the flow of the panel at `path` can be followed; None where it can't."""
    in_flow: dict[str, Path] = {}
    sound = context.intact((*path, "flow")) and context.intact((*path, "edges"))
    for name, at in context.texts((*path, "flow")):
        if name in in_flow:
            line = context.line(in_flow[name])
            message = f"box {quote(name)} is already in the flow (line {line})"
            context.add(TWICE_IN_FLOW, at, message, "Draw more lines between boxes with 'edges'.")
            sound = False
        in_flow.setdefault(name, at)
    in_edges = list(context.texts((*path, "edges")))
    for name, at in [*in_flow.items(), *in_edges]:
        context.check_box_name(name, path, at)
        sound = sound and name in panel.boxes
    if not sound:
        return None
    _check_all_placed(context, panel, path, {*in_flow, *(name for name, _ in in_edges)})
    return None if _has_cycle(context, panel, path) else Reachability(panel)


def _check_all_placed(context: Context, panel: Panel, path: Path, placed: set[str]) -> None:
    if not placed or not context.intact((*path, "residuals")):
        return
    skipped = {name for edge in panel.residuals for name in edge.through}
    for name in panel.boxes:
        if name not in placed and name not in skipped:
            hint = "Add it to 'flow' or 'edges'."
            context.add(
                NOT_IN_FLOW,
                (*path, "boxes", name),
                f"box {quote(name)} is not in the flow",
                hint,
                at_key=True,
            )


def _has_cycle(context: Context, panel: Panel, path: Path) -> bool:
    cycle = find_cycle(list(panel.boxes), flow_edges(panel))
    if not cycle:
        return False
    links = set(pairwise([*cycle, cycle[0]]))
    closing = next(  # the flow alone has no cycle, since it has no box twice
        index for index, chain in enumerate(panel.edges) if not links.isdisjoint(pairwise(chain))
    )
    message = f"the flow runs in a cycle: {route([*cycle, cycle[0]])}"
    context.add(CYCLE, (*path, "edges", closing), message)
    return True
