"""Checks of one part of a spec against another: the story; large ones have files of their own."""

from __future__ import annotations

from archcheck.rules.spec_codes import BAD_NAME, CYCLE, WRONG_VALUE
from archcheck.spec.check_flow import check_flow
from archcheck.spec.check_model import check_model
from archcheck.spec.check_residuals import check_residuals
from archcheck.spec.context import Context
from archcheck.spec.flow import find_cycle
from archcheck.spec.model import Box, Panel
from archcheck.spec.words import Path, did_you_mean, listing, quote, route
from archcheck.vocabulary import TERMS


def check(context: Context) -> None:
    """Add contradictions and names of what does not exist to the context's problems."""
    check_model(context)
    for name, panel in context.panels.items():
        path: Path = ("panels", name)
        context.check_id(name, path)
        _check_modules(context, panel, path)
        for box_name, box in panel.boxes.items():
            _check_box(context, box_name, box, (*path, "boxes", box_name))
        reachability = check_flow(context, panel, path)
        check_residuals(context, panel, path, reachability)
    _check_details(context)


def _check_modules(context: Context, panel: Panel, path: Path) -> None:
    if panel.scope:
        context.check_patterns([(panel.scope, (*path, "scope"))])
    context.check_patterns((module, (*path, "omit", index)) for index, module in enumerate(panel.omit))
    context.check_patterns((module, (*path, "except", index)) for index, module in enumerate(panel.except_))


def _check_box(context: Context, name: str, box: Box, path: Path) -> None:
    context.check_id(name, path)
    if name == "input":
        hint = "It stands for the panel's input. Rename the box; its label can be anything."
        context.add(BAD_NAME, path, "the name 'input' is reserved", hint, at_key=True)
    if isinstance(box.module, str):
        context.check_patterns([(box.module, (*path, "module"))])
    elif box.module is not None:
        context.check_patterns((module, (*path, "module", index)) for index, module in enumerate(box.module))
    _check_operation(context, box, path)
    if box.detail is not None:
        context.check_panel_name(box.detail, (*path, "detail"))


def _check_operation(context: Context, box: Box, path: Path) -> None:
    if box.op is not None and box.op not in TERMS:
        near = did_you_mean(box.op, TERMS)
        hint = "" if near else f"Known: {listing(sorted(TERMS))}."
        context.add(WRONG_VALUE, (*path, "op"), f"no operation {quote(box.op)}{near}", hint)
    inside = [key for key in ("module", "op", "detail") if getattr(box, key) is not None]
    if box.outside and inside:
        message = f"a box outside the model can't have {inside[0]!r}"
        context.add(WRONG_VALUE, (*path, inside[0]), message, "Remove one of the two.", at_key=True)


def _check_details(context: Context) -> None:
    """Check that panels do not open each other in a cycle: they could not be bound to modules."""
    opened_by = {
        (name, box.detail): ("panels", name, "boxes", box_name, "detail")
        for name, panel in context.panels.items()
        for box_name, box in panel.boxes.items()
        if box.detail in context.panels
    }
    cycle = find_cycle(list(context.panels), [(name, str(detail)) for name, detail in opened_by])
    if cycle:
        last = opened_by[cycle[-1], cycle[0]]
        context.add(CYCLE, last, f"panels open each other in a cycle: {route([*cycle, cycle[0]])}")
