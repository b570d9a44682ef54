"""Residual lines as wide as a measure is large: `archcheck measure --diagram`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from archcheck.diagram.panel_picture import edge_class
from archcheck.diagram.scene import Scene
from archcheck.spec.edges import edge_id
from archcheck.spec.model import Spec

_LEAST, _MOST = 0.6, 5.0


@dataclass(frozen=True, slots=True)
class Widths:
    """What the width of a residual line shows: `values` (0 or more) by edge, as PANEL.EDGE."""

    measure: str
    values: Mapping[str, float]

    def apply(self, scene: Scene, spec: Spec) -> None:
        """Give each measured edge its width, the largest value the broadest, and the value as hover text."""
        largest = max(self.values.values(), default=0.0) or 1.0
        for panel, value in spec.panels.items():
            for index, edge in enumerate(value.residuals):
                found = self.values.get(f"{panel}.{edge_id(edge)}")
                if found is None:
                    continue
                wanted = edge_class(spec, panel, index)
                factor = _LEAST + (_MOST - _LEAST) * found / largest
                for at, curve in enumerate(scene.curves):
                    if wanted in curve.group.split():
                        hover = f"{self.measure}: {found:.3g}"
                        scene.curves[at] = replace(curve, pen=curve.pen * factor, hover=hover)
