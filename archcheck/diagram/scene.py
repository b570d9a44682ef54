"""A picture before Graphviz: shapes, lines and patches at their places, in points, y upwards."""

from __future__ import annotations

from dataclasses import dataclass, field

from archcheck.diagram.labels import Line

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A node of the picture. `form` is box, plate, circle, dot, point or text; `x` and `y` are its centre.

    `hover` is what a viewer shows under the pointer; `group` is the class of the SVG element.
    """

    key: str
    form: str
    x: float
    y: float
    w: float = 0.0
    h: float = 0.0
    lines: tuple[Line, ...] = ()
    fill: str = ""
    stroke: str = ""
    pen: float = 1.0
    ink: str = ""
    size: float = 13.0
    bold: bool = False
    italic: bool = False
    left: bool = False
    broken: bool = False
    hover: str = ""
    group: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """An edge between two shapes: solid, dashed or dotted; `core` is the colour inside a doubled line."""

    tail: str
    head: str
    points: tuple[Point, ...]
    color: str
    pen: float = 1.2
    line: str = "solid"
    arrow: bool = True
    core: str = ""
    hover: str = ""
    group: str = ""
    radius: float = 5.0


@dataclass(frozen=True, slots=True)
class Patch:
    """A filled polygon behind everything: a frame, or the wedge from a box to the panel that details it."""

    points: tuple[Point, ...]
    fill: str
    stroke: str = ""
    pen: float = 0.0
    radius: float = 0.0


@dataclass(slots=True)
class Scene:
    """All that is drawn, back to front."""

    title: str
    description: str
    paper: str
    fonts: tuple[str, ...]
    patches: list[Patch] = field(default_factory=list)
    below: list[Shape] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    above: list[Shape] = field(default_factory=list)
    top: list[Curve] = field(default_factory=list)

    @property
    def width(self) -> float:
        """The width of all frames and shapes."""
        edges = [x for patch in self.patches for x, _ in patch.points]
        edges += [shape.x + side * shape.w / 2 for shape in self.shapes for side in (-1, 1)]
        return max(edges) - min(edges)

    @property
    def height(self) -> float:
        """The height of all frames and shapes."""
        edges = [y for patch in self.patches for _, y in patch.points]
        edges += [shape.y + side * shape.h / 2 for shape in self.shapes for side in (-1, 1)]
        return max(edges) - min(edges)
