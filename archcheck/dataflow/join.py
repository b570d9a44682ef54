"""A residual connection with its places in a recorded run."""

from __future__ import annotations

from dataclasses import dataclass

from archcheck.connections import Residual

JoinKey = tuple[int, int, tuple[int, ...]]
"""Sink, source and the branch's operand of the sink."""


@dataclass(frozen=True, slots=True)
class Join:
    """A residual connection with its places in the dataflow.

    `sink` and `source` are operations; `skip` and `branch` the operations on either path, in order; `term` is
    the branch's operand of the sink (or of the sum that the sink adds), `skip_operand` the skip path's.
    `branch_calls` are the module calls that `residual.branch` names; `sink_call` is that of
    `residual.implemented_in`. `end` is the operation that applies the last factor to the whole sum, or the
    sink.
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
    end: int

    @property
    def key(self) -> JoinKey:
        """What distinguishes it from all others of its run."""
        return self.sink, self.source, self.term
