"""The result of a run as data: findings, what was proved, and the report that holds both.

Nothing here prints; every reporter and the diagram read the same `Report`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from archcheck.connections import Residual
from archcheck.errors import Problem
from archcheck.rules.codes import RuleCode
from archcheck.source_location import Location


class Status(StrEnum):
    """The verdict on one spec; the exit code of a run is the worst of its specs."""

    CONFORMS = "conforms"
    DIFFERS = "differs"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of a spec at `place`: `value` (which is YAML) is set, removed or appended to the list there.

    A key that is new in its mapping comes after the key `after`, else last.
    """

    action: Literal["set", "append", "remove"]
    place: tuple[str | int, ...]
    value: str = ""
    after: str = ""

    def __str__(self) -> str:
        key = str(self.place[-1])
        match self.action:
            case "set":
                return f"{key}: {self.value}"
            case "append":
                return f"add {self.value} to {key}"
        return f"remove {key}" if isinstance(self.place[-1], str) else "remove the edge"


@dataclass(frozen=True, slots=True)
class Fix:
    """Edits that make the spec match the code."""

    edits: tuple[Edit, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.edits))


@dataclass(frozen=True, slots=True)
class Finding:
    """One disagreement between a spec and the model's code.

    `panel` is the panel's name, "" when no spec is involved; `edge` names the drawn edge or box
    (`gqa`, `norm..out`), "" when nothing is drawn. `layers` are the indices that a wildcard bound and in
    which the finding holds, empty where the panel has no wildcard; `layer_count` is how many were bound.
    `drawn` and `traced` say what the diagram shows and what the code does. `spec` and `location` are
    the lines of the spec and of the model's code. `modes` names the traced modes in which the finding
    holds, empty when that is all of them. `code_branch` and `code_source` locate the truth in the diagram
    for a picture: the boxes (in this panel) of the real branch and the box whose output is really
    tapped ("input" for the panel's input). `fix` is what to change in the spec if the code is right, where
    that is known.
    """

    code: RuleCode
    message: str
    panel: str = ""
    edge: str = ""
    layers: tuple[int | str, ...] = ()
    layer_count: int = 0
    drawn: str = ""
    traced: str = ""
    spec: Location | None = None
    location: Location | None = None
    modes: tuple[str, ...] = ()
    code_branch: tuple[str, ...] = ()
    code_source: str = ""
    note: str = ""
    fix: Fix | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A finding that somebody accepted, and why; `by` a `comment`, the `baseline` or an `option`."""

    finding: Finding
    reason: str
    by: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class Proof:
    """What held in one panel: `edge` is the drawn edge ("" for the boxes), `count` the layers checked."""

    panel: str
    edge: str
    line: str
    statement: str
    count: int
    spec: Location | None = None
    residuals: tuple[Residual, ...] = ()


class MarkKind(StrEnum):
    """What a reader takes for true: a box, its label, its numbers and modules, a line, an edge."""

    BOX = "box"
    CLAIM = "label"
    NUMBER = "number"
    COUNT = "count"
    MODULES = "modules"
    LINE = "line"
    EDGE = "residual edge"


class Verdict(StrEnum):
    """What was found about a mark."""

    PROVED = "proved"
    REFUTED = "refuted"
    ACCEPTED = "accepted"
    OUTSIDE = "outside"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of a panel: `name` is the box, line (`a->b`) or edge, `reason` why it is not checked."""

    panel: str
    kind: MarkKind
    name: str
    verdict: Verdict
    spec: Location | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """A module of a model, or `count` like modules.

    `name` is its name in what holds it, `what` describes it in words, and `parts` are what a figure opens.
    `is_block`: residual connections are made in it. `like` names an earlier part that has the same
    parts, which are then not repeated.
    """

    name: str
    what: str
    count: int = 1
    parts: tuple[Part, ...] = ()
    is_block: bool = False
    like: str = ""


def count_of(marks: Sequence[Mark]) -> str:
    """Return how many marks have each verdict.

    `58 of 60 marks proved, 2 not checked, 4 outside the model`.

    >>> count_of([Mark("p", MarkKind.BOX, "a", verdict) for verdict in (Verdict.PROVED, Verdict.OUTSIDE)])
    '1 of 1 marks proved, 1 outside the model'
    """
    counts = {verdict: sum(mark.verdict is verdict for mark in marks) for verdict in Verdict}
    inside = len(marks) - counts[Verdict.OUTSIDE]
    parts = [f"{counts[Verdict.PROVED]} of {inside} marks proved"]
    for verdict in (Verdict.REFUTED, Verdict.ACCEPTED, Verdict.UNCHECKED):
        if counts[verdict]:
            parts.append(f"{counts[verdict]} {verdict.value}")
    if counts[Verdict.OUTSIDE]:
        parts.append(f"{counts[Verdict.OUTSIDE]} outside the model")
    return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Report:
    """All findings of one spec (or of one inspected model) with what was proved.

    `problems` is non-empty exactly when `status` is `error`. `accepted` are findings that somebody accepted;
    they are not in `findings`. `remarks` are facts that the reader should know but that are not findings: the
    device used, opaque parts, code that no mode ran. `tree` is what the model is made of, if requested.
    `picture` draws the diagram with the verdict, as SVG, for a notebook; it is not part of the result.
    """

    file: str
    status: Status
    title: str = ""
    target: str = ""
    findings: tuple[Finding, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    proofs: tuple[Proof, ...] = ()
    marks: tuple[Mark, ...] = ()
    residuals: tuple[Residual, ...] = ()
    problems: tuple[Problem, ...] = ()
    remarks: tuple[str, ...] = ()
    notes: tuple[tuple[str, str], ...] = field(default=())
    tree: Part | None = None
    picture: Callable[[Report], str] | None = field(default=None, repr=False, compare=False)

    def _repr_svg_(self) -> str | None:
        """Show the diagram in a notebook; None, and so the report's text, where there is none."""
        return self.picture(self) if self.picture is not None else None
