"""What a draft leaves out: choices made when a panel can't be proved as it was drawn first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from archcheck.drafting.kinds import Kind

Named = Mapping[Kind, frozenset[str]]
"""Boxes of the panels of modules of a kind."""


@dataclass(frozen=True)
class Choices:
    """`closed`: kinds of modules that no panel opens.

    `dropped`: operations and residual edges that are not drawn. `plain`: boxes of modules whose labels name
    no operation.
    """

    closed: frozenset[Kind] = frozenset()
    dropped: Named = field(default_factory=dict)
    plain: Named = field(default_factory=dict)

    def closing(self, kinds: Iterable[Kind]) -> Choices:
        """Return the choices with further kinds closed."""
        return replace(self, closed=self.closed | set(kinds))

    def dropping(self, kind: Kind, boxes: Iterable[str]) -> Choices:
        """Return the choices with further boxes dropped."""
        return replace(self, dropped={**self.dropped, kind: self.dropped.get(kind, frozenset()) | set(boxes)})

    def relabelling(self, kind: Kind, boxes: Iterable[str]) -> Choices:
        """Return the choices with further boxes labelled plainly."""
        return replace(self, plain={**self.plain, kind: self.plain.get(kind, frozenset()) | set(boxes)})
