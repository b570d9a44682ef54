"""The calls of a mode's other panels and layers, for edges that depend on one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from archcheck.dataflow.join import JoinKey
from archcheck.diff.matching import Matches
from archcheck.diff.panel_calls import PanelCall
from archcheck.phrasing.module_paths import is_within
from archcheck.residual import Join
from archcheck.spec.edges import edge_id, find_edge


class CrossPanel:
    """All calls of a mode, with their matches."""

    def __init__(self, calls: Sequence[PanelCall], matches: Mapping[PanelCall, Matches]) -> None:
        self._matches = matches
        self._by_panel: dict[str, list[PanelCall]] = {}
        self._by_base: dict[tuple[str, str], list[PanelCall]] = {}
        self._edges: dict[JoinKey, str] = {}
        for call in calls:
            self._by_panel.setdefault(call.bound.name, []).append(call)
            self._by_base.setdefault((call.bound.name, call.layer.base), []).append(call)
            for drawn in call.drawn:
                for join in matches[call].exact.get(drawn.number, ()) if drawn.solid else ():
                    self._edges.setdefault(join.key, f"{call.bound.name}.{drawn.id}")

    def related(self, panel: str, base: str) -> list[PanelCall]:
        """Return a panel's calls for the same layer, for what contains it, or for what is inside it."""
        same = self._by_base.get((panel, base))
        if same is not None:
            return same
        calls = self._by_panel.get(panel, [])
        return [
            call for call in calls if is_within(call.layer.base, base) or is_within(base, call.layer.base)
        ]

    def realizing(self, reference: str, base: str) -> list[Join]:
        """Return the executed residuals of the edge that `realized_by` names, in the layer at `base`."""
        panel, _, _ = reference.partition(".")
        held: list[Join] = []
        for call in self.related(panel, base):
            found = find_edge({panel: call.panel}, reference)
            wanted = edge_id(found[1]) if found else None
            for drawn in call.drawn:
                if edge_id(drawn.edge) == wanted:
                    held += self._matches[call].exact.get(drawn.number, ())
        return held

    def is_undrawn(self, join: Join) -> bool:
        """Return whether no solid edge shows it."""
        return join.key not in self._edges

    def solid_edge(self, join: Join) -> str:
        """Return the solid edge (`PANEL.EDGE`) that shows an executed residual; "" if none does."""
        return self._edges.get(join.key, "")
