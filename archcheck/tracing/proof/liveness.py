"""Whether the model's output, or a state that outlives the call, depends on a sink's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archcheck.dataflow.run import Dataflow
from archcheck.tracing.proof.branch_proof import differs, disturb
from archcheck.tracing.proof.verdict import NumericalVerdict, Outcome, UnclearError
from archcheck.tracing.proof.windows import Sweep, Window, WindowChanges
from archcheck.tracing.recorder import Recorder
from archcheck.tracing.tape import ATTRIBUTE

_TRIES = 3


class Liveness:
    """Follows each sink to the next one, or to the end: a chain of values, each of which moves the next."""

    def __init__(self, flow: Dataflow, recorder: Recorder, sinks: Iterable[int]) -> None:
        self.flow = flow
        self.sinks = frozenset(sinks)
        self.ends = frozenset(flow.outputs) | flow.escaping | frozenset(_state(recorder))
        self.ahead = {sink: self._ahead(sink) for sink in self.sinks if sink not in self.ends}
        self.moved: dict[int, set[int]] = {}
        self.unclear: dict[int, str] = {}

    def _ahead(self, sink: int) -> list[int]:
        """Return the first sinks and ends that the dataflow reaches from a sink."""
        seen, ways, found = {sink}, [sink], []
        while ways:
            for user in self.flow.users[ways.pop()]:
                if user in seen:
                    continue
                seen.add(user)
                if user in self.sinks or user in self.ends:
                    found.append(user)
                else:
                    ways.append(user)
        return sorted(found)

    def windows(self, sweep: Sweep) -> Mapping[Window, int]:
        """Return the windows to run, each with the sink where it starts."""
        return {
            Window(sweep, sink, end): sink
            for sink, ends in self.ahead.items()
            for end in ends[:_TRIES]
            if end in sweep.runs
        }

    def at_end(self, window: Window) -> None:
        """Return whether the end of the window moves with the sink at its start."""
        sink = window.start
        try:
            base = window.base
            if not (base.is_floating_point() or base.is_complex()):
                raise UnclearError("the output holds no real numbers")
            steps = window.sweep.steps
            uses = {
                (step, sink): disturb
                for step in map(window.sweep.step, window.nodes)
                if any(sink in reads for reads in steps[step].operands)
            }
            if differs(window.run(WindowChanges(uses)), base):
                self.moved.setdefault(sink, set()).add(window.end)
        except UnclearError as unclear:
            self.unclear[sink] = str(unclear)

    def verdict(self, sink: int) -> NumericalVerdict:
        """Return the verdict on a sink: refuted if nothing leads on from it, or nothing on the way moves."""
        reached, ways = set(), [sink]
        while ways:
            at = ways.pop()
            if at in self.ends:
                return NumericalVerdict(Outcome.PROVED)
            if at not in reached:
                reached.add(at)
                ways += self.moved.get(at, ())
        if not any(self.ahead.get(at) for at in reached):
            return NumericalVerdict(Outcome.REFUTED, "the model's output does not depend on the sink")
        return NumericalVerdict(Outcome.NOT_PROVED, "no change of the sink was seen in the model's output")


def _state(recorder: Recorder) -> Iterable[int]:
    """Yield steps that write into a buffer or a parameter."""
    for index, step in enumerate(recorder.tape.steps):
        if step.mutates is not None and any(
            recorder.tape.steps[read].kind == ATTRIBUTE for reads in step.operands for read in reads
        ):
            yield index
