"""Drawn edges without a verdict: what would be their sum, or their skip path, is opaque."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from archcheck.dataflow.run import Op
from archcheck.diff.evidence import EdgeEvidence, EdgeKey, Evidence
from archcheck.errors import Problem
from archcheck.findings import Mark, MarkKind, Verdict
from archcheck.source_location import Location


@dataclass(frozen=True, slots=True)
class HiddenSum:
    """A drawn edge whose sum can't be seen; `accepted`: the spec allows that."""

    panel: str
    edge: str
    around: str
    accepted: bool
    spec: Location
    location: Location | None

    def problem(self) -> Problem:
        """Return the problem to report (TRC005)."""
        where = f" ({self.location})" if self.location else ""
        return Problem(
            self.spec.file,
            self.spec.line,
            self.spec.column,
            "TRC005",
            f"the residual {self.around} can't be checked: "
            f"the operation that joins it can't be traced{where}",
            hint="Use a plain PyTorch version of it, or leave the edge unchecked with opaque: accepted.",
        )


def hidden_sum(edge: EdgeEvidence) -> HiddenSum | None:
    """Return the edge if it is solid, nothing visible executes it, and something opaque may."""
    if not edge.is_unmatched or edge.elsewhere is not None:
        return None
    op = next(_hiding(edge), None)
    if op is None:
        return None
    drawn = edge.drawn
    return HiddenSum(
        edge.call.bound.name,
        drawn.id,
        drawn.around(),
        drawn.edge.opaque is not None,
        edge.evidence.loaded.place(*edge.place),
        op.location,
    )


def _hiding(edge: EdgeEvidence) -> Iterator[Op]:
    """Yield the opaque operations of the panel's own code that may compute the sum.

    They read the branch's output beside another tensor of the input, or their result is joined with it, or
    they are all of that code, branch and sum (`vmap`).
    """
    execution, call = edge.execution, edge.call
    ops, calls = execution.flow.ops, execution.flow.calls
    branch = {out for one in call.inside(edge.drawn) for run in one.runs for out in run.outputs}
    own = [at for at in range(call.frame.first, call.frame.end) if calls[ops[at].call].path in call.opened]
    read = {read for at in own for read in ops[at].reads}
    read |= {out for one in calls if one.path in call.opened for out in one.outputs}
    for at in own:
        op = ops[at]
        if (
            op.opaque
            and not branch & read
            and any(set(operand) & call.frame.inputs for operand in op.operands)
        ):
            yield op
        reads = [
            {execution.value(read) for read in operand if ops[read].depends_on_input}
            for operand in op.operands
        ]
        reads = [operand for operand in reads if operand]
        others = [operand for operand in reads if not operand & branch]
        if len(others) < len(reads) and others:
            if op.opaque:
                yield op
            yield from (ops[read] for operand in others for read in sorted(operand) if ops[read].opaque)


def hidden_sums(evidence: Evidence) -> dict[EdgeKey, HiddenSum]:
    """Return all such edges of one mode."""
    edges = [EdgeEvidence(evidence, call, drawn) for call in evidence.calls for drawn in call.drawn]
    if not any(op.opaque for op in evidence.execution.flow.ops):
        return {}
    return {edge.key: hidden for edge in edges if (hidden := hidden_sum(edge)) is not None}


def unchecked_edges(marks: Sequence[Mark], sums: Iterable[HiddenSum]) -> tuple[Mark, ...]:
    """Return the marks, with the edges whose sums are hidden counted as not checked."""
    hidden = {(one.panel, one.edge) for one in sums}
    reason = "the operation that joins it can't be traced"
    return tuple(
        replace(mark, verdict=Verdict.UNCHECKED, reason=reason)
        if mark.kind is MarkKind.EDGE and (mark.panel, mark.name) in hidden
        else mark
        for mark in marks
    )
