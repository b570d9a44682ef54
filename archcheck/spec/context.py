"""What the checks of a spec share: the document, the parts that could be read, and its problems."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from archcheck.rules.spec_codes import BAD_NAME, BAD_PATTERN, UNKNOWN_BOX, UNKNOWN_PANEL, SpecCode
from archcheck.spec.model import ID_PATTERN, Panel
from archcheck.spec.patterns import pattern_problem
from archcheck.spec.problems import Problems
from archcheck.spec.words import Path, did_you_mean, listing, quote
from archcheck.spec.yaml import Document

_ID = re.compile(ID_PATTERN)


@dataclass(frozen=True, slots=True)
class Context:
    """A document under check.

    `panels` holds the panels that could be read, if need be without their misfits; `damaged` are the paths of
    all misfits, so that their consequences are not reported as separate problems.
    """

    document: Document
    panels: Mapping[str, Panel]
    damaged: frozenset[Path]
    problems: Problems

    def add(self, code: SpecCode, path: Path, message: str, hint: str = "", *, at_key: bool = False) -> None:
        """Note a problem with the node at `path`, or with its key."""
        place = self.document.key_place(path) if at_key else self.document.place(path)
        self.problems.add(code, message, place, path, hint)

    def intact(self, path: Path) -> bool:
        """Return whether everything at `path` could be read."""
        return not any(
            path == damaged[: len(path)] or damaged == path[: len(damaged)] for damaged in self.damaged
        )

    def names(self, path: Path) -> tuple[str, ...]:
        """Return the keys of the mapping at `path` as written, even if their values could not be read."""
        return tuple(key for key in self._node(path) or () if isinstance(key, str))

    def texts(self, path: Path) -> Iterator[tuple[str, Path]]:
        """Yield the text at `path`, or all those in the lists there, each with its own path; as written."""
        node = self._node(path)
        if isinstance(node, str):
            yield node, path
        elif isinstance(node, list):
            for index in range(len(node)):
                yield from self.texts((*path, index))

    def _node(self, path: Path) -> Any:
        node = self.document.data
        for part in path:
            if isinstance(node, dict) and part not in node:
                return None
            node = node[part]
        return node

    def line(self, path: Path) -> int:
        """Return the line of the node at `path`."""
        return self.document.place(path).line

    def check_id(self, name: str, path: Path) -> None:
        """Check a panel's or box's name; `path` leads to its entry."""
        if not _ID.fullmatch(name):
            message = f"the name {quote(name)} may contain only letters, digits, '_' and '-'"
            self.add(
                BAD_NAME,
                path,
                message,
                "The label or title, which is what readers see, can be anything.",
                at_key=True,
            )

    def check_panel_name(self, name: str, path: Path) -> None:
        """Check that a panel of this name exists; `path` is where the name is written."""
        self._check_known(UNKNOWN_PANEL, f"there is no panel {quote(name)}", name, ("panels",), path)

    def check_box_name(self, name: str, panel_path: Path, path: Path) -> None:
        """Check that the panel has a box of this name; `path` is where the name is written."""
        self._check_known(
            UNKNOWN_BOX, f"this panel has no box {quote(name)}", name, (*panel_path, "boxes"), path
        )

    def _check_known(self, code: SpecCode, message: str, name: str, among: Path, path: Path) -> None:
        known = self.names(among)
        if name in known:
            return
        near = did_you_mean(name, known)
        hint = "" if near or not known else f"Known: {listing(known)}."
        if name == "input":
            hint = "Only 'from' can name the panel's input."
        self.add(code, path, message + near, hint)

    def check_patterns(self, patterns: Iterable[tuple[str, Path]]) -> None:
        """Check module patterns with their paths."""
        for pattern, path in patterns:
            if problem := pattern_problem(pattern):
                hint = "Separate names with dots, as in layers.0.mlp." if "[" in pattern else ""
                self.add(BAD_PATTERN, path, f"{quote(pattern)} is not a module pattern: {problem}", hint)
