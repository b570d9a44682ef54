"""Dependence in one frame of a panel: on the boxes' results, and on the residuals' sums."""

from __future__ import annotations

from functools import cached_property

from archcheck.diff.box_calls import BoxRun, Frame
from archcheck.diff.execution import Execution


class FrameReach:
    """Answers for all boxes at once, in one walk: each operation has a bit for each box it depends on."""

    def __init__(self, frame: Frame, execution: Execution) -> None:
        self.frame = frame
        self.execution = execution
        self._bits: dict[BoxRun, int] = {}
        for occurrence in frame.occurrences:
            for run in occurrence.runs:
                self._bits.setdefault(run, 1 << len(self._bits))

    def reads_output(self, at: int, run: BoxRun) -> bool:
        """Return whether an operation depends on, or is, the output of a box."""
        if at >= self.frame.end:
            return self.execution.depends([at], run.outputs)
        return bool(self._outputs.get(at, 0) & self._bits[run])

    def reads_sink(self, run: BoxRun, sink: int) -> bool:
        """Return whether a box reads a sum, or something that depends on it."""
        if sink < self.frame.first:
            return self.execution.depends(run.inputs, [sink])
        bit = self._sink_bits.get(sink)
        if bit is None:  # no residual's: a product
            return self.execution.depends(run.inputs, [sink])
        return any(self._sinks.get(read, 0) & bit for read in run.inputs)

    @cached_property
    def _outputs(self) -> dict[int, int]:
        own: dict[int, int] = {}
        for run, bit in self._bits.items():
            for out in run.outputs:
                own[out] = own.get(out, 0) | bit
        return self._spread(own)

    @cached_property
    def _sink_bits(self) -> dict[int, int]:
        joins = self.execution.joins_within(self.frame.first, self.frame.end)
        sinks = dict.fromkeys(join.sink for join in joins)
        return {sink: 1 << place for place, sink in enumerate(sinks)}

    @cached_property
    def _sinks(self) -> dict[int, int]:
        return self._spread(self._sink_bits)

    def _spread(self, own: dict[int, int]) -> dict[int, int]:
        """Return, for each operation of the frame, its own bits and those of what it depends on."""
        found: dict[int, int] = {}
        ops = self.execution.flow.ops
        for at in range(self.frame.first, self.frame.end):
            bits = own.get(at, 0)
            for read in ops[at].reads:
                bits |= found.get(read, 0)
            if bits:
                found[at] = bits
        return found
