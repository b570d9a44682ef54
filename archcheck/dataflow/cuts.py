"""Where a recorded run is cut or added to, to be measured, by the numbers of its operations."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Operand:
    """The operand of an operation at one position among the tensors that it takes."""

    step: int
    position: int


@dataclass(frozen=True, slots=True)
class ResidualCut:
    """A residual's places: where its skip path takes the source, and where both paths enter the sum."""

    source: int
    sink: int
    skip_use: Operand
    skip_end: Operand
    branch_end: Operand


@dataclass(frozen=True, slots=True)
class Addition:
    """A residual that is drawn but not executed: a source added to the output of a target, in each pair."""

    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Cuts:
    """Everything asked of one run; `seed` is that of the direction in which the output is differentiated."""

    places: tuple[ResidualCut, ...]
    additions: tuple[Addition, ...] = ()
    seed: int = 0


Values = dict[str, float | None]
"""Measures by name; None where one could not be taken."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The measures of each place and of each addition, in their order."""

    places: tuple[Values, ...]
    additions: tuple[Values, ...] = ()
