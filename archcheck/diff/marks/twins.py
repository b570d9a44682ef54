"""Like modules (the experts of a list): the marks of one that did not run are proved by one that did."""

from __future__ import annotations

from archcheck.diff.marks.territory import Territory
from archcheck.diff.panel_calls import PanelCall
from archcheck.phrasing.module_paths import parent


def twin(call: PanelCall, territory: Territory, box: str) -> str:
    """Return the box of a module like that of this inactive box that ran instead; "" if there is none."""
    return _alike(call, territory, box) if call.panel.boxes[box].inactive else ""


def idle(call: PanelCall, territory: Territory) -> frozenset[str]:
    """Return the boxes of which neither the modules ran nor any like them."""
    return frozenset(
        box
        for box, value in call.panel.boxes.items()
        if value.module is not None and box not in territory.nodes_of and not _alike(call, territory, box)
    )


def _alike(call: PanelCall, territory: Territory, box: str) -> str:
    """Return the first box that ran and whose module is in the same list as this one's, which did not."""
    modules = call.execution.modules

    def kinds(name: str) -> set[tuple[str, str]]:
        return {(parent(path), modules[path].type_name) for path in call.layer.bound(name)}

    wanted = kinds(box) if box not in territory.nodes_of else set()
    return next((other for other in territory.nodes_of if kinds(other) & wanted), "") if wanted else ""
