"""Collecting the problems of one spec, so that all of them are shown at once."""

from __future__ import annotations

from typing import NamedTuple, NoReturn

from archcheck.errors import Problem, SpecError
from archcheck.rules.spec_codes import SpecCode
from archcheck.spec.words import Path, path_text

LIMIT = 200
"""Collecting stops after this many problems: the file is not a spec, and hostile input ends soon."""


class TextPosition(NamedTuple):
    """The start of a node; both count from 1."""

    line: int
    column: int


class Problems:
    """The problems found so far in `file`; `raise_if_any` ends the reading."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: list[Problem] = []

    def add(
        self, code: SpecCode, message: str, place: TextPosition | None = None, path: Path = (), hint: str = ""
    ) -> None:
        """Note a problem; raises SpecError with those so far when there are too many.

        `message` is a clause, which is made a sentence here; `hint` is a sentence.
        """
        line, column = place or (None, None)
        sentence = f"{message[:1].upper()}{message[1:]}."
        self._found.append(Problem(self.file, line, column, code, sentence, path_text(path), hint))
        if len(self._found) >= LIMIT:
            self.stop()

    def raise_if_any(self) -> None:
        """Raise SpecError with all problems, if there are any."""
        if self._found:
            self.stop()

    def stop(self) -> NoReturn:
        """Raise SpecError with the problems so far, at least one."""
        raise SpecError(self._found)
