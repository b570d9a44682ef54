"""What is claimed of a residual, and what became of the claim: plain values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol


class FactorClaim(Protocol):
    """A factor `on` a side: a number, or None for one that is learned."""

    @property
    def on(self) -> str: ...
    @property
    def value(self) -> float | None: ...


class ResidualClaim(Protocol):
    """A residual as a reader is told of it."""

    @property
    def kind(self) -> str: ...
    @property
    def scope(self) -> str: ...
    @property
    def branch(self) -> tuple[str, ...]: ...
    @property
    def factors(self) -> Sequence[FactorClaim]: ...


class Claim(Protocol):
    """A residual by the numbers of its operations: where it starts and ends, and the way of its skip path.

    `skip_operand` is what the sink reads of it; `branch_calls` are the calls of the modules that are said to be its branch.
    """

    @property
    def residual(self) -> ResidualClaim: ...
    @property
    def sink(self) -> int: ...
    @property
    def source(self) -> int: ...
    @property
    def skip(self) -> tuple[int, ...]: ...
    @property
    def skip_operand(self) -> tuple[int, ...]: ...
    @property
    def branch_calls(self) -> tuple[int, ...]: ...


class Outcome(Enum):
    PROVED = "proved"
    REFUTED = "refuted"
    NOT_PROVED = "not proved"


@dataclass(frozen=True)
class Verdict:
    """What the numbers say of a claim, and why they do not agree."""

    outcome: Outcome
    reason: str = ""


class Refuted(Exception):
    """The numbers contradict a claim; the message says how."""


class Unclear(Exception):
    """The numbers do not tell; the message says why."""
