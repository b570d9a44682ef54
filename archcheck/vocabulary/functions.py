"""Operations without a name of their own that change values all the same.

Such are a logarithm, an added constant, noise, elements picked in a fixed order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from archcheck.dataflow.elements import is_pick, is_rearranged
from archcheck.dataflow.operations import COMPARISONS, NEGATIONS, PRODUCTS, RANDOM, SUMS
from archcheck.dataflow.run import Dataflow, Op
from archcheck.vocabulary.arithmetic import BINARY, CASTS, UNARY
from archcheck.vocabulary.regions import Region, region_of

_FUNCTIONS = frozenset([*UNARY, *BINARY, "where", "threshold"]) - frozenset(
    [*SUMS, *PRODUCTS, *COMPARISONS, *NEGATIONS, "neg", "eq", "ne", "reciprocal_div"]
)
_STEPS = 6  # from an addend back to where it was drawn at random


def functions(flow: Dataflow, known: Sequence[Region]) -> Iterator[Region]:
    """Yield the operations that are not a step of any `known` operation."""
    steps = {at for region in known for at in region.ops}
    for at, op in enumerate(flow.ops):
        if at not in steps and op.depends_on_input and op.floating and op.numel > 1 and not op.opaque:
            name = _name(flow, op) or ("reordering" if is_rearranged(flow.ops, at) else "")
            if name:
                yield region_of(flow, name, (at,), at)


def _name(flow: Dataflow, op: Op) -> str:
    fed = [operand[0] for operand in op.operands if flow.ops[operand[0]].depends_on_input]
    constants = [operand[0] for operand in op.operands if operand[0] not in fed]
    match op.name:
        case "neg":
            return "scale"
        case name if name in CASTS and op.operands and _is_rounded(flow, op.operands[0][0]):
            return "rounding"
        case "noise":
            return "noise"
        case "exp":
            return "Exp"
        case name if name in SUMS and len(fed) == 1:
            is_drawn = any(_is_random(flow, at) for at in constants)
            return "noise" if is_drawn else "offset" if constants or op.numbers else ""
    if is_pick(flow.ops, op):
        return "reordering"
    return "function" if op.name in _FUNCTIONS else ""


def _is_rounded(flow: Dataflow, at: int) -> bool:
    """Return whether these are integers that a cast made of other numbers."""
    op = flow.ops[at]
    return not op.floating and op.name in CASTS and bool(op.operands) and flow.ops[op.operands[0][0]].floating


def _is_random(flow: Dataflow, at: int) -> bool:
    for _ in range(_STEPS):
        op = flow.ops[at]
        if op.name in RANDOM or not op.operands:
            return op.name in RANDOM
        at = op.operands[0][0]
    return False
