"""Residual edges: what is drawn against what ran (RES001 to RES006, RES009, RES010).

For one panel, layer and mode each drawn edge is matched with the executed residual that has the same boxes on
its branch and the same source. What does not match exactly is compared with its nearest kin, so that one
disagreement gives one finding, under the most telling code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from archcheck.binding import BoundPanel, Layer
from archcheck.diff.drawn import (
    Drawn,
    Side,
    boxes_inside,
    branch_paths,
    describe,
    drawn_edges,
    entering,
    is_norm_or_activation,
    is_within,
    label,
    names_of,
    opened,
    panel_title,
    side,
)
from archcheck.diff.observation import Observation
from archcheck.execution import Execution
from archcheck.graph import Kind, Location
from archcheck.residual import Join
from archcheck.spec.load import LoadedSpec
from archcheck.spec.model import Line

_ADDITIVE = (Kind.IDENTITY, Kind.SCALED, Kind.PROJECTION, Kind.MULTI_STREAM)


@dataclass
class PanelCheck:
    """The residual edges of one layer of one panel in one mode, while they are being matched."""

    loaded: LoadedSpec
    bound: BoundPanel
    layer: Layer
    execution: Execution
    matched: dict[int, tuple[Join, ...]] = field(default_factory=dict)  # number of a drawn edge -> its joins
    observations: list[Observation] = field(default_factory=list)
    suspects: set[int] = field(default_factory=set)  # drawn edges with a finding so far
    claimed: set[int] = field(default_factory=set)  # sinks of joins that some drawn edge speaks of

    def __post_init__(self) -> None:
        self.panel = self.bound.panel
        self.drawn = drawn_edges(self.bound)
        self.opened = opened(self.layer)
        calls = self.execution.flow.calls
        self.local = [join for join in self.execution.joins if calls[join.sink_call].path in self.opened]
        self.elsewhere = [join for join in self.execution.joins if calls[join.sink_call].path not in self.opened]
        self._shared = self._modules_bound_twice()

    # -- matching ---------------------------------------------------------------------------------

    def match(self) -> None:
        """Find for each drawn edge the executed residuals that it shows exactly."""
        for drawn in self.drawn:
            exact = [join for join in self.local if self._is_exact(drawn, join)]
            exact = exact or self._parallel(drawn)
            if exact:
                self.matched[drawn.number] = tuple(exact)
                self.claimed |= {join.sink for join in exact}

    def _is_exact(self, drawn: Drawn, join: Join) -> bool:
        return self._same_boxes(drawn, join) and not self._source_differs(drawn, join)

    def _same_boxes(self, drawn: Drawn, join: Join) -> bool:
        paths = branch_paths(join, self.execution)
        if not self._relevant(drawn) and not paths:
            return True
        if self._foreign(paths):
            return False
        return bool(paths) and not any(self._differing(drawn, join))

    def _parallel(self, drawn: Drawn) -> list[Join]:
        """Several residuals of one source, which together have the drawn boxes on their branches."""
        groups: dict[int, list[Join]] = {}
        for join in self.local:
            if boxes_inside(self.layer, branch_paths(join, self.execution)):
                groups.setdefault(join.source, []).append(join)
        relevant = set(self._relevant(drawn))
        for group in groups.values():
            covered = [set(boxes_inside(self.layer, branch_paths(join, self.execution))) for join in group]
            if len(group) > 1 and relevant and set().union(*covered) == relevant:
                return group
        return []

    def _differing(self, drawn: Drawn, join: Join) -> Iterable[str]:
        """The boxes on which drawing and code disagree: inside the branch, or outside of it."""
        paths = branch_paths(join, self.execution)
        for box in self.panel.boxes:
            modules = self._ran(box)
            if not modules or box in drawn.edge.through:
                continue
            stands = side(modules, paths)
            drawn_inside = box in drawn.inside
            if stands is Side.PARTLY or (stands is Side.INSIDE) != drawn_inside:
                if stands is Side.INSIDE and set(modules) <= self._shared:
                    continue
                yield box

    def _source_differs(self, drawn: Drawn, join: Join) -> tuple[str, ...]:
        """The boxes that should come before the source and do not, or the other way round."""
        wrong = []
        for box in self.panel.boxes:
            modules = self._ran(box)
            if not modules or box in drawn.inside or box in drawn.edge.through or set(modules) & self._shared:
                continue
            outputs = self._outputs(modules)
            precedes = self.execution.depends([join.source], outputs)
            expected = box in drawn.before
            if precedes != expected and not (expected and self._is_side_input(box, outputs, join)):
                wrong.append(box)
        return tuple(wrong)

    def _is_side_input(self, box: str, outputs: set[int], join: Join) -> bool:
        """Does the box feed the branch itself rather than the stream (a router, a position table)?"""
        return self.execution.steered([join.sink], outputs)

    def _foreign(self, paths: Iterable[str]) -> list[str]:
        """Modules of an executed branch that hold parameters and lie outside of what the panel shows."""
        drawn = [module for modules in self.layer.boxes.values() for module in modules]
        return [
            path
            for path in paths
            if not any(is_within(path, own) for own in self.layer.own)
            and not any(is_within(path, module) or is_within(module, path) for module in drawn)
            and (path not in self.execution.modules or self.execution.modules[path].has_parameters)
        ]

    def _relevant(self, drawn: Drawn) -> list[str]:
        return [box for box in drawn.inside if self._ran(box)]

    def _ran(self, box: str) -> tuple[str, ...]:
        return tuple(module for module in self.layer.bound(box) if self.execution.ran(module))

    def _outputs(self, modules: Iterable[str]) -> set[int]:
        return {out for module in modules for out in self.execution.outputs(module)}

    def _modules_bound_twice(self) -> set[str]:
        """Modules that stand in several boxes: called several times, each box is one of the calls."""
        seen: set[str] = set()
        twice: set[str] = set()
        for modules in self.layer.boxes.values():
            twice |= seen & set(modules)
            seen |= set(modules)
        return twice

    # -- judging ----------------------------------------------------------------------------------

    def judge(self, solid_elsewhere: dict[str, bool], excused: set[int]) -> None:
        """Say of each drawn edge what is wrong with it; `excused` edges are spoken of by another rule.

        `solid_elsewhere` says of each solid edge (`PANEL.EDGE`) whether it holds in this layer.
        """
        for drawn in self.drawn:
            if drawn.edge.line is Line.SOLID:
                if drawn.number in self.matched:
                    self._judge_kind(drawn)
                elif drawn.number not in excused and self._relevant_or_functional(drawn):
                    self._judge_missing(drawn)
            elif drawn.number in self.matched:
                self._implemented_here(drawn)
            elif drawn.edge.realized_by and solid_elsewhere.get(drawn.edge.realized_by, False):
                self._judge_realized(drawn)

    def _relevant_or_functional(self, drawn: Drawn) -> bool:
        """Has the edge anything to be checked? Boxes whose modules are all missing have their own finding."""
        bound = [box for box in drawn.inside if self.layer.bound(box) or self.layer.missing.get(box)]
        return not bound or bool(self._relevant(drawn))

    def _judge_kind(self, drawn: Drawn) -> None:
        for join in self.matched[drawn.number]:
            kind = join.residual.kind
            wanted = drawn.edge.kind
            if kind == wanted or (wanted is None and kind in _ADDITIVE):
                sides = {factor.on for factor in join.residual.factors}
                if drawn.edge.factor_on is None or sides == {drawn.edge.factor_on}:
                    continue
                self._note(
                    drawn, "RES009", f"the factor of the residual {self._around(drawn)} stands on the other side",
                    f"the factor stands on the {' and the '.join(sorted(sides)) or 'neither side'}", join,
                )  # fmt: skip
                continue
            shown = wanted.value if wanted else "sum"
            self._note(
                drawn, "RES009", f"the residual {self._around(drawn)} is of another kind: {kind.value}",
                f"{_KINDS[kind]}{self._factors(join)} ({shown} is drawn)", join,
            )  # fmt: skip

    def _factors(self, join: Join) -> str:
        listed = ", ".join(self.relative(str(factor)) for factor in join.residual.factors)
        return f": {listed}" if listed else ""

    def relative(self, text: str) -> str:
        """A sentence with module paths as this panel writes them, the same in every layer."""
        base = self.layer.base
        if not base:
            return text
        text = text.replace(f"{base}.", "")
        return text if self.layer.index is None else text.replace(base, _generic(base, self.layer.index))

    def _implemented_here(self, drawn: Drawn) -> None:
        join = self.matched[drawn.number][0]
        here = names_of(self.layer, [join.residual.implemented_in]) or panel_title(self.bound)
        self._note(
            drawn, "RES003",
            f"the residual {self._around(drawn)} is drawn dashed, and this panel's module implements it",
            f"{here} adds the source to the branch; a solid line tells the truth", join,
        )  # fmt: skip

    def _judge_realized(self, drawn: Drawn) -> None:
        """A dashed edge names the solid one that realizes it: that must be around the same boxes."""
        panel, _, edge = (drawn.edge.realized_by or "").partition(".")
        if any(self._same_boxes(drawn, join) for join in self.elsewhere):
            return
        nearest = self._nearest(drawn, self.elsewhere)
        what = f"branch {names_of(self.layer, branch_paths(nearest, self.execution))}" if nearest else "another branch"
        self._note(
            drawn, "RES006",
            f"{panel}.{edge} does not realize the dashed residual {self._around(drawn)}: its branch is another",
            f"the residual of {panel}.{edge} has the {what}", nearest,
        )  # fmt: skip

    def _judge_missing(self, drawn: Drawn) -> None:
        elsewhere = next((join for join in self.elsewhere if self._same_boxes(drawn, join)), None)
        if elsewhere is not None:
            self._wrong_level(drawn, elsewhere)
            return
        near = self._nearest(drawn, [join for join in self.local if join.sink not in self._taken()])
        if near is not None:
            self.claimed.add(near.sink)
            self._wrong_ends(drawn, near)
            return
        product = self._nearest(drawn, self._products())
        if product is not None and not any(self._differing(drawn, product)):
            self._note(
                drawn, "RES009", f"a product stands where the residual sum {self._around(drawn)} is drawn",
                "source and branch are multiplied", product,
            )  # fmt: skip
            return
        self._missing(drawn)

    def _taken(self) -> set[int]:
        """The sinks that belong to a drawn edge which holds."""
        return {join.sink for joins in self.matched.values() for join in joins}

    def _products(self) -> list[Join]:
        calls = self.execution.flow.calls
        return [join for join in self.execution.products if calls[join.sink_call].path in self.opened]

    def _nearest(self, drawn: Drawn, joins: Iterable[Join]) -> Join | None:
        """The executed residual that shares most boxes with a drawn one, and at least one."""
        best: tuple[float, int] | None = None
        found = None
        wanted = set(self._relevant(drawn))
        for place, join in enumerate(joins):
            inside = set(boxes_inside(self.layer, branch_paths(join, self.execution)))
            if not wanted & inside:
                continue
            score = (len(wanted & inside) / len(wanted | inside), -place)
            if best is None or score > best:
                best, found = score, join
        return found

    def _wrong_level(self, drawn: Drawn, join: Join) -> None:
        level = join.residual.implemented_in
        where = f"{level or 'the model itself'} ({self.execution.modules[level].type_name})"
        if self.layer.index is not None and level:
            where = f"{_generic(level, self.layer.index)} ({self.execution.modules[level].type_name})"
        hint = "a dashed line tells the truth"
        self._note(
            drawn, "RES006",
            f"the residual {self._around(drawn)} is not implemented here, but in {where}",
            f"the sum is made by {where}; {hint} here", join,
        )  # fmt: skip

    def _missing(self, drawn: Drawn) -> None:
        relevant = self._relevant(drawn)
        modules = self._ran(relevant[-1]) if relevant else ()
        location = self.execution.location(modules[-1]) if modules else self._own_location()
        what = label(self.panel, drawn.inside[-1]) if drawn.inside else "the branch"
        self._note(
            drawn, "RES001", f"there is no residual connection {self._around(drawn)}",
            f"the source is not added to what {what} gives", None, location,
        )  # fmt: skip

    def _own_location(self) -> Location | None:
        return self.execution.location(self.layer.own[0]) if self.layer.own else None

    def _wrong_ends(self, drawn: Drawn, join: Join) -> None:
        """Same branch in part: its source, its sink, or the side of a norm differs."""
        source_line = join.residual.source_location
        at = f" ({source_line})" if source_line else ""
        around = self._around(drawn)
        for box in self._differing(drawn, join):
            name = label(self.panel, box)
            modules = self._ran(box)
            outputs = self._outputs(modules)
            on_branch = side(modules, branch_paths(join, self.execution)) is not Side.OUTSIDE
            if box in drawn.inside and not on_branch:
                if self.execution.depends([join.source], outputs):
                    self._note(
                        drawn, "RES004", f"the residual {around} is taken from another tensor: after {name}",
                        f"taken after {names_of(self.layer, modules)}{at}", join,
                    )  # fmt: skip
                    return
                if self._after_sink(join, modules):
                    self._late(drawn, join, box, f"{name} runs after the sum, not before it")
                    return
            elif box in drawn.after and on_branch:
                self._late(drawn, join, box, f"{name} runs before the sum, not after it")
                return
        self._other_source(drawn, join, at)

    def _late(self, drawn: Drawn, join: Join, box: str, what: str) -> None:
        aside = is_norm_or_activation(box, self.panel, self.layer, self.execution)
        code = "RES010" if aside else "RES005"
        self._note(drawn, code, f"residual {self._around(drawn)}: {what}", f"the sum joins elsewhere: {what}", join)

    def _after_sink(self, join: Join, modules: Iterable[str]) -> bool:
        return any(self.execution.depends(self.execution.inputs(module), [join.sink]) for module in modules)

    def _other_source(self, drawn: Drawn, join: Join, at: str) -> None:
        paths = branch_paths(join, self.execution)
        extra = [box for box in boxes_inside(self.layer, paths) if box not in drawn.inside]
        if extra:
            taken = f"before {label(self.panel, extra[0])}"
        else:
            source = join.residual.source
            if source == "input":
                taken = f"from the input of {names_of(self.layer, [join.residual.scope]) or panel_title(self.bound)}"
            elif source.startswith("sink("):
                taken = f"after the sum that follows {source[5:-1]}"
            else:
                taken = f"after {source}"
        self._note(
            drawn, "RES004", f"the residual {self._around(drawn)} is taken from another tensor: {taken}",
            f"taken {taken}{at}, not from {entering(drawn)}", join,
        )  # fmt: skip

    # -- what is not drawn ------------------------------------------------------------------------

    def undeclared(self, join: Join) -> None:
        """A residual that this panel's own module executes and that no panel draws."""
        paths = branch_paths(join, self.execution)
        boxes = boxes_inside(self.layer, paths)
        around = names_of(self.layer, paths) or "operations of its own"
        source = join.residual.source
        taken = "its input" if source == "input" else source
        here = names_of(self.layer, [join.residual.implemented_in])
        self.observations.append(
            Observation(
                "RES002", self.bound.name, "", self.layer.index,
                f"a residual connection around {around} is in the code and not drawn",
                "no residual there",
                f"{here if here and here != self.layer.base else panel_title(self.bound)} adds {taken} to what "
                f"{around} returns ({join.residual.kind.value})",
                self.loaded.place("panels", self.bound.name), join.residual.location, self.execution.mode,
                boxes, self._source_box(join),
            )
        )  # fmt: skip

    def _source_box(self, join: Join) -> str:
        """The box whose output is really tapped; "input" for what enters the panel."""
        best, latest = "input", -1
        for box in self.panel.boxes:
            modules = self._ran(box)
            outputs = self._outputs(modules)
            if outputs and self.execution.depends([join.source], outputs) and max(outputs) > latest:
                best, latest = box, max(outputs)
        return best

    # -- wording ----------------------------------------------------------------------------------

    def _around(self, drawn: Drawn) -> str:
        edge = drawn.edge
        if edge.around is None:
            start = "the input" if edge.from_ == "input" else label(self.panel, edge.from_ or "")
            return f"from {start} to {label(self.panel, edge.to or '')}"
        ends = [edge.around] if isinstance(edge.around, str) else list(dict.fromkeys(edge.around))
        return "around " + " … ".join(label(self.panel, box) for box in ends)

    def _note(
        self, drawn: Drawn, code: str, message: str, traced: str, join: Join | None,
        location: Location | None = None,
    ) -> None:  # fmt: skip
        self.suspects.add(drawn.number)
        branch = boxes_inside(self.layer, branch_paths(join, self.execution)) if join else ()
        self.observations.append(
            Observation(
                code, self.bound.name, drawn.id, self.layer.index, message, describe(drawn), traced,
                self.loaded.place("panels", self.bound.name, "residuals", drawn.number),
                location or (join.residual.location if join else None), self.execution.mode, branch,
                self._source_box(join) if join else "", drawn.edge.note,
            )
        )  # fmt: skip


_KINDS = {
    Kind.IDENTITY: "the source itself is added to the branch",
    Kind.SCALED: "a factor scales the skip path or the branch",
    Kind.PROJECTION: "the skip path is a projection of the source",
    Kind.GATED: "a gate mixes source and branch",
    Kind.CONCAT: "source and branch are concatenated",
    Kind.MULTI_STREAM: "several streams are mixed and the branch is spread over them",
}


def _generic(path: str, index: int | str) -> str:
    """`model.layers.*` for `model.layers.5`, so that a finding in several layers reads as one."""
    captured = str(index).split(".")
    parts = path.split(".")
    for place, part in enumerate(parts):
        if captured and part == captured[0]:
            parts[place] = "*"
            captured.pop(0)
    return ".".join(parts)
