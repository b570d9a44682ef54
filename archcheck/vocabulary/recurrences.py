"""Recurrences that are written out as a loop, and attention without a softmax.

A loop over time is one instruction that one module call executes again and again, each time on what it made
the time before. A loop over layers is that too: it has other weights in each round, and a loop over time has
the same, which two rounds at least must show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from archcheck.dataflow.operations import PRODUCTS, PRODUCTS_OF_MATRICES, VIEWS
from archcheck.vocabulary.arithmetic import CASTS
from archcheck.vocabulary.regions import Region, region_of
from archcheck.vocabulary.walking import Walks

_STATES = frozenset(["add", "sub", "mul", "tanh", "relu", "addcmul", "lerp"])
_LINEAR = (
    VIEWS | CASTS | PRODUCTS | PRODUCTS_OF_MATRICES | {"add", "sub", "neg", "addcmul", "lerp", "stack", "cat"}
)
_GATES = frozenset(["sigmoid", "tanh", "relu"])
_LONGEST = 256  # operations in one round


def recurrences(walks: Walks) -> Iterator[Region]:
    """Yield the recurrences of a run, the largest of each module call."""
    found: dict[int, Region] = {}
    for (call, _), states in _loops(walks).items():
        region = _recurrence(walks, states)
        if region is not None and (call not in found or len(region.ops) > len(found[call].ops)):
            found[call] = region
    yield from found.values()


def _loops(walks: Walks) -> dict[tuple[int, tuple[int, int]], list[int]]:
    """Return the operations that one module call executes at one place in its code, three times or more."""
    places: dict[tuple[int, tuple[int, int]], list[int]] = {}
    for at, op in enumerate(walks.ops):
        if op.name in _STATES and op.depends_on_input and op.floating:
            places.setdefault((op.call, op.instruction), []).append(at)
    return {place: ops for place, ops in places.items() if len(ops) > 2}


def _recurrence(walks: Walks, states: Sequence[int]) -> Region | None:
    weights: tuple[int, ...] | None = None
    ops: set[int] = set()
    for before, state in pairwise(states):
        way = _way(walks, before, state)
        if not way:
            return None
        maps = tuple(
            operand[0]
            for at in way
            for operand in walks.ops[at].operands
            if walks.is_map(at) and walks.ops[operand[0]].name == "attribute"
        )
        if weights is not None and maps != weights:
            return None
        weights = maps
        ops.update(way)
    if not weights and _feeds_back(walks, states, ops):
        return None
    name = _name(walks, sorted(ops), weights or (), len(states) - 1)
    return region_of(walks.flow, name, ops, states[-1], {"steps": len(states)}) if name else None


def _feeds_back(walks: Walks, states: Sequence[int], ops: set[int]) -> bool:
    """Return whether anything that enters the loop depends on a state from outside the loop itself."""
    reached = {states[0]}
    for at in range(states[0] + 1, states[-1] + 1):
        reads = set(walks.ops[at].reads)
        if reads & reached:
            reached.add(at)
            if at in ops and (reads & reached) - ops - {states[0]}:
                return True
    return False


def _way(walks: Walks, before: int, state: int) -> list[int]:
    """Return the operations that lead from one state to the next; none if it does not depend on it."""
    if state - before > _LONGEST:
        return []
    reached = {before}
    for at in range(before + 1, state + 1):
        if not reached.isdisjoint(walks.ops[at].reads):
            reached.add(at)
    if state not in reached:
        return []
    needed = {state}
    for at in range(state, before, -1):
        if at in needed:
            reads = set(walks.ops[at].reads)
            needed |= (reads & reached) - {before}
    return sorted(needed)


def _name(walks: Walks, ops: Sequence[int], weights: Sequence[int], rounds: int) -> str:
    names = [walks.ops[at].name for at in ops]
    if not weights:
        is_linear = all(name in _LINEAR for name in names) and any(
            name in PRODUCTS or name in PRODUCTS_OF_MATRICES or name in ("addcmul", "lerp") for name in names
        )
        return "state-space model" if is_linear and not _squares(walks, ops) else ""
    if any(name in ("softmax", "layer_norm", "scaled_dot_product_attention") for name in names):
        return ""
    sigmoids, tanhs = (names.count(name) // max(rounds, 1) for name in ("sigmoid", "tanh"))
    if sigmoids >= 3 or (sigmoids and tanhs >= 2):
        return "LSTM"
    if sigmoids >= 1 and tanhs >= 1:
        return "GRU"
    return "RNN" if any(name in _GATES for name in names) else ""


def _squares(walks: Walks, ops: Sequence[int]) -> bool:
    """Return whether a state is multiplied by something made of it, which makes the recurrence nonlinear."""
    inside = set(ops)
    return any(
        walks.ops[at].name in PRODUCTS and sum(operand[0] in inside for operand in walks.ops[at].operands) > 1
        for at in ops
    )


def linear_attention(walks: Walks, at: int) -> Region | None:
    """Return queries times what keys and values sum to over the positions, without a softmax."""
    op = walks.ops[at]
    if op.name not in ("matmul", "bmm") or not walks.is_matrix_product(at):
        return None
    query, memory = op.operands[0][0], op.operands[1][0]
    inner, way = memory, []
    while walks.ops[inner].name in VIEWS or walks.scale_factor(walks.ops[inner]):
        way.append(inner)
        inner = walks.fed(walks.ops[inner])[0] if walks.fed(walks.ops[inner]) else -1
        if inner < 0:
            return None
    below = walks.ops[inner]
    if below.name not in ("matmul", "bmm") or not walks.is_matrix_product(inner):
        return None
    key, value = below.operands[0][0], below.operands[1][0]
    positions = walks.ops[value].shape[-2]
    if walks.ops[query].shape[-2] != positions or walks.ops[key].shape[-1] != positions:
        return None
    maps = [walks.map_behind(each) for each in (query, key, value)]
    is_turned = any(walks.ops[view].name in ("transpose", "permute", "mT") for view in walks.views(key))
    if -1 in maps or not is_turned or len({walks.input_of(each) for each in maps}) > 2:
        return None
    roles = {"query": (query,), "key": (key,), "value": (value,)}
    return region_of(walks.flow, "linear attention", [inner, *way, at], at, {}, roles)
