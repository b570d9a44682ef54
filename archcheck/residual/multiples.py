"""Multiples of one tensor among the summands of a sum: `0.5*x + f(x) + 0.5*x` holds x once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import prod

from archcheck.dataflow.elements import KEEPS
from archcheck.residual.branch import summands
from archcheck.residual.factors import by_sink, factor_at, tail_factors
from archcheck.residual.join import FactorAt, Summand, Walk
from archcheck.residual.operation_facts import Facts, Reads

_NOTHING = 1e-9  # the rounding error of 0.1 + 0.2 - 0.3


def taken_together(
    facts: Facts, sink: int, skip: Reads, terms: Sequence[Summand], at_sink: Mapping[int, object]
) -> tuple[Walk | None, list[Summand]]:
    """Return the skip path's start, scaled by the summands that are multiples of its tensor, and the rest.

    The start is behind operand `skip`; summands of one tensor become one. None if all of the tensor is
    subtracted again: the straight-through `x + (q - x)` is q.
    """
    tensor, own = multiple(facts, sink, skip)
    weighted = [_weighted(facts, sink, term) for term in terms]
    mine = [each for each in weighted if each.tensor == tensor]
    rest = [each for each in weighted if each.tensor != tensor]
    to_skip = by_sink(facts, sink, skip)
    to_branch = by_sink(facts, sink, skip, on_branch=True)
    walk: Walk | None = Walk()
    if mine:
        walk = _started(sink, [*own, *to_skip], [(one, [*one.factors, *to_branch]) for one in mine])
    inner = [_weighted(facts, sink, term) for term in summands(facts, skip, sink, at_sink)]
    ratio = product(to_skip) / (product(to_branch) or 1)
    return walk, _each_once(rest, inner, ratio)


@dataclass(frozen=True, slots=True)
class _Weighted:
    """A summand, the tensor that it is a multiple of, all its factors, and what lies between the two."""

    term: Summand
    tensor: int
    factors: list[FactorAt]
    passed: tuple[int, ...]

    @property
    def value(self) -> float | None:
        """The factor as a number; None if it is learned."""
        return None if any(number is None for _, number in self.factors) else product(self.factors)


def _weighted(facts: Facts, sink: int, term: Summand) -> _Weighted:
    at, factors = multiple(facts, sink, term.reads)
    passed, reads = [], term.reads[0]
    while reads != at:
        passed.append(reads)
        (reads, *_) = facts.stream(facts.ops[reads])
    return _Weighted(term, at, [*tail_factors(facts, sink, term), *factors], tuple(passed))


def _started(
    sink: int, own: Sequence[FactorAt], mine: Sequence[tuple[_Weighted, list[FactorAt]]]
) -> Walk | None:
    first = product(own)
    total = first + sum(product(found) for _, found in mine)
    learned = [at for at, number in (*own, *(each for _, found in mine for each in found)) if number is None]
    if not learned and (not first or abs(total) < _NOTHING):
        return None
    walk = Walk().scaled(learned[0], None) if learned else Walk().scaled(sink, total / first)
    for one, _ in mine:
        for at in (*one.term.tail, *one.passed):  # so it is read there too
            walk = walk.through(at)
    return walk


def share_a_tensor(
    facts: Facts, sink: int, operands: Sequence[Reads]
) -> tuple[frozenset[int], frozenset[int]]:
    """Return the inner sums of a sum that share a tensor with the rest of it, and what cancels out.

    The latter are the tensors that it subtracts as often as it adds them. A tensor that is added unscaled
    each time does not count: `(x + f(x)) - x` has no x, `0.5*x + (0.5*x + f(x))` has it once.
    """
    if _is_new(facts, sink, operands):
        return frozenset(), frozenset()
    by_tensor: dict[int, list[tuple[Summand, float | None]]] = {}
    for operand in operands:
        sign = product(by_sink(facts, sink, operand))
        for term in summands(facts, operand, sink, {}):
            one = _weighted(facts, sink, term)
            value = None if one.value is None else sign * one.value
            by_tensor.setdefault(one.tensor, []).append((term, value))
    shared = {
        tensor: group
        for tensor, group in by_tensor.items()
        if len(group) > 1 and any(value != 1 for _, value in group)
    }
    gone = {
        tensor
        for tensor, group in shared.items()
        if None not in (values := [value for _, value in group])
        and abs(sum(value for value in values if value is not None)) < _NOTHING
    }
    inner = frozenset(at for group in shared.values() for term, _ in group for at in term.tail)
    return inner, frozenset(gone)


def _is_new(facts: Facts, sink: int, operands: Sequence[Reads]) -> bool:
    """Return whether the last operand to be made is a single tensor, younger than the others."""
    *others, last = sorted(operands)
    terms = list(islice(summands(facts, last, sink, {}), 2))
    return len(terms) == 1 and _weighted(facts, sink, terms[0]).tensor > max(map(max, others), default=0)


def _each_once(terms: Sequence[_Weighted], beside: Sequence[_Weighted], ratio: float) -> list[Summand]:
    """Return the summands, with multiples of one tensor combined: `0.5*b + 0.5*b` is b.

    Those `beside` the skip path in its own operand count `ratio` times. What is added unscaled several times
    stays so: that is a branch joined twice.
    """
    by_tensor: dict[int, list[_Weighted]] = {}
    for one in terms:
        by_tensor.setdefault(one.tensor, []).append(one)
    found: list[Summand] = []
    for tensor, group in by_tensor.items():
        values = [one.value for one in group]
        values += [one.value and one.value * ratio for one in beside if one.tensor == tensor]
        numbers = [value for value in values if value]
        if len(numbers) < len(values) or all(value == 1 for value in numbers):
            found += [one.term for one in group]
        elif abs(total := sum(numbers)) > _NOTHING:
            first = group[0].term
            found.append(replace(first, sign=first.sign * total / numbers[0]))
    return found


def multiple(facts: Facts, sink: int, reads: Reads) -> tuple[int, list[FactorAt]]:
    """Return the tensor that these values are, past reshapes and factors of the sink's own module."""
    factors: list[FactorAt] = []
    while len(reads) == 1:
        op = facts.ops[reads[0]]
        if op.name in KEEPS and op.operands and op.numel == facts.numel(op.operands[0]):
            reads = op.operands[0]
        elif op.call == facts.ops[sink].call and (found := factor_at(facts, reads[0])):
            factors += found
            reads = facts.stream(op)
        else:
            break
    return reads[0], factors


def product(factors: Sequence[FactorAt]) -> float:
    """Return the product of the factors that are numbers."""
    return prod(number for _, number in factors if number is not None)
