"""Whether the model's output, or a state that outlives the call, depends on a sink's values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from archcheck.dataflow.queries import reached
from archcheck.dataflow.run import Dataflow
from archcheck.tracing.proof.branch_proof import differs, disturb
from archcheck.tracing.proof.verdict import NumericalVerdict, Outcome
from archcheck.tracing.proof.windows import Sweep, Window, WindowChanges

_TRIES = 3


class Liveness:
    """Follows each sink to the next one, or to the end: a chain of values, each of which moves the next."""

    def __init__(self, flow: Dataflow, sinks: Iterable[int]) -> None:
        self.flow = flow
        self.sinks = frozenset(sinks)
        self.ends = frozenset(flow.outputs) | flow.escaping
        self.ahead = {sink: self._ahead(sink) for sink in self.sinks if sink not in self.ends}
        self.moved: dict[int, set[int]] = {}

    def _ahead(self, sink: int) -> list[int]:
        """Return the first sinks and ends that the dataflow reaches from a sink."""
        users, goals = self.flow.users, self.sinks | self.ends
        return sorted(goals.intersection(reached(users[sink], lambda at: () if at in goals else users[at])))

    def windows(self, sweep: Sweep) -> Mapping[Window, int]:
        """Return the windows to run, each with the sink where it starts."""
        return {
            Window(sweep, sink, end): sink
            for sink, ends in self.ahead.items()
            for end in ends[:_TRIES]
            if end in sweep.runs
        }

    def at_end(self, window: Window) -> None:
        """Note whether the end of the window moves with the sink at its start."""
        uses = {(window.sweep.step(node), window.start): disturb for node in window.nodes}
        if differs(window.run(WindowChanges(uses)), window.base):
            self.moved.setdefault(window.start, set()).add(window.end)

    def verdict(self, sink: int) -> NumericalVerdict:
        """Return the verdict on a sink: refuted if nothing leads on from it, or nothing on the way moves."""
        found = frozenset(reached([sink], lambda at: self.moved.get(at, ())))
        if not found.isdisjoint(self.ends):
            return NumericalVerdict(Outcome.PROVED)
        if not any(self.ahead.get(at) for at in found):
            return NumericalVerdict(Outcome.REFUTED, "the model's output does not depend on the sink")
        return NumericalVerdict(Outcome.NOT_PROVED, "no change of the sink was seen in the model's output")
