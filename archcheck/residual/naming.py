"""From places in the dataflow to a residual in the words of the model: scope, source and branch by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archcheck.connections import Kind, Residual
from archcheck.dataflow.operations import VIEWS
from archcheck.residual.factors import factors_of, on_sum
from archcheck.residual.join import Join, Summand, Walk
from archcheck.residual.operation_facts import Facts, Reads

_SUMS = (Kind.IDENTITY, Kind.SCALED, Kind.PARTIAL)
_WITH_FACTORS = (Kind.SCALED, Kind.GATED, Kind.PARTIAL, Kind.PROJECTION)


def name_join(
    facts: Facts,
    at_sink: Mapping[int, Sequence[Join]],
    sink: int,
    source: int,
    skip: Reads,
    branch: Sequence[int],
    term: Summand,
    walk: Walk,
    kind: Kind,
) -> Join:
    """Return the join, with its residual."""
    calls, op = facts.flow.calls, facts.ops[sink]
    whole = tuple(sorted({*branch, *term.tail}))
    passed = _with_inner(facts, sink, skip, walk)
    scope = _scope(facts, [*whole, sink])
    path = calls[scope].path
    branch_calls = _outermost_calls(facts, whole, scope, sink, source)
    skip_calls = _outermost_calls(facts, passed, scope, sink, source)
    source = _behind_reshapes(facts, source, scope)
    residual = Residual(
        kind=kind,
        scope=path,
        implemented_in=calls[op.call].path,
        source=_source_name(facts, at_sink, source, scope),
        branch=tuple(dict.fromkeys(_relative(calls[call].path, path) for call in branch_calls)),
        location=op.location,
        skip=tuple(dict.fromkeys(_relative(calls[call].path, path) for call in skip_calls)),
        factors=factors_of(facts, sink, skip, term, walk) if kind in _WITH_FACTORS else (),
        source_location=facts.ops[source].location,
    )
    end = on_sum(facts, sink)[1] if kind in _SUMS else sink
    return Join(residual, sink, source, term.reads, skip, passed, whole, branch_calls, op.call, end)


def _with_inner(facts: Facts, sink: int, skip: Reads, walk: Walk) -> tuple[int, ...]:
    """Return the operations that the skip path passes, including assembled ones."""
    ops, op = facts.ops, facts.ops[sink]
    inner = [at for passed in walk.passed for between in ops[passed].inner for at in between]
    if op.inner and skip in op.operands:
        inner += op.inner[op.operands.index(skip)]
    return tuple(sorted({*walk.passed, *inner}))


def _scope(facts: Facts, ops: Iterable[int]) -> int:
    """Return the deepest call that contains all of `ops`."""
    calls = facts.flow.calls
    found = -1
    for call in {facts.ops[at].call for at in ops}:
        other = call
        found = call if found < 0 else found
        while found != other:
            if calls[found].depth >= calls[other].depth:
                found = calls[found].parent
            else:
                other = calls[other].parent
    return found


def _outermost_calls(facts: Facts, ops: Iterable[int], scope: int, sink: int, source: int) -> tuple[int, ...]:
    """Return the outermost calls below `scope` that ran `ops` and hold neither sink nor source, in order.

    A call that returns the source beside its result (a stream passed along) holds it too.
    """
    calls = facts.flow.calls
    outermost: dict[int, int] = {}
    for call in {facts.ops[at].call for at in ops}:
        best, above = -1, call
        while above != scope and above >= 0:
            span = calls[above]
            holds = any(span.first <= place < span.end for place in (sink, source))
            if not holds and source not in span.outputs:
                best = above
            above = span.parent
        outermost[call] = best
    return tuple(
        sorted({call for call in outermost.values() if call >= 0}, key=lambda call: calls[call].first)
    )


def _behind_reshapes(facts: Facts, source: int, scope: int) -> int:
    """Return what a reader would point at: the scope's input, if the source is that in another shape."""
    inputs = set(facts.flow.calls[scope].inputs)
    at = source
    while at not in inputs:
        op = facts.ops[at]
        moves = op.name in VIEWS and op.operands and op.call == scope
        if not moves or op.numel != facts.numel(op.operands[0]):
            return source
        at = op.operands[0][0]
    return at


def _source_name(facts: Facts, at_sink: Mapping[int, Sequence[Join]], source: int, scope: int) -> str:
    """Return `input`, the path of the module that returned it, `sink(MODULE)`, or the operation's name."""
    calls, op = facts.flow.calls, facts.ops[source]
    span = calls[scope]
    if source in span.inputs or source < span.first:
        return "input"
    above, best = op.call, -1
    while above != scope and above >= 0:
        if source in calls[above].outputs:
            best = above
        above = calls[above].parent
    if best >= 0:
        return _relative(calls[best].path, span.path)
    for join in at_sink.get(source, ()):
        if join.branch_calls:
            return f"sink({_relative(calls[join.branch_calls[-1]].path, span.path)})"
    if op.call not in (scope, -1):
        return _relative(calls[op.call].path, span.path)
    if (not op.shape or op.name in VIEWS) and op.operands:
        return _source_name(facts, at_sink, op.operands[0][0], scope)
    return _relative(op.parameter, span.path) if op.parameter else op.name


def _relative(path: str, scope: str) -> str:
    return path[len(scope) + 1 :] if scope and path.startswith(f"{scope}.") else path
