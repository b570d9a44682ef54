"""One panel as shapes and lines: labels are measured, the flow is laid out, everything gets its colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from archcheck.connections import Kind
from archcheck.diagram.labels import LINE_HEIGHT, TextRun, plain, width_of
from archcheck.diagram.layout.lay_out import lay_out
from archcheck.diagram.layout.measuring import Measure, is_dots
from archcheck.diagram.layout.placement import Size
from archcheck.diagram.layout.plan import Lane, Plan
from archcheck.diagram.layout.routing import Wire, uncovered
from archcheck.diagram.looks import looking
from archcheck.diagram.scene import Curve, Shape
from archcheck.diagram.signs import sign_of
from archcheck.diagram.theme import Theme, border_of, ink_on, role_of, stronger
from archcheck.spec.css_colors import as_hex
from archcheck.spec.model import Line as LineStyle
from archcheck.spec.model import Panel, Role, Spec


@dataclass(slots=True)
class PanelPicture:
    """A panel drawn about its own axis, foot at 0, as its `plan` lays it out."""

    name: str
    panel: Panel
    tint: str
    plan: Plan
    below: list[Shape] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    above: list[Shape] = field(default_factory=list)


class PanelPainter:
    """Draws one panel of a spec; `marks` gives the note numbers of boxes and edges."""

    def __init__(
        self,
        spec: Spec,
        name: str,
        theme: Theme,
        tints: Mapping[str, str],
        marks: Mapping[tuple[str, str], str],
    ) -> None:
        """`tints` gives every panel its colour, `marks` boxes and edges the numbers of their notes."""
        self.spec, self.name, self.theme, self.tints, self.marks = spec, name, theme, tints, marks
        self.panel = spec.panels[name]
        self.measure = Measure(self.panel, name, theme, marks)

    def paint(self, height: float = 0.0) -> PanelPicture:
        """Draw the panel; `height` is what it may grow to by standing further apart."""
        plan = lay_out(self.panel, self.measure, self.theme.scale, height)
        picture = PanelPicture(self.name, self.panel, self.tints[self.name], plan)
        for key, (x, y) in plan.spots.items():
            self._stop(picture, key, x, y)
        active = [wire for wire in plan.wires if not self._is_faint(wire)]
        for wire in plan.wires:
            self._wire(picture, uncovered(wire, active) if self._is_faint(wire) else wire)
        for index, lane in plan.lanes.items():
            self._skip_path(picture, index, lane)
        for key, kind in plan.sinks.items():
            self._sink(picture, key, kind)
        return picture

    def key(self, stop: str) -> str:
        """Return the picture-wide name of a stop."""
        return f"{self.name}.{stop}"

    def _stop(self, picture: PanelPicture, key: str, x: float, y: float) -> None:
        size = picture.plan.sizes.get(key, Size())
        if key not in self.panel.boxes:
            if size.w:
                picture.shapes.append(self._circle(key, x, y, size.w))
            else:
                picture.shapes.append(Shape(self.key(key), "point", x, y))
            return
        box = self.panel.boxes[key]
        fill, stroke = self._fill(key)
        ink = ink_on(fill, self.theme)
        if self.measure.is_circle(key):
            self._operator(picture, key, x, y, size.w)
        elif is_dots(box):
            picture.shapes.append(self._shape(key, "text", x, y, size, ink=self.theme.ink))
        else:
            if box.repeat is not None:
                self._deck(picture, key, x, y, size, fill, stroke)
            shape = replace(self._shape(key, "box", x, y, size, ink=ink), fill=fill, stroke=stroke)
            look = "inactive" if box.inactive else "outside" if box.outside else ""
            picture.shapes.append(looking(look, shape, self.theme) if look else shape)

    def _shape(self, key: str, form: str, x: float, y: float, size: Size, ink: str) -> Shape:
        return Shape(
            self.key(key),
            form,
            x,
            y,
            size.w,
            size.h,
            self.measure.labels[key],
            pen=self.theme.pen,
            ink=ink,
            size=self.theme.size(13),
            bold=self.theme.bold_labels,
            hover=self._hover(key),
            group="box",
        )

    def _fill(self, key: str) -> tuple[str, str]:
        box = self.panel.boxes[key]
        role = role_of(key, box)
        if chosen := as_hex(self.spec.colors.get(role, "")):
            fill = chosen
        elif box.detail in self.tints and self._details(role) == {box.detail}:
            fill = stronger(self.tints[str(box.detail)])
        else:
            fill = self.theme.roles[role]
        return fill, border_of(fill)

    def _details(self, role: Role) -> set[str | None]:
        """Return what the boxes of a role open; if different panels, they keep their role's colour."""
        return {each.detail for name, each in self.panel.boxes.items() if role_of(name, each) is role}

    def _deck(
        self, picture: PanelPicture, key: str, x: float, y: float, size: Size, fill: str, stroke: str
    ) -> None:
        """Draw cards behind a box that stands for several, and the ×N beside it."""
        for number in (2, 1):
            step = self.theme.size(3.5) * number
            card = Shape(f"{self.key(key)}:card{number}", "box", x, y + step, size.w - 3 * step, size.h)
            picture.below.append(replace(card, fill=fill, stroke=stroke, pen=self.theme.pen))
        line = self.measure.repeat(self.panel.boxes[key])
        width = width_of(line, self.theme.size(13))
        picture.shapes.append(
            Shape(
                f"{self.key(key)}:repeat",
                "text",
                x + size.w / 2 + self.theme.size(5) + width / 2,
                y,
                width,
                self.theme.size(16),
                (line,),
                ink=border_of(border_of(fill)),
                size=self.theme.size(13),
                bold=True,
            )
        )

    def _circle(self, key: str, x: float, y: float, width: float) -> Shape:
        return Shape(
            self.key(key),
            "circle",
            x,
            y,
            width,
            width,
            fill=self.theme.paper,
            stroke=self.theme.ink,
            pen=self.theme.pen,
        )

    def _operator(self, picture: PanelPicture, key: str, x: float, y: float, width: float) -> None:
        box = self.panel.boxes[key]
        role_fill = self._fill(key)[0]
        circle = replace(self._circle(key, x, y, width), hover=self._hover(key), group="box", fill=role_fill)
        sign = sign_of(box, key)
        if not sign:
            circle = replace(
                circle,
                lines=self.measure.labels[key][:1],
                size=self.theme.size(11),
                ink=ink_on(role_fill, self.theme),
            )
        picture.shapes.append(circle)
        self._strokes(picture, key, x, y, width / 2, sign)
        mark = self.marks.get((self.name, key))
        if mark and sign:
            picture.above.append(self._mark(key, mark, x + width / 2 + self.theme.size(5), y + width / 2))

    def _strokes(self, picture: PanelPicture, key: str, x: float, y: float, radius: float, sign: str) -> None:
        """Draw the sign inside a circle with lines that reach its rim: the same in every font."""
        name, ink = self.key(key), self.theme.ink
        if sign == "dot":
            picture.above.append(
                Shape(f"{name}:dot", "dot", x, y, radius * 0.36, radius * 0.36, fill=ink, stroke=ink)
            )
        half = radius * (0.707 if sign == "times" else 1.0)
        ends = {
            "plus": (((x - half, y), (x + half, y)), ((x, y - half), (x, y + half))),
            "times": (
                ((x - half, y - half), (x + half, y + half)),
                ((x - half, y + half), (x + half, y - half)),
            ),
        }.get(sign, ())
        for points in ends:
            picture.curves.append(Curve(name, name, points, ink, self.theme.pen, arrow=False, group="sign"))

    def _wire(self, picture: PanelPicture, wire: Wire) -> None:
        edges = [self.panel.residuals[index] for index in wire.edges]
        line = "dashed" if edges and all(edge.line is LineStyle.DASHED for edge in edges) else "solid"
        ink = self.theme.ink
        if self._is_faint(wire):
            line, ink = "dotted", self.theme.faint
        if len(wire.points) < 2:
            return
        curve = Curve(
            self.key(wire.tail),
            self.key(wire.head),
            wire.points,
            ink,
            self.theme.pen,
            line,
            wire.arrow,
            core=picture.tint if any(edge.kind is Kind.MULTI_STREAM for edge in edges) else "",
            group=" ".join(["residual", *(edge_class(self.spec, self.name, index) for index in wire.edges)])
            if edges
            else "flow",
        )
        picture.curves.append(curve)

    def _is_faint(self, wire: Wire) -> bool:
        """Say whether the wire leads to or from a box that is not in use."""
        return any(
            self.panel.boxes[end].inactive for end in (wire.tail, wire.head) if end in self.panel.boxes
        )

    def _skip_path(self, picture: PanelPicture, index: int, lane: Lane) -> None:
        """Draw the dot where a skip path leaves, and what is written on it."""
        dot, ink = self.theme.size(3.2), self.theme.ink
        key = f"{self.key(lane.tail)}:dot"
        is_new = not any(shape.key == key for shape in picture.above)
        if is_new and lane.tail not in self.panel.boxes:
            picture.above.append(Shape(key, "dot", *lane.tap, dot, dot, fill=ink, stroke=ink))
        if index in picture.plan.labels:
            self._label(picture, index, lane)
        if mark := self.marks.get((self.name, f"residuals.{index}")):
            x, y = lane.x + self.theme.size(7), lane.high - self.theme.size(5)
            picture.above.append(self._mark(f":mark{index}", mark, x, y))

    def _label(self, picture: PanelPicture, index: int, lane: Lane) -> None:
        lines, size = self.measure.chip(self.panel.residuals[index]), self.theme.size(10)
        if lines:
            x, y = picture.plan.labels[index]
            width = max(width_of(line, size) for line in lines) + self.theme.size(4)
            height = len(lines) * size * LINE_HEIGHT + self.theme.size(2)
            plate = Shape(f"{self.key(lane.tail)}:label{index}", "plate", x, y, width, height, lines)
            picture.above.append(replace(plate, fill=picture.tint, ink=self.theme.ink, size=size))

    def _mark(self, key: str, mark: str, x: float, y: float) -> Shape:
        size = self.theme.size(9)
        return Shape(
            f"{self.key(key)}:note",
            "text",
            x,
            y,
            size,
            size,
            ((TextRun(mark),),),
            ink=self.theme.muted,
            size=size,
        )

    def _sink(self, picture: PanelPicture, key: str, kind: Kind) -> None:
        """Draw into a sink what it does: plus, or a letter."""
        x, y = picture.plan.spots[key]
        letter = {Kind.CONCAT: "C", Kind.GATED: "G"}.get(kind)
        if letter is None:
            self._strokes(picture, key, x, y, picture.plan.sizes[key].w / 2, "plus")
            return
        text = ((TextRun(letter),),)
        picture.shapes = [
            replace(shape, lines=text, size=self.theme.size(11), bold=True, ink=self.theme.ink)
            if shape.key == self.key(key)
            else shape
            for shape in picture.shapes
        ]

    def _hover(self, key: str) -> str:
        """Return what the pointer shows over a box: its label, its modules, its role."""
        box = self.panel.boxes[key]
        parts = [plain(box.label or key, 120), plain(", ".join(box.modules), 200), str(role_of(key, box))]
        if box.note:
            parts.append(plain(box.note, 300))
        return "\n".join(part for part in parts if part)


def edge_class(spec: Spec, panel: str, index: int) -> str:
    """Return the class by which a page finds the residual edge with that index in that panel."""
    return f"edge-{list(spec.panels).index(panel)}-{index}"
