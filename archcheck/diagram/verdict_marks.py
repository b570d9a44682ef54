"""The verdict in the picture: proved edges get a quiet tick, findings a number and a sign without colour.

Red and a cross: drawn, not in the code. Amber, dashed and doubled: in the code, but not drawn. An amber arrow
leads from the drawn source to the true one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from archcheck.diagram.composition import GHOST, Composer, Placed
from archcheck.diagram.footer import badge_at
from archcheck.diagram.labels import TextRun, plain
from archcheck.diagram.layout.plan import Lane
from archcheck.diagram.legend import cross_at
from archcheck.diagram.mark_looks import MarkPainter
from archcheck.diagram.panel_picture import edge_class
from archcheck.diagram.scene import Curve, Point, Shape
from archcheck.findings import Finding, Proof, Report
from archcheck.source_location import Location
from archcheck.spec.edges import edge_id, ends
from archcheck.spec.flow import Reachability
from archcheck.spec.model import Line, Panel, ResidualEdge, Spec

ABSENT = frozenset({"RES001", "RES003", "RES006", "RES012", "BOX001", "BOX007", "FLOW001"})
UNDRAWN = frozenset({"RES002", "BOX002", "BOX008", "FLOW002"})


def with_ghosts(spec: Spec, report: Report | None) -> Spec:
    """Return the spec with an extra edge, `:ghost…`, for what only the code has."""
    panels = dict(spec.panels)
    for number, finding in enumerate(report.findings if report else ()):
        panel = panels.get(finding.panel)
        if panel is not None and finding.code == "FLOW002":
            panels[finding.panel] = _with_line(panel, finding.edge)
            continue
        branch = [box for box in finding.code_branch if panel is not None and box in panel.boxes]
        if panel is None or finding.code not in UNDRAWN or not branch:
            continue
        name = f"{GHOST}{number}"
        if finding.code_source in panel.boxes:
            ends_at = {"from": finding.code_source, "to": branch[-1]}
            edge = ResidualEdge.model_validate({"name": name, "line": Line.DASHED, **ends_at})
        else:
            edge = ResidualEdge(name=name, around=[branch[0], branch[-1]], line=Line.DASHED)
        panels[finding.panel] = panel.model_copy(update={"residuals": [*panel.residuals, edge]})
    return spec.model_copy(update={"panels": panels})


def _with_line(panel: Panel, line: str) -> Panel:
    """Return the panel with an extra line `a->b`, unless it goes against the flow."""
    tail, _, head = line.partition("->")
    reach = Reachability(panel)
    if tail not in panel.boxes or head not in panel.boxes or reach.leads(head, tail):
        return panel
    return panel.model_copy(update={"edges": [*panel.edges, [tail, head]]})


class Marker:
    """Puts the marks of one report on a composed scene."""

    def __init__(self, composer: Composer, placed: list[Placed], report: Report) -> None:
        self.spec, self.scene, self.theme, self.report = composer.spec, composer.scene, composer.theme, report
        self.placed = {frame.picture.name: frame for frame in placed}
        self.taken: dict[tuple[float, float], int] = {}

    def mark(self) -> None:
        """Mark every finding and proof whose panel is drawn."""
        for number, finding in enumerate(self.report.findings):
            frame = self.placed.get(finding.panel)
            if frame is not None:
                self._finding(str(number + 1), number, finding, frame)
        for proof in self.report.proofs:
            frame = self.placed.get(proof.panel)
            if frame is not None and proof.edge:
                self._proof(proof, frame)

        painter = MarkPainter(self.spec, self.scene, self.theme, self.placed)
        painter.paint(self.report.marks)

    def listing(self) -> list[tuple[str, str]]:
        """Return the findings as listed under the picture: number and text."""
        return [
            (str(number + 1), plain(f"{finding.code} {finding.message}", 400))
            for number, finding in enumerate(self.report.findings)
        ]

    def _finding(self, number: str, place: int, finding: Finding, frame: Placed) -> None:
        index = self._edge(frame, f"{GHOST}{place}")
        if index is not None:
            self._ghost(number, index, finding, frame)
            return
        index = self._edge(frame, finding.edge) if finding.code.startswith("RES") else None
        line = self._line(frame, finding.edge)
        if index is not None and index in frame.picture.plan.lanes:
            self._wrong_edge(number, index, finding, frame)
        elif line is not None:
            self._wrong_line(number, line, finding, frame)
        elif finding.edge in frame.picture.panel.boxes and finding.edge in frame.picture.plan.spots:
            self._wrong_box(number, finding, frame)
        else:
            left, top = frame.x - frame.w / 2, frame.y + frame.h / 2
            self._badge(number, left + self.theme.size(14), top - self.theme.size(14), finding)

    def _edge(self, frame: Placed, name: str) -> int | None:
        for index, edge in enumerate(frame.picture.panel.residuals):
            if name and name in (edge_id(edge), ends(edge)):
                return index
        return None

    def _line(self, frame: Placed, name: str) -> int | None:
        """Return the curve that leads from one box of a panel straight to another, `a->b`."""
        tail, _, head = (f"{frame.picture.name}.{box}" for box in name.partition("->"))
        out = f"{frame.picture.name}.:out"
        for at, curve in enumerate(self.scene.curves):
            from_there = curve.tail == tail or curve.tail.startswith(out)
            if "flow" in curve.group.split() and curve.head == head and from_there:
                return at
        return None

    def _wrong_line(self, number: str, at: int, finding: Finding, frame: Placed) -> None:
        """Mark a line of the flow that the data does not take, or one that is not drawn."""
        curve = self.scene.curves[at]
        absent = finding.code in UNDRAWN
        color = self.theme.absent if absent else self.theme.wrong
        pen = self.theme.pen * (1.0 if absent else 1.8)
        core = frame.picture.tint if absent else ""
        hover = plain(f"{finding.code} {finding.message}", 600)
        style = "dashed" if absent else curve.line
        self.scene.curves[at] = replace(curve, color=color, pen=pen, core=core, hover=hover, line=style)
        (ax, ay), (bx, by) = max(pairwise(curve.points), key=_length)
        x, y = (ax + bx) / 2, (ay + by) / 2
        if finding.code == "FLOW001":
            self._cross(f"{frame.picture.name}.:cross{number}", x, y)
        self._badge(number, x + self.theme.size(15), y, finding)

    def _wrong_edge(self, number: str, index: int, finding: Finding, frame: Placed) -> None:
        lane = frame.picture.plan.lanes[index]
        self._recolor(frame, index, self.theme.wrong, plain(f"{finding.code} {finding.message}", 600))
        x, y = self._on_lane(lane, frame, 0.62)
        if finding.code in ABSENT:
            self._cross(f"{frame.picture.name}.:cross{number}", x, y)
        if finding.code == "RES004":
            self._true_source(number, lane, finding, frame)
        self._badge(number, x, y + self.theme.size(19), finding)

    def _ghost(self, number: str, index: int, finding: Finding, frame: Placed) -> None:
        if index not in frame.picture.plan.lanes:
            return
        lane = frame.picture.plan.lanes[index]
        self._recolor(
            frame,
            index,
            self.theme.absent,
            plain(f"{finding.code} {finding.message}", 600),
            core=frame.picture.tint,
        )
        head = f"{frame.picture.name}.{lane.head}"
        if lane.head.startswith(":"):
            self.scene.shapes = [
                replace(shape, stroke=self.theme.absent, broken=True) if shape.key == head else shape
                for shape in self.scene.shapes
            ]
            for at, curve in enumerate(self.scene.curves):
                if curve.group == "sign" and curve.tail == head:
                    self.scene.curves[at] = replace(curve, color=self.theme.absent)
        self._badge(number, *self._on_lane(lane, frame, 0.62), finding)

    def _wrong_box(self, number: str, finding: Finding, frame: Placed) -> None:
        x, y = frame.picture.plan.spots[finding.edge]
        size = frame.picture.plan.sizes[finding.edge]
        key = f"{frame.picture.name}.{finding.edge}"
        hover = plain(f"{finding.code} {finding.message}", 600)
        self.scene.shapes = [
            replace(shape, stroke=self.theme.wrong, pen=self.theme.pen * 2, hover=f"{hover}\n{shape.hover}")
            if shape.key == key
            else shape
            for shape in self.scene.shapes
        ]
        left, top = frame.dx + x - size.w / 2, frame.dy + y + size.h / 2
        if finding.code in ABSENT:
            self._cross(f"{key}:cross{number}", frame.dx + x + size.w / 2, top)
        self._badge(number, left, top, finding)

    def _true_source(self, number: str, lane: Lane, finding: Finding, frame: Placed) -> None:
        """Draw an arrow from the drawn source to the tensor that the code really taps."""
        spots, sizes = frame.picture.plan.spots, frame.picture.plan.sizes
        source = finding.code_source if finding.code_source in spots else ":input"
        if source not in spots:
            return
        x, y = spots[source]
        height = sizes[source].h / 2 + self.theme.size(5) if source in sizes else self.theme.size(3)
        tap = lane.tap
        if abs(y + height - tap[1]) < 1:
            return
        on_axis = [key for key in sizes if key in spots and abs(spots[key][0] - tap[0]) < 1]
        clear = max(sizes[key].w / 2 for key in on_axis)
        left = min(tap[0], x) - clear - self.theme.size(9)
        points = (tap, (left, tap[1]), (left, y + height), (x, y + height))
        begin, end = f"{frame.picture.name}.:from{number}", f"{frame.picture.name}.:to{number}"
        moved = tuple((px + frame.dx, py + frame.dy) for px, py in points)
        self.scene.shapes += [Shape(begin, "point", *moved[0]), Shape(end, "point", *moved[-1])]
        color, pen = self.theme.absent, self.theme.pen * 1.8
        hover = plain(finding.traced or finding.message, 400)
        self.scene.curves.append(Curve(begin, end, moved, color, pen, hover=hover, group="truth"))

    def _proof(self, proof: Proof, frame: Placed) -> None:
        index = self._edge(frame, proof.edge)
        if index is None or index not in frame.picture.plan.lanes:
            return
        self._hover(frame, index, _evidence(proof))
        lane = frame.picture.plan.lanes[index]
        x, y = frame.dx + lane.x - self.theme.size(9), frame.dy + lane.low + self.theme.size(8)
        size = self.theme.size(10)
        tick = Shape(f"{frame.picture.name}.:proved{index}", "text", x, y, size, size, ((TextRun("✓"),),))
        ink = self.theme.proved
        tick = replace(tick, ink=ink, size=size, bold=True, hover=_evidence(proof), group="proved")
        for at, other in enumerate(self.scene.above):
            if (other.group, other.x, other.y) == ("proved", x, y):  # edges that share a line share its tick
                hover = "\n".join(dict.fromkeys([other.hover, tick.hover]))
                self.scene.above[at] = replace(other, hover=hover)
                return
        self.scene.above.append(tick)

    def _recolor(self, frame: Placed, index: int, color: str, hover: str, *, core: str = "") -> None:
        pen = self.theme.pen * (1.0 if core else 1.8)
        wanted = edge_class(self.spec, frame.picture.name, index)
        for at, curve in enumerate(self.scene.curves):
            if wanted in curve.group.split():
                self.scene.curves[at] = replace(curve, color=color, pen=pen, core=core, hover=hover)

    def _hover(self, frame: Placed, index: int, hover: str) -> None:
        wanted = edge_class(self.spec, frame.picture.name, index)
        for at, curve in enumerate(self.scene.curves):
            if wanted in curve.group.split() and not curve.hover:
                self.scene.curves[at] = replace(curve, hover=hover)

    def _on_lane(self, lane: Lane, frame: Placed, part: float) -> tuple[float, float]:
        x, y = lane.at(part)
        return frame.dx + x, frame.dy + y

    def _cross(self, key: str, x: float, y: float) -> None:
        self.scene.above.append(Shape(key, "point", x, y))
        self.scene.top += cross_at(key, x, y, self.theme)

    def _badge(self, number: str, x: float, y: float, finding: Finding) -> None:
        """Put the finding's number at a place, or beside what is there already."""
        place = (round(x), round(y))
        shift = self.taken.get(place, 0)
        self.taken[place] = shift + 1
        badge = badge_at(f":badge{number}", number, x + shift * self.theme.size(17), y, self.theme)
        fill = self.theme.absent if finding.code in UNDRAWN else self.theme.wrong
        hover = plain(f"{finding.code} {finding.message}", 600)
        self.scene.above.append(replace(badge, fill=fill, hover=hover))


def _length(pair: tuple[Point, Point]) -> float:
    (ax, ay), (bx, by) = pair
    return abs(bx - ax) + abs(by - ay)


def place(location: Location | None) -> str:
    """Return `file:line` with the bare file name: a picture travels, the folders of a machine don't."""
    if location is None:
        return ""
    return f"{location.file.replace(chr(92), '/').rpartition('/')[2]}:{location.line}"


def _evidence(proof: Proof) -> str:
    """Return what the pointer shows over a proved edge."""
    parts = [f"proved: {plain(proof.statement, 300)}" if proof.statement else "proved"]
    for residual in proof.residuals[:1]:
        parts.append(f"{residual.kind} residual of {residual.implemented_in or 'the model'}")
        parts.append(f"{place(residual.location)}" if residual.location else "")
    if proof.count > 1:
        parts.append(f"in {proof.count} layers")
    return "\n".join(plain(part, 300) for part in parts if part)
