"""The factors of a residual: constant or learned, on the skip path, on the branch, or on the sum as a whole.

Numbers on one side are multiplied, and a factor of one is none: `x - (-f(x))` is the plain sum. The random
mask of stochastic depth, with its 1/keep, is no factor, nor is what the branch's own module multiplies by.
"""

from __future__ import annotations

from math import isclose, prod

from archcheck.connections import Factor
from archcheck.dataflow.operations import FUSED_SUMS, PRODUCTS, SUMS, VIEWS
from archcheck.dataflow.run import Op
from archcheck.residual.join import FactorAt, Summand, Walk
from archcheck.residual.operation_facts import Facts, Reads

_ONES = ("ones", "ones_like", "new_ones")
_MADE_OF_A_NUMBER = ("constant", "tensor", "as_tensor", "scalar_tensor", "full")
_NO_MORE_THAN_SCALING = VIEWS | PRODUCTS | {"attribute", "neg", "constant"}


def factors_of(facts: Facts, sink: int, skip: Reads, term: Summand, walk: Walk) -> tuple[Factor, ...]:
    """Return the factors on either side, then that of the whole sum (one number on both sides is its)."""
    sides = {
        "skip": [*walk.factors, *by_sink(facts, sink, skip)],
        "branch": [*by_sink(facts, sink, skip, on_branch=True), *_on_branch(facts, sink, term)],
        "both": on_sum(facts, sink)[0],
    }
    numbers = {on: prod(value for _, value in found if value is not None) for on, found in sides.items()}
    if isclose(numbers["skip"], numbers["branch"], rel_tol=1e-9):
        numbers = {"skip": 1.0, "branch": 1.0, "both": numbers["skip"] * numbers["both"]}
    factors = []
    for on, found in sides.items():
        if not isclose(numbers[on], 1.0, rel_tol=1e-9):
            factors.append(Factor(on, numbers[on]))
        factors += [Factor(on, None, _parameter(facts, at)) for at, value in found if value is None]
    return tuple(factors)


def _parameter(facts: Facts, at: int) -> str:
    op = facts.ops[at]
    constants = [operand for operand in op.operands if not facts.depends_on_input(operand)]
    return facts.parameter_below(constants[0][0]) if constants else ""


# -- what the sink itself multiplies by -------------------------------------------------------------


def by_sink(facts: Facts, sink: int, skip: Reads, *, on_branch: bool = False) -> list[FactorAt]:
    """Return the factor that the sink applies to the skip path's operand, or to the branch's."""
    op = facts.ops[sink]
    place = op.operands.index(skip) if skip in op.operands else 0
    if on_branch:
        place = 0 if place else 1
    if op.name in SUMS and len(op.operands) == 2:
        return [(sink, _sign(op, place))]
    if op.name == "mean":
        return [(sink, 1 / len(op.operands))]
    if op.name == "lerp":
        if len(op.operands) == 2 and op.numbers:
            return [(sink, op.numbers[0] if place else 1 - op.numbers[0])]
        return [(sink, None)] if not facts.depends_on_input(op.operands[-1]) else []
    if op.name in FUSED_SUMS:
        return _by_fused_sum(facts, sink, place)
    return []


def _by_fused_sum(facts: Facts, sink: int, place: int) -> list[FactorAt]:
    op = facts.ops[sink]
    if place == 0:
        return [(sink, float(op.arguments.get("beta", 1)))]
    found: list[FactorAt] = [(sink, float(_product_factor(op)))]
    constants = [operand for operand in op.operands[1:3] if not facts.depends_on_input(operand)]
    if op.name in ("addcmul", "addcdiv") and len(constants) == 1:
        found.append((sink, constant_of(facts, op, constants[0])))
    return found


def _sign(op: Op, place: int) -> float:
    alpha = op.numbers[0] if len(op.numbers) == 1 else 1.0
    if op.name == "rsub":
        return -alpha if place == 0 else 1.0
    return 1.0 if place == 0 else alpha if op.name == "add" else -alpha


def _product_factor(op: Op) -> float:
    value = op.arguments.get("value", op.arguments.get("alpha", 1))
    return value if isinstance(value, (int, float)) else 1.0


# -- on the branch, and on the sum --------------------------------------------------------------------


def _on_branch(facts: Facts, sink: int, term: Summand) -> list[FactorAt]:
    """Return constant or learned factors at the branch's end.

    They are applied by the sink's own module or by a module that does nothing else (LayerScale). The random
    factor of stochastic depth is passed.
    """
    found = tail_factors(facts, sink, term)
    reads, dropping = term.reads, -1
    while len(reads) == 1:
        at = reads[0]
        op = facts.ops[at]
        if op.name in VIEWS and op.operands:
            reads = op.operands[0]
        elif op.name in PRODUCTS and op.depends_on_input and (op.call == dropping or facts.is_random(op)):
            reads, dropping = facts.stream(op), op.call
        else:
            factor = factor_at(facts, at)
            if not factor or not _only_scales(facts, op.call, sink):
                break
            found += factor
            reads = facts.stream(op)
    return found


def tail_factors(facts: Facts, sink: int, term: Summand) -> list[FactorAt]:
    """Return the sign of a summand, and the factors between it and the sink, from the last one on."""
    found: list[FactorAt] = [(term.reads[0], term.sign)]
    dropping = -1
    for at in reversed(term.tail):
        op = facts.ops[at]
        if op.name in PRODUCTS and (op.call == dropping or facts.is_random(op)):
            dropping = op.call
        elif _only_scales(facts, op.call, sink):
            found += factor_at(facts, at)
    return found


def on_sum(facts: Facts, sink: int) -> tuple[list[FactorAt], int]:
    """Return the factors on the sum that all its readers see, and the last such operation (or the sink)."""
    found: list[FactorAt] = []
    at = end = sink
    while at not in facts.ends and len(users := set(facts.flow.users[at])) == 1:
        at = users.pop()
        op = facts.ops[at]
        if op.call != facts.ops[sink].call or op.numel != facts.ops[sink].numel:
            break
        factor = factor_at(facts, at)
        if not factor and not (op.name in VIEWS and len(op.operands) == 1):
            break
        if factor:
            found, end = [*found, *factor], at
    return found, end


def factor_at(facts: Facts, at: int) -> list[FactorAt]:
    """Return the factor that an operation applies to its one input-dependent operand; [] otherwise."""
    op = facts.ops[at]
    if op.name == "neg":
        return [(at, -1.0)]
    if not facts.scales(op):
        return []
    if len(op.operands) == 1:
        value = number_of(op)
        return [] if value is None else [(at, value)]
    other = next(operand for operand in op.operands if not facts.depends_on_input(operand))
    return [(at, constant_of(facts, op, other))] if facts.is_factor(other) and not facts.is_random(op) else []


def constant_of(facts: Facts, op: Op, other: Reads) -> float | None:
    """Return the number that a product's other operand was made of; None for a learned one."""
    made = facts.ops[other[0]]
    if made.name in _ONES:
        return 1.0
    if made.parameter or len(made.numbers) != 1 or made.numel != 1 or made.name not in _MADE_OF_A_NUMBER:
        return None
    divides = op.name not in ("mul", "multiply", "addcmul") and op.operands[-1] == other
    return 1 / made.numbers[0] if divides and made.numbers[0] else made.numbers[0]


def _only_scales(facts: Facts, call: int, sink: int) -> bool:
    """Return whether this call is the sink's, one around it, or one that only scales."""
    span = facts.flow.calls[call]
    if call == facts.ops[sink].call or span.first <= sink < span.end:
        return True
    return all(facts.ops[at].name in _NO_MORE_THAN_SCALING for at in range(span.first, span.end))


def number_of(op: Op) -> float | None:
    """Return the number that a product with a number multiplies by."""
    if not op.numbers:
        return None
    number = op.numbers[0]
    return 1 / number if op.name not in ("mul", "multiply") and number else number
