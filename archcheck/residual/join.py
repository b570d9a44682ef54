"""The values of the search: what was found, and what is tried on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from archcheck.dataflow.join import Join as Join
from archcheck.source_location import Location

FactorAt = tuple[int, float | None]
"""An operation that applies a factor, and the factor if it is a number."""


@dataclass(frozen=True, slots=True)
class FoundResiduals:
    """All residual connections of a run, in the order in which their sinks ran.

    `curtailed` are the lines of loops that ran so often that only their first iterations were searched.
    """

    joins: tuple[Join, ...]
    curtailed: tuple[Location, ...] = ()

    @property
    def remarks(self) -> tuple[str, ...]:
        """What was not searched, for a report."""
        return tuple(
            f"the loop at {place} ran so often that only its first iterations were searched for residuals"
            for place in self.curtailed
        )


class Path(Enum):
    """What a skip path may pass; a wider path is tried only if no narrower one holds at the sink.

    PLAIN: what moves or rescales, and the sums of the sink's own module. GATED: also mixing weights and the
    mixing of streams. AFFINE: also affine maps.
    """

    PLAIN = 1
    GATED = 2
    AFFINE = 3


@dataclass(frozen=True, slots=True)
class Walk:
    """The skip path walked so far: operations passed, and what they did to the stream.

    `mixed`: multiplied by a matrix that depends on the input. `shifted`: a constant was added. `normed`: a
    normalization was passed, which only an affine map may precede.
    """

    passed: tuple[int, ...] = ()
    affine: bool = False
    gated: bool = False
    mixed: bool = False
    shifted: bool = False
    normed: bool = False
    factors: tuple[FactorAt, ...] = ()

    def through(
        self,
        op: int,
        *,
        affine: bool = False,
        gated: bool = False,
        mixed: bool = False,
        shifted: bool = False,
        normed: bool = False,
    ) -> Walk:
        """Return the walk, one operation longer."""
        return Walk(
            (*self.passed, op),
            self.affine or affine,
            self.gated or gated,
            self.mixed or mixed,
            self.shifted or shifted,
            self.normed or normed,
            self.factors,
        )

    def scaled(self, op: int, value: float | None) -> Walk:
        """Return the walk through a product with a number, or with something learned (None)."""
        return replace(self, passed=(*self.passed, op), factors=(*self.factors, (op, value)))

    def then(self, more: Walk) -> Walk:
        """Return the walk extended by the operations and factors of another that passes only these."""
        return replace(self, passed=(*self.passed, *more.passed), factors=(*self.factors, *more.factors))


@dataclass(frozen=True, slots=True)
class Summand:
    """One summand on the branch's side: what it reads, and the operations from there to the sink.

    `fused`: the sink itself multiplies what it reads, as `addmm` does; if `constant`, by something
    independent of the input, such as a LayerScale written with `addcmul`. `sign` is that of inner
    differences.
    """

    reads: tuple[int, ...]
    tail: tuple[int, ...] = ()
    fused: bool = False
    constant: bool = False
    sign: float = 1.0
