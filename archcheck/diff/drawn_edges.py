"""A drawn residual edge: which boxes of its panel come before it, are on its branch, or come after."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from archcheck.diff.binding import BoundPanel
from archcheck.diff.wording import label, labels, panel_title
from archcheck.spec.edges import edge_id
from archcheck.spec.flow import Reachability, flow_edges
from archcheck.spec.model import Line, Panel, ResidualEdge, Role


class BoxPosition(Enum):
    """Where a box is relative to a residual; HOLDS: the sum is computed inside the box's module."""

    BEFORE = "before"
    INSIDE = "inside"
    SKIP = "skip"
    AFTER = "after"
    ASIDE = "aside"
    HOLDS = "holds"


@dataclass(frozen=True)
class Drawn:
    """A residual edge of a panel. `inside` are the boxes on its branch, in order.

    `entering` are the boxes that the source is drawn to leave; empty if it is the panel's input. `places` has
    the boxes whose place matters: not those on the skip path, nor what only feeds the branch.
    """

    bound: BoundPanel
    edge: ResidualEdge
    number: int
    inside: tuple[str, ...]
    entering: tuple[str, ...]
    places: dict[str, BoxPosition]
    reach: Reachability

    @property
    def id(self) -> str:
        """The edge's name in findings and `realized_by`."""
        return edge_id(self.edge)

    @property
    def ends(self) -> tuple[str, ...]:
        """The boxes that its source leaves and those that its sum enters."""
        return (*self.entering, *(other for one, other in flow_edges(self.panel) if one == self.last))

    @property
    def last(self) -> str:
        """The last box on the branch, whose result is joined with the source."""
        return self.edge.to or (self.edge.around if isinstance(self.edge.around, str) else self.inside[-1])

    def are_beside(self, one: str, other: str) -> bool:
        """Return whether the flow leads from neither box to the other."""
        return not self.reach.leads(one, other) and not self.reach.leads(other, one)

    @property
    def solid(self) -> bool:
        """Whether the line is solid."""
        return self.edge.line is Line.SOLID

    @property
    def panel(self) -> Panel:
        """The panel that draws it."""
        return self.bound.panel

    def around(self) -> str:
        """Return `around Norm … MLP` or `from A to B`."""
        edge = self.edge
        if edge.around is None:
            start = "the input" if edge.from_ == "input" else label(self.panel, edge.from_ or "")
            return f"from {start} to {label(self.panel, edge.to or '')}"
        return "around " + " … ".join(label(self.panel, box) for box in dict.fromkeys(edge.span))

    def source(self) -> str:
        """Return the source as drawn, in words."""
        if self.entering:
            return f"the output of {labels(self.panel, self.entering)}"
        return f"the input of {panel_title(self.bound)}"

    def describe(self) -> str:
        """Return the drawn edge in words."""
        kind = f"{self.edge.kind.value} " if self.edge.kind else ""
        through = f", through {labels(self.panel, self.edge.through)}" if self.edge.through else ""
        source = f", from {self.source()}" if self.edge.around is not None else ""
        return f"{self.edge.line.value} {kind}residual {self.around()}{source}{through}"


def drawn_edges(bound: BoundPanel, reach: Reachability) -> tuple[Drawn, ...]:
    """Return the residual edges of a panel, in the spec's order."""
    return tuple(drawn_edge(bound, edge, number, reach) for number, edge in enumerate(bound.panel.residuals))


def drawn_edge(bound: BoundPanel, edge: ResidualEdge, number: int, reach: Reachability) -> Drawn:
    """Return a residual edge in its panel; `number` is its index among the panel's."""
    boxes = bound.panel.boxes
    order = [box for box in reach.order if box not in edge.through]
    if edge.around is not None:
        first, last = edge.span
        inside = [box for box in order if reach.leads(first, box) and reach.leads(box, last)]
        sources = [one for one, other in flow_edges(bound.panel) if other == first]
        firsts = [first]
    elif edge.from_ == "input" and "input" not in boxes:
        last, sources = edge.to or "", []
        inside = [box for box in order if reach.leads(box, last) and boxes[box].role is not Role.INPUT]
        firsts = inside
    else:
        start, last = edge.from_ or "", edge.to or ""
        inside = [box for box in order if reach.leads(start, box) and reach.leads(box, last) and box != start]
        sources = [start]
        firsts = [start]
    places = dict.fromkeys(inside, BoxPosition.INSIDE)
    for box in order:
        if box in places:
            continue
        if box in sources or any(reach.leads(box, one) for one in firsts):
            places[box] = BoxPosition.BEFORE
        elif reach.leads(last, box):
            places[box] = BoxPosition.AFTER
        elif not any(reach.leads(box, one) for one in inside):
            places[box] = BoxPosition.ASIDE
    entering = tuple(box for box in sources if boxes[box].role is not Role.INPUT)
    return Drawn(bound, edge, number, tuple(inside), entering, places, reach)
