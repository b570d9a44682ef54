"""The whole picture: panels in their frames, the wedges between them, and everything below them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from archcheck.diagram.footer import Writer
from archcheck.diagram.labels import LINE_HEIGHT, Line, TextRun, is_cut, lines_of, plain, width_of
from archcheck.diagram.layout.measuring import chip_lines, label_lines
from archcheck.diagram.leaders import Leaders
from archcheck.diagram.panel_picture import PanelPainter, PanelPicture
from archcheck.diagram.scene import Patch, Scene, Shape
from archcheck.diagram.theme import THEMES, Arrangement, Style, Theme, role_of
from archcheck.errors import DrawError
from archcheck.spec.css_colors import as_hex
from archcheck.spec.model import Line as LineStyle
from archcheck.spec.model import Panel, ResidualEdge, Spec

PAD = 20.0
BETWEEN = 26.0
WEDGE = 50.0
EVEN_FROM = 0.78
GHOST = ":ghost"  # begins the name of an edge that the code has and the diagram lacks


@dataclass(slots=True)
class Placed:
    """A panel in its frame: the frame's centre and size, and the offset of the panel's own coordinates."""

    picture: PanelPicture
    x: float
    y: float
    w: float
    h: float
    dx: float = 0.0
    dy: float = 0.0


class Composer:
    """Builds the scene of one spec."""

    def __init__(self, spec: Spec, style: Style) -> None:
        self.spec, self.style = spec, style
        self.theme = THEMES[style.theme]
        self.names = chosen(spec, style)
        self.notes, self.marks = _notes(spec, self.names, self.theme)
        title = plain(spec.title, 200) or "Architecture diagram"
        self.scene = Scene(title, _description(spec, self.names), self.theme.paper, self.theme.fonts)

    def compose(self) -> list[Placed]:
        """Fill the scene with the panels; return where they stand."""
        tints = _tints(self.spec, self.theme)
        painters = [PanelPainter(self.spec, name, self.theme, tints, self.marks) for name in self.names]
        pictures = [painter.paint() for painter in painters]
        if self.style.layout == Arrangement.ROW:
            tallest = max(picture.plan.extent.y1 for picture in pictures)
            pictures = [painter.paint(tallest) for painter in painters]
        placed = self._arrange(pictures)
        leaders = Leaders(self.scene, self.theme, self.style.layout, placed)
        for frame in placed:
            self._frame(frame)
            wedged = self._wedges(frame, placed)
            self._contents(frame)
            for box, target in self._opened(frame, placed):
                if target is not wedged:
                    leaders.draw(frame, box, target)
        return placed

    def _opened(self, frame: Placed, placed: list[Placed]) -> Iterator[tuple[str, Placed]]:
        """Yield the frames that detail boxes of this one, each once, with the box furthest to the right."""
        spots = frame.picture.plan.spots
        boxes = frame.picture.panel.boxes
        for target in placed:
            names = [name for name, box in boxes.items() if box.detail == target.picture.name]
            names = [name for name in names if name in spots]
            if names and target is not frame:
                yield max(names, key=lambda name: spots[name][0]), target

    def _arrange(self, pictures: list[PanelPicture]) -> list[Placed]:
        size = self.theme.size
        placed = []
        for picture in pictures:
            title = self._title(picture)
            title_width = max((width_of(line, size(15)) for line in title), default=0.0)
            width = max(picture.plan.extent.x1 - picture.plan.extent.x0, title_width) + 2 * size(PAD)
            height = picture.plan.extent.y1 + 2 * size(PAD) + self._title_height(picture)
            placed.append(Placed(picture, 0.0, 0.0, max(width, size(130)), height))
        if self.style.layout == Arrangement.ROW:
            self._in_row(placed)
        else:
            self._in_column(placed)
        for frame in placed:
            extent = frame.picture.plan.extent
            spare = frame.h - 2 * size(PAD) - self._title_height(frame.picture) - extent.y1
            frame.dx = frame.x - (extent.x0 + extent.x1) / 2
            frame.dy = frame.y - frame.h / 2 + size(PAD) + spare / 2
        return placed

    def _in_row(self, placed: list[Placed]) -> None:
        tallest = max(frame.h for frame in placed)
        x = 0.0
        for number, frame in enumerate(placed):
            if number:
                opened = self._opens(placed[number - 1], frame)
                x += self.theme.size(WEDGE if opened else BETWEEN)
            if frame.h > EVEN_FROM * tallest:
                frame.h = tallest
            frame.x, frame.y = x + frame.w / 2, tallest / 2
            x += frame.w

    def _in_column(self, placed: list[Placed]) -> None:
        widest = max(frame.w for frame in placed)
        y = 0.0
        for frame in reversed(placed):
            frame.w = widest
            frame.x, frame.y = widest / 2, y + frame.h / 2
            y += frame.h + self.theme.size(BETWEEN)

    def _opens(self, left: Placed, right: Placed) -> bool:
        """Say whether the panel on the right, and no other, details a box of the one on the left."""
        opened = {box.detail for box in left.picture.panel.boxes.values()} & set(self.names)
        return opened == {right.picture.name}

    def _title(self, picture: PanelPicture) -> tuple[Line, ...]:
        size = self.theme.size(15)
        width = max(picture.plan.extent.x1 - picture.plan.extent.x0, self.theme.size(110))
        lines = lines_of(picture.panel.title, size, width) if picture.panel.title else ()
        mark = self.marks.get((picture.name, ""))
        return (*lines[:-1], (*lines[-1], TextRun(mark, 1))) if lines and mark else lines

    def _title_height(self, picture: PanelPicture) -> float:
        lines = len(self._title(picture))
        return lines * self.theme.size(15) * LINE_HEIGHT + self.theme.size(8) if lines else 0.0

    def _wedges(self, frame: Placed, placed: list[Placed]) -> Placed | None:
        """Spread tinted light from a box to the frame on its right that details it; return that frame."""
        after = placed[placed.index(frame) + 1 :]
        if self.style.layout != Arrangement.ROW or not after or not self._opens(frame, after[0]):
            return None
        target = after[0]
        for name, box in frame.picture.panel.boxes.items():
            if box.detail != target.picture.name or name not in frame.picture.plan.spots:
                continue
            x, y = frame.picture.plan.spots[name]
            size = frame.picture.plan.sizes[name]
            left, top = frame.dx + x + size.w / 2 - 2, frame.dy + y + size.h / 2 - self.theme.size(4)
            foot = frame.dy + y - size.h / 2 + self.theme.size(4)
            edge = target.x - target.w / 2 + 2
            radius = self.theme.size(10)
            points = (
                (left, foot),
                (left, top),
                (edge, target.y + target.h / 2 - radius),
                (edge, target.y - target.h / 2 + radius),
            )
            self.scene.patches.append(Patch(points, target.picture.tint))
        return target

    def _frame(self, frame: Placed) -> None:
        theme = self.theme
        left, right = frame.x - frame.w / 2, frame.x + frame.w / 2
        foot, top = frame.y - frame.h / 2, frame.y + frame.h / 2
        corners = ((left, foot), (left, top), (right, top), (right, foot))
        tint = frame.picture.tint
        self.scene.patches.append(Patch(corners, tint, shade(tint), theme.pen * 0.8, theme.size(12)))
        lines = self._title(frame.picture)
        if not lines:
            return
        height = len(lines) * theme.size(15) * LINE_HEIGHT
        top = frame.y + frame.h / 2 - theme.size(PAD) * 0.7
        self.scene.shapes.append(
            Shape(
                f"{frame.picture.name}.:title",
                "text",
                frame.x,
                top - height / 2,
                max(width_of(line, theme.size(15)) for line in lines),
                height,
                lines,
                ink=theme.ink,
                size=theme.size(15),
                bold=True,
                italic=theme.italic_titles,
                group="title",
            )
        )

    def _contents(self, frame: Placed) -> None:
        def moved(shape: Shape) -> Shape:
            return replace(shape, x=shape.x + frame.dx, y=shape.y + frame.dy)

        picture = frame.picture
        self.scene.below += [moved(shape) for shape in picture.below]
        self.scene.shapes += [moved(shape) for shape in picture.shapes]
        self.scene.above += [moved(shape) for shape in picture.above]
        for curve in picture.curves:
            points = tuple((x + frame.dx, y + frame.dy) for x, y in curve.points)
            self.scene.curves.append(replace(curve, points=points, radius=self.theme.size(curve.radius)))

    def finish(self, placed: list[Placed], findings: list[tuple[str, str]], count: str = "") -> None:
        """Write title, caption, legend, the count of marks, findings and notes under the panels."""
        size = self.theme.size
        left = min(frame.x - frame.w / 2 for frame in placed)
        right = max(frame.x + frame.w / 2 for frame in placed)
        foot = min(frame.y - frame.h / 2 for frame in placed)
        writer = Writer(self.scene, self.theme, left, right, foot - size(18))
        if self.spec.title:
            writer.centred(self.spec.title, 19, bold=True, italic=self.theme.italic_titles, name="title")
        if self.spec.caption:
            writer.centred(self.spec.caption, 12, muted=True, name="caption")
        writer.legend()
        if count:
            writer.centred(count, 11, muted=True, name="count")
        for number, message in findings:
            writer.finding(number, message)
        if self.spec.note:
            writer.listed("", self.spec.note)
        for number, note in self.notes:
            writer.listed(number, note)


def drawn_edges(panel: Panel) -> list[ResidualEdge]:
    """Return the residual edges drawn by the spec itself."""
    return [edge for edge in panel.residuals if not (edge.name or "").startswith(GHOST)]


def chosen(spec: Spec, style: Style) -> list[str]:
    """Return the names of the panels to draw, in the spec's order; raises DrawError for an unknown one."""
    if style.panels is None:
        return list(spec.panels)
    unknown = [name for name in style.panels if name not in spec.panels]
    if unknown or not style.panels:
        names = ", ".join(plain(name, 60) for name in spec.panels)
        asked = ", ".join(plain(name, 60) for name in unknown) or "none"
        raise DrawError.of("DIA003", f"Unknown panels: {asked}.", f"The spec has {names}.")
    return [name for name in spec.panels if name in style.panels]


def shade(tint: str) -> str:
    """Return the outline of a frame filled with `tint`: just visible."""
    channels = [round(int(tint[place : place + 2], 16) * 0.87) for place in (1, 3, 5)]
    return "#" + "".join(f"{channel:02x}" for channel in channels)


def _tints(spec: Spec, theme: Theme) -> dict[str, str]:
    """Give every panel of the spec its tint, drawn or not, so that a subset keeps the colours.

    A panel that opens boxes of a role has the tint that goes with the role's colour, so that two boxes of
    different roles never look alike because one of them is opened; the others share what is left.
    """
    roles = {
        box.detail: role_of(name, box) for panel in spec.panels.values() for name, box in panel.boxes.items()
    }
    chosen: dict[str, str] = {}
    for name, panel in spec.panels.items():
        wanted = theme.tint_of(roles[name]) if name in roles else None
        if color := as_hex(panel.color):
            chosen[name] = color
        elif wanted and wanted not in chosen.values():
            chosen[name] = wanted
    free = [tint for tint in theme.tints if tint not in chosen.values()] or theme.tints
    rest = [name for name in spec.panels if name not in chosen]
    return chosen | {name: free[number % len(free)] for number, name in enumerate(rest)}


def _notes(
    spec: Spec, names: list[str], theme: Theme
) -> tuple[list[tuple[str, str]], dict[tuple[str, str], str]]:
    """Assign numbers to the notes in order, equal ones the same. Keys: panel, and box, residuals.N or ""."""
    numbers: dict[str, str] = {}
    marks: dict[tuple[str, str], str] = {}
    for place, note in _noted(spec, names, theme):
        marks[place] = numbers.setdefault(note, str(len(numbers) + 1))
    return [(number, note) for note, number in numbers.items()], marks


def _noted(spec: Spec, names: list[str], theme: Theme) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield what is explained, and how; a label that is too long for its box is given in full there."""
    for name in names:
        panel = spec.panels[name]
        entries = [("", panel.note)]
        for box, each in panel.boxes.items():
            cut = is_cut(label_lines(each, box, theme), each.label)
            entries.append((box, f"{each.label} {each.note}".strip() if cut else each.note))
        for index, edge in enumerate(panel.residuals):
            cut = is_cut(chip_lines(edge, theme), edge.label)
            entries.append((f"residuals.{index}", f"{edge.label} {edge.note}".strip() if cut else edge.note))
        for key, note in entries:
            if note.strip():
                yield (name, key), note


def _description(spec: Spec, names: list[str]) -> str:
    """Say in words what the picture shows, for readers who can't see it."""
    parts = []
    for name in names:
        panel = spec.panels[name]
        edges = drawn_edges(panel)
        solid = sum(edge.line is LineStyle.SOLID for edge in edges)
        dashed = len(edges) - solid
        boxes = ", ".join(plain(box.label or key, 60) for key, box in list(panel.boxes.items())[:40])
        title = plain(panel.title or name, 80)
        parts.append(f"Panel {title}: {boxes}; {solid} solid and {dashed} dashed residual connections.")
    return " ".join(parts)
