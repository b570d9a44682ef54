"""How boxes look of which something is to be said at a glance; each look differs without its colour, too."""

from __future__ import annotations

from dataclasses import replace

from archcheck.diagram.scene import Shape
from archcheck.diagram.theme import Theme


def looking(look: str, shape: Shape, theme: Theme) -> Shape:
    """Return a box in one of these looks.

    `inactive`, a box that is not chosen here: grey in a broken outline. `outside`, what is not part of the
    model: no filling, a thin outline. `unchecked`, what could not be checked: dark grey, its outline broken.
    """
    shape = replace(shape, group=f"{shape.group} {look}".strip())
    match look:
        case "inactive":
            return replace(shape, fill="#eceef0", stroke="#b8bec6", ink="#6b7280", broken=True)
        case "outside":
            pen = theme.pen * 0.7
            return replace(shape, fill=theme.paper, stroke=theme.muted, ink=theme.muted, pen=pen, italic=True)
    return replace(shape, fill="#cfd3d8", stroke="#4b5563", ink=theme.ink, broken=True)
