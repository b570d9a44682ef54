"""The story of a draft: plan the panels, draw each, check all, draw unproved ones more coarsely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from archcheck.diff import compare
from archcheck.diff.binding import BoundPanel, bind
from archcheck.diff.execution import Execution
from archcheck.diff.marks.values import Values, values
from archcheck.drafting.choices import Choices
from archcheck.drafting.kinds import places
from archcheck.drafting.panel import drawn, skeleton
from archcheck.drafting.plan import MODEL, Planner, Sheet
from archcheck.drafting.writing import text_of
from archcheck.findings import Finding
from archcheck.spec.edges import edge_id
from archcheck.spec.load import LoadedSpec, loads

_ROUNDS = 12
_MOST_BOXES, _MOST_EDGES = 60, 30
_OF_THE_CODE = frozenset(["RES007", "RES008", "RES011", "RES012"])
"""Defects that need no diagram."""
_ON_BOXES = frozenset(["BOX005", "BOX006", "BOX007", "MARK001"])


@dataclass(frozen=True)
class Draft:
    """A drafted spec, as text, what is still wrong with it, and the titles of unproved panels."""

    text: str
    loaded: LoadedSpec
    findings: tuple[Finding, ...]
    closed: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Attempt:
    draft: Draft
    sheets: Mapping[str, Sheet]
    choices: Choices


def draft(execution: Execution, head: Mapping[str, Any]) -> Draft:
    """Return the spec of a run; `head` is its beginning (`title`, `model`)."""
    run = values(execution)
    choices, closed = Choices(), list[str]()
    for _ in range(_ROUNDS):
        attempt = _attempt(run, head, choices)
        coarser = _coarser(attempt)
        if coarser == choices:
            break
        kinds = coarser.closed - choices.closed - {MODEL}
        closed += [sheet.title for sheet in attempt.sheets.values() if sheet.kind in kinds]
        choices = coarser
    return replace(attempt.draft, closed=tuple(closed))


def _attempt(run: Values, head: Mapping[str, Any], choices: Choices) -> _Attempt:
    sheets = {sheet.name: sheet for sheet in Planner(run, choices).plan()}
    panels = {name: skeleton(sheet, run, choices) for name, sheet in sheets.items()}
    for name, title in _titles(sheets, panels).items():
        panels[name]["title"] = title
    bound = _bound(loads(_text(head, panels)), run.execution)
    panels = {name: drawn(sheets[name], data, bound[name], run, choices) for name, data in panels.items()}
    crowded = {sheets[name].kind for name, panel in panels.items() if _is_crowded(panel)} - choices.closed
    if crowded:
        return _attempt(run, head, choices.closing(crowded))
    text = _text(head, panels)
    loaded = loads(text)
    compared = compare(loaded, [(run.execution, tuple(_bound(loaded, run.execution).values()))])
    return _Attempt(Draft(text, loaded, compared.findings), sheets, choices)


def _titles(sheets: Mapping[str, Sheet], panels: Mapping[str, Any]) -> dict[str, str]:
    """Return a title for each panel: the label of the box that it opens, and its layers if need be."""
    titles = {name: sheet.title for name, sheet in sheets.items()}
    for panel in panels.values():
        for box in panel["boxes"].values():
            if "detail" in box:
                titles[box["detail"]] = box["label"].partition("\n")[0]
    found = dict(titles)
    for name, title in titles.items():
        alike = [sheets[other].scopes for other in titles if titles[other] == title]
        where = _where(sheets[name].scopes, list(chain(*alike))) if len(alike) > 1 else ""
        found[name] = f"{title}\n{where}" if where else title
    return found


def _where(scopes: Sequence[str], among: Sequence[str]) -> str:
    """Return which of several modules these are: whether of the encoder or the decoder, and which layers."""
    sides = [{side for side in ("encoder", "decoder") if side in path} for path in (*among, *scopes)]
    own = set.intersection(*sides[len(among) :])
    if own and any(side != own for side in sides):
        among = [path for path, side in zip(among, sides, strict=False) if side == own]
    else:
        own = set()
    return ", ".join(filter(None, [*own, places(scopes, among)]))


def _is_crowded(panel: Mapping[str, Any]) -> bool:
    """Return whether a panel has more boxes than anybody reads."""
    residuals = panel.get("residuals", ())
    skipping = {box for edge in residuals for box in edge.get("through", ())}
    alone = len(panel["boxes"].keys() - skipping) > 1 and not panel.get("flow")
    return not panel["boxes"] or alone or len(panel["boxes"]) > _MOST_BOXES or len(residuals) > _MOST_EDGES


def _text(head: Mapping[str, Any], panels: Mapping[str, Any]) -> str:
    rest = dict(head)
    model = rest.pop("model")
    return text_of({**rest, "strict": True, "model": model, "panels": panels})


def _bound(loaded: LoadedSpec, execution: Execution) -> dict[str, BoundPanel]:
    return {panel.name: panel for panel in bind(loaded, execution.modules)}


def _edges(attempt: _Attempt, panel: str) -> set[str]:
    return {edge_id(edge) for edge in attempt.draft.loaded.spec.panels[panel].residuals}


def _coarser(attempt: _Attempt) -> Choices:
    """Return the choices for the next attempt, unchanged if there is nothing to do.

    In each unproved panel the unproved boxes are left out or labelled plainly; if that does not help, what
    opens them is left out, or else the panel.
    """
    choices = attempt.choices
    by_panel: dict[str, list[Finding]] = {}
    for finding in attempt.draft.findings:
        if finding.code in _OF_THE_CODE:
            continue
        by_panel.setdefault(finding.panel, []).append(finding)
    for panel, findings in by_panel.items():
        if panel not in attempt.sheets:
            continue
        kind = attempt.sheets[panel].kind
        boxes = attempt.draft.loaded.spec.panels[panel].boxes
        named = {finding.edge for finding in findings if finding.code in _ON_BOXES} & set(boxes)
        signs = {boxes[box].label for box in named if boxes[box].module is None}
        dropped = {name for name, box in boxes.items() if box.module is None and box.label in signs}
        dropped |= {finding.edge for finding in findings} & _edges(attempt, panel)
        if choices.dropped.get(kind):
            dropped = set()  # once is enough: what the panel needs can't be told apart
        plain = named - dropped - choices.plain.get(kind, frozenset())
        if dropped:
            choices = choices.dropping(kind, dropped)
        if plain:
            choices = choices.relabelling(kind, plain)
        if not dropped and not plain:
            # A box of unlike modules, of which a panel opens but some, stays closed itself.
            opened = {boxes[box].detail for box in named} & attempt.sheets.keys()
            choices = choices.closing([attempt.sheets[name].kind for name in opened if name] or [kind])
    return choices
