"""Questions about a run: what reaches its result, what depends on what."""

from __future__ import annotations

from archcheck.dataflow.run import Dataflow


def live(flow: Dataflow, *, with_control: bool = False) -> frozenset[int]:
    """The operations whose values reach an output of the model, or a state that outlives the call.

    A shape, a dtype, an assertion or a printed statistic is no value. `with_control` also counts what Python
    looked at. A run that returns nothing is taken for what Python looked at last.
    """
    ends = [*flow.outputs, *flow.escaping]
    if with_control or not ends:
        ends += [read for _, reads in flow.host_reads for read in reads]
    reached = set(ends)
    pending = ends
    while pending:
        for operand in flow.ops[pending.pop()].operands:
            for read in operand:
                if read not in reached:
                    reached.add(read)
                    pending.append(read)
    return frozenset(reached)
