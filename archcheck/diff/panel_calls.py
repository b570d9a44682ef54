"""One call of what a panel shows: the boxes and drawn edges, and the residuals that ran in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from archcheck.dataflow.join import JoinKey
from archcheck.diff.alignment import Fitting
from archcheck.diff.binding import BoundPanel, Layer
from archcheck.diff.box_calls import Frame, Occurrence, frames, opened
from archcheck.diff.drawn_edges import BoxPosition, Drawn, drawn_edges
from archcheck.diff.execution import Execution
from archcheck.diff.wording import Names, panel_title
from archcheck.phrasing.module_paths import is_within, parent
from archcheck.residual import Join
from archcheck.spec.flow import Reachability
from archcheck.spec.model import Panel, Role

_ON_A_SIDE = re.compile(r"norm|relu|elu|gelu|silu|swish|sigmoid|tanh|softplus|mish|activation", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class PanelCall:
    """One call of a panel's layer in one mode, with the panel's drawn edges; a key for later results."""

    bound: BoundPanel
    layer: Layer
    drawn: tuple[Drawn, ...]
    frame: Frame
    execution: Execution

    @property
    def panel(self) -> Panel:
        """The panel."""
        return self.bound.panel

    @property
    def title(self) -> str:
        """The panel's title."""
        return panel_title(self.bound)

    @cached_property
    def names(self) -> Names:
        """The names of modules in this panel."""
        return Names(self.layer, self.execution)

    @cached_property
    def opened(self) -> frozenset[str]:
        """The modules whose own forward the panel shows."""
        return opened(self.layer)

    @cached_property
    def joiners(self) -> frozenset[str]:
        """Modules that only join: what runs in them counts as run in the module that holds them."""
        found = set()
        for join in self._within:
            path = self.execution.flow.calls[join.sink_call].path
            module = self.execution.modules.get(path)
            plain = module is not None and not module.has_parameters and not self.execution.children(path)
            if plain and parent(path) in self.opened:
                found.add(path)
        return frozenset(found)

    @cached_property
    def fitting(self) -> Fitting:
        """What fits executed residuals to the drawn ones."""
        boxes = [module for modules in self.layer.boxes.values() for module in modules]
        return Fitting(self.frame, (*self.layer.own, *boxes), self.joiners, self.execution)

    @cached_property
    def local(self) -> tuple[Join, ...]:
        """The residuals whose sums are computed by a module that this panel opens."""
        return tuple(join for join in self._within if self._is_local(join))

    @cached_property
    def local_keys(self) -> frozenset[JoinKey]:
        """The keys of the local residuals."""
        return frozenset(join.key for join in self.local)

    @cached_property
    def _within(self) -> tuple[Join, ...]:
        return self.execution.joins_within(self.frame.first, self.frame.end)

    def _is_local(self, join: Join) -> bool:
        """Return whether a call is the panel's own, or one that the owner of a module list makes."""
        path = self.execution.flow.calls[join.sink_call].path
        if path in self.opened or path in self.joiners:
            return True
        lists = [own for own in self.layer.own if own not in self.execution.calls_by_path]
        return any(is_within(own, path) for own in lists) and bool(self.boxes_on(join))

    def boxes_on(self, join: Join) -> tuple[str, ...]:
        """Return the boxes of this panel on the branch of an executed residual."""
        return tuple(
            dict.fromkeys(
                one.box
                for one in self.frame.occurrences
                if one.name not in self.joiners and BoxPosition.INSIDE in self.fitting.stands(one, join)
            )
        )

    def source_box(self, join: Join) -> str:
        """Return the box whose output is really tapped; "input" for the panel's input."""
        before = [
            one for one in self.frame.occurrences if BoxPosition.BEFORE in self.fitting.stands(one, join)
        ]
        latest = max(before, key=lambda one: max(run.spans[-1][1] for run in one.runs), default=None)
        return latest.box if latest else "input"

    def inside(self, drawn: Drawn) -> list[Occurrence]:
        """Return what ran that is drawn on the edge's branch."""
        return [one for one in self.frame.occurrences if one.box in drawn.inside]

    def has_branch(self, drawn: Drawn) -> bool:
        """Return whether anything drawn on the edge's branch ran and does more than join."""
        return any(one.name not in self.joiners for one in self.inside(drawn))

    def token(self, occurrence: Occurrence) -> str:
        """Return what identifies an occurrence in all panels: its module, or its box for an operation."""
        return occurrence.name if occurrence.name in self.execution.modules else occurrence.box


def panel_calls(bound: BoundPanel, execution: Execution) -> Iterator[PanelCall]:
    """Yield one call for each call of each layer of a panel."""
    reach = Reachability(bound.panel)
    drawn = drawn_edges(bound, reach)
    for layer in bound.layers:
        if any(execution.ran(own) for own in layer.own):
            for frame in frames(bound.panel, layer, reach.order, execution):
                yield PanelCall(bound, layer, drawn, frame, execution)


def with_lines(call: PanelCall, lines: Sequence[tuple[str, str]]) -> PanelCall:
    """Return the call with these lines drawn too; unchanged if one of them leads back."""
    reach = Reachability(call.panel)
    if not lines or not call.drawn or any(reach.leads(other, one) for one, other in lines):
        return call
    panel = call.panel.model_copy(update={"edges": [*call.panel.edges, *map(list, lines)]})
    bound = replace(call.bound, panel=panel)
    edges = zip(call.drawn, drawn_edges(bound, Reachability(panel)), strict=True)
    return replace(call, drawn=tuple(new if new.entering == old.entering else old for old, new in edges))


def is_norm_or_activation(kind: str, role: Role | None = None) -> bool:
    """Return whether readers place it on one side of a sum or the other, by role, else by class."""
    if role is not None:
        return role in (Role.NORM, Role.ACTIVATION)
    return bool(_ON_A_SIDE.search(kind))
