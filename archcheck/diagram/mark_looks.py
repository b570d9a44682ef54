"""The look of marks that were not checked, and of those that differ but were accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from archcheck.diagram.composition import Placed
from archcheck.diagram.labels import plain
from archcheck.diagram.looks import looking
from archcheck.diagram.panel_picture import edge_class
from archcheck.diagram.scene import Scene, Shape
from archcheck.diagram.theme import Theme
from archcheck.findings import Mark, MarkKind, Verdict
from archcheck.spec.edges import edge_id
from archcheck.spec.model import Spec

SHOWN = frozenset({Verdict.UNCHECKED, Verdict.ACCEPTED})


class MarkPainter:
    """Gives boxes and lines of a scene the look of their marks; `spec` is what the scene was composed of."""

    def __init__(self, spec: Spec, scene: Scene, theme: Theme, placed: Mapping[str, Placed]) -> None:
        self.spec, self.scene, self.theme, self.placed = spec, scene, theme, placed

    def paint(self, marks: Iterable[Mark]) -> None:
        """Show the marks that are accepted or not checked, of panels that are drawn."""
        for mark in marks:
            if mark.panel in self.placed and mark.verdict in SHOWN:
                hover = plain(f"{mark.verdict}{f': {mark.reason}' if mark.reason else ''}", 300)
                if mark.kind in (MarkKind.LINE, MarkKind.EDGE):
                    self._line(mark, hover)
                else:
                    self._box(mark, hover)

    def _box(self, mark: Mark, hover: str) -> None:
        key = f"{mark.panel}.{mark.name}"
        for at, shape in enumerate(self.scene.shapes):
            if shape.key == key:
                shape = replace(shape, hover=f"{shape.hover}\n{hover}")
                self.scene.shapes[at] = self._marked(shape, mark.verdict)

    def _marked(self, shape: Shape, verdict: Verdict) -> Shape:
        if verdict is Verdict.UNCHECKED:
            return looking("unchecked", shape, self.theme)
        group = f"{shape.group} accepted"
        return replace(shape, stroke=self.theme.accepted, pen=self.theme.pen * 2, group=group)

    def _line(self, mark: Mark, hover: str) -> None:
        """Recolour a residual edge, or the line of the flow from one box to another (`a->b`)."""
        panel = self.spec.panels[mark.panel]
        skips = {
            edge_class(self.spec, mark.panel, index)
            for index, edge in enumerate(panel.residuals)
            if mark.kind is MarkKind.EDGE and edge_id(edge) == mark.name
        }
        ends = tuple(f"{mark.panel}.{box}" for box in mark.name.split("->"))
        is_accepted = mark.verdict is Verdict.ACCEPTED
        color = self.theme.accepted if is_accepted else self.theme.faint
        for at, curve in enumerate(self.scene.curves):
            groups = curve.group.split()
            if skips & set(groups) or (not skips and "flow" in groups and (curve.tail, curve.head) == ends):
                group = f"{curve.group} {'accepted' if is_accepted else 'unchecked'}"
                self.scene.curves[at] = replace(curve, color=color, hover=hover, group=group)
