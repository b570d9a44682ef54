"""Which operands of a recorded call have a part in its result: a factor of zero lets nothing pass.

`0 * x`, a buffer of zeros, `add(b, x, alpha=0)`, a mask that removes everything and a dropout with p = 1 add
nothing. A learned factor that happens to be zero is one (ReZero), and so is a random mask. On the meta device
nothing has values, and everything passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import inf

import torch
from torch import Tensor

from archcheck.dataflow.operations import PRODUCTS, VIEWS, ZEROS
from archcheck.dataflow.run import Op
from archcheck.tracing.tape import Step

# The operands that a keyword of zero takes out.
_SWITCHES: dict[str, dict[str, tuple[int, ...]]] = {
    "add": {"alpha": (1,)},
    "sub": {"alpha": (1,)},
    "addcmul": {"value": (1, 2)},
    "addcdiv": {"value": (1, 2)},
    **{name: {"alpha": (1, 2), "beta": (0,)} for name in ("addmm", "addbmm", "baddbmm", "addmv", "addr")},
}


def blocked(
    step: Step, op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]
) -> frozenset[int]:
    """Return the places of the operands of which nothing passes into the result.

    `value_of` gives an operand's tensor if it is a constant of the run: neither made from an input nor
    learned nor random.
    """
    places = range(len(op.operands))

    def is_zero(place: int) -> bool:
        return _root(ops, op.operands[place]) in ZEROS or _is_zero(value_of(place))

    if op.name in PRODUCTS:
        number = op.name.startswith("mul") and len(places) == 1 and op.numbers[:1] == (0.0,)
        return frozenset(places) if number or any(map(is_zero, places)) else frozenset()
    if op.name == "sub" and len(set(op.operands)) == 1 < len(places) and not op.numbers:
        return frozenset(places)  # a tensor less itself
    if op.name in ("add", "sub") and len(places) == 2 and not op.numbers:
        nothing = [at for at in places[op.name == "sub" :] if is_zero(at)]
        return frozenset(nothing[:1])
    if op.name in _SWITCHES:
        off = [at for name, taken in _SWITCHES[op.name].items() if step.kwargs.get(name) == 0 for at in taken]
        return frozenset(off)
    if op.name == "masked_fill" and len(places) > 1:
        mask = value_of(1)
        return frozenset([0]) if mask is not None and bool(mask.all()) else frozenset()
    if op.name == "where" and len(places) == 3:
        return _by_condition(step, value_of)
    if op.name == "lerp" and len(places) == 2 and op.numbers[:1] in ((0.0,), (1.0,)):
        return frozenset([1 - int(op.numbers[0])])
    is_dropout = op.name.endswith("dropout") or op.name.startswith("dropout")
    if is_dropout and op.arguments.get("p") == 1 and op.arguments.get("training", True):
        return frozenset(places)
    return frozenset()


def copied(op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> int | None:
    """Return the place of the operand that the operation only copies; None if it does more.

    Times one, plus zero, to the power of one, bounded by nothing, multiplied element by element by ones, or
    indexed by all its rows in order. A buffer of ones may hold other values tomorrow.
    """

    def fixed(place: int) -> Tensor | None:
        return None if any(ops[read].parameter for read in op.operands[place]) else value_of(place)

    def is_one(place: int) -> bool:
        return _is_one(fixed(place))

    one = len(op.operands) == 1
    if op.name in ("einsum", "matmul", "mm", "linear"):
        return _kept_by_matrices(op, is_one, fixed)
    if op.name == "maximum" and len(op.operands) == 2:
        lowest = [place for place in (0, 1) if _is_lowest(fixed(place))]
        return 1 - lowest[0] if lowest else None
    if op.name in PRODUCTS:
        if one:
            return 0 if op.numbers[:1] == (1.0,) else None
        rest = [place for place in range(len(op.operands)) if not is_one(place)]
        by = op.name in ("mul", "multiply") or rest == [0]
        return rest[0] if len(rest) == 1 and by and not op.numbers else None
    if one and op.name in ("add", "sub"):
        return 0 if op.numbers[:1] == (0.0,) else None
    if one and op.name == "pow":
        return 0 if op.arguments.get("exponent") == 1 else None
    if one and op.name == "clamp":
        low, high = op.arguments.get("min"), op.arguments.get("max")
        return 0 if low in (None, -inf) and high in (None, inf) else None
    if op.name == "index_select" or (op.name == "getitem" and "index" in op.roles):
        index = value_of(1) if len(op.operands) == 2 else None
        return 0 if index is not None and _is_counting(index) else None
    return None


def _kept_by_matrices(
    op: Op, is_one: Callable[[int], bool], fixed: Callable[[int], Tensor | None]
) -> int | None:
    """Return the place of the operand that an einsum, or a product with a matrix, only copies."""
    if op.name != "einsum":
        return 0 if len(op.operands) == 2 and _is_identity(fixed(1)) else None
    before, arrow, after = _equation(op).partition("->")
    if len(op.operands) == 1:
        return 0 if arrow and before == after else None
    kept = [place for place in (0, 1) if not is_one(place)]
    return kept[0] if len(kept) == 1 and _is_pointwise(_equation(op), kept[0]) else None


def as_sum(op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> None:
    """Call `addcmul(x, b, ones)` and `addcdiv(x, b, ones)` what they are: x + b."""
    if op.name in ("addmm", "baddbmm") and _is_identity(value_of(2)):
        plain = op.arguments.get("alpha", 1) == op.arguments.get("beta", 1) == 1
        if plain and not any(ops[read].parameter for read in op.operands[2]):
            _rename(op, "add", op.operands[:2])
        return
    if op.name not in ("addcmul", "addcdiv") or len(op.operands) != 3 or op.arguments.get("value", 1) != 1:
        return
    for place in (2, 1) if op.name == "addcmul" else (2,):
        kept = op.operands[3 - place]
        if _is_one(value_of(place)) and all(ops[read].numel == op.numel for read in kept):
            _rename(op, "add", (op.operands[0], kept))
            return


def as_reduction(op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> None:
    """Rename a matrix product with a vector of ones to what it is: a sum over an axis."""
    if op.name not in ("matmul", "mm", "mv", "einsum") or len(op.operands) != 2:
        return
    for ones, kept in ((0, 1), (1, 0)):
        by = op.operands[ones]
        if not _is_one(value_of(ones)) or any(ops[read].parameter for read in by):
            continue
        axis = _summed_axis(op, ops[by[0]].shape, ones, len(ops[op.operands[kept][0]].shape))
        if axis is not None:
            _rename(op, "sum", (op.operands[kept],), {"dim": axis})
            return


def as_write(step: Step, op: Op, ops: Sequence[Op], value_of: Callable[[int], Tensor | None]) -> None:
    """Call what adds or puts a tensor at all places, each at its own, what it is: a sum, or a copy."""
    name, operands = op.name, op.operands
    if name == "masked_scatter" and len(operands) == 3 and _is_one(value_of(1)):
        _rename(op, "alias", operands[2:])
    elif len(operands) == 3 and name in ("index_put", "index_copy", "index_add", "scatter_add"):
        places = value_of(1)
        axis = 0 if name == "index_put" else step.args[1] if len(step.args) > 1 else step.kwargs.get("dim")
        if places is None or not isinstance(axis, int) or not _is_in_place(places, axis, op.shape):
            return
        given = step.args[3] if name == "index_put" and len(step.args) > 3 else False
        accumulates = name.endswith("add") or step.kwargs.get("accumulate", given) is True
        if accumulates and op.arguments.get("alpha", step.kwargs.get("alpha", 1)) == 1:
            _rename(op, "add", (operands[0], operands[2]))
        elif not accumulates:
            _rename(op, "alias", operands[2:])


def _is_in_place(places: Tensor, axis: int, shape: tuple[int, ...]) -> bool:
    """Return whether these indices along an axis give each element its own place."""
    axis %= max(len(shape), 1)
    if places.ndim == 1:
        return _is_counting(places) and len(places) == shape[axis]
    if tuple(places.shape) != shape:
        return False
    counting = torch.arange(shape[axis]).view(-1, *[1] * (len(shape) - 1 - axis))
    return bool((places.cpu() == counting).all())


def _rename(
    op: Op, name: str, operands: Sequence[tuple[int, ...]], arguments: dict[str, object] | None = None
) -> None:
    op.name, op.operands = name, tuple(operands)
    op.arguments, op.roles, op.numbers = arguments or {}, {}, ()


def _summed_axis(op: Op, ones: tuple[int, ...], place: int, axes: int) -> int | None:
    if op.name == "einsum":
        factors, _, after = _equation(op).partition("->")
        one, other = factors.split(",")[::-1] if place else factors.split(",")
        gone = set(one) - set(after)
        is_sum = len(one) == len(gone) == 1 and other.count(one) == 1 and other.replace(one, "") == after
        at = other.find(one)
        return None if not is_sum else at if "." not in other[:at] else at - len(other)
    if place:
        return axes - 1 if len(ones) == 1 or (len(ones) == 2 and ones[1] == 1) else None
    return max(axes - 2, 0) if len(ones) == 1 or (len(ones) == 2 and ones[0] == 1) else None


def _equation(op: Op) -> str:
    return str(op.arguments.get("equation", "")).replace(" ", "")


def _is_pointwise(equation: str, kept: int) -> bool:
    """Return whether an einsum is a product of two with one result per element of the operand `kept`.

    >>> _is_pointwise("b...,b...->b...", 0), _is_pointwise("ij,j->ij", 0), _is_pointwise("ij,j->i", 0)
    (True, True, False)
    """
    before, arrow, after = equation.partition("->")
    factors = before.split(",")
    return (
        bool(arrow) and len(factors) == 2 and factors[kept] == after and set(factors[1 - kept]) <= set(after)
    )


def _is_one(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.numel() > 0 and bool((tensor == 1).all())


def _is_identity(tensor: Tensor | None) -> bool:
    """Return whether it is a square matrix with ones on its diagonal alone, or a batch of one such."""
    if tensor is None or tensor.ndim < 2 or tensor.shape[-1] != tensor.shape[-2]:
        return False
    is_one = tensor.numel() == tensor.shape[-1] ** 2
    return is_one and bool((tensor == torch.eye(tensor.shape[-1], dtype=tensor.dtype)).all())


def _is_lowest(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.numel() > 0 and bool((tensor == -inf).all())


def _is_counting(index: Tensor) -> bool:
    """Return whether the values are 0, 1, 2, …."""
    return index.ndim == 1 and not index.is_floating_point() and index.tolist() == list(range(len(index)))


def _root(ops: Sequence[Op], reads: tuple[int, ...]) -> str:
    """Return the name of the operation that made these values, past views; "" for a patchwork."""
    while len(reads) == 1:
        op = ops[reads[0]]
        if op.name not in VIEWS or not op.operands:
            return op.name
        reads = op.operands[0]
    return ""


def _by_condition(step: Step, value_of: Callable[[int], Tensor | None]) -> frozenset[int]:
    """Return the side that `torch.where(condition, a, b)` never takes, if it never changes."""
    place = 1 if step.func is Tensor.where else 0
    condition = value_of(place)
    if condition is None or not condition.numel():
        return frozenset()
    taken, other = [at for at in range(3) if at != place]
    if bool(condition.all()):
        return frozenset([place, other])
    return frozenset() if bool(condition.any()) else frozenset([place, taken])


def _is_zero(tensor: Tensor | None) -> bool:
    return tensor is not None and tensor.numel() > 0 and not bool(tensor.any())


def take_out(op: Op, places: Iterable[int], ops: Sequence[Op]) -> bool:
    """Remove operands from an operation; return whether one of them depends on the input."""
    gone = frozenset(places)
    if not gone:
        return False
    removed = [operand for at, operand in enumerate(op.operands) if at in gone]
    op.operands = tuple(operand for at, operand in enumerate(op.operands) if at not in gone)
    op.roles = {}
    if not op.operands:
        op.name, op.arguments = "constant", {}
    elif len(op.operands) == 1:
        op.name, op.numbers, op.arguments = "alias", (), {}
    return any(ops[read].depends_on_input for operand in removed for read in operand)
