"""What one part of a spec says about another: names that must exist, flows without cycles, edges with ends."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import pairwise

from archcheck.spec.codes import (
    BAD_NAME,
    BAD_PATTERN,
    BAD_REALIZED_BY,
    CYCLE,
    DUPLICATE_EDGE,
    NOT_IN_FLOW,
    RESIDUAL_ENDS,
    TWICE_IN_FLOW,
    UNKNOWN_BOX,
    UNKNOWN_PANEL,
    UNREACHABLE,
    SpecCode,
)
from archcheck.spec.flow import Reachability, edge_id, ends, flow_edges
from archcheck.spec.model import ID_PATTERN, Box, Line, Panel, ResidualEdge
from archcheck.spec.patterns import pattern_problem
from archcheck.spec.problems import Problems
from archcheck.spec.words import Path, did_you_mean, quote
from archcheck.spec.yaml import Document

_ID = re.compile(ID_PATTERN.rstrip("$") + r"\Z")


class PanelChecks:
    """The checks of all panels of one document.

    `panels` holds those that could be read at all. `damaged` are the paths of what could not; what follows from
    that alone is no problem of its own.
    """

    def __init__(
        self, document: Document, panels: Mapping[str, Panel], damaged: Collection[Path], problems: Problems
    ) -> None:
        self._document = document
        self._panels = panels
        self._damaged = damaged
        self._problems = problems

    def run(self) -> None:
        for name, panel in self._panels.items():
            at: Path = ("panels", name)
            self._check_id(name, at, "a panel")
            self._check_pattern(panel.scope or "", (*at, "scope"))
            for index, module in enumerate(panel.omit):
                self._check_pattern(module, (*at, "omit", index))
            for box_name, box in panel.boxes.items():
                self._check_box(box_name, box, (*at, "boxes", box_name))
            reachability = self._check_flow(panel, at)
            self._check_residuals(panel, at, reachability)
        self._check_details()
'''+'' if False else '''
