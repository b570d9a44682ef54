"""What becomes of a claim: plain values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """Whether the numbers agree with a claim."""

    PROVED = "proved"
    REFUTED = "refuted"
    NOT_PROVED = "not proved"


@dataclass(frozen=True)
class NumericalVerdict:
    """What the numbers say about a residual, and why they do not agree."""

    outcome: Outcome
    reason: str = ""


class RefutedError(Exception):
    """The numbers contradict a claim; the message says how."""


class UnclearError(Exception):
    """The numbers decide nothing; the message says why."""
