"""Questions about a run: what reaches its result, and what depends on what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from archcheck.dataflow.operations import VIEWS
from archcheck.dataflow.run import Dataflow, Op

Onward = Callable[[int], Iterable[int]]
"""From an operation to those to look at next: what it reads, for instance, or what reads it."""


def reached(starts: Iterable[int], onward: Onward) -> Iterator[int]:
    """Yield the starts and everything reachable from them, each once."""
    pending = list(dict.fromkeys(starts))
    seen = set(pending)
    while pending:
        at = pending.pop()
        yield at
        for each in onward(at):
            if each not in seen:
                seen.add(each)
                pending.append(each)


def reads(flow: Dataflow) -> Onward:
    """Return what an operation reads."""
    return lambda at: flow.ops[at].reads


def views(ops: Sequence[Op], at: int) -> Iterator[int]:
    """Yield `at` and what it is a view, or a part, of, back to the operation that made these values."""
    yield at
    while ops[at].name in VIEWS and ops[at].operands:
        at = ops[at].operands[0][0]
        yield at


def viewed(ops: Sequence[Op], at: int) -> int:
    """Return the operation that made these values, past views."""
    *_, root = views(ops, at)
    return root


def depends(later: Iterable[int], earlier: Iterable[int], onward: Onward) -> bool:
    """Return whether any of `later` is, or depends on, any of `earlier`; `onward` leads to what one reads."""
    goal = set(earlier)
    if not goal:
        return False
    lowest = min(goal)
    starts = (at for at in later if at >= lowest)
    return any(
        at in goal for at in reached(starts, lambda at: (each for each in onward(at) if each >= lowest))
    )


def live(flow: Dataflow, *, with_control: bool = False) -> frozenset[int]:
    """Return the operations whose values reach an output of the model, or a state that outlives the call.

    A shape, a dtype, an assertion or a printed statistic is not a value. `with_control` also counts the
    values that Python inspected. A run that returns nothing is taken to return those.
    """
    ends = [*flow.outputs, *flow.escaping]
    if with_control or not ends:
        ends += [read for _, looked_at in flow.host_reads for read in looked_at]
    return frozenset(reached(ends, reads(flow)))
