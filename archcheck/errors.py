"""What can go wrong before a verdict is possible: exit code 2, never a traceback.

Every error carries one or more `Problem`s, each with a stable code, a place and a remedy, so that a
reporter can show all of them at once and in any format.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from archcheck.source_location import shown_path

if TYPE_CHECKING:
    from typing import Self


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One reason why a run could not reach a verdict.

    `code` is SPEC001…, TGT001… or TRC001…; `line` and `column` count from 1; `path` is the place inside a
    spec (`panels.gqa.residuals[0].line`); `hint` says what to do about it.
    """

    file: str
    line: int | None
    column: int | None
    code: str
    message: str
    path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        parts = (shown_path(self.file), self.line, self.column)
        place = ":".join(str(part) for part in parts if part is not None)
        where = f" (at {self.path})" if self.path else ""
        hint = f" {self.hint}" if self.hint else ""
        return f"{place}: {self.code} {self.message}{where}{hint}"


def own_failure(error: BaseException) -> Problem:
    """Return the problem that archcheck itself failed (CLI002), not the spec or the model."""
    what = " ".join(str(error).split())[:300]
    message = f"archcheck itself failed: {type(error).__name__}: {what}"
    return Problem("", None, None, "CLI002", message, hint="Please report this; --debug shows where.")


class ArchcheckError(Exception):
    """Base of the errors raised on purpose, with `problems`; `about` names one that has no file."""

    about = ""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = (
            (problems,) if isinstance(problems, Problem) else tuple(sorted(set(problems), key=_position))
        )
        super().__init__("\n".join(str(problem) for problem in self.problems))

    @classmethod
    def of(
        cls, code: str, message: str, hint: str = "", path: str = "", file: str = "", line: int | None = None
    ) -> Self:
        """Return the error for a single problem, whose place may be unknown."""
        return cls(Problem(file or cls.about, line, None, code, message, path, hint))

    def __reduce__(self) -> tuple[type[ArchcheckError], tuple[tuple[Problem, ...]]]:
        """Let an error pass from one process to another."""
        return type(self), (self.problems,)


class SpecError(ArchcheckError):
    """The spec can't be read (SPEC…)."""


class TargetError(ArchcheckError):
    """The model or its inputs can't be built (TGT…)."""


class TraceError(ArchcheckError):
    """The model can't be traced (TRC…)."""


class DrawError(ArchcheckError):
    """The picture can't be drawn or written (DIA002: format or engine, DIA003: style, panel or glyph)."""

    about = "diagram"


def _position(problem: Problem) -> tuple[str, int, int, str, str]:
    return (problem.file, problem.line or 0, problem.column or 0, problem.code, problem.message)
