"""From places in the dataflow to a residual in the words of the model: scope, source and branch by path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archcheck.connections import Kind, Residual
from archcheck.dataflow.operations import VIEWS
from archcheck.residual.factors import factors_of, on_sum
from archcheck.residual.join import Join, Summand, Walk
from archcheck.residual.operation_facts import Facts, Reads

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
    branch_calls = _outermost_calls(facts, whole, sink, source)
    skip_calls = _outermost_calls(facts, passed, sink, source)
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
    end = sink if kind is Kind.CONCAT else on_sum(facts, sink)[1]
    return Join(residual, sink, source, term.reads, skip, passed, whole, branch_calls, op.call, end)


def _with_inner(facts: Facts, sink: int, skip: Reads, walk: Walk) -> tuple[int, ...]:
    """Return the operations that the skip path passes, including assembled ones."""
    ops, op = facts.ops, facts.ops[sink]
    inner = [at for passed in walk.passed for between in ops[passed].inner for at in between]
    if op.inner:
        inner += op.inner[op.operands.index(skip)]
    return tuple(sorted({*walk.passed, *inner}))


def _scope(facts: Facts, ops: Iterable[int]) -> int:
    """Return the deepest call that contains all of `ops`."""
    stacks = [facts.flow.stack(call) for call in {facts.ops[at].call for at in ops}]
    common: list[int] = [level[0] for level in zip(*stacks, strict=False) if len({*level}) == 1]
    return common[-1]


def _outermost_calls(facts: Facts, ops: Iterable[int], sink: int, source: int) -> tuple[int, ...]:
    """Return the outermost calls, in order, that ran `ops` and neither hold nor return sink or source."""
    calls = facts.flow.calls

    def holds(call: int) -> bool:
        span = calls[call]
        return any(span.first <= at < span.end for at in (sink, source)) or source in span.outputs

    stacks = [facts.flow.stack(call) for call in {facts.ops[at].call for at in ops}]
    outermost = {next((call for call in stack if not holds(call)), -1) for stack in stacks}
    return tuple(sorted(outermost - {-1}, key=lambda call: calls[call].first))


def _source_name(facts: Facts, at_sink: Mapping[int, Sequence[Join]], source: int, scope: int) -> str:
    """Return `input`, the path of the module that returned it, `sink(MODULE)`, or the operation's name."""
    calls, op = facts.flow.calls, facts.ops[source]
    span = calls[scope]
    if source < span.first:  # the model's own are named so as well
        return "input"
    for call in facts.flow.stack(op.call):
        if calls[call].depth > span.depth and source in calls[call].outputs:
            return _relative(calls[call].path, span.path)
    for join in at_sink.get(source, ()):
        if join.branch_calls:
            return f"sink({_relative(calls[join.branch_calls[-1]].path, span.path)})"
    if op.parameter:
        return _relative(op.parameter, span.path)
    if op.call != scope:
        return _relative(calls[op.call].path, span.path)
    if not op.shape or op.name in VIEWS:
        return _source_name(facts, at_sink, op.operands[0][0], scope)
    return op.name


def _relative(path: str, scope: str) -> str:
    return path[len(scope) + 1 :] if scope and path.startswith(f"{scope}.") else path
