"""The checks of a mode's other panels and layers, where one edge has to do with another."""

from __future__ import annotations

from collections.abc import Sequence

from archcheck.diff.alignment import is_within
from archcheck.diff.edges import PanelCheck
from archcheck.residual import Join


class Others:
    """All checks of a mode, after their edges were matched."""

    def __init__(self, checks: Sequence[PanelCheck]) -> None:
        self._by_panel: dict[str, list[PanelCheck]] = {}
        self._by_base: dict[tuple[str, str], list[PanelCheck]] = {}
        self._edges: dict[int, str] = {}
        for check in checks:
            self._by_panel.setdefault(check.bound.name, []).append(check)
            self._by_base.setdefault((check.bound.name, check.layer.base), []).append(check)
            for drawn in check.drawn:
                for join in check.matched.get(drawn.number, ()) if drawn.solid else ():
                    self._edges.setdefault(id(join), f"{check.bound.name}.{drawn.id}")

    def related(self, panel: str, base: str) -> list[PanelCheck]:
        """Those of a panel that are of the same layer, or of what holds it or lies in it."""
        same = self._by_base.get((panel, base))
        if same is not None:
            return same
        checks = self._by_panel.get(panel, [])
        return [check for check in checks if _overlap(check.layer.base, base)]

    def is_undrawn(self, join: Join) -> bool:
        """Does no solid edge show it?"""
        return id(join) not in self._edges

    def solid_edge(self, join: Join) -> str:
        """The solid edge (`PANEL.EDGE`) that shows an executed residual; "" if none does."""
        return self._edges.get(id(join), "")


def _overlap(one: str, other: str) -> bool:
    return is_within(one, other) or is_within(other, one)
