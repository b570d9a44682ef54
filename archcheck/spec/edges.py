"""The names of residual edges, and which solid edge a dashed one refers to."""

from __future__ import annotations

from collections.abc import Mapping

from archcheck.spec.model import Panel, ResidualEdge


def edge_id(edge: ResidualEdge) -> str:
    """Return the edge's id in findings and `realized_by`: its name, or else its `ends`."""
    return edge.name or ends(edge)


def ends(edge: ResidualEdge) -> str:
    """Return the ends of a residual edge: BOX, FIRST..LAST or FROM->TO.

    >>> ends(ResidualEdge(around=["norm", "out"])), ends(ResidualEdge(from_="input", to="out"))
    ('norm..out', 'input->out')
    """
    match edge.around:
        case str():
            return edge.around
        case [first, last]:
            return first if first == last else f"{first}..{last}"
    return f"{edge.from_ or ''}->{edge.to or ''}"


def find_edge(panels: Mapping[str, Panel], reference: str) -> tuple[str, ResidualEdge] | None:
    """Return the panel and residual edge of `PANEL.EDGE` (a name or its ends), or None."""
    panel, _, wanted = reference.partition(".")
    edges = panels[panel].residuals if panel in panels else []
    return next(((panel, edge) for edge in edges if wanted in (edge_id(edge), ends(edge))), None)
