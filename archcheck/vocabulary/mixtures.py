"""Mixtures of experts: a router that picks, and experts whose results are weighted by its output."""

from __future__ import annotations

from archcheck.dataflow.operations import VIEWS
from archcheck.vocabulary.arithmetic import CASTS
from archcheck.vocabulary.regions import TRANSPARENT, Region, region_of
from archcheck.vocabulary.terms import Family
from archcheck.vocabulary.walking import Walks

_SCORING = frozenset(["sigmoid", "softmax", "add", "mul", "div", "sqrt", "softplus"])
_CARRYING = VIEWS | CASTS | {"sum", "div", "softmax", "add", "where", "scatter"}
_OF_TWO = frozenset(["matmul", "mm", "bmm"])
_STEPS = 12


def router(walks: Walks, at: int) -> Region | None:
    """Return the router, a linear map to a score for each expert, of this top-k or softmax."""
    op = walks.ops[at]
    if op.name not in ("topk", "softmax") or not op.operands:
        return None
    ops, below = [at], op.operands[0][0]
    for _ in range(_STEPS):
        below = walks.root(below)
        step = walks.ops[below]
        ops.append(below)
        if walks.is_map(below):
            if step.name in _OF_TWO and not walks.ops[step.operands[0][0]].depends_on_input:
                return None  # queries that are learned, against keys: the shares are of positions
            details = {"experts": step.shape[-1]}
            details |= {"k": op.arguments.get("k", 1)} if op.name == "topk" else {}
            return region_of(walks.flow, "router", ops, at, details)
        fed = walks.fed(step)
        if len(set(fed)) != 1 or (step.name not in _SCORING | VIEWS | CASTS and below not in walks.made):
            return None
        below = fed[0]
    return None


def mixture(walks: Walks, routed: Region) -> Region | None:
    """Return the mixture of experts that a router belongs to: the smallest module call that weights by it."""
    flow = walks.flow
    weights = _weights(walks, routed)
    call = flow.ops[routed.output].call
    while call >= 0:
        span = flow.calls[call]
        weighed = [
            at
            for at in range(routed.output, span.end)
            if flow.ops[at].name in ("mul", "index_add", "matmul", "bmm", "einsum", "sum")
            and _reads(walks, at, weights)
        ]
        experts = [at for at in range(span.first, span.end) if _is_feed_forward(walks, at)]
        shares = flow.ops[routed.output].name == "softmax"  # of each expert: there are as many as shares
        if weighed and experts and (not shares or len(experts) >= int(str(routed.details["experts"])) > 1):
            ops = [at for at in range(span.first, span.end) if _counts(walks, at)]
            return region_of(flow, "mixture of experts", ops, ops[-1], routed.details) if ops else None
        call = span.parent
        if call <= 0:
            return None
    return None


def _weights(walks: Walks, routed: Region) -> set[int]:
    """Return what the router's choice is turned into, by views, shares and factors alone."""
    found, pending = {routed.output}, [routed.output]
    while pending and len(found) < 400:
        for user in walks.users[pending.pop()]:
            op = walks.ops[user]
            if user not in found and (op.name in _CARRYING or walks.scale_factor(op)):
                found.add(user)
                pending.append(user)
    return found


def _reads(walks: Walks, at: int, weights: set[int]) -> bool:
    reads = walks.fed(walks.ops[at])
    return any(read in weights for read in reads) and not all(read in weights for read in reads)


def _is_feed_forward(walks: Walks, at: int) -> bool:
    made = walks.made.get(at)
    return made is not None and made.term.family in (Family.FEED_FORWARD, Family.ACTIVATION, Family.PRODUCT)


def _counts(walks: Walks, at: int) -> bool:
    op = walks.ops[at]
    return op.depends_on_input and op.name not in TRANSPARENT
