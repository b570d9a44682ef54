"""The values of the search: what is found, and what is tried on the way."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from archcheck.connections import Residual
from archcheck.source_location import Location

FactorAt = tuple[int, float | None]
"""An operation that applies a factor, and the factor if it is a number."""

JoinKey = tuple[int, int, tuple[int, ...]]
"""Sink, source and the branch's operand of the sink."""


@dataclass(frozen=True, slots=True)
class Join:
    """A residual connection with its places in the dataflow.

    `sink` and `source` are operations; `skip` and `branch` the operations on either way, in order; `term` is
    the branch's operand of the sink (or of the sum that the sink adds), `skip_operand` the skip path's.
    `branch_calls` are the module calls that `residual.branch` names; `sink_call` is that of
    `residual.implemented_in`.
    """

    residual: Residual
    sink: int
    source: int
    term: tuple[int, ...]
    skip_operand: tuple[int, ...]
    skip: tuple[int, ...]
    branch: tuple[int, ...]
    branch_calls: tuple[int, ...]
    sink_call: int

    @property
    def key(self) -> JoinKey:
        """What tells it from all others of its run."""
        return self.sink, self.source, self.term


@dataclass(frozen=True, slots=True)
class Search:
    """All residual connections of a run, in the order in which their sinks ran.

    `curtailed` are the lines of loops that ran so often that only their first rounds were searched.
    """

    joins: tuple[Join, ...]
    curtailed: tuple[Location, ...] = ()


class Path(Enum):
    """What a skip path may pass; a wider path is tried only where no narrower one holds at the sink.

    PLAIN: what moves or rescales, and the sums of the sink's own module. GATED: also mixing weights and the
    mixing of streams. AFFINE: also affine maps.
    """

    PLAIN = 1
    GATED = 2
    AFFINE = 3


@dataclass(frozen=True, slots=True)
class Walk:
    """The skip path walked so far: operations passed, and what they did to the stream.

    `mixed`: multiplied with a matrix that depends on the input. `shifted`: something constant was added.
    """

    passed: tuple[int, ...] = ()
    affine: bool = False
    gated: bool = False
    mixed: bool = False
    shifted: bool = False
    factors: tuple[FactorAt, ...] = ()

    def through(
        self,
        op: int,
        *,
        affine: bool = False,
        gated: bool = False,
        mixed: bool = False,
        shifted: bool = False,
    ) -> Walk:
        """The walk, one operation longer."""
        return Walk(
            (*self.passed, op), self.affine or affine, self.gated or gated, self.mixed or mixed,
            self.shifted or shifted, self.factors,
        )  # fmt: skip

    def scaled(self, op: int, value: float | None) -> Walk:
        """The walk through a product with a number, or with something learned (None)."""
        factors = self.factors if value == 1.0 else (*self.factors, (op, value))
        return replace(self, passed=(*self.passed, op), factors=factors)


@dataclass(frozen=True, slots=True)
class Term:
    """One summand on the branch's side: what it reads, and the operations from there to the sink.

    `fused`: the sink itself multiplies what it reads, as `addmm` does.
    """

    reads: tuple[int, ...]
    tail: tuple[int, ...] = ()
    fused: bool = False
