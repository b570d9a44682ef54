"""Inactive boxes: of several modules alike (experts), one stands for all that did not run."""

from __future__ import annotations

from archcheck.diff.marks.box_map import BoxMap
from archcheck.diff.panel_calls import PanelCall


def twin(call: PanelCall, placed: BoxMap, box: str) -> str:
    """The box of a module like that of this inactive box, which ran in its stead; "" if there is none."""
    if not call.panel.boxes[box].inactive or placed.is_placed(box):
        return ""
    modules = call.execution.modules

    def kinds(name: str) -> set[tuple[str, str]]:
        return {(path.rpartition(".")[0], modules[path].type_name) for path in call.layer.bound(name)}

    return next((other for other in placed.territory.nodes_of if kinds(other) & kinds(box)), "")
