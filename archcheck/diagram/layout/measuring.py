"""How large everything in a panel is: labels in lines, boxes around them, words on the skip paths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from archcheck.connections import Kind
from archcheck.diagram.labels import LINE_HEIGHT, MAX_LINES, Line, TextRun, lines_of, plain, width_of
from archcheck.diagram.layout.placement import Size
from archcheck.diagram.layout.series_parallel import Chain, ParallelGroup, Stop
from archcheck.diagram.signs import sign_of
from archcheck.diagram.theme import Theme, role_of
from archcheck.spec.model import Box, Panel, ResidualEdge, Role

_DOTS = frozenset({"…", "...", "⋯", "⋮"})
_KIND_LABELS = {Kind.PROJECTION: "proj", Kind.GATED: "gate", Kind.MULTI_STREAM: "streams"}


class Measure:
    """The sizes of one panel's stops; `labels` holds the lines of every box."""

    def __init__(self, panel: Panel, name: str, theme: Theme, marks: Mapping[tuple[str, str], str]) -> None:
        self.panel, self.name, self.theme, self.marks = panel, name, theme, marks
        self.labels = {box: self._lines(box) for box in panel.boxes}

    def _lines(self, name: str) -> tuple[Line, ...]:
        lines = label_lines(self.panel.boxes[name], name, self.theme)
        mark = self.marks.get((self.name, name))
        return (*lines[:-1], (*lines[-1], TextRun(mark, 1))) if mark else lines

    def box_sizes(self) -> dict[str, Size]:
        """Return the size of each box as its label needs it."""
        return {name: self._box_size(name) for name in self.panel.boxes}

    def sizes(self, root: Chain) -> dict[str, Size]:
        """Return the sizes of boxes and sinks, those that stand together equally wide."""
        sizes = self.box_sizes()
        for chain in chains(root):
            sizes |= {
                item.key: Size(self.theme.size(20), self.theme.size(20))
                for item in chain.items
                if isinstance(item, Stop) and item.what == "sink"
            }
        self._align(root, sizes)
        for edge in self.panel.residuals:
            _widen([name for name in edge.through if name in sizes], sizes)
        return sizes

    def _box_size(self, name: str) -> Size:
        box, lines = self.panel.boxes[name], self.labels[name]
        size = self.theme.size(13)
        width = max(width_of(line, size) for line in lines)
        if self.is_circle(name):
            return Size(self.theme.size(22), self.theme.size(22))
        over = self.theme.size(7) if box.repeat is not None else 0.0
        right = self._repeat_width(box)
        height = len(lines) * size * LINE_HEIGHT + self.theme.size(14)
        if is_dots(box):
            return Size(width + self.theme.size(6), height)
        return Size(max(self.theme.size(72), width + self.theme.size(22)), height, over, right)

    def _repeat_width(self, box: Box) -> float:
        if box.repeat is None:
            return 0.0
        return width_of(self.repeat(box), self.theme.size(13)) + self.theme.size(8)

    def repeat(self, box: Box) -> Line:
        """Return the ×N beside a box."""
        text = plain(str(box.repeat), 12)
        return (TextRun(text if text.startswith(("×", "x")) else f"×{text}"),)

    def _align(self, root: Chain, sizes: dict[str, Size]) -> None:
        """Give the boxes of the spine one width, and the boxes of each group one width."""
        _widen(self._plain_boxes([root]), sizes)
        for chain in chains(root):
            for item in chain.items:
                if isinstance(item, ParallelGroup):
                    beside = [
                        Chain([Stop(name) for name in side.boxes]) for side in chain.sides if side.start
                    ]
                    names = self._plain_boxes([*item.chains, *beside])
                    _widen(names, sizes)

    def _plain_boxes(self, chains: list[Chain]) -> list[str]:
        stops = [
            item for chain in chains for item in chain.items if isinstance(item, Stop) and item.what == "box"
        ]
        return [s.key for s in stops if not self.is_circle(s.key) and not is_dots(self.panel.boxes[s.key])]

    def is_circle(self, name: str) -> bool:
        """Return whether the box is drawn as a circle."""
        box = self.panel.boxes[name]
        if role_of(name, box) is not Role.OPERATOR:
            return False
        return sign_of(box, name) != "" or width_of(
            self.labels[name][0], self.theme.size(11)
        ) < self.theme.size(17)

    def label_sizes(self) -> dict[int, Size]:
        """Return the size of what is written on the skip path of each residual edge that has a label."""
        size = self.theme.size(10)
        texts = {index: self.chip(edge) for index, edge in enumerate(self.panel.residuals)}
        return {
            index: Size(
                max(width_of(line, size) for line in lines) + self.theme.size(8),
                len(lines) * size * LINE_HEIGHT + self.theme.size(2),
            )
            for index, lines in texts.items()
            if lines
        }

    def chip(self, edge: ResidualEdge) -> tuple[Line, ...]:
        """Return the words on the skip path: the edge's label, else what its kind needs to say."""
        return chip_lines(edge, self.theme)


def label_lines(box: Box, name: str, theme: Theme) -> tuple[Line, ...]:
    """Return what stands in a box."""
    return lines_of(box.label or name, theme.size(13), theme.size(140), MAX_LINES)


def chip_lines(edge: ResidualEdge, theme: Theme) -> tuple[Line, ...]:
    """Return what stands on a skip path: the edge's label, else what its kind needs to say."""
    kind = edge.kind or Kind.IDENTITY
    text = edge.label or ("" if edge.through else _factor(edge) or _KIND_LABELS.get(kind, ""))
    return lines_of(text, theme.size(10), theme.size(100), MAX_LINES // 2) if text else ()


def _factor(edge: ResidualEdge) -> str:
    """Return how a scaled sum is made, as a formula: it says on which side the factor is."""
    if edge.kind not in (None, Kind.SCALED) or (edge.kind is edge.factor is edge.factor_on is None):
        return ""
    factor = "α" if edge.factor is None else str(edge.factor)
    sums = {
        "branch": f"x + {factor} · f(x)",
        "skip": f"{factor} · x + f(x)",
        "both": f"{factor} · (x + f(x))",
    }
    return sums[edge.factor_on] if edge.factor_on else f"× {factor}"


def _widen(names: list[str], sizes: dict[str, Size]) -> None:
    """Give the named boxes the width of the widest."""
    width = max((sizes[name].w for name in names), default=0.0)
    for name in names:
        sizes[name] = replace(sizes[name], w=width)


def chains(root: Chain) -> list[Chain]:
    """Return all chains of a tree, the root first."""
    found = [root]
    for item in root.items:
        if isinstance(item, ParallelGroup):
            for branch in item.chains:
                found += chains(branch)
    return found


def is_dots(box: Box) -> bool:
    """Return whether a box only stands for more of the same."""
    return box.label.strip() in _DOTS and box.module is None
